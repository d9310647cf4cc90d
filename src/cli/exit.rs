//! Exit codes with a meaning (after `sysexits.h` where it has one).

/// How a verb went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// As wanted.
    Ok = 0,
    /// The answer is no: findings, a failed verification.
    Negative = 1,
    /// What `clap` ends with too.
    Usage = 2,
    /// The id is not recorded, or not one thing.
    NotFound = 3,
    /// The answer has known gaps.
    Incomplete = 4,
    /// The daemon or a PLC does not answer.
    Unreachable = 69,
    /// Disk or store.
    Io = 74,
    /// Somebody else has it; try again later.
    Temporary = 75,
    /// Permission or certificate.
    Permission = 77,
    /// The configuration is wrong.
    Configuration = 78,
}

impl Exit {
    /// All of them, in order.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::Negative,
        Self::Usage,
        Self::NotFound,
        Self::Incomplete,
        Self::Unreachable,
        Self::Io,
        Self::Temporary,
        Self::Permission,
        Self::Configuration,
    ];

    /// What it says, for a person.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "as wanted",
            Self::Negative => "the answer is no: findings, a failed verification",
            Self::Usage => "the command line was not understood",
            Self::NotFound => "the id is not recorded, or not one thing",
            Self::Incomplete => "the answer has known gaps",
            Self::Unreachable => "the daemon or a PLC does not answer",
            Self::Io => "disk or store",
            Self::Temporary => "somebody else has it; try again later",
            Self::Permission => "permission or certificate",
            Self::Configuration => "the configuration is wrong",
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a verb could not do its work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    pub(super) text: String,
}

impl Failure {
    pub(super) fn new(exit: Exit, text: impl Into<String>) -> Self {
        Self { exit, text: text.into() }
    }
}

/// How a verb ended.
pub(super) type Done = Result<Exit, Failure>;
