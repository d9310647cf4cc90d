//! A mistake in a plant file is found afterwards: the tape is played under the right file, and what
//! differs is adopted. The demo plant's own book says what is right.
use crate::support::daemon::{Daemon, Site, demo_files};
use crate::support::peer::duckdb;
use crate::support::{PATIENCE, http, peers, runtime};
use pedigree::demo::{Demo, DemoOptions, PartTruth, Reached};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Parts of one run; some of each lot of grease.
const PARTS: u64 = 12;

/// At ASM30 the serial of two handshakes is read from the register of TEST40, where the unit before
/// stands.
fn mistaken(files: &[(String, String)]) -> Vec<(&str, String)> {
    let wrong = |(_, text): &(String, String)| {
        let mut text = text.clone();
        for handshake in ["grease", "done"] {
            let begin = text.find(&format!("[station.ASM30.handshake.{handshake}]"));
            let Some(begin) = begin else { continue };
            let word = "serial   = \"serial\"";
            let at = begin + text[begin..].find(word).unwrap();
            text.replace_range(at..at + word.len(), "serial   = \"leak_serial\"");
        }
        text
    };
    files.iter().map(|file| (file.0.as_str(), wrong(file))).collect()
}

#[derive(PartialEq)]
struct Answers {
    items: BTreeMap<String, Value>,
    traces: BTreeMap<String, Value>,
    recalls: BTreeMap<String, Value>,
}

/// What is answered about every part and every lot of grease, as of a record.
fn ask(daemon: &Daemon, truth: &[PartTruth], as_of: Option<u64>) -> Answers {
    let as_of = as_of.map(|position| format!("&as_of={position}")).unwrap_or_default();
    let ask = |path: String| {
        let mut answer = daemon.get(&format!("{path}{as_of}"));
        answer.as_object_mut().unwrap().remove("position");
        answer
    };
    let units = || truth.iter().map(|row| row.part.unit.to_string());
    let lots = truth.iter().map(|row| row.part.grease.to_string());
    Answers {
        items: units().map(|u| (u.clone(), ask(format!("/api/v1/item?id={u}")))).collect(),
        traces: units().map(|u| (u.clone(), ask(format!("/api/v1/trace?id={u}")))).collect(),
        recalls: lots.map(|l| (l.clone(), ask(format!("/api/v1/recall?lot={l}")))).collect(),
    }
}

fn word<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

/// What is wrong about a part: its torque, the lots and parts in it, and what its grease was told to be in.
fn faults(answers: &Answers, row: &PartTruth) -> Vec<String> {
    let unit = row.part.unit.to_string();
    let item = &answers.items[&unit]["body"];
    let mut faults = Vec::new();
    let steps = item["steps"].as_array().unwrap();
    let done: Vec<&Value> = steps
        .iter()
        .filter(|s| word(s, "verb") == "complete" && word(s, "station") == "ASM30")
        .flat_map(|s| s["measurements"].as_array().unwrap())
        .filter(|m| word(m, "name") == "torque")
        .map(|m| &m["value"])
        .collect();
    let near = |v: &&Value| (v.as_f64().unwrap() - f64::from(row.part.torque_nm)).abs() < 1e-4;
    if done.len() != 1 || !done.iter().all(near) {
        faults.push(format!("{unit}: torque {done:?}, was {}", row.part.torque_nm));
    }
    let links = answers.traces[&unit]["body"]["links"].as_array().unwrap();
    let mut parts: Vec<String> = links
        .iter()
        .filter(|link| word(link, "whole") == unit)
        .map(|link| word(link, "part").to_owned())
        .collect();
    parts.sort();
    let mut wanted: Vec<String> =
        [&row.part.melt, &row.part.punch, &row.part.bearing, &row.part.grease]
            .map(ToString::to_string)
            .to_vec();
    wanted.sort();
    if parts != wanted {
        faults.push(format!("{unit}: made of {parts:?}, was {wanted:?}"));
    }
    let grease = row.part.grease.to_string();
    let suspects = answers.recalls[&grease]["body"]["suspect"].as_array();
    if !suspects.into_iter().flatten().any(|suspect| word(suspect, "item") == unit) {
        faults.push(format!("{unit}: is not in the recall of {grease}"));
    }
    faults
}

fn all_faults(answers: &Answers, truth: &[PartTruth]) -> Vec<String> {
    truth.iter().flat_map(|row| faults(answers, row)).collect()
}

