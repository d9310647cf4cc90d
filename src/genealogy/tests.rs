//! The graph against a model that keeps the events in a list and looks through all of them.
use super::builders::*;
use super::*;
use crate::model::{
    CarriedOver, Consumption, ItemKey, MountUse, Narrowed, Position, TraceEvent, What,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Event = (Position, TraceEvent);
type Seen = BTreeSet<(Node, Node, LinkKind, Certainty, Position)>;

/// Whether a record counts, straight from the sentence: it is there, and nothing that counts names it.
fn counts(events: &[Event], record: Position, as_of: Position) -> bool {
    record <= as_of
        && !events.iter().any(|(at, event)| {
            matches!(&event.what, What::Correct { position, .. } if *position == record)
                && *at > record
                && counts(events, *at, as_of)
        })
}

/// The links that stand as of a record.
fn model(events: &[Event], as_of: Position) -> Seen {
    let mut seen = Seen::new();
    for (position, event) in events.iter().filter(|(p, _)| counts(events, *p, as_of)) {
        for (part, whole, kind, certainty) in fact::links_of(*position, event) {
            let ended = events.iter().any(|(at, other)| {
                counts(events, *at, as_of)
                    && (other.time.at, *at) > (event.time.at, *position)
                    && fact::ended(other).into_iter().any(|(p, w, k)| {
                        Node::Item(p.clone()) == part && Node::Item(w.clone()) == whole && k == kind
                    })
            });
            let kind = if ended { fact::former(kind) } else { kind };
            seen.insert((part, whole, kind, certainty, *position));
        }
    }
    seen
}

fn graph(events: &[Event]) -> Graph {
    filled(Graph::default(), events)
}

fn filled(mut graph: Graph, events: &[Event]) -> Graph {
    for (position, event) in events {
        graph.apply(*position, event);
    }
    graph
}

fn nodes(graph: &Graph) -> impl Iterator<Item = NodeId> {
    (0..u32::try_from(graph.len()).unwrap()).map(NodeId)
}

fn standing(graph: &Graph, direction: Direction, as_of: Position) -> Seen {
    let mut seen = Seen::new();
    for node in nodes(graph) {
        graph.each(node, direction, |link| {
            if link.stands(as_of) {
                let (part, whole) = match direction {
                    Direction::Forward => (node, link.node),
                    Direction::Backward => (link.node, node),
                };
                let name = |id| graph.name(id).clone();
                let link = (name(part), name(whole), link.kind, link.certainty, link.source);
                assert!(seen.insert(link.clone()), "twice: {link:?}");
            }
        });
    }
    seen
}

/// Everything that the graph holds, in an order that does not know how it came in.
fn dump(
    graph: &Graph,
) -> BTreeSet<(Node, Node, LinkKind, Certainty, Position, Position, Position)> {
    let mut all = BTreeSet::new();
    for node in nodes(graph) {
        graph.each(node, Direction::Forward, |l| {
            let (part, whole) = (graph.name(node).clone(), graph.name(l.node).clone());
            all.insert((part, whole, l.kind, l.certainty, l.source, l.added, l.removed));
        });
    }
    all
}

/// What can be reached by item-to-item steps, by repeating until nothing changes.
fn closure(
    links: &Seen,
    begin: &ItemKey,
    direction: Direction,
    follow: Former,
) -> BTreeSet<ItemKey> {
    let mut at = BTreeSet::from([Node::Item(begin.clone())]);
    loop {
        let before = at.len();
        for (part, whole, kind, ..) in links {
            let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn].contains(kind);
            if former && follow == Former::Leave {
                continue;
            }
            let (from, to) = match direction {
                Direction::Forward => (part, whole),
                Direction::Backward => (whole, part),
            };
            if at.contains(from) {
                at.insert(to.clone());
            }
        }
        if at.len() == before {
            break;
        }
    }
    let item = |node| match node {
        Node::Item(key) => Some(key),
        Node::Mount(_) => None,
    };
    at.into_iter().filter_map(item).collect()
}

