//! The tests in plant files: they pass, and they fail when what they show is broken.
use super::{check, examples, site};
use crate::bench::{Outcome, play};
use crate::config::plant::{Checked, load};

fn outcomes(checked: &Checked) -> Vec<(String, Outcome)> {
    checked.tests.iter().map(|case| (case.name.clone(), play(&checked.plant, case))).collect()
}

/// The names of the tests that fail.
fn failed(files: &[(String, String)]) -> Vec<String> {
    let checked = load(files, &site()).unwrap_or_else(|faults| panic!("{faults}"));
    let outcomes = outcomes(&checked).into_iter();
    outcomes.filter(|(_, outcome)| !outcome.passed()).map(|(name, _)| name).collect()
}

#[test]
fn every_example_has_tests_and_they_pass() {
    for file in examples() {
        assert!(file.1.matches("[[test]]").count() >= 4, "{}", file.0);
        let failed = failed(std::slice::from_ref(&file));
        assert!(failed.is_empty(), "{}: {failed:?}", file.0);
    }
    let failed = failed(&examples());
    assert!(failed.is_empty(), "{failed:?}");
}

/// File, what stands there, what is written wrong in its place, and the tests that see it.
const MISTAKES: [(&str, &str, &str, &[&str]); 13] = [
    (
        "labels.toml",
        "(?P<serial>SN-[0-9]{6})(?:;(?P<revision>",
        "(?P<serial>SN-[0-9]+)(?:;(?P<revision>",
        &[
            "a label of another form is set aside, never taken for a serial, and the PLC is answered unknown",
        ],
    ),
    (
        "gearbox.toml",
        "recipe      = { OP120 = 4 }",
        "recipe = { OP120 = 5 }",
        &["a unit goes the route of its product, and only that"],
    ),
    (
        "assembly.toml",
        "child    = \"Code\"\nposition = \"Pos\"",
        "child = \"Pos\"\nposition = \"Code\"",
        &[
            "a unit is built: arrival, part, result with the lot in the drum",
            "a scanner that reads the label of the unit instead of the part: nothing is built into itself",
        ],
    ),
    (
        "assembly.toml",
        "\"mounts-verified\", \"not-held\"]",
        "\"mounts-verified\"]",
        &["a unit on hold does not go on, until it is released"],
    ),
    (
        "assembly.toml",
        "4 = \"scrap\" }\n",
        "4 = \"scrap\" }\nno_read = [\"\"]\n",
        &["a code that was not read gives a provisional unit, never a guess"],
    ),
    (
        "assembly.toml",
        "masters = \"MSTR\"",
        "masters = \"MASTER\"",
        &["masters and manual work are told apart from production"],
    ),
    (
        "kettle.toml",
        "into     = { lot = \"batch_no\"",
        "into = { lot = \"in_material\"",
        &[
            "a lot goes into the batch, with its amount",
            "a lot on hold is not charged",
            "a request without a lot is set aside and not answered ok",
            "what is left of a batch is in the next one, until the kettle is cleaned with proof",
        ],
    ),
    (
        "kettle.toml",
        "carry_over = \"until clean\"",
        "",
        &[
            "what is left of a batch is in the next one, until the kettle is cleaned with proof",
            "a clean that may have been missed ends nothing: the batches stay linked, and it is said",
        ],
    ),
    (
        "kettle.toml",
        "no_read  = [\"\", \"0\"]",
        "no_read = [\"\"]",
        &["a request without a lot is set aside and not answered ok"],
    ),
    (
        "smt.toml",
        "splice   = \"one-of\"",
        "splice = \"clean\"",
        &["a reel that is spliced between two picks is in the panel, and the one before may be"],
    ),
    (
        "cnc.toml",
        "settle    = \"2s\"",
        "settle = \"500ms\"",
        &["an operation that ends with a count is the next open row of its program"],
    ),
    (
        "bottling.toml",
        "scope  = { supplier = \"CapCo\" }",
        "scope = \"site\"",
        &["a fill is made of the tank and the caps that it ran from"],
    ),
    (
        "bottling.toml",
        "restart   = \"boot\"",
        "",
        &["a PLC that was switched off begins its counts anew"],
    ),
];

