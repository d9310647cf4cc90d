//! Each rung and what stands in its way, and that knowing more never leads to a lower one.
use super::origin::Origin;
use super::*;
use crate::genealogy::builders::*;
use crate::genealogy::{Certainty, LinkKind};
use crate::model::plant::{
    First, Handshake, MeasurementSpec, Pattern, PermitCodes, Phase, Product, ReasonCodes,
    ResultSpec, TagIndex, Word,
};
use crate::model::{
    Amount, DeviceId, Gap, GapCause, GapSource, HandshakeId, ItemClass, Permit, PersonKey, PhaseId,
    PhaseSummary, Position, Purpose, Result as Outcome, TagName, Utc, Value, Verb,
};
use crate::query::answer::{ItemState, LinkView, MeasurementView, StepView};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is not known of a step.
type Change = fn(&mut StepView);

const WORD: Word = Word { tag: TagIndex(0), bit: None };

fn handshake(id: &str, event: Verb) -> Handshake {
    Handshake {
        id: HandshakeId::parse(id).unwrap(),
        pattern: Pattern::Counter,
        event,
        trigger: WORD,
        number: None,
        ack: None,
        ring: None,
        results: None,
        guard: None,
        snapshot: Vec::new(),
        deadline: Duration::from_secs(1),
        settle: Duration::ZERO,
        stable: false,
        release: Duration::from_secs(10),
        first: First::Process,
        item: code(),
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

/// OP10 presses from a coil with a punch; OP20 after it is fitted with a bearing and glued.
fn line() -> Plant {
    let mut plant = plant(&[("OP10", &[]), ("OP20", &["OP10"])]);
    let result = Some(ResultSpec { word: WORD, codes: BTreeMap::new() });
    let force = MeasurementSpec {
        name: TagName::parse("force").unwrap(),
        word: WORD,
        unit: None,
        low: None,
        high: None,
    };
    let press = Handshake {
        badge: Some(WORD),
        operation: Some(WORD),
        measurements: vec![force],
        result: result.clone(),
        ..handshake("press", Verb::Complete)
    };
    plant.stations[0].handshakes = vec![press];
    plant.stations[0].mounts = vec![feeder("coil", false), feeder("punch", true)];
    let done = Handshake { result, ..handshake("done", Verb::Complete) };
    let puts_in = [("fit", Verb::Install), ("glue", Verb::Consume)];
    let mut handshakes = puts_in.map(|(id, verb)| handshake(id, verb)).to_vec();
    handshakes.push(done);
    plant.stations[1].handshakes = handshakes;
    plant
}

fn step(position: u64, at: &str, rule: &str, verb: &'static str) -> StepView {
    let force = MeasurementView {
        name: TagName::parse("force").unwrap(),
        value: Value::Real(50.0),
        quality: "Good".to_owned(),
        unit: None,
        low: None,
        high: None,
        in_limits: None,
    };
    StepView {
        position: Position(position),
        verb,
        rule: Some(text(rule)),
        station: Some(station(at)),
        time: Utc(i64::try_from(position).unwrap() * 1_000_000),
        stay: Some(interval(0, Some(1))),
        operation: Some(text("P7")),
        result: Some(Outcome::Pass),
        operator: Some(PersonKey::new([0; 32]).token("4711")),
        evidence: Evidence::Automatic,
        purpose: Purpose::Production,
        measurements: vec![force],
        phase: None,
        complete: true,
        other: None,
        permit: None,
        went_past: None,
    }
}

fn link(position: u64, at: &str, kind: LinkKind, item: &ItemKey, place: &str) -> LinkView {
    LinkView {
        kind,
        item: item.clone(),
        certainty: Certainty::Certain,
        position: Position(position),
        time: Utc(0),
        amount: None,
        untold: None,
        place: Some(text(place)),
        station: Some(station(at)),
    }
}

/// An answer about a unit, and what its level is told by beside it.
#[derive(Debug, Clone)]
struct Case {
    item: ItemView,
    completeness: Completeness,
    plant: Plant,
    came: Came,
}

impl Case {
    /// Nothing is wanting.
    fn whole() -> Self {
        let (coil, glue) = (lot("coil"), lot("glue"));
        let steps = vec![
            step(5, "OP10", "press", "complete"),
            step(6, "OP20", "fit", "install"),
            step(7, "OP20", "glue", "consume"),
            step(8, "OP20", "done", "complete"),
        ];
        let made_of = vec![
            link(5, "OP10", LinkKind::FedInto, &coil, "coil"),
            link(5, "OP10", LinkKind::FedInto, &lot("punch"), "punch"),
            link(6, "OP20", LinkKind::InstalledIn, &unit("bearing"), "left"),
            link(7, "OP20", LinkKind::ConsumedInto, &glue, "rim"),
        ];
        let origins = [(unit("U"), Origin::Made), (unit("bearing"), Origin::Supplier)];
        let lots = [coil, glue].map(|lot| (lot, Origin::Supplier));
        let item = ItemView {
            key: unit("U"),
            product: None,
            state: ItemState::Idle,
            holds: Vec::new(),
            first_seen: Utc(0),
            last_seen: Utc(9),
            suspect: Vec::new(),
            steps,
            superseded: Vec::new(),
            made_of,
            went_into: Vec::new(),
            balance: None,
            inherited: Vec::new(),
            level: None,
        };
        let origins = origins.into_iter().chain(lots).collect();
        let came = Came { origins, ..Came::default() };
        Self { item, completeness: Completeness::Complete, plant: line(), came }
    }

    fn level(&self) -> Level {
        of(&self.item, &self.completeness, Some(&self.plant), &self.came)
    }

    fn origin(&mut self, item: ItemKey, origin: Origin) {
        self.came.origins.insert(item, origin);
    }

    fn doubt(&mut self, why: Incomplete) {
        self.completeness.and([why]);
    }
}

/// The level after a change, and one of the sentences that it gives must say this.
fn comes_to(wanted: &str, said: &str, change: impl FnOnce(&mut Case)) {
    let mut case = Case::whole();
    change(&mut case);
    let level = case.level();
    assert_eq!(level.to_string(), wanted, "{said}: {level:?}");
    let told = level.wanting();
    assert!(told.iter().any(|why| why == said), "{told:#?} does not say {said}");
}

#[test]
fn a_record_of_which_nothing_is_wanting_has_the_highest_level() {
    let level = Case::whole().level();
    assert_eq!((level.to_string().as_str(), level.wanting().len()), ("M4, P4", 0));
}

#[test]
fn each_rung_of_the_material_wants_its_own() {
    let ship = |case: &mut Case| {
        (case.item.made_of, case.item.steps) = (Vec::new(), Vec::new());
        case.origin(unit("U"), Origin::Unknown);
    };
    let nothing =
        "M1 wanted: neither what it was made of nor that it came from outside is on record";
    comes_to("below M1, below P1", nothing, ship);
    comes_to("M1, P4", "M2 wanted: no lot of the feeder coil at OP10", |case| {
        case.item.made_of.remove(0);
    });
    comes_to("M1, P4", "M2 wanted: nothing by the handshake glue at OP20", |case| {
        case.item.made_of.pop();
    });
    let doubt = "M3 wanted: l/supplier/ACME/coil is one of several, and which of them is in it is not known";
    comes_to("M2, P4", doubt, |case| case.item.made_of[0].certainty = Certainty::OneOf);
    let place = "M3 wanted: at which place u/site/bearing is in it was not told";
    comes_to("M2, P4", place, |case| case.item.made_of[2].place = None);
    let unknown = "M3 wanted: where u/site/bearing came from is not on record";
    comes_to("M2, P4", unknown, |case| case.origin(unit("bearing"), Origin::Unknown));
    let whose = "M3 wanted: from whom u/site/bearing came was not told";
    comes_to("M2, P4", whose, |case| case.origin(unit("bearing"), Origin::Outside));
    let share = "M4 wanted: how much of l/supplier/ACME/glue is in it is not known: it is a share of a blend";
    comes_to("M3, P4", share, |case| case.item.made_of[3].certainty = Certainty::Proportional);
    let serial = "M4 wanted: l/supplier/ACME/glue was built in without a serial of its own";
    comes_to("M3, P4", serial, |case| case.item.made_of[3].kind = LinkKind::InstalledIn);
    let open = "M4 wanted: l/supplier/ACME/raw is in it, and that it came from outside, and from whom, is not told";
    comes_to("M3, P4", open, |case| {
        case.came.open.insert(lot("raw"));
    });
    comes_to("M3, P4", "M4 wanted: what a feeder held that it goes back to is not known", |case| {
        case.came.loose = 1;
    });
    comes_to("M3, P4", "M4 wanted: it was made of more items than are looked at", |case| {
        case.came.is_cut = true;
    });
    let near = "it has more names, or was made or cut of more, than is looked at";
    comes_to("M2, P4", &format!("M3 wanted: {near}"), |case| case.came.is_cut_near = true);
    comes_to("M1, P4", &format!("M2 wanted: {near}"), |case| {
        case.came.is_cut_near = true;
        case.item.made_of.remove(0);
    });
}

#[test]
fn each_rung_of_the_process_wants_its_own() {
    let nowhere = "P1 wanted: nothing that was done to it at a station is on record";
    comes_to("M4, below P1", nowhere, |case| case.item.steps.clear());
    comes_to("M1, P1", "P2 wanted: the end of its work at OP10 is not on record", |case| {
        case.item.steps.remove(0);
        case.item.made_of.drain(..2);
    });
    let outcome = "P2 wanted: no outcome at OP10 on 1970-01-01T00:00:00.005Z";
    comes_to("M4, P1", outcome, |case| case.item.steps[0].result = None);
    comes_to("M4, P1", "P2 wanted: no step says how it ended", |case| {
        for step in &mut case.item.steps {
            step.result = None;
        }
    });
    let at = "at OP10 on 1970-01-01T00:00:00.005Z";
    let changes: [(&str, Change); 4] = [
        ("no operator", |step| step.operator = None),
        ("no operation", |step| step.operation = None),
        ("no force", |step| step.measurements.clear()),
        ("no force", |step| step.measurements[0].quality = "BadTimeout".to_owned()),
    ];
    for (what, change) in changes {
        let said = format!("P3 wanted: {what} {at}");
        comes_to("M4, P2", &said, |case| change(&mut case.item.steps[0]));
    }
    comes_to("M4, P2", "P3 wanted: nothing that was measured is on record", |case| {
        case.plant.stations[0].handshakes[0].measurements.clear();
        for step in &mut case.item.steps {
            step.measurements.clear();
        }
    });
    comes_to("M4, P2", "P3 wanted: no tool in punch at OP10", |case| {
        case.item.made_of.remove(1);
    });
    let begin = format!("P4 wanted: since when it was there is not told {at}");
    comes_to("M4, P3", &begin, |case| case.item.steps[0].stay = None);
    let quality = format!("P4 wanted: force is Uncertain {at}");
    comes_to("M4, P3", &quality, |case| {
        case.item.steps[0].measurements[0].quality = "Uncertain".to_owned();
    });
}

/// Ten steps of which two were entered by a person are too few; one is not.
#[test]
fn from_the_second_rung_on_nine_of_ten_steps_are_automatic() {
    let with = |manual: usize| {
        move |case: &mut Case| {
            let more = (10..).take(6).map(|at| step(at, "OP20", "done", "complete"));
            case.item.steps.extend(more);
            for step in case.item.steps.iter_mut().rev().take(manual) {
                step.evidence = Evidence::Manual;
            }
        }
    };
    let at = "at OP20 on 1970-01-01T00:00:00.015Z";
    let one = format!("P4 wanted: complete is manual, not automatic {at}");
    comes_to("M4, P3", &one, with(1));
    let few = "only 8 of 10 steps are automatic, and 90 % must be";
    for side in ["M2", "P2"] {
        comes_to("M1, P1", &format!("{side} wanted: {few}"), with(2));
    }
    // What people say of it is no step by which it was made.
    let mut case = Case::whole();
    for verb in ["hold", "release", "note", "correct"] {
        let said = step(20, "OP20", "none", verb);
        case.item.steps.push(StepView { evidence: Evidence::Manual, result: None, ..said });
    }
    let mut count = step(21, "OP20", "none", "inspect");
    count.measurements[0].name = TagName::parse(crate::model::STOCK).unwrap();
    case.item.steps.push(StepView { evidence: Evidence::Manual, ..count });
    assert_eq!(case.level().to_string(), "M4, P4");
}

fn gap(item: ItemKey) -> Incomplete {
    let gap = Gap {
        source: GapSource::Device(DeviceId::parse("plc").unwrap()),
        interval: interval(0, None),
        cause: GapCause::Silent,
        count: None,
        stations: vec![station("OP10")],
        first: None,
    };
    Incomplete::Gap { item, station: station("OP10"), position: Position(9), gap }
}

fn dropped(item: Option<ItemKey>) -> Incomplete {
    Incomplete::Retention { item, tombstone: Position(9) }
}

#[test]
fn what_was_not_observed_ends_at_two_and_what_is_not_known_at_one() {
    let unseen = "OP10 was not observed while it was there (#9)";
    let aside = "something was set aside at OP10 (#9)";
    let quarantine = Incomplete::Quarantine { station: station("OP10"), position: Position(9) };
    let gone = "not known: retention dropped records (#9)";
    let lag = "not known: the index has not caught up with #9";
    let both = [
        (2, unseen, gap(unit("U"))),
        (2, aside, quarantine),
        (1, gone, dropped(Some(unit("U")))),
        (1, gone, dropped(None)),
        (1, lag, Incomplete::Lag { durable: Position(9) }),
    ];
    for (level, said, why) in both {
        for side in ['M', 'P'] {
            let said = format!("{side}{} wanted: {said}", level + 1);
            comes_to(&format!("M{level}, P{level}"), &said, |case| case.doubt(why.clone()));
        }
    }
    comes_to("M1, P4", &format!("M2 wanted: {gone}"), |case| {
        case.doubt(dropped(Some(lot("glue"))));
    });
    let ring = Incomplete::Ring { items: vec![unit("U")], records: Vec::new() };
    comes_to("M2, P4", "M3 wanted: it is said to be part of itself", |case| case.doubt(ring));
    // Of what it went into, of others that have one of several, of what is missing of a lot.
    let mut case = Case::whole();
    case.doubt(dropped(Some(container("box"))));
    case.doubt(Incomplete::OneOf { item: unit("other") });
    assert_eq!(case.level().to_string(), "M4, P4");
}

#[test]
fn a_lot_of_a_supplier_is_its_own_material() {
    let mut case = Case::whole();
    case.item.key = lot("glue");
    (case.item.steps, case.item.made_of) = (Vec::new(), Vec::new());
    assert_eq!(case.level().to_string(), "M4, below P1");
    case.origin(lot("glue"), Origin::Outside);
    assert_eq!(case.level().wanting()[0], "M3 wanted: from whom it came was not told");
}

/// A lot has no places: how much went into it is told in their stead.
#[test]
fn a_lot_is_told_by_amounts_and_a_unit_by_places() {
    let said = "M3 wanted: how much of u/site/bearing went into it was not told";
    comes_to("M2, P4", said, |case| {
        case.item.key = lot("batch");
        case.origin(lot("batch"), Origin::Made);
        for (link, place) in case.item.made_of.iter_mut().zip([true, false, false, false]) {
            link.place = link.place.take().filter(|_| place);
            link.amount = Some(Amount { value: 1.0, unit: None });
        }
        case.item.made_of[1].place = Some(text("punch"));
        case.item.made_of[2].amount = None;
    });
}

/// The bench is fed by two reels; the product needs the one.
#[test]
fn the_setup_of_a_product_says_which_feeders_it_needs() {
    let mut case = Case::whole();
    case.plant.stations[0].mounts.push(feeder("spare", false));
    assert_eq!(case.level().wanting(), ["M2 wanted: no lot of the feeder spare at OP10"]);
    let feeders = ["coil", "punch"].map(|id| (point(id), text("steel"))).into();
    let product = Product { setup: [(station("OP10"), feeders)].into(), ..Product::default() };
    case.plant.catalog.products = [(text("P"), product)].into();
    case.item.product = Some(text("P"));
    assert_eq!(case.level().to_string(), "M4, P4");
}

#[test]
fn what_an_item_was_used_for_is_no_step_by_which_it_was_made() {
    let mut case = Case::whole();
    let used = step(30, "OP99", "mount", "install");
    case.item.steps.push(StepView { evidence: Evidence::Manual, operator: None, ..used });
    case.item.went_into = vec![link(30, "OP99", LinkKind::InstalledIn, &unit("car"), "left")];
    assert_eq!(case.level().to_string(), "M4, P4");
}

/// A handshake and a phase of one station may have one name.
#[test]
fn a_step_is_held_against_what_it_came_by() {
    let mut case = Case::whole();
    let named = PhaseId::parse("press").unwrap();
    let phase = Phase { id: named.clone(), operation: Some(WORD), ..work() };
    case.plant.stations[0].phases = vec![phase];
    let press = &mut case.item.steps[0];
    press.operator = None;
    let at = "at OP10 on 1970-01-01T00:00:00.005Z";
    assert_eq!(case.level().wanting(), [format!("P3 wanted: no operator {at}")]);
    // A phase has no badge.
    let press = &mut case.item.steps[0];
    press.phase = Some(PhaseSummary {
        phase: named,
        interval: interval(0, Some(1)),
        statistics: Vec::new(),
        tools: Vec::new(),
        count: None,
    });
    assert_eq!(case.level().to_string(), "M4, P4");
    case.item.steps[0].operation = None;
    assert_eq!(case.level().wanting(), [format!("P3 wanted: no operation {at}")]);
}

#[test]
fn the_first_reasons_are_named_and_the_rest_is_counted() {
    let mut case = Case::whole();
    let more = (10..17).map(|at| step(at, "OP10", "press", "complete"));
    case.item.steps.extend(more.map(|step| StepView { operator: None, ..step }));
    let level = case.level().process;
    assert_eq!((level.level, level.reasons.len(), level.more), (2, REASONS_MAX, 2));
    assert_eq!(case.level().wanting().last().unwrap(), "P3 wanted: and 2 more");
}

/// How much is known of a step: each of these is more than none of it.
type Step = (bool, bool, bool, u8, bool, bool);
/// How sure a link is, where the part came from, and whether place and amount are told.
type Part = (u8, u8, bool, bool);
/// Of the doubts, which are not there.
type Clear = [bool; 6];

#[derive(Debug, Clone)]
struct Known {
    steps: Vec<Step>,
    parts: Vec<Part>,
    clear: Clear,
    /// Whether nothing that is further back is open.
    closed: [bool; 4],
}

fn any_known() -> impl Strategy<Value = Known> {
    let yes = || proptest::bool::weighted(0.85);
    let step = (yes(), yes(), yes(), 0_u8..4, yes(), yes());
    let part = (0_u8..3, 0_u8..4, yes(), yes());
    let steps = proptest::collection::vec(step, 8);
    let parts = proptest::collection::vec(part, 4);
    let clear = std::array::from_fn::<_, 6, _>(|_| yes());
    (steps, parts, clear, [yes(), yes(), yes(), yes()])
        .prop_map(|(steps, parts, clear, closed)| Known { steps, parts, clear, closed })
}

impl Known {
    /// What either of them knows.
    fn and(&self, more: &Self) -> Self {
        let steps =
            self.steps.iter().zip(&more.steps).map(|(a, b)| {
                (a.0 | b.0, a.1 | b.1, a.2 | b.2, a.3.max(b.3), a.4 | b.4, a.5 | b.5)
            });
        let parts = self.parts.iter().zip(&more.parts);
        let parts = parts.map(|(a, b)| (a.0.max(b.0), a.1.max(b.1), a.2 | b.2, a.3 | b.3));
        Self {
            steps: steps.collect(),
            parts: parts.collect(),
            clear: std::array::from_fn(|at| self.clear[at] | more.clear[at]),
            closed: std::array::from_fn(|at| self.closed[at] | more.closed[at]),
        }
    }

    /// The answer in which so much is known: each step was done twice.
    fn case(&self, class: ItemClass) -> Case {
        let mut case = Case::whole();
        if class == ItemClass::Lot {
            case.item.key = lot("batch");
            case.origin(lot("batch"), Origin::Made);
        }
        let again = case.item.steps.clone().into_iter().map(|mut step| {
            step.position = Position(step.position.0 + 10);
            StepView { time: Utc(step.time.0 + 10_000_000), ..step }
        });
        let again: Vec<StepView> = again.collect();
        case.item.steps.extend(again);
        for (step, known) in case.item.steps.iter_mut().zip(&self.steps) {
            let &(operator, operation, result, force, automatic, stay) = known;
            step.operator = step.operator.filter(|_| operator);
            step.operation = step.operation.take().filter(|_| operation);
            step.result = step.result.filter(|_| result);
            step.stay = step.stay.filter(|_| stay);
            if !automatic {
                step.evidence = Evidence::Inferred;
            }
            let quality = ["", "BadTimeout", "Uncertain", "Good"][usize::from(force)];
            step.measurements[0].quality = quality.to_owned();
            step.measurements.truncate(usize::from(force > 0));
        }
        for (link, known) in case.item.made_of.iter_mut().zip(&self.parts) {
            let &(certainty, origin, place, amount) = known;
            let certainties = [Certainty::OneOf, Certainty::Proportional, Certainty::Certain];
            link.certainty = certainties[usize::from(certainty)];
            let origins = [Origin::Unknown, Origin::Outside, Origin::Made, Origin::Supplier];
            case.came.origins.insert(link.item.clone(), origins[usize::from(origin)]);
            if link.kind != LinkKind::FedInto {
                link.place = link.place.take().filter(|_| place);
            }
            let told = Amount { value: 1.0, unit: None };
            link.amount = amount.then_some(told);
        }
        let quarantine = Incomplete::Quarantine { station: station("OP10"), position: Position(9) };
        let doubts = [
            gap(case.item.key.clone()),
            quarantine,
            dropped(Some(case.item.key.clone())),
            dropped(Some(lot("glue"))),
            Incomplete::Ring { items: Vec::new(), records: Vec::new() },
            Incomplete::Lag { durable: Position(9) },
        ];
        let doubts = doubts.into_iter().zip(self.clear).filter(|(_, clear)| !clear);
        for (doubt, _) in doubts {
            case.doubt(doubt);
        }
        let [open, loose, cut, near] = self.closed.map(|closed| !closed);
        case.came.open = open.then(|| lot("raw")).into_iter().collect();
        (case.came.loose, case.came.is_cut) = (usize::from(loose), cut);
        case.came.is_cut_near = near;
        case
    }
}

proptest! {
    #[test]
    fn knowing_more_of_the_same_never_leads_to_a_lower_level(
        known in any_known(),
        more in any_known(),
        is_lot in any::<bool>(),
    ) {
        let class = if is_lot { ItemClass::Lot } else { ItemClass::Unit };
        let (less, more) = (known.case(class), known.and(&more).case(class));
        let (before, after) = (less.level(), more.level());
        prop_assert!(before.material.level <= after.material.level, "{before:?}\n{after:?}");
        prop_assert!(before.process.level <= after.process.level, "{before:?}\n{after:?}");
    }

    #[test]
    fn the_order_of_steps_and_links_is_not_seen_in_it(
        known in any_known(),
        by in any::<prop::sample::Index>(),
    ) {
        let mut case = known.case(ItemClass::Unit);
        let before = case.level();
        let steps = by.index(case.item.steps.len());
        case.item.steps.rotate_left(steps);
        let links = by.index(case.item.made_of.len());
        case.item.made_of.rotate_left(links);
        prop_assert_eq!(case.level(), before);
    }
}
