//! What was measured, of an item and of what it was made of, against a search through all records.
use super::line::any_shift;
use super::model::Model;
use super::past::made_of;
use super::*;
use crate::genealogy::LinkKind;
use crate::genealogy::builders::{complete, consume, correct, event, lot, members, unit};
use crate::model::plant::{Catalog, Measured, MeasuredRule, Plant};
use crate::model::{
    Digest, ItemKey, Measurement, PlantLoaded, Quality, Question, ReadToken, Shortfall, TagName,
    Text, Total, Value, What, wire,
};
use proptest::prelude::*;

const RULES: [MeasuredRule; 3] = [MeasuredRule::Sum, MeasuredRule::Minimum, MeasuredRule::Maximum];
const NAMES: [&str; 2] = ["dose", "purity"];

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

/// Every rule over every measurement, of the item alone and with what it was made of.
fn all() -> Vec<(Text, Measured)> {
    let of = |rule: MeasuredRule, name: &str, ancestors: bool| {
        let attribute = text(&format!("{}_{name}_{ancestors}", rule.as_str()));
        (attribute, Measured { rule, measurement: tag(name), ancestors })
    };
    let of_rule =
        |rule| NAMES.into_iter().flat_map(move |name| [(rule, name, false), (rule, name, true)]);
    RULES.into_iter().flat_map(of_rule).map(|(rule, name, deep)| of(rule, name, deep)).collect()
}

fn plant(measured: &[&str]) -> Body {
    Body::Plant(PlantLoaded {
        hash: Digest([7; 32]),
        files: Vec::new(),
        stations: Vec::new(),
        monitors: Vec::new(),
        measured: measured.iter().map(|name| tag(name)).collect(),
    })
}

fn taken(name: &str, value: Value) -> Measurement {
    let (unit, low, high) = (None, None, None);
    Measurement { name: tag(name), value, quality: Quality::GOOD, unit, low, high }
}

fn doses(what: &mut What) -> Option<&mut Vec<Measurement>> {
    match what {
        What::Complete { measurements, .. }
        | What::Produce { measurements, .. }
        | What::Inspect { measurements, .. } => Some(measurements),
        _ => None,
    }
}

/// A shift in which something is measured, and plants are put in force that keep it or do not.
fn any_measured_shift() -> impl Strategy<Value = Vec<Record>> {
    (any_shift(), proptest::collection::vec(any::<u8>(), 1..40)).prop_map(|(mut records, by)| {
        for (n, record) in records.iter_mut().enumerate() {
            let by = by[n % by.len()];
            let early = n == 0 && by % 4 > 0;
            match &mut record.body {
                Body::Gap(_) | Body::Quarantine(_) => record.body = plant(kept(by)),
                _ if early => record.body = plant(&NAMES),
                Body::Trace(event) => {
                    let Some(measured) = doses(&mut event.what) else { continue };
                    measured.extend(measurements(by));
                }
                _ => {}
            }
        }
        records
    })
}

fn kept(by: u8) -> &'static [&'static str] {
    [&NAMES[..], &NAMES[..1], &NAMES[1..], &[]][usize::from(by) % 4]
}

fn measurements(by: u8) -> Vec<Measurement> {
    let value = match by % 8 {
        0 => return Vec::new(),
        1 if by > 100 => Value::Real(f64::NAN),
        2 if by > 100 => Value::Real(-1.5),
        3 if by > 100 => Value::text("none"),
        4 => Value::UInt(u64::from(by)),
        _ => Value::Real(f64::from(by) / 10.0),
    };
    let bad = by > 240;
    let quality = if bad { Quality::BAD_RANGE } else { Quality::GOOD };
    let one = Measurement { quality, ..taken(NAMES[usize::from(by / 8) % 2], value) };
    let both = by % 3 == 0;
    let other = taken(NAMES[usize::from(by / 8 + 1) % 2], Value::Real(0.5));
    std::iter::once(one).chain(both.then_some(other)).collect()
}

