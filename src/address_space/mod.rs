//! The republished genealogy: an OPC UA server whose items are virtual nodes answered by `query`.
//!
//! A unit is not a node until somebody asks for it, so the space costs no memory per item. Clients
//! browse from a product to what it was made of, read, subscribe, call and receive each record as
//! an event once it is durable. Nothing is written through this door. Who connects shows a
//! certificate that a person trusted; user names are not asked for.
//!
//! `guard` stands in front of the library, `manager` answers it, `publish` pushes.
mod attributes;
mod events;
mod guard;
mod manager;
mod methods;
mod normalise;
mod place;
mod publish;
mod reader;
mod server;
mod source;
mod table;
mod types;
mod watched;

pub use server::{AddressSpaceError, Options, run};
pub use source::Source;
pub use types::NAMESPACE;

/// Stack of each thread that decodes what clients send, in bytes (reserved, not used): the library
/// decodes nested values by recursion, and a trusted client's largest request must fit.
pub const THREAD_STACK: usize = 512 << 20;

#[cfg(test)]
mod tests;
