//! Levels of what records tell, by a plant in force and beyond the direct links.
use super::*;
use crate::genealogy::builders::*;
use crate::model::{
    Alias, Amount, Consumption, DeviceId, Gap, GapCause, GapSource, ItemClass, ItemKey, MountUse,
    Scope, ScopeName, What,
};

/// A lot that we number ourselves: its supplier is not in its name.
fn reel(code: &str) -> ItemKey {
    ItemKey::lot(Scope::Site, Code::parse(code).unwrap())
}

fn receive(of: &ItemKey, supplier: Option<&str>) -> TraceEvent {
    let supplier = supplier.map(|name| ScopeName::parse(name).unwrap());
    let received = What::Receive { item: of.clone(), supplier, amount: None, best_before: None };
    event(0, None, received)
}

fn fed(opened: u64, of: &ItemKey) -> Vec<MountUse> {
    vec![used("OP10", "F1", opened, of)]
}

/// A panel of one board is made with the reel that the first event is about, then cut.
fn shift(first: TraceEvent) -> Vec<Record> {
    let reel = reel("R");
    let members = members(vec![unit("BOARD")]);
    let arrived = TraceEvent { members, ..event(2, Some("OP10"), arrive(&unit("PANEL"))) };
    let made = completed(3, "OP10", &unit("PANEL"), (2, 3), Some(3), fed(2, &reel));
    traced(vec![first, event(1, Some("OP10"), mount("F1", &reel)), arrived, made])
}

fn level(query: &Query, item: &ItemKey) -> Level {
    query.item(item).unwrap().body.level.unwrap()
}

fn first_of(query: &Query, item: &ItemKey) -> (u8, String) {
    let material = level(query, item).material;
    (material.level, material.reasons.first().cloned().unwrap_or_default())
}

#[test]
fn what_an_item_was_made_of_is_known_as_far_as_it_goes_back_to_a_supplier() {
    let told = |first| {
        let (query, _dir) = query(&shift(first));
        // A board has in it what its panel has.
        let [panel, board] = ["PANEL", "BOARD"].map(|code| first_of(&query, &unit(code)));
        assert_eq!(panel, board);
        panel
    };
    let note = |text: &str| {
        let text = Text::parse(text).unwrap();
        event(0, None, What::Note { item: None, text })
    };
    assert_eq!(told(receive(&reel("R"), Some("ACME"))), (4, String::new()));
    let whose = "from whom l/site/R came was not told";
    assert_eq!(told(receive(&reel("R"), None)), (2, whose.to_owned()));
    let whence = "where l/site/R came from is not on record";
    assert_eq!(told(note("n")), (2, whence.to_owned()));
    // Made here of something that nobody received.
    let (raw, made) = (reel("RAW"), reel("R"));
    let open = "l/site/RAW is in it, and that it came from outside, and from whom, is not told";
    assert_eq!(told(event(0, None, consume(&raw, &made))), (3, open.to_owned()));
    assert_eq!(told(event(0, None, consume(&lot("RAW"), &made))), (4, String::new()));
}

/// The punch stays at the press: neither where it came from nor which it was says anything of what the panel is made of.
#[test]
fn a_tool_neither_hides_nor_closes_what_an_item_goes_back_to() {
    let told = |raw: &ItemKey, punch: TraceEvent, one_of: bool| {
        let mut plant = plant(&[("OP10", &[])]);
        plant.stations[0].mounts = vec![feeder("F1", false), feeder("T1", true)];
        let tool = MountUse { one_of, ..used("OP10", "T1", 4, &reel("PUNCH")) };
        let mounts = [fed(3, &reel("R")), vec![tool]].concat();
        let events = vec![
            punch,
            event(0, None, consume(raw, &reel("R"))),
            event(1, Some("OP10"), mount("F1", &reel("R"))),
            event(1, Some("OP10"), mount("T1", &reel("PUNCH"))),
            completed(3, "OP10", &unit("PANEL"), (2, 3), None, mounts),
        ];
        let (query, _dir) = query(&traced(events));
        query.put_in_force(Arc::new(plant));
        first_of(&query, &unit("PANEL"))
    };
    let unknown = || {
        let text = Text::parse("n").unwrap();
        event(0, None, What::Note { item: None, text })
    };
    let open = "l/site/RAW is in it, and that it came from outside, and from whom, is not told";
    for one_of in [false, true] {
        let received = receive(&reel("PUNCH"), None);
        for punch in [unknown(), received, receive(&reel("PUNCH"), Some("ACME"))] {
            assert_eq!(told(&reel("RAW"), punch.clone(), one_of), (3, open.to_owned()));
            assert_eq!(told(&lot("RAW"), punch, one_of), (4, String::new()));
        }
    }
}

