//! The tape, read some way ahead of what is played: an answer about the past that came late came when it came, and is
//! not to be given before.
use crate::model::{Facts, Input, Question};
use crate::tape::TapeItem;
use std::collections::VecDeque;
use std::time::Duration;

/// So far ahead: longer than a PLC waits for its permit.
const AHEAD: Duration = Duration::from_secs(5);

/// What was read and is not played yet.
#[derive(Default)]
pub(super) struct Ahead {
    items: VecDeque<TapeItem>,
    ended: bool,
}

impl Ahead {
    /// The next item, after `read` has brought what comes soon after it.
    pub(super) fn next<E>(
        &mut self,
        mut read: impl FnMut() -> Result<Option<TapeItem>, E>,
    ) -> Result<Option<TapeItem>, E> {
        while !self.ended && !self.is_far() {
            match read()? {
                Some(item) => self.items.push_back(item),
                None => self.ended = true,
            }
        }
        Ok(self.items.pop_front())
    }

    /// Whether nothing that is read now can answer what is asked at the front.
    fn is_far(&self) -> bool {
        let [front, last] = [self.items.front(), self.items.back()];
        let (Some(front), Some(last)) = (front, last) else { return false };
        match (front, last) {
            _ if self.items.len() > 1 && is_break(last) => true,
            (TapeItem::Entry(front), TapeItem::Entry(last)) => {
                last.at.monotonic > front.at.monotonic.plus(AHEAD)
            }
            (TapeItem::Gap(_), _) | (_, TapeItem::Gap(_)) => true,
        }
    }

    /// Whether the tape has yet to answer a question: the answer came late.
    pub(super) fn answers(&self, question: &Question) -> bool {
        let run = self.items.iter().take_while(|item| !is_break(item));
        run.into_iter().any(|item| match item {
            TapeItem::Entry(entry) => {
                matches!(&entry.input, Input::Facts(facts) if is_of(facts, question))
            }
            TapeItem::Gap(_) => false,
        })
    }
}

/// Whether facts are of the items that are asked about. Their numbers are another engine's.
pub(super) fn is_of(facts: &Facts, question: &Question) -> bool {
    let items = &question.items;
    items.len() == facts.known.len() && facts.known.iter().all(|(key, _)| items.contains(key))
}

/// Whether what comes after it is of another run.
fn is_break(item: &TapeItem) -> bool {
    match item {
        TapeItem::Entry(entry) => matches!(entry.input, Input::Start { .. }),
        TapeItem::Gap(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{At, ItemKey, Monotonic, Position, ReadToken, StartCause, Utc};
    use crate::tape::{TapeEntry, TapeGap, TapeGapCause};

    fn unit() -> ItemKey {
        "u/site/SN-1".parse().unwrap()
    }

    fn entry(seconds: u64, input: Input) -> TapeItem {
        let at = At { monotonic: Monotonic(seconds * 1_000_000_000), wall: Utc(0) };
        TapeItem::Entry(TapeEntry { number: seconds, at, input })
    }

    fn facts(seconds: u64) -> TapeItem {
        let known = vec![(unit(), true)];
        let token = ReadToken(seconds);
        entry(
            seconds,
            Input::Facts(Facts {
                token,
                known,
                position: Position(1),
                past: Vec::new(),
                behind: None,
                measured: Vec::new(),
            }),
        )
    }

    fn start(seconds: u64) -> TapeItem {
        entry(seconds, Input::Start { cause: StartCause::Daemon, recovered: Position(0) })
    }

    fn gap() -> TapeItem {
        let file = "00000000000000000001.tape".to_owned();
        TapeItem::Gap(TapeGap { file, after: Some(1), before: Some(2), cause: TapeGapCause::Open })
    }

    /// Whether an answer is still to come once the first item is played.
    fn is_answered(items: Vec<TapeItem>) -> bool {
        let count = items.len();
        let mut tape = items.into_iter();
        let mut ahead = Ahead::default();
        let mut read = || Ok::<_, ()>(tape.next());
        ahead.next(&mut read).unwrap().unwrap();
        let question = Question {
            token: ReadToken(9),
            items: vec![unit()],
            stations: Vec::new(),
            ancestry: false,
            measured: Vec::new(),
            as_of: Position(1),
        };
        let answered = ahead.answers(&question);
        let mut left = 1;
        while ahead.next(&mut read).unwrap().is_some() {
            left += 1;
        }
        assert_eq!(left, count, "every item is played, in order");
        answered
    }

    #[test]
    fn an_answer_that_came_late_is_seen_and_one_of_another_run_is_not() {
        let wake = |seconds| entry(seconds, Input::Wake);
        assert!(is_answered(vec![wake(1), wake(2), facts(5), wake(9)]));
        assert!(!is_answered(vec![wake(1), wake(8), wake(12), facts(13)]));
        assert!(!is_answered(vec![wake(1), start(0), facts(1)]));
        assert!(!is_answered(vec![wake(1), gap(), facts(2)]));
        assert!(!is_answered(vec![wake(1), wake(2)]));
        assert!(is_answered(vec![start(0), wake(1), facts(2)]));
    }
}
