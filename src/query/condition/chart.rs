//! What a chart of a condition shows: values in the order of time, what was normal, limits, and what was said of them.
use super::values::{Before, Seen};
use super::{
    BaselineView, Bodies, VerdictView, View, WatchedView, measured, said, values, verdicts, watched,
};
use crate::model::plant::Plant;
use crate::model::{Interval, ItemKey, MonitorId, Position, StationId, Ucum, Utc};
use crate::query::Drafted;
use crate::query::answer::SuspectWindow;
use crate::query::reason::Reasons;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartAsked {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// In which time.
    pub within: Interval,
    /// Only what was measured before another answer ended.
    pub before: Option<Before>,
    /// So many values at most, the last ones.
    pub values_max: usize,
}

/// What a chart shows.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ChartView {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// Unit of all of its figures.
    pub unit: Option<Ucum>,
    /// Of which time all of this is.
    pub interval: Interval,
    /// In the order of time.
    pub values: Vec<ChartValue>,
    /// Why there can be no values.
    pub no_values: Option<String>,
    /// Whether there are values before these in the time that was asked about.
    pub truncated: bool,
    /// They are asked for with this.
    pub before: Option<Before>,
    /// What was normal at some time of the interval, the first first; each until it was learned anew or ended.
    pub baselines: Vec<BaselineView>,
    /// What is watched with which absolute limits, by the plant in force.
    pub watches: Option<WatchedView>,
    /// What its rules said in the interval, in the order of the record; with statistic, limit and onset.
    pub verdicts: Vec<VerdictView>,
    /// So many others were said, or may have been, and are not told.
    pub verdicts_left_out: u64,
    /// When the monitor says that the station may have been wrong, as far as that meets the interval, the last first.
    pub windows: Vec<SuspectWindow>,
}

/// A value of a chart.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ChartValue {
    /// When it was measured.
    pub time: Utc,
    /// As a number; `None` if it is none, or may not be trusted: no rule has judged it then.
    pub value: Option<f64>,
    /// Of what.
    pub item: ItemKey,
    /// How far it may be trusted.
    pub quality: String,
    /// The record.
    pub position: Position,
}

/// What memory knows of a chart.
pub(in crate::query) struct ChartDraft {
    asked: ChartAsked,
    unit: Option<Ucum>,
    values: Result<values::Draft, String>,
    watches: Option<WatchedView>,
    baselines: Vec<BaselineView>,
    verdicts: Vec<(Utc, Position)>,
    forgotten: u64,
    windows: Vec<SuspectWindow>,
}

/// What is known of a monitor's chart; `None` if no record speaks of the monitor.
pub(in crate::query) fn draft(
    memory: &View<'_>,
    asked: &ChartAsked,
    plant: Option<&Plant>,
) -> Option<Drafted<ChartDraft>> {
    let of = (&asked.station, &asked.monitor);
    let unit = memory.monitors.find(of.0, of.1, &memory.alarms)?.unit;
    let history = memory.monitors.history(of.0, of.1)?;
    let its = |w: &SuspectWindow| w.station == *of.0 && w.monitor == *of.1;
    let draft = ChartDraft {
        asked: asked.clone(),
        unit,
        values: measured(memory, of, (asked.within, asked.before), plant),
        watches: plant.and_then(|plant| watched(plant, of.0, of.1)),
        baselines: history.baselines().iter().map(BaselineView::from).collect(),
        verdicts: verdicts(memory, history).collect(),
        forgotten: history.forgotten(),
        windows: memory.windows().filter(its).collect(),
    };
    // What was not observed is said of the time that the values turn out to be of.
    Some(Drafted::new(memory, Reasons::default(), draft))
}

/// The chart, and of which time it is.
pub(in crate::query) fn read(draft: ChartDraft, bodies: &mut Bodies<'_>) -> ChartView {
    let ChartDraft { asked, unit, values, watches, baselines, verdicts, forgotten, windows } =
        draft;
    let ChartAsked { station, monitor, within, values_max, .. } = asked;
    let (values, seen, no_values) = match values {
        Ok(values) => {
            let (values, seen) = values.read(values_max, bodies);
            (values, seen, None)
        }
        Err(why) => (Vec::new(), Seen { within, before: None }, Some(why)),
    };
    let Seen { within: interval, before } = seen;
    let within: Vec<Position> =
        verdicts.iter().filter(|(at, _)| interval.contains(*at)).map(|(_, at)| *at).collect();
    let left_out = within.len().saturating_sub(super::VERDICTS_MAX) as u64;
    let told = within.iter().take(super::VERDICTS_MAX).rev();
    let verdicts_told: Vec<VerdictView> = told.filter_map(|at| said(bodies, *at)).collect();
    // Of those that are forgotten nobody knows when they were; all of them are older than those that are known.
    let reaches = verdicts.last().is_none_or(|(at, _)| interval.from < *at);
    ChartView {
        station,
        monitor,
        unit,
        interval,
        values: values.into_iter().map(ChartValue::from).collect(),
        no_values,
        truncated: before.is_some(),
        before,
        baselines: in_force(baselines, interval),
        watches,
        verdicts: verdicts_told,
        verdicts_left_out: left_out + if reaches { forgotten } else { 0 },
        windows: windows.into_iter().filter(|w| w.interval.overlaps(interval)).collect(),
    }
}

/// Those that something may have been judged by in an interval.
fn in_force(all: Vec<BaselineView>, interval: Interval) -> Vec<BaselineView> {
    let meets = |of: &BaselineView| interval.overlaps(Interval { from: of.since, to: of.until });
    all.into_iter().filter(meets).collect()
}

impl From<values::Value> for ChartValue {
    fn from(value: values::Value) -> Self {
        Self {
            time: value.key.time,
            value: value.good(),
            item: value.item,
            quality: value.measurement.quality.to_string(),
            position: value.key.position,
        }
    }
}
