//! What of a device is looked at, how often, and what was last seen. Pure.
use super::bus::Urgency;
use super::cost::Cost;
use super::plan::{Block, Learned, Plan, plan};
use crate::field::change::moved;
use crate::model::plant::{
    Device, DeviceIndex, Pattern, Plant, ReadLimits, Register, Tag, TagIndex, TagSource,
};
use crate::model::{At, Monotonic, Quality, Sample, Utc, Value};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The heartbeat is looked at so many times before standing still means silence.
const LOOKS_PER_STALE: u32 = 3;
/// A pulse that stands and then rests for so many rounds is seen, or it is told that it may not have been.
const LOOKS_PER_PULSE: u32 = 3;
/// As long as its looks lie too far apart, that is told again after so long: the last pulse of all may have passed.
const AGAIN: Duration = Duration::from_secs(10);

/// Words that are looked at together.
struct Group {
    urgency: Urgency,
    period: Duration,
    tags: Vec<TagIndex>,
    /// Those of them that rise for a moment.
    pulses: Vec<TagIndex>,
    plan: Plan,
    /// Blocks of this round that have been read.
    done: usize,
    due: Monotonic,
    /// When this round was begun, and the last one that is done.
    begun: At,
    looked: Option<At>,
    /// Since when its pulses may pass unseen, and when that was told.
    blind: Option<(Utc, Monotonic)>,
}

/// A word of which it is not known what it was meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unseen {
    pub(super) tag: TagIndex,
    pub(super) since: Utc,
    pub(super) to: Utc,
    /// It goes on until two looks lie near enough again.
    pub(super) open: bool,
}

/// What a look at the device says about the device itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Sign {
    /// The `restart` word is another; it was last seen as it was at this time.
    Restarted(Utc),
    /// The interface word is not what the plant file is written for; what stood there.
    Interface(String),
}

/// What of a device is looked at, how often, and what was last seen.
pub(super) struct Watch {
    plant: Arc<Plant>,
    device: DeviceIndex,
    limits: ReadLimits,
    groups: Vec<Group>,
    last: BTreeMap<TagIndex, (Value, Quality)>,
    restart: Option<(Value, Utc)>,
    interface_seen: bool,
    /// The heartbeat word, and when it was last seen to move, or first seen.
    heart: Option<(Value, At)>,
    /// Up to when everything had been looked at when it was.
    beaten: Option<Utc>,
    /// Whether it was seen to move.
    alive: bool,
}

/// A Modbus tag's register.
pub(super) fn register(tag: &Tag) -> Option<&Register> {
    match &tag.source {
        TagSource::Register(register) => Some(register),
        TagSource::Node(_) | TagSource::Field(_) => None,
    }
}

impl Watch {
    pub(super) fn new(plant: Arc<Plant>, index: DeviceIndex, limits: ReadLimits) -> Self {
        let mut groups: Vec<Group> = Vec::new();
        let device = plant.device(index);
        for (tag, urgency, period) in
            plant.tags_of(index).filter_map(|(at, tag)| pace(device, at, tag))
        {
            match groups.iter_mut().find(|g| g.urgency == urgency && g.period == period) {
                Some(group) => group.tags.push(tag),
                None => groups.push(Group {
                    urgency,
                    period,
                    tags: vec![tag],
                    pulses: Vec::new(),
                    plan: Plan::default(),
                    done: 0,
                    due: Monotonic(0),
                    begun: At { monotonic: Monotonic(0), wall: Utc(0) },
                    looked: None,
                    blind: None,
                }),
            }
        }
        for group in &mut groups {
            let pulses = pulses(&plant).filter(|tag| group.tags.contains(tag));
            group.pulses = pulses.collect();
        }
        groups.sort_by_key(|group| (group.urgency, group.period));
        let last = BTreeMap::new();
        Self {
            plant,
            device: index,
            limits,
            groups,
            last,
            restart: None,
            interface_seen: false,
            heart: None,
            beaten: None,
            alive: false,
        }
    }

    /// Forgets what was seen: a new connection begins.
    pub(super) fn reset(&mut self, learned: &Learned, cost: &Cost) {
        self.last.clear();
        self.restart = None;
        self.interface_seen = false;
        self.heart = None;
        self.alive = false;
        self.plan(learned, cost);
    }

    /// Plans the requests anew; rounds begin from their first request.
    pub(super) fn plan(&mut self, learned: &Learned, cost: &Cost) {
        let restart = self.plant.device(self.device).restart;
        for group in &mut self.groups {
            let points: Vec<_> = group
                .tags
                .iter()
                .filter_map(|tag| Some((*tag, register(self.plant.tag(*tag))?)))
                .collect();
            group.plan = plan(&points, &self.limits, learned, cost);
            // A restart is seen before the words that it has reset.
            group.plan.blocks.sort_by_key(|block| !restart.is_some_and(|tag| block.holds(tag)));
            group.done = 0;
        }
    }

