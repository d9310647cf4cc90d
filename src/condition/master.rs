//! Masters: pieces with a known outcome that are shown to a station now and then. One that is judged
//! otherwise, or that is not shown in time, says that the station may have been wrong since it last was
//! judged right.
use crate::model::plant::{Master, Plant};
use crate::model::{
    At, ItemClass, ItemKey, MonitorId, Monotonic, Onset, Result, Rule, StationId, Ucum, Utc,
    Verdict, VerdictEvent,
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
    last: Option<Said>,
    /// When it was judged right, by the source's clock.
    right: Vec<Utc>,
    /// Since when it is expected.
    begun: Option<Utc>,
    due: Option<Monotonic>,
}

/// What was said of a master, and when, by our clock. When it was is the source's word, like that of every
/// other item at its station; when it is due is ours.
#[derive(Debug, Clone)]
struct Said {
    at: Utc,
    event: VerdictEvent,
}

impl Masters {
    /// Words of one master from which it is restored.
    pub const REMEMBERED: usize = 32;

    /// The masters of a plant; [`Self::restore`] gives them what the record knows.
    pub fn new(plant: &Plant) -> Self {
        let of = |station: &crate::model::plant::Station| {
            let watch = |master: &Master| Watch {
                station: station.id.clone(),
                master: master.clone(),
                last: None,
                right: Vec::new(),
                begun: None,
                due: None,
            };
            station.masters.iter().map(watch).collect::<Vec<_>>()
        };
        Self(plant.stations.iter().flat_map(of).collect())
    }

    /// Takes back what the record said of a master at a time of our clock; events of others are passed over.
    pub fn restore(&mut self, said: Utc, event: &VerdictEvent) {
        let mut watches = self.0.iter_mut();
        let of = watches.find(|w| w.station == event.station && w.master.id == event.monitor);
        if let Some(watch) = of.filter(|_| event.rule == Rule::Master) {
            watch.remember(said, event);
        }
    }

    /// From now on they are expected; one that the record says nothing of is told to wait for its first
    /// showing.
    pub fn begin(&mut self, at: At, out: &mut Vec<VerdictEvent>) {
        for watch in &mut self.0 {
            if watch.last.is_none() {
                watch.say(at.wall, watch.event(Verdict::NoData, at.wall), out);
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
        for watch in self.0.iter_mut().filter(|watch| watch.is(station, item)) {
            watch.judge(at.wall, time, (item, result), out);
            watch.schedule(at);
        }
    }

    /// The masters of a station that this item is.
    pub fn shown<'a>(
        &'a self,
        station: &'a StationId,
        item: &'a ItemKey,
    ) -> impl Iterator<Item = &'a MonitorId> {
        let shown = self.0.iter().filter(move |watch| watch.is(station, item));
        shown.map(|watch| &watch.master.id)
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
    fn is(&self, station: &StationId, item: &ItemKey) -> bool {
        self.station == *station && item.class == ItemClass::Unit && self.master.code == item.code
    }

    /// Since when nothing speaks against the station, whether that is since a showing, and the same by our
    /// clock; `None` while it is said that something does.
    fn good(&self) -> Option<(Utc, bool, Utc)> {
        let Said { at, event } = self.last.as_ref()?;
        match event.verdict {
            // A source's clock may go before ours.
            Verdict::InControl => Some((event.time, true, event.time.min(*at))),
            Verdict::NoData => Some((event.time, false, event.time)),
            Verdict::Warning | Verdict::Drift => None,
        }
    }

    fn judge(
        &mut self,
        now: Utc,
        time: Utc,
        (item, result): (&ItemKey, Result),
        out: &mut Vec<VerdictEvent>,
    ) {
        let last = self.last.as_ref().map(|last| &last.event);
        let since = last.map(|last| last.time);
        if result == self.master.expect {
            // One that is told late says nothing of now; but of what was missed meanwhile.
            let missed = last.filter(|last| last.item.is_none());
            let missed = missed.and_then(|last| last.onset.as_ref());
            let in_time = missed.is_some_and(|missed| time > missed.estimate);
            if in_time || since.is_none_or(|since| time >= since) {
                let event = self.event(Verdict::InControl, time);
                self.say(now, VerdictEvent { item: Some(item.clone()), ..event }, out);
            }
            return;
        }
        let wrong = |event| VerdictEvent { item: Some(item.clone()), ..event };
        if let Some(over) = self.right.iter().copied().filter(|right| *right > time).min() {
            // It was right again before this was told.
            return out.push(wrong(self.was_suspect(time, over)));
        }
        // That one was overdue does not say that it would have been right; and what is right before the last
        // wrong one ends nothing.
        let told = last.filter(|last| last.verdict == Verdict::Drift && last.item.is_some());
        if told.is_none_or(|told| time > told.time) {
            let event = self.suspect(time);
            self.say(now, wrong(event), out);
        }
    }

    fn overdue(&mut self, now: Utc, out: &mut Vec<VerdictEvent>) {
        let Some((_, _, good)) =
            self.good().filter(|(_, _, good)| now >= good.plus(self.master.every))
        else {
            return;
        };
        let statistic = Some(now.since(good).as_secs_f64());
        let limit = Some(self.master.every.as_secs_f64());
        let event = self.suspect(now);
        self.say(now, VerdictEvent { statistic, limit, ..event }, out);
    }

    /// The station may have been wrong since the last time that it was right; before the first showing
    /// that is since it was first expected.
    fn suspect(&self, time: Utc) -> VerdictEvent {
        let before = self.last.as_ref().and_then(|last| last.event.onset);
        let onset = match (self.good(), before) {
            (Some((good, shown, _)), _) => {
                let good = good.min(time);
                Onset { estimate: good, earliest: shown.then_some(good), latest: time }
            }
            (None, Some(onset)) => Onset { latest: time.min(onset.latest), ..onset },
            (None, None) => Onset { estimate: time, earliest: None, latest: time },
        };
        VerdictEvent { onset: Some(onset), ..self.event(Verdict::Drift, time) }
    }

    /// The same of a time that is over.
    fn was_suspect(&self, time: Utc, over: Utc) -> VerdictEvent {
        let right = self.right.iter().copied().filter(|right| *right <= time).max();
        let since = right.or(self.begun).unwrap_or(time).min(time);
        let onset = Onset { estimate: since, earliest: right, latest: time };
        let event = self.event(Verdict::Drift, time);
        VerdictEvent { onset: Some(onset), over: Some(over), ..event }
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
            over: None,
            joins: None,
            test: None,
            quality: None,
            reaches: None,
            contributors: Vec::new(),
            product: None,
            recipe: None,
        }
    }

