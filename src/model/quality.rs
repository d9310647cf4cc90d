//! How far a value may be trusted.
use minicbor::{Decode, Encode};
use std::fmt;

/// The three classes of an OPC UA `StatusCode` (Part 4 §7.39).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The value may be used.
    Good,
    /// Usable with care.
    Uncertain,
    /// Not to be used.
    Bad,
}

/// The quality of a value: an OPC UA `StatusCode`, also for Modbus devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Quality(#[n(0)] pub u32);

impl Quality {
    /// Good.
    pub const GOOD: Self = Self(0);
    /// `BadCommunicationError`: the request failed below the protocol.
    pub const BAD_COMMUNICATION: Self = Self(0x8005_0000);
    /// `BadNoCommunication`: the device is not connected.
    pub const BAD_NO_COMMUNICATION: Self = Self(0x8031_0000);
    /// `BadTimeout`.
    pub const BAD_TIMEOUT: Self = Self(0x800A_0000);
    /// `BadTypeMismatch`: the value is not of the type that was declared.
    pub const BAD_TYPE: Self = Self(0x8074_0000);
    /// `BadOutOfRange`: outside the plausible range, or a code for "no value".
    pub const BAD_RANGE: Self = Self(0x803C_0000);
    /// `BadNodeIdUnknown`, or a Modbus illegal data address.
    pub const BAD_UNKNOWN: Self = Self(0x8034_0000);
    /// `BadDeviceFailure`: the device answered that it cannot.
    pub const BAD_DEVICE: Self = Self(0x808B_0000);
    /// `BadWaitingForInitialData`.
    pub const BAD_WAITING: Self = Self(0x8032_0000);
    /// `BadDecodingError`: the answer could not be understood.
    pub const BAD_DECODING: Self = Self(0x8007_0000);
    /// `BadTooManyMonitoredItems`: nobody watches it, for want of room in the server.
    pub const BAD_NO_ROOM: Self = Self(0x80DB_0000);

    /// Good, uncertain or bad.
    pub fn severity(self) -> Severity {
        match self.0 >> 30 {
            0 => Severity::Good,
            1 => Severity::Uncertain,
            _ => Severity::Bad,
        }
    }

    /// Whether the value may be used without care.
    pub fn is_good(self) -> bool {
        self.severity() == Severity::Good
    }

    /// The Overflow info bit (Part 4 §7.39): the server dropped values of this item.
    pub fn overflowed(self) -> bool {
        // Overflow is bit 7 while InfoType (bits 10 and 11) says DataValue. Some servers, async-opcua
        // among them, set the one and forget the other; without InfoType no bit means anything else.
        self.0 & 0x0880 == 0x0080
    }
}

impl serde::Serialize for Quality {
    /// Its name, as OPC UA has it.
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::GOOD => "Good",
            Self::BAD_COMMUNICATION => "BadCommunicationError",
            Self::BAD_NO_COMMUNICATION => "BadNoCommunication",
            Self::BAD_TIMEOUT => "BadTimeout",
            Self::BAD_TYPE => "BadTypeMismatch",
            Self::BAD_RANGE => "BadOutOfRange",
            Self::BAD_UNKNOWN => "BadNodeIdUnknown",
            Self::BAD_DEVICE => "BadDeviceFailure",
            Self::BAD_WAITING => "BadWaitingForInitialData",
            Self::BAD_DECODING => "BadDecodingError",
            Self::BAD_NO_ROOM => "BadTooManyMonitoredItems",
            Self(code) => match self.severity() {
                Severity::Good => return write!(f, "Good(0x{code:08X})"),
                Severity::Uncertain => return write!(f, "Uncertain(0x{code:08X})"),
                Severity::Bad => return write!(f, "Bad(0x{code:08X})"),
            },
        };
        f.write_str(name)
    }
}
