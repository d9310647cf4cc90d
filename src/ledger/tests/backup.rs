//! Copies and the way back, on a real disk.
use super::super::backup::{backup, restore};
use super::super::checkpoint::Checkpoint;
use super::*;
use crate::model::Utc;

fn records(dir: &Path) -> Vec<Vec<u8>> {
    let found: Result<Vec<_>, _> = Reader::open(dir).cursor(Position(0)).collect();
    found.unwrap().into_iter().map(|entry| entry.bytes).collect()
}

/// A checkpoint of a ledger with so many records.
fn signed(dir: &Path, size: u64) -> Vec<Checkpoint> {
    let root = verify(dir, &Scope::default()).unwrap().root.unwrap();
    vec![Checkpoint { origin: origin(), size, root, time: Utc(0) }]
}

#[tokio::test]
async fn a_copy_made_beside_the_writer_is_a_prefix_and_only_what_is_new_is_copied() {
    let (dir, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let Opened { ledger, .. } = open(dir.path());
    let mut segments_before = 0;
    for n in 1..=60 {
        ledger.append(Generation(0), frame(n..=n)).await.unwrap();
        until(&mut ledger.durable(), |durable| durable.position == Position(n)).await;
        if n % 7 == 0 {
            let made = backup(dir.path(), to.path(), Vec::new()).unwrap();
            assert_eq!((made.report.faults, made.report.torn_bytes), (vec![], 0));
            assert_eq!(
                made.report.last,
                Position(n - 1),
                "the files say nothing of the last group"
            );
            let new = made.report.segments - segments_before;
            assert!(made.copied <= new + 1, "{} for {new} new ones", made.copied);
            segments_before = made.report.segments;
        }
    }
    drop(ledger);
    let (copied, whole) = (records(to.path()), records(dir.path()));
    assert_eq!((copied.len(), whole.len()), (55, 60));
    assert_eq!(copied, whole[..55]);
    // A checkpoint says that the last group is on stable storage too.
    let made = backup(dir.path(), to.path(), signed(dir.path(), 60)).unwrap();
    assert_eq!(made.report.last, Position(60));
    assert_eq!(records(to.path()), whole);
}

#[tokio::test]
async fn a_restored_ledger_goes_on_as_another_incarnation() {
    let [dir, to, home] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    hundred(dir.path()).await;
    backup(dir.path(), to.path(), signed(dir.path(), 100)).unwrap();
    // One that was interrupted is of no meaning.
    std::fs::create_dir(home.path().join("restoring")).unwrap();
    std::fs::write(home.path().join("restoring/00000000000000000001.seg"), "half").unwrap();
    let restored = restore(to.path(), home.path(), Vec::new(), 0, || Ok(())).unwrap();
    assert_eq!((restored.report.last, restored.origin.incarnation), (Position(100), 2));
    assert_eq!(records(home.path()), records(dir.path()));
    let Opened { ledger, recovered, origin: found, .. } = open(home.path());
    assert_eq!((recovered, found.incarnation), (Position(100), 2), "whatever the daemon asks for");
    ledger.append(Generation(0), frame(101..=101)).await.unwrap();
    until(&mut ledger.durable(), |durable| durable.position == Position(101)).await;
    drop(ledger);
    let report = verify(home.path(), &Scope::default()).unwrap();
    assert_eq!((report.faults, report.last), (vec![], Position(101)));
    let again = restore(to.path(), home.path(), Vec::new(), 0, || Ok(())).unwrap_err();
    assert!(matches!(again, LedgerError::Occupied(_)), "{again}");
    assert_eq!(records(home.path()).len(), 101, "nothing was changed");
}

#[tokio::test]
async fn what_is_damaged_or_of_another_ledger_is_refused() {
    let [dir, to, home] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let nothing = restore(to.path(), home.path(), Vec::new(), 0, || Ok(())).unwrap_err();
    assert!(matches!(nothing, LedgerError::Empty(_) | LedgerError::Io { .. }), "{nothing}");
    hundred(dir.path()).await;
    backup(dir.path(), to.path(), signed(dir.path(), 100)).unwrap();
    let path = segments(to.path()).swap_remove(1);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[300] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    let damaged = restore(to.path(), home.path(), Vec::new(), 0, || Ok(())).unwrap_err();
    assert!(matches!(damaged, LedgerError::Damaged(_)), "{damaged}");
    assert!(!folder(home.path()).exists(), "half a ledger is none");
    let made = backup(dir.path(), to.path(), signed(dir.path(), 100)).unwrap();
    assert_eq!(made.report.faults.len(), 1, "a copy that has changed is said");
    // The ledger was set back: the copy knows more than it.
    for path in segments(dir.path()).split_off(2) {
        std::fs::remove_file(path).unwrap();
    }
    let longer = backup(dir.path(), to.path(), Vec::new()).unwrap_err();
    assert!(matches!(longer, LedgerError::OtherCopy { .. }), "{longer}");
}

#[tokio::test]
async fn a_copy_is_only_ever_gone_on_with() {
    let [dir, to, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    hundred(dir.path()).await;
    let own = backup(dir.path(), dir.path(), Vec::new()).unwrap_err();
    assert!(matches!(own, LedgerError::OtherCopy { .. }), "{own}");
    let alias = to.path().join("alias");
    std::os::unix::fs::symlink(dir.path(), &alias).unwrap();
    assert!(backup(dir.path(), &alias, Vec::new()).is_err(), "by another name");
    std::fs::remove_file(alias).unwrap();
    backup(dir.path(), to.path(), signed(dir.path(), 100)).unwrap();
    let (before, whole) = (records(to.path()), records(dir.path()));
    assert_eq!(before.len(), 100);
    // The disk is new, and the daemon began from nothing.
    let Opened { ledger, .. } = open(other.path());
    ledger.append(Generation(0), frame(1..=3)).await.unwrap();
    until(&mut ledger.durable(), |durable| durable.position == Position(3)).await;
    drop(ledger);
    for path in segments(to.path()).split_off(1) {
        std::fs::remove_file(path).unwrap();
    }
    let kept = records(to.path());
    let lesser = backup(other.path(), to.path(), Vec::new()).unwrap_err();
    assert!(matches!(lesser, LedgerError::OtherCopy { .. }), "{lesser}");
    assert_eq!(records(to.path()), kept, "nothing was changed");
    assert_eq!(kept, whole[..kept.len()]);
    // Cut back in the same segment: the longer copy stays.
    let first = &segments(dir.path())[0];
    let len = std::fs::metadata(first).unwrap().len();
    for path in segments(dir.path()).split_off(1) {
        std::fs::remove_file(path).unwrap();
    }
    std::fs::OpenOptions::new().write(true).open(first).unwrap().set_len(len / 2).unwrap();
    let back = backup(dir.path(), to.path(), Vec::new()).unwrap_err();
    assert!(matches!(back, LedgerError::OtherCopy { .. }), "{back}");
    assert_eq!(records(to.path()), kept);
}

#[tokio::test]
async fn two_ledgers_that_begin_from_one_copy_have_different_names() {
    let [dir, to, one, two] = [(); 4].map(|()| tempfile::tempdir().unwrap());
    hundred(dir.path()).await;
    backup(dir.path(), to.path(), signed(dir.path(), 100)).unwrap();
    let mut found = Vec::new();
    for (home, random) in [(&one, 7), (&two, u32::MAX)] {
        let restored = restore(to.path(), home.path(), Vec::new(), random, || Ok(())).unwrap();
        let Opened { origin: kept, .. } = open(home.path());
        assert_eq!(kept, restored.origin);
        found.push(restored.origin.incarnation);
    }
    assert_eq!(found, [1 + 8, 1 + (1 << 20)]);
}

#[tokio::test]
async fn a_copy_that_contradicts_what_was_signed_is_not_taken() {
    let [dir, to, home] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    hundred(dir.path()).await;
    let checkpoints = signed(dir.path(), 100);
    backup(dir.path(), to.path(), checkpoints.clone()).unwrap();
    // Sound by itself: its last segment is gone.
    let last = segments(to.path()).pop().unwrap();
    std::fs::remove_file(last).unwrap();
    let along = || -> std::io::Result<()> { panic!("nothing is brought") };
    let cut = restore(to.path(), home.path(), checkpoints.clone(), 0, along).unwrap_err();
    assert!(matches!(cut, LedgerError::Contradicted(_)), "{cut}");
    assert!(cut.to_string().contains("the ledger was cut back"), "{cut}");
    assert!(!folder(home.path()).exists(), "nothing was changed");
    backup(dir.path(), to.path(), checkpoints.clone()).unwrap();
    let restored = restore(to.path(), home.path(), checkpoints, 0, || Ok(())).unwrap();
    assert_eq!((restored.report.agreed, restored.report.last), (1, Position(100)));
}
