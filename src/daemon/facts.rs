//! Answers the engine's questions about its own past, once the read side has seen enough of it.
use crate::ledger::{Durable, Generation};
use crate::model::{Facts, Input, Position, Question};
use crate::query::Query;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Answers until nobody can ask any more.
pub(super) async fn answer(
    mut questions: mpsc::Receiver<(Generation, Question)>,
    query: Query,
    mut durable: watch::Receiver<Durable>,
    back: mpsc::Sender<Input>,
    stop: CancellationToken,
) {
    let mut applied = query.watch();
    while let Some((generation, Question { token, known, as_of })) = questions.recv().await {
        // A question about records that were cut is void, and so is whoever asked it.
        let void = durable.wait_for(|d| d.holds(generation, as_of) == Some(false));
        // Cancel-safe: all only wait.
        let position: Position = tokio::select! {
            seen = applied.wait_for(|p| *p >= as_of) => match seen {
                Ok(position) => *position,
                Err(_) => return,
            },
            _ = void => continue,
            () = stop.cancelled() => return,
        };
        let known = known.into_iter().map(|item| {
            let is = query.knows(&item);
            (item, is)
        });
        let facts = Facts { token, known: known.collect(), position };
        if back.send(Input::Facts(facts)).await.is_err() {
            return;
        }
    }
}
