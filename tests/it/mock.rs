//! A recall as a drill, asked by the command line of a line that runs over real sockets: it finds what the plant's own
//! list has, and what a case of it would freeze. Others are asked by the daemon itself, beside the work.
use super::support::daemon::{Daemon, Site, read};
use super::support::http::until;
use super::support::{PATIENCE, here, peers, runtime};
use pedigree::daemon;
use pedigree::demo::{DayPlan, Demo, DemoOptions, PartTruth};
use pedigree::model::Result as Outcome;
use pedigree::telemetry::TABLE;
use serde_json::Value;
use std::collections::BTreeSet;
use std::time::Duration;

const PARTS: u64 = 60;
const CYCLE: Duration = Duration::from_millis(60);

/// A verb of the command line: its code, and what it said.
fn pedigree(site: &Site, daemon: &Daemon, words: &[&str]) -> (Option<i32>, Value) {
    let url = format!("http://{}", daemon.http());
    let said = site.command(&[&["--json", "--url", &url], words].concat()).output().unwrap();
    println!("{words:?}: {}", String::from_utf8_lossy(&said.stderr));
    (said.status.code(), serde_json::from_slice(&said.stdout).unwrap_or_default())
}

/// What a lot went into, by the plant's list: parts, and boxes with such a part.
fn wanted(truth: &[PartTruth], of: impl Fn(&PartTruth) -> bool) -> (usize, usize) {
    let parts = truth.iter().filter(|part| of(part));
    let boxes: BTreeSet<_> = parts.clone().filter_map(|part| part.container.as_ref()).collect();
    (parts.count(), boxes.len())
}

/// What a drill counts, and that it is whole.
fn counted(drill: &Value) -> [u64; 4] {
    assert_eq!(drill["completeness"], "complete", "{drill}");
    let groups = &drill["body"]["groups"];
    ["suspect", "container", "shipped", "unknown"].map(|group| groups[group].as_u64().unwrap())
}

#[test]
fn a_drill_finds_what_the_plant_says_and_what_a_case_freezes() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(5, daemon::clock());
    (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    runtime.spawn(plcs);
    let daemon = site.start();
    let mut progress = demo.progress();
    let through = progress.wait_for(|through| *through >= PARTS);
    let through = runtime.block_on(async { tokio::time::timeout(PATIENCE, through).await });
    assert!(through.is_ok(), "the line stands still: {} parts", *demo.progress().borrow());
    let truth = demo.truth();
    let last = truth.iter().rev().find(|part| part.container.is_some()).unwrap();
    let path = format!("/api/v1/item?id={}", last.part.unit);
    until("the last part is in its box", PATIENCE, || {
        let (status, body) = daemon.ask(&path);
        (status == 200 && body.contains("packed-in")).then_some(())
    });

    for lot in [&last.part.melt, &last.part.grease] {
        let has = |part: &PartTruth| [&part.part.melt, &part.part.grease].contains(&lot);
        let (parts, boxes) = wanted(&truth, has);
        daemon.caught_up();
        let (code, told) = pedigree(&site, &daemon, &["drill-recall", &lot.to_string()]);
        let drill = &told["drill"];
        assert_eq!(code, Some(0), "{told}");
        assert_eq!(drill["body"]["item"], lot.to_string());
        let counts = counted(drill);
        println!("{lot}: {counts:?} in {} s", drill["body"]["seconds"]);
        assert_eq!(counts, [parts as u64, boxes as u64, 0, 0], "{lot}");
        freezes_the_same(&site, &daemon, &lot.to_string(), drill);
    }

    // The same seed draws the same lot, of the same records.
    let drawn = || pedigree(&site, &daemon, &["drill-recall", "--seed", "17"]).1["drill"].take();
    let (first, second) = (drawn(), drawn());
    assert_eq!(
        (&first["body"]["seed"], &first["body"]["direction"]),
        (&17.into(), &"forward".into())
    );
    if first["position"] == second["position"] {
        assert_eq!(first["body"]["hash"], second["body"]["hash"]);
    }
    let (code, _) = pedigree(&site, &daemon, &["drill-recall", "NOWHERE"]);
    assert_eq!(code, Some(3), "nothing is recorded of it");
    assert!(daemon.stop().success());
    demo.stop();
}

/// A case of the same question finds as many; if nothing was recorded in between, it has the same hash.
fn freezes_the_same(site: &Site, daemon: &Daemon, lot: &str, drill: &Value) {
    let open = ["case", "open", "--lot", lot, "--reason", "a drill", "--badge", "4711"];
    let (code, case) = pedigree(site, daemon, &open);
    assert_eq!(code, Some(0), "{case}");
    let (frozen, groups) = (&case["frozen"], &drill["body"]["groups"]);
    for (count, group) in [("suspect", "suspect"), ("containers", "container")] {
        assert_eq!(frozen["counts"][count], groups[group], "{lot}: {frozen}");
    }
    let same = frozen["position"] == drill["position"];
    println!("{lot}: frozen as of the same record: {same}");
    assert_eq!(frozen["hash"] == drill["body"]["hash"], same, "{lot}: {frozen} {drill}");
}