#[test]
fn a_mistake_in_a_file_fails_the_test_that_shows_it() {
    let mut unlike = Vec::new();
    for (name, right, wrong, seen) in MISTAKES {
        let mut file = examples().into_iter().find(|file| file.0 == name).unwrap();
        assert_eq!(file.1.matches(right).count(), 1, "`{right}` must stand once in {name}");
        file.1 = file.1.replace(right, wrong);
        let found = failed(&[file]);
        if found != seen {
            unlike.push(format!("`{wrong}` in {name}: {found:#?}"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

const PRESS: &str = r#"schema = 1
[device.press]
url       = "opc.tcp://10.0.0.5:4840"
namespace = "urn:press"
heartbeat = { plc = "Life" }
[station.PRESS]
device = "press"
[station.PRESS.handshake.done]
event   = "complete"
serial  = "Serial"
trigger = "Count"
ack     = "Ack"
"#;

/// The rows of the one test of a press.
fn rows(given: &str, expect: &str) -> Vec<(String, String, bool)> {
    let text = format!("{PRESS}[[test]]\nname = \"t\"\ngiven = [{given}]\nexpect = [{expect}]\n");
    let checked = check(&[("press.toml", &text)]).unwrap_or_else(|faults| panic!("{faults}"));
    let (_, outcome) = outcomes(&checked).pop().unwrap();
    outcome.rows.into_iter().map(|row| (row.expected, row.happened, row.right)).collect()
}

#[test]
fn an_event_that_nobody_expected_fails_a_test() {
    let rows = rows(
        r#"{ Serial = "A", Count = 1 }, { Serial = "B", Count = 2 }"#,
        r#"{ event = "complete", serial = "B" }"#,
    );
    let a = r#"{ event = "complete", serial = "A", permit = "ok" }"#.to_owned();
    let b = r#"{ event = "complete", serial = "B" }"#.to_owned();
    assert_eq!(rows, [(String::new(), a, false), (b.clone(), b, true)]);
}

#[test]
fn events_out_of_order_fail_a_test() {
    let given = r#"{ Serial = "A", Count = 1 }, { Serial = "B", Count = 2 }"#;
    let (a, b) =
        (r#"{ event = "complete", serial = "A" }"#, r#"{ event = "complete", serial = "B" }"#);
    assert!(rows(given, &format!("{a}, {b}")).iter().all(|row| row.2));
    assert!(!rows(given, &format!("{b}, {a}")).iter().all(|row| row.2));
}

#[test]
fn a_word_counts_as_written_only_after_its_event_and_before_the_next() {
    let given = r#"{ Serial = "A", Count = 1 }, { Serial = "B", Count = 2 }"#;
    let event = |serial: &str| format!("{{ event = \"complete\", serial = \"{serial}\" }}");
    let of = |first: u8, second: u8| {
        let expect =
            format!("{}, {{ Ack = {first} }}, {}, {{ Ack = {second} }}", event("A"), event("B"));
        rows(given, &expect)
            .into_iter()
            .filter(|row| row.0.contains("Ack"))
            .map(|row| row.2)
            .collect::<Vec<_>>()
    };
    assert_eq!(of(1, 2), [true, true]);
    assert_eq!(of(2, 1), [false, false]);
}

#[test]
fn nothing_happens_can_be_expected_and_be_wrong() {
    assert_eq!(rows(r#"{ Serial = "A" }"#, ""), []);
    assert_eq!(rows(r#"{ Serial = "A", Count = 1 }"#, "").len(), 1);
}

#[test]
fn a_bad_word_says_why_nothing_fired() {
    let text = format!(
        "{PRESS}[[test]]\nname = \"t\"\ngiven = [{{ Count = \"$bad\" }}]\nexpect = [{{ event = \"gap\", cause = \"bad-quality\" }}]\n"
    );
    let checked = check(&[("press.toml", &text)]).unwrap();
    let (_, outcome) = outcomes(&checked).pop().unwrap();
    assert!(outcome.passed());
    let told = |n: &crate::model::Notice| {
        n.about == "PRESS.done" && n.text.contains("because the trigger is Bad")
    };
    assert!(outcome.notices.iter().any(told), "{:?}", outcome.notices);
}

#[test]
fn a_word_of_another_file_is_named_with_its_device() {
    let other = PRESS.replace("press", "oven").replace("PRESS", "OVEN");
    let test = "[[test]]\nname = \"t\"\ngiven = [{ \"oven/Serial\" = \"A\", \"oven/Count\" = 1, Serial = \"A\", Count = 1 }]\n\
                expect = [{ event = \"complete\", station = \"OVEN\" }, { event = \"complete\", station = \"PRESS\" }]\n";
    let checked = check(&[("press.toml", &format!("{PRESS}{test}")), ("oven.toml", &other)]);
    let checked = checked.unwrap_or_else(|faults| panic!("{faults}"));
    let (_, outcome) = outcomes(&checked).pop().unwrap();
    assert!(outcome.passed(), "{:#?}", outcome.rows);
}

/// Two stations share what one object tells of; each result is of the one that its field names.
const SHARED: &str = r#"schema = 1

[device.bolt]
url            = "opc.tcp://10.0.0.5:4840"
security       = "none"
allow_insecure = true
namespace      = "urn:line1"
heartbeat      = { plc = "Life" }

[station.LEFT]
device = "bolt"

[station.LEFT.handshake.result]
notifier = "Results"
recover  = "List"
fetch    = "Get"
ack      = "Acknowledge"
only     = "ResultMetaData.JobId in L, '12'"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT]
device = "bolt"

[station.RIGHT.handshake.result]
notifier = "Results"
recover  = "List"
fetch    = "Get"
ack      = "Acknowledge"
only     = "ResultMetaData.JobId = R"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[[test]]
name   = "each is recorded once, by the station whose it is, or set aside"
given  = [
  { "Results.ResultMetaData.JobId" = "R", "Results.ResultMetaData.PartId" = "SN-1", "Results.ResultMetaData.ResultId" = "1" },
  { "Results.ResultMetaData.JobId" = "12", "Results.ResultMetaData.PartId" = "SN-2", "Results.ResultMetaData.ResultId" = "2" },
  { "Results.ResultMetaData.JobId" = "X", "Results.ResultMetaData.PartId" = "SN-3", "Results.ResultMetaData.ResultId" = "3" },
]
expect = [
  { event = "complete", station = "RIGHT", serial = "SN-1" },
  { "Results.ResultMetaData.ResultId" = "1" },
  { event = "complete", station = "LEFT", serial = "SN-2" },
  { "Results.ResultMetaData.ResultId" = "2" },
  { event = "quarantine", cause = "word", word = "Results.ResultMetaData.JobId" },
  { "Results.ResultMetaData.ResultId" = "3" },
]
"#;

#[test]
fn results_that_one_object_tells_of_are_told_apart_by_a_field() {
    let file = |text: &str| vec![("bolt.toml".to_owned(), text.to_owned())];
    assert_eq!(failed(&file(SHARED)), Vec::<String>::new());
    let rest = SHARED.replace("only     = \"ResultMetaData.JobId = R\"\n", "");
    assert_eq!(failed(&file(&rest)).len(), 1, "who says nothing takes what is left");
}
