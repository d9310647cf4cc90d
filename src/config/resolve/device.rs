//! Devices: protocol, life, and their tags.
use super::{Resolver, Table, span};
use crate::config::raw;
use crate::config::resolve::word::Use;
use crate::config::spot::{Keyed, Scalar, Spot};
use crate::model::plant::{
    Device, DeviceIndex, Heartbeat, Interface, Layout, ModbusLink, OpcUaLink, Protocol, ReadLimits,
    StringOrder, WordOrder,
};
use crate::model::{DeviceId, TagName, Value};
use std::collections::BTreeMap;
use std::time::Duration;

const PUBLISH: Duration = Duration::from_secs(1);
const STALE_AFTER: Duration = Duration::from_secs(10);
/// OPC UA servers seldom publish faster.
const FAST_OPCUA: Duration = Duration::from_millis(50);
const FAST_MODBUS: Duration = Duration::from_millis(20);
const FAST_MAX: Duration = Duration::from_secs(1);

/// Which language a device speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    OpcUa,
    Modbus,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OpcUa => "OPC UA",
            Self::Modbus => "Modbus",
        }
    }

    /// The fastest that handshake words are looked at.
    pub(super) fn fastest(self) -> Duration {
        match self {
            Self::OpcUa => FAST_OPCUA,
            Self::Modbus => FAST_MODBUS,
        }
    }
}

/// A device while its stations are still being read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) name: String,
    /// `None` where the URL does not tell.
    pub(super) kind: Option<Kind>,
    pub(super) namespace: Option<String>,
    pub(super) root: String,
    pub(super) publish: Duration,
    pub(super) order: WordOrder,
    pub(super) strings: StringOrder,
    /// Modbus only.
    pub(super) limits: Option<ReadLimits>,
    /// Of all its handshakes.
    pub(super) deadlines: Vec<Duration>,
    id: Option<DeviceId>,
    protocol: Option<Protocol>,
    heartbeat: Heartbeat,
    restart: Option<crate::model::plant::TagIndex>,
    interface: Option<Interface>,
}

impl Draft {
    /// What its interface word must be.
    pub(super) fn interface_value(&self) -> Option<&Value> {
        self.interface.as_ref().map(|interface| &interface.equals)
    }

    /// Remembers how its words lay when a person looked.
    pub(super) fn pin(&mut self, pins: BTreeMap<TagName, Layout>) {
        if let Some(Protocol::OpcUa(link)) = &mut self.protocol {
            link.pins = pins;
        }
    }

    /// How one of them lay.
    pub(super) fn pinned(&self, word: &TagName) -> Option<&Layout> {
        match self.protocol.as_ref()? {
            Protocol::OpcUa(link) => link.pins.get(word),
            Protocol::Modbus(_) => None,
        }
    }

    /// The device, if nothing was wrong with it.
    pub(super) fn finish(self) -> Option<Device> {
        let fastest = self.kind?.fastest();
        let shortest = self.deadlines.iter().min().map_or(FAST_MAX, |deadline| *deadline / 3);
        Some(Device {
            id: self.id?,
            protocol: self.protocol?,
            publish: self.publish,
            publish_fast: shortest.clamp(fastest, FAST_MAX),
            heartbeat: self.heartbeat,
            restart: self.restart,
            interface: self.interface,
        })
    }
}

