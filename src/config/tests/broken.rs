//! How faults are shown.
use super::{GOOD, check, found};
use crate::config::Severity;
use proptest::prelude::*;
use std::collections::BTreeSet;

const BROKEN: &str = r#"schema = 1

[device.press-01]
url       = "opc.tcp://10.0.0.5:4840"
publish   = 500
namespce  = "urn:line1:press"
heartbeat = { plc = "Life" }

[station.OP20]
device = "pres-01"

[station.OP20.handshake.result]
event    = "complete"
trigger  = "Count"
ack      = "Ack"
deadline = "fast"
parse    = "Pallet"

[station.OP20.mount.coil]
lot = "Coil.LotId"
"#;

#[test]
fn all_faults_are_shown_at_once() {
    insta::assert_snapshot!(check(&[("plant.d/20-press.toml", BROKEN)]).unwrap_err(), @r#"
      × `device.press-01.publish` is the number 500; wanted a text such as `"500ms"`
       ╭─[plant.d/20-press.toml:5:13]
     4 │ url       = "opc.tcp://10.0.0.5:4840"
     5 │ publish   = 500
       ·             ─┬─
       ·              ╰── wrong type
     6 │ namespce  = "urn:line1:press"
       ╰────
      help: a duration is a text with its unit: ms, s, m, h or d
    
      × `device.press-01` has no key `namespce`
       ╭─[plant.d/20-press.toml:6:1]
     5 │ publish   = 500
     6 │ namespce  = "urn:line1:press"
       · ────┬───
       ·     ╰── unknown key
     7 │ heartbeat = { plc = "Life" }
       ╰────
      help: did you mean `namespace`? (keys: allow_insecure, heartbeat, holes, interface, login,
            max_read, modbus_unit, namespace, order, poll, publish, read_over, restart, root,
            security, share, strings, tags, timeout, trust, url)
    
      × `station.OP20` refers to device `pres-01`, which is not configured
        ╭─[plant.d/20-press.toml:10:10]
      9 │ [station.OP20]
     10 │ device = "pres-01"
        ·          ────┬────
        ·              ╰── no device with this name
     11 │ 
        ╰────
      help: did you mean `press-01`? (devices: press-01)
    
      × `fast` is not a duration
        ╭─[plant.d/20-press.toml:16:12]
     15 │ ack      = "Ack"
     16 │ deadline = "fast"
        ·            ───┬──
        ·               ╰── wanted a number and a unit
     17 │ parse    = "Pallet"
        ╰────
      help: write `500ms`, `2s`, `5m`, `8h` or `30d`
    
      × `station.OP20.handshake.result` reads no code that `parse` could be of
        ╭─[plant.d/20-press.toml:17:12]
     16 │ deadline = "fast"
     17 │ parse    = "Pallet"
        ·            ────┬───
        ·                ╰── does nothing
     18 │ 
        ╰────
      help: it belongs to a word with a code: `serial`, `lot`, `child`, `members` or `into`
    
      × `station.OP20.mount.coil` has no `scope`
        ╭─[plant.d/20-press.toml:19:21]
     18 │ 
     19 │ [station.OP20.mount.coil]
        ·                     ──┬─
        ·                       ╰── `scope` is required
     20 │ lot = "Coil.LotId"
        ╰────
    
    6 errors, 0 warnings
    "#);
}

const REFUSED: &str = r#"schema = 1

[device.plc]
url            = "opc.tcp://10.0.0.5:4840"
security       = "none"
allow_insecure = true
namespace      = "urn:line1"
heartbeat      = { plc = "Life", stale_after = "5s" }
restart        = "BootId"

[station.OP20]
device = "plc"

[station.OP20.handshake.admit]
event    = "arrive"
serial   = "Serial"
trigger  = "ReqId"
ack      = "AckId"
check    = ["knwon", "route", "bom", "child-not-used", "not-held", "not-held"]
reply    = { Permit = "$permit", Reason = "$reason" }
permit   = { ok = 1, nok = 2 }
reasons  = { not-held = 3, rout = 11, late = 0 }
override = { badge = "Badge" }
"#;

#[test]
fn faults_of_permits_are_shown() {
    insta::assert_snapshot!("permits", check(&[("20-press.toml", REFUSED)]).unwrap_err());
}

const CATALOG: [(&str, &str); 2] = [
    (
        "10-press.toml",
        "schema = 1\n[station.OP10]\n[station.OP20]\n[station.RW]\n\n[product.A]\nroute = [\"OP10\"]\n",
    ),
    (
        "products.toml",
        r#"schema = 1

[product.A]
route = ["OP10", "OP20"]

[product.B]
route      = ["OP10", "OP21"]
rework     = { entry = "OP10", return = "RW" }
max_visit  = 3
bom.screw  = { quantity = 0, position = "left" }
setup.OP20 = { reel = "R-1" }

[material.R-1]
floor_life = 168
has        = { country = ["DE"], hazardus = true }

[attribute.hazardous]
rule = "any"
"#,
    ),
];

#[test]
fn faults_of_products_are_shown() {
    insta::assert_snapshot!("products", check(&CATALOG).unwrap_err());
}

/// However the server is written, and wherever its words lie.
const ONE_SERVER: &str = r#"schema = 1

[device.left]
url            = "opc.tcp://PLC1.line.example"
security       = "none"
allow_insecure = true
namespace      = "urn:line1"
root           = "Left."
heartbeat      = { plc = "s=Life" }

[device.right]
url            = "opc.tcp://plc1.line.example:4840/server"
security       = "none"
allow_insecure = true
namespace      = "urn:line1"
root           = "Right."
heartbeat      = { plc = "s=Life" }
"#;

#[test]
fn two_tables_of_one_controller_are_refused() {
    insta::assert_snapshot!("one_server", check(&[("20-press.toml", ONE_SERVER)]).unwrap_err());
    let apart = [
        ("s=Life\" }\n\n", "s=Left.Life\" }\n\n"),
        ("4840/server", "4841/server"),
        ("\"urn:line1\"\nroot           = \"Right", "\"urn:line2\"\nroot           = \"Right"),
    ];
    for (from, to) in apart {
        assert_eq!(ONE_SERVER.matches(from).count(), 1, "{from}");
        check(&[("20-press.toml", &ONE_SERVER.replace(from, to))]).unwrap();
    }
}

/// Handshakes that share what one machine tells of, each but the first wrong in its own way.
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
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
only     = "ResultMetaData.JobId in L, LL"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.LEFT.handshake.other-ways]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetLatestResult"
ack      = "AcknowledgeResults"
only     = "ResultMetaData.JobId = X"
event    = "inspect"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT]
device = "bolt"

