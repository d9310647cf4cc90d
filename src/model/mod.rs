//! The vocabulary: identity, the checked plant, values and their quality, time, samples, trace
//! events, records, and what goes into and comes out of the engine.
//!
//! Words only. Nothing here opens a file or a socket, reads a clock or decides anything; a type is
//! a noun of the plant, in the words of ISA-95, OPC UA, EPCIS and ISO 7870 (`docs/architecture.md`
//! has the table). What can be wrong is refused when it is parsed, so that no later room has to
//! ask again.

mod adoption;
mod alarm;
mod case;
mod command;
mod condition;
mod count;
mod effect;
mod event;
mod evidence;
mod exposure;
mod fill;
mod gap;
mod handshake;
mod input;
mod item;
mod kin;
pub mod label;
mod maintenance;
mod measurement;
mod member;
mod name;
mod past;
mod person;
pub mod plant;
mod quality;
mod record;
mod sample;
pub mod similar;
#[cfg(test)]
pub(crate) mod specimens;
mod time;
mod unit;
mod value;
mod verb;
pub mod wire;

pub use adoption::{Adopted, Adoption, Told};
pub use alarm::{AlarmAsked, AlarmEvent, AlarmStep, SHELVE_MAX};
pub use case::{CaseCounts, CaseEvent, CaseId, CaseQuestion, CaseStep, Frozen};
pub use command::{Command, CommandId, OrderRow, Refusal};
pub use condition::{
    Baseline, Contributor, GroupMember, Making, Onset, Reach, Rule, Side, Spread, Together,
    Verdict, VerdictEvent,
};
pub use count::{Count, Narrowed, Reading, Untold};
pub use effect::{
    Answer, Effect, Notice, ReadFrom, ReadRequest, ReadToken, Step, Write, WriteRequest,
};
pub use event::{
    Alias, Consumption, Context, MountUse, Purpose, Remark, Result, Stay, TraceEvent, What,
};
pub use evidence::Evidence;
pub use exposure::{Exposure, Storage, floor_until};
pub use fill::{Fill, FillStep};
pub use gap::{Gap, GapCause, GapSource};
pub use handshake::{
    Boot, Digest, Epoch, EpochBegun, EpochCause, Grounds, HandshakeKey, HandshakeMark,
    HandshakeNumber, Overruled, Permit, Quarantine, QuarantineCause, RawWord,
};
pub use input::{Input, Link, ReadDone, ReadFault, Session, StartCause, WriteDone};
pub use item::{Code, CodeError, ItemClass, ItemKey, ItemKeyError, MountKey, Scope, ScopeName};
pub use kin::{Ancestry, Kin, Missing, Portion, Shortfall, Total, Way};
pub use maintenance::{MaintenanceEvent, MaintenanceStep, PartBy, Schedule, Usage};
pub use measurement::{Amount, Measurement, PhaseSummary, STOCK, Statistics, ToolUse};
pub use member::{CarriedOver, Member};
pub use name::{
    DeviceId, HandshakeId, LineId, MonitorId, MountPointId, NameError, PhaseId, SiteId, StationId,
    TagName, Text,
};
pub use past::{Facts, HeldBy, Moment, Part, Past, Question, Visit, Within};
pub use person::{PersonKey, PersonToken};
pub use quality::{Quality, Severity};
pub use record::{Audit, Body, Frame, KeptWord, Origin, PlantLoaded, Position, Record, Tombstone};
pub use sample::Sample;
pub use time::{At, EventTime, Interval, Monotonic, Utc};
pub use unit::{Ucum, UcumError};
pub use value::{Hex, Value};
pub use verb::Verb;
