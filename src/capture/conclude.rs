//! What a phase that has ended comes to: a trace event, something set aside, or a note.
use super::Capture;
use super::feeders::During;
use super::mount::Counted;
use super::phase::{Confirmed, Ended};
use crate::model::plant::{CodeFrom, Phase, StationIndex, TagIndex};
use crate::model::{
    Body, EventTime, Evidence, Gap, GapCause, GapSource, Interval, ItemKey, MountUse, PhaseSummary,
    Position, Quarantine, QuarantineCause, RawWord, Stay, Step, Text, TraceEvent, Untold, Value,
    Verb, What,
};

/// The item of a phase, and how it is known.
struct Found {
    item: Option<ItemKey>,
    order_row: Option<u64>,
    evidence: Evidence,
    product: Option<Text>,
    /// What it was made with.
    mounts: Vec<MountUse>,
}

impl Capture {
    pub(super) fn conclude(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        phase: &Phase,
        ended: &Ended,
    ) {
        let plant = self.live().plant.clone();
        let summary = ended.summary(&plant, phase);
        let seconds = ended.length().as_secs_f64();
        let backwards = summary.interval.to.is_some_and(|to| to < summary.interval.from);
        if ended.length() < phase.ignore && !backwards {
            let text = format!("phase {} of {seconds:.3} s is too short to count", phase.id);
            return self.note_phase(step, station, ended, &text);
        }
        self.take_all_told(step, station);
        let cause = match ended.confirmed {
            None if ended.cut => Err(QuarantineCause::Gap),
            None => {
                let text = format!("phase {} of {seconds:.3} s was not confirmed", phase.id);
                return self.note_phase(step, station, ended, &text);
            }
            Some(_) if !ended.open.whole || backwards => Err(QuarantineCause::Gap),
            Some(Confirmed::Count(_)) => Err(QuarantineCause::Count),
            Some(Confirmed::Yes(_)) => self
                .find(station, phase, ended)
                .and_then(|found| self.made_with(station, phase, ended, found)),
        };
        let time = EventTime { at: ended.end, uncertainty_ns: 0 };
        match cause {
            Ok(found) => {
                let mut event = self.phase_event(station, phase, ended, summary, found, time);
                let id = &plant.station(station).id;
                let about = format!("{id}.{}", phase.id);
                event.went_past = self.went_past(step, id, &about, &event.what);
                if event.went_past.is_some() {
                    event.evidence = Evidence::Bypassed;
                }
                self.record_done(step, station, event);
            }
            Err(cause) => {
                let quarantine = Quarantine {
                    station: plant.station(station).id.clone(),
                    handshake: None,
                    cause,
                    time,
                    raw: self.names(ended),
                    phase: Some(summary),
                    adopted: None,
                };
                self.record(step, Body::Quarantine(quarantine));
            }
        }
    }

    fn find(
        &mut self,
        station: StationIndex,
        phase: &Phase,
        ended: &Ended,
    ) -> Result<Found, QuarantineCause> {
        let automatic = |item| Found {
            item,
            order_row: None,
            evidence: Evidence::Automatic,
            product: None,
            mounts: Vec::new(),
        };
        let Some(spec) = &phase.item else { return Ok(automatic(None)) };
        let id = self.live().station(station).id.clone();
        match spec.from {
            CodeFrom::Order => {
                let program = Self::operation(phase, ended).ok_or(QuarantineCause::NoOrder)?;
                let rows = self.memory.station(&id).map(|s| s.orders.as_slice());
                let (row, order) = rows
                    .unwrap_or_default()
                    .iter()
                    .find(|(_, row)| row.program == program)
                    .ok_or(QuarantineCause::NoOrder)?;
                Ok(Found {
                    item: Some(order.item.clone()),
                    order_row: Some(*row),
                    evidence: Evidence::Inferred,
                    product: order.product.clone(),
                    mounts: Vec::new(),
                })
            }
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage => {
                let memory = self.memory.station(&id);
                let current = memory.and_then(|s| s.places.current(None).cloned());
                current.map(|i| automatic(Some(i))).ok_or(QuarantineCause::NoCurrent)
            }
            CodeFrom::Word(word) => {
                let plant = self.live().plant.clone();
                let name = || plant.tag(word.tag).name.clone();
                let at_begin = ended.open.names.get(&word.tag).cloned().flatten();
                let scope = spec.scope.word().and_then(|w| ended.item.get(&w.tag)?.as_text());
                let at_end = ended.item.get(&word.tag).cloned();
                if at_begin != at_end {
                    return Err(QuarantineCause::ItemChanged);
                }
                let text = at_end.and_then(|v| v.as_text());
                let text = text.ok_or_else(|| QuarantineCause::Word(name()))?;
                match super::compose::code(spec, &text, scope.as_deref()) {
                    Ok(Some(item)) => Ok(automatic(Some(item))),
                    Ok(None) => Err(QuarantineCause::Code(name())),
                    Err(fault) => Err(fault.cause(name())),
                }
            }
        }
    }

