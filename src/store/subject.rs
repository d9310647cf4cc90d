//! Whose own step an event is.
use crate::model::{ItemKey, What};

/// The items whose own history an event belongs to, the main one first. A lot that was only used in
/// something is not among them: a lot that went into a million units has no million steps.
pub fn subjects(what: &What) -> Vec<&ItemKey> {
    match what {
        What::Complete { item, .. } | What::Produce { item, .. } => vec![item],
        What::Consume { into, .. } => vec![into],
        What::Arrive { .. }
        | What::Install { .. }
        | What::Remove { .. }
        | What::Pack { .. }
        | What::Unpack { .. }
        | What::Split { .. }
        | What::Merge { .. }
        | What::Mount { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Scrap { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Correct { .. } => what.items(),
    }
}
