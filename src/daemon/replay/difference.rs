//! What a replay gives otherwise than the ledger has it, and what has to be recorded so that it counts.
use super::fields::{self, Field};
use super::lacking::Lack;
use super::play::Played;
use super::recorded::{Event, Recorded, Subject};
use super::{MARGIN, Wanted};
use crate::model::{
    Adopted, Adoption, Body, HandshakeMark, Position, Record, StationId, Told, Utc, What,
};
use crate::query::describe;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// An event as people read it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Shown {
    /// Its record; `None` for one that the replay alone has.
    pub position: Option<Position>,
    /// When it was.
    pub time: Utc,
    /// Where.
    pub station: Option<StationId>,
    /// What, in a sentence.
    pub text: String,
}

/// An event that both have, and that says something else.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Changed {
    /// As it is recorded.
    pub event: Shown,
    /// What differs.
    pub fields: Vec<Field>,
}

/// What came of a replay.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Difference {
    /// Inputs that were stepped.
    pub inputs: u64,
    /// When the first and the last of them was; `None` if the tape has none.
    pub played: Option<(Utc, Utc)>,
    /// Events that are the same.
    pub same: u64,
    /// Events that the replay alone has.
    pub added: Vec<Shown>,
    /// Events that the ledger alone has.
    pub removed: Vec<Shown>,
    /// Events that say something else.
    pub changed: Vec<Changed>,
    /// Events whose request would be answered otherwise. What was answered stays as it was.
    pub answers: Vec<Changed>,
    /// Events that cannot be held against anything, and why.
    pub not_replayable: Vec<(Shown, String)>,
    /// Words of the plant that are nowhere on the tape.
    pub unread: Vec<String>,
    /// Differences that need a mount which is not recorded yet: they come with the next adoption.
    pub waiting: u64,
    #[serde(skip)]
    adoptions: Vec<(Utc, Adoption)>,
}

