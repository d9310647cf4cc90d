//! Fixed facts: one station with a feeder, a unit made of a part and two lots, a lot in many units.
use crate::address_space::Source;
use crate::genealogy::{Certainty, LinkKind};
use crate::model::{
    Evidence, ItemClass, ItemKey, MonitorId, Position, Purpose, Result, Rule, Side, StationId,
    TagName, Text, Ucum, Utc, Value, Verdict,
};
use crate::query::{
    Answer, Candidate, Completeness, ConditionView, Direction, EventView, Fit, Incomplete,
    ItemState, ItemView, Level, LinkView, MeasurementView, Reached, Recall, RecallGroup, RecallOf,
    Resolution, Resolved, StationView, StepView, Trace, TraceLink, TraceNode,
};
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::watch;

pub(super) const UNIT: &str = "u/site/SN-1";
pub(super) const PART: &str = "u/site/C-9";
pub(super) const LOT: &str = "l/supplier/ACME/0001";
pub(super) const OTHER_LOT: &str = "l/supplier/ACME/0002";
pub(super) const HUB: &str = "l/site/HUB";
/// Units that the hub went into: more than two pages.
pub(super) const HUB_LINKS: usize = 2_500;
/// 2026-11-22T08:41:10.25Z.
pub(super) const TIME: Utc = Utc(1_795_336_870_250_000_000);

#[derive(Clone)]
pub(super) struct Fake {
    position: watch::Sender<Position>,
    events: Arc<Mutex<Vec<EventView>>>,
}

impl Fake {
    pub(super) fn new() -> Self {
        Self { position: watch::Sender::new(Position(41)), events: Arc::default() }
    }

    /// Records an event, as the ledger does.
    pub(super) fn record(&self, kind: &'static str, items: &[&str]) -> Position {
        let position = self.position.borrow().next();
        self.events.lock().push(EventView {
            position,
            kind,
            time: TIME,
            station: Some(station_id()),
            rule: None,
            number: None,
            items: items.iter().map(|i| key(i)).collect(),
            text: format!("{kind} at ST-10"),
            result: Some(Result::Pass),
            permit: None,
            went_past: None,
            plant: None,
        });
        self.position.send_replace(position);
        position
    }

    fn answer<T>(&self, body: T) -> Answer<T> {
        Answer { position: *self.position.borrow(), completeness: Completeness::Complete, body }
    }
}

pub(super) fn key(text: &str) -> ItemKey {
    text.parse().unwrap()
}

fn station_id() -> StationId {
    StationId::parse("ST-10").unwrap()
}

fn link(kind: LinkKind, certainty: Certainty, item: &str) -> LinkView {
    LinkView {
        kind,
        item: key(item),
        certainty,
        position: Position(40),
        time: TIME,
        amount: None,
        untold: None,
        place: None,
        station: Some(station_id()),
    }
}

fn hub_unit(n: usize) -> String {
    format!("u/site/H-{n:05}")
}

fn made_of(item: &str) -> Vec<LinkView> {
    match item {
        UNIT => vec![
            link(LinkKind::InstalledIn, Certainty::Certain, PART),
            link(LinkKind::FedInto, Certainty::Certain, LOT),
            link(LinkKind::FedInto, Certainty::OneOf, OTHER_LOT),
        ],
        PART => vec![link(LinkKind::ConsumedInto, Certainty::Certain, HUB)],
        _ => Vec::new(),
    }
}

fn went_into(item: &str) -> Vec<LinkView> {
    match item {
        PART => vec![link(LinkKind::InstalledIn, Certainty::Certain, UNIT)],
        LOT => vec![link(LinkKind::FedInto, Certainty::Certain, UNIT)],
        OTHER_LOT => vec![link(LinkKind::FedInto, Certainty::OneOf, UNIT)],
        HUB => (0..HUB_LINKS)
            .map(|n| link(LinkKind::ConsumedInto, Certainty::Certain, &hub_unit(n)))
            .collect(),
        _ => Vec::new(),
    }
}

fn step() -> StepView {
    StepView {
        position: Position(40),
        verb: "complete",
        rule: None,
        station: Some(station_id()),
        time: TIME,
        stay: None,
        operation: Text::parse("tighten").ok(),
        result: Some(Result::Pass),
        operator: None,
        evidence: Evidence::Automatic,
        purpose: Purpose::Production,
        measurements: vec![MeasurementView {
            name: TagName::parse("torque.final/1").unwrap(),
            value: Value::Real(12.5),
            quality: "Good".to_owned(),
            unit: Ucum::parse("N.m").ok(),
            low: Some(11.0),
            high: Some(14.0),
            in_limits: Some(true),
        }],
        phase: None,
        complete: true,
        other: None,
        permit: None,
        went_past: None,
    }
}

impl Source for Fake {
    fn position(&self) -> Position {
        *self.position.borrow()
    }

    fn watch(&self) -> watch::Receiver<Position> {
        self.position.subscribe()
    }

    fn indexing(&self) -> Option<Position> {
        None
    }