/// Runs a verb on the site, beside the daemon that runs on it.
fn run(site: &Site, daemon: &Daemon, verb: &[&str]) -> (Option<i32>, Value) {
    let url = format!("http://{}", daemon.http());
    let mut command = site.command(verb);
    let out = command.args(["--json", "--url", &url]).output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout);
    let told = serde_json::from_str(&text);
    let told = told.unwrap_or_else(|why| {
        panic!("{verb:?}: {why}: {text}{}", String::from_utf8_lossy(&out.stderr))
    });
    (out.status.code(), told)
}

/// The demo makes its parts while a daemon with the mistake watches.
fn shift(site_of: impl FnOnce(&Demo) -> Site) -> (Site, Daemon, Vec<PartTruth>) {
    let runtime = runtime();
    let dir = tempfile::tempdir().unwrap();
    let options = DemoOptions {
        cycle: Duration::from_millis(400),
        parts_max: Some(PARTS),
        drift: None,
        ..DemoOptions::new(11, pedigree::daemon::clock())
    };
    let (demo, plcs) = runtime.block_on(Demo::start(options, dir.path())).unwrap();
    let site = site_of(&demo);
    let plcs = runtime.spawn(plcs);
    let daemon = site.start();
    http::until("the line is empty", PATIENCE, || {
        (*demo.progress().borrow() >= PARTS).then_some(())
    });
    daemon.caught_up();
    let truth = demo.truth();
    assert!(truth.iter().all(|row| row.reached >= Reached::Tested), "{truth:?}");
    // The daemon reads on: the PLCs are there until the end of the test.
    std::thread::spawn(move || {
        runtime.block_on(plcs).ok();
        drop((demo, dir));
    });
    (site, daemon, truth)
}

/// Puts plant files into a folder of the site that its daemon does not look at.
fn beside(site: &Site, name: &str, files: &[(String, String)]) -> String {
    fs::create_dir_all(site.path(name)).unwrap();
    for (file, text) in files {
        fs::write(site.path(name).join(file), text).unwrap();
    }
    site.path(name).display().to_string()
}

/// Waits until the last step of every part can be asked for.
fn all_indexed(daemon: &Daemon, truth: &[PartTruth]) {
    http::until("all is indexed", PATIENCE, || {
        let is_last = |row: &PartTruth| {
            let item = daemon.get(&format!("/api/v1/item?id={}", row.part.unit));
            let steps = item["body"]["steps"].as_array().unwrap();
            let station = if row.container.is_some() { "PACK50" } else { "TEST40" };
            steps.iter().any(|step| word(step, "station") == station)
        };
        truth.iter().all(is_last).then_some(())
    });
}

/// Each event of a list by its handshake's text must be about one of the parts, each part once.
fn about_each_part(list: &Value, truth: &[PartTruth]) {
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), truth.len(), "{list:#?}");
    for row in truth {
        let unit = row.part.unit.to_string();
        let about = list.iter().filter(|event| event.to_string().contains(&unit));
        assert_eq!(about.count(), 1, "{unit}: {list:#?}");
    }
}

/// A word that nobody read then, in the place of one that was.
struct Unread {
    tag: &'static str,
    point: &'static str,
    was: &'static str,
    is: &'static str,
    /// What is said of the events that need it.
    said: &'static str,
}

const UNREAD: [Unread; 3] = [
    Unread {
        tag: "grease_tub",
        point: "{ at = \"hr:90\", type = \"string[16]\" }",
        was: "lot      = \"grease_lot\"",
        is: "lot = \"grease_tub\"",
        said: " went into ",
    },
    Unread {
        tag: "asks",
        point: "{ at = \"hr:90\", type = \"bits\", bits = { 0 = \"grease\" } }",
        was: "trigger  = \"flags.grease_req\"",
        is: "trigger = \"asks.grease\"",
        said: " went into ",
    },
    Unread {
        tag: "turned",
        point: "{ at = \"hr:90\", type = \"f32\", eu = \"N.m\" }",
        was: "values.torque = { from = \"torque\"",
        is: "values.torque = { from = \"turned\"",
        said: "ended at ASM30",
    },
];

/// Of what needs the word nothing can be said, and nothing of it is taken back.
fn nothing_can_be_said(
    site: &Site,
    daemon: &Daemon,
    plant: &str,
    unread: &Unread,
    truth: &[PartTruth],
) {
    let (code, told) = run(site, daemon, &["replay", "--plant", plant]);
    let word = format!("{} of asm-01", unread.tag);
    let list = told["not_replayable"].as_array().unwrap();
    let own = list.iter().filter(|told| told.to_string().contains(unread.said));
    about_each_part(&own.cloned().collect(), truth);
    for told in list {
        assert_eq!(told[0]["station"], "ASM30", "{told:#}");
        assert!(told[1].to_string().contains(&word), "{told:#}");
    }
    assert_eq!(told["unread"], serde_json::json!([word]), "{told:#}");
    for none in ["added", "removed", "changed"] {
        assert_eq!(told[none], serde_json::json!([]), "{none}: {told:#}");
    }
    assert_eq!(code, Some(0), "{told:#}");
}

