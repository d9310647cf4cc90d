//! What the subscriptions bring.
use super::{Done, Refresh, Watch, fast_tags};
use crate::field::change::moved;
use crate::field::opcua::events::Event;
use crate::field::opcua::fault::Fault;
use crate::field::opcua::line::interface_fault;
use crate::field::opcua::place::Place;
use crate::field::opcua::subscribe::{Lane, Notice};
use crate::model::plant::TagIndex;
use crate::model::{At, GapCause, Input, Monotonic, Sample, Severity, Utc, Value};
use std::sync::Arc;
use std::time::Duration;

/// How long after a fresh read notifications may still bring what was before it.
const LATE: Duration = Duration::from_secs(2);
/// Values that are told at once, however many come at once: the step that they are holds nobody up, its records fit
/// into a frame, and it fits into its lane.
const TOLD_MAX: usize = 1_000;

impl Watch<'_> {
    pub(super) fn on_notice(&mut self, lane: Lane, mut notice: Notice) -> Result<(), Fault> {
        // Before we are live nobody was told anything: what counts then is read.
        match notice.missing.take() {
            Some(hole) if self.boot.is_some() => self.begin_repair(lane, hole, notice),
            Some(_) | None => self.take_in(lane, notice),
        }
    }

    /// Takes what a notice says; nothing is missing before it any more.
    pub(super) fn take_in(&mut self, lane: Lane, notice: Notice) -> Result<(), Fault> {
        let Notice { of, at, missing: _, dropped, more, mut samples, events, closed } = notice;
        if let Some(status) = closed {
            return Err(Fault::SubscriptionClosed { which: lane.as_str(), status });
        }
        self.count(&samples);
        self.hear(&samples, at.monotonic);
        let before = self.last.insert(of, at).unwrap_or(at);
        samples.retain(|sample| !self.is_late(sample, at.monotonic));
        self.check_words(&samples)?;
        let live = self.boot.is_some();
        let since = self.told_until(before);
        if let Some(values) = dropped {
            let labels = [self.task.context.name.as_str(), "overload"];
            self.task.context.metrics.samples_dropped.with_label_values(&labels).inc_by(values);
            if live {
                self.lose(None, GapCause::Overload, since, at.wall);
            }
        }
        let (nodes, plant) = (self.peer.places.now(), Arc::clone(&self.peer.plant));
        let part = |tag| nodes.get(&tag).is_some_and(Place::is_part);
        let mut told = Vec::with_capacity(samples.len());
        for sample in samples {
            // A change of another part of the same value is none of this word.
            let part = part(sample.tag);
            let width = plant.tag(sample.tag).change;
            let width = width.filter(|_| part || self.peer.limits.is_unfiltered(sample.tag));
            let moved = |from: &Value| match width {
                Some(width) => moved(from, &sample.value, width),
                None => !part || *from != sample.value,
            };
            let repeated = |l: &Sample| l.quality == sample.quality && !moved(&l.value);
            if self.latest.get(&sample.tag).is_some_and(repeated) {
                continue;
            }
            if live && sample.quality.overflowed() {
                self.task
                    .context
                    .metrics
                    .overflows
                    .with_label_values(&[&self.task.context.name])
                    .inc();
                let since = self.latest.get(&sample.tag).map_or(since, Sample::time);
                self.lose(Some(sample.tag), GapCause::Overflow, since, sample.time());
            }
            self.on_beat(&sample, at);
            self.latest.insert(sample.tag, sample.clone());
            told.push(sample);
        }
        self.proof.spoke(of, at.monotonic, more);
        if live {
            self.observed();
            let (fast, slow) = told.into_iter().partition(|s| plant.tag(s.tag).fast);
            self.tell(Lane::Fast, fast);
            self.tell(Lane::Slow, slow);
            self.tell_results(events, since, at);
        }
        Ok(())
    }

    /// Results go one by one, each whole. Before we are live none is told: the machine is asked then.
    fn tell_results(&mut self, events: Vec<Event>, since: Utc, at: At) {
        for event in events {
            match event {
                Event::Result(words) => self.desk.urgent.push(Input::Samples(words)),
                Event::Overflow => self.lose(None, GapCause::Overflow, since, at.wall),
            }
        }
    }

    /// Whether a notification brings what a fresh read has overtaken, or the very same again.
    fn is_late(&mut self, sample: &Sample, now: Monotonic) -> bool {
        let Some(until) = self.fresh.get(&sample.tag) else { return false };
        if now > *until {
            self.fresh.remove(&sample.tag);
            return false;
        }
        let Some(read) = self.latest.get(&sample.tag) else { return false };
        let overtaken = is_overtaken(sample, read);
        // A server may round source times down, so that a new value looks older than the one that was
        // read; whether it is, only another read tells.
        self.refresh.wanted |= overtaken && sample.value != read.value;
        overtaken
    }

    /// The words that end a connection: nothing after their change belongs to it.
    fn check_words(&self, samples: &[Sample]) -> Result<(), Fault> {
        let device = self.task.context.device();
        for sample in samples {
            let Some(value) = sample.good() else { continue };
            if device.interface.as_ref().is_some_and(|i| i.tag == sample.tag)
                && let Some(fault) = interface_fault(&self.peer, self.task.context.device, value)
            {
                return Err(fault);
            }
            if let Some(boot) = &self.boot
                && device.restart == Some(sample.tag)
                && boot.restart.as_ref() != Some(value)
            {
                return Err(Fault::Restarted(self.peer.plant.tag(sample.tag).name.to_string()));
            }
        }
        Ok(())
    }

    fn on_beat(&mut self, sample: &Sample, at: At) {
        if self.task.context.device().heartbeat.plc != Some(sample.tag) {
            return;
        }
        let Some(value) = sample.good() else { return };
        if self.beat.value.as_ref() != Some(value) {
            // The first value shows that the word is there, not that it moves.
            self.beat.moved = self.beat.value.is_some();
            self.beat.at = at;
            self.beat.observed = self.task.record.observed;
            self.beat.value = Some(value.clone());
        }
    }

    /// Values are missing: the engine is told, and handshake words are read afresh.
    pub(super) fn lose(&mut self, tag: Option<TagIndex>, cause: GapCause, since: Utc, to: Utc) {
        let device = self.task.context.device;
        tracing::warn!(device = self.task.context.name, ?cause, ?tag, "values were lost");
        self.desk.urgent.push(Input::Lost { device, tag, cause, since, to, open: false });
        self.refresh.wanted |= tag.is_none_or(|tag| self.peer.plant.tag(tag).fast);
    }

    /// Reads handshake words once more if one is wanted and none is under way.
    pub(super) fn begin_refresh(&mut self) {
        if !self.refresh.wanted || self.refresh.under_way {
            return;
        }
        self.refresh = Refresh { wanted: false, under_way: true };
        let device = self.task.context.device;
        let words = self.peer.places.words(fast_tags(&self.peer.plant, device));
        let (peer, asked) = (self.peer.clone(), self.task.context.at().wall);
        self.jobs.push(Box::pin(async move { Done::Fresh(peer.read_many(&words).await, asked) }));
    }

    /// Words read past the subscription are told unless a notification was faster.
    pub(super) fn on_fresh(&mut self, samples: Vec<Sample>, asked: Utc) {
        let until = self.task.context.at().monotonic.plus(LATE);
        let mut told = Vec::with_capacity(samples.len());
        for sample in samples {
            let fast = self.peer.plant.tag(sample.tag).fast;
            let faster = self.latest.get(&sample.tag).filter(|latest| {
                self.boot.is_some() && latest.receive > asked && latest.source > sample.source
            });
            if let Some(faster) = faster {
                // It may have come before we were Live, and then nobody was told.
                told.extend(fast.then(|| faster.clone()));
                continue;
            }
            self.fresh.insert(sample.tag, until);
            self.latest.insert(sample.tag, sample.clone());
            if fast {
                told.push(sample);
            }
        }
        self.tell(Lane::Fast, told);
    }

    pub(super) fn tell(&mut self, lane: Lane, mut samples: Vec<Sample>) {
        samples.retain(|s| {
            let tag = self.peer.plant.tag(s.tag);
            tag.fast || tag.watched
        });
        if !samples.is_empty() {
            samples.sort_by_key(Sample::time);
            let now = self.task.context.at().monotonic;
            for sample in &samples {
                self.doubts.knows(sample, now);
            }
            let outbox = self.desk.outbox(lane);
            while !samples.is_empty() {
                let rest = samples.split_off(samples.len().min(TOLD_MAX));
                outbox.push(Input::Samples(std::mem::replace(&mut samples, rest)));
            }
        }
    }

    /// Up to when everything was told, where something is missing since a notice: it was sent later than
    /// that one, but that may have come late.
    pub(super) fn told_until(&self, before: At) -> Utc {
        self.proof.observed().min(before.wall)
    }

    /// What was told of handshake words, whether it is told on or not.
    fn hear(&mut self, samples: &[Sample], at: Monotonic) {
        for sample in samples.iter().filter(|sample| self.peer.plant.tag(sample.tag).fast) {
            self.doubts.told(sample, at);
        }
    }

    fn count(&self, samples: &[Sample]) {
        let of = |wanted| samples.iter().filter(|s| s.quality.severity() == wanted).count();
        for (severity, label) in
            [(Severity::Good, "good"), (Severity::Uncertain, "uncertain"), (Severity::Bad, "bad")]
        {
            let labels = [self.task.context.name.as_str(), label];
            let count = u64::try_from(of(severity)).unwrap_or(u64::MAX);
            self.task.context.metrics.samples.with_label_values(&labels).inc_by(count);
        }
    }

    /// Notes up to when both subscriptions have told everything.
    pub(super) fn observed(&mut self) {
        self.task.record.observed = Some(self.proof.observed());
    }
}

/// Whether `sample` is from before `read`, or `read` itself. Without source times nobody can tell.
fn is_overtaken(sample: &Sample, read: &Sample) -> bool {
    let (Some(source), Some(read_source)) = (sample.source, read.source) else { return false };
    let same = (&sample.value, sample.quality) == (&read.value, read.quality);
    source < read_source || (source == read_source && same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Quality;

    #[test]
    fn a_fresh_read_is_not_followed_by_what_was_before_it() {
        let sample = |source: Option<i64>, value| Sample {
            tag: TagIndex(0),
            value: Value::UInt(value),
            quality: Quality::GOOD,
            source: source.map(Utc),
            server: None,
            receive: Utc(9),
        };
        let read = sample(Some(5), 8);
        assert!(is_overtaken(&sample(Some(4), 7), &read));
        assert!(is_overtaken(&sample(Some(5), 8), &read));
        assert!(
            !is_overtaken(&sample(Some(5), 9), &read),
            "two changes within one tick of a clock"
        );
        assert!(!is_overtaken(&sample(Some(6), 8), &read));
        assert!(!is_overtaken(&sample(None, 7), &read));
    }
}
