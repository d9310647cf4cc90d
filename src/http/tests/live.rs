//! Probes, metrics and the live stream.
use super::{Server, quiet};
use crate::http::{Readiness, TapEvent};
use crate::model::Notice;
use std::io::{BufRead, BufReader};

#[test]
fn ready_says_what_is_missing_and_live_does_not_care() {
    let server = quiet();
    assert_eq!(server.get("/ready").code, 200);
    let full = Err("no space is left on the disk".to_owned());
    server.readiness.send_replace(Readiness { ledger: full, index: Ok(()) });
    let answered = server.get("/ready");
    assert_eq!(answered.code, 503);
    assert_eq!(answered.json()["reasons"][0], "ledger: no space is left on the disk");
    assert_eq!(server.get("/live").code, 200);
    server.readiness.send_replace(Readiness::starting());
    assert_eq!(server.get("/ready").json()["reasons"].as_array().unwrap().len(), 2);
}

/// The text format 0.0.4: each family once, its help and type before its samples.
#[test]
fn metrics_are_in_the_text_format_and_count_requests_by_route() {
    let server = quiet();
    server.get("/api/v1/item?id=SN-0001");
    server.get("/api/v1/item?id=unknown");
    server.get("/some/where/else");
    let answered = server.get("/metrics");
    assert!(answered.head.contains("content-type: text/plain; version=0.0.4"));
    let (mut helped, mut typed) = (Vec::new(), Vec::new());
    for line in answered.body.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            helped.push(help.split(' ').next().unwrap());
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            typed.push(kind.split(' ').next().unwrap());
        } else {
            let (name, value) = line.rsplit_once(' ').unwrap();
            let family = name.split('{').next().unwrap();
            let last = typed.last().unwrap();
            assert!(family.starts_with(last), "{line} after {last}");
            assert!(value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert_eq!(helped, typed);
    let mut once = typed.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), typed.len());
    for line in [
        r#"pedigree_http_requests_total{code="200",route="/api/v1/item"} 1"#,
        r#"pedigree_http_requests_total{code="404",route="/api/v1/item"} 1"#,
        r#"pedigree_http_requests_total{code="404",route="other"} 1"#,
        r#"pedigree_query_duration_seconds_count{query="item"} 2"#,
    ] {
        assert!(answered.body.lines().any(|found| found == line), "{line}\n{}", answered.body);
    }
}

fn watch(server: &Server) -> impl Iterator<Item = String> + use<> {
    let url = format!("http://{}/api/v1/tap", server.address);
    let answer = ureq::get(url).call().unwrap();
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    BufReader::new(answer.into_body().into_reader()).lines().map(Result::unwrap)
}

fn notice(text: &str) -> TapEvent {
    TapEvent::Notice(Notice { about: "OP10.admit".to_owned(), text: text.to_owned() })
}

#[test]
fn watchers_see_what_happens_and_the_stream_ends_with_the_daemon() {
    let server = quiet();
    let mut lines = watch(&server);
    server.tap.send(notice("number 7 is known already")).unwrap();
    let wanted = r#"{"notice":{"about":"OP10.admit","text":"number 7 is known already"}}"#;
    assert_eq!(lines.next().as_deref(), Some(wanted));
    server.stop.cancel();
    assert_eq!(lines.next(), None);
}

#[test]
fn a_watcher_that_is_too_slow_is_told_how_many_lines_it_missed() {
    let server = quiet();
    let lines = watch(&server);
    // Larger than what sockets hold, faster than the server's one thread takes turns.
    let text = "x".repeat(200_000);
    let sent = 500;
    for _ in 0..sent {
        server.tap.send(notice(&text)).unwrap();
    }
    server.tap.send(notice("the end")).unwrap();
    let (mut seen, mut missed) = (0, 0);
    for line in lines {
        if let Some(count) = line.strip_prefix("{\"missed\":") {
            missed += count.trim_end_matches('}').parse::<u64>().unwrap();
        } else {
            seen += 1;
            if line.contains("the end") {
                break;
            }
        }
    }
    assert!(missed > 0);
    assert_eq!(seen + missed, sent + 1);
}
