//! What left of a lot inside containers: how much that was is told by nobody, unless it was all that was left.
use crate::genealogy::{Hop, LinkKind, Moved, Movement, NodeId};
use crate::model::{Position, Utc};
use crate::query::item::met;
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

/// What left the site in the containers that a lot is in. Of a lot in several nobody knows how much is in which.
pub(super) fn left(memory: &View<'_>, lot: NodeId, hops: &[Hop]) -> Vec<Moved> {
    let packed = hops.iter().filter(|hop| hop.kind == LinkKind::PackedIn);
    let stays = packed.map(|hop| Stay {
        entered: (met(memory, hop).0, hop.source),
        left: memory.state(hop.whole).1.and_then(|(by, what)| {
            let moment = memory.life(what).at(by)?;
            Some((moment.time, by))
        }),
    });
    let stays: Vec<Stay> = stays.collect();
    let came = memory.life(lot).standing(memory.void()).filter(|m| m.kind == Kind::Receive);
    let came: Vec<At> = came.map(|moment| moment.key()).collect();
    let moved = stays.iter().filter_map(|stay| {
        let at = stay.left.filter(|at| stay.is_open(*at, &came))?;
        let in_others = stays.iter().any(|other| {
            let later = other.left.is_none_or(|left| left > at);
            later && other.is_open(at, &came)
        });
        let what = if in_others { Movement::Parted } else { Movement::Shipped };
        Some(Moved { time: at.0, position: at.1, what, amount: None })
    });
    moved.collect()
}

impl Stay {
    /// Whether the lot was put there before that moment, and has not come in by itself since.
    fn is_open(&self, at: At, came: &[At]) -> bool {
        let anew = came.iter().any(|came| self.entered < *came && *came < at);
        self.entered <= at && !anew
    }
}
