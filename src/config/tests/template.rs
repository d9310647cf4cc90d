//! Tables that stand for several.
use crate::config::plant::load;
use crate::config::{Wildcard, wildcards};
use crate::model::SiteId;
use crate::model::plant::{Plant, Tag, TagSource};

const HEAD: &str = r#"schema = 1
[device.placer]
url = "opc.tcp://10.0.0.9:4840"
namespace = "urn:vendor:placer"
root = "Line1."
restart = "Boot"
heartbeat = { plc = "Life" }
[station.P]
device = "placer"
"#;

const FEEDERS: &str = r#"
[station.P.mount.reel]
for = { slot = "*" }
node = "Feeders.{slot}"
lot = "ReelId"
scope = "site"
"#;

fn with(rest: &str, lock: Option<&str>) -> Result<Plant, Vec<String>> {
    let mut files = vec![("placer.toml".to_owned(), format!("{HEAD}{rest}"))];
    files.extend(lock.map(|text| ("placer.lock".to_owned(), text.to_owned())));
    match load(&files, &SiteId::parse("site").unwrap()) {
        Ok(checked) => Ok((*checked.plant).clone()),
        Err(faults) => Err(faults.iter().map(|fault| fault.message.clone()).collect()),
    }
}

fn nodes<'a>(plant: &'a Plant) -> Vec<&'a str> {
    let node = |tag: &'a Tag| match &tag.source {
        TagSource::Node(address) => address.identifier.as_str(),
        TagSource::Register(_) | TagSource::Field(_) => panic!("no node"),
    };
    plant.tags.iter().map(node).skip(2).collect()
}

#[test]
fn a_table_is_written_out_for_each_value() {
    let monitors = r#"
[station.P.monitor]
"vacuum.{h}" = { node = "Head{h}.Vacuum", for = { h = "08..10" } }
side = { node = "Head{h}.{side}", for = { h = "1..2", side = "L, R" } }
"#;
    let plant = with(monitors, None).unwrap();
    let names: Vec<_> = plant.stations[0].monitors.iter().map(|m| m.id.as_str()).collect();
    let wanted =
        ["vacuum.08", "vacuum.09", "vacuum.10", "side.1.L", "side.1.R", "side.2.L", "side.2.R"];
    assert_eq!(names, wanted);
    assert!(nodes(&plant).contains(&"s=Line1.Head08.Vacuum"));
    assert!(nodes(&plant).contains(&"s=Line1.Head2.R"));
}

#[test]
fn names_that_only_the_plc_has_come_from_the_lock_file() {
    let lock = "device = \"placer\"\n[children]\nFeeders = [\"F1\", \"F2\"]\n";
    let plant = with(FEEDERS, Some(lock)).unwrap();
    let names: Vec<_> = plant.stations[0].mounts.iter().map(|m| m.id.as_str()).collect();
    assert_eq!(names, ["reel.F1", "reel.F2"]);
    assert_eq!(nodes(&plant), ["s=Line1.Feeders.F1.ReelId", "s=Line1.Feeders.F2.ReelId"]);

    let without = with(FEEDERS, None).unwrap_err();
    assert_eq!(without, ["which names stand below `Feeders` only the PLC knows"]);
    let files = [("placer.toml".to_owned(), format!("{HEAD}{FEEDERS}"))];
    let asked = wildcards(&files);
    let wildcard = Wildcard { device: "placer".to_owned(), parent: "Feeders".to_owned() };
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].0, wildcard);
    assert_eq!(asked[0].1.identifier, "s=Line1.Feeders");
}

#[test]
fn what_cannot_be_written_out_is_said() {
    let monitor = |line: &str| with(&format!("\n[station.P.monitor]\n{line}\n"), None).unwrap_err();
    for (line, wanted) in [
        ("a = { node = \"H\", for = { h = \"1..2\" } }", "`{h}` does not occur in `a`"),
        ("a = { node = \"H{h}\", for = { h = \"4..1\" } }", "`4..1` is no list of values"),
        ("a = { node = \"H{h}\", for = { h = \"1..\" } }", "`1..` is no list of values"),
        ("a = { node = \"H{h}\", for = { h = \"1..1001\" } }", "`1..1001` is no list of values"),
        (
            "a = { node = \"H{h}.X\", for = { h = \"*\" } }",
            "`{h}` is not a whole name between points",
        ),
        (
            "a = { node = \"H{h}{g}\", for = { g = \"1..40\", h = \"1..40\" } }",
            "`a` stands for more than 1000 tables",
        ),
        (
            "a = { node = \"H\" }\n\"a{h}\" = { node = \"H{h}\", for = { h = \", \" } }",
            "`, ` is no list of values",
        ),
    ] {
        assert_eq!(monitor(line), [wanted], "{line}");
    }
    let twice =
        monitor("a1 = { node = \"H\" }\n\"a{h}\" = { node = \"H{h}\", for = { h = \"1\" } }");
    assert_eq!(twice, ["two tables are called `a1`"]);
}

#[test]
fn names_of_the_plc_may_stand_below_a_list_and_in_quotes() {
    let mounts = r#"
[station.P.mount.reel]
for = { slot = "*", h = "1..2" }
node = 'Head{h}."{slot}"'
lot = "ReelId"
scope = "site"
"#;
    let lock = "device = \"placer\"\n[children]\nHead1 = [\"A\"]\nHead2 = [\"A\", \"B\"]\n";
    let plant = with(mounts, Some(lock)).unwrap();
    let names: Vec<_> = plant.stations[0].mounts.iter().map(|m| m.id.as_str()).collect();
    assert_eq!(names, ["reel.1.A", "reel.2.A", "reel.2.B"]);
    assert_eq!(nodes(&plant)[2], r#"s=Line1.Head2."B".ReelId"#);
    let files = [("placer.toml".to_owned(), format!("{HEAD}{mounts}"))];
    let parents: Vec<_> = wildcards(&files).into_iter().map(|(w, _)| w.parent).collect();
    assert_eq!(parents, ["Head1", "Head2"]);
    let nested = mounts.replace("1..2", "*");
    let faults = with(&nested, Some(lock)).unwrap_err();
    assert_eq!(faults[0], "`{slot}` is the second `*` of `reel`");
}

#[test]
fn what_is_wrong_with_all_copies_is_said_once() {
    let packs = r#"
[station.P.handshake.pack]
for = { side = "L, R" }
node = "Packer{side}"
event = "pack"
trigger = "Req"
ack = "Ack"
serial = "Serial"
"#;
    let faults = with(packs, None).unwrap_err();
    let of = |side: &str| format!("station.P.handshake.pack.{side}");
    let about = |side: &str| faults.iter().filter(|fault| fault.contains(&of(side))).count();
    assert!(about("L") > 1, "{faults:?}");
    assert_eq!(about("R"), 0, "{faults:?}");
}
