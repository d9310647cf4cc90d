//! What would go: the steps of sealed segments, held against the rules and against what the stations work with.
use crate::engine::Engine;
use crate::genealogy::retention::{Judged, Keep, Tally};
use crate::ledger::{LedgerError, Reader, Sealed, Span};
use crate::model::{Body, CaseId, CaseStep, ItemKey, PersonKey, Position, Record, Utc};
use std::collections::BTreeSet;

/// A ledger, and what its steps say of its items.
pub(super) struct Source {
    steps: Steps,
    tally: Tally,
    whole: Engine,
    /// Cases of recall that nobody has closed.
    open: BTreeSet<CaseId>,
}

/// The steps of a ledger.
struct Steps {
    reader: Reader,
    sealed: Vec<(Sealed, Vec<Span>)>,
    /// The last record that is shown: a running daemon goes on.
    end: Position,
}

impl Source {
    /// Reads all of it.
    pub(super) fn new(reader: Reader) -> Result<Self, LedgerError> {
        let sealed = reader.sealed()?.into_iter();
        let sealed: Result<_, LedgerError> = sealed
            .map(|segment| reader.spans(segment.first).map(|spans| (segment, spans)))
            .collect();
        let mut steps = Steps { reader, sealed: sealed?, end: Position(u64::MAX) };
        let (mut tally, mut whole, mut open) = (Tally::default(), nobody(), BTreeSet::new());
        steps.each(|records, stays| {
            for record in records {
                whole.apply(record);
                if let Body::Case(event) = &record.body {
                    let case = event.case(record.position);
                    match event.step {
                        CaseStep::Opened { .. } | CaseStep::Revised { .. } => open.insert(case),
                        CaseStep::Closed { .. } => open.remove(&case),
                    };
                }
            }
            tally.see(records, stays);
        })?;
        steps.end = whole.position();
        Ok(Self { steps, tally, whole, open })
    }
}

impl Steps {
    /// Shows the records of each step, and whether it stays whatever it says: it is not in a sealed segment, or is
    /// dropped already.
    fn each(&self, mut see: impl FnMut(&[Record], bool)) -> Result<(), LedgerError> {
        let spans = self.sealed.iter().flat_map(|(_, spans)| spans);
        // What is dropped is shown one by one: there may be very many of them.
        let mut steps = spans.flat_map(|span| {
            let parts = if span.is_dropped { span.count } else { 1 };
            let each = if span.is_dropped { 1 } else { span.count };
            (0..parts).map(move |_| (each, span.is_dropped))
        });
        let mut cursor = self.reader.cursor(Position(0));
        loop {
            // Behind the sealed segments every record is a step of its own.
            let (count, stays) = steps.next().unwrap_or((1, true));
            let count = usize::try_from(count).unwrap_or(usize::MAX);
            let step: Result<Vec<Record>, LedgerError> =
                cursor.by_ref().take(count).map(|entry| Ok(entry?.record)).collect();
            let step = step?;
            match step.last() {
                Some(last) if last.position <= self.end => see(&step, stays),
                Some(_) | None => return Ok(()),
            }
        }
    }
}

/// An engine that knows nothing, and tokens of nobody: it folds, and never takes a step.
fn nobody() -> Engine {
    Engine::new(PersonKey::new([0; 32]))
}

/// What would go.
pub(super) struct Plan<'s> {
    source: &'s Source,
    /// Up to when time is counted.
    pub(super) now: Utc,
    pub(super) judged: Judged<'s>,
    /// Why nothing goes at all.
    pub(super) stuck: Option<Stuck>,
}

/// Why nothing goes at all.
pub(super) enum Stuck {
    /// Whatever goes would make the engine another.
    Stations,
    /// This case of recall is open: of what it asks, and of what it cannot tell, everything is needed.
    Open(CaseId),
}

/// Of one segment.
pub(super) struct Segment<'p> {
    pub(super) sealed: &'p Sealed,
    /// The steps that go, in order.
    pub(super) steps: Vec<&'p Span>,
}

impl<'s> Plan<'s> {
    /// Time is counted up to the last record: a clock that is wrong now, far ahead, lets nothing go.
    pub(super) fn of(source: &'s Source, keep: &Keep, now: Utc) -> Result<Self, LedgerError> {
        let now = source.whole.memory().last_at.map_or(now, |last| last.min(now));
        if let Some(case) = source.open.first() {
            return Ok(Self::nothing(source, now, Stuck::Open(*case)));
        }
        let judged = source.whole.retain(&source.tally, (keep, now), |judged| {
            let mut left = nobody();
            source.steps.each(|records, _| {
                let first = records.first().map(|record| record.position);
                let goes = first.is_some_and(|first| judged.drops(first));
                for record in records {
                    let dropped = goes.then(|| Record::dropped(record.position));
                    left.apply(dropped.as_ref().unwrap_or(record));
                }
            })?;
            Ok::<_, LedgerError>(left)
        })?;
        Ok(match judged {
            Some(judged) => Self { source, now, judged, stuck: None },
            None => Self::nothing(source, now, Stuck::Stations),
        })
    }

    /// All is kept for good.
    fn nothing(source: &'s Source, now: Utc, why: Stuck) -> Self {
        let none = (&BTreeSet::new(), &BTreeSet::new());
        let judged = source.tally.judge(&Keep::default(), now, none, &BTreeSet::new());
        Self { source, now, judged, stuck: Some(why) }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.judged.is_empty()
    }

    /// The segments of which anything goes, the oldest first.
    pub(super) fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let all = self.source.steps.sealed.iter().map(|(sealed, spans)| Segment {
            sealed,
            steps: spans.iter().filter(|span| self.judged.drops(span.first)).collect(),
        });
        all.filter(|segment| !segment.steps.is_empty())
    }

    /// How many sealed segments there are, and records in all.
    pub(super) fn there(&self) -> (usize, u64) {
        let sealed = &self.source.steps.sealed;
        let spans = sealed.iter().flat_map(|(_, spans)| spans);
        (sealed.len(), spans.map(|span| span.count).sum())
    }
}

impl Segment<'_> {
    /// Records of the steps.
    pub(super) fn records(&self) -> u64 {
        self.steps.iter().map(|span| span.count).sum()
    }

    /// The steps in parts of which no tombstone names more items than it can, each with these.
    pub(super) fn parts<'j>(
        &self,
        judged: &'j Judged<'_>,
        items_max: usize,
    ) -> Vec<(BTreeSet<Position>, BTreeSet<&'j ItemKey>)> {
        let mut parts = vec![(BTreeSet::new(), BTreeSet::new())];
        for span in &self.steps {
            let less = judged.told_less(span.first, self.sealed.last);
            let less: BTreeSet<_> = less.collect();
            if parts.last().is_some_and(|(_, items)| items.len() + less.len() > items_max) {
                parts.push((BTreeSet::new(), BTreeSet::new()));
            }
            if let Some((steps, items)) = parts.last_mut() {
                steps.insert(span.first);
                items.extend(less);
            }
        }
        parts
    }
}