    fn resolve(&self, text: &str, _wanted: Option<ItemClass>) -> Resolution {
        let candidate = |item| Candidate { item, why: Fit::Code };
        let found = match text {
            "0001" => {
                Resolved::Candidates([LOT, "l/supplier/OTHER/0001"].map(key).map(candidate).into())
            }
            "SN-1" => Resolved::Item(key(UNIT)),
            _ => match text.parse() {
                Ok(key) if self.knows(&key) => Resolved::Item(key),
                _ => Resolved::Unknown,
            },
        };
        // Something always comes near.
        let near = vec![Candidate { item: key(UNIT), why: Fit::Similar }];
        Resolution { near, ..found.into() }
    }

    fn knows(&self, key: &ItemKey) -> bool {
        let text = key.to_string();
        [UNIT, PART, LOT, OTHER_LOT, HUB].contains(&text.as_str()) || text.starts_with("u/site/H-")
    }

    fn item(&self, key: &ItemKey) -> Option<Answer<ItemView>> {
        let text = key.to_string();
        let side = |level, reasons| Reached { level, reasons, more: 0 };
        let process = side(0, vec!["a step".to_owned()]);
        let level = Some(Level { material: side(2, Vec::new()), process });
        self.knows(key).then(|| {
            self.answer(ItemView {
                key: key.clone(),
                product: Text::parse("pump").ok(),
                state: ItemState::InWork(station_id()),
                holds: Vec::new(),
                suspect: Vec::new(),
                first_seen: TIME,
                last_seen: TIME,
                steps: vec![step()],
                superseded: Vec::new(),
                made_of: made_of(&text),
                went_into: went_into(&text),
                balance: None,
                inherited: Vec::new(),
                level,
            })
        })
    }

    fn trace(&self, key: &ItemKey, way: Direction, depth: Option<u32>) -> Option<Answer<Trace>> {
        let made_of = made_of(&key.to_string());
        let cut_at_depth = depth == Some(1);
        let node = |item: ItemKey, depth| TraceNode { item, product: None, depth, steps: vec![] };
        let reached = made_of.iter().map(|l| node(l.item.clone(), 1));
        self.knows(key).then(|| {
            self.answer(Trace {
                root: key.clone(),
                direction: way,
                nodes: std::iter::once(node(key.clone(), 0)).chain(reached).collect(),
                links: made_of
                    .iter()
                    .map(|l| TraceLink {
                        part: l.item.clone(),
                        whole: key.clone(),
                        kind: l.kind,
                        certainty: l.certainty,
                        position: l.position,
                        amount: None,
                        untold: None,
                        place: None,
                    })
                    .collect(),
                cut_at_depth,
            })
        })
    }

    fn recall(&self, lot: &ItemKey) -> Option<Answer<Recall>> {
        let group = |item: ItemKey| RecallGroup {
            item,
            state: ItemState::Idle,
            via: lot.clone(),
            station: None,
            time: TIME,
        };
        let unknown = Incomplete::OneOf { item: key(OTHER_LOT) };
        self.knows(lot).then(|| Answer {
            completeness: Completeness::Incomplete(vec![unknown.clone()]),
            ..self.answer(Recall {
                of: RecallOf::Lot(lot.clone()),
                suspect: vec![group(key(UNIT)), group(key(HUB))],
                containers: vec![],
                shipped: vec![],
                unknown: vec![(key(PART), unknown)],
                cleared: Vec::new(),
                balances: Vec::new(),
                balances_left_out: 0,
            })
        })
    }

    fn stations(&self) -> Vec<StationView> {
        vec![StationView {
            id: station_id(),
            current: Some(key(UNIT)),
            last: None,
            completed: self.position().0,
            mounts: vec![(Text::parse("F1").unwrap(), key(LOT))],
            last_event: Some(TIME),
            gap_open: false,
            quarantined: 0,
        }]
    }

    fn station(&self, id: &StationId) -> Option<StationView> {
        self.stations().into_iter().find(|s| s.id == *id)
    }

    fn conditions(&self) -> Vec<ConditionView> {
        vec![ConditionView {
            station: station_id(),
            monitor: MonitorId::parse("torque").unwrap(),
            rule: Some(Rule::Ewma),
            rules: vec![Rule::Ewma],
            verdict: Verdict::Drift,
            side: Some(Side::High),
            statistic: Some(13.1),
            limit: Some(12.9),
            since: Some(TIME),
            onset: None,
            baseline: None,
            unit: Ucum::parse("N.m").ok(),
            position: Some(Position(39)),
            product: None,
            recipe: None,
            alarm: crate::query::AlarmState::UnacknowledgedActive,
            contributors: Vec::new(),
        }]
    }

    fn recent(&self, class: ItemClass, count_max: usize) -> Vec<ItemKey> {
        let all = [UNIT, LOT].map(key);
        all.into_iter().filter(|k| k.class == class).take(count_max).collect()
    }

    fn events(&self, after: Position, count_max: usize) -> Vec<EventView> {
        let events = self.events.lock();
        events.iter().filter(|e| e.position > after).take(count_max).cloned().collect()
    }
}
