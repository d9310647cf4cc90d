//! How words lay when a person looked, and what comes of it when they lie otherwise.
use super::plc::{COUNT, GHOST, Plc, Rig, SERIAL, STRAY, clock, down, live, plant};
use crate::field::opcua::{look, read_once};
use crate::model::plant::{
    DeviceIndex, Interface, Layout, Plant, Protocol, Security, TagIndex, Trust,
};
use crate::model::{GapCause, TagName, Value};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The usual plant without the words that are not there.
fn sound(port: u16) -> Plant {
    let mut plant = plant(port, Security::None, Trust::Pki);
    let last = plant.tags.pop().unwrap();
    assert_eq!(last.name.as_str(), "Stray");
    plant.tags.remove(GHOST.get());
    assert_eq!(plant.tags.len(), STRAY.get() - 1);
    plant
}

fn pinned(plant: &mut Plant, words: BTreeMap<TagName, Layout>) {
    let Protocol::OpcUa(link) = &mut plant.devices[0].protocol else { unreachable!() };
    link.pins = words;
}

fn name(plant: &Plant, tag: TagIndex) -> TagName {
    plant.tag(tag).name.clone()
}

#[tokio::test]
async fn words_that_lie_as_pinned_are_observed_and_others_are_a_gap_that_says_which() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut plant = sound(plc.port);
    plant.devices[0].interface =
        Some(Interface { tag: COUNT, name: name(&plant, COUNT), equals: Value::Int(7) });
    let seen = look(&Arc::new(plant.clone()), DeviceIndex(0), pki.path(), &clock()).await.unwrap();
    assert_eq!((seen.interface, seen.missing), (Some(Value::Int(7)), vec![]));
    let count = &seen.words[&name(&plant, COUNT)];
    assert_eq!(count.to_string(), "UInt32 in nsu=urn:test:plc;s=Count");

    pinned(&mut plant, seen.words.clone());
    let mut rig = Rig::start(plant.clone(), pki.path());
    rig.until("live", live).await;
    rig.end().await;

    let mut others = seen.words;
    let word = name(&plant, SERIAL);
    others.get_mut(&word).unwrap().data_type = "Int16".to_owned();
    pinned(&mut plant, others);
    let live = read_once(&Arc::new(plant.clone()), DeviceIndex(0), pki.path(), &clock()).await;
    let moved: Vec<_> = live.unwrap().words.into_iter().filter(|w| w.moved.is_some()).collect();
    assert_eq!(moved.iter().map(|word| word.tag).collect::<Vec<_>>(), [SERIAL]);
    let mut rig = Rig::start(plant, pki.path());
    let fault = rig.fault("pinned is Int16").await;
    assert!(fault.starts_with("`Serial` is String in nsu=urn:test:plc;s=Serial"), "{fault}");
    assert!(fault.contains("`pedigree pin press`"), "{fault}");
    assert_eq!(rig.until("down", down).await, (None, GapCause::Interface));
    rig.end().await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_pinned() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let plant = Arc::new(plant(plc.port, Security::None, Trust::Pki));
    let seen = look(&plant, DeviceIndex(0), pki.path(), &clock()).await.unwrap();
    assert_eq!(seen.missing, [name(&plant, GHOST), name(&plant, STRAY)]);
}
