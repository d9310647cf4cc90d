//! The plant files are read anew for whoever asks as a command is asked.
use super::quiet;
use crate::http::{ReloadAsked, ReloadFault, Reloaded};
use crate::model::Position;
use tokio::sync::mpsc;

/// The files of badge `17` are good; everybody else's are not.
pub(super) async fn decide(mut asked: mpsc::Receiver<ReloadAsked>) {
    while let Some(ReloadAsked { badge, answer }) = asked.recv().await {
        let outcome = if badge.as_str() == "17" {
            let (hash, position) = ("0a".to_owned(), Some(Position(7)));
            let warnings = String::new();
            Ok(Reloaded { hash, position, untouched: 3, begun: 1, removed: 0, warnings })
        } else {
            let faults = vec![serde_json::json!({ "message": "`url` is missing" })];
            Err(ReloadFault::Faults { text: "  × `url` is missing".to_owned(), faults })
        };
        answer.send(outcome).unwrap();
    }
}

#[test]
fn a_reload_says_which_plant_is_in_force_and_which_record_says_so() {
    let answered = quiet().post("/api/v1/reload", "application/json", r#"{"badge":"17"}"#);
    assert_eq!(answered.code, 200, "{answered:?}");
    let told = answered.json();
    assert_eq!((&told["position"], &told["hash"]), (&7.into(), &"0a".into()));
    assert_eq!((&told["untouched"], &told["begun"]), (&3.into(), &1.into()));
}

#[test]
fn files_that_are_refused_are_told_with_all_their_faults() {
    let answered = quiet().post("/api/v1/reload", "application/json", r#"{"badge":"18"}"#);
    assert_eq!(answered.code, 422, "{answered:?}");
    assert_eq!(answered.json()["detail"], "  × `url` is missing");
    assert_eq!(answered.json()["faults"][0]["message"], "`url` is missing");
}

#[test]
fn nobody_reloads_with_a_form_or_without_a_badge() {
    let server = quiet();
    let form = server.post("/api/v1/reload", "text/plain", r#"{"badge":"17"}"#);
    assert_eq!(form.code, 415, "{form:?}");
    for body in ["", "{}", r#"{"badge":"17","dir":"/etc"}"#] {
        let answered = server.post("/api/v1/reload", "application/json", body);
        assert_eq!(answered.code, 400, "{body}: {answered:?}");
    }
}