/// What a plant with one handshake more would have recorded is added, from the words that were seen anyway; what one
/// with one less would not is removed. Nothing else differs, and what was recorded is what is replayed.
#[test]
fn a_handshake_that_another_plant_has_or_has_not_is_told_as_added_or_removed() {
    let mut own = Vec::new();
    let (site, daemon, truth) = shift(|demo| {
        own = demo_files(demo);
        let files: Vec<_> = own.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        Site::new(&files)
    });
    all_indexed(&daemon, &truth);
    let grease = "[station.ASM30.handshake.grease]";
    let change = |to: &dyn Fn(&str) -> String| -> Vec<(String, String)> {
        let changed = |(name, text): &(String, String)| {
            let text = if text.contains(grease) { to(text) } else { text.clone() };
            (name.clone(), text)
        };
        own.iter().map(changed).collect()
    };
    let more = change(&|text| {
        format!(
            "{text}\n[station.ASM30.handshake.look]\npattern = \"edge\"\nevent = \"inspect\"\nserial = \"serial\"\n\
             trigger = \"flags.done_req\"\nfirst = \"process\"\n"
        )
    });
    let less = change(&|text| {
        let begin = text.find(grease).unwrap();
        let end = begin + text[begin..].find("\n[").unwrap();
        format!("{}{}", &text[..begin], &text[end..])
    });
    let (more, less) = (beside(&site, "more.d", &more), beside(&site, "less.d", &less));

    let (code, told) = run(&site, &daemon, &["replay", "--plant", &more]);
    assert_eq!(code, Some(1), "{told:#}");
    about_each_part(&told["added"], &truth);
    let (code, fewer) = run(&site, &daemon, &["replay", "--plant", &less]);
    assert_eq!(code, Some(1), "{fewer:#}");
    about_each_part(&fewer["removed"], &truth);
    for (told, none) in [(&told, "removed"), (&fewer, "added")] {
        for none in [none, "changed", "not_replayable", "unread"] {
            assert_eq!(told[none], serde_json::json!([]), "{none}: {told:#}");
        }
    }
    for unread in UNREAD {
        let tags = "grease_lot   = { at = \"hr:36\", ";
        let other = change(&|text| {
            assert!(text.contains(tags) && text.contains(unread.was), "{text}");
            let tags_too = format!("{} = {}\n{tags}", unread.tag, unread.point);
            text.replacen(tags, &tags_too, 1).replacen(unread.was, unread.is, 1)
        });
        nothing_can_be_said(&site, &daemon, &beside(&site, unread.tag, &other), &unread, &truth);
    }
    assert!(daemon.stop().success(), "{}", site.log());
}

#[test]
fn a_mapping_mistake_is_repaired_by_a_replay_that_is_adopted() {
    let mut right = Vec::new();
    let (site, daemon, truth) = shift(|demo| {
        right = demo_files(demo);
        Site::new(&mistaken(&right))
    });
    let right = beside(&site, "right.d", &right);
    all_indexed(&daemon, &truth);
    let before = ask(&daemon, &truth, None);
    let wrong = all_faults(&before, &truth);
    assert!(wrong.len() >= usize::try_from(PARTS).unwrap(), "the mistake shows: {wrong:?}");
    let last = daemon.get("/api/v1/events?limit=1")["position"].as_u64().unwrap();

    // Under the plant that was in force nothing differs.
    let since = "2020-01-01T00:00:00Z";
    let (code, told) = run(&site, &daemon, &["replay", "--from", since]);
    let none = [&told["changed"], &told["added"], &told["removed"], &told["not_replayable"]];
    assert!(code == Some(0) && none.iter().all(|l| l.as_array().unwrap().is_empty()), "{told:#}");
    assert!(told["same"].as_u64().unwrap() >= PARTS * 8, "{told:#}");

    not_yet_in_the_ledger(&site);

    // Under the right one, the item of two events of each part.
    let (code, told) = run(&site, &daemon, &["replay", "--plant", &right]);
    assert_eq!(code, Some(1));
    let changed = told["changed"].as_array().unwrap();
    assert_eq!(changed.len() as u64, 2 * PARTS, "{told:#}");
    for change in changed {
        let fields = change["fields"].as_array().unwrap();
        let names: Vec<&str> = fields.iter().map(|field| word(field, "name")).collect();
        // With the unit it is known since when it was there.
        let stay = names.strip_prefix(&["evidence", "item"]).unwrap_or(&["another"]);
        assert!(stay.is_empty() || stay == ["there since"], "{change:#}");
    }
    for more in ["added", "removed", "not_replayable", "unread"] {
        assert!(told[more].as_array().unwrap().is_empty(), "{more}: {told:#}");
    }

    adopted(&site, &daemon, &truth, (&before, last), &right);
    assert!(daemon.stop().success(), "{}", site.log());
    if let Some(peers) = peers() {
        exported(&site, &truth, &peers);
    }
}

