//! Bits that rise for a moment, and how far two looks at them lie apart.
use super::*;
use crate::field::modbus::bus::Urgency;
use crate::field::modbus::cost::{Cost, ROUND_TRIP};
use crate::field::modbus::plan::Learned;
use crate::field::modbus::watch::{Unseen, Watch};
use crate::model::plant::{
    CodeFrom, CodeSpec, Counter, First, Handshake, Pattern, PermitCodes, PurposeSpec, ReasonCodes,
    ScopeFrom, Station, Word,
};
use crate::model::{GapCause, HandshakeId, ItemClass, Permit, StationId, Verb};

/// A pulse in coil 0, the code in register 1, the count in register 2 if there is one.
fn pulse(counted: bool) -> Handshake {
    let word = |tag| Word { tag: TagIndex(tag), bit: None };
    let from = CodeFrom::Word(word(1));
    Handshake {
        id: HandshakeId::parse("result").unwrap(),
        pattern: Pattern::Edge,
        event: Verb::Complete,
        trigger: word(0),
        number: counted.then_some(Counter { tag: TagIndex(2), bits: 16 }),
        ack: None,
        ring: None,
        results: None,
        guard: None,
        snapshot: vec![TagIndex(1), TagIndex(2)],
        deadline: Duration::from_secs(1),
        settle: Duration::ZERO,
        stable: false,
        release: Duration::from_secs(10),
        first: First::Process,
        item: CodeSpec {
            class: ItemClass::Unit,
            from,
            scope: ScopeFrom::Site,
            no_read: vec![],
            form: crate::model::label::CodeForm::Plain,
        },
        other: None,
        members: Vec::new(),
        position: None,
        nest: None,
        carrier: None,
        context: Vec::new(),
        quantity: None,
        time: None,
        best_before: None,
        product: None,
        material: None,
        operation: None,
        badge: None,
        result: None,
        measurements: Vec::new(),
        checks: Vec::new(),
        replies: Vec::new(),
        permit: PermitCodes { ok: 1, nok: 2, rework: 2, unknown: 2 },
        reasons: ReasonCodes::default(),
        overrule: None,
        on_late: Permit::Unknown,
    }
}

fn pulsing(device: Device, counted: bool) -> Arc<Plant> {
    let tags = vec![fast("co0"), writable("hr1"), writable("hr2")];
    let mut plant = (*plant(vec![device], tags)).clone();
    plant.stations.push(Station {
        id: StationId::parse("ST10").unwrap(),
        device: Some(DeviceIndex(0)),
        line: None,
        after: Vec::new(),
        purpose: PurposeSpec::default(),
        evidence: Vec::new(),
        orders: false,
        carry_over: false,
        handshakes: vec![pulse(counted)],
        phases: Vec::new(),
        mounts: Vec::new(),
        monitors: Vec::new(),
        masters: Vec::new(),
        schedules: Vec::new(),
    });
    Arc::new(plant)
}

const fn at(ms: u64) -> At {
    At { monotonic: Monotonic(ms * 1_000_000), wall: Utc(ms.cast_signed() * 1_000_000) }
}

fn watch(counted: bool) -> Watch {
    let mut one = device("d", 1, 1);
    let limits = link(&mut one).limits.clone();
    let transport = tcp(1);
    let mut watch = Watch::new(pulsing(one, counted), DeviceIndex(0), limits);
    watch.plan(&Learned::default(), &Cost::assumed(&transport, ROUND_TRIP));
    watch.start(at(1000));
    watch
}

/// It is looked at every 10 ms: for 30 it stands at least.
#[test]
fn a_pulse_that_nobody_counts_may_have_passed_where_two_looks_lie_too_far_apart() {
    let mut watch = watch(false);
    for answered in [1010, 1023, 1032] {
        assert_eq!(watch.advance(0, at(answered)), []);
    }
    // The last was asked at 1030, and not before: a pulse that rose after it still stands at 1060.
    assert_eq!(watch.next(at(1040).monotonic, Urgency::Fast).unwrap().0, at(1040).monotonic);
    assert_eq!(watch.advance(0, at(1060)), []);
    let unseen =
        |to: u64, open| [Unseen { tag: TagIndex(0), since: at(1040).wall, to: at(to).wall, open }];
    assert_eq!(watch.advance(0, at(1073)), unseen(1073, true));
    // The next was asked at once and is in time: up to it nobody knows.
    assert_eq!(watch.advance(0, at(1084)), unseen(1073, false));
    assert_eq!(watch.advance(0, at(1094)), []);
}

/// A line that is always too slow says so once, not at every round for ever.
#[test]
fn a_line_that_never_keeps_up_is_one_gap_that_goes_on() {
    let mut watch = watch(false);
    let told: Vec<Unseen> =
        (1..100).flat_map(|round: u64| watch.advance(0, at(1000 + 40 * round))).collect();
    let unseen =
        |to: u64, open| Unseen { tag: TagIndex(0), since: at(1000).wall, to: at(to).wall, open };
    assert_eq!(told, [unseen(1040, true)]);
    let told: Vec<Unseen> =
        (1..10).flat_map(|look: u64| watch.advance(0, at(4960 + 10 * look))).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].open, told[0].since), (false, at(1000).wall));
    assert!(told[0].to >= at(4960).wall, "{told:?}");
}

/// The last pulse of a line that stops may have passed there, and no other says so.
#[test]
fn a_line_that_never_keeps_up_says_so_again_after_a_while() {
    for counted in [false, true] {
        let mut watch = watch(counted);
        let rounds = (1..=600).flat_map(|round: u64| watch.advance(0, at(1000 + 40 * round)));
        let told: Vec<Unseen> = rounds.collect();
        let to: Vec<Utc> = told.iter().map(|unseen| unseen.to).collect();
        assert_eq!(to, [1040, 11_040, 21_040].map(|to| at(to).wall));
        assert!(told.iter().all(|unseen| unseen.open && unseen.since == at(1000).wall));
    }
}

/// What nobody looked at while the device was lost is in its own gap.
#[test]
fn the_first_look_after_a_start_is_held_against_the_start() {
    let mut watch = watch(false);
    watch.start(at(5000));
    assert_eq!(watch.advance(0, at(5030)), []);
    watch.start(at(6000));
    let (since, to) = (at(6000).wall, at(6031).wall);
    let unseen = Unseen { tag: TagIndex(0), since, to, open: true };
    assert_eq!(watch.advance(0, at(6031)), [unseen]);
}

#[tokio::test]
async fn a_look_that_comes_late_is_told_as_lost_before_what_it_saw() {
    let plc = plc::Plc::start().await;
    let mut rig = Rig::start(&pulsing(device("d", plc.port, 1), false));
    rig.live().await;
    rig.pass(Duration::from_secs(2));
    // A machine that is busy looks late by itself; what is told is begun and ended by turns all the same.
    let mut began = None;
    loop {
        match rig.urgent().await {
            Input::Lost {
                tag: Some(TagIndex(0)), cause: GapCause::Silent, since, open, ..
            } if open => {
                assert_eq!(began.replace(since), None, "it goes on, and was told so");
            }
            Input::Lost { tag: Some(TagIndex(0)), cause: GapCause::Silent, since, to, .. } => {
                assert_eq!(began.take(), Some(since), "it ends as it began");
                if to.0 - since.0 > 1_900_000_000 {
                    break;
                }
            }
            Input::Samples(_) => {}
            other => panic!("{other:?}"),
        }
    }
    rig.end().await;
}
