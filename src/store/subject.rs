//! Whose own step an event is.
use crate::model::{ItemKey, Member, TraceEvent, What};

/// The items whose own history an event belongs to, the main one first. A lot that was only used in
/// something is not among them: a lot that went into a million units has no million steps. A member of the
/// main item is: what is said of a panel is said of its boards.
pub fn subjects(event: &TraceEvent) -> Vec<&ItemKey> {
    let mut items = own(&event.what);
    for Member { item, place: _ } in &event.members {
        if !items.contains(&item) {
            items.push(item);
        }
    }
    items
}

fn own(what: &What) -> Vec<&ItemKey> {
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
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => what.items(),
    }
}
