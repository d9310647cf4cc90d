//! One table of metrics, and the log. Any impure room may name it; it names only `model`.
//!
//! It does not decide what is worth an alarm: it counts what the rooms say happened.
mod metrics;
mod points;

pub use metrics::{Metrics, TABLE, show};
pub use points::{CrashFault, Point, Points};

use crate::model::At;
use std::sync::Arc;

/// Where a room gets the time from: `daemon` owns the only clock and lends it out.
pub type Now = Arc<dyn Fn() -> At + Send + Sync>;
