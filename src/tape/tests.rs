//! The tape there and back, and what is left of it when something goes wrong.
mod formats;
mod sealing;

use super::codec::{self, PlantFault};
use super::{TapeEntry, TapeGap, TapeGapCause, TapeItem, TapeReader, TapeWriter};
use crate::model::plant::{DeviceIndex, Plant, PlantFile, TagIndex};
use crate::model::{
    At, Boot, Code, Command, CommandId, Digest, Facts, GapCause, Input, ItemKey, Link, Monotonic,
    OrderRow, Origin, Position, Quality, ReadDone, ReadFault, ReadToken, Sample, Session, SiteId,
    StartCause, StationId, Text, Utc, Value, WriteDone,
};
use crate::telemetry::Now;
use proptest::prelude::*;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

fn text() -> impl Strategy<Value = Text> {
    "[a-zA-Z0-9äß /]{1,20}".prop_map(|t| Text::parse(&t).unwrap())
}

fn item() -> impl Strategy<Value = ItemKey> {
    "[A-Z0-9]{1,12}".prop_map(|code| ItemKey::unit(Code::parse(&code).unwrap()))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Empty),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::UInt),
        any::<u64>().prop_map(|bits| Value::Real(f64::from_bits(bits))),
        ".{0,10}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..10).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Time),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| prop::collection::vec(inner, 0..4).prop_map(Value::List))
}

fn utc() -> impl Strategy<Value = Utc> {
    any::<i64>().prop_map(Utc)
}

fn sample() -> impl Strategy<Value = Sample> {
    let times = (prop::option::of(utc()), prop::option::of(utc()), utc());
    (any::<u32>(), value(), any::<u32>(), times).prop_map(|(tag, value, quality, times)| {
        let (source, server, receive) = times;
        Sample { tag: TagIndex(tag), value, quality: Quality(quality), source, server, receive }
    })
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    prop::collection::vec(sample(), 0..5)
}

fn cause() -> impl Strategy<Value = GapCause> {
    prop::sample::select(vec![GapCause::Stopped, GapCause::Overflow, GapCause::Interface])
}

fn read_fault() -> impl Strategy<Value = ReadFault> {
    prop::sample::select(vec![ReadFault::Disconnected, ReadFault::Timeout, ReadFault::Refused])
}

fn command() -> impl Strategy<Value = Command> {
    let row = (text(), item(), prop::option::of(text())).prop_map(|(program, item, product)| {
        OrderRow { station: StationId::parse("OP10").unwrap(), program, item, product }
    });
    prop_oneof![
        prop::collection::vec(row, 0..4).prop_map(Command::Orders),
        (item(), text(), text(), prop::option::of(text())).prop_map(
            |(item, reason, badge, meaning)| Command::Hold { item, reason, badge, meaning }
        ),
        (item(), text(), text(), prop::option::of(text()), prop::option::of(item())).prop_map(
            |(item, reason, badge, meaning, of)| Command::Release {
                item,
                reason,
                badge,
                meaning,
                of
            }
        ),
        (prop::option::of(item()), text(), text()).prop_map(|(item, text, badge)| Command::Note {
            item,
            text,
            badge
        }),
    ]
}

