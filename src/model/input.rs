//! What goes into the engine.
use super::plant::{DeviceIndex, Plant, TagIndex};
use super::{Boot, Command, CommandId, Facts, GapCause, Position, ReadToken, Sample, TagName, Utc};
use minicbor::{Decode, Encode};
use std::sync::Arc;

/// Why the engine's volatile state is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum StartCause {
    /// The daemon started.
    #[n(0)]
    Daemon,
    /// A sync failed; the ledger was cut and the state refolded.
    #[n(1)]
    Refold,
}

/// Counts the times that a device became observed since its task began. An answer that was decided in
/// one session must never reach the PLC in the next: there it could acknowledge another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Session(#[n(0)] pub u64);

/// The state of the connection to a device.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum Link {
    /// Observed again: every handshake word is re-read after this.
    #[n(0)]
    #[cbor(map)]
    Live {
        /// What tells this run of the device's program from others.
        #[n(0)]
        boot: Boot,
        /// Which connection this is; requests made for another are not carried out.
        #[n(1)]
        session: Session,
        /// How wide the server says that counters of requests are, in bits, by tag; `None` or left out:
        /// as the plant has it.
        #[n(2)]
        widths: Option<Vec<(TagName, u8)>>,
    },
    /// Not observed since.
    #[n(1)]
    #[cbor(map)]
    Down {
        /// The last moment that is known to have been observed; `None`: never.
        #[n(0)]
        since: Option<Utc>,
        /// Why.
        #[n(1)]
        cause: GapCause,
        /// When that was found, by the clock of `receive`: what was received by then and comes later is
        /// from before; `None` or left out: the same as `since`.
        #[n(2)]
        lost: Option<Utc>,
    },
}

/// Why a read gave no snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode, thiserror::Error)]
#[cbor(index_only)]
pub enum ReadFault {
    /// The device is not connected.
    #[n(0)]
    #[error("the device is not connected")]
    Disconnected,
    /// No answer in time.
    #[n(1)]
    #[error("no answer in time")]
    Timeout,
    /// The device answered that it cannot.
    #[n(2)]
    #[error("the device refused")]
    Refused,
    /// Not written: by now the PLC asks for something else.
    #[n(3)]
    #[error("the PLC has taken its request back")]
    Withdrawn,
}

/// A read that the engine asked for has come back.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct ReadDone {
    /// Which.
    #[n(0)]
    pub token: ReadToken,
    /// The words in the order asked for; bad ones are there with their quality.
    #[n(1)]
    pub outcome: Result<Vec<Sample>, ReadFault>,
}

/// The words of a reply are written, or not.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WriteDone {
    /// The token of the request.
    #[n(0)]
    pub token: ReadToken,
    /// Whether all of them were, the ack word last.
    #[n(1)]
    pub outcome: Result<(), ReadFault>,
}

/// What happened outside the engine.
#[derive(Debug, Clone)]
pub enum Input {
    /// The engine begins, its durable state folded up to a position.
    Start {
        /// Why.
        cause: StartCause,
        /// The last durable record.
        recovered: Position,
    },
    /// A plant is put in force.
    Plant(Arc<Plant>),
    /// A connection was won or lost.
    Link {
        /// Whose.
        device: DeviceIndex,
        /// What it is from now on.
        link: Link,
    },
    /// Tags changed; in the order of their source times.
    Samples(Vec<Sample>),
    /// Values of a tag were lost on the way to us.
    Lost {
        /// Whose.
        device: DeviceIndex,
        /// Of one tag, or of the whole device.
        tag: Option<TagIndex>,
        /// How.
        cause: GapCause,
        /// From the last value that is known to have come.
        since: Utc,
        /// To the first after.
        to: Utc,
        /// It goes on: `to` is only as far as is known by now, and its end comes with another.
        open: bool,
    },
    /// A read came back.
    Read(ReadDone),
    /// A reply is written.
    Written(WriteDone),
    /// A question is answered.
    Facts(Facts),
    /// Somebody in the north wants something.
    Command {
        /// To be answered under this.
        id: CommandId,
        /// What.
        command: Command,
    },
    /// A time that the engine asked for has come.
    Wake,
}