/// A day on which parts come from elsewhere, are not read at the press, fail and are tested again.
const DAY: DayPlan = DayPlan { odd_one_in: 4, masters_every: 20, download_after: u64::MAX };

/// How many were finished by the plant's list, and of how many of them a station has no completion.
fn finished(truth: &[PartTruth]) -> [u64; 2] {
    let way = ["CAST10", "PRESS20", "ASM30", "TEST40"];
    let tested = |part: &&PartTruth| {
        let last = part.visits.iter().rfind(|visit| visit.station == "TEST40");
        last.is_some_and(|visit| visit.result == Some(Outcome::Pass))
    };
    let lacks = |part: &&PartTruth| {
        way.iter().any(|station| part.visits.iter().all(|visit| visit.station != *station))
    };
    let good = truth.iter().filter(tested);
    [good.clone().count() as u64, good.filter(lacks).count() as u64]
}

/// What a daemon shows of a metric with its labels.
fn metric(daemon: &Daemon, name: &str) -> Option<f64> {
    let (_, text) = daemon.ask("/metrics");
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// A field of a line of the log.
fn field<'l>(line: &'l str, name: &str) -> Option<&'l str> {
    line.split_once(&format!(" {name}="))?.1.split(' ').next()
}

#[test]
fn a_schedule_asks_drills_beside_the_work_and_tells_of_them_what_the_plant_says() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(6, daemon::clock());
    (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
    options.day = Some(DAY);
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    let settings = site.path("pedigree.toml");
    let text = std::fs::read_to_string(&settings).unwrap() + "[drill]\nevery = \"1s\"\n";
    std::fs::write(&settings, text).unwrap();
    let daemon = site.start();

    // As long as nothing is there to draw, that is said once, of either way, and nothing is shown.
    let looks = || site.log().matches("coverage of the seven days before").count();
    until("two drills were due", PATIENCE, || (looks() >= 2).then_some(()));
    assert_eq!(site.log().matches("nothing recorded can be drilled on").count(), 2);
    let (_, text) = daemon.ask("/metrics");
    let drills = ["pedigree_recall_", "pedigree_traceability_"];
    let shown = text.lines().find(|line| drills.iter().any(|begin| line.starts_with(begin)));
    assert_eq!(shown, None);

    runtime.spawn(plcs);
    let mut progress = demo.progress();
    let through = progress.wait_for(|through| *through >= PARTS);
    let through = runtime.block_on(async { tokio::time::timeout(PATIENCE, through).await });
    assert!(through.is_ok(), "the line stands still: {} parts", *demo.progress().borrow());
    let [finished, lacking] = finished(&demo.truth());
    assert!(finished > PARTS / 2 && lacking > 0, "{finished} {lacking}");
    let covered = |counted: &[u64; 4]| counted[0] == finished;
    let [_, covered, lacks, doubtful] = until("all that was finished is counted", PATIENCE, || {
        let coverage = daemon.get("/api/v1/coverage")["body"].take();
        let counts = ["finished", "covered", "lacking", "doubtful"];
        Some(counts.map(|name| coverage[name].as_u64().unwrap())).filter(covered)
    });
    println!("of {finished} finished {covered} covered, {lacks} lacking, {doubtful} doubtful");
    assert_eq!((lacks, covered + doubtful), (lacking, finished - lacking));

    let [part, whole] = [covered, finished].map(|count| f64::from(u32::try_from(count).unwrap()));
    let share = part / whole;
    until("the share is shown", PATIENCE, || {
        let shown = metric(&daemon, "pedigree_traceability_coverage_ratio")?;
        ((shown - share).abs() < 1e-9).then_some(())
    });
    for direction in ["forward", "backward"] {
        answered_as_told(&site, &daemon, direction);
    }
    assert!(daemon.stop().success(), "{}", site.log());
    demo.stop();
}