fn plant(text: &str) -> Plant {
    let file = PlantFile { name: Text::parse("press.toml").unwrap(), text: text.to_owned() };
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(text.bytes()) {
        *to = from;
    }
    Plant {
        site: SiteId::parse("plant-1").unwrap(),
        devices: Vec::new(),
        tags: Vec::new(),
        stations: Vec::new(),
        catalog: crate::model::plant::Catalog::default(),
        files: vec![file],
        hash: Digest(hash),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a loader")]
fn load(files: &[PlantFile]) -> Result<Arc<Plant>, Infallible> {
    Ok(Arc::new(plant(&files[0].text)))
}

fn input() -> impl Strategy<Value = Input> {
    let device = || any::<u32>().prop_map(DeviceIndex);
    let token = || any::<u64>().prop_map(ReadToken);
    let live = (prop::option::of(value()), prop::option::of(utc()), any::<u64>()).prop_map(
        |(restart, start_time, session)| Link::Live {
            boot: Boot { restart, start_time },
            session: Session(session),
            widths: Some(vec![(crate::model::TagName::parse("Count").unwrap(), 16)]),
        },
    );
    let down = (prop::option::of(utc()), cause(), prop::option::of(utc()))
        .prop_map(|(since, cause, lost)| Link::Down { since, cause, lost });
    let link = prop_oneof![live, down];
    let start = prop::sample::select(vec![StartCause::Daemon, StartCause::Refold]);
    prop_oneof![
        (start, any::<u64>()).prop_map(|(cause, n)| Input::Start { cause, recovered: Position(n) }),
        ".{0,40}".prop_map(|text| Input::Plant(Arc::new(plant(&text)))),
        (device(), link).prop_map(|(device, link)| Input::Link { device, link }),
        samples().prop_map(Input::Samples),
        (device(), prop::option::of(any::<u32>()), cause(), utc(), utc()).prop_map(
            |(device, tag, cause, since, to)| {
                Input::Lost {
                    device,
                    tag: tag.map(TagIndex),
                    cause,
                    since,
                    to,
                    open: to.0 % 2 == 0,
                }
            }
        ),
        (token(), prop::result::maybe_ok(samples(), read_fault()))
            .prop_map(|(token, outcome)| Input::Read(ReadDone { token, outcome })),
        (token(), prop::result::maybe_ok(Just(()), read_fault()))
            .prop_map(|(token, outcome)| Input::Written(WriteDone { token, outcome })),
        (token(), prop::collection::vec((item(), any::<bool>()), 0..4), any::<u64>()).prop_map(
            |(token, known, n)| {
                let behind = (n % 2 == 0).then(|| known.iter().map(|(k, _)| k.clone()).collect());
                let (position, past) = (Position(n), Vec::new());
                let measured = Vec::new();
                Input::Facts(Facts { token, known, position, past, behind, measured })
            }
        ),
        (any::<u64>(), command())
            .prop_map(|(id, command)| Input::Command { id: CommandId(id), command }),
        Just(Input::Wake),
    ]
}

fn at() -> impl Strategy<Value = At> {
    (any::<u64>(), utc()).prop_map(|(m, wall)| At { monotonic: Monotonic(m), wall })
}

proptest! {
    /// Compared in text for what it says, NaN included, and in bytes for the bits of every float.
    #[test]
    fn an_input_comes_back_from_the_tape_as_it_was_stepped(number: u64, at in at(), input in input()) {
        let body = codec::encode(number, at, &input);
        let (n, t, back) = codec::decode(&body, load).unwrap();
        prop_assert_eq!((n, t), (number, at));
        prop_assert_eq!(format!("{back:?}"), format!("{input:?}"));
        prop_assert_eq!(codec::encode(number, at, &back), body);
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = codec::decode(&body, load);
    }
}

#[test]
fn floats_keep_their_bits() {
    let bits = [0, 1 << 63, 0x7FF0_0000_0000_0001, 0x7FF8_0000_0000_0123, 0xFFF0_0000_0000_0000];
    let sample = |bits| Sample {
        tag: TagIndex(0),
        value: Value::Real(f64::from_bits(bits)),
        quality: Quality::GOOD,
        source: None,
        server: None,
        receive: Utc(0),
    };
    let input = Input::Samples(bits.into_iter().map(sample).collect());
    let back = codec::decode(&codec::encode(1, At::default(), &input), load).unwrap().2;
    let Input::Samples(samples) = back else { panic!("{back:?}") };
    let back: Vec<u64> = samples
        .iter()
        .map(|s| if let Value::Real(x) = s.value { x.to_bits() } else { panic!() })
        .collect();
    assert_eq!(back, bits);
}

#[test]
fn a_plant_that_loads_as_another_is_told() {
    let body = codec::encode(1, At::default(), &Input::Plant(Arc::new(plant("old"))));
    let other = |_: &[PlantFile]| Ok::<_, Infallible>(Arc::new(plant("new")));
    let fault = codec::decode(&body, other).unwrap_err();
    assert!(matches!(fault, codec::Fault::Plant(1, _, PlantFault::Hash { .. })), "{fault:?}");
}

struct Clock(Arc<AtomicU64>);

impl Clock {
    fn new() -> Self {
        Self(Arc::new(AtomicU64::new(0)))
    }

    fn now(&self) -> Now {
        let ns = self.0.clone();
        Arc::new(move || At {
            monotonic: Monotonic(ns.load(Ordering::Relaxed)),
            wall: Utc::default(),
        })
    }

    fn advance_s(&self, s: u64) {
        self.0.fetch_add(s * 1_000_000_000, Ordering::Relaxed);
    }
}

fn origin() -> Origin {
    Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 1 }
}

fn writer(dir: &Path, clock: &Clock) -> TapeWriter {
    TapeWriter::open(dir, origin(), clock.now())
}

fn append(tape: &mut TapeWriter, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        tape.append(number, At::default(), &Input::Wake);
    }
    tape.flush();
}

