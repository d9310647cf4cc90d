//! Alarms (ISA-18.2, OPC UA Part 9): what stands against a monitor, who has seen it, and of what nobody is to be told. A fold of
//! the records alone, so that whoever folds them comes to the same.
//!
//! One monitor, or master, is one alarm, whatever rules speak of it. It judges nothing: that is done when a rule speaks.
use crate::model::{
    AlarmEvent, AlarmStep, Body, MaintenanceEvent, Making, MonitorId, PersonToken, PlantLoaded,
    Position, Purpose, Record, Rule, SHELVE_MAX, Side, StationId, Text, TraceEvent, Utc, Verdict,
    VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// Which alarm: a station, and a monitor or master of it.
pub type AlarmKey = (StationId, MonitorId);

/// In which state an alarm is, in the words of ISA-18.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlarmState {
    /// Nothing is against it, and nobody has to look.
    Normal,
    /// Something is, and nobody has seen it.
    UnacknowledgedActive,
    /// Something is, and somebody has seen it.
    AcknowledgedActive,
    /// Something was, and nobody has seen it.
    ReturnedUnacknowledged,
    /// The same, and it stays active until somebody has.
    Latched,
    /// Nobody is told of it for a while.
    Shelved,
    /// Nobody is told of it since its station does not produce.
    Suppressed,
    /// Nobody is told of it, until somebody puts it in service.
    OutOfService,
}

impl AlarmState {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Normal,
        Self::UnacknowledgedActive,
        Self::AcknowledgedActive,
        Self::ReturnedUnacknowledged,
        Self::Latched,
        Self::Shelved,
        Self::Suppressed,
        Self::OutOfService,
    ];

    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::UnacknowledgedActive => "unacknowledged-active",
            Self::AcknowledgedActive => "acknowledged-active",
            Self::ReturnedUnacknowledged => "returned-unacknowledged",
            Self::Latched => "latched",
            Self::Shelved => "shelved",
            Self::Suppressed => "suppressed",
            Self::OutOfService => "out-of-service",
        }
    }
}

/// A rule that spoke against a monitor.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct Raised {
    /// The record.
    #[n(0)]
    pub position: Position,
    /// When it was seen.
    #[n(1)]
    pub time: Utc,
    /// When it was recorded, by our clock.
    #[n(2)]
    pub recorded: Utc,
    /// Which rule.
    #[n(3)]
    pub rule: Rule,
}

/// What somebody did.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct AlarmSaid {
    /// The record.
    #[n(0)]
    pub position: Position,
    /// When.
    #[n(1)]
    pub time: Utc,
    /// Who.
    #[n(2)]
    pub who: Option<PersonToken>,
    /// Why, or what was said.
    #[n(3)]
    pub text: Option<Text>,
}

/// Until when nobody is told.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct Shelf {
    /// Not longer than this.
    #[n(0)]
    pub until: Utc,
    /// Not longer than until it returns to normal.
    #[n(1)]
    pub one_shot: bool,
    /// Who shelved it, and why.
    #[n(2)]
    pub by: AlarmSaid,
}

/// One alarm.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Alarm {
    /// The rules that stand against the monitor, of what is made, to which side.
    #[n(0)]
    against: BTreeMap<(Rule, Making), Option<Side>>,
    /// Since when something does without a break.
    #[n(1)]
    pub began: Option<Raised>,
    /// What was told last: this is what is acknowledged.
    #[n(2)]
    pub raised: Option<Raised>,
    /// When nothing did any more.
    #[n(3)]
    pub returned: Option<Utc>,
    /// Who has seen it.
    #[n(4)]
    pub acknowledged: Option<AlarmSaid>,
    /// Who says that what was to be done was done.
    #[n(5)]
    pub confirmed: Option<AlarmSaid>,
    /// What was last said about it.
    #[n(6)]
    pub comment: Option<AlarmSaid>,
    /// Who took it out of service.
    #[n(7)]
    pub out_of_service: Option<AlarmSaid>,
    /// It came when no other of its station was told.
    #[n(8)]
    pub first: bool,
}

