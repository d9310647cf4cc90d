//! What one plant and the next have in common, and where it stands in each.
use super::renumber::Numbers;
use super::{Device, DeviceIndex, Plant, Station, StationIndex, Tag, TagIndex};
use crate::model::{Input, Sample};
use std::collections::{BTreeMap, BTreeSet};

/// Devices, tags and stations that go from one plant into another without any change, from the
/// indexes of the one to those of the other.
///
/// A device is carried over if nothing that touches it is another: its own definition, its tags, and
/// the stations that it serves with all that is in them. What is not carried over begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    devices: BTreeMap<DeviceIndex, DeviceIndex>,
    tags: BTreeMap<TagIndex, TagIndex>,
    stations: BTreeMap<StationIndex, StationIndex>,
}

/// The index of nothing: what refers to it is like nothing in the other plant.
const NOTHING: u32 = u32::MAX;

impl Carried {
    /// From `old` to `new`.
    pub fn between(old: &Plant, new: &Plant) -> Self {
        let names = Names::of(old, new);
        let mut same = Self::default();
        for (index, device) in old.devices() {
            let Some(there) = names.devices.get(&index) else { continue };
            if names.is_device(device, new.device(*there)) && names.has_same_parts(index, *there) {
                same.devices.insert(index, *there);
            }
        }
        for (tag, there) in &names.tags {
            if same.devices.contains_key(&old.tag(*tag).device) {
                same.tags.insert(*tag, *there);
            }
        }
        for (index, station) in old.stations() {
            let Some(there) = names.stations.get(&index) else { continue };
            let served = station.device.is_none_or(|device| same.devices.contains_key(&device));
            if served && names.is_station(station, new.station(*there)) {
                same.stations.insert(index, *there);
            }
        }
        same
    }

    /// All of a plant, to itself.
    pub fn whole(plant: &Plant) -> Self {
        Self {
            devices: plant.devices().map(|(index, _)| (index, index)).collect(),
            tags: plant.tags().map(|(index, _)| (index, index)).collect(),
            stations: plant.stations().map(|(index, _)| (index, index)).collect(),
        }
    }

    /// Without these devices of the first plant, their tags and their stations.
    pub fn leave(&mut self, plant: &Plant, devices: &BTreeSet<DeviceIndex>) {
        self.devices.retain(|device, _| !devices.contains(device));
        self.tags.retain(|tag, _| !devices.contains(&plant.tag(*tag).device));
        let served = |station: StationIndex| plant.station(station).device;
        self.stations.retain(|station, _| served(*station).is_none_or(|d| !devices.contains(&d)));
    }

    /// From the first plant of this to the second of `next`.
    #[must_use]
    pub fn then(&self, next: &Self) -> Self {
        fn through<K: Copy + Ord>(a: &BTreeMap<K, K>, b: &BTreeMap<K, K>) -> BTreeMap<K, K> {
            a.iter().filter_map(|(from, via)| Some((*from, *b.get(via)?))).collect()
        }
        Self {
            devices: through(&self.devices, &next.devices),
            tags: through(&self.tags, &next.tags),
            stations: through(&self.stations, &next.stations),
        }
    }

    /// From the second plant to the first.
    #[must_use]
    pub fn back(&self) -> Self {
        fn turned<K: Copy + Ord>(map: &BTreeMap<K, K>) -> BTreeMap<K, K> {
            map.iter().map(|(a, b)| (*b, *a)).collect()
        }
        Self {
            devices: turned(&self.devices),
            tags: turned(&self.tags),
            stations: turned(&self.stations),
        }
    }

    /// Where a device of the first plant stands in the second.
    pub fn device(&self, device: DeviceIndex) -> Option<DeviceIndex> {
        self.devices.get(&device).copied()
    }

    /// Where a tag of the first plant stands in the second.
    pub fn tag(&self, tag: TagIndex) -> Option<TagIndex> {
        self.tags.get(&tag).copied()
    }

    /// Where a station of the first plant stands in the second.
    pub fn station(&self, station: StationIndex) -> Option<StationIndex> {
        self.stations.get(&station).copied()
    }

