//! What a capture of the line writes.
use crate::model::{
    At, Body, Code, DeviceId, EventTime, Gap, GapCause, GapSource, Interval, ItemClass, ItemKey,
    Measurement, MountKey, MountPointId, MountUse, Position, Quality, Record, Result, Scope,
    ScopeName, StationId, Stay, TagName, Text, TraceEvent, Utc, Value, What,
};

/// One second.
pub(super) const SECOND: i64 = 1_000_000_000;

/// Records in the order in which they come about.
#[derive(Default)]
pub(super) struct Book {
    pub(super) records: Vec<Record>,
}

impl Book {
    pub(super) fn write(&mut self, body: Body) -> Position {
        let position = Position(self.records.len() as u64 + 1);
        self.records.push(Record { position, at: At::default(), body, plant: None });
        position
    }

    pub(super) fn event(&mut self, time: Utc, at: &str, what: What) -> Position {
        self.write(Body::Trace(event(time, at, what)))
    }

    /// A lot is put into a feeder.
    pub(super) fn mount(&mut self, time: Utc, at: &str, point: &str, lot: &ItemKey) -> MountUse {
        let what = What::Mount { point: mount_point(point), lot: lot.clone() };
        let opened = self.event(time, at, what);
        let mount = MountKey { station: station(at), point: mount_point(point), opened };
        MountUse {
            mount,
            lot: lot.clone(),
            one_of: false,
            amount: None,
            wasted: None,
            counted: false,
            untold: None,
        }
    }

    /// A lot is taken out of its feeder.
    pub(super) fn unmount(&mut self, time: Utc, used: &MountUse) {
        let MountUse { mount, lot, .. } = used.clone();
        let at = mount.station.to_string();
        self.event(time, &at, What::Unmount { mount, lot, used: None, untold: None });
    }
}

pub(super) fn event(time: Utc, at: &str, what: What) -> TraceEvent {
    let time = EventTime { at: time, uncertainty_ns: 0 };
    TraceEvent { time, ..TraceEvent::bare(what, time.at, Some(station(at))) }
}

/// Work that ended.
pub(super) fn completed(item: &ItemKey, mounts: Vec<MountUse>) -> What {
    What::Complete {
        item: item.clone(),
        result: Some(Result::Pass),
        measurements: Vec::new(),
        mounts,
        phase: None,
        order_row: None,
    }
}

pub(super) fn stayed(from: Utc, to: Utc, arrived: Option<Position>) -> Stay {
    Stay { interval: Interval { from, to: Some(to) }, arrived }
}

pub(super) fn measured(name: &str, value: f64) -> Measurement {
    Measurement {
        name: TagName::parse(name).expect("a name"),
        value: Value::Real(value),
        quality: Quality::GOOD,
        unit: None,
        low: None,
        high: None,
    }
}

/// A device that serves one station is not observed; without an end: no more.
pub(super) fn outage(at: &str, from: Utc, to: Option<Utc>) -> Gap {
    let device = DeviceId::parse("plc").expect("a name");
    Gap {
        source: GapSource::Device(device),
        interval: Interval { from, to },
        cause: GapCause::Disconnected,
        count: None,
        stations: vec![station(at)],
        first: None,
    }
}

pub(super) fn station(name: &str) -> StationId {
    StationId::parse(name).expect("a name")
}

pub(super) fn text(text: &str) -> Text {
    Text::parse(text).expect("a text")
}

fn mount_point(name: &str) -> MountPointId {
    MountPointId::parse(name).expect("a name")
}

fn code(kind: &str, n: u32) -> Code {
    Code::parse(&format!("{kind}-{n}")).expect("a code")
}

pub(super) fn unit(kind: &str, n: u32) -> ItemKey {
    ItemKey::unit(code(kind, n))
}

pub(super) fn lot(kind: &str, n: u32) -> ItemKey {
    let supplier = ScopeName::parse("ACME").expect("a name");
    ItemKey::lot(Scope::Supplier(supplier), code(kind, n))
}

pub(super) fn container(n: u32) -> ItemKey {
    ItemKey { class: ItemClass::Container, scope: Scope::Site, code: code("BOX", n) }
}
