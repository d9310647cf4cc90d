//! The whole daemon against the world: real sockets, real disks, foreign PLCs and clients.
//!
//! What needs a foreign peer runs under `make test`, which sets `PEDIGREE_PEERS`; without it such a
//! test says that it was skipped.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]
#![expect(clippy::indexing_slicing, reason = "a test may panic")]
#![expect(clippy::print_stdout, reason = "what a run came to is part of its result")]
mod cases;
mod condition;
mod crash;
mod day;
mod disk;
mod docs;
mod drill;
mod engineer;
mod faults;
mod flood;
mod formats;
mod history;
mod hold;
mod hour;
mod limits;
mod maintenance;
mod missing;
mod mock;
mod nist;
mod overflow;
mod patterns;
mod proof;
mod reload;
mod remember;
mod replay;
mod results;
mod retention;
mod scada;
mod seeds;
mod seldom;
mod shift;
mod soak;
mod start;
mod support;
mod sweep;
mod tape;
