//! What was done about a machine that drifts, or so that it does not.
use super::{ItemKey, MonitorId, PersonToken, StationId, Text, Utc, Verb};
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

/// Something of a station that is to be maintained after so much use.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Schedule {
    /// Its name, which no monitor and no master of the station has.
    #[n(0)]
    pub id: MonitorId,
    /// After how much.
    #[n(1)]
    pub every: Usage,
}

/// How much a station is used between two times that something of it is maintained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum Usage {
    /// So many parts.
    #[n(0)]
    #[cbor(map)]
    Parts {
        /// Greater than 0.
        #[n(0)]
        every: u64,
        /// Which record stands for one.
        #[n(1)]
        by: PartBy,
    },
    /// So long at work.
    #[n(1)]
    #[cbor(map)]
    Hours {
        /// In nanoseconds; greater than 0.
        #[n(0)]
        every_ns: u64,
        /// A longer pause between two records of work is none; in nanoseconds, greater than 0.
        #[n(1)]
        idle_ns: u64,
    },
}

/// The record that stands for a part: the last that a station tells of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PartBy {
    /// It was completed or produced.
    #[n(0)]
    Made,
    /// It was inspected, where none is completed.
    #[n(1)]
    Inspected,
    /// It was admitted, where nothing else is told of it.
    #[n(2)]
    Admitted,
}

impl Usage {
    /// After how much it is due: parts, or nanoseconds.
    pub fn every(self) -> u64 {
        match self {
            Self::Parts { every, .. } => every,
            Self::Hours { every_ns, .. } => every_ns,
        }
    }

    /// As people read it: parts, or hours.
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    pub fn shown(self, used: u64) -> f64 {
        const HOUR: f64 = 3.6e12;
        match self {
            Self::Parts { .. } => used as f64,
            Self::Hours { .. } => used as f64 / HOUR,
        }
    }

    /// The unit of that as a UCUM code.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Parts { .. } => "{part}",
            Self::Hours { .. } => "h",
        }
    }
}

impl PartBy {
    /// What stands for a part where these verbs are told; `None` where none of them is work.
    pub fn of(verbs: impl Iterator<Item = Verb>) -> Option<Self> {
        let all = [Self::Made, Self::Inspected, Self::Admitted];
        let verbs: Vec<Verb> = verbs.collect();
        all.into_iter().find(|by| verbs.iter().any(|verb| by.is(*verb)))
    }

    /// Whether a record of this verb stands for one.
    pub fn is(self, verb: Verb) -> bool {
        match self {
            Self::Made => matches!(verb, Verb::Complete | Verb::Produce),
            Self::Inspected => verb == Verb::Inspect,
            Self::Admitted => verb == Verb::Arrive,
        }
    }
}
