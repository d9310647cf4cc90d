//! Cases of recall. What is recorded of one is what the daemon found itself: nobody brings a hash.
use super::json;
use super::parameters::{Asked, Parameters, parameters};
use super::questions::recalled;
use crate::http::Source;
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::{CaseId, CaseStep, Command, Position, Text};
use crate::query::{CaseShown, CaseView, Freezing, Unfrozen};
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

type Answered = Result<Response, Problem>;
type Sent = Result<Bytes, BytesRejection>;

/// What somebody says who changes a case.
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    reason: Text,
    badge: Text,
    /// The last record of the case that he looked at; whatever it is, if not told.
    #[serde(default)]
    last: Option<Position>,
}

/// What came of it.
#[derive(Debug, serde::Serialize)]
struct Done {
    case: CaseId,
    position: Position,
    #[serde(flatten)]
    step: serde_json::Value,
}

impl From<Unfrozen> for Problem {
    fn from(why: Unfrozen) -> Self {
        let status = match why {
            Unfrozen::Unknown => StatusCode::NOT_FOUND,
            Unfrozen::TooLong => StatusCode::BAD_REQUEST,
            Unfrozen::Lags(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, why.to_string())
    }
}

fn said(headers: &HeaderMap, body: Sent) -> Result<Said, Problem> {
    let body = json(headers, body)?;
    serde_json::from_slice(&body).map_err(|why| {
        Problem::request(format!(
            "the body does not say why and who: {why}; it is `{{\"reason\":\"…\",\"badge\":\"…\"}}`, and what is recalled is asked as `/api/v1/recall` is"
        ))
    })
}

pub(super) fn named(id: &str) -> Result<CaseId, Problem> {
    id.parse().map_err(Problem::request)
}

/// The case, or that there is none; as long as records are read again, that it is not known.
fn known(source: &dyn Source, id: CaseId) -> Result<CaseView, Problem> {
    let filling = source.filling();
    source.case(id).ok_or_else(|| no_case(id, filling))
}

fn no_case(id: CaseId, filling: Option<Position>) -> Problem {
    if filling.is_some() {
        return Problem::unknown(&id.to_string(), filling);
    }
    let why = format!("there is no case {id}; `/api/v1/cases` has those that there are");
    Problem::new(StatusCode::NOT_FOUND, why)
}

/// `GET /api/v1/cases?as_of=`: all cases with their history, the newest first.
pub(in crate::http) async fn cases(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let as_of = parameters(asked)?.as_of();
    let ask = move |source: &dyn Source| {
        let position = source.position().min(as_of);
        serde_json::json!({ "position": position, "body": source.cases(as_of) })
    };
    Ok(Json(site.ask("cases", ask).await?).into_response())
}

/// `GET /api/v1/cases/{id}`: a case, its question asked again as of then, and what came since.
pub(in crate::http) async fn case(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
) -> Answered {
    let id = named(&id)?;
    Ok(Json(site.ask("case", move |source| again(source, id)).await??).into_response())
}

/// A case with its question asked again.
pub(super) fn again(source: &dyn Source, id: CaseId) -> Result<CaseShown, Problem> {
    let filling = source.filling();
    source.case_again(id).ok_or_else(|| no_case(id, filling))?.map_err(Problem::from)
}

/// `POST /api/v1/cases`, with what is recalled as `/api/v1/recall` is asked: 200 with the name of the case once it is durable.
pub(in crate::http) async fn open(
    State(site): State<Arc<Site>>,
    asked: Asked,
    headers: HeaderMap,
    body: Sent,
) -> Answered {
    let (said, asked) = (said(&headers, body)?, parameters(asked)?);
    let freeze = move |source: &dyn Source| frozen(source, &asked);
    let Freezing { frozen, .. } = site.ask("recall", freeze).await??;
    record(&site, CaseStep::Opened { frozen }, said).await
}

/// What is asked, frozen.
fn frozen(source: &dyn Source, asked: &Parameters) -> Result<Freezing, Problem> {
    let of = recalled(source, asked)?;
    let filling = source.filling();
    source.freeze(&of, asked.as_of()).map_err(|why| match why {
        Unfrozen::Unknown => Problem::unknown(&of.about(), filling),
        Unfrozen::TooLong | Unfrozen::Lags(_) => why.into(),
    })
}

/// `POST /api/v1/cases/{id}/revise`, with what is recalled from now on: another answer takes the place of the one before.
pub(in crate::http) async fn revise(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    asked: Asked,
    headers: HeaderMap,
    body: Sent,
) -> Answered {
    let (said, asked, id) = (said(&headers, body)?, parameters(asked)?, named(&id)?);
    let seen = said.last;
    let decide = move |source: &dyn Source| {
        let view = known(source, id)?;
        let Freezing { frozen, answer } = frozen(source, &asked)?;
        let before = view.frozen().ok_or_else(|| no_case(id, None))?;
        let difference = source.since(before, &answer.body)?;
        let (came, went) = difference.counts();
        let last = seen.unwrap_or(view.last);
        Ok::<_, Problem>(CaseStep::Revised { case: id, last, frozen, came, went })
    };
    let step = site.ask("recall", decide).await??;
    record(&site, step, said).await
}

/// `POST /api/v1/cases/{id}/close`: it is over.
pub(in crate::http) async fn close(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Sent,
) -> Answered {
    let (said, case) = (said(&headers, body)?, named(&id)?);
    let view = site.ask("case", move |source| known(source, case)).await??;
    let last = said.last.unwrap_or(view.last);
    record(&site, CaseStep::Closed { case, last }, said).await
}

async fn record(site: &Site, step: CaseStep, said: Said) -> Answered {
    let told = match &step {
        CaseStep::Opened { frozen } => serde_json::json!({ "frozen": frozen }),
        CaseStep::Revised { frozen, came, went, .. } => {
            serde_json::json!({ "frozen": frozen, "came": came, "went": went })
        }
        CaseStep::Closed { .. } => serde_json::json!({}),
    };
    let follows = step.follows();
    let Said { reason, badge, .. } = said;
    let position = site.state.commands.send(Command::Case { step, reason, badge }).await?;
    let case = follows.map_or(CaseId(position), |(case, _)| case);
    Ok(Json(Done { case, position, step: told }).into_response())
}
