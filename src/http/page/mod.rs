//! The pages. They work without JavaScript, on paper and offline.
use axum::http::header;
use axum::response::IntoResponse;

pub(super) async fn start() -> &'static str {
    ""
}
pub(super) async fn item() -> &'static str {
    ""
}

/// `GET /style.css`
pub(super) async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("style.css"))
}