    /// Samples of tags that were all carried over, as the second plant has them; false if one was not.
    pub fn samples(&self, samples: &mut [Sample]) -> bool {
        samples.iter_mut().all(|s| self.tag(s.tag).map(|there| s.tag = there).is_some())
    }

    /// What is kept by tag, as the second plant has it, without what was not carried over.
    #[must_use]
    pub fn by_tag<V>(&self, kept: BTreeMap<TagIndex, V>) -> BTreeMap<TagIndex, V> {
        kept.into_iter().filter_map(|(tag, v)| Some((self.tag(tag)?, v))).collect()
    }

    /// What the field told of the first plant, as the second has it; `None` if it is about something
    /// that was not carried over.
    pub fn input(&self, mut input: Input) -> Option<Input> {
        let carried = match &mut input {
            Input::Link { device, link: _ } => self.device(*device).map(|there| *device = there),
            Input::Samples(samples) => self.samples(samples).then_some(()),
            Input::Lost { device, tag, cause: _, since: _, to: _, open: _ } => {
                let there = (self.device(*device), tag.map(|tag| self.tag(tag)));
                match there {
                    (Some(d), Some(Some(t))) => {
                        (*device, *tag) = (d, Some(t));
                        Some(())
                    }
                    (Some(d), None) => {
                        *device = d;
                        Some(())
                    }
                    (None, _) | (Some(_), Some(None)) => None,
                }
            }
            Input::Read(done) => match &mut done.outcome {
                Ok(samples) => self.samples(samples).then_some(()),
                Err(_) => Some(()),
            },
            Input::Start { .. }
            | Input::Plant(_)
            | Input::Written(_)
            | Input::Facts(_)
            | Input::Command { .. }
            | Input::Wake => Some(()),
        };
        carried.map(|()| input)
    }
}

/// What has the same name in both plants.
struct Names<'p> {
    old: &'p Plant,
    new: &'p Plant,
    devices: BTreeMap<DeviceIndex, DeviceIndex>,
    tags: BTreeMap<TagIndex, TagIndex>,
    stations: BTreeMap<StationIndex, StationIndex>,
    /// How many tags and stations each device of the new plant has.
    parts: BTreeMap<DeviceIndex, (usize, usize)>,
    /// How many of a device's tags and stations are the same in both, by its old index.
    same: BTreeMap<DeviceIndex, (usize, usize)>,
    /// How many it had.
    had: BTreeMap<DeviceIndex, (usize, usize)>,
}

impl<'p> Names<'p> {
    fn of(old: &'p Plant, new: &'p Plant) -> Self {
        let ids: BTreeMap<_, _> = new.devices().map(|(index, d)| (&d.id, index)).collect();
        let devices: BTreeMap<_, _> =
            old.devices().filter_map(|(i, d)| Some((i, *ids.get(&d.id)?))).collect();
        let by_name: BTreeMap<_, _> =
            new.tags().map(|(index, t)| ((t.device, &t.name), index)).collect();
        let there = |t: &'p Tag| by_name.get(&(*devices.get(&t.device)?, &t.name)).copied();
        let tags = old.tags().filter_map(|(i, t)| Some((i, there(t)?))).collect();
        let ids: BTreeMap<_, _> = new.stations().map(|(index, s)| (&s.id, index)).collect();
        let stations = old.stations().filter_map(|(i, s)| Some((i, *ids.get(&s.id)?))).collect();
        let (parts, had) = (count(new), count(old));
        let same = BTreeMap::new();
        let mut names = Self { old, new, devices, tags, stations, parts, same, had };
        names.compare();
        names
    }

    fn compare(&mut self) {
        let mut same: BTreeMap<DeviceIndex, (usize, usize)> = BTreeMap::new();
        for (from, to) in &self.tags {
            let (from, to) = (self.old.tag(*from), self.new.tag(*to));
            let mut moved = from.clone();
            self.numbers(|numbers| numbers.on_tag(&mut moved));
            let counted = same.entry(from.device).or_default();
            counted.0 = counted.0.saturating_add(usize::from(moved == *to));
        }
        for (from, to) in &self.stations {
            let (from, to) = (self.old.station(*from), self.new.station(*to));
            if let Some(device) = from.device {
                let counted = same.entry(device).or_default();
                counted.1 = counted.1.saturating_add(usize::from(self.is_station(from, to)));
            }
        }
        self.same = same;
    }

