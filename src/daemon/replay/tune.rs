//! Charts with other rules, told what was: of a tag by the tape, of a measurement by the record, which also knows what was
//! made, when maintenance was done, and what was not observed.
use super::carry::{Carry, point};
use super::{ReplayError, Wanted, parse};
use crate::condition::{Tuned, Tuning};
use crate::engine::{Engine, judge, makes};
use crate::ledger::{LedgerError, Reader};
use crate::model::plant::{DeviceIndex, Drift, Monitor, Plant, StationIndex, Watched, Word};
use crate::model::{
    At, Body, DeviceId, Gap, GapCause, GapSource, Input, PersonKey, Position, Record, Sample,
    SiteId, StationId, Utc,
};
use crate::query::describe;
use crate::tape::{TapeEntry, TapeGap, TapeGapCause, TapeItem, TapeReader};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// What is to be tried.
#[derive(Debug)]
pub struct Asked<'a> {
    /// The plant that has the monitor.
    pub plant: &'a Plant,
    /// Where it is.
    pub station: StationIndex,
    /// It.
    pub monitor: &'a Monitor,
    /// Which rules, each with what they promise.
    pub drifts: &'a [Drift],
    /// What has alarmed is learned anew at once.
    pub rearms: bool,
    /// Every value is wanted.
    pub keeps: bool,
    /// From then on; from the begin if not told.
    pub from: Option<Utc>,
    /// Up to then; to the end if not told.
    pub to: Option<Utc>,
}

/// Values may be missing.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Missing {
    /// From when on; `None`: from before all that there is.
    pub from: Option<Utc>,
    /// Up to when; `None`: it goes on.
    pub to: Option<Utc>,
    /// Why.
    pub why: String,
}

/// Tells the charts what the data directory has of their monitor; what came of it, and what may be missing. The daemon
/// may run.
pub fn tune(
    dir: &Path,
    site: &SiteId,
    persons: &PersonKey,
    asked: &Asked<'_>,
) -> Result<(Tuned, Vec<Missing>), ReplayError> {
    let mut hearing = Hearing::new(&Reader::open(dir), persons, asked);
    if let Watched::Tag(word) = asked.monitor.of {
        let mut heard = OfTag::new(word);
        let mut tape = TapeReader::open(dir)?;
        while let Some(item) = tape.next_item(parse(site)).map_err(Box::new)? {
            match item {
                TapeItem::Gap(gap) => heard.gap(gap),
                TapeItem::Entry(entry) if hearing.is_over(entry.at.wall) => break,
                TapeItem::Entry(entry) => heard.entry(&entry, &mut hearing)?,
            }
        }
        heard.end(&mut hearing);
    }
    hearing.up_to(None)?;
    Ok(hearing.end())
}

/// The record, read beside the tape.
struct Hearing<'a> {
    asked: &'a Asked<'a>,
    wanted: Wanted,
    id: &'a StationId,
    device: Option<(DeviceIndex, DeviceId)>,
    records: Box<dyn Iterator<Item = Result<Record, LedgerError>>>,
    /// Read and not told yet.
    next: Option<Record>,
    engine: Engine,
    tuning: Tuning,
    begun: bool,
    /// When the daemon started last, by the record.
    restarted: Option<At>,
    /// What was not observed, by what and since when.
    gaps: BTreeMap<(GapSource, Utc), (Option<Utc>, String)>,
    missing: Vec<Missing>,
}

impl<'a> Hearing<'a> {
    fn new(reader: &Reader, persons: &PersonKey, asked: &'a Asked<'a>) -> Self {
        let Asked { plant, station, monitor, drifts, rearms, keeps, from, to } = *asked;
        let at = plant.station(station);
        let device = match &monitor.of {
            Watched::Tag(word) => Some(plant.tag(word.tag).device),
            Watched::Tags(_) => None,
            Watched::Measurement(..) | Watched::Measurements(..) => at.device,
        };
        let entries = reader.cursor(Position(0));
        Self {
            asked,
            wanted: Wanted { from, to, plant: None },
            id: &at.id,
            device: device.map(|device| (device, plant.device(device).id.clone())),
            records: Box::new(entries.map(|entry| entry.map(|entry| entry.record))),
            next: None,
            engine: Engine::new(persons.clone()),
            tuning: Tuning::new(plant, station, monitor, drifts, (rearms, keeps)),
            begun: false,
            restarted: None,
            gaps: BTreeMap::new(),
            missing: Vec::new(),
        }
    }

