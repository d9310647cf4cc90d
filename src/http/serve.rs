//! The server: routes, and what holds for every request: who may ask, how long it may take, what is
//! counted, and what a browser is told.
use super::connections::Bounded;
use super::guard;
use super::problem::Problem;
use super::{AppState, Source};
use super::{adopt, api, notary, page, reload, tap};
use crate::model::{Utc, similar};
use crate::telemetry::{Metrics, Now};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Query, Request, State};
use axum::http::{StatusCode, Uri};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// A request is answered within this, or told that it was not. Streams are not requests.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Largest body: an order list of some ten thousand rows.
pub(super) const BODY_LEN_MAX: usize = 4 * 1024 * 1024;
/// Questions that are worked on at a time; more wait for their turn.
const QUESTIONS_MAX: usize = 16;

/// Connections at a time; more wait until one is closed.
pub(super) const CONNECTIONS_MAX: usize = 256;

/// What the server is made with.
pub struct Options {
    /// Bound by the daemon: a port that is taken is told before anything runs.
    pub listener: TcpListener,
    /// Counted into and shown.
    pub metrics: Arc<Metrics>,
    /// The clock.
    pub now: Now,
}

/// What every handler sees.
pub(super) struct Site {
    pub(super) state: AppState,
    pub(super) metrics: Arc<Metrics>,
    pub(super) stop: CancellationToken,
    /// The address that is listened on.
    pub(super) own: Option<IpAddr>,
    pub(super) now: Now,
    questions: Arc<Semaphore>,
}

impl Site {
    /// What the clock says.
    pub(super) fn wall(&self) -> Utc {
        (self.now)().wall
    }

    /// Asks a question on a thread that may block.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: &'static str,
        ask: impl FnOnce(&dyn Source) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let failed = |_| {
            let why = "the question failed by an error of ours; the log has more";
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, why)
        };
        // Held by the thread: a question that nobody waits for any more is still worked on.
        let turn = Arc::clone(&self.questions).acquire_owned().await;
        let source = Arc::clone(&self.state.source);
        let began = (self.now)().monotonic;
        let work = move || {
            let _turn = turn;
            ask(&*source)
        };
        let answer = tokio::task::spawn_blocking(work).await.map_err(failed)?;
        let took = Duration::from_nanos((self.now)().monotonic.0.saturating_sub(began.0));
        self.metrics.query_seconds.with_label_values(&[question]).observe(took.as_secs_f64());
        Ok(answer)
    }
}

