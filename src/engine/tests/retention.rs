//! What retention leaves decides as all of it would.
use super::image::inputs;
use super::*;
use crate::genealogy::builders::{arrive, consume, event, lot, unit};
use crate::genealogy::retention::{Judged, Keep, Tally};
use crate::model::specimens;
use std::convert::Infallible;

fn thinned(records: &[Record], judged: &Judged<'_>) -> Vec<Record> {
    let thin = |record: &Record| {
        let drops = judged.drops(record.position);
        if drops { Record::dropped(record.position) } else { record.clone() }
    };
    records.iter().map(thin).collect()
}

fn folded(records: &[Record]) -> Engine {
    let mut engine = Engine::new(persons());
    for record in records {
        engine.apply(record);
    }
    engine
}

/// What is left when each record is a step of its own and everything is kept for `kept` nanoseconds; `None` if nothing
/// may go.
fn retained(records: &[Record], kept: i64, now: Utc) -> Option<Vec<Record>> {
    let mut tally = Tally::default();
    for record in records {
        tally.see(std::slice::from_ref(record), false);
    }
    let keep = Keep { otherwise: Some(kept), ..Keep::default() };
    let fold = |judged: &Judged<'_>| Ok::<_, Infallible>(self::folded(&thinned(records, judged)));
    let judged = folded(records).retain(&tally, (&keep, now), fold).unwrap();
    judged.map(|judged| thinned(records, &judged))
}

fn gone(records: &[Record]) -> usize {
    records.iter().filter(|record| matches!(record.body, Body::Dropped)).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_is_left_goes_on_as_all_of_it_would(
        pattern in prop::sample::select(vec![Pattern::Counter, Pattern::ReqAck, Pattern::Toggle]),
        choices in proptest::collection::vec(any::<u8>(), 1..300),
        kept in 0..60_000_000_000_i64,
        numbers in proptest::collection::vec(1..6_u8, 0..8),
    ) {
        let mut world = World::new(pattern, Splice::OneOf);
        for choice in choices {
            world.act(choice);
        }
        world.sync();
        let now = world.at().wall;
        let left = retained(&world.durable, kept, now);
        prop_assert!(left.is_some(), "nothing may go");
        let left = left.unwrap();
        let (mut all, mut some) = (folded(&world.durable), folded(&left));
        for input in inputs(&world.plant, &numbers) {
            let (at, mut effects) = (world.at(), [Vec::new(), Vec::new()]);
            all.step(at, &input, &mut effects[0]);
            some.step(at, &input, &mut effects[1]);
            prop_assert_eq!(&effects[0], &effects[1]);
        }
    }
}

/// A line that ran for long keeps its last parts, and what it stands on.
#[test]
fn of_a_line_that_ran_long_nearly_all_parts_go() {
    let mut world = World::new(Pattern::Counter, Splice::OneOf);
    for part in 0..200 {
        let now = world.at().wall;
        if part % 20 == 10 {
            world.plc.change_lot(now);
        }
        world.plc.run(now);
        world.notify();
        world.settle();
    }
    let later = Utc(world.at().wall.0 + 1);
    let left = retained(&world.durable, 0, later).unwrap();
    let parts = completed(&world.durable).len();
    assert!(parts >= 200, "{parts}");
    assert!(gone(&left) > 100, "{} of {} went", gone(&left), left.len());
    assert!(!completed(&left).is_empty());
}

/// When the item before left says how long the next one was worked on; nothing but the last record says that, and no
/// request.
#[test]
fn what_a_station_goes_on_from_stays_though_its_item_goes() {
    let made = |n: u64, station, code: &str| {
        let item = unit(code);
        let what = What::Scrap { item, reason: None, mounts: Vec::new(), amount: None };
        let body = Body::Trace(event(i64::try_from(n).unwrap(), Some(station), what));
        let at = At { monotonic: Monotonic(n), wall: Utc(i64::try_from(n).unwrap()) };
        Record { position: Position(n), at, body, plant: None }
    };
    let records: Vec<Record> = (1..=300)
        .map(|n| made(n, if n <= 200 { "OP10" } else { "OP20" }, &format!("U{n}")))
        .collect();
    let left = retained(&records, 0, Utc(i64::MAX)).unwrap();
    assert!((100..300).contains(&gone(&left)), "{}", gone(&left));
    assert!(folded(&records).memory().differs(folded(&left).memory()).is_empty());
}

/// A lot on hold leads to whatever it went into: of that nothing goes.
#[test]
fn of_what_is_on_hold_and_of_what_it_went_into_nothing_goes() {
    let reason = crate::genealogy::builders::text("moist");
    let hold = What::Hold { item: lot("BAD"), reason, meaning: None };
    let is_bad = |n: u64| n.is_multiple_of(10);
    let parts = |n: u64| {
        let of = lot(if is_bad(n) { "BAD" } else { "GOOD" });
        [consume(&of, &unit(&format!("U{n}"))), arrive(&unit(&format!("U{n}")))]
    };
    let told = (1..=200).flat_map(parts).chain([hold]);
    let made = |(n, what): (u64, What)| {
        let time = Utc(i64::try_from(n).unwrap());
        let body = Body::Trace(event(time.0, Some("OP10"), what));
        let at = At { monotonic: Monotonic(n), wall: time };
        Record { position: Position(n), at, body, plant: None }
    };
    let records: Vec<Record> = (1..).zip(told).map(made).collect();
    let left = retained(&records, 0, Utc(i64::MAX)).unwrap();
    assert!(gone(&left) > 200, "{}", gone(&left));
    for (was, now) in records.iter().zip(&left) {
        let Body::Trace(event) = &was.body else { continue };
        let stays = event.items().iter().any(|item| {
            let number = item.code.as_str().strip_prefix('U').and_then(|n| n.parse::<u64>().ok());
            **item == lot("BAD") || number.is_some_and(is_bad)
        });
        assert!(!stays || was == now, "{was:?}");
    }
}

/// One of each kind and verb: whatever goes, nothing is decided in another way.
#[test]
fn of_each_kind_of_record_nothing_goes_by_which_anything_is_decided() {
    let records = specimens::records_twice();
    let left = retained(&records, 0, Utc(i64::MAX)).expect("something may go");
    assert!(gone(&left) > 0);
    let (all, some) = (folded(&records), folded(&left));
    assert!(all.memory().differs(some.memory()).is_empty());
}

/// The daemon stands still while something goes: until when a PLC was observed is not said by a tombstone.
#[test]
fn a_tombstone_observes_nothing() {
    let stone = specimens::retained().swap_remove(0);
    let observed = specimens::records().into_iter().take(30).collect::<Vec<_>>();
    let mut engine = folded(&observed);
    let before = engine.memory().last_at;
    let position = engine.position().next();
    let at = At { wall: Utc(i64::MAX), ..At::default() };
    engine.apply(&Record { position, at, ..stone });
    assert_eq!(engine.memory().last_at, before);
}
