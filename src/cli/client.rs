//! Asking the daemon over HTTP.
use super::Context;
use super::exit::{Exit, Failure};
use super::recall::Question;
use serde_json::Value;
use std::time::Duration;

/// Longest wait for an answer.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);

fn agent(within: Option<Duration>) -> ureq::Agent {
    // 300 is an answer: the id is not one thing, and these are the candidates.
    let config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(within);
    config.build().into()
}

fn unreachable(context: &Context, why: &ureq::Error) -> Failure {
    Failure::new(
        Exit::Unreachable,
        format!(
            "the daemon at {} does not answer: {why}; is it running (`pedigree run`)? Another address is given with --url",
            context.url
        ),
    )
}

fn read(
    context: &Context,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, Failure> {
    match whole(context, answer)? {
        (200..=299, body) => Ok(body),
        (status, body) => Err(problem(status, &body)),
    }
}

fn whole(
    context: &Context,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<(u16, Value), Failure> {
    let mut answer = answer.map_err(|why| unreachable(context, &why))?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(u64::MAX).read_json();
    Ok((status, body.map_err(|why| unreachable(context, &why))?))
}

/// An RFC 9457 problem as words and exit code.
pub(super) fn problem(status: u16, body: &Value) -> Failure {
    let exit = match status {
        404 | 300 => Exit::NotFound,
        503 | 429 => Exit::Temporary,
        _ => Exit::Negative,
    };
    let say = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (title, detail) = (say("title"), say("detail"));
    let mut text = match (title.is_empty(), detail.is_empty()) {
        (false, false) => format!("{title}: {detail}"),
        (false, true) => title,
        (true, _) => detail,
    };
    for (item, why) in list(body, "candidates").filter_map(candidate) {
        text.push_str(&format!("\n  {item}  ({why})"));
    }
    Failure::new(exit, text)
}

/// An item that may be meant, and why.
pub(super) fn candidate(of: &Value) -> Option<(&str, &str)> {
    let text = |key: &str| of.get(key).and_then(Value::as_str);
    Some((text("item")?, text("why").unwrap_or_default()))
}

/// Of these parameters those that were given.
pub(super) fn given<'a>(asked: &[(&'a str, &'a Option<String>)]) -> Vec<(&'a str, &'a str)> {
    asked.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect()
}

/// The values of a list in an answer.
pub(super) fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// Asks a question; `query` is encoded here.
pub(super) fn get(context: &Context, path: &str, query: &[(&str, &str)]) -> Result<Value, Failure> {
    let mut request = agent(Some(ANSWER_WITHIN)).get(format!("{}{path}", context.url));
    for (key, value) in query {
        request = request.query(key, value);
    }
    read(context, request.call())
}

/// Asks for a file.
pub(super) fn get_bytes(
    context: &Context,
    path: &str,
    query: &[(&str, &str)],
) -> Result<Vec<u8>, Failure> {
    let mut request = agent(Some(ANSWER_WITHIN)).get(format!("{}{path}", context.url));
    for (key, value) in query {
        request = request.query(key, value);
    }
    let mut answer = request.call().map_err(|why| unreachable(context, &why))?;
    let status = answer.status().as_u16();
    let body = answer.body_mut().with_config().limit(u64::MAX).read_to_vec();
    let body = body.map_err(|why| unreachable(context, &why))?;
    match status {
        200..=299 => Ok(body),
        _ => Err(problem(status, &serde_json::from_slice(&body).unwrap_or_default())),
    }
}

/// Has something done.
pub(super) fn post(context: &Context, path: &str, body: &Value) -> Result<Value, Failure> {
    let request = agent(Some(ANSWER_WITHIN)).post(format!("{}{path}", context.url));
    read(context, request.send_json(body))
}

/// Has something done with what a question asks for.
pub(super) fn post_asking(
    context: &Context,
    path: &str,
    question: &Question,
    body: &Value,
) -> Result<Value, Failure> {
    let mut request = agent(Some(ANSWER_WITHIN)).post(format!("{}{path}", context.url));
    for (key, value) in question.asked() {
        request = request.query(key, value);
    }
    read(context, request.send_json(body))
}

/// Has something done whose refusal is more than a sentence.
pub(super) fn post_for_status(
    context: &Context,
    path: &str,
    body: &Value,
) -> Result<(u16, Value), Failure> {
    let request = agent(Some(ANSWER_WITHIN)).post(format!("{}{path}", context.url));
    whole(context, request.send_json(body))
}

/// Has something done that may take as long as it likes.
pub(super) fn post_without_limit(
    context: &Context,
    path: &str,
    body: &Value,
) -> Result<(u16, Value), Failure> {
    let request = agent(None).post(format!("{}{path}", context.url));
    whole(context, request.send_json(body))
}

/// Lines as they come, for as long as they do.
pub(super) fn stream(
    context: &Context,
    path: &str,
) -> Result<impl Iterator<Item = std::io::Result<String>> + use<>, Failure> {
    let answer = agent(None).get(format!("{}{path}", context.url)).call();
    let answer = answer.map_err(|why| unreachable(context, &why))?;
    Ok(std::io::BufRead::lines(std::io::BufReader::new(answer.into_body().into_reader())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    #[test]
    fn an_id_that_is_not_one_thing_is_answered_with_its_candidates() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let daemon = std::thread::spawn(move || {
            let (mut client, _) = listener.accept().unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            let _ = lines.map_while(Result::ok).take_while(|l| !l.is_empty()).count();
            let body = r#"{"title":"Multiple Choices","candidates":[{"item":"l/a/1","why":"it has this code"}]}"#;
            let len = body.len();
            write!(client, "HTTP/1.1 300 Multiple Choices\r\ncontent-length: {len}\r\n\r\n{body}")
                .unwrap();
        });
        let failure = get(&Context { url, config: None, json: false }, "/", &[]).unwrap_err();
        daemon.join().unwrap();
        let wanted = Failure::new(Exit::NotFound, "Multiple Choices\n  l/a/1  (it has this code)");
        assert_eq!(failure, wanted);
    }
}
