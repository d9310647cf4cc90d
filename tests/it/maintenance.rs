//! The press drifts, somebody looks after it and does what is to be done: the daemon learns anew what is normal, and the
//! next drift is told by that, after a restart too.
use super::cases::verb;
use super::support::daemon::{Daemon, Site, demo_files};
use super::support::{LONG, PATIENCE, http, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions, DriftPlan};
use pedigree::model::{Body, MaintenanceStep, Rule, Verdict};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::runtime::Runtime;

const CYCLE: Duration = Duration::from_millis(50);
/// It is as deep as it gets ten parts later.
const DRIFT: DriftPlan = DriftPlan { after_parts: 60, sigma_per_part: 0.8 };

fn line(runtime: &Runtime, seed: u64, drift: Option<DriftPlan>, dir: &Path) -> Demo {
    let mut options = DemoOptions::new(seed, daemon::clock());
    (options.cycle, options.drift) = (CYCLE, drift);
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir)).unwrap();
    runtime.spawn(plcs);
    demo
}

/// Its plant files; what the drift leads to is within the limits, and the spring is to be changed after so many parts.
fn files(demo: &Demo) -> Vec<(String, String)> {
    let widen = |(name, text): (String, String)| {
        let text = text.replace("low   = 40", "low   = 20");
        let spring = "[station.PRESS20.monitor]";
        let by_use =
            format!("[station.PRESS20.maintenance.spring]\nevery = \"40 parts\"\n\n{spring}");
        (name, text.replace(spring, &by_use))
    };
    demo_files(demo).into_iter().map(widen).collect()
}

/// What is told of the force of the press.
fn force(answer: &Value) -> Vec<Value> {
    of(answer, "result.force")
}

fn of(answer: &Value, name: &str) -> Vec<Value> {
    let all = answer["body"].as_array().unwrap().iter();
    all.filter(|row| row["monitor"] == name).cloned().collect()
}

/// What is known of the spring: how many parts were made with it, and the maintenance that they are counted from.
fn spring(daemon: &Daemon) -> (f64, Option<u64>) {
    let all = daemon.get("/api/v1/maintenance/schedules?station=PRESS20");
    let [spring] = &all["body"].as_array().unwrap()[..] else { panic!("{all}") };
    let (used, left) = (spring["used"].as_f64().unwrap(), spring["left"].as_f64().unwrap());
    assert_eq!((spring["due"].as_bool().unwrap(), left), (used >= 40.0, (40.0 - used).max(0.0)));
    (used, spring["done"]["position"].as_u64())
}

/// How many parts were made since the spring was changed, which no maintenance of the force ends.
fn counted_from(daemon: &Daemon, changed: u64) -> f64 {
    let (used, done) = spring(daemon);
    assert_eq!(done, Some(changed));
    used
}

/// The drift came after more parts than the spring is for: that is asked for by itself, and done by itself.
fn the_spring_is_due(
    daemon: &Daemon,
    say: &impl Fn(&Daemon, &[&str]) -> (Option<i32>, Value, String),
) -> u64 {
    let asked = say(daemon, &["ls", "--open", "--station", "PRESS20"]).1;
    let [due] = &of(&asked, "spring")[..] else { panic!("{asked}") };
    assert_eq!((&due["raised"]["rule"], &due["usage"]["used"]), (&"usage".into(), &40.0.into()));
    let (used, done) = spring(daemon);
    assert!(used >= 60.0 && done.is_none(), "{used} {done:?}");
    let done = ["done", "PRESS20", "spring", "--what", "a new one", "--badge", "17"];
    let (code, position, told) = say(daemon, &done);
    assert_eq!(code, Some(0), "{told}");
    daemon.caught_up();
    let asked = say(daemon, &["ls", "--open", "--station", "PRESS20"]).1;
    assert!(force(&asked).len() == 1, "the drift stands: {asked}");
    let position = position["position"].as_u64().unwrap();
    let (fewer, done) = spring(daemon);
    assert!(fewer < used && done == Some(position), "{fewer} {done:?}");
    position
}

fn wait_for(daemon: &Daemon, verdict: &str, version: u64) {
    http::until(&format!("the force is {verdict} by baseline {version}"), LONG, || {
        let found = force(&daemon.get("/api/v1/conditions")).pop()?;
        (found["verdict"] == verdict && found["baseline"]["version"] == version).then_some(())
    });
}

