//! Maintenance: which monitors wait for it, who looks after them, what was done, and whether it helped.
use super::Drafted;
use super::answer::SuspectWindow;
use super::body::Bodies;
use super::monitor::Key;
use super::reason::Reasons;
use super::view::View;
use crate::condition::Used;
use crate::model::{
    Baseline, Body, Interval, ItemKey, MaintenanceEvent, MaintenanceStep, MonitorId, Onset,
    PersonToken, Position, Reach, Rule, Side, StationId, Text, Ucum, Utc, VerdictEvent,
};
use std::collections::{BTreeMap, BTreeSet};

mod ask;
mod schedule;
mod work;

use ask::Ask;
pub(super) use ask::Asks;
pub use schedule::ScheduleView;
pub(super) use schedule::draft as draft_schedules;
use work::Work;
pub(super) use work::Works;

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
    /// What decided: a statistic, where the value was, how much was used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<f64>,
    /// What that was held against.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// The unit of both.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit: Option<Ucum>,
    /// When the limit is reached, of a forecast.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaches: Option<Reach>,
}

/// How much a station was used between two times that something of it is maintained.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaintenanceUse {
    /// How much it was: when it was done, else when it was asked for.
    pub used: f64,
    /// After how much it is due.
    pub every: f64,
    /// The unit of both: parts, or hours at work.
    pub unit: Option<Ucum>,
}

/// Where a trend leads after maintenance that broke it off.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct MaintenanceTrend {
    /// The record that says so.
    pub position: Position,
    /// When it was seen.
    pub time: Utc,
    /// Where the value was, in the monitor's unit.
    pub level: Option<f64>,
    /// The limit that it goes to; `None` if it goes nowhere.
    pub limit: Option<f64>,
    /// When it is reached.
    pub reaches: Option<Reach>,
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
    /// The record by which the monitor drifted, or was forecast to reach a limit, again since.
    pub again: Option<Position>,
    /// Of what is maintained by use: how much that was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<MaintenanceUse>,
    /// Of a forecast: where the trend leads since; `None` until there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trend: Option<MaintenanceTrend>,
}

/// What memory knows of it.
pub(super) struct RowDraft {
    view: MaintenanceView,
    /// The record that asked for it.
    raised: Option<Position>,
    /// The record that says where the trend leads since.
    trend: Option<Position>,
}

/// What asks for maintenance: a drift, by whatever rule, or the warning of a rule.
struct Request {
    key: Key,
    /// `None` for a drift.
    rule: Option<Rule>,
    interval: Interval,
    opened: Position,
    closed: Option<Position>,
}

impl From<SuspectWindow> for Request {
    fn from(window: SuspectWindow) -> Self {
        let SuspectWindow { station, monitor, product, recipe, .. } = window;
        let key = Key { station, monitor, product, recipe };
        let SuspectWindow { interval, opened, closed, .. } = window;
        Self { key, rule: None, interval, opened, closed }
    }
}

impl View<'_> {
    /// All that was said as of this position.
    fn works(&self) -> impl DoubleEndedIterator<Item = (Position, &Work)> {
        let known = self.monitors.works().0.range(..=self.position);
        known.map(|(position, work)| (*position, work))
    }

    /// All that was asked for as of this position, in the order of the record.
    fn requests(&self, is_here: impl Fn(&StationId) -> bool) -> Vec<Request> {
        let known = self.monitors.asks().by_record.range(..=self.position);
        let asked = known.map(|(opened, ask)| self.asked(*opened, ask));
        let all = self.drifts().map(Request::from).chain(asked);
        let mut all: Vec<Request> = all.filter(|request| is_here(&request.key.station)).collect();
        all.sort_by_key(|request| request.opened);
        all
    }

    fn asked(&self, opened: Position, ask: &Ask) -> Request {
        let end = ask.end.filter(|(by, _)| *by <= self.position);
        let interval = Interval { from: ask.since, to: end.map(|(_, to)| to.max(ask.since)) };
        let key = Key::unknown(&ask.station, &ask.monitor);
        Request { key, rule: Some(ask.rule), interval, opened, closed: end.map(|(by, _)| by) }
    }

    /// A request, with what was done about it.
    fn request(&self, request: &Request, again: Option<Position>) -> RowDraft {
        let Request { key, opened, closed, .. } = request;
        let end = closed.unwrap_or(self.position);
        let during = self.monitors.works().0.range(*opened..=end).rev();
        let mut during = during.filter(|(_, work)| work.event.concerns(&key.station, &key.monitor));
        let acknowledged = during
            .find(|(_, work)| work.event.step == MaintenanceStep::Acknowledge)
            .map(|(position, work)| said(*position, work));
        let by = closed.and_then(|by| Some((by, self.monitors.works().0.get(&by)?)));
        let lapsed = closed.filter(|_| by.is_none());
        let mut view = self.row(&key.station, Some(key), by, again);
        (view.open, view.acknowledged, view.lapsed) = (closed.is_none(), acknowledged, lapsed);
        let trend = by.filter(|_| request.rule == Some(Rule::Forecast));
        let trend = trend.and_then(|(_, work)| work.trends.get(&key.monitor).copied());
        let trend = trend.filter(|position| *position <= self.position);
        RowDraft { view, raised: Some(*opened), trend }
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
        let used =
            |(_, work): (_, &Work)| of.and_then(|key| Some(usage(work.used.get(&key.monitor)?)));
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
            usage: done.and_then(used),
            trend: None,
        }
    }
}

