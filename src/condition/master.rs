//! Masters: pieces with a known outcome that are shown to a station now and then. One that is judged
//! otherwise, or that is not shown in time, says that the station may have been wrong since it last was
//! judged right.
use crate::model::plant::{Master, Plant};
use crate::model::{
    At, ItemClass, ItemKey, Monotonic, Onset, Result, Rule, StationId, Ucum, Utc, Verdict,
    VerdictEvent,
};
use std::time::Duration;

/// All masters of a plant.
#[derive(Debug, Clone)]
pub struct Masters(Vec<Watch>);

/// One master with what was last said of it.
#[derive(Debug, Clone)]
struct Watch {
    station: StationId,
    master: Master,
    last: Option<VerdictEvent>,
    due: Option<Monotonic>,
}

impl Masters {
    /// The masters of a plant; [`Self::restore`] gives them what the record knows.
    pub fn new(plant: &Plant) -> Self {
        let of = |station: &crate::model::plant::Station| {
            let watch = |master: &Master| Watch {
                station: station.id.clone(),
                master: master.clone(),
                last: None,
                due: None,
            };
            station.masters.iter().map(watch).collect::<Vec<_>>()
        };
        Self(plant.stations.iter().flat_map(of).collect())
    }

    /// Takes back what the record says of a master; events of others are passed over.
    pub fn restore(&mut self, event: &VerdictEvent) {
        let mut watches = self.0.iter_mut();
        let of = watches.find(|w| w.station == event.station && w.master.id == event.monitor);
        if let Some(watch) = of.filter(|_| event.rule == Rule::Master) {
            watch.last = Some(event.clone());
        }
    }

    /// From now on they are expected; one that the record says nothing of is told to wait for its first
    /// showing.
    pub fn begin(&mut self, at: At, out: &mut Vec<VerdictEvent>) {
        for watch in &mut self.0 {
            if watch.last.is_none() {
                watch.say(watch.event(Verdict::NoData, at.wall), out);
            }
            watch.schedule(at);
        }
    }

    /// An item was judged at a station.
    pub fn on_result(
        &mut self,
        at: At,
        station: &StationId,
        item: &ItemKey,
        (time, result): (Utc, Result),
        out: &mut Vec<VerdictEvent>,
    ) {
        let shown = |w: &&mut Watch| {
            w.station == *station && item.class == ItemClass::Unit && w.master.code == item.code
        };
        for watch in self.0.iter_mut().filter(shown) {
            // A source's clock may go before ours.
            watch.judge(time.min(at.wall), item, result, out);
            watch.schedule(at);
        }
    }

    /// Says which were not shown in time.
    pub fn on_time(&mut self, at: At, out: &mut Vec<VerdictEvent>) {
        for watch in &mut self.0 {
            if watch.due.is_some_and(|due| due <= at.monotonic) {
                watch.overdue(at.wall, out);
                watch.schedule(at);
            }
        }
    }

    /// When the next one is due.
    pub fn next_wake(&self) -> Option<(Monotonic, &'static str)> {
        self.0.iter().filter_map(|watch| Some((watch.due?, "master"))).min()
    }
}

impl Watch {
    /// Since when nothing speaks against the station, and whether that is since a showing; `None` while it
    /// is said that something does.
    fn good(&self) -> Option<(Utc, bool)> {
        let last = self.last.as_ref()?;
        match last.verdict {
            Verdict::InControl => Some((last.time, true)),
            Verdict::NoData => Some((last.time, false)),
            Verdict::Warning | Verdict::Drift => None,
        }
    }

    fn judge(&mut self, time: Utc, item: &ItemKey, result: Result, out: &mut Vec<VerdictEvent>) {
        let since = self.last.as_ref().map(|last| last.time);
        if result == self.master.expect {
            // One that is told late says nothing of now; but of what was missed meanwhile.
            let missed = self.last.as_ref().filter(|last| last.item.is_none());
            let missed = missed.and_then(|last| last.onset.as_ref());
            let in_time = missed.is_some_and(|missed| time > missed.estimate);
            if in_time || since.is_none_or(|since| time >= since) {
                let event = self.event(Verdict::InControl, time);
                self.say(VerdictEvent { item: Some(item.clone()), ..event }, out);
            }
            return;
        }
        // That one was overdue does not say that it would have been right.
        let told = self
            .last
            .as_ref()
            .is_some_and(|last| last.verdict == Verdict::Drift && last.item.is_some());
        if !told {
            let event = self.suspect(time);
            self.say(VerdictEvent { item: Some(item.clone()), ..event }, out);
        }
    }

