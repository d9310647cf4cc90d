//! The graph of what went into what, and its questions. Pure: a function of the set of events.
mod link;

pub use link::{Certainty, LinkKind, Node};
