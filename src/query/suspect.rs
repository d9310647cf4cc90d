//! Suspect windows: when a station may have been wrong, and what was made there meanwhile.
use super::Drafted;
use super::answer::{SuspectCause, SuspectEnd, SuspectView, SuspectWindow};
use super::life::{Kind, Moment, StationNumber};
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{
    Interval, ItemKey, MaintenanceEvent, MonitorId, Onset, Position, Rule, StationId, Text, Utc,
    Verdict, VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// One window, by the record that opened it.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Window {
    #[n(0)]
    station: StationId,
    #[n(1)]
    monitor: MonitorId,
    #[n(2)]
    from: Utc,
    /// Why, by the records that say so: what was overdue may turn out to be wrong.
    #[n(3)]
    causes: BTreeMap<Position, SuspectCause>,
    /// When the rule said that all is well again, maintenance was done, or it was taken out of the plant; and by which record.
    #[n(4)]
    end: Option<(Position, Utc)>,
    /// It was the rule that said so.
    #[n(5)]
    well: bool,
    /// Whether it is known that the change did not begin before `from`.
    #[n(6)]
    bounded: bool,
    /// What was made by whose baseline the rule judged.
    #[n(7)]
    product: Option<Text>,
    #[n(8)]
    recipe: Option<Text>,
    /// When the change most likely began, as a baseline says.
    #[n(9)]
    likely: Option<Utc>,
}

/// Who may end a window: the same rule, of the same that is made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
struct Key {
    #[n(0)]
    station: StationId,
    #[n(1)]
    monitor: MonitorId,
    #[n(2)]
    rule: Rule,
    #[n(3)]
    product: Option<Text>,
    #[n(4)]
    recipe: Option<Text>,
}

impl Window {
    /// It has not ended, and why it is there is not said yet.
    fn new(event: &VerdictEvent, from: Utc, bounded: bool) -> Self {
        let likely = event.onset.filter(|_| event.rule.is_of_baseline());
        Self {
            station: event.station.clone(),
            monitor: event.monitor.clone(),
            from,
            causes: BTreeMap::new(),
            end: None,
            well: false,
            bounded,
            product: event.product.clone(),
            recipe: event.recipe.clone(),
            likely: likely.map(|onset| onset.estimate.max(from)),
        }
    }
}

/// All windows.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Windows {
    #[n(0)]
    by_record: BTreeMap<Position, Window>,
    #[n(1)]
    open: BTreeMap<Key, Position>,
}

impl Windows {
    /// A plant without a monitor says nothing more of it.
    pub(super) fn put_in_force(
        &mut self,
        (position, at): (Position, Utc),
        monitors: &[(StationId, MonitorId)],
    ) {
        let gone = |key: &&Key| !is_of(monitors, &key.station, &key.monitor);
        for key in self.open.keys().filter(gone).cloned().collect::<Vec<_>>() {
            self.close(&key, (position, at), false);
        }
    }

    /// What is learned anew says nothing more of what was before, which was over then.
    pub(super) fn maintained(&mut self, end: (Position, Utc), event: &MaintenanceEvent) {
        let ends = |key: &&Key| key.rule != Rule::Master && event.ends(&key.station, &key.monitor);
        let ended: Vec<_> = self.open.keys().filter(ends).cloned().collect();
        for key in ended {
            self.close(&key, end, false);
        }
    }

