//! Every question that the north may ask, once. Each answer says the ledger position it was computed
//! at and whether it is complete. Nothing here writes, numbers or decides.
//!
//! Two things follow the ledger: the index on disk (`store`), which has what was said, and the memory, which
//! has what hangs together: the graph, states, stays, gaps. Records are brought in order by whoever reads the
//! ledger: to both in step, and to one of them alone that is behind; [`Query::position`] and [`Query::wanted`] say
//! from where on.
mod alarm;
mod answer;
mod attribute;
mod balance;
mod body;
mod case;
mod condition;
mod coverage;
mod describe;
mod doubt;
mod drill;
mod follow;
mod hold;
mod inherit;
mod item;
mod known;
mod level;
mod life;
mod maintenance;
mod material;
mod measured;
mod memory;
mod monitor;
mod only;
mod past;
mod place;
mod reason;
mod recall;
mod resolve;
mod retention;
mod sheet;
mod state;
mod step;
mod suspect;
mod trace;
mod typed;
mod view;
mod why;
mod yields;

pub use crate::condition::{
    AlarmCount, AlarmLoad, AlarmSaid, AlarmState, Raised, Shelf, StaleAlarm,
};
pub use crate::genealogy::Direction;
pub use alarm::AlarmView;
pub use answer::{
    Answer, Completeness, ConditionView, EventView, GapView, HoldView, Incomplete, InheritedValue,
    InheritedView, InheritedWay, Is, ItemState, ItemView, LinkView, LotBalance, MeasurementView,
    PermitView, Recall, RecallCleared, RecallGroup, RecallOf, StandingHold, StationView, StepView,
    SupersededView, SuspectCause, SuspectEnd, SuspectView, SuspectWindow, Trace, TraceLink,
    TraceNode, Yield, YieldRow,
};
pub use case::{
    CaseDifference, CaseEntry, CaseGroup, CaseItem, CaseShown, CaseSince, CaseView, Freezing,
    Unfrozen,
};
pub use condition::{
    BaselineView, Before, CapabilityRow, CapabilityView, ChartAsked, ChartValue, ChartView,
    ConditionShown, VerdictView, WatchedView,
};
pub use coverage::{Coverage, Lack, Uncovered};
pub use drill::{MockAnswer, MockOf, MockRecall, Share, Undrilled, seed_at};
pub use follow::{QueryError, QueryOptions, Remembered};
pub use level::{Level, Reached};
pub use maintenance::{
    MaintenanceRaised, MaintenanceSaid, MaintenanceTrend, MaintenanceUse, MaintenanceView,
    ScheduleView,
};
pub use memory::READ_SCHEMA;
pub use only::{Only, OnlyError};
pub use past::Histories;
pub use resolve::{Candidate, Fit, Resolution, Resolved};
pub use sheet::{Sheet, SheetItem};
pub use step::measured;
pub use why::{
    Attribute, AttributeKind, CauseView, Edge, Evidence, FactorView, TwinView, Why, WhyAsked,
};

use crate::genealogy::{NodeId, Void};
use crate::model::plant::Plant;
use crate::model::{
    CaseId, Frozen, Interval, ItemClass, ItemKey, MonitorId, Position, Record, StationId, Text,
    Utc, Verdict,
};
use crate::store::StoreError;
use body::Bodies;
use follow::Inner;
use place::Counted;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use view::View;

/// The read side. Cheap to clone; every method is safe to call from any thread.
#[derive(Debug, Clone)]
pub struct Query {
    inner: Arc<Inner>,
}

impl Query {
    /// Up to which record questions are answered.
    pub fn position(&self) -> Position {
        *self.inner.position.borrow()
    }

    /// Changes whenever [`Self::position`] does.
    pub fn watch(&self) -> tokio::sync::watch::Receiver<Position> {
        self.inner.position.subscribe()
    }

    /// Finds what a person typed, pasted or scanned: the text form of an item, alone or as a `NodeId`; a code in any
    /// class and scope; or a label of GS1, as an element string or a Digital Link.
    ///
    /// An alias leads to the item that had it last; a text as it stands goes before one with blanks taken off its
    /// ends. Where a label names several items, that of the `wanted` class is meant.
    pub fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution {
        self.timed("resolve", || resolve::resolve(text, wanted, self))
    }

