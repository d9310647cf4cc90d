//! What will be asked of Modbus devices, before anybody connects. Pure.
use super::bus::Urgency;
use super::cost::Cost;
use super::plan::{Block, Learned, Plan, plan_snapshot};
use super::watch::{Watch, register};
use super::write::plan_writes;
use crate::model::plant::{DeviceIndex, Handshake, Plant, Protocol, TagIndex};
use crate::model::{Value, Write};
use std::sync::Arc;
use std::time::Duration;

/// A request to read, and an answer with nothing in it.
const EMPTY_CHARACTERS: u32 = 8 + 5;

/// Requests that are made again and again.
#[derive(Debug, Clone, PartialEq)]
pub struct Round {
    /// Whether it goes before monitors: handshake words, heartbeats.
    pub fast: bool,
    /// How often.
    pub period: Duration,
    /// The requests, and values in none of them.
    pub plan: Plan,
}

/// What a request of a device is assumed to cost, with this time for one and its answer; `None` if it is
/// no Modbus device.
pub fn assumed(plant: &Plant, device: DeviceIndex, round_trip: Duration) -> Option<Cost> {
    let Protocol::Modbus(link) = &plant.device(device).protocol else { return None };
    Some(Cost::assumed(&link.transport, round_trip))
}

/// The rounds of a device, the urgent ones first; none if it is no Modbus device.
pub fn rounds(plant: &Arc<Plant>, device: DeviceIndex, cost: &Cost) -> Vec<Round> {
    let Protocol::Modbus(link) = &plant.device(device).protocol else { return Vec::new() };
    let mut watch = Watch::new(Arc::clone(plant), device, link.limits.clone());
    watch.plan(&Learned::default(), cost);
    let rounds = watch.rounds().map(|(urgency, period, plan)| Round {
        fast: urgency <= Urgency::Fast,
        period,
        plan: plan.clone(),
    });
    rounds.collect()
}

/// A serial line of which more is asked than it can carry.
#[derive(Debug, Clone, PartialEq)]
pub struct Overload {
    /// Who is on it.
    pub devices: Vec<DeviceIndex>,
    /// Its speed, in bits a second.
    pub baud: u32,
    /// The part of the time that the rounds of all of them take, 1 is all of it, if everybody answers at once.
    pub load: f64,
}

/// The serial lines whose rounds cannot be kept, however quick their devices are. What a request costs on
/// another line nobody knows before it is used.
pub fn overloads(plant: &Arc<Plant>) -> Vec<Overload> {
    let devices: Vec<_> = plant.devices().map(|(index, _)| index).collect();
    let lines = super::bus::lines(plant, &devices).into_iter();
    let overload = lines.filter_map(|devices| {
        let Protocol::Modbus(modbus) = &plant.device(*devices.first()?).protocol else {
            return None;
        };
        let line = modbus.transport.line()?;
        let alone = line.time_of(EMPTY_CHARACTERS).saturating_add(line.silence() * 2);
        let cost = Cost::assumed(&modbus.transport, alone);
        let rounds = devices.iter().flat_map(|device| rounds(plant, *device, &cost));
        let part = |round: Round| round.plan.cost(&cost).as_secs_f64() / round.period.as_secs_f64();
        let (load, baud) = (rounds.map(part).sum(), line.baud);
        Some(Overload { devices, baud, load })
    });
    overload.filter(|overload| overload.load > 1.0).collect()
}

/// The requests that read these words as a snapshot, in their order.
pub fn snapshot(plant: &Plant, device: DeviceIndex, tags: &[TagIndex], cost: &Cost) -> Vec<Block> {
    let Protocol::Modbus(link) = &plant.device(device).protocol else { return Vec::new() };
    let points = tags.iter().filter_map(|tag| Some((*tag, register(plant.tag(*tag))?)));
    let points: Vec<_> = points.collect();
    plan_snapshot(&points, &link.limits, &Learned::default(), cost).blocks
}

/// How many requests write the replies of a handshake; its ack is one more.
pub fn replies(plant: &Plant, device: DeviceIndex, handshake: &Handshake) -> usize {
    let writes = handshake.replies.iter().map(|reply| Write {
        tag: reply.word.tag,
        bit: reply.word.bit,
        value: Value::Int(0),
    });
    let writes: Vec<Write> = writes.collect();
    plan_writes(plant, device, &writes).map_or(writes.len(), |asks| asks.len())
}
