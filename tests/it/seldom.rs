//! A foreign PLC whose server looks at its words only now and then.
use crate::support::balance::{asked, balance};
use crate::support::daemon::Site;
use crate::support::peer::Peer;
use crate::support::{PATIENCE, http, peers, truth};
use serde_json::Value;

const PARTS: usize = 24;

fn plant(port: u16) -> String {
    format!(
        "schema = 1\n[device.plc]\nurl = \"opc.tcp://127.0.0.1:{port}\"\nsecurity = \"none\"\n\
         allow_insecure = true\nnamespace = \"urn:seldom:plc\"\npublish = \"200ms\"\n\
         heartbeat = {{ plc = \"Life\", stale_after = \"3s\" }}\n[station.GATE]\ndevice = \"plc\"\n\
         [station.GATE.handshake.result]\nnode = \"Gate\"\npattern = \"req-ack\"\n\
         event = \"complete\"\nserial = \"Serial\"\ntrigger = \"Req\"\nack = \"Ack\"\nnumber = \"No\"\n\
         deadline = \"300ms\"\nfirst = \"process\"\nvalues.value = {{ from = \"Value\" }}\n"
    )
}

/// A bit that was seen to be up, was read to be down, and is up again at the next look is no change.
#[test]
fn a_request_that_rises_again_before_the_server_looks_is_answered() {
    let Some(peers) = peers() else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("seldom.jsonl");
    let parts = PARTS.to_string();
    let args = ["--truth", path.to_str().unwrap(), "--parts", &parts];
    let plc = Peer::start(&peers, "seldom_plc.py", &args);
    let site = Site::new(&[("plc.toml", plant(plc.port("port")))]);
    let daemon = site.start();
    let done = || serde_json::from_str::<Value>(&plc.control("stats")).unwrap()["done"].clone();
    http::until_or(
        "all parts are made",
        PATIENCE,
        || (done() == PARTS).then_some(()),
        || format!("{} are\n{}", done(), site.log()),
    );
    assert!(daemon.stop().success(), "{}", site.log());
    let made = truth::of(&truth::parts(&path), "GATE");
    let sum = balance(&site.records(), ("GATE", "result"), &asked(&made, "number", "at"));
    assert_eq!((sum.asked, sum.observed), (PARTS, PARTS), "{sum:?}");
    assert_eq!((sum.quarantined, sum.missed), (0, 0), "{sum:?}");
}
