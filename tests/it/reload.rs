//! Plant files change while the demo plant runs: whoever is not touched keeps its session, no part is
//! lost or doubled, and faulty files change nothing.
use super::support::daemon::{Daemon, Site, demo_files, read};
use super::support::http::until;
use super::support::truth::completions;
use super::support::{PATIENCE, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions, PartTruth, Reached};
use pedigree::model::{Body, GapCause, GapSource, Measurement, Record, Value, What};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;
use std::time::Duration;

const PARTS: u64 = 150;
const CYCLE: Duration = Duration::from_millis(60);

/// The demo plant with a daemon beside it.
struct Works {
    demo: Demo,
    site: Site,
    daemon: Daemon,
    /// Of the plant that the daemon was started with.
    first_hash: String,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

impl Works {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut options = DemoOptions::new(5, daemon::clock());
        (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
        let runtime = runtime();
        let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
        let site = Site::of(&demo);
        runtime.spawn(plcs);
        let daemon = site.start();
        let name = pedigree::model::SiteId::parse("test").unwrap();
        let first = pedigree::config::plant::load(&demo_files(&demo), &name).unwrap().plant;
        let first_hash = first.hash.to_string();
        Self { demo, site, daemon, first_hash, runtime, _dir: dir }
    }

    fn wait_parts(&self, parts: u64) {
        let mut progress = self.demo.progress();
        let through = progress.wait_for(|through| *through >= parts);
        let through =
            self.runtime.block_on(async { tokio::time::timeout(PATIENCE, through).await });
        assert!(through.is_ok(), "the line stands still before part {parts}");
    }

    /// So many parts more than are through at this moment.
    fn wait_more(&self, parts: u64) {
        let through = *self.demo.progress().borrow();
        self.wait_parts((through + parts).min(PARTS));
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.site.path("plant.d").join(name), text).unwrap();
    }

    fn edit(&self, name: &str, from: &str, to: &str) {
        let text = read(&self.site.path("plant.d").join(name));
        assert!(text.contains(from), "{name} has no `{from}`");
        self.write(name, &text.replace(from, to));
    }

    fn remove(&self, name: &str) {
        std::fs::remove_file(self.site.path("plant.d").join(name)).unwrap();
    }

    fn verb(&self, verb: &[&str]) -> Output {
        let url = format!("http://{}", self.daemon.http());
        self.site.command(verb).env("PEDIGREE_URL", url).output().unwrap()
    }

    /// Has the files put in force; what was said.
    fn reload(&self) -> String {
        let done = self.verb(&["reload"]);
        let told = format!("{}{}", text(&done.stdout), text(&done.stderr));
        assert!(done.status.success(), "{told}");
        told
    }

    /// What the servers say of the sessions that they have seen.
    fn sessions(&self) -> (u32, u32) {
        (self.demo.sessions("cast-01").unwrap(), self.demo.sessions("press-01").unwrap())
    }

    fn wait_live(&self, device: &str) {
        until(&format!("{device} is live"), PATIENCE, || {
            self.stage(device).filter(|s| s == "live")
        });
    }

