//! Masters: shown and judged, wrongly judged, forgotten.
use super::plc::{Label, PICKED, REJECTED};
use super::*;
use std::collections::BTreeMap;

const HOUR: u64 = 3_600_000_000_000;

/// The third part that the PLC makes is the master, and must not pass; it is shown every eight hours.
fn world() -> World {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let station = &mut plant.stations[0];
    station.masters = vec![Master {
        id: MonitorId::parse("red").unwrap(),
        code: Code::parse("SN-3").unwrap(),
        expect: Result::Fail,
        every: Duration::from_hours(8),
    }];
    station.handshakes[0].result = Some(judged(Result::Fail));
    World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean))
}

/// The second part has the highest number there is, the third has 0.
fn judged(third: Result) -> ResultSpec {
    let codes = [(0xFFFF, Result::Pass), (0, third)].into_iter().collect();
    ResultSpec { word: word(NUMBER), codes }
}

/// What the master is said to be, and since when the station may be wrong.
fn said(world: &World) -> Vec<(Verdict, Option<i64>, bool)> {
    let verdict = |r: &Record| {
        let Body::Verdict(said) = &r.body else { return None };
        Some((said.verdict, said.onset.map(|o| o.estimate.0), said.item.is_some()))
    };
    world.durable.iter().chain(&world.appended).filter_map(verdict).collect()
}

