//! An [`Input`] as bytes and back. A plant goes as the files it was read from.
use crate::model::plant::{DeviceIndex, Plant, PlantFile, TagIndex};
use crate::model::{
    At, Command, CommandId, Digest, Facts, GapCause, Input, Link, Position, ReadDone, Sample,
    StartCause, Utc, WriteDone, wire,
};
use minicbor::{Decode, Encode};
use std::borrow::Cow;
use std::sync::Arc;

/// One step as it stands on the tape.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Step<'a> {
    #[n(0)]
    number: u64,
    #[n(1)]
    at: At,
    #[n(2)]
    input: Taped<'a>,
}

/// The variants of [`Input`], numbered for good.
#[derive(Encode, Decode)]
enum Taped<'a> {
    #[n(0)]
    #[cbor(map)]
    Start {
        #[n(0)]
        cause: StartCause,
        #[n(1)]
        recovered: Position,
    },
    #[n(1)]
    #[cbor(map)]
    Plant {
        #[n(0)]
        hash: Digest,
        #[n(1)]
        files: Cow<'a, [PlantFile]>,
    },
    #[n(2)]
    #[cbor(map)]
    Link {
        #[n(0)]
        device: DeviceIndex,
        #[n(1)]
        link: Cow<'a, Link>,
    },
    #[n(3)]
    Samples(#[n(0)] Cow<'a, [Sample]>),
    #[n(4)]
    #[cbor(map)]
    Lost {
        #[n(0)]
        device: DeviceIndex,
        #[n(1)]
        tag: Option<TagIndex>,
        #[n(2)]
        cause: GapCause,
        #[n(3)]
        since: Utc,
        #[n(4)]
        to: Utc,
        #[n(5)]
        open: Option<bool>,
    },
    #[n(5)]
    Read(#[n(0)] Cow<'a, ReadDone>),
    #[n(6)]
    Written(#[n(0)] Cow<'a, WriteDone>),
    #[n(7)]
    Facts(#[n(0)] Cow<'a, Facts>),
    #[n(8)]
    #[cbor(map)]
    Command {
        #[n(0)]
        id: CommandId,
        #[n(1)]
        command: Cow<'a, Command>,
    },
    #[n(9)]
    Wake,
}

impl<'a> From<&'a Input> for Taped<'a> {
    fn from(input: &'a Input) -> Self {
        match input {
            Input::Start { cause, recovered } => {
                Self::Start { cause: *cause, recovered: *recovered }
            }
            Input::Plant(plant) => {
                Self::Plant { hash: plant.hash, files: Cow::Borrowed(&plant.files) }
            }
            Input::Link { device, link } => {
                Self::Link { device: *device, link: Cow::Borrowed(link) }
            }
            Input::Samples(samples) => Self::Samples(Cow::Borrowed(samples)),
            Input::Lost { device, tag, cause, since, to, open } => Self::Lost {
                device: *device,
                tag: *tag,
                cause: *cause,
                since: *since,
                to: *to,
                open: open.then_some(true),
            },
            Input::Read(done) => Self::Read(Cow::Borrowed(done)),
            Input::Written(done) => Self::Written(Cow::Borrowed(done)),
            Input::Facts(facts) => Self::Facts(Cow::Borrowed(facts)),
            Input::Command { id, command } => {
                Self::Command { id: *id, command: Cow::Borrowed(command) }
            }
            Input::Wake => Self::Wake,
        }
    }
}

/// Why the plant of an entry could not be had.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlantFault<E> {
    /// Its files do not make a plant any more.
    #[error("the plant on the tape cannot be loaded: {0}")]
    Load(E),
    /// They make another one.
    #[error("the plant on the tape has the hash {taped}, what was loaded has {loaded}")]
    Hash {
        /// On the tape.
        taped: Digest,
        /// Of what was loaded.
        loaded: Digest,
    },
}

impl Taped<'_> {
    /// The word of `docs/tape-format.md`.
    fn kind(&self) -> &'static str {
        match self {
            Self::Start { .. } => "start",
            Self::Plant { .. } => "plant",
            Self::Link { .. } => "link",
            Self::Samples(_) => "samples",
            Self::Lost { .. } => "lost",
            Self::Read(_) => "read",
            Self::Written(_) => "written",
            Self::Facts(_) => "facts",
            Self::Command { .. } => "command",
            Self::Wake => "wake",
        }
    }

    fn into_input<E>(
        self,
        load: impl FnOnce(&[PlantFile]) -> Result<Arc<Plant>, E>,
    ) -> Result<Input, PlantFault<E>> {
        Ok(match self {
            Self::Start { cause, recovered } => Input::Start { cause, recovered },
            Self::Plant { hash, files } => {
                let plant = load(&files).map_err(PlantFault::Load)?;
                if plant.hash != hash {
                    return Err(PlantFault::Hash { taped: hash, loaded: plant.hash });
                }
                Input::Plant(plant)
            }
            Self::Link { device, link } => Input::Link { device, link: link.into_owned() },
            Self::Samples(samples) => Input::Samples(samples.into_owned()),
            Self::Lost { device, tag, cause, since, to, open } => {
                Input::Lost { device, tag, cause, since, to, open: open == Some(true) }
            }
            Self::Read(done) => Input::Read(done.into_owned()),
            Self::Written(done) => Input::Written(done.into_owned()),
            Self::Facts(facts) => Input::Facts(facts.into_owned()),
            Self::Command { id, command } => Input::Command { id, command: command.into_owned() },
            Self::Wake => Input::Wake,
        })
    }
}

