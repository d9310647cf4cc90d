//! Why a monitor says nothing, for whoever watches. It judges nothing.
use crate::model::{MonitorId, Notice, Side, StationId, VerdictEvent};

/// What comes of values: verdicts, and why there were none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Spoken {
    /// Verdicts that changed.
    pub verdicts: Vec<VerdictEvent>,
    /// Why a monitor says nothing; once, until that is another.
    pub notices: Vec<Notice>,
}

/// Why a monitor says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Quiet {
    /// Bad quality, or no number.
    NoValue,
    /// The same, which is not told before it has lasted.
    NoValueYet,
    /// Told when it had lasted.
    Missing,
    /// It stands still, and normally varies no more than that.
    Steady,
    /// Told when it had stood still for long.
    Flat,
    /// It is not production.
    NoProduction,
    /// It settles after a changeover or a start of production.
    Settling,
    /// The level is not known yet.
    Learning,
    /// Members of a group say the same.
    Alike,
    /// All is as it should be.
    Inside,
    /// On the other side of a limit, and not for long enough.
    Delayed,
    /// Told when it crossed the limit.
    Beyond(Side),
    /// Told when it drifted.
    Latched,
}

impl Quiet {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::NoValue => "held because there is no good number to judge",
            Self::NoValueYet => "held because there is no good number, and may be none for a while",
            Self::Missing => "did not fire again: that there is no good value is told already",
            Self::Steady => "did not fire because it stands still no more than it normally does",
            Self::Flat => "did not fire again: that it stands still is told already",
            Self::NoProduction => "did not fire because this is not production",
            Self::Settling => "held because it settles after a changeover or a start of production",
            Self::Learning => "held because it is learning what is normal",
            Self::Alike => {
                "held because some of its members say the same: it cannot be learned how they go together"
            }
            Self::Inside => "did not fire because the values are as they should be",
            Self::Delayed => {
                "held because it is on the other side of a limit, and not for long enough yet"
            }
            Self::Beyond(Side::High) => "did not fire again: beyond the high limit is told already",
            Self::Beyond(Side::Low) => "did not fire again: beyond the low limit is told already",
            Self::Latched => "did not fire again: its drift is told and stands",
        }
    }
}

/// Tells it.
pub(super) fn notice(station: &StationId, monitor: &MonitorId, quiet: Quiet) -> Notice {
    Notice { about: format!("{station}.{monitor}"), text: quiet.as_str().to_owned() }
}
