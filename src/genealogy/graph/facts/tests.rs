//! Facts packed at any sizes against a list of them, and what they cost.
use super::*;
use crate::genealogy::link::{Certainty, LinkKind};
use crate::model::Utc;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Numbers near each other and at the ends of their range, so that every width comes up.
fn any_number() -> impl Strategy<Value = u32> {
    prop_oneof![4 => 0..6u32, 1 => 40..140u32]
}

fn any_time() -> impl Strategy<Value = i64> {
    prop_oneof![0..5i64, (0..5i64).prop_map(|n| n * 1_000_000), Just(i64::MIN), Just(i64::MAX)]
}

/// A fact; those of one record have the time that the list of times gives it.
fn any_fact() -> impl Strategy<Value = Fact> {
    let source = prop_oneof![8 => 0..12u64, 1 => Just(u64::MAX)];
    let kind = prop::sample::select(vec![
        LinkKind::ConsumedInto,
        LinkKind::InstalledIn,
        LinkKind::FedInto,
        LinkKind::IdentifiedAs,
    ]);
    let certainty =
        prop::sample::select(vec![Certainty::Certain, Certainty::OneOf, Certainty::Proportional]);
    (source, any_number(), any_number(), kind, certainty).prop_map(
        |(source, part, whole, kind, certainty)| Fact {
            source: Position(source),
            part: NodeId(part),
            whole: NodeId(whole),
            time: Utc(0),
            kind,
            certainty,
        },
    )
}

fn links(facts: &[Fact], node: NodeId, direction: Direction) -> Vec<Link> {
    let at = facts.iter().filter_map(|fact| {
        let (here, there) = match direction {
            Direction::Forward => (fact.part, fact.whole),
            Direction::Backward => (fact.whole, fact.part),
        };
        let Run { kind, certainty, added, removed } = Run::of(fact);
        let link = Link { source: fact.source, node: there, added, removed, kind, certainty };
        (here == node).then_some(link)
    });
    at.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn packed_facts_are_those_that_were_told(
        told in prop::collection::vec(any_fact(), 0..60), times in prop::collection::vec(any_time(), 13),
        sizes in (0..6u32, 0..12u8, 1..4usize), sorted in any::<bool>(),
    ) {
        let time = |fact: &Fact| Utc(times[fact.source.0.min(12) as usize]);
        let mut told: Vec<Fact> =
            told.into_iter().map(|fact| Fact { time: time(&fact), ..fact }).collect();
        if sorted {
            told.sort_by_key(Fact::key);
        }
        let mut facts = Facts::packed_at(sizes.0, sizes.1, sizes.2);
        let mut wanted: Vec<Fact> = Vec::new();
        for fact in &told {
            let is_new = wanted.iter().all(|known| known.key() != fact.key());
            prop_assert_eq!(facts.insert(fact), is_new);
            if is_new {
                wanted.push(*fact);
                wanted.sort_by_key(Fact::key);
            }
        }
        prop_assert_eq!(facts.len(), wanted.len());
        prop_assert_eq!(facts.all().collect::<Vec<_>>(), wanted.clone());
        for node in (0..150).map(NodeId) {
            for direction in [Direction::Forward, Direction::Backward] {
                let found: Vec<Link> = facts.links(node, direction).collect();
                prop_assert_eq!(found, links(&wanted, node, direction), "{:?} {:?}", node, direction);
            }
        }
        for fact in &wanted {
            let of = |other: &&Fact| other.source == fact.source;
            let those: Vec<Fact> = wanted.iter().filter(of).copied().collect();
            prop_assert_eq!(facts.of(fact.source), those);
            prop_assert!(facts.between(fact.part, fact.whole).any(|found| found == *fact));
        }
        // One that stands otherwise does so alone, packed or not.
        for fact in &wanted {
            facts.draw(fact, Vec::new());
            let at = |facts: &Facts| facts.links(fact.part, Direction::Forward).count();
            prop_assert_eq!(at(&facts), links(&wanted, fact.part, Direction::Forward).len() - 1);
            let until = Run { removed: Position(9_999), ..Run::of(fact) };
            facts.draw(fact, vec![until, Run::of(fact)]);
            prop_assert_eq!(at(&facts), links(&wanted, fact.part, Direction::Forward).len() + 1);
            facts.draw(fact, vec![Run::of(fact)]);
            prop_assert_eq!(at(&facts), links(&wanted, fact.part, Direction::Forward).len());
        }
    }
}