    /// What is asked together: how urgently, how often, by which requests.
    pub(super) fn rounds(&self) -> impl Iterator<Item = (Urgency, Duration, &Plan)> {
        self.groups.iter().map(|group| (group.urgency, group.period, &group.plan))
    }

    /// All requests of one urgency.
    pub(super) fn blocks(&self, urgency: Urgency) -> Vec<Block> {
        let groups = self.groups.iter().filter(|group| group.urgency == urgency);
        groups.flat_map(|group| &group.plan.blocks).cloned().collect()
    }

    /// Watched values that no request covers: explicitly bad.
    pub(super) fn unreadable(&self, at: Utc) -> Vec<Sample> {
        let left_out = self.groups.iter().flat_map(|group| &group.plan.unreadable);
        left_out.map(|(tag, _)| bad(*tag, Quality::BAD_UNKNOWN, at)).collect()
    }

    /// Rounds begin from now, each after its period.
    pub(super) fn start(&mut self, now: At) {
        for group in &mut self.groups {
            group.done = 0;
            group.due = now.monotonic.plus(group.period);
            group.looked = Some(now);
            group.blind = None;
        }
    }

    /// The request that is due first, or the most urgent of those that are due; none that is less
    /// urgent than `least`.
    pub(super) fn next(
        &self,
        now: Monotonic,
        least: Urgency,
    ) -> Option<(Monotonic, Urgency, usize)> {
        let asked = |group: &Group| group.urgency <= least && !group.plan.blocks.is_empty();
        let waiting = self.groups.iter().enumerate().filter(|(_, group)| asked(group));
        let each = waiting.map(|(at, group)| (group.due, group.urgency, at));
        each.min_by_key(|(due, urgency, _)| {
            if *due <= now { (Monotonic(0), *urgency, *due) } else { (*due, *urgency, *due) }
        })
    }

    /// The next request of a group.
    pub(super) fn block(&self, group: usize) -> Option<&Block> {
        let group = self.groups.get(group)?;
        group.plan.blocks.get(group.done)
    }

    /// The request of this group is answered. A round that is late is not made up for; that something may
    /// have come and gone since the one before it is told now and then, and that it may no longer once more.
    pub(super) fn advance(&mut self, group: usize, now: At) -> Vec<Unseen> {
        let Some(group) = self.groups.get_mut(group) else { return Vec::new() };
        if group.done == 0 {
            // It was asked when it was due, or later.
            let late = now.monotonic.0.saturating_sub(group.due.0);
            let wall = now.wall.0.saturating_sub(i64::try_from(late).unwrap_or(i64::MAX));
            group.begun = At { monotonic: group.due.min(now.monotonic), wall: Utc(wall) };
        }
        group.done += 1;
        if group.done < group.plan.blocks.len() {
            return Vec::new();
        }
        group.done = 0;
        group.due = group.due.plus(group.period).max(now.monotonic);
        let Some(before) = group.looked.replace(group.begun) else { return Vec::new() };
        let seen = before.monotonic.plus(group.period.saturating_mul(LOOKS_PER_PULSE));
        let in_time = now.monotonic <= seen;
        let (since, to, open) = match &mut group.blind {
            None if in_time => return Vec::new(),
            // What came since this look began was seen.
            Some((since, _)) if in_time => (*since, group.begun.wall, false),
            Some((_, told)) if now.monotonic < told.plus(AGAIN) => return Vec::new(),
            blind => {
                let (since, told) = blind.get_or_insert((before.wall, now.monotonic));
                *told = now.monotonic;
                (*since, now.wall, true)
            }
        };
        if in_time {
            group.blind = None;
        }
        group.pulses.iter().map(|tag| Unseen { tag: *tag, since, to, open }).collect()
    }

    /// Up to when every word was looked at whose changes count: an answer says nothing of what was not
    /// asked with it.
    pub(super) fn observed(&self) -> Option<Utc> {
        let counts = |tag: &TagIndex| {
            let tag = self.plant.tag(*tag);
            tag.fast || tag.every_change
        };
        let asked = |group: &&Group| !group.plan.blocks.is_empty() && group.tags.iter().any(counts);
        let groups = self.groups.iter().filter(asked);
        groups.filter_map(|group| Some(group.looked?.wall)).min()
    }

    /// The request of this group is to be repeated so much later.
    pub(super) fn postpone(&mut self, group: usize, until: Monotonic) {
        if let Some(group) = self.groups.get_mut(group) {
            group.due = until;
        }
    }

    /// Takes in what was read: what it says about the device, else what is news and watched.
    pub(super) fn absorb(&mut self, samples: Vec<Sample>, at: At) -> Result<Vec<Sample>, Sign> {
        for sample in &samples {
            self.heed(sample, at)?;
        }
        Ok(samples.into_iter().filter(|sample| self.is_news(sample)).collect())
    }

