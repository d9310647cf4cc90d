//! What is done with alarms: the words of operators, and the end of what was shelved for a time.
use super::Engine;
use crate::condition::AlarmKey;
use crate::model::plant::Station;
use crate::model::{
    AlarmAsked, AlarmEvent, AlarmStep, Answer, Body, CommandId, Effect, MonitorId, Refusal,
    SHELVE_MAX, Step, similar,
};
use std::collections::BTreeSet;
use std::time::Duration;

impl Engine {
    /// Does what an operator wants, or says all that speaks against it.
    pub(super) fn on_alarm(&mut self, step: &mut Step, id: CommandId, asked: &AlarmAsked) {
        let time = step.at.wall;
        let put_away = Some(asked).filter(|asked| asked.step == AlarmStep::Shelve);
        let outcome = self.alarms_of(asked).map(|monitors| AlarmEvent {
            station: asked.station.clone(),
            monitors,
            step: asked.step,
            who: Some(self.capture.person(&asked.badge)),
            text: asked.text.clone(),
            until: put_away.map(|asked| time.plus(shelved_for(asked))),
            one_shot: put_away.is_some_and(|asked| asked.one_shot),
            time,
        });
        let outcome = outcome.map(|event| self.capture.record(step, Body::Alarm(event)));
        step.effect(Effect::Answer(Answer { id, outcome }));
    }

    /// The alarms that are meant, in order; all that is wrong with what is asked at once.
    fn alarms_of(&self, asked: &AlarmAsked) -> Result<Vec<MonitorId>, Vec<Refusal>> {
        let AlarmAsked { station: id, step, monitors, .. } = asked;
        let stations = self.capture.plant().into_iter().flat_map(|plant| &plant.stations);
        let Some(station) = stations.into_iter().find(|station| station.id == *id) else {
            return Err(vec![Refusal::UnknownStation(id.clone())]);
        };
        let mut refusals = incomplete(asked);
        let named: BTreeSet<&MonitorId> = monitors.iter().collect();
        let meant = if named.is_empty() { self.applicable(station, *step) } else { named };
        if meant.is_empty() {
            refusals.push(Refusal::NoAlarm { station: id.clone(), step: *step });
        }
        let all = || super::state::names(station);
        for monitor in &meant {
            if !all().any(|known| known == *monitor) {
                let hint =
                    similar::hint(monitor.as_str(), "monitors", all().map(MonitorId::as_str));
                let (station, monitor) = (id.clone(), (*monitor).clone());
                refusals.push(Refusal::UnknownMonitor { station, monitor, hint });
            } else if !self.alarms.allows(&(id.clone(), (*monitor).clone()), *step) {
                let key = (id.clone(), (*monitor).clone());
                let is = self.alarms.state(&key).as_str();
                let (station, monitor) = key;
                refusals.push(Refusal::AlarmIs { station, monitor, step: *step, is });
            }
        }
        let meant = meant.into_iter().cloned().collect();
        if refusals.is_empty() { Ok(meant) } else { Err(refusals) }
    }

    /// Those of a station that this can be done with; where that is no matter, those that are active.
    fn applicable<'s>(&self, station: &'s Station, step: AlarmStep) -> BTreeSet<&'s MonitorId> {
        let can = |monitor: &&MonitorId| {
            let key: AlarmKey = (station.id.clone(), (*monitor).clone());
            let active = || self.alarms.is_active(&key);
            self.alarms.allows(&key, step) && (!step.needs_text() || active())
        };
        super::state::names(station).filter(can).collect()
    }

    /// Records what is over by itself by now.
    pub(super) fn end_shelves(&mut self, step: &mut Step) {
        // Before there is a plant nothing is told anyway.
        if self.conditions.is_none() {
            return;
        }
        for (station, monitors) in self.alarms.lapsed(step.at.wall) {
            let event = AlarmEvent {
                station,
                monitors,
                step: AlarmStep::Lapse,
                who: None,
                text: None,
                until: None,
                one_shot: false,
                time: step.at.wall,
            };
            self.capture.record(step, Body::Alarm(event));
        }
    }
}

/// Not longer than this; until it returns to normal is at most the longest time.
fn shelved_for(asked: &AlarmAsked) -> Duration {
    asked.seconds.map_or(SHELVE_MAX, |seconds| Duration::from_secs(seconds.into()))
}

/// What is wanting in what is asked, whatever the alarms are.
fn incomplete(asked: &AlarmAsked) -> Vec<Refusal> {
    let AlarmAsked { step, text, seconds, one_shot, .. } = asked;
    let mut refusals = Vec::new();
    if step.needs_text() && text.is_none() {
        refusals.push(Refusal::NoReason(*step));
    }
    let is_shelf = *step == AlarmStep::Shelve;
    match seconds {
        None if is_shelf && !one_shot => refusals.push(Refusal::NoTime),
        Some(seconds) if is_shelf => {
            let time = Duration::from_secs((*seconds).into());
            if time.is_zero() || time > SHELVE_MAX {
                refusals.push(Refusal::ShelfTime(*seconds));
            }
        }
        None | Some(_) => {}
    }
    refusals
}
