//! Every question about every item of a random shift against the model.
use super::line::{STATIONS, any_shift};
use super::model::{Link, Model};
use super::*;
use crate::genealogy::builders::station;
use crate::genealogy::{Certainty, LinkKind};
use crate::model::MountKey;
use proptest::prelude::*;
use std::fmt::Debug;

type Names = BTreeSet<String>;

fn names<T: Debug>(all: impl IntoIterator<Item = T>) -> Names {
    all.into_iter().map(|one| format!("{one:?}")).collect()
}

fn reasons(completeness: &Completeness) -> Names {
    match completeness {
        Completeness::Complete => Names::new(),
        Completeness::Incomplete(why) => {
            assert!(!why.is_empty());
            assert_eq!(names(why).len(), why.len(), "each once");
            names(why)
        }
    }
}

/// Why an answer that reaches these items by these links should be incomplete.
fn expected(
    model: &Model<'_>,
    items: &BTreeSet<ItemKey>,
    links: &[Link],
    windows: bool,
    backward: bool,
) -> Names {
    let mut why = Vec::new();
    for item in items {
        for (_, station, interval, _) in model.stays(item) {
            why.extend(model.doubts(item, &station, interval));
        }
        for (station, interval) in model.windows(item) {
            if windows && item.class == ItemClass::Lot {
                why.extend(model.doubts(item, &station, interval));
            }
        }
    }
    let one_of = links.iter().filter(|link| link.3 == Certainty::OneOf);
    why.extend(one_of.map(|link| Incomplete::OneOf { item: link.1.clone() }));
    let loose = model.links().1.into_iter().filter(|(item, ..)| backward && items.contains(item));
    let aside =
        |MountKey { station, opened: position, .. }| Incomplete::Quarantine { station, position };
    why.extend(loose.map(|(_, mount)| aside(mount)));
    names(why)
}

/// The items that are part of each other by these links, and the records that say so.
fn rings(links: &[Link]) -> Vec<Incomplete> {
    let standing: BTreeSet<Link> = links.iter().filter(|link| !is_former(link)).cloned().collect();
    let leads = |from: &ItemKey, to: &ItemKey| {
        closure(&standing, &BTreeSet::from([from.clone()]), true, 99).0.contains_key(to)
    };
    let closing = standing.iter().filter(|link| leads(&link.1, &link.0));
    let ring = |link: &Link| {
        let all: BTreeSet<&ItemKey> = standing.iter().flat_map(|l| [&l.0, &l.1]).collect();
        let both = |item: &&ItemKey| leads(item, &link.0) && leads(&link.0, item);
        let items: BTreeSet<ItemKey> = all.into_iter().filter(both).cloned().collect();
        let within = standing.iter().filter(|l| items.contains(&l.0) && items.contains(&l.1));
        let records: BTreeSet<Position> = within.map(|l| l.4).collect();
        (items, records)
    };
    let rings: BTreeSet<_> = closing.map(ring).collect();
    let told = |(items, records): (BTreeSet<_>, BTreeSet<_>)| Incomplete::Ring {
        items: items.into_iter().collect(),
        records: records.into_iter().collect(),
    };
    rings.into_iter().map(told).collect()
}

fn is_former(link: &Link) -> bool {
    [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn].contains(&link.2)
}

/// Items by the least number of links to them, and the links walked.
fn closure(
    links: &BTreeSet<Link>,
    begins: &BTreeSet<ItemKey>,
    forward: bool,
    depth_max: u32,
) -> (BTreeMap<ItemKey, u32>, Vec<Link>) {
    let mut depths: BTreeMap<ItemKey, u32> = begins.iter().map(|k| (k.clone(), 0)).collect();
    let ends =
        |l: &Link| if forward { (l.0.clone(), l.1.clone()) } else { (l.1.clone(), l.0.clone()) };
    for depth in 0..depth_max {
        for link in links {
            let (from, to) = ends(link);
            if depths.get(&from) == Some(&depth) {
                depths.entry(to).or_insert(depth + 1);
            }
        }
    }
    let walked = |l: &&Link| depths.get(&ends(l).0).is_some_and(|depth| *depth < depth_max);
    let walked = links.iter().filter(walked).cloned().collect();
    (depths, walked)
}

