//! `POST /api/v1/reload`: the plant files are read anew.
use super::commands::CommandFault;
use super::problem::Problem;
use super::serve::Site;
use crate::model::{Position, Text};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};

/// Somebody wants the plant files read anew.
#[derive(Debug)]
pub struct ReloadAsked {
    /// Who.
    pub badge: Text,
    /// What came of it.
    pub answer: oneshot::Sender<Result<Reloaded, ReloadFault>>,
}

/// What came of a reload.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Reloaded {
    /// Of the plant in force.
    pub hash: String,
    /// Its record; `None` if it was in force already.
    pub position: Option<Position>,
    /// Devices whose connections go on.
    pub untouched: usize,
    /// Devices that were begun, or begun anew.
    pub begun: usize,
    /// Devices that are no more.
    pub removed: usize,
    /// What somebody should look at, as `check` prints it; empty if nothing.
    pub warnings: String,
}

/// Why the old plant stays in force.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReloadFault {
    /// The files could not be read.
    #[error("{0}")]
    Unread(String),
    /// The files are wrong.
    #[error("{text}")]
    Faults {
        /// The report as `check` prints it.
        text: String,
        /// The faults one by one, as `check --json` gives them.
        faults: Vec<serde_json::Value>,
    },
    /// It was not carried out.
    #[error(transparent)]
    Command(#[from] CommandFault),
}

impl From<ReloadFault> for Problem {
    fn from(fault: ReloadFault) -> Self {
        let detail = fault.to_string();
        match fault {
            ReloadFault::Unread(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
            ReloadFault::Faults { faults, .. } => {
                Self { faults, ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail) }
            }
            ReloadFault::Command(fault) => fault.into(),
        }
    }
}

/// Hands reloads to the daemon. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ReloadPort(mpsc::Sender<ReloadAsked>);

impl ReloadPort {
    /// Reloads go into this queue; when it is full, callers are told to come again.
    pub fn new(queue: mpsc::Sender<ReloadAsked>) -> Self {
        Self(queue)
    }

    async fn send(&self, badge: Text) -> Result<Reloaded, ReloadFault> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(ReloadAsked { badge, answer }).map_err(|refused| match refused {
            TrySendError::Full(_) => CommandFault::Busy,
            TrySendError::Closed(_) => CommandFault::Stopped,
        })?;
        answered.await.map_err(|_| CommandFault::Stopped)?
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    badge: Text,
}

/// `POST /api/v1/reload`: 200 once the plant's record is durable; 422 with all faults if the files are
/// refused, and the plant that was in force stays so.
pub(super) async fn reload(
    State(site): State<Arc<Site>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let wanted = super::api::json(&headers, body)?;
    let Wanted { badge } = serde_json::from_slice(&wanted).map_err(|why| {
        Problem::request(format!("the body is no reload: {why}; one is `{{\"badge\":\"…\"}}`"))
    })?;
    let done = site.state.reloads.send(badge).await?;
    Ok(Json(done).into_response())
}