    /// The lots that were in the feeders while it went on: it is concluded some time later.
    fn made_with(
        &self,
        station: StationIndex,
        phase: &Phase,
        ended: &Ended,
        mut found: Found,
    ) -> Result<Found, QuarantineCause> {
        if found.item.is_some() && !matches!(phase.event, Some(Verb::Clean | Verb::Inspect)) {
            let during = During { from: Some(ended.begin()), to: ended.end, read: false };
            // Its words are told one by one: no reading of the counters is of its end.
            found.mounts = self.mounts_used(station, during, Counted::InVain(Untold::Unread))?;
        }
        Ok(found)
    }

    fn operation(phase: &Phase, ended: &Ended) -> Option<Text> {
        let value = ended.open.names.get(&phase.operation?.tag)?.as_ref();
        value.and_then(Value::as_text).and_then(|t| Text::parse(&t).ok())
    }

    fn phase_event(
        &self,
        station: StationIndex,
        phase: &Phase,
        ended: &Ended,
        summary: PhaseSummary,
        found: Found,
        time: EventTime,
    ) -> TraceEvent {
        let note = |text: &str| What::Note {
            item: None,
            text: Text::parse(text).expect("a short text without control characters"),
        };
        let what = match (phase.event, found.item) {
            (Some(Verb::Clean), _) => What::Clean { confirmed: true, phase: Some(summary) },
            (Some(Verb::Inspect), Some(item)) => {
                What::Inspect { item, result: None, measurements: Vec::new() }
            }
            (_, Some(item)) => What::Complete {
                item,
                result: None,
                measurements: Vec::new(),
                mounts: found.mounts,
                phase: Some(summary),
                order_row: found.order_row,
            },
            (_, None) => note(&format!("phase {} ended", phase.id)),
        };
        self.station_event(station, what, time, Some(ended.stay()), |event| {
            event.evidence = found.evidence;
            event.operation = Self::operation(phase, ended);
            event.product.clone_from(&found.product);
        })
    }

    fn station_event(
        &self,
        station: StationIndex,
        what: What,
        time: EventTime,
        stay: Option<Interval>,
        refine: impl FnOnce(&mut TraceEvent),
    ) -> TraceEvent {
        let mut event = TraceEvent {
            time,
            stay: stay.map(|interval| Stay { interval, arrived: None::<Position> }),
            ..TraceEvent::bare(what, time.at, Some(self.live().station(station).id.clone()))
        };
        refine(&mut event);
        event
    }

    fn note_phase(&mut self, step: &mut Step, station: StationIndex, ended: &Ended, text: &str) {
        let text = Text::parse(text).expect("a short text without control characters");
        let what = What::Note { item: None, text };
        let time = EventTime { at: ended.end, uncertainty_ns: 0 };
        let event = self.station_event(station, what, time, Some(ended.stay()), |_| {});
        self.record(step, Body::Trace(event));
    }

    /// Work that was not seen: the machine counted it since its count was told before, and no phase told
    /// of it.
    pub(super) fn unseen_operations(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        tag: TagIndex,
        interval: Interval,
        count: u64,
    ) {
        let tag = self.live().plant.tag(tag).name.clone();
        let station = self.live().station(station);
        let (id, device) = (station.id.clone(), station.device);
        let Some(device) = device.map(|d| self.live().device(d).id.clone()) else { return };
        let gap = Gap {
            source: GapSource::Tag(device, tag),
            interval,
            cause: GapCause::NumbersSkipped,
            count: Some(count),
            stations: vec![id],
            first: None,
        };
        self.record(step, Body::Gap(gap));
    }

    fn names(&self, ended: &Ended) -> Vec<RawWord> {
        let plant = &self.live().plant;
        let raw = |(tag, value): (&TagIndex, &Option<Value>)| RawWord {
            tag: plant.tag(*tag).name.clone(),
            value: value.clone().unwrap_or(Value::Empty),
            quality: crate::model::Quality::GOOD,
            source: Some(ended.end),
        };
        ended.open.names.iter().map(raw).collect()
    }
}
