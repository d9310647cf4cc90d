//! Whom to tell of what has left.
use super::cases::{again, named};
use super::parameters::{Asked, parameters};
use super::questions::recalled;
use crate::http::Source;
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::{Position, Text};
use crate::query::{Answer, Completeness, Recall, Sheet};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The sheets of an answer.
#[derive(Debug, serde::Serialize)]
struct Told {
    position: Position,
    completeness: Completeness,
    /// Whether it is the answer that was frozen; nothing for a recall.
    #[serde(skip_serializing_if = "Option::is_none")]
    same: Option<bool>,
    sheets: Vec<Sheet>,
}

impl Told {
    fn of(
        source: &dyn Source,
        contacts: &BTreeMap<Text, Text>,
        answer: Answer<Recall>,
        same: Option<bool>,
    ) -> Self {
        let sheets = source.sheets(&answer, contacts);
        let Answer { position, completeness, .. } = answer;
        Self { position, completeness, same, sheets }
    }
}

/// `GET /api/v1/sheets`, asked as `/api/v1/recall` is: whom to tell of what it found to have left.
pub(in crate::http) async fn of_recall(
    State(site): State<Arc<Site>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (asked, contacts) = (parameters(asked)?, Arc::clone(&site.state.contacts));
    let ask = move |source: &dyn Source| {
        let of = recalled(source, &asked)?;
        let filling = source.filling();
        let answer = source.recall(&of, asked.as_of());
        let answer = answer.ok_or_else(|| Problem::unknown(&of.about(), filling))?;
        Ok::<_, Problem>(Told::of(source, &contacts, answer, None))
    };
    Ok(Json(site.ask("sheets", ask).await??).into_response())
}

/// `GET /api/v1/cases/{id}/sheets`: whom to tell of what had left when it was frozen.
pub(in crate::http) async fn of_case(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let (id, contacts) = (named(&id)?, Arc::clone(&site.state.contacts));
    let ask = move |source: &dyn Source| {
        let shown = again(source, id)?;
        let gone = || {
            let why = format!("nothing that {id} asked about is recorded any more");
            Problem::new(StatusCode::NOT_FOUND, why)
        };
        let answer = shown.answer.ok_or_else(gone)?;
        Ok::<_, Problem>(Told::of(source, &contacts, answer, Some(shown.same)))
    };
    Ok(Json(site.ask("sheets", ask).await??).into_response())
}
