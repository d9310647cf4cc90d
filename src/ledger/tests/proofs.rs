//! Proofs from segment files, the scrub, and ledgers that contradict what was signed.
use super::*;
use crate::ledger::{
    Checkpoint, Contradiction, Proof, ProofFault, ProveError, Scrub, Scrubbed, Signed, SigningKey,
    Tree, leaf,
};
use crate::model::Utc;
use std::collections::BTreeSet;

fn key() -> SigningKey {
    SigningKey::new([7; 32])
}

fn at(seconds: u64) -> Utc {
    Utc(i64::try_from(seconds).unwrap() * 1_000_000_000)
}

/// The checkpoint that was signed when a ledger had so many records.
fn signed(dir: &Path, size: u64) -> Signed {
    let mut tree = Tree::default();
    let entries = Reader::open(dir).read(Position(0), usize::try_from(size).unwrap()).unwrap();
    for entry in &entries {
        tree.push(leaf(&entry.bytes));
    }
    assert_eq!(tree.size(), size);
    let checkpoint = Checkpoint { origin: origin(), size, root: tree.root(), time: at(size) };
    Signed::new(checkpoint, &key())
}

fn prove(dir: &Path, positions: &[u64], size: u64, earlier: Option<u64>) -> Proof {
    let positions = positions.iter().copied().map(Position).collect();
    let earlier = earlier.map(|size| signed(dir, size));
    let proof =
        Reader::open(dir).prove("SN-1", &positions, &signed(dir, size), earlier.as_ref()).unwrap();
    let again = Proof::from_bytes(&proof.to_bytes()).unwrap();
    assert_eq!(again, proof);
    proof
}

#[tokio::test]
async fn any_records_are_proven_under_any_checkpoint_that_has_them() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    for size in [1, 2, 9, 63, 64, 65, 99, 100] {
        for picked in [vec![1], vec![size], vec![1, size / 2 + 1, size], (1..=size).collect()] {
            let picked: BTreeSet<u64> = picked.into_iter().collect();
            let picked: Vec<u64> = picked.into_iter().collect();
            for earlier in [None, Some(1), Some(size / 2), Some(size)] {
                let proof = prove(dir.path(), &picked, size, earlier);
                let proven = proof.check(&key().public()).unwrap();
                let found: Vec<u64> = proven.records.iter().map(|(at, _)| at.0).collect();
                assert_eq!((found, proven.checkpoint.size), (picked.clone(), size));
                assert_eq!(proven.earlier.map(|earlier| earlier.size), earlier);
            }
        }
    }
    let positions = BTreeSet::from([Position(51)]);
    let beyond = Reader::open(dir.path()).prove("", &positions, &signed(dir.path(), 50), None);
    assert!(matches!(beyond, Err(ProveError::Beyond { size: 50, .. })), "{beyond:?}");
}

#[tokio::test]
async fn a_changed_proof_proves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let proof = prove(dir.path(), &[3, 40, 41], 90, Some(60));
    let good = proof.to_bytes();
    assert!(good.len() < 4096, "{} bytes", good.len());
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert!(Proof::from_bytes(&bad).is_err(), "byte {at}");
        // With a checksum that fits.
        let mut body = good[24..].to_vec();
        if let Some(at) = at.checked_sub(24) {
            body[at] ^= 1;
            let mut forged = good[..16].to_vec();
            wire::put_frame(&body, &mut forged);
            let told = Proof::from_bytes(&forged).and_then(|proof| proof.check(&key().public()));
            // What was asked for is in words, and nothing vouches for them.
            let about = told.as_ref().is_ok_and(|proven| proven.about != "SN-1");
            assert!(told.is_err() || about, "byte {at}: {told:?}");
        }
    }
    assert_eq!(Proof::from_bytes(b"PDGR-LED"), Err(ProofFault::Foreign));
    let other = proof.check(&SigningKey::new([8; 32]).public());
    assert!(matches!(other, Err(ProofFault::Checkpoint(_))), "{other:?}");
}

