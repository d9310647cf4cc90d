//! What was said or done about alarms.
use super::{MonitorId, PersonToken, StationId, Text, Utc};
use minicbor::{Decode, Encode};
use std::time::Duration;

/// Nobody is kept from being told of an alarm for longer: then it is told again by itself.
pub const SHELVE_MAX: Duration = Duration::from_hours(24);

/// What is done with an alarm (ISA-18.2, OPC UA Part 9).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmStep {
    /// An operator has seen it; it ends nothing.
    #[n(0)]
    Acknowledge,
    /// What was to be done about it was done; only of what is acknowledged.
    #[n(1)]
    Confirm,
    /// Something is said about it.
    #[n(2)]
    Comment,
    /// Nobody is told of it for a while.
    #[n(3)]
    Shelve,
    /// It is told again.
    #[n(4)]
    Unshelve,
    /// Nobody is told of it, until somebody puts it in service again.
    #[n(5)]
    OutOfService,
    /// It is told again.
    #[n(6)]
    InService,
    /// The time that it was shelved for is over; nobody says so.
    #[n(7)]
    #[serde(skip_deserializing)]
    Lapse,
}

impl AlarmStep {
    /// What is done, as a sentence goes on after *to*.
    pub fn doing(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Confirm => "confirm",
            Self::Comment => "comment on",
            Self::Shelve => "shelve",
            Self::Unshelve => "take off the shelf",
            Self::OutOfService => "take out of service",
            Self::InService => "put in service",
            Self::Lapse => "let lapse",
        }
    }

    /// Whether it is nothing without a reason, or a text.
    pub fn needs_text(self) -> bool {
        matches!(self, Self::Comment | Self::Shelve | Self::OutOfService)
    }
}

/// A record of alarms.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AlarmEvent {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// Of which monitors, and masters; one at least.
    #[n(1)]
    pub monitors: Vec<MonitorId>,
    /// What is done.
    #[n(2)]
    pub step: AlarmStep,
    /// Who does it; `None` of what is over by itself.
    #[n(3)]
    pub who: Option<PersonToken>,
    /// Why, or what is said.
    #[n(4)]
    pub text: Option<Text>,
    /// Until when it is shelved.
    #[n(5)]
    pub until: Option<Utc>,
    /// It is shelved until it returns to normal, and no longer than that.
    #[n(6)]
    #[cbor(default, skip_if = "is_not")]
    pub one_shot: bool,
    /// When.
    #[n(7)]
    pub time: Utc,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as the derived code calls it")]
fn is_not(yes: &bool) -> bool {
    !yes
}

/// What the north wants done with alarms.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(map)]
pub struct AlarmAsked {
    /// What is to be done.
    #[n(0)]
    pub step: AlarmStep,
    /// Where.
    #[n(1)]
    pub station: StationId,
    /// Of which monitors or masters; none: of all of the station of which it can be done, and that are active where that is no matter.
    #[n(2)]
    #[serde(default)]
    pub monitors: Vec<MonitorId>,
    /// Why, or what is said.
    #[n(3)]
    #[serde(default)]
    pub text: Option<Text>,
    /// For how many seconds it is shelved.
    #[n(4)]
    #[serde(default)]
    pub seconds: Option<u32>,
    /// It is shelved until it returns to normal.
    #[n(5)]
    #[serde(default)]
    pub one_shot: bool,
    /// Who says so.
    #[n(6)]
    pub badge: Text,
}