/// Another program finds in the exported tables what the plant's own list says: what was measured, and what
/// each lot went into.
fn exported(site: &Site, truth: &[PartTruth], peers: &Path) {
    let table = |format: &str, name: &str| {
        let path = site.path(format).join(format!("{name}.{format}"));
        let reader = if format == "jsonl" { "json_auto" } else { format };
        format!("read_{reader}('{}')", path.display())
    };
    let count = |format: &str| {
        let folder = site.path(format).display().to_string();
        let verb = ["export", "events", &folder, "--format", format];
        let out = site.command(&verb).output().unwrap();
        assert!(out.status.success(), "{out:?}");
        let counts = ["events", "items", "measurements", "links"].map(|name| {
            duckdb(peers, &format!("select count(*) from {}", table(format, name)))[0][0].as_u64()
        });
        assert!(counts.iter().all(|count| count.is_some_and(|count| count > 0)), "{counts:?}");
        counts
    };
    assert_eq!(count("parquet"), count("csv"));
    assert_eq!(count("parquet"), count("jsonl"));
    let (links, measured) = (table("parquet", "links"), table("parquet", "measurements"));
    for row in truth {
        let unit = row.part.unit.to_string();
        let question =
            format!("select value from {measured} where name = 'torque' and item = '{unit}'");
        let torque = duckdb(peers, &question);
        let near = (torque[0][0].as_f64().unwrap() - f64::from(row.part.torque_nm)).abs() < 1e-4;
        assert!(near && torque.as_array().unwrap().len() == 1, "{unit}: {torque}");
    }
    let lots: BTreeSet<String> = truth.iter().map(|row| row.part.grease.to_string()).collect();
    for lot in lots {
        let question = format!(
            "with recursive up(item) as (select '{lot}' union select whole from {links} join up on part = item) \
             select item from up where item like 'u/%' order by item"
        );
        let found = duckdb(peers, &question);
        let found: Vec<&str> =
            found.as_array().unwrap().iter().filter_map(|row| row[0].as_str()).collect();
        let with = truth.iter().filter(|row| row.part.grease.to_string() == lot);
        let mut wanted: Vec<String> = with.map(|row| row.part.unit.to_string()).collect();
        wanted.sort();
        assert_eq!(found, wanted, "{lot}");
    }
}

/// The tape is ahead of the ledger while a line runs: what has no record yet is not taken for missing.
fn not_yet_in_the_ledger(site: &Site) {
    let copy = tempfile::tempdir().unwrap();
    let to = copy.path().join("site");
    let copied = Command::new("cp").arg("-a").args([site.dir.path(), &to]).status().unwrap();
    assert!(copied.success());
    let segments = fs::read_dir(to.join("data/ledger")).unwrap().map(|file| file.unwrap().path());
    let last = segments.max().unwrap();
    let length = fs::metadata(&last).unwrap().len();
    fs::File::options().write(true).open(&last).unwrap().set_len(length * 2 / 3).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_pedigree"));
    command.arg("--config").arg(to.join("pedigree.toml"));
    let out =
        command.args(["--json", "replay", "--from", "2020-01-01T00:00:00Z"]).output().unwrap();
    let told: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert!(told["same"].as_u64().unwrap() > PARTS, "{told:#}");
    assert_eq!(told["added"], serde_json::json!([]));
}

