//! The results of a machine that are recorded, by the names that it gave them: from records alone.
use crate::model::{Digest, Epoch, EventTime, Position, Text, Utc};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, VecDeque};

/// Results of a handshake whose names are remembered: twice as many as a machine is asked for at once.
const REMEMBERED: usize = 8_192;

/// A result that is recorded, as an event or set aside.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Noted {
    /// In which epoch.
    #[n(0)]
    pub epoch: Epoch,
    /// Of its words.
    #[n(1)]
    pub digest: Digest,
    /// The plant that said which words they are.
    #[n(2)]
    pub plant: Option<Digest>,
    /// Its record.
    #[n(3)]
    pub position: Position,
    /// When it was made.
    #[n(4)]
    pub time: EventTime,
}

/// What is remembered of the results of one handshake.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Collected {
    /// Under one name there may be several: one that came with other words, one of a later epoch.
    #[n(0)]
    by_name: BTreeMap<Text, Vec<Noted>>,
    /// Their names, the oldest record first.
    #[n(1)]
    order: VecDeque<Text>,
    /// How many there were in all.
    #[n(2)]
    count: u64,
    /// No result that is forgotten was made later than this.
    #[n(3)]
    forgotten: Option<Utc>,
}

/// What a result is to what is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is another one.
    New,
    /// It is recorded there.
    Recorded(Position),
    /// Another one with other words was recorded under its name.
    Conflict,
    /// It is as old as what is forgotten, and may be among it.
    Forgotten,
}

impl Collected {
    /// How many results were recorded.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Nothing is decided by it.
    pub(super) fn forget_count(&mut self) {
        self.count = 0;
    }

    /// Folds the record of a result in.
    pub(super) fn note(&mut self, name: Text, noted: Noted) {
        self.count = self.count.saturating_add(1);
        self.order.push_back(name.clone());
        self.by_name.entry(name).or_default().push(noted);
        if self.order.len() <= REMEMBERED {
            return;
        }
        let Some(oldest) = self.order.pop_front() else { return };
        if let Some(kept) = self.by_name.get_mut(&oldest) {
            let gone = kept.remove(0);
            self.forgotten = self.forgotten.max(Some(gone.time.at));
            if kept.is_empty() {
                self.by_name.remove(&oldest);
            }
        }
    }

    /// Whether a result of this name was recorded in this epoch. Whether it is that one only its words tell.
    pub(super) fn names(&self, name: &Text, epoch: Epoch) -> bool {
        let known = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        known.iter().any(|noted| noted.epoch == epoch)
    }

    /// What a result with these words, of this time, is.
    pub(super) fn standing(
        &self,
        name: &Text,
        epoch: Epoch,
        (digest, plant): (Digest, Digest),
        time: EventTime,
    ) -> Standing {
        let known = self.by_name.get(name).map(Vec::as_slice).unwrap_or_default();
        // A name that a restarted machine gives anew is another result, unless it has the same words; and
        // under another plant nobody can compare the words, but when it was made, where the machine says so.
        let same = |noted: &&Noted| {
            let compared = noted.plant == Some(plant);
            noted.digest == digest
                || (noted.epoch == epoch && !compared && may_be(noted.time, time))
        };
        if let Some(noted) = known.iter().find(same) {
            return Standing::Recorded(noted.position);
        }
        if known.iter().any(|noted| noted.epoch == epoch) {
            return Standing::Conflict;
        }
        let forgotten = self.forgotten.is_some_and(|last| time.at <= last);
        if forgotten { Standing::Forgotten } else { Standing::New }
    }
}

/// Whether two times may be the same.
fn may_be(a: EventTime, b: EventTime) -> bool {
    a.at == b.at || a.uncertainty_ns > 0 || b.uncertainty_ns > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLANT: Digest = Digest([7; 32]);

    fn name(n: usize) -> Text {
        Text::parse(&format!("R-{n}")).unwrap()
    }

    fn noted(epoch: u32, words: u8, at: usize) -> Noted {
        Noted {
            epoch: Epoch(epoch),
            digest: Digest([words; 32]),
            plant: Some(PLANT),
            position: Position(at as u64),
            time: time(i64::try_from(at).unwrap()),
        }
    }

    fn time(at: i64) -> EventTime {
        EventTime { at: Utc(at), uncertainty_ns: 0 }
    }

    fn standing(of: &Collected, n: usize, epoch: u32, words: u8, at: i64) -> Standing {
        of.standing(&name(n), Epoch(epoch), (Digest([words; 32]), PLANT), time(at))
    }

    #[test]
    fn a_name_alone_is_never_identity() {
        let mut all = Collected::default();
        all.note(name(1), noted(0, 1, 10));
        assert_eq!(standing(&all, 1, 0, 1, 1), Standing::Recorded(Position(10)));
        assert_eq!(standing(&all, 1, 0, 2, 1), Standing::Conflict);
        assert_eq!(standing(&all, 1, 1, 1, 1), Standing::Recorded(Position(10)), "it was retained");
        assert_eq!(standing(&all, 1, 1, 2, 1), Standing::New, "the machine counts anew");
        assert!(all.names(&name(1), Epoch(0)) && !all.names(&name(1), Epoch(1)));
        // What was set aside once is not set aside again.
        all.note(name(1), noted(0, 2, 11));
        assert_eq!(standing(&all, 1, 0, 2, 1), Standing::Recorded(Position(11)));
    }

    /// The machine used a name again after the plant was changed, and was not restarted.
    #[test]
    fn under_another_plant_a_name_is_known_by_when_its_result_was_made() {
        let mut all = Collected::default();
        all.note(name(1), noted(0, 1, 10));
        let words = (Digest([9; 32]), Digest([8; 32]));
        let found = |epoch, time| all.standing(&name(1), Epoch(epoch), words, time);
        assert_eq!(found(0, time(10)), Standing::Recorded(Position(10)), "it has other words");
        assert_eq!(found(0, time(11)), Standing::Conflict);
        let unsure = EventTime { uncertainty_ns: 1, ..time(11) };
        assert_eq!(found(0, unsure), Standing::Recorded(Position(10)), "nobody can tell");
        assert_eq!(found(1, time(10)), Standing::New);
    }

    #[test]
    fn what_is_older_than_all_that_is_remembered_is_not_taken_for_new() {
        let mut all = Collected::default();
        (0..REMEMBERED + 3).for_each(|n| all.note(name(n), noted(0, 1, n)));
        assert_eq!((all.by_name.len(), all.order.len()), (REMEMBERED, REMEMBERED));
        assert_eq!(standing(&all, 2, 0, 1, 2), Standing::Forgotten);
        assert_eq!(standing(&all, 3, 0, 1, 3), Standing::Recorded(Position(3)));
        assert_eq!(standing(&all, 99_999, 0, 1, 3), Standing::New);
        assert_eq!(all.count(), 8_195);
    }
}
