//! What retention lets go of, held against the answers: of what stays, all is told as before, or that something went.
use super::line::any_shift;
use super::model::Model;
use super::*;
use crate::genealogy::retention::{Judged, Keep, Tally};
use crate::model::Tombstone;
use proptest::prelude::*;

/// Kept by name as three numbers say; 0 is for good.
fn keep([otherwise, p, q]: [i64; 3]) -> Keep {
    let rule = |n: i64| (n > 0).then_some(n);
    let name = |name: &str, n| (crate::genealogy::builders::text(name), rule(n));
    Keep {
        otherwise: rule(otherwise),
        products: [name("P", p)].into(),
        materials: [name("Q", q)].into(),
    }
}

/// Each record is a step of its own.
fn tally(records: &[Record]) -> Tally {
    let mut tally = Tally::default();
    records.iter().for_each(|record| tally.see(std::slice::from_ref(record), false));
    tally
}

/// What may go at `now` by what is in use and on hold.
fn judge<'t>(
    tally: &'t Tally,
    keep: &Keep,
    now: i64,
    (in_use, on_hold): (&BTreeSet<ItemKey>, &BTreeSet<ItemKey>),
) -> Judged<'t> {
    tally.judge(keep, Utc(now), (in_use, on_hold), &BTreeSet::new())
}

/// Items that are on hold themselves.
fn on_hold(query: &Query, records: &[Record]) -> BTreeSet<ItemKey> {
    let mut all = Model(records).items();
    all.retain(|key| {
        let view = query.item(key).map(|answer| answer.body);
        view.is_some_and(|view| view.holds.iter().any(|hold| hold.item == *key))
    });
    all
}

/// What is left once what goes up to a record is gone, and behind it a tombstone for every so many records: retention goes
/// segment by segment, and may end after any of them.
fn thinned(
    records: &[Record],
    judged: &Judged<'_>,
    (segment, upto): (usize, usize),
) -> Vec<Record> {
    let mut left = records.to_vec();
    let mut stones = Vec::new();
    for some in left.chunks_mut(segment).take(upto) {
        let last = some.last().map_or(Position(0), |record| record.position);
        let first = some.first().map_or(Position(0), |record| record.position);
        let gone: Vec<&mut Record> =
            some.iter_mut().filter(|record| judged.drops(record.position)).collect();
        let times: Vec<(Utc, Utc)> =
            gone.iter().filter_map(|record| judged.times(record.position)).collect();
        let items: BTreeSet<&ItemKey> =
            gone.iter().flat_map(|record| judged.told_less(record.position, last)).collect();
        let text = crate::genealogy::builders::text;
        stones.push(Body::Tombstone(Tombstone {
            first,
            last,
            dropped: gone.len() as u64,
            earliest: times.iter().map(|(from, _)| *from).min(),
            latest: times.iter().map(|(_, to)| *to).max(),
            thinned: crate::model::Digest([0; 32]),
            rule: text("P = 1 year"),
            who: text("me"),
            items: items.into_iter().cloned().collect(),
        }));
        for record in gone {
            *record = Record::dropped(record.position);
        }
    }
    for (position, body) in (records.len() as u64 + 1..).map(Position).zip(stones) {
        left.push(Record { position, at: crate::model::At::default(), body, plant: None });
    }
    left
}

fn staying(judged: &Judged<'_>) -> BTreeSet<ItemKey> {
    let stays = |(key, why): (&ItemKey, Option<_>)| why.is_some().then(|| key.clone());
    judged.items().filter_map(stays).collect()
}

type Said = (Vec<String>, Vec<Incomplete>);

/// What an answer says but for the records up to which it is, its links in an order of their own: links of one time stand in
/// the order in which items came to be known, which is another once records are gone.
fn sorted<T: std::fmt::Debug>(said: impl IntoIterator<Item = T>) -> Vec<String> {
    let mut said: Vec<String> = said.into_iter().map(|one| format!("{one:?}")).collect();
    said.sort();
    said
}

fn why(completeness: &Completeness) -> &[Incomplete] {
    match completeness {
        Completeness::Complete => &[],
        Completeness::Incomplete(why) => why,
    }
}

fn item(query: &Query, key: &ItemKey) -> Said {
    let Answer { completeness, body: mut view, .. } = query.item(key).unwrap();
    let mut said = sorted(view.made_of.drain(..).chain(view.went_into.drain(..)));
    said.push(format!("{view:?}"));
    (said, why(&completeness).to_vec())
}