    fn stage(&self, device: &str) -> Option<String> {
        let devices = self.daemon.get("/api/v1/devices");
        let all = devices.as_array().or_else(|| devices["body"].as_array()).unwrap().clone();
        let found = all.iter().find(|d| d["id"] == device)?;
        Some(found["stage"].as_str().unwrap().to_owned())
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A device that is before all others in the order of the files, so that every index moves.
const FIRST: &str = r#"
schema = 1
[device.aaa-00]
url = "tcp://127.0.0.1:9"
modbus_unit = 1
[device.aaa-00.tags]
level = { at = "hr:0", type = "u16" }
[station.AAA00]
device = "aaa-00"
[station.AAA00.monitor]
level = { node = "level", high = 10 }
"#;

#[test]
fn reloads_under_load_leave_alone_what_they_do_not_touch() {
    let works = Works::start();
    works.wait_parts(10);
    let (cast, press) = works.sessions();
    assert_eq!(cast, 1, "one session from the start");

    // One PLC's file changed.
    works.edit("20-press.toml", "high  = 60", "high  = 61");
    let told = works.reload();
    assert!(told.contains("3 devices untouched, 1 begun, 0 removed"), "{told}");
    works.wait_more(10);
    assert_eq!(works.sessions(), (cast, press + 1));

    // The same files once more.
    assert!(works.reload().contains("is in force already"));

    faulty_files_are_refused(&works);
    assert_eq!(works.sessions(), (cast, press + 1));

    // Every index moves, and nobody who runs notices.
    works.write("05-first.toml", FIRST);
    assert!(works.daemon.signal("-HUP"));
    until("a new device", PATIENCE, || works.stage("aaa-00"));
    works.wait_more(20);
    let stations = works.daemon.get("/api/v1/stations").to_string();
    let named = works.daemon.get("/api/v1/events?after=1&limit=1").to_string();
    assert!(named.contains(&works.first_hash), "{named}");
    assert!(stations.contains("AAA00"), "{stations}");
    works.remove("05-first.toml");
    let told = works.reload();
    assert!(told.contains("4 devices untouched, 0 begun, 1 removed"), "{told}");
    assert_eq!(works.stage("aaa-00"), None);
    assert!(!works.daemon.ask("/metrics").1.contains("pedigree_device_up{device=\"aaa-00\""));
    works.wait_more(10);
    assert_eq!(works.sessions(), (cast, press + 1));

    // A device goes, and comes back.
    let packing = read(&works.site.path("plant.d/50-packing.toml"));
    works.remove("50-packing.toml");
    assert!(works.reload().contains("3 devices untouched, 0 begun, 1 removed"));
    works.write("50-packing.toml", &packing);
    assert!(works.reload().contains("3 devices untouched, 1 begun, 0 removed"));
    works.wait_live("pack-01");
    works.wait_parts(PARTS);
    assert_eq!(works.sessions(), (cast, press + 1));

    let Works { demo, site, daemon, runtime: _runs, .. } = works;
    assert!(daemon.stop().success());
    demo.stop();
    let records = site.records();
    judge(&demo.truth(), &records);
    gaps(&records);
    let replayed = site.command(&["replay"]).output().unwrap();
    let told = format!("{}{}", text(&replayed.stdout), text(&replayed.stderr));
    assert!(replayed.status.success(), "{told}");
    println!("{told}");
}

/// As `check` refuses them, and parts go on.
fn faulty_files_are_refused(works: &Works) {
    let good = read(&works.site.path("plant.d/30-assembly.toml"));
    works.write("30-assembly.toml", &good.replace("url ", "urrl ").replace("0.8", "\"x\""));
    let (checked, refused) = (works.verb(&["check"]), works.verb(&["reload"]));
    assert_eq!(checked.status.code(), Some(78));
    assert_eq!(refused.status.code(), Some(78));
    assert_eq!(text(&refused.stderr), text(&checked.stderr));
    assert!(text(&refused.stderr).contains("urrl"), "{}", text(&refused.stderr));
    let before = works.site.log().len();
    assert!(works.daemon.signal("-HUP"));
    until("the log has the fault", PATIENCE, || {
        works.site.log().get(before..).filter(|log| log.contains("urrl")).map(|_| ())
    });
    works.write("30-assembly.toml", &good);
    works.wait_more(10);
}

/// Each part once at each station, with its values and its lot.
fn judge(truth: &[PartTruth], records: &[Record]) {
    assert_eq!(truth.len(), usize::try_from(PARTS).unwrap());
    let completed = completions(records);
    let wrong: BTreeMap<_, _> = completed.iter().filter(|(_, times)| **times != 1).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let (mut force, mut melts, mut packed) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
    for record in records {
        let Body::Trace(event) = &record.body else { continue };
        if let What::Pack { items, .. } = &event.what {
            packed.extend(items.iter().cloned());
        }
        let What::Complete { item, measurements, mounts, .. } = &event.what else { continue };
        let found = measurements.iter().find(|m| m.name.as_str() == "force");
        force.extend(found.map(|m: &Measurement| (item.clone(), m.value.clone())));
        if event.station.as_ref().is_some_and(|s| s.as_str() == "CAST10") {
            let lots: Vec<_> = mounts.iter().map(|m| m.lot.code.to_string()).collect();
            melts.insert(item.clone(), lots);
        }
    }
    for PartTruth { part, reached, .. } in truth {
        let unit = &part.unit;
        for station in ["CAST10", "PRESS20"] {
            let key = (station.to_owned(), unit.code.to_string());
            assert_eq!(completed.get(&key), Some(&1), "{unit} at {station}");
        }
        assert_eq!(force.get(unit), Some(&Value::Real(part.force_kn)), "{unit}");
        assert_eq!(melts.get(unit), Some(&vec![part.melt.code.to_string()]), "{unit}");
        assert_eq!(packed.contains(unit), *reached == Reached::Packed, "{unit}");
    }
}

/// Who was touched has gaps with a reason, each of them closed; nobody else has any.
fn gaps(records: &[Record]) {
    let mut found = BTreeMap::<(String, GapCause), Vec<bool>>::new();
    for record in records {
        if let Body::Gap(gap) = &record.body
            && let GapSource::Device(device) = &gap.source
        {
            let closed = gap.interval.to.is_some();
            found.entry((device.to_string(), gap.cause)).or_default().push(closed);
        }
    }
    let wanted = [
        (("pack-01".to_owned(), GapCause::Removed), vec![false, true]),
        (("press-01".to_owned(), GapCause::Redefined), vec![false, true]),
    ];
    assert_eq!(found, wanted.into());
    let plants: Vec<_> =
        records.iter().filter(|r| matches!(r.body, Body::Plant(_))).map(|r| r.position).collect();
    for record in records {
        let in_force = plants.iter().rev().find(|at| **at <= record.position).copied();
        assert_eq!(record.plant, in_force, "{record:?}");
    }
    assert_eq!(
        plants.len(),
        6,
        "the start, the press, the first, without it, without packing, with it"
    );
    let audits = records.iter().filter(|r| matches!(r.body, Body::Audit(_))).count();
    assert_eq!(audits, 7, "five plants and two refusals");
}
