//! The only clock.
use crate::model::{At, Monotonic, Utc};
use crate::telemetry::Now;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

/// The clock of this process; its monotonic half begins at 0.
#[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
pub fn clock() -> Now {
    let began = Instant::now();
    Arc::new(move || {
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        At {
            monotonic: Monotonic(u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX)),
            wall: Utc(i64::try_from(wall.as_nanos()).unwrap_or(i64::MAX)),
        }
    })
}
