//! The record of a line whose units travel on carriers, over two PLCs, against the lists of both.
use super::Plc;
use super::check::{at, begun_anew};
use super::fault::Kind;
use crate::support::balance::{asked, balance_by, gaps_of, gaps_of_handshake};
use crate::support::truth;
use pedigree::model::{Body, Code, Gap, ItemKey, Record, Scope, TraceEvent, What};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Its exchanges, with the PLC of each.
const EXCHANGES: [(Kind, &str, &str); 4] = [
    (Kind::Loading, "LOAD", "on"),
    (Kind::Loading, "LOAD", "scan"),
    (Kind::Welding, "WELD", "weld"),
    (Kind::Welding, "UNLOAD", "out"),
];
/// The stations that a carrier passes.
const STATIONS: [&str; 3] = ["LOAD", "WELD", "UNLOAD"];
/// How long a loading may go unanswered: from then on nobody can be sure of any carrier.
const DEADLINE_NS: i64 = 900_000_000;
/// How long before and after a gap something may not have been seen.
const AROUND_NS: i64 = 1_000_000_000;

/// Each request is recorded once or in a gap; each event is told of the unit that was on the carrier, or of a
/// passage that is nobody else's, and that only where something was not observed.
pub(super) fn check(faults: &mut Vec<String>, plcs: &[Plc], records: &[Record]) {
    let (mut all, mut unseen) = (Vec::new(), Vec::new());
    for plc in plcs.iter().filter(|plc| matches!(plc.kind, Kind::Loading | Kind::Welding)) {
        let gaps = gaps_of(records, &plc.device);
        for (_, station, handshake) in EXCHANGES.iter().filter(|(kind, ..)| *kind == plc.kind) {
            account(faults, plc, (station, handshake), &gaps, records);
            unseen.extend(gaps_of_handshake(records, (station, handshake)).iter().map(around));
        }
        unseen.extend(gaps.iter().map(around));
        if plc.kind == Kind::Loading {
            unseen.extend(slow(plc));
        }
        all.extend(truth::asked(&plc.truth));
    }
    judge(faults, &all, &unseen, records);
}

/// Each request of an exchange is recorded, counted by its number, or was lost with the memory of its PLC, which
/// says so itself; what was answered is recorded.
fn account(
    faults: &mut Vec<String>,
    plc: &Plc,
    at: (&str, &str),
    gaps: &[Gap],
    records: &[Record],
) {
    let lines = truth::lines(&plc.truth);
    let named = |mut request: Value| {
        request["serial"] = request["ask"].to_string().into();
        request
    };
    let shown = truth::asked(&plc.truth).into_iter().filter(|r| r["handshake"] == at.1);
    let shown: Vec<Value> = shown.map(named).collect();
    let wanted = asked(&shown, "number", "at");
    let sum = balance_by(records, at, &wanted, &begun_anew(plc, gaps, records), |event| {
        ask(event).to_string()
    });
    let named: BTreeSet<u64> =
        shown.iter().map(|request| request["ask"].as_u64().unwrap()).collect();
    let listed = |word: &str| -> BTreeSet<u64> {
        let all = lines.iter().filter_map(|line| line[word].as_u64());
        all.filter(|name| named.contains(name)).collect()
    };
    let uncounted: BTreeSet<u64> = sum.uncounted.iter().map(|name| name.parse().unwrap()).collect();
    let (answered, given_up, cut_off) = (listed("answered"), listed("given_up"), listed("cut_off"));
    println!(
        "{}.{}: {sum:?}, {} cut off, {} of them recorded",
        at.0,
        at.1,
        cut_off.len(),
        cut_off.difference(&uncounted).count()
    );
    if answered.len() + given_up.len() + cut_off.len() != sum.asked {
        faults.push(format!("{at:?}: {} answered, {} given up", answered.len(), given_up.len()));
    }
    let told = sum.observed + sum.quarantined + usize::try_from(sum.missed).unwrap();
    if told + uncounted.len() != sum.asked {
        faults.push(format!("{at:?}: {sum:?}: {told} are told"));
    }
    // It knows of its own what its power cut took: what was under way, and what it had given up and nobody
    // can compare with a number from before or after.
    let unexplained =
        uncounted.iter().filter(|name| !cut_off.contains(name) && !given_up.contains(name));
    faults.extend(unexplained.map(|name| format!("{at:?} {name}: answered, and not recorded")));
}

/// The name of the request that an event answers.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a whole count")]
fn ask(event: &TraceEvent) -> u64 {
    let word = event.context.iter().find(|word| word.name.as_str() == "ask");
    word.and_then(|word| word.value.number()).unwrap_or_else(|| panic!("{event:?}")) as u64
}

