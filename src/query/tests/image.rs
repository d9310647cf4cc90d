//! What is read from an image is what was folded: every answer, and everything that is folded after it.
use super::line::any_shift;
use super::model::Model;
use super::*;
use crate::genealogy::builders::*;
use crate::model::{Question, ReadToken, Text, Verdict, VerdictEvent, specimens, wire};
use crate::query::memory::Memory;
use proptest::prelude::*;

fn is_correction(record: &Record) -> bool {
    let Body::Trace(event) = &record.body else { return false };
    matches!(event.what, crate::model::What::Correct { .. })
}

fn apply(memory: &mut Memory, all: &[Record], record: &Record) {
    let named = match &record.body {
        Body::Trace(event) => match event.what {
            crate::model::What::Correct { position, .. } => Some(position),
            _ => None,
        },
        _ => None,
    };
    let named = named.filter(|named| *named < record.position);
    let loser = named.and_then(|named| all.get(usize::try_from(named.0).unwrap().checked_sub(1)?));
    memory.apply(record, loser);
}

fn folded(records: &[Record]) -> Memory {
    let mut memory = Memory::default();
    records.iter().for_each(|record| apply(&mut memory, records, record));
    memory
}

/// All of it in words; doubts as they are asked for.
fn words(memory: &Memory) -> Vec<String> {
    let Memory { graph, lives, places, mounts, doubts, monitors, suspects, .. } = memory;
    let Memory { holds, not_permitted, expiries, materials, measured, products, .. } = memory;
    let one = (graph, lives, places, mounts, monitors, suspects);
    let two = (holds, not_permitted, expiries, materials, measured, products);
    let gaps: Vec<_> = doubts.newest().collect();
    vec![format!("{one:?}"), format!("{two:?}"), format!("{gaps:?} {:?}", memory.position)]
}

fn assert_same(one: &Memory, two: &Memory, what: &str) {
    assert!(one.image() == two.image(), "{what}: one memory has one image");
    assert_eq!(words(one), words(two), "{what}");
}

/// Everything that can be asked about these items and places.
fn answers(query: &Query, items: &[ItemKey]) -> Vec<String> {
    let end = Position(u64::MAX);
    let interval = Interval { from: Utc(i64::MIN), to: None };
    let mut all = vec![
        format!("{:?}", query.stations()),
        format!("{:?}", query.conditions()),
        format!("{:?}", query.gaps(1000)),
        format!("{:?}", query.suspects(None, 1000, end)),
        format!("{:?}", query.open_suspects(1000)),
        format!("{:?}", query.yields(None, interval, end)),
    ];
    for class in [ItemClass::Unit, ItemClass::Lot, ItemClass::Container] {
        all.push(format!("{:?}", query.recent(class, 1000)));
    }
    let stations = query.stations().into_iter().map(|view| view.id).collect();
    let question = Question {
        token: ReadToken(1),
        items: items.to_vec(),
        stations,
        ancestry: true,
        measured: Vec::new(),
        as_of: query.position(),
    };
    all.push(format!("{:?}", query.facts(&question)));
    for key in items {
        all.push(format!("{:?}", query.item(key)));
        all.push(format!("{:?}", query.recall(key)));
        for way in [Direction::Forward, Direction::Backward] {
            all.push(format!("{:?}", query.trace(key, way, None)));
        }
    }
    all
}

