//! What left of a lot inside containers: how much that was is told by nobody, unless it was all that was left.
use crate::genealogy::{Hop, LinkKind, Moved, Movement, NodeId};
use crate::model::{Position, Utc};
use crate::query::item::when;
use crate::query::life::Kind;
use crate::query::view::View;

/// A moment of event time, and the record that tells of it.
type At = (Utc, Position);

/// The lot, or a part of it, in a container from which it was not taken.
#[derive(Debug)]
struct Stay {
    entered: At,
    /// When that left the site, or the one that it is in, if it has not come back.
    left: Option<At>,
}

/// What left the site in the containers that a lot is in. Of a lot in several, or of which more came in after it was packed,
/// nobody knows how much is in which.
pub(super) fn left(memory: &View<'_>, lot: NodeId, hops: &[Hop]) -> Vec<Moved> {
    let packed = hops.iter().filter(|hop| hop.kind == LinkKind::PackedIn);
    let stays = packed.map(|hop| Stay {
        entered: (when(memory, hop), hop.source),
        left: memory.state(hop.whole).1.and_then(|(by, what)| {
            let moment = memory.life(what).at(by)?;
            Some((moment.time, by))
        }),
    });
    let stays: Vec<Stay> = stays.collect();
    let came = memory.life(lot).standing(memory.void()).filter(|m| m.kind == Kind::Receive);
    let came: Vec<At> = came.map(|moment| moment.key()).collect();
    let moved = stays.iter().filter_map(|Stay { entered, left }| {
        let at = left.filter(|at| entered <= at)?;
        let more = came.iter().any(|came| entered < came && *came < at);
        let elsewhere = stays
            .iter()
            .any(|other| other.entered <= at && other.left.is_none_or(|left| left > at));
        let what = if more || elsewhere { Movement::Parted } else { Movement::Shipped };
        Some(Moved { time: at.0, position: at.1, what, amount: None })
    });
    moved.collect()
}
