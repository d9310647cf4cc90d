//! All charts of a plant: which value reaches which chart.
use crate::condition::{Conditions, Spoken};
use crate::model::plant::{Area, RegisterType, StringOrder, WordOrder};
use crate::model::plant::{
    Device, DeviceIndex, Flat, Heartbeat, Limits, ModbusLink, Monitor, Plant, Protocol,
    PurposeSpec, ReadLimits, Register, SignalRules, Station, StationIndex, Tag, TagIndex,
    TagSource, Transport, Trust, Watched, Word,
};
use crate::model::{
    At, Boot, Code, DeviceId, Digest, HandshakeId, ItemKey, Link, Making, Measurement, MonitorId,
    Monotonic, Quality, Sample, Session, SiteId, StationId, TagName, Text, Ucum, Utc, Value,
    Verdict, VerdictEvent,
};
use std::collections::BTreeMap;
use std::time::Duration;

fn tag(name: &str) -> Tag {
    Tag {
        name: TagName::parse(name).unwrap(),
        device: DeviceIndex(0),
        source: TagSource::Register(Register {
            area: Area::Holding,
            address: 0,
            kind: RegisterType::U16,
            order: WordOrder::Abcd,
            strings: StringOrder::HighLow,
            scale: 1.0,
        }),
        fast: false,
        watched: true,
        every_change: false,
        publish: None,
        writable: false,
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: BTreeMap::new(),
    }
}

fn device() -> Device {
    Device {
        id: DeviceId::parse("press").unwrap(),
        protocol: Protocol::Modbus(ModbusLink {
            url: "tcp://127.0.0.1:502".into(),
            transport: Transport::parse("tcp://127.0.0.1", Trust::Pki).unwrap(),
            unit: 1,
            share: None,
            timeout: Duration::from_secs(1),
            limits: ReadLimits { words: 120, bits: 1_000, read_over: Some(8), holes: Vec::new() },
        }),
        publish: Duration::from_secs(1),
        publish_fast: Duration::from_millis(100),
        heartbeat: Heartbeat { plc: None, host: None, stale_after: Duration::from_secs(3) },
        restart: None,
        interface: None,
    }
}

fn monitor(id: &str, of: Watched) -> Monitor {
    Monitor {
        id: MonitorId::parse(id).unwrap(),
        of,
        unit: Some(Ucum::parse("Cel").unwrap()),
        limits: Some(Limits { high: Some(0.5), ..Limits::default() }),
        drift: None,
        signal: SignalRules::default(),
        latch: false,
    }
}

/// A press with a temperature, bit 3 of a status word, and a torque measured per unit.
pub(super) fn plant() -> Plant {
    let torque = (HandshakeId::parse("result").unwrap(), TagName::parse("torque").unwrap());
    Plant {
        site: SiteId::parse("works").unwrap(),
        devices: vec![device()],
        tags: vec![tag("unwatched"), tag("temp"), tag("status")],
        stations: vec![Station {
            id: StationId::parse("OP10").unwrap(),
            device: Some(DeviceIndex(0)),
            line: None,
            after: Vec::new(),
            purpose: PurposeSpec::default(),
            evidence: Vec::new(),
            orders: false,
            carry_over: false,
            handshakes: Vec::new(),
            phases: Vec::new(),
            mounts: Vec::new(),
            monitors: vec![
                monitor("temp", Watched::Tag(Word { tag: TagIndex(1), bit: None })),
                monitor("jam", Watched::Tag(Word { tag: TagIndex(2), bit: Some(3) })),
                monitor("torque", Watched::Measurement(torque.0, torque.1)),
            ],
            masters: Vec::new(),
            schedules: Vec::new(),
        }],
        catalog: crate::model::plant::Catalog::default(),
        files: Vec::new(),
        hash: Digest([0; 32]),
    }
}

pub(super) fn sample(tag: u32, value: Value, quality: Quality) -> Sample {
    Sample {
        tag: TagIndex(tag),
        value,
        quality,
        source: Some(Utc(5)),
        server: None,
        receive: Utc(9),
    }
}

