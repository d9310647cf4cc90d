//! What is maintained after so much use: how much that was, and how much is left.
use super::{Drafted, MaintenanceSaid, said};
use crate::condition::Used;
use crate::model::{Interval, MaintenanceStep, MonitorId, Position, StationId, Ucum, Utc};
use crate::query::reason::Reasons;
use crate::query::view::View;

/// Something of a station that is maintained after so much use.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ScheduleView {
    /// Where.
    pub station: StationId,
    /// What.
    pub name: MonitorId,
    /// After how much use it is due.
    pub every: f64,
    /// How much it was used.
    pub used: f64,
    /// How much is left; 0 if it is due.
    pub left: f64,
    /// The unit of all three: parts, or hours at work.
    pub unit: Option<Ucum>,
    /// Whether it is due.
    pub due: bool,
    /// The record by which it is due.
    pub raised: Option<Position>,
    /// Since when it is counted.
    pub since: Utc,
    /// The maintenance that it is counted from; `None` if it is counted from the plant that first asked for it.
    pub done: Option<MaintenanceSaid>,
}

/// All of them, or those of a station, as the plant in force has them: what is due first, then what is nearest to it.
pub(in crate::query) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
) -> Drafted<Vec<ScheduleView>> {
    let mut reasons = Reasons::default();
    let (works, asks) = (memory.monitors.works(), memory.monitors.asks());
    let here = asks.usages.iter().filter(|(at, ..)| station.is_none_or(|one| one == *at));
    let view = |(at, name, used): (&StationId, &MonitorId, &Used)| {
        let interval = Interval { from: used.since, to: None };
        reasons.station(memory, at, interval);
        let done = works.0.get(&used.from);
        let done = done.filter(|work| work.event.step == MaintenanceStep::Done);
        let every = used.every;
        ScheduleView {
            station: at.clone(),
            name: name.clone(),
            every: every.shown(every.every()),
            used: every.shown(used.used),
            left: every.shown(every.every().saturating_sub(used.used)),
            unit: Ucum::parse(every.unit()).ok(),
            due: used.is_due(),
            raised: asks.raised(at, name),
            since: used.since,
            done: done.map(|work| said(used.from, work)),
        }
    };
    let mut views: Vec<ScheduleView> = here.map(view).collect();
    let nearness = |view: &ScheduleView| view.left / view.every;
    views.sort_by(|a, b| nearness(a).total_cmp(&nearness(b)));
    Drafted::new(memory, reasons, views)
}