impl Alarm {
    /// Whether a rule stands against the monitor.
    pub fn stands(&self) -> bool {
        !self.against.is_empty()
    }

    /// The rules that do.
    pub fn rules(&self) -> Vec<Rule> {
        let rules: BTreeSet<Rule> = self.against.keys().map(|(rule, _)| *rule).collect();
        rules.into_iter().collect()
    }

    /// Whether what was told was seen; so is what was never told.
    pub fn is_acknowledged(&self) -> bool {
        self.raised.is_none() || self.acknowledged.is_some()
    }

    /// Whether what was told is done with.
    pub fn is_confirmed(&self) -> bool {
        self.raised.is_none() || self.confirmed.is_some()
    }

    /// Keeps what still stands; whether that was the end of it.
    fn keep(&mut self, at: Utc, keeps: impl Fn(Rule, &Making) -> bool) -> bool {
        let stood = self.stands();
        self.against.retain(|(rule, making), _| keeps(*rule, making));
        let ended = stood && !self.stands();
        if ended {
            self.returned = Some(at);
        }
        ended
    }
}

/// An alarm that is told: it came, or came again.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// Which.
    pub key: AlarmKey,
    /// By what.
    pub raised: Raised,
}

/// All alarms of a plant. Bounded by it: a monitor that a plant does without is forgotten.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(array)]
pub struct Alarms {
    #[n(0)]
    known: BTreeMap<AlarmKey, Alarm>,
    #[n(1)]
    shelved: BTreeMap<AlarmKey, Shelf>,
    /// What stays active until somebody has seen it, by the plant in force.
    #[n(2)]
    latched: BTreeSet<AlarmKey>,
    /// Stations that told last of work that is no production.
    #[n(3)]
    idle: BTreeSet<StationId>,
}

impl Alarms {
    /// Folds the next record in; says so if somebody is to be told of an alarm.
    pub fn take(&mut self, record: &Record) -> Option<Activation> {
        match &record.body {
            Body::Verdict(event) => return self.spoke(record, event),
            Body::Alarm(event) => self.said(record.position, event),
            Body::Maintenance(event) => self.maintained(event),
            Body::Plant(plant) => self.put_in_force(plant),
            Body::Trace(event) => self.worked(event),
            Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Epoch(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Case(_)
            | Body::Dropped => {}
        }
        None
    }

    /// All of which something was said, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&AlarmKey, &Alarm)> {
        self.known.iter()
    }

    /// One of them; `None` if nothing was ever said of it.
    pub fn find(&self, key: &AlarmKey) -> Option<&Alarm> {
        self.known.get(key)
    }

    /// Until when nobody is told of it.
    pub fn shelf(&self, key: &AlarmKey) -> Option<&Shelf> {
        self.shelved.get(key)
    }

    /// Whether it stays active until somebody has seen it.
    pub fn latches(&self, key: &AlarmKey) -> bool {
        self.latched.contains(key)
    }

    /// In which state it is.
    pub fn state(&self, key: &AlarmKey) -> AlarmState {
        let alarm = self.known.get(key);
        if alarm.is_some_and(|alarm| alarm.out_of_service.is_some()) {
            return AlarmState::OutOfService;
        }
        if self.shelved.contains_key(key) {
            return AlarmState::Shelved;
        }
        let Some(alarm) = alarm else { return AlarmState::Normal };
        match (alarm.stands(), alarm.is_acknowledged()) {
            (true, _) if self.is_suppressed(key) => AlarmState::Suppressed,
            (true, false) => AlarmState::UnacknowledgedActive,
            (true, true) => AlarmState::AcknowledgedActive,
            (false, false) if self.latches(key) => AlarmState::Latched,
            (false, false) => AlarmState::ReturnedUnacknowledged,
            (false, true) => AlarmState::Normal,
        }
    }

