//! The way in for commands. A command is answered only when its record is durable.
use crate::model::{Command, Position, Refusal};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// How long a client waits for its command; a sync takes milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A command and where to answer it.
#[derive(Debug)]
pub struct Asked {
    /// What is wanted.
    pub command: Command,
    /// The durable record of it, or why there is none.
    pub answer: oneshot::Sender<Result<Position, CommandFault>>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommandFault {
    /// It makes no sense as things stand.
    #[error("the command is refused: {}", reasons(.0).join("; "))]
    Refused(Vec<Refusal>),
    /// The ledger was cut before its record was durable.
    #[error("the ledger could not keep the command, and nothing of it was done; try again")]
    Void,
    /// Too many commands wait.
    #[error("too many commands wait; try again in a second")]
    Busy,
    /// The daemon is shutting down.
    #[error("the daemon is stopping; try again when it runs")]
    Stopped,
    /// No answer in time.
    #[error(
        "the command was taken, yet its record was not durable within {} s; look in the events whether it was carried out before you send it again",
        ANSWER_WITHIN.as_secs()
    )]
    Late,
}

/// The reasons of a refusal as sentences.
pub(super) fn reasons(refusals: &[Refusal]) -> Vec<String> {
    refusals.iter().map(ToString::to_string).collect()
}

/// Hands commands to the daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct CommandPort(mpsc::Sender<Asked>);

impl CommandPort {
    /// Commands go into this queue; when it is full, callers are told to come again.
    pub fn new(queue: mpsc::Sender<Asked>) -> Self {
        Self(queue)
    }

    /// Has a command carried out; returns the position of its durable record.
    pub async fn send(&self, command: Command) -> Result<Position, CommandFault> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Asked { command, answer }).map_err(|refused| match refused {
            TrySendError::Full(_) => CommandFault::Busy,
            TrySendError::Closed(_) => CommandFault::Stopped,
        })?;
        match tokio::time::timeout(ANSWER_WITHIN, answered).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err(CommandFault::Stopped),
            Err(_) => Err(CommandFault::Late),
        }
    }
}
