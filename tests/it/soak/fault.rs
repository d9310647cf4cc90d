//! The faults of the soak, and which PLC may have which.
use super::Plc;
use crate::support::proxy::Spoil;
use rand::RngExt;
use rand::rngs::StdRng;
use std::time::Duration;

/// What a PLC is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Counters and a coil; waits for every answer. OPC UA, encrypted.
    Press,
    /// A press that goes on without an answer.
    Hurried,
    /// Request bits. Modbus.
    Assembly,
    /// No handshake at all. OPC UA, in clear.
    Kettles,
    /// The same, as another server: node-opcua.
    NodeKettles,
    /// A request bit. Modbus, libmodbus.
    Filler,
    /// A bit that is turned over and a state word, which wait; a ring and pulses, which do not. OPC UA, in
    /// clear. Nothing of it is retained.
    Patterns,
    /// The same as registers and coils. Modbus.
    Registers,
    /// A machine that tells of its results by events. OPC UA, in clear. Nothing of it is retained.
    Results,
    /// Puts units on carriers. OPC UA, in clear. Nothing of it is retained.
    Loading,
    /// Works on what is on a carrier, and takes it off. Modbus. Nothing of it is retained.
    Welding,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Press | Self::Hurried => "press",
            Self::Assembly => "assembly",
            Self::Kettles | Self::NodeKettles => "kettles",
            Self::Filler => "filler",
            Self::Patterns => "patterns",
            Self::Registers => "registers",
            Self::Results => "results",
            Self::Loading => "loading",
            Self::Welding => "welding",
        }
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Fault {
    /// Its connections are reset.
    Cut,
    /// From here on the link is so.
    Link(Spoil),
    /// The process stands still.
    Frozen,
    /// It is switched off and on.
    PowerCut,
    /// Its answers are spoilt, one way or another.
    Modbus(&'static str, &'static str),
}

impl Fault {
    /// One that this kind of PLC may have.
    ///
    /// Wrong bytes only where the link is signed: nobody can tell them elsewhere.
    pub(super) fn draw(rng: &mut StdRng, kind: Kind) -> Self {
        let spoil = Spoil::default();
        match (rng.random_range(0..8), kind) {
            (0, _) => Self::Cut,
            (1, _) => Self::Link(Spoil { stalled: true, ..spoil }),
            (2, _) => Self::Link(Spoil { refused: true, ..spoil }),
            (3, _) => Self::Link(Spoil { doubled: true, ..spoil }),
            (4, _) => {
                let delay = Duration::from_millis(rng.random_range(5..900));
                Self::Link(Spoil { delay, ..spoil })
            }
            (5, _) => Self::Frozen,
            (6 | 7, Kind::Press | Kind::Hurried) if rng.random_bool(0.5) => Self::PowerCut,
            (_, Kind::Press | Kind::Hurried) => {
                Self::Link(Spoil { corrupt_every: rng.random_range(50..2_000), ..spoil })
            }
            (6, Kind::Assembly)
            | (
                _,
                Kind::Kettles
                | Kind::NodeKettles
                | Kind::Filler
                | Kind::Patterns
                | Kind::Registers
                | Kind::Results
                | Kind::Loading
                | Kind::Welding,
            ) => Self::PowerCut,
            (_, Kind::Assembly) => match rng.random_range(0..5) {
                0 => Self::Modbus("garbage on", "garbage off"),
                1 => Self::Modbus("drop on", "drop off"),
                2 => Self::Modbus("drop late", "drop off"),
                3 => Self::Modbus("exc 4", "exc off"),
                _ => Self::Modbus("delay 1500", "delay 0"),
            },
        }
    }

    pub(super) fn begin(&self, plc: &mut Plc) {
        match self {
            Self::Cut => plc.proxy.cut(),
            Self::Link(spoil) => plc.proxy.spoil(*spoil),
            Self::Frozen => plc.peer.signal("-STOP"),
            Self::PowerCut => plc.peer.kill(),
            Self::Modbus(begin, _) => drop(plc.peer.control(begin)),
        }
    }

    pub(super) fn end(&self, plc: &mut Plc) {
        match self {
            Self::Cut => {}
            // What was on its way when the bytes were spoilt is spoilt: the link begins anew.
            Self::Link(_) => {
                plc.proxy.heal();
                plc.proxy.cut();
            }
            Self::Frozen => plc.peer.signal("-CONT"),
            Self::PowerCut => plc.peer.again(),
            Self::Modbus(_, end) => drop(plc.peer.control(end)),
        }
    }
}
