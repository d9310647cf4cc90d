//! One condition in full, its chart and its capability, made up.
use super::plant::{at, gap, key, station, suspect_window};
use crate::condition::Capability;
use crate::model::{
    Baseline, Interval, MonitorId, Onset, Position, Rule, Side, StationId, Ucum, Verdict,
    VerdictEvent,
};
use crate::query::{
    AlarmCount, AlarmLoad, AlarmSaid, AlarmState, AlarmView, Answer, BaselineView, Before,
    CapabilityRow, CapabilityView, ChartAsked, ChartValue, ChartView, Completeness, ConditionShown,
    ConditionView, Incomplete, Raised, StaleAlarm, SuspectCause, SuspectView, SuspectWindow,
    VerdictView, WatchedView,
};

fn temp() -> MonitorId {
    MonitorId::parse("temp").unwrap()
}

fn is_known((at, monitor): (&StationId, &MonitorId)) -> bool {
    at.as_str() == "PRESS10" && *monitor == temp()
}

fn baseline() -> Baseline {
    Baseline {
        centre_line: 65.0,
        sigma: 1.5,
        phi: 0.2,
        n: 300,
        version: 1,
        spread: None,
        group: None,
    }
}

fn onset() -> Onset {
    Onset { estimate: at(10), earliest: Some(at(5)), latest: at(20) }
}

pub(super) fn view() -> ConditionView {
    ConditionView {
        station: station("PRESS10"),
        monitor: temp(),
        rule: Some(Rule::Ewma),
        rules: vec![Rule::Ewma],
        verdict: Verdict::Drift,
        side: Some(Side::High),
        statistic: Some(71.25),
        limit: Some(70.5),
        since: Some(at(30)),
        onset: Some(onset()),
        baseline: Some(baseline()),
        unit: Some(Ucum::parse("Cel").unwrap()),
        position: Some(Position(33)),
        product: None,
        recipe: None,
        alarm: AlarmState::UnacknowledgedActive,
        contributors: Vec::new(),
    }
}

fn window() -> SuspectWindow {
    let interval = Interval { from: at(5), to: None };
    let (cause, closed) = (SuspectCause::Drift, None);
    let (monitor, likely) = (temp(), Some(onset().estimate));
    let window = suspect_window();
    SuspectWindow { monitor, cause, interval, closed, bounded: false, likely, ..window }
}

fn watches() -> WatchedView {
    let measurement = Some("result.temp".to_owned());
    WatchedView {
        tag: None,
        measurement,
        group: Vec::new(),
        low: None,
        high: Some(70.0),
        deadband: Some(1.0),
    }
}

fn baselines() -> Vec<BaselineView> {
    let (product, recipe, until) = (None, None, None);
    vec![BaselineView {
        since: at(0),
        position: Position(9),
        baseline: baseline(),
        product,
        recipe,
        until,
    }]
}

fn verdicts() -> Vec<VerdictView> {
    let event = VerdictEvent {
        station: station("PRESS10"),
        monitor: temp(),
        rule: Rule::Ewma,
        verdict: Verdict::Drift,
        side: Some(Side::High),
        statistic: Some(71.25),
        limit: Some(70.5),
        time: at(30),
        onset: Some(onset()),
        baseline: Some(baseline()),
        item: None,
        unit: Some(Ucum::parse("Cel").unwrap()),
        over: None,
        joins: None,
        test: None,
        quality: None,
        product: None,
        recipe: None,
        reaches: None,
        contributors: Vec::new(),
    };
    let text = "temp at PRESS10 has <drifted>".to_owned();
    vec![VerdictView { position: Position(33), text, event }]
}

pub(super) fn condition(
    of: (&StationId, &MonitorId),
    items_max: usize,
) -> Option<Answer<ConditionShown>> {
    is_known(of).then(|| {
        let items = [key("u/site/SN-1"), super::plant::hostile()];
        let left_out = items.len().saturating_sub(items_max);
        let items: Vec<_> = items.into_iter().take(items_max).collect();
        let confirmed = items.iter().take(1).cloned().collect();
        let body = ConditionShown {
            condition: view(),
            watches: Some(watches()),
            suspects: vec![SuspectView { window: window(), items, confirmed, left_out }],
            baselines: baselines(),
            verdicts: verdicts(),
            verdicts_left_out: 3,
        };
        let (station, position) = (station("PRESS10"), Position(12));
        let unobserved = Incomplete::Unobserved { station, position, gap: gap() };
        let completeness = Completeness::Incomplete(vec![unobserved]);
        Answer { position: Position(42), completeness, body }
    })
}