    fn is_over(&self, at: Utc) -> bool {
        self.wanted.to.is_some_and(|to| at > to)
    }

    /// Tells of what was recorded before a time; of all if there is none.
    fn up_to(&mut self, before: Option<Utc>) -> Result<(), ReplayError> {
        loop {
            let next = self.next.take().map(Ok).or_else(|| self.records.next());
            let Some(record) = next.transpose()? else { return Ok(()) };
            if before.is_some_and(|before| record.at.wall >= before) {
                self.next = Some(record);
                return Ok(());
            }
            self.record(&record);
        }
    }

    /// Whether a time is asked about; what is made is told when the first such one comes.
    fn has(&mut self, at: Utc) -> bool {
        let has = self.wanted.has(at);
        if has && !self.begun {
            self.begun = true;
            self.tell_makes();
        }
        has
    }

    fn tell_makes(&mut self) {
        let Self { engine, tuning, asked, id, .. } = self;
        let known = engine.memory().station(id).and_then(|known| known.made.as_ref());
        tuning.hear(|_, conditions, _| makes(conditions, asked.station, known));
    }

    fn restart(&mut self) {
        self.tuning.restart();
        self.tell_makes();
    }

    fn record(&mut self, record: &Record) {
        self.engine.apply(record);
        if let Body::Tombstone(stone) = &record.body
            && let Some((from, to)) = stone.earliest.zip(stone.latest)
        {
            let why = "retention dropped records of that time".to_owned();
            self.missing.push(Missing { from: Some(from), to: Some(to), why });
        }
        if let Body::Gap(gap) = &record.body {
            self.gap(record, gap);
        }
        if !self.has(record.at.wall) {
            return;
        }
        let Asked { station, monitor, .. } = *self.asked;
        if let Body::Trace(event) = &record.body
            && event.station.as_ref() == Some(self.id)
            && event.adopted.is_none()
        {
            let known = self.engine.memory().station(self.id);
            let made = known.and_then(|known| known.made.as_ref());
            let told = (record.at, event, made);
            self.tuning.on_event(event, |conditions, out| judge(conditions, station, told, out));
        }
        if let Body::Maintenance(event) = &record.body
            && event.ends(self.id, &monitor.id)
        {
            self.tuning.maintained(event.time);
        }
    }

    /// A gap opens or ends.
    fn gap(&mut self, record: &Record, gap: &Gap) {
        let at = record.at;
        let is_tag = matches!(self.asked.monitor.of, Watched::Tag(_));
        let opens = gap.interval.to.is_none();
        let starts = matches!(gap.cause, GapCause::Stopped | GapCause::Unsynced);
        let wanted = self.wanted.has(at.wall);
        // Of a tag the tape has every start, also when nothing was observed before it.
        if opens && starts && !is_tag && wanted && self.restarted.replace(at) != Some(at) {
            self.restart();
        }
        let of_monitor = match (&gap.source, &self.asked.monitor.of) {
            (GapSource::Device(device), _) => {
                self.device.as_ref().is_some_and(|(_, own)| own == device)
            }
            (GapSource::Tag(device, name), Watched::Tag(word)) => {
                let own = self.device.as_ref().is_some_and(|(_, own)| own == device);
                own && self.asked.plant.tag(word.tag).name == *name
            }
            (
                GapSource::Handshake(station, handshake),
                Watched::Measurement(of, _) | Watched::Measurements(of, _),
            ) => station == self.id && handshake == of,
            (GapSource::Tag(..) | GapSource::Handshake(..), _) => false,
        };
        if !of_monitor {
            return;
        }
        let key = (gap.source.clone(), gap.interval.from);
        self.gaps.insert(key, (gap.interval.to, describe(record).text));
        if opens && wanted && matches!(gap.source, GapSource::Device(_)) {
            self.tuning.interrupt();
        }
    }