    /// A rule spoke; since when it had said that all is well, if it had. Where it cannot bound the begin of a change, the
    /// change may have begun then: whoever recalls takes more rather than less.
    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent, well: Option<Utc>) {
        let begin = |onset: Onset| onset.earliest.or(well).unwrap_or(onset.estimate);
        let rule = event.joins.unwrap_or(event.rule);
        let key = Key {
            station: event.station.clone(),
            monitor: event.monitor.clone(),
            rule,
            product: event.product.clone(),
            recipe: event.recipe.clone(),
        };
        if event.is_forgotten() {
            return self.forget(&key, (position, event.time));
        }
        match (event.verdict, event.onset) {
            (Verdict::Drift, Some(onset)) if let Some(over) = event.over => {
                let window = Window::new(event, begin(onset), onset.earliest.is_some());
                let causes = BTreeMap::from([(position, cause(event))]);
                let end = Some((position, over));
                self.by_record.insert(position, Window { causes, end, well: true, ..window });
            }
            (Verdict::Drift, Some(onset)) => {
                let opened = *self.open.entry(key).or_insert(position);
                let new = || Window::new(event, begin(onset), onset.earliest.is_some());
                let window = self.by_record.entry(opened).or_insert_with(new);
                window.causes.insert(position, cause(event));
            }
            (Verdict::InControl, _) => {
                self.close(&key, (position, event.time), true);
            }
            (Verdict::Drift | Verdict::Warning | Verdict::NoData, _) => {}
        }
    }

    /// Nobody says any more of this that it is well.
    fn forget(&mut self, of: &Key, end: (Position, Utc)) {
        let Key { station, monitor, rule: _, product, recipe } = of;
        let is_of = |key: &&Key| {
            key.rule.is_of_baseline()
                && (&key.station, &key.monitor) == (station, monitor)
                && (&key.product, &key.recipe) == (product, recipe)
        };
        for key in self.open.keys().filter(is_of).cloned().collect::<Vec<_>>() {
            self.close(&key, end, false);
        }
    }

    fn close(&mut self, key: &Key, end: (Position, Utc), well: bool) {
        let window = self.open.remove(key).and_then(|at| self.by_record.get_mut(&at));
        if let Some(window) = window {
            (window.end, window.well) = (Some(end), well);
        }
    }
}

fn is_of(monitors: &[(StationId, MonitorId)], station: &StationId, monitor: &MonitorId) -> bool {
    monitors.iter().any(|(s, m)| s == station && m == monitor)
}

fn cause(event: &VerdictEvent) -> SuspectCause {
    match (event.rule, &event.item) {
        (Rule::Master, Some(_)) => SuspectCause::MasterWrong,
        (Rule::Master, None) => SuspectCause::MasterOverdue,
        (
            Rule::Limit
            | Rule::Ewma
            | Rule::Cusum
            | Rule::Shewhart
            | Rule::WesternElectric
            | Rule::Nelson
            | Rule::Missing
            | Rule::Flat
            | Rule::Variance
            | Rule::Forecast
            | Rule::Rate
            | Rule::Mewma
            | Rule::TSquared
            | Rule::Usage,
            _,
        ) => SuspectCause::Drift,
    }
}

impl View<'_> {
    /// The windows as they stand, the last opened first.
    pub(super) fn windows(&self) -> impl Iterator<Item = SuspectWindow> {
        let position = self.position;
        let known = self.suspects.by_record.range(..=position).rev();
        known.filter_map(move |(opened, window)| {
            let (_, cause) = window.causes.range(..=position).next_back()?;
            let end = window.end.filter(|(by, _)| *by <= position);
            let to = end.map(|(_, to)| to.max(window.from));
            let ended = end.map(|(by, _)| self.ended(window, by));
            Some(SuspectWindow {
                station: window.station.clone(),
                monitor: window.monitor.clone(),
                cause: *cause,
                interval: Interval { from: window.from, to },
                opened: *opened,
                closed: end.map(|(by, _)| by),
                ended,
                bounded: window.bounded,
                // Right before and right after: it was late, and nothing more.
                cleared: window.well && end.is_some() && *cause == SuspectCause::MasterOverdue,
                product: window.product.clone(),
                recipe: window.recipe.clone(),
                likely: window.likely,
            })
        })
    }

    fn ended(&self, window: &Window, by: Position) -> SuspectEnd {
        if window.well {
            SuspectEnd::Well
        } else if self.monitors.works().has_done(by) {
            SuspectEnd::Maintenance
        } else {
            SuspectEnd::Plant
        }
    }

    /// The windows of drifts, cleared or not.
    pub(super) fn drifts(&self) -> impl Iterator<Item = SuspectWindow> {
        self.windows().filter(|window| window.cause == SuspectCause::Drift)
    }

    /// The window that a record opened, cleared or not.
    pub(super) fn window(&self, opened: Position) -> Option<SuspectWindow> {
        self.windows().find(|window| window.opened == opened)
    }

    /// The items that were worked on in a window.
    pub(super) fn worked_in(&self, window: &SuspectWindow) -> Vec<NodeId> {
        self.worked_on(&window.station, window.interval)
    }

    fn worked_on(&self, station: &StationId, interval: Interval) -> Vec<NodeId> {
        let Some(station) = self.places.find(station) else { return Vec::new() };
        let around = self.places.get(station).around(interval, self.void());
        around.into_iter().filter(|node| self.is_in(*node, station, interval)).collect()
    }

    /// The windows that an item was worked on in.
    pub(super) fn suspected(&self, node: NodeId) -> Vec<SuspectWindow> {
        let names = self.names_of(node);
        let windows = self.windows().filter(|window| !window.cleared);
        let meets = |window: &SuspectWindow| {
            let station = self.places.find(&window.station);
            let is_in = |station| names.iter().any(|n| self.is_in(*n, station, window.interval));
            station.is_some_and(is_in)
        };
        windows.filter(meets).collect()
    }

    fn is_in(&self, node: NodeId, station: StationNumber, interval: Interval) -> bool {
        let mut moments = self.life(node).standing(self.void());
        moments.any(|moment| is_work(&moment, station) && meets(&moment, interval))
    }
}

