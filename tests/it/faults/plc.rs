//! PLCs that stop, come back as somebody else, or say what cannot be.
use super::{Plant, patiently};
use crate::support::truth;
use pedigree::model::{
    Body, EpochCause, Quality, Quarantine, QuarantineCause, Rule, Severity, TraceEvent, Value,
    Verdict, VerdictEvent, What,
};
use std::time::Duration;

#[test]
fn a_plc_that_is_off_is_a_gap_and_costs_no_part() {
    let Some(mut plant) = Plant::start_patient(12) else { return };
    plant.line.press.kill();
    plant.lost("press");
    plant.line.press.again();
    plant.live("press");
    plant.pressed(6);
    plant.line.assembly.kill();
    plant.lost("assembly");
    plant.line.assembly.again();
    plant.live("assembly");
    let outcome = plant.end_whole();
    for device in ["press", "assembly"] {
        assert_eq!(outcome.gaps(device).len(), 1, "{device}");
        let begun = |body: &Body| {
            let Body::Epoch(epoch) = body else { return false };
            epoch.device.as_str() == device && epoch.cause == EpochCause::RestartWord
        };
        let epochs = outcome.records.iter().filter(|record| begun(&record.body)).count();
        assert_eq!(epochs, 1, "{device}");
    }
}

/// Its sockets are open and its system answers for it, but nothing runs.
#[test]
fn a_plc_that_is_frozen_is_silent_and_costs_no_part() {
    let Some(plant) = Plant::start(12) else { return };
    plant.line.press.signal("-STOP");
    plant.line.assembly.signal("-STOP");
    plant.lost("press");
    plant.lost("assembly");
    plant.line.press.signal("-CONT");
    plant.line.assembly.signal("-CONT");
    let outcome = plant.end_whole();
    assert!(!outcome.gaps("press").is_empty() && !outcome.gaps("assembly").is_empty());
}

/// Where the press was now stand nodes of the same names with other values.
#[test]
fn a_namespace_that_moved_is_found_again_and_no_wrong_tag_is_read() {
    let Some(mut plant) = Plant::start(12) else { return };
    let before = plant.line.press.up["namespace"].clone();
    plant.line.press.control("decoys 3");
    plant.line.press.kill();
    plant.line.press.again();
    assert_ne!(before, plant.line.press.up["namespace"], "it did not move");
    let outcome = plant.end_whole();
    let decoys = outcome.records.iter().filter(|r| format!("{r:?}").contains("DECOY")).count();
    assert_eq!(decoys, 0);
}

/// After a download the serial is bytes and the force a text.
#[test]
fn a_word_of_another_type_is_set_aside_and_not_guessed() {
    let Some(mut plant) = Plant::start_with(12, |_| {}, &[]) else { return };
    let mut reload = |parts: usize, words: &[&str]| {
        plant.press_until(parts);
        for word in words {
            plant.line.press.control(&format!("kind {word}"));
        }
        plant.line.press.kill();
        plant.line.press.again();
    };
    reload(4, &["Result.Serial ByteString"]);
    reload(7, &["Result.Serial String", "Result.Force String"]);
    reload(10, &["Result.Force Double"]);
    plant.line.press.control("pause off");
    let outcome = plant.end();
    let sums = outcome.balances();
    println!("{sums:?}");
    assert_eq!((sums[1].observed, sums[1].quarantined, sums[1].missed), (9, 3, 0));
    let aside = outcome.records.iter().filter_map(|record| {
        let Body::Quarantine(aside) = &record.body else { return None };
        Some(aside)
    });
    let aside: Vec<&Quarantine> = aside.collect();
    for (part, aside) in outcome.press[4..7].iter().zip(&aside) {
        let QuarantineCause::Word(word) = &aside.cause else { panic!("{aside:?}") };
        let raw = aside.raw.iter().find(|raw| raw.tag == *word).unwrap();
        let serial = part["serial"].as_str().unwrap();
        assert_eq!(raw.value, Value::Bytes(serial.as_bytes().to_vec()), "{word}");
    }
    for part in &outcome.press[7..10] {
        let (serial, force) = (part["serial"].as_str().unwrap(), part["force"].to_string());
        let event = outcome.complete("PRESS10", serial);
        assert_eq!(measured(event, "force"), (Value::Text(force), Quality::BAD_TYPE));
        assert!(event.remarks.iter().any(|r| r.quality == Quality::BAD_TYPE), "{event:?}");
    }
}