#[test]
fn a_sample_reaches_the_monitor_of_its_tag_or_bit() {
    let plant = plant();
    let mut conditions = Conditions::new(&plant);
    let mut said = |tag, value, quality| {
        let mut out = Spoken::default();
        conditions.on_sample(&plant, At::default(), &sample(tag, value, quality), &mut out);
        let said = |event: &crate::model::VerdictEvent| {
            assert_eq!((event.station.as_str(), event.time), ("OP10", Utc(5)));
            (event.monitor.to_string(), event.verdict)
        };
        out.verdicts.iter().map(said).collect::<Vec<_>>()
    };
    let good = Quality::GOOD;
    assert_eq!(said(0, Value::Real(9.0), good), []);
    assert_eq!(said(1, Value::Real(9.0), Quality::BAD_RANGE), []);
    assert_eq!(said(1, Value::Real(9.0), good), [("temp".into(), Verdict::Warning)]);
    assert_eq!(said(2, Value::UInt(0b0111), good), [("jam".into(), Verdict::InControl)]);
    assert_eq!(said(2, Value::UInt(0b1000), good), [("jam".into(), Verdict::Warning)]);
    assert_eq!(said(7, Value::UInt(1), good), []);
}

#[test]
fn a_measurement_reaches_the_monitor_of_its_handshake_and_name() {
    let plant = plant();
    let mut conditions = Conditions::new(&plant);
    let unit = ItemKey::unit(Code::parse("SN-1").unwrap());
    let mut said = |handshake: &str, name: &str| {
        let mut out = Spoken::default();
        let measured = [Measurement {
            name: TagName::parse(name).unwrap(),
            value: Value::Real(1.0),
            quality: Quality::GOOD,
            unit: None,
            low: None,
            high: None,
        }];
        let handshake = HandshakeId::parse(handshake).unwrap();
        let (of, item) = ((StationIndex(0), &handshake), (&unit, &Making::default()));
        conditions.on_measurements(of, Utc(3), item, &measured, &mut out);
        out.verdicts
    };
    assert_eq!(said("result", "angle"), []);
    assert_eq!(said("admit", "torque"), []);
    let event = said("result", "torque").pop().unwrap();
    assert_eq!((event.verdict, event.time), (Verdict::Warning, Utc(3)));
    assert_eq!(event.item, Some(ItemKey::unit(Code::parse("SN-1").unwrap())));
    assert_eq!(event.unit, Some(Ucum::parse("Cel").unwrap()));
}

#[test]
fn what_the_record_says_of_a_monitor_is_not_said_again() {
    let plant = plant();
    let mut conditions = Conditions::new(&plant);
    let hot = sample(1, Value::Real(9.0), Quality::GOOD);
    let mut out = Spoken::default();
    conditions.on_sample(&plant, At::default(), &hot, &mut out);
    let out = out.verdicts;
    let mut again = Conditions::new(&plant);
    again.restore(&plant, &out[0]);
    let mut said = Spoken::default();
    again.on_sample(&plant, At::default(), &hot, &mut said);
    assert_eq!(said.verdicts, []);
    assert_eq!(said.notices.len(), 1, "why not is told: {said:?}");
    let mut elsewhere = out[0].clone();
    elsewhere.station = StationId::parse("OP20").unwrap();
    again.restore(&plant, &elsewhere);
}

#[test]
fn charts_of_stations_that_nothing_changed_go_on_and_others_begin_anew() {
    let plant = plant();
    let high = sample(1, Value::Real(0.9), Quality::GOOD);
    let spoken = |untouched: bool| {
        let (mut before, mut out) = (Conditions::new(&plant), Spoken::default());
        before.on_sample(&plant, At::default(), &high, &mut out);
        assert_eq!(out.verdicts.len(), 1, "above its limit for the first time: {out:?}");
        let mut next = Conditions::new(&plant);
        next.adopt(before, |_| untouched);
        let mut out = Spoken::default();
        next.on_sample(&plant, At::default(), &high, &mut out);
        out.verdicts.len()
    };
    assert_eq!(spoken(true), 0, "it is above its limit still, which was said");
    assert_eq!(spoken(false), 1);
}

/// Its device is observed from the first second on.
fn observed(plant: &Plant) -> Conditions {
    let mut conditions = Conditions::new(plant);
    let boot = Boot { restart: None, start_time: None };
    let link = Link::Live { boot, session: Session(1), widths: None };
    conditions.on_link(At::default(), DeviceIndex(0), &link);
    conditions
}

