//! What the ledger says of a stretch of time: every event that counts, with what it is about.
use super::Wanted;
use crate::genealogy::Corrections;
use crate::ledger::{LedgerError, Reader};
use crate::model::{
    Body, HandshakeKey, ItemKey, MountPointId, PhaseId, PhaseSummary, Position, QuarantineCause,
    Record, StationId, Told, Utc, Verb, What,
};
use std::collections::BTreeMap;

/// What an event is about: by this, never by its place alone, two events are held against each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A request of a PLC; a number that came with other values is one of its own.
    Request(HandshakeKey, bool),
    /// A phase, by its begin.
    Phase(StationId, PhaseId, Utc),
    /// A feeder that changed, and whether a lot went in.
    Feeder(StationId, MountPointId, bool, Utc),
    /// Anything else, by what happened to what and when.
    Other(Verb, Vec<ItemKey>, Utc),
    /// Set aside by nothing of these.
    Aside(StationId, Utc),
}

/// An event of the ledger, or of the replay.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    pub(super) position: Position,
    /// The first record of the same.
    pub(super) first: Position,
    pub(super) stepped: Utc,
    pub(super) told: Told,
}

impl Event {
    /// An event that can be held against another; `None` for a record that is something else.
    pub(super) fn of(record: &Record) -> Option<Self> {
        let (told, adopted) = match &record.body {
            Body::Trace(event) if event.what.verb() == Verb::Correct => return None,
            Body::Trace(event) => (Told::Trace(Box::new(event.clone())), &event.adopted),
            Body::Quarantine(set_aside) => {
                (Told::Quarantine(Box::new(set_aside.clone())), &set_aside.adopted)
            }
            Body::Gap(_)
            | Body::Verdict(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => return None,
        };
        let first = adopted.as_ref().and_then(|adopted| adopted.first);
        let stepped = adopted.as_ref().map_or(record.at.wall, |adopted| adopted.stepped);
        let position = record.position;
        Some(Self { position, first: first.unwrap_or(position), stepped, told })
    }

    pub(super) fn subject(&self) -> Subject {
        match &self.told {
            Told::Quarantine(set_aside) => {
                if let Some(mark) = &set_aside.handshake {
                    let conflict = set_aside.cause == QuarantineCause::Conflict;
                    return Subject::Request(mark.key.clone(), conflict);
                }
                match &set_aside.phase {
                    Some(phase) => of_phase(&set_aside.station, phase),
                    None => Subject::Aside(set_aside.station.clone(), set_aside.time.at),
                }
            }
            Told::Trace(event) => {
                if let Some(mark) = &event.handshake {
                    return Subject::Request(mark.key.clone(), false);
                }
                let time = event.time.at;
                match (&event.what, &event.station) {
                    (
                        What::Complete { phase: Some(phase), .. }
                        | What::Clean { phase: Some(phase), .. },
                        Some(station),
                    ) => of_phase(station, phase),
                    (What::Mount { point, .. }, Some(station)) => {
                        Subject::Feeder(station.clone(), point.clone(), true, time)
                    }
                    (What::Unmount { mount, .. }, Some(station)) => {
                        Subject::Feeder(station.clone(), mount.point.clone(), false, time)
                    }
                    (what, _) => {
                        let items = what.items().into_iter().cloned().collect();
                        Subject::Other(what.verb(), items, time)
                    }
                }
            }
        }
    }

    /// Where it was.
    pub(super) fn station(&self) -> Option<&StationId> {
        match &self.told {
            Told::Quarantine(set_aside) => Some(&set_aside.station),
            Told::Trace(event) => event.station.as_ref(),
        }
    }

    /// When it was.
    pub(super) fn time(&self) -> Utc {
        match &self.told {
            Told::Trace(event) => event.time.at,
            Told::Quarantine(set_aside) => set_aside.time.at,
        }
    }

    /// Since when the item was there, by our wall clock: what it says of that may hang on all since then.
    pub(super) fn since(&self) -> Utc {
        let told = match &self.told {
            Told::Trace(event) => event.stay.map(|stay| stay.interval.from),
            Told::Quarantine(set_aside) => set_aside.phase.as_ref().map(|p| p.interval.from),
        };
        told.map_or(self.stepped, |from| from.min(self.stepped))
    }

    /// Since when something must have been seen for there to be an event at all: the words of a request are
    /// read at its trigger, those of a phase all the while.
    pub(super) fn begin(&self) -> Utc {
        let request = matches!(self.subject(), Subject::Request(..));
        if request { self.stepped } else { self.since() }
    }
}

fn of_phase(station: &StationId, phase: &PhaseSummary) -> Subject {
    Subject::Phase(station.clone(), phase.phase.clone(), phase.interval.from)
}

/// What the ledger has of the stretch and after it.
pub(super) struct Recorded {
    /// The last record before the stretch.
    pub(super) base: Position,
    /// When the last record was made: what was stepped later may have records that were not read.
    pub(super) until: Option<Utc>,
    /// What counts, in the order in which it was recorded.
    pub(super) events: Vec<Event>,
    /// What counts of the time that was asked for and is from before the tape.
    pub(super) earlier: Vec<Event>,
    /// From when to when records were of which retention dropped some.
    pub(super) dropped: Vec<(Utc, Utc)>,
}

/// Reads the whole ledger once. `base` is the last record before the stretch where the tape says so.
pub(super) fn read(
    reader: &Reader,
    wanted: &Wanted,
    base: Option<Position>,
) -> Result<Recorded, LedgerError> {
    let mut events: BTreeMap<Position, Event> = BTreeMap::new();
    let mut corrections = Corrections::default();
    let mut last = Position(0);
    let (mut first, mut until) = (None, None);
    let mut dropped = Vec::new();
    for entry in reader.cursor(Position(0)) {
        let record = entry?.record;
        if first.is_none() && wanted.is_begun(record.at.wall) {
            first = Some(last);
        }
        last = record.position;
        until = Some(record.at.wall);
        if let Body::Tombstone(stone) = &record.body {
            dropped.extend(stone.earliest.zip(stone.latest));
        }
        if let Body::Trace(event) = &record.body
            && let What::Correct { position, .. } = event.what
        {
            corrections.insert(record.position, position);
        }
        let event = Event::of(&record).filter(|event| wanted.is_begun(event.stepped));
        events.extend(event.map(|event| (record.position, event)));
    }
    let base = base.or(first).unwrap_or(last);
    let void = corrections.as_of(last);
    let counts = |event: &Event| !void.contains(&event.position);
    let (events, mut earlier): (Vec<_>, Vec<_>) =
        events.into_values().filter(counts).partition(|event| event.first > base);
    if wanted.from.is_none() {
        earlier.clear();
    }
    Ok(Recorded { base, until, events, earlier, dropped })
}
