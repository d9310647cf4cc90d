//! The pages. They work without JavaScript, on paper and offline; a template escapes all that it shows.
mod condition;
mod item;
mod start;
mod words;

pub use words::in_query;

use super::api::no_monitor;
use super::problem::Problem;
use super::serve::Site;
use crate::model::Position;
use crate::model::{MonitorId, StationId};
use crate::query::{Candidate, Resolution, Resolved};
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use condition::ConditionPage;
use item::ItemPage;
use start::StartPage;
use std::sync::Arc;

/// What was typed into the box.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    id: String,
}

/// Which condition.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Monitored {
    station: String,
    monitor: String,
}

/// Several items have the id that was typed, or come near it.
#[derive(Template)]
#[template(path = "choose.html")]
struct ChoosePage {
    typed: String,
    title: &'static str,
    text: String,
    /// Name, address and why.
    candidates: Vec<(String, String, String)>,
}

impl ChoosePage {
    fn new(typed: String, title: &'static str, text: String, of: &[Candidate]) -> Self {
        let row =
            |of: &Candidate| (words::item(&of.item), words::address(&of.item), of.why.to_string());
        Self { typed, title, text, candidates: of.iter().map(row).collect() }
    }
}

/// There is nothing to show, and why.
#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    typed: String,
    title: &'static str,
    text: String,
}

/// `GET /`
pub(super) async fn start(State(site): State<Arc<Site>>) -> Response {
    let devices = (site.state.devices)();
    match site.ask("start", move |source| StartPage::new(source, devices)).await {
        Ok(page) => html(StatusCode::OK, &page),
        Err(problem) => failed(String::new(), problem),
    }
}

/// What a typed text leads to.
enum Found {
    Item(Box<ItemPage>),
    /// Not one: or that is not known yet.
    Other(Resolution, Option<Position>),
}

/// `GET /item?id=`: the page of whatever was typed.
pub(super) async fn item(
    State(site): State<Arc<Site>>,
    typed: Result<Query<Typed>, QueryRejection>,
) -> Response {
    let id = match typed {
        Ok(Query(Typed { id })) => id.trim().to_owned(),
        Err(why) => return failed(String::new(), Problem::request(why.body_text())),
    };
    if id.is_empty() {
        return Redirect::to("/").into_response();
    }
    let asked = id.clone();
    let found = site
        .ask("item", move |source| {
            let indexing = source.indexing();
            let resolution = source.resolve(&asked, None);
            let item = if let Resolved::Item(key) = &resolution.found {
                source.item(key, Position(u64::MAX))
            } else {
                None
            };
            let other = Found::Other(resolution, indexing);
            item.map_or(other, |answer| Found::Item(Box::new(ItemPage::new(answer))))
        })
        .await;
    match found {
        Ok(Found::Item(page)) => html(StatusCode::OK, &*page),
        Ok(Found::Other(_, Some(last))) => {
            let problem = Problem::unknown(&id, Some(last));
            failed(id, problem)
        }
        Ok(Found::Other(resolution, None)) => not_one(id, &resolution),
        Err(problem) => failed(id, problem),
    }
}

/// `GET /condition?station=&monitor=`: the page of one condition.
pub(super) async fn condition(
    State(site): State<Arc<Site>>,
    of: Result<Query<Monitored>, QueryRejection>,
) -> Response {
    let Monitored { station, monitor } = match of {
        Ok(Query(of)) => of,
        Err(why) => return failed(String::new(), Problem::request(why.body_text())),
    };
    let page = site
        .ask("condition", move |source| {
            let filling = source.filling();
            let of = StationId::parse(&station).ok().zip(MonitorId::parse(&monitor).ok());
            let page = of.and_then(|(station, monitor)| {
                ConditionPage::new(source, &station, &monitor).map(Box::new)
            });
            page.ok_or_else(|| no_monitor((&station, &monitor), source, filling))
        })
        .await;
    match page {
        Ok(Ok(page)) => html(StatusCode::OK, &*page),
        Ok(Err(problem)) | Err(problem) => failed(String::new(), problem),
    }
}

/// Those that have the id, or come near it; or what was understood.
fn not_one(typed: String, resolution: &Resolution) -> Response {
    if let Resolved::Candidates(candidates) = &resolution.found {
        let text = format!("{} items have this id.", candidates.len());
        let page = ChoosePage::new(typed, "Which one?", text, candidates);
        return html(StatusCode::MULTIPLE_CHOICES, &page);
    }
    let Resolution { read_as, wrong, near, left_out, .. } = resolution;
    let mut text = "Nothing recorded has this id. A code counts letter by letter, zeros in front included; what was never read at a station is not known here.".to_owned();
    if !read_as.is_empty() {
        text += &format!(" It was read as {}.", read_as.join(", or as "));
    }
    for why in wrong {
        text += &format!(" What is wrong with it: {why}.");
    }
    let title = "Not known";
    if near.is_empty() {
        return html(StatusCode::NOT_FOUND, &MessagePage { typed, title, text });
    }
    text += " These come near:";
    if *left_out > 0 {
        text += &format!(" ({left_out} more are not shown)");
    }
    html(StatusCode::NOT_FOUND, &ChoosePage::new(typed, title, text, near))
}

/// `GET /style.css`
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}

fn failed(typed: String, problem: Problem) -> Response {
    let Problem { status, title, detail, .. } = problem;
    html(status, &MessagePage { typed, title, text: detail })
}

fn html(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], text).into_response()
        }
        Err(why) => {
            tracing::error!(%why, "a page could not be written");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the page could not be written")
                .into_response()
        }
    }
}
