//! Words that may be otherwise than the engine knows, and of which the server has nothing to tell. Pure.
//!
//! A server tells that a word is another than when it looked last. What was read or written beside that, it
//! does not know: a bit that was told to be up, was read to be down, and is up again when the server looks, has
//! not changed. The engine would wait for ever for what is never told. So a word is read again until its
//! subscription has told it, or it is found to be as it was told last. It is told as it is found two times in
//! a row: what was told in between has come by then, and nothing older follows.
use crate::model::plant::TagIndex;
use crate::model::{Monotonic, Sample, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is known of the words of a device. A value that is not good changes nothing of what the engine
/// knows, and is told when it is good again: there is no doubt about it.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    words: BTreeMap<TagIndex, Word>,
}

#[derive(Debug)]
struct Word {
    /// What its subscription told last; `None` if that was not good.
    told: Option<Value>,
    /// What the engine knows; `None` if it may know something else, from an answer or for what it writes.
    known: Option<Value>,
    /// What was found when it was last read again.
    found: Option<Value>,
    /// When anything of this was last heard.
    at: Monotonic,
}

impl Word {
    /// Whether the server may have nothing to tell though the engine knows it wrongly.
    fn is_doubtful(&self) -> bool {
        self.told.is_some() && self.known != self.told
    }
}

impl Doubts {
    /// Its subscription told it, whether the engine was told or not.
    pub(super) fn told(&mut self, sample: &Sample, now: Monotonic) {
        let told = sample.good().cloned();
        let new = Word { told: None, known: None, found: None, at: now };
        let word = self.words.entry(sample.tag).or_insert(new);
        (word.told, word.found, word.at) = (told, None, now);
    }

    /// The engine is told it as a change.
    pub(super) fn knows(&mut self, sample: &Sample, now: Monotonic) {
        if let (Some(word), Some(value)) = (self.words.get_mut(&sample.tag), sample.good()) {
            (word.known, word.found, word.at) = (Some(value.clone()), None, now);
        }
    }

    /// The engine gets it as an answer, of which it may make use.
    pub(super) fn answered(&mut self, sample: &Sample, now: Monotonic) {
        let Some(word) = self.words.get_mut(&sample.tag) else { return };
        if sample.good().is_some_and(|value| word.known.as_ref() != Some(value)) {
            (word.known, word.found, word.at) = (None, None, now);
        }
    }

    /// The engine writes it.
    pub(super) fn written(&mut self, tag: TagIndex, now: Monotonic) {
        if let Some(word) = self.words.get_mut(&tag) {
            (word.known, word.found, word.at) = (None, None, now);
        }
    }

    /// The words that are to be read again, of which nothing was heard for so long.
    pub(super) fn due(&self, now: Monotonic, after: Duration) -> Vec<TagIndex> {
        let due = |word: &Word| word.is_doubtful() && now >= word.at.plus(after);
        self.words.iter().filter(|(_, word)| due(word)).map(|(tag, _)| *tag).collect()
    }

    /// They could not be read again: that is tried later.
    pub(super) fn unread(&mut self, now: Monotonic) {
        for word in self.words.values_mut().filter(|word| word.is_doubtful()) {
            word.at = now;
        }
    }

    /// It was read again; whether the engine is to be told.
    pub(super) fn found(&mut self, sample: &Sample, now: Monotonic) -> bool {
        let Some(word) = self.words.get_mut(&sample.tag) else { return false };
        word.at = now;
        let stands = word.found.is_some() && word.found.as_ref() == sample.good();
        word.found = sample.good().cloned();
        stands && word.is_doubtful() && word.known != word.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quality, Utc};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    const AFTER: Duration = Duration::from_millis(100);
    const BIT: TagIndex = TagIndex(3);

    fn sample(value: u64) -> Sample {
        Sample {
            tag: BIT,
            value: Value::UInt(value),
            quality: Quality::GOOD,
            source: None,
            server: None,
            receive: Utc(0),
        }
    }

    /// A word, a server that looks at it now and then, and an engine.
    struct World {
        doubts: Doubts,
        now: u64,
        /// What the word is, what the server saw when it looked last, and what of that is on its way.
        real: u64,
        seen: Option<u64>,
        coming: VecDeque<u64>,
        /// What is on its way as an answer, and after it was read again.
        answers: VecDeque<u64>,
        again: VecDeque<u64>,
        /// What the engine takes it for.
        known: Option<u64>,
    }

