//! A made-up plant: one pump, a lot, and whatever else an answer can have.
use super::condition;
use crate::genealogy::{Balance, Certainty, LinkKind};
use crate::http::{ConditionSource, DeviceView, Source};
use crate::model::{
    Amount, Baseline, CaseId, DeviceId, Evidence, Frozen, Gap, GapCause, GapSource, Interval,
    ItemClass, ItemKey, MonitorId, PersonKey, PhaseId, PhaseSummary, Position, Purpose, Result,
    Rule, Side, StationId, Statistics, TagName, Text, Ucum, Utc, Value, specimens,
};
use crate::query::{
    AlarmLoad, AlarmState, AlarmView, Answer, Before, Candidate, CapabilityView, CaseDifference,
    CaseEntry, CaseShown, CaseSince, CaseView, ChartAsked, ChartView, Completeness, ConditionShown,
    ConditionView, Coverage, Direction, EventView, Fit, Freezing, GapView, HoldView, Incomplete,
    InheritedValue, InheritedView, InheritedWay, Is, ItemState, ItemView, Lack, Level, LinkView,
    LotBalance, MaintenanceRaised, MaintenanceSaid, MaintenanceView, MeasurementView, MockAnswer,
    MockOf, MockRecall, Reached, Recall, RecallGroup, RecallOf, Resolution, Resolved, ScheduleView,
    Share, Sheet, SheetItem, StandingHold, StationView, StepView, SuspectCause, SuspectEnd,
    SuspectView, SuspectWindow, Trace, TraceLink, TraceNode, Uncovered, Undrilled, Unfrozen, Why,
    WhyAsked, Yield, YieldRow,
};
use std::collections::BTreeMap;

/// 2026-11-22 08:41:10 UTC.
const MORNING: i64 = 1_795_336_870;
/// A serial that tries to be a page.
pub(super) const HOSTILE: &str = r#"<script>alert(1)</script>"'&{{7*7}}"#;

/// A label that names a unit and its lot.
pub(super) const LABEL: &str = "(01)09506000134352(10)0001(21)SN-0001";

/// Answers as the read side would.
pub(super) struct Made;

pub(super) fn at(seconds: i64) -> Utc {
    Utc((MORNING + seconds) * 1_000_000_000)
}

fn text(text: &str) -> Text {
    Text::parse(text).unwrap()
}

pub(super) fn station(id: &str) -> StationId {
    StationId::parse(id).unwrap()
}

pub(super) fn key(text: &str) -> ItemKey {
    text.parse().unwrap()
}

pub(super) fn hostile() -> ItemKey {
    ItemKey::unit(crate::model::Code::parse(HOSTILE).unwrap())
}

pub(super) fn gap() -> Gap {
    Gap {
        source: GapSource::Device(DeviceId::parse("press").unwrap()),
        interval: Interval { from: at(2), to: Some(at(41)) },
        cause: GapCause::Disconnected,
        count: None,
        stations: vec![station("PRESS10")],
        first: None,
    }
}

fn link(kind: LinkKind, item: &str, certainty: Certainty) -> LinkView {
    LinkView {
        kind,
        item: key(item),
        certainty,
        position: Position(14),
        time: at(5),
        amount: Some(Amount { value: 0.25, unit: Some(Ucum::parse("kg").unwrap()) }),
        untold: None,
        place: Some(text("coil")),
        station: Some(station("PRESS10")),
    }
}

fn measurement(
    name: &str,
    value: Value,
    quality: &str,
    in_limits: Option<bool>,
) -> MeasurementView {
    MeasurementView {
        name: TagName::parse(name).unwrap(),
        value,
        quality: quality.to_owned(),
        unit: Some(Ucum::parse("N.m").unwrap()),
        low: Some(11.0),
        high: Some(13.0),
        in_limits,
    }
}

