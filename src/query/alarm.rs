//! Alarms: how they stand, who has seen them, and how many an operator is told of. What stands is folded in `condition`, by the
//! rule that the engine goes by.
use super::Drafted;
use super::reason::Reasons;
use super::view::View;
use crate::condition::{AlarmKey, AlarmLoad, AlarmSaid, AlarmState, Alarms, Load, Raised, Shelf};
use crate::model::{Interval, MonitorId, Position, Record, Rule, StationId, Utc};
use minicbor::{Decode, Encode};

/// All alarms, and those that came of late.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct AlarmLog {
    #[n(0)]
    alarms: Alarms,
    #[n(1)]
    load: Load,
}

impl AlarmLog {
    pub(super) fn take(&mut self, record: &Record) {
        if let Some(activation) = self.alarms.take(record) {
            self.load.take(&activation);
        }
    }

    /// How the alarm of a monitor stands, as a word.
    pub(super) fn state(&self, station: &StationId, monitor: &MonitorId) -> AlarmState {
        self.alarms.state(&(station.clone(), monitor.clone()))
    }

    /// Whether a record told of an alarm.
    pub(super) fn told(&self, position: Position) -> bool {
        self.load.has(position)
    }

    fn view(&self, key: AlarmKey) -> AlarmView {
        let alarm = self.alarms.find(&key).cloned().unwrap_or_default();
        AlarmView {
            state: self.alarms.state(&key),
            active: self.alarms.is_active(&key),
            acknowledged: alarm.is_acknowledged(),
            confirmed: alarm.is_confirmed(),
            suppressed: self.alarms.is_suppressed(&key),
            latch: self.alarms.latches(&key),
            first: self.alarms.is_first(&key),
            rules: alarm.rules(),
            shelf: self.alarms.shelf(&key).cloned(),
            station: key.0,
            monitor: key.1,
            began: alarm.began,
            raised: alarm.raised,
            returned: alarm.returned,
            acknowledged_by: alarm.acknowledged,
            confirmed_by: alarm.confirmed,
            comment: alarm.comment,
            out_of_service: alarm.out_of_service,
        }
    }
}

/// How the alarm of one monitor, or master, stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct AlarmView {
    /// Where.
    pub station: StationId,
    /// Of what.
    pub monitor: MonitorId,
    /// In one word of ISA-18.2.
    pub state: AlarmState,
    /// A rule stands against it, or it is latched.
    pub active: bool,
    /// What was told last was seen; so is what was never told.
    pub acknowledged: bool,
    /// What was told last is done with.
    pub confirmed: bool,
    /// Nobody is told since its station does not produce.
    pub suppressed: bool,
    /// It stays active until it was seen.
    pub latch: bool,
    /// Of those of its station that are told it came first.
    pub first: bool,
    /// The rules that stand against it.
    pub rules: Vec<Rule>,
    /// Since when it is, or was last, active without a break.
    pub began: Option<Raised>,
    /// What was told last.
    pub raised: Option<Raised>,
    /// When nothing stood against it any more.
    pub returned: Option<Utc>,
    /// Who has seen what was told last.
    pub acknowledged_by: Option<AlarmSaid>,
    /// Who says that it is done with.
    pub confirmed_by: Option<AlarmSaid>,
    /// What was last said about it.
    pub comment: Option<AlarmSaid>,
    /// Who took it out of service.
    pub out_of_service: Option<AlarmSaid>,
    /// Until when it is shelved, by whom, and why.
    pub shelf: Option<Shelf>,
}

/// The alarms of all stations, or of one, what was told last first: those in a state, or all that are not normal.
pub(super) fn draft(
    memory: &View<'_>,
    station: Option<&StationId>,
    state: Option<AlarmState>,
) -> Drafted<Vec<AlarmView>> {
    let named = memory.monitors.in_plant().iter();
    let named = named.filter(|(at, _)| station.is_none_or(|station| station == at));
    let mut views: Vec<AlarmView> = named.map(|key| memory.alarms.view(key.clone())).collect();
    let reasons = unobserved(memory, views.iter().map(|view| &view.station));
    views.retain(|view| match state {
        Some(state) => view.state == state,
        None => view.state != AlarmState::Normal,
    });
    let told = |view: &AlarmView| view.raised.as_ref().map(|raised| raised.position);
    views.sort_by_key(|view| std::cmp::Reverse(told(view)));
    Drafted::new(memory, reasons, views)
}

/// How many alarms an operator is told of, at a time.
pub(super) fn load(memory: &View<'_>, now: Utc) -> Drafted<AlarmLoad> {
    let stations = memory.monitors.in_plant().iter().map(|(station, _)| station);
    let AlarmLog { alarms, load } = &memory.alarms;
    Drafted::new(memory, unobserved(memory, stations), load.at(now, alarms))
}

/// What is not observed now: nobody knows what stands against it.
fn unobserved<'s>(memory: &View<'_>, stations: impl Iterator<Item = &'s StationId>) -> Reasons {
    let now = Interval { from: Utc(i64::MAX), to: None };
    let mut reasons = Reasons::default();
    stations.for_each(|station| reasons.station(memory, station, now));
    reasons
}
