//! Tasks: none outlives shutdown, and one that ends by itself stops the daemon and is named.
use std::future::Future;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

/// The tasks of the daemon.
#[derive(Debug, Clone)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Ends when `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        Self { tracker: TaskTracker::new(), stop }
    }

    /// Cancelled at shutdown.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Spawns a task; if it ends before shutdown, the daemon stops.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        let named = async move {
            // Dropped also when the task panics.
            let guard = stop.clone().drop_guard();
            task.await;
            if !stop.is_cancelled() {
                tracing::error!(task = name, "ended by itself; the daemon stops");
            }
            drop(guard);
        };
        self.tracker.spawn(named.instrument(tracing::info_span!("task", name)));
    }

    /// Stops the sources and waits until all that they sent is done.
    pub async fn shut_down(&self) {
        self.stop.cancel();
        self.tracker.close();
        self.tracker.wait().await;
    }
}
