//! Pedigree: the nerve system of a factory.
//!
//! One binary that stands beside the PLCs of a plant. A value changes on a machine; Pedigree knows
//! which serial and which lots it belongs to, keeps that for good, notices when the machine drifts,
//! and answers in milliseconds what everything was made of and where it went. The map of the rooms
//! is `docs/architecture.md`; `tests/architecture.rs` holds the code to it.
pub mod address_space;
pub mod bench;
pub mod capture;
pub mod cli;
pub mod condition;
pub mod config;
pub mod daemon;
pub mod demo;
pub mod engine;
pub mod field;
pub mod genealogy;
pub mod http;
pub mod ledger;
pub mod model;
pub mod pki;
pub mod query;
pub mod store;
pub mod tape;
pub mod telemetry;
