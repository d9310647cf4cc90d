//! The account of a handshake: what its PLC asked for is observed, once and rightly, or is in a gap.
use pedigree::model::{Body, Gap, GapCause, GapSource, Record, TraceEvent};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// By how much the PLC's clock and the record's may differ: both read the same clock, the PLC a
/// moment before its words can be seen.
pub(crate) const TOLERANCE_NS: i64 = 1_000_000_000;

/// Where the narrowest of the counters wraps: no two numbers so far apart are missing at once.
const WRAP: u64 = 1 << 16;

/// What a PLC asked for by one handshake, as it wrote it down; without a number if it has none.
pub(crate) struct Asked {
    /// How often its program had begun anew.
    run: u64,
    number: Option<u64>,
    serial: String,
    at: i64,
}

/// What a request is known by.
type Key = (Option<u64>, String);

impl Asked {
    fn key(&self) -> Key {
        (self.number, self.serial.clone())
    }
}

/// Requests of a handshake from the lines of a truth, in their order: its number in `number`, its time in `time`, and the
/// run of its program in `run`, if there was more than one.
pub(crate) fn asked(parts: &[Value], number: &str, time: &str) -> Vec<Asked> {
    let one = |part: &Value| Asked {
        run: part["run"].as_u64().unwrap_or(0),
        number: part[number].as_u64(),
        serial: part["serial"].as_str().unwrap().to_owned(),
        at: part[time].as_i64().unwrap(),
    };
    parts.iter().map(one).collect()
}

/// What came of the requests of one handshake.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Balance {
    /// Requests that the PLC made.
    pub(crate) asked: usize,
    /// Those with one event, of the right number and item.
    pub(crate) observed: usize,
    /// Those set aside with their raw values.
    pub(crate) quarantined: usize,
    /// Those that gaps count.
    pub(crate) missed: u64,
    /// Those that nobody can count, by what they are known by: they lie in a gap that says so.
    pub(crate) uncounted: Vec<String>,
}

/// Holds the record against the requests of one handshake.
///
/// Panics with all faults: an event of no request, two of one, a wrong item, a request that is neither
/// observed nor in a gap that counts it.
pub(crate) fn balance(records: &[Record], at: (&str, &str), asked: &[Asked]) -> Balance {
    let Account { sum, gaps, open, by_number, mut faults, .. } =
        account(records, at, asked, &[], code);
    for missing in open.values() {
        if !gaps.iter().any(|gap| covers(gap, missing.at)) {
            faults.push(format!("{} under {:?}: in no gap", missing.serial, missing.number));
        }
    }
    if sum.missed - by_number != u64::try_from(open.len()).unwrap() {
        let missing: Vec<_> = open.keys().collect();
        faults
            .push(format!("gaps count {}, beside {by_number} {missing:?} are missing", sum.missed));
    }
    assert!(faults.is_empty(), "{at:?}: {sum:?}\n{}", faults.join("\n"));
    sum
}

/// The same for a PLC whose program begins anew, or that does not count. What is missing in an outage in which it
/// began anew need not be counted, unless its run has numbers on record from before and from after it; nor has it to be
/// where a gap says that nobody knows how much is missing. Nothing is counted that is not missing.
pub(crate) fn balance_uncounted(
    records: &[Record],
    at: (&str, &str),
    asked: &[Asked],
    outages: &[Gap],
) -> Balance {
    balance_by(records, at, asked, outages, code)
}

