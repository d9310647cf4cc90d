//! What this room asks of `query`, so that its tests can answer instead.
use crate::model::{
    CaseId, Frozen, Interval, ItemClass, ItemKey, MonitorId, Position, StationId, Text, Utc,
};
use crate::query::{
    AlarmLoad, AlarmState, AlarmView, Answer, Before, CapabilityView, CaseDifference, CaseShown,
    CaseView, ChartAsked, ChartView, ConditionShown, ConditionView, Coverage, Direction, EventView,
    Freezing, GapView, ItemView, MaintenanceView, MockOf, MockRecall, Query, Recall, RecallOf,
    Resolution, ScheduleView, Sheet, StandingHold, StationView, SuspectView, Trace, Undrilled,
    Unfrozen, Why, WhyAsked, Yield,
};
use std::collections::BTreeMap;

/// What is told of maintenance; `None` if the station is not recorded.
type Rows = Option<Answer<Vec<MaintenanceView>>>;
/// What is maintained by use; `None` if the station is not recorded.
type Schedules = Option<Answer<Vec<ScheduleView>>>;

/// What is told of alarms, likewise.
type Alarmed = Option<Answer<Vec<AlarmView>>>;

/// The questions of [`Query`] that are asked over HTTP. They may take long: they are asked on threads
/// that may block.
pub trait Source: ConditionSource + Send + Sync {
    /// Up to which record questions are answered.
    fn position(&self) -> Position;
    /// The last record that there was at the start, as long as what is known is not that of all up to it.
    fn filling(&self) -> Option<Position>;
    /// The same, as long as not all up to it can be found by what they say.
    fn indexing(&self) -> Option<Position>;
    /// Finds what a person typed; of a label with several items that of the wanted class.
    fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution;
    /// One item as of a record; `None` if not recorded.
    fn item(&self, key: &ItemKey, as_of: Position) -> Option<Answer<ItemView>>;
    /// Everything that an item was made of, or went into, as of a record.
    fn trace(
        &self,
        key: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
        as_of: Position,
    ) -> Option<Answer<Trace>>;
    /// Everything that a lot went into, as of a record.
    fn recall(&self, of: &RecallOf, as_of: Position) -> Option<Answer<Recall>>;
    /// The holds that stand as of a record, the first recorded first.
    fn holds(&self, as_of: Position) -> Answer<Vec<StandingHold>>;
    /// The answer of a recall as it can be frozen as a case.
    fn freeze(&self, of: &RecallOf, as_of: Position) -> Result<Freezing, Unfrozen>;
    /// What an answer has that a frozen one had not, and the other way.
    fn since(&self, before: &Frozen, after: &Recall) -> Result<CaseDifference, Unfrozen>;
    /// Whom to tell of what a recall found to have left.
    fn sheets(&self, recall: &Answer<Recall>, contacts: &BTreeMap<Text, Text>) -> Vec<Sheet>;
    /// Asks as a recall in earnest would ask, and says what of the answer can be acted upon.
    fn drill(
        &self,
        of: &MockOf,
        direction: Direction,
        contacts: &BTreeMap<Text, Text>,
    ) -> Result<Answer<MockRecall>, Undrilled>;
    /// Of how many items that were finished in an interval every demanded step is on record.
    fn coverage(&self, interval: Interval) -> Answer<Coverage>;
    /// The cases of recall as of a record, the newest first.
    fn cases(&self, as_of: Position) -> Vec<CaseView>;
    /// One case; `None` if no record opened it.
    fn case(&self, id: CaseId) -> Option<CaseView>;
    /// A case with its question asked again as of then, and asked now.
    fn case_again(&self, id: CaseId) -> Option<Result<CaseShown, Unfrozen>>;
    /// What the stations, or one of them, completed in an interval, as of a record; `None` if not recorded.
    fn yields(
        &self,
        station: Option<&StationId>,
        interval: Interval,
        as_of: Position,
    ) -> Option<Answer<Yield>>;
    /// When stations, or one of them, may have been wrong, and what was made meanwhile; `None` if not recorded.
    fn suspects(
        &self,
        station: Option<&StationId>,
        items_max: usize,
        as_of: Position,
    ) -> Option<Answer<Vec<SuspectView>>>;
    /// Maintenance at the stations, or at one, as of a record.
    fn maintenance(&self, at: Option<&StationId>, open: Option<bool>, as_of: Position) -> Rows;
    /// What is maintained by use at the stations, or at one.
    fn schedules(&self, at: Option<&StationId>) -> Schedules;
    /// Why items went bad, as of a record; `None` if the station or an item is not recorded.
    fn why(&self, asked: &WhyAsked, as_of: Position) -> Option<Answer<Why>>;
    /// The times in which stations may have been wrong that have not ended, the last first.
    fn open_suspects(&self, items_max: usize) -> Vec<SuspectView>;
    /// The stations, in the order of the plant.
    fn stations(&self) -> Vec<StationView>;
    /// The items of a class last written about, newest first.
    fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey>;
    /// The records after `after`, oldest first.
    fn events(&self, after: Position, count_max: usize) -> Vec<EventView>;
    /// The monitors with their verdicts.
    fn conditions(&self) -> Vec<ConditionView>;
    /// The last gaps, newest first.
    fn gaps(&self, count_max: usize) -> Vec<GapView>;
}

