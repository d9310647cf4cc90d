//! Lock files beside plant files.
use super::GOOD;
use crate::config::fault::Sink;
use crate::config::lock;
use crate::config::plant::load;
use crate::model::plant::{Layout, Plant, Protocol};
use crate::model::{DeviceId, SiteId, TagName, Value};
use std::collections::BTreeMap;

fn with(lock: &str) -> Result<(Plant, Vec<String>), Vec<String>> {
    let files = [("good.toml", GOOD), ("op10.lock", lock)];
    let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
    match load(&files, &SiteId::parse("site").unwrap()) {
        Ok(checked) => {
            let warnings = checked.warnings.iter().map(|fault| fault.message.clone());
            Ok(((*checked.plant).clone(), warnings.collect()))
        }
        Err(faults) => Err(faults.iter().map(|fault| fault.message.clone()).collect()),
    }
}

fn pins(plant: &Plant) -> &BTreeMap<TagName, Layout> {
    match &plant.devices[0].protocol {
        Protocol::OpcUa(link) => &link.pins,
        Protocol::Modbus(_) => panic!("not an OPC UA device"),
    }
}

/// A lock file for every word of the good file's first device.
fn whole() -> (String, BTreeMap<TagName, Layout>) {
    let (plant, _) = with("device = \"op10\"\ninterface = 3\n").unwrap();
    let words: BTreeMap<_, _> = plant
        .tags_of(crate::model::plant::DeviceIndex(0))
        .enumerate()
        .map(|(i, (_, tag))| {
            let layout = Layout {
                node: format!("nsu=urn:x;s=\"DB\".\"{}\"", tag.name),
                part: if i % 2 == 0 { String::new() } else { ".Slots[1].\u{e4}".to_owned() },
                data_type: "UInt16".to_owned(),
                bounds: if i % 3 == 0 { Vec::new() } else { vec![10, 0] },
            };
            (tag.name.clone(), layout)
        })
        .collect();
    let device = DeviceId::parse("op10").unwrap();
    (lock::text(&device, Some(&Value::Int(3)), &BTreeMap::new(), &words), words)
}

#[test]
fn a_lock_file_reads_back_as_it_was_written_and_is_part_of_the_plant() {
    let (text, words) = whole();
    let (plant, warnings) = with(&text).unwrap();
    assert_eq!(pins(&plant), &words);
    assert!(warnings.iter().all(|warning| !warning.contains("pinned")), "{warnings:?}");
    let (bare, _) = with("device = \"op10\"\ninterface = 3\n").unwrap();
    assert_ne!(plant.hash, bare.hash);
    assert_eq!(plant.files[1].name.as_str(), "op10.lock");
}

/// Lock files as they were first written. If this fails, do not change the fixtures.
#[test]
fn a_lock_file_of_schema_1_is_read_and_written_letter_by_letter_and_one_without_is_read() {
    let device = DeviceId::parse("press-01").unwrap();
    let children =
        BTreeMap::from([("Feeders".to_owned(), vec!["F1".to_owned(), "F 2".to_owned()])]);
    let layout = |part: &str, data_type: &str, bounds: &[u32]| Layout {
        node: "nsu=urn:line1:press;s=\"DB\".\"Gr\u{f6}\u{df}e\"".to_owned(),
        part: part.to_owned(),
        data_type: data_type.to_owned(),
        bounds: bounds.to_vec(),
    };
    let words = [
        ("Serial", layout("", "String", &[])),
        ("Feeders.F1.Reel", layout(".Slots[1].code", "UInt16", &[10, 0])),
    ];
    let words: BTreeMap<TagName, Layout> =
        words.into_iter().map(|(name, layout)| (TagName::parse(name).unwrap(), layout)).collect();
    let written = lock::text(&device, Some(&Value::text("3.1")), &children, &words);
    let kept = |name: &str| {
        let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/lock-1");
        std::fs::read_to_string(dir.join(name)).unwrap()
    };
    assert_eq!(kept("press-01.lock"), written);
    for name in ["press-01.lock", "without-schema.lock"] {
        let (text, mut sink) = (kept(name), Sink::default());
        let file = sink.source(name, &text);
        let read = lock::read(file, &text, &mut sink).unwrap();
        assert_eq!((read.device.as_str(), read.interface.is_some()), (device.as_str(), true));
        let found = read.children.iter().map(|(of, names)| ((**of).clone(), names.clone()));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), children, "{name}");
        let found = read.words.iter();
        let found = found.map(|(of, word)| (TagName::parse(of).unwrap(), word.layout()));
        assert_eq!(found.collect::<BTreeMap<_, _>>(), words, "{name}");
    }
}

#[test]
fn a_lock_file_of_another_schema_is_refused_by_that_alone() {
    let (text, _) = whole();
    let newer = format!("{}\n[elsewhere]\na = 1\n", text.replace("schema = 1", "schema = 2"));
    let faults = with(&newer).unwrap_err();
    assert_eq!(faults, ["this lock file has schema 2; it must be 1"]);
}

#[test]
fn words_used_since_are_named_and_other_versions_are_refused() {
    let (text, words) = whole();
    let first = words.keys().next().unwrap();
    let less: Vec<&str> =
        text.lines().filter(|l| !l.starts_with(&format!("\"{first}\""))).collect();
    let (_, warnings) = with(&less.join("\n")).unwrap();
    assert!(warnings.contains(&format!("not pinned of `op10`: `{first}`")), "{warnings:?}");

    let other = with(&text.replace("interface = 3", "interface = 2")).unwrap_err();
    assert!(other.contains(&"`op10` is pinned for interface 2; its file says 3".to_owned()));
    let none = with(&text.replace("interface = 3", "")).unwrap_err();
    assert!(none.contains(&"`op10` is pinned for interface none; its file says 3".to_owned()));
}

#[test]
fn a_lock_file_that_is_none_or_for_nobody_is_told() {
    let faults = with("device = \"op10\"\nwords = 3").unwrap_err();
    assert!(faults.iter().any(|f| f.starts_with("this is no lock file: ")), "{faults:?}");
    let faults = with("device = \"kettle\"").unwrap_err();
    let wanted = "`kettle` is a Modbus device, whose words have no types".to_owned();
    assert!(faults.contains(&wanted), "{faults:?}");
    let (_, warnings) = with("device = \"op11\"").unwrap();
    assert!(warnings.contains(&"there is no device `op11`".to_owned()), "{warnings:?}");
}
