//! The worked examples, drilled: a stand-in for each controller that has handshakes, on real sockets,
//! against the daemon that runs the same files.
use super::support::daemon::{Daemon, Site, read};
use super::support::{free_port, here};
use pedigree::model::{Body, Record};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Output, Stdio};

const EXAMPLES: [&str; 6] =
    ["assembly.toml", "kettle.toml", "smt.toml", "bottling.toml", "screwing.toml", "furnace.toml"];

/// An example that is drilled alone, since its catalog holds for every station of the plant.
#[derive(Debug)]
struct Alone {
    name: &'static str,
    /// What is set beside the codes.
    set: &'static [&'static str],
    /// How each handshake ends, in the order of the file.
    outcomes: &'static [(&'static str, &'static str)],
}

const ALONE: [Alone; 5] = [
    Alone {
        name: "carriers.toml",
        set: &[],
        outcomes: &[
            ("LOAD7.on", "accepted"),
            ("LOAD7.empty", "accepted"),
            ("LOAD7.rescan", "set-aside"),
            ("WELD.done", "accepted"),
            ("WELD.waste", "accepted"),
            ("TABLE.in", "accepted"),
            ("TABLE.out", "accepted"),
        ],
    },
    Alone {
        name: "gearbox.toml",
        set: &[
            "OP110.In.Type=G1",
            "OP110.Fit.Article=bearing",
            "OP110.Fit.Pos=left",
            "OP120.Glue.LotId=GL-1",
            "OP120.Glue.Material=LOC-243",
            "OP120.Bit.Code=BIT-1",
            "OP120.Bit.Kind=T30",
        ],
        outcomes: &[
            ("OP110.admit", "accepted"),
            ("OP110.fit", "accepted"),
            ("OP110.done", "accepted"),
            ("OP120.admit", "accepted"),
            ("OP120.done", "accepted"),
            // Nobody sent it there.
            ("RW100.admit", "refused"),
            ("RW100.done", "accepted"),
            ("OP130.admit", "accepted"),
            ("OP130.done", "accepted"),
        ],
    },
    Alone {
        name: "halves.toml",
        set: &["Weld.Frame=F-1"],
        outcomes: &[("SAW20.cut", "accepted"), ("WELD30.join", "accepted")],
    },
    Alone {
        name: "labels.toml",
        set: &[
            "Film.Code=ACME/0417",
            "In.Code=P100;SN-000123;B",
            "Scan.Code=https://id.example.com/01/09506000134352/21/1234",
            "Case.Unit=P100;SN-000123;B",
            "Case.Code=00340000000000000014",
        ],
        outcomes: &[
            ("OP20.admit", "accepted"),
            ("OP20.part", "accepted"),
            ("OP20.pack", "accepted"),
        ],
    },
    Alone {
        name: "mixer.toml",
        set: &["product=plain", "material=flour"],
        outcomes: &[("MIX.charge", "accepted")],
    },
];

/// What cannot be drilled, and why not.
const NOT: [(&str, &str); 2] = [
    ("cnc.toml", "phases are told from the state alone, `pedigree test` plays them"),
    ("results.toml", "is told by result events, which the stand-in does not send"),
];

/// An example as it stands, but for the place of its controller and how the two come to trust each other.
fn example(name: &str) -> String {
    on_the_loopback(&read(&here("config/plant.d").join(name)))
}

