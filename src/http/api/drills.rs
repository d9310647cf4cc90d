//! Drills of a recall, and of how much of what was finished all steps are on record.
use super::parameters::{Asked, parameters};
use crate::http::Source;
use crate::http::named::one;
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::ItemClass;
use crate::query::{Coverage, Direction, MockOf, Undrilled, seed_at};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

impl From<Undrilled> for Problem {
    fn from(why: Undrilled) -> Self {
        match why {
            Undrilled::Nothing | Undrilled::TooLarge(_) => {
                Self::new(StatusCode::NOT_FOUND, why.to_string())
            }
            Undrilled::Unfrozen(why) => why.into(),
        }
    }
}

/// `GET /api/v1/drill-recall?of=&direction=`: a recall of an item as a drill, with how long it took and what of its
/// answer can be acted upon; or `?seed=&direction=` of one that is drawn, by the time if no seed is told. Nothing of it
/// is recorded.
pub(in crate::http) async fn drill(
    State(site): State<Arc<Site>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let asked = parameters(asked)?;
    let (direction, named) = (asked.drilled()?, asked.of_drill()?);
    let seed = asked.seed().unwrap_or_else(|| seed_at(site.wall()));
    let contacts = Arc::clone(&site.state.contacts);
    let ask = move |source: &dyn Source| {
        let filling = source.filling();
        let of = match &named {
            Some(text) => {
                let lot = (direction == Direction::Forward).then_some(ItemClass::Lot);
                MockOf::Item(one(source, text, lot)?)
            }
            // What is drawn while records are still read would be drawn among some of them.
            None if filling.is_some() => return Err(not_yet()),
            None => MockOf::Drawn(seed, None),
        };
        source.drill(&of, direction, &contacts).map_err(Problem::from)
    };
    Ok(Json(site.ask("drill", ask).await??).into_response())
}

fn not_yet() -> Problem {
    let why = "nothing can be drawn yet: since the start not all records were read; ask again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, why)
}

/// `GET /api/v1/coverage?from=&to=`: of how many items that were finished in a time, the last week if not told, every
/// step that the plant demands is on record without a gap.
pub(in crate::http) async fn coverage(
    State(site): State<Arc<Site>>,
    asked: Asked,
) -> Result<Response, Problem> {
    let interval = parameters(asked)?.recent(Coverage::SPAN, site.wall())?;
    let ask = move |source: &dyn Source| source.coverage(interval);
    Ok(Json(site.ask("coverage", ask).await?).into_response())
}
