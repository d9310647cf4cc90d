//! What a permit should be: looked up in the list of all records, one by one, for every question.
use crate::model::plant::{Check, Handshake, Plant};
use crate::model::{
    Body, Evidence, HandshakeMark, ItemKey, Permit, Position, Record, Result, StationId,
    TraceEvent, Utc, What,
};
use std::collections::BTreeSet;

/// What is to be found in a record.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Permit, reason, and whether a person overruled it.
    pub(super) told: (Permit, Option<String>, bool),
    pub(super) evidence: Evidence,
    /// The refusal that was not heeded.
    pub(super) went_past: Option<Position>,
}

/// The event of a request.
pub(super) fn asked(record: &Record) -> Option<(&TraceEvent, &HandshakeMark)> {
    let Body::Trace(event) = &record.body else { return None };
    Some((event, event.handshake.as_ref()?))
}

fn events(records: &[Record]) -> impl DoubleEndedIterator<Item = (Position, &TraceEvent)> {
    records.iter().filter_map(|record| match &record.body {
        Body::Trace(event) => Some((record.position, event)),
        _ => None,
    })
}

fn answered(event: &TraceEvent, permit: Permit) -> bool {
    let mark = event.handshake.as_ref();
    let asks = matches!(event.what, What::Arrive { .. } | What::Install { .. });
    asks && mark.is_some_and(|m| m.permit == permit)
}

/// Arrivals and installations that were refused, and not overruled, happened only half.
fn refused(event: &TraceEvent) -> bool {
    answered(event, Permit::Nok)
}

fn known(records: &[Record], item: &ItemKey) -> bool {
    events(records).any(|(_, event)| {
        let said = matches!(event.what, What::Hold { .. } | What::Release { .. });
        let asked = refused(event) || answered(event, Permit::Unknown);
        !said && !asked && event.what.items().contains(&item)
    })
}

/// Whether an item is on hold, or anything that it was made of.
fn held(records: &[Record], item: &ItemKey) -> bool {
    let mut all = vec![item.clone()];
    let mut next = 0;
    while let Some(whole) = all.get(next).cloned() {
        next += 1;
        let new = parts(records, &whole).into_iter().filter(|part| !all.contains(part));
        let new: BTreeSet<ItemKey> = new.collect();
        all.extend(new);
    }
    all.iter().any(|item| is_held(records, item))
}

/// What went into an item, and was not taken out again.
fn parts(records: &[Record], whole: &ItemKey) -> Vec<ItemKey> {
    let parts = events(records).flat_map(|(_, event)| match &event.what {
        What::Install { child, parent, .. }
            if parent == whole && within(records, child, parent) =>
        {
            vec![child.clone()]
        }
        What::Consume { consumed, into, .. } if into == whole && !refused_use(event) => {
            vec![consumed.lot.clone()]
        }
        What::Complete { item, mounts, .. } if item == whole => {
            mounts.iter().map(|used| used.lot.clone()).collect()
        }
        _ => Vec::new(),
    });
    parts.collect()
}

/// A lot that was refused was not used.
fn refused_use(event: &TraceEvent) -> bool {
    event.handshake.as_ref().is_some_and(|mark| mark.permit == Permit::Nok)
}

fn is_held(records: &[Record], item: &ItemKey) -> bool {
    events(records).fold(false, |held, (_, event)| match &event.what {
        What::Hold { item: of, .. } if of == item => true,
        What::Release { item: of, of: None, .. } if of == item => false,
        _ => held,
    })
}

fn reel(records: &[Record]) -> Option<ItemKey> {
    events(records).fold(None, |lot, (_, event)| match &event.what {
        What::Mount { lot, .. } => Some(lot.clone()),
        What::Unmount { .. } => None,
        _ => lot,
    })
}

fn last_done(
    records: &[Record],
    item: &ItemKey,
    at: &str,
) -> Option<((Utc, Position), Option<Result>)> {
    let all = events(records).filter_map(|(position, event)| match &event.what {
        What::Complete { item: of, result, .. }
            if of == item && event.station.as_ref().is_some_and(|s| s.as_str() == at) =>
        {
            Some(((event.time.at, position), *result))
        }
        _ => None,
    });
    // A tells outcomes, B does not.
    let last = all.max_by_key(|(key, _)| *key)?;
    (last.1 == Some(Result::Pass) || at == "B").then_some(last)
}

fn reworked(records: &[Record], item: &ItemKey) -> Option<(Utc, Position)> {
    let all = events(records).filter_map(|(position, event)| match &event.what {
        What::Rework { item: of, .. } if of == item => Some((event.time.at, position)),
        _ => None,
    });
    all.max()
}

fn used(records: &[Record], child: &ItemKey, parent: &ItemKey) -> bool {
    installed(records, |of, into| of == child && into != parent)
}

