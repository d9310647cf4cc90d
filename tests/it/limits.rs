//! A foreign PLC with limits: few items in a subscription, and no deadbands.
use crate::support::daemon::{Daemon, Site};
use crate::support::peer::Peer;
use crate::support::peers;
use crate::support::{PATIENCE, http};
use pedigree::model::{Quality, Value};

/// Changes of the words beside the temperature.
const STEPS: u32 = 12;

/// What is on the tape of the tag: numbers with their qualities.
fn told(site: &Site, name: &str) -> Vec<(Option<f64>, Quality)> {
    let mut told = Vec::new();
    site.samples(|plant, sample| {
        if plant.tag(sample.tag).name.as_str() == name {
            told.push((sample.value.number(), sample.quality));
        }
    });
    told
}

fn good(daemon: &Daemon) -> f64 {
    let (_, page) = daemon.ask("/metrics");
    let name = "pedigree_samples_total{device=\"plc\",quality=\"good\"} ";
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.map_or(0.0, |count| count.parse().unwrap())
}

#[test]
fn a_plc_of_few_items_and_no_deadbands_is_observed_whole_and_small_changes_are_left_out() {
    let Some(peers) = peers() else { return };
    let plc = Peer::start(&peers, "limits_plc.py", &["--items", "2"]);
    let plant = format!(
        "schema = 1\n[device.plc]\nurl = \"opc.tcp://127.0.0.1:{}\"\nsecurity = \"none\"\n\
         allow_insecure = true\nnamespace = \"urn:limits:plc\"\npublish = \"100ms\"\n\
         [device.plc.tags]\nTemp = {{ range = [-100, 100], change = \"1 %\" }}\n[station.OVEN]\n\
         device = \"plc\"\n[station.OVEN.monitor]\ntemp = \"Temp\"\nw1 = \"W1\"\nw2 = \"W2\"\n\
         w3 = \"W3\"\nlife = \"Life\"\n",
        plc.port("port")
    );
    let site = Site::new(&[("plc.toml", plant)]);
    let once = site.command(&["check", "--live"]).output().unwrap();
    let table = String::from_utf8(once.stdout).unwrap();
    assert_eq!(once.status.code(), Some(0), "{table}");
    assert!(table.contains("Temp (s=Temp): the PLC does not see to its `change`"), "{table}");

    let daemon = site.start();
    let wait = |what: &str, until: f64| {
        http::until(what, PATIENCE, || (good(&daemon) >= until).then_some(()));
    };
    wait("all five are observed", 5.0);
    let mut seen = good(&daemon);
    let temps = [20.5, 21.9, 22.1, 23.0, 24.0, 24.2, 24.2, 24.1, 20.0, 20.1, 21.0, 22.3];
    for (step, temp) in (1..=STEPS).zip(temps) {
        if step == 7 {
            plc.control("bad");
        } else {
            plc.control(&format!("temp {temp}"));
        }
        plc.control("step");
        // All that comes is counted, also what is left out.
        seen += if step == 7 { 4.0 } else { 5.0 };
        wait("all that was changed has come", seen);
    }
    assert!(daemon.stop().success(), "{}", site.log());
    let status = |value: &(Option<f64>, Quality)| value.1;
    let temps = told(&site, "Temp");
    let bad: Vec<_> = temps.iter().map(status).filter(|q| !q.is_good()).collect();
    assert_eq!(bad.len(), 1, "{temps:?}");
    let values: Vec<_> = temps.iter().filter(|t| t.1.is_good()).map(|t| t.0.unwrap()).collect();
    // 2 away from the one before; after it was bad, whatever comes.
    assert_eq!(values, [20.0, 22.1, 24.2, 24.1, 20.0, 22.3], "{temps:?}");
    for word in ["W1", "W2", "W3", "Life"] {
        let last = told(&site, word).last().copied().unwrap();
        assert_eq!(last, (Value::Int(STEPS.into()).number(), Quality::GOOD), "{word}");
    }
    let log = site.log();
    assert_eq!(
        log.matches("the server does not see to how far words must move").count(),
        1,
        "{log}"
    );
}
