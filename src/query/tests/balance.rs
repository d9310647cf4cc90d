//! The balance of lots against a search through all records, and what a recall says of one that does not add up.
use super::line::any_shift;
use super::model::Model;
use super::*;
use crate::genealogy::builders::*;
use crate::genealogy::{Balance, LinkKind, Moved, Movement};
use crate::model::plant::{Catalog, Material, Plant};
use crate::model::{
    Amount, Consumption, Digest, ItemClass, ItemKey, Measurement, MountUse, Quality, STOCK,
    TagName, Ucum, Value, What,
};
use proptest::prelude::*;

#[expect(clippy::unnecessary_wraps, reason = "an amount is told or is not")]
fn grams(value: f64) -> Option<Amount> {
    Some(Amount { value, unit: Some(Ucum::parse("g").unwrap()) })
}

fn stock(value: f64) -> Vec<Measurement> {
    let (name, unit) = (TagName::parse(STOCK).unwrap(), grams(value).unwrap().unit);
    let (value, quality) = (Value::Real(value), Quality::GOOD);
    vec![Measurement { name, value, quality, unit, low: None, high: None }]
}

/// Gives amounts to what may have one, as numbers say; some are not told.
fn weighed(mut records: Vec<Record>, by: &[u8]) -> Vec<Record> {
    for (record, by) in records.iter_mut().zip(by.iter().cycle()) {
        let Body::Trace(event) = &mut record.body else { continue };
        let told = (by % 8 > 0).then(|| grams(f64::from(*by))).flatten();
        match &mut event.what {
            What::Receive { amount, .. } | What::Produce { amount, .. } => *amount = told,
            What::Consume { consumed, .. } => consumed.amount = told,
            What::Complete { mounts, .. } => {
                mounts.iter_mut().for_each(|used| used.amount.clone_from(&told));
            }
            What::Merge { from, .. } => {
                from.iter_mut().for_each(|part| part.amount.clone_from(&told));
            }
            What::Inspect { measurements, .. } if *by > 99 => {
                *measurements = stock(f64::from(*by));
            }
            _ => {}
        }
    }
    records
}

/// When a lot was put into each container that it is in, and when that left the site.
fn boxes(model: &Model<'_>, lot: &ItemKey) -> Vec<(Moment, Option<Moment>)> {
    let events = model.events();
    let at = |record: Position| {
        let event = events.iter().find(|(position, _)| *position == record).unwrap().1;
        (event.time.at, record)
    };
    let links = model.links().0.into_iter().filter(|l| l.0 == *lot && l.2 == LinkKind::PackedIn);
    links.map(|link| (at(link.4), model.whereabouts(&link.1, 0).1.map(at))).collect()
}

type Moment = (Utc, Position);

/// What left the site in containers: all that was left, unless the lot was in another one at that time.
fn boxed(model: &Model<'_>, lot: &ItemKey) -> Vec<Moved> {
    let boxes = boxes(model, lot);
    let came = |from: Moment, to: Moment| {
        model.events().iter().any(|(position, event)| {
            let at = (event.time.at, *position);
            matches!(&event.what, What::Receive { item, .. } if item == lot) && from < at && at < to
        })
    };
    let mut found = Vec::new();
    for (entered, left) in &boxes {
        let Some(left) = left.filter(|left| entered <= left) else { continue };
        let rest = boxes
            .iter()
            .filter(|(entered, gone)| gone.is_none_or(|gone| gone > left) && *entered <= left);
        let parted = rest.count() > 0 || came(*entered, left);
        let what = if parted { Movement::Parted } else { Movement::Shipped };
        found.push(Moved { time: left.0, position: left.1, what, amount: None });
    }
    found
}