pub(super) fn chart(of: &ChartAsked) -> Option<Answer<ChartView>> {
    is_known((&of.station, &of.monitor)).then(|| {
        let value = |seconds, value, item: &str, quality: &str| ChartValue {
            time: at(seconds),
            value,
            item: key(item),
            quality: quality.to_owned(),
            position: Position(30),
        };
        let all = [
            value(0, Some(65.5), "u/site/SN-0", "Good"),
            value(10, None, "u/site/SN-1", "BadOutOfRange"),
            value(20, Some(69.0), "u/site/SN-2", "Good"),
        ];
        let left_out = all.len().saturating_sub(of.values_max);
        let before = Before { time: at(10), position: Position(30) };
        let body = ChartView {
            station: of.station.clone(),
            monitor: of.monitor.clone(),
            unit: Some(Ucum::parse("Cel").unwrap()),
            interval: of.within,
            values: all.into_iter().skip(left_out).collect(),
            no_values: None,
            truncated: left_out > 0,
            before: (left_out > 0).then_some(before),
            baselines: baselines(),
            watches: Some(watches()),
            verdicts: verdicts(),
            verdicts_left_out: 0,
            windows: vec![window()],
        };
        let completeness = Completeness::Complete;
        Answer { position: Position(42), completeness, body }
    })
}

pub(super) fn capability(
    of: (&StationId, &MonitorId),
    within: Interval,
) -> Option<Answer<CapabilityView>> {
    is_known(of).then(|| {
        let row = CapabilityRow {
            product: None,
            unit: Some(Ucum::parse("Cel").unwrap()),
            low: None,
            high: Some(70.0),
            first: at(0),
            last: at(20),
            other_unit: 0,
            capability: Capability::of([Some(65.0), None, Some(66.0)], None, Some(70.0)),
        };
        let body = CapabilityView {
            station: of.0.clone(),
            monitor: of.1.clone(),
            interval: within,
            verdict: Verdict::Drift,
            rows: vec![row],
            no_values: None,
            truncated: false,
            before: None,
        };
        let completeness = Completeness::Complete;
        Answer { position: Position(42), completeness, body }
    })
}

/// A shelf is full, and this is seen.
pub(super) fn alarms(
    station: Option<&StationId>,
    state: Option<AlarmState>,
) -> Option<Answer<Vec<AlarmView>>> {
    if station.is_some_and(|station| station.as_str() != "PRESS10") {
        return None;
    }
    let who = Some(crate::model::PersonKey::new([7; 32]).token("4711"));
    let seen = AlarmSaid { position: Position(34), time: at(40), who, text: None };
    let view = AlarmView {
        station: self::station("PRESS10"),
        monitor: temp(),
        state: AlarmState::AcknowledgedActive,
        active: true,
        acknowledged: true,
        confirmed: false,
        suppressed: false,
        latch: false,
        first: true,
        rules: vec![Rule::Ewma],
        began: Some(raised()),
        raised: Some(raised()),
        returned: None,
        acknowledged_by: Some(seen),
        confirmed_by: None,
        comment: None,
        out_of_service: None,
        shelf: None,
    };
    let body = vec![view].into_iter().filter(|view| state.is_none_or(|state| view.state == state));
    let completeness = Completeness::Complete;
    Some(Answer { position: Position(42), completeness, body: body.collect() })
}

fn raised() -> Raised {
    Raised { position: Position(33), time: at(30), recorded: at(31), rule: Rule::Ewma }
}

pub(super) fn alarm_load() -> Answer<AlarmLoad> {
    let (station, monitor) = (station("PRESS10"), temp());
    let count = AlarmCount { station: station.clone(), monitor: monitor.clone(), count: 4 };
    let body = AlarmLoad {
        at: at(60),
        ten_minutes: 4,
        hour: 4,
        day: 4,
        at_least: false,
        flood: None,
        chattering: vec![count.clone()],
        stale: vec![StaleAlarm { station, monitor, since: raised() }],
        most: vec![count],
        most_share: Some(1.0),
        active: 1,
        unacknowledged: 0,
        shelved: 2,
    };
    Answer { position: Position(42), completeness: Completeness::Complete, body }
}
