//! Suspect windows: when a station may have been wrong, and what was made there meanwhile.
use super::Drafted;
use super::answer::{SuspectCause, SuspectView, SuspectWindow};
use super::life::{Kind, Moment, StationNumber};
use super::reason::Reasons;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{
    Interval, ItemKey, MonitorId, Onset, Position, Rule, StationId, Utc, Verdict, VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

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
    /// When the rule said that all is well again, or was taken out of the plant, and by which record.
    #[n(4)]
    end: Option<(Position, Utc)>,
    /// It was the rule that said so.
    #[n(5)]
    well: bool,
    /// Whether it is known that the change did not begin before `from`.
    #[n(6)]
    bounded: bool,
}

/// All windows.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Windows {
    #[n(0)]
    by_record: BTreeMap<Position, Window>,
    #[n(1)]
    open: BTreeMap<(StationId, MonitorId, Rule), Position>,
}

impl Windows {
    /// A plant without a monitor says nothing more of it.
    pub(super) fn put_in_force(
        &mut self,
        (position, at): (Position, Utc),
        monitors: &[(StationId, MonitorId)],
    ) {
        let gone: Vec<_> =
            self.open.keys().filter(|(s, m, _)| !is_of(monitors, s, m)).cloned().collect();
        for key in gone {
            self.close(&key, (position, at), false);
        }
    }

    /// A rule spoke; since when it had said that all is well, if it had. Where it cannot bound the begin of a change, the
    /// change may have begun then: whoever recalls takes more rather than less.
    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent, well: Option<Utc>) {
        let begin = |onset: Onset| onset.earliest.or(well).unwrap_or(onset.estimate);
        let rule = event.joins.unwrap_or(event.rule);
        let key = (event.station.clone(), event.monitor.clone(), rule);
        match (event.verdict, event.onset) {
            (Verdict::Drift, Some(onset)) if let Some(over) = event.over => {
                let window = Window {
                    station: event.station.clone(),
                    monitor: event.monitor.clone(),
                    from: begin(onset),
                    causes: BTreeMap::from([(position, cause(event))]),
                    end: Some((position, over)),
                    well: true,
                    bounded: onset.earliest.is_some(),
                };
                self.by_record.insert(position, window);
            }
            (Verdict::Drift, Some(onset)) => {
                let opened = *self.open.entry(key).or_insert(position);
                let window = self.by_record.entry(opened).or_insert_with(|| Window {
                    station: event.station.clone(),
                    monitor: event.monitor.clone(),
                    from: begin(onset),
                    causes: BTreeMap::new(),
                    end: None,
                    well: false,
                    bounded: onset.earliest.is_some(),
                });
                window.causes.insert(position, cause(event));
            }
            (Verdict::InControl, _) => {
                self.close(&key, (position, event.time), true);
            }
            (Verdict::Drift | Verdict::Warning | Verdict::NoData, _) => {}
        }
    }

    fn close(&mut self, key: &(StationId, MonitorId, Rule), end: (Position, Utc), well: bool) {
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
            | Rule::Flat,
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
            Some(SuspectWindow {
                station: window.station.clone(),
                monitor: window.monitor.clone(),
                cause: *cause,
                interval: Interval { from: window.from, to },
                opened: *opened,
                closed: end.map(|(by, _)| by),
                bounded: window.bounded,
                // Right before and right after: it was late, and nothing more.
                cleared: window.well && end.is_some() && *cause == SuspectCause::MasterOverdue,
            })
        })
    }

    /// The window that a record opened, cleared or not.
    pub(super) fn window(&self, opened: Position) -> Option<SuspectWindow> {
        self.windows().find(|window| window.opened == opened)
    }

    /// The items that were worked on in a window.
    pub(super) fn worked_in(&self, window: &SuspectWindow) -> Vec<NodeId> {
        let Some(number) = self.places.find(&window.station) else { return Vec::new() };
        let around = self.places.get(number).around(window.interval, self.void());
        around.into_iter().filter(|node| self.is_in(*node, window)).collect()
    }

    /// The windows that an item was worked on in.
    pub(super) fn suspected(&self, node: NodeId) -> Vec<SuspectWindow> {
        let names = self.names_of(node);
        let windows = self.windows().filter(|window| !window.cleared);
        windows.filter(|window| names.iter().any(|name| self.is_in(*name, window))).collect()
    }

    fn is_in(&self, node: NodeId, window: &SuspectWindow) -> bool {
        let Some(station) = self.places.find(&window.station) else { return false };
        let mut moments = self.life(node).standing(self.void());
        moments.any(|moment| is_work(&moment, station) && meets(&moment, window.interval))
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
    let nodes = memory.worked_in(&window).into_iter();
    let mut items: Vec<ItemKey> = nodes.filter_map(|node| memory.key(node).cloned()).collect();
    items.sort();
    let left_out = items.len().saturating_sub(items_max);
    items.truncate(items_max);
    SuspectView { window, items, left_out }
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
