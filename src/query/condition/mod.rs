//! One condition in full: what it says, since when, what was made meanwhile; its values as a chart, and how well they fit
//! between their limits.
mod capability;
mod chart;
mod values;

pub use capability::{CapabilityRow, CapabilityView};
pub(super) use capability::{draft as of_capability, read as capability};
pub use chart::{ChartAsked, ChartValue, ChartView};
pub(super) use chart::{draft as of_chart, read as chart};
pub use values::Before;

use super::Drafted;
use super::answer::{ConditionView, SuspectView, SuspectWindow};
use super::body::Bodies;
use super::describe;
use super::monitor::{History, Learned};
use super::reason::Reasons;
use super::suspect;
use super::view::View;
use crate::model::plant::{Limits, Monitor, Plant, Watched};
use crate::model::{Baseline, Interval, MonitorId, Position, StationId, Text, Utc, VerdictEvent};
use values::Draft;

/// Verdicts of a monitor that are told at once, the last ones.
const VERDICTS_MAX: usize = 100;

/// A monitor with all that is known of its condition.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ConditionShown {
    /// What it says.
    #[serde(flatten)]
    pub condition: ConditionView,
    /// What it watches, by the plant in force; `None` if that has no such monitor.
    pub watches: Option<WatchedView>,
    /// When it said that the station may have been wrong, the last first, and what was made there meanwhile: of all such
    /// times of the station those of this monitor.
    pub suspects: Vec<SuspectView>,
    /// Its baselines, the last first, each with since when it was judged by it.
    pub baselines: Vec<BaselineView>,
    /// What its rules said, the last first.
    pub verdicts: Vec<VerdictView>,
    /// So many older ones are not told.
    pub verdicts_left_out: u64,
}

/// What a monitor watches.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct WatchedView {
    /// The tag; of one bit, with its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<String>,
    /// The measurement, as `handshake.measurement`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measurement: Option<String>,
    /// The members of a group.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub group: Vec<MonitorId>,
    /// Below is a warning.
    pub low: Option<f64>,
    /// Above is a warning.
    pub high: Option<f64>,
    /// How far back inside a value must come before a warning ends.
    pub deadband: Option<f64>,
}

/// What was normal, and since when something was judged by it.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct BaselineView {
    /// Since when.
    pub since: Utc,
    /// The record that told of it first.
    pub position: Position,
    /// What was normal.
    #[serde(flatten)]
    pub baseline: Baseline,
    /// Of which product, where that is of one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// Of which recipe, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// When it was learned anew, forgotten or ended by maintenance; `None` while it holds.
    pub until: Option<Utc>,
}

/// What a rule said.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct VerdictView {
    /// The record.
    pub position: Position,
    /// The same in a sentence.
    pub text: String,
    /// What was said.
    #[serde(flatten)]
    pub event: VerdictEvent,
}

/// What memory knows of a condition.
pub(super) struct ConditionDraft {
    condition: ConditionView,
    watches: Option<WatchedView>,
    suspects: Vec<SuspectView>,
    baselines: Vec<BaselineView>,
    verdicts: Vec<Position>,
    left_out: u64,
}

/// What is known of a monitor; at most `items_max` items of a window are named. `None` if no record speaks of it.
pub(super) fn draft(
    memory: &View<'_>,
    (station, monitor): (&StationId, &MonitorId),
    items_max: usize,
    plant: Option<&Plant>,
) -> Option<Drafted<ConditionDraft>> {
    let condition = memory.monitors.find(station, monitor, &memory.alarms)?;
    let history = memory.monitors.history(station, monitor)?;
    let mut reasons = Reasons::default();
    let is_its = |w: &SuspectWindow| w.station == *station && w.monitor == *monitor;
    let suspects = suspect::views(memory, is_its, items_max, &mut reasons);
    let all: Vec<Position> = verdicts(memory, history).map(|(_, position)| position).collect();
    let left_out = all.len().saturating_sub(VERDICTS_MAX) as u64 + history.forgotten();
    let draft = ConditionDraft {
        condition,
        watches: plant.and_then(|plant| watched(plant, station, monitor)),
        suspects,
        baselines: history.baselines().iter().rev().map(BaselineView::from).collect(),
        verdicts: all.into_iter().take(VERDICTS_MAX).collect(),
        left_out,
    };
    Some(Drafted::new(memory, reasons, draft))
}

