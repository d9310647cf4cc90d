//! Full files of the tape are sealed, one after another, beside everything else.
use super::Common;
use super::replay::parse;
use crate::tape::Sealer;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for a file that is full.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Seals the tape in `dir` until the daemon stops. What cannot be sealed stays a tape.
pub(super) fn start(common: &Common, dir: &Path, writing: Arc<AtomicU64>) {
    let (stop, site) = (common.tasks.stop(), common.plant.site.clone());
    let halted = stop.clone();
    let load = move |files: &[_]| parse(&site)(files).ok();
    let mut sealer = Sealer::new(dir, writing, load, move || halted.is_cancelled());
    common.tasks.spawn("seal", async move {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let done = tokio::task::spawn_blocking(move || {
                while seal_one(&mut sealer) {}
                sealer
            });
            let Ok(back) = done.await else { return };
            sealer = back;
        }
    });
}

/// Whether there may be more to seal now; what went wrong is left alone until the next look.
fn seal_one(sealer: &mut Sealer) -> bool {
    // An archive is never worth the capture: a panic over an old file costs that file.
    match catch_unwind(AssertUnwindSafe(|| sealer.seal_next())) {
        Ok(Ok(Some(path))) => {
            tracing::info!(path = %path.display(), "sealed");
            true
        }
        Ok(Ok(None)) => false,
        Ok(Err(why)) => {
            tracing::warn!(%why, "a file of the tape is not sealed");
            false
        }
        Err(_) => {
            tracing::error!("sealing a file of the tape panicked; it stays as it is");
            false
        }
    }
}
