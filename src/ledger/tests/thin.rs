//! What retention leaves of a ledger proves what it proved before; wherever the power fails.
use super::super::backup::{backup, restore};
use super::super::checkpoint::Checkpoint;
use super::super::thin::{settle_on, thin_on};
use super::super::{
    ProveError, PublicKey, Scrub, Scrubbed, Signed, SigningKey, Tree, leaf, segment,
};
use super::*;
use crate::model::{Digest, Tombstone, Utc};
use std::collections::{BTreeMap, BTreeSet};

type Steps = BTreeMap<Position, BTreeSet<Position>>;

fn key() -> SigningKey {
    SigningKey::new([7; 32])
}

fn public() -> PublicKey {
    key().public()
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

/// Writes random steps in segments of a few hundred bytes.
fn fill(writer: &mut Writer, rng: &mut StdRng, count: u64) {
    while writer.position().0 < count {
        let first = writer.position().0 + 1;
        let filler = "x".repeat(rng.random_range(0..150));
        let step: Vec<_> = (first..first + rng.random_range(1..5))
            .map(|n| wire::encode(&record(n, &format!("{n}{filler}"))))
            .collect();
        writer.write(&[&step]).unwrap();
        writer.sync().unwrap();
        if writer.segment_len() > 900 {
            writer.roll().unwrap();
        }
    }
}

/// Some steps of some sealed segments.
fn choose(reader: &Reader, rng: &mut StdRng) -> Steps {
    let share = [0.2, 0.6, 0.95, 1.0][rng.random_range(0..4)];
    let sealed = reader.sealed().unwrap();
    let mut chosen = Steps::new();
    for segment in sealed {
        let spans = reader.spans(segment.first).unwrap();
        let live = spans.into_iter().filter(|span| !span.is_dropped);
        let steps: BTreeSet<_> =
            live.map(|span| span.first).filter(|_| rng.random_bool(share)).collect();
        if !steps.is_empty() && rng.random_bool(0.8) {
            chosen.insert(segment.first, steps);
        }
    }
    chosen
}

fn stone(writer: &mut Writer, tombstone: Tombstone) -> Result<Position, LedgerError> {
    let position = writer.position().next();
    let body = Body::Tombstone(tombstone);
    let bytes = wire::encode(&Record { position, at: At::default(), body, plant: None });
    writer.write(&[&[bytes]])?;
    writer.sync()?;
    Ok(position)
}

/// All of it, as `retain` does it.
fn retain(
    disk: &(impl Disk + Clone + 'static),
    dir: &Path,
    writer: &mut Writer,
    chosen: &Steps,
    marks: &BTreeSet<u64>,
) -> Result<(), LedgerError> {
    for (first, steps) in chosen {
        let Some(prepared) = thin_on(disk, dir, *first, steps, marks)? else { continue };
        let at =
            stone(writer, prepared.tombstone((text("A = 1 year"), text("me")), None, Vec::new()))?;
        let reader = Reader::stopped(Arc::new(disk.clone()), dir.to_owned());
        assert!(settle_on(&reader, at)?);
        assert!(!settle_on(&reader, at)?, "done again it does nothing");
    }
    Ok(())
}

fn all(reader: &Reader) -> Vec<Vec<u8>> {
    reader.cursor(Position(0)).map(|entry| entry.unwrap().bytes).collect()
}

fn checkpoint(size: u64, root: Digest) -> Checkpoint {
    Checkpoint { origin: origin(), size, root, time: Utc(0) }
}

/// The roots over the first 0, 1, 2, … records.
fn roots(records: &[Vec<u8>]) -> Vec<Digest> {
    let mut tree = Tree::default();
    let mut roots = vec![tree.root()];
    for record in records {
        tree.push(leaf(record));
        roots.push(tree.root());
    }
    roots
}

/// Everything that was dropped, by positions.
fn gone(reader: &Reader) -> BTreeSet<u64> {
    let sealed = reader.sealed().unwrap();
    let spans = sealed.iter().flat_map(|segment| reader.spans(segment.first).unwrap());
    spans.filter(|s| s.is_dropped).flat_map(|s| s.first.0..s.first.0 + s.count).collect()
}

fn check(dir: &Path, before: &[Vec<u8>], marks: &BTreeSet<u64>, rng: &mut StdRng) {
    let reader = Reader::open(dir);
    let (now, gone) = (all(&reader), gone(&reader));
    assert!(now.len() >= before.len());
    for (at, record) in (1..).zip(before) {
        let dropped = wire::encode(&Record::dropped(Position(at)));
        let wanted = if gone.contains(&at) { &dropped } else { record };
        assert_eq!(now.get(usize::try_from(at - 1).unwrap()), Some(wanted), "{at}");
    }
    for at in [rng.random_range(0..before.len()), before.len() / 2] {
        let from = reader.read(Position(at as u64), usize::MAX).unwrap();
        let from: Vec<_> = from.into_iter().map(|entry| entry.bytes).collect();
        assert_eq!(from, now[at..], "a walk that begins after {at}");
    }
    let roots = roots(before);
    let root = |size: u64| roots[usize::try_from(size).unwrap()];
    let checkpoints: Vec<_> = marks.iter().map(|size| checkpoint(*size, root(*size))).collect();
    let scope = Scope { checkpoints: checkpoints.clone(), ..Scope::default() };
    let report = verify(dir, &scope).unwrap();
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.agreed, marks.len() as u64);
    assert_eq!(
        (report.dropped, report.records + report.dropped),
        (gone.len() as u64, now.len() as u64)
    );
    let some = Position(rng.random_range(1..=before.len() as u64));
    let part = verify(dir, &Scope { records: some..=some, ..scope }).unwrap();
    assert!(part.is_sound(), "{part:?}");
    let mut scrub = Scrub::new(reader.clone());
    loop {
        match scrub.step().unwrap() {
            Scrubbed::Damaged(at, faults) => panic!("{at}: {faults:?}"),
            Scrubbed::Pass => break,
            Scrubbed::Read(_) | Scrubbed::Sound(_) => {}
        }
    }
    let size = before.len() as u64;
    let signed = |size| Signed::new(checkpoint(size, root(size)), &key());
    for mark in marks {
        assert_eq!(reader.root_at(*mark).unwrap(), Some(root(*mark)));
        let kept: Vec<_> = (1..=size).filter(|at| !gone.contains(at)).map(Position).collect();
        let some: BTreeSet<_> = kept.iter().copied().filter(|_| rng.random_bool(0.2)).collect();
        let proof = reader.prove("", &some, &signed(size), Some(&signed(*mark))).unwrap();
        let proven = proof.check(&public()).unwrap();
        assert_eq!(proven.records.len(), some.len());
    }
    // Wherever else an earlier checkpoint was: what proves it may be gone, and is told so.
    for _ in 0..4 {
        let earlier = signed(rng.random_range(1..=size));
        match reader.prove("", &BTreeSet::new(), &signed(size), Some(&earlier)) {
            Ok(proof) => assert!(proof.check(&public()).is_ok()),
            Err(ProveError::Ledger(LedgerError::Dropped { .. })) => {}
            Err(why) => panic!("{why}"),
        }
    }
    if let Some(at) = gone.first().copied().map(Position) {
        let words = format!("the record at {at} was dropped by retention and only the hashes");
        let told = reader.get(at).unwrap_err().to_string();
        assert!(told.starts_with(&words), "{told}");
        let told = reader.prove("", &BTreeSet::from([at]), &signed(size), None).unwrap_err();
        assert!(matches!(told, ProveError::Ledger(LedgerError::Dropped { .. })), "{told}");
    }
}

#[test]
fn every_root_checkpoint_and_proof_of_a_thinned_ledger_is_that_of_before() {
    for seed in 0..60 {
        let mut rng = StdRng::seed_from_u64(seed);
        let [home, to, other] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        let dir = folder(home.path());
        std::fs::create_dir_all(&dir).unwrap();
        let mut writer = recover(Arc::new(Files), &dir, &origin()).unwrap().writer;
        fill(&mut writer, &mut rng, 60);
        let early: Vec<_> = all(&Reader::open(home.path()));
        if rng.random_bool(0.5) {
            let signed = vec![checkpoint(early.len() as u64, roots(&early)[early.len()])];
            backup(home.path(), to.path(), signed).unwrap();
        }
        fill(&mut writer, &mut rng, 120);
        let before = all(&Reader::open(home.path()));
        let size = before.len() as u64;
        let mut marks: BTreeSet<u64> = (0..6).map(|_| rng.random_range(1..=size)).collect();
        // A checkpoint is where a step ends.
        let reader = Reader::open(home.path());
        let ends: BTreeSet<u64> = reader
            .sealed()
            .unwrap()
            .iter()
            .flat_map(|segment| reader.spans(segment.first).unwrap())
            .map(|span| span.first.0 + span.count - 1)
            .collect();
        marks.retain(|mark| ends.contains(mark));
        for _ in 0..rng.random_range(1..4) {
            let chosen = choose(&reader, &mut rng);
            retain(&Files, &dir, &mut writer, &chosen, &marks).unwrap();
            check(home.path(), &before, &marks, &mut rng);
            if rng.random_bool(0.5) {
                let made = backup(home.path(), to.path(), Vec::new()).unwrap();
                assert!(made.report.is_sound(), "{:?}", made.report);
                assert_eq!(gone(&Reader::open(to.path())), gone(&reader), "seed {seed}");
            }
        }
        let reopened = recover(Arc::new(Files), &dir, &origin()).unwrap().writer;
        assert_eq!(
            (reopened.position(), reopened.bytes()),
            (writer.position(), {
                let files = segments(home.path());
                let files =
                    files.iter().filter(|path| path.extension().is_some_and(|e| e == "seg"));
                files.map(|path| path.metadata().unwrap().len()).sum()
            })
        );
        let size = writer.position().0;
        let root = reader.root_at(size).unwrap().unwrap();
        backup(home.path(), to.path(), vec![checkpoint(size, root)]).unwrap();
        restore(to.path(), other.path(), Vec::new(), 0, || Ok(())).unwrap();
        assert_eq!(all(&Reader::open(other.path())), all(&reader));
        check(other.path(), &before, &marks, &mut rng);
    }
}

/// The bytes of each segment.
type Contents = BTreeMap<Position, Vec<u8>>;

fn bytes(disk: &SimulatedDisk) -> Contents {
    let dir = super::Run::dir();
    let firsts = segment::list(disk, &dir).unwrap();
    let read = |first| disk.open_read(&segment::path(&dir, first)).unwrap().read_to_end(0).unwrap();
    firsts.into_iter().map(|first| (first, read(first))).collect()
}

/// The power is cut, or only the process killed.
fn fail(disk: &SimulatedDisk, rng: &mut StdRng) {
    if !disk.has_power() || rng.random_bool(0.5) {
        disk.power_cut();
    } else {
        disk.kill();
    }
}

#[test]
fn wherever_the_power_fails_a_segment_is_the_old_one_or_the_new_one_with_its_tombstone() {
    let (mut old, mut new, mut late) = (0, 0, 0);
    for seed in 0..600 {
        let mut rng = StdRng::seed_from_u64(seed);
        let disk = SimulatedDisk::new(rng.random());
        let dir = super::Run::dir();
        let mut writer = recover(Arc::new(disk.clone()), &dir, &origin()).unwrap().writer;
        fill(&mut writer, &mut rng, 30);
        let reader = Reader::stopped(Arc::new(disk.clone()), dir.clone());
        let before = all(&reader);
        for _ in 0..rng.random_range(1..4) {
            let chosen = choose(&reader, &mut rng);
            let was = bytes(&disk);
            let Ok(recovered) = recover(Arc::new(disk.clone()), &dir, &origin()) else {
                panic!("a healthy disk opens")
            };
            writer = recovered.writer;
            let chance = if rng.random_bool(0.5) { 0.0 } else { 0.1 };
            disk.set(Faults { write: chance, sync: chance, names: chance, full: false });
            disk.cut_power_after(rng.random_range(0..120));
            let marks = BTreeSet::new();
            let done = retain(&disk, &dir, &mut writer, &chosen, &marks);
            fail(&disk, &mut rng);
            // Nor if it fails again while the next start puts it right.
            if rng.random_bool(0.5) {
                disk.cut_power_after(rng.random_range(0..60));
                let _ = recover(Arc::new(disk.clone()), &dir, &origin());
                fail(&disk, &mut rng);
            }
            recover(Arc::new(disk.clone()), &dir, &origin()).unwrap();
            let report = verify_on(&disk, &dir, &Scope::default()).unwrap();
            assert!(report.is_sound(), "seed {seed}: {report:?}");
            let waiting = |name: &String| segment::thin_first(name).is_some();
            assert!(!disk.list(&dir).unwrap().iter().any(waiting), "seed {seed}");
            let is = bytes(&disk);
            let stones: BTreeSet<Digest> = reader
                .cursor(Position(0))
                .filter_map(|entry| super::super::stones::stone(&entry.unwrap().bytes))
                .map(|stone| stone.thinned)
                .collect();
            for (first, steps) in &chosen {
                // What was to go is gone, or all of it is there.
                let same = was[first] == is[first];
                let named = stones.contains(&super::super::stones::name(&is[first]));
                assert!(same || named, "seed {seed}: {first}");
                let spans = reader.spans(*first).unwrap();
                let live = spans.iter().filter(|span| !span.is_dropped);
                let left = live.filter(|span| steps.contains(&span.first)).count();
                assert_eq!(left, if same { steps.len() } else { 0 }, "seed {seed}: {first}");
                (old, new) = (old + u32::from(same), new + u32::from(!same));
                late += u32::from(!same && done.is_err());
            }
            for (first, bytes) in was.iter().filter(|(first, _)| !chosen.contains_key(first)) {
                assert!(is[first].starts_with(bytes), "seed {seed}: {first} was not to be thinned");
            }
            let (now, gone) = (all(&reader), gone(&reader));
            let kept = (1..).zip(&before).filter(|(at, _)| !gone.contains(at));
            for (at, record) in kept {
                assert_eq!(now[usize::try_from(at - 1_u64).unwrap()], *record, "seed {seed}");
            }
        }
    }
    println!("{old} old, {new} new, {late} of them in a run that failed");
    assert!(old > 200 && new > 200 && late > 50);
}

#[test]
fn what_no_tombstone_names_is_no_segment_and_what_cannot_be_thinned_is_said() {
    let home = tempfile::tempdir().unwrap();
    let dir = folder(home.path());
    std::fs::create_dir_all(&dir).unwrap();
    let mut writer = recover(Arc::new(Files), &dir, &origin()).unwrap().writer;
    let mut rng = StdRng::seed_from_u64(1);
    fill(&mut writer, &mut rng, 60);
    let reader = Reader::open(home.path());
    let none = BTreeSet::new();
    let active = *segment::list(&Files, &dir).unwrap().last().unwrap();
    let told = thin_on(&Files, &dir, active, &none, &none_u64()).unwrap_err();
    assert!(matches!(told, LedgerError::NotSealed(_)), "{told}");
    let first = reader.sealed().unwrap()[1].first;
    assert_eq!(thin_on(&Files, &dir, first, &none, &none_u64()).unwrap(), None);
    let beside = BTreeSet::from([active]);
    let told = thin_on(&Files, &dir, first, &beside, &none_u64()).unwrap_err();
    assert!(matches!(told, LedgerError::NoStep { .. }), "{told}");
    // Prepared, and nothing more: the next start removes it.
    let steps = BTreeSet::from([first]);
    let prepared = thin_on(&Files, &dir, first, &steps, &none_u64()).unwrap().unwrap();
    let thin = segment::thin_path(&dir, first);
    let thinned = std::fs::read(&thin).unwrap();
    assert_eq!(prepared.bytes_thinned, thinned.len() as u64);
    recover(Arc::new(Files), &dir, &origin()).unwrap();
    assert!(!thin.exists());
    // Put in the place of the segment by somebody else: the hashes are right, and nobody let it go.
    let path = segment::path(&dir, first);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &thinned).unwrap();
    let report = verify(home.path(), &Scope::default()).unwrap();
    assert_eq!(report.faults.len(), 1, "{report:?}");
    assert_eq!(report.faults[0].why, "it was thinned, and no tombstone names it as it is");
    let part = verify(home.path(), &Scope { records: first..=first, ..Scope::default() }).unwrap();
    assert_eq!(part.faults.len(), 1);
    // With its tombstone it is as it should be; with a byte of a hash changed it is not.
    let mut writer = recover(Arc::new(Files), &dir, &origin()).unwrap().writer;
    stone(&mut writer, prepared.tombstone((text("A"), text("me")), None, Vec::new())).unwrap();
    assert!(verify(home.path(), &Scope::default()).unwrap().is_sound());
    std::fs::write(&path, &whole).unwrap();
    assert!(verify(home.path(), &Scope::default()).unwrap().is_sound(), "not settled yet");
}

fn none_u64() -> BTreeSet<u64> {
    BTreeSet::new()
}