fn within(records: &[Record], child: &ItemKey, parent: &ItemKey) -> bool {
    installed(records, |of, into| of == child && into == parent)
}

/// Whether one of these parts is in one of these items, and was not taken out again.
fn installed(records: &[Record], wanted: impl Fn(&ItemKey, &ItemKey) -> bool) -> bool {
    events(records).any(|(position, event)| {
        let What::Install { child: of, parent: into, .. } = &event.what else { return false };
        let taken_out = events(records).any(|(later, other)| {
            let same = matches!(&other.what,
                What::Remove { child, parent, .. } if child == of && parent == into);
            same && (other.time.at, later) > (event.time.at, position)
        });
        wanted(of, into) && !refused(event) && !taken_out
    })
}

/// Whether an item is part of another, at any depth.
fn is_in(records: &[Record], item: &ItemKey, other: &ItemKey) -> bool {
    let mut wholes = vec![item.clone()];
    let mut next = 0;
    while let Some(part) = wholes.get(next).cloned() {
        next += 1;
        for (_, event) in events(records) {
            let What::Install { child, parent, .. } = &event.what else { continue };
            if *child == part && within(records, child, parent) {
                if parent == other {
                    return true;
                }
                if !wholes.contains(parent) {
                    wholes.push(parent.clone());
                }
            }
        }
    }
    false
}

fn went_past(records: &[Record], station: &StationId, item: &ItemKey) -> Option<Position> {
    let last = events(records).rev().find(|(_, event)| {
        event.station.as_ref() == Some(station)
            && match &event.what {
                What::Arrive { item: of } | What::Complete { item: of, .. } => of == item,
                _ => false,
            }
    });
    last.filter(|(_, event)| refused(event)).map(|(position, _)| position)
}

/// `None` is content; a permit and its rule otherwise.
fn one(
    records: &[Record],
    check: Check,
    here: &str,
    item: &ItemKey,
    other: Option<&ItemKey>,
) -> Option<Permit> {
    let nok = |bad: bool| bad.then_some(Permit::Nok);
    let lot = (here == "B").then(|| reel(records)).flatten();
    let lot_held = lot.as_ref().is_some_and(|lot| held(records, lot));
    match check {
        Check::Known => nok(!known(records, item)),
        Check::ChildKnown => nok(!known(records, other?)),
        Check::ChildNotHeld => nok(held(records, other?)),
        Check::ChildNotUsed => nok(used(records, other?, item) || is_in(records, item, other?)),
        Check::NotHeld => nok(held(records, item) || lot_held),
        Check::MountsVerified => nok(lot.is_none() || lot_held),
        Check::Route => nok(last_done(records, item, "A").is_none()),
        Check::NotDoneHere => {
            let (done, _) = last_done(records, item, here)?;
            let again = reworked(records, item).is_some_and(|order| order > done);
            Some(if again { Permit::Rework } else { Permit::Nok })
        }
        _ => unreachable!("no handshake here checks it"),
    }
}

pub(super) fn expected(
    plant: &Plant,
    records: &[Record],
    event: &TraceEvent,
    late: bool,
    person: bool,
) -> Wanted {
    let mark = event.handshake.as_ref().unwrap();
    let station = plant.stations.iter().find(|s| s.id == mark.key.station).unwrap();
    let handshake: &Handshake =
        station.handshakes.iter().find(|h| h.id == mark.key.handshake).unwrap();
    let (item, other) = match &event.what {
        What::Install { child, parent, .. } => (parent, Some(child)),
        what => (what.items()[0], None),
    };
    let found: Vec<(Check, Permit)> = handshake
        .checks
        .iter()
        .filter_map(|c| Some((*c, one(records, *c, station.id.as_str(), item, other)?)))
        .collect();
    let by = |permit| found.iter().find(|(_, p)| *p == permit);
    let told = match (late, by(Permit::Nok), by(Permit::Rework)) {
        (true, ..) => (Permit::Unknown, Some("late".to_owned()), false),
        (_, Some((check, _)), _) => {
            let refused = found.iter().filter(|(_, p)| *p == Permit::Nok).skip(1);
            let holds = [Check::NotHeld, Check::ChildNotHeld];
            let person = person && !refused.map(|(c, _)| c).any(|c| holds.contains(c));
            let permit = if person { Permit::Ok } else { Permit::Nok };
            (permit, Some(check.as_str().to_owned()), person)
        }
        (_, None, Some((check, _))) => (Permit::Rework, Some(check.as_str().to_owned()), false),
        (_, None, None) => (Permit::Ok, None, false),
    };
    let done = matches!(event.what, What::Complete { .. }) && !told.2;
    let went_past = went_past(records, &station.id, item).filter(|_| done);
    let past = told.2 || went_past.is_some();
    let evidence = if past { Evidence::Bypassed } else { Evidence::Automatic };
    Wanted { told, evidence, went_past }
}