fn step() -> StepView {
    let statistics = Statistics {
        tag: TagName::parse("Spindle_Speed").unwrap(),
        n: 12,
        min: Some(0.0),
        max: Some(8000.0),
        mean: Some(5120.5),
        time_mean: None,
        left_out: 0,
    };
    StepView {
        position: Position(16),
        verb: "complete",
        rule: Some(text("result")),
        station: Some(station("PRESS10")),
        time: at(40),
        stay: Some(Interval { from: at(0), to: Some(at(40)) }),
        operation: Some(text("PUMP-A")),
        result: Some(Result::Fail),
        operator: Some(PersonKey::new([0; 32]).token("4711")),
        evidence: Evidence::Inferred,
        purpose: Purpose::Trial,
        measurements: vec![
            measurement("torque", Value::Real(f64::from(12.1_f32)), "Good", Some(true)),
            measurement("angle", Value::Int(14), "Good", Some(false)),
            measurement("force", Value::Bytes(vec![1, 2]), "BadOutOfRange", None),
        ],
        phase: Some(PhaseSummary {
            phase: PhaseId::parse("milling").unwrap(),
            interval: Interval { from: at(1), to: Some(at(39)) },
            statistics: vec![statistics],
            tools: Vec::new(),
            count: None,
        }),
        complete: false,
        other: None,
        permit: None,
        went_past: None,
    }
}

/// A pump with everything that an item can have.
fn pump() -> Answer<ItemView> {
    let item = key("u/site/SN-0001");
    Answer {
        position: Position(42),
        completeness: Completeness::Incomplete(vec![
            Incomplete::Gap {
                item: item.clone(),
                station: station("PRESS10"),
                position: Position(12),
                gap: gap(),
            },
            Incomplete::OneOf { item: item.clone() },
            Incomplete::Quarantine { station: station("PRESS10"), position: Position(13) },
            Incomplete::Lag { durable: Position(43) },
        ]),
        body: ItemView {
            key: item,
            product: Some(text("Pump A")),
            state: ItemState::Packed(key("c/gs1/003400000000000017")),
            holds: holds(),
            suspect: vec![suspect_window()],
            first_seen: at(0),
            last_seen: at(60),
            steps: vec![step()],
            superseded: Vec::new(),
            made_of: vec![link(LinkKind::ConsumedInto, "l/supplier/ACME/0001", Certainty::OneOf)],
            went_into: vec![link(
                LinkKind::PackedIn,
                "c/gs1/003400000000000017",
                Certainty::Certain,
            )],
            balance: Some(balance()),
            inherited: inherited(),
            level: Some(level()),
        },
    }
}

/// Something is wanting on either side, and more than is named.
fn level() -> Level {
    let of = |level, reasons: &[&str], more| Reached {
        level,
        reasons: reasons.iter().copied().map(str::to_owned).collect(),
        more,
    };
    Level { material: of(2, &["where l/site/<1> came from"], 3), process: of(0, &["nothing"], 0) }
}

/// Some of it is missing.
fn balance() -> LotBalance {
    let balance = Balance {
        unit: Ucum::parse("kg").ok(),
        received: 25.0,
        consumed: 20.5,
        in_stock: Some(4.0),
        counted: Some(at(55)),
        unaccounted: Some(0.5),
        untold: 2,
        ..Balance::default()
    };
    LotBalance { item: key("l/supplier/ACME/0001"), balance, tolerance: Some(0.01) }
}

/// Its own, and one that a lot brings upon it.
fn holds() -> Vec<HoldView> {
    let own = HoldView {
        item: key("u/site/SN-0001"),
        reason: text("torque looks <high>"),
        meaning: Some(text("review")),
        who: None,
        time: Some(at(50)),
        position: Position(38),
    };
    let of_lot = HoldView { item: key("l/supplier/ACME/0001"), reason: text("wet"), ..own.clone() };
    vec![own, of_lot]
}

/// An allergen of a lot two steps back that is one of several, and a mark that nothing has.
fn inherited() -> Vec<InheritedView> {
    let step = |into: &str, certainty, position| InheritedWay {
        into: key(into),
        kind: LinkKind::ConsumedInto,
        certainty,
        position: Position(position),
    };
    let nuts = InheritedValue {
        value: Is::Word(text("nuts")),
        record: None,
        item: key("l/supplier/ACME/0001"),
        sure: false,
        way: vec![
            step("l/site/D-1", Certainty::Certain, 7),
            step("u/site/SN-0001", Certainty::OneOf, 9),
        ],
        more: 0,
    };
    let of = |attribute: &str, rule, values| InheritedView {
        attribute: text(attribute),
        rule,
        total: None,
        parts: None,
        values,
        missing: Some("it was made of more items than are looked at".to_owned()),
    };
    vec![of("allergens", "union", vec![nuts]), of("hazardous", "any", Vec::new())]
}

