//! The same definition under the indexes of another plant. Every field is named, so that a new one
//! that holds an index cannot be forgotten.
use super::{
    Carrier, CodeFrom, CodeSpec, Condition, Counter, Device, DeviceIndex, Handshake, Heartbeat,
    Interface, MeasurementSpec, Monitor, MountPoint, Overrule, Phase, PurposeSpec, Quantity, Reply,
    ResultSpec, Ring, ScopeFrom, Station, Tag, TagIndex, Used, Watched, Word,
};

/// Where devices and tags of one plant stand in another.
pub(super) struct Numbers<'a> {
    pub(super) device: &'a dyn Fn(DeviceIndex) -> DeviceIndex,
    pub(super) tag: &'a dyn Fn(TagIndex) -> TagIndex,
}

#[cfg(test)]
impl super::Plant {
    /// All of another plant, and behind it all of this.
    pub(crate) fn behind(&self, first: &Self) -> Self {
        let index = |n: usize| u32::try_from(n).unwrap();
        let (devices, tags) = (index(first.devices.len()), index(first.tags.len()));
        let numbers = Numbers {
            device: &|device| DeviceIndex(device.0 + devices),
            tag: &|tag| TagIndex(tag.0 + tags),
        };
        let mut own = self.clone();
        own.devices.iter_mut().for_each(|device| numbers.on_device(device));
        own.tags.iter_mut().for_each(|tag| numbers.on_tag(tag));
        own.stations.iter_mut().for_each(|station| numbers.on_station(station));
        own.devices.splice(0..0, first.devices.clone());
        own.tags.splice(0..0, first.tags.clone());
        own.stations.splice(0..0, first.stations.clone());
        own
    }
}

impl Numbers<'_> {
    fn tags<'t>(&self, tags: impl IntoIterator<Item = &'t mut TagIndex>) {
        tags.into_iter().for_each(|tag| *tag = (self.tag)(*tag));
    }

    fn words<'w>(&self, words: impl IntoIterator<Item = &'w mut Word>) {
        self.tags(words.into_iter().map(|word| {
            let Word { tag, bit: _ } = word;
            tag
        }));
    }

    fn codes<'c>(&self, specs: impl IntoIterator<Item = &'c mut CodeSpec>) {
        for CodeSpec { class: _, from, scope, no_read: _, form: _ } in specs {
            match from {
                CodeFrom::Word(word) => self.words([word]),
                CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => {}
            }
            match scope {
                ScopeFrom::Product(word)
                | ScopeFrom::Material(word)
                | ScopeFrom::Supplier(word) => {
                    self.words([word]);
                }
                ScopeFrom::Site | ScopeFrom::Gs1 | ScopeFrom::Fixed(_) | ScopeFrom::Label(_) => {}
            }
        }
    }

    fn conditions<'c>(&self, conditions: impl IntoIterator<Item = &'c mut Condition>) {
        self.words(conditions.into_iter().map(|Condition { word, test: _ }| word));
    }

    pub(super) fn on_device(&self, device: &mut Device) {
        let Device {
            id: _,
            protocol: _,
            publish: _,
            publish_fast: _,
            heartbeat,
            restart,
            interface,
        } = device;
        let Heartbeat { plc, host, stale_after: _ } = heartbeat;
        let interface = interface.as_mut().map(|Interface { tag, name: _, equals: _ }| tag);
        self.tags([plc.as_mut(), host.as_mut(), restart.as_mut(), interface].into_iter().flatten());
    }

    pub(super) fn on_tag(&self, tag: &mut Tag) {
        let Tag {
            name: _,
            device,
            source: _,
            fast: _,
            watched: _,
            every_change: _,
            publish: _,
            writable: _,
            unit: _,
            range: _,
            bad: _,
            change: _,
            names: _,
        } = tag;
        *device = (self.device)(*device);
    }

    pub(super) fn on_station(&self, station: &mut Station) {
        let Station {
            id: _,
            device,
            line: _,
            after: _,
            purpose,
            evidence,
            orders: _,
            carry_over: _,
            handshakes,
            phases,
            mounts,
            monitors,
            masters: _,
            schedules: _,
        } = station;
        *device = device.map(self.device);
        let PurposeSpec { from, masters: _ } = purpose;
        self.words(from.iter_mut().map(|(word, _)| word));
        self.words(evidence.iter_mut().map(|(word, _)| word));
        for handshake in handshakes {
            self.on_handshake(handshake);
        }
        for phase in phases {
            self.on_phase(phase);
        }
        for MountPoint { id: _, lot, material, splice: _, tool: _, used } in mounts {
            self.codes([lot]);
            self.words(material);
            if let Some(Used { counter, waste, per_lot: _, unit: _ }) = used {
                let counters = std::iter::once(counter).chain(waste);
                self.tags(counters.map(|Counter { tag, bits: _ }| tag));
            }
        }
        for Monitor { id: _, of, unit: _, limits: _, drift: _, signal: _, latch: _ } in monitors {
            match of {
                Watched::Tag(word) => self.words([word]),
                Watched::Tags(of) => self.words(of.iter_mut().map(|(_, word)| word)),
                Watched::Measurement(..) | Watched::Measurements(..) => {}
            }
        }
    }

    fn on_handshake(&self, handshake: &mut Handshake) {
        let Handshake {
            id: _,
            pattern: _,
            event: _,
            trigger,
            number,
            ack,
            ring,
            results,
            guard,
            snapshot,
            deadline: _,
            settle: _,
            stable: _,
            release: _,
            first: _,
            item,
            other,
            members,
            position,
            nest,
            carrier,
            context,
            quantity,
            time,
            best_before: _,
            product,
            material,
            operation,
            badge,
            result,
            measurements,
            checks: _,
            replies,
            permit: _,
            reasons: _,
            overrule,
            on_late: _,
        } = handshake;
        self.tags(number.iter_mut().map(|Counter { tag, bits: _ }| tag));
        self.tags(snapshot);
        self.tags(ring.iter_mut().flat_map(|Ring { slots, batch: _ }| slots).flatten());
        self.tags(guard.iter_mut().flat_map(|(first, last)| [first, last]));
        self.conditions(results.iter_mut().filter_map(|results| results.only.as_mut()));
        self.codes([item]);
        self.codes(other);
        self.codes(members);
        self.words([trigger]);
        let carrier = carrier.as_mut().map(|Carrier { word, rule: _, no_read: _ }| word);
        self.words(nest.iter_mut().chain(carrier).chain(context.iter_mut().map(|(_, word)| word)));
        self.words(
            [ack, position, time, product, material, operation, badge].into_iter().flatten(),
        );
        self.words(quantity.iter_mut().map(|Quantity { word, unit: _ }| word));
        self.words(result.iter_mut().map(|ResultSpec { word, codes: _ }| word));
        self.words(
            measurements
                .iter_mut()
                .map(|MeasurementSpec { name: _, word, unit: _, low: _, high: _ }| word),
        );
        self.words(overrule.iter_mut().flat_map(|Overrule { badge, reason }| [badge, reason]));
        self.words(replies.iter_mut().map(|Reply { word, value: _ }| word));
    }

    fn on_phase(&self, phase: &mut Phase) {
        let Phase {
            id: _,
            while_,
            split,
            ignore: _,
            settle: _,
            confirm,
            event: _,
            item,
            operation,
            record,
            by,
        } = phase;
        self.conditions([while_]);
        self.conditions(confirm);
        self.codes(item);
        self.words(operation);
        self.tags(split.iter_mut().chain(record).chain(by));
    }
}