fn check_item(query: &Query, model: &Model<'_>, key: &ItemKey) {
    let answer = query.item(key).unwrap();
    let view = answer.body;
    assert_eq!(view.state, model.state(key), "{key}");
    let holds = view.holds.iter().map(|hold| (hold.item.clone(), hold.position)).collect();
    assert_eq!(model.holds(key), holds, "{key}");
    let (links, _) = model.links();
    let links: Vec<Link> = links.into_iter().filter(|l| l.0 == *key || l.1 == *key).collect();
    let of = |views: &[LinkView]| {
        let shown = views.iter().map(|v| (&v.item, v.kind, v.certainty, v.position));
        names(shown)
    };
    let made_of = links.iter().filter(|l| l.1 == *key).map(|l| (&l.0, l.2, l.3, l.4));
    assert_eq!(of(&view.made_of), names(made_of), "{key} is made of");
    let went_into = links.iter().filter(|l| l.0 == *key).map(|l| (&l.1, l.2, l.3, l.4));
    assert_eq!(of(&view.went_into), names(went_into), "{key} went into");
    let fed = view.made_of.iter().filter(|v| v.kind == LinkKind::FedInto);
    let wanted = links.iter().filter(|l| l.1 == *key && l.2 == LinkKind::FedInto);
    assert_eq!(names(fed.map(|v| (&v.place, v.position))), names(wanted.map(|l| (&l.5, l.4))));

    let steps: BTreeSet<Position> = view.steps.iter().map(|step| step.position).collect();
    assert_eq!((&steps, view.steps.len()), (&model.steps(key), steps.len()), "{key}");
    assert!(view.steps.is_sorted_by_key(|step| (step.time, step.position)));
    for (position, station, interval, stayed) in model.stays(key) {
        let step = view.steps.iter().find(|step| step.position == position).unwrap();
        assert_eq!(step.stay, stayed.then_some(interval), "{key} {position}");
        let gap = |why: &Incomplete| matches!(why, Incomplete::Gap { .. });
        assert_eq!(step.complete, !model.doubts(key, &station, interval).iter().any(gap));
    }
    let only = BTreeSet::from([key.clone()]);
    let mut wanted = expected(model, &only, &links, true, true);
    let standing = model.links().0.into_iter().filter(|link| !is_former(link)).collect();
    wanted.extend(names(rings(&closure(&standing, &only, key.class != ItemClass::Lot, 99).1)));
    assert_eq!(reasons(&answer.completeness), wanted, "{key}");
}

fn check_trace(query: &Query, model: &Model<'_>, key: &ItemKey, forward: bool, max: Option<u32>) {
    let direction = if forward { Direction::Forward } else { Direction::Backward };
    let Answer { completeness, body: trace, .. } = query.trace(key, direction, max).unwrap();
    let (links, _) = model.links();
    let begin = BTreeSet::from([key.clone()]);
    let (depths, walked) = closure(&links, &begin, forward, max.unwrap_or(99));
    let nodes = trace.nodes.iter().map(|node| (&node.item, node.depth));
    assert_eq!(names(nodes), names(&depths), "{key} {direction:?}");
    assert_eq!(trace.nodes.len(), depths.len());
    assert!(trace.nodes.is_sorted_by_key(|node| node.depth) && trace.nodes[0].item == *key);
    for node in &trace.nodes {
        let steps: BTreeSet<Position> = node.steps.iter().map(|step| step.position).collect();
        assert_eq!(steps, model.steps(&node.item));
    }
    let shown = trace.links.iter().map(|l| (&l.part, &l.whole, l.kind, l.certainty, l.position));
    assert_eq!(names(shown), names(walked.iter().map(|l| (&l.0, &l.1, l.2, l.3, l.4))));
    let (all, _) = closure(&links, &begin, forward, 99);
    assert_eq!(trace.cut_at_depth, all.len() > depths.len());
    let items: BTreeSet<ItemKey> = depths.into_keys().collect();
    if max.is_some() {
        return;
    }
    let mut wanted = expected(model, &items, &walked, forward, !forward);
    wanted.extend(names(rings(&walked)));
    assert_eq!(reasons(&completeness), wanted, "{key} {direction:?}");
}