    /// What a sample says about the device.
    pub(super) fn heed(&mut self, sample: &Sample, at: At) -> Result<(), Sign> {
        let device = self.plant.device(self.device);
        let Some(value) = sample.good() else { return Ok(()) };
        if device.restart == Some(sample.tag) {
            match &self.restart {
                Some((last, seen)) if !same(last, value) => return Err(Sign::Restarted(*seen)),
                Some(_) | None => self.restart = Some((value.clone(), at.wall)),
            }
        }
        if let Some(interface) = device.interface.as_ref().filter(|i| i.tag == sample.tag) {
            if !equals(value, &interface.equals) {
                return Err(Sign::Interface(value.to_string()));
            }
            self.interface_seen = true;
        }
        if device.heartbeat.plc == Some(sample.tag) {
            match &self.heart {
                Some((last, _)) if same(last, value) => {}
                first_or_moved => {
                    self.alive = first_or_moved.is_some();
                    self.heart = Some((value.clone(), at));
                    self.beaten = self.observed();
                }
            }
        }
        Ok(())
    }

    fn is_news(&mut self, sample: &Sample) -> bool {
        let change = self.plant.tag(sample.tag).change;
        let news = self.last.get(&sample.tag).is_none_or(|(value, quality)| {
            let moved = match change {
                Some(width) => moved(value, &sample.value, width),
                None => !same(value, &sample.value),
            };
            *quality != sample.quality || moved
        });
        if news {
            self.last.insert(sample.tag, (sample.value.clone(), sample.quality));
        }
        news && self.plant.tag(sample.tag).watched
    }

    /// It was written: whatever it is at the next look is news.
    pub(super) fn forget(&mut self, tag: TagIndex) {
        self.last.remove(&tag);
    }

    /// The last value of the `restart` word.
    pub(super) fn restart(&self) -> Option<Value> {
        self.restart.as_ref().map(|(value, _)| value.clone())
    }

    /// Whether the interface word was seen to be right, or none is declared.
    pub(super) fn is_interface_seen(&self) -> bool {
        self.interface_seen || self.plant.device(self.device).interface.is_none()
    }

    /// Whether the heartbeat was seen to move, or none is declared.
    pub(super) fn is_alive(&self) -> bool {
        self.alive || self.plant.device(self.device).heartbeat.plc.is_none()
    }

    /// Since when the heartbeat stands for longer than it may; it stood from this time.
    pub(super) fn stalled(&self, now: Monotonic) -> Option<Utc> {
        let heartbeat = &self.plant.device(self.device).heartbeat;
        let (_, moved) = self.heart.as_ref()?;
        let since = self.beaten.map_or(moved.wall, |beaten| beaten.min(moved.wall));
        (now > moved.monotonic.plus(heartbeat.stale_after)).then_some(since)
    }
}

/// Words with a bit that rises for a moment.
fn pulses(plant: &Plant) -> impl Iterator<Item = TagIndex> {
    let handshakes = plant.stations.iter().flat_map(|station| &station.handshakes);
    let pulses = handshakes.filter(|handshake| handshake.pattern == Pattern::Edge);
    pulses.map(|handshake| handshake.trigger.tag)
}

/// Whether, how urgently and how often a tag is looked at.
fn pace(device: &Device, at: TagIndex, tag: &Tag) -> Option<(TagIndex, Urgency, Duration)> {
    register(tag)?;
    let is_heartbeat = device.heartbeat.plc == Some(at);
    let is_restart = device.restart == Some(at);
    let is_interface = device.interface.as_ref().is_some_and(|interface| interface.tag == at);
    if !(tag.watched || is_heartbeat || is_restart || is_interface) {
        return None;
    }
    let fast = tag.fast || is_restart;
    let usual = if fast { device.publish_fast } else { device.publish };
    let mut period = tag.publish.unwrap_or(usual);
    if is_heartbeat {
        period = period.min(device.heartbeat.stale_after / LOOKS_PER_STALE);
    }
    let urgency = if fast || is_heartbeat { Urgency::Fast } else { Urgency::Slow };
    Some((at, urgency, period))
}

/// A value that could not be had.
pub(super) fn bad(tag: TagIndex, quality: Quality, at: Utc) -> Sample {
    Sample { tag, value: Value::Empty, quality, source: None, server: None, receive: at }
}

/// Whether two readings are the same, bit for bit: `NaN` is news once, not at every look.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Real(one), Value::Real(other)) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    }
}

/// Whether a word holds what the plant file wrote, which knows no signs of registers.
fn equals(found: &Value, wanted: &Value) -> bool {
    match (found.number(), wanted.number()) {
        (Some(found), Some(wanted)) => found.to_bits() == wanted.to_bits(),
        _ => found == wanted,
    }
}
