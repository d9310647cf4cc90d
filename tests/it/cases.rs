//! A recall that is frozen as a case, under the whole daemon: what was found is found again whatever comes later, by
//! a daemon that made everything anew from the ledger.
use super::support::daemon::{Daemon, Site};
use pedigree::ledger::{Files, Ledger, Options, SEGMENT_BYTES_MAX};
use pedigree::model::{
    At, Body, Consumption, ItemKey, Origin, Position, Record, SiteId, StationId, Text, TraceEvent,
    Utc, What,
};
use pedigree::telemetry::Metrics;
use serde_json::Value;
use std::fs;
use std::sync::Arc;

/// 2026-11-22T08:41:10Z.
const BEGIN: i64 = 1_795_336_870_000_000_000;
const LOT: &str = "l/supplier/ACME/0001";

fn item(text: &str) -> ItemKey {
    text.parse().unwrap()
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

/// The lot goes into units, at OP10.
fn used(units: std::ops::Range<u32>) -> Vec<What> {
    let of = |n| What::Consume {
        consumed: Consumption { lot: item(LOT), amount: None },
        into: item(&format!("u/site/SN-{n}")),
        place: None,
    };
    units.map(of).collect()
}

fn shipped(items: &[&str], customer: Option<&str>, document: Option<&str>) -> What {
    let items = items.iter().map(|of| item(of)).collect();
    What::Ship { items, customer: customer.map(text), document: document.map(text) }
}

fn packed(items: &[&str], container: &str) -> What {
    What::Pack { items: items.iter().map(|of| item(of)).collect(), container: item(container) }
}

/// Appends to the ledger of a stopped daemon, and takes away all that was derived from it.
fn append(site: &Site, events: Vec<What>) {
    let runtime = super::support::runtime();
    runtime.block_on(async {
        fs::create_dir_all(site.path("data")).unwrap();
        let options = Options {
            dir: site.path("data"),
            origin: Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 },
            segment_bytes_max: SEGMENT_BYTES_MAX,
            metrics: Arc::new(Metrics::new()),
            now: pedigree::daemon::clock(),
        };
        let ledger = Ledger::open(options, Files).unwrap().ledger;
        let durable = ledger.durable().borrow().clone();
        let station = Some(StationId::parse("OP10").unwrap());
        let record = |(number, what): (u64, What)| {
            let wall = Utc(BEGIN + 1_000_000_000 * i64::try_from(number).unwrap());
            let position = Position(number);
            let event = TraceEvent::bare(what, wall, station.clone());
            let at = At { wall, ..At::default() };
            Record { position, at, body: Body::Trace(event), plant: None }
        };
        let first = durable.position.0 + 1;
        let records: Vec<Record> = (first..).zip(events).map(record).collect();
        let last = records.last().unwrap().position;
        ledger.append(durable.generation, records).await.unwrap();
        ledger.durable().wait_for(|durable| durable.position == last).await.unwrap();
    });
    for derived in ["data/store", "data/read", "data/state"] {
        drop(fs::remove_dir_all(site.path(derived)));
    }
}

/// A verb against the daemon: its code, what it says as JSON or nothing, and its notices.
pub(crate) fn verb(site: &Site, daemon: &Daemon, args: &[&str]) -> (Option<i32>, Value, String) {
    let url = format!("http://{}", daemon.http());
    let told = site.command(args).args(["--json", "--url", &url]).output().unwrap();
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    (told.status.code(), serde_json::from_slice(&told.stdout).unwrap_or_default(), said)
}

fn ready(site: &Site) -> Daemon {
    let daemon = site.start();
    super::support::http::until("it is ready", super::support::PATIENCE, || {
        (daemon.ask("/ready").0 == 200).then_some(())
    });
    daemon
}

const SAID: [&str; 4] = ["--reason", "a complaint", "--badge", "4711"];

/// A lot in eight units of which two left in a container, and a case of it: what opening it came to.
fn opened(site: &Site) -> (Daemon, Value) {
    let mut events = used(1..9);
    events.push(packed(&["u/site/SN-1", "u/site/SN-2"], "c/gs1/340123450000000018"));
    events.push(shipped(&["c/gs1/340123450000000018"], Some("ACME"), Some("DN-1")));
    append(site, events);
    let daemon = ready(site);
    let open = [&["case", "open", "--lot", "0001"][..], &SAID].concat();
    let (code, opened, said) = verb(site, &daemon, &open);
    assert_eq!(code, Some(0), "{said}");
    let counts = &opened["frozen"]["counts"];
    assert_eq!((&counts["suspect"], &counts["shipped"]), (&8.into(), &2.into()), "{opened}");
    (daemon, opened)
}

