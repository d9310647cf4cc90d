//! The whole tape stepped as it was, its records held against the ledger byte by byte.
use super::{ReplayError, parse};
use crate::engine::Engine;
use crate::ledger::Reader;
use crate::model::{At, Effect, Input, PersonKey, Position, Record, SiteId, wire};
use crate::tape::{TapeGapCause, TapeItem, TapeReader};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What came of a replay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Inputs that were stepped.
    pub inputs: u64,
    /// Times that the daemon started, or refolded its state.
    pub starts: u64,
    /// Records whose bytes are the ledger's.
    pub same: u64,
    /// Positions of records that the inputs do not give, or give differently.
    pub different: Vec<u64>,
    /// Positions of records that no input explains, although the tape has all of their time.
    pub unexplained: Vec<u64>,
    /// Records whose inputs are not on the tape.
    pub not_replayable: u64,
}

impl Report {
    /// Whether every record that can be replayed is what the inputs give.
    pub fn is_sound(&self) -> bool {
        self.different.is_empty() && self.unexplained.is_empty()
    }
}

/// What the tape has of one run of the daemon, or of a state that was refolded, without a hole.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Records up to this one were there before.
    recovered: Position,
    /// The last one that is of this run, once that is known.
    last: Option<Position>,
    /// Its last input.
    until: At,
}

impl Run {
    /// Whether a record is of this run, and of a time that the tape has. The end of a run may be missing:
    /// with the power the last inputs go, whose records are on stable storage.
    fn has(&self, record: &Record) -> bool {
        let Record { position, at, .. } = record;
        let own = *position > self.recovered && self.last.is_none_or(|last| *position <= last);
        own && at.monotonic <= self.until.monotonic && at.wall <= self.until.wall
    }
}

/// What was stepped of the tape.
#[derive(Debug, Default)]
struct Stepped {
    /// When, as far as a record says the same.
    at: BTreeSet<At>,
    /// What came of it.
    made: BTreeMap<Position, Vec<u8>>,
    runs: Vec<Run>,
}

impl Stepped {
    /// A run begins: what the one before made beyond `recovered` is void.
    fn begin(&mut self, recovered: Position, at: At) {
        self.made.retain(|position, _| *position <= recovered);
        self.end(recovered);
        self.runs.push(Run { recovered, last: None, until: at });
    }

    /// No record behind this one is known to be of the run.
    fn end(&mut self, last: Position) {
        if let Some(run) = self.runs.last_mut() {
            run.last = Some(run.last.unwrap_or(last).min(last));
        }
    }

    /// Something is missing here.
    fn cut(&mut self) {
        let made = self.made.keys().next_back().copied();
        self.end(made.unwrap_or(Position(0)));
    }

    fn step(&mut self, at: At, wanted: &BTreeSet<At>) {
        self.at.extend(wanted.get(&at));
        if let Some(run) = self.runs.last_mut() {
            run.until = at;
        }
    }

    fn judge(&self, record: &Record, bytes: Option<&Vec<u8>>, report: &mut Report) {
        let Record { position, at, .. } = record;
        let made = self.made.get(position);
        if made.is_some() && made == bytes {
            report.same = report.same.saturating_add(1);
        } else if made.is_some() || self.at.contains(at) {
            report.different.push(position.0);
        } else if self.runs.iter().any(|run| run.has(record)) {
            report.unexplained.push(position.0);
        } else {
            report.not_replayable = report.not_replayable.saturating_add(1);
        }
    }
}

/// Steps the whole tape of a data directory.
///
/// A daemon that was killed had stepped more than became durable; the next start says from which
/// record it went on, and what was stepped beyond it is void. Where a part of the tape is missing nothing is
/// stepped before the next start: what comes of half a run says nothing.
pub fn exact(dir: &Path, site: &SiteId, persons: &PersonKey) -> Result<Report, ReplayError> {
    let mut ledger = BTreeMap::new();
    let mut records: Vec<Record> = Vec::new();
    for entry in Reader::open(dir).cursor(Position(0)) {
        let entry = entry?;
        ledger.insert(entry.position, entry.bytes);
        records.push(entry.record);
    }
    let mut report = Report::default();
    let mut engine = Engine::new(persons.clone());
    let wanted: BTreeSet<At> = records.iter().map(|record| record.at).collect();
    let mut stepped = Stepped::default();
    let mut whole = false;
    let mut tape = TapeReader::open(dir)?;
    while let Some(item) = tape.next_item(parse(site)).map_err(Box::new)? {
        match item {
            // A file without its end, or with half an entry, is how a kill leaves one: the input was
            // in the page cache before any record of it was.
            TapeItem::Gap(gap) => {
                let killed = matches!(gap.cause, TapeGapCause::Open | TapeGapCause::Torn(_));
                if whole && !killed {
                    stepped.cut();
                }
                whole = whole && killed;
            }
            TapeItem::Entry(entry) if !whole && !matches!(entry.input, Input::Start { .. }) => {}
            TapeItem::Entry(entry) => {
                whole = true;
                report.inputs = report.inputs.saturating_add(1);
                if let Input::Start { recovered, .. } = entry.input {
                    report.starts = report.starts.saturating_add(1);
                    stepped.begin(recovered, entry.at);
                    engine = Engine::new(persons.clone());
                    let durable = records.iter().take_while(|r| r.position <= recovered);
                    durable.for_each(|r| engine.apply(r));
                }
                stepped.step(entry.at, &wanted);
                let mut effects = Vec::new();
                engine.step(entry.at, &entry.input, &mut effects);
                let frames = effects.into_iter().filter_map(|effect| match effect {
                    Effect::Append(frame) => Some(frame),
                    Effect::Read(_)
                    | Effect::Write(_)
                    | Effect::Ask(_)
                    | Effect::Answer(_)
                    | Effect::Notice(_) => None,
                });
                stepped.made.extend(frames.flatten().map(|r| (r.position, wire::encode(&r))));
            }
        }
    }
    for record in &records {
        stepped.judge(record, ledger.get(&record.position), &mut report);
    }
    Ok(report)
}
