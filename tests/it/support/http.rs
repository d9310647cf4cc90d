//! Plain HTTP requests, and waiting for an answer to become what is wanted.
use std::time::{Duration, Instant};

/// Between two looks at something that has no event to wait for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) fn get(url: &str) -> (u16, String) {
    let config = ureq::Agent::config_builder().http_status_as_error(false).build();
    let mut answer = ureq::Agent::from(config).get(url).call().unwrap();
    let body = answer.body_mut().with_config().limit(u64::MAX).read_to_string().unwrap();
    (answer.status().as_u16(), body)
}

/// Looks until there is an answer; panics with `what` after `within`.
pub(crate) fn until<T>(what: &str, within: Duration, look: impl FnMut() -> Option<T>) -> T {
    until_or(what, within, look, String::new)
}

/// The same; what panics has `more` to say.
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
pub(crate) fn until_or<T>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Option<T>,
    more: impl Fn() -> String,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < within, "not within {within:?}: {what}\n{}", more());
        std::thread::sleep(LOOK_AGAIN);
    }
}
