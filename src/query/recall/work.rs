//! Of those who were at a station, which ones the work was what is asked for.
use super::super::Drafted;
use super::super::answer::RecallOf;
use super::super::attribute::told;
use super::super::body::Bodies;
use super::super::only::{Only, Verdict};
use super::super::reason::Reasons;
use super::super::view::{Presence, View};
use super::there;
use crate::genealogy::NodeId;
use crate::model::{Position, Text};
use std::collections::BTreeMap;

/// The stays of an item that count, each with the records that tell of it.
pub(in crate::query) type Stays = (NodeId, Vec<Vec<Position>>);

/// What is told of the work on an item.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::query) enum Worked {
    /// It is all that is asked for.
    So,
    /// This was not told of it.
    NotTold(Only),
    /// It is something else, namely this.
    Otherwise(Vec<Text>),
}

/// What is told of the work on each item that was there; none if nothing is asked of the work.
pub(in crate::query) type Work = BTreeMap<NodeId, Worked>;

/// Whose work has to be looked at; `None` if no record speaks of the station.
pub(in crate::query) fn worked(memory: &View<'_>, of: &RecallOf) -> Option<Drafted<Vec<Stays>>> {
    let mut found = Vec::new();
    if let RecallOf::Station { id, interval, only } = of {
        let number = memory.places.find(id)?;
        let nodes = if only.is_empty() { Vec::new() } else { there(memory, number, *interval) };
        for node in nodes {
            let here = memory.presences(node).into_iter().filter(|p| p.station == number);
            let stays = joined(here.collect()).into_iter();
            let meets = |stay: &Vec<Presence>| stay.iter().any(|p| p.interval.overlaps(*interval));
            let records = |stay: Vec<Presence>| stay.iter().map(|p| p.position).collect();
            found.push((node, stays.filter(meets).map(records).collect()));
        }
    }
    Some(Drafted::new(memory, Reasons::default(), found))
}

/// What events tell of one stay, together: those that overlap or touch.
fn joined(mut presences: Vec<Presence>) -> Vec<Vec<Presence>> {
    presences.sort_by_key(|presence| (presence.interval.from, presence.position));
    let mut stays: Vec<Vec<Presence>> = Vec::new();
    for presence in presences {
        let reaches =
            |other: &Presence| other.interval.to.is_none_or(|to| presence.interval.from <= to);
        match stays.last_mut().filter(|stay| stay.iter().any(reaches)) {
            Some(stay) => stay.push(presence),
            None => stays.push(vec![presence]),
        }
    }
    stays
}

/// Reads what the records tell of the work. One stay that is what is asked for is enough; of an item that is told to be
/// something else, every stay is.
pub(in crate::query) fn judge(of: &RecallOf, stays: Vec<Stays>, bodies: &mut Bodies<'_>) -> Work {
    let RecallOf::Station { only, .. } = of else { return Work::new() };
    let judged = stays.into_iter().map(|(node, stays)| {
        let mut all = Worked::Otherwise(Vec::new());
        for records in stays {
            all = and(all, stay(only, &records, bodies));
        }
        (node, all)
    });
    judged.collect()
}

fn and(one: Worked, other: Worked) -> Worked {
    match (one, other) {
        (Worked::So, _) | (_, Worked::So) => Worked::So,
        (Worked::NotTold(what), _) | (_, Worked::NotTold(what)) => Worked::NotTold(what),
        (Worked::Otherwise(mut one), Worked::Otherwise(other)) => {
            one.extend(other);
            one.sort_unstable();
            one.dedup();
            Worked::Otherwise(one)
        }
    }
}

/// Of one stay all has to be so; one thing that is not so is enough, whatever is not told.
fn stay(only: &[Only], records: &[Position], bodies: &mut Bodies<'_>) -> Worked {
    let events: Vec<_> = records.iter().filter_map(|record| bodies.event(*record)).collect();
    let all: Vec<_> = events.iter().flat_map(told).collect();
    let (mut others, mut lacking) = (Vec::new(), None);
    for what in only {
        let verdicts: Vec<Verdict> = all.iter().filter_map(|told| what.judge(told)).collect();
        if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Met)) {
            continue;
        }
        if verdicts.is_empty() || events.len() < records.len() {
            lacking.get_or_insert_with(|| what.clone());
            continue;
        }
        others.extend(verdicts.into_iter().filter_map(|verdict| match verdict {
            Verdict::Met => None,
            Verdict::Other(told) => Text::parse(&told).ok(),
        }));
    }
    match lacking {
        _ if !others.is_empty() => Worked::Otherwise(others),
        Some(what) => Worked::NotTold(what),
        None => Worked::So,
    }
}