/// From when to when something may not have been seen.
fn around(gap: &Gap) -> (i64, i64) {
    let to = gap.interval.to.map_or(i64::MAX, |to| to.0 + AROUND_NS);
    (gap.interval.from.0 - AROUND_NS, to)
}

/// Requests that were not answered in time.
fn slow(plc: &Plc) -> Vec<(i64, i64)> {
    let mut open: BTreeMap<u64, i64> = BTreeMap::new();
    let mut slow = Vec::new();
    for line in truth::lines(&plc.truth) {
        if let Some(name) = line["asked"]["ask"].as_u64() {
            open.insert(name, line["asked"]["at"].as_i64().unwrap());
        }
        let end = line["answered"].as_u64().or(line["given_up"].as_u64());
        if let Some(begin) = end.and_then(|name| open.remove(&name)) {
            slow.push((begin, line["at"].as_i64().unwrap()));
        }
    }
    slow.retain(|(begin, end)| end - begin > DEADLINE_NS);
    // That it is answered the PLC sees before we know that it was.
    slow.into_iter().map(|(begin, end)| (begin, end + AROUND_NS)).collect()
}

/// Holds every event against who was on the carrier.
fn judge(faults: &mut Vec<String>, all: &[Value], unseen: &[(i64, i64)], records: &[Record]) {
    let by_ask: BTreeMap<u64, &Value> =
        all.iter().map(|request| (request["ask"].as_u64().unwrap(), request)).collect();
    assert_eq!(by_ask.len(), all.len(), "two requests of one name");
    let time = |request: &Value| request["at"].as_i64().unwrap();
    let put_on = all.iter().filter(|request| request["handshake"] == "on");
    let loaded: BTreeMap<u64, i64> =
        put_on.map(|request| (request["unit"].as_u64().unwrap(), time(request))).collect();
    let events: Vec<_> = STATIONS.into_iter().flat_map(|station| at(records, station)).collect();
    let mut real: BTreeMap<&ItemKey, &ItemKey> = BTreeMap::new();
    for event in &events {
        if let What::Identify { item, real: Some(named), .. } = &event.what
            && real.insert(item, named).is_some()
        {
            faults.push(format!("{item} was named twice"));
        }
    }
    // Passages: whose they are, and whether they began where the unit was put on its carrier.
    let mut passages: BTreeMap<&ItemKey, (u64, bool)> = BTreeMap::new();
    let (mut known, mut unread, mut unknown) = (0, 0, 0);
    for event in events {
        let request = by_ask[&ask(event)];
        let (told, unit) = (event.what.items()[0], request["unit"].as_u64().unwrap());
        let wrong = || format!("{event:?}: it was {request}");
        let carrier = event.fill.as_ref().and_then(|fill| fill.carrier.as_ref());
        if carrier.map(Code::as_str) != request["carrier"].as_str() {
            faults.push(wrong());
        }
        let name = real.get(told).copied().or((told.scope == Scope::Site).then_some(told));
        if name.is_some_and(|name| name.code.as_str() != request["serial"]) {
            faults.push(wrong());
        }
        if told.scope == Scope::Site {
            known += 1;
            continue;
        }
        let begun = request["handshake"] == "on";
        let (of, followed) = *passages.entry(told).or_insert((unit, begun));
        if of != unit || begun && !unit.is_multiple_of(5) {
            faults.push(wrong());
        } else if followed {
            unread += 1;
        } else {
            unknown += 1;
            let (from, to) = (loaded[&unit], time(request));
            if !unseen.iter().any(|(begin, end)| *begin <= to && *end >= from) {
                faults.push(format!(
                    "{event:?}: nothing was unobserved, and it is not known: {request}"
                ));
            }
        }
    }
    // Of what is on a carrier nobody is sure then, and a code that was read is not told of it.
    let aside = records.iter().filter(|record| {
        let Body::Quarantine(aside) = &record.body else { return false };
        STATIONS.contains(&aside.station.as_str())
    });
    let unsure = |at: i64| unseen.iter().any(|(begin, end)| (*begin..=*end).contains(&at));
    let wrong = aside.filter(|record| !unsure(record.at.wall.0));
    faults.extend(wrong.map(|record| format!("nothing was unobserved: {record:?}")));
    println!(
        "carriers: {known} known, {unread} not read and followed ({} named), {unknown} not known",
        real.len()
    );
    assert!(known > unknown, "hardly anything is known");
}