    /// Whether it is active: something stands against it, or it stays so until it was seen.
    pub fn is_active(&self, key: &AlarmKey) -> bool {
        let latched = |alarm: &Alarm| !alarm.is_acknowledged() && self.latches(key);
        self.known.get(key).is_some_and(|alarm| alarm.stands() || latched(alarm))
    }

    /// Whether somebody is told that it is active.
    pub fn is_told(&self, key: &AlarmKey) -> bool {
        match self.state(key) {
            AlarmState::UnacknowledgedActive
            | AlarmState::AcknowledgedActive
            | AlarmState::Latched => true,
            AlarmState::Normal
            | AlarmState::ReturnedUnacknowledged
            | AlarmState::Shelved
            | AlarmState::Suppressed
            | AlarmState::OutOfService => false,
        }
    }

    /// Whether nothing but what goes by production stands against it, and its station does not produce.
    pub fn is_suppressed(&self, key: &AlarmKey) -> bool {
        let statistical = |alarm: &Alarm| {
            alarm.stands() && alarm.against.keys().all(|(rule, _)| rule.is_of_baseline())
        };
        self.idle.contains(&key.0) && self.known.get(key).is_some_and(statistical)
    }

    /// Whether it is the one of those of its station that came when no other was told. What was not told meanwhile may have
    /// come before it.
    pub fn is_first(&self, key: &AlarmKey) -> bool {
        if !self.known.get(key).is_some_and(|alarm| alarm.first) || !self.is_told(key) {
            return false;
        }
        let firsts = self.iter().filter(|(of, alarm)| of.0 == key.0 && alarm.first);
        let told = firsts.filter(|(of, _)| self.is_told(of));
        let began = |alarm: &Alarm| alarm.began.as_ref().map(|began| began.position);
        told.min_by_key(|(_, alarm)| began(alarm)).is_some_and(|(first, _)| first == key)
    }

    /// Whether this can be done with it.
    pub fn allows(&self, key: &AlarmKey, step: AlarmStep) -> bool {
        let alarm = self.known.get(key);
        let is = |of: fn(&Alarm) -> bool| alarm.is_some_and(of);
        match step {
            AlarmStep::Acknowledge => is(|alarm| !alarm.is_acknowledged()),
            AlarmStep::Confirm => is(|alarm| alarm.is_acknowledged() && !alarm.is_confirmed()),
            AlarmStep::Comment => true,
            AlarmStep::Shelve => !self.shelved.contains_key(key),
            AlarmStep::Unshelve => self.shelved.contains_key(key),
            AlarmStep::OutOfService => !is(|alarm| alarm.out_of_service.is_some()),
            AlarmStep::InService => is(|alarm| alarm.out_of_service.is_some()),
            AlarmStep::Lapse => false,
        }
    }

    /// Those whose time on the shelf is over by now.
    pub fn lapsed(&self, now: Utc) -> BTreeMap<StationId, Vec<MonitorId>> {
        let mut over: BTreeMap<StationId, Vec<MonitorId>> = BTreeMap::new();
        // One that is farther away than any may be was shelved by a clock that went ahead.
        let is_over = |shelf: &Shelf| shelf.until <= now || shelf.until.since(now) > SHELVE_MAX;
        for ((station, monitor), _) in self.shelved.iter().filter(|(_, shelf)| is_over(shelf)) {
            over.entry(station.clone()).or_default().push(monitor.clone());
        }
        over
    }

    /// When the next one's is.
    pub fn next_lapse(&self) -> Option<Utc> {
        self.shelved.values().map(|shelf| shelf.until).min()
    }

