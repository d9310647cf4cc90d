//! The record of the soak against the lists of its PLCs.
use super::Plc;
use super::carriers;
use super::fault::Kind;
use crate::support::balance::{
    Balance, TOLERANCE_NS, asked, balance, balance_uncounted, causes, covers, gaps_of,
    gaps_of_handshake,
};
use crate::support::truth;
use pedigree::model::{
    Body, DeviceId, Gap, GapCause, GapSource, Interval, Measurement, MountUse, PhaseSummary,
    Record, Result as Outcome, TraceEvent, Utc, What,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Panics with all that is wrong.
pub(super) fn check(plcs: &[Plc], records: &[Record]) {
    let mut faults = Vec::new();
    for plc in plcs {
        let (parts, gaps) = (plc.parts(), gaps_of(records, &plc.device));
        let begun = truth::begun_anew(&plc.truth).len();
        println!(
            "{}: {begun} times begun anew; {} parts; gaps {:?}",
            plc.device,
            parts.len(),
            causes(&gaps)
        );
        match plc.kind {
            Kind::Press => {
                for name in ["admit", "result"] {
                    let names = [name, &format!("{name}_number"), &format!("t_{name}")];
                    account(plc, &parts, "PRESS10", names, records);
                }
                press(&mut faults, plc, &parts, records);
            }
            Kind::Hurried => hurried(&mut faults, plc, &gaps, records),
            Kind::Assembly => assembly(&mut faults, plc, &parts, records),
            Kind::Filler => filler(&mut faults, plc, &parts, &gaps, records),
            Kind::Patterns | Kind::Registers => patterns(&mut faults, plc, &parts, &gaps, records),
            Kind::Kettles | Kind::NodeKettles => {
                let gaps = [gaps, gaps_of_words(records, &plc.device)].concat();
                kettles(&mut faults, plc, &gaps, records);
            }
            Kind::Results => results(&mut faults, plc, &parts, gaps, records),
            Kind::Loading => carriers::check(&mut faults, plcs, records),
            // With those of the PLC that loads them.
            Kind::Welding => {}
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The account of one handshake of a PLC that retains its words: who is waited for loses nothing.
fn account(plc: &Plc, parts: &[Value], station: &str, names: [&str; 3], records: &[Record]) {
    let [handshake, number, time] = names;
    let station = format!("{station}{}", plc.series);
    let at = (station.as_str(), handshake);
    let sum = balance(records, at, &asked(parts, number, time));
    println!("{}.{}: {sum:?}", at.0, at.1);
    let whole = Balance { asked: sum.asked, observed: sum.asked, ..Balance::default() };
    assert_eq!(sum, whole, "{at:?}");
}

/// Gaps in which the program of a PLC began anew: numbers of two runs are not compared, so that what is
/// missing there is not counted. If it was switched off as soon as it was seen for the first time, what it
/// had asked until then went with it.
pub(super) fn begun_anew(plc: &Plc, gaps: &[Gap], records: &[Record]) -> Vec<Gap> {
    let begun = truth::begun_anew(&plc.truth);
    let anew = gaps.iter().filter(|gap| begun.iter().any(|at| covers(gap, *at)));
    let mut anew: Vec<Gap> = anew.cloned().collect();
    let first = first_contact(plc, records).unwrap();
    if anew.iter().any(|gap| covers(gap, first)) {
        anew.push(before_contact(plc, records));
    }
    anew
}

/// It waits for nobody: each handshake is recorded, counted in a gap, or was when its program began anew.
fn hurried(faults: &mut Vec<String>, plc: &Plc, gaps: &[Gap], records: &[Record]) {
    let (all, gaps) = (truth::asked(&plc.truth), begun_anew(plc, gaps, records));
    for name in ["admit", "result"] {
        let of = |part: &&Value| part["handshake"] == name;
        let shown: Vec<Value> = all.iter().filter(of).cloned().collect();
        let at = (format!("PRESS10{}", plc.series), name);
        let wanted = asked(&shown, "number", "at");
        let sum = balance_uncounted(records, (&at.0, name), &wanted, &gaps);
        println!("{}.{name}: {sum:?}", at.0);
    }
    press(faults, plc, &all, records);
}

/// What waits and is done is recorded; all that is lost, and what is asked when the PLC is switched off, is
/// in a gap.
fn patterns(
    faults: &mut Vec<String>,
    plc: &Plc,
    parts: &[Value],
    gaps: &[Gap],
    records: &[Record],
) {
    let all = truth::asked(&plc.truth);
    // What went by before anybody had ever looked, and is not found, is no loss; a ring that still had it may
    // have its number counted all the same.
    let gaps = [gaps, &[before_contact(plc, records)]].concat();
    for station in ["RING", "TURN", "STATE", "PULSE", "BARE"] {
        let name = format!("{station}{}", plc.series);
        let shown = truth::of(&all, &name);
        assert!(!shown.is_empty(), "{name} did nothing");
        let wanted = asked(&shown, "number", "at");
        let sum = balance_uncounted(records, (&name, "result"), &wanted, &gaps);
        println!("{name}: {sum:?}");
        let by_serial: BTreeMap<_, _> =
            shown.iter().map(|p| (p["serial"].as_str().unwrap(), p)).collect();
        for event in at(records, &name) {
            let What::Complete { item, measurements, .. } = &event.what else { continue };
            let part = by_serial[item.code.as_str()];
            if value(measurements, "value") != part["value"].as_f64() {
                faults.push(format!("{item:?}: {measurements:?}, the PLC says {part}"));
            }
        }
        if matches!(station, "TURN" | "STATE") {
            answered(faults, &truth::of(parts, &name), &name, records);
        }
    }
}

/// What a PLC was answered is recorded.
fn answered(faults: &mut Vec<String>, parts: &[Value], station: &str, records: &[Record]) {
    let items = at(records, station).flat_map(|event| event.what.items());
    let recorded: BTreeSet<_> = items.map(|item| item.code.as_str()).collect();
    let missing = |part: &&Value| !recorded.contains(part["serial"].as_str().unwrap());
    let missing = parts.iter().filter(missing);
    faults.extend(missing.map(|part| format!("{part}: answered, and not recorded")));
}

fn press(faults: &mut Vec<String>, plc: &Plc, parts: &[Value], records: &[Record]) {
    let by_serial: BTreeMap<_, _> =
        parts.iter().map(|p| (p["serial"].as_str().unwrap(), p)).collect();
    for event in at(records, &format!("PRESS10{}", plc.series)) {
        let What::Complete { item, measurements, mounts, .. } = &event.what else { continue };
        let part = by_serial[item.code.as_str()];
        for name in ["force", "temp"] {
            if value(measurements, name) != part[name].as_f64() {
                faults.push(format!("{item:?}: {name} {measurements:?}, the PLC says {part}"));
            }
        }
        if !is_right(mounts, part["coil_lot"].as_str().unwrap()) {
            faults.push(format!("{item:?}: made of {mounts:?}, the PLC says {part}"));
        }
    }
}

/// A certain link is right; one of several has the right one among them.
fn is_right(mounts: &[MountUse], lot: &str) -> bool {
    let certain = mounts.iter().all(|used| !used.one_of);
    mounts.iter().any(|used| used.lot.code.as_str() == lot) && (!certain || mounts.len() == 1)
}

fn assembly(faults: &mut Vec<String>, plc: &Plc, parts: &[Value], records: &[Record]) {
    for step in ["fit", "glue", "done"] {
        let names = [step, &format!("{step}_number"), &format!("t_{step}")];
        account(plc, parts, "ASM20", names, records);
    }
    let by_serial: BTreeMap<_, _> =
        parts.iter().map(|p| (p["serial"].as_str().unwrap(), p)).collect();
    for event in at(records, &format!("ASM20{}", plc.series)) {
        let part = by_serial[event.what.items()[0].code.as_str()];
        let near = |found: Option<f64>, name: &str| {
            (found.unwrap_or_default() - part[name].as_f64().unwrap()).abs() < 1e-6
        };
        let right = if let What::Install { child, .. } = &event.what {
            child.code.as_str() == part["child"]
        } else if let What::Consume { consumed, .. } = &event.what {
            let grams = consumed.amount.as_ref().map(|amount| amount.value);
            consumed.lot.code.as_str() == part["glue_lot"] && near(grams, "grams")
        } else if let What::Complete { measurements, .. } = &event.what {
            near(value(measurements, "torque"), "torque")
        } else {
            false
        };
        if !right {
            faults.push(format!("{:?}: the PLC says {part}", event.what));
        }
    }
}

/// What was answered is recorded; what is asked when it is switched off, and not answered, may be.
fn filler(faults: &mut Vec<String>, plc: &Plc, parts: &[Value], gaps: &[Gap], records: &[Record]) {
    let (all, gaps) = (truth::asked(&plc.truth), begun_anew(plc, gaps, records));
    let station = format!("FILL30{}", plc.series);
    let wanted = asked(&all, "done_number", "t_done");
    let sum = balance_uncounted(records, (&station, "done"), &wanted, &gaps);
    println!("{station}: {sum:?}");
    answered(faults, parts, &station, records);
    let by_serial: BTreeMap<_, _> =
        all.iter().map(|p| (p["serial"].as_str().unwrap(), p)).collect();
    for event in at(records, &station) {
        let What::Complete { item, measurements, .. } = &event.what else { continue };
        let part = by_serial[item.code.as_str()];
        let (told, truth) = (value(measurements, "torque"), part["torque"].as_f64().unwrap());
        if told.is_none_or(|told| (told - truth).abs() > 1e-4) {
            faults.push(format!("{item:?}: {measurements:?}, the PLC says {part}"));
        }
    }
}

/// Each batch has one event of its own time, or was not observed whole, and then a gap says so. One that was
/// cut off has none.
fn kettles(faults: &mut Vec<String>, plc: &Plc, gaps: &[Gap], records: &[Record]) {
    // Told once when it begins, and once more when it ends: the last line has all.
    let all = truth::asked(&plc.truth);
    let mut open: BTreeMap<_, _> = all.iter().map(|p| (p["serial"].as_str().unwrap(), p)).collect();
    let (many, names): (_, BTreeSet<_>) =
        (open.len(), all.iter().map(|p| p["kettle"].as_str().unwrap()).collect());
    for kettle in names {
        for event in at(records, kettle) {
            let What::Complete { item, phase: Some(phase), .. } = &event.what else { continue };
            match open.remove(item.code.as_str()) {
                Some(part) if part["kettle"] == kettle && is_when(phase, part) => {}
                found => faults.push(format!("{item:?} {phase:?}: the PLC says {found:?}")),
            }
        }
    }
    // What cooked before anybody had ever looked is no loss.
    let first = first_contact(plc, records);
    open.retain(|_, part| part["t_begin"].as_i64() > first);
    // Set aside with its times: somebody will look.
    let aside: BTreeSet<_> = records.iter().filter_map(set_aside).collect();
    open.retain(|_, part| {
        let end = part["t_end"].as_i64();
        end.is_none() || !aside.contains(&(part["kettle"].as_str().unwrap(), end))
    });
    let cut = open.values().filter(|part| part["t_end"].is_null()).count();
    println!(
        "{}: {} of {many} batches were not observed whole, {cut} cut off",
        plc.device,
        open.len()
    );
    let anew = truth::begun_anew(&plc.truth);
    for part in open.values() {
        let begin = part["t_begin"].as_i64().unwrap();
        let cut = || anew.iter().copied().find(|at| *at > begin);
        let end = part["t_end"].as_i64().or_else(cut).unwrap();
        let inside = |gap: &Gap| (begin..=end).contains(&gap.interval.from.0);
        if !gaps.iter().any(|gap| covers(gap, begin) || covers(gap, end) || inside(gap)) {
            faults.push(format!("{part}: in no gap"));
        }
    }
}

/// Each result is recorded once and as it was, or was lost with the memory of its machine, in a gap, and
/// not acknowledged.
fn results(
    faults: &mut Vec<String>,
    plc: &Plc,
    parts: &[Value],
    mut gaps: Vec<Gap>,
    records: &[Record],
) {
    let station = format!("BOLT{}", plc.series);
    gaps.extend(gaps_of_handshake(records, (&station, "result")));
    let mut open: BTreeMap<_, _> =
        parts.iter().map(|part| (part["serial"].as_str().unwrap(), part)).collect();
    let many = open.len();
    for event in at(records, &station) {
        let What::Complete { item, result, measurements, .. } = &event.what else { continue };
        let is_told = |part: &Value| {
            let good = if part["good"] == true { Outcome::Pass } else { Outcome::Fail };
            *result == Some(good) && value(measurements, "torque") == part["value"].as_f64()
        };
        match open.remove(item.code.as_str()) {
            Some(part) if is_told(part) => {}
            found => faults.push(format!("{:?}: the machine says {found:?}", event.what)),
        }
    }
    let lines = truth::lines(&plc.truth);
    let acknowledged: BTreeSet<_> =
        lines.iter().filter_map(|line| line["acknowledged"].as_str()).collect();
    let aside = |record: &&Record| matches!(&record.body, Body::Quarantine(q) if q.station.as_str() == station);
    faults.extend(records.iter().filter(aside).map(|record| format!("set aside: {record:?}")));
    println!("{station}: {} of {many} results were lost", open.len());
    let (first, begun) = (first_contact(plc, records), truth::begun_anew(&plc.truth));
    for part in open.values() {
        let made = part["at"].as_i64().unwrap();
        if acknowledged.contains(part["name"].as_str().unwrap()) {
            faults.push(format!("{part}: acknowledged, and not recorded"));
        } else if !begun.iter().any(|at| *at > made) {
            faults.push(format!("{part}: the machine has it, and it is not recorded"));
        } else if Some(made) > first && !gaps.iter().any(|gap| covers(gap, made)) {
            faults.push(format!("{part}: in no gap"));
        }
    }
}

/// When a device was looked at for the first time.
fn first_contact(plc: &Plc, records: &[Record]) -> Option<i64> {
    let of_it = |record: &&Record| matches!(&record.body, Body::Epoch(epoch) if epoch.device.as_str() == plc.device);
    records.iter().find(of_it).map(|record| record.at.wall.0)
}

/// The time before that, as if it were a gap; it ends where nothing of it can be later.
fn before_contact(plc: &Plc, records: &[Record]) -> Gap {
    let to = first_contact(plc, records).unwrap() - TOLERANCE_NS;
    Gap {
        source: GapSource::Device(DeviceId::parse(&plc.device).unwrap()),
        interval: Interval { from: Utc(0), to: Some(Utc(to)) },
        cause: GapCause::Stopped,
        count: None,
        stations: Vec::new(),
        first: None,
    }
}

/// The gaps of single words of a device.
fn gaps_of_words(records: &[Record], device: &str) -> Vec<Gap> {
    let of_word = |record: &Record| {
        let Body::Gap(gap) = &record.body else { return None };
        let here = matches!(&gap.source, GapSource::Tag(id, _) if id.as_str() == device);
        here.then(|| gap.clone())
    };
    records.iter().filter_map(of_word).collect()
}

/// Where a phase was set aside, and when it ended.
fn set_aside(record: &Record) -> Option<(&str, Option<i64>)> {
    let Body::Quarantine(aside) = &record.body else { return None };
    let end = aside.phase.as_ref()?.interval.to.map(|to| to.0);
    Some((aside.station.as_str(), end))
}

fn is_when(phase: &PhaseSummary, part: &Value) -> bool {
    let times = (Some(phase.interval.from.0), phase.interval.to.map(|to| to.0));
    times == (part["t_begin"].as_i64(), part["t_end"].as_i64())
}

/// What happened to items at a station.
pub(super) fn at<'a>(records: &'a [Record], station: &str) -> impl Iterator<Item = &'a TraceEvent> {
    records.iter().filter_map(move |record| {
        let Body::Trace(event) = &record.body else { return None };
        let feeder =
            matches!(event.what, What::Mount { .. } | What::Unmount { .. } | What::Note { .. });
        let here = event.station.as_ref().is_some_and(|s| s.as_str() == station);
        (here && !feeder).then_some(event)
    })
}

fn value(measurements: &[Measurement], name: &str) -> Option<f64> {
    measurements.iter().find(|m| m.name.as_str() == name)?.value.number()
}
