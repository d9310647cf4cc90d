//! One of everything that is kept for good, with all that can be said of it: what the fixtures in
//! `tests/data/format-1` were made of. Whoever adds a kind, a verb or a field adds it here with a fixture
//! of its own, and leaves what is here as it is.
use super::plant::{DeviceIndex, Plant, TagIndex};
use super::{
    Adopted, Adoption, Alias, Amount, At, Audit, Baseline, Body, Boot, CarriedOver, CaseCounts,
    CaseEvent, CaseId, CaseQuestion, CaseStep, Code, Command, CommandId, Consumption, Context,
    Count, DeviceId, Digest, Epoch, EpochBegun, EpochCause, EventTime, Evidence, Facts, Fill,
    FillStep, Frozen, Gap, GapCause, GapSource, Grounds, HandshakeId, HandshakeKey, HandshakeMark,
    HandshakeNumber, Input, Interval, ItemClass, ItemKey, Link, Measurement, Member, Moment,
    MonitorId, Monotonic, MountKey, MountPointId, MountUse, Narrowed, Onset, OrderRow, Overruled,
    Part, Past, Permit, PersonKey, PersonToken, PhaseId, PhaseSummary, PlantLoaded, Position,
    Purpose, Quality, Quarantine, QuarantineCause, RawWord, ReadDone, ReadFault, ReadToken,
    Reading, Record, Remark, Result, Rule, Sample, Scope, ScopeName, Session, Side, StartCause,
    StationId, Statistics, Stay, TagName, Text, Told, Tombstone, ToolUse, TraceEvent, Ucum, Untold,
    Utc, Value, Verb, Verdict, VerdictEvent, Visit, What, Within, WriteDone,
};
use std::sync::Arc;

pub(crate) mod later;

pub(crate) use later::any_item;

/// 2026-11-22T08:41:10.25Z.
const BEGIN: i64 = 1_795_336_870_250_000_000;

