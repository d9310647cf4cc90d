//! How alarms stand, whatever is said in whatever order, held against a look through all that was said.
use super::charts::recorded;
use crate::condition::{AlarmKey, AlarmState, Alarms, Finding};
use crate::model::{
    AlarmEvent, AlarmStep, At, Body, Digest, ItemKey, MaintenanceEvent, MaintenanceStep, MonitorId,
    PersonKey, PlantLoaded, Position, Purpose, Record, Rule, SHELVE_MAX, Side, StationId, Text,
    TraceEvent, Utc, Verdict, VerdictEvent, What,
};
use proptest::prelude::*;

const NAMES: [&str; 2] = ["oil", "force"];

fn station() -> StationId {
    StationId::parse("OP10").unwrap()
}

fn key(which: usize) -> AlarmKey {
    (station(), MonitorId::parse(NAMES[which]).unwrap())
}

/// What happens, to one of two monitors.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Happens {
    /// A rule speaks: against it to a side, or not any more.
    Speaks(usize, Rule, Option<Side>),
    /// An operator does something, if it can be done.
    Does(usize, AlarmStep, bool),
    Maintained,
    /// The station works, for production or not.
    Works(bool),
    /// Another plant, in which the first is latched or not.
    Plant(bool),
}

fn happens() -> impl Strategy<Value = Happens> {
    use AlarmStep::{Acknowledge, Comment, Confirm, InService, OutOfService, Shelve, Unshelve};
    let which = || 0..NAMES.len();
    let rule = prop::sample::select(vec![Rule::Limit, Rule::Rate, Rule::Ewma]);
    let side = prop::sample::select(vec![None, Some(Side::High), Some(Side::Low)]);
    let steps =
        vec![Acknowledge, Acknowledge, Confirm, Comment, Shelve, Unshelve, OutOfService, InService];
    prop_oneof![
        6 => (which(), rule, side).prop_map(|(which, rule, side)| Happens::Speaks(which, rule, side)),
        6 => (which(), prop::sample::select(steps), any::<bool>())
            .prop_map(|(which, step, once)| Happens::Does(which, step, once)),
        1 => Just(Happens::Maintained),
        1 => any::<bool>().prop_map(Happens::Works),
        1 => any::<bool>().prop_map(Happens::Plant),
    ]
}

fn spoken(which: usize, rule: Rule, side: Option<Side>) -> VerdictEvent {
    let drifts = if rule == Rule::Ewma { Verdict::Drift } else { Verdict::Warning };
    let verdict = if side.is_some() { drifts } else { Verdict::InControl };
    let (station, monitor) = key(which);
    let finding = Finding { side, ..Finding::new(rule, verdict) };
    VerdictEvent { station, monitor, ..recorded(&finding) }
}

fn body(happens: Happens) -> Body {
    let (who, time) = (PersonKey::new([7; 32]).token("4711"), Utc(0));
    match happens {
        Happens::Speaks(which, rule, side) => Body::Verdict(spoken(which, rule, side)),
        Happens::Does(which, step, one_shot) => {
            let (station, monitor) = key(which);
            let (monitors, who, text) = (vec![monitor], Some(who), None);
            let until = Some(Utc(9));
            Body::Alarm(AlarmEvent { station, monitors, step, who, text, until, one_shot, time })
        }
        Happens::Maintained => Body::Maintenance(MaintenanceEvent {
            station: station(),
            monitors: Vec::new(),
            step: MaintenanceStep::Done,
            who,
            text: Text::parse("greased").unwrap(),
            item: None,
            time,
        }),
        Happens::Works(produces) => {
            let item: ItemKey = "u/site/SN-1".parse().unwrap();
            let purpose = if produces { Purpose::Production } else { Purpose::Setup };
            let bare = TraceEvent::bare(What::Arrive { item }, time, Some(station()));
            Body::Trace(TraceEvent { purpose, ..bare })
        }
        Happens::Plant(latched) => Body::Plant(PlantLoaded {
            hash: Digest([0; 32]),
            files: Vec::new(),
            stations: vec![station()],
            monitors: (0..NAMES.len()).map(key).collect(),
            measured: Vec::new(),
            context: Vec::new(),
            counted: Vec::new(),
            latched: latched.then(|| key(0)).into_iter().collect(),
            schedules: Vec::new(),
        }),
    }
}

/// What was said until now, looked through from its begin for each question.
struct Naive<'a>(&'a [Happens]);

