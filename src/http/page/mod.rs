//! The pages. They work without JavaScript, on paper and offline; a template escapes all that it shows.
mod item;
mod start;
mod words;

use super::problem::Problem;
use super::serve::Site;
use crate::model::{ItemKey, Position};
use crate::query::Resolved;
use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use item::ItemPage;
use start::StartPage;
use std::sync::Arc;

/// What was typed into the box.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    id: String,
}

/// Several items have the code that was typed.
#[derive(Template)]
#[template(path = "choose.html")]
struct ChoosePage {
    typed: String,
    candidates: Vec<(String, String)>,
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
    Candidates(Vec<ItemKey>),
    /// Or that is not known yet.
    Nothing(Option<Position>),
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
            match source.resolve(&asked) {
                Resolved::Item(key) => source
                    .item(&key, Position(u64::MAX))
                    .map_or(Found::Nothing(indexing), |answer| {
                        Found::Item(Box::new(ItemPage::new(answer)))
                    }),
                Resolved::Candidates(candidates) => Found::Candidates(candidates),
                Resolved::Unknown => Found::Nothing(indexing),
            }
        })
        .await;
    match found {
        Ok(Found::Item(page)) => html(StatusCode::OK, &*page),
        Ok(Found::Candidates(keys)) => {
            let candidates = keys.iter().map(|key| (words::item(key), words::address(key)));
            let page = ChoosePage { typed: id, candidates: candidates.collect() };
            html(StatusCode::MULTIPLE_CHOICES, &page)
        }
        Ok(Found::Nothing(Some(last))) => {
            let problem = Problem::unknown(&id, Some(last));
            failed(id, problem)
        }
        Ok(Found::Nothing(None)) => {
            let text = "Nothing recorded has this id. A code counts letter by letter, zeros in front included; what was never read at a station is not known here.".to_owned();
            html(StatusCode::NOT_FOUND, &MessagePage { typed: id, title: "Not known", text })
        }
        Err(problem) => failed(id, problem),
    }
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
