//! From one plant to the next, while it runs: what nobody touched goes on, the rest is a gap.
use super::{At, Capture, Live};
use crate::model::plant::{Carried, DeviceIndex, Plant};
use crate::model::{Body, Gap, GapCause, HandshakeId, StationId, Step};

impl Capture {
    /// Before another plant comes into force: whoever is not carried over is not observed from here on.
    pub(super) fn leave(&mut self, step: &mut Step, next: &Plant, carried: &Carried) {
        let Some(plant) = self.plant().cloned() else { return };
        self.end_gaps_of_removed(step, next);
        for (index, device) in plant.devices().filter(|(i, _)| carried.device(*i).is_none()) {
            let removed = next.devices.iter().all(|d| d.id != device.id);
            let cause = if removed { GapCause::Removed } else { GapCause::Redefined };
            let known = self.memory.devices.get(&device.id);
            let open = known.and_then(|d| d.gap.as_ref()).map(|gap| gap.cause);
            let observed = self.set_session(index, None).is_some();
            self.forget(step, index);
            // It stays unobserved, and from here on for another reason.
            if removed && open.is_some_and(|cause| cause != GapCause::Removed) {
                self.close_gap(step, index);
            }
            if observed || (removed && open.is_some_and(|cause| cause != GapCause::Removed)) {
                self.open_gap(step, index, step.at.wall, cause);
            }
        }
    }

    /// The gap of a trigger ends with its handshake: nobody will read it good again.
    fn end_gaps_of_removed(&mut self, step: &mut Step, next: &Plant) {
        let kept = |station: &StationId, handshake: &HandshakeId| {
            let stations = next.stations.iter().filter(|s| s.id == *station);
            stations.flat_map(|s| &s.handshakes).any(|h| h.id == *handshake)
        };
        let stations = self.memory.stations.iter();
        let handshakes = stations.flat_map(|(id, s)| s.handshakes.iter().map(move |h| (id, h)));
        let open = handshakes.filter(|(station, (id, _))| !kept(station, id));
        let open: Vec<Gap> = open.filter_map(|(_, (_, memory))| memory.gap.clone()).collect();
        for mut gap in open {
            gap.interval.to = Some(step.at.wall);
            self.record(step, Body::Gap(gap));
        }
    }

    /// After it has: what goes on, under its indexes.
    pub(super) fn carry_over(&mut self, before: Live, carried: &Carried) {
        let Live {
            plant: _,
            uses: _,
            badges: _,
            sessions,
            down,
            lost,
            exchanges,
            follows,
            watches,
            tokens,
            counting,
            widths,
        } = before;
        let live = self.live_mut();
        live.widths = carried.by_tag(widths);
        by_device(sessions, &mut live.sessions, carried);
        by_device(down, &mut live.down, carried);
        by_device(lost, &mut live.lost, carried);
        let there = |station| carried.station(station);
        let at = |at: At| Some(At { station: there(at.station)?, ..at });
        for (old, mut exchange) in exchanges {
            if let Some(at) = at(old) {
                exchange.carry(carried);
                live.exchanges.insert(at, exchange);
            }
        }
        for ((station, phase), mut follow) in follows {
            if let Some(station) = there(station) {
                follow.carry(carried);
                live.follows.insert((station, phase), follow);
            }
        }
        for ((station, mount), watch) in watches {
            if let Some(station) = there(station) {
                live.watches.insert((station, mount), watch);
            }
        }
        let counting = counting.into_iter();
        let counting =
            counting.filter_map(|(token, (of, mount))| Some((token, (there(of)?, mount))));
        live.counting.extend(counting);
        live.tokens.extend(tokens.into_iter().filter_map(|(token, old)| Some((token, at(old)?))));
    }
}

/// What is kept for each device goes to where the device stands.
fn by_device<T>(before: Vec<T>, now: &mut [T], carried: &Carried) {
    for (kept, old) in before.into_iter().zip((0..).map(DeviceIndex)) {
        if let Some(slot) = carried.device(old).and_then(|there| now.get_mut(there.get())) {
            *slot = kept;
        }
    }
}