/// Everything that any record says of the amount of a lot.
fn movements(model: &Model<'_>, lot: &ItemKey) -> Vec<Moved> {
    let mut found = boxed(model, lot);
    let gone: Vec<Moment> = found.iter().map(|left| (left.time, left.position)).collect();
    let mut shipped = false;
    for (position, event) in model.events() {
        let shipped_yet = shipped || gone.iter().any(|at| *at < (event.time.at, position));
        let mut moved = |what, amount: Option<Amount>| {
            found.push(Moved { time: event.time.at, position, what, amount });
        };
        match &event.what {
            What::Receive { item, amount, .. } if item == lot && shipped_yet => {
                moved(Movement::Returned, amount.clone());
            }
            What::Receive { item, amount, .. } | What::Produce { item, amount, .. }
                if item == lot =>
            {
                moved(Movement::Received, amount.clone());
            }
            What::Consume { consumed, .. } if consumed.lot == *lot => {
                moved(Movement::Consumed, consumed.amount.clone());
            }
            What::Complete { mounts, .. } => {
                let of = |used: &&MountUse| model.lot_of(&used.mount).as_ref() == Some(lot);
                for used in mounts.iter().filter(of) {
                    moved(Movement::Consumed, used.amount.clone());
                }
            }
            What::Merge { from, into } if into == lot => {
                let all: Option<Vec<f64>> =
                    from.iter().map(|part| Some(part.amount.as_ref()?.value)).collect();
                moved(Movement::Received, all.and_then(|all| grams(all.iter().sum())));
            }
            What::Merge { from, .. } => {
                let part = from.iter().find(|part| part.lot == *lot);
                part.into_iter().for_each(|part| moved(Movement::Consumed, part.amount.clone()));
            }
            What::Split { from, .. } if from == lot => moved(Movement::Consumed, None),
            What::Split { into, .. } if into.contains(lot) => moved(Movement::Received, None),
            What::Scrap { item, amount, .. } if item == lot => {
                moved(Movement::Scrapped, amount.clone());
            }
            What::Ship { items, .. } if items.contains(lot) => {
                moved(Movement::Shipped, None);
                shipped = true;
            }
            What::Inspect { item, measurements, .. } if item == lot => {
                let found = measurements.iter().find(|found| found.name.as_str() == STOCK);
                let found = found.and_then(|found| found.value.number());
                found.into_iter().for_each(|value| moved(Movement::Counted, grams(value)));
            }
            _ => {}
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_balance_of_every_lot_is_that_of_all_records_that_speak_of_it(
        (shift, by) in (any_shift(), proptest::collection::vec(any::<u8>(), 1..40)),
    ) {
        let records = weighed(shift, &by);
        let (query, _dir) = query(&records);
        let model = Model(&records);
        for lot in model.items().into_iter().filter(|item| item.class == ItemClass::Lot) {
            let wanted = Balance::of(movements(&model, &lot), None);
            let item = query.item(&lot).unwrap().body;
            prop_assert_eq!(item.balance.as_ref().map(|found| &found.balance), wanted.as_ref(), "{}", lot);
            let recall = query.recall(&lot).unwrap().body;
            let own = recall.balances.iter().find(|found| found.item == lot);
            prop_assert_eq!(own.map(|found| &found.balance), wanted.as_ref(), "{}", lot);
        }
    }
}

/// A kilogram in one box or two, of which one leaves.
#[test]
fn what_leaves_in_a_container_is_not_in_stock_and_of_two_nobody_knows_how_much() {
    let glue = lot("GLUE-1");
    let amount = grams(1_000.0);
    let receive = || What::Receive {
        item: glue.clone(),
        supplier: None,
        amount: amount.clone(),
        best_before: None,
    };
    let ship = |of: &str| What::Ship { items: vec![of_box(of)], customer: None, document: None };
    let told = |whats: Vec<What>| {
        let events = (0..).zip(whats).map(|(at, what)| event(at, None, what));
        let (query, _dir) = query(&traced(events.collect()));
        query.item(&glue).unwrap().body.balance.unwrap().balance
    };
    let one = vec![receive(), pack(&[&glue], &of_box("B1")), ship("B1")];
    let balance = told(one.clone());
    assert_eq!((balance.shipped, balance.in_stock), (1_000.0, Some(0.0)));
    // It comes back by itself.
    let balance = told([one, vec![receive()]].concat());
    let came = (balance.received, balance.returned, balance.in_stock);
    assert_eq!(came, (1_000.0, 1_000.0, Some(1_000.0)));
    let mut two = vec![receive(), pack(&[&glue], &of_box("B1")), pack(&[&glue], &of_box("B2"))];
    two.push(ship("B1"));
    let balance = told(two.clone());
    assert_eq!((balance.shipped, balance.untold, balance.in_stock), (0.0, 1, None));
    two.push(ship("B2"));
    let balance = told(two);
    assert_eq!((balance.shipped, balance.in_stock), (1_000.0, Some(0.0)));
    // More of it came after it was packed: how much that left is in stock nobody knows.
    let more = vec![receive(), pack(&[&glue], &of_box("B1")), receive(), ship("B1")];
    let balance = told(more);
    assert_eq!((balance.received, balance.shipped, balance.in_stock), (2_000.0, 0.0, None));
}

fn of_box(code: &str) -> ItemKey {
    ItemKey { class: ItemClass::Container, ..unit(code) }
}

/// A plant in which a scoop of glue is 20 g and one gram in twenty may be missing.
fn plant() -> Plant {
    let piece = grams(20.0);
    let glue = Material { piece, tolerance: Some(0.05), ..Material::default() };
    let materials = BTreeMap::from([(text("GLUE"), glue)]);
    Plant {
        site: SiteId::parse("plant").unwrap(),
        devices: Vec::new(),
        tags: Vec::new(),
        stations: Vec::new(),
        catalog: Catalog { materials, ..Catalog::default() },
        files: Vec::new(),
        hash: Digest([0; 32]),
    }
}

/// A tin of glue: what is in a feeder is counted by it, the rest is scooped out.
fn tin() -> Vec<TraceEvent> {
    let glue = lot("GLUE-1");
    let kilo = Some(Amount { value: 1.0, unit: Some(Ucum::parse("kg").unwrap()) });
    let receive =
        What::Receive { item: glue.clone(), supplier: None, amount: kilo, best_before: None };
    let scoops = Some(Amount { value: 5.0, unit: None });
    let consumed = Consumption { lot: glue.clone(), amount: scoops };
    let fed = MountUse { amount: grams(300.0), ..used("OP10", "F1", 3, &glue) };
    let mut received = event(0, None, receive);
    received.product = Some(text("GLUE"));
    let mount_key = mount_key("OP10", "F1", 3);
    let unmount =
        What::Unmount { mount: mount_key, lot: glue.clone(), used: grams(360.0), untold: None };
    vec![
        received,
        event(1, None, What::Consume { consumed, into: unit("U1"), place: None }),
        event(2, Some("OP10"), mount("F1", &glue)),
        event(3, Some("OP10"), complete(&unit("U2"), vec![fed])),
        event(4, Some("OP10"), unmount),
    ]
}

#[test]
fn a_lot_of_which_too_much_is_missing_makes_a_recall_incomplete() {
    let glue = lot("GLUE-1");
    let plant = Arc::new(plant());
    for (found, missing) in [(540.0, 0.0), (500.0, 0.04), (480.0, 0.06), (600.0, -0.06)] {
        let what = What::Inspect { item: glue.clone(), result: None, measurements: stock(found) };
        let events = [tin(), vec![event(5, None, what)]].concat();
        let (query, _dir) = query(&traced(events));
        // Without the plant nobody knows what a scoop is.
        let blind = query.recall(&glue).unwrap().body.balances[0].clone();
        assert_eq!((blind.balance.untold, blind.balance.unaccounted), (1, None));
        query.put_in_force(Arc::clone(&plant));
        let Answer { completeness, body: recall, .. } = query.recall(&glue).unwrap();
        let [LotBalance { item, balance, .. }] = recall.balances.as_slice() else {
            panic!("{:?}", recall.balances);
        };
        assert_eq!(item, &glue);
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-9, "{balance:?}");
        close(balance.consumed, 0.4);
        close(balance.scrapped, 0.06);
        close(balance.in_stock.unwrap(), found / 1_000.0);
        close(balance.unaccounted.unwrap(), missing);
        let too_much = missing.abs() > 0.05;
        assert_eq!(completeness.is_complete(), !too_much, "{completeness:?}");
        assert_eq!(query.item(&glue).unwrap().completeness.is_complete(), !too_much);
        if let Completeness::Incomplete(why) = completeness {
            let [Incomplete::Unaccounted { item, amount }] = why.as_slice() else {
                panic!("{why:?}");
            };
            assert_eq!((item, amount.unit.as_ref().unwrap().as_str()), (&glue, "kg"));
        }
    }
}
