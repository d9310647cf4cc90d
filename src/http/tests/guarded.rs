//! Who is answered, and what a browser is told.
use super::{Server, quiet};

fn ask(server: &Server, host: &str, more: &str) -> u16 {
    server.raw(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n")).code
}

#[test]
fn only_loopback_names_are_answered() {
    let server = quiet();
    for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080"] {
        assert_eq!(ask(&server, host, ""), 200, "{host}");
    }
    for host in ["pedigree.evil.example", "localhost.evil.example:8080", "evil@", ""] {
        assert_eq!(ask(&server, host, ""), 421, "{host}");
    }
}

#[test]
fn pages_of_other_sites_are_not_answered() {
    let server = quiet();
    assert_eq!(ask(&server, "localhost", "Origin: http://localhost:8080\r\n"), 200);
    assert_eq!(ask(&server, "localhost", "Origin: https://evil.example\r\n"), 403);
    assert_eq!(ask(&server, "localhost", "Origin: null\r\n"), 403);
    let refused = server.metrics.http_requests.with_label_values(&["refused", "403"]);
    assert_eq!(refused.get(), 2);
}

#[test]
fn every_answer_forbids_what_a_page_does_not_need() {
    let server = quiet();
    for path in ["/", "/style.css", "/api/v1/stations", "/nowhere"] {
        let answered = server.get(path);
        for header in [
            "content-security-policy: default-src 'self'; script-src 'none';",
            "x-content-type-options: nosniff",
            "referrer-policy: no-referrer",
        ] {
            assert!(answered.head.contains(header), "{path} {}", answered.head);
        }
    }
}