/// The numbers of a plant: lots that stay mounted for a while, six of them in each unit, units in each other and in boxes.
fn plant(units: u32) -> Facts {
    let (mut facts, mut source) = (Facts::default(), 0);
    let mut tell = |record: &[(u32, u32, LinkKind)]| {
        source += 7;
        let fact = |(part, whole, kind): &(u32, u32, LinkKind)| Fact {
            source: Position(source),
            part: NodeId(*part),
            whole: NodeId(*whole),
            // Clocks of PLCs count in milliseconds.
            time: Utc(i64::try_from(source).unwrap() * 613_000_000),
            kind: *kind,
            certainty: Certainty::Certain,
        };
        let mut record: Vec<Fact> = record.iter().map(fact).collect();
        record.sort_by_key(Fact::key);
        for fact in &record {
            assert!(facts.insert(fact));
        }
    };
    let (mut node, mut container) = (0, 0);
    let mut mounts = [0; 6];
    for unit in 0..units {
        for (slot, mount) in (0..).zip(&mut mounts) {
            if unit == 0 || (unit + slot * 37) % 250 == 0 {
                node += 2;
                *mount = node;
                tell(&[(node - 1, node, LinkKind::MountedAs)]);
            }
        }
        if unit % 50 == 0 {
            node += 1;
            container = node;
        }
        node += 1;
        tell(&mounts.map(|mount| (mount, node, LinkKind::FedInto)));
        tell(&[(node, container, LinkKind::PackedIn)]);
    }
    facts
}

#[test]
fn a_link_takes_at_most_twenty_bytes_all_told() {
    let facts = plant(60_000);
    let (of_facts, of_rows) = facts.bytes();
    let number = |n: usize| f64::from(u32::try_from(n).unwrap());
    let a_link = |bytes: usize| number(bytes) / number(facts.len());
    let told = format!("{:.1} for facts and {:.1} for rows", a_link(of_facts), a_link(of_rows));
    assert!(a_link(of_facts) <= 10.0 && a_link(of_rows) <= 10.0, "{told}");
    println!("{told}");
}

/// Rows of all lengths around that from which on they are long, with facts in order and late ones among them.
#[test]
fn a_row_of_any_length_is_found_whole_as_facts_are_packed_by_default() {
    for late_every in [2, 3, 7, 50, 1_000] {
        let mut facts = Facts::default();
        let mut wanted: BTreeSet<(u64, u32)> = BTreeSet::new();
        for n in 0..400_u64 {
            // A late one is of a record between those before.
            let source =
                if n % late_every == late_every - 1 { n * 1_000 / 2 + 1 } else { n * 1_000 };
            let part = u32::try_from(n).unwrap() + 40;
            let fact = Fact {
                source: Position(source),
                part: NodeId(part),
                whole: NodeId(u32::from(n % 2 == 1)),
                time: Utc(i64::try_from(source).unwrap()),
                kind: LinkKind::InstalledIn,
                certainty: Certainty::Certain,
            };
            assert!(facts.insert(&fact));
            wanted.insert((source, part));
            let mut found = BTreeSet::new();
            for whole in [0, 1] {
                facts.each(NodeId(whole), Direction::Backward, |link| {
                    assert!(found.insert((link.source.0, link.node.0)), "{link:?} twice");
                });
            }
            assert_eq!(found, wanted, "after {n} with a late one in {late_every}");
        }
    }
}
