//! Mounts: a lot is in a feeder from the moment its code appears until it goes or changes.
use super::feeders::{During, Forgotten};
use super::snapshot::{Snapshot, pick};
use super::{Capture, compose};
use crate::model::plant::{CodeFrom, MountPoint, StationIndex};
use crate::model::{
    Body, EventTime, Evidence, ItemKey, MountUse, Purpose, QuarantineCause, Sample, Step,
    TraceEvent, Utc, What,
};
use std::time::Duration;

/// What is known of a feeder since the last start.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch {
    /// The source's time of the last look, and ours: an older notification that comes late says
    /// nothing; a clock that was set back does not blind us for longer than [`LATE`].
    seen: Option<(Utc, Utc)>,
    /// Its word cannot be used.
    bad: bool,
}

/// No notification comes later than this.
const LATE: Duration = Duration::from_secs(2);

impl Capture {
    /// The lot word of a feeder changed. Where the scope is in another word, only a snapshot has both
    /// together, and the change is taken from the next one.
    pub(super) fn on_mount_word(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        sample: &Sample,
    ) {
        let point = self.mount_point(station, mount);
        let (CodeFrom::Word(word), None) = (point.lot.from, point.lot.scope.word()) else {
            return;
        };
        let text = sample.good().and_then(|v| pick(v, word)?.as_text());
        let watch = self.live_mut().watches.entry((station, mount)).or_default();
        watch.bad = text.is_none();
        let Some(text) = text else { return };
        if watch
            .seen
            .is_some_and(|(seen, when)| sample.time() < seen && sample.receive < when.plus(LATE))
        {
            return;
        }
        let lot = compose::code(&point.lot, &text, None);
        drop(self.see_mount(step, station, mount, lot, (sample.time(), sample.receive)));
    }

    /// The feeders as a snapshot shows them, whatever was told before. A lot word that cannot be used is told: the last good lot is
    /// not what is in the feeder. Its own time says when it changed; the trigger's does not.
    pub(super) fn see_mounts(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        snapshot: &Snapshot,
    ) -> Result<(), QuarantineCause> {
        let mut usable = Ok(());
        for mount in 0..self.live().station(station).mounts.len() {
            let point = self.mount_point(station, mount);
            let CodeFrom::Word(word) = point.lot.from else { continue };
            let seen = snapshot.text(&self.live().plant, word).and_then(|text| {
                let scope = point.lot.scope.word().and_then(|w| snapshot.good(w)?.as_text());
                let lot = compose::code(&point.lot, &text, scope.as_deref());
                let times = snapshot.get(word.tag).map(|s| (s.time(), s.receive));
                let times = times.unwrap_or((step.at.wall, step.at.wall));
                self.see_mount(step, station, mount, lot, times).map_err(|_| {
                    QuarantineCause::Code(self.live().plant.tag(word.tag).name.clone())
                })
            });
            usable = usable.and(seen);
        }
        usable
    }

    fn see_mount(
        &mut self,
        step: &mut Step,
        station: StationIndex,
        mount: usize,
        lot: Result<Option<ItemKey>, compose::CodeFault>,
        (time, receive): (Utc, Utc),
    ) -> Result<(), compose::CodeFault> {
        let point = self.mount_point(station, mount);
        let id = self.live().station(station).id.clone();
        let watch = self.live_mut().watches.entry((station, mount)).or_default();
        watch.seen = Some((time, receive));
        let lot = match lot {
            Ok(lot) => lot,
            Err(why) => {
                step.notice(format!("{id}.{}", point.id), format!("the lot is refused: {why}"));
                return Err(why);
            }
        };
        let memory = self.memory.station(&id);
        let old = memory.and_then(|s| s.feeders.now(&point.id)).cloned();
        if old.as_ref().map(|m| &m.lot) == lot.as_ref() {
            return Ok(());
        }
        let event = |what| TraceEvent {
            what,
            time: EventTime { at: time, uncertainty_ns: 0 },
            station: Some(id.clone()),
            evidence: Evidence::Automatic,
            purpose: Purpose::Production,
            handshake: None,
            stay: None,
            operator: None,
            product: None,
            operation: None,
            remarks: Vec::new(),
            adopted: None,
            material: None,
            nest: None,
            fill: None,
            context: Vec::new(),
        };
        if let Some(old) = old {
            let what = What::Unmount { mount: old.key, lot: old.lot, used: None };
            self.record(step, Body::Trace(event(what)));
        }
        if let Some(lot) = lot {
            let what = What::Mount { point: point.id.clone(), lot };
            self.record(step, Body::Trace(event(what)));
        }
        Ok(())
    }

    /// Whether what is in the feeders is known from what was told of them since the connection was won.
    pub(super) fn feeders_told(&self, station: StationIndex) -> Result<(), QuarantineCause> {
        let live = self.live();
        for (mount, point) in live.station(station).mounts.iter().enumerate() {
            let CodeFrom::Word(word) = point.lot.from else { continue };
            let watch = live.watches.get(&(station, mount));
            if watch.is_none_or(|watch| watch.seen.is_none() || watch.bad) {
                return Err(QuarantineCause::Word(live.plant.tag(word.tag).name.clone()));
            }
        }
        Ok(())
    }

    /// The lots that an item at a station was made with.
    pub(super) fn mounts_used(
        &self,
        station: StationIndex,
        during: During,
    ) -> Result<Vec<MountUse>, QuarantineCause> {
        let station = self.live().station(station);
        let Some(memory) = self.memory.station(&station.id) else { return Ok(Vec::new()) };
        let mut used = Vec::new();
        for point in &station.mounts {
            let lots = memory.feeders.used(&point.id, point.splice, during);
            used.extend(lots.map_err(|Forgotten| QuarantineCause::Mounts)?);
        }
        Ok(used)
    }

    #[expect(clippy::indexing_slicing, reason = "indexes are made with the plant")]
    fn mount_point(&self, station: StationIndex, mount: usize) -> MountPoint {
        self.live().station(station).mounts[mount].clone()
    }
}