    fn numbers(&self, with: impl FnOnce(&Numbers<'_>)) {
        let device = |d| self.devices.get(&d).copied().unwrap_or(DeviceIndex(NOTHING));
        let tag = |t| self.tags.get(&t).copied().unwrap_or(TagIndex(NOTHING));
        with(&Numbers { device: &device, tag: &tag });
    }

    fn is_device(&self, old: &Device, new: &Device) -> bool {
        let mut moved = old.clone();
        self.numbers(|numbers| numbers.on_device(&mut moved));
        moved == *new
    }

    fn is_station(&self, old: &Station, new: &Station) -> bool {
        let mut moved = old.clone();
        self.numbers(|numbers| numbers.on_station(&mut moved));
        // How much it was used is on record: nothing of it begins anew.
        moved.schedules.clone_from(&new.schedules);
        moved == *new
    }

    /// Whether every tag and station of a device is in both plants, and the same.
    fn has_same_parts(&self, old: DeviceIndex, new: DeviceIndex) -> bool {
        let of = |parts: &BTreeMap<_, _>, device| parts.get(&device).copied().unwrap_or_default();
        let same: (usize, usize) = of(&self.same, old);
        same == of(&self.had, old) && same == of(&self.parts, new)
    }
}

fn count(plant: &Plant) -> BTreeMap<DeviceIndex, (usize, usize)> {
    let mut parts: BTreeMap<DeviceIndex, (usize, usize)> = BTreeMap::new();
    for tag in &plant.tags {
        let counted = parts.entry(tag.device).or_default();
        counted.0 = counted.0.saturating_add(1);
    }
    for device in plant.stations.iter().filter_map(|s| s.device) {
        let counted = parts.entry(device).or_default();
        counted.1 = counted.1.saturating_add(1);
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::*;
    use crate::model::{
        Command, CommandId, DeviceId, Digest, GapCause, MonitorId, Quality, ReadDone, ReadToken,
        SiteId, StationId, TagName, Utc, Value,
    };
    use std::time::Duration;

    fn level() -> Monitor {
        Monitor {
            id: MonitorId::parse("level").unwrap(),
            of: Watched::Tag(Word { tag: TagIndex(1), bit: None }),
            unit: None,
            limits: None,
            drift: None,
            signal: SignalRules::default(),
            latch: false,
        }
    }

    fn tag(name: &str) -> Tag {
        Tag {
            name: TagName::parse(name).unwrap(),
            device: DeviceIndex(0),
            source: TagSource::Register(Register {
                area: Area::Holding,
                address: 0,
                kind: RegisterType::U16,
                order: WordOrder::Abcd,
                strings: StringOrder::HighLow,
                scale: 1.0,
            }),
            fast: false,
            watched: true,
            every_change: false,
            publish: None,
            writable: false,
            unit: None,
            range: None,
            change: None,
            bad: Vec::new(),
            names: BTreeMap::new(),
        }
    }

    /// A Modbus device with two tags and one station that watches the second.
    fn one(name: &str) -> Plant {
        Plant {
            site: SiteId::parse("site").unwrap(),
            devices: vec![Device {
                id: DeviceId::parse(name).unwrap(),
                protocol: Protocol::Modbus(ModbusLink {
                    url: "tcp://x:502".into(),
                    transport: Transport::parse("tcp://x", Trust::Pki).unwrap(),
                    unit: 1,
                    share: None,
                    timeout: Duration::from_secs(1),
                    limits: ReadLimits { words: 125, bits: 2000, read_over: None, holes: vec![] },
                }),
                publish: Duration::from_secs(1),
                publish_fast: Duration::from_millis(100),
                heartbeat: Heartbeat {
                    plc: Some(TagIndex(0)),
                    host: None,
                    stale_after: Duration::from_secs(3),
                },
                restart: None,
                interface: None,
            }],
            tags: vec![tag("life"), tag("level")],
            stations: vec![Station {
                id: StationId::parse(&name.to_uppercase()).unwrap(),
                device: Some(DeviceIndex(0)),
                line: None,
                after: Vec::new(),
                purpose: PurposeSpec::default(),
                evidence: Vec::new(),
                orders: false,
                carry_over: false,
                handshakes: Vec::new(),
                phases: Vec::new(),
                mounts: Vec::new(),
                masters: Vec::new(),
                schedules: Vec::new(),
                monitors: vec![level()],
            }],
            catalog: Catalog::default(),
            files: Vec::new(),
            hash: Digest([0; 32]),
        }
    }

    fn sample(tag: u32) -> Sample {
        let tag = TagIndex(tag);
        let (value, quality, receive) = (Value::UInt(1), Quality::GOOD, Utc(1));
        Sample { tag, value, quality, source: None, server: None, receive }
    }

    #[test]
    fn what_stands_behind_others_is_the_same_and_what_is_told_of_it_follows() {
        let (a, b) = (one("a"), one("b"));
        let both = a.behind(&b);
        let carried = Carried::between(&a, &both);
        assert_eq!(carried.device(DeviceIndex(0)), Some(DeviceIndex(1)));
        assert_eq!(carried.tag(TagIndex(1)), Some(TagIndex(3)));
        assert_eq!(carried.station(StationIndex(0)), Some(StationIndex(1)));
        let Some(Input::Samples(told)) = carried.input(Input::Samples(vec![sample(0), sample(1)]))
        else {
            panic!("samples stay samples");
        };
        assert_eq!(told.iter().map(|s| s.tag.0).collect::<Vec<_>>(), [2, 3]);
        // And back again, by either way.
        let whole = carried.then(&carried.back());
        assert_eq!(whole, Carried::whole(&a));
        assert_eq!(Carried::between(&both, &a).then(&carried).device(DeviceIndex(0)), None);
    }

    #[test]
    fn one_change_of_whatever_touches_a_device_and_it_is_not_carried_over() {
        let old = one("a");
        let changes: [fn(&mut Plant); 8] = [
            |p| p.devices[0].publish = Duration::from_secs(2),
            |p| p.devices[0].heartbeat.plc = Some(TagIndex(1)),
            |p| p.tags[1].range = Some((0.0, 1.0)),
            |p| {
                let mut another = p.tags[1].clone();
                another.name = TagName::parse("another").unwrap();
                p.tags.push(another);
            },
            |p| drop(p.tags.remove(1)),
            |p| p.stations[0].monitors.clear(),
            |p| drop(p.stations.remove(0)),
            |p| {
                let mut another = p.stations[0].clone();
                another.id = StationId::parse("B").unwrap();
                p.stations.push(another);
            },
        ];
        for (n, change) in changes.iter().enumerate() {
            let mut new = old.clone();
            change(&mut new);
            assert_eq!(Carried::between(&old, &new), Carried::default(), "change {n}");
            assert_eq!(Carried::between(&new, &old), Carried::default(), "change {n} undone");
        }
        let mut new = old.clone();
        new.hash = Digest([1; 32]);
        assert_eq!(Carried::between(&old, &new), Carried::whole(&old));
    }

    #[test]
    fn what_is_about_something_that_left_is_nothing_in_the_next_plant() {
        let (a, b) = (one("a"), one("b"));
        let both = a.behind(&b);
        let mut carried = Carried::whole(&both);
        carried.leave(&both, &BTreeSet::from([DeviceIndex(0)]));
        assert_eq!(carried.station(StationIndex(0)), None);
        let lost = |device, tag| Input::Lost {
            device: DeviceIndex(device),
            tag,
            cause: GapCause::Overflow,
            since: Utc(0),
            to: Utc(1),
            open: false,
        };
        let token = ReadToken(1);
        for gone in [
            Input::Samples(vec![sample(1)]),
            lost(0, None),
            lost(1, Some(TagIndex(1))),
            Input::Read(ReadDone { token, outcome: Ok(vec![sample(0)]) }),
        ] {
            assert!(carried.input(gone.clone()).is_none(), "{gone:?}");
        }
        let command = Command::Reload { plant: None, badge: None };
        for kept in [
            Input::Samples(vec![sample(3)]),
            lost(1, None),
            lost(1, Some(TagIndex(2))),
            Input::Wake,
            Input::Command { id: CommandId(1), command },
        ] {
            assert!(carried.input(kept.clone()).is_some(), "{kept:?}");
        }
    }
}