/// A master was judged wrongly, and it is not known since when.
pub(super) fn suspect_window() -> SuspectWindow {
    SuspectWindow {
        bounded: true,
        station: station("PRESS10"),
        monitor: MonitorId::parse("red").unwrap(),
        cause: SuspectCause::MasterWrong,
        interval: Interval { from: at(0), to: Some(at(30)) },
        opened: Position(20),
        closed: Some(Position(21)),
        ended: Some(SuspectEnd::Well),
        cleared: false,
        product: None,
        recipe: None,
        likely: None,
    }
}

/// It was asked for, somebody looks after it, and it may be done.
fn maintenance(done: bool) -> MaintenanceView {
    let said = |position, what: &str| MaintenanceSaid {
        position: Position(position),
        time: at(30),
        who: PersonKey::new([7; 32]).token("4711"),
        text: text(what),
        item: done.then(|| key("u/site/PUNCH-7")),
    };
    let baseline = |centre_line, version| Baseline {
        centre_line,
        sigma: 0.25,
        phi: 0.0,
        n: 50,
        version,
        spread: None,
        group: None,
    };
    let raised = MaintenanceRaised {
        position: Position(20),
        time: Some(at(10)),
        rule: Some(Rule::Ewma),
        side: Some(Side::High),
        onset: None,
        statistic: Some(8.25),
        limit: Some(8.1),
        unit: None,
        reaches: None,
    };
    MaintenanceView {
        station: station("PRESS10"),
        monitor: Some(MonitorId::parse("result.force").unwrap()),
        product: None,
        recipe: None,
        open: !done,
        raised: Some(raised),
        acknowledged: Some(MaintenanceSaid { item: None, ..said(21, "on my way") }),
        done: done.then(|| said(22, "punch changed")),
        lapsed: None,
        before: Some(baseline(8.5, 1)),
        after: done.then(|| baseline(8.25, 2)),
        again: None,
        usage: None,
        trend: None,
    }
}

/// It was done once, and 1,500 parts ago.
fn schedule() -> ScheduleView {
    ScheduleView {
        station: station("PRESS10"),
        name: MonitorId::parse("punch").unwrap(),
        every: 10_000.0,
        used: 1_500.0,
        left: 8_500.0,
        unit: Ucum::parse("{part}").ok(),
        due: false,
        raised: None,
        since: at(30),
        done: maintenance(true).done,
    }
}

/// A unit of which nothing is missing, whose serial is hostile.
fn bare(key: ItemKey, links: usize) -> Answer<ItemView> {
    let part = link(LinkKind::InstalledIn, "u/site/SN-9", Certainty::Certain);
    Answer {
        position: Position(42),
        completeness: Completeness::Complete,
        body: ItemView {
            key,
            product: None,
            state: ItemState::InWork(station("PRESS10")),
            holds: Vec::new(),
            suspect: Vec::new(),
            first_seen: at(0),
            last_seen: at(1),
            steps: Vec::new(),
            superseded: Vec::new(),
            made_of: vec![part; links],
            went_into: Vec::new(),
            balance: None,
            inherited: Vec::new(),
            level: None,
        },
    }
}

impl Source for Made {
    fn position(&self) -> Position {
        Position(42)
    }

    fn filling(&self) -> Option<Position> {
        None
    }

    fn indexing(&self) -> Option<Position> {
        None
    }

    fn resolve(&self, text: &str, wanted: Option<ItemClass>) -> Resolution {
        let has = |item: &str| Candidate { item: key(item), why: Fit::Code };
        let found = match text {
            "SN-0001" | "u/site/SN-0001" => Resolved::Item(key("u/site/SN-0001")),
            "with,comma" | "many" => Resolved::Item(key("u/site/many")),
            "0001" => Resolved::Candidates(vec![
                has("l/supplier/ACME/0001"),
                has("l/supplier/Best%20%26%20Co/0001"),
            ]),
            // A label with a serial and a lot.
            LABEL if wanted == Some(ItemClass::Lot) => Resolved::Item(key("l/supplier/ACME/0001")),
            LABEL => Resolved::Item(key("u/site/SN-0001")),
            "SN-OOO1" => {
                let why = Fit::Similar;
                let near = vec![Candidate { item: key("u/site/SN-0001"), why }];
                let read_as = vec!["the code SN-OOO1".to_owned()];
                return Resolution { near, read_as, left_out: 3, ..Resolution::default() };
            }
            "l/supplier/ACME/0001" => Resolved::Item(key(text)),
            HOSTILE => Resolved::Item(hostile()),
            "fails" => panic!("made to fail"),
            _ => Resolved::Unknown,
        };
        found.into()
    }

