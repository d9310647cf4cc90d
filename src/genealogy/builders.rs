//! Events and plants for tests, in few words.
use crate::model::label::CodeForm;
use crate::model::plant::{
    Catalog, CodeFrom, CodeSpec, Condition, MountPoint, Phase, Plant, PurposeSpec, ScopeFrom,
    Splice, Station, TagIndex, Test, ToolLife, Word,
};
use crate::model::{
    Amount, Code, Consumption, Digest, Interval, ItemClass, ItemKey, Member, MountKey,
    MountPointId, MountUse, PhaseId, Position, Scope, ScopeName, SiteId, StationId, Stay, Text,
    TraceEvent, Utc, Verb, What,
};
use std::time::Duration;

pub(crate) fn unit(code: &str) -> ItemKey {
    ItemKey::unit(Code::parse(code).unwrap())
}

pub(crate) fn lot(code: &str) -> ItemKey {
    let supplier = ScopeName::parse("ACME").unwrap();
    ItemKey::lot(Scope::Supplier(supplier), Code::parse(code).unwrap())
}

pub(crate) fn container(code: &str) -> ItemKey {
    let code = Code::parse(code).unwrap();
    ItemKey { class: ItemClass::Container, scope: Scope::Gs1(None), code }
}

pub(crate) fn station(name: &str) -> StationId {
    StationId::parse(name).unwrap()
}

pub(crate) fn point(name: &str) -> MountPointId {
    MountPointId::parse(name).unwrap()
}

pub(crate) fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

pub(crate) fn interval(from: i64, to: Option<i64>) -> Interval {
    Interval { from: Utc(from), to: to.map(Utc) }
}

pub(crate) fn mount_key(at: &str, feeder: &str, opened: u64) -> MountKey {
    MountKey { station: station(at), point: point(feeder), opened: Position(opened) }
}

pub(crate) fn used(at: &str, feeder: &str, opened: u64, of: &ItemKey) -> MountUse {
    MountUse {
        mount: mount_key(at, feeder, opened),
        lot: of.clone(),
        one_of: false,
        amount: None,
        wasted: None,
        counted: false,
        untold: None,
    }
}

pub(crate) fn event(time: i64, at: Option<&str>, what: What) -> TraceEvent {
    TraceEvent::bare(what, Utc(time), at.map(station))
}

pub(crate) fn members(items: Vec<ItemKey>) -> Vec<Member> {
    (1..).zip(items).map(|(place, item)| Member { item, place }).collect()
}

pub(crate) fn arrive(item: &ItemKey) -> What {
    What::Arrive { item: item.clone() }
}

pub(crate) fn complete(item: &ItemKey, mounts: Vec<MountUse>) -> What {
    What::Complete {
        item: item.clone(),
        result: Some(crate::model::Result::Pass),
        measurements: Vec::new(),
        mounts,
        phase: None,
        order_row: None,
    }
}

pub(crate) fn completed(
    time: i64,
    at: &str,
    item: &ItemKey,
    stay: (i64, i64),
    arrived: Option<u64>,
    mounts: Vec<MountUse>,
) -> TraceEvent {
    TraceEvent {
        stay: Some(Stay {
            interval: interval(stay.0, Some(stay.1)),
            arrived: arrived.map(Position),
        }),
        ..event(time, Some(at), complete(item, mounts))
    }
}

pub(crate) fn mount(feeder: &str, of: &ItemKey) -> What {
    What::Mount { point: point(feeder), lot: of.clone() }
}

pub(crate) fn consume(of: &ItemKey, into: &ItemKey) -> What {
    let amount = Some(Amount { value: 2.5, unit: None });
    let consumed = Consumption { lot: of.clone(), amount };
    What::Consume { consumed, into: into.clone(), place: Some(text("hopper")) }
}

pub(crate) fn install(child: &ItemKey, parent: &ItemKey) -> What {
    What::Install { child: child.clone(), parent: parent.clone(), place: Some(text("slot 1")) }
}

pub(crate) fn remove(child: &ItemKey, parent: &ItemKey) -> What {
    What::Remove { child: child.clone(), parent: parent.clone(), place: None }
}

pub(crate) fn pack(items: &[&ItemKey], into: &ItemKey) -> What {
    What::Pack { items: items.iter().copied().cloned().collect(), container: into.clone() }
}

pub(crate) fn unpack(items: &[&ItemKey], from: &ItemKey) -> What {
    What::Unpack { items: items.iter().copied().cloned().collect(), container: from.clone() }
}

pub(crate) fn correct(loser: u64) -> What {
    What::Correct { position: Position(loser), reason: text("wrong") }
}

/// A phase that completes the unit that was presented last.
pub(crate) fn work() -> Phase {
    let word = Word { tag: TagIndex(0), bit: None };
    Phase {
        id: PhaseId::parse("work").unwrap(),
        while_: Condition { word, test: Test::Changes },
        split: Vec::new(),
        ignore: Duration::ZERO,
        settle: Duration::ZERO,
        confirm: None,
        event: Some(Verb::Complete),
        item: Some(code()),
        operation: None,
        record: Vec::new(),
        by: None,
    }
}

/// The code of a unit that is now at the station.
pub(crate) fn code() -> CodeSpec {
    let (from, scope, form) = (CodeFrom::Current, ScopeFrom::Site, CodeForm::Plain);
    CodeSpec { class: ItemClass::Unit, from, scope, no_read: Vec::new(), form }
}

/// A feeder, whose lot may be a tool with a life.
pub(crate) fn feeder(id: &str, tool: bool) -> MountPoint {
    let tool = tool.then_some(ToolLife { uses: Some(9), time: None });
    let (lot, splice) = (code(), Splice::OneOf);
    MountPoint { id: point(id), lot, material: None, splice, tool, used: None }
}

/// A plant with nothing but stations that complete units, each with those that come before it; one whose name begins
/// with `PACK` completes none.
pub(crate) fn plant(stations: &[(&str, &[&str])]) -> Plant {
    let made = |(name, after): &(&str, &[&str])| Station {
        id: station(name),
        device: None,
        line: None,
        after: after.iter().copied().map(station).collect(),
        purpose: PurposeSpec { from: None, masters: None },
        evidence: Vec::new(),
        orders: false,
        carry_over: false,
        handshakes: Vec::new(),
        phases: if name.starts_with("PACK") { Vec::new() } else { vec![work()] },
        mounts: Vec::new(),
        monitors: Vec::new(),
        masters: Vec::new(),
        schedules: Vec::new(),
    };
    Plant {
        site: SiteId::parse("plant").unwrap(),
        devices: Vec::new(),
        tags: Vec::new(),
        stations: stations.iter().map(made).collect(),
        catalog: Catalog::default(),
        files: Vec::new(),
        hash: Digest([0; 32]),
    }
}