    impl World {
        fn new() -> Self {
            Self {
                doubts: Doubts::default(),
                now: 0,
                real: 0,
                seen: None,
                coming: VecDeque::new(),
                answers: VecDeque::new(),
                again: VecDeque::new(),
                known: None,
            }
        }

        fn look(&mut self) {
            if self.seen.replace(self.real) != Some(self.real) {
                self.coming.push_back(self.real);
            }
        }

        fn tell(&mut self) {
            if let Some(value) = self.coming.pop_front() {
                self.doubts.told(&sample(value), Monotonic(self.now));
                self.doubts.knows(&sample(value), Monotonic(self.now));
                self.known = Some(value);
            }
        }

        /// The engine may or may not take an answer for what is.
        fn answer(&mut self, takes: bool) {
            if let Some(value) = self.answers.pop_front() {
                self.doubts.answered(&sample(value), Monotonic(self.now));
                self.known = if takes { Some(value) } else { self.known };
            }
        }

        fn write(&mut self, value: u64) {
            self.doubts.written(BIT, Monotonic(self.now));
            (self.real, self.known) = (value, Some(value));
        }

        fn read_again(&mut self) {
            if !self.doubts.due(Monotonic(self.now), AFTER).is_empty() {
                self.again.push_back(self.real);
            }
        }

        fn find(&mut self) {
            if let Some(value) = self.again.pop_front()
                && self.doubts.found(&sample(value), Monotonic(self.now))
            {
                self.doubts.knows(&sample(value), Monotonic(self.now));
                self.known = Some(value);
            }
        }

        fn act(&mut self, choice: u8) {
            self.now += 20_000_000;
            match choice % 8 {
                0 | 1 => self.real = u64::from(choice / 8 % 3),
                2 => self.look(),
                3 => self.tell(),
                4 => self.answers.push_back(self.real),
                5 => self.answer(choice >= 128),
                6 => self.write(u64::from(choice / 8 % 3)),
                _ => {
                    self.read_again();
                    self.find();
                }
            }
        }
    }

    proptest! {
        /// However seldom the server looks: once a word stands still, the engine knows it.
        #[test]
        fn what_stands_still_is_known_in_the_end(
            choices in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let mut world = World::new();
            world.look();
            for choice in choices {
                world.act(choice);
            }
            for _ in 0..100 {
                for choice in [2, 3, 5, 7] {
                    world.act(choice);
                }
            }
            prop_assert_eq!(world.known, Some(world.real));
            prop_assert!(world.doubts.due(Monotonic(u64::MAX), AFTER).is_empty(), "it is read for ever");
        }
    }

    /// Told to be up, read to be down, up again.
    #[test]
    fn a_bit_that_is_as_it_was_told_last_is_told_once_more() {
        let mut doubts = Doubts::default();
        let at = |ms: u64| Monotonic(ms * 1_000_000);
        doubts.told(&sample(1), at(0));
        doubts.knows(&sample(1), at(0));
        assert_eq!(doubts.due(at(1_000), AFTER), []);
        doubts.answered(&sample(0), at(1_000));
        assert_eq!(doubts.due(at(1_099), AFTER), []);
        assert_eq!(doubts.due(at(1_100), AFTER), [BIT]);
        assert!(!doubts.found(&sample(1), at(1_110)), "it may not stand");
        assert_eq!(doubts.due(at(1_200), AFTER), []);
        doubts.unread(at(1_205));
        assert!(doubts.found(&sample(1), at(1_210)));
        doubts.knows(&sample(1), at(1_210));
        assert_eq!(doubts.due(at(9_000), AFTER), []);
        // What is bad says nothing of what was known, and is told when it is good again.
        let bad = Sample { quality: Quality::BAD_WAITING, ..sample(0) };
        doubts.answered(&bad, at(9_000));
        assert_eq!(doubts.due(at(10_000), AFTER), []);
        doubts.answered(&sample(0), at(10_000));
        doubts.told(&bad, at(10_000));
        assert_eq!(doubts.due(at(11_000), AFTER), []);
    }
}