    fn overdue(&mut self, now: Utc, out: &mut Vec<VerdictEvent>) {
        let Some((good, _)) = self.good().filter(|(good, _)| now >= good.plus(self.master.every))
        else {
            return;
        };
        let statistic = Some(now.since(good).as_secs_f64());
        let limit = Some(self.master.every.as_secs_f64());
        let event = self.suspect(now);
        self.say(VerdictEvent { statistic, limit, ..event }, out);
    }

    /// The station may have been wrong since the last time that it was right; before the first showing
    /// that is since it was first expected.
    fn suspect(&self, time: Utc) -> VerdictEvent {
        let before = self.last.as_ref().and_then(|last| last.onset);
        let onset = match (self.good(), before) {
            (Some((good, shown)), _) => {
                let good = good.min(time);
                Onset { estimate: good, earliest: shown.then_some(good), latest: time }
            }
            (None, Some(onset)) => Onset { latest: time.min(onset.latest), ..onset },
            (None, None) => Onset { estimate: time, earliest: None, latest: time },
        };
        VerdictEvent { onset: Some(onset), ..self.event(Verdict::Drift, time) }
    }

    fn event(&self, verdict: Verdict, time: Utc) -> VerdictEvent {
        VerdictEvent {
            station: self.station.clone(),
            monitor: self.master.id.clone(),
            rule: Rule::Master,
            verdict,
            side: None,
            statistic: None,
            limit: None,
            time,
            onset: None,
            baseline: None,
            item: None,
            unit: Ucum::parse("s").ok(),
        }
    }

    fn say(&mut self, event: VerdictEvent, out: &mut Vec<VerdictEvent>) {
        out.push(event.clone());
        self.last = Some(event);
    }

    /// The wall clock may be set meanwhile: when it is due it is looked at again.
    fn schedule(&mut self, at: At) {
        let until = self.good().map(|(good, _)| good.plus(self.master.every));
        let wait = until.map(|until| until.since(at.wall).max(Duration::from_millis(1)));
        self.due = wait.map(|wait| at.monotonic.plus(wait));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, MonitorId};

    const HOUR: i64 = 3_600_000_000_000;

    fn at(hours: i64) -> At {
        let ns = hours * HOUR;
        At { monotonic: Monotonic(u64::try_from(ns).unwrap()), wall: Utc(ns) }
    }

    fn unit(code: &str) -> ItemKey {
        ItemKey::unit(Code::parse(code).unwrap())
    }

    fn station() -> StationId {
        StationId::parse("OP10").unwrap()
    }

    fn masters() -> Masters {
        let master = Master {
            id: MonitorId::parse("red").unwrap(),
            code: Code::parse("MSTR-1").unwrap(),
            expect: Result::Fail,
            every: Duration::from_hours(8),
        };
        Masters(vec![Watch { station: station(), master, last: None, due: None }])
    }

    fn show(masters: &mut Masters, hours: i64, result: Result) -> Vec<VerdictEvent> {
        let mut said = Vec::new();
        let shown = (Utc(hours * HOUR), result);
        masters.on_result(at(hours), &station(), &unit("MSTR-1"), shown, &mut said);
        said
    }

    fn pass(masters: &mut Masters, hours: i64) -> Vec<VerdictEvent> {
        let mut said = Vec::new();
        masters.on_time(at(hours), &mut said);
        said
    }

    fn begun() -> Masters {
        let (mut masters, mut said) = (masters(), Vec::new());
        masters.begin(at(1), &mut said);
        assert_eq!(said.iter().map(|e| e.verdict).collect::<Vec<_>>(), [Verdict::NoData]);
        masters
    }

    #[test]
    fn one_that_is_judged_wrongly_makes_doubtful_what_came_since_the_last_good_one() {
        let mut masters = begun();
        let good = show(&mut masters, 2, Result::Fail);
        assert_eq!((good[0].verdict, &good[0].item), (Verdict::InControl, &Some(unit("MSTR-1"))));
        let wrong = show(&mut masters, 5, Result::Pass);
        let onset = wrong[0].onset.unwrap();
        assert_eq!(wrong[0].verdict, Verdict::Drift);
        assert_eq!((onset.earliest, onset.latest), (Some(Utc(2 * HOUR)), Utc(5 * HOUR)));
        // It is said once, and nothing is due as long as it stands.
        assert_eq!(show(&mut masters, 6, Result::Pass), []);
        assert_eq!((masters.next_wake(), pass(&mut masters, 90)), (None, Vec::new()));
        assert_eq!(show(&mut masters, 91, Result::Fail)[0].verdict, Verdict::InControl);
        assert_eq!(masters.next_wake(), Some((at(99).monotonic, "master")));
    }

