//! A melt is put on hold while parts are cast from it: the press refuses those and no other, and who was let go of it
//! is held no more. What was refused is the plant's own list.
use super::support::daemon::{Daemon, Site};
use super::support::{LONG, runtime};
use pedigree::daemon;
use pedigree::demo::{Demo, DemoOptions, PartTruth};
use pedigree::model::{Body, ItemKey, Permit, Position, What};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

const PARTS: u64 = 160;
/// Parts that are through before the hold; of the melt of the newest there are more to come.
const BEFORE: u64 = 2;
/// A melt lasts for fifty of these and more: the hold comes long before its end.
const CYCLE: Duration = Duration::from_millis(120);

/// A verb of the command line, with what it said.
fn pedigree(site: &Site, daemon: &Daemon, words: &[&str]) -> Value {
    let mut verb = vec!["--json", "--url"];
    let url = format!("http://{}", daemon.http());
    verb.push(&url);
    verb.extend(words);
    let said = site.command(&verb).output().unwrap();
    assert!(said.status.success(), "{words:?}: {}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice(&said.stdout).unwrap()
}

#[test]
fn a_hold_of_a_melt_stops_every_part_that_was_cast_from_it_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let mut options = DemoOptions::new(5, daemon::clock());
    (options.cycle, options.drift, options.parts_max) = (CYCLE, None, Some(PARTS));
    let runtime = runtime();
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = Site::of(&demo);
    runtime.spawn(plcs);
    let daemon = site.start();
    let through = |count: u64| {
        let mut progress = demo.progress();
        let wait = progress.wait_for(|through| *through >= count);
        let done = runtime.block_on(async { tokio::time::timeout(LONG, wait).await.is_ok() });
        assert!(done, "the line stands still: {} parts", *demo.progress().borrow());
    };
    through(BEFORE);
    let melt = demo.truth().last().unwrap().part.melt.to_string();
    let held = pedigree(
        &site,
        &daemon,
        &["hold", &melt, "--reason", "porous", "--badge", "QA-1", "--meaning", "review"],
    );
    let since = Position(held[0]["position"].as_u64().unwrap());
    through(PARTS);
    daemon.caught_up();

    let truth = demo.truth();
    let refused: Vec<&PartTruth> = truth.iter().filter(|part| part.refused.is_some()).collect();
    assert!(refused.len() >= 20, "{} were refused", refused.len());
    let one = refused[0].part.unit.to_string();
    let other = refused[1].part.unit.to_string();
    let holds = |unit: &str| {
        let item = daemon.get(&format!("/api/v1/item?id={unit}"));
        item["body"]["holds"].as_array().unwrap().iter().map(|hold| hold["item"].clone()).collect()
    };
    assert_eq!(
        (holds(&one), holds(&other)),
        (vec![melt.clone().into()], vec![Value::from(&*melt)])
    );
    pedigree(
        &site,
        &daemon,
        &["release", &one, "--of", &melt, "--reason", "sound", "--badge", "QA-1"],
    );
    daemon.caught_up();
    assert_eq!((holds(&one), holds(&other)), (vec![], vec![Value::from(&*melt)]));
    let standing = pedigree(&site, &daemon, &["holds"]);
    let standing = standing["body"].as_array().unwrap();
    assert_eq!(standing.len(), 1);
    assert_eq!(
        (&standing[0]["item"], &standing[0]["spared"]),
        (&melt.clone().into(), &Value::from(vec![one]))
    );
    assert_eq!(standing[0]["meaning"], "review");
    assert!(daemon.stop().success());
    demo.stop();
    judge(&site, &truth, &melt, since);
}

/// Every answer of the press, as the record has it and as the press took it.
fn judge(site: &Site, truth: &[PartTruth], melt: &str, since: Position) {
    let cast: BTreeMap<&ItemKey, &PartTruth> =
        truth.iter().map(|part| (&part.part.unit, part)).collect();
    let records = site.records();
    let mut asked = 0;
    for record in &records {
        let Body::Trace(event) = &record.body else { continue };
        let (What::Arrive { item }, Some(mark)) = (&event.what, &event.handshake) else { continue };
        let part = cast[item];
        let stopped = part.part.melt.to_string() == melt && record.position > since;
        let wanted = if stopped { Permit::Nok } else { Permit::Ok };
        assert_eq!(mark.permit, wanted, "{item} of {}, record {}", part.part.melt, record.position);
        assert_eq!(part.refused.is_some(), stopped, "{item}");
        if stopped {
            assert_eq!(mark.reason.as_ref().unwrap().as_str(), "not-held");
            let told = mark.grounds.as_ref().unwrap().text.to_string();
            assert_eq!(told, format!("{item} is on hold with {melt}: porous"));
        }
        asked += 1;
    }
    assert_eq!(asked, truth.len(), "each part asked the press once");
}