/// Nothing fires, and that nothing can is told; with the right type again the part that waited comes.
#[test]
fn a_trigger_of_another_type_is_a_gap_and_costs_no_part() {
    let Some(mut plant) = Plant::start(10) else { return };
    let reload = |plant: &mut Plant, kind: &str| {
        plant.line.press.control(&format!("kind Result.Count {kind}"));
        plant.line.press.kill();
        plant.line.press.again();
        plant.line.press.control("pause off");
    };
    reload(&mut plant, "String");
    plant.unobserved(1);
    reload(&mut plant, "UInt32");
    let outcome = plant.end_whole();
    assert!(outcome.unobserved() >= 1);
}

/// What a sensor that is broken or not plausible says is kept to the bit, and judged by nobody.
#[test]
fn numbers_that_are_none_are_kept_to_the_bit_and_enter_no_statistics() {
    let with_range = |[press, _]: &mut [String; 2]| {
        let tag = "[device.press.tags.\"Result.Force\"]\nrange = [0, 100]\n\n[station.PRESS10]";
        let judged = "low = 40, high = 60, drift = \"one false alarm in 30d\"";
        *press =
            press.replacen("[station.PRESS10]", tag, 1).replacen("low = 40, high = 60", judged, 1);
    };
    let Some(plant) = Plant::start_with(14, with_range, &[]) else { return };
    // Only the last is a number of this world, and too high.
    let all = ["nan", "inf", "-inf", "1e308", "-0.5", "70"];
    for (n, told) in all.into_iter().enumerate() {
        plant.press_until(4 + n);
        plant.line.press.control(&format!("force Result.Force {told}"));
    }
    plant.press_until(4 + all.len());
    plant.line.press.control("force Result.Force off");
    plant.line.press.control("pause off");
    let outcome = plant.end();
    for (part, told) in outcome.press[4..].iter().zip(all) {
        let event = outcome.complete("PRESS10", part["serial"].as_str().unwrap());
        let (value, quality) = measured(event, "force");
        let (Value::Real(found), wanted) = (value, told.parse::<f64>().unwrap()) else {
            panic!("{event:?}")
        };
        assert_eq!(found.to_bits(), wanted.to_bits(), "{told}");
        assert_eq!(quality, if told == "70" { Quality::GOOD } else { Quality::BAD_RANGE });
    }
    let judged = outcome.records.iter().filter_map(|record| {
        let Body::Verdict(event) = &record.body else { return None };
        let spoke = matches!(event.verdict, Verdict::Warning | Verdict::Drift);
        spoke.then_some(event.item.as_ref()).flatten().map(|item| item.code.to_string())
    });
    let wanted = outcome.press[4 + all.len() - 1]["serial"].as_str().unwrap();
    assert_eq!(judged.collect::<Vec<_>>(), [wanted]);
}