/// Whether a plant in force at a record keeps a measurement.
fn keeps(records: &[Record], at: Position, name: &TagName) -> bool {
    let before = records.iter().take_while(|record| record.position < at);
    let plants = before.filter_map(|record| match &record.body {
        Body::Plant(plant) => Some(plant),
        _ => None,
    });
    plants.last().is_some_and(|plant| plant.measured.contains(name))
}

/// Whether something may have been measured of an item by an event that names it.
fn may_tell(event: &TraceEvent, item: &ItemKey) -> bool {
    match &event.what {
        What::Complete { item: of, .. }
        | What::Produce { item: of, .. }
        | What::Inspect { item: of, .. }
        | What::Move { item: of, .. }
        | What::Consume { into: of, .. }
        | What::Install { parent: of, .. }
        | What::Remove { parent: of, .. }
        | What::Merge { into: of, .. }
        | What::Scrap { item: of, amount: Some(_), .. } => of == item,
        What::Split { from, into } => from == item || into.contains(item),
        _ => false,
    }
}

/// What was measured of any of these, by record, and whether there may be more.
fn search(
    records: &[Record],
    items: &BTreeSet<ItemKey>,
    measured: &Measured,
) -> (BTreeMap<Position, f64>, bool) {
    let mut found = BTreeMap::new();
    let mut more = false;
    for (position, event) in Model(records).events() {
        let kept = keeps(records, position, &measured.measurement);
        for item in items.iter().filter(|item| item.class != ItemClass::Container) {
            more |= !kept && may_tell(event, item);
            let mut what = event.what.clone();
            let beside = event.members.iter().any(|member| member.item == *item);
            let is_of = what.items().first() == Some(&item) || beside;
            let taken = doses(&mut what).filter(|_| is_of && kept).cloned().unwrap_or_default();
            for taken in taken.iter().filter(|taken| taken.name == measured.measurement) {
                let good = taken.quality == Quality::GOOD;
                let value = taken.value.number().filter(|value| good && value.is_finite());
                let sum = measured.rule == MeasuredRule::Sum;
                match value.filter(|value| !sum || *value >= 0.0) {
                    Some(value) => {
                        found.insert(position, value);
                    }
                    None => more = true,
                }
            }
        }
    }
    (found, more)
}

/// What values come to, by hand.
fn comes_to(rule: MeasuredRule, found: &BTreeMap<Position, f64>) -> Option<f64> {
    let mut values: Vec<f64> = found.values().copied().collect();
    values.sort_by(f64::total_cmp);
    match rule {
        MeasuredRule::Sum => Some(values.iter().sum::<f64>() + 0.0),
        MeasuredRule::Minimum => values.first().copied(),
        MeasuredRule::Maximum => values.last().copied(),
    }
}

/// An item under each of its names.
fn names(model: &Model<'_>, item: &ItemKey) -> BTreeSet<ItemKey> {
    let (links, _) = model.links();
    let same = links.iter().filter(|link| link.1 == *item && link.2 == LinkKind::IdentifiedAs);
    same.map(|link| link.0.clone()).chain([item.clone()]).collect()
}

fn totals(query: &Query, items: &[ItemKey]) -> Vec<Total> {
    let question = Question {
        token: ReadToken(1),
        items: items.to_vec(),
        stations: Vec::new(),
        ancestry: true,
        measured: all(),
        as_of: query.position(),
    };
    query.facts(&question).measured
}

