//! What waits until a record is durable: replies to PLCs, answers to the north. A frame that the
//! ledger dropped takes with it whatever waited for it.
use crate::field::Request;
use crate::http::CommandFault;
use crate::ledger::{Durable, Generation};
use crate::model::Position;
use crate::telemetry::{Metrics, Now, Point, Points};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Something that must not be known before a record is durable.
pub(super) struct Held {
    pub(super) generation: Generation,
    pub(super) after: Position,
    pub(super) what: What,
}

pub(super) enum What {
    /// Write to a device.
    Write(Request, mpsc::Sender<Request>),
    /// Tell the north.
    Answer(oneshot::Sender<Result<Position, CommandFault>>),
}

/// Lets go of what waits, in order, as the ledger becomes durable. Ends when nobody can hand anything
/// over any more.
pub(super) async fn release(
    mut held: mpsc::Receiver<Held>,
    mut durable: watch::Receiver<Durable>,
    points: Points,
    metrics: Arc<Metrics>,
    now: Now,
) {
    while let Some(Held { generation, after, what }) = held.recv().await {
        let began = now().monotonic;
        let decided = durable.wait_for(|d| d.holds(generation, after).is_some()).await;
        let kept = match decided {
            Ok(d) => d.holds(generation, after) == Some(true),
            Err(_) => return,
        };
        let waited = std::time::Duration::from_nanos(now().monotonic.0.saturating_sub(began.0));
        metrics.handshake_seconds.with_label_values(&["sync"]).observe(waited.as_secs_f64());
        match what {
            What::Write(request, device) if kept => {
                if matches!(&request, Request::Write(write) if write.ack.is_some()) {
                    points.pass(Point::AfterSync);
                }
                // A device whose task has ended reads its handshake words again when it is back.
                if device.try_send(request).is_err() {
                    tracing::debug!("a device is gone before its answer was written");
                }
            }
            What::Write(..) => tracing::warn!(%after, "an answer is void: its record was cut"),
            What::Answer(answer) => {
                let outcome = if kept { Ok(after) } else { Err(CommandFault::Void) };
                if answer.send(outcome).is_err() {
                    tracing::debug!("nobody waits for the answer to a command any more");
                }
            }
        }
    }
}