    /// One item with its as-built record and its direct links both ways; `None` if not recorded.
    pub fn item(&self, key: &ItemKey) -> Option<Answer<ItemView>> {
        self.item_as_of(key, Position(u64::MAX))
    }

    /// The same as it was answered when `as_of` was the last record.
    pub fn item_as_of(&self, key: &ItemKey, as_of: Position) -> Option<Answer<ItemView>> {
        self.timed("item", || {
            let asked = self.asked(as_of);
            let plant = self.plant();
            let catalog = plant.as_ref().map(|plant| &plant.catalog);
            let draft = self.inner.with_visited(|memory, visited| {
                item::draft(&memory.view(as_of), visited, key, plant.as_deref())
            })?;
            let finish = |draft, bodies: &mut Bodies<'_>| item::finish(draft, catalog, bodies);
            let Answer { position, mut completeness, body: (mut body, came) } =
                self.answer(asked, draft, finish);
            completeness.and(body.balance.as_ref().and_then(LotBalance::open));
            body.level = came.map(|came| level::of(&body, &completeness, plant.as_deref(), &came));
            Some(Answer { position, completeness, body })
        })
    }

    /// Everything that an item was made of, or went into, to any or the given depth.
    pub fn trace(
        &self,
        key: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
    ) -> Option<Answer<Trace>> {
        self.trace_as_of(key, direction, depth_max, Position(u64::MAX))
    }

    /// The same as it was answered when `as_of` was the last record.
    pub fn trace_as_of(
        &self,
        key: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
        as_of: Position,
    ) -> Option<Answer<Trace>> {
        self.timed("trace", || {
            let asked = self.asked(as_of);
            let draft = self.inner.with_visited(|memory, visited| {
                trace::draft(&memory.view(as_of), visited, key, direction, depth_max)
            })?;
            Some(self.answer(asked, draft, trace::finish))
        })
    }

    /// Everything that a lot went into: units, containers, shipments, and what cannot be told.
    pub fn recall(&self, lot: &ItemKey) -> Option<Answer<Recall>> {
        self.recall_as_of(&RecallOf::Lot(lot.clone()), Position(u64::MAX))
    }

    /// Everything that a lot went into, or that was at a station, and everything that contains that, as it was
    /// answered when `as_of` was the last record. `None` if no record speaks of the lot or the station.
    pub fn recall_as_of(&self, of: &RecallOf, as_of: Position) -> Option<Answer<Recall>> {
        self.timed("recall", || {
            let asked = self.asked(as_of);
            let worked = recall::worked(&self.inner.memory.read().view(as_of), of)?;
            let Answer { position, completeness, body: worked } =
                self.answer(asked, worked, |stays, bodies| recall::judge(of, stays, bodies));
            // As of the same record: what comes meanwhile was not judged.
            let mut draft = self.inner.with_visited(|memory, visited| {
                recall::draft(&memory.view(position), visited, of, &worked)
            })?;
            if !completeness.is_complete() {
                draft.reasons.lag(asked.max(position));
            }
            let plant = self.plant();
            let catalog = plant.as_ref().map(|plant| &plant.catalog);
            let finish = |draft, bodies: &mut Bodies<'_>| recall::finish(draft, catalog, bodies);
            let mut answer = self.answer(asked, draft, finish);
            answer.completeness.and(answer.body.balances.iter().filter_map(LotBalance::open));
            Some(answer)
        })
    }

    /// The plant in force.
    fn plant(&self) -> Option<Arc<Plant>> {
        self.inner.plant.read().clone()
    }

    /// The answer of a recall as it can be frozen as a case: as of a record, or of the last durable one.
    ///
    /// # Errors
    /// If no record speaks of what is asked about, or the answer does not have all records yet.
    pub fn freeze(&self, of: &RecallOf, as_of: Position) -> Result<Freezing, Unfrozen> {
        let answer = self.recall_as_of(of, as_of).ok_or(Unfrozen::Unknown)?;
        case::freeze(of.question().ok_or(Unfrozen::TooLong)?, answer)
    }

    /// What an answer has that a frozen one had not, and the other way. What nobody can tell any more of the frozen one
    /// was not in it.
    ///
    /// # Errors
    /// If not all records are known yet that the frozen one was answered from.
    pub fn since(&self, before: &Frozen, after: &Recall) -> Result<CaseDifference, Unfrozen> {
        let then = self.frozen_again(before)?;
        Ok(CaseDifference::between(then.as_ref().map(|then| &then.answer.body), after))
    }