[station.RIGHT.handshake.same]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
only     = "ResultMetaData.JobId = LL"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT.handshake.other-field]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
only     = "ResultMetaData.StepId = R"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT.handshake.rest]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
event    = "complete"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT.handshake.more]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
event    = "inspect"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"

[station.RIGHT.handshake.moving]
notifier = "Results"
recover  = "GetResultIdListFiltered"
fetch    = "GetResultById"
ack      = "AcknowledgeResults"
only     = "ResultMetaData.JobId rises"
event    = "inspect"
serial   = "ResultMetaData.PartId"
time     = "ResultMetaData.CreationTime"
"#;

#[test]
fn a_result_is_of_one_handshake() {
    insta::assert_snapshot!("shared_results", check(&[("20-bolt.toml", SHARED)]).unwrap_err());
}

#[test]
fn faults_are_data_too() {
    let faults = check(&[("a.toml", "schema = 1\nstatoin = {}\n")]).unwrap_err();
    assert_eq!(faults.errors(), 1);
    assert_eq!(
        serde_json::to_value(&faults).unwrap(),
        serde_json::json!([{
            "severity": "error",
            "file": "a.toml",
            "line": 2,
            "column": 1,
            "message": "the file has no key `statoin`",
            "help": "did you mean `station`? (keys: attribute, device, material, product, schema, station, test)",
        }])
    );
}