/// The body of one entry.
pub(super) fn encode(number: u64, at: At, input: &Input) -> Vec<u8> {
    wire::encode(&Step { number, at, input: input.into() })
}

/// Why a body gives no entry.
#[derive(Debug)]
pub(super) enum Fault<E> {
    Body(minicbor::decode::Error),
    Plant(u64, At, PlantFault<E>),
}

/// Reads one entry back.
pub(super) fn decode<E>(
    body: &[u8],
    load: impl FnOnce(&[PlantFile]) -> Result<Arc<Plant>, E>,
) -> Result<(u64, At, Input), Fault<E>> {
    let Step { number, at, input } = wire::decode(body).map_err(Fault::Body)?;
    let input = input.into_input(load).map_err(|why| Fault::Plant(number, at, why))?;
    Ok((number, at, input))
}

/// An entry as people look at it.
pub(super) struct Look {
    pub(super) number: u64,
    pub(super) at: At,
    pub(super) kind: &'static str,
    pub(super) device: Option<DeviceIndex>,
    pub(super) tag: Option<TagIndex>,
    pub(super) samples: Vec<Sample>,
    files: Option<Vec<PlantFile>>,
}

impl Look {
    /// Its number and files, if a plant is put in force.
    pub(super) fn plant(&self) -> Option<(u64, &[PlantFile])> {
        Some((self.number, self.files.as_deref()?))
    }
}

/// Looks at the body of one entry; `None` if it is none, or none that this version can read.
pub(super) fn look(body: &[u8]) -> Option<Look> {
    let Step { number, at, input } = wire::decode(body).ok()?;
    let (device, tag, samples, files) = (None, None, Vec::new(), None);
    let look = Look { number, at, kind: input.kind(), device, tag, samples, files };
    Some(match input {
        Taped::Plant { files, .. } => Look { files: Some(files.into_owned()), ..look },
        Taped::Link { device, .. } => Look { device: Some(device), ..look },
        Taped::Samples(samples) => Look { samples: samples.into_owned(), ..look },
        Taped::Lost { device, tag, .. } => Look { device: Some(device), tag, ..look },
        Taped::Read(done) => {
            Look { samples: done.into_owned().outcome.unwrap_or_default(), ..look }
        }
        Taped::Start { .. }
        | Taped::Written(_)
        | Taped::Facts(_)
        | Taped::Command { .. }
        | Taped::Wake => look,
    })
}