fn metric(daemon: &Daemon) -> Option<String> {
    let name = "pedigree_condition_verdict{monitor=\"result.force\",station=\"PRESS20\"} ";
    daemon.ask("/metrics").1.lines().find_map(|line| line.strip_prefix(name).map(str::to_owned))
}

/// How the alarm of the force stands, as all ways to ask say it; nothing if it is normal.
fn alarm(site: &Site, daemon: &Daemon) -> Option<String> {
    let (_, told, why) = verb(site, daemon, &["condition", "alarms", "--station", "PRESS20"]);
    assert!(told["body"].is_array(), "{why}");
    let state = force(&told).pop().map(|row| row["state"].as_str().unwrap().to_owned());
    let condition = force(&daemon.get("/api/v1/conditions")).pop().unwrap();
    assert_eq!(condition["alarm"], state.as_deref().unwrap_or("normal"));
    state
}

/// What an operator does with it.
fn operate(site: &Site, daemon: &Daemon, words: &[&str]) {
    let of = ["PRESS20", "result.force", "--badge", "17"];
    let (code, _, why) = verb(site, daemon, &[&["condition"], words, &of].concat());
    assert_eq!(code, Some(0), "{words:?}: {why}");
    daemon.caught_up();
}

fn gauge(daemon: &Daemon, name: &str) -> Option<u64> {
    let metrics = daemon.ask("/metrics").1;
    metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// The operator sees the alarm, which ends nothing and says nothing to maintenance.
fn is_seen(site: &Site, daemon: &Daemon) {
    assert_eq!(alarm(site, daemon).as_deref(), Some("unacknowledged-active"));
    operate(site, daemon, &["ack"]);
    assert_eq!(alarm(site, daemon).as_deref(), Some("acknowledged-active"));
    let again = ["condition", "ack", "PRESS20", "result.force"];
    let (code, _, why) = verb(site, daemon, &again);
    assert!(code != Some(0) && why.contains("there is nothing to acknowledge"), "{why}");
    let told = "pedigree_alarm_activations_total{rule=\"ewma\",station=\"PRESS20\"}";
    assert_eq!(gauge(daemon, told), Some(1));
    // The spring's may be there as well.
    assert!(gauge(daemon, "pedigree_alarms_active") >= Some(1));
}

/// It is shelved over a restart, and was told to nobody meanwhile.
fn is_on_the_shelf(site: &Site, daemon: &Daemon) {
    assert_eq!(alarm(site, daemon).as_deref(), Some("shelved"));
    assert_eq!(gauge(daemon, "pedigree_alarms_shelved"), Some(1));
    let (_, load, _) = verb(site, daemon, &["condition", "load"]);
    let most = load["body"]["most"].as_array().unwrap();
    let told = most.iter().find(|row| row["monitor"] == "result.force").unwrap();
    assert_eq!(told["count"], 1, "{load}");
    operate(site, daemon, &["unshelve"]);
    assert_eq!(alarm(site, daemon).as_deref(), Some("unacknowledged-active"));
}

/// The suspect window, by this record.
fn is_ended(daemon: &Daemon, by: &Value) {
    let ended = &daemon.get("/api/v1/suspects?station=PRESS20")["body"];
    let ended = ended.as_array().unwrap().iter().map(|view| &view["window"]);
    let ended: Vec<_> = ended.filter(|window| window["monitor"] == "result.force").collect();
    assert_eq!((ended.len(), &ended[0]["ended"]), (1, &"maintenance".into()));
    assert_eq!(ended[0]["closed"], *by);
}

#[test]
fn a_drift_ends_with_maintenance_and_the_next_one_is_told_by_the_next_baseline() {
    let [first, second] = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let runtime = runtime();
    let worn = line(&runtime, 5, Some(DRIFT), first.path());
    let site = Site::new(&[]);
    let put = |demo: &Demo| {
        let files = files(demo);
        let named = files.iter().map(|(name, text)| (name.as_str(), text.clone()));
        site.plant(&named.collect::<Vec<_>>());
    };
    put(&worn);
    let daemon = site.start();
    wait_for(&daemon, "drift", 1);
    let say =
        |daemon: &Daemon, words: &[&str]| verb(&site, daemon, &[&["maintenance"], words].concat());
    let (code, asked, _) = say(&daemon, &["ls", "--open", "--station", "PRESS20"]);
    let [request] = &force(&asked)[..] else { panic!("{code:?}: {asked}") };
    let asked = (&request["raised"]["rule"], &request["acknowledged"]);
    assert_eq!(asked, (&"ewma".into(), &Value::Null));
    is_seen(&site, &daemon);
    let changed = the_spring_is_due(&daemon, &say);
    let acknowledge =
        ["acknowledge", "PRESS20", "result.force", "--what", "spring?", "--badge", "17"];
    assert_eq!(say(&daemon, &acknowledge).0, Some(0));
    let (code, _, told) = say(&daemon, &["done", "PRESS20", "result.forc", "--what", "spring"]);
    assert!(code != Some(0) && told.contains("did you mean `result.force`?"), "{told}");
    // As deep as it gets, so that there is something to learn.
    let deep = || (*worn.progress().borrow() >= 80).then_some(());
    http::until("the spring is as weak as it gets", LONG, deep);
    let done = ["done", "PRESS20", "result.force", "--what", "spring changed", "--badge", "17"];
    let (code, position, told) = say(&daemon, &done);
    assert_eq!(code, Some(0), "{told}");
    daemon.caught_up();
    assert_eq!(force(&say(&daemon, &["ls", "--open"]).1), [Value::Null; 0]);
    assert_ne!(metric(&daemon).unwrap(), "2");
    wait_for(&daemon, "in-control", 2);
    assert_eq!(metric(&daemon).unwrap(), "0");
    is_ended(&daemon, &position["position"]);
    assert_eq!(alarm(&site, &daemon), None);
    operate(&site, &daemon, &["shelve", "--for", "1h", "--what", "the spring is new"]);
    let used = counted_from(&daemon, changed);
    assert!(daemon.stop().success());
    worn.stop();

    // The spring is a new one indeed: that is another drift, seen from what was learned last.
    let renewed = line(&runtime, 6, None, second.path());
    put(&renewed);
    let daemon = site.start();
    wait_for(&daemon, "drift", 2);
    daemon.caught_up();
    let all = force(&http::until("all is known again", PATIENCE, || {
        (daemon.ask("/ready").0 == 200).then(|| daemon.get("/api/v1/maintenance"))
    }));
    is_on_the_shelf(&site, &daemon);
    let [new, old] = &all[..] else { panic!("{all:?}") };
    assert!(counted_from(&daemon, changed) > used, "it is counted on over a restart");
    assert_eq!((&new["open"], &new["before"]["version"]), (&true.into(), &2.into()));
    assert_eq!((&old["open"], &old["again"]), (&false.into(), &new["raised"]["position"]));
    assert_eq!(
        (&old["acknowledged"]["text"], &old["done"]["text"]),
        (&"spring?".into(), &"spring changed".into())
    );
    let centre = |of: &str| old[of]["centre_line"].as_f64().unwrap();
    println!("the centre went from {} to {}", centre("before"), centre("after"));
    assert!((centre("before") - centre("after") - 9.6).abs() < 2.0, "{old}");
    assert!(daemon.stop().success());
    renewed.stop();
    judge(&site);
}

/// What is on record of it, in order.
fn judge(site: &Site) {
    let mut told = Vec::new();
    for record in site.records() {
        match &record.body {
            Body::Verdict(event)
                if event.monitor.as_str() == "result.force" && event.rule == Rule::Ewma =>
            {
                let verdict = if event.verdict == Verdict::Drift { "drift" } else { "learned" };
                told.push(format!("{verdict} {}", event.baseline.as_ref().unwrap().version));
            }
            Body::Maintenance(event) if event.monitors[0].as_str() == "spring" => {}
            Body::Maintenance(event) if event.step == MaintenanceStep::Done => {
                told.push("done".to_owned());
            }
            Body::Maintenance(_) => told.push("acknowledged".to_owned()),
            Body::Verdict(_)
            | Body::Trace(_)
            | Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Alarm(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Dropped => {}
        }
    }
    let wanted = ["learned 1", "drift 1", "acknowledged", "done", "learned 2", "drift 2"];
    assert_eq!(told, wanted);
}
