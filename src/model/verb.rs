//! The words for what happens to items.

/// The name of what happened, one word for each variant of [`What`](super::What).
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each is the word for the variant of `What` of the same name")]
pub enum Verb {
    Arrive,
    Complete,
    Produce,
    Consume,
    Install,
    Remove,
    Pack,
    Unpack,
    Split,
    Merge,
    Mount,
    Unmount,
    Move,
    Receive,
    Ship,
    Inspect,
    Hold,
    Release,
    Scrap,
    Rework,
    Clean,
    Identify,
    Note,
    Correct,
    Open,
    Close,
    Dry,
}

impl Verb {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arrive => "arrive",
            Self::Complete => "complete",
            Self::Produce => "produce",
            Self::Consume => "consume",
            Self::Install => "install",
            Self::Remove => "remove",
            Self::Pack => "pack",
            Self::Unpack => "unpack",
            Self::Split => "split",
            Self::Merge => "merge",
            Self::Mount => "mount",
            Self::Unmount => "unmount",
            Self::Move => "move",
            Self::Receive => "receive",
            Self::Ship => "ship",
            Self::Inspect => "inspect",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Scrap => "scrap",
            Self::Rework => "rework",
            Self::Clean => "clean",
            Self::Identify => "identify",
            Self::Note => "note",
            Self::Correct => "correct",
            Self::Open => "open",
            Self::Close => "close",
            Self::Dry => "dry",
        }
    }

    /// Whether the station that says so works: it makes, admits or inspects something.
    pub fn is_work(self) -> bool {
        matches!(self, Self::Arrive | Self::Complete | Self::Produce | Self::Inspect)
    }

    /// Whether a PLC asks before it does it; the others it reports when they are done.
    pub(super) fn is_asked_first(self) -> bool {
        match self {
            Self::Arrive
            | Self::Consume
            | Self::Install
            | Self::Remove
            | Self::Pack
            | Self::Unpack
            | Self::Split
            | Self::Merge
            | Self::Move
            | Self::Receive
            | Self::Ship => true,
            Self::Complete
            | Self::Produce
            | Self::Mount
            | Self::Unmount
            | Self::Inspect
            | Self::Hold
            | Self::Release
            | Self::Scrap
            | Self::Rework
            | Self::Clean
            | Self::Identify
            | Self::Note
            | Self::Correct
            | Self::Open
            | Self::Close
            | Self::Dry => false,
        }
    }
}
