//! How well the values of a condition fit between their specification limits, product by product.
use super::values::{Before, Seen, Value};
use super::{Bodies, View, measured, values};
use crate::condition::Capability;
use crate::model::plant::Plant;
use crate::model::{Interval, MonitorId, StationId, Text, Ucum, Utc, Verdict};
use crate::query::Drafted;
use crate::query::reason::Reasons;
use std::collections::BTreeMap;

/// Capability and performance of what a monitor watches (ISO 22514-2).
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CapabilityView {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// Of which time the values are.
    pub interval: Interval,
    /// What the monitor says now: a process that has moved has no capability that would hold.
    pub verdict: Verdict,
    /// By product.
    pub rows: Vec<CapabilityRow>,
    /// Why there can be no values.
    pub no_values: Option<String>,
    /// Whether the time that was asked about has more values before these.
    pub truncated: bool,
    /// They are asked for with this.
    pub before: Option<Before>,
}

/// The same of one product.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CapabilityRow {
    /// Which, if told.
    pub product: Option<Text>,
    /// Unit of the figures.
    pub unit: Option<Ucum>,
    /// Lower specification limit, as it was recorded with the last value.
    pub low: Option<f64>,
    /// Upper specification limit, as it was recorded with the last value.
    pub high: Option<f64>,
    /// When the first of the values was measured.
    pub first: Utc,
    /// When the last of them was.
    pub last: Utc,
    /// Values that were measured in another unit, and are in none of the figures.
    pub other_unit: usize,
    /// What they come to.
    #[serde(flatten)]
    pub capability: Capability,
}

/// What memory knows of it.
pub(in crate::query) struct CapabilityDraft {
    of: (StationId, MonitorId),
    within: Interval,
    verdict: Verdict,
    values: Result<values::Draft, String>,
}

/// What is known of the values of a monitor; `None` if no record speaks of it.
pub(in crate::query) fn draft(
    memory: &View<'_>,
    (station, monitor): (&StationId, &MonitorId),
    (within, before): (Interval, Option<Before>),
    plant: Option<&Plant>,
) -> Option<Drafted<CapabilityDraft>> {
    let verdict = memory.monitors.find(station, monitor, &memory.alarms)?.verdict;
    let values = measured(memory, (station, monitor), (within, before), plant);
    let of = (station.clone(), monitor.clone());
    let draft = CapabilityDraft { of, within, verdict, values };
    Some(Drafted::new(memory, Reasons::default(), draft))
}

/// The indices of the last values, at most so many.
pub(in crate::query) fn read(
    draft: CapabilityDraft,
    values_max: usize,
    bodies: &mut Bodies<'_>,
) -> CapabilityView {
    let CapabilityDraft { of: (station, monitor), within, verdict, values } = draft;
    let (values, Seen { within: interval, before }, no_values) = match values {
        Ok(values) => {
            let (values, seen) = values.read(values_max, bodies);
            (values, seen, None)
        }
        Err(why) => (Vec::new(), Seen { within, before: None }, Some(why)),
    };
    let mut by_product: BTreeMap<Option<Text>, Vec<Value>> = BTreeMap::new();
    for value in values {
        by_product.entry(value.product.clone()).or_default().push(value);
    }
    let rows =
        by_product.into_iter().filter_map(|(product, values)| row(product, &values, verdict));
    CapabilityView {
        station,
        monitor,
        interval,
        verdict,
        rows: rows.collect(),
        no_values,
        truncated: before.is_some(),
        before,
    }
}

/// What the values of one product come to, which are in the order of time.
fn row(product: Option<Text>, values: &[Value], verdict: Verdict) -> Option<CapabilityRow> {
    let last = values.last()?;
    let (unit, low, high) = (&last.measurement.unit, last.measurement.low, last.measurement.high);
    let same: Vec<&Value> = values.iter().filter(|v| v.measurement.unit == *unit).collect();
    let is_other = |v: &&&Value| (v.measurement.low, v.measurement.high) != (low, high);
    let others = same.iter().filter(is_other).count();
    let mut capability = Capability::of(same.iter().map(|value| value.good()), low, high);
    if others > 0 {
        capability.warnings.push(format!(
            "{others} of the values were measured under other specification limits than the last one"
        ));
    }
    let moves = match verdict {
        Verdict::Drift => Some("the monitor says that it has drifted"),
        Verdict::NoData => Some("no rule has judged yet whether it is in control"),
        Verdict::InControl | Verdict::Warning => None,
    };
    capability.warnings.extend(moves.map(str::to_owned));
    Some(CapabilityRow {
        product,
        unit: unit.clone(),
        low,
        high,
        first: same.first().map_or(last.key.time, |first| first.key.time),
        last: last.key.time,
        other_unit: values.len() - same.len(),
        capability,
    })
}