    fn end(self) -> (Tuned, Vec<Missing>) {
        let Self { asked, gaps, mut missing, tuning, .. } = self;
        let tuned = tuning.tuned(asked.monitor.drift.as_ref());
        let told = gaps.into_iter().map(|((_, from), (to, why))| (Some(from), to, why));
        let told = told.map(|(from, to, why)| Missing { from, to, why });
        missing.extend(told);
        // What was not observed before the first value and after the last one is no hole in between.
        let (from, to) = (asked.from.or(tuned.first), asked.to.or(tuned.last));
        missing.retain(|gap| {
            gap.to.zip(from).is_none_or(|(end, from)| end > from)
                && gap.from.zip(to).is_none_or(|(begin, to)| begin < to)
        });
        missing.sort_by_key(|gap| gap.from);
        (tuned, missing)
    }
}

/// The tape, as far as one word is concerned.
struct OfTag {
    word: Word,
    carry: Option<Carry>,
    /// The last entry before.
    last: Option<Utc>,
    gap: Option<TapeGap>,
    /// The plant on the tape does not have the word, since then.
    unread: Option<Utc>,
}

impl OfTag {
    fn new(word: Word) -> Self {
        Self { word, carry: None, last: None, gap: None, unread: None }
    }

    /// A file without its end is how a kill leaves one: what was stepped is in it.
    fn gap(&mut self, gap: TapeGap) {
        if !matches!(gap.cause, TapeGapCause::Open | TapeGapCause::Torn(_)) {
            self.gap = Some(gap);
        }
    }

    fn entry(&mut self, entry: &TapeEntry, to: &mut Hearing<'_>) -> Result<(), ReplayError> {
        let at = entry.at;
        to.up_to(Some(at.wall))?;
        if self.last.is_none() {
            let from = to.asked.from.filter(|from| *from < at.wall);
            let why = format!("the tape goes back to {} only", at.wall);
            to.missing.extend(from.map(|from| Missing {
                from: Some(from),
                to: Some(at.wall),
                why,
            }));
        }
        if let Some(gap) = self.gap.take() {
            let why = format!("the tape has a gap: {gap}");
            to.missing.push(Missing { from: self.last, to: Some(at.wall), why });
            to.tuning.interrupt();
        }
        self.last = Some(at.wall);
        let has = to.has(at.wall);
        match &entry.input {
            Input::Plant(plant) => self.put_in_force(at.wall, plant, to),
            Input::Start { .. } if has => to.restart(),
            Input::Samples(samples) if has => {
                let carry = self.carry.as_ref();
                let own = carry.and_then(|carry| carry.on_tape(self.word.tag));
                for sample in samples.iter().filter(|sample| Some(sample.tag) == own) {
                    let tag = self.word.tag;
                    to.tuning.on_sample(at, &Sample { tag, ..sample.clone() });
                }
            }
            Input::Link { .. } | Input::Lost { .. } if has => {
                for input in self.carry.iter().flat_map(|carry| carry.told(&entry.input)) {
                    to.tuning.hear(|_, conditions, _| match &input {
                        Input::Link { device, link } => conditions.on_link(at, *device, link),
                        Input::Lost { device, tag, .. } => conditions.on_lost(at, *device, *tag),
                        Input::Start { .. }
                        | Input::Plant(_)
                        | Input::Samples(_)
                        | Input::Read(_)
                        | Input::Written(_)
                        | Input::Facts(_)
                        | Input::Command { .. }
                        | Input::Wake => {}
                    });
                }
            }
            Input::Start { .. }
            | Input::Samples(_)
            | Input::Link { .. }
            | Input::Lost { .. }
            | Input::Read(_)
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Command { .. }
            | Input::Wake => {}
        }
        Ok(())
    }

    fn put_in_force(&mut self, at: Utc, plant: &Arc<Plant>, to: &mut Hearing<'_>) {
        let carry = Carry::between(plant, to.asked.plant);
        let has = carry.on_tape(self.word.tag).is_some();
        self.carry = Some(carry);
        if has {
            self.end_unread(Some(at), to);
        } else {
            self.unread = self.unread.or(Some(at));
        }
    }

    fn end_unread(&mut self, at: Option<Utc>, to: &mut Hearing<'_>) {
        let Some(from) = self.unread.take() else { return };
        let word = point(to.asked.plant, self.word.tag);
        let why = format!("the plant of that time did not read {word}");
        to.missing.push(Missing { from: Some(from), to: at, why });
    }

    fn end(mut self, to: &mut Hearing<'_>) {
        self.end_unread(None, to);
        if self.last.is_none() {
            let why = "there is no tape: of a tag nothing else has its values".to_owned();
            to.missing.push(Missing { from: None, to: None, why });
        }
    }
}