#[tokio::test]
async fn a_proof_reads_only_the_segments_that_it_is_about() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let first = prove(dir.path(), &[50], 100, None);
    // Everything but the segments of #50 and of the end is known by its hashes now.
    let paths = segments(dir.path());
    let (runs, segs): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.into_iter().partition(|path| path.extension().is_some_and(|kind| kind == "run"));
    assert_eq!(runs.len(), segs.len() - 2, "{runs:?}");
    let mut bytes = std::fs::read(&segs[0]).unwrap();
    let at = bytes.windows(8).position(|w| w == b"record 3").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&segs[0], &bytes).unwrap();
    let signed = Signed::open(&first_note(&first), &key().public()).unwrap();
    let wanted = BTreeSet::from([Position(50)]);
    let reader = Reader::open(dir.path());
    assert_eq!(reader.prove("SN-1", &wanted, &signed, None).unwrap(), first);
    // A file of hashes that is wrong is not used, whatever its checksum says.
    let other = std::fs::read(&runs[1]).unwrap();
    std::fs::write(&runs[0], other).unwrap();
    let damaged = reader.prove("SN-1", &wanted, &signed, None);
    assert!(matches!(damaged, Err(ProveError::Ledger(LedgerError::Damaged(_)))), "{damaged:?}");
    bytes[at] ^= 1;
    std::fs::write(&segs[0], &bytes).unwrap();
    assert_eq!(reader.prove("SN-1", &wanted, &signed, None).unwrap(), first);
}

/// The checkpoint in a proof.
fn first_note(proof: &Proof) -> String {
    let bytes = proof.to_bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (begin, dash) = (text.find("pedigree/").unwrap(), text.find('\u{2014}').unwrap());
    let end = dash + text[dash..].find('\n').unwrap();
    text[begin..=end].to_owned()
}

fn scope(checkpoints: &[&Signed]) -> Scope {
    let checkpoints = checkpoints.iter().map(|signed| signed.checkpoint().clone()).collect();
    Scope { checkpoints, ..Scope::default() }
}

#[tokio::test]
async fn a_ledger_that_was_cut_back_or_rewritten_contradicts_its_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let all: Vec<Signed> = [20, 60, 90, 100].map(|size| signed(dir.path(), size)).to_vec();
    let all: Vec<&Signed> = all.iter().collect();
    let report = verify(dir.path(), &scope(&all)).unwrap();
    assert_eq!((report.agreed, &report.contradiction), (4, &None));
    assert!(report.is_sound());

    // The last segment without its last frames, as a crash would leave it: sound by itself.
    let path = segments(dir.path()).pop().unwrap();
    let good = std::fs::read(&path).unwrap();
    let first: u64 = path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    std::fs::write(&path, &good[..good.len() - 1]).unwrap();
    drop(open(dir.path()));
    let report = verify(dir.path(), &scope(&all)).unwrap();
    assert_eq!((report.faults, report.torn_bytes), (vec![], 0));
    let cut = Contradiction {
        from: Position(99),
        to: Position(100),
        signed: at(100),
        end: Some(Position(98)),
        count: 1,
    };
    assert_eq!((report.agreed, report.contradiction), (3, Some(cut)));

    // Without the whole segment, and with other records instead.
    std::fs::remove_file(&path).unwrap();
    let Opened { ledger, recovered, .. } = open(dir.path());
    assert_eq!(recovered.0, first - 1);
    for n in first..=100 {
        ledger.append(Generation(0), vec![record(n, "another")]).await.unwrap();
    }
    until(&mut ledger.durable(), |d| d.position.0 == 100).await;
    drop(ledger);
    let report = verify(dir.path(), &scope(&all)).unwrap();
    assert_eq!(report.faults, []);
    let found = report.contradiction.unwrap();
    let sizes: Vec<u64> = all.iter().map(|signed| signed.checkpoint().size).collect();
    let (good, bad): (Vec<u64>, Vec<u64>) = sizes.iter().partition(|size| **size < first);
    assert_eq!((report.agreed, found.count), (good.len() as u64, bad.len() as u64));
    let range = (Position(good.last().unwrap() + 1), Position(bad[0]));
    assert_eq!(((found.from, found.to), found.end), (range, None));
    let reader = Reader::open(dir.path());
    assert_eq!(reader.root_at(60).unwrap(), Some(all[1].checkpoint().root));
    assert_ne!(reader.root_at(100).unwrap(), Some(all[3].checkpoint().root));
    assert_eq!(reader.root_at(101).unwrap(), None);
    let none = reader.prove("", &BTreeSet::from([Position(5)]), all[3], None);
    assert!(matches!(none, Err(ProveError::Contradiction(100))), "{none:?}");
}