    fn item(&self, item: &ItemKey, _as_of: Position) -> Option<Answer<ItemView>> {
        match item.code.as_str() {
            "SN-0001" => Some(pump()),
            "many" => Some(bare(item.clone(), 1_234)),
            HOSTILE => Some(bare(item.clone(), 0)),
            _ => None,
        }
    }

    fn trace(
        &self,
        root: &ItemKey,
        direction: Direction,
        depth_max: Option<u32>,
        as_of: Position,
    ) -> Option<Answer<Trace>> {
        let lot = key("l/supplier/ACME/0001");
        let node = |item: &ItemKey, depth| TraceNode {
            item: item.clone(),
            product: None,
            depth,
            steps: Vec::new(),
        };
        let link = TraceLink {
            part: lot.clone(),
            whole: root.clone(),
            kind: LinkKind::ConsumedInto,
            certainty: Certainty::Certain,
            position: Position(14),
            amount: None,
            untold: None,
            place: None,
        };
        Some(Answer {
            position: as_of.min(Position(42)),
            completeness: Completeness::Complete,
            body: Trace {
                root: root.clone(),
                direction,
                nodes: vec![node(root, 0), node(&lot, 1)],
                links: vec![link],
                cut_at_depth: depth_max == Some(1),
            },
        })
    }

    fn recall(&self, of: &RecallOf, _as_of: Position) -> Option<Answer<Recall>> {
        let via = match of {
            RecallOf::Lot(lot) => lot.clone(),
            RecallOf::Station { .. } | RecallOf::Window(_) => key("u/site/SN-0001"),
        };
        let suspect = RecallGroup {
            item: key("u/site/SN-0001"),
            state: ItemState::Shipped,
            via,
            station: Some(station("PRESS10")),
            time: at(40),
        };
        Some(Answer {
            position: Position(42),
            completeness: Completeness::Complete,
            body: Recall {
                of: of.clone(),
                suspect: vec![suspect],
                containers: vec![key("c/gs1/003400000000000017")],
                shipped: vec![(key("u/site/SN-0001"), Some(text("DN-5")))],
                unknown: Vec::new(),
                cleared: Vec::new(),
                balances: vec![balance()],
                balances_left_out: 0,
            },
        })
    }

    fn freeze(&self, of: &RecallOf, as_of: Position) -> std::result::Result<Freezing, Unfrozen> {
        if as_of == Position(99) {
            return Err(Unfrozen::Lags(as_of));
        }
        let answer = self.recall(of, as_of).ok_or(Unfrozen::Unknown)?;
        Ok(Freezing { frozen: specimens::frozen(), answer })
    }

    fn since(&self, _: &Frozen, after: &Recall) -> std::result::Result<CaseDifference, Unfrozen> {
        Ok(CaseDifference::between(None, after))
    }

    fn sheets(&self, recall: &Answer<Recall>, contacts: &BTreeMap<Text, Text>) -> Vec<Sheet> {
        let row = |(item, _): &(ItemKey, Option<Text>)| SheetItem {
            item: item.clone(),
            product: Some(text("Pump A")),
            left_in: recall.body.containers.first().cloned(),
            left_at: Some(at(50)),
            record: Some(Position(41)),
        };
        let customer = Some(text("ACME"));
        let contact = contacts.get(&text("ACME")).cloned();
        let items = recall.body.shipped.iter().map(row).collect();
        vec![Sheet { customer, document: Some(text("DN-5")), contact, items }]
    }

    fn drill(
        &self,
        of: &MockOf,
        direction: Direction,
        contacts: &BTreeMap<Text, Text>,
    ) -> std::result::Result<Answer<MockRecall>, Undrilled> {
        let (item, seed) = match of {
            MockOf::Item(item) => (item.clone(), None),
            MockOf::Drawn(13, _) => return Err(Undrilled::Nothing),
            MockOf::Drawn(14, _) => return Err(Undrilled::TooLarge(20_000)),
            MockOf::Drawn(seed, _) => (key("l/supplier/ACME/0001"), Some(*seed)),
        };
        let recall = self.recall(&RecallOf::Lot(item.clone()), Position(42)).unwrap();
        let Answer { position, completeness, body: recall } = recall;
        let share = |known| Some(Share { of: 1, known });
        let body = MockRecall {
            item,
            direction,
            seed,
            seconds: 0.25,
            hash: specimens::frozen().hash,
            groups: [("suspect", 1), ("container", 1), ("shipped", 1), ("unknown", 0)].into(),
            located: share(1),
            last_seen: share(1),
            customers: share(0),
            contacts: share(contacts.len() as u64),
            suppliers: None,
            balance: Some(balance()),
            accounted: Some(0.98),
            answer: MockAnswer::Recall(recall),
        };
        Ok(Answer { position, completeness, body })
    }