impl Source for Query {
    fn position(&self) -> Position {
        self.position()
    }

    fn filling(&self) -> Option<Position> {
        self.filling()
    }

    fn indexing(&self) -> Option<Position> {
        self.indexing()
    }

    fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution {
        self.resolve(text, wanted)
    }

    fn item(&self, key: &ItemKey, as_of: Position) -> Option<Answer<ItemView>> {
        self.item_as_of(key, as_of)
    }

    fn trace(
        &self,
        key: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
        as_of: Position,
    ) -> Option<Answer<Trace>> {
        self.trace_as_of(key, direction, depth_max, as_of)
    }

    fn recall(&self, of: &RecallOf, as_of: Position) -> Option<Answer<Recall>> {
        self.recall_as_of(of, as_of)
    }

    fn holds(&self, as_of: Position) -> Answer<Vec<StandingHold>> {
        self.holds(as_of)
    }

    fn freeze(&self, of: &RecallOf, as_of: Position) -> Result<Freezing, Unfrozen> {
        self.freeze(of, as_of)
    }

    fn since(&self, before: &Frozen, after: &Recall) -> Result<CaseDifference, Unfrozen> {
        self.since(before, after)
    }

    fn sheets(&self, recall: &Answer<Recall>, contacts: &BTreeMap<Text, Text>) -> Vec<Sheet> {
        self.sheets(recall, contacts)
    }

    fn drill(
        &self,
        of: &MockOf,
        direction: Direction,
        contacts: &BTreeMap<Text, Text>,
    ) -> Result<Answer<MockRecall>, Undrilled> {
        self.drill(of, direction, contacts)
    }

    fn coverage(&self, interval: Interval) -> Answer<Coverage> {
        self.coverage(interval)
    }

    fn cases(&self, as_of: Position) -> Vec<CaseView> {
        self.cases(as_of)
    }

    fn case(&self, id: CaseId) -> Option<CaseView> {
        self.case(id)
    }

    fn case_again(&self, id: CaseId) -> Option<Result<CaseShown, Unfrozen>> {
        self.case_again(id)
    }

    fn yields(
        &self,
        station: Option<&StationId>,
        interval: Interval,
        as_of: Position,
    ) -> Option<Answer<Yield>> {
        self.yields(station, interval, as_of)
    }

    fn suspects(
        &self,
        station: Option<&StationId>,
        items_max: usize,
        as_of: Position,
    ) -> Option<Answer<Vec<SuspectView>>> {
        self.suspects(station, items_max, as_of)
    }

    fn maintenance(&self, at: Option<&StationId>, open: Option<bool>, as_of: Position) -> Rows {
        self.maintenance(at, open, as_of)
    }

    fn schedules(&self, at: Option<&StationId>) -> Schedules {
        self.schedules(at)
    }

    fn why(&self, asked: &WhyAsked, as_of: Position) -> Option<Answer<Why>> {
        self.why(asked, as_of)
    }

    fn open_suspects(&self, items_max: usize) -> Vec<SuspectView> {
        self.open_suspects(items_max)
    }

    fn stations(&self) -> Vec<StationView> {
        self.stations()
    }

    fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey> {
        self.recent(class, count_max)
    }

    fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        self.events(after, count_max)
    }

    fn conditions(&self) -> Vec<ConditionView> {
        self.conditions()
    }

    fn gaps(&self, count_max: usize) -> Vec<GapView> {
        self.gaps(count_max)
    }
}

/// Those of them that are about one condition.
pub trait ConditionSource {
    /// One monitor with all that is known of its condition; `None` if not recorded.
    fn condition(
        &self,
        station: &StationId,
        monitor: &MonitorId,
        items_max: usize,
    ) -> Option<Answer<ConditionShown>>;
    /// What a chart of a monitor shows; `None` if not recorded.
    fn chart(&self, of: &ChartAsked) -> Option<Answer<ChartView>>;
    /// How well the values of a monitor fit between their specification limits; `None` if not recorded.
    fn capability(
        &self,
        of: (&StationId, &MonitorId),
        within: (Interval, Option<Before>),
        values_max: usize,
    ) -> Option<Answer<CapabilityView>>;
    /// The alarms, or those of one station, in a state or all that are not normal; `None` if the station is not recorded.
    fn alarms(&self, at: Option<&StationId>, state: Option<AlarmState>) -> Alarmed;
    /// How many alarms an operator is told of now.
    fn alarm_load(&self, now: Utc) -> Answer<AlarmLoad>;
}

impl ConditionSource for Query {
    fn condition(
        &self,
        station: &StationId,
        monitor: &MonitorId,
        items_max: usize,
    ) -> Option<Answer<ConditionShown>> {
        self.condition(station, monitor, items_max)
    }

    fn chart(&self, of: &ChartAsked) -> Option<Answer<ChartView>> {
        self.chart(of)
    }

    fn capability(
        &self,
        of: (&StationId, &MonitorId),
        within: (Interval, Option<Before>),
        values_max: usize,
    ) -> Option<Answer<CapabilityView>> {
        self.capability(of, within, values_max)
    }

    fn alarms(&self, at: Option<&StationId>, state: Option<AlarmState>) -> Alarmed {
        self.alarms(at, state)
    }

    fn alarm_load(&self, now: Utc) -> Answer<AlarmLoad> {
        self.alarm_load(now)
    }
}
