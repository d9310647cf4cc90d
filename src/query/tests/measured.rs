//! What was measured, told and counted, of an item and of what it was made of, against a search through all records.
use super::answers::gap;
use super::line::{STATIONS, any_shift};
use super::model::Model;
use super::past::made_of;
use super::*;
use crate::genealogy::LinkKind;
use crate::genealogy::builders::{
    complete, consume, correct, event, lot, members, station, unit, used,
};
use crate::model::plant::{Catalog, Measured, MeasuredRule, Plant, Source};
use crate::model::{
    Amount, Context, Count, Digest, Epoch, HandshakeId, HandshakeKey, HandshakeMark,
    HandshakeNumber, ItemKey, KeptWord, Measurement, MountPointId, MountUse, Narrowed, Permit,
    PlantLoaded, Quality, Question, ReadToken, Reading, Remark, Shortfall, StationId, TagName,
    Text, Total, Ucum, Untold, Value, What, wire,
};
use proptest::prelude::*;

const RULES: [MeasuredRule; 3] = [MeasuredRule::Sum, MeasuredRule::Minimum, MeasuredRule::Maximum];
const NAMES: [&str; 2] = ["dose", "purity"];
/// Of a further word; one measurement has the same.
const WORD: &str = "dose";
/// The tag that tells it at one of the stations.
const TAG: &str = "T1";
const FEEDER: &str = "F1";

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn ucum(code: &str) -> Ucum {
    Ucum::parse(code).unwrap()
}

fn sources() -> [Source; 4] {
    let [dose, purity] = NAMES.map(|name| Source::Measurement(tag(name)));
    [dose, purity, Source::Context(tag(WORD)), Source::Count(feeder(), Some(ucum("g")))]
}

/// Every rule over every source, of the item alone and with what it was made of.
fn all() -> Vec<(Text, Measured)> {
    let of = |rule: MeasuredRule, source: Source, ancestors: bool| {
        let name = match &source {
            Source::Measurement(name) => name.to_string(),
            Source::Context(_) => "word".to_owned(),
            Source::Count(..) => "count".to_owned(),
        };
        let attribute = text(&format!("{}_{name}_{ancestors}", rule.as_str()));
        (attribute, Measured { rule, source, ancestors })
    };
    let of_rule = |rule| {
        let deep = move |source: Source| [(rule, source.clone(), false), (rule, source, true)];
        sources().into_iter().flat_map(deep)
    };
    RULES.into_iter().flat_map(of_rule).map(|(rule, source, deep)| of(rule, source, deep)).collect()
}

fn plant(measured: &[&str]) -> Body {
    Body::Plant(PlantLoaded {
        hash: Digest([7; 32]),
        files: Vec::new(),
        stations: Vec::new(),
        monitors: Vec::new(),
        measured: measured.iter().map(|name| tag(name)).collect(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    })
}

/// The stations whose feeder has counters.
const COUNTED: [&str; 3] = [STATIONS[0], STATIONS[1], "MIX"];

/// One that keeps the further word and what is not known of feeders too, or only that.
fn plant_with_word(measured: &[&str]) -> Body {
    let Body::Plant(loaded) = plant(measured) else { panic!() };
    let done = HandshakeId::parse("done").unwrap();
    let tags = vec![(station(STATIONS[0]), done, tag(TAG))];
    let counted = COUNTED.map(|at| (station(at), feeder())).to_vec();
    Body::Plant(PlantLoaded {
        context: vec![KeptWord { name: tag(WORD), tags }],
        counted,
        ..loaded
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
                Body::Gap(_) | Body::Quarantine(_) if by % 5 > 1 => {
                    record.body = plant_with_word(kept(by));
                }
                Body::Gap(_) | Body::Quarantine(_) => record.body = plant(kept(by)),
                _ if early => record.body = plant_with_word(&NAMES),
                Body::Trace(event) => {
                    say(event, by);
                    let Some(measured) = doses(&mut event.what) else { continue };
                    measured.extend(measurements(by));
                }
                _ => {}
            }
        }
        records
    })
}

