//! API, metrics, probes, live stream and the page of an item. Codes against `query` only.
//!
//! It decides nothing and keeps nothing: every answer is `query`'s, and a command is answered when the
//! daemon says that its record is durable. There is no login: it answers on loopback, to loopback names.
mod adopt;
mod api;
mod commands;
mod connections;
mod guard;
mod named;
mod notary;
mod page;
mod problem;
mod reload;
mod serve;
mod source;
mod state;
mod tap;
#[cfg(test)]
mod tests;

pub use adopt::{Adopt, AdoptAsked, AdoptDone, AdoptFault, AdoptPort};
pub use commands::{Asked, CommandFault, CommandPort};
pub use notary::{CheckpointView, Notary, NotaryFault};
pub use page::in_query;
pub use reload::{ReloadAsked, ReloadFault, ReloadPort, Reloaded};
pub use serve::{Options, run};
pub use source::{ConditionSource, Source};
pub use state::{AppState, DeviceView, Devices, Readiness};
pub use tap::{Reading, TapEvent};
