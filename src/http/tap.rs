//! The live stream: tags as they change, what fired and why not, records as they become durable.
use super::problem::Problem;
use super::serve::Site;
use crate::model::plant::Plant;
use crate::model::{DeviceId, Notice, Sample, TagName, Utc, Value};
use crate::query::EventView;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::broadcast::error::RecvError;

/// More do not watch at a time.
pub(super) const WATCHERS_MAX: usize = 16;

/// One line of the live stream.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum TapEvent {
    /// A tag changed.
    Sample {
        /// Whose.
        device: DeviceId,
        /// Which.
        tag: TagName,
        /// What was read.
        value: Value,
        /// Its quality, as OPC UA names it.
        quality: String,
        /// The device's own time of the value, if it gives one.
        source: Option<Utc>,
        /// When it reached us.
        receive: Utc,
    },
    /// The registers of a tag as they were read, whether or not they changed.
    Raw {
        /// Whose.
        device: DeviceId,
        /// Which.
        tag: TagName,
        /// Each register, in hexadecimal.
        words: Vec<String>,
        /// What they say in every order.
        readings: Vec<Reading>,
        /// When they were read.
        at: Utc,
    },
    /// Something that a PLC engineer wants to see, and that is no record.
    Notice(Notice),
    /// A record became durable.
    Event(EventView),
    /// So many lines were not shown: the watcher is too slow.
    Missed(u64),
}

/// What registers say in one order.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Reading {
    /// `ABCD` and so on as in plant files; empty where no order matters.
    pub order: String,
    /// The value, or why it is none.
    pub value: String,
    /// Whether it is the order of the plant file.
    pub configured: bool,
}

/// What to show.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Wanted {
    /// Registers at every look; nothing else.
    #[serde(default)]
    raw: bool,
}

impl TapEvent {
    /// A sample with the names of its tag and device.
    pub fn sample(plant: &Plant, sample: &Sample) -> Self {
        let tag = plant.tag(sample.tag);
        Self::Sample {
            device: plant.device(tag.device).id.clone(),
            tag: tag.name.clone(),
            value: sample.value.clone(),
            quality: sample.quality.to_string(),
            source: sample.source,
            receive: sample.receive,
        }
    }

    fn line(&self) -> String {
        let json = serde_json::to_string(self);
        json.unwrap_or_else(|why| format!("{{\"unreadable\":\"{why}\"}}")) + "\n"
    }
}

/// `GET /api/v1/tap`: newline-delimited JSON, from now until the client or the daemon ends it. With
/// `raw=true` the registers of Modbus devices at every look, instead.
pub(super) async fn tap(
    State(site): State<Arc<Site>>,
    Query(Wanted { raw }): Query<Wanted>,
) -> Response {
    let shown = if raw { &site.state.raw } else { &site.state.tap };
    if shown.receiver_count() >= WATCHERS_MAX {
        let why = format!("{WATCHERS_MAX} watch already; end one of them and try again");
        return Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response();
    }
    let lines =
        stream::unfold((shown.subscribe(), site.stop.clone()), |(mut events, stop)| async move {
            // Cancel-safe: a receive that is dropped loses nothing.
            let event = tokio::select! {
                () = stop.cancelled() => return None,
                event = events.recv() => event,
            };
            let line = match event {
                Ok(event) => event.line(),
                Err(RecvError::Lagged(count)) => TapEvent::Missed(count).line(),
                Err(RecvError::Closed) => return None,
            };
            Some((Ok::<_, Infallible>(line), (events, stop)))
        });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response()
}