#[test]
fn what_has_more_names_or_was_made_of_more_than_is_looked_at_says_so() {
    let near = (2, "it has more names, or was made or cut of more, than is looked at".to_owned());
    // A unit of so many passages: the reel may be in one that nobody looked at.
    let under = |passages: u32| {
        let named = |n: u32| What::Identify {
            item: unit(&format!("PASSAGE-{n}")),
            alias: Alias { kind: text("label"), code: Code::parse("U").unwrap() },
            real: Some(unit("U")),
        };
        let mut events = vec![event(0, None, consume(&lot("L"), &unit("U")))];
        events.extend((0..passages).map(|n| event(1, Some("OP10"), named(n))));
        let (query, _dir) = query(&traced(events));
        first_of(&query, &unit("U"))
    };
    assert_eq!(under(250), (4, String::new()));
    assert_eq!(under(300), near);
    // A tank that was never empty, and what was made of it.
    let tank = reel("TANK");
    let filled = |n: u32| {
        let amount = Some(Amount { value: 1.0, unit: None });
        let from = (0..100).map(|m| reel(&format!("L{n}-{m}")));
        let from = from.map(|lot| Consumption { lot, amount: amount.clone() }).collect();
        event(0, None, What::Merge { from, into: tank.clone() })
    };
    let mut events: Vec<TraceEvent> = (0..201).map(filled).collect();
    events.push(event(1, None, consume(&tank, &unit("U"))));
    let (query, _dir) = query(&traced(events));
    assert_eq!(first_of(&query, &tank), near);
    let cut = "it was made of more items than are looked at".to_owned();
    assert_eq!(first_of(&query, &unit("U")), (3, cut));
}

#[test]
fn a_lot_is_what_it_came_as_and_a_container_has_no_level() {
    let (query, _dir) = query(&shift(receive(&reel("R"), Some("ACME"))));
    assert_eq!(level(&query, &reel("R")).to_string(), "M4, below P1");
    let packed = traced(vec![event(0, None, pack(&[&unit("U")], &container("BOX")))]);
    let (query, _dir) = super::query(&packed);
    assert_eq!(query.item(&container("BOX")).unwrap().body.level, None);
    assert_eq!(level(&query, &unit("U")).to_string(), "below M1, below P1");
    assert_eq!(container("BOX").class, ItemClass::Container);
}

#[test]
fn a_gap_lowers_what_was_there_and_leaves_the_rest_and_an_earlier_answer_as_it_was() {
    let mut bodies: Vec<Body> =
        shift(receive(&reel("R"), Some("ACME"))).into_iter().map(|record| record.body).collect();
    let mounts = fed(2, &reel("R"));
    bodies.push(Body::Trace(completed(20, "OP10", &unit("LATER"), (19, 20), None, mounts)));
    let gap = Gap {
        source: GapSource::Device(DeviceId::parse("plc").unwrap()),
        interval: interval(2, Some(4)),
        cause: GapCause::Silent,
        count: None,
        stations: vec![station("OP10")],
        first: None,
    };
    bodies.push(Body::Gap(gap));
    let (query, _dir) = query(&numbered(bodies));
    let unseen = (2, "OP10 was not observed while it was there (#6)".to_owned());
    assert_eq!(first_of(&query, &unit("PANEL")), unseen);
    assert_eq!(first_of(&query, &unit("LATER")), (4, String::new()));
    let before = query.item_as_of(&unit("PANEL"), Position(5)).unwrap().body.level.unwrap();
    assert_eq!(before.material.level, 4);
}