/// The same for requests that do not say which item they mean: `told` says what they are known by instead.
pub(crate) fn balance_by(
    records: &[Record],
    at: (&str, &str),
    asked: &[Asked],
    outages: &[Gap],
    told: impl Fn(&TraceEvent) -> String,
) -> Balance {
    let Account { mut sum, gaps, open, by_number, seen, mut faults } =
        account(records, at, asked, outages, told);
    let within = |gaps: &[&Gap], at| gaps.iter().any(|gap| covers(gap, at));
    let countless: Vec<&Gap> = gaps.iter().copied().filter(|gap| gap.count.is_none()).collect();
    let outages: Vec<&Gap> = outages.iter().collect();
    let mut counted = 0;
    for ((_, name), missing) in &open {
        // The numbers of its run on record from before and from after it tell that it is missing.
        let compared = seen.get(&missing.run).is_some_and(|run| run.contains(&missing.at));
        if within(&countless, missing.at) || !compared && within(&outages, missing.at) {
            sum.uncounted.push(name.clone());
            continue;
        }
        counted += 1;
        if !within(&gaps, missing.at) {
            let Asked { run, number, at, .. } = missing;
            faults.push(format!("{name} under {number:?} of run {run} at {at}: in no gap"));
        }
    }
    let all = u64::try_from(open.len()).unwrap();
    if !(counted..=all).contains(&(sum.missed - by_number)) {
        let missing: Vec<_> = open.keys().collect();
        let said = format!("gaps count {}, beside {by_number} {all} are missing", sum.missed);
        let outages: Vec<_> = outages.iter().map(|gap| gap.interval).collect();
        faults.push(format!(
            "{said}, {counted} of them while the PLC was observed: {missing:?}; outages {outages:?}"
        ));
    }
    assert!(faults.is_empty(), "{at:?}: {sum:?}\n{}", faults.join("\n"));
    sum
}

/// The record beside the requests of one handshake.
struct Account<'a> {
    sum: Balance,
    /// The gaps of the handshake.
    gaps: Vec<&'a Gap>,
    /// What is neither recorded, nor set aside, nor counted by its number in a gap.
    open: BTreeMap<Key, &'a Asked>,
    /// So many are.
    by_number: u64,
    /// From when to when numbers of a run are on record.
    seen: BTreeMap<u64, Range<i64>>,
    faults: Vec<String>,
}

/// What most requests are known by: the code of their item.
fn code(event: &TraceEvent) -> String {
    event.what.items()[0].code.to_string()
}

