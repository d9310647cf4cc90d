//! What a PLC has kept while nobody looked.
use crate::support::balance::covers;
use crate::support::daemon::{Daemon, Site};
use crate::support::peer::Peer;
use crate::support::peers;
use crate::support::proxy::{Proxy, Spoil};
use crate::support::{PATIENCE, http};
use pedigree::model::{Body, Verdict};

/// A metric with these labels, 0 if it is not there yet.
fn metric(daemon: &Daemon, name: &str) -> f64 {
    let (_, page) = daemon.ask("/metrics");
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

fn wait(what: &str, done: impl Fn() -> bool) {
    http::until(what, PATIENCE, || done().then_some(()));
}

#[test]
fn monitors_are_filled_up_from_the_history_of_a_plc_and_the_gap_stays() {
    let Some(peers) = peers() else { return };
    let plc = Peer::start(&peers, "history_plc.py", &[]);
    let relay = Proxy::start(plc.port("port"));
    let plant = format!(
        "schema = 1\n[device.plc]\nurl = \"opc.tcp://127.0.0.1:{}\"\nsecurity = \"none\"\n\
         allow_insecure = true\nnamespace = \"urn:history:plc\"\npublish = \"200ms\"\n[station.OVEN]\n\
         device = \"plc\"\n[station.OVEN.monitor]\ntemp = {{ node = \"Temp\", high = 50 }}\n",
        relay.port
    );
    let site = Site::new(&[("plc.toml", plant)]);
    let daemon = site.start();
    let up =
        |daemon: &Daemon| metric(daemon, "pedigree_device_up{device=\"plc\",protocol=\"opcua\"}");
    wait("the PLC is observed", || up(&daemon) > 0.0);

    relay.spoil(Spoil { refused: true, ..Spoil::default() });
    relay.cut();
    wait("the PLC is lost", || up(&daemon) < 1.0);
    plc.control("hot 20");
    plc.control("cool 10");
    relay.heal();
    let kept = "pedigree_history_values_total{device=\"plc\"}";
    wait("its history is read", || metric(&daemon, kept) >= 30.0);
    wait("it is observed", || up(&daemon) > 0.0);
    let samples = "pedigree_samples_total{device=\"plc\",quality=\"good\"}";
    let seen = metric(&daemon, samples);
    wait("new values come", || metric(&daemon, samples) > seen + 3.0);
    assert!(daemon.stop().success());

    let records = site.records();
    let verdicts: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let Body::Verdict(event) = &record.body else { return None };
            Some((event.verdict, event.time))
        })
        .collect();
    let (_, hot) = verdicts.iter().find(|(v, _)| *v == Verdict::Warning).expect("it was hot");
    assert_eq!(verdicts.last().map(|(v, _)| *v), Some(Verdict::InControl), "{verdicts:?}");
    let gaps: Vec<_> = records
        .iter()
        .filter_map(|record| {
            let Body::Gap(gap) = &record.body else { return None };
            gap.interval.to.is_some().then(|| gap.clone())
        })
        .collect();
    assert!(gaps.iter().any(|gap| covers(gap, hot.0)), "{gaps:?} {hot:?}");
    // What came late is on the tape as it came.
    let replayed = site.command(&["replay"]).output().unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stdout));
}
