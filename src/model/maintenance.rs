//! What was done about a machine that drifts, or so that it does not.
use super::{ItemKey, MonitorId, PersonToken, StationId, Text, Utc};
use minicbor::{Decode, Encode};

/// What is said of maintenance.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum MaintenanceStep {
    /// Somebody looks after it; it ends nothing.
    #[n(0)]
    Acknowledge,
    /// It is done: what was learned before says nothing of the machine any more, and is learned anew.
    #[n(1)]
    Done,
}

/// A record of maintenance.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MaintenanceEvent {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// Which monitors it concerns; none: all of the station.
    #[n(1)]
    pub monitors: Vec<MonitorId>,
    /// What is said.
    #[n(2)]
    pub step: MaintenanceStep,
    /// Who says so.
    #[n(3)]
    pub who: PersonToken,
    /// What is, or was, done.
    #[n(4)]
    pub text: Text,
    /// What was changed, such as a tool.
    #[n(5)]
    pub item: Option<ItemKey>,
    /// When it was said.
    #[n(6)]
    pub time: Utc,
}

impl MaintenanceEvent {
    /// Whether it is done, and concerns this monitor: what it learned, and what it says by that, ends.
    pub fn ends(&self, station: &StationId, monitor: &MonitorId) -> bool {
        self.step == MaintenanceStep::Done && self.concerns(station, monitor)
    }

    /// Whether it concerns this monitor.
    pub fn concerns(&self, station: &StationId, monitor: &MonitorId) -> bool {
        self.station == *station && (self.monitors.is_empty() || self.monitors.contains(monitor))
    }
}
