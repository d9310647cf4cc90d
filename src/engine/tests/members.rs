//! Units that are named together: they are what was asked for as much as what they are part of.
use super::*;

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