#[test]
fn a_file_of_a_newer_language_is_told_with_what_to_do() {
    let faults = check(&[("a.toml", "schema = 2\n[elsewhere]\n")]).unwrap_err();
    let first = faults.iter().next().unwrap();
    assert_eq!(first.message, "`schema` is 2; it must be 1");
    let help = "run the version that the file was written for, or a newer one";
    assert_eq!(first.help.as_deref(), Some(help));
}

/// A file of schema 1 with every kind of table, as it could be written then. If this fails, do not change it.
#[test]
fn a_file_of_schema_1_is_read_for_good() {
    let kept = super::root().join("tests/data/plant-1/plant.toml");
    let text = std::fs::read_to_string(kept).unwrap();
    let plant = check(&[("plant.toml", &text)]).unwrap().plant;
    let stations: BTreeSet<_> = plant.stations.iter().map(|station| station.id.as_str()).collect();
    assert_eq!((plant.devices.len(), stations), (2, BTreeSet::from(["KETTLE", "LATE", "OP10"])));
}

#[test]
fn a_file_that_is_not_toml_does_not_hide_the_faults_of_others() {
    let broken = "schema = 1\n[device.op10]\nurl = \"opc.tcp://a\nx = = 1\n[station.OP10]\n";
    let other = "schema = 1\n[station.A]\ndevice = \"op10\"\nafter = [\"OP10\", \"OP11\"]\n";
    let found = found(&[("1.toml", broken), ("2.toml", other)]);
    let found: Vec<_> =
        found.iter().map(|f| (f.file.as_str(), f.line, f.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("1.toml", 3, "this is not TOML: invalid basic string, expected `\"`"),
            ("1.toml", 4, "this is not TOML: extra `=`, expected nothing"),
            ("2.toml", 4, "`station.A` comes after station `OP11`, which is not configured"),
        ]
    );
}

#[test]
fn a_name_in_two_files_is_cited_in_both() {
    let text = "schema = 1\n[station.A]\n";
    let found = found(&[("1.toml", text), ("2.toml", text)]);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].file.as_str(), found[0].line), ("2.toml", 2));
    assert_eq!(found[0].message, "station `A` is defined twice; first at 1.toml:2:10");
}

#[test]
fn faults_stand_in_the_order_of_files_and_lines() {
    let found = found(&[("1.toml", BROKEN), ("2.toml", BROKEN)]);
    let places: Vec<_> = found.iter().map(|f| (f.file.clone(), f.line, f.column)).collect();
    assert!(places.is_sorted(), "{places:?}");
    assert!(found.iter().any(|fault| fault.severity == Severity::Error));
}

proptest! {
    #[test]
    fn no_text_panics(text in "(?s).{0,200}") {
        prop_assert!(found(&[("a.toml", &text)]).len() < 1000);
    }

    /// Lines and bytes of a good file are taken out, doubled or replaced: near misses reach further
    /// than noise.
    #[test]
    fn no_damaged_file_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, "[\\PC\n]{0,3}"), 1..6),
    ) {
        let mut text = GOOD.to_owned();
        for (at, how, with) in cuts {
            let at = text.floor_char_boundary(at.index(text.len().max(1)));
            let end = text[at..].find('\n').map_or(text.len(), |n| at + n + 1);
            match how {
                0 => text.insert_str(at, &with),
                1 => drop(text.drain(at..end)),
                2 => text.insert_str(at, text[at..end].to_owned().as_str()),
                _ => text.replace_range(at..text.ceil_char_boundary((at + 1).min(text.len())), &with),
            }
        }
        for fault in found(&[("a.toml", &text)]) {
            prop_assert!(fault.line <= text.matches('\n').count() + 1);
            prop_assert!(!crate::config::render(&[fault], miette::GraphicalTheme::none()).is_empty());
        }
    }
}

