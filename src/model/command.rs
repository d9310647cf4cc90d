//! What the north may do. It enters the engine as an ordinary input.
use super::{
    Adoption, AlarmAsked, AlarmStep, Amount, CaseId, CaseStep, Digest, ItemKey, MaintenanceStep,
    MonitorId, Position, SHELVE_MAX, StationId, Text,
};
use minicbor::{Decode, Encode};

/// Names a command until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct CommandId(#[n(0)] pub u64);

/// One row of a station's order of work.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cbor(map)]
pub struct OrderRow {
    /// Where the work is done.
    #[n(0)]
    pub station: StationId,
    /// The program, recipe or operation that it is done with.
    #[n(1)]
    pub program: Text,
    /// The unit.
    #[n(2)]
    pub item: ItemKey,
    /// Its product, if told.
    #[n(3)]
    #[serde(default)]
    pub product: Option<Text>,
}

/// What the north may do.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Command {
    /// Adds rows to the order lists.
    #[n(0)]
    Orders(#[n(0)] Vec<OrderRow>),
    /// Holds an item.
    #[n(1)]
    #[cbor(map)]
    Hold {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// Why.
        #[n(1)]
        reason: Text,
        /// Who says so.
        #[n(2)]
        badge: Text,
        /// What the signature stands for, such as *review* or *responsibility* (21 CFR 11.50).
        #[n(3)]
        #[serde(default)]
        meaning: Option<Text>,
    },
    /// Ends a hold, or spares an item one that another brings upon it.
    #[n(2)]
    #[cbor(map)]
    Release {
        /// Of what.
        #[n(0)]
        item: ItemKey,
        /// Why.
        #[n(1)]
        reason: Text,
        /// Who says so.
        #[n(2)]
        badge: Text,
        /// What the signature stands for.
        #[n(3)]
        #[serde(default)]
        meaning: Option<Text>,
        /// The item that is and stays on hold, where this one is part of what it went into and is let go all the same.
        #[n(4)]
        #[serde(default)]
        of: Option<ItemKey>,
    },
    /// Records a remark.
    #[n(3)]
    #[cbor(map)]
    Note {
        /// About what.
        #[n(0)]
        item: Option<ItemKey>,
        /// What.
        #[n(1)]
        text: Text,
        /// Who says so.
        #[n(2)]
        badge: Text,
    },
    /// Gives a unit that was known by its passage only its real code.
    #[n(6)]
    #[cbor(map)]
    Identify {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// The unit that it is.
        #[n(1)]
        real: ItemKey,
        /// Who says so.
        #[n(2)]
        badge: Text,
    },
    /// Records how much of a lot was found in stock.
    #[n(9)]
    #[cbor(map)]
    Count {
        /// Of which.
        #[n(0)]
        item: ItemKey,
        /// How much.
        #[n(1)]
        amount: Amount,
        /// Who says so.
        #[n(2)]
        badge: Text,
    },
    /// Records that somebody looks after monitors of a station that drift, or that maintenance was done there.
    #[n(10)]
    #[cbor(map)]
    Maintenance {
        /// What is said.
        #[n(0)]
        step: MaintenanceStep,
        /// Where.
        #[n(1)]
        station: StationId,
        /// Which monitors it concerns; none: all of the station.
        #[n(2)]
        #[serde(default)]
        monitors: Vec<MonitorId>,
        /// What is, or was, done.
        #[n(3)]
        text: Text,
        /// What was changed, such as a tool.
        #[n(4)]
        #[serde(default)]
        item: Option<ItemKey>,
        /// Who says so.
        #[n(5)]
        badge: Text,
    },
    /// Records what operators do with alarms: that they have seen them, that nobody is to be told of them for a while.
    #[n(11)]
    Alarm(#[n(0)] AlarmAsked),
    /// Records that somebody had the plant files read anew. Only the daemon says so itself, before the
    /// plant comes as its own input.
    #[n(4)]
    #[cbor(map)]
    #[serde(skip)]
    Reload {
        /// The plant that comes into force; `None` if the files were refused.
        #[n(0)]
        plant: Option<Digest>,
        /// Who; `None` for the signal.
        #[n(1)]
        badge: Option<Text>,
    },
    /// Records what a replay found in place of what stands, all of it or nothing. Only the daemon says
    /// so itself, after it has played the tape.
    #[n(5)]
    #[cbor(map)]
    #[serde(skip)]
    Adopt {
        /// What is to be recorded.
        #[n(0)]
        changes: Vec<Adoption>,
        /// The plant that the tape was played under; `None` for those that were in force.
        #[n(1)]
        plant: Option<Digest>,
        /// Why.
        #[n(2)]
        reason: Text,
        /// Who.
        #[n(3)]
        badge: Text,
    },
    /// Opens, revises or closes a case of recall. Only the daemon says so itself: it answers the recall first, and
    /// takes no hash from anybody.
    #[n(8)]
    #[cbor(map)]
    #[serde(skip)]
    Case {
        /// What is done.
        #[n(0)]
        step: CaseStep,
        /// Why.
        #[n(1)]
        reason: Text,
        /// Who.
        #[n(2)]
        badge: Text,
    },
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No station of that name in the plant.
    #[error("there is no station `{0}` in the plant")]
    UnknownStation(StationId),
    /// The station takes its work from somewhere else.
    #[error(
        "station `{0}` works through no order list: `orders = true` in its plant file makes one"
    )]
    NoOrderList(StationId),
    /// No monitor of that name at the station.
    #[error("station `{station}` has no monitor `{monitor}`; {hint}")]
    UnknownMonitor {
        /// Where.
        station: StationId,
        /// Which.
        monitor: MonitorId,
        /// Which one it may be.
        hint: String,
    },
    /// A master ends otherwise.
    #[error(
        "`{monitor}` of station `{station}` is a master: no maintenance ends what it says, showing the master does"
    )]
    OfMaster {
        /// Where.
        station: StationId,
        /// Which.
        monitor: MonitorId,
    },
    /// None of what it concerns asks for maintenance.
    #[error(
        "nothing at station `{0}` waits for maintenance: none of these has drifted, is forecast to reach a limit or is due; `pedigree maintenance done` records what was done all the same"
    )]
    NothingToAcknowledge(StationId),
    /// Nothing of the kind at the station.
    #[error(
        "there is no alarm at station `{station}` to {}; `pedigree condition alarms` shows how they stand", .step.doing()
    )]
    NoAlarm {
        /// Where.
        station: StationId,
        /// What was wanted.
        step: AlarmStep,
    },
    /// It stands otherwise.
    #[error("the alarm of `{monitor}` at station `{station}` is {is}: there is nothing to {}", .step.doing())]
    AlarmIs {
        /// Where.
        station: StationId,
        /// Which.
        monitor: MonitorId,
        /// What was wanted.
        step: AlarmStep,
        /// How it stands.
        is: &'static str,
    },
    /// Nobody is kept from being told without a reason.
    #[error("to {} an alarm needs a text: say why", .0.doing())]
    NoReason(AlarmStep),
    /// A shelf has an end.
    #[error(
        "for how long is it to be shelved? Say a time, or that it is until it returns to normal"
    )]
    NoTime,
    /// A shelf has an end that is near.
    #[error("{0} s is no time to shelve an alarm: from 1 s to {most} s, and what needs longer is taken out of service", most = SHELVE_MAX.as_secs())]
    ShelfTime(u32),
    /// Nothing to release.
    #[error("{0} is not on hold")]
    NotHeld(ItemKey),
    /// Already so.
    #[error("{0} is on hold already")]
    AlreadyHeld(ItemKey),
    /// Nothing to take back.
    #[error("there is no record {0} that could be taken back")]
    NoRecord(Position),
    /// It has its code, or nothing is known of its passage.
    #[error(
        "{0} does not wait for a code: it is no unit that could not be read, or was identified already"
    )]
    NotWaiting(ItemKey),
    /// Its own hold comes first: a version from before would take the record for the end of it.
    #[error("{0} is on hold itself: release it first, and then of what else keeps it")]
    HeldItself(ItemKey),
    /// Only of a lot there is an amount.
    #[error("{0} is no lot: how much there is of it is no question")]
    NoLot(ItemKey),
    /// What was found is a number, and not less than nothing.
    #[error("{0} cannot be what was found: wanted a number that is not less than nothing")]
    NoAmount(String),
    /// A unit is identified as a unit.
    #[error("{0} cannot be what a unit is: wanted a unit with a code, such as `u/site/SN-1`")]
    NoUnit(ItemKey),
    /// The order list already has this row open.
    #[error("{item} with program `{program}` is in the order list of `{station}` already")]
    OrderTwice {
        /// The list.
        station: StationId,
        /// The program of the row.
        program: Text,
        /// The item of the row.
        item: ItemKey,
    },
    /// It is closed, or there never was one.
    #[error(
        "{0} is no open case; `pedigree case ls` shows which there are, and a closed one stays closed: open another"
    )]
    NoOpenCase(CaseId),
    /// Somebody else was faster.
    #[error(
        "{case} was changed meanwhile by record {by}; look at it again (`pedigree case show {case}`) and say what is to be done then"
    )]
    CaseChanged {
        /// Which.
        case: CaseId,
        /// Its last record.
        by: Position,
    },
}