    fn coverage(&self, interval: Interval) -> Answer<Coverage> {
        let (item, station) = (key("u/site/SN-0001"), station("PRESS10"));
        let body = Coverage {
            interval,
            finished: 4,
            covered: 3,
            lacking: 1,
            doubtful: 0,
            share: Some(0.75),
            uncovered: vec![Uncovered { item, station, why: Lack::Missing }],
        };
        Answer { position: Position(42), completeness: Completeness::Complete, body }
    }

    fn cases(&self, as_of: Position) -> Vec<CaseView> {
        let open = CaseEntry {
            position: Position(7),
            time: at(60),
            what: "opened",
            who: PersonKey::new([0; 32]).token("4711"),
            reason: text("a <complaint>"),
            frozen: Some(specimens::frozen()),
            came: None,
            went: None,
        };
        let id = CaseId(Position(7));
        let case = CaseView { id, open: true, last: Position(7), history: vec![open] };
        if as_of < Position(7) { Vec::new() } else { vec![case] }
    }

    fn case(&self, id: CaseId) -> Option<CaseView> {
        self.cases(Position(u64::MAX)).into_iter().find(|case| case.id == id)
    }

    fn case_again(&self, id: CaseId) -> Option<std::result::Result<CaseShown, Unfrozen>> {
        let case = self.case(id)?;
        let answer = self.recall(&RecallOf::Lot(key("l/supplier/ACME/0001")), Position(7))?;
        let difference = CaseDifference::between(None, &answer.body);
        let Answer { position, completeness, .. } = answer.clone();
        let since = Some(CaseSince { position, completeness, difference });
        Some(Ok(CaseShown { case, answer: Some(answer), same: true, retained: false, since }))
    }

    fn stations(&self) -> Vec<StationView> {
        vec![StationView {
            id: station("PRESS10"),
            current: Some(key("u/site/SN-0002")),
            last: Some(hostile()),
            completed: 1_204,
            mounts: vec![(text("coil"), key("l/supplier/ACME/0001"))],
            last_event: Some(at(40)),
            gap_open: true,
            quarantined: 1,
        }]
    }

    fn recent(&self, _: ItemClass, count_max: usize) -> Vec<ItemKey> {
        let mut recent = vec![key("u/site/SN-0001"), hostile()];
        recent.truncate(count_max);
        recent
    }

    fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        let event = |position| EventView {
            position: Position(position),
            kind: "complete",
            time: at(40),
            station: Some(station("PRESS10")),
            rule: None,
            number: None,
            items: vec![key("u/site/SN-0001")],
            text: "SN-0001 completed at PRESS10".to_owned(),
            result: Some(Result::Pass),
            permit: None,
            went_past: None,
            plant: Some("0a".to_owned()),
        };
        (after.0 + 1..=42).take(count_max).map(event).collect()
    }

    fn conditions(&self) -> Vec<ConditionView> {
        vec![condition::view()]
    }

    fn yields(
        &self,
        at: Option<&StationId>,
        interval: Interval,
        _: Position,
    ) -> Option<Answer<Yield>> {
        if at.is_some_and(|id| id.as_str() != "PRESS10") {
            return None;
        }
        let row = YieldRow {
            station: station("PRESS10"),
            product: Some(text("pump")),
            items: 12,
            visits: 14,
            first_pass: 9,
            passed: 10,
            failed: 1,
            untold: 1,
        };
        let unobserved = Incomplete::Unobserved {
            station: station("PRESS10"),
            position: Position(12),
            gap: gap(),
        };
        Some(Answer {
            position: Position(42),
            completeness: Completeness::Incomplete(vec![unobserved]),
            body: Yield { interval, rows: vec![row] },
        })
    }

    fn suspects(
        &self,
        at: Option<&StationId>,
        items_max: usize,
        _: Position,
    ) -> Option<Answer<Vec<SuspectView>>> {
        if at.is_some_and(|id| id.as_str() != "PRESS10") {
            return None;
        }
        let items = [key("u/site/SN-1"), key("u/site/SN-2")];
        let view = SuspectView {
            window: suspect_window(),
            items: items.iter().take(items_max).cloned().collect(),
            confirmed: Vec::new(),
            left_out: items.len().saturating_sub(items_max),
        };
        let completeness = Completeness::Complete;
        Some(Answer { position: Position(42), completeness, body: vec![view] })
    }

    fn maintenance(
        &self,
        at: Option<&StationId>,
        open: Option<bool>,
        _: Position,
    ) -> Option<Answer<Vec<MaintenanceView>>> {
        if at.is_some_and(|id| id.as_str() != "PRESS10") {
            return None;
        }
        let done = open != Some(true);
        let body = vec![maintenance(done)];
        Some(Answer { position: Position(42), completeness: Completeness::Complete, body })
    }

    fn schedules(&self, at: Option<&StationId>) -> Option<Answer<Vec<ScheduleView>>> {
        if at.is_some_and(|id| id.as_str() != "PRESS10") {
            return None;
        }
        let body = vec![schedule()];
        Some(Answer { position: Position(42), completeness: Completeness::Complete, body })
    }

    fn holds(&self, as_of: Position) -> Answer<Vec<StandingHold>> {
        let mut holds = holds().into_iter().filter(|hold| hold.position <= as_of);
        let lot = holds.next_back();
        let spared = vec![key("u/site/SN-2")];
        let standing = lot.map(|hold| StandingHold { hold, downstream: 3, spared });
        let body = standing.into_iter().collect();
        Answer { position: Position(42), completeness: Completeness::Complete, body }
    }

    /// Nobody failed.
    fn why(&self, asked: &WhyAsked, _: Position) -> Option<Answer<Why>> {
        if asked.station.as_ref().is_some_and(|id| id.as_str() != "PRESS10") {
            return None;
        }
        let bad = u32::try_from(asked.bad.len()).unwrap();
        let insufficient = Some("2 of 40 items are bad; fewer than 3 show nothing".to_owned());
        let (causes, left_out) = (Vec::new(), Vec::new());
        let body = Why { items: 40, bad, causes, unexplained: bad, insufficient, left_out };
        Some(Answer { position: Position(42), completeness: Completeness::Complete, body })
    }

    /// It is still open, and more was made than is named.
    fn open_suspects(&self, items_max: usize) -> Vec<SuspectView> {
        let interval = Interval { from: at(0), to: None };
        let window = SuspectWindow { interval, closed: None, ended: None, ..suspect_window() };
        let items = vec![key("u/site/SN-1"), hostile()];
        let left_out = 1234_usize.saturating_sub(items_max);
        vec![SuspectView { window, items, confirmed: Vec::new(), left_out }]
    }

    fn gaps(&self, count_max: usize) -> Vec<GapView> {
        let mut gaps = vec![GapView { position: Position(12), gap: gap() }];
        gaps.truncate(count_max);
        gaps
    }
}

impl ConditionSource for Made {
    fn condition(
        &self,
        station: &StationId,
        monitor: &MonitorId,
        items_max: usize,
    ) -> Option<Answer<ConditionShown>> {
        condition::condition((station, monitor), items_max)
    }

    fn chart(&self, of: &ChartAsked) -> Option<Answer<ChartView>> {
        condition::chart(of)
    }

    fn capability(
        &self,
        of: (&StationId, &MonitorId),
        (within, _): (Interval, Option<Before>),
        _: usize,
    ) -> Option<Answer<CapabilityView>> {
        condition::capability(of, within)
    }

    fn alarms(
        &self,
        station: Option<&StationId>,
        state: Option<AlarmState>,
    ) -> Option<Answer<Vec<AlarmView>>> {
        condition::alarms(station, state)
    }

    fn alarm_load(&self, _: Utc) -> Answer<AlarmLoad> {
        condition::alarm_load()
    }
}

pub(super) fn contacts() -> BTreeMap<Text, Text> {
    BTreeMap::from([(text("ACME"), text("+49 30 1234"))])
}

pub(super) fn devices() -> Vec<DeviceView> {
    vec![DeviceView {
        id: DeviceId::parse("press").unwrap(),
        protocol: "opcua",
        url: "opc.tcp://127.0.0.1:4840".to_owned(),
        stage: "backoff",
        since: at(0),
        last_fault: Some("connection refused; is it powered?".to_owned()),
        insecure: true,
    }]
}