fn check_recall(query: &Query, model: &Model<'_>, lot: &ItemKey) {
    let Answer { completeness, body: recall, .. } = query.recall(lot).unwrap();
    let (links, _) = model.links();
    let links: BTreeSet<Link> = links.into_iter().filter(|l| !is_former(l)).collect();
    let begin = BTreeSet::from([lot.clone()]);
    let (depths, walked) = closure(&links, &begin, true, 99);
    let linked: BTreeSet<ItemKey> = depths.keys().cloned().collect();
    let of_class = |class| {
        let found = linked.iter().filter(move |k| k.class == class && *k != lot);
        found.cloned().collect::<BTreeSet<_>>()
    };
    let (units, lots) = (of_class(ItemClass::Unit), of_class(ItemClass::Lot));
    let suspects: BTreeSet<ItemKey> = recall.suspect.iter().map(|g| g.item.clone()).collect();
    assert_eq!(suspects, &units | &lots, "{lot}");
    assert_eq!(recall.suspect.len(), suspects.len());
    let first_lot = recall.suspect.iter().position(|g| g.item.class == ItemClass::Lot);
    assert_eq!(first_lot.unwrap_or(units.len()), units.len(), "units first");
    for group in &recall.suspect {
        let step = |l: &&Link| l.0 == group.via && l.1 == group.item;
        assert!(walked.iter().any(|l| step(&l)), "{group:?}");
        assert_eq!(depths[&group.via] + 1, depths[&group.item]);
        assert_eq!(group.state, model.state(&group.item));
    }
    assert_eq!(names(&recall.containers), names(of_class(ItemClass::Container)));
    let shipped = suspects.iter().chain([lot]).filter(|item| model.has_left(item));
    assert_eq!(names(recall.shipped.iter().map(|(item, _)| item)), names(shipped));

    let mut unknown = BTreeSet::new();
    for of in &linked {
        for (station, window) in model.windows(of) {
            for item in model.items() {
                let near = |(_, at, stay, _): &super::model::Stay| {
                    *at == station
                        && stay.overlaps(window)
                        && model.gaps().values().any(|gap| {
                            gap.stations.contains(at)
                                && gap.interval.overlaps(*stay)
                                && gap.interval.overlaps(window)
                        })
                };
                if item.class != ItemClass::Container
                    && !linked.contains(&item)
                    && model.stays(&item).iter().any(near)
                {
                    unknown.insert(item);
                }
            }
        }
    }
    let (unknown, _) = closure(&links, &unknown, true, 99);
    let unknown: BTreeSet<ItemKey> = unknown.into_keys().filter(|k| !linked.contains(k)).collect();
    assert_eq!(names(recall.unknown.iter().map(|(item, _)| item)), names(unknown), "{lot}");
    let mut wanted = expected(model, &linked, &walked, true, false);
    wanted.extend(names(rings(&walked)));
    assert_eq!(reasons(&completeness), wanted, "{lot}");
}

/// Whoever was at a station within a time, and what contains that.
fn check_stay_recall(query: &Query, model: &Model<'_>, (id, window): (&StationId, Interval)) {
    let of = RecallOf::Station { id: id.clone(), interval: window, only: Vec::new() };
    let Some(answer) = query.recall_as_of(&of, Position(u64::MAX)) else {
        assert!(model.items().iter().all(|k| model.stays(k).iter().all(|stay| stay.1 != *id)));
        return;
    };
    let recall = answer.body;
    let here = |(_, at, stay, _): &super::model::Stay| at == id && stay.overlaps(window);
    let was_here = |item: &ItemKey| model.stays(item).iter().any(here);
    let begins: BTreeSet<ItemKey> = model.items().into_iter().filter(was_here).collect();
    let (links, _) = model.links();
    let links: BTreeSet<Link> = links.into_iter().filter(|l| !is_former(l)).collect();
    let (depths, _) = closure(&links, &begins, true, 99);
    let found = recall.suspect.iter().map(|g| &g.item).chain(&recall.containers);
    assert_eq!(names(found), names(depths.keys()), "{id} {window:?}");
    for group in &recall.suspect {
        let from_here = group.via == group.item;
        assert_eq!(from_here, begins.contains(&group.item), "{group:?}");
        assert!(!from_here || group.station.as_ref() == Some(id));
    }
    // Of whoever was there while nobody looked, and of no one who is named already.
    assert!(recall.unknown.iter().all(|(item, _)| !depths.contains_key(item)));
    let gap = |gap: &crate::model::Gap| gap.stations.contains(id) && gap.interval.overlaps(window);
    let unseen = model.gaps().values().any(gap);
    assert!(!unseen || !answer.completeness.is_complete(), "{id} {window:?}");
}

