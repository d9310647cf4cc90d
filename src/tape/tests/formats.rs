//! A tape of the first version, which every later one has to play; and one of a later version, which this one
//! leaves alone.
//!
//! `tests/data/format-1/tape` is one. If one of these tests fails, do not change it: there are such files in the
//! field. `MAKE_FIXTURES=1` makes those that are not there, and never one that is.
use super::*;
use crate::model::specimens;
use crate::tape::format::{self, Header};
use crate::tape::{SealError, Sealer};
use parquet::file::metadata::KeyValue;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::SerializedFileWriter;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/format-1")
}

/// Every input twice, in a file each, both ended: what was stepped.
fn steps() -> Vec<(u64, At, Input)> {
    let once = specimens::inputs(Arc::new(plant("kettle")));
    let count = once.len() as u64;
    let again = once.clone().into_iter().map(|(number, at, input)| (number + count, at, input));
    once.clone().into_iter().chain(again).collect()
}

fn write(dir: &Path) -> Vec<u64> {
    let steps = steps();
    let mut firsts = Vec::new();
    for some in steps.chunks(steps.len() / 2) {
        let mut tape = writer(dir, &Clock::new());
        firsts.push(tape.next_number());
        for (number, at, input) in some {
            tape.append(*number, *at, input);
        }
    }
    firsts
}

fn sealer(dir: &Path) -> Sealer {
    Sealer::new(dir, Arc::default(), |files| load(files).ok(), || false)
}

#[test]
fn a_tape_is_written_today_byte_for_byte_as_it_was_written_then() {
    let dir = tempfile::tempdir().unwrap();
    let firsts = write(dir.path());
    let make = std::env::var_os("MAKE_FIXTURES").is_some();
    let kept = |path: &Path| fixture().join(path.strip_prefix(dir.path()).unwrap());
    let open = file(dir.path(), firsts[1]);
    // The first is kept as it was sealed: other versions of the library may write another Parquet.
    let sealed = sealer(dir.path()).seal_next().unwrap().unwrap();
    for path in [&open, &sealed] {
        if make && !kept(path).exists() {
            std::fs::create_dir_all(kept(path).parent().unwrap()).unwrap();
            std::fs::copy(path, kept(path)).unwrap();
        }
    }
    assert!(std::fs::read(&open).unwrap() == std::fs::read(kept(&open)).unwrap());
    assert!(kept(&sealed).exists());
}

#[test]
fn a_tape_of_format_1_plays_to_the_last_field_sealed_or_not() {
    let mut reader = TapeReader::open(&fixture()).unwrap();
    for (number, at, input) in steps() {
        let played = reader.next_item(load).unwrap();
        let Some(TapeItem::Entry(entry)) = played else { panic!("{number}: {played:?}") };
        assert_eq!((entry.number, entry.at), (number, at));
        assert_eq!(format!("{:?}", entry.input), format!("{input:?}"), "{number}");
        assert_eq!(reader.origin(), Some(&origin()));
    }
    assert!(reader.next_item(load).unwrap().is_none(), "nothing is missing");
    assert_eq!(writer(&fixture(), &Clock::new()).next_number(), steps().len() as u64 + 1);
}

const READS: &str = "this pedigree reads format 1 without features";

/// A file of version 2, and one with a feature that nobody here knows, with what is said of them.
fn later(first: u64) -> [(Vec<u8>, String); 2] {
    let header = Header { origin: origin(), first, features: 4 };
    let featured = format::header(&header);
    let mut newer = format::header(&Header { features: 0, ..header });
    newer[8] = 2;
    newer.extend_from_slice(&[0xFF; 40]);
    let says = ["tape format 2 with features 0x0", "tape format 1 with features 0x4"];
    [(newer, says[0].to_owned()), (featured, says[1].to_owned())]
}

fn refused(dir: &Path) -> String {
    TapeReader::open(dir).unwrap().next_item(load).unwrap_err().to_string()
}

#[test]
fn a_tape_of_a_later_version_is_refused_by_name_and_gone_on_behind() {
    for (bytes, says) in later(7) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("tape")).unwrap();
        let path = file(dir.path(), 7);
        std::fs::write(&path, &bytes).unwrap();
        let told = refused(dir.path());
        let what = "run the version that wrote it, or a newer one";
        assert_eq!(told, format!("{} has {says}, {READS}; {what}", path.display()));
        // Whatever numbers it has, those of the next file are others.
        let mut tape = writer(dir.path(), &Clock::new());
        let next = tape.next_number();
        assert_eq!((next, tape.last_error()), (7 + bytes.len() as u64, None));
        append(&mut tape, next..=next);
        drop(tape);
        let SealError { path: of, why } = sealer(dir.path()).seal_next().unwrap_err();
        let wanted =
            format!("it has {says}, {READS}; the version that wrote it seals it, or a newer one");
        assert_eq!((of, why.to_string()), (path.clone(), wanted));
        assert_eq!(std::fs::read(&path).unwrap(), bytes, "it is as it was");
    }
}

/// A sealed file of no rows that says of itself what a later version would.
fn sealed(path: &Path, version: u32, header: &Header) {
    let then = std::fs::File::open(format::sealed(&fixture().join("tape"), 1)).unwrap();
    let then = SerializedFileReader::new(then).unwrap();
    let schema = then.metadata().file_metadata().schema_descr().root_schema_ptr();
    let file = std::fs::File::create(path).unwrap();
    let mut file = SerializedFileWriter::new(file, schema, Arc::default()).unwrap();
    let header = crate::model::wire::encode(header);
    let header = header.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    for (key, value) in [("format", version.to_string()), ("header", header)] {
        file.append_key_value_metadata(KeyValue::new(format!("pedigree.{key}"), value));
    }
    file.close().unwrap();
}

#[test]
fn a_sealed_file_of_a_later_version_is_refused_by_name_and_stays_with_its_original() {
    let [newer, featured] = later(1).map(|(_, says)| says);
    for (version, features, says) in [(2, 0, newer), (1, 4, featured)] {
        let dir = tempfile::tempdir().unwrap();
        append(&mut writer(dir.path(), &Clock::new()), 1..=5);
        append(&mut writer(dir.path(), &Clock::new()), 6..=6);
        let (open, done) = (file(dir.path(), 1), format::sealed(&dir.path().join("tape"), 1));
        sealed(&done, version, &Header { origin: origin(), first: 1, features });
        let [before, then] = [&open, &done].map(|path| std::fs::read(path).unwrap());
        assert!(
            refused(dir.path()).starts_with(&format!("{} has {says}, {READS}; ", done.display()))
        );
        let SealError { path, why } = sealer(dir.path()).seal_next().unwrap_err();
        assert_eq!(path, done);
        assert!(why.to_string().starts_with(&format!("it has {says}, {READS}; ")), "{why}");
        assert_eq!([&open, &done].map(|path| std::fs::read(path).unwrap()), [before, then]);
    }
}