/// Adopts, and asks as of now and as of then.
fn adopted(
    site: &Site,
    daemon: &Daemon,
    truth: &[PartTruth],
    (before, last): (&Answers, u64),
    right: &str,
) {
    let adopt = ["replay", "--adopt", "--plant", right, "--reason", "wrong register"];
    let (code, told) = run(site, daemon, &adopt);
    assert_eq!((code, told["adopted"].as_u64()), (Some(0), Some(2 * PARTS)), "{told:#}");
    let position = told["position"].as_u64().unwrap();
    http::until("the index has it", PATIENCE, || {
        let at = daemon.get("/api/v1/events?limit=1")["position"].as_u64();
        (at >= Some(position)).then_some(())
    });
    let after = ask(daemon, truth, None);
    assert_eq!(all_faults(&after, truth), Vec::<String>::new());
    for (unit, answer) in &after.items {
        for step in answer["body"]["steps"].as_array().unwrap() {
            let repaired = word(step, "station") == "ASM30" && word(step, "verb") != "install";
            let evidence = if repaired { "inferred" } else { "automatic" };
            let correct = word(step, "verb") == "correct";
            assert!(correct || word(step, "evidence") == evidence, "{unit}: {step:#}");
        }
    }

    // As of then, what was answered then.
    let then = ask(daemon, truth, Some(last));
    assert!(then == *before, "what was answered then is not what is answered as of then");

    // What counted before is shown as such, with who and why.
    let superseded = after.items.values().filter_map(|i| i["body"]["superseded"].as_array());
    let superseded: Vec<&Value> = superseded.flatten().collect();
    assert!(superseded.len() as u64 >= PARTS, "{superseded:#?}");
    assert!(superseded.iter().all(|old| word(old, "reason") == "wrong register"));

    // Once more there is nothing to do.
    let (code, told) = run(site, daemon, &adopt);
    assert_eq!((code, told["adopted"].as_u64()), (Some(0), Some(0)), "{told:#}");
    let (code, told) = run(site, daemon, &["replay", "--plant", right]);
    assert_eq!((code, &told["changed"]), (Some(0), &serde_json::json!([])), "{told:#}");

    // And the whole tape, the adoption on it, gives the ledger byte by byte.
    let (code, told) = run(site, daemon, &["replay"]);
    assert_eq!((code, &told["different"]), (Some(0), &serde_json::json!([])), "{told:#}");
}

/// Files below a folder that this stands in.
fn with(dir: &Path, wanted: &str) -> usize {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let below = |path: std::path::PathBuf| {
        if path.is_dir() {
            return with(&path, wanted);
        }
        let bytes = fs::read(&path).unwrap();
        usize::from(bytes.windows(wanted.len()).any(|at| at == wanted.as_bytes()))
    };
    entries.map(below).sum()
}

/// The plant on the tape knew of no badge at ASM30: under one that does, each is a token before it is recorded,
/// whatever else its word is.
#[test]
fn a_badge_that_only_the_adopted_plant_knows_of_is_veiled() {
    let mut right = Vec::new();
    let (site, daemon, truth) = shift(|demo| {
        let own = "badge    = \"badge\"\n";
        let is_assembly = |text: &str| text.contains("[station.ASM30.monitor]");
        let files = demo_files(demo);
        let change = |to: &dyn Fn(&str) -> String| {
            let changed = |(name, text): &(String, String)| {
                (name.clone(), if is_assembly(text) { to(text) } else { text.clone() })
            };
            files.iter().map(changed).collect::<Vec<_>>()
        };
        right =
            change(&|text| text.replace(own, &format!("{own}context  = {{ who = \"badge\" }}\n")));
        let monitor = "[station.ASM30.monitor]\n";
        let wrong = change(&|text| {
            let text = text.replace(own, "");
            text.replace(monitor, &format!("{monitor}who = \"badge\"\n"))
        });
        assert!(right != files && wrong != files);
        let wrong: Vec<_> =
            wrong.iter().map(|(name, text)| (name.as_str(), text.clone())).collect();
        Site::new(&wrong)
    });
    let folder = beside(&site, "right.d", &right);
    let reason = ["--reason", "who did it"];
    let adopt = [&["replay", "--adopt", "--plant", &folder][..], &reason].concat();
    let (code, told) = run(&site, &daemon, &adopt);
    assert_eq!(code, Some(0), "{told:#}");
    assert!(told["adopted"].as_u64().unwrap() >= PARTS, "{told:#}");
    assert!(daemon.stop().success(), "{}", site.log());
    let ledger = site.path("data/ledger");
    assert!(with(&ledger, truth[0].part.unit.code.as_str()) > 0, "the ledger can be searched");
    assert!(with(&ledger, "person:") > 0, "the context is a token");
    for part in &truth {
        assert_eq!(with(&ledger, part.part.badge), 0, "{} is kept", part.part.badge);
    }
}
