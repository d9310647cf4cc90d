//! The account of a handshake: what its PLC asked for is observed, once and rightly, or is in a gap.
use pedigree::model::{Body, Gap, GapCause, GapSource, Record, TraceEvent};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// By how much the PLC's clock and the record's may differ: both read the same clock, the PLC a
/// moment before its words can be seen.
pub(crate) const TOLERANCE_NS: i64 = 1_000_000_000;

/// What a PLC asked for by one handshake, as it wrote it down; without a number if it has none.
pub(crate) struct Asked {
    number: Option<u64>,
    serial: String,
    at: i64,
}

/// Requests of a handshake from the lines of a truth: its number in `number`, its time in `time`.
pub(crate) fn asked(parts: &[Value], number: &str, time: &str) -> Vec<Asked> {
    let one = |part: &Value| Asked {
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
}

/// Holds the record against the requests of one handshake.
///
/// Panics with all faults: an event of no request, two of one, a wrong item, a request that is neither
/// observed nor in a gap that counts it.
pub(crate) fn balance(records: &[Record], at: (&str, &str), asked: &[Asked]) -> Balance {
    let Account { sum, gaps, open, mut faults } = account(records, at, asked, code);
    for missing in open.values() {
        if !gaps.iter().any(|gap| covers(gap, missing.at)) {
            faults.push(format!("{} under {:?}: in no gap", missing.serial, missing.number));
        }
    }
    if sum.missed != u64::try_from(open.len()).unwrap() {
        let missing: Vec<_> = open.keys().collect();
        faults.push(format!("gaps count {}, missing are {missing:?}", sum.missed));
    }
    assert!(faults.is_empty(), "{at:?}: {sum:?}\n{}", faults.join("\n"));
    sum
}

/// The same for a PLC whose program begins anew, or that does not count: what is missing while it was not
/// observed, or where a gap says that nobody knows how much is missing, need not be counted. Nothing is
/// counted that is not missing.
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
    let Account { sum, gaps, open, mut faults } = account(records, at, asked, told);
    let unknown: Vec<&Gap> =
        gaps.iter().copied().filter(|gap| gap.count.is_none()).chain(outages).collect();
    let mut counted = 0;
    for missing in open.values() {
        if unknown.iter().any(|gap| covers(gap, missing.at)) {
            continue;
        }
        counted += 1;
        if !gaps.iter().any(|gap| covers(gap, missing.at)) {
            faults.push(format!("{} under {:?}: in no gap", missing.serial, missing.number));
        }
    }
    let all = u64::try_from(open.len()).unwrap();
    if !(counted..=all).contains(&sum.missed) {
        let missing: Vec<_> = open.keys().collect();
        let said = format!("gaps count {}, missing are {all}, {counted} of them", sum.missed);
        faults.push(format!("{said} while the PLC was observed: {missing:?}"));
    }
    assert!(faults.is_empty(), "{at:?}: {sum:?}\n{}", faults.join("\n"));
    sum
}

/// The record beside the requests of one handshake.
struct Account<'a> {
    sum: Balance,
    /// The gaps of the handshake.
    gaps: Vec<&'a Gap>,
    /// What is neither recorded nor set aside.
    open: BTreeMap<(Option<u64>, String), &'a Asked>,
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
    told: impl Fn(&TraceEvent) -> String,
) -> Account<'a> {
    let mut faults = Vec::new();
    let counts = asked.iter().any(|a| a.number.is_some());
    let mut open: BTreeMap<(Option<u64>, String), &Asked> =
        asked.iter().map(|a| ((a.number, a.serial.clone()), a)).collect();
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
                let key = open.keys().find(|(of, _)| *of == number).cloned();
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
            | Body::Audit(_) => {}
        }
    }
    sum.missed = gaps.iter().filter_map(|gap| gap.count).sum();
    Account { sum, gaps, open, faults }
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