    /// What a case asked, asked again as of then; `None` if nothing of it is recorded any more.
    fn frozen_again(&self, frozen: &Frozen) -> Result<Option<Freezing>, Unfrozen> {
        self.asked_again(frozen, frozen.position)
    }

    fn asked_again(&self, frozen: &Frozen, as_of: Position) -> Result<Option<Freezing>, Unfrozen> {
        let Some(of) = RecallOf::of_case(&frozen.question) else { return Ok(None) };
        let Some(answer) = self.recall_as_of(&of, as_of) else { return Ok(None) };
        // Letter by letter as it is on record: a later version may write it in another way.
        case::freeze(frozen.question.clone(), answer).map(Some)
    }

    /// Whom to tell of what a recall found to have left, as of the record that it was answered at.
    pub fn sheets(&self, recall: &Answer<Recall>, contacts: &BTreeMap<Text, Text>) -> Vec<Sheet> {
        let memory = self.inner.memory.read();
        sheet::sheets(&memory.view(recall.position), &recall.body, contacts)
    }

    /// The cases of recall as of a record, the newest first.
    pub fn cases(&self, as_of: Position) -> Vec<CaseView> {
        self.asked(as_of);
        self.inner.memory.read().cases.all(as_of)
    }

    /// One case; `None` if no record opened it.
    pub fn case(&self, id: CaseId) -> Option<CaseView> {
        let last = Position(u64::MAX);
        self.asked(last);
        self.inner.memory.read().cases.get(id, last)
    }

    /// A case with its question asked again as of then, and asked now. `None` if no record opened it.
    ///
    /// # Errors
    /// If not all records are known yet that it was answered from.
    pub fn case_again(&self, id: CaseId) -> Option<Result<CaseShown, Unfrozen>> {
        let case = self.case(id)?;
        let frozen = case.frozen()?.clone();
        let retained = self.inner.memory.read().retained.dropped_since(frozen.position);
        let then = match self.frozen_again(&frozen) {
            Ok(then) => then,
            Err(why) => return Some(Err(why)),
        };
        let now = self.asked_again(&frozen, Position(u64::MAX));
        let shown = |now: Option<Freezing>| {
            let same = then.as_ref().is_some_and(|then| then.frozen.hash == frozen.hash);
            let since =
                now.map(|Freezing { answer: Answer { position, completeness, body }, .. }| {
                    let before = then.as_ref().map(|then| &then.answer.body);
                    let difference = CaseDifference::between(before, &body);
                    CaseSince { position, completeness, difference }
                });
            CaseShown { case, answer: then.map(|then| then.answer), same, retained, since }
        };
        Some(now.map(shown))
    }

    /// What the stations, or one of them, completed in an interval, and how much of it was right at
    /// once; only production is counted. As it was answered when `as_of` was the last record. `None` if no
    /// record speaks of the station.
    pub fn yields(
        &self,
        station: Option<&StationId>,
        interval: Interval,
        as_of: Position,
    ) -> Option<Answer<Yield>> {
        self.timed("yield", || {
            let asked = self.asked(as_of);
            let draft = {
                let memory = self.inner.memory.read();
                if station.is_some_and(|id| memory.places.find(id).is_none()) {
                    return None;
                }
                yields::draft(&memory.view(as_of), station, interval)
            };
            Some(self.answer(asked, draft, |found, _| found))
        })
    }

    /// When stations, or one of them, may have been wrong, the last first, and what was made meanwhile; at
    /// most `items_max` items of a window are named. As it was answered when `as_of` was the last record.
    /// `None` if no record speaks of the station.
    pub fn suspects(
        &self,
        station: Option<&StationId>,
        items_max: usize,
        as_of: Position,
    ) -> Option<Answer<Vec<SuspectView>>> {
        self.timed("suspects", || {
            let asked = self.asked(as_of);
            let draft = {
                let memory = self.inner.memory.read();
                if station.is_some_and(|id| memory.places.find(id).is_none()) {
                    return None;
                }
                suspect::draft(&memory.view(as_of), station, items_max)
            };
            Some(self.answer(asked, draft, |found, _| found))
        })
    }