/// Each of two words may be bad for so many seconds.
fn patient(seconds: [u64; 2]) -> (Plant, Conditions) {
    let mut plant = plant();
    for (monitor, seconds) in plant.stations[0].monitors.iter_mut().zip(seconds) {
        let missing = Some(Duration::from_secs(seconds));
        monitor.signal = SignalRules { missing, flat: None };
    }
    let conditions = observed(&plant);
    (plant, conditions)
}

#[test]
fn a_due_moment_touches_only_what_is_due() {
    let (plant, mut conditions) = patient([60, 3_600]);
    let second = |seconds: u64| Monotonic(seconds * 1_000_000_000);
    let at = |seconds| At { monotonic: second(seconds), wall: Utc(0) };
    assert_eq!(conditions.clone().due_by(second(59)).len(), 0);
    assert_eq!(conditions.clone().due_by(second(60)), [0].into());
    let mut out = Spoken::default();
    conditions.on_time(at(60), &mut out);
    let said = out.verdicts.iter().map(|event| event.monitor.as_str()).collect::<Vec<_>>();
    assert_eq!(said, ["temp"]);
    assert_eq!(conditions.next_wake().map(|(due, _)| due), Some(second(3_600)));
    // What is good is looked at once more, in vain, and not again.
    let good = sample(2, Value::UInt(0), Quality::GOOD);
    conditions.on_sample(&plant, at(100), &good, &mut Spoken::default());
    assert_eq!(conditions.next_wake().map(|(due, _)| due), Some(second(3_600)));
    let mut out = Spoken::default();
    conditions.on_time(at(3_600), &mut out);
    assert_eq!((out.verdicts.len(), conditions.next_wake()), (0, None));
}

#[test]
fn what_was_waited_for_before_other_plant_files_came_is_due_as_before() {
    let (plant, before) = patient([60, 3_600]);
    let mut next = Conditions::new(&plant);
    next.adopt(before, |_| true);
    let at = At { monotonic: Monotonic(60_000_000_000), wall: Utc(0) };
    assert_eq!(next.next_wake().map(|(due, _)| due), Some(at.monotonic));
    let mut out = Spoken::default();
    next.on_time(at, &mut out);
    assert_eq!(out.verdicts.len(), 1);
}

#[test]
fn what_was_put_off_or_is_due_earlier_than_another_rule_is_said_when_it_is_due() {
    let mut plant = plant();
    let flat = Some(Flat { lasting: Duration::from_hours(1), within: 0.1 });
    let missing = Some(Duration::from_mins(1));
    plant.stations[0].monitors[0].signal = SignalRules { missing, flat };
    let mut conditions = observed(&plant);
    let mut said = |seconds: u64, told: Option<Quality>| {
        let at = At { monotonic: Monotonic(seconds * 1_000_000_000), wall: Utc(0) };
        let mut out = Spoken::default();
        if let Some(quality) = told {
            let sample = sample(1, Value::Real(0.0), quality);
            conditions.on_sample(&plant, at, &sample, &mut Spoken::default());
        }
        conditions.on_time(at, &mut out);
        let due = conditions.next_wake().map(|(due, _)| due.0 / 1_000_000_000);
        (out.verdicts.len(), due)
    };
    assert_eq!(said(1, Some(Quality::GOOD)), (0, Some(60)));
    assert_eq!(said(60, None), (0, Some(3_601)), "it was good at 1 and may stand for an hour");
    assert_eq!(said(100, Some(Quality::BAD_RANGE)), (0, Some(160)));
    assert_eq!(said(160, None), (1, None));
}

/// A press whose temperature is learned from 30 values, a second apart.
fn press(change: impl FnOnce(&mut Station)) -> (Plant, Conditions) {
    let mut plant = plant();
    let station = &mut plant.stations[0];
    let temp = &mut station.monitors[0];
    (temp.limits, temp.drift) = (None, super::watched(1_000_000, 30, super::BOTH).drift);
    change(station);
    let conditions = observed(&plant);
    (plant, conditions)
}

