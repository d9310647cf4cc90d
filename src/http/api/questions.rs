//! The questions, answered as JSON.
use super::parameters::{Asked, Parameters, parameters};
use crate::http::Source;
use crate::http::named::one;
use crate::http::problem::Problem;
use crate::http::serve::Site;
use crate::model::{ItemClass, ItemKey, Position};
use crate::query::{Answer, RecallOf, Resolved, WhyAsked};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

type Answered = Result<Response, Problem>;

/// A list with the position it was computed at.
#[derive(Debug, Serialize)]
pub(super) struct Listing<T> {
    pub(super) position: Position,
    pub(super) body: Vec<T>,
}

/// `GET /api/v1/resolve?id=`: what a typed, pasted or scanned text is, or which items come near.
pub(in crate::http) async fn resolve(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let id = parameters(asked)?.id()?;
    let resolve = move |source: &dyn Source| {
        let indexing = source.indexing();
        let resolution = source.resolve(&id, None);
        match resolution.found {
            Resolved::Unknown if indexing.is_some() => Err(Problem::unknown(&id, indexing)),
            Resolved::Item(_) | Resolved::Candidates(_) | Resolved::Unknown => Ok(resolution),
        }
    };
    let resolved = site.ask("resolve", resolve).await??;
    Ok(Json(resolved).into_response())
}

/// `GET /api/v1/item?id=&as_of=`: one item with its as-built record and direct links both ways.
pub(in crate::http) async fn item(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (id, as_of) = (asked.id()?, asked.as_of());
    about(&site, "item", (id, None), move |source, key| source.item(key, as_of)).await
}

/// `GET /api/v1/trace?id=&direction=&depth=&as_of=`: everything reached from an item.
pub(in crate::http) async fn trace(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (id, direction, depth) = (asked.id()?, asked.direction()?, asked.depth());
    let as_of = asked.as_of();
    about(&site, "trace", (id, None), move |source, key| source.trace(key, direction, depth, as_of))
        .await
}