    /// Maintenance at the stations, or at one, the last first: which monitors asked for it, who looked after it, what was done,
    /// and whether it helped; only what is waited for, or only what is not, if told. As it was answered when `as_of` was the
    /// last record. `None` if no record speaks of the station.
    pub fn maintenance(
        &self,
        station: Option<&StationId>,
        open: Option<bool>,
        as_of: Position,
    ) -> Option<Answer<Vec<MaintenanceView>>> {
        self.timed("maintenance", || {
            let asked = self.asked(as_of);
            let draft = {
                let memory = self.inner.memory.read();
                if station.is_some_and(|id| memory.places.find(id).is_none()) {
                    return None;
                }
                maintenance::draft(&memory.view(as_of), station, open)
            };
            Some(self.answer(asked, draft, maintenance::finish))
        })
    }

    /// What the plant in force has maintained after so much use, at the stations or at one: how much that was since, and how
    /// much is left; what is due first. `None` if no record speaks of the station.
    pub fn schedules(&self, station: Option<&StationId>) -> Option<Answer<Vec<ScheduleView>>> {
        self.timed("schedules", || {
            let asked = self.asked(Position(u64::MAX));
            let draft = {
                let memory = self.inner.memory.read();
                if station.is_some_and(|id| memory.places.find(id).is_none()) {
                    return None;
                }
                maintenance::draft_schedules(&memory.now(), station)
            };
            Some(self.answer(asked, draft, |found, _| found))
        })
    }

    /// Why items went bad: what they, and what they were made of, went through and the others did not, ranked.
    /// As it was answered when `as_of` was the last record. `None` if no record speaks of the station or of one of
    /// the items.
    pub fn why(&self, asked: &WhyAsked, as_of: Position) -> Option<Answer<Why>> {
        self.timed("why", || {
            let begun = self.asked(as_of);
            let draft = self
                .inner
                .with_visited(|memory, visited| why::draft(&memory.view(as_of), visited, asked))?;
            let Drafted { position, void, reasons, body } = draft;
            let (read, lacks) = self.read_bodies((position, void.clone()), |b| why::read(body, b));
            let ranked = why::ranked(read);
            let (body, lags) =
                self.read_bodies((position, void), |b| why::with_evidence(ranked, b));
            Some(Self::answered(begun, (position, reasons), (body, lacks || lags)))
        })
    }

    /// The times in which stations may have been wrong that have not ended, the last first; at most
    /// `items_max` items of each are named.
    pub fn open_suspects(&self, items_max: usize) -> Vec<SuspectView> {
        self.timed("suspects", || suspect::open(&self.inner.memory.read().now(), items_max))
    }

    /// The holds that stand, the first recorded first. As it was answered when `as_of` was the last record.
    pub fn holds(&self, as_of: Position) -> Answer<Vec<StandingHold>> {
        self.timed("holds", || {
            let asked = self.asked(as_of);
            let draft = self
                .inner
                .with_visited(|memory, visited| hold::draft(&memory.view(as_of), visited));
            self.answer(asked, draft, hold::finish)
        })
    }

    /// Whether the item is recorded at all.
    pub fn knows(&self, key: &ItemKey) -> bool {
        let memory = self.inner.memory.read();
        memory.graph.item(key).is_some_and(|node| memory.names(node))
    }

    /// The stations with their live state, in the order of the plant.
    pub fn stations(&self) -> Vec<StationView> {
        let memory = self.inner.memory.read();
        let order = memory.places.in_order();
        order.iter().filter_map(|id| station_view(&memory.now(), id)).collect()
    }

    /// One station.
    pub fn station(&self, id: &StationId) -> Option<StationView> {
        station_view(&self.inner.memory.read().now(), id)
    }

    /// The items of a class that were last written about, newest first, at most `count_max` and at
    /// most 1,000.
    pub fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey> {
        self.inner.memory.read().recent(class).take(count_max).cloned().collect()
    }