#[test]
fn a_case_is_found_again_as_it_was_frozen_and_says_what_came_since() {
    let site = Site::new(&[]);
    let (daemon, opened) = opened(&site);
    let case = opened["case"].as_str().unwrap().to_owned();
    let (code, shown, said) = verb(&site, &daemon, &["case", "show", &case]);
    assert_eq!((code, &shown["same"]), (Some(0), &true.into()), "{said}");
    assert!(shown["since"]["came"].as_array().unwrap().is_empty());
    assert!(daemon.stop().success());
    let settings = fs::read_to_string(site.path("pedigree.toml")).unwrap();
    let contacts = "\n[contacts]\nACME = \"Ms Miller\"\n";
    fs::write(site.path("pedigree.toml"), settings + contacts).unwrap();

    // More is made of it, and more leaves; nothing of what was derived is there any more.
    let mut later = used(9..12);
    later.push(shipped(&["u/site/SN-3"], None, None));
    append(&site, later);
    let daemon = ready(&site);
    let (code, now, said) = verb(&site, &daemon, &["case", "show", &case]);
    assert_eq!(
        (code, &now["same"], &now["retained"]),
        (Some(0), &true.into(), &false.into()),
        "{said}"
    );
    assert_eq!(now["answer"], shown["answer"]);
    let new: Vec<String> = now["since"]["came"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| format!("{} {}", of["group"].as_str().unwrap(), of["item"].as_str().unwrap()))
        .collect();
    let wanted = [
        "suspect u/site/SN-10",
        "suspect u/site/SN-11",
        "suspect u/site/SN-9",
        "shipped u/site/SN-3",
    ];
    assert_eq!(new, wanted);

    sheets_of_what_has_left(&site, &daemon, &case);
    goes_on_until_it_is_closed(&site, &daemon, (&case, &opened["position"]));
    let url = format!("http://{}", daemon.http());
    let shown = site.command(&["case", "show", &case, "--url", &url]).output().unwrap();
    println!(
        "{}{}",
        String::from_utf8_lossy(&shown.stdout),
        String::from_utf8_lossy(&shown.stderr)
    );
    assert!(shown.status.success());
    assert!(daemon.stop().success());
    let verified = site.command(&["verify"]).output().unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

fn goes_on_until_it_is_closed(site: &Site, daemon: &Daemon, (case, first): (&str, &Value)) {
    // Widened to all that was at the station, by somebody who looked at it; and by somebody who looked before.
    let at = ["case", "revise", case, "--station", "OP10"];
    let (code, revised, said) = verb(site, daemon, &[&at[..], &SAID].concat());
    assert_eq!((code, &revised["came"]["suspect"]), (Some(0), &3.into()), "{said}");
    assert_eq!(revised["went"]["suspect"], 0);
    let stale = format!(r#"{{"reason":"settled","badge":"1","last":{first}}}"#);
    let path = format!("http://{}/api/v1/cases/{case}/close", daemon.http());
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let request = ureq::Agent::from(config).post(&path).header("content-type", "application/json");
    let mut refused = request.send(&stale).unwrap();
    let words = refused.body_mut().read_to_string().unwrap();
    assert_eq!(refused.status().as_u16(), 409, "{words}");
    assert!(words.contains(&format!("by record #{}", revised["position"])), "{words}");

    let close = [&["case", "close", case][..], &SAID].concat();
    let (code, _, said) = verb(site, daemon, &close);
    assert_eq!(code, Some(0), "{said}");
    for args in [close, [&at[..], &SAID].concat()] {
        let (code, _, said) = verb(site, daemon, &args);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&format!("{case} is no open case; `pedigree case ls`")), "{said}");
    }
    let (code, _, said) = verb(site, daemon, &["case", "show", "RC-1"]);
    assert_eq!(code, Some(3), "{said}");
    let (code, _, said) = verb(site, daemon, &["case", "show", "1"]);
    assert_eq!(code, Some(2), "{said}");
    let (_, listed, _) = verb(site, daemon, &["case", "ls"]);
    let history = listed["body"][0]["history"].as_array().unwrap();
    let words: Vec<_> = history.iter().map(|entry| entry["what"].as_str().unwrap()).collect();
    assert_eq!(words, ["opened", "widened", "closed"]);
    // Who did it is on record as a token, which the badge leads to.
    let (_, person, _) = verb(site, daemon, &["person", "4711"]);
    assert_eq!(person[0]["token"], history[0]["who"]);
}

/// What had left when it was frozen goes to its customer; of what left since nobody told the customer.
fn sheets_of_what_has_left(site: &Site, daemon: &Daemon, case: &str) {
    let (code, frozen, said) = verb(site, daemon, &["case", "sheets", case]);
    assert_eq!((code, &frozen["same"]), (Some(0), &true.into()), "{said}");
    let acme = &frozen["sheets"][0];
    assert_eq!(frozen["sheets"].as_array().unwrap().len(), 1);
    assert_eq!((&acme["customer"], &acme["document"]), (&"ACME".into(), &"DN-1".into()));
    assert_eq!(
        (&acme["contact"], &acme["items"][1]["item"]),
        (&"Ms Miller".into(), &"u/site/SN-2".into())
    );
    assert_eq!(acme["items"][0]["left_in"], "c/gs1/340123450000000018");
    let (code, now, said) = verb(site, daemon, &["recall", "--lot", "0001", "--sheets"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!((&now["sheets"][0], &now["sheets"][1]["customer"]), (acme, &Value::Null));
    assert_eq!(now["sheets"][1]["items"][0]["item"], "u/site/SN-3");
    let (dir, url) = (site.path("sheets"), format!("http://{}", daemon.http()));
    fs::create_dir(&dir).unwrap();
    let args = ["recall", "--lot", "0001", "--sheets", "--csv", "--url", &url, "--dir"];
    let written = site.command(&args).arg(&dir).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    let rows = fs::read_to_string(dir.join("recall-1.csv")).unwrap();
    assert!(rows.lines().nth(2).unwrap().starts_with("ACME,DN-1,Ms Miller,u/site/SN-2,"), "{rows}");
    assert!(fs::read_to_string(dir.join("recall-2.csv")).unwrap().contains("\n,,,u/site/SN-3,"));
}