/// So many seconds after the begin.
pub(crate) fn utc(seconds: i64) -> Utc {
    Utc(BEGIN + seconds * 1_000_000_000)
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn tag(name: &str) -> TagName {
    TagName::parse(name).unwrap()
}

fn station(name: &str) -> StationId {
    StationId::parse(name).unwrap()
}

fn point(name: &str) -> MountPointId {
    MountPointId::parse(name).unwrap()
}

fn device() -> DeviceId {
    DeviceId::parse("press-01").unwrap()
}

fn handshake() -> HandshakeId {
    HandshakeId::parse("done").unwrap()
}

fn scope(name: &str) -> ScopeName {
    ScopeName::parse(name).unwrap()
}

fn item(class: ItemClass, scope: Scope, code: &str) -> ItemKey {
    ItemKey { class, scope, code: Code::parse(code).unwrap() }
}

/// A unit of the site.
pub(crate) fn unit(code: &str) -> ItemKey {
    item(ItemClass::Unit, Scope::Site, code)
}

fn lot(code: &str) -> ItemKey {
    item(ItemClass::Lot, Scope::Supplier(scope("ACME")), code)
}

/// One for each scope, and each class.
fn items() -> Vec<ItemKey> {
    vec![
        unit("SN-1"),
        lot("0001"),
        item(ItemClass::Container, Scope::Gs1(None), "340123450000000018"),
        item(ItemClass::Unit, Scope::Gs1(Some(scope("04012345000009"))), "21"),
        item(ItemClass::Unit, Scope::Product(scope("A")), "7"),
        item(ItemClass::Lot, Scope::Material(scope("grease")), "B 4/7"),
        item(ItemClass::Unit, Scope::Provisional, "OP10.1.5"),
    ]
}

fn person() -> PersonToken {
    PersonKey::new([7; 32]).token("4711")
}

fn interval(from: i64, to: Option<i64>) -> Interval {
    Interval { from: utc(from), to: to.map(utc) }
}

fn ucum(unit: &str) -> Ucum {
    Ucum::parse(unit).unwrap()
}

fn amount(value: f64) -> Amount {
    Amount { value, unit: Some(ucum("kg")) }
}

/// One of each type.
fn values() -> Vec<Value> {
    let simple = vec![
        Value::Empty,
        Value::Bool(true),
        Value::Int(-4711),
        Value::UInt(u64::MAX),
        Value::Real(81.5),
        Value::text("Größe 7"),
        Value::Bytes(vec![0, 0xFF, 7]),
        Value::Time(BEGIN),
    ];
    [simple.clone(), vec![Value::List(simple)]].concat()
}

fn measurements() -> Vec<Measurement> {
    let of = |(n, value): (usize, Value)| Measurement {
        name: tag(&format!("m{n}")),
        value,
        quality: if n % 2 == 0 { Quality::GOOD } else { Quality::BAD_RANGE },
        unit: (n % 2 == 0).then(|| ucum("N.m")),
        low: (n % 3 == 0).then_some(-1.5),
        high: (n % 3 < 2).then_some(90.0),
    };
    values().into_iter().enumerate().map(of).collect()
}

fn statistics(left_out: u64) -> Statistics {
    Statistics {
        tag: tag("temp"),
        n: 12,
        min: Some(20.0),
        max: Some(21.5),
        mean: Some(20.75),
        time_mean: Some(20.5),
        left_out,
    }
}

fn phase() -> PhaseSummary {
    let none = Statistics { min: None, max: None, mean: None, time_mean: None, ..statistics(3) };
    let tool = ToolUse {
        value: text("T7"),
        interval: interval(1, Some(2)),
        statistics: vec![statistics(0)],
    };
    PhaseSummary {
        phase: PhaseId::parse("cut").unwrap(),
        interval: interval(1, Some(9)),
        statistics: vec![statistics(1), none],
        tools: vec![tool],
        count: Some(4),
    }
}

fn mount_key(opened: u64) -> MountKey {
    MountKey { station: station("OP10"), point: point("F1"), opened: Position(opened) }
}

/// One for each reason for which an amount is not told, and one that is told.
fn mounts() -> Vec<MountUse> {
    let why = [Untold::Unread, Untold::Gap, Untold::Reset, Untold::Changed, Untold::Shared];
    let told = MountUse {
        mount: mount_key(12),
        lot: lot("0001"),
        one_of: false,
        amount: Some(amount(0.25)),
        wasted: Some(amount(0.5)),
        counted: true,
        untold: None,
    };
    let untold = why.map(|why| MountUse {
        one_of: true,
        amount: None,
        wasted: None,
        counted: false,
        untold: Some(why),
        ..told.clone()
    });
    std::iter::once(told.clone()).chain(untold).collect()
}

fn mark(number: u64) -> HandshakeMark {
    let permits = [Permit::Ok, Permit::Nok, Permit::Rework, Permit::Unknown];
    let permit = permits[usize::try_from(number).unwrap() % permits.len()];
    let overruled = Overruled { by: person(), reason: text("seen by eye") };
    let grounds = Grounds {
        code: 17,
        text: text("it is on hold"),
        stopped: permit == Permit::Nok,
        overruled: Some(overruled),
    };
    HandshakeMark {
        key: HandshakeKey {
            station: station("OP10"),
            handshake: handshake(),
            epoch: Epoch(2),
            number: HandshakeNumber(number),
        },
        digest: Digest([0xAB; 32]),
        permit,
        reason: Some(text("held")),
        grounds: Some(grounds),
        result: Some(text("result 5")),
        partial: Some(true),
        recipe: None,
    }
}

/// A mark of which nothing is told that need not be.
fn bare_mark() -> HandshakeMark {
    HandshakeMark { reason: None, grounds: None, result: None, partial: None, ..mark(4) }
}

/// What is done, with all that can be said of it.
fn what(verb: Verb) -> What {
    let item = unit("SN-1");
    let result = Some(Result::Rework);
    let consumption = || Consumption { lot: lot("0001"), amount: Some(amount(2.5)) };
    let (place, reason) = (Some(text("slot 1")), text("scratched"));
    match verb {
        Verb::Arrive => What::Arrive { item },
        Verb::Complete => What::Complete {
            item,
            result: Some(Result::Pass),
            measurements: measurements(),
            mounts: mounts(),
            phase: Some(phase()),
            order_row: Some(3),
        },
        Verb::Produce => What::Produce {
            item: items().swap_remove(5),
            amount: Some(amount(20.0)),
            result: Some(Result::Fail),
            measurements: measurements(),
            mounts: mounts(),
            best_before: Some(utc(86_400)),
        },
        Verb::Consume => What::Consume { consumed: consumption(), into: item, place },
        Verb::Install => What::Install { child: unit("SN-2"), parent: item, place },
        Verb::Remove => What::Remove { child: unit("SN-2"), parent: item, place },
        Verb::Pack => What::Pack { items: items(), container: items().swap_remove(2) },
        Verb::Unpack => What::Unpack { items: items(), container: items().swap_remove(2) },
        Verb::Split => What::Split { from: item, into: vec![unit("SN-3"), unit("SN-4")] },
        Verb::Merge => What::Merge { from: vec![consumption()], into: item },
        Verb::Mount => What::Mount { point: point("F1"), lot: lot("0001") },
        Verb::Unmount => What::Unmount {
            mount: mount_key(12),
            lot: lot("0001"),
            used: Some(amount(3.0)),
            untold: None,
        },
        Verb::Move => What::Move { item, to: text("store 4") },
        Verb::Receive => What::Receive {
            item: lot("0001"),
            supplier: Some(scope("ACME")),
            amount: Some(amount(25.0)),
            best_before: Some(utc(86_400)),
        },
        Verb::Ship => {
            let (customer, document) = (Some(text("Customer")), Some(text("D 7")));
            What::Ship { items: items(), customer, document }
        }
        Verb::Inspect => What::Inspect { item, result, measurements: measurements() },
        Verb::Hold => What::Hold { item, reason, meaning: None },
        Verb::Release => What::Release { item, reason, meaning: None, of: None },
        Verb::Scrap => {
            What::Scrap { item, amount: Some(amount(1.0)), reason: Some(reason), mounts: mounts() }
        }
        Verb::Rework => What::Rework { item, reason: Some(reason) },
        Verb::Clean => What::Clean { confirmed: true, phase: Some(phase()) },
        Verb::Identify => {
            let alias = Alias { kind: text("carrier"), code: Code::parse("17").unwrap() };
            What::Identify { item: items().swap_remove(6), alias, real: Some(item) }
        }
        Verb::Note => What::Note { item: Some(item), text: text("look") },
        Verb::Correct => What::Correct { position: Position(4), reason },
        Verb::Open => What::Open { item: lot("0001") },
        Verb::Close => What::Close { item: lot("0001") },
        Verb::Dry => What::Dry { item: lot("0001") },
    }
}

/// All verbs of the beginning, in the order of their numbers.
const VERBS: [Verb; 24] = [
    Verb::Arrive,
    Verb::Complete,
    Verb::Produce,
    Verb::Consume,
    Verb::Install,
    Verb::Remove,
    Verb::Pack,
    Verb::Unpack,
    Verb::Split,
    Verb::Merge,
    Verb::Mount,
    Verb::Unmount,
    Verb::Move,
    Verb::Receive,
    Verb::Ship,
    Verb::Inspect,
    Verb::Hold,
    Verb::Release,
    Verb::Scrap,
    Verb::Rework,
    Verb::Clean,
    Verb::Identify,
    Verb::Note,
    Verb::Correct,
];

/// What is told with an event of whatever verb.
fn told(what: What, number: u64) -> TraceEvent {
    let at = usize::try_from(number).unwrap();
    let evidence = [
        Evidence::Automatic,
        Evidence::Inferred,
        Evidence::Manual,
        Evidence::Late,
        Evidence::Bypassed,
    ];
    let purpose =
        [Purpose::Production, Purpose::Master, Purpose::Setup, Purpose::Trial, Purpose::Simulated];
    let step = [FillStep::Opened, FillStep::Read, FillStep::Closed][at % 3];
    let reading = |value| Reading { value, bits: 32 };
    let count = Count {
        point: point("F1"),
        mount: Some(Position(12)),
        taken: reading(7),
        wasted: Some(reading(1)),
        per_lot: true,
    };
    let narrowed = Narrowed { record: Position(3), point: point("F1"), mounts: mounts() };
    TraceEvent {
        time: EventTime { at: utc(5), uncertainty_ns: 1_000_000 },
        evidence: evidence[at % evidence.len()],
        purpose: purpose[at / 5 % purpose.len()],
        handshake: Some(mark(number)),
        stay: Some(Stay { interval: interval(2, Some(5)), arrived: Some(Position(2)) }),
        operator: Some(person()),
        product: Some(text("A")),
        operation: Some(text("press")),
        remarks: vec![Remark { tag: tag("torque"), quality: Quality::BAD_TYPE }],
        adopted: Some(Adopted { first: Some(Position(3)), stepped: utc(4) }),
        material: Some(text("grease")),
        nest: Some(text("left")),
        fill: Some(Fill {
            carrier: Some(Code::parse("17").unwrap()),
            step,
            opened: Some(Position(2)),
        }),
        context: vec![Context { name: tag("shift"), value: Value::text("early") }],
        counts: vec![count],
        narrowed: vec![narrowed],
        went_past: Some(Position(5)),
        members: vec![Member { item: unit("SN-5"), place: 2 }],
        carried_over: vec![CarriedOver { lot: lot("0000"), observed: true }],
        ..TraceEvent::bare(what, utc(5), Some(station("OP10")))
    }
}

/// Events of which nothing is told that need not be.
fn bare() -> Vec<TraceEvent> {
    let item = unit("SN-9");
    let (measurements, mounts) = (Vec::new(), Vec::new());
    let complete = What::Complete {
        item: item.clone(),
        result: None,
        measurements: measurements.clone(),
        mounts: mounts.clone(),
        phase: None,
        order_row: None,
    };
    let produce = What::Produce {
        item: item.clone(),
        amount: None,
        result: Some(Result::Scrap),
        measurements,
        mounts: mounts.clone(),
        best_before: None,
    };
    let without = Consumption { lot: lot("0002"), amount: None };
    let scrap = What::Scrap { item: item.clone(), amount: None, reason: None, mounts };
    let alias = Alias { kind: text("label"), code: Code::parse("L9").unwrap() };
    let all = [
        complete,
        produce,
        What::Consume { consumed: without, into: item.clone(), place: None },
        scrap,
        What::Clean { confirmed: false, phase: None },
        What::Identify { item, alias, real: None },
        What::Note { item: None, text: text("nothing") },
    ];
    all.into_iter().map(|what| TraceEvent::bare(what, utc(6), None)).collect()
}

/// One for each cause.
fn quarantines() -> Vec<Quarantine> {
    let causes = [
        QuarantineCause::Conflict,
        QuarantineCause::Word(tag("torque")),
        QuarantineCause::Code(tag("serial")),
        QuarantineCause::NoCurrent,
        QuarantineCause::NoOrder,
        QuarantineCause::Count,
        QuarantineCause::Gap,
        QuarantineCause::ItemChanged,
        QuarantineCause::Mounts,
        QuarantineCause::Identified,
        QuarantineCause::Forgotten,
        QuarantineCause::Twice(tag("boards")),
    ];
    let raw = |(n, value)| RawWord {
        tag: tag(&format!("w{n}")),
        value,
        quality: Quality::GOOD,
        source: (n > 0).then_some(utc(5)),
    };
    let raw: Vec<RawWord> = values().into_iter().enumerate().map(raw).collect();
    let of = |(n, cause)| {
        let full = n % 2 == 0;
        Quarantine {
            station: station("OP20"),
            handshake: Some(if full { mark(3) } else { bare_mark() }).filter(|_| n > 0),
            cause,
            time: EventTime { at: utc(7), uncertainty_ns: 0 },
            raw: raw.clone(),
            phase: full.then(phase),
            adopted: full.then_some(Adopted { first: None, stepped: utc(6) }),
        }
    };
    causes.into_iter().enumerate().map(of).collect()
}

/// One for each cause.
fn gaps() -> Vec<Gap> {
    let causes = [
        GapCause::Stopped,
        GapCause::Disconnected,
        GapCause::Silent,
        GapCause::Overflow,
        GapCause::Sequence,
        GapCause::NumbersSkipped,
        GapCause::TriggerMoved,
        GapCause::Unsynced,
        GapCause::Overload,
        GapCause::Interface,
        GapCause::BadQuality,
        GapCause::Redefined,
        GapCause::Removed,
        GapCause::Unreleased,
        GapCause::Overrun,
        GapCause::NotGiven,
    ];
    let sources = [
        GapSource::Device(device()),
        GapSource::Tag(device(), tag("temp")),
        GapSource::Handshake(station("OP10"), handshake()),
    ];
    let of = |(n, cause): (usize, GapCause)| Gap {
        source: sources[n % sources.len()].clone(),
        interval: interval(8, (n % 2 == 0).then_some(9)),
        cause,
        count: (n % 2 == 0).then_some(5),
        stations: vec![station("OP10"), station("OP20")],
        first: (n % 4 == 0).then_some(HandshakeNumber(41)),
    };
    causes.into_iter().enumerate().map(of).collect()
}

fn verdicts() -> Vec<VerdictEvent> {
    let full = VerdictEvent {
        station: station("OP10"),
        monitor: MonitorId::parse("torque").unwrap(),
        rule: Rule::Ewma,
        verdict: Verdict::Drift,
        side: Some(Side::High),
        statistic: Some(3.25),
        limit: Some(2.75),
        time: utc(10),
        onset: Some(Onset { estimate: utc(3), earliest: Some(utc(1)), latest: utc(9) }),
        baseline: Some(Baseline {
            centre_line: 8.5,
            sigma: 0.25,
            phi: 0.125,
            n: 50,
            version: 2,
            spread: None,
            group: None,
        }),
        item: Some(unit("SN-1")),
        unit: Some(ucum("N.m")),
        over: Some(utc(9)),
        joins: None,
        test: None,
        quality: None,
        reaches: None,
        contributors: Vec::new(),
        product: None,
        recipe: None,
    };
    let bare = VerdictEvent {
        side: None,
        statistic: None,
        limit: None,
        onset: None,
        baseline: None,
        item: None,
        unit: None,
        over: None,
        ..full.clone()
    };
    let of = |rule, verdict, side| VerdictEvent { rule, verdict, side, ..bare.clone() };
    vec![
        full.clone(),
        of(Rule::Limit, Verdict::Warning, Some(Side::Low)),
        of(Rule::Master, Verdict::InControl, None),
        of(Rule::Ewma, Verdict::NoData, None),
    ]
}

/// One for each cause.
fn epochs() -> Vec<EpochBegun> {
    let causes = [
        EpochCause::FirstContact,
        EpochCause::RestartWord,
        EpochCause::ServerStart,
        EpochCause::CounterFell,
    ];
    let of = |(n, cause): (usize, EpochCause)| EpochBegun {
        device: device(),
        boot: Boot {
            restart: (n > 0).then_some(Value::UInt(9)),
            start_time: (n > 1).then_some(utc(0)),
        },
        cause,
        handshakes: vec![
            (station("OP10"), handshake(), Epoch(2), Some(HandshakeNumber(7))),
            (station("OP20"), handshake(), Epoch(1), None),
        ],
    };
    causes.into_iter().enumerate().map(of).collect()
}

fn orders() -> Vec<OrderRow> {
    let row =
        |item, product| OrderRow { station: station("OP10"), program: text("P7"), item, product };
    vec![row(unit("SN-1"), Some(text("A"))), row(unit("SN-2"), None)]
}

/// A record of each kind and each verb, numbered from 1.
pub(crate) fn records() -> Vec<Record> {
    let plant = PlantLoaded {
        hash: Digest([0xCD; 32]),
        files: vec![text("press.toml"), text("press-01.lock")],
        stations: vec![station("OP10"), station("OP20")],
        monitors: vec![(station("OP10"), MonitorId::parse("torque").unwrap())],
        measured: Vec::new(),
        context: Vec::new(),
        counted: Vec::new(),
        latched: Vec::new(),
        schedules: Vec::new(),
    };
    let audit = Audit { who: text("P-0a1b2c3d4e5f"), what: text("plant reloaded") };
    let verbs = (1..).zip(VERBS).map(|(number, verb)| told(what(verb), number));
    let mut bodies = vec![Body::Plant(plant)];
    bodies.extend(verbs.chain(bare()).map(Body::Trace));
    bodies.extend(quarantines().into_iter().map(Body::Quarantine));
    bodies.extend(gaps().into_iter().map(Body::Gap));
    bodies.extend(verdicts().into_iter().map(Body::Verdict));
    bodies.extend(epochs().into_iter().map(Body::Epoch));
    bodies.extend([Body::Orders(orders()), Body::Audit(audit)]);
    let record = |(position, body): (u64, Body)| Record {
        position: Position(position),
        at: at(position),
        body,
        plant: (position > 1).then_some(Position(1)),
    };
    (1..).zip(bodies).map(record).collect()
}

/// What came to the first version with retention: a tombstone with every key, one of records without a time, and what
/// is read where a body was dropped; numbered from 1.
pub(crate) fn retained() -> Vec<Record> {
    let full = Tombstone {
        first: Position(1),
        last: Position(20),
        dropped: 7,
        earliest: Some(utc(1)),
        latest: Some(utc(2)),
        thinned: Digest([0xEF; 32]),
        rule: text("products.A = 15 years"),
        who: text("P-0a1b2c3d4e5f"),
        items: vec![unit("SN-1"), lot("LOT-7")],
    };
    let untimed = Tombstone { earliest: None, latest: None, items: Vec::new(), ..full.clone() };
    let stone = |number, stone| Record {
        position: Position(number),
        at: at(number),
        body: Body::Tombstone(stone),
        plant: Some(Position(1)),
    };
    vec![stone(1, full), stone(2, untimed), Record::dropped(Position(3))]
}

/// What a case was frozen as.
pub(crate) fn frozen() -> Frozen {
    Frozen {
        question: CaseQuestion::parse(r#"{"lot":"l/supplier/ACME/0001"}"#).unwrap(),
        position: Position(7),
        hash: Digest([0xCA; 32]),
        counts: CaseCounts { suspect: 1, containers: 2, shipped: 3, unknown: 4, cleared: 5 },
        complete: true,
    }
}

/// Everything that can be done with a case, which is opened by the record after the `last` one.
fn case_steps(last: u64) -> Vec<CaseStep> {
    let case = CaseId(Position(last + 1));
    let counts = CaseCounts { suspect: 6, ..CaseCounts::default() };
    let revised = CaseStep::Revised {
        case,
        last: case.0,
        frozen: Frozen { complete: false, ..frozen() },
        came: counts,
        went: CaseCounts::default(),
    };
    let closed = CaseStep::Closed { case, last: Position(last + 2) };
    vec![CaseStep::Opened { frozen: frozen() }, revised, closed]
}

/// What came to the first version with cases of recall, after the `last` record of others.
pub(crate) fn cases(last: u64) -> Vec<Record> {
    let of = |(number, step)| {
        let event = CaseEvent { step, reason: text("a complaint"), who: person() };
        let body = Body::Case(event);
        Record { position: Position(number), at: at(number), body, plant: Some(Position(1)) }
    };
    (last + 1..).zip(case_steps(last)).map(of).collect()
}

/// The commands that they are made of.
pub(crate) fn case_commands() -> Vec<Command> {
    let of = |step| {
        let (reason, badge) = (text("a complaint"), text("4711"));
        Command::Case { step, reason, badge }
    };
    case_steps(0).into_iter().map(of).collect()
}

/// All of them, and once more as they are told of when they happen: what is adopted leaves the state of now as it
/// is.
pub(crate) fn records_twice() -> Vec<Record> {
    let once = records();
    let count = once.len() as u64;
    let again = once.clone().into_iter().map(|mut record| {
        record.position = Position(record.position.0 + count);
        record.at = at(record.position.0);
        match &mut record.body {
            Body::Trace(event) => event.adopted = None,
            Body::Quarantine(quarantine) => quarantine.adopted = None,
            Body::Verdict(event) => event.over = None,
            Body::Gap(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Maintenance(_)
            | Body::Alarm(_)
            | Body::Dropped => {}
        }
        record
    });
    once.into_iter().chain(again).collect()
}

fn at(number: u64) -> At {
    let wall = Utc(utc(20).0.saturating_add_unsigned(number));
    At { monotonic: Monotonic(1_000_000 * number), wall }
}

fn samples() -> Vec<Sample> {
    let of = |(n, value): (u32, Value)| Sample {
        tag: TagIndex(n),
        value,
        quality: if n < 5 { Quality::GOOD } else { Quality::BAD_COMMUNICATION },
        source: (n % 2 == 0).then_some(utc(11)),
        server: (n % 3 == 0).then_some(utc(12)),
        receive: utc(13),
    };
    (0..).zip(values()).map(of).collect()
}

fn facts() -> Facts {
    let moment = |position| Moment { time: utc(1), position: Position(position) };
    let visit = |times| Visit {
        station: station("OP10"),
        result: Some(Result::Pass).filter(|_| times == Some(2)),
        at: moment(2),
        times,
    };
    let of_it =
        Part { material: text("grease"), unit: Some(ucum("g")), count: 2, amount: 0.75, untold: 1 };
    let all = Past {
        item: unit("SN-1"),
        visits: vec![visit(Some(2)), visit(None)],
        rework: Some(moment(3)),
        within: vec![Within { whole: unit("SN-2"), position: Position(4) }],
        best_before: Some(utc(99)),
        product: Some(text("A")),
        made: Some(utc(1)),
        opened: Some(utc(2)),
        uses: Some(7),
        parts: vec![of_it],
        has_main: None,
        held: Vec::new(),
        ancestry: None,
        unseen: None,
        exposure: None,
    };
    let known = vec![(unit("SN-1"), true), (unit("SN-2"), false)];
    let past = vec![all, Past::none(&lot("0001"))];
    let (behind, measured) = (None, Vec::new());
    Facts { token: ReadToken(9), known, position: Position(70), past, behind, measured }
}

fn commands() -> Vec<Command> {
    let (item, reason, badge) = (unit("SN-1"), text("scratched"), text("4711"));
    let trace = Told::Trace(Box::new(told(what(Verb::Arrive), 1)));
    let aside = Told::Quarantine(Box::new(quarantines().swap_remove(1)));
    let change = |instead, told| Adoption { instead, told };
    let changes = vec![
        change(Some(Position(3)), Some(trace)),
        change(None, Some(aside)),
        change(Some(Position(4)), None),
    ];
    let plant = Some(Digest([0xEF; 32]));
    let (held, released) = (item.clone(), item.clone());
    vec![
        Command::Orders(orders()),
        Command::Hold { item: held, reason: reason.clone(), badge: badge.clone(), meaning: None },
        Command::Release {
            item: released,
            reason: reason.clone(),
            badge: badge.clone(),
            meaning: None,
            of: None,
        },
        Command::Note { item: None, text: text("look"), badge: badge.clone() },
        Command::Note { item: Some(item.clone()), text: text("look"), badge: badge.clone() },
        Command::Identify { item: items().swap_remove(6), real: item, badge: badge.clone() },
        Command::Reload { plant, badge: Some(badge.clone()) },
        Command::Reload { plant: None, badge: None },
        Command::Adopt { changes, plant, reason, badge },
    ]
}

/// An input of each kind, and when it was stepped, numbered from 1; this plant is in force.
pub(crate) fn inputs(plant: Arc<Plant>) -> Vec<(u64, At, Input)> {
    let (device, token) = (DeviceIndex(1), ReadToken(8));
    let boot = Boot { restart: Some(Value::UInt(9)), start_time: Some(utc(0)) };
    let live = |boot, widths| Link::Live { boot, session: Session(3), widths };
    let widths = Some(vec![(tag("Count"), 16)]);
    let (since, cause) = (Some(utc(14)), GapCause::Silent);
    let down = Link::Down { since, cause, lost: Some(utc(13)) };
    let unknown = Link::Down { since: None, cause, lost: None };
    let links = [live(boot, widths), live(Boot::default(), None), down, unknown];
    let lost = |tag| Input::Lost {
        device,
        tag,
        cause: GapCause::Overflow,
        since: utc(14),
        to: utc(15),
        open: false,
    };
    let faults =
        [ReadFault::Disconnected, ReadFault::Timeout, ReadFault::Refused, ReadFault::Withdrawn];
    let start = |cause| Input::Start { cause, recovered: Position(7) };
    let mut all = vec![start(StartCause::Daemon), start(StartCause::Refold), Input::Plant(plant)];
    all.extend(links.map(|link| Input::Link { device, link }));
    all.extend([Input::Samples(samples()), lost(None), lost(Some(TagIndex(4)))]);
    let reads = faults.map(Err).into_iter().chain([Ok(samples())]);
    all.extend(reads.map(|outcome| Input::Read(ReadDone { token, outcome })));
    all.extend([Ok(()), Err(ReadFault::Timeout)].map(|outcome| {
        let done = WriteDone { token, outcome };
        Input::Written(done)
    }));
    all.push(Input::Facts(facts()));
    let commands = (1..).map(CommandId).zip(commands());
    all.extend(commands.map(|(id, command)| Input::Command { id, command }));
    all.push(Input::Wake);
    (1..).zip(all).map(|(number, input)| (number, at(number), input)).collect()
}