impl Difference {
    /// Whether the replay gives what the ledger has.
    pub fn is_none(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What has to be recorded so that the replay counts, in the order in which it happened.
pub fn adoptions(difference: &Difference) -> Vec<Adoption> {
    difference.adoptions.iter().map(|(_, adoption)| adoption.clone()).collect()
}

/// Holds what was played against what is recorded.
pub(super) fn between(wanted: &Wanted, recorded: Recorded, played: &Played) -> Difference {
    let Recorded { base, until: _, events, earlier, dropped } = recorded;
    let mut by_subject: BTreeMap<Subject, VecDeque<Event>> = BTreeMap::new();
    for event in events {
        by_subject.entry(event.subject()).or_default().push_back(event);
    }
    let mut numbers = Numbers { base, recorded: BTreeMap::new() };
    let mut pairs = Vec::new();
    for event in played.made.iter().filter_map(Event::of) {
        let same = by_subject.get_mut(&event.subject()).and_then(VecDeque::pop_front);
        numbers.recorded.extend(same.as_ref().map(|same| (event.position, same.first)));
        pairs.push((same, event));
    }
    let (told, out) = (BTreeSet::new(), Difference::default());
    let mut compare = Compare { wanted, played, dropped, told, out };
    for event in &earlier {
        compare.missing(event);
    }
    for (recorded, mut event) in pairs {
        let known = numbers.put(&mut event.told);
        match (recorded, played.taken.contains(&event.position)) {
            (Some(recorded), true) => compare.missing(&recorded),
            // Superseded since.
            (None, true) => {}
            (Some(recorded), false) => compare.both(&recorded, event, known),
            (None, false) => compare.added(event, known),
        }
    }
    for event in by_subject.into_values().flatten() {
        compare.removed(&event);
    }
    compare.finish()
}

/// The numbers of records in the replay, and in the ledger.
struct Numbers {
    base: Position,
    recorded: BTreeMap<Position, Position>,
}

impl Numbers {
    /// Puts the ledger's numbers in the place of the replay's; false if a mount is not recorded.
    fn put(&self, told: &mut Told) -> bool {
        let Told::Trace(event) = told else { return true };
        let there = |position: Position| match self.recorded.get(&position) {
            _ if position <= self.base => Some(position),
            known => known.copied(),
        };
        if let Some(stay) = &mut event.stay {
            stay.arrived = stay.arrived.and_then(there);
        }
        if let Some(fill) = &mut event.fill {
            fill.opened = fill.opened.and_then(there);
        }
        let opened = match &mut event.what {
            What::Complete { mounts, .. }
            | What::Produce { mounts, .. }
            | What::Scrap { mounts, .. } => {
                mounts.iter_mut().map(|used| &mut used.mount.opened).collect()
            }
            What::Unmount { mount, .. } => vec![&mut mount.opened],
            What::Arrive { .. }
            | What::Consume { .. }
            | What::Install { .. }
            | What::Remove { .. }
            | What::Pack { .. }
            | What::Unpack { .. }
            | What::Split { .. }
            | What::Merge { .. }
            | What::Mount { .. }
            | What::Move { .. }
            | What::Receive { .. }
            | What::Ship { .. }
            | What::Inspect { .. }
            | What::Hold { .. }
            | What::Release { .. }
            | What::Rework { .. }
            | What::Clean { .. }
            | What::Identify { .. }
            | What::Note { .. }
            | What::Open { .. }
            | What::Close { .. }
            | What::Dry { .. }
            | What::Correct { .. } => Vec::new(),
        };
        event.went_past = event.went_past.and_then(there);
        let narrowed = event.narrowed.iter_mut().flat_map(|of| {
            let mounts = of.mounts.iter_mut().map(|used| &mut used.mount.opened);
            mounts.chain([&mut of.record])
        });
        let counted = event.counts.iter_mut().filter_map(|count| count.mount.as_mut());
        let mut known = true;
        for opened in opened.into_iter().chain(narrowed).chain(counted) {
            match there(*opened) {
                Some(position) => *opened = position,
                None => known = false,
            }
        }
        known
    }
}

struct Compare<'p> {
    wanted: &'p Wanted,
    played: &'p Played,
    dropped: Vec<(Utc, Utc)>,
    /// Requests that lacked words and that an event tells of.
    told: BTreeSet<usize>,
    out: Difference,
}

impl Compare<'_> {
    fn both(&mut self, recorded: &Event, mut event: Event, known: bool) {
        self.tells_of(recorded);
        if !self.wanted.has(recorded.stepped) {
            return;
        }
        let answer = fields::answer(&recorded.told, &event.told);
        let differs = fields::between(&recorded.told, &event.told);
        if differs.is_empty() {
            self.out.same = self.out.same.saturating_add(1);
        } else if let Some(why) = self.why_not(recorded, recorded.since()) {
            self.out.not_replayable.push((shown(recorded, true), why));
            return;
        } else {
            let changed = Changed { event: shown(recorded, true), fields: differs };
            self.out.changed.push(changed);
            // What the PLC was told is a fact of then.
            let told = mark(&recorded.told).cloned();
            if let (Some(told), Some(mark)) = (told, mark_mut(&mut event.told)) {
                let HandshakeMark { permit, reason, grounds, recipe, .. } = told;
                *mark = HandshakeMark { permit, reason, grounds, recipe, ..mark.clone() };
            }
            self.adopt(Some((recorded.position, recorded.first)), event, known);
        }
        if let Some(answer) = answer {
            let changed = Changed { event: shown(recorded, true), fields: vec![answer] };
            self.out.answers.push(changed);
        }
    }

    /// An event whose inputs are not on the tape.
    fn missing(&mut self, event: &Event) {
        self.tells_of(event);
        if self.wanted.has(event.stepped) {
            let why = self.why_not(event, event.begin());
            let why = why.unwrap_or_else(|| "the tape does not have it".to_owned());
            self.out.not_replayable.push((shown(event, true), why));
        }
    }

    fn added(&mut self, event: Event, known: bool) {
        self.tells_of(&event);
        if !self.wanted.has(event.stepped) {
            return;
        }
        // What retention let go of does not come back by the tape.
        let dropped = self.dropped.iter().any(|(from, to)| (*from..=*to).contains(&event.time()));
        let dropped = dropped.then(|| "retention dropped records of that time".to_owned());
        if let Some(why) = dropped.or_else(|| self.why_not(&event, event.begin())) {
            return self.out.not_replayable.push((shown(&event, false), why));
        }
        self.out.added.push(shown(&event, false));
        self.adopt(None, event, known);
    }

    fn removed(&mut self, event: &Event) {
        self.tells_of(event);
        if !self.wanted.has(event.stepped) {
            return;
        }
        if let Some(why) = self.why_not(event, event.begin()) {
            return self.out.not_replayable.push((shown(event, true), why));
        }
        self.out.removed.push(shown(event, true));
        self.out
            .adoptions
            .push((event.stepped, Adoption { instead: Some(event.position), told: None }));
    }

    fn adopt(&mut self, old: Option<(Position, Position)>, event: Event, known: bool) {
        if !known {
            self.out.waiting = self.out.waiting.saturating_add(1);
            return;
        }
        let Event { stepped, mut told, .. } = event;
        let adopted = Some(Adopted { first: old.map(|(_, first)| first), stepped });
        match &mut told {
            Told::Trace(event) => event.adopted = adopted,
            Told::Quarantine(set_aside) => set_aside.adopted = adopted,
        }
        let instead = old.map(|(standing, _)| standing);
        self.out.adoptions.push((stepped, Adoption { instead, told: Some(told) }));
    }

