//! The one door: `step(at, Input) → Effects`, and `apply(&Record)`. Pure.
//!
//! The engine alone numbers records. Its durable half changes only by `apply`, in a step and in
//! recovery alike, so that folding the ledger gives the same state; its volatile half begins anew
//! with every start. It names no clock, socket or file: the same inputs give the same effects.
mod alarm;
mod image;
mod retention;
mod state;

pub use image::IMAGE_SCHEMA;
pub use state::{Engine, judge, makes};

#[cfg(test)]
mod tests;