pub(super) fn finish(draft: ConditionDraft, bodies: &mut Bodies<'_>) -> ConditionShown {
    let ConditionDraft { condition, watches, suspects, baselines, verdicts, left_out } = draft;
    ConditionShown {
        condition,
        watches,
        suspects,
        baselines,
        verdicts: verdicts.into_iter().filter_map(|at| said(bodies, at)).collect(),
        verdicts_left_out: left_out,
    }
}

/// When a monitor said something, and by which record, the last first.
fn verdicts<'v>(
    memory: &'v View<'_>,
    history: &'v History,
) -> impl Iterator<Item = (Utc, Position)> + use<'v> {
    let stands =
        |position: &Position| *position <= memory.position && !memory.void().contains(position);
    history.newest().filter(move |(_, position)| stands(position))
}

fn said(bodies: &mut Bodies<'_>, position: Position) -> Option<VerdictView> {
    let event = bodies.verdict(position)?;
    Some(VerdictView { position, text: describe::verdict(&event), event })
}

fn monitor<'p>(plant: &'p Plant, station: &StationId, of: &MonitorId) -> Option<&'p Monitor> {
    let station = plant.stations.iter().find(|known| known.id == *station)?;
    station.monitors.iter().find(|known| known.id == *of)
}

fn watched(plant: &Plant, station: &StationId, of: &MonitorId) -> Option<WatchedView> {
    let Monitor { of, limits, .. } = monitor(plant, station, of)?;
    let (tag, measurement) = match of {
        Watched::Tag(word) => {
            let bit = word.bit.map(|bit| format!(".{bit}")).unwrap_or_default();
            (Some(format!("{}{bit}", plant.tag(word.tag).name)), None)
        }
        Watched::Measurement(handshake, name) => (None, Some(format!("{handshake}.{name}"))),
        Watched::Tags(_) | Watched::Measurements(..) => (None, None),
    };
    let limit = |get: fn(&Limits) -> Option<f64>| limits.as_ref().and_then(get);
    Some(WatchedView {
        tag,
        measurement,
        group: of.members(),
        low: limit(|limits| limits.low),
        high: limit(|limits| limits.high),
        deadband: limit(|limits| Some(limits.deadband)),
    })
}

/// What was measured of a monitor, or why nothing is.
fn measured(
    memory: &View<'_>,
    (station, id): (&StationId, &MonitorId),
    (within, before): (Interval, Option<Before>),
    plant: Option<&Plant>,
) -> Result<Draft, String> {
    let Some(plant) = plant else {
        return Err("no plant is in force yet: ask again".to_owned());
    };
    match monitor(plant, station, id).map(|monitor| &monitor.of) {
        Some(Watched::Measurement(handshake, name)) => {
            Ok(values::draft(memory, (station, handshake, name), within, before))
        }
        Some(Watched::Tag(_)) => Err(
            "it watches a tag, whose values are on the tape and not in the record: `pedigree condition tune --values` prints them"
                .to_owned(),
        ),
        Some(Watched::Tags(_) | Watched::Measurements(..)) => {
            Err("it watches how several go together: look at its members".to_owned())
        }
        None => Err(
            "the plant in force has no such monitor, so nothing says what it watched".to_owned(),
        ),
    }
}

impl From<&Learned> for BaselineView {
    fn from(learned: &Learned) -> Self {
        let Learned { since, position, baseline, product, recipe, until } = learned.clone();
        Self { since, position, baseline, product, recipe, until }
    }
}