/// Answers requests until `stop` is cancelled and those under way are done.
///
/// # Errors
/// If the listener fails.
pub async fn run(options: Options, state: AppState, stop: CancellationToken) -> io::Result<()> {
    let Options { listener, metrics, now } = options;
    let own = listener.local_addr().ok().map(|address| address.ip());
    let questions = Arc::new(Semaphore::new(QUESTIONS_MAX));
    let site = Arc::new(Site { state, metrics, stop: stop.clone(), own, now, questions });
    let listener = Bounded::new(listener, CONNECTIONS_MAX);
    axum::serve(listener, router(site)).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn router(site: Arc<Site>) -> Router {
    let mut all = Router::new();
    for (path, known, handler) in routes() {
        all = all.route(path, measured(&site, path, only(known, handler)));
    }
    let nowhere = get(nowhere).post(nowhere);
    all.fallback_service(measured(&site, "other", nowhere).with_state(Arc::clone(&site)))
        .layer(DefaultBodyLimit::max(BODY_LEN_MAX))
        .layer(from_fn_with_state(Arc::clone(&site), guard::guard))
        .with_state(site)
}

/// A route, the parameters that it knows, and who answers.
pub(super) type Route = (&'static str, &'static [&'static str], MethodRouter<Arc<Site>>);

/// All routes there are.
pub(super) fn routes() -> Vec<Route> {
    let in_time = in_time_routes()
        .map(|(path, known, handler)| (path, known, handler.layer(from_fn(in_time))));
    let long: [Route; 2] =
        [("/api/v1/adopt", &[], post(adopt::adopt)), ("/api/v1/tap", &["raw"], get(tap::tap))];
    in_time.into_iter().chain(long).collect()
}

/// A lot, whatever was at a station, or whatever was worked on while that may have been wrong.
const RECALL: &[&str] = &["lot", "station", "from", "to", "where", "window", "as_of"];

/// The last values of a time, or those before another answer.
const VALUES: &[&str] = &["from", "to", "before", "limit"];

/// What is answered within a time.
fn in_time_routes() -> [Route; 42] {
    [
        ("/", &[], get(page::start)),
        ("/item", &["id"], get(page::item)),
        ("/condition", &["station", "monitor"], get(page::condition)),
        ("/style.css", &[], get(page::style)),
        ("/live", &[], get(api::live)),
        ("/ready", &[], get(api::ready)),
        ("/metrics", &[], get(api::metrics)),
        ("/api/v1/resolve", &["id"], get(api::resolve)),
        ("/api/v1/item", &["id", "as_of"], get(api::item)),
        ("/api/v1/trace", &["id", "direction", "depth", "as_of"], get(api::trace)),
        ("/api/v1/recall", RECALL, get(api::recall)),
        ("/api/v1/drill-recall", &["of", "seed", "direction"], get(api::drill)),
        ("/api/v1/coverage", &["from", "to"], get(api::coverage)),
        ("/api/v1/holds", &["as_of"], get(api::holds)),
        ("/api/v1/cases", &["as_of"], get(api::cases)),
        ("/api/v1/cases", RECALL, post(api::open_case)),
        ("/api/v1/cases/{id}", &[], get(api::case)),
        ("/api/v1/cases/{id}/sheets", &[], get(api::case_sheets)),
        ("/api/v1/sheets", RECALL, get(api::sheets)),
        ("/api/v1/cases/{id}/revise", RECALL, post(api::revise_case)),
        ("/api/v1/cases/{id}/close", &[], post(api::close_case)),
        ("/api/v1/yield", &["station", "from", "to", "as_of"], get(api::yields)),
        ("/api/v1/suspects", &["station", "limit", "as_of"], get(api::suspects)),
        ("/api/v1/maintenance", &["station", "open", "as_of"], get(api::maintenance)),
        ("/api/v1/maintenance/schedules", &["station"], get(api::schedules)),
        ("/api/v1/why", &["ids", "station", "from", "to", "limit", "as_of"], get(api::why)),
        ("/api/v1/events", &["after", "limit"], get(api::events)),
        ("/api/v1/stations", &[], get(api::stations)),
        ("/api/v1/conditions", &["station", "verdict"], get(api::conditions)),
        ("/api/v1/conditions/{station}/{monitor}", &["limit"], get(api::condition)),
        ("/api/v1/conditions/{station}/{monitor}/chart", VALUES, get(api::chart)),
        ("/api/v1/conditions/{station}/{monitor}/capability", VALUES, get(api::capability)),
        ("/api/v1/alarms", &["station", "state"], get(api::alarms)),
        ("/api/v1/alarms/load", &[], get(api::alarm_load)),
        ("/api/v1/gaps", &["limit"], get(api::gaps)),
        ("/api/v1/devices", &[], get(api::devices)),
        ("/api/v1/ledger/checkpoint", &[], get(notary::checkpoint)),
        ("/api/v1/ledger/checkpoints", &["limit"], get(notary::checkpoints)),
        ("/api/v1/ledger/key", &[], get(notary::key)),
        ("/api/v1/ledger/proof", &["id", "position", "earlier"], get(notary::proof)),
        ("/api/v1/commands", &[], post(api::commands)),
        ("/api/v1/reload", &[], post(reload::reload)),
    ]
}

/// Refuses a parameter that a route does not know: the answer would be taken for one to what was asked.
fn only(
    known: &'static [&'static str],
    handler: MethodRouter<Arc<Site>>,
) -> MethodRouter<Arc<Site>> {
    let check = move |request: Request, next: Next| async move {
        match unknown(known, request.uri()) {
            Some(problem) => problem.into_response(),
            None => next.run(request).await,
        }
    };
    handler.layer(from_fn(check))
}

fn unknown(known: &[&str], uri: &Uri) -> Option<Problem> {
    // What cannot be read at all is refused by whoever wants to know it.
    let Query(asked) = Query::<Vec<(String, String)>>::try_from_uri(uri).ok()?;
    let (name, _) = asked.iter().find(|(name, _)| !known.contains(&name.as_str()))?;
    let hint = similar::hint(name, "parameters", known.iter().copied());
    let why = format!("`{}` does not know the parameter `{name}`; {hint}", uri.path());
    Some(Problem::request(why))
}

/// Counts the answers of a route by their code.
fn measured(
    site: &Arc<Site>,
    route: &'static str,
    handler: MethodRouter<Arc<Site>>,
) -> MethodRouter<Arc<Site>> {
    let count = move |State(metrics): State<Arc<Metrics>>, request: Request, next: Next| async move {
        let response = next.run(request).await;
        metrics.http_requests.with_label_values(&[route, response.status().as_str()]).inc();
        response
    };
    handler.layer(from_fn_with_state(Arc::clone(&site.metrics), count))
}

async fn in_time(request: Request, next: Next) -> Response {
    let answered = tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await;
    answered.unwrap_or_else(|_| {
        let why = format!(
            "no answer within {} s; ask for less, or try again when less is asked at once",
            ANSWER_WITHIN.as_secs()
        );
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, why).into_response()
    })
}

async fn nowhere(request: Request) -> Problem {
    let path = request.uri().path().to_owned();
    let why = format!("there is nothing at `{path}`; the start page is `/`, the API `/api/v1/…`");
    Problem::new(StatusCode::NOT_FOUND, why)
}