/// The further word is there, is no number, or could not be read; feeders say how much they gave, or do not.
fn say(event: &mut TraceEvent, by: u8) {
    let value = match by % 7 {
        0..=3 => Some(Value::Real(f64::from(by) / 8.0)),
        4 if by > 200 => Some(Value::text("much")),
        5 if by > 200 => Some(Value::Int(-2)),
        _ => None,
    };
    let bad = by % 7 == 6 && by > 100;
    event.context.extend(value.map(|value| Context { name: tag(WORD), value }));
    event.remarks.extend(bad.then(|| Remark { tag: tag(TAG), quality: Quality::BAD_RANGE }));
    if let What::Complete { mounts, .. } = &mut event.what {
        let unit = [Some("g"), Some("g"), Some("kg"), None][usize::from(by % 4)].map(ucum);
        for (n, used) in (0..).zip(mounts.iter_mut()) {
            let told = (by / 3 + n) % 6;
            let amount = Amount { value: f64::from(by / 4) + 0.25, unit: unit.clone() };
            used.amount = (told > 1).then_some(amount);
            used.untold = (told == 1).then_some(Untold::Gap);
        }
        let used = mounts.iter().find(|used| used.mount.point == feeder());
        let mount = used.map(|used| used.mount.opened).or((by % 5 == 0).then_some(Position(1)));
        let taken = Reading { value: u64::from(by / 100), bits: 32 };
        let count = Count { point: feeder(), mount, taken, wasted: None, per_lot: by % 3 == 0 };
        event.counts.extend((by % 7 > 0).then_some(count));
    }
    beside(event);
}