/// File of the worked examples, what stands there, and what an engineer writes by mistake.
const VARIANTS: [(&str, &str, &str); 37] = [
    ("assembly.toml", "url       = \"opc.tcp://10.20.1.10:4840\"", "url = \"10.20.1.10:4840\""),
    ("assembly.toml", "namespace = \"http://line1.example/plc\"", "namespace = \"ns=3\""),
    ("assembly.toml", "publish   = \"500ms\"", "publish = 0.5"),
    ("assembly.toml", "device   = \"op10\"", "device = \"op01\""),
    ("assembly.toml", "trigger  = \"ReqId\" ", "triger = \"ReqId\" "),
    ("assembly.toml", "ack      = \"AckId\" ", "ack = \"ReqId\" "),
    ("assembly.toml", "deadline = \"300ms\"", "deadline = \"300\""),
    ("assembly.toml", "\"mounts-verified\", \"not-held\"]", "\"mounts-verified\", \"not_hold\"]"),
    ("assembly.toml", "{ ok = 1, nok = 2, rework = 3,", "{ ok = 1, nok = 1, rework = 3,"),
    ("assembly.toml", "{ Permit = \"$permit\",", "{ Permit = \"$permitt\","),
    ("assembly.toml", "\"State.bypass\" = \"bypassed\"", "\"State.bypass\" = \"bypass\""),
    ("assembly.toml", "low = 11.4, high = 12.6", "low = 12.6, high = 11.4"),
    ("assembly.toml", "given  = [{ \"In.Type\" = \"A\"", "given = [{ \"In.Typ\" = \"A\""),
    ("kettle.toml", "at = \"ir:10\",", "at = \"ir:1O\","),
    ("kettle.toml", "in_answer   = { at = \"hr:200\"", "in_answer = { at = \"ir:200\""),
    (
        "kettle.toml",
        "weight      = { at = \"ir:12\",  type = \"f32\"",
        "weight = { at = \"ir:12\", type = \"float\"",
    ),
    ("kettle.toml", "in_lot      = { at = \"hr:120\"", "in_lot = { at = \"hr:134\""),
    (
        "kettle.toml",
        "stable   = true                                   # two requests because",
        "# two requests because",
    ),
    ("kettle.toml", "scope    = \"supplier\" ", "# "),
    ("kettle.toml", "while   = \"step = cip\"", "while = \"step = cpi\""),
    ("kettle.toml", "stale_after = \"15s\"", "stale_after = \"5s\""),
    ("smt.toml", "splice   = \"one-of\"", "splice = \"one of\""),
    ("smt.toml", "counter = \"Picked\"", "count = \"Picked\""),
    ("results.toml", "notifier  = \"ResultManagement\"", "# "),
    (
        "results.toml",
        "notifier  = \"ResultManagement\"",
        "notifier = \"ResultManagement\"\nevent_type = \"PartFinishedEventType\"",
    ),
    ("results.toml", "fetch     = \"GetResultById\" ", "# "),
    ("results.toml", "time      = \"ResultMetaData.ProcessingTimes.EndTime\"", "# "),
    (
        "results.toml",
        "serial    = \"ResultMetaData.PartId\"",
        "serial = \"ResultMetaData..PartId\"",
    ),
    ("results.toml", "event     = \"complete\"", "event = \"complete\"\nnode = \"Panel\""),
    ("cnc.toml", "orders = true ", "orders = false "),
    ("bottling.toml", "event = \"pack\", child", "event = \"pak\", child"),
    ("screwing.toml", "slots = \"Ring[0..15]\"", "slots = \"Ring[16]\""),
    ("screwing.toml", "event  = \"complete\"", "event = \"arrive\""),
    ("screwing.toml", "number  = \"Count\"", "ack = \"Ack\""),
    ("furnace.toml", "stride = 20", "stride = 10"),
    ("furnace.toml", "\"hr:100\", type = \"u16\"", "\"hr:100\", type = \"u32\""),
    ("furnace.toml", "busy = 2, done = 4", "busy = 4, done = 4"),
];

#[test]
fn mistakes_in_the_worked_examples_read_well() {
    let mut page = String::new();
    for (name, right, wrong) in VARIANTS {
        let (name, text) = super::examples().into_iter().find(|file| file.0 == name).unwrap();
        assert_eq!(text.matches(right).count(), 1, "`{right}` must stand once in {name}");
        let found = found(&[(&name, &text.replace(right, wrong))]);
        assert!(!found.is_empty(), "`{wrong}` in {name} goes unseen");
        page.push_str(&crate::config::render(&found, miette::GraphicalTheme::unicode_nocolor()));
    }
    insta::assert_snapshot!(page);
}
