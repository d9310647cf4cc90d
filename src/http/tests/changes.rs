//! What a request can change is a command, and somebody gives it. The list is that of the routes there are.
use super::{Server, quiet};
use crate::http::serve::routes;

/// A body of each route that changes something, as somebody gives it, with what is asked beside it; a route that is not
/// here changes nothing.
const CHANGES: [(&str, &str); 6] = [
    ("/api/v1/adopt", r#"{"reason":"wrong register","from":"2026-11-23T06:00:00Z","badge":"17"}"#),
    ("/api/v1/cases?lot=l/supplier/ACME/0001", r#"{"reason":"a complaint","badge":"17"}"#),
    ("/api/v1/cases/{id}/close", r#"{"reason":"settled","badge":"17"}"#),
    ("/api/v1/cases/{id}/revise?lot=l/supplier/ACME/0001", r#"{"reason":"more","badge":"17"}"#),
    ("/api/v1/commands", r#"{"hold":{"item":"u/site/SN-1","reason":"scratched","badge":"17"}}"#),
    ("/api/v1/reload", r#"{"badge":"17"}"#),
];

fn ask(server: &Server, method: &str, path: &str) -> u16 {
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    server.raw(&request).code
}

#[test]
fn whatever_takes_more_than_questions_is_a_command_with_a_badge() {
    let server = quiet();
    let mut changing = Vec::new();
    for (path, ..) in routes() {
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            if ask(&server, method, path) != 405 {
                changing.push(format!("{method} {path}"));
            }
        }
    }
    changing.sort();
    changing.dedup();
    let route = |path: &'static str| path.split('?').next().unwrap();
    assert_eq!(changing, CHANGES.map(|(path, _)| format!("POST {}", route(path))));
    for (path, body) in CHANGES {
        let path = &path.replace("{id}", "RC-7");
        let badge = r#","badge":"17""#;
        let nobody = body.replace(badge, "").replace(&badge[1..], "");
        assert_ne!(body, nobody);
        let refused = server.post(path, "application/json", &nobody);
        assert_eq!(refused.code, 400, "{path} of nobody: {refused:?}");
        assert!(refused.body.contains("badge"), "{path} of nobody: {refused:?}");
        let taken = server.post(path, "application/json", body);
        assert_ne!(taken.code, 400, "{path}: {taken:?}");
    }
}
