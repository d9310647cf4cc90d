//! The JSON API under `/api/v1`, and what machines ask: `/live`, `/ready`, `/metrics`.
mod alarms;
mod cases;
mod conditions;
mod drills;
mod parameters;
mod questions;
mod sheets;

pub(super) use alarms::{alarms, load as alarm_load};
pub(super) use cases::{
    case, cases, close as close_case, open as open_case, revise as revise_case,
};
pub(super) use conditions::{capability, chart, condition, conditions, no_monitor};
pub(super) use drills::{coverage, drill};
pub(super) use parameters::{Asked, Parameters, parameters};
pub(super) use questions::{
    devices, events, gaps, holds, item, maintenance, recall, resolve, schedules, stations,
    suspects, trace, why, yields,
};

pub(super) use sheets::{of_case as case_sheets, of_recall as sheets};

use super::named;
use super::problem::Problem;
use super::serve::Site;
use crate::model::{Command, Position};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// `GET /live`: the loop turns.
pub(super) async fn live() -> &'static str {
    "alive\n"
}

/// `GET /ready`: 200 if the daemon can do its work, else 503 with the reasons.
pub(super) async fn ready(State(site): State<Arc<Site>>) -> Response {
    let reasons = site.state.readiness.borrow().reasons();
    if reasons.is_empty() {
        return Json(serde_json::json!({ "ready": true })).into_response();
    }
    let why = format!("not ready: {}", reasons.join("; "));
    Problem { reasons, ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, why) }.into_response()
}

/// `GET /metrics`: Prometheus text format 0.0.4.
pub(super) async fn metrics(State(site): State<Arc<Site>>) -> impl IntoResponse {
    alarms::show(&site).await;
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], site.metrics.text())
}

/// The body of a request that changes something.
pub(super) fn json(
    headers: &HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Bytes, Problem> {
    // A page of another site can send a form without asking, yet no JSON.
    let json = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if json.is_none_or(|kind| kind.split(';').next().map(str::trim) != Some("application/json")) {
        let why = "a command is JSON: send it with `Content-Type: application/json`";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, why));
    }
    body.map_err(|why| Problem::new(why.status(), why.body_text()))
}

/// `POST /api/v1/commands`: 200 with the position of the record once it is durable.
pub(super) async fn commands(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let body = json(&headers, body)?;
    let none = |why: serde_json::Error| {
        Problem::request(format!(
            "the body is no command: {why}; one is `{{\"hold\":{{\"item\":\"u/site/SN-1\",\"reason\":\"…\",\"badge\":\"…\"}}}}`"
        ))
    };
    let mut said: serde_json::Value = serde_json::from_slice(&body).map_err(none)?;
    for at in named::ABOUT {
        let Some(item) = named::loose(&mut said, at) else { continue };
        let text = item.as_str().unwrap_or_default().to_owned();
        let key = site.ask("resolve", move |source| named::one(source, &text, None)).await??;
        *item = key.to_string().into();
    }
    let command: Command = serde_json::from_value(said).map_err(none)?;
    if let Command::Release { item, of: Some(of), .. } = &command {
        let (item, of) = (item.clone(), of.clone());
        site.ask("item", move |source| named::kept(source, &item, &of)).await??;
    }
    let position: Position = site.state.commands.send(command).await?;
    Ok(Json(serde_json::json!({ "position": position })).into_response())
}