fn account<'a>(
    records: &'a [Record],
    at: (&str, &str),
    asked: &'a [Asked],
    outages: &[Gap],
    told: impl Fn(&TraceEvent) -> String,
) -> Account<'a> {
    let (mut faults, counts) = (Vec::new(), asked.iter().any(|a| a.number.is_some()));
    let mut open: BTreeMap<Key, &Asked> = asked.iter().map(|a| (a.key(), a)).collect();
    let mut sum = Balance { asked: asked.len(), ..Balance::default() };
    let mut gaps = Vec::new();
    for record in records {
        match &record.body {
            Body::Trace(event) => {
                let Some(mark) = event.handshake.as_ref().filter(|m| is(&m.key, at)) else {
                    continue;
                };
                let item = told(event);
                sum.observed += 1;
                let number = Some(mark.key.number.0).filter(|_| counts);
                if open.remove(&(number, item.clone())).is_none() {
                    faults.push(format!("{item} under {:?}: nobody asked, or twice", mark.key));
                }
            }
            Body::Quarantine(aside) => {
                let Some(mark) = aside.handshake.as_ref().filter(|m| is(&m.key, at)) else {
                    continue;
                };
                sum.quarantined += 1;
                let number = Some(mark.key.number.0);
                // Each run of a program begins to count anew: it is the last one that had asked by then.
                let meant =
                    open.values().filter(|one| one.number == number && one.at <= record.at.wall.0);
                let key = meant.max_by_key(|one| one.at).map(|one| one.key());
                if key.and_then(|key| open.remove(&key)).is_none() {
                    faults.push(format!("set aside under {:?}: nobody asked", mark.key));
                }
            }
            Body::Gap(gap) if gap.source == source(at) => gaps.push(gap),
            Body::Gap(_)
            | Body::Epoch(_)
            | Body::Verdict(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
    }
    sum.missed = gaps.iter().filter_map(|gap| gap.count).sum();
    let (seen, mut by_number) = (seen(asked, &open), 0);
    for (gap, number) in gaps.iter().flat_map(|gap| numbers(gap).map(move |n| (gap, n))) {
        let is_meant = |one: &&&Asked| one.number.is_some_and(|n| n % WRAP == number);
        // What was found when the device was observed again may be counted from then on. Of two runs with this
        // number it is the last: what comes next is known.
        let [here, before] = [std::slice::from_ref(*gap), outages].map(|gaps| {
            let within = open.values().filter(|one| gaps.iter().any(|gap| covers(gap, one.at)));
            within.filter(is_meant).max_by_key(|one| one.at).map(|one| one.key())
        });
        let meant = here.or(before);
        if meant.and_then(|key| open.remove(&key)).is_none() {
            faults.push(format!("number {number} is not missing: {gap:?}"));
        }
        by_number += 1;
    }
    Account { sum, gaps, open, by_number, seen, faults }
}

/// From when to when numbers of each run are on record.
fn seen(asked: &[Asked], open: &BTreeMap<Key, &Asked>) -> BTreeMap<u64, Range<i64>> {
    let mut seen: BTreeMap<u64, Range<i64>> = BTreeMap::new();
    for one in asked.iter().filter(|a| a.number.is_some() && !open.contains_key(&a.key())) {
        seen.entry(one.run).or_insert(one.at..one.at).end = one.at;
    }
    seen
}

/// The numbers that a gap counts, as far as it says which.
fn numbers(gap: &Gap) -> impl Iterator<Item = u64> {
    let first = gap.first.map_or(0, |first| first.0);
    (0..gap.first.and(gap.count).unwrap_or(0)).map(move |n| first.wrapping_add(n) % WRAP)
}

fn is(key: &pedigree::model::HandshakeKey, (station, handshake): (&str, &str)) -> bool {
    (key.station.as_str(), key.handshake.as_str()) == (station, handshake)
}

/// The gaps of a handshake that ended.
pub(crate) fn gaps_of_handshake(records: &[Record], at: (&str, &str)) -> Vec<Gap> {
    let of_it = |record: &Record| {
        let Body::Gap(gap) = &record.body else { return None };
        (gap.source == source(at) && gap.interval.to.is_some()).then(|| gap.clone())
    };
    records.iter().filter_map(of_it).collect()
}

fn source((station, handshake): (&str, &str)) -> GapSource {
    GapSource::Handshake(
        pedigree::model::StationId::parse(station).unwrap(),
        pedigree::model::HandshakeId::parse(handshake).unwrap(),
    )
}

/// Whether a moment lies in a gap.
pub(crate) fn covers(gap: &Gap, at: i64) -> bool {
    let from = gap.interval.from.0 - TOLERANCE_NS;
    let to = gap.interval.to.map_or(i64::MAX, |to| to.0 + TOLERANCE_NS);
    (from..=to).contains(&at)
}

/// The gaps of a device as they ended; panics if one is still open.
pub(crate) fn gaps_of(records: &[Record], device: &str) -> Vec<Gap> {
    let (mut ended, mut open) = (Vec::new(), BTreeSet::new());
    for record in records {
        let Body::Gap(gap) = &record.body else { continue };
        if !matches!(&gap.source, GapSource::Device(id) if id.as_str() == device) {
            continue;
        }
        if gap.interval.to.is_some() {
            open.remove(&gap.interval.from);
            ended.push(gap.clone());
        } else {
            open.insert(gap.interval.from);
        }
    }
    assert!(open.is_empty(), "gaps of {device} that never closed: {open:?}");
    ended
}

/// How often gaps of a device had each cause.
pub(crate) fn causes(gaps: &[Gap]) -> BTreeMap<GapCause, usize> {
    let mut causes = BTreeMap::new();
    for gap in gaps {
        *causes.entry(gap.cause).or_default() += 1;
    }
    causes
}
