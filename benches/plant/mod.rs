//! A plant as large as the goals speak of, from a text like anybody's, and what its machines say.
use pedigree::config;
use pedigree::model::plant::{Plant, TagIndex};
use pedigree::model::{Quality, Sample, SiteId, Utc, Value};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use std::fmt::Write;
use std::sync::Arc;

/// Machines; each is a device with one station.
pub(crate) const MACHINES: usize = 100;
/// Tags of a machine. Eight belong to its handshake, ten to its phase, ten are charted, a hundred have
/// limits; the others are watched and nothing more.
pub(crate) const TAGS: usize = 1_000;

/// How the plant file of one machine begins: its device and its station.
pub(crate) fn head(machine: usize) -> String {
    format!(
        r#"schema = 1
[device.m{machine:03}]
url       = "opc.tcp://127.0.0.1:{port}"
namespace = "urn:bench"
trust     = "pki"
restart   = "Boot"
[station.M{machine:03}]
device = "m{machine:03}"
"#,
        port = 4840 + machine,
    )
}

/// The plant file of one machine.
pub(crate) fn file(machine: usize) -> String {
    let mut text = head(machine);
    write!(
        text,
        r#"[station.M{machine:03}.handshake.result]
event   = "complete"
trigger = "Res.Count"
ack     = "Res.Ack"
serial  = "Res.Serial"
result  = "Res.Result"
codes   = {{ 1 = "pass", 2 = "fail" }}
values.force  = {{ from = "Res.Force", eu = "kN" }}
values.stroke = {{ from = "Res.Stroke", eu = "mm" }}
[station.M{machine:03}.phase.work]
while  = "State in 1, 2"
record = ["T000", "T001", "T002", "T003", "T004", "T005", "T006", "T007", "T008"]
[station.M{machine:03}.monitor]
"#
    )
    .expect("a text takes all");
    for tag in 0..TAGS - 8 {
        let rule = match tag {
            0..10 => r#", drift = "one false alarm in 30d""#,
            10..110 => ", low = -1e9, high = 1e9",
            _ => "",
        };
        writeln!(text, r#"t{tag:03} = {{ node = "T{tag:03}"{rule} }}"#).expect("a text takes all");
    }
    text
}

/// The whole plant, checked.
pub(crate) fn plant() -> Arc<Plant> {
    let files: Vec<_> = (0..MACHINES).map(|m| (format!("m{m:03}.toml"), file(m))).collect();
    loaded(&files)
}

/// The plant of these files, each with its name.
pub(crate) fn loaded(files: &[(String, String)]) -> Arc<Plant> {
    let site = SiteId::parse("bench").expect("a name");
    match config::plant::load(files, &site) {
        Ok(checked) => checked.plant,
        Err(faults) => panic!("the plant of the benchmark is refused: {faults:?}"),
    }
}

/// `count` changes of watched tags, drawn in random order over the whole plant from a fixed seed, in
/// notifications of `batch`.
pub(crate) fn changes(plant: &Plant, count: usize, batch: usize) -> Vec<Vec<Sample>> {
    let mut random = StdRng::seed_from_u64(17);
    let watched: Vec<TagIndex> =
        plant.tags().filter(|(_, tag)| !tag.fast).map(|(index, _)| index).collect();
    let mut now = 1_700_000_000_000_000_000;
    let mut one = || {
        now += 1_000;
        let time = Utc(now);
        Sample {
            tag: *watched.choose(&mut random).expect("the plant has tags"),
            value: Value::Real(random.random_range(-1.0..1.0)),
            quality: Quality::GOOD,
            source: Some(time),
            server: None,
            receive: time,
        }
    };
    (0..count / batch).map(|_| (0..batch).map(|_| one()).collect()).collect()
}