fn part(world: &mut World) -> Purpose {
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    world.go_on();
    let now = world.at().wall;
    world.plc.run(now);
    let done = |r: &Record| match &r.body {
        Body::Trace(TraceEvent { what: What::Complete { .. }, purpose, .. }) => Some(*purpose),
        Body::Trace(_)
        | Body::Gap(_)
        | Body::Quarantine(_)
        | Body::Epoch(_)
        | Body::Verdict(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => None,
    };
    world.durable.iter().rev().find_map(done).unwrap()
}

fn pass(world: &mut World, hours: u64) {
    world.now += hours * HOUR;
    let due = world.engine.next_wake().is_some_and(|(at, _)| at.0 <= world.now);
    if due {
        world.step(&Input::Wake);
    }
}

#[test]
fn a_master_that_is_not_shown_is_recorded_when_it_is_due_and_ends_with_the_next_good_one() {
    let mut world = world();
    assert_eq!(part(&mut world), Purpose::Production);
    pass(&mut world, 7);
    assert_eq!(said(&world).len(), 1, "it waits");
    pass(&mut world, 1);
    let (verdict, since, shown) = said(&world)[1];
    assert_eq!((verdict, since.is_some(), shown), (Verdict::Drift, true, false));
    part(&mut world);
    assert_eq!(part(&mut world), Purpose::Master);
    assert_eq!(said(&world)[2..], [(Verdict::InControl, None, true)]);
    // It is not said again, not after a crash either; it is due again.
    world.crash(0);
    pass(&mut world, 9);
    let verdicts: Vec<_> = said(&world).iter().map(|(verdict, ..)| *verdict).collect();
    let wanted = [Verdict::NoData, Verdict::Drift, Verdict::InControl, Verdict::Drift];
    assert_eq!(verdicts, wanted);
    world.sync();
    world.crash(0);
    pass(&mut world, 90);
    assert_eq!(said(&world).len(), 4);
}

#[test]
fn a_master_that_passes_where_it_must_fail_is_recorded_with_since_when() {
    let mut world = world();
    part(&mut world);
    part(&mut world);
    // The gauge says of the third what it says of the second.
    let mut plant = (*world.plant).clone();
    plant.stations[0].handshakes[0].result = Some(judged(Result::Pass));
    plant.hash = Digest([8; 32]);
    world.plant = Arc::new(plant);
    world.crash(0);
    let begun = world.durable.iter().find_map(|r| match &r.body {
        Body::Verdict(said) => Some(said.time.0),
        Body::Trace(_)
        | Body::Gap(_)
        | Body::Quarantine(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => None,
    });
    assert_eq!(part(&mut world), Purpose::Master);
    assert_eq!(said(&world)[1..], [(Verdict::Drift, begun, true)]);
}

const PASS: u64 = 1;
const FAIL: u64 = 2;

/// A station that says of each part what it is, how it was judged, and when; with its master or without.
fn judging(with: bool) -> Arc<Plant> {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    plant.tags.extend(["judged", "when"].map(tag));
    plant.hash = Digest([if with { 8 } else { 9 }; 32]);
    let station = &mut plant.stations[0];
    station.masters = vec![Master {
        id: MonitorId::parse("red").unwrap(),
        code: Code::parse("MSTR").unwrap(),
        expect: Result::Fail,
        every: Duration::from_hours(8),
    }];
    station.masters.truncate(usize::from(with));
    let handshake = &mut station.handshakes[0];
    let codes = BTreeMap::from([(1, Result::Pass), (2, Result::Fail)]);
    handshake.result = Some(ResultSpec { word: word(PICKED), codes });
    handshake.time = Some(word(REJECTED));
    handshake.snapshot.extend([PICKED, REJECTED]);
    Arc::new(plant)
}

/// When the master was in the plant, and every showing of it that was told meanwhile: when it was, and
/// whether it was judged right.
#[derive(Debug, Clone)]
struct Stretch {
    from: Utc,
    to: Option<Utc>,
    shown: Vec<(Utc, bool)>,
}

struct Gauge {
    world: World,
    stretches: Vec<Stretch>,
    with: bool,
    shows: i64,
}

impl Gauge {
    fn new() -> Self {
        let plc = Plc::new(Pattern::Counter, Splice::Clean);
        let mut world = World::with(judging(true), plc);
        // Since when it is expected is durable.
        world.sync();
        let from = world.at().wall;
        Self {
            world,
            stretches: vec![Stretch { from, to: None, shown: Vec::new() }],
            with: true,
            shows: 0,
        }
    }

    fn show(&mut self, serial: &str, judged: u64, late: u64) {
        let at = self.world.at().wall;
        // Told late or not, it was while the master was in the plant.
        let begin = self.stretches.last().unwrap().from;
        let when = Utc(at.0.saturating_sub(i64::try_from(late).unwrap())).max(begin);
        // No two at once.
        self.shows += 1;
        let when = Utc(when.0 + self.shows);
        self.world.plc.label = Some(Label { serial: serial.to_owned(), judged, when });
        part(&mut self.world);
        if serial == "MSTR" && self.with {
            self.stretches.last_mut().unwrap().shown.push((when, judged == FAIL));
        }
    }

    fn put_in_force(&mut self, with: bool) {
        if with == self.with {
            return;
        }
        self.with = with;
        if !with {
            self.stretches.last_mut().unwrap().to = Some(self.world.at().wall);
        }
        self.world.sync();
        self.world.plant = judging(with);
        self.world.crash(0);
        self.world.sync();
        if with {
            let from = self.world.at().wall;
            self.stretches.push(Stretch { from, to: None, shown: Vec::new() });
        }
    }

    fn act(&mut self, choice: u8, more: u8) {
        let late = u64::from(more % 4) * HOUR;
        match choice % 12 {
            0..=2 => self.show("MSTR", FAIL, 0),
            3 => self.show("MSTR", PASS, 0),
            4 => self.show("MSTR", FAIL, late),
            5 => self.show("MSTR", PASS, late),
            6 => self.show("SN-1", PASS, late),
            7 => self.world.crash(usize::from(more)),
            8 => self.put_in_force(more.is_multiple_of(2)),
            _ => pass(&mut self.world, u64::from(more % 5)),
        }
    }

    /// The windows that the record speaks of.
    fn windows(&self) -> Vec<(Utc, Option<Utc>)> {
        let (mut closed, mut open) = (Vec::new(), None);
        let records = self.world.durable.iter().chain(&self.world.appended);
        for record in records {
            match &record.body {
                Body::Verdict(said) => match (said.verdict, said.onset, said.over) {
                    (Verdict::Drift, Some(onset), over) => {
                        let from = onset.earliest.unwrap_or(onset.estimate);
                        match over {
                            Some(_) => closed.push((from, over)),
                            None => open = open.or(Some(from)),
                        }
                    }
                    (Verdict::InControl, ..) => {
                        closed.extend(open.take().map(|from| (from, Some(said.time))));
                    }
                    (Verdict::Drift | Verdict::Warning | Verdict::NoData, ..) => {}
                },
                Body::Plant(plant) if plant.monitors.is_empty() => {
                    closed.extend(open.take().map(|from| (from, Some(record.at.wall))));
                }
                Body::Trace(_)
                | Body::Gap(_)
                | Body::Quarantine(_)
                | Body::Epoch(_)
                | Body::Plant(_)
                | Body::Orders(_)
                | Body::Audit(_)
                | Body::Tombstone(_)
                | Body::Case(_)
                | Body::Maintenance(_)
                | Body::Alarm(_)
                | Body::Dropped => {}
            }
        }
        closed.extend(open.map(|from| (from, None)));
        closed
    }

    /// Whatever may have been judged wrongly is within a window, and each window has its reason.
    fn judge(&self) -> std::result::Result<(), TestCaseError> {
        let windows = self.windows();
        let end = |to: Option<Utc>| to.unwrap_or(Utc(i64::MAX));
        for Stretch { from, to, shown } in &self.stretches {
            for (wrong, _) in shown.iter().filter(|(_, right)| !right) {
                let right = || shown.iter().filter(|(_, right)| *right).map(|(time, _)| *time);
                let before = right().filter(|time| time <= wrong).max().unwrap_or(*from);
                let after = right().filter(|time| time > wrong).min().or(*to);
                let covers = |(from, to): &(Utc, Option<Utc>)| {
                    *from <= before.max(Utc(0)) && end(*to) >= end(after)
                };
                let found = windows.iter().any(covers);
                prop_assert!(found, "{wrong:?} of {shown:?} is in none of {windows:?}");
            }
        }
        let overdue = said(&self.world).iter().any(|(v, _, item)| *v == Verdict::Drift && !item);
        let all = || self.stretches.iter().flat_map(|of| &of.shown);
        for (from, to) in &windows {
            let wrong = all().any(|(time, right)| !right && time >= from && *time <= end(*to));
            prop_assert!(
                wrong || overdue,
                "nothing was wrong from {from:?} to {to:?}: {:?}",
                self.stretches
            );
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn whatever_a_master_makes_doubtful_is_within_a_window(
        choices in proptest::collection::vec(any::<(u8, u8)>(), 0..60),
    ) {
        let mut gauge = Gauge::new();
        for (choice, more) in choices {
            gauge.act(choice, more);
        }
        gauge.judge()?;
    }
}

#[test]
fn no_open_drift_refuses_while_a_master_stands_against_the_station() {
    let mut plant = (*judging(true)).clone();
    plant.stations[0].handshakes[0].checks = vec![Check::NoOpenDrift];
    let plc = Plc::new(Pattern::Counter, Splice::Clean);
    let mut gauge = Gauge { world: World::with(Arc::new(plant), plc), ..Gauge::new() };
    let mut permits = Vec::new();
    for (serial, judged) in
        [("SN-1", PASS), ("MSTR", PASS), ("SN-2", PASS), ("MSTR", FAIL), ("SN-3", PASS)]
    {
        gauge.show(serial, judged, 0);
        let answered = gauge.world.durable.iter().rev().find_map(|record| match &record.body {
            Body::Trace(event) => event.handshake.as_ref().map(|mark| mark.permit),
            Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Verdict(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => None,
        });
        permits.extend(answered);
    }
    let work = [permits[0], permits[2], permits[4]];
    assert_eq!(work, [Permit::Ok, Permit::Nok, Permit::Ok]);
}

#[test]
fn a_master_that_comes_back_with_the_plant_is_a_new_one() {
    let mut gauge = Gauge::new();
    gauge.show("MSTR", PASS, 0);
    gauge.put_in_force(false);
    gauge.put_in_force(true);
    gauge.show("MSTR", PASS, 0);
    let ends: Vec<bool> = gauge.windows().iter().map(|(_, to)| to.is_some()).collect();
    assert_eq!(ends, [true, false], "{:?}", gauge.windows());
}
