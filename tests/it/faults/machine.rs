//! The machine that Pedigree runs on is lost, and another begins from the last backup.
use super::*;
use pedigree::ledger::Reader;
use pedigree::model::Position;
use std::path::Path;
use std::process::Output;

impl Plant {
    /// Runs a verb that must come to a good end.
    fn verb(&self, verb: &[&str]) -> Output {
        let output = self.site.command(verb).output().unwrap();
        assert!(output.status.success(), "{verb:?}: {output:?}");
        output
    }
}

fn records(data: &Path) -> Vec<Record> {
    let cursor = Reader::open(data).cursor(Position(0));
    cursor.map(|entry| entry.unwrap().record).collect()
}

/// What was acknowledged after the last backup is lost with the machine; the PLCs go on counting, so it is
/// named. `docs/standby.md` is what is done here.
#[test]
fn a_spare_goes_on_from_a_backup_and_what_the_backup_lacks_is_in_gaps() {
    let Some(mut plant) = Plant::start_with(MANY, |_| {}, &[]) else { return };
    let [data, backup, lost] = ["data", "backup", "lost"].map(|name| plant.site.path(name));
    let to = backup.to_str().unwrap().to_owned();
    plant.assemble(4);
    plant.verb(&["backup", &to]);
    plant.assemble(3);
    plant.verb(&["backup", &to]);
    let kept = records(&backup);
    plant.assemble(5);
    assert!(plant.daemon.signal("-KILL"));
    std::fs::rename(&data, &lost).unwrap();
    plant.verb(&["restore", &to]);
    assert_eq!(records(&data), kept);
    plant.daemon = plant.site.start();
    let gone = records(&lost);
    plant.last(2);
    let outcome = plant.end();
    assert!(gone.len() > kept.len() && gone.starts_with(&kept), "the copy is a prefix");
    assert!(outcome.records.starts_with(&kept), "and so is what came of it");
    let missed: u64 = outcome.balances().iter().map(|sum| sum.missed).sum();
    assert!(missed >= 5, "five parts more were acknowledged by the machine that is lost: {missed}");
}
