//! Faults as RFC 9457 problems: a title, a sentence that helps, and what else the client can use.
use super::commands::{CommandFault, reasons};
use crate::model::Position;
use crate::query::{Candidate, Resolution, Resolved};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A fault, as it is told to a client.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub(super) struct Problem {
    #[serde(serialize_with = "status")]
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) detail: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) candidates: Vec<Candidate>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reasons: Vec<String>,
    /// Of plant files, one by one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) faults: Vec<serde_json::Value>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn status<S: serde::Serializer>(status: &StatusCode, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u16(status.as_u16())
}

impl Problem {
    pub(super) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            title: status.canonical_reason().unwrap_or("Problem"),
            detail: detail.into(),
            candidates: Vec::new(),
            reasons: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The request is not as it must be.
    pub(super) fn request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// Nothing recorded has this id; or that cannot be said yet, as long as records up to this one are read
    /// again after a start, as it was before it was looked for.
    pub(super) fn unknown(id: &str, filling: Option<Position>) -> Self {
        if let Some(last) = filling {
            let detail = format!(
                "whether anything recorded has the id `{id}` is not known yet: since the start not all records up to {last} were read; ask again"
            );
            return Self::new(StatusCode::SERVICE_UNAVAILABLE, detail);
        }
        let detail = format!(
            "nothing recorded has the id `{id}`; a code counts letter by letter, zeros in front included"
        );
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// A text that does not lead to one item: with those that it leads to, or that come near, each with why.
    pub(super) fn unresolved(
        id: &str,
        resolution: &Resolution,
        indexing: Option<Position>,
    ) -> Self {
        if let Resolved::Candidates(candidates) = &resolution.found {
            let detail =
                format!("{} items have the id `{id}`; ask for one of them", candidates.len());
            let candidates = candidates.clone();
            return Self { candidates, ..Self::new(StatusCode::MULTIPLE_CHOICES, detail) };
        }
        let mut problem = Self::unknown(id, indexing);
        let Resolution { read_as, wrong, near, left_out, .. } = resolution;
        if !read_as.is_empty() {
            problem.detail += &format!("; it was read as {}", read_as.join(", or as "));
        }
        for why in wrong {
            problem.detail += &format!("; {why}");
        }
        if *left_out > 0 {
            problem.detail += &format!("; {left_out} more come near than are named");
        }
        Self { candidates: near.clone(), ..problem }
    }
}

impl From<CommandFault> for Problem {
    fn from(fault: CommandFault) -> Self {
        let status = match &fault {
            CommandFault::Refused(_) => StatusCode::CONFLICT,
            CommandFault::Busy => StatusCode::TOO_MANY_REQUESTS,
            CommandFault::Void | CommandFault::Stopped => StatusCode::SERVICE_UNAVAILABLE,
            CommandFault::Late => StatusCode::GATEWAY_TIMEOUT,
        };
        let detail = fault.to_string();
        let reasons =
            if let CommandFault::Refused(why) = &fault { reasons(why) } else { Vec::new() };
        Self { reasons, ..Self::new(status, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}