fn trace(query: &Query, key: &ItemKey, direction: Direction) -> Said {
    let answer = query.trace(key, direction, None).unwrap();
    let mut said = sorted(answer.body.nodes);
    said.extend(sorted(answer.body.links));
    (said, why(&answer.completeness).to_vec())
}

fn recall(query: &Query, key: &ItemKey) -> Said {
    let answer = query.recall(key).unwrap();
    (sorted([&answer.body]), why(&answer.completeness).to_vec())
}

/// Whether the second says what the first says, or that something went.
fn says_as_before(before: Said, after: Said) -> bool {
    let went = after.1.iter().any(|why| matches!(why, Incomplete::Retention { .. }));
    went || (before.0 == after.0 && sorted(before.1) == sorted(after.1))
}

/// What only one of the two says.
fn differs(before: &Said, after: &Said) -> String {
    let sets = [before, after].map(|(said, why)| {
        let said = said.iter().cloned().chain(sorted(why));
        said.collect::<BTreeSet<String>>()
    });
    let [before, after] = &sets;
    let (gone, new) = (before.difference(after), after.difference(before));
    format!("before {:#?}, after {:#?}", gone.collect::<Vec<_>>(), new.collect::<Vec<_>>())
}

/// Rings that do not go through an item are no matter of what it is.
fn own_rings(key: &ItemKey, (said, mut why): Said) -> Said {
    why.retain(|why| !matches!(why, Incomplete::Ring { items, .. } if !items.contains(key)));
    (said, why)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn of_an_item_that_stays_every_answer_is_the_one_before_or_says_that_something_went(
        records in any_shift(), rules in [0..30_i64, 0..30, 0..30], later in 0..60_i64,
        segments in (1..50_usize, 0..50_usize),
    ) {
        let tally = tally(&records);
        let (before, _dir) = query(&records);
        let held = on_hold(&before, &records);
        let judged = judge(&tally, &keep(rules), later, (&BTreeSet::new(), &held));
        let (after, _dir) = query(&thinned(&records, &judged, segments));
        for key in staying(&judged) {
            let told = [&before, &after].map(|query| own_rings(&key, item(query, &key)));
            let [told, now] = told;
            prop_assert!(says_as_before(told.clone(), now.clone()), "{key}: {}", differs(&told, &now));
            for way in [Direction::Backward, Direction::Forward] {
                let [told, now] = [&before, &after].map(|query| trace(query, &key, way));
                // What stays has all that it was made of, but what was in a container.
                let is_container = |said: &String| said.contains("class: Container");
                let whole = way == Direction::Forward || told.0.iter().any(is_container);
                prop_assert!(says_as_before(told.clone(), now.clone()), "{key}: {}", differs(&told, &now));
                prop_assert!(whole || told.0 == now.0, "{key}: {}", differs(&told, &now));
            }
            let [told, now] = [&before, &after].map(|query| recall(query, &key));
            prop_assert!(says_as_before(told.clone(), now.clone()), "{key}: {}", differs(&told, &now));
        }
        // Of what goes nothing is told as if it were all.
        let gone: BTreeSet<ItemKey> = judged.items().map(|(key, _)| key.clone()).collect();
        for key in gone.difference(&staying(&judged)) {
            let Some(now) = after.item(key) else { continue };
            let [told, now] = [before.item(key).unwrap(), now].map(|answer| {
                own_rings(key, (sorted([&answer.body]), why(&answer.completeness).to_vec()))
            });
            prop_assert!(says_as_before(told.clone(), now.clone()), "{key}: {}", differs(&told, &now));
        }
    }

    #[test]
    fn what_was_at_a_station_is_told_as_before_or_that_something_went(
        records in any_shift(), rules in [0..30_i64, 0..30, 0..30], later in 0..60_i64,
        station in prop::sample::select(super::line::STATIONS.to_vec()),
        from in -5..60_i64, long in 0..40_i64, segments in (1..50_usize, 0..50_usize),
    ) {
        let tally = tally(&records);
        let (before, _dir) = query(&records);
        let held = on_hold(&before, &records);
        let judged = judge(&tally, &keep(rules), later, (&BTreeSet::new(), &held));
        let (after, _dir) = query(&thinned(&records, &judged, segments));
        let interval = Interval { from: Utc(from), to: Some(Utc(from + long)) };
        let id = crate::model::StationId::parse(station).unwrap();
        let yields = |query: &Query| {
            let answer = query.yields(Some(&id), interval, Position(u64::MAX))?;
            Some((sorted([&answer.body]), why(&answer.completeness).to_vec()))
        };
        if let (Some(told), Some(now)) = (yields(&before), yields(&after)) {
            prop_assert!(says_as_before(told.clone(), now.clone()), "{}", differs(&told, &now));
        }
        let of = RecallOf::Station { id, interval, only: Vec::new() };
        let [told, now] = [&before, &after].map(|query| {
            query.recall_as_of(&of, Position(u64::MAX)).map(|answer| (sorted([&answer.body]), why(&answer.completeness).to_vec()))
        });
        // A station that nobody names any more is not known.
        if let (Some(told), Some(now)) = (told, now) {
            prop_assert!(says_as_before(told.clone(), now.clone()), "{}", differs(&told, &now));
        }
    }

    #[test]
    fn what_goes_goes_whole_and_what_is_in_use_stays(
        records in any_shift(), rules in [1..9_i64, 1..9, 1..9],
    ) {
        let tally = tally(&records);
        let all = Model(&records).items();
        let none = judge(&tally, &keep(rules), 1_000, (&BTreeSet::new(), &BTreeSet::new()));
        for record in &records {
            let Body::Trace(event) = &record.body else {
                prop_assert!(!none.drops(record.position), "{record:?}");
                continue;
            };
            // What nobody corrected goes, and everything else with it.
            let corrects = matches!(event.what, crate::model::What::Correct { .. });
            let single = !event.items().is_empty() && !records.iter().any(|r| is_paired(r, record));
            prop_assert!(corrects || !single || none.drops(record.position), "{record:?}");
        }
        let used = all.iter().take(1).cloned().collect();
        prop_assert!(staying(&judge(&tally, &keep(rules), 1_000, (&used, &BTreeSet::new()))).is_superset(&used));
        let kept = judge(&tally, &Keep::default(), i64::MAX, (&BTreeSet::new(), &BTreeSet::new()));
        prop_assert!(kept.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn of_what_a_hold_leads_to_nothing_goes(
        records in any_shift(), which in any::<prop::sample::Index>(), upto in 0..50_usize,
    ) {
        let all: Vec<ItemKey> = Model(&records).items().into_iter().collect();
        prop_assume!(!all.is_empty());
        let item = which.get(&all);
        let (tally, on_hold) = (tally(&records), [item.clone()].into());
        let held = (&BTreeSet::new(), &on_hold);
        let judged = judge(&tally, &keep([1, 1, 1]), 1_000, held);
        let (before, _dir) = query(&records);
        let (after, _dir) = query(&thinned(&records, &judged, (1, upto)));
        let [told, now] = [&before, &after].map(|query| {
            let recall = query.recall(item).unwrap().body;
            let suspect = recall.suspect.into_iter().map(|group| group.item);
            suspect.chain(recall.containers).collect::<BTreeSet<_>>()
        });
        prop_assert_eq!(now, told, "{}", item);
    }
}

/// Whether a record is a correction of the other.
fn is_paired(by: &Record, of: &Record) -> bool {
    let Body::Trace(event) = &by.body else { return false };
    matches!(event.what, crate::model::What::Correct { position, .. } if position == of.position)
}

/// What nothing names any more is not known, and whoever asks is told what may be the reason.
#[test]
fn what_went_whole_is_not_known_and_the_answer_says_how_much_was_dropped() {
    use crate::genealogy::builders::{arrive, event, unit};
    let bodies = ["U1", "U2"].map(|code| Body::Trace(event(1, Some("OP10"), arrive(&unit(code)))));
    let records = numbered(bodies.to_vec());
    let tally = tally(&records);
    let used = [unit("U2")].into();
    let judged = judge(&tally, &keep([1, 1, 1]), 1_000, (&used, &BTreeSet::new()));
    for segment in [1, 2] {
        let (query, _dir) = query(&thinned(&records, &judged, (segment, 2)));
        assert!(query.knows(&unit("U2")) && !query.knows(&unit("U1")));
        let told = query.resolve("u/site/U1", None);
        assert_eq!(told.found, Resolved::Unknown);
        assert_eq!(told.wrong, ["retention dropped 1 records, which may have named it"]);
    }
}
