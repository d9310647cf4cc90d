//! Conditions: all of them, one in full, its chart and its capability.
use super::parameters::{Asked, parameters};
use super::questions::Listing;
use crate::http::Source;
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::{MonitorId, Position, StationId, Verdict, similar};
use crate::query::{Answer, ChartAsked};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

type Answered = Result<Response, Problem>;
/// A station and a monitor of it, as a path names them.
type Named = Path<(String, String)>;

/// Items that are named of a suspect window, if not told.
const ITEMS: usize = 1_000;
/// More items of a window are not named: `/api/v1/recall?window=` has all.
const ITEMS_MAX: usize = 100_000;
/// Values of a chart, if not told.
const POINTS: usize = 200;
/// More values of a chart are not given at once: ask again with `before`.
const POINTS_MAX: usize = 2_000;
/// Values that a capability is computed of, if not told.
const SAMPLE: usize = 1_000;
/// More values are not computed with at once: ask again with `before`.
const SAMPLE_MAX: usize = 10_000;

/// `GET /api/v1/conditions?station=&verdict=`: all monitors in the order of the plant.
pub(in crate::http) async fn conditions(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (station, verdict) = (asked.station()?, asked.verdict()?);
    let ask = move |source: &dyn Source| {
        // The position first: what comes in between is shown, and not yet counted.
        let position = source.position();
        let mut body = source.conditions();
        body.retain(|of| {
            station.as_ref().is_none_or(|station| of.station == *station)
                && verdict.is_none_or(|verdict| of.verdict == verdict)
        });
        Listing { position, body }
    };
    Ok(Json(site.ask("conditions", ask).await?).into_response())
}

/// `GET /api/v1/conditions/{station}/{monitor}?limit=`: a monitor with all that is known of its condition; `limit` is how
/// many items of a suspect window are named.
pub(in crate::http) async fn condition(
    State(site): State<Arc<Site>>,
    named: Named,
    asked: Asked,
) -> Answered {
    let limit = parameters(asked)?.limit_of(ITEMS, ITEMS_MAX)?;
    about(&site, "condition", named, move |source, (station, monitor)| {
        source.condition(station, monitor, limit)
    })
    .await
}

/// `GET /api/v1/conditions/{station}/{monitor}/chart?from=&to=&before=&limit=`: the last values of a time with what they
/// were held against and what was said of them; those before them are asked for with the `before` of the answer.
pub(in crate::http) async fn chart(
    State(site): State<Arc<Site>>,
    named: Named,
    asked: Asked,
) -> Answered {
    let asked = parameters(asked)?;
    let (within, before) = (asked.interval()?, asked.before()?);
    let values_max = asked.limit_of(POINTS, POINTS_MAX)?;
    about(&site, "chart", named, move |source, (station, monitor)| {
        let (station, monitor) = (station.clone(), monitor.clone());
        source.chart(&ChartAsked { station, monitor, within, before, values_max })
    })
    .await
}

/// `GET /api/v1/conditions/{station}/{monitor}/capability?from=&to=&before=&limit=`: how well the last values of a time fit
/// between their specification limits, by product.
pub(in crate::http) async fn capability(
    State(site): State<Arc<Site>>,
    named: Named,
    asked: Asked,
) -> Answered {
    let asked = parameters(asked)?;
    let (within, before) = (asked.interval()?, asked.before()?);
    let values_max = asked.limit_of(SAMPLE, SAMPLE_MAX)?;
    about(&site, "capability", named, move |source, of| {
        source.capability(of, (within, before), values_max)
    })
    .await
}

/// Asks about the monitor that a path names.
async fn about<T: serde::Serialize + Send + 'static>(
    site: &Site,
    question: &'static str,
    Path((station, monitor)): Named,
    ask: impl FnOnce(&dyn Source, (&StationId, &MonitorId)) -> Option<Answer<T>> + Send + 'static,
) -> Answered {
    let answer = site
        .ask(question, move |source| {
            let filling = source.filling();
            let of = StationId::parse(&station).ok().zip(MonitorId::parse(&monitor).ok());
            let answer = of.and_then(|(station, monitor)| ask(source, (&station, &monitor)));
            answer.ok_or_else(|| no_monitor((&station, &monitor), source, filling))
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// There is no such monitor, and which comes near; or that cannot be said as long as records are read again.
pub(in crate::http) fn no_monitor(
    (station, monitor): (&str, &str),
    source: &dyn Source,
    filling: Option<Position>,
) -> Problem {
    let written = format!("{station}.{monitor}");
    if filling.is_some() {
        return Problem::unknown(&written, filling);
    }
    let all = source.conditions();
    let names: Vec<String> =
        all.iter().map(|of| format!("{}.{}", of.station, of.monitor)).collect();
    let hint = similar::hint(&written, "monitors", names.iter().map(String::as_str));
    Problem::new(StatusCode::NOT_FOUND, format!("there is no monitor `{written}`; {hint}"))
}

/// A verdict by its word.
pub(super) fn verdict(word: &str) -> Result<Verdict, Problem> {
    let all = [
        ("in-control", Verdict::InControl),
        ("warning", Verdict::Warning),
        ("drift", Verdict::Drift),
        ("no-data", Verdict::NoData),
    ];
    let found = all.iter().find(|(known, _)| *known == word).map(|(_, verdict)| *verdict);
    found.ok_or_else(|| {
        let hint = similar::hint(word, "verdicts", all.iter().map(|(known, _)| *known));
        Problem::request(format!("`verdict` is `{word}`; {hint}"))
    })
}