    #[test]
    fn one_that_is_not_shown_in_time_is_said_once_when_it_is_due() {
        let mut masters = begun();
        assert_eq!(masters.next_wake(), Some((at(9).monotonic, "master")));
        assert_eq!(pass(&mut masters, 8), []);
        let late = pass(&mut masters, 9);
        let onset = late[0].onset.unwrap();
        // It was never shown: since when it is expected is all that is known.
        assert_eq!((late[0].verdict, &late[0].item), (Verdict::Drift, &None));
        assert_eq!((onset.earliest, onset.estimate), (None, Utc(HOUR)));
        assert_eq!(pass(&mut masters, 20), []);
        // What it then shows is worse, and goes back as far.
        let wrong = show(&mut masters, 21, Result::Pass);
        assert_eq!((wrong[0].onset.unwrap().estimate, wrong[0].item.is_some()), (Utc(HOUR), true));
    }

    /// A ring is read, or a clock goes behind: the showing was before it was said to be overdue.
    #[test]
    fn a_showing_that_is_told_after_it_was_due_counts_for_what_it_was() {
        let mut masters = begun();
        show(&mut masters, 2, Result::Fail);
        assert_eq!(pass(&mut masters, 10)[0].item, None);
        let mut said = Vec::new();
        let wrong = (Utc(5 * HOUR), Result::Pass);
        masters.on_result(at(11), &station(), &unit("MSTR-1"), wrong, &mut said);
        let onset = said[0].onset.unwrap();
        assert_eq!((said[0].verdict, said[0].item.is_some()), (Verdict::Drift, true));
        assert_eq!((onset.earliest, onset.latest), (Some(Utc(2 * HOUR)), Utc(5 * HOUR)));

        let (mut masters, mut said) = (begun(), Vec::new());
        show(&mut masters, 2, Result::Fail);
        pass(&mut masters, 10);
        let right = (Utc(9 * HOUR), Result::Fail);
        masters.on_result(at(11), &station(), &unit("MSTR-1"), right, &mut said);
        assert_eq!(said[0].verdict, Verdict::InControl);
        assert_eq!(masters.next_wake(), Some((at(17).monotonic, "master")));
    }

    #[test]
    fn others_and_what_is_told_late_say_nothing_of_now() {
        let mut masters = begun();
        let mut said = Vec::new();
        masters.on_result(at(2), &station(), &unit("SN-1"), (Utc(HOUR), Result::Pass), &mut said);
        assert_eq!(said, []);
        show(&mut masters, 5, Result::Fail);
        let late = (Utc(3 * HOUR), Result::Fail);
        masters.on_result(at(6), &station(), &unit("MSTR-1"), late, &mut said);
        assert_eq!(said, []);
        assert_eq!(masters.next_wake(), Some((at(13).monotonic, "master")));
    }

    /// The clock is set forward, and back.
    #[test]
    fn it_is_due_by_the_wall_clock() {
        let mut masters = begun();
        let mut said = Vec::new();
        let set_back = At { monotonic: at(9).monotonic, wall: Utc(3 * HOUR) };
        masters.on_time(set_back, &mut said);
        assert_eq!(said, []);
        assert_eq!(masters.next_wake(), Some((at(15).monotonic, "master")));
    }

    #[test]
    fn what_the_record_says_is_taken_back() {
        let mut before = begun();
        let mut said = show(&mut before, 2, Result::Fail);
        said.extend(show(&mut before, 5, Result::Pass));
        for last in said {
            let (mut masters, mut more) = (masters(), Vec::new());
            masters.restore(&last);
            masters.begin(at(6), &mut more);
            assert_eq!(more, []);
            let again = show(&mut masters, 7, Result::Pass);
            let since = again.first().and_then(|e| e.onset?.earliest);
            let good = last.verdict == Verdict::InControl;
            assert_eq!(since, good.then_some(Utc(2 * HOUR)), "{last:?}");
        }
    }
}
