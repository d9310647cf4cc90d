//! Alarms: how they stand, and how many an operator is told of.
use super::parameters::{Asked, parameters};
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::similar;
use crate::query::AlarmState;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

type Answered = Result<Response, Problem>;

/// `GET /api/v1/alarms?station=&state=`: the alarms in a state, or all that are not normal, what was told last first.
pub(in crate::http) async fn alarms(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (station, state) = (asked.station()?, asked.state()?);
    let answer = site
        .ask("alarms", move |source| {
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str());
            let unknown = || Problem::unknown(named, filling);
            source.alarms(station.as_ref(), state).ok_or_else(unknown)
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/alarms/load`: how many alarms an operator is told of now, which chatter, and which stand for too long.
pub(in crate::http) async fn load(State(site): State<Arc<Site>>) -> Answered {
    let now = (site.now)().wall;
    let answer = site.ask("alarm-load", move |source| source.alarm_load(now)).await?;
    Ok(Json(answer).into_response())
}

/// Shows in the metrics how alarms stand now: some of it changes by time alone.
pub(super) async fn show(site: &Site) {
    let (source, now) = (Arc::clone(&site.state.source), (site.now)().wall);
    // Nobody who looks at metrics waits until long questions are answered.
    let load = tokio::task::spawn_blocking(move || source.alarm_load(now).body).await;
    let Ok(load) = load else { return };
    let m = &site.metrics;
    let counts = [
        (&m.alarms_active, load.active),
        (&m.alarms_unacknowledged, load.unacknowledged),
        (&m.alarms_shelved, load.shelved),
        (&m.alarms_stale, load.stale.len()),
        (&m.alarm_chattering, load.chattering.len()),
        (&m.alarm_flood, usize::from(load.flood.is_some())),
    ];
    for (gauge, count) in counts {
        gauge.with_label_values::<&str>(&[]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
}

/// A state by its word.
pub(super) fn state(word: &str) -> Result<AlarmState, Problem> {
    let found = AlarmState::ALL.into_iter().find(|state| state.as_str() == word);
    found.ok_or_else(|| {
        let hint =
            similar::hint(word, "states", AlarmState::ALL.iter().map(|state| state.as_str()));
        Problem::request(format!("`state` is `{word}`; {hint}"))
    })
}