fn reached(graph: &Graph, key: &ItemKey, walk: Walk) -> BTreeSet<ItemKey> {
    let begin = graph.item(key).unwrap();
    let walked = walk.run(graph, &[begin], &mut Visited::default());
    for (from, hops) in walk.each(&walked) {
        let mut seen = Vec::new();
        if walk.depth_max.is_none_or(|max| from.depth < max) {
            walk.hops(graph, from.node, |hop| seen.push(hop));
        }
        assert_eq!(hops, seen, "each with its own");
    }
    let keys: Vec<ItemKey> = walked
        .reached
        .iter()
        .map(|r| match graph.name(r.node) {
            Node::Item(key) => key.clone(),
            Node::Mount(mount) => panic!("a walk stops at no mount: {mount:?}"),
        })
        .collect();
    let set: BTreeSet<ItemKey> = keys.iter().cloned().collect();
    assert_eq!(set.len(), keys.len(), "each once");
    set
}

fn any_item() -> impl Strategy<Value = ItemKey> {
    prop_oneof![
        3 => (0..4u8).prop_map(|n| unit(&format!("U{n}"))),
        2 => (0..3u8).prop_map(|n| lot(&format!("L{n}"))),
        1 => (0..2u8).prop_map(|n| container(&format!("C{n}"))),
    ]
}

/// Any verb with any items, sensible or not; positions named lie within the first `n`.
fn any_what(n: u64) -> impl Strategy<Value = What> {
    let pair = || (any_item(), any_item());
    let feeder = || (prop::sample::select(vec!["F1", "F2"]), 1..=n, any_item());
    prop_oneof![
        3 => pair().prop_map(|(a, b)| install(&a, &b)),
        3 => pair().prop_map(|(a, b)| remove(&a, &b)),
        2 => pair().prop_map(|(a, b)| pack(&[&a], &b)),
        2 => pair().prop_map(|(a, b)| unpack(&[&a], &b)),
        1 => pair().prop_map(|(a, b)| consume(&a, &b)),
        1 => pair().prop_map(|(a, b)| What::Split { from: a.clone(), into: vec![b, a] }),
        1 => (any_item(), pair()).prop_map(|(a, (b, c))| {
            let part = |lot| Consumption { lot, amount: None };
            What::Merge { from: vec![part(a), part(b)], into: c }
        }),
        2 => any_item().prop_map(|a| mount("F1", &a)),
        2 => (any_item(), proptest::collection::vec(feeder(), 0..3)).prop_map(|(item, fed)| {
            let mounts = fed.iter().map(|(f, p, lot)| used("OP10", f, *p, lot)).collect();
            complete(&item, mounts)
        }),
        4 => (1..=n).prop_map(correct),
    ]
}

fn left(lot: Option<ItemKey>) -> Vec<CarriedOver> {
    lot.into_iter().map(|lot| CarriedOver { lot, observed: true }).collect()
}