/// The suspect windows of all stations, or of one, with what was made in each; at most `items_max` items
/// of a window are named, and the others are counted.
pub(super) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
    items_max: usize,
) -> Drafted<Vec<SuspectView>> {
    let mut reasons = Reasons::default();
    let is_of = |w: &SuspectWindow| station.is_none_or(|one| w.station == *one);
    let views = views(memory, is_of, items_max, &mut reasons);
    Drafted::new(memory, reasons, views)
}

/// Those windows of them that are wanted, and what was not observed in them.
pub(super) fn views(
    memory: &View<'_>,
    wanted: impl Fn(&SuspectWindow) -> bool,
    items_max: usize,
    reasons: &mut Reasons,
) -> Vec<SuspectView> {
    let mut views = Vec::new();
    for window in memory.windows().filter(wanted) {
        reasons.station(memory, &window.station, window.interval);
        views.push(view(memory, window, items_max));
    }
    views
}

/// The windows that have not ended, the last opened first.
pub(super) fn open(memory: &View<'_>, items_max: usize) -> Vec<SuspectView> {
    let open = memory.windows().filter(|window| window.closed.is_none());
    open.map(|window| view(memory, window, items_max)).collect()
}

fn view(memory: &View<'_>, window: SuspectWindow, items_max: usize) -> SuspectView {
    let named = |nodes: Vec<NodeId>| -> BTreeSet<ItemKey> {
        nodes.into_iter().filter_map(|node| memory.key(node).cloned()).collect()
    };
    let items = named(memory.worked_in(&window));
    let touched = window.likely.map(|from| Interval { from, ..window.interval });
    let touched =
        touched.map(|since| named(memory.worked_on(&window.station, since))).unwrap_or_default();
    let left_out = items.len().saturating_sub(items_max);
    let items: Vec<ItemKey> = items.into_iter().take(items_max).collect();
    let confirmed = items.iter().filter(|item| touched.contains(*item)).cloned().collect();
    SuspectView { window, items, confirmed, left_out }
}

/// Whether any of it may have been done within.
fn meets(moment: &Moment, interval: Interval) -> bool {
    let (from, to) = (moment.from.min(moment.time), moment.to.max(moment.time));
    let stay = Interval { from, to: Some(to) };
    interval.contains(moment.time) || (from < to && interval.overlaps(stay))
}

/// Whether it is work that the station may have done, or judged, wrongly.
fn is_work(moment: &Moment, station: StationNumber) -> bool {
    let done = matches!(moment.kind, Kind::Complete | Kind::Present);
    done && moment.production && moment.station == Some(station)
}