#[tokio::test]
async fn a_range_is_verified_without_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let path = segments(dir.path()).swap_remove(0);
    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes.windows(8).position(|w| w == b"record 3").unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    let check = |from, to| {
        let checkpoints = vec![signed_before(dir.path())];
        let records = Position(from)..=Position(to);
        verify(dir.path(), &Scope { records, checkpoints }).unwrap()
    };
    let report = check(50, 60);
    assert_eq!((report.faults, report.contradiction), (vec![], None));
    assert!(report.segments <= 3 && report.records < 40, "{} segments", report.segments);
    assert_eq!(check(50, u64::MAX).agreed, 1);
    assert!(!check(3, 3).is_sound());
    assert!(!check(1, u64::MAX).is_sound());
}

/// A checkpoint over all hundred records, from the roots that the files have.
fn signed_before(dir: &Path) -> Checkpoint {
    let root = Reader::open(dir).root_at(100).unwrap().unwrap();
    Checkpoint { origin: origin(), size: 100, root, time: at(100) }
}

/// One pass: the segments that were found sound, and the damage.
fn pass(scrub: &mut Scrub) -> (usize, Vec<Damage>) {
    let (mut sound, mut faults) = (0, Vec::new());
    loop {
        match scrub.step().unwrap() {
            Scrubbed::Read(bytes) => assert!(bytes > 0),
            Scrubbed::Sound(_) => sound += 1,
            Scrubbed::Damaged(_, found) => faults.extend(found),
            Scrubbed::Pass => return (sound, faults),
        }
    }
}

#[tokio::test]
async fn the_scrub_finds_every_flipped_byte_of_what_is_sealed() {
    let dir = tempfile::tempdir().unwrap();
    hundred(dir.path()).await;
    let mut paths = segments(dir.path());
    let active = paths.pop().unwrap();
    let mut scrub = Scrub::new(Reader::open(dir.path()));
    assert_eq!(pass(&mut scrub), (paths.len(), vec![]));
    let good = std::fs::read(&paths[2]).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x20;
        std::fs::write(&paths[2], &bad).unwrap();
        let (_, faults) = pass(&mut scrub);
        let wanted = verify(dir.path(), &Scope::default()).unwrap().faults;
        assert_eq!(faults.first().map(|f| &f.segment), wanted.first().map(|f| &f.segment), "{at}");
        assert!(!faults.is_empty(), "byte {at}");
    }
    std::fs::write(&paths[2], &good).unwrap();
    // The header of the segment that is written to, which is read no more otherwise.
    let open = std::fs::read(&active).unwrap();
    for at in 0..PREAMBLE_LEN {
        let mut bad = open.clone();
        bad[at] ^= 0x20;
        std::fs::write(&active, &bad).unwrap();
        let (_, faults) = pass(&mut scrub);
        assert_eq!(faults.len(), 1, "byte {at}: {faults:?}");
        assert!(active.ends_with(&faults[0].segment), "byte {at}");
    }
    std::fs::write(&active, &open).unwrap();
    // A whole segment less.
    std::fs::remove_file(&paths[3]).unwrap();
    let (_, faults) = pass(&mut scrub);
    assert_eq!(faults, verify(dir.path(), &Scope::default()).unwrap().faults);
    assert!(active.exists());
}

#[tokio::test]
async fn what_the_disk_cannot_read_any_more_is_damage() {
    let (disk, dir) = (SimulatedDisk::new(1), Path::new("/data"));
    let Opened { ledger, .. } = Ledger::open(options(dir, origin()), disk.clone()).unwrap();
    let mut durable = ledger.durable();
    for n in 1..=60 {
        ledger.append(Generation(0), frame(n..=n)).await.unwrap();
        until(&mut durable, |d| d.position.0 >= n).await;
    }
    drop(ledger);
    let inner = folder(dir);
    let names = disk.list(&inner).unwrap();
    let (bad, next) = (inner.join(&names[1]), inner.join(&names[2]));
    let position = |path: &Path| path.file_stem().unwrap().to_str().unwrap().parse().unwrap();
    let (first, later): (u64, u64) = (position(&bad), position(&next));
    let mut scrub = Scrub::new(Reader::stopped(Arc::new(disk.clone()), inner));
    assert_eq!(pass(&mut scrub), (names.len() - 1, vec![]));
    let len = disk.open_read(&bad).unwrap().len().unwrap();
    for at in 0..len {
        disk.lose(&bad, at);
        let (_, faults) = pass(&mut scrub);
        // The first word of the segment before is that this one does not go on from it.
        let fault = faults.last().unwrap();
        assert!(fault.why.contains("Input/output error"), "byte {at}: {faults:?}");
        assert_eq!((fault.to, bad.ends_with(&fault.segment)), (Some(Position(later - 1)), true));
        assert!((first..later).contains(&fault.from.0), "byte {at}: {faults:?}");
    }
}