impl Naive<'_> {
    fn stands(&self, which: usize, rule: Rule, upto: usize) -> Option<Side> {
        let mut stands = None;
        for said in &self.0[..upto] {
            match said {
                Happens::Speaks(of, by, side) if (*of, *by) == (which, rule) => stands = *side,
                Happens::Maintained if rule != Rule::Limit => stands = None,
                Happens::Speaks(..)
                | Happens::Maintained
                | Happens::Does(..)
                | Happens::Works(_)
                | Happens::Plant(_) => {}
            }
        }
        stands
    }

    fn any(&self, which: usize, upto: usize) -> bool {
        [Rule::Limit, Rule::Rate, Rule::Ewma]
            .iter()
            .any(|rule| self.stands(which, *rule, upto).is_some())
    }

    /// The last that is so.
    fn last(&self, is: impl Fn(usize, &Happens) -> bool) -> Option<usize> {
        (0..self.0.len()).rev().find(|at| is(*at, &self.0[*at]))
    }

    fn does(&self, which: usize, step: AlarmStep) -> Option<usize> {
        self.last(|_, said| matches!(said, Happens::Does(of, by, _) if (*of, *by) == (which, step)))
    }

    /// Whether this was done since it was told last; `None` if it never was.
    fn since_told(&self, which: usize, step: AlarmStep) -> Option<bool> {
        let told = self.last(|at, said| match said {
            Happens::Speaks(of, rule, Some(side)) => {
                *of == which && self.stands(which, *rule, at) != Some(*side)
            }
            Happens::Speaks(_, _, None)
            | Happens::Maintained
            | Happens::Does(..)
            | Happens::Works(_)
            | Happens::Plant(_) => false,
        })?;
        Some(self.does(which, step).is_some_and(|at| at > told))
    }

    fn is_shelved(&self, which: usize) -> bool {
        let Some(at) = self.does(which, AlarmStep::Shelve) else { return false };
        let off = self.does(which, AlarmStep::Unshelve).is_some_and(|off| off > at);
        let once = matches!(self.0[at], Happens::Does(_, _, true));
        let ended = (at..self.0.len()).any(|n| self.any(which, n) && !self.any(which, n + 1));
        !(off || once && ended)
    }

    fn state(&self, which: usize) -> AlarmState {
        let all = self.0.len();
        let [out, back] =
            [AlarmStep::OutOfService, AlarmStep::InService].map(|step| self.does(which, step));
        let works = |produces| self.last(|_, said| *said == Happens::Works(produces));
        let plant = |latched| self.last(|_, said| *said == Happens::Plant(latched));
        let only_statistical =
            [Rule::Limit, Rule::Rate].iter().all(|rule| self.stands(which, *rule, all).is_none());
        let seen = self.since_told(which, AlarmStep::Acknowledge).unwrap_or(true);
        match (self.any(which, all), seen) {
            _ if out > back => AlarmState::OutOfService,
            _ if self.is_shelved(which) => AlarmState::Shelved,
            (true, _) if only_statistical && works(false) > works(true) => AlarmState::Suppressed,
            (true, false) => AlarmState::UnacknowledgedActive,
            (true, true) => AlarmState::AcknowledgedActive,
            (false, false) if which == 0 && plant(true) > plant(false) => AlarmState::Latched,
            (false, false) => AlarmState::ReturnedUnacknowledged,
            (false, true) => AlarmState::Normal,
        }
    }
}

proptest! {
    #[test]
    fn an_alarm_stands_as_a_look_through_all_that_was_said_finds(
        all in proptest::collection::vec(happens(), 1..60),
    ) {
        let (mut alarms, mut said) = (Alarms::default(), Vec::new());
        for one in all {
            if let Happens::Does(which, step, _) = one {
                let naive = Naive(&said);
                let seen = naive.since_told(which, AlarmStep::Acknowledge);
                let confirmed = naive.since_told(which, AlarmStep::Confirm);
                let can = match step {
                    AlarmStep::Acknowledge => seen == Some(false),
                    AlarmStep::Confirm => seen == Some(true) && confirmed == Some(false),
                    AlarmStep::Comment => true,
                    AlarmStep::Shelve => !naive.is_shelved(which),
                    AlarmStep::Unshelve => naive.is_shelved(which),
                    AlarmStep::OutOfService => {
                        naive.does(which, AlarmStep::OutOfService) <= naive.does(which, AlarmStep::InService)
                    }
                    AlarmStep::InService => {
                        naive.does(which, AlarmStep::OutOfService) > naive.does(which, AlarmStep::InService)
                    }
                    AlarmStep::Lapse => false,
                };
                prop_assert_eq!(alarms.allows(&key(which), step), can, "{:?} after {:?}", one, said);
                if !can {
                    continue;
                }
            }
            said.push(one);
            let position = Position(said.len() as u64);
            let told = alarms.take(&Record { position, at: At::default(), body: body(one), plant: None });
            for which in 0..NAMES.len() {
                prop_assert_eq!(alarms.state(&key(which)), Naive(&said).state(which), "{:?}", said);
            }
            let first = (0..NAMES.len()).filter(|which| alarms.is_first(&key(*which))).count();
            prop_assert!(first <= 1, "one came first: {:?}", said);
            if let Some(told) = told {
                prop_assert!(alarms.is_told(&told.key), "{:?}", said);
            }
        }
    }
}

