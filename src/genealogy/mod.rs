//! The graph of what went into what, and its questions.
//!
//! Pure: a function of the *set* of events; the order in which they arrive is never seen in it. What
//! an event overtook or a correction took back stays, with the positions at which it was added and
//! removed, so that every walk can be asked *as of* a position. Amounts, places and times are not
//! kept here: they are read from the event that made the link.
mod ancestors;
mod balance;
#[cfg(test)]
pub(crate) mod builders;
mod correction;
mod demand;
pub mod drill;
mod fact;
mod graph;
mod link;
mod narrowing;
pub mod retention;
mod ring;
mod walk;
pub mod why;

pub use ancestors::{Ancestor, Ancestors};
pub use balance::{Balance, Moved, Movement};
pub use correction::{Corrections, Void};
pub use demand::{Demand, Way};
pub use fact::{Claim, Fact, links_of};
pub use graph::{Facts, Graph};
pub use link::{Certainty, Direction, Link, LinkKind, Links, Node, NodeId};
pub use narrowing::Narrowings;
pub use ring::Ring;
pub use walk::{Former, Hop, Reached, Visited, Walk, Walked};

#[cfg(test)]
mod tests;