impl Resolver<'_> {
    pub(super) fn draft(&self, device: DeviceIndex) -> Option<&Draft> {
        self.devices.get(device.get())
    }

    pub(super) fn draft_mut(&mut self, device: DeviceIndex) -> &mut Draft {
        self.devices.get_mut(device.get()).expect("indexes are made with the drafts")
    }

    /// Remembers a deadline that handshake words must be looked at for.
    pub(super) fn hurry(&mut self, device: DeviceIndex, deadline: Duration) {
        self.draft_mut(device).deadlines.push(deadline);
    }

    /// Reads a device with its tags.
    pub(super) fn device(&mut self, file: usize, name: &Spot<String>, raw: &raw::Device) {
        let index = DeviceIndex(u32::try_from(self.devices.len()).expect("fewer than 2^32"));
        let t = Table {
            file,
            key: name.span(),
            path: format!("device.{}", **name),
            device: Some(index),
            node: None,
            notifier: None,
            forms: None,
        };
        let here = t.here();
        if let Some(named) = self.device_names.get_mut(name.as_str())
            && named.place.as_ref() == Some(&here)
        {
            named.index = Some(index);
        }
        let id = self.name(&t, name, DeviceId::parse);
        let draft = self.draft_of(&t, name, id, raw);
        self.devices.push(draft);
        self.device_tags(&t, index, raw);
        self.life(&t, index, raw);
        self.check_sessions(&t, raw);
    }

    fn draft_of(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        id: Option<DeviceId>,
        raw: &raw::Device,
    ) -> Draft {
        let link = self.link(t, raw);
        if let (Some(url), Some(Protocol::Modbus(own))) = (&raw.url, &link.protocol) {
            let span = raw.modbus_unit.as_ref().map_or_else(|| url.span(), Spot::span);
            self.check_unit(t, span, own);
        }
        let period = match link.kind {
            Some(Kind::Modbus) => raw.poll.as_ref(),
            Some(Kind::OpcUa) | None => raw.publish.as_ref(),
        };
        Draft {
            name: (**name).clone(),
            kind: link.kind,
            namespace: link.namespace,
            root: raw.root.as_ref().map(|root| (**root).clone()).unwrap_or_default(),
            publish: self.period(t, period, PUBLISH),
            order: raw.order.as_ref().map(|order| word_order(**order)).unwrap_or_default(),
            strings: raw.strings.as_ref().map(|order| string_order(**order)).unwrap_or_default(),
            limits: link.limits,
            deadlines: Vec::new(),
            id,
            protocol: link.protocol,
            heartbeat: Heartbeat { plc: None, host: None, stale_after: STALE_AFTER },
            restart: None,
            interface: None,
        }
    }

    /// Two tables of one unit would each be told what the other does to it.
    fn check_unit(&mut self, t: &Table<'_>, span: std::ops::Range<usize>, own: &ModbusLink) {
        let twin = |draft: &&Draft| {
            let Some(Protocol::Modbus(link)) = &draft.protocol else { return false };
            let one_line = own.transport.meets(&link.transport)
                || (own.share.is_some() && own.share == link.share);
            one_line && own.unit == link.unit
        };
        let Some(other) = self.devices.iter().find(twin).map(|draft| draft.name.clone()) else {
            return;
        };
        let first = self.device_names.get(&other).and_then(|named| named.place.clone());
        let cited = first.map_or_else(String::new, |first| self.sink.cite(&first));
        let unit = own.unit;
        self.error(t, span, format!("`{}` is unit {unit} of the line of `device.{other}`", t.path))
            .label(format!("the same unit as at {cited}"))
            .help("one unit stands in one table, which can serve several stations; another has its own `modbus_unit`");
    }

    /// Each device has a session of its own, and servers have few: one controller stands in one table. Several
    /// behind one server are told apart by their namespaces, their logins, or the words by which they show that they
    /// live.
    fn check_sessions(&mut self, t: &Table<'_>, raw: &raw::Device) {
        let Some((own, before)) = self.devices.split_last() else { return };
        let (Some(url), Some(Protocol::OpcUa(link))) = (&raw.url, &own.protocol) else { return };
        let server = link.server();
        let at_it = before.iter().filter_map(|draft| match &draft.protocol {
            Some(Protocol::OpcUa(other)) if other.server() == server => Some((draft, other)),
            Some(Protocol::OpcUa(_) | Protocol::Modbus(_)) | None => None,
        });
        let beat = |draft: &Draft| Some(&self.tags.get(draft.heartbeat.plc?).source);
        let is_same = |(draft, other): &(&Draft, &OpcUaLink)| {
            let apart = beat(draft).zip(beat(own)).is_some_and(|(a, b)| a != b);
            draft.namespace == own.namespace && other.login == link.login && !apart
        };
        let others: Vec<_> = at_it.collect();
        let twin = others.iter().find(|other| is_same(other)).map(|(draft, _)| draft.name.clone());
        let first = others.first().map(|(draft, _)| draft.name.clone());
        if let Some(other) = twin {
            let place = self.device_names.get(&other).and_then(|named| named.place.clone());
            let cited = place.map_or_else(String::new, |place| self.sink.cite(&place));
            self.error(t, url.span(), format!("`{}` is at the server of `device.{other}`", t.path))
                .label(format!("the same server as at {cited}"))
                .help(format!(
                    "one table has one session and serves any number of stations: write `device = \"{other}\"` in those of \
                     this one; another controller behind the server has its own `heartbeat`, `namespace` or `login`"
                ));
        } else if let Some(other) = first {
            self.warning(t, url.span(), format!("`{}` has a second session at one server", t.path))
                .label(format!("`device.{other}` is at the same server"))
                .help("small PLCs have few sessions: one device can serve several stations");
        }
    }

    /// Heartbeat, restart word and interface version.
    fn life(&mut self, t: &Table<'_>, index: DeviceIndex, raw: &raw::Device) {
        if let Some(beat) = &raw.heartbeat {
            let under = Table { path: format!("{}.heartbeat", t.path), ..t.clone() };
            let plc = beat.plc.as_ref().and_then(|name| self.tag(&under, name, Use::PlcBeat));
            let host = beat.host.as_ref().and_then(|name| self.tag(&under, name, Use::HostBeat));
            let stale_after = self.period(&under, beat.stale_after.as_ref(), STALE_AFTER);
            let publish = self.draft(index).map_or(PUBLISH, |draft| draft.publish);
            if let Some(raw) = beat.stale_after.as_ref().filter(|_| stale_after < publish * 2) {
                let look = span::shown(publish);
                self.error(
                    &under,
                    raw.span(),
                    "`stale_after` is shorter than two looks at the word",
                )
                .label(format!("the device is looked at every {look}"))
                .help("a living PLC would count as silent: make it longer");
            }
            self.draft_mut(index).heartbeat = Heartbeat { plc, host, stale_after };
        }
        if raw.heartbeat.as_ref().is_none_or(|beat| beat.plc.is_none()) {
            self.sink
                .warning(&t.here(), format!("`{}` has no heartbeat word", t.path))
                .label("no `heartbeat.plc`")
                .help("a PLC program that stands still behind a living connection goes unnoticed");
        }
        if raw.restart.is_none() && self.draft(index).and_then(|d| d.kind) == Some(Kind::Modbus) {
            self.sink
                .warning(&t.here(), format!("`{}` has no restart word", t.path))
                .label("no `restart`")
                .help("a cold start that resets counters looks like a request repeated or lost");
        }
        let restart = raw.restart.as_ref().and_then(|name| self.tag(t, name, Use::Watched));
        self.draft_mut(index).restart = restart;
        self.draft_mut(index).interface =
            raw.interface.as_ref().and_then(|interface| self.interface(t, interface));
    }

    fn interface(&mut self, t: &Table<'_>, raw: &Spot<raw::Interface>) -> Option<Interface> {
        let name =
            self.one_name(t, "interface", raw.span(), raw.node.as_ref(), raw.tag.as_ref())?;
        let tag = self.tag(t, name, Use::Watched);
        let equals = value(raw.equals.as_ref()?);
        let name: TagName = self.tags.get(tag?).name.clone();
        Some(Interface { tag: tag?, name, equals })
    }

    /// The one of `node` and `tag` that is given.
    pub(super) fn one_name<'r>(
        &mut self,
        t: &Table<'_>,
        what: &str,
        span: std::ops::Range<usize>,
        node: Option<&'r Spot<String>>,
        tag: Option<&'r Spot<String>>,
    ) -> Option<&'r Spot<String>> {
        match (node, tag) {
            (Some(name), None) | (None, Some(name)) => Some(name),
            (Some(_), Some(tag)) => {
                self.error(t, tag.span(), format!("`{what}` has both `node` and `tag`"))
                    .label("they mean the same: write one");
                None
            }
            (None, None) => {
                self.error(t, span, format!("`{what}` names no word"))
                    .label("wanted `node` or `tag`");
                None
            }
        }
    }

    fn device_tags(&mut self, t: &Table<'_>, index: DeviceIndex, raw: &raw::Device) {
        let Some(kind) = self.draft(index).and_then(|draft| draft.kind) else {
            raw.tags.iter().for_each(|(name, _)| self.tags.broken(index, name));
            return;
        };
        for (name, tag) in raw.tags.iter() {
            let t = Table {
                path: format!("{}.tags.{}", t.path, **name),
                key: name.span(),
                ..t.clone()
            };
            let added = match kind {
                Kind::OpcUa => self.node_tag(&t, index, name, tag),
                Kind::Modbus => self.register_tag(&t, index, name, tag),
            };
            match added {
                Some(added) => {
                    let bits = self.bit_names(&t, kind, &tag.bits);
                    self.tags.declared(added, t.here(), t.path.clone(), bits);
                    let taken = self.tags.get(added).change.is_some();
                    if let Some(change) = tag.change.as_ref().filter(|_| taken) {
                        self.changes.push((added, t.place(change.span())));
                    }
                }
                None => self.tags.broken(index, name),
            }
        }
    }

    fn bit_names(
        &mut self,
        t: &Table<'_>,
        kind: Kind,
        raw: &Keyed<Spot<String>>,
    ) -> std::collections::BTreeMap<String, u8> {
        let last = match kind {
            Kind::OpcUa => 63,
            Kind::Modbus => 15,
        };
        let mut bits = std::collections::BTreeMap::new();
        for (key, name) in raw.iter() {
            let bit = key.parse().ok().filter(|bit| *bit <= last);
            let Some(bit) = bit else {
                self.error(t, key.span(), format!("there is no bit `{}`", **key))
                    .label(format!("wanted 0 to {last}"));
                continue;
            };
            if bits.insert((**name).clone(), bit).is_some() {
                self.error(t, name.span(), format!("two bits are called `{}`", **name))
                    .label("second bit of this name");
            }
        }
        bits
    }
}

/// A value as it stands in a plant file.
pub(super) fn value(raw: &Scalar) -> Value {
    match raw {
        Scalar::Bool(b) => Value::Bool(*b),
        Scalar::Int(i) => Value::Int(*i),
        Scalar::Real(r) => Value::Real(*r),
        Scalar::Text(t) => Value::Text(t.clone()),
    }
}

pub(super) fn word_order(raw: raw::WordOrderWord) -> WordOrder {
    match raw {
        raw::WordOrderWord::Abcd => WordOrder::Abcd,
        raw::WordOrderWord::Cdab => WordOrder::Cdab,
        raw::WordOrderWord::Badc => WordOrder::Badc,
        raw::WordOrderWord::Dcba => WordOrder::Dcba,
    }
}

fn string_order(raw: raw::StringOrderWord) -> StringOrder {
    match raw {
        raw::StringOrderWord::HighLow => StringOrder::HighLow,
        raw::StringOrderWord::LowHigh => StringOrder::LowHigh,
        raw::StringOrderWord::High => StringOrder::High,
        raw::StringOrderWord::Low => StringOrder::Low,
    }
}
