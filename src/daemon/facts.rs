//! Answers the engine's questions about its own past, once the read side has seen enough of it.
use crate::model::{Facts, Input, Position, Question};
use crate::query::Query;
use tokio::sync::mpsc;

/// Answers until nobody can ask any more. The way back is weak: answering keeps no daemon alive.
pub(super) async fn answer(
    mut questions: mpsc::Receiver<Question>,
    query: Query,
    back: mpsc::WeakSender<Input>,
) {
    let mut applied = query.watch();
    while let Some(Question { token, known, as_of }) = questions.recv().await {
        let position: Position = match applied.wait_for(|p| *p >= as_of).await {
            Ok(position) => *position,
            Err(_) => return,
        };
        let known = known.into_iter().map(|item| {
            let is = query.knows(&item);
            (item, is)
        });
        let facts = Facts { token, known: known.collect(), position };
        let Some(back) = back.upgrade() else { return };
        if back.send(Input::Facts(facts)).await.is_err() {
            return;
        }
    }
}
