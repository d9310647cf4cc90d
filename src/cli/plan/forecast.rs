//! All that is derived from plant files about what is asked of a PLC. Pure.
use crate::capture::wanted;
use crate::field::modbus::cost::Cost;
use crate::field::modbus::plan::Block;
use crate::field::{modbus, opcua};
use crate::model::plant::{Device, DeviceIndex, Handshake, ModbusLink, Plant, Protocol};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What nobody knows before the plant runs.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Assumed {
    /// A request and its answer.
    pub(super) rtt_ms: u64,
    /// A write to stable storage.
    pub(super) sync_ms: u64,
}

/// What will be asked of one device.
#[derive(Debug, Serialize)]
pub(super) struct Forecast {
    pub(super) device: String,
    pub(super) protocol: &'static str,
    pub(super) url: String,
    pub(super) looks: Vec<Look>,
    pub(super) handshakes: Vec<Exchange>,
    /// Requests by which a Modbus device is polled; a subscription needs none that are counted.
    pub(super) requests_per_second: f64,
    /// OPC UA: how many sessions this plant has at the server, one of each device there.
    pub(super) sessions: usize,
    /// The part of the time in which they keep their line busy, 1 is all of it.
    pub(super) load: f64,
    /// Modbus: what they are planned by.
    pub(super) planned: Option<Planned>,
}

/// What requests of a Modbus device are planned by.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Planned {
    /// Each register in an answer.
    pub(super) register_ms: f64,
    /// Registers that are read for nothing to save a request.
    pub(super) reads_over: u16,
    /// The plant file says so; else it costs less than a request.
    pub(super) declared: bool,
}

/// Words that are looked at together: a subscription, or a round of requests.
#[derive(Debug, Serialize)]
pub(super) struct Look {
    pub(super) lane: &'static str,
    pub(super) every_ms: f64,
    pub(super) words: usize,
    /// OPC UA: items by sampling interval. Modbus: the requests. Both: of how many not all changes are taken.
    pub(super) how: Vec<String>,
    /// Modbus: registers and bits that are read for nothing.
    pub(super) for_nothing: usize,
    /// Modbus: words that no request can read, with the reason.
    pub(super) unreadable: Vec<String>,
}

/// What one handshake costs, and how long its answer takes at worst.
#[derive(Debug, Serialize)]
pub(super) struct Exchange {
    pub(super) handshake: String,
    pub(super) words: usize,
    /// Requests of the snapshot; twice, if it is read until stable.
    pub(super) reads: usize,
    /// The look before the answer, the replies, the ack.
    pub(super) answer: usize,
    pub(super) deadline_ms: f64,
    pub(super) worst_ms: f64,
}

impl Exchange {
    pub(super) fn in_time(&self) -> bool {
        self.worst_ms <= self.deadline_ms
    }
}

/// A connection that Modbus devices share.
#[derive(Debug, Serialize)]
pub(super) struct Line {
    pub(super) devices: Vec<String>,
    pub(super) requests_per_second: f64,
    /// The part of the time in which it is busy with rounds, 1 is all of it.
    pub(super) load: f64,
}

pub(super) fn devices(plant: &Arc<Plant>, assumed: Assumed) -> Vec<Forecast> {
    plant.devices().map(|(index, device)| forecast(plant, index, device, assumed)).collect()
}

/// The connections of Modbus devices, with what all that share one ask for.
pub(super) fn lines(plant: &Plant, forecasts: &[Forecast]) -> Vec<Line> {
    let line = |devices: Vec<DeviceIndex>| {
        let mine = || devices.iter().filter_map(|index| forecasts.get(index.get()));
        let requests_per_second: f64 = mine().map(|f| f.requests_per_second).sum();
        let load = mine().map(|f| f.load).sum();
        Line { devices: mine().map(|f| f.device.clone()).collect(), requests_per_second, load }
    };
    let devices: Vec<_> = plant.devices().map(|(index, _)| index).collect();
    modbus::lines(plant, &devices).into_iter().map(line).collect()
}

fn forecast(plant: &Arc<Plant>, index: DeviceIndex, device: &Device, assumed: Assumed) -> Forecast {
    let cost = modbus::assumed(plant, index, Duration::from_millis(assumed.rtt_ms));
    let rounds = cost.map_or_else(Vec::new, |cost| modbus::rounds(plant, index, &cost));
    let looks = match device.protocol {
        Protocol::OpcUa(_) => opcua::subscriptions(plant, index).iter().map(of_ua).collect(),
        Protocol::Modbus(_) => rounds.iter().map(|r| of_modbus(plant, r)).collect(),
    };
    let each = |of: &dyn Fn(&modbus::Round) -> f64| {
        rounds.iter().map(|round| of(round) / round.period.as_secs_f64()).sum()
    };
    let busy =
        |round: &modbus::Round| cost.map_or(0.0, |cost| round.plan.cost(&cost).as_secs_f64());
    let stations = plant.stations.iter().filter(|s| s.device == Some(index));
    let handshakes = stations.flat_map(|s| s.handshakes.iter().map(move |h| (s, h)));
    let handshakes = handshakes.map(|(station, h)| {
        let name = format!("{}.{}", station.id, h.id);
        exchange(plant, index, name, h, assumed)
    });
    Forecast {
        device: device.id.to_string(),
        protocol: device.protocol.name(),
        url: device.protocol.url().to_owned(),
        looks,
        handshakes: handshakes.collect(),
        requests_per_second: each(&|round| number(round.plan.blocks.len())),
        sessions: sessions(plant, device),
        load: each(&busy),
        planned: device.protocol.modbus().zip(cost).map(|(link, cost)| planned(link, &cost)),
    }
}