fn said(position: Position, work: &Work) -> MaintenanceSaid {
    let MaintenanceEvent { who, text, item, time, .. } = &work.event;
    MaintenanceSaid { position, time: *time, who: *who, text: text.clone(), item: item.clone() }
}

fn usage(used: &Used) -> MaintenanceUse {
    let Used { every, used, .. } = used;
    let unit = Ucum::parse(every.unit()).ok();
    MaintenanceUse { used: every.shown(*used), every: every.shown(every.every()), unit }
}

/// Maintenance at all stations, or at one, the last first; only what is waited for, or only what is not, if told.
pub(super) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
    open: Option<bool>,
) -> Drafted<Vec<RowDraft>> {
    let mut reasons = Reasons::default();
    let is_here = |id: &StationId| station.is_none_or(|one| one == id);
    let requests = memory.requests(is_here);
    let mut opened: BTreeMap<(&StationId, &MonitorId, Option<Rule>), Vec<Position>> =
        BTreeMap::new();
    for Request { key, rule, opened: at, .. } in &requests {
        opened.entry((&key.station, &key.monitor, *rule)).or_default().push(*at);
    }
    // Whatever is made, it is the machine that drifts; after the next maintenance that is another question. What is due by use
    // comes again and says nothing.
    let again = |Key { station, monitor, .. }: &Key, rule: Option<Rule>, after: Position| {
        let known = opened.get(&(station, monitor, rule)).filter(|_| rule != Some(Rule::Usage))?;
        let first = known.iter().find(|at| **at > after).copied()?;
        let between = memory.works().skip_while(|(at, _)| *at <= after);
        let mut between = between.take_while(|(at, _)| *at < first);
        (!between.any(|(_, work)| work.event.ends(station, monitor))).then_some(first)
    };
    let mut rows: Vec<(Position, RowDraft)> = Vec::new();
    let wanted = |request: &&Request| open.is_none_or(|open| open == request.closed.is_none());
    for request in requests.iter().filter(wanted) {
        let Request { key, rule, interval, opened, closed } = request;
        reasons.station(memory, &key.station, *interval);
        let since = closed.and_then(|by| again(key, *rule, by));
        rows.push((*opened, memory.request(request, since)));
    }
    let done = |(_, work): &(Position, &Work)| {
        work.event.step == MaintenanceStep::Done && is_here(&work.event.station)
    };
    for (position, work) in memory.works().filter(done).filter(|_| open != Some(true)) {
        let station = &work.event.station;
        let asked = requests.iter().filter(|request| request.closed == Some(position));
        let asked: BTreeSet<&Key> = asked.map(|request| &request.key).collect();
        let ended = work.ended(memory.position);
        let unasked = ended.iter().filter(|key| !asked.contains(*key)).map(Some);
        let mut unasked: Vec<Option<&Key>> = unasked.collect();
        if asked.is_empty() && unasked.is_empty() {
            unasked.push(None);
        }
        for key in unasked {
            let since = key.and_then(|key| again(key, None, position));
            let view = memory.row(station, key, Some((position, work)), since);
            rows.push((position, RowDraft { view, raised: None, trend: None }));
        }
    }
    rows.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
    Drafted::new(memory, reasons, rows.into_iter().map(|(_, row)| row).collect())
}

/// With what the records of the verdicts say.
pub(super) fn finish(rows: Vec<RowDraft>, bodies: &mut Bodies<'_>) -> Vec<MaintenanceView> {
    let finish = |RowDraft { mut view, raised, trend }: RowDraft| {
        if let Some(position) = raised {
            let spoken = spoken(bodies, position);
            let spoken = spoken.as_ref();
            view.raised = Some(MaintenanceRaised {
                position,
                time: spoken.map(|spoken| spoken.time),
                rule: spoken.map(|spoken| spoken.rule),
                side: spoken.and_then(|spoken| spoken.side),
                onset: spoken.and_then(|spoken| spoken.onset),
                statistic: spoken.and_then(|spoken| spoken.statistic),
                limit: spoken.and_then(|spoken| spoken.limit),
                unit: spoken.and_then(|spoken| spoken.unit.clone()),
                reaches: spoken.and_then(|spoken| spoken.reaches),
            });
            // Of one that is waited for nothing was ended yet: it is what the drift was judged by.
            let judged_by = spoken.and_then(|spoken| spoken.baseline.clone());
            view.before = view.before.or(judged_by);
            let is_use = |spoken: &&VerdictEvent| spoken.rule == Rule::Usage;
            let asked = spoken.filter(is_use).and_then(|spoken| {
                let (used, every) = (spoken.statistic?, spoken.limit?);
                Some(MaintenanceUse { used, every, unit: spoken.unit.clone() })
            });
            view.usage = view.usage.or(asked);
        }
        view.trend = trend.and_then(|position| {
            let VerdictEvent { time, statistic: level, limit, reaches, .. } =
                spoken(bodies, position)?;
            Some(MaintenanceTrend { position, time, level, limit, reaches })
        });
        view
    };
    rows.into_iter().map(finish).collect()
}

/// The verdict that a record has.
fn spoken(bodies: &mut Bodies<'_>, position: Position) -> Option<VerdictEvent> {
    let record = bodies.record(position)?;
    let Body::Verdict(spoken) = record.body else { return None };
    Some(spoken)
}