    fn spoke(&mut self, record: &Record, event: &VerdictEvent) -> Option<Activation> {
        // What was over when it became known says nothing of now.
        if event.over.is_some() {
            return None;
        }
        let key = (event.station.clone(), event.monitor.clone());
        let making = event.making();
        let stands = match event.verdict {
            Verdict::Warning => true,
            // A limit says by it that the value is inside, and that another rule's drift stands.
            Verdict::Drift => event.rule != Rule::Limit,
            Verdict::InControl | Verdict::NoData => false,
        };
        if !stands {
            let forgotten = event.is_forgotten();
            self.end(&key, event.time, |rule, of| {
                *of != making || !(rule == event.rule || forgotten && rule.is_of_baseline())
            });
            return None;
        }
        let was_active = self.is_active(&key);
        let alone = !was_active && !self.iter().any(|(of, _)| of.0 == key.0 && self.is_told(of));
        let alarm = self.known.entry(key.clone()).or_default();
        let stood = alarm.stands();
        let before = alarm.against.insert((event.rule, making), event.side);
        // A master that is shown is another fact each time; a rule that says the same again is none.
        let again = before == Some(event.side) && event.rule != Rule::Master;
        if again || (stood && event.joins.is_some()) {
            return None;
        }
        let (position, recorded) = (record.position, record.at.wall);
        let raised = Raised { position, time: event.time, recorded, rule: event.rule };
        if !was_active {
            (alarm.began, alarm.first) = (Some(raised.clone()), alone);
        }
        alarm.raised = Some(raised.clone());
        (alarm.acknowledged, alarm.confirmed, alarm.returned) = (None, None, None);
        self.is_told(&key).then_some(Activation { key, raised })
    }

    /// Ends what is not kept; what was on the shelf until then is taken off.
    fn end(&mut self, key: &AlarmKey, at: Utc, keeps: impl Fn(Rule, &Making) -> bool) {
        let ended = self.known.get_mut(key).is_some_and(|alarm| alarm.keep(at, keeps));
        if ended && self.shelved.get(key).is_some_and(|shelf| shelf.one_shot) {
            self.shelved.remove(key);
        }
    }

    fn said(&mut self, position: Position, event: &AlarmEvent) {
        let AlarmEvent { station, monitors, step, who, text, until, one_shot, time } = event;
        for monitor in monitors {
            let key = (station.clone(), monitor.clone());
            let said = AlarmSaid { position, time: *time, who: *who, text: text.clone() };
            let alarm = self.known.entry(key.clone()).or_default();
            match step {
                AlarmStep::Acknowledge => alarm.acknowledged = Some(said),
                AlarmStep::Confirm => alarm.confirmed = Some(said),
                AlarmStep::Comment => alarm.comment = Some(said),
                AlarmStep::OutOfService => alarm.out_of_service = Some(said),
                AlarmStep::InService => alarm.out_of_service = None,
                AlarmStep::Shelve => {
                    let (until, one_shot) = (until.unwrap_or(*time), *one_shot);
                    self.shelved.insert(key, Shelf { until, one_shot, by: said });
                }
                AlarmStep::Unshelve | AlarmStep::Lapse => drop(self.shelved.remove(&key)),
            }
        }
    }

    fn maintained(&mut self, event: &MaintenanceEvent) {
        let all: Vec<AlarmKey> = self.known.keys().cloned().collect();
        for key in all.iter().filter(|(station, monitor)| event.ends(station, monitor)) {
            self.end(key, event.time, |rule, _| !rule.is_of_baseline() && !rule.is_of_trend());
        }
    }

    /// What is said of a monitor that is gone is over with it: it comes back as a new one.
    fn put_in_force(&mut self, plant: &PlantLoaded) {
        let there: BTreeSet<&AlarmKey> = plant.monitors.iter().collect();
        self.known.retain(|key, _| there.contains(key));
        self.shelved.retain(|key, _| there.contains(key));
        self.latched = plant.latched.iter().cloned().collect();
        self.idle.retain(|station| plant.stations.contains(station));
    }

    fn worked(&mut self, event: &TraceEvent) {
        let Some(station) = event.station.as_ref().filter(|_| event.works_on().is_some()) else {
            return;
        };
        if event.purpose == Purpose::Production {
            self.idle.remove(station);
        } else {
            self.idle.insert(station.clone());
        }
    }
}