    /// Why nothing can be said of an event that hangs on all since `begin`.
    fn why_not(&self, event: &Event, begin: Utc) -> Option<String> {
        let lacked = || self.lacked(event, begin).or_else(|| self.unread(event));
        self.not_on_tape(event, begin).or_else(lacked)
    }

    /// The same, of what the tape has nothing of, or not all.
    fn not_on_tape(&self, event: &Event, begin: Utc) -> Option<String> {
        let Some((first, last)) = self.played.span else {
            return Some("the tape has nothing of this time".to_owned());
        };
        let stepped = event.stepped;
        if stepped < first {
            return Some(format!("the tape goes back to {first} only"));
        }
        if stepped > last {
            return Some(format!("the tape ends at {last}"));
        }
        if self.played.cut_in && begin < first {
            let why =
                format!("it was under way at {first}, where the replay begins; begin earlier");
            return Some(why);
        }
        if self.played.cut_in && stepped < first.plus(MARGIN) {
            let margin = MARGIN.as_secs();
            return Some(format!(
                "it was within {margin} s of {first}, where the replay begins: what it hangs on may be older; begin earlier"
            ));
        }
        let touched =
            self.played.gaps.iter().find(|(from, to, _)| begin <= *to && stepped >= *from);
        touched.map(|(.., why)| format!("the tape has a gap: {why}"))
    }

    /// Why an event may be another one only for want of words: then it is not to be taken back.
    fn lacked(&self, event: &Event, begin: Utc) -> Option<String> {
        let station = event.station()?;
        let mut lacks = self.played.lacking.iter();
        lacks.find(|lack| lack.touches(station, begin, event.stepped)).map(Lack::why)
    }

    /// The same where a word of its station is nowhere on the tape: what comes by it is not there, or is there without
    /// it, and what else is done there may hang on that.
    fn unread(&self, event: &Event) -> Option<String> {
        let mut unread = self.played.unread_stations.iter();
        let (_, stations) = unread.rfind(|(since, _)| *since <= event.stepped)?;
        stations.get(event.station()?).map(|word| format!("the tape does not have {word}"))
    }

    /// An event tells of a request: if that lacked words, it is not told of once more.
    fn tells_of(&mut self, event: &Event) {
        if let Subject::Request(key, _) = event.subject() {
            let name = (key.station, key.handshake);
            let lacks = self.played.lacking.iter().enumerate();
            let own = lacks.filter(|(_, lack)| lack.is_of(&name, event.stepped));
            self.told.extend(own.map(|(index, _)| index));
        }
    }

    /// Requests that lacked words and that no event tells of.
    fn lacking(&mut self) {
        for (index, lack) in self.played.lacking.iter().enumerate() {
            if self.told.contains(&index) || !self.wanted.has(lack.asked) {
                continue;
            }
            let (station, handshake) = &lack.of;
            let text = format!("a request of {handshake}");
            let shown =
                Shown { position: None, time: lack.asked, station: Some(station.clone()), text };
            self.out.not_replayable.push((shown, lack.why()));
        }
    }

    fn finish(mut self) -> Difference {
        self.lacking();
        let Self { played, mut out, .. } = self;
        out.inputs = played.inputs;
        out.played = played.span;
        out.unread = played.unread.iter().cloned().collect();
        out.adoptions.sort_by_key(|(stepped, _)| *stepped);
        out.not_replayable.sort_by_key(|(event, _)| event.position);
        out
    }
}

fn mark(told: &Told) -> Option<&HandshakeMark> {
    match told {
        Told::Trace(event) => event.handshake.as_ref(),
        Told::Quarantine(set_aside) => set_aside.handshake.as_ref(),
    }
}

fn mark_mut(told: &mut Told) -> Option<&mut HandshakeMark> {
    match told {
        Told::Trace(event) => event.handshake.as_mut(),
        Told::Quarantine(set_aside) => set_aside.handshake.as_mut(),
    }
}

fn shown(event: &Event, recorded: bool) -> Shown {
    let body = match &event.told {
        Told::Trace(event) => Body::Trace((**event).clone()),
        Told::Quarantine(set_aside) => Body::Quarantine((**set_aside).clone()),
    };
    let at = crate::model::At { wall: event.stepped, ..Default::default() };
    let view = describe(&Record { position: event.position, at, body, plant: None });
    let position = recorded.then_some(event.position);
    Shown { position, time: view.time, station: view.station, text: view.text }
}
