//! Records: what the ledger keeps, and the positions that number them.
use super::{
    AlarmEvent, At, CaseEvent, Digest, EpochBegun, Gap, HandshakeId, ItemKey, MaintenanceEvent,
    MonitorId, MountPointId, OrderRow, Quarantine, Schedule, SiteId, StationId, TagName, Text,
    TraceEvent, Utc, VerdictEvent,
};
use minicbor::{Decode, Encode};

/// Where a record stands in its ledger: dense from 1, no hole, no reuse. 0 is before the first.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cbor(transparent)]
#[serde(transparent)]
pub struct Position(#[n(0)] pub u64);

impl Position {
    /// The one after.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Which ledger: two ledgers never share an (origin, position).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Origin {
    /// The site.
    #[n(0)]
    pub site: SiteId,
    /// Counted up by every restore from a backup.
    #[n(1)]
    pub incarnation: u32,
}

/// A plant that was put in force.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PlantLoaded {
    /// SHA-256 over the names and texts of its files.
    #[n(0)]
    pub hash: Digest,
    /// The names of its files.
    #[n(1)]
    pub files: Vec<Text>,
    /// Its stations, so that they can be named before they did anything.
    #[n(2)]
    pub stations: Vec<StationId>,
    /// Its monitors.
    #[n(3)]
    pub monitors: Vec<(StationId, MonitorId)>,
    /// The measurements that attributes come from: what is measured from here on is kept at hand, until a plant does without.
    #[n(4)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub measured: Vec<TagName>,
    /// The further words that attributes come from, kept as these are.
    #[n(5)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub context: Vec<KeptWord>,
    /// The feeders with counters that attributes come from, by station: kept at hand is what they may have given while no lot was known.
    #[n(6)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub counted: Vec<(StationId, MountPointId)>,
    /// The monitors whose alarms stay active until somebody has seen them.
    #[n(7)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub latched: Vec<(StationId, MonitorId)>,
    /// What is to be maintained after so much use: it is counted from here on, until a plant does without.
    #[n(8)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub schedules: Vec<(StationId, Schedule)>,
}

/// A further word that attributes come from.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct KeptWord {
    /// What it is called in events.
    #[n(0)]
    pub name: TagName,
    /// The tags that tell it, by handshake: what an event says of none of them was not told.
    #[n(1)]
    pub tags: Vec<(StationId, HandshakeId, TagName)>,
}

/// Who did what to the system itself (21 CFR 11.10(e)).
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Audit {
    /// Who: a person's token or a local account.
    #[n(0)]
    pub who: Text,
    /// What was done.
    #[n(1)]
    pub what: Text,
}

/// What retention dropped of one segment: which of its records were replaced by their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Tombstone {
    /// The first record of the segment.
    #[n(0)]
    pub first: Position,
    /// The last record of the segment.
    #[n(1)]
    pub last: Position,
    /// How many of its records are dropped now, with those of earlier tombstones of the same segment.
    #[n(2)]
    pub dropped: u64,
    /// When what this tombstone drops tells of began; `None` if it tells of no time.
    #[n(3)]
    pub earliest: Option<Utc>,
    /// When it ended: until then an item that is named no more may have been at a station.
    #[n(4)]
    pub latest: Option<Utc>,
    /// SHA-256 of the bytes of the file that takes the segment's place.
    #[n(5)]
    pub thinned: Digest,
    /// The rule that they went by.
    #[n(6)]
    pub rule: Text,
    /// Who let them go.
    #[n(7)]
    pub who: Text,
    /// The items that records which stay still name, and of which some is told no more from now on.
    #[n(8)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub items: Vec<ItemKey>,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[expect(clippy::large_enum_variant, reason = "nearly all records are trace events")]
pub enum Body {
    /// Something happened to an item.
    #[n(0)]
    Trace(#[n(0)] TraceEvent),
    /// Something was set aside with its raw values.
    #[n(1)]
    Quarantine(#[n(0)] Quarantine),
    /// Time not observed.
    #[n(2)]
    Gap(#[n(0)] Gap),
    /// A condition rule spoke.
    #[n(3)]
    Verdict(#[n(0)] VerdictEvent),
    /// Handshakes began a new epoch.
    #[n(4)]
    Epoch(#[n(0)] EpochBegun),
    /// A plant was put in force.
    #[n(5)]
    Plant(#[n(0)] PlantLoaded),
    /// Rows were added to the order lists.
    #[n(6)]
    Orders(#[n(0)] Vec<OrderRow>),
    /// The system itself was changed.
    #[n(7)]
    Audit(#[n(0)] Audit),
    /// Bodies of records were dropped by retention.
    #[n(8)]
    Tombstone(#[n(0)] Tombstone),
    /// What is read at a position whose body was dropped by retention. It never stands in a ledger; whoever
    /// folds records takes it for nothing.
    #[n(9)]
    Dropped,
    /// Something was done with a case of recall.
    #[n(10)]
    Case(#[n(0)] CaseEvent),
    /// Something was said, or done, about a machine that drifts.
    #[n(11)]
    Maintenance(#[n(0)] MaintenanceEvent),
    /// Something was said, or done, about alarms.
    #[n(12)]
    Alarm(#[n(0)] AlarmEvent),
}

/// One record of the ledger.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// Its number.
    #[n(0)]
    pub position: Position,
    /// When it was stepped.
    #[n(1)]
    pub at: At,
    /// What it says.
    #[n(2)]
    pub body: Body,
    /// The record of the plant that was in force, which has its hash; `None` before the first plant.
    #[n(3)]
    pub plant: Option<Position>,
}

impl Record {
    /// What is read where the body of a record was dropped: nothing but its position, at no time.
    #[must_use]
    pub fn dropped(position: Position) -> Self {
        Self { position, at: At::default(), body: Body::Dropped, plant: None }
    }
}

/// The records of one step: all of them become durable, or none.
pub type Frame = Vec<Record>;