fn on_the_loopback(text: &str) -> String {
    let port = free_port();
    let line = |line: &str| {
        let (key, _) = line.split_once('=').unwrap_or((line, ""));
        match key.trim() {
            "url" if line.contains("opc.tcp") => format!("url = \"opc.tcp://127.0.0.1:{port}\""),
            "url" => format!("url = \"tcp://127.0.0.1:{port}\""),
            // A busy machine takes longer than a plant allows it.
            "deadline" if line.contains("ms") => "deadline = \"1s\"".to_owned(),
            "trust" => "trust = \"first-use\"".to_owned(),
            "login" => "login = { user = \"trace\", password_env = \"DRILL_PASSWORD\" }".to_owned(),
            _ => line.to_owned(),
        }
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

struct Bench {
    site: Site,
    daemon: Daemon,
}

impl Bench {
    fn start(names: &[&str]) -> Self {
        let plants: Vec<(&str, String)> = names.iter().map(|n| (*n, example(n))).collect();
        Self::with(&plants)
    }

    fn with(plants: &[(&str, String)]) -> Self {
        let site = Site::new(plants);
        let daemon = site.try_start(&[("DRILL_PASSWORD", "secret")]).unwrap();
        Self { site, daemon }
    }

    fn drill(&self, args: &[&str]) -> (Option<i32>, Value) {
        let mut command = self.site.command(&["--json", "drill"]);
        let url = format!("http://{}", self.daemon.http());
        command.args(args).env("PEDIGREE_URL", url).env("DRILL_PASSWORD", "secret");
        let Output { status, stdout, stderr } = command.output().unwrap();
        let told = serde_json::from_slice(&stdout).unwrap_or_else(|why| {
            panic!(
                "{why}: {}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            )
        });
        (status.code(), told)
    }
}

fn outcomes(told: &Value) -> Vec<(&str, &str)> {
    let rows = told["exchanges"].as_array().unwrap().iter();
    rows.map(|e| (e["handshake"].as_str().unwrap(), e["outcome"].as_str().unwrap())).collect()
}

fn verbs(records: &[Record]) -> Vec<&'static str> {
    let verb = |record: &Record| {
        let Body::Trace(event) = &record.body else { return None };
        Some(event.what.verb().as_str())
    };
    records.iter().filter_map(verb).collect()
}

#[test]
fn the_handshakes_of_the_worked_examples_are_drilled() {
    let bench = Bench::start(&EXAMPLES);
    let (code, told) = bench.drill(&["--all", "--count", "2"]);
    let once = [
        // Nobody has seen the unit the first time, and the second is another one.
        ("OP10.admit", "refused"),
        ("OP10.child", "accepted"),
        ("OP10.result", "accepted"),
        ("KETTLE3.charge", "accepted"),
        ("KETTLE3.discharge", "accepted"),
        ("FILL.fill", "accepted"),
        ("CODE.bottle", "accepted"),
        ("PACK.pack", "accepted"),
        ("PLACER2.panel-in", "accepted"),
        ("PLACER2.panel-out", "accepted"),
        ("ROUTER2.cut", "accepted"),
        ("ROUTER2.tray", "accepted"),
        // A ring, a bit that is turned over, a pulse; a state word, and a ring of registers.
        ("SCREW10.result", "accepted"),
        ("SCREW20.admit", "accepted"),
        ("SCREW20.thrown", "accepted"),
        ("LOAD.load", "accepted"),
        ("UNLOAD.out", "accepted"),
    ];
    let mut wanted: Vec<_> = once.into_iter().flat_map(|row| [row, row]).collect();
    wanted.sort_unstable();
    let mut found = outcomes(&told);
    found.sort_unstable();
    assert_eq!(found, wanted, "{told:#}");
    assert_eq!(code, Some(1), "one was refused");
    assert!(bench.daemon.stop().success());
    let records = bench.site.records();
    for verb in ["arrive", "install", "complete", "consume", "produce", "pack", "scrap", "split"] {
        assert!(verbs(&records).contains(&verb), "{verb}: {:?}", verbs(&records));
    }
}

#[test]
fn words_that_are_given_are_what_is_recorded() {
    let bench = Bench::start(&["kettle.toml"]);
    let args = ["KETTLE3.charge", "--set", "in_lot=0417", "--set", "in_kg=25.5"];
    let (code, told) = bench.drill(&args);
    assert_eq!(code, Some(0), "{told:#}");
    let exchange = &told["exchanges"][0];
    let last = exchange["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(last["words"][0], serde_json::json!(["in_ack", "false"]), "{told:#}");
    let recorded = exchange["recorded"].as_str().unwrap();
    assert!(recorded.contains("0417"), "{recorded}");
}

/// A code that was not read is set aside, not taken for a lot.
#[test]
fn what_the_daemon_sets_aside_is_no_success() {
    let bench = Bench::start(&["kettle.toml"]);
    let (code, told) = bench.drill(&["KETTLE3.charge", "--set", "in_lot=0"]);
    assert_eq!((code, outcomes(&told)), (Some(1), vec![("KETTLE3.charge", "set-aside")]));
}

#[test]
fn a_real_controller_is_not_stood_in_for_unasked() {
    let text = read(&here("config/plant.d/kettle.toml"));
    let site = Site::new(&[("kettle.toml", text)]);
    let daemon = site.start();
    let mut command = site.command(&["drill", "KETTLE3.charge"]);
    let done = command.env("PEDIGREE_URL", format!("http://{}", daemon.http())).output().unwrap();
    let said = String::from_utf8(done.stderr).unwrap();
    assert_eq!(done.status.code(), Some(78), "{said}");
    assert!(said.contains("--listen"), "{said}");
}

#[test]
fn every_other_example_is_drilled_by_itself() {
    let drilled = ALONE.iter().map(|alone| {
        let bench = Bench::start(&[alone.name]);
        let set = alone.set.iter().flat_map(|word| ["--set", word]);
        let (_, told) = bench.drill(&std::iter::once("--all").chain(set).collect::<Vec<_>>());
        assert!(bench.daemon.stop().success(), "{}", alone.name);
        (alone, told)
    });
    let drilled: Vec<_> = drilled.collect();
    for (alone, told) in &drilled {
        assert_eq!(outcomes(told), alone.outcomes, "{}: {drilled:#?}", alone.name);
    }
}

/// From the label to the answer: what a scanner sends of the same symbol, what is printed below it, and the link in it are
/// one item for every verb, as is its `NodeId`.
#[test]
fn what_was_scanned_is_pasted_anywhere() {
    let alone = ALONE.iter().find(|alone| alone.name == "labels.toml").unwrap();
    let bench = Bench::start(&[alone.name]);
    let set = alone.set.iter().flat_map(|word| ["--set", word]);
    let (_, told) = bench.drill(&std::iter::once("--all").chain(set).collect::<Vec<_>>());
    assert_eq!(outcomes(&told), alone.outcomes);
    let ask = |args: &[&str]| {
        let url = format!("http://{}", bench.daemon.http());
        let Output { status, stdout, stderr } =
            bench.site.command(args).env("PEDIGREE_URL", url).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    };
    let (part, case) = ("u/gs1/09506000134352/1234", "c/gs1/340000000000000014");
    for (text, item) in [
        ("(01)09506000134352(21)1234", part),
        ("]d20109506000134352211234\u{1d}99X", part),
        ("https://id.example.com/01/9506000134352/21/1234", part),
        ("ns=2;s=u/gs1/09506000134352/1234#State", part),
        ("1234", part),
        ("(00) 340000000000000014", case),
        ("340000000000000014", case),
    ] {
        let (code, found, said) = ask(&["resolve", text]);
        assert_eq!((code, found.trim()), (Some(0), item), "{text}: {said}");
        let (code, trace, said) = ask(&["trace", text]);
        assert!(
            [Some(0), Some(4)].contains(&code) && trace.starts_with(item),
            "{text}: {trace}{said}"
        );
    }
    let wrong = "(00)340000000000000015";
    for verb in [
        &["resolve", wrong][..],
        &["trace", wrong],
        &["recall", "--lot", wrong],
        &["prove", wrong],
        &["why", wrong],
    ] {
        let (code, found, said) = ask(verb);
        assert_eq!(code, Some(3), "{verb:?}: {said}");
        assert!(format!("{found}{said}").contains(case), "{verb:?}: {found}{said}");
        assert!(said.contains("`5` stands where `4` has to follow"), "{verb:?}: {said}");
    }
}

#[test]
fn what_cannot_be_drilled_says_why_and_nothing_is_left_out() {
    for (name, why) in NOT {
        let bench = Bench::start(&[name]);
        let url = format!("http://{}", bench.daemon.http());
        let done = bench.site.command(&["drill", "--all"]).env("PEDIGREE_URL", url).output();
        let done = done.unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert!(said.contains(why), "{name}: {said}");
        assert_ne!(done.status.code(), Some(0), "{name}");
    }
    let alone = ALONE.iter().map(|alone| alone.name);
    let not = NOT.iter().map(|(name, _)| *name);
    let mut known: Vec<&str> = EXAMPLES.into_iter().chain(alone).chain(not).collect();
    known.sort_unstable();
    let files = std::fs::read_dir(here("config/plant.d")).unwrap();
    let files = files.map(|file| file.unwrap().path());
    let files = files.filter(|path| path.extension().is_some_and(|of| of == "toml"));
    let name = |path: PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    let mut files: Vec<String> = files.map(name).collect();
    files.sort_unstable();
    assert_eq!(known, files);
}

/// The plant file of the guide, without the mistakes that it is there to show.
#[test]
fn the_station_of_the_guide_is_drilled() {
    let guide = read(&here("docs/first-part.md"));
    let blocks = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let mut text: String = blocks.map(|(block, _)| block).collect::<Vec<_>>().join("\n");
    for (wrong, right) in [
        ("\"Lief\"", "\"Life\""),
        ("stale_after = \"3\"", "stale_after = \"3s\""),
        ("device = \"pres\"", "device = \"press\""),
        ("deadlin  =", "deadline ="),
        ("\"failed\"", "\"fail\""),
        ("low = 60, high = 40", "low = 40, high = 60"),
        ("lot      = \"Coil.LotId\"", "lot = \"Coil.LotId\"\nscope = \"site\""),
    ] {
        assert!(text.contains(wrong), "{wrong}: {text}");
        text = text.replace(wrong, right);
    }
    let text = text.replace("[device.press]\n", "[device.press]\ntrust = \"first-use\"\n");
    let bench = Bench::with(&[("press.toml", on_the_loopback(&text))]);
    let (code, told) = bench.drill(&["--all"]);
    let wanted = [("PRESS10.admit", "accepted"), ("PRESS10.result", "accepted")];
    assert_eq!((code, outcomes(&told)), (Some(0), wanted.to_vec()), "{told:#}");
}

/// A program that lost its counts asks again for what is on record.
#[test]
fn whoever_watches_is_told_what_fired_and_what_was_answered_again() {
    let bench = Bench::start(&["assembly.toml"]);
    let mut tap = bench.site.command(&["tap", "--events", "OP10."]);
    let url = format!("http://{}", bench.daemon.http());
    let mut tap = tap.env("PEDIGREE_URL", url).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(tap.stdout.take().unwrap()).lines().map_while(Result::ok);
    let args = ["OP10.admit", "--set", "In.Serial=SN-1"];
    for _ in 0..2 {
        bench.drill(&args);
    }
    let fired = lines.find(|line| line.contains("→ arrive")).unwrap();
    assert!(fired.contains("OP10.admit 1: "), "{fired}");
    let record = fired.split('#').nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let again = lines.find(|line| line.contains("the same words")).unwrap();
    let wanted =
        format!("– OP10.admit: request 1 with the same words: answered again as #{record}");
    assert_eq!(again, wanted);
    tap.kill().unwrap();
    tap.wait().unwrap();
}
