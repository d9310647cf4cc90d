//! Who may ask. There is no login on loopback; so a page in a browser of this machine must not reach
//! us by a name that its author controls (DNS rebinding), nor send commands from another site.
use super::problem::Problem;
use super::serve::Site;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// What a browser is told with every answer: nothing from elsewhere, no script, no frame.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
];

pub(super) async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let mut response = match check(&site, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => {
            let code = problem.status;
            site.metrics.http_requests.with_label_values(&["refused", code.as_str()]).inc();
            problem.into_response()
        }
    };
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

fn check(site: &Site, request: &Request) -> Result<(), Problem> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or(request.uri().authority().map(Authority::as_str)).unwrap_or_default();
    let authority = host.parse::<Authority>().ok();
    if !authority.is_some_and(|authority| is_ours(authority.host(), site.own)) {
        let why = format!(
            "this daemon does not answer to the name `{host}`; ask for `localhost`, `127.0.0.1` or `[::1]`"
        );
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, why));
    }
    let Some(origin) = request.headers().get(header::ORIGIN) else { return Ok(()) };
    let origin = origin.to_str().unwrap_or_default();
    let from = origin.parse::<Uri>().ok();
    if !from.as_ref().and_then(Uri::host).is_some_and(|host| is_ours(host, site.own)) {
        let why = format!("requests of pages from `{origin}` are not answered");
        return Err(Problem::new(StatusCode::FORBIDDEN, why));
    }
    Ok(())
}

/// Whether a host is this machine by a name that no name server can give to somebody else.
fn is_ours(host: &str, own: Option<IpAddr>) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(address) => address.is_loopback() || Some(address) == own,
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_no_name_server_gives_away_are_ours() {
        let own = Some("10.0.0.5".parse().unwrap());
        for host in ["localhost", "LOCALHOST", "127.0.0.1", "127.8.8.8", "[::1]", "10.0.0.5"] {
            assert!(is_ours(host, own), "{host}");
        }
        for host in ["", "localhost.evil.example", "evil.example", "10.0.0.6", "[::2]", "0.0.0.0"] {
            assert!(!is_ours(host, own), "{host}");
        }
    }
}
