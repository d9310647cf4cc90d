//! `POST /api/v1/adopt`: a stretch of the tape is played, and what differs is recorded.
use super::commands::CommandFault;
use super::problem::Problem;
use super::serve::Site;
use crate::model::{Position, Text, Utc};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// What is to be played and recorded.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Adopt {
    /// From then on; from the begin of the tape if not told.
    #[serde(default)]
    pub from: Option<Utc>,
    /// Up to then; to the end if not told.
    #[serde(default)]
    pub to: Option<Utc>,
    /// Names and texts of plant files; those that were in force if not told.
    #[serde(default)]
    pub plant: Option<Vec<(String, String)>>,
    /// Why what is recorded counts no more.
    pub reason: Text,
    /// Who says so.
    pub badge: Text,
}

/// Somebody wants a replay adopted.
#[derive(Debug)]
pub struct AdoptAsked {
    /// What.
    pub adopt: Adopt,
    /// What came of it.
    pub answer: oneshot::Sender<Result<AdoptDone, AdoptFault>>,
}

/// What came of an adoption.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AdoptDone {
    /// Differences that are recorded now.
    pub adopted: usize,
    /// The last record of them, durable; `None` if there was nothing to record.
    pub position: Option<Position>,
    /// Events that are what the tape gives.
    pub same: u64,
    /// Events that cannot be held against the tape.
    pub not_replayable: usize,
    /// Differences that can be recorded once the mounts that were recorded now are known.
    pub waiting: u64,
}

/// Why nothing, or not all, was adopted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdoptFault {
    /// The plant files are wrong; the report as `check` prints it.
    #[error("{0}")]
    Plant(String),
    /// The tape or the ledger could not be played.
    #[error("the tape was not played: {0}")]
    Replay(String),
    /// It was not recorded. What was recorded before it stays; asking again goes on with the rest.
    #[error("{adopted} differences are recorded, the others are not: {fault}")]
    Command {
        /// Recorded before.
        adopted: usize,
        /// Why.
        fault: CommandFault,
    },
    /// Another one is under way.
    #[error("another replay is being adopted; try again when it is done")]
    Busy,
    /// The daemon is shutting down.
    #[error("the daemon is stopping; try again when it runs")]
    Stopped,
}

impl From<AdoptFault> for Problem {
    fn from(fault: AdoptFault) -> Self {
        let status = match &fault {
            AdoptFault::Plant(_) => StatusCode::UNPROCESSABLE_ENTITY,
            AdoptFault::Replay(_) => StatusCode::INTERNAL_SERVER_ERROR,
            AdoptFault::Command { .. } | AdoptFault::Busy | AdoptFault::Stopped => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        };
        Self::new(status, fault.to_string())
    }
}

/// Hands adoptions to the daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AdoptPort(mpsc::Sender<AdoptAsked>);

impl AdoptPort {
    /// They go into this queue; when it is full, callers are told to come again.
    pub fn new(queue: mpsc::Sender<AdoptAsked>) -> Self {
        Self(queue)
    }

    async fn send(&self, adopt: Adopt) -> Result<AdoptDone, AdoptFault> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(AdoptAsked { adopt, answer }).map_err(|refused| match refused {
            TrySendError::Full(_) => AdoptFault::Busy,
            TrySendError::Closed(_) => AdoptFault::Stopped,
        })?;
        answered.await.map_err(|_| AdoptFault::Stopped)?
    }
}

/// `POST /api/v1/adopt`: 200 once all records are durable. It takes as long as the replay does.
pub(super) async fn adopt(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted = super::api::json(&headers, body)?;
    let adopt = serde_json::from_slice(&wanted).map_err(|why| {
        Problem::request(format!(
            "the body is no adoption: {why}; one is `{{\"reason\":\"…\",\"badge\":\"…\",\"from\":\"2026-11-23T06:00:00Z\"}}`"
        ))
    })?;
    let done = site.state.adoptions.send(adopt).await?;
    Ok(Json(done).into_response())
}