/// A sensor that fails is a warning once it has lasted, and a machine that is off is none.
#[test]
fn a_watched_value_that_stays_bad_is_missing_until_it_is_good_and_an_outage_is_only_a_gap() {
    let with_missing = |files: &mut [String; 2]| {
        patiently(files);
        files[0] = files[0].replace("eu = \"Cel\" }", "eu = \"Cel\", missing = \"2s\" }");
    };
    let Some(mut plant) = Plant::start_with(6, with_missing, &[]) else { return };
    plant.line.press.kill();
    plant.lost("press");
    // Longer than a value may be missing.
    std::thread::sleep(Duration::from_secs(3));
    plant.line.press.again();
    plant.live("press");
    plant.press_until(4);
    let condition = |plant: &Plant, wanted: &str| {
        plant.wait(&format!("the temperature is {wanted}"), || {
            let all = plant.daemon.get("/api/v1/conditions");
            let temp = all["body"].as_array()?.iter().find(|c| c["monitor"] == "temp")?;
            (temp["verdict"] == wanted && temp["rule"] == "missing").then_some(())
        });
    };
    // A machine that is slow enough may have missed it after the outage.
    condition(&plant, "in-control");
    plant.line.press.control("bad Temp on");
    condition(&plant, "warning");
    plant.line.press.control("bad Temp off");
    condition(&plant, "in-control");
    plant.line.press.control("pause off");
    let lines = truth::lines(&plant.line.press_truth);
    let bad = lines.iter().filter(|line| line["bad"] == "Temp");
    let bad: Vec<i64> = bad.map(|line| line["at"].as_i64().unwrap()).collect();
    let [on, off] = bad[..] else { panic!("{bad:?}") };
    let outcome = plant.end();
    let gaps = outcome.gaps("press");
    let [gap] = &gaps[..] else { panic!("{gaps:?}") };
    let outage = gap.interval.from..gap.interval.to.unwrap();
    let said = outcome.records.iter().filter_map(|record| {
        let Body::Verdict(event) = &record.body else { return None };
        (event.rule == Rule::Missing).then_some((record.at.wall, event))
    });
    let said: Vec<_> = said.collect();
    let is_warning = |event: &VerdictEvent| event.verdict == Verdict::Warning;
    for (at, event) in said.iter().filter(|(_, event)| is_warning(event)) {
        let since = event.onset.unwrap().estimate;
        assert!(!outage.contains(at) && !outage.contains(&since), "{event:?}");
    }
    // `BadSensorFailure`, as the PLC says.
    let failure = Some(Quality(0x808C_0000));
    let failed = |n: &usize| is_warning(said[*n].1) && said[*n].1.quality == failure;
    let failed: Vec<usize> = (0..said.len()).filter(failed).collect();
    let [failed] = failed[..] else { panic!("{said:?}") };
    let [(warned, warning), (ended, end)] = said[failed..] else { panic!("{said:?}") };
    assert_eq!(end.verdict, Verdict::InControl);
    assert!(warned.0 >= on && ended.0 >= off, "bad from {on} to {off}: {said:?}");
    let (seconds, lasted) = (warning.statistic.unwrap(), end.statistic.unwrap());
    assert!(seconds >= 2.0 && lasted >= seconds, "{said:?}");
}

/// A trigger that is bad or uncertain fires nothing, and when it is good again nothing fires twice.
#[test]
fn a_trigger_that_is_not_good_fires_nothing_and_repeats_nothing() {
    let Some(plant) = Plant::start_with(14, |_| {}, &[]) else { return };
    for (parts, word) in [(4, "on"), (7, "uncertain")] {
        plant.press_until(parts);
        plant.line.press.control(&format!("bad Result.Count {word}"));
        plant.line.press.control(&format!("pause {}", parts + 1));
        plant.unobserved(if word == "on" { 1 } else { 2 });
        // The part comes, is admitted, and is presented under a number that nobody may trust.
        plant.wait("the result is presented", || {
            plant.line.press.control("stats").contains("\"phase\": \"result\"").then_some(())
        });
        let seen = plant.line.press.control("stats");
        assert_eq!(
            truth::parts(&plant.line.press_truth).len(),
            parts,
            "it was acknowledged: {seen}"
        );
        plant.line.press.control("bad Result.Count off");
        plant.pressed(parts + 1);
        // Good, bad and good again without a new part.
        for again in ["on", "off", "uncertain", "off"] {
            plant.line.press.control(&format!("bad Result.Count {again}"));
        }
    }
    plant.press_until(10);
    plant.line.press.control("bad Result.Force on");
    plant.press_until(12);
    plant.line.press.control("bad Result.Force off");
    plant.line.press.control("pause off");
    let outcome = plant.end();
    assert!(outcome.unobserved() >= 2);
    for sum in outcome.balances() {
        assert_eq!((sum.observed, sum.missed), (sum.asked, 0), "{sum:?}");
    }
    for part in &outcome.press {
        let event = outcome.complete("PRESS10", part["serial"].as_str().unwrap());
        let (value, quality) = measured(event, "force");
        if outcome.press[10..12].contains(part) {
            assert_eq!((value, quality.severity()), (Value::Empty, Severity::Bad));
            assert!(event.remarks.iter().any(|r| r.tag.as_str().contains("Force")), "{event:?}");
        } else {
            assert_eq!(value, Value::Real(part["force"].as_f64().unwrap()));
        }
    }
}

fn measured(event: &TraceEvent, name: &str) -> (Value, Quality) {
    let What::Complete { measurements, .. } = &event.what else { panic!("{event:?}") };
    let found = measurements.iter().find(|m| m.name.as_str() == name).unwrap();
    (found.value.clone(), found.quality)
}
