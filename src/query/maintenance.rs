//! Maintenance: which monitors wait for it, who looks after them, what was done, and whether it helped.
use super::Drafted;
use super::answer::SuspectWindow;
use super::body::Bodies;
use super::monitor::Key;
use super::reason::Reasons;
use super::view::View;
use crate::model::{
    Baseline, Body, ItemKey, MaintenanceEvent, MaintenanceStep, MonitorId, Onset, PersonToken,
    Position, Rule, Side, StationId, Text, Utc, VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// A record of maintenance, with what its monitors had learned before, and what they learned after it.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Work {
    #[n(0)]
    event: MaintenanceEvent,
    /// What was normal of each monitor that it ended, and of all that was made.
    #[n(1)]
    before: BTreeMap<Key, Baseline>,
    /// What was learned since: the first baseline, and its record.
    #[n(2)]
    after: BTreeMap<Key, (Position, Baseline)>,
}

impl Work {
    /// What it was about as of a record: the monitors that had learned something, have learned since, or were named.
    fn ended(&self, as_of: Position) -> BTreeSet<Key> {
        let Self { event, before, after } = self;
        let learned = after.iter().filter(|(_, (at, _))| *at <= as_of).map(|(key, _)| key);
        let mut about: BTreeSet<Key> = before.keys().chain(learned).cloned().collect();
        for monitor in &event.monitors {
            if !about.iter().any(|key| key.monitor == *monitor) {
                about.insert(Key::unknown(&event.station, monitor));
            }
        }
        about
    }
}

/// All that was said of maintenance, by record.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(transparent)]
pub(super) struct Works(#[n(0)] BTreeMap<Position, Work>);

impl Works {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Something was said; of each monitor whose baseline that ends, what it was.
    pub(super) fn take(
        &mut self,
        position: Position,
        event: &MaintenanceEvent,
        before: BTreeMap<Key, Baseline>,
    ) {
        let after = BTreeMap::new();
        self.0.insert(position, Work { event: event.clone(), before, after });
    }

    /// A rule spoke: what its monitor has learned since it was last maintained is known from now on.
    pub(super) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        let Some(baseline) = event.baseline.as_ref().filter(|_| event.rule.is_of_baseline()) else {
            return;
        };
        let done = |work: &&mut Work| work.event.ends(&event.station, &event.monitor);
        if let Some(work) = self.0.values_mut().rev().find(done) {
            let learned = || (position, baseline.clone());
            work.after.entry(Key::of(event)).or_insert_with(learned);
        }
    }

    /// Whether a record says that maintenance was done.
    pub(super) fn has_done(&self, position: Position) -> bool {
        let work = self.0.get(&position);
        work.is_some_and(|work| work.event.step == MaintenanceStep::Done)
    }
}

/// Something that was said of maintenance.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaintenanceSaid {
    /// The record.
    pub position: Position,
    /// When.
    pub time: Utc,
    /// Who says so.
    pub who: PersonToken,
    /// What is, or was, done.
    pub text: Text,
    /// What was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<ItemKey>,
}

/// The verdict that asks for maintenance.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaintenanceRaised {
    /// Its record.
    pub position: Position,
    /// When it was seen.
    pub time: Option<Utc>,
    /// Which rule spoke.
    pub rule: Option<Rule>,
    /// To which side.
    pub side: Option<Side>,
    /// When the change began.
    pub onset: Option<Onset>,
}

/// Maintenance of one monitor: what asked for it, who looked after it, what was done, and whether it helped.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaintenanceView {
    /// Where.
    pub station: StationId,
    /// Of which monitor; `None` if it was done where none had anything to end.
    pub monitor: Option<MonitorId>,
    /// The product of which it was learned what is normal, where that is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// The recipe, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// Whether it is still waited for.
    pub open: bool,
    /// What asked for it; `None` if it was done unasked.
    pub raised: Option<MaintenanceRaised>,
    /// Who looks after it, as was said last.
    pub acknowledged: Option<MaintenanceSaid>,
    /// What was done; `None` if nothing was, or not yet.
    pub done: Option<MaintenanceSaid>,
    /// The record of the plant without the monitor, or of the verdict, that ended the request before anything was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<Position>,
    /// What was normal until then; `None` if nothing was learned.
    pub before: Option<Baseline>,
    /// What is normal since; `None` until it is learned.
    pub after: Option<Baseline>,
    /// The record by which the monitor drifted again since.
    pub again: Option<Position>,
}

/// What memory knows of it.
pub(super) struct RowDraft {
    view: MaintenanceView,
    /// The record that asked for it.
    raised: Option<Position>,
}