    /// The records after `after`, oldest first, at most `count_max`, as the north sees them.
    pub fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        self.timed("events", || {
            let last = self.position();
            let records = self.ask_store(|store| store.records(after, last, count_max));
            records.unwrap_or_default().iter().map(|record| self.event(record)).collect()
        })
    }

    /// A record at hand as the north sees it.
    pub fn event(&self, record: &Record) -> EventView {
        let plant = record.plant.and_then(|at| self.inner.plant_hash(at));
        EventView { plant: plant.map(|hash| hash.to_string()), ..describe::event(record) }
    }

    /// The monitors with their verdicts.
    pub fn conditions(&self) -> Vec<ConditionView> {
        let memory = self.inner.memory.read();
        memory.monitors.views(&memory.alarms)
    }

    /// The alarms of all stations, or of one, what was told last first: those in a state, or all that are not normal. `None` if no
    /// record speaks of the station.
    pub fn alarms(
        &self,
        station: Option<&StationId>,
        state: Option<AlarmState>,
    ) -> Option<Answer<Vec<AlarmView>>> {
        self.timed("alarms", || {
            let asked = self.asked(Position(u64::MAX));
            let draft = {
                let memory = self.inner.memory.read();
                if station.is_some_and(|id| memory.places.find(id).is_none()) {
                    return None;
                }
                alarm::draft(&memory.now(), station, state)
            };
            Some(self.answer(asked, draft, |views, _| views))
        })
    }

    /// How many alarms an operator is told of at a time, which is now or later.
    pub fn alarm_load(&self, now: Utc) -> Answer<AlarmLoad> {
        self.timed("alarm-load", || {
            let asked = self.asked(Position(u64::MAX));
            let draft = alarm::load(&self.inner.memory.read().now(), now);
            self.answer(asked, draft, |load, _| load)
        })
    }

    /// Whether a record told of an alarm.
    pub fn told_alarm(&self, position: Position) -> bool {
        self.inner.memory.read().alarms.told(position)
    }

    /// One monitor with all that is known of its condition; at most `items_max` items of a suspect window are named. `None`
    /// if no record speaks of it.
    pub fn condition(
        &self,
        station: &StationId,
        monitor: &MonitorId,
        items_max: usize,
    ) -> Option<Answer<ConditionShown>> {
        self.timed("condition", || {
            let asked = self.asked(Position(u64::MAX));
            let plant = self.plant();
            let draft = {
                let memory = self.inner.memory.read();
                condition::draft(&memory.now(), (station, monitor), items_max, plant.as_deref())?
            };
            Some(self.answer(asked, draft, condition::finish))
        })
    }

    /// What a chart of a monitor shows. `None` if no record speaks of the monitor.
    pub fn chart(&self, of: &ChartAsked) -> Option<Answer<ChartView>> {
        self.timed("chart", || {
            let asked = self.asked(Position(u64::MAX));
            let plant = self.plant();
            let draft = condition::of_chart(&self.inner.memory.read().now(), of, plant.as_deref())?;
            let answer = self.answer(asked, draft, condition::chart);
            let interval = answer.body.interval;
            Some(self.observed(asked, answer, (&of.station, interval)))
        })
    }

    /// How well the last values of a monitor, at most so many of a time, fit between their specification limits. `None` if
    /// no record speaks of the monitor.
    pub fn capability(
        &self,
        (station, monitor): (&StationId, &MonitorId),
        (within, before): (Interval, Option<Before>),
        values_max: usize,
    ) -> Option<Answer<CapabilityView>> {
        self.timed("capability", || {
            let asked = self.asked(Position(u64::MAX));
            let plant = self.plant();
            let draft = {
                let memory = self.inner.memory.read();
                let of = (station, monitor);
                condition::of_capability(&memory.now(), of, (within, before), plant.as_deref())?
            };
            let read =
                |draft, bodies: &mut Bodies<'_>| condition::capability(draft, values_max, bodies);
            let answer = self.answer(asked, draft, read);
            let interval = answer.body.interval;
            Some(self.observed(asked, answer, (station, interval)))
        })
    }

    /// An answer of which only now it is known what time it is of: with what was not observed at its station then.
    fn observed<T>(
        &self,
        asked: Position,
        answer: Answer<T>,
        (station, interval): (&StationId, Interval),
    ) -> Answer<T> {
        let Answer { position, completeness, body } = answer;
        let mut reasons = reason::Reasons::default();
        reasons.station(&self.inner.memory.read().view(position), station, interval);
        Self::answered(asked, (position, reasons), (body, !completeness.is_complete()))
    }

    /// What a monitor says: the gravest of what its rules do.
    pub fn verdict(&self, station: &StationId, monitor: &MonitorId) -> Verdict {
        self.inner.memory.read().monitors.verdict(station, monitor)
    }

    /// The last gaps, newest first, at most `count_max`.
    pub fn gaps(&self, count_max: usize) -> Vec<GapView> {
        let memory = self.inner.memory.read();
        let newest = memory.doubts.newest().take(count_max);
        newest.map(|(position, gap)| GapView { position, gap: gap.clone() }).collect()
    }

    /// A question is put: what was durable by now counts for it, unless it is about earlier records, and what comes
    /// later does not make its answer lag. The follower is a few records behind at most moments, and waited for.
    fn asked(&self, as_of: Position) -> Position {
        let asked = Position(self.inner.durable.load(Ordering::Acquire)).min(as_of);
        // At a start there are too many to wait for.
        if self.filling().is_none() {
            self.inner.wait_for(asked);
        }
        asked
    }

    /// Fills a draft made under the lock with what the store has, and says how complete it is: whether all that was
    /// durable when it was asked for is in it.
    fn answer<D, T>(
        &self,
        asked: Position,
        draft: Drafted<D>,
        finish: impl FnOnce(D, &mut Bodies<'_>) -> T,
    ) -> Answer<T> {
        let Drafted { position, void, reasons, body } = draft;
        let read = self.read_bodies((position, void), |bodies| finish(body, bodies));
        Self::answered(asked, (position, reasons), read)
    }

    /// Reads what the store has as of a position, and says whether anything was missing.
    fn read_bodies<T>(
        &self,
        (position, void): (Position, Void),
        read: impl FnOnce(&mut Bodies<'_>) -> T,
    ) -> (T, bool) {
        self.inner.with_store(|store| {
            let mut bodies = Bodies::new(store, position, void);
            let read = read(&mut bodies);
            ((read, bodies.lags()), bodies.damage())
        })
    }

    fn answered<T>(
        asked: Position,
        (position, mut reasons): (Position, reason::Reasons),
        (body, lags): (T, bool),
    ) -> Answer<T> {
        if lags || position < asked {
            reasons.lag(asked.max(position));
        }
        Answer { position, completeness: reasons.completeness(), body }
    }

    fn ask_store<T>(
        &self,
        ask: impl FnOnce(&crate::store::Store) -> Result<T, StoreError>,
    ) -> Option<T> {
        self.inner.with_store(|store| match store.map(ask).transpose() {
            Ok(found) => (found, None),
            Err(why) => (None, Some(why)),
        })
    }

    fn timed<T>(&self, query: &'static str, ask: impl FnOnce() -> T) -> T {
        let begun = (self.inner.now)().monotonic;
        let answer = ask();
        let took = (self.inner.now)().monotonic.0.saturating_sub(begun.0);
        let took = std::time::Duration::from_nanos(took).as_secs_f64();
        self.inner.metrics.query_seconds.with_label_values(&[query]).observe(took);
        answer
    }
}

/// A record as the north sees it, but for the hash of its plant.
pub fn describe(record: &Record) -> EventView {
    describe::event(record)
}

/// What memory has to say to a question; the rest is read from the store without the lock.
struct Drafted<D> {
    position: Position,
    void: Void,
    reasons: reason::Reasons,
    body: D,
}

impl<D> Drafted<D> {
    fn new(memory: &View<'_>, reasons: reason::Reasons, body: D) -> Self {
        let position = memory.position;
        Self { position, void: memory.void().clone(), reasons, body }
    }
}

fn station_view(memory: &View<'_>, id: &StationId) -> Option<StationView> {
    let void = memory.void();
    let place = memory.places.get(memory.places.find(id)?);
    let key = |node: NodeId| memory.key(node).cloned();
    let current = place.current.filter(|(_, arrived)| !void.contains(arrived));
    let mut newest = place.newest().filter(|(position, _)| !void.contains(position));
    let completed = |(position, node): &(Position, NodeId)| {
        memory.life(*node).at(*position).is_some_and(|m| m.kind == life::Kind::Complete)
    };
    Some(StationView {
        id: id.clone(),
        current: current.and_then(|(node, _)| key(node)),
        last: newest.find(completed).and_then(|(_, node)| key(node)),
        completed: place.counted(Counted::Completed, void),
        mounts: memory
            .mounts
            .in_place(id, void)
            .filter_map(|(point, lot)| Some((Text::parse(point.as_str()).ok()?, key(lot)?)))
            .collect(),
        last_event: place.last_event,
        gap_open: memory.doubts.is_open(id),
        quarantined: place.counted(Counted::Quarantined, void),
    })
}

#[cfg(test)]
mod tests;
