//! Answers the engine's questions about its own past, once the read side has seen enough of it.
use crate::ledger::{Durable, Generation};
use crate::model::{Input, Question};
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
    while let Some((generation, question)) = questions.recv().await {
        let as_of = question.as_of;
        // A question about records that were cut is void, and so is whoever asked it.
        let void = durable.wait_for(|d| d.holds(generation, as_of) == Some(false));
        // Cancel-safe: all only wait.
        tokio::select! {
            seen = applied.wait_for(|p| *p >= as_of) => if seen.is_err() { return },
            _ = void => continue,
            () = stop.cancelled() => return,
        }
        let facts = query.facts(&question);
        if back.send(Input::Facts(facts)).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