impl View<'_> {
    /// All that was said as of this position.
    fn works(&self) -> impl DoubleEndedIterator<Item = (Position, &Work)> {
        let known = self.monitors.works().0.range(..=self.position);
        known.map(|(position, work)| (*position, work))
    }

    /// A request, with what was done about it.
    fn request(&self, window: &SuspectWindow, again: Option<Position>) -> RowDraft {
        let SuspectWindow { station, monitor, opened, closed, .. } = window;
        let end = closed.unwrap_or(self.position);
        let during = self.monitors.works().0.range(*opened..=end).rev();
        let mut during = during.filter(|(_, work)| work.event.concerns(station, monitor));
        let acknowledged = during
            .find(|(_, work)| work.event.step == MaintenanceStep::Acknowledge)
            .map(|(position, work)| said(*position, work));
        let by = closed.and_then(|by| Some((by, self.monitors.works().0.get(&by)?)));
        let lapsed = closed.filter(|_| by.is_none());
        let key = key_of(window);
        let mut view = self.row(station, Some(&key), by, again);
        (view.open, view.acknowledged, view.lapsed) = (closed.is_none(), acknowledged, lapsed);
        RowDraft { view, raised: Some(*opened) }
    }

    fn row(
        &self,
        station: &StationId,
        of: Option<&Key>,
        done: Option<(Position, &Work)>,
        again: Option<Position>,
    ) -> MaintenanceView {
        let was = |(_, work): (_, &Work)| of.and_then(|key| work.before.get(key).cloned());
        let learned = |(_, work): (_, &Work)| of.and_then(|key| work.after.get(key).cloned());
        let after = done.and_then(learned).filter(|(position, _)| *position <= self.position);
        MaintenanceView {
            station: station.clone(),
            monitor: of.map(|key| key.monitor.clone()),
            product: of.and_then(|key| key.product.clone()),
            recipe: of.and_then(|key| key.recipe.clone()),
            open: false,
            raised: None,
            acknowledged: None,
            done: done.map(|(position, work)| said(position, work)),
            lapsed: None,
            before: done.and_then(was),
            after: after.map(|(_, baseline)| baseline),
            again,
        }
    }
}

fn key_of(window: &SuspectWindow) -> Key {
    let SuspectWindow { station, monitor, product, recipe, .. } = window.clone();
    Key { station, monitor, product, recipe }
}

fn said(position: Position, work: &Work) -> MaintenanceSaid {
    let MaintenanceEvent { who, text, item, time, .. } = &work.event;
    MaintenanceSaid { position, time: *time, who: *who, text: text.clone(), item: item.clone() }
}

/// Maintenance at all stations, or at one, the last first; only what is waited for, or only what is not, if told.
pub(super) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
    open: Option<bool>,
) -> Drafted<Vec<RowDraft>> {
    let mut reasons = Reasons::default();
    let is_here = |id: &StationId| station.is_none_or(|one| one == id);
    let mut drifts: Vec<SuspectWindow> =
        memory.drifts().filter(|window| is_here(&window.station)).collect();
    drifts.sort_by_key(|window| window.opened);
    let mut opened: BTreeMap<(&StationId, &MonitorId), Vec<Position>> = BTreeMap::new();
    for window in &drifts {
        opened.entry((&window.station, &window.monitor)).or_default().push(window.opened);
    }
    // Whatever is made, it is the machine that drifts; after the next maintenance that is another question.
    let again = |station: &StationId, monitor: &MonitorId, after: Position| {
        let first = opened.get(&(station, monitor))?.iter().find(|at| **at > after).copied()?;
        let between = memory.works().skip_while(|(at, _)| *at <= after);
        let mut between = between.take_while(|(at, _)| *at < first);
        (!between.any(|(_, work)| work.event.ends(station, monitor))).then_some(first)
    };
    let mut rows: Vec<(Position, RowDraft)> = Vec::new();
    for window in &drifts {
        if open.is_none_or(|open| open == window.closed.is_none()) {
            reasons.station(memory, &window.station, window.interval);
            let SuspectWindow { station, monitor, opened, closed, .. } = window;
            let since = closed.and_then(|by| again(station, monitor, by));
            rows.push((*opened, memory.request(window, since)));
        }
    }
    let done = |(_, work): &(Position, &Work)| {
        work.event.step == MaintenanceStep::Done && is_here(&work.event.station)
    };
    for (position, work) in memory.works().filter(done).filter(|_| open != Some(true)) {
        let station = &work.event.station;
        let asked = drifts.iter().filter(|window| window.closed == Some(position));
        let asked: BTreeSet<Key> = asked.map(key_of).collect();
        let ended = work.ended(memory.position);
        let unasked = ended.iter().filter(|key| !asked.contains(*key)).map(Some);
        let mut unasked: Vec<Option<&Key>> = unasked.collect();
        if asked.is_empty() && unasked.is_empty() {
            unasked.push(None);
        }
        for key in unasked {
            let since = key.and_then(|key| again(station, &key.monitor, position));
            let view = memory.row(station, key, Some((position, work)), since);
            rows.push((position, RowDraft { view, raised: None }));
        }
    }
    rows.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
    Drafted::new(memory, reasons, rows.into_iter().map(|(_, row)| row).collect())
}

/// With what the records of the verdicts say.
pub(super) fn finish(rows: Vec<RowDraft>, bodies: &mut Bodies<'_>) -> Vec<MaintenanceView> {
    let finish = |RowDraft { mut view, raised }: RowDraft| {
        if let Some(position) = raised {
            let spoken = bodies.record(position).and_then(|record| match record.body {
                Body::Verdict(spoken) => Some(spoken),
                Body::Trace(_)
                | Body::Quarantine(_)
                | Body::Gap(_)
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
            let spoken = spoken.as_ref();
            view.raised = Some(MaintenanceRaised {
                position,
                time: spoken.map(|spoken| spoken.time),
                rule: spoken.map(|spoken| spoken.rule),
                side: spoken.and_then(|spoken| spoken.side),
                onset: spoken.and_then(|spoken| spoken.onset),
            });
            // Of one that is waited for nothing was ended yet: it is what the drift was judged by.
            let judged_by = spoken.and_then(|spoken| spoken.baseline.clone());
            view.before = view.before.or(judged_by);
        }
        view
    };
    rows.into_iter().map(finish).collect()
}