/// Events at positions 1 … n, event times in no order, and an order in which they arrive.
fn any_history() -> impl Strategy<Value = (Vec<Event>, Vec<usize>)> {
    let named = proptest::collection::vec(any_item(), 0..3);
    let events =
        proptest::collection::vec((0..6i64, any_what(14), named), 1..14).prop_map(|list| {
            let numbered = (1..).map(Position).zip(list);
            let told = |time, what, mut named: Vec<ItemKey>| TraceEvent {
                carried_over: left(named.pop()),
                members: members(named),
                ..event(time, Some("OP10"), what)
            };
            numbered.map(|(p, (time, what, named))| (p, told(time, what, named))).collect()
        });
    events.prop_flat_map(|events: Vec<Event>| {
        let order: Vec<usize> = (0..events.len()).collect();
        (Just(events), Just(order).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_order_of_arrival_gives_the_same_graph((events, order) in any_history()) {
        let shuffled: Vec<Event> = order.iter().map(|i| events[*i].clone()).collect();
        let mut twice = shuffled.clone();
        twice.extend(events.clone());
        prop_assert_eq!(dump(&graph(&shuffled)), dump(&graph(&events)));
        prop_assert_eq!(dump(&graph(&twice)), dump(&graph(&events)));
    }

    #[test]
    fn as_of_any_record_the_graph_is_that_of_the_records_up_to_it_however_it_is_packed(
        (events, order) in any_history(), in_order in any::<bool>(),
        sizes in (0..5u32, 0..12u8, 1..4usize),
    ) {
        let mut arrived: Vec<Event> = order.iter().map(|i| events[*i].clone()).collect();
        if in_order {
            arrived.sort_by_key(|(position, _)| *position);
        }
        let graph = filled(Graph::packed_at(sizes), &arrived);
        prop_assert_eq!(dump(&graph), dump(&super::tests::graph(&events)));
        for as_of in (0..=15).map(Position) {
            let wanted = model(&events, as_of);
            prop_assert_eq!(&standing(&graph, Direction::Forward, as_of), &wanted);
            prop_assert_eq!(&standing(&graph, Direction::Backward, as_of), &wanted);
        }
    }

    #[test]
    fn a_walk_reaches_what_repeated_search_reaches_and_both_ways_are_inverse(
        (events, _) in any_history(), as_of in 1..15u64, follow in any::<bool>(),
    ) {
        let as_of = Position(as_of);
        let former = if follow { Former::Follow } else { Former::Leave };
        let graph = graph(&events);
        let links = model(&events, as_of);
        let items: Vec<ItemKey> = nodes(&graph).filter_map(|n| match graph.name(n) {
            Node::Item(key) => Some(key.clone()),
            Node::Mount(_) => None,
        }).collect();
        let mut from = BTreeMap::new();
        for direction in [Direction::Forward, Direction::Backward] {
            for key in &items {
                let walk = Walk { direction, as_of, depth_max: None, former };
                let found = reached(&graph, key, walk);
                prop_assert_eq!(&found, &closure(&links, key, direction, former));
                from.insert((direction == Direction::Forward, key.clone()), found);
            }
        }
        for a in &items {
            for b in &items {
                let forward = from[&(true, a.clone())].contains(b);
                let backward = from[&(false, b.clone())].contains(a);
                prop_assert_eq!(forward, backward, "{} and {}", a, b);
            }
        }
    }
}

/// Hops from a node to each that it was made of, by repeated search over certain links or over all of them; a mount is
/// passed through, and another name is no hop away.
fn distances(links: &Seen, begin: &ItemKey, sure: bool) -> BTreeMap<ItemKey, u32> {
    let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn];
    let stays = |link: &&(Node, Node, LinkKind, Certainty, Position)| {
        !former.contains(&link.2) && (!sure || link.3 == Certainty::Certain)
    };
    let mut found = BTreeMap::from([(Node::Item(begin.clone()), 0)]);
    for _ in 0..=links.len() {
        for (part, whole, kind, ..) in links.iter().filter(stays) {
            let Some(from) = found.get(whole).copied() else { continue };
            let far =
                from + u32::from(![LinkKind::IdentifiedAs, LinkKind::MountedAs].contains(kind));
            let known = found.entry(part.clone()).or_insert(far);
            *known = far.min(*known);
        }
    }
    let item = |(node, far)| match node {
        Node::Item(key) => Some((key, far)),
        Node::Mount(_) => None,
    };
    found.into_iter().filter_map(item).collect()
}

/// What an item was made of by name, with the way of each.
fn ancestors(graph: &Graph, begin: &ItemKey, as_of: Position, max: usize) -> (Vec<Told>, bool) {
    let begin = graph.item(begin).unwrap();
    let found = Ancestors::of(graph, begin, as_of, max, |node| graph.name(node));
    let name = |node: NodeId| match graph.name(node) {
        Node::Item(key) => key.clone(),
        Node::Mount(mount) => panic!("a walk stops at no mount: {mount:?}"),
    };
    let told = found.all.iter().enumerate().map(|(at, of)| {
        let mut from = of.node;
        for hop in found.way(at) {
            assert_eq!(hop.part, from, "a way has no hole");
            from = hop.whole;
        }
        assert_eq!(from, begin, "a way ends where it was asked from");
        let way = found.way(at).map(|hop| (name(hop.part), name(hop.whole), hop.kind, hop.source));
        Told { item: name(of.node), sure: of.sure, depth: of.depth, way: way.collect() }
    });
    (told.collect(), found.cut)
}

#[derive(Debug, Clone, PartialEq)]
struct Told {
    item: ItemKey,
    sure: bool,
    depth: u32,
    way: Vec<(ItemKey, ItemKey, LinkKind, Position)>,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn ancestors_are_what_repeated_search_finds_and_the_order_of_arrival_is_not_seen(
        (events, order) in any_history(), as_of in 1..15u64, max in 0..6usize,
    ) {
        let as_of = Position(as_of);
        let shuffled: Vec<Event> = order.iter().map(|i| events[*i].clone()).collect();
        let (graph, other) = (graph(&events), graph(&shuffled));
        let links = model(&events, as_of);
        for key in nodes(&graph).filter_map(|n| match graph.name(n) {
            Node::Item(key) => Some(key.clone()),
            Node::Mount(_) => None,
        }) {
            let (found, cut) = ancestors(&graph, &key, as_of, usize::MAX);
            prop_assert!(!cut);
            prop_assert_eq!(&ancestors(&other, &key, as_of, usize::MAX).0, &found);
            let (sure, all) = (distances(&links, &key, true), distances(&links, &key, false));
            let told: BTreeMap<ItemKey, &Told> = found.iter().map(|t| (t.item.clone(), t)).collect();
            prop_assert_eq!(told.len(), found.len(), "each once");
            prop_assert_eq!(told.keys().collect::<Vec<_>>(), all.keys().collect::<Vec<_>>());
            for (item, told) in told {
                prop_assert_eq!(told.sure, sure.contains_key(&item), "{} of {}", item, key);
                let hops = told.way.iter().filter(|hop| hop.2 != LinkKind::IdentifiedAs).count();
                prop_assert_eq!(hops, told.depth as usize);
                if told.sure {
                    prop_assert_eq!(Some(&told.depth), sure.get(&item), "{} of {}", item, key);
                }
            }
            let (few, cut) = ancestors(&graph, &key, as_of, max);
            prop_assert_eq!(cut, found.len() > max + 1);
            prop_assert_eq!(&few[..], &found[..found.len().min(max + 1)]);
        }
    }
}

/// Every way from one item to another, by repeated search, names of one thing included.
fn leads(hops: &[Hop], from: NodeId, to: NodeId) -> bool {
    let mut seen = BTreeSet::from([from]);
    for _ in 0..hops.len() {
        let more = hops.iter().filter(|hop| seen.contains(&hop.part)).map(|hop| hop.whole);
        seen.extend(more.collect::<Vec<_>>());
    }
    seen.contains(&to)
}

proptest! {
    #[test]
    fn a_ring_is_what_leads_back_to_itself(
        pairs in prop::collection::vec((0..5_u8, 0..5_u8, 0..8_u8), 1..12), begin in 0..5_u8,
        forward in any::<bool>(),
    ) {
        let name = |n: u8| unit(&format!("U{n}"));
        let what = |(part, whole, how): (u8, u8, u8)| match how {
            0 => remove(&name(part), &name(whole)),
            1 => {
                let alias = crate::model::Alias { kind: text("serial"), code: name(whole).code };
                What::Identify { item: name(part), alias, real: Some(name(whole)) }
            }
            _ => install(&name(part), &name(whole)),
        };
        let events = pairs.iter().map(|pair| event(0, None, what(*pair)));
        let mut graph = graph(&(1..).map(Position).zip(events).collect::<Vec<_>>());
        let begin = graph.intern_item(&name(begin));
        let direction = if forward { Direction::Forward } else { Direction::Backward };
        let walk = Walk { direction, as_of: Position(99), depth_max: None, former: Former::Follow };
        let walked = walk.run(&graph, &[begin], &mut Visited::default());
        let former = |hop: &&Hop| hop.kind != LinkKind::FormerlyInstalledIn;
        let hops: Vec<Hop> = walked.hops.iter().filter(former).copied().collect();
        let mut wanted = BTreeSet::new();
        for hop in hops.iter().filter(|hop| hop.kind != LinkKind::IdentifiedAs) {
            if leads(&hops, hop.whole, hop.part) {
                let reached = walked.reached.iter().map(|reached| reached.node);
                let both = |n: &NodeId| leads(&hops, *n, hop.part) && leads(&hops, hop.part, *n);
                let nodes: BTreeSet<NodeId> = reached.filter(both).collect();
                let within = hops.iter().filter(|h| {
                    let inside = nodes.contains(&h.part) && nodes.contains(&h.whole);
                    inside && h.kind != LinkKind::IdentifiedAs
                });
                let sources: BTreeSet<Position> = within.map(|hop| hop.source).collect();
                wanted.insert((nodes, sources));
            }
        }
        let found = walked.rings().into_iter().map(|ring| (ring.nodes, ring.sources));
        prop_assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
    }
}

fn chain() -> Graph {
    let whats = [
        install(&unit("A"), &unit("B")),
        install(&unit("B"), &unit("C")),
        install(&unit("C"), &unit("A")),
    ];
    let numbered = (1..).map(Position).zip(whats);
    graph(&numbered.map(|(p, what)| (p, event(0, None, what))).collect::<Vec<_>>())
}

#[test]
fn a_walk_on_a_cycle_ends_and_says_whether_its_depth_cut_it() {
    let graph = chain();
    let walk = |depth_max| {
        let walk = Walk {
            direction: Direction::Forward,
            as_of: Position(9),
            depth_max,
            former: Former::Follow,
        };
        walk.run(&graph, &[graph.item(&unit("A")).unwrap()], &mut Visited::default())
    };
    let depths = |walked: &Walked| walked.reached.iter().map(|r| r.depth).collect::<Vec<_>>();
    assert_eq!((depths(&walk(None)), walk(None).hops.len()), (vec![0, 1, 2], 3));
    assert_eq!((depths(&walk(Some(1))), walk(Some(1)).cut_at_depth), (vec![0, 1], true));
    assert_eq!((depths(&walk(Some(2))), walk(Some(2)).cut_at_depth), (vec![0, 1, 2], false));
}

#[test]
fn a_unit_made_while_the_reel_changed_has_one_of_two_lots_unless_both_are_the_same() {
    let (a, b) = (lot("A"), lot("B"));
    let certainty = |second: &ItemKey| {
        let mounts = vec![used("OP10", "F1", 1, &a), used("OP10", "F1", 2, second)];
        let made = event(5, Some("OP10"), complete(&unit("U"), mounts));
        fact::links_of(Position(3), &made).into_iter().map(|(.., c)| c).collect::<Vec<_>>()
    };
    assert_eq!(certainty(&b), [Certainty::OneOf; 2]);
    assert_eq!(certainty(&a), [Certainty::Certain; 2]);
}

#[test]
fn what_is_narrowed_counts_from_that_record_on_and_in_any_order() {
    let uses = |of: &[(u64, &str)]| -> Vec<MountUse> {
        of.iter().map(|(opened, code)| used("OP10", "F1", *opened, &lot(code))).collect()
    };
    let item = Some(lot("B"));
    let mut narrowing = event(9, Some("OP10"), What::Note { item, text: text("counted") });
    let left = MountUse { counted: true, ..uses(&[(2, "B")]).remove(0) };
    let (record, point) = (Position(3), point("F1"));
    narrowing.narrowed = vec![Narrowed { record, point, mounts: vec![left] }];
    let mut events = vec![
        (Position(1), event(0, Some("OP10"), mount("F1", &lot("A")))),
        (Position(2), event(4, Some("OP10"), mount("F1", &lot("B")))),
        (Position(3), event(5, Some("OP10"), complete(&unit("U"), uses(&[(1, "A"), (2, "B")])))),
        (Position(4), narrowing),
        (Position(5), event(20, None, correct(4))),
    ];
    for turn in 0..10 {
        events.rotate_left(1);
        if turn == 5 {
            events.reverse();
        }
        let graph = graph(&events);
        let made_of = |as_of| {
            let direction = Direction::Backward;
            let walk = Walk { direction, as_of, depth_max: None, former: Former::Follow };
            let mut found = Vec::new();
            let unit = graph.item(&unit("U")).unwrap();
            walk.hops(&graph, unit, |hop| {
                let Node::Item(part) = graph.name(hop.part) else { panic!("a mount is no stop") };
                found.push((part.code.to_string(), hop.certainty));
            });
            found.sort();
            found
        };
        let either = ["A", "B"].map(|code| (code.to_owned(), Certainty::OneOf));
        assert_eq!(made_of(Position(3)), either);
        assert_eq!(made_of(Position(4)), [("B".to_owned(), Certainty::Certain)]);
        assert_eq!(made_of(Position(5)), either, "it was taken back");
    }
}

#[test]
fn a_wrong_mount_is_corrected_at_one_edge_and_leaves_its_units_with_a_loose_mount() {
    let made = |n: u64| {
        let mounts = vec![used("OP10", "F1", 1, &lot("A"))];
        let what = complete(&unit(&format!("U{n}")), mounts);
        (Position(n), event(5, Some("OP10"), what))
    };
    let mut events = vec![(Position(1), event(0, Some("OP10"), mount("F1", &lot("A"))))];
    events.extend((2..5).map(made));
    events.push((Position(5), event(9, None, correct(1))));
    let graph = graph(&events);
    let at = |as_of| {
        let direction = Direction::Backward;
        let walk = Walk { direction, as_of, depth_max: None, former: Former::Leave };
        walk.run(&graph, &[graph.item(&unit("U3")).unwrap()], &mut Visited::default())
    };
    assert_eq!((at(Position(4)).reached.len(), at(Position(4)).loose.len()), (2, 0));
    assert_eq!((at(Position(5)).reached.len(), at(Position(5)).loose.len()), (1, 1));
}

#[test]
fn a_passage_and_the_unit_that_it_was_are_traced_as_one() {
    let (passage, real, other) = (unit("ST1.in.0.7"), unit("SN-1"), unit("SN-2"));
    let (part, late) = (unit("PART"), unit("LATE"));
    let alias = crate::model::Alias { kind: text("serial"), code: real.code.clone() };
    let identify = What::Identify { item: passage.clone(), alias, real: Some(real.clone()) };
    let events = [
        (Position(1), event(1, Some("ST1"), install(&part, &passage))),
        (Position(2), event(2, None, identify)),
        (Position(3), event(3, Some("ST2"), install(&late, &real))),
        (Position(4), event(4, Some("ST3"), install(&real, &other))),
    ];
    let graph = graph(&events);
    let reached = |from: &ItemKey, direction| {
        let depth_max = None;
        let walk = Walk { direction, as_of: Position(4), depth_max, former: Former::Follow };
        let begin = graph.item(from).unwrap();
        let walked = walk.run(&graph, &[begin], &mut Visited::default());
        let node = |r: &Reached| match graph.name(r.node) {
            Node::Item(item) => item.clone(),
            Node::Mount(_) => unreachable!("nothing is mounted"),
        };
        walked.reached.iter().map(node).collect::<BTreeSet<_>>()
    };
    let both = BTreeSet::from([passage.clone(), real.clone(), part.clone(), late]);
    assert_eq!(reached(&passage, Direction::Backward), both);
    assert_eq!(reached(&real, Direction::Backward), both);
    assert!(reached(&part, Direction::Forward).contains(&other));
}
