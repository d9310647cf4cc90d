//! Each rule with both outcomes, and what they come to together.
use super::*;
use crate::model::plant::*;
use crate::model::{
    Code, Digest, EventTime, HandshakeId, ItemClass, Missing, Moment, MonitorId, MountKey,
    Position, ReadToken, Result as Outcome, Scope, SiteId, StationId, Utc, Verb, Visit, Within,
};
use std::collections::BTreeSet;
use std::time::Duration;

mod inherit;
mod products;

fn unit(code: &str) -> ItemKey {
    ItemKey::unit(Code::parse(code).unwrap())
}

fn lot(code: &str) -> ItemKey {
    ItemKey::lot(Scope::Site, Code::parse(code).unwrap())
}

fn station(id: &str) -> StationId {
    StationId::parse(id).unwrap()
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

fn bare(id: &str) -> Station {
    Station {
        id: station(id),
        device: None,
        line: None,
        after: Vec::new(),
        purpose: PurposeSpec::default(),
        evidence: Vec::new(),
        orders: false,
        carry_over: false,
        handshakes: Vec::new(),
        phases: Vec::new(),
        mounts: Vec::new(),
        monitors: Vec::new(),
        masters: Vec::new(),
        schedules: Vec::new(),
    }
}

fn current(class: ItemClass) -> CodeSpec {
    CodeSpec {
        class,
        from: CodeFrom::Current,
        scope: ScopeFrom::Site,
        no_read: Vec::new(),
        form: crate::model::label::CodeForm::Plain,
    }
}

/// A report of a part that is done, with its outcome.
fn report() -> Handshake {
    let word = Word { tag: TagIndex(0), bit: None };
    Handshake {
        id: HandshakeId::parse("result").unwrap(),
        pattern: Pattern::Counter,
        event: Verb::Complete,
        trigger: word,
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
        item: current(ItemClass::Unit),
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
        result: Some(ResultSpec { word, codes: BTreeMap::new() }),
        measurements: Vec::new(),
        checks: Vec::new(),
        replies: Vec::new(),
        permit: PermitCodes { ok: 1, nok: 2, rework: 2, unknown: 2 },
        reasons: ReasonCodes::default(),
        overrule: None,
        on_late: Permit::Unknown,
    }
}

/// OP10 tells outcomes, OP20 none; OP30 comes after both and has a feeder.
fn plant() -> Plant {
    let mut first = bare("OP10");
    first.handshakes.push(report());
    let mut last = bare("OP30");
    last.after = vec![station("OP10"), station("OP20")];
    last.monitors.push(torque());
    last.mounts = vec![MountPoint {
        id: MountPointId::parse("reel").unwrap(),
        lot: current(ItemClass::Lot),
        material: None,
        splice: Splice::OneOf,
        tool: Some(ToolLife { uses: Some(9), time: Some(Duration::from_nanos(90)) }),
        used: None,
    }];
    Plant {
        site: SiteId::parse("site").unwrap(),
        devices: Vec::new(),
        tags: Vec::new(),
        stations: vec![first, bare("OP20"), last],
        catalog: catalog(),
        files: Vec::new(),
        hash: Digest([0; 32]),
    }
}

fn torque() -> Monitor {
    let of = Watched::Tag(Word { tag: TagIndex(0), bit: None });
    let id = MonitorId::parse("torque").unwrap();
    Monitor {
        id,
        of,
        unit: None,
        limits: None,
        drift: None,
        signal: SignalRules::default(),
        latch: false,
    }
}

/// A product that may contain milk, of two parts of C and a reel of R.
fn catalog() -> Catalog {
    let milk = BTreeSet::from([text("milk")]);
    let row = BillRow { quantity: 2.0, unit: None, positions: BTreeSet::new() };
    let reel = BTreeMap::from([(MountPointId::parse("reel").unwrap(), text("R"))]);
    let product = Product {
        bill: Some(BTreeMap::from([(text("C"), row)])),
        setup: BTreeMap::from([(station("OP30"), reel)]),
        allergens: milk.clone(),
        bounds: vec![(text("country"), Bound::Forbidden(BTreeSet::from([text("KP")])))],
        ..Product::default()
    };
    let floor_life = Some(Duration::from_nanos(80));
    let material = Material { floor_life, allergens: milk, ..Material::default() };
    Catalog {
        products: BTreeMap::from([(text("A"), product)]),
        materials: BTreeMap::from([(text("R"), material), (text("C"), Material::default())]),
        attributes: BTreeMap::from([(text("country"), InheritRule::Union)]),
        ..Catalog::default()
    }
}

/// A request at OP30 that every rule is content with; tests spoil one thing.
struct World {
    plant: Plant,
    verb: Verb,
    draft: Draft,
    said: Said,
    memory: StationMemory,
    purpose: Purpose,
    holds: BTreeMap<ItemKey, Text>,
    mounts: BTreeMap<MountPointId, ItemKey>,
    mounts_seen: bool,
    facts: Option<Facts>,
    now: Utc,
}

fn moment(n: u64) -> Moment {
    Moment { time: Utc(i64::try_from(n).unwrap()), position: Position(n) }
}

fn visit(at: &str, result: Option<Outcome>, n: u64) -> Visit {
    Visit { station: station(at), result, at: moment(n), times: Some(1) }
}

fn of(material: &str, item: &ItemKey) -> Past {
    Past { product: Some(text(material)), ..nothing(item) }
}

fn nothing(item: &ItemKey) -> Past {
    let ancestry = Some(crate::model::Ancestry::default());
    Past { best_before: Some(Utc(50)), ancestry, ..Past::none(item) }
}

impl World {
    fn new() -> Self {
        let (item, child) = (unit("SN-1"), unit("C-1"));
        let mut past = nothing(&item);
        past.visits = vec![visit("OP10", Some(Outcome::Pass), 5), visit("OP20", None, 6)];
        Self {
            plant: plant(),
            draft: Draft {
                item,
                other: Some(child.clone()),
                members: Vec::new(),
                nest: None,
                fill: None,
                time: EventTime::default(),
                mounts: Vec::new(),
                counts: Vec::new(),
            },
            verb: Verb::Complete,
            said: Said { product: Some(text("A")), ..Said::default() },
            memory: StationMemory::default(),
            purpose: Purpose::Production,
            holds: BTreeMap::new(),
            mounts: BTreeMap::from([(MountPointId::parse("reel").unwrap(), lot("R-1"))]),
            mounts_seen: true,
            now: Utc(0),
            facts: Some(Facts {
                token: ReadToken(1),
                known: vec![(unit("SN-1"), true), (child.clone(), true)],
                position: Position(9),
                past: vec![past, of("C", &child), of("R", &lot("R-1"))],
                behind: None,
                measured: Vec::new(),
            }),
        }
    }

    fn facts(&mut self) -> &mut Facts {
        self.facts.as_mut().unwrap()
    }

    fn unit(&mut self) -> &mut Past {
        &mut self.facts().past[0]
    }

    fn judge(&self, checks: &[Check]) -> Judgement {
        let case = Case {
            plant: &self.plant,
            station: &self.plant.stations[2],
            verb: self.verb,
            draft: &self.draft,
            purpose: self.purpose,
            holds: &self.holds,
            said: &self.said,
            memory: &self.memory,
            mounts: self.mounts.clone(),
            mounts_seen: self.mounts_seen,
            facts: self.facts.as_ref(),
            now: self.now,
        };
        judge(checks, &case, Permit::Unknown)
    }

    /// The permit, the rule that decided and its sentence.
    fn told(&self, check: Check) -> (Permit, String) {
        let Judgement { permit, grounds, .. } = self.judge(&[check]);
        if let Some((reason, text)) = grounds {
            assert_eq!(reason, Reason::Check(check));
            return (permit, text);
        }
        (permit, String::new())
    }
}

fn refused(text: &str) -> (Permit, String) {
    (Permit::Nok, text.to_owned())
}

#[test]
fn a_request_with_nothing_against_it_is_permitted_by_every_rule() {
    let world = World::new();
    for check in Check::ALL {
        assert_eq!(world.told(check), (Permit::Ok, String::new()), "{check:?}");
    }
    assert_eq!(world.judge(&Check::ALL).permit, Permit::Ok);
}

#[test]
fn an_item_that_is_not_in_the_record_is_not_known() {
    let mut world = World::new();
    world.facts().known[0].1 = false;
    assert_eq!(world.told(Check::Known), refused("u/site/SN-1 is not in the record"));
    assert_eq!(world.told(Check::ChildKnown).0, Permit::Ok);
    world.facts().known[1].1 = false;
    assert_eq!(world.told(Check::ChildKnown), refused("u/site/C-1 is not in the record"));
    assert_eq!(world.told(Check::LotKnown), refused("u/site/C-1 is not in the record"));
}

#[test]
fn what_was_not_told_is_unknown_and_never_ok() {
    let mut world = World::new();
    world.facts = None;
    for check in Check::ALL {
        let wanted = if check.asks() { Permit::Unknown } else { Permit::Ok };
        assert_eq!(world.told(check).0, wanted, "{check:?}");
    }
    // A tape of the first version tells who is known, and nothing else.
    let mut world = World::new();
    world.facts().past.clear();
    assert_eq!(world.told(Check::Known).0, Permit::Ok);
    let wanted = "what is recorded of u/site/SN-1 was not told at OP30".to_owned();
    assert_eq!(world.told(Check::Route), (Permit::Unknown, wanted));
    assert_eq!(world.told(Check::NotDoneHere).0, Permit::Unknown);
    assert_eq!(world.told(Check::ChildNotUsed).0, Permit::Unknown);
}

#[test]
fn a_unit_that_skipped_a_station_or_failed_there_is_off_its_route() {
    let mut world = World::new();
    world.unit().visits.remove(1);
    let wanted = "u/site/SN-1 was not completed at OP20, which comes before OP30";
    assert_eq!(world.told(Check::Route), refused(wanted));
    for (result, how) in [
        (Some(Outcome::Fail), "failed"),
        (Some(Outcome::Rework), "was sent to rework"),
        (Some(Outcome::Scrap), "was scrapped"),
        // OP10 tells outcomes: one that is not known is none.
        (None, "ended with no outcome that is known"),
    ] {
        world.unit().visits[0].result = result;
        let wanted = format!("u/site/SN-1 {how} at OP10 (record #5), which comes before OP30");
        assert_eq!(world.told(Check::Route), refused(&wanted));
    }
}

#[test]
fn a_second_passage_is_refused_unless_rework_was_ordered_since() {
    let mut world = World::new();
    world.unit().visits.push(visit("OP30", None, 7));
    let done = "u/site/SN-1 was completed at OP30 already (record #7)";
    assert_eq!(world.told(Check::NotDoneHere), refused(done));
    world.unit().rework = Some(moment(6));
    assert_eq!(world.told(Check::NotDoneHere), refused(done), "that order was carried out");
    world.unit().rework = Some(moment(8));
    let wanted = (Permit::Rework, format!("{done} and is to be worked on again (#8)"));
    assert_eq!(world.told(Check::NotDoneHere), wanted);
    world.unit().rework = None;
    world.unit().visits[2].result = Some(Outcome::Fail);
    assert_eq!(world.told(Check::NotDoneHere).0, Permit::Ok, "what failed here is not done");
}

#[test]
fn a_master_has_no_route_and_comes_again() {
    let mut world = World::new();
    world.purpose = Purpose::Master;
    world.unit().visits = vec![visit("OP30", Some(Outcome::Pass), 7)];
    assert_eq!(world.judge(&[Check::Route, Check::NotDoneHere]).permit, Permit::Ok);
    world.purpose = Purpose::Setup;
    assert_eq!(world.judge(&[Check::Route]).permit, Permit::Nok);
}

#[test]
fn a_child_that_is_in_another_item_is_used() {
    let mut world = World::new();
    let within = |code| Within { whole: unit(code), position: Position(8) };
    world.facts().past[1].within = vec![within("SN-1")];
    assert_eq!(world.told(Check::ChildNotUsed).0, Permit::Ok, "the same request once more");
    world.facts().past[1].within = vec![within("SN-1"), within("SN-2")];
    let wanted = "u/site/C-1 is in u/site/SN-2 already (record #8)";
    assert_eq!(world.told(Check::ChildNotUsed), refused(wanted));
}

#[test]
fn what_the_item_is_in_cannot_be_put_into_it_and_nothing_into_itself() {
    let mut world = World::new();
    world.facts().past[1].has_main = Some(Position(8));
    let wanted = "u/site/SN-1 is in u/site/C-1 (record #8): u/site/C-1 cannot be part of it";
    assert_eq!(world.told(Check::ChildNotUsed), refused(wanted));
    world.draft.other = Some(unit("SN-1"));
    let wanted = "u/site/SN-1 cannot be part of itself";
    assert_eq!(world.told(Check::ChildNotUsed), refused(wanted));
}

#[test]
fn a_hold_stops_the_item_its_child_and_what_is_made_with_a_lot() {
    let mut world = World::new();
    world.holds.insert(unit("C-1"), text("cracked"));
    let wanted = refused("u/site/C-1 is on hold: cracked");
    assert_eq!(world.told(Check::NotHeld), wanted);
    assert_eq!(world.told(Check::ChildNotHeld), wanted);
    world.holds = BTreeMap::from([(unit("SN-1"), text("look"))]);
    assert_eq!(world.told(Check::NotHeld), refused("u/site/SN-1 is on hold: look"));
    assert_eq!(world.told(Check::ChildNotHeld).0, Permit::Ok);
    world.holds = BTreeMap::from([(lot("R-1"), text("damp"))]);
    let wanted = refused("l/site/R-1 in reel of OP30 is on hold: damp");
    assert_eq!(world.told(Check::NotHeld), wanted);
    assert_eq!(world.told(Check::MountsVerified), wanted);
}

#[test]
fn a_hold_stops_whatever_it_went_into() {
    let mut world = World::new();
    let by = || HeldBy { item: lot("RAW"), reason: text("damp") };
    world.facts().past[1].held = vec![by()];
    assert_eq!(world.told(Check::NotHeld).0, Permit::Ok, "it was released meanwhile");
    world.holds.insert(lot("RAW"), text("damp"));
    let wanted = refused("u/site/C-1 is on hold with l/site/RAW: damp");
    assert_eq!(world.told(Check::NotHeld), wanted);
    assert_eq!(world.told(Check::ChildNotHeld), wanted);
    world.facts().past[1].held.clear();
    assert_eq!(world.told(Check::NotHeld).0, Permit::Ok);
    let point = MountPointId::parse("hopper").unwrap();
    let mount = MountKey { station: station("OP5"), point, opened: Position(7) };
    world.facts().past[1].unseen = Some(Missing::Mount(mount));
    let unknown = "whether u/site/C-1 is on hold with anything is not known: which lot was in hopper of OP5 is not \
                   known (record #7)";
    assert_eq!(world.told(Check::NotHeld), (Permit::Unknown, unknown.to_owned()));
    world.facts().past[1].unseen = None;
    world.facts().past[2].held = vec![by()];
    let wanted = refused("l/site/R-1 in reel of OP30 is on hold with l/site/RAW: damp");
    assert_eq!(world.told(Check::NotHeld), wanted);
    assert_eq!(world.told(Check::MountsVerified), wanted);
    world.facts().past.truncate(2);
    let unknown = "what is recorded of l/site/R-1 was not told at OP30".to_owned();
    assert_eq!(world.told(Check::MountsVerified), (Permit::Unknown, unknown));
}

#[test]
fn a_feeder_without_a_lot_or_with_one_that_cannot_be_read_is_not_verified() {
    let mut world = World::new();
    world.mounts_seen = false;
    let unread = "what is in the feeders of OP30 cannot be read".to_owned();
    assert_eq!(world.told(Check::MountsVerified), (Permit::Unknown, unread.clone()));
    assert_eq!(world.told(Check::NotHeld), (Permit::Unknown, unread.clone()));
    world.mounts.clear();
    assert_eq!(world.told(Check::MountsVerified), (Permit::Unknown, unread));
    world.mounts_seen = true;
    assert_eq!(world.told(Check::MountsVerified), refused("no lot is in reel of OP30"));
    assert_eq!(world.told(Check::NotHeld).0, Permit::Ok);
}

#[test]
fn a_refusal_goes_before_what_is_not_known_and_that_before_rework() {
    let mut world = World::new();
    world.unit().visits.push(visit("OP30", None, 7));
    world.unit().rework = Some(moment(8));
    let all = [Check::NotDoneHere, Check::MountsVerified, Check::NotHeld];
    assert_eq!(world.judge(&all).permit, Permit::Rework);
    world.mounts_seen = false;
    let unknown = world.judge(&all);
    assert_eq!((unknown.permit, unknown.overrulable), (Permit::Unknown, false));
    world.holds.insert(unit("SN-1"), text("look"));
    let Judgement { permit, grounds, overrulable, .. } = world.judge(&all);
    assert_eq!(
        (permit, overrulable),
        (Permit::Nok, false),
        "what is not known is nobody's to allow"
    );
    assert_eq!(grounds.unwrap().0, Reason::Check(Check::NotHeld));
    world.mounts_seen = true;
    assert!(world.judge(&all).overrulable, "the hold is told");
    world.unit().rework = None;
    assert!(!world.judge(&all).overrulable, "a hold that is not told is not seen");
}

#[test]
fn a_lot_past_its_date_or_without_one_is_refused() {
    let mut world = World::new();
    world.draft.time.at = Utc(50);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok, "the last moment counts");
    world.draft.time.at = Utc(51);
    let (permit, text) = world.told(Check::LotNotExpired);
    assert_eq!(permit, Permit::Nok);
    assert!(text.starts_with("l/site/R-1 was best before 1970-01-01T00:00:00"), "{text}");
    world.draft.time.at = Utc(0);
    world.now = Utc(51);
    assert_eq!(
        world.told(Check::LotNotExpired).0,
        Permit::Nok,
        "a PLC's clock may be years behind"
    );
    world.facts().past[2].best_before = None;
    let Judgement { permit, grounds, .. } = world.judge(&[Check::LotNotExpired]);
    let text = "until when l/site/R-1 may be used was never told".to_owned();
    assert_eq!((permit, grounds), (Permit::Nok, Some((Reason::ExpiryUnknown, text))));
    world.draft.other = Some(lot("L-1"));
    assert_eq!(world.judge(&[Check::LotNotExpired]).permit, Permit::Nok, "refused, not unknown");
    world.mounts.clear();
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Unknown, "nothing was told of L-1");
    world.draft.other = None;
    world.mounts_seen = false;
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Unknown);
}