fn in_force(query: &Query) {
    let catalog = Catalog { measured: all().into_iter().collect(), ..Catalog::default() };
    query.put_in_force(Arc::new(Plant {
        site: SiteId::parse("plant").unwrap(),
        devices: Vec::new(),
        tags: Vec::new(),
        stations: Vec::new(),
        catalog,
        files: Vec::new(),
        hash: Digest([7; 32]),
    }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_was_measured_comes_to_what_a_search_through_all_records_finds(
        records in any_measured_shift(),
        second in any::<prop::sample::Index>(),
    ) {
        let (query, _dir) = query(&records);
        let model = Model(&records);
        let items: Vec<ItemKey> = model.items().into_iter().collect();
        for main in &items {
            let beside = &items[second.index(items.len())];
            let asked = [main.clone(), beside.clone()];
            let found = totals(&query, &asked);
            for ((name, measured), total) in all().iter().zip(&found) {
                let (mut of, mut open) = (names(&model, main), false);
                for item in asked.iter().filter(|_| measured.ancestors) {
                    let (behind, loose) = made_of(&model, item);
                    of.extend(behind.into_iter().chain([item.clone()]));
                    open |= loose;
                }
                let (wanted, more) = search(&records, &of, measured);
                prop_assert_eq!(&total.attribute, name);
                prop_assert_eq!(total.value, comes_to(measured.rule, &wanted), "{} of {}", name, main);
                prop_assert_eq!(total.missing.is_some(), more || open, "{} of {}: {:?}", name, main, total);
                prop_assert_eq!(total.most.is_some(), !wanted.is_empty());
                if let Some(most) = &total.most {
                    prop_assert_eq!(wanted.get(&most.record), Some(&most.value));
                    prop_assert!(wanted.values().all(|other| !measured.rule.is_more(*other, most.value)));
                    prop_assert!(of.contains(&most.item));
                    let (alone, _) = search(&records, &BTreeSet::from([most.item.clone()]), measured);
                    prop_assert!(alone.contains_key(&most.record), "{:?}", most);
                }
            }
        }
    }

    #[test]
    fn what_is_shown_is_what_the_engine_is_told_and_stays_so_as_of_each_record(
        records in any_measured_shift(),
        cut in any::<prop::sample::Index>(),
    ) {
        prop_assume!(!records.is_empty());
        let (whole, _dir) = query(&records);
        in_force(&whole);
        let cut = cut.index(records.len()) + 1;
        let (then, _then) = query(&records[..cut]);
        in_force(&then);
        for item in Model(&records[..cut]).items() {
            let as_of = whole.item_as_of(&item, Position(cut as u64));
            let Some((now, as_of)) = then.item(&item).zip(as_of) else { continue };
            let (shown, as_of) = (now.body.inherited, as_of.body.inherited);
            prop_assert_eq!(format!("{:?}", shown), format!("{:?}", as_of), "{}", item);
            let told = totals(&then, std::slice::from_ref(&item));
            for view in &shown {
                let total = told.iter().find(|total| total.attribute == view.attribute).unwrap();
                prop_assert_eq!(view.total, total.value, "{}", item);
                let missing = total.missing.as_ref().map(ToString::to_string);
                prop_assert_eq!(&view.missing, &missing, "{}", item);
                let first = view.values.first().map(|value| value.record.unwrap());
                prop_assert_eq!(first, total.most.as_ref().map(|most| most.record), "{}", item);
                prop_assert_eq!(view.parts, Some(view.values.len()), "{}", item);
            }
        }
    }
}

/// `U1` is made of `L1`, which is made of `L0`, and both of `L0`: each with a dose.
fn diamond() -> Vec<TraceEvent> {
    let dosed = |item: &ItemKey, dose: f64| {
        let mut what = complete(item, Vec::new());
        doses(&mut what).unwrap().push(taken("dose", Value::Real(dose)));
        event(1, Some("OVEN"), what)
    };
    let into = |from: &str, into: &ItemKey| event(2, Some("MIX"), consume(&lot(from), into));
    let u1 = unit("U1");
    vec![
        dosed(&lot("L0"), 1.5),
        dosed(&lot("L1"), 20.25),
        dosed(&u1, 300.0),
        dosed(&u1, 0.1),
        into("L0", &lot("L1")),
        into("L0", &u1),
        into("L1", &u1),
    ]
}

fn dose(query: &Query, item: &ItemKey, ancestors: bool) -> Total {
    let name = text(&format!("sum_dose_{ancestors}"));
    totals(query, std::slice::from_ref(item)).into_iter().find(|t| t.attribute == name).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_sum_counts_each_value_once_in_whatever_order_records_come(
        events in Just(diamond()).prop_shuffle(),
    ) {
        let bodies = std::iter::once(plant(&NAMES)).chain(events.into_iter().map(Body::Trace));
        let (query, _dir) = query(&numbered(bodies.collect()));
        let (alone, whole) = (dose(&query, &unit("U1"), false), dose(&query, &unit("U1"), true));
        prop_assert_eq!((alone.value, &alone.missing), (Some(0.1 + 300.0), &None));
        prop_assert_eq!((whole.value, &whole.missing), (Some(0.1 + 1.5 + 20.25 + 300.0), &None));
    }
}

#[test]
fn what_was_taken_back_adds_nothing_and_what_is_told_anew_does() {
    let mut bodies: Vec<Body> =
        std::iter::once(plant(&NAMES)).chain(diamond().into_iter().map(Body::Trace)).collect();
    bodies.push(Body::Trace(event(9, None, correct(4))));
    let (query_, _dir) = query(&numbered(bodies.clone()));
    assert_eq!(dose(&query_, &unit("U1"), false).value, Some(0.1), "record 4 had 300");
    bodies.push(Body::Trace(event(9, None, correct(9))));
    let (query_, _dir) = query(&numbered(bodies));
    assert_eq!(dose(&query_, &unit("U1"), false).value, Some(300.1));
}

#[test]
fn what_is_no_good_or_was_not_kept_makes_it_at_least() {
    let good = |value| taken("dose", value);
    let bad = Measurement { quality: Quality::BAD_RANGE, ..good(Value::Real(2.0)) };
    for worse in
        [good(Value::Real(f64::INFINITY)), good(Value::Real(-0.5)), good(Value::Empty), bad]
    {
        let mut what = complete(&unit("U1"), Vec::new());
        doses(&mut what).unwrap().push(worse);
        let bodies = [
            vec![plant(&NAMES)],
            diamond().into_iter().map(Body::Trace).collect(),
            vec![Body::Trace(event(1, Some("OVEN"), what))],
        ];
        let (query, _dir) = query(&numbered(bodies.concat()));
        let total = dose(&query, &unit("U1"), true);
        assert_eq!(total.value, Some(0.1 + 1.5 + 20.25 + 300.0));
        assert_eq!(total.missing, Some(Shortfall::Unusable(unit("U1"), Position(9))));
    }
    // The plant comes after the first two: of L0 and L1 it is not known.
    let mut bodies: Vec<Body> = diamond().into_iter().map(Body::Trace).collect();
    bodies.insert(2, plant(&NAMES));
    let (query, _dir) = query(&numbered(bodies));
    let alone = dose(&query, &unit("U1"), false);
    assert_eq!((alone.value, alone.missing), (Some(300.1), None));
    let whole = dose(&query, &unit("U1"), true);
    assert_eq!(whole.value, Some(300.1));
    assert_eq!(whole.missing, Some(Shortfall::Before(lot("L0"), Position(1))));
    let told = whole.missing.unwrap().to_string();
    assert_eq!(told, "l/supplier/ACME/L0 was in work (record #1) when it was not kept yet");
}

/// A panel goes through the oven: each of its boards was in it, and none twice.
#[test]
fn what_is_measured_of_a_panel_is_measured_of_its_boards() {
    let mut what = complete(&unit("PANEL"), Vec::new());
    doses(&mut what).unwrap().push(taken("dose", Value::Real(7.0)));
    let made = event(1, Some("OVEN"), what);
    let made = TraceEvent { members: members(vec![unit("B1"), unit("B2")]), ..made };
    let (query, _dir) = query(&numbered(vec![plant(&NAMES), Body::Trace(made)]));
    for ancestors in [false, true] {
        let total = dose(&query, &unit("B1"), ancestors);
        assert_eq!((total.value, total.missing), (Some(7.0), None));
        assert_eq!(total.most.unwrap().item, unit("B1"));
    }
}

/// The bytes of a plant that keeps nothing are those of one from before there was anything to keep.
#[test]
fn a_plant_that_keeps_nothing_says_nothing_of_it() {
    let Body::Plant(none) = plant(&[]) else { panic!() };
    let Body::Plant(some) = plant(&NAMES) else { panic!() };
    assert!(wire::encode(&none).len() < wire::encode(&some).len());
    assert_eq!(wire::decode::<PlantLoaded>(&wire::encode(&some)).unwrap(), some);
    assert_eq!(wire::decode::<PlantLoaded>(&wire::encode(&none)).unwrap(), none);
}
