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
    /// Records whose inputs are not on the tape.
    pub not_replayable: u64,
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
    let mut made: BTreeMap<Position, Vec<u8>> = BTreeMap::new();
    let wanted: BTreeSet<At> = records.iter().map(|record| record.at).collect();
    let mut stepped: BTreeSet<At> = BTreeSet::new();
    let mut whole = false;
    let mut tape = TapeReader::open(dir)?;
    while let Some(item) = tape.next_item(parse(site)).map_err(Box::new)? {
        match item {
            // A file without its end, or with half an entry, is how a kill leaves one: the input was
            // in the page cache before any record of it was.
            TapeItem::Gap(gap) => {
                let killed = matches!(gap.cause, TapeGapCause::Open | TapeGapCause::Torn(_));
                whole = whole && killed;
            }
            TapeItem::Entry(entry) if !whole && !matches!(entry.input, Input::Start { .. }) => {}
            TapeItem::Entry(entry) => {
                whole = true;
                stepped.extend(wanted.get(&entry.at));
                report.inputs = report.inputs.saturating_add(1);
                if let Input::Start { recovered, .. } = entry.input {
                    report.starts = report.starts.saturating_add(1);
                    made.retain(|position, _| *position <= recovered);
                    engine = Engine::new(persons.clone());
                    let durable = records.iter().take_while(|r| r.position <= recovered);
                    durable.for_each(|r| engine.apply(r));
                }
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
                made.extend(frames.flatten().map(|r| (r.position, wire::encode(&r))));
            }
        }
    }
    for record in &records {
        let Record { position, at, .. } = record;
        if made.get(position).is_some_and(|found| ledger.get(position) == Some(found)) {
            report.same = report.same.saturating_add(1);
        } else if stepped.contains(at) {
            report.different.push(position.0);
        } else {
            report.not_replayable = report.not_replayable.saturating_add(1);
        }
    }
    Ok(report)
}