/// Of those who were there, who was in nest 1: nobody is passed over, and nobody is cleared without a word.
fn check_worked(
    query: &Query,
    (model, records): (&Model<'_>, &[Record]),
    (id, window): (&StationId, Interval),
) {
    let of = |only| RecallOf::Station { id: id.clone(), interval: window, only };
    let ask = |only| query.recall_as_of(&of(only), Position(u64::MAX)).map(|answer| answer.body);
    let Some(all) = ask(Vec::new()) else { return };
    let recall = ask(Only::all("nest=1").unwrap()).unwrap();
    let nest = |position: Position| {
        let record = records.iter().find(|record| record.position == position).unwrap();
        let Body::Trace(event) = &record.body else { unreachable!() };
        event.nest.as_ref().map(|nest| nest.as_str().to_owned())
    };
    let nests = |item: &ItemKey, within: bool| -> BTreeSet<Option<String>> {
        let here =
            |(_, at, stay, _): &super::model::Stay| at == id && (!within || stay.overlaps(window));
        model.stays(item).into_iter().filter(here).map(|stay| nest(stay.0)).collect()
    };
    let one = Some("1".to_owned());
    let suspects: BTreeSet<&ItemKey> =
        recall.suspect.iter().map(|group| &group.item).chain(&recall.containers).collect();
    let unknown: BTreeSet<&ItemKey> = recall.unknown.iter().map(|(item, _)| item).collect();
    let cleared: BTreeSet<&ItemKey> = recall.cleared.iter().map(|cleared| &cleared.item).collect();
    for item in model.items() {
        let (within, ever) = (nests(&item, true), nests(&item, false));
        if within.is_empty() {
            assert!(!cleared.contains(&item), "{item} was not there");
            continue;
        }
        assert!(!within.contains(&one) || suspects.contains(&item), "{item} was in nest 1");
        let groups =
            [&suspects, &unknown, &cleared].map(|group| usize::from(group.contains(&item)));
        assert_eq!(groups.iter().sum::<usize>(), 1, "{item} is in one group: {groups:?}");
        if cleared.contains(&item) {
            assert!(within.iter().flatten().all(|nest| *nest == "2"), "{item}: {within:?}");
            // What was told may have been told after the time, of the same stay.
            assert!(ever.iter().any(Option::is_some), "{item} is cleared without a word");
        }
        let own = recall.suspect.iter().any(|group| group.item == item && group.via == item);
        assert!(!own || ever.contains(&one), "{item}: {ever:?}");
    }
    let before: BTreeSet<&ItemKey> =
        all.suspect.iter().map(|group| &group.item).chain(&all.containers).collect();
    assert!(suspects.is_subset(&before));
}

fn check_stations(query: &Query, model: &Model<'_>, records: &[Record]) {
    for name in STATIONS {
        let id = station(name);
        let done = |record: &&Record| match &record.body {
            Body::Trace(e) => {
                e.station.as_ref() == Some(&id)
                    && matches!(e.what, crate::model::What::Complete { .. })
            }
            _ => false,
        };
        let set_aside = |record: &&Record| match &record.body {
            Body::Quarantine(q) => q.station == id,
            _ => false,
        };
        let count = |which: &dyn Fn(&&Record) -> bool| {
            records.iter().filter(which).filter(|r| model.counts(r.position)).count() as u64
        };
        let view = query.station(&id);
        let counted = view.as_ref().map_or((0, 0), |v| (v.completed, v.quarantined));
        assert_eq!(counted, (count(&done), count(&set_aside)), "{name}");
        let open =
            model.gaps().values().any(|g| g.stations.contains(&id) && g.interval.to.is_none());
        assert_eq!(view.is_some_and(|v| v.gap_open), open, "{name}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_answer_about_a_random_shift_is_that_of_a_search_through_all_records(
        records in any_shift(), from in 0..100_i64,
    ) {
        let (query, _dir) = query(&records);
        let model = Model(&records);
        for key in model.items() {
            check_item(&query, &model, &key);
            for forward in [true, false] {
                check_trace(&query, &model, &key, forward, None);
                check_trace(&query, &model, &key, forward, Some(1));
            }
            check_recall(&query, &model, &key);
        }
        check_stations(&query, &model, &records);
        for (name, length) in STATIONS.into_iter().zip([5, 20, 60, 1_000].into_iter().cycle()) {
            let window = Interval { from: Utc(from), to: Some(Utc(from + length)) };
            check_stay_recall(&query, &model, (&station(name), window));
            check_worked(&query, (&model, &records), (&station(name), window));
        }
        let views = query.events(Position(0), 1000);
        prop_assert_eq!(views.len(), records.len());
        prop_assert!(views.iter().all(|view| !view.text.is_empty() && !view.kind.is_empty()));
    }

    #[test]
    fn an_answer_as_of_a_record_is_the_one_that_was_given_when_it_was_the_last(
        records in any_shift(), cut in 0..100usize,
    ) {
        let (now, _dir) = query(&records);
        let known = &records[..records.len() * cut / 100];
        let as_of = Position(known.len() as u64);
        let (then, _dir) = query(known);
        for key in Model(&records).items() {
            // When it was first and last only named in passing is not kept by record.
            let unseen = |view: Answer<ItemView>| {
                let body = ItemView { first_seen: Utc(0), last_seen: Utc(0), ..view.body };
                Answer { body, ..view }
            };
            prop_assert_eq!(now.item_as_of(&key, as_of).map(unseen), then.item(&key).map(unseen));
            for way in [Direction::Forward, Direction::Backward] {
                prop_assert_eq!(now.trace_as_of(&key, way, None, as_of), then.trace(&key, way, None));
            }
            let of = RecallOf::Lot(key.clone());
            prop_assert_eq!(now.recall_as_of(&of, as_of), then.recall(&key));
        }
    }
}