/// So many seconds of a temperature around `level`; the verdicts by rules that judge by a baseline.
fn seconds(
    (plant, conditions): (&Plant, &mut Conditions),
    (from, count): (i64, i64),
    level: f64,
) -> Vec<VerdictEvent> {
    let mut out = Spoken::default();
    for second in from..from + count {
        let ns = second * 1_000_000_000;
        let at = At { monotonic: Monotonic(ns.unsigned_abs()), wall: Utc(ns) };
        let x = level + super::Noise(second.unsigned_abs()).normal();
        let value = Sample { source: Some(Utc(ns)), ..sample(1, Value::Real(x), Quality::GOOD) };
        conditions.on_sample(plant, at, &value, &mut out);
    }
    out.verdicts
}

fn made(product: &str) -> Making {
    Making { product: Text::parse(product).ok(), recipe: None }
}

#[test]
fn a_tag_is_held_against_the_baseline_of_what_its_station_makes() {
    let (plant, mut conditions) = press(|_| {});
    let mut makes = |product: &str, from, level| {
        conditions.makes(StationIndex(0), &made(product), true);
        let said = seconds((&plant, &mut conditions), (from, 60), level);
        said.iter().map(|said| (said.verdict, said.making())).collect::<Vec<_>>()
    };
    let learned = |product| vec![(Verdict::InControl, made(product)); 2];
    assert_eq!(makes("A", 0, 0.0), learned("A"));
    assert_eq!(makes("B", 100, 40.0), learned("B"));
    for from in [200, 400, 600] {
        assert_eq!((makes("A", from, 0.0), makes("B", from + 100, 40.0)), (vec![], vec![]));
    }
    assert_eq!(makes("B", 800, 44.0)[0], (Verdict::Drift, made("B")));
    assert_eq!(makes("A", 900, 0.0), []);
}

#[test]
fn a_tag_is_neither_learned_nor_judged_in_setup_and_while_nothing_is_made() {
    let (plant, mut conditions) = press(|station| {
        station.phases = vec![super::signals::phase(None, true)];
        let drift = station.monitors[0].drift.as_mut().unwrap();
        drift.idle = Some(Duration::from_secs(30));
    });
    let station = StationIndex(0);
    let work = |conditions: &mut Conditions, second: u64| {
        let at = At { monotonic: Monotonic(second * 1_000_000_000), wall: Utc(0) };
        conditions.on_work(at, station, &mut Spoken::default());
    };
    assert_eq!(seconds((&plant, &mut conditions), (0, 100), 0.0), [], "nobody knows that it works");
    let mut learned = Vec::new();
    for from in [100_i64, 125, 150] {
        work(&mut conditions, from.unsigned_abs());
        learned.extend(seconds((&plant, &mut conditions), (from, 25), 0.0));
    }
    assert_eq!(learned.len(), 2);
    // It is set up, then it stands.
    conditions.makes(station, &Making::default(), false);
    assert_eq!(seconds((&plant, &mut conditions), (175, 100), 60.0), []);
    conditions.makes(station, &Making::default(), true);
    assert_eq!(seconds((&plant, &mut conditions), (275, 100), 60.0), []);
    work(&mut conditions, 375);
    assert_eq!(seconds((&plant, &mut conditions), (375, 25), 0.0), []);
    work(&mut conditions, 400);
    assert_eq!(seconds((&plant, &mut conditions), (400, 25), 60.0)[0].verdict, Verdict::Drift);
}

#[test]
fn what_a_station_makes_goes_on_when_other_plant_files_come() {
    let (plant, mut before) = press(|_| {});
    before.makes(StationIndex(0), &made("A"), true);
    assert_eq!(seconds((&plant, &mut before), (0, 60), 0.0).len(), 2);
    before.makes(StationIndex(0), &made("B"), true);
    let mut next = Conditions::new(&plant);
    next.adopt(before, |_| true);
    assert_eq!(seconds((&plant, &mut next), (100, 29), 40.0), []);
    next.makes(StationIndex(0), &made("B"), true);
    let learned = seconds((&plant, &mut next), (129, 10), 40.0);
    assert_eq!(learned.iter().map(VerdictEvent::making).collect::<Vec<_>>(), vec![made("B"); 2]);
}