/// Numbers as they come, and gaps between them.
fn play(dir: &Path) -> (Vec<u64>, Vec<TapeGap>) {
    let mut reader = TapeReader::open(dir).unwrap();
    let (mut numbers, mut gaps) = (Vec::new(), Vec::new());
    while let Some(item) = reader.next_item(load).unwrap() {
        match item {
            TapeItem::Entry(TapeEntry { number, .. }) => numbers.push(number),
            TapeItem::Gap(gap) => gaps.push(gap),
        }
    }
    (numbers, gaps)
}

fn file(dir: &Path, first: u64) -> PathBuf {
    dir.join(format!("tape/{first:020}.tape"))
}

#[test]
fn a_tape_that_was_ended_goes_on_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    assert_eq!(play(dir.path()), (vec![], vec![]));
    for run in 0..3 {
        let mut tape = writer(dir.path(), &clock);
        assert_eq!(tape.next_number(), run * 5 + 1);
        append(&mut tape, run * 5 + 1..=run * 5 + 5);
        assert_eq!((tape.last_error(), tape.lost()), (None, 0));
    }
    assert_eq!(play(dir.path()), ((1..=15).collect(), vec![]));
}

#[test]
fn what_was_flushed_survives_the_process_and_the_open_end_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    let mut tape = writer(dir.path(), &clock);
    append(&mut tape, 1..=5);
    tape.append(6, At::default(), &Input::Wake);
    let (numbers, gaps) = play(dir.path());
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.after, gap.before, &gap.cause), (Some(5), None, &TapeGapCause::Open));

    // Killed: what was not flushed is gone with the process.
    std::mem::forget(tape);
    append(&mut writer(dir.path(), &clock), 6..=8);
    let (numbers, gaps) = play(dir.path());
    assert_eq!(numbers, (1..=8).collect::<Vec<_>>());
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.after, gap.before), (Some(5), Some(6)));
}

#[test]
fn a_torn_tail_and_missing_numbers_are_gaps() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    append(&mut writer(dir.path(), &clock), 1..=5);
    append(&mut writer(dir.path(), &clock), 8..=9);
    let path = file(dir.path(), 1);
    let whole = std::fs::read(&path).unwrap();
    let (numbers, gaps) = play(dir.path());
    assert_eq!(numbers, [1, 2, 3, 4, 5, 8, 9]);
    let [gap] = gaps.as_slice() else { panic!("{gaps:?}") };
    assert_eq!((gap.after, gap.before, &gap.cause), (Some(5), Some(8), &TapeGapCause::Numbers));
    for len in 0..whole.len() {
        std::fs::write(&path, &whole[..len]).unwrap();
        // Down to nothing: a power cut may leave no more than the name.
        let (numbers, gaps) = play(dir.path());
        assert!(numbers.is_sorted() && numbers.ends_with(&[8, 9]), "{len}: {numbers:?}");
        assert_eq!(gaps.last().unwrap().before, Some(8), "{len}: {gaps:?}");
    }
}

#[test]
fn a_disk_that_fails_makes_a_gap_and_is_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Clock::new();
    // No directory can be made where a file is.
    std::fs::write(dir.path().join("tape"), "").unwrap();
    let mut tape = writer(dir.path(), &clock);
    assert!(tape.last_error().is_some());
    clock.advance_s(5);
    append(&mut tape, 1..=3);
    assert_eq!(tape.lost(), 3);
    std::fs::remove_file(dir.path().join("tape")).unwrap();
    append(&mut tape, 4..=4);
    assert_eq!(tape.lost(), 4, "it is left alone for a second");
    clock.advance_s(2);
    append(&mut tape, 5..=6);
    assert_eq!((tape.last_error(), tape.lost()), (None, 4));

    // A file that cannot be written to any more: the rest goes to another.
    tape.break_file();
    append(&mut tape, 7..=7);
    assert!(tape.last_error().is_some());
    clock.advance_s(2);
    append(&mut tape, 8..=9);
    assert_eq!((tape.last_error(), tape.lost()), (None, 5));
    drop(tape);
    let (numbers, gaps) = play(dir.path());
    assert_eq!(numbers, [5, 6, 8, 9]);
    let bounds: Vec<_> = gaps.iter().map(|gap| (gap.after, gap.before)).collect();
    assert_eq!(bounds, [(Some(6), Some(8)), (Some(6), Some(8))]);
    assert_eq!(gaps[0].cause, TapeGapCause::Open);
    assert_eq!(gaps[1].cause, TapeGapCause::Numbers);
}