/// The last line of the log of a drill has what anybody finds who asks the same, and the metrics are of it.
fn answered_as_told(site: &Site, daemon: &Daemon, direction: &str) {
    let way = format!(" direction=\"{direction}\" ");
    // As of the same record, which none comes after on a line that is empty.
    until("a drill is answered as of the last record", PATIENCE, || {
        let log = site.log();
        let mut lines = log.lines().rev();
        let line = lines.find(|l| l.contains("drill of a recall") && l.contains(&way))?;
        let item = field(line, "item")?;
        let path = format!("/api/v1/drill-recall?direction={direction}&of={item}");
        let (status, body) = daemon.ask(&path);
        assert_eq!(status, 200, "{line}: {body}");
        let drill: Value = serde_json::from_str(&body).unwrap();
        if field(line, "position")? != format!("#{}", drill["position"]) {
            return None;
        }
        println!("{line}");
        assert_eq!(field(line, "hash"), drill["body"]["hash"].as_str());
        let complete = drill["completeness"] == "complete";
        assert_eq!(field(line, "complete"), Some(if complete { "true" } else { "false" }));
        let seed: u64 = field(line, "seed")?.parse().unwrap();
        assert_eq!(seed % 1_000, 0, "every second is due");
        Some(())
    });
    for name in ["seconds", "complete", "last_timestamp_seconds"] {
        let name = format!("pedigree_recall_{name}{{direction=\"{direction}\"}}");
        assert!(metric(daemon, &name).is_some(), "{name}");
    }
}

/// A plant whose drills forward ended two days ago, whose last one was not complete, and of whose products a part has gaps; one
/// where only forward is answered; one that is younger than two days; one where nothing was ever answered.
const ALARMED: &str = r#"
rule_files: [rules.yml]
tests:
  - interval: 1h
    input_series:
      - { series: 'pedigree_recall_last_timestamp_seconds{direction="forward"}', values: '0x100' }
      - { series: 'pedigree_recall_last_timestamp_seconds{direction="backward"}', values: '0+3600x100' }
      - { series: 'pedigree_recall_complete{direction="forward"}', values: '1x50 0x50' }
      - { series: 'pedigree_traceability_coverage_ratio', values: '1x50 0.97x50' }
    promql_expr_test:
      - { expr: 'count by (alertname) (ALERTS)', eval_time: 47h, exp_samples: [] }
      - expr: 'count by (alertname) (ALERTS)'
        eval_time: 60h
        exp_samples:
          - { labels: '{alertname="PedigreeRecallNotTried"}', value: 1 }
          - { labels: '{alertname="PedigreeRecallNotComplete"}', value: 1 }
          - { labels: '{alertname="PedigreeTraceabilityGaps"}', value: 1 }
  - interval: 1h
    input_series:
      - { series: 'pedigree_recall_last_timestamp_seconds{direction="forward"}', values: '0+3600x100' }
    promql_expr_test:
      - { expr: 'ALERTS{alertstate="firing"}', eval_time: 47h, exp_samples: [] }
      - expr: 'count by (alertname, direction) (ALERTS{alertstate="firing"})'
        eval_time: 60h
        exp_samples:
          - { labels: '{alertname="PedigreeRecallNeverTried", direction="backward"}', value: 1 }
  - interval: 1h
    input_series:
      - { series: 'pedigree_recall_last_timestamp_seconds{direction="forward"}', values: '_x24 86400x50' }
      - { series: 'pedigree_recall_last_timestamp_seconds{direction="backward"}', values: '_x24 86400x50' }
    promql_expr_test:
      - { expr: 'ALERTS{alertstate="firing"}', eval_time: 1h, exp_samples: [] }
      - { expr: 'ALERTS{alertstate="firing"}', eval_time: 23h, exp_samples: [] }
      - { expr: 'ALERTS{alertstate="firing"}', eval_time: 60h, exp_samples: [] }
  - interval: 1h
    input_series:
      - { series: 'up', values: '1x100' }
    promql_expr_test:
      - { expr: 'ALERTS{alertstate="firing"}', eval_time: 47h, exp_samples: [] }
      - expr: 'count by (alertname, direction) (ALERTS{alertstate="firing"})'
        eval_time: 60h
        exp_samples:
          - { labels: '{alertname="PedigreeRecallNeverTried", direction="forward"}', value: 1 }
          - { labels: '{alertname="PedigreeRecallNeverTried", direction="backward"}', value: 1 }
"#;

#[test]
fn the_rules_of_alarm_of_the_page_tell_of_what_is_wrong_and_of_nothing_else() {
    let Some(peers) = peers() else { return };
    let page = read(&here("docs/drills.md"));
    let rules = page.split("```yaml").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let named = rules.split(|c: char| c != '_' && !c.is_alphanumeric());
    let named: BTreeSet<_> = named.filter(|word| word.starts_with("pedigree_")).collect();
    let strange: Vec<_> =
        named.iter().filter(|name| TABLE.iter().all(|(is, ..)| is != *name)).collect();
    assert!(named.len() == 3 && strange.is_empty(), "{named:?}");
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rules.yml"), rules).unwrap();
    std::fs::write(dir.path().join("alarmed.yml"), ALARMED).unwrap();
    let checked = std::process::Command::new(peers.join("prometheus/usr/bin/promtool"))
        .args(["test", "rules", "alarmed.yml"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(checked.status.success(), "promtool: {}", String::from_utf8_lossy(&said));
}