fn planned(link: &ModbusLink, cost: &Cost) -> Planned {
    Planned {
        register_ms: ms(cost.word),
        reads_over: cost.reads_over(&link.limits),
        declared: link.limits.read_over.is_some(),
    }
}

fn sessions(plant: &Plant, device: &Device) -> usize {
    let server = |device: &Device| match &device.protocol {
        Protocol::OpcUa(link) => Some(link.server()),
        Protocol::Modbus(_) => None,
    };
    let mine = server(device);
    let all = plant.devices.iter().filter(|other| mine.is_some() && server(other) == mine);
    all.count()
}

fn of_ua(made: &opcua::Subscription) -> Look {
    let how = made.sampling.iter().map(|(every, words)| {
        if every.is_zero() {
            format!("{words} at every change")
        } else {
            format!("{words} sampled every {:?}", rounded(*every))
        }
    });
    let events = (made.events > 0).then(|| format!("{} of events", made.events));
    Look {
        lane: lane(made.fast),
        every_ms: ms(made.publish),
        words: made.sampling.values().sum(),
        how: how.chain(beyond(made.filtered)).chain(events).collect(),
        for_nothing: 0,
        unreadable: Vec::new(),
    }
}

fn of_modbus(plant: &Plant, round: &modbus::Round) -> Look {
    let plan = &round.plan;
    let unreadable = plan.unreadable.iter();
    let members = plan.blocks.iter().flat_map(|block| &block.members);
    let filtered = members.filter(|member| plant.tag(member.tag).change.is_some()).count();
    Look {
        lane: lane(round.fast),
        every_ms: ms(round.period),
        words: plan.blocks.iter().map(|block| block.members.len()).sum(),
        how: plan.blocks.iter().map(range).chain(beyond(filtered)).collect(),
        for_nothing: plan.blocks.iter().map(for_nothing).sum(),
        unreadable: unreadable
            .map(|(tag, why)| format!("{}: {why}", plant.tag(*tag).name))
            .collect(),
    }
}

/// From the PLC's request to the ack, if everything comes as late as it may.
fn exchange(
    plant: &Plant,
    device: DeviceIndex,
    handshake: String,
    h: &Handshake,
    assumed: Assumed,
) -> Exchange {
    let tags = wanted(h);
    let words = tags.iter().collect::<BTreeSet<_>>().len();
    let once = match plant.device(device).protocol {
        Protocol::OpcUa(_) => opcua::reads(tags.len()),
        Protocol::Modbus(_) => {
            let cost = modbus::assumed(plant, device, Duration::from_millis(assumed.rtt_ms));
            cost.map_or(0, |cost| modbus::snapshot(plant, device, &tags, &cost).len())
        }
    };
    let replies = match plant.device(device).protocol {
        Protocol::OpcUa(_) => usize::from(!h.replies.is_empty()),
        Protocol::Modbus(_) => modbus::replies(plant, device, h),
    };
    let reads = match &h.results {
        Some(results) => usize::from(results.fetch.is_some()),
        None if h.stable => once.saturating_mul(2),
        None => once,
    };
    // The look before the answer, and the ack alone and last.
    let answer = replies.saturating_add(1 + usize::from(h.ack.is_some()));
    // On a line of one request at a time the first one waits for the one under way.
    let waits = match plant.device(device).protocol {
        Protocol::OpcUa(_) => 1,
        Protocol::Modbus(_) => 2,
    };
    let requests = reads.saturating_add(answer).saturating_add(waits);
    // Nobody waits for what is told of the feeders beside a result.
    let settle = if h.results.is_some() { Duration::ZERO } else { h.settle };
    let seen = plant.device(device).publish_fast.saturating_add(settle);
    let trips = seconds(assumed.rtt_ms) * number(requests) + seconds(assumed.sync_ms);
    Exchange {
        handshake,
        words,
        reads,
        answer,
        deadline_ms: ms(h.deadline),
        worst_ms: ms(seen) + trips * 1e3,
    }
}

/// Of how many words small changes are not taken.
fn beyond(words: usize) -> Option<String> {
    (words > 0).then(|| format!("{words} only beyond their `change`"))
}

fn lane(fast: bool) -> &'static str {
    if fast { "fast" } else { "slow" }
}

/// `hr:2..4`, addresses on the wire.
fn range(block: &Block) -> String {
    let area = block.area.name();
    let last = u32::from(block.address) + u32::from(block.count).saturating_sub(1);
    if block.count == 1 {
        format!("{area}:{last}")
    } else {
        format!("{area}:{}..{last}", block.address)
    }
}

fn for_nothing(block: &Block) -> usize {
    let used: BTreeSet<u16> =
        block.members.iter().flat_map(|m| m.offset..m.offset.saturating_add(m.count)).collect();
    usize::from(block.count).saturating_sub(used.len())
}

fn number(n: usize) -> f64 {
    u32::try_from(n).map_or(f64::INFINITY, f64::from)
}

/// A time to the millisecond, a short one to its hundredth: nobody reads more.
fn rounded(span: Duration) -> Duration {
    let step = if span >= Duration::from_millis(10) { 1_000_000 } else { 10_000 };
    let nanos = u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos(nanos.saturating_add(step / 2) / step * step)
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_rounded_to_what_is_read() {
        let told = |nanos| format!("{:?}", rounded(Duration::from_nanos(nanos)));
        assert_eq!(told(166_666_666), "167ms");
        assert_eq!(told(500_000_000), "500ms");
        assert_eq!(told(1_500_000_000), "1.5s");
        assert_eq!(told(1_666_666), "1.67ms");
    }
}