/// Each kind of record and each verb with all that can be said of it, cut everywhere.
#[test]
fn one_of_each_record_is_in_the_image() {
    let records = specimens::records_twice();
    for cut in 0..=records.len() {
        let mut whole = folded(&records[..cut]);
        let mut read = Memory::from_image(&whole.image()).unwrap();
        assert_same(&read, &whole, &format!("read after {cut}"));
        for record in &records[cut..] {
            apply(&mut whole, &records, record);
            apply(&mut read, &records, record);
        }
        assert_same(&read, &whole, &format!("cut after {cut}"));
    }
    let words = words(&folded(&records)).concat();
    for part in ["Window {", "Spoken {", "Mount {"] {
        assert!(words.contains(part), "no record makes a {part}");
    }
    assert!(words.contains(&format!("{:?}", Verdict::Drift)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn memory_of_an_image_goes_on_as_what_was_folded(records in any_shift(), cut in 0..=100usize) {
        let cut = records.len() * cut / 100;
        let mut whole = folded(&records[..cut]);
        let mut read = Memory::from_image(&whole.image()).unwrap();
        assert_same(&read, &whole, "as it was read");
        for record in &records[cut..] {
            apply(&mut whole, &records, record);
            apply(&mut read, &records, record);
            assert_same(&read, &whole, "as it went on");
        }
    }

    /// The index is at another place than memory: behind it, or ahead of it.
    #[test]
    fn every_answer_after_a_start_from_an_image_is_the_one_without(
        records in any_shift(), cut in 0..=100usize, index in 0..=100usize,
    ) {
        // Nobody opens an index to bring it nothing.
        prop_assume!(!records.is_empty());
        let (cut, index) = (records.len() * cut / 100, records.len() * index / 100);
        let (before, _dir) = query(&records[..cut]);
        let (position, image) = before.image();
        prop_assert_eq!(position.0, cut as u64);
        let brought = |records: &[Record]| -> Vec<_> {
            records.iter().map(|record| (record.position, record.clone())).collect()
        };
        let dir = tempfile::tempdir().unwrap();
        let after = Query::new(options(dir.path()));
        after.index(&brought(&records[..index])).unwrap();
        after.remember(Remembered::read(&image).unwrap());
        prop_assert_eq!(after.position(), position);
        prop_assert_eq!(after.wanted().borrow().0, cut.min(index) as u64);
        // A correction names what an index that is behind has not.
        if cut > index && records[cut..].iter().any(is_correction) {
            return Ok(());
        }
        after.apply(&brought(&records[cut..])).unwrap();
        prop_assert_eq!(after.position().0, records.len() as u64);
        feed(&after, &records);
        let (whole, _dir) = query(&records);
        let items: Vec<ItemKey> = Model(&records).items().into_iter().collect();
        prop_assert_eq!(answers(&after, &items), answers(&whole, &items));
    }
}

#[test]
fn an_image_that_is_cut_short_is_no_image() {
    let image = folded(&specimens::records_twice()).image();
    for len in 0..image.len() {
        assert!(Memory::from_image(&image[..len]).is_err(), "{len}");
    }
}

/// Whatever passes the checksum: it is refused, or it answers; nobody who asks it or adds to it meets what is not there.
#[test]
fn an_image_that_contradicts_itself_is_refused_or_answers() {
    let records = specimens::records_twice();
    let (before, after) = records.split_at(records.len() / 2);
    let image = folded(before).image();
    let items: Vec<ItemKey> = Model(&records).items().into_iter().collect();
    let (mut refused, mut read) = (0, 0);
    let dir = tempfile::tempdir().unwrap();
    for at in 0..image.len() {
        let mut bytes = image.clone();
        bytes[at] ^= 1 << (at * 5 % 8);
        let Ok(memory) = Remembered::read(&bytes) else {
            refused += 1;
            continue;
        };
        read += 1;
        let query = Query::new(options(dir.path()));
        query.remember(memory);
        if at % 4 == 0 {
            drop(answers(&query, &items));
        }
        let mut memory = query.inner.memory.write();
        after.iter().take(4).for_each(|record| apply(&mut memory, &records, record));
    }
    println!("{refused} refused, {read} read");
    assert!(refused > 1000 && read > 100, "{refused} refused, {read} read");
}

/// Every number that is out of range, by name.
#[test]
fn an_image_that_names_what_is_not_in_it_is_refused() {
    let records = traced(vec![
        event(1, Some("OP10"), mount("F1", &lot("L1"))),
        event(2, Some("OP10"), arrive(&unit("U1"))),
        event(3, Some("OP10"), complete(&unit("U1"), vec![used("OP10", "F1", 1, &lot("L1"))])),
        event(4, Some("OP10"), install(&unit("U2"), &unit("U1"))),
        event(5, Some("OP10"), remove(&unit("U2"), &unit("U1"))),
        event(
            6,
            None,
            crate::model::What::Hold { item: unit("U1"), reason: text("no"), meaning: None },
        ),
        event(7, None, correct(3)),
    ]);
    let good = folded(&records);
    let none = crate::genealogy::NodeId(99);
    let refused = |spoil: &dyn Fn(&mut Memory)| {
        let mut memory = good.clone();
        spoil(&mut memory);
        let why = Memory::from_image(&memory.image()).unwrap_err().to_string();
        assert!(why.contains("names what is not in it"), "{why}");
    };
    assert!(Memory::from_image(&good.image()).is_ok());
    refused(&|memory| {
        memory.holds.insert(none, BTreeMap::new());
    });
    refused(&|memory| {
        memory.expiries.insert(none, BTreeMap::new());
    });
    refused(&|memory| memory.places.at(&station("OP10")).current = Some((none, Position(1))));
    refused(&|memory| {
        let slot = (&station("OP10"), &point("F1"));
        memory.mounts.mount((Utc(1), Position(1)), slot, (Position(1), none));
    });
    refused(&|memory| memory.lives.resize_with(100, Default::default));
    let spoils: [fn(&mut life::Moment); 3] = [
        |moment| moment.host = Some(crate::genealogy::NodeId(99)),
        |moment| moment.station = Some(life::StationNumber(99)),
        |moment| moment.product = Some(99),
    ];
    for spoil in spoils {
        refused(&|memory| {
            let mut moment = memory.lives.iter().flat_map(life::Life::moments).next().unwrap();
            spoil(&mut moment);
            memory.lives[0].insert(moment);
        });
    }
    // A correction of itself would have no end.
    let image = wire::encode(&BTreeMap::from([(Position(3), Position(3))]));
    assert!(wire::decode::<crate::genealogy::Corrections>(&image).is_err());
}

#[test]
fn what_is_said_of_several_products_is_in_the_image_and_what_is_forgotten_is_not() {
    let event = specimens::records().into_iter().find_map(|record| match record.body {
        Body::Verdict(event) if event.verdict == Verdict::Drift => Some(event),
        _ => None,
    });
    let event = event.unwrap();
    let of = |product: &str, recipe: Option<&str>, verdict| {
        let text = |text| Text::parse(text).unwrap();
        let (product, recipe) = (Some(text(product)), recipe.map(text));
        Body::Verdict(VerdictEvent { product, recipe, verdict, over: None, ..event.clone() })
    };
    let mut bodies = vec![
        of("A", None, Verdict::Drift),
        of("B", Some("R1"), Verdict::Drift),
        of("B", Some("R2"), Verdict::InControl),
    ];
    let records = numbered(bodies.clone());
    let memory = folded(&records);
    let read = Memory::from_image(&memory.image()).unwrap();
    assert_same(&read, &memory, "as it was read");
    bodies.push(of("C", None, Verdict::InControl));
    bodies.push(of("C", None, Verdict::NoData));
    let longer = folded(&numbered(bodies));
    assert_eq!(longer.monitors.views(&longer.alarms), memory.monitors.views(&memory.alarms));
}
