//! Full files of the tape are sealed, one after another, beside everything else.
use super::Common;
use super::replay::parse;
use crate::tape::Sealer;
use std::path::Path;
use std::time::Duration;
use tokio::time::{MissedTickBehavior, interval};

/// How often it is looked for a file that is full.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Seals the tape in `dir` until the daemon stops. What cannot be sealed stays a tape.
pub(super) fn start(common: &Common, dir: &Path) {
    let (stop, site) = (common.tasks.stop(), common.plant.site.clone());
    let halted = stop.clone();
    let load = move |files: &[_]| parse(&site)(files).ok();
    let mut sealer = Sealer::new(dir, load, move || halted.is_cancelled());
    common.tasks.spawn("seal", async move {
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = looks.tick() => {}
            }
            let done = tokio::task::spawn_blocking(move || {
                while let Some(done) = sealer.seal_next().transpose() {
                    match done {
                        Ok(path) => tracing::info!(path = %path.display(), "sealed"),
                        Err(why) => tracing::warn!(%why, "a file of the tape is not sealed"),
                    }
                }
                sealer
            });
            // A panic in it ends this task, and that the daemon: it is an error of ours.
            let Ok(back) = done.await else { return };
            sealer = back;
        }
    });
}
