//! OPC UA devices: the client side.
//!
//! One task a device: it connects with the best security that both sides have, to a server whose
//! certificate is trusted; resolves namespaces anew; subscribes; proves that data moves; and then
//! serves reads and writes beside the subscriptions. Any fault ends the connection, opens a gap and
//! begins from the start, for ever. What a value means is not decided here.
mod browse;
mod connect;
mod desk;
mod doubt;
mod events;
mod fault;
mod forecast;
mod history;
mod items;
mod limits;
mod line;
mod locate;
mod once;
mod pin;
mod place;
mod probe;
mod publish;
mod results;
mod services;
mod subscribe;
mod task;
mod trust;
mod types;
mod value;
mod visit;
mod watch;
mod wire;

#[cfg(test)]
mod tests;

pub use browse::{Listing, Variable, browse};
pub(super) use connect::APPLICATION_NAME;
pub use connect::APPLICATION_URI;
pub use fault::Fault;
pub use forecast::{Subscription, reads, subscriptions};
pub use once::{Once, Word, read_once};
pub use pin::{Pinned, look, names_below};
pub use probe::{Offer, Probe, probe};
pub use task::run;
pub use visit::Target;
