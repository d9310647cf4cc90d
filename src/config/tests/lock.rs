//! Lock files beside plant files.
use super::GOOD;
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