/// What the event is about consists of others, or they are in it.
fn beside(event: &mut TraceEvent) {
    let of = match &event.what {
        What::Pack { items, .. } => items.clone(),
        What::Merge { from, .. } => from.iter().map(|part| part.lot.clone()).collect(),
        What::Split { into, .. } => into.clone(),
        _ => return,
    };
    event.members = members(of);
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

/// Whether a plant in force at a record keeps a measurement or a word; what feeders gave is there anyway.
fn keeps(records: &[Record], at: Position, source: &Source) -> bool {
    let before = records.iter().take_while(|record| record.position < at);
    let plants = before.filter_map(|record| match &record.body {
        Body::Plant(plant) => Some(plant),
        _ => None,
    });
    let last = plants.last();
    match source {
        Source::Measurement(name) => last.is_some_and(|plant| plant.measured.contains(name)),
        Source::Context(name) => {
            last.is_some_and(|plant| plant.context.iter().any(|kept| kept.name == *name))
        }
        Source::Count(..) => last.is_some_and(|plant| !plant.counted.is_empty()),
    }
}

/// Whether a further word may have been told of an item by an event that names it.
fn may_say(event: &TraceEvent, item: &ItemKey) -> bool {
    match &event.what {
        What::Arrive { item: of }
        | What::Receive { item: of, .. }
        | What::Rework { item: of, .. }
        | What::Scrap { item: of, .. } => of == item || is_member(event, item),
        _ => may_tell(event, item),
    }
}

/// Whether an item is one of several that the event's own consists of; what is packed or blended is named otherwise.
fn is_member(event: &TraceEvent, item: &ItemKey) -> bool {
    !matches!(event.what, What::Pack { .. } | What::Merge { .. })
        && event.members.iter().any(|member| member.item == *item)
}

/// Whether a feeder may have given something for an item by an event that names it.
fn may_take(event: &TraceEvent, item: &ItemKey) -> bool {
    matches!(&event.what, What::Complete { item: of, .. } | What::Produce { item: of, .. } if of == item)
}

/// Whether something may have been measured of an item by an event that names it.
fn may_tell(event: &TraceEvent, item: &ItemKey) -> bool {
    let main = match &event.what {
        What::Complete { item: of, .. }
        | What::Produce { item: of, .. }
        | What::Inspect { item: of, .. }
        | What::Move { item: of, .. }
        | What::Open { item: of }
        | What::Close { item: of }
        | What::Dry { item: of }
        | What::Consume { into: of, .. }
        | What::Install { parent: of, .. }
        | What::Remove { parent: of, .. }
        | What::Merge { into: of, .. }
        | What::Scrap { item: of, amount: Some(_), .. } => of == item,
        What::Split { from, into } => from == item || into.contains(item),
        _ => false,
    };
    main || is_member(event, item)
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
        let kept = keeps(records, position, &measured.source);
        for item in items.iter().filter(|item| item.class != ItemClass::Container) {
            let may_tell = match &measured.source {
                Source::Measurement(_) => may_tell,
                Source::Context(_) => may_say,
                Source::Count(..) => may_take,
            };
            more |= !kept && may_tell(event, item);
            let beside = event.members.iter().any(|member| member.item == *item);
            let is_of = event.what.items().first() == Some(&item) || beside;
            let taken = match &measured.source {
                Source::Measurement(name) if is_of && kept => measured_by(event, name),
                Source::Context(_) if kept && may_say(event, item) => said_by(event),
                Source::Count(..) if may_take(event, item) => given_by(records, position, event),
                Source::Measurement(_) | Source::Context(_) | Source::Count(..) => Vec::new(),
            };
            for value in taken {
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

fn measured_by(event: &TraceEvent, name: &TagName) -> Vec<Option<f64>> {
    let mut what = event.what.clone();
    let all = doses(&mut what).cloned().unwrap_or_default();
    let taken = all.iter().filter(|taken| taken.name == *name).map(|taken| {
        let good = taken.quality == Quality::GOOD;
        taken.value.number().filter(|value| good && value.is_finite())
    });
    taken.collect()
}

fn said_by(event: &TraceEvent) -> Vec<Option<f64>> {
    let here = event.station == Some(station(STATIONS[0]));
    match event.context.first().filter(|_| here) {
        Some(said) => vec![said.value.number()],
        None if here && !event.remarks.is_empty() => vec![None],
        None => Vec::new(),
    }
}

fn given_by(records: &[Record], at: Position, event: &TraceEvent) -> Vec<Option<f64>> {
    let What::Complete { mounts, .. } = &event.what else { return Vec::new() };
    let of = mounts.iter().filter(|used| used.mount.point.as_str() == FEEDER);
    let grams = |amount: &Amount| match amount.unit.as_ref()?.as_str() {
        "g" => Some(amount.value),
        "kg" => Some(amount.value * 1000.0),
        _ => None,
    };
    let of: Vec<Option<f64>> = of.map(|used| used.amount.as_ref().and_then(grams)).collect();
    if !of.is_empty() {
        return vec![of.into_iter().sum()];
    }
    if gave_nothing(records, at, event) { Vec::new() } else { vec![None] }
}

/// Whether a feeder without a known lot is known to have given nothing: it has no counters, a lot was in it that gave nothing,
/// or they stood still since the item before.
fn gave_nothing(records: &[Record], at: Position, event: &TraceEvent) -> bool {
    let here =
        |of: &TraceEvent| of.station == event.station && matches!(of.what, What::Complete { .. });
    let source = Source::Count(feeder(), None);
    let counted = event.station.as_ref().is_some_and(is_counted);
    if !counted || !keeps(records, at, &source) {
        return true;
    }
    let Some(now) = event.counts.first() else { return false };
    let kept = records.iter().filter(|record| keeps(records, record.position, &source));
    let before =
        kept.take_while(|record| record.position < at).filter_map(|record| match &record.body {
            Body::Trace(of) if here(of) => Some((record.position, of.counts.first()?)),
            _ => None,
        });
    let still = before.last().is_some_and(|(position, before)| {
        let own = !now.per_lot || (before.mount.is_none() && now.taken.value == 0);
        let after = event.stay.and_then(|stay| stay.arrived).is_none_or(|at| at > position);
        let seen = |record: &Record| match &record.body {
            Body::Gap(gap) => event.station.iter().all(|at| !gap.stations.contains(at)),
            Body::Epoch(epoch) => {
                let mut anew = epoch.handshakes.iter();
                anew.all(|(at, ..)| event.station.as_ref() != Some(at))
            }
            _ => keeps(records, record.position, &source),
        };
        let mut between =
            records.iter().filter(|record| position < record.position && record.position < at);
        let unbroken = between.all(seen);
        own && after && unbroken && event.nest.is_none() && before.taken == now.taken
    });
    now.mount.is_some() || still
}

fn is_counted(at: &StationId) -> bool {
    COUNTED.contains(&at.as_str())
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
    let Body::Plant(some) = plant_with_word(&NAMES) else { panic!() };
    assert!(wire::encode(&none).len() < wire::encode(&some).len());
    assert_eq!(wire::decode::<PlantLoaded>(&wire::encode(&some)).unwrap(), some);
    assert_eq!(wire::decode::<PlantLoaded>(&wire::encode(&none)).unwrap(), none);
}

/// The further word of the item, and what a feeder gave for it, alone.
fn told(query: &Query, item: &ItemKey, of: &str) -> (Option<f64>, Option<Shortfall>) {
    let name = text(&format!("sum_{of}_false"));
    let all = totals(query, std::slice::from_ref(item));
    let total = all.into_iter().find(|total| total.attribute == name).unwrap();
    (total.value, total.missing)
}

/// It is told with whatever is done to an item, and not with what is said of it or was only asked for.
#[test]
fn a_word_counts_with_what_is_done_to_an_item_and_is_missed_where_it_could_not_be_read() {
    let u1 = unit("U1");
    let said = |what: What, value: f64| {
        let value = Value::Real(value);
        let context = vec![Context { name: tag(WORD), value }];
        Body::Trace(TraceEvent { context, ..event(1, Some(STATIONS[0]), what) })
    };
    let mut bodies = vec![
        plant_with_word(&[]),
        said(What::Arrive { item: u1.clone() }, 1.5),
        said(What::Note { item: Some(u1.clone()), text: text("look") }, 4.0),
        said(What::Rework { item: u1.clone(), reason: None }, 2.0),
    ];
    let (query_, _dir) = query(&numbered(bodies.clone()));
    assert_eq!(told(&query_, &u1, "word"), (Some(3.5), None));
    assert_eq!(told(&query_, &u1, "dose").0, Some(0.0), "a measurement of that name is another");
    let remarks = vec![Remark { tag: tag(TAG), quality: Quality::BAD_RANGE }];
    for (at, missing) in [(1, None), (0, Some(Shortfall::Unusable(u1.clone(), Position(6))))] {
        let done = event(2, Some(STATIONS[at]), complete(&u1, Vec::new()));
        bodies.push(Body::Trace(TraceEvent { remarks: remarks.clone(), ..done }));
        let (query, _dir) = query(&numbered(bodies.clone()));
        assert_eq!(told(&query, &u1, "word"), (Some(3.5), missing));
    }
}

#[test]
fn what_a_feeder_gave_is_as_its_counters_say_by_now() {
    let (u1, l1, l2) = (unit("U1"), lot("L1"), lot("L2"));
    let mount = |of: &ItemKey| {
        Body::Trace(event(1, Some("MIX"), What::Mount { point: feeder(), lot: of.clone() }))
    };
    let one_of = |mount, of| MountUse {
        one_of: true,
        untold: Some(Untold::Changed),
        ..used("MIX", FEEDER, mount, of)
    };
    let made = complete(&u1, vec![one_of(2, &l1), one_of(3, &l2)]);
    let plant = plant_with_word(&[]);
    let bodies = vec![plant, mount(&l1), mount(&l2), Body::Trace(event(3, Some("MIX"), made))];
    let (before, _dir) = query(&numbered(bodies.clone()));
    let nothing = (Some(0.0), Some(Shortfall::Unusable(u1.clone(), Position(4))));
    assert_eq!(told(&before, &u1, "count"), nothing);
    for (unit, value, missing) in [
        (Some("g"), 2.5, false),
        (Some("kg"), 2500.0, false),
        (None, 0.0, true),
        (Some("m"), 0.0, true),
    ] {
        let mut bodies = bodies.clone();
        let amount = Some(Amount { value: 2.5, unit: unit.map(ucum) });
        let left = MountUse { amount, ..used("MIX", FEEDER, 3, &l2) };
        let narrowed = vec![Narrowed { record: Position(4), point: feeder(), mounts: vec![left] }];
        let what = What::Note { item: Some(l2.clone()), text: text("counted") };
        bodies.push(Body::Trace(TraceEvent { narrowed, ..event(4, Some("MIX"), what) }));
        let (after, _dir) = query(&numbered(bodies.clone()));
        let (found, why) = told(&after, &u1, "count");
        assert_eq!((found, why.is_some()), (Some(value), missing), "{unit:?}");
        bodies.push(Body::Trace(event(5, None, correct(5))));
        let (again, _dir) = query(&numbered(bodies));
        assert_eq!(told(&again, &u1, "count"), nothing);
    }
}

/// The feeder's scanner reads nothing, and its counter goes on: nobody knows of which lot it was, but that it was something.
#[test]
fn what_a_feeder_gave_while_no_lot_was_known_makes_it_at_least() {
    let units = ["U1", "U2", "U3", "U4", "U5"].map(unit);
    let missing = |per_lot: bool, readings: [Option<u64>; 5], between: &[Body]| {
        let made = |item: &ItemKey, taken: Option<u64>| {
            let count = |value| {
                let taken = Reading { value, bits: 32 };
                Count { point: feeder(), mount: None, taken, wasted: None, per_lot }
            };
            let counts = taken.map(count).into_iter().collect();
            Body::Trace(TraceEvent { counts, ..event(1, Some("MIX"), complete(item, Vec::new())) })
        };
        let mut bodies = vec![plant_with_word(&[])];
        for (item, taken) in units.iter().zip(readings) {
            bodies.push(made(item, taken));
            bodies.extend_from_slice(between);
        }
        let (query, _dir) = query(&numbered(bodies));
        units.each_ref().map(|item| told(&query, item, "count").1.is_some())
    };
    let readings = [Some(5), Some(5), Some(10), None, Some(10)];
    let still = [true, false, true, true, false];
    assert_eq!(missing(false, readings, &[]), still, "stood still, or nobody knows");
    assert_eq!(missing(false, readings, &[gap(&["OP10"], 1, Some(1))]), still, "elsewhere");
    let lost = gap(&["MIX"], 1, Some(1));
    assert_eq!(missing(false, readings, &[lost]), [true; 5], "they may have begun anew");
    let anew = [plant(&[]), plant_with_word(&[])];
    assert_eq!(missing(false, readings, &anew), [true; 5], "nobody looked meanwhile");
    let readings = [Some(5), Some(5), Some(0), Some(0), None];
    let of_lots = [true, true, true, false, true];
    assert_eq!(missing(true, readings, &[]), of_lots, "another cartridge may have given as much");
}

/// What another handshake of the station says under the name, or could not read of the tag, is not the word.
#[test]
fn a_word_is_what_its_handshake_says_and_no_other() {
    let u1 = unit("U1");
    let by = |handshake: &str, value: Option<f64>| {
        let key = HandshakeKey {
            station: station(STATIONS[0]),
            handshake: HandshakeId::parse(handshake).unwrap(),
            epoch: Epoch(1),
            number: HandshakeNumber(1),
        };
        let mark = HandshakeMark {
            key,
            digest: Digest([7; 32]),
            permit: Permit::Ok,
            reason: None,
            grounds: None,
            result: None,
            partial: None,
            recipe: None,
        };
        let context = value.map(|value| Context { name: tag(WORD), value: Value::Real(value) });
        let unread = Remark { tag: tag(TAG), quality: Quality::BAD_RANGE };
        Body::Trace(TraceEvent {
            handshake: Some(mark),
            context: context.into_iter().collect(),
            remarks: if value.is_none() { vec![unread] } else { Vec::new() },
            ..event(1, Some(STATIONS[0]), complete(&u1, Vec::new()))
        })
    };
    let others =
        [plant_with_word(&[]), by("done", Some(2.0)), by("look", Some(9.0)), by("look", None)];
    let mut bodies = others.to_vec();
    let (query_, _dir) = query(&numbered(bodies.clone()));
    assert_eq!(told(&query_, &u1, "word"), (Some(2.0), None));
    bodies.push(by("done", None));
    let (query, _dir) = query(&numbered(bodies));
    assert_eq!(told(&query, &u1, "word").1, Some(Shortfall::Unusable(u1, Position(5))));
}

/// What is packed or blended is not what the word is said of, and is not missed there either.
#[test]
fn a_word_is_said_of_a_panel_and_each_of_its_boards_and_of_a_blend_alone() {
    let (u1, l1, l2) = (unit("U1"), lot("L1"), lot("L2"));
    let said = |what: What, of: Vec<ItemKey>| {
        let context = vec![Context { name: tag(WORD), value: Value::Real(2.0) }];
        let told =
            TraceEvent { context, members: members(of), ..event(1, Some(STATIONS[0]), what) };
        Body::Trace(told)
    };
    let from = vec![crate::model::Consumption { lot: l1.clone(), amount: None }];
    let merged = said(What::Merge { from, into: l2.clone() }, vec![l1.clone()]);
    let container = ItemKey { class: ItemClass::Container, ..u1.clone() };
    let packed = said(What::Pack { items: vec![u1.clone()], container }, vec![u1.clone()]);
    let panel = said(What::Arrive { item: unit("PANEL") }, vec![unit("B1")]);
    let events = [merged, packed, panel];
    let kept = [vec![plant_with_word(&[])], events.to_vec()].concat();
    let (query_, _dir) = query(&numbered(kept));
    let (panel, board) = (unit("PANEL"), unit("B1"));
    for (item, value) in [(&l1, 0.0), (&l2, 2.0), (&u1, 0.0), (&panel, 2.0), (&board, 2.0)] {
        assert_eq!(told(&query_, item, "word"), (Some(value), None), "{item}");
    }
    let late = [events.to_vec(), vec![plant_with_word(&[])]].concat();
    let (query, _dir) = query(&numbered(late));
    for (item, missing) in [(&l1, false), (&l2, true), (&u1, false), (&panel, true), (&board, true)]
    {
        assert_eq!(told(&query, item, "word").1.is_some(), missing, "{item}");
    }
}

fn feeder() -> MountPointId {
    MountPointId::parse(FEEDER).unwrap()
}
