//! The press of the simulated plant wears: whoever asks for its condition is told exactly the serials that were pressed since
//! it may have begun, every value as it was, and how well they fit; held against what the plant itself knows.
use super::support::daemon::{Daemon, Site};
use super::support::{LONG, PATIENCE, http, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions, DriftPlan, PartTruth};
use pedigree::model::Utc;
use pedigree::model::plant::Watched;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const PARTS: u64 = 170;
/// The baseline is of the first 50; so many more are good.
const DRIFT: DriftPlan = DriftPlan { after_parts: 100, sigma_per_part: 0.1 };
const CYCLE: Duration = Duration::from_millis(40);
const MONITOR: &str = "PRESS20.result.force";

/// What a verb of the command line answers.
fn pedigree(site: &Site, daemon: &Daemon, words: &[&str]) -> Value {
    let url = format!("http://{}", daemon.http());
    let verb = [&["--json", "--url", &url], words].concat();
    let said = site.command(&verb).output().unwrap();
    assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

fn listed(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().unwrap().iter()
}

fn words(value: &Value) -> BTreeSet<String> {
    listed(value).map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_press_that_wears_is_told_with_exactly_the_serials_that_were_pressed_since() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(5, daemon::clock());
    (options.cycle, options.drift, options.parts_max) = (CYCLE, Some(DRIFT), Some(PARTS));
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    runtime.spawn(plcs);
    let daemon = site.start();
    let mut progress = demo.progress();
    let wait = progress.wait_for(|through| *through >= PARTS);
    let done = runtime.block_on(async { tokio::time::timeout(LONG, wait).await.is_ok() });
    assert!(done, "the line stands still: {} parts", *demo.progress().borrow());
    daemon.caught_up();

    let drifting = pedigree(&site, &daemon, &["condition", "ls", "--verdict", "drift"]);
    let drifting: Vec<&Value> = listed(&drifting["body"]).collect();
    assert_eq!((drifting.len(), &drifting[0]["monitor"]), (1, &"result.force".into()));
    let shown = pedigree(&site, &daemon, &["condition", "show", MONITOR]);
    let body = &shown["body"];
    assert_eq!((&body["verdict"], &body["side"]), (&"drift".into(), &"low".into()));
    let [suspect] = &body["suspects"].as_array().unwrap()[..] else {
        panic!("wanted one window: {}", body["suspects"])
    };
    let from: Utc = suspect["window"]["interval"]["from"].as_str().unwrap().parse().unwrap();
    let truth = demo.truth();
    let pressed: Vec<(&PartTruth, Utc)> =
        truth.iter().filter_map(|row| Some((row, row.pressed_at?))).collect();
    let unit = |row: &PartTruth| row.part.unit.to_string();
    let since = pressed.iter().filter(|(_, at)| *at >= from).map(|(row, _)| unit(row));
    let named = words(&suspect["items"]);
    assert_eq!((&suspect["left_out"], &named), (&0.into(), &since.collect()));
    let worn = pressed.iter().filter(|(row, _)| row.part.drift_sigma > 0.0);
    let missed: Vec<String> =
        worn.map(|(row, _)| unit(row)).filter(|u| !named.contains(u)).collect();
    // What the bounds of a slow change may miss are its first parts, of which nobody can tell.
    println!(
        "{} are named, {} of the first worn ones are not: {missed:?}",
        named.len(),
        missed.len()
    );
    assert!(named.len() < pressed.len() && missed.len() <= 5, "{missed:?}");
    let asked = ["suspects", "--station", "PRESS20", "--limit", "1000"];
    assert_eq!(pedigree(&site, &daemon, &asked)["body"], body["suspects"], "one answer");

    let path = "/api/v1/conditions/PRESS20/result.force";
    let chart = daemon.get(&format!("{path}/chart?limit=1000"));
    let values: Vec<(String, f64)> = listed(&chart["body"]["values"])
        .map(|v| (v["item"].as_str().unwrap().to_owned(), v["value"].as_f64().unwrap()))
        .collect();
    assert_eq!(values.len(), pressed.len());
    for ((item, value), (row, _)) in values.iter().zip(&pressed) {
        assert_eq!(*item, unit(row));
        assert!((value - row.part.force_kn).abs() < 1e-3, "{item}: {value}");
    }
    let normal = &listed(&chart["body"]["baselines"]).next().unwrap()["centre_line"];
    assert!((normal.as_f64().unwrap() - values[0].1).abs() < 5.0, "{normal}");
    let oil = daemon.get("/api/v1/conditions/PRESS20/motor_temp/chart");
    assert!(oil["body"]["no_values"].as_str().unwrap().contains("on the tape"), "{oil}");

    fits_and_is_shown(&site, &daemon, pressed.len());
    rules_are_tried(&site, body, pressed.len());
    tags_are_tried(&site, daemon);
}

/// Of how many values it is computed how well they fit, and the pages.
fn fits_and_is_shown(site: &Site, daemon: &Daemon, count: usize) {
    let fit = pedigree(site, daemon, &["condition", "capability", MONITOR]);
    let rows: Vec<&Value> = listed(&fit["body"]["rows"]).collect();
    assert_eq!((rows.len(), &rows[0]["n"]), (1, &count.into()));
    let index = |name: &str| rows[0][name]["value"].as_f64().unwrap();
    // The force falls: from one part to the next it varies less than in all.
    assert!(index("cpk") > index("ppk") && index("pp") >= index("ppk"), "{fit}");

    let (code, page) = daemon.ask("/condition?station=PRESS20&monitor=result.force");
    assert!(code == 200 && page.contains("<svg") && page.contains("⚠ drift"), "{page}");
    let (_, start) = daemon.ask("/");
    assert!(start.contains("/condition?station=PRESS20&#38;monitor=result.force"), "{start}");
}

/// What `condition tune` answers of a monitor, and how it ends.
fn tune(site: &Site, words: &[&str]) -> (Option<i32>, Value) {
    let said = site.command(&[&["--json", "condition", "tune"], words].concat()).output().unwrap();
    let told = serde_json::from_slice(&said.stdout);
    (said.status.code(), told.unwrap_or_else(|_| String::from_utf8_lossy(&said.stderr).into()))
}

/// The rules in force are told to say of the record what they said live; others are told beside them.
fn rules_are_tried(site: &Site, live: &Value, count: usize) {
    let (code, told) = tune(site, &[MONITOR]);
    assert_eq!((code, &told["values"], &told["restarts"]), (Some(0), &count.into(), &0.into()));
    assert_eq!(told["completeness"], "complete", "{}", told["completeness"]);
    let rules = |row: &Value| row["rules"].to_string();
    assert_eq!(listed(&told["rows"]).map(rules).collect::<BTreeSet<_>>().len(), 6, "{told:#}");
    let in_force: Vec<&Value> =
        listed(&told["rows"]).filter(|row| row["in_force"] == true).collect();
    let [row] = in_force[..] else { panic!("{told:#}") };
    let [alarm] = &row["alarms"].as_array().unwrap()[..] else { panic!("{row:#}") };
    let spoke = listed(&live["verdicts"]).find(|said| said["verdict"] == "drift").unwrap();
    assert_eq!((&alarm["time"], &alarm["side"]), (&spoke["time"], &spoke["side"]), "{alarm:#}");
    assert_eq!(alarm["onset"], live["onset"], "{alarm:#}");
    let suspect = words(&live["suspects"][0]["items"]).len();
    assert_eq!((&alarm["suspects"]["count"], &row["suspects"]), (&suspect.into(), &suspect.into()));
    assert_eq!(row["learned"][0]["centre_line"], live["baselines"][0]["centre_line"]);
    // What looks for a smaller change finds the same one, and the promise is shared.
    let (_, both) = tune(site, &[MONITOR, "--rules", "ewma,cusum", "--catch", "0.5", "--rearm"]);
    let row = listed(&both["rows"]).find(|row| row["in_force"] == false).unwrap();
    assert_eq!(
        (row["rules"].to_string(), &row["catch"]),
        (r#"["ewma","cusum"]"#.into(), &0.5.into())
    );
    assert!(listed(&row["alarms"]).all(|alarm| alarm["until"] == alarm["time"]), "{row:#}");

    let (code, why) = tune(site, &["PRESS20.result.forse"]);
    assert_eq!(code, Some(3));
    assert!(why.to_string().contains("did you mean `PRESS20.result.force`"), "{why}");
    let (code, why) = tune(site, &[MONITOR, "--drift", "seldom"]);
    assert!(code == Some(2) && why.to_string().contains("one false alarm in 30d"), "{why}");
}

/// A tag's values come from the tape, every one of them, and what it does not have is said.
fn tags_are_tried(site: &Site, daemon: Daemon) {
    const TAG: &str = "PRESS20.motor_temp";
    assert!(daemon.stop().success());
    let mut on_tape = Vec::new();
    site.samples(|plant, sample| {
        let monitors = plant.stations.iter().flat_map(|station| &station.monitors);
        let mut own = monitors.filter(|monitor| monitor.id.as_str() == "motor_temp");
        let Some(Watched::Tag(word)) = own.next().map(|monitor| &monitor.of) else { panic!() };
        let value = || sample.good().and_then(pedigree::model::Value::number);
        on_tape.extend((word.tag == sample.tag).then(value));
    });
    let (code, told) = tune(site, &[TAG, "--learn", "30", "--values"]);
    let seen: Vec<Option<f64>> = listed(&told["seen"]).map(|seen| seen["value"].as_f64()).collect();
    assert!(code == Some(0) && !seen.is_empty(), "{told:#}");
    assert_eq!(seen, on_tape);
    let (code, why) = tune(site, &[TAG, "--rules", "shewhart"]);
    assert!(code == Some(2) && why.to_string().contains("one value per part"), "{why}");

    // The daemon was away for a while, and is back.
    let daemon = site.start();
    let (code, told) = http::until("the tape goes on", PATIENCE, || {
        let (code, told) = tune(site, &[TAG]);
        let more = told["values"].as_u64().unwrap() > on_tape.len() as u64;
        (more && told["restarts"] == 1).then_some((code, told))
    });
    let gaps = told["completeness"]["incomplete"].to_string();
    assert!(code == Some(4) && gaps.contains("the daemon was not running"), "{gaps}");
    assert!(daemon.stop().success());
    fs::rename(site.data().join("tape"), site.path("tape-away")).unwrap();
    let (code, told) = tune(site, &[TAG]);
    assert_eq!((code, &told["values"]), (Some(4), &0.into()), "{told:#}");
    assert!(told["completeness"].to_string().contains("there is no tape"), "{told:#}");
}