fn folded(all: &[Body]) -> Alarms {
    let mut alarms = Alarms::default();
    for (position, body) in (1..).zip(all) {
        let position = Position(position);
        alarms.take(&Record { position, at: At::default(), body: body.clone(), plant: None });
    }
    alarms
}

#[test]
fn of_those_of_a_station_the_one_that_came_first_is_so_until_it_is_told_no_more() {
    let on = |which| body(Happens::Speaks(which, Rule::Limit, Some(Side::High)));
    let off = |which| body(Happens::Speaks(which, Rule::Limit, None));
    let first = |all: &[Body]| [0, 1].map(|which| folded(all).is_first(&key(which)));
    assert_eq!(first(&[on(0), on(1)]), [true, false]);
    assert_eq!(first(&[on(0), on(1), off(0)]), [false, false], "the second was never the first");
    assert_eq!(first(&[on(0), off(0), on(1), on(0)]), [false, true]);
    // What nobody is told of comes before nothing.
    let shelved = body(Happens::Does(0, AlarmStep::Shelve, false));
    assert_eq!(first(&[shelved, on(0), on(1)]), [false, true]);
}

/// The clock by which it was shelved went years ahead.
#[test]
fn nothing_is_on_a_shelf_for_longer_than_may_be_whatever_a_clock_said() {
    let shelved = folded(&[body(Happens::Does(0, AlarmStep::Shelve, false))]);
    let lapses = |now| shelved.lapsed(Utc(now)).len();
    let day = i64::try_from(SHELVE_MAX.as_nanos()).unwrap();
    assert_eq!([9, 8, 9 - day, 8 - day].map(lapses), [1, 0, 0, 1]);
}

#[test]
fn what_only_joins_what_was_over_when_it_was_known_and_what_a_limit_says_of_a_drift_tell_nothing() {
    let drift = spoken(0, Rule::Ewma, Some(Side::High));
    let seen = body(Happens::Does(0, AlarmStep::Acknowledge, false));
    let joins =
        VerdictEvent { joins: Some(Rule::Ewma), ..spoken(0, Rule::Cusum, Some(Side::High)) };
    let joins = VerdictEvent { verdict: Verdict::Drift, ..joins };
    let of_drift = VerdictEvent { verdict: Verdict::Drift, ..spoken(0, Rule::Limit, None) };
    let [joins, of_drift] = [joins, of_drift].map(Body::Verdict);
    let alarms = folded(&[Body::Verdict(drift.clone()), seen, joins.clone(), of_drift]);
    assert_eq!(alarms.state(&key(0)), AlarmState::AcknowledgedActive);
    assert_eq!(alarms.find(&key(0)).unwrap().rules(), [Rule::Ewma, Rule::Cusum]);
    let over = Body::Verdict(VerdictEvent { over: Some(Utc(0)), ..drift });
    assert_eq!(folded(&[over]).state(&key(0)), AlarmState::Normal);
    let alone = folded(&[joins]);
    assert_eq!(alone.state(&key(0)), AlarmState::UnacknowledgedActive, "nobody else says so");
}

#[test]
fn a_product_that_is_forgotten_takes_its_drift_with_it_and_a_monitor_that_is_gone_all() {
    let of = |verdict| {
        let product = Some(Text::parse("A").unwrap());
        Body::Verdict(VerdictEvent { verdict, product, ..spoken(0, Rule::Ewma, Some(Side::High)) })
    };
    let other = || body(Happens::Speaks(0, Rule::Cusum, Some(Side::High)));
    let state = |all: &[Body]| folded(all).state(&key(0));
    assert_eq!(
        state(&[of(Verdict::Drift), of(Verdict::NoData)]),
        AlarmState::ReturnedUnacknowledged
    );
    assert_eq!(
        state(&[of(Verdict::Drift), other(), of(Verdict::NoData)]),
        AlarmState::UnacknowledgedActive
    );
    let out = body(Happens::Does(0, AlarmStep::OutOfService, false));
    let mut bare = body(Happens::Plant(false));
    if let Body::Plant(plant) = &mut bare {
        plant.monitors.clear();
    }
    assert_eq!(state(&[of(Verdict::Drift), out, bare]), AlarmState::Normal);
}
