//! What went into a panel is asked for at its boards, and what was left of a batch at the next one; as it was
//! known then, too.
use super::*;
use crate::genealogy::builders::*;
use crate::genealogy::{Certainty, LinkKind};
use crate::model::{CarriedOver, Member};
use std::collections::BTreeSet;

const NOW: u64 = u64::MAX;

fn suspects(query: &Query, of: &ItemKey, as_of: u64) -> BTreeSet<ItemKey> {
    let recall = query.recall_as_of(&RecallOf::Lot(of.clone()), Position(as_of)).unwrap().body;
    recall.suspect.into_iter().map(|group| group.item).collect()
}

fn reached(query: &Query, from: &ItemKey, way: Direction, as_of: u64) -> BTreeSet<ItemKey> {
    let trace = query.trace_as_of(from, way, None, Position(as_of)).unwrap().body;
    trace.nodes.into_iter().map(|node| node.item).filter(|item| item != from).collect()
}

fn set<const N: usize>(items: [&ItemKey; N]) -> BTreeSet<ItemKey> {
    items.into_iter().cloned().collect()
}

fn with(members: Vec<Member>, event: TraceEvent) -> TraceEvent {
    TraceEvent { members, ..event }
}

#[test]
fn a_reel_is_recalled_from_the_boards_of_its_panel_and_found_from_each_of_them() {
    let (reel, panel) = (lot("REEL"), unit("PNL"));
    let (one, two) = (unit("BRD-1"), unit("BRD-2"));
    let boards = members(vec![one.clone(), two.clone()]);
    let query = query(&traced(vec![
        event(0, Some("OP10"), mount("F1", &reel)),
        event(2, Some("OP10"), complete(&panel, vec![used("OP10", "F1", 1, &reel)])),
        with(boards, event(3, Some("OP20"), arrive(&panel))),
        event(4, None, correct(3)),
    ]));
    let (query, _dir) = query;
    assert_eq!(suspects(&query, &reel, 2), set([&panel]), "nobody knew of the boards yet");
    assert_eq!(suspects(&query, &reel, 3), set([&panel, &one, &two]));
    assert_eq!(suspects(&query, &reel, NOW), set([&panel]), "they were read wrongly");
    let back = |of, as_of| reached(&query, of, Direction::Backward, as_of);
    assert_eq!(back(&one, 3), set([&panel, &reel]));
    assert_eq!(back(&two, 3), set([&panel, &reel]));
    assert_eq!(back(&panel, 3), set([&reel]));
    let ahead = reached(&query, &panel, Direction::Forward, 3);
    assert_eq!(ahead, set([&one, &two]));
    assert_eq!(query.item_as_of(&one, Position(2)), None, "not known yet");
}

#[test]
fn what_is_said_of_a_panel_with_its_boards_is_a_step_of_each_board() {
    let (panel, board) = (unit("PNL"), unit("BRD-1"));
    let boards = members(vec![board.clone()]);
    let (query, _dir) = query(&traced(vec![with(boards, event(3, Some("OP20"), arrive(&panel)))]));
    let trace = query.trace(&board, Direction::Backward, None).unwrap().body;
    let steps: Vec<_> = trace.nodes.iter().map(|node| node.steps.len()).collect();
    assert_eq!(steps, [1, 1]);
    let [link] = trace.links.as_slice() else { panic!("one link: {:?}", trace.links) };
    assert_eq!((link.kind, link.certainty), (LinkKind::SplitInto, Certainty::Certain));
}

#[test]
fn a_batch_in_between_that_is_taken_back_hides_nothing_of_those_before_it() {
    let (sugar, first, second, third) = (lot("SUGAR"), lot("B-1"), lot("B-2"), lot("B-3"));
    let left = |lot: &ItemKey| CarriedOver { lot: lot.clone(), observed: true };
    let over = |lots: &[&ItemKey], event| TraceEvent {
        carried_over: lots.iter().map(|lot| left(lot)).collect(),
        ..event
    };
    let done = |time, lot: &ItemKey| event(time, Some("OP10"), complete(lot, Vec::new()));
    let (query, _dir) = query(&traced(vec![
        event(1, Some("OP10"), consume(&sugar, &first)),
        over(&[&first], done(2, &second)),
        over(&[&first, &second], done(3, &third)),
        event(4, None, correct(2)),
    ]));
    assert_eq!(suspects(&query, &sugar, 3), set([&first, &second, &third]));
    assert_eq!(suspects(&query, &sugar, NOW), set([&first, &third]));
}

#[test]
fn a_lot_is_recalled_from_the_batch_after_the_one_that_it_went_into() {
    let (sugar, first, second) = (lot("SUGAR"), lot("B-1"), lot("B-2"));
    let left = vec![CarriedOver { lot: first.clone(), observed: true }];
    let (query, _dir) = query(&traced(vec![
        event(1, Some("OP10"), consume(&sugar, &first)),
        event(2, Some("OP10"), complete(&first, Vec::new())),
        event(3, Some("OP10"), complete(&second, Vec::new())),
        event(4, None, correct(3)),
        TraceEvent { carried_over: left, ..event(5, Some("OP10"), complete(&second, Vec::new())) },
    ]));
    assert_eq!(suspects(&query, &sugar, 4), set([&first]));
    assert_eq!(suspects(&query, &sugar, NOW), set([&first, &second]));
    let back = reached(&query, &second, Direction::Backward, NOW);
    assert_eq!(back, set([&first, &sugar]));
    let trace = query.trace(&second, Direction::Backward, Some(1)).unwrap().body;
    let [link] = trace.links.as_slice() else { panic!("one link: {:?}", trace.links) };
    assert_eq!((link.certainty, &link.amount), (Certainty::Proportional, &None));
}