/// `GET /api/v1/recall?lot=&as_of=`: everything that a lot went into; or `?station=&from=&to=&where=&as_of=`: everything
/// that was at a station within a time, and everything that contains that; with `where=tool=T7 and torque>8.2` only
/// that on which the work was so; or `?window=&as_of=`: everything that was worked on in the suspect window that this
/// record opened.
pub(in crate::http) async fn recall(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let as_of = asked.as_of();
    let answer = site
        .ask("recall", move |source| {
            let of = recalled(source, &asked)?;
            let filling = source.filling();
            source.recall(&of, as_of).ok_or_else(|| Problem::unknown(&of.about(), filling))
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/holds?as_of=`: what is on hold, by whom and why, and how much it went into.
pub(in crate::http) async fn holds(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let as_of = parameters(asked)?.as_of();
    Ok(Json(site.ask("holds", move |source| source.holds(as_of)).await?).into_response())
}

/// What is recalled: the one lot that a text names, or the work at a station.
pub(super) fn recalled(source: &dyn Source, asked: &Parameters) -> Result<RecallOf, Problem> {
    match asked.work()? {
        Some(of) => Ok(of),
        None => one(source, &asked.lot()?, Some(ItemClass::Lot)).map(RecallOf::Lot),
    }
}

/// `GET /api/v1/yield?station=&from=&to=&as_of=`: what stations completed in a time, and how much was right at
/// once.
pub(in crate::http) async fn yields(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (station, interval, as_of) = (asked.station()?, asked.interval()?, asked.as_of());
    let answer = site
        .ask("yield", move |source| {
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str());
            let unknown = || Problem::unknown(named, filling);
            source.yields(station.as_ref(), interval, as_of).ok_or_else(unknown)
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/suspects?station=&limit=&as_of=`: when stations may have been wrong, the last first, and what was
/// made there meanwhile; `limit` is how many items of a window are named.
pub(in crate::http) async fn suspects(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (station, limit, as_of) = (asked.station()?, asked.limit()?, asked.as_of());
    let answer = site
        .ask("suspects", move |source| {
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str());
            let unknown = || Problem::unknown(named, filling);
            source.suspects(station.as_ref(), limit, as_of).ok_or_else(unknown)
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/maintenance?station=&open=&as_of=`: which monitors ask for maintenance, who looks after them, what was done, and
/// whether it helped; with `open=true` only what is still waited for.
pub(in crate::http) async fn maintenance(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (station, open, as_of) = (asked.station()?, asked.open(), asked.as_of());
    let answer = site
        .ask("maintenance", move |source| {
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str());
            let unknown = || Problem::unknown(named, filling);
            source.maintenance(station.as_ref(), open, as_of).ok_or_else(unknown)
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/maintenance/schedules?station=`: what is maintained after so much use, how much that was, and how much is left.
pub(in crate::http) async fn schedules(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let station = parameters(asked)?.station()?;
    let answer = site
        .ask("schedules", move |source| {
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str());
            let unknown = || Problem::unknown(named, filling);
            source.schedules(station.as_ref()).ok_or_else(unknown)
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/why?ids=&station=&from=&to=&limit=&as_of=`: why these items, or all that failed, went bad; `limit` is
/// how many items of a cause are named.
pub(in crate::http) async fn why(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (ids, station, interval) = (asked.ids(), asked.station()?, asked.interval()?);
    let (items_max, as_of) = (asked.limit()?, asked.as_of());
    let answer = site
        .ask("why", move |source| {
            let bad: Vec<ItemKey> =
                ids.iter().map(|id| one(source, id, None)).collect::<Result<_, _>>()?;
            let filling = source.filling();
            let named = station.as_ref().map_or("", |id| id.as_str()).to_owned();
            let asked = WhyAsked { bad, station, interval, items_max };
            source.why(&asked, as_of).ok_or_else(|| Problem::unknown(&named, filling))
        })
        .await??;
    Ok(Json(answer).into_response())
}

/// `GET /api/v1/events?after=&limit=`: records, oldest first; ask again after the last one.
pub(in crate::http) async fn events(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let (after, limit) = (asked.after(), asked.limit()?);
    let ask = move |source: &dyn Source| {
        let (known, body) = (source.position(), source.events(after, limit));
        // What is not in the index yet is not nothing.
        let position = match source.indexing() {
            Some(_) => body.last().map_or(after.min(known), |event| event.position),
            None => known,
        };
        Listing { position, body }
    };
    Ok(Json(site.ask("events", ask).await?).into_response())
}

/// `GET /api/v1/stations`
pub(in crate::http) async fn stations(State(site): State<Arc<Site>>) -> Answered {
    list(&site, "stations", |source| source.stations()).await
}

/// `GET /api/v1/gaps?limit=`: newest first.
pub(in crate::http) async fn gaps(State(site): State<Arc<Site>>, asked: Asked) -> Answered {
    let asked = parameters(asked)?;
    let limit = asked.limit()?;
    list(&site, "gaps", move |source| source.gaps(limit)).await
}

/// `GET /api/v1/devices`
pub(in crate::http) async fn devices(State(site): State<Arc<Site>>) -> Answered {
    let position = site.ask("position", |source| source.position()).await?;
    Ok(Json(Listing { position, body: (site.state.devices)() }).into_response())
}

async fn list<T: Serialize + Send + 'static>(
    site: &Site,
    name: &'static str,
    ask: impl FnOnce(&dyn Source) -> Vec<T> + Send + 'static,
) -> Answered {
    // The position first: what comes in between is shown, and not yet counted.
    let ask = |source: &dyn Source| Listing { position: source.position(), body: ask(source) };
    Ok(Json(site.ask(name, ask).await?).into_response())
}

/// Asks about the one item that a text names, of a class if that is told.
async fn about<T: Serialize + Send + 'static>(
    site: &Site,
    name: &'static str,
    (id, wanted): (String, Option<ItemClass>),
    ask: impl FnOnce(&dyn Source, &ItemKey) -> Option<Answer<T>> + Send + 'static,
) -> Answered {
    let answer = site
        .ask(name, move |source| {
            let key = one(source, &id, wanted)?;
            ask(source, &key).ok_or_else(|| Problem::unknown(&id, source.indexing()))
        })
        .await??;
    Ok(Json(answer).into_response())
}
