//! What of the ledger can be checked without us: checkpoints, the key that they are signed with, proofs.
use super::api::{Asked, Parameters, parameters};
use super::named::one;
use super::problem::Problem;
use super::serve::Site;
use crate::model::{Origin, Position, Utc};
use crate::query::ItemView;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeSet;
use std::sync::Arc;

/// A signed note is text.
const TEXT: &str = "text/plain; charset=utf-8";

/// What this room asks of whoever signs. It may take long: it is asked on threads that may block.
pub trait Notary: Send + Sync {
    /// The public key, in the form of signed notes.
    fn key(&self) -> String;
    /// The last checkpoint, with its signature.
    fn latest(&self) -> Option<String>;
    /// The last checkpoints, oldest first.
    fn recent(&self, count_max: usize) -> Result<Vec<CheckpointView>, NotaryFault>;
    /// The file that proves these records, and that nothing was changed since an earlier checkpoint.
    fn prove(
        &self,
        about: &str,
        positions: &BTreeSet<Position>,
        earlier: Option<&str>,
    ) -> Result<Vec<u8>, NotaryFault>;
}

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct CheckpointView {
    /// Whose ledger.
    pub origin: Origin,
    /// Records under it.
    pub size: u64,
    /// Their Merkle root, hexadecimal.
    pub root: String,
    /// When it was signed.
    pub time: Utc,
    /// The text that is signed, with the signature.
    pub note: String,
}

/// Why there is no checkpoint, or no proof.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotaryFault {
    /// The ledger is not the one that was signed before.
    #[error("{0}")]
    Contradiction(String),
    /// The file of checkpoints.
    #[error("{0}")]
    Unkept(String),
    /// What was given as an earlier checkpoint is none of this ledger.
    #[error("the earlier checkpoint does not count: {0}")]
    Earlier(String),
    /// Nothing was signed yet.
    #[error("there is no checkpoint yet: nothing is recorded")]
    Empty,
    /// The ledger does not give the proof.
    #[error("{0}")]
    Unproven(String),
}

impl From<NotaryFault> for Problem {
    fn from(fault: NotaryFault) -> Self {
        let status = match &fault {
            NotaryFault::Contradiction(_) => StatusCode::CONFLICT,
            NotaryFault::Unkept(_) => StatusCode::SERVICE_UNAVAILABLE,
            NotaryFault::Earlier(_) => StatusCode::BAD_REQUEST,
            NotaryFault::Empty => StatusCode::NOT_FOUND,
            NotaryFault::Unproven(_) => StatusCode::UNPROCESSABLE_ENTITY,
        };
        Self::new(status, fault.to_string())
    }
}

/// A list of checkpoints.
#[derive(Debug, serde::Serialize)]
struct Listing {
    key: String,
    body: Vec<CheckpointView>,
}

/// `GET /api/v1/ledger/key`
pub(super) async fn key(State(site): State<Arc<Site>>) -> Response {
    let key = format!("{}\n", site.state.notary.key());
    ([(header::CONTENT_TYPE, TEXT)], key).into_response()
}

/// `GET /api/v1/ledger/checkpoint`: the last one, a C2SP signed note.
pub(super) async fn checkpoint(State(site): State<Arc<Site>>) -> Result<Response, Problem> {
    let note = site.state.notary.latest().ok_or(NotaryFault::Empty)?;
    Ok(([(header::CONTENT_TYPE, TEXT)], note).into_response())
}

/// `GET /api/v1/ledger/checkpoints?limit=`: the last ones, oldest first.
pub(super) async fn checkpoints(
    State(site): State<Arc<Site>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let limit = parameters(asked)?.limit()?;
    let notary = Arc::clone(&site.state.notary);
    let body = site.ask("checkpoints", move |_| notary.recent(limit)).await??;
    Ok(Json(Listing { key: site.state.notary.key(), body }).into_response())
}

/// `GET /api/v1/ledger/proof?id=&position=&earlier=`: the file that proves the records of an item, or
/// one record, and with `earlier`, a checkpoint, that nothing was changed since.
pub(super) async fn proof(
    State(site): State<Arc<Site>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let asked = parameters(asked)?;
    let earlier = asked.earlier();
    let wanted = wanted(&site, &asked, earlier.is_some()).await?;
    let notary = Arc::clone(&site.state.notary);
    let (about, positions) = wanted;
    let prove = move || notary.prove(&about, &positions, earlier.as_deref());
    let proof = site.ask("proof", move |_| prove()).await??;
    Ok(([(header::CONTENT_TYPE, "application/octet-stream")], proof).into_response())
}

/// What is to be proven: in words, and by record.
async fn wanted(
    site: &Site,
    asked: &Parameters,
    is_earlier: bool,
) -> Result<(String, BTreeSet<Position>), Problem> {
    match (asked.given_id(), asked.position()) {
        (None, None) if is_earlier => Ok((String::new(), BTreeSet::new())),
        (None, Some(position)) => {
            let last = site.ask("position", |source| source.position()).await?;
            if !(Position(1)..=last).contains(&position) {
                let why = format!("there is no record {position}; the last one is {last}");
                return Err(Problem::new(StatusCode::NOT_FOUND, why));
            }
            Ok((format!("record {position}"), BTreeSet::from([position])))
        }
        (Some(id), None) => {
            site.ask("item", move |source| {
                let indexing = source.indexing();
                let key = one(source, &id, None)?;
                // Of its history not all can be read yet: less is not proven in its place.
                let item = source.item(&key, Position(u64::MAX));
                let item = item.filter(|_| indexing.is_none());
                let item = item.ok_or_else(|| Problem::unknown(&id, indexing))?;
                Ok((key.to_string(), history(&item.body)))
            })
            .await?
        }
        (Some(_), Some(_)) => {
            Err(Problem::request("one of `id` and `position` is proven at a time"))
        }
        (None, None) => Err(Problem::request(
            "what is to be proven is missing: `?id=u/site/SN-1` or `?position=7`",
        )),
    }
}

/// The records of an item's own history, those included that do not count any more and those that
/// took them back.
fn history(item: &ItemView) -> BTreeSet<Position> {
    let steps = item.steps.iter().map(|step| step.position);
    let gone = item.superseded.iter().flat_map(|gone| [gone.step.position, gone.by]);
    steps.chain(gone).collect()
}