    fn say(&mut self, now: Utc, event: VerdictEvent, out: &mut Vec<VerdictEvent>) {
        self.remember(now, &event);
        out.push(event);
    }

    fn remember(&mut self, at: Utc, event: &VerdictEvent) {
        self.begun.get_or_insert(event.time);
        if event.verdict == Verdict::InControl {
            if self.right.len() >= Masters::REMEMBERED {
                self.right.remove(0);
            }
            self.right.push(event.time);
        }
        self.last = Some(Said { at, event: event.clone() });
    }

    /// The wall clock may be set meanwhile: when it is due it is looked at again.
    fn schedule(&mut self, at: At) {
        let until = self.good().map(|(_, _, good)| good.plus(self.master.every));
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
        let (last, right, begun, due) = (None, Vec::new(), None, None);
        Masters(vec![Watch { station: station(), master, last, right, begun, due }])
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
        // Another one goes back as far, and nothing is due as long as it stands.
        let again = show(&mut masters, 6, Result::Pass);
        assert_eq!(again[0].onset.unwrap().earliest, Some(Utc(2 * HOUR)));
        let mut said = Vec::new();
        let between = (Utc(11 * HOUR / 2), Result::Fail);
        masters.on_result(at(7), &station(), &unit("MSTR-1"), between, &mut said);
        assert_eq!(said, [], "it was wrong after that");
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

    /// A ring is read late: it was wrong, and right again before anybody knew.
    #[test]
    fn a_wrong_one_that_is_told_after_a_right_one_speaks_of_the_time_before_that() {
        let mut masters = begun();
        for hours in [2, 6] {
            show(&mut masters, hours, Result::Fail);
        }
        let mut said = Vec::new();
        let wrong = (Utc(4 * HOUR), Result::Pass);
        masters.on_result(at(7), &station(), &unit("MSTR-1"), wrong, &mut said);
        let [event] = said.as_slice() else { panic!("{said:?}") };
        let onset = event.onset.unwrap();
        assert_eq!((onset.earliest, event.over), (Some(Utc(2 * HOUR)), Some(Utc(6 * HOUR))));
        // Of now it says nothing.
        assert_eq!(masters.next_wake(), Some((at(14).monotonic, "master")));
        let wrong = show(&mut masters, 9, Result::Pass);
        assert_eq!(wrong[0].onset.unwrap().earliest, Some(Utc(6 * HOUR)));
    }

    /// Windows are by the clock that items have their times by; when it is due is by ours.
    #[test]
    fn a_source_whose_clock_goes_before_ours_is_believed_of_when_it_was() {
        let mut masters = begun();
        let mut said = Vec::new();
        let ahead = (Utc(5 * HOUR), Result::Fail);
        masters.on_result(at(2), &station(), &unit("MSTR-1"), ahead, &mut said);
        assert_eq!(said[0].time, Utc(5 * HOUR));
        assert_eq!(masters.next_wake(), Some((at(10).monotonic, "master")));
        let late = pass(&mut masters, 10);
        assert_eq!(late[0].onset.unwrap().earliest, Some(Utc(5 * HOUR)));
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
            masters.restore(last.time, &last);
            masters.begin(at(6), &mut more);
            assert_eq!(more, []);
            let again = show(&mut masters, 7, Result::Pass);
            let since = again.first().and_then(|e| e.onset?.earliest);
            assert_eq!(since, Some(Utc(2 * HOUR)), "{last:?}");
        }
    }
}
