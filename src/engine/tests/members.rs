//! Units that are named together: they are what was asked for as much as what they are part of.
use super::floor::Floor;
use super::*;
use crate::genealogy::{Direction, Graph, Links, Node};

/// A box that is packed layer by layer: its own code stays, only the members tell one request from the next.
#[test]
fn a_request_with_other_members_is_not_answered_for_the_one_before() {
    let mut plant = (*plant(Pattern::ReqAck, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    (handshake.number, handshake.event) = (None, Verb::Arrive);
    handshake.item = spec(ItemClass::Container, LOT);
    handshake.members = vec![spec(ItemClass::Unit, SERIAL)];
    let plc = Plc::new(Pattern::ReqAck, Splice::Clean);
    let mut world = World::with(Arc::new(plant), plc);
    world.settle();
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    for _ in 0..20 {
        world.carry_out();
        world.tell_change();
        world.tell_answer();
    }
    let asked = |effect: &Effect| matches!(effect, Effect::Write(write) if write.ack.is_some());
    assert!(world.waiting.iter().any(asked), "it waits for the disk: {:?}", world.waiting);
    let lot = world.plc.lot();
    world.plc.give_up(false);
    world.plc.run(Utc(now.0 + 1));
    assert_eq!((world.plc.lot(), world.plc.presented), (lot, true));
    world.sync();
    while !world.waiting.is_empty() {
        world.carry_out();
    }
    assert!(!world.plc.acked(), "others were packed and are not on record");
    world.settle();
    let boxed: Vec<_> = world.durable.iter().filter_map(members).collect();
    assert_eq!(boxed.len(), 2, "{boxed:?}");
}

fn members(record: &Record) -> Option<Vec<String>> {
    let Body::Trace(event) = &record.body else { return None };
    (!event.members.is_empty())
        .then(|| event.members.iter().map(|member| member.item.code.as_str().to_owned()).collect())
}

/// A saw and a welder: two profiles are cut into halves, and a frame is made of one half of each.
fn sawn_and_welded() -> Floor {
    const FRAME: TagIndex = TagIndex(7);
    const HALVES: TagIndex = TagIndex(9);
    let (join, joined) = (TagIndex(6), TagIndex(8));
    let parts = |plant: &mut Plant| {
        let handshakes = &mut plant.stations[0].handshakes;
        handshakes[0].measurements.clear();
        handshakes[0].event = Verb::Split;
        handshakes[0].members = vec![spec(ItemClass::Unit, FORCE)];
        handshakes.push(Handshake {
            id: HandshakeId::parse("join").unwrap(),
            event: Verb::Merge,
            trigger: word(join),
            number: Some(Counter { tag: join, bits: 32 }),
            ack: Some(word(joined)),
            item: spec(ItemClass::Unit, FRAME),
            members: vec![spec(ItemClass::Unit, HALVES)],
            snapshot: vec![FRAME, HALVES],
            ..handshakes[0].clone()
        });
    };
    let list = |codes: [&str; 2]| Value::List(codes.map(Value::text).to_vec());
    let mut floor = Floor::new(parts, Pattern::Counter);
    let cuts = [("P-1", ["H-1", "H-2"]), ("P-2", ["H-3", "H-4"])];
    for (count, (profile, halves)) in (1..).zip(cuts) {
        floor.words.insert(SERIAL, Value::text(profile));
        floor.words.insert(FORCE, list(halves));
        floor.tell(TRIGGER, Value::UInt(count));
    }
    floor.words.insert(FRAME, Value::text("F-1"));
    floor.words.insert(HALVES, list(["H-1", "H-4"]));
    floor.tell(join, Value::UInt(1));
    floor
}

/// All that is reached from a unit.
fn reached(graph: &Graph, from: &str, way: Direction) -> BTreeSet<String> {
    let unit = ItemKey::unit(Code::parse(from).unwrap());
    let (mut open, mut seen) = (vec![graph.item(&unit).unwrap()], BTreeSet::new());
    while let Some(node) = open.pop() {
        graph.each(node, way, |link| {
            let Node::Item(item) = graph.name(link.node) else { return };
            if seen.insert(item.to_string()) {
                open.push(link.node);
            }
        });
    }
    seen
}

#[test]
fn what_was_split_and_merged_is_traced_forward_and_back() {
    let floor = sawn_and_welded();
    let mut graph = Graph::default();
    for record in &floor.records {
        if let Body::Trace(event) = &record.body {
            graph.apply(record.position, event);
        }
    }
    let wanted = [
        ("P-1", Direction::Forward, &["H-1", "H-2", "F-1"][..]),
        ("H-3", Direction::Forward, &[]),
        ("H-4", Direction::Forward, &["F-1"]),
        ("F-1", Direction::Backward, &["H-1", "H-4", "P-1", "P-2"]),
        ("H-2", Direction::Backward, &["P-1"]),
        ("P-2", Direction::Backward, &[]),
    ];
    for (from, way, of) in wanted {
        let of: BTreeSet<String> = of.iter().map(|code| format!("u/site/{code}")).collect();
        assert_eq!(reached(&graph, from, way), of, "{way:?} of {from}");
    }
}

/// As it was before the weld was taken back, and after.
#[test]
fn a_merge_that_is_corrected_joins_nothing_from_then_on() {
    let floor = sawn_and_welded();
    let mut graph = Graph::default();
    let events = floor.records.iter().filter_map(|record| {
        let Body::Trace(event) = &record.body else { return None };
        Some((record.position, event))
    });
    let mut merged = None;
    for (position, event) in events {
        merged = matches!(event.what, What::Merge { .. }).then_some(position).or(merged);
        graph.apply(position, event);
    }
    let what = What::Correct { position: merged.unwrap(), reason: Text::parse("no").unwrap() };
    let last = Position(floor.records.last().unwrap().position.0 + 1);
    graph.apply(last, &TraceEvent::bare(what, Utc(0), None));
    let unit = |code| graph.item(&ItemKey::unit(Code::parse(code).unwrap())).unwrap();
    let joined = |as_of| {
        let mut found = false;
        graph.each(unit("H-1"), Direction::Forward, |link| found |= link.stands(as_of));
        found
    };
    assert_eq!([joined(merged.unwrap()), joined(last)], [true, false]);
}
