//! The JSON API.
use super::plant::LABEL;
use super::{quiet, server};
use crate::http::CommandFault;
use crate::model::{Command, Position, Refusal, specimens};

fn pretty(json: &serde_json::Value) -> String {
    serde_json::to_string_pretty(json).unwrap()
}

#[test]
fn every_question_is_answered_in_its_shape() {
    let server = quiet();
    for (name, path) in [
        ("resolve", "/api/v1/resolve?id=0001"),
        ("item", "/api/v1/item?id=SN-0001"),
        ("trace", "/api/v1/trace?id=SN-0001&direction=backward&depth=1"),
        ("recall", "/api/v1/recall?lot=l/supplier/ACME/0001"),
        (
            "recall_of_work",
            "/api/v1/recall?station=PRESS10&from=2026-11-22T06:00:00Z&where=tool%3DT7%20and%20force%3E8.2",
        ),
        ("drill", "/api/v1/drill-recall?seed=17"),
        ("coverage", "/api/v1/coverage?to=2026-11-22T06:00:00Z"),
        ("holds", "/api/v1/holds?as_of=40"),
        ("cases", "/api/v1/cases?as_of=9"),
        ("case", "/api/v1/cases/rc-7"),
        ("case_sheets", "/api/v1/cases/RC-7/sheets"),
        ("sheets", "/api/v1/sheets?lot=l/supplier/ACME/0001"),
        (
            "yield",
            "/api/v1/yield?station=PRESS10&from=2026-11-22T06:00:00Z&to=2026-11-22T14:00:00Z",
        ),
        ("events", "/api/v1/events?after=40&limit=1"),
        ("stations", "/api/v1/stations"),
        ("conditions", "/api/v1/conditions"),
        ("condition", "/api/v1/conditions/PRESS10/temp?limit=1"),
        ("chart", "/api/v1/conditions/PRESS10/temp/chart?from=2026-11-22T06:00:00Z&limit=2"),
        ("capability", "/api/v1/conditions/PRESS10/temp/capability?from=2026-11-22T06:00:00Z"),
        ("suspects", "/api/v1/suspects?station=PRESS10&limit=1"),
        ("maintenance", "/api/v1/maintenance?station=PRESS10"),
        ("maintenance_open", "/api/v1/maintenance?open=true"),
        ("alarms", "/api/v1/alarms?station=PRESS10"),
        ("alarm_load", "/api/v1/alarms/load"),
        ("schedules", "/api/v1/maintenance/schedules?station=PRESS10"),
        ("why", "/api/v1/why?ids=SN-0001,%20u/site/SN-0001&station=PRESS10"),
        ("gaps", "/api/v1/gaps"),
        ("devices", "/api/v1/devices"),
    ] {
        let answered = server.get(path);
        assert_eq!(answered.code, 200, "{answered:?}");
        assert!(answered.head.contains("content-type: application/json"), "{answered:?}");
        insta::assert_snapshot!(name, pretty(&answered.json()));
    }
}

#[test]
fn what_cannot_be_answered_is_a_problem_that_helps() {
    let server = quiet();
    for (path, code, words) in [
        ("/api/v1/item?id=SN-9", 404, "nothing recorded has the id `SN-9`"),
        ("/api/v1/trace?id=l/supplier/ACME/0002", 404, "nothing recorded"),
        ("/api/v1/item", 400, "`id` is missing"),
        ("/api/v1/item?id=%20", 400, "`id` is missing"),
        ("/api/v1/trace?id=SN-0001&direction=up", 400, "`backward` (made of)"),
        ("/api/v1/yield?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/suspects?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/maintenance?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/maintenance?open=perhaps", 400, "open"),
        ("/api/v1/alarms?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/alarms?state=shelve", 400, "did you mean `shelved`?"),
        ("/api/v1/maintenance/schedules?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/why?station=OP99", 404, "nothing recorded has the id `OP99`"),
        ("/api/v1/why?ids=SN-0001,SN-9", 404, "nothing recorded has the id `SN-9`"),
        ("/api/v1/yield?from=yesterday", 400, "a time such as `2026-11-22T06:00:00Z`"),
        (
            "/api/v1/yield?from=2026-11-22T06:00:00Z&to=2026-11-22T05:00:00Z",
            400,
            "not after `from`",
        ),
        ("/api/v1/recall?station=PRESS10&where=tool", 400, "`where`: `tool` compares nothing"),
        ("/api/v1/recall?lot=0001&where=tool%3DT7", 400, "of the work at a `station`"),
        ("/api/v1/recall?lot=0001&window=7", 400, "ask for one of them"),
        ("/api/v1/drill-recall?seed=13", 404, "nothing recorded can be drilled on"),
        ("/api/v1/drill-recall?seed=14", 404, "goes over more than 20000 links"),
        ("/api/v1/drill-recall?of=0001&seed=1", 400, "name an item, or have one drawn"),
        ("/api/v1/drill-recall?direction=up", 400, "`forward` (went into)"),
        ("/api/v1/coverage?from=yesterday", 400, "a time such as `2026-11-22T06:00:00Z`"),
        ("/api/v1/cases/RC-8", 404, "there is no case RC-8"),
        ("/api/v1/cases/8", 400, "one is called such as `RC-17`"),
        ("/api/v1/cases?lot=0001", 400, "parameters: as_of"),
        ("/api/v1/events?limit=100000", 400, "from 1 to 1000"),
        (
            "/api/v1/events?as_of=3",
            400,
            "`/api/v1/events` does not know the parameter `as_of`; parameters: after, limit",
        ),
        ("/api/v1/events?station=PRESS10", 400, "`station`; parameters: after, limit"),
        ("/api/v1/events?after=3&limits=3", 400, "`limits`; did you mean `limit`?"),
        ("/api/v1/stations?station=PRESS10", 400, "`station`; there are no parameters here"),
        ("/api/v1/conditions?verdict=drifts", 400, "did you mean `drift`?"),
        ("/api/v1/conditions/PRESS10/tmp", 404, "did you mean `PRESS10.temp`?"),
        ("/api/v1/conditions/PRESS10/temp?limit=100001", 400, "from 1 to 100000"),
        ("/api/v1/conditions/PRESS10/temp/chart?before=7", 400, "an answer that was cut says it"),
        ("/api/v1/conditions/PRESS10/temp/chart?limit=2001", 400, "from 1 to 2000"),
        ("/api/v1/conditions/PRESS10/temp/chart?after=7", 400, "parameters: from, to, before"),
        ("/api/v1/item?id=fails", 500, "an error of ours"),
        ("/api/v2/item", 404, "the API `/api/v1/"),
    ] {
        let answered = server.get(path);
        let problem = answered.json();
        assert_eq!(answered.code, code, "{path}: {problem}");
        assert_eq!(problem["status"], code, "{path}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
        assert!(answered.head.contains("content-type: application/problem+json"), "{path}");
    }
}

#[test]
fn no_route_passes_over_a_parameter_that_it_does_not_know() {
    let server = quiet();
    let questions = "resolve item trace recall holds yield suspects maintenance maintenance/schedules why events stations conditions alarms alarms/load \
                     conditions/PRESS10/temp conditions/PRESS10/temp/chart conditions/PRESS10/temp/capability gaps devices \
                     ledger/checkpoint ledger/checkpoints ledger/key ledger/proof tap";
    let questions = questions.split_whitespace().map(|name| format!("/api/v1/{name}"));
    let others = ["/", "/item", "/condition", "/style.css", "/live", "/ready", "/metrics"]
        .map(str::to_owned);
    for path in questions.chain(others) {
        let answered = server.get(&format!("{path}?%62ogus=1"));
        assert_eq!(answered.code, 400, "{path}: {answered:?}");
        let problem = answered.json();
        let detail = problem["detail"].as_str().unwrap();
        let wanted = format!("`{path}` does not know the parameter `bogus`; ");
        assert!(detail.starts_with(&wanted), "{detail}");
    }
    for path in ["commands", "reload", "adopt"] {
        let answered = server.post(&format!("/api/v1/{path}?bogus"), "application/json", "{}");
        assert_eq!(answered.code, 400, "{path}: {answered:?}");
        assert!(answered.body.contains("`bogus`; there are no parameters here"), "{answered:?}");
    }
}

#[test]
fn conditions_are_listed_by_station_and_by_what_they_say() {
    let server = quiet();
    for (asked, count) in [
        ("station=PRESS10", 1),
        ("station=PRESS20", 0),
        ("verdict=drift", 1),
        ("verdict=in-control", 0),
    ] {
        let answer = server.get(&format!("/api/v1/conditions?{asked}")).json();
        assert_eq!(answer["body"].as_array().unwrap().len(), count, "{asked}");
    }
}

#[test]
fn an_ambiguous_code_is_answered_with_its_candidates() {
    let answered = quiet().get("/api/v1/recall?lot=0001");
    assert_eq!(answered.code, 300);
    let wanted = serde_json::json!([
        { "item": "l/supplier/ACME/0001", "why": "it has this code" },
        { "item": "l/supplier/Best%20&%20Co/0001", "why": "it has this code" },
    ]);
    assert_eq!(answered.json()["candidates"], wanted);
}

#[test]
fn a_text_that_only_comes_near_is_no_item_wherever_it_is_asked_for() {
    let server = quiet();
    for question in ["item?id=", "trace?id=", "recall?lot=", "why?ids=", "ledger/proof?id="] {
        let answered = server.get(&format!("/api/v1/{question}SN-OOO1"));
        let problem = answered.json();
        assert_eq!(answered.code, 404, "{question}: {problem}");
        let near = serde_json::json!([{ "item": "u/site/SN-0001", "why": "a similar code" }]);
        assert_eq!(problem["candidates"], near, "{question}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("it was read as the code SN-OOO1"), "{detail}");
        assert!(detail.ends_with("; 3 more come near than are named"), "{detail}");
    }
    let resolved = server.get("/api/v1/resolve?id=SN-OOO1");
    assert_eq!((resolved.code, &resolved.json()["found"]), (200, &serde_json::json!("unknown")));
}

#[test]
fn a_pasted_label_is_its_unit_and_to_a_recall_its_lot() {
    let server = quiet();
    let label = LABEL.replace('(', "%28").replace(')', "%29");
    let asked = |question: &str| {
        let answered = server.get(&format!("/api/v1/{question}{label}"));
        assert_eq!(answered.code, 200, "{answered:?}");
        answered.json()["body"].clone()
    };
    assert_eq!(asked("item?id=")["key"], "u/site/SN-0001");
    assert_eq!(asked("recall?lot=")["lot"], "l/supplier/ACME/0001");
    let two = server.get("/api/v1/why?ids=SN-0001,with%252Ccomma");
    assert_eq!(two.code, 200, "{two:?}");
}

const HOLD: &str = r#"{"hold":{"item":"u/site/SN-1","reason":"loose","badge":"4711"}}"#;

#[test]
fn a_command_is_answered_with_the_position_of_its_record() {
    let server = server(|command| {
        assert!(matches!(command, Command::Hold { item, .. } if item.to_string() == "u/site/SN-1"));
        Ok(Position(44))
    });
    let answered = server.post("/api/v1/commands", "application/json; charset=utf-8", HOLD);
    assert_eq!((answered.code, answered.body.as_str()), (200, r#"{"position":44}"#));
}

#[test]
fn the_item_of_a_command_is_whatever_a_question_takes() {
    let server = server(|command| {
        let (Command::Hold { item, .. } | Command::Release { item, .. }) = command else {
            panic!("{command:?}")
        };
        let known = ["u/site/SN-0001", "u/site/NEW"].contains(&item.to_string().as_str());
        assert!(known, "{item}");
        Ok(Position(45))
    });
    let send = |verb: &str, item: &str| {
        let of = serde_json::json!({ verb: { "item": item, "reason": "loose", "badge": "4711" } });
        server.post("/api/v1/commands", "application/json", &of.to_string())
    };
    for verb in ["hold", "release"] {
        // In full also of what is not recorded yet.
        for item in ["SN-0001", LABEL, "u/site/NEW"] {
            let answered = send(verb, item);
            assert_eq!(answered.code, 200, "{verb} {item}: {answered:?}");
        }
        let several = send(verb, "0001");
        assert_eq!(
            (several.code, several.json()["candidates"].as_array().unwrap().len()),
            (300, 2)
        );
        let near = send(verb, "SN-OOO1");
        assert_eq!(
            (near.code, &near.json()["candidates"][0]["item"]),
            (404, &"u/site/SN-0001".into())
        );
    }
}

/// It would be let go of whatever comes to it later.
#[test]
fn only_what_a_hold_keeps_is_let_go_of_it() {
    let server = server(|command| {
        let Command::Release { item, of, .. } = command else { panic!("{command:?}") };
        assert_eq!(item.to_string(), "u/site/SN-0001");
        assert_eq!(of.as_ref().unwrap().to_string(), "l/supplier/ACME/0001");
        Ok(Position(46))
    });
    let release = |of: &str| {
        let said =
            serde_json::json!({ "item": "SN-0001", "of": of, "reason": "seen", "badge": "4711" });
        let body = serde_json::json!({ "release": said }).to_string();
        server.post("/api/v1/commands", "application/json", &body)
    };
    assert_eq!(release("l/supplier/ACME/0001").code, 200);
    let refused = release("l/supplier/BOLT/0001");
    assert_eq!(refused.code, 409, "{refused:?}");
    let wanted = "u/site/SN-0001 is not on hold with l/supplier/BOLT/0001: it is on hold torque looks <high>; \
                  with l/supplier/ACME/0001: wet";
    assert_eq!(refused.json()["reasons"][0], wanted);
    assert_eq!(release("SN-OOO1").code, 404);
}

#[test]
fn a_command_that_was_not_carried_out_says_why() {
    let refused = server(|_| {
        Err(CommandFault::Refused(vec![Refusal::AlreadyHeld("u/site/SN-1".parse().unwrap())]))
    });
    let answered = refused.post("/api/v1/commands", "application/json", HOLD);
    assert_eq!(answered.code, 409);
    assert_eq!(answered.json()["reasons"][0], "u/site/SN-1 is on hold already");

    let void = server(|_| Err(CommandFault::Void));
    let answered = void.post("/api/v1/commands", "application/json", HOLD);
    assert_eq!(answered.code, 503);
    assert!(answered.head.contains("retry-after: 1"), "{answered:?}");
}

#[test]
fn a_body_that_is_no_command_never_reaches_the_daemon() {
    let server = server(|command| panic!("{command:?}"));
    // One byte too long, so that all of it is read before it is refused.
    let long = "x".repeat(4 * 1024 * 1024 + 1);
    for (kind, body, code) in [
        ("application/json", long.as_str(), 413),
        ("text/plain", HOLD, 415),
        ("application/json", "{\"hold\":", 400),
        ("application/json", "{\"explode\":{}}", 400),
    ] {
        let answered = server.post("/api/v1/commands", kind, body);
        assert_eq!(answered.code, code, "{kind} {}", answered.body);
    }
    assert_eq!(server.get("/api/v1/commands").code, 405);
}

/// What is recorded of a case is what was found; what cannot be recorded is told with what to do.
#[test]
fn a_case_is_recorded_as_it_was_found_and_what_is_refused_is_told() {
    let told = |command: &Command| {
        let Command::Case { step, .. } = command else { panic!("{command:?}") };
        assert!(step.frozen().is_none_or(|frozen| *frozen == specimens::frozen()));
        match step.follows() {
            Some((case, last)) if last < case.0 => {
                Err(CommandFault::Refused(vec![Refusal::CaseChanged { case, by: case.0 }]))
            }
            Some(_) | None => Ok(Position(12)),
        }
    };
    let server = server(told);
    let post = |path: &str, body: &str| {
        let answered = server.post(path, "application/json", body);
        (answered.code, answered.json())
    };
    let body = r#"{"reason":"a complaint","badge":"17"}"#;
    let (code, opened) = post("/api/v1/cases?lot=l/supplier/ACME/0001", body);
    assert_eq!((code, &opened["case"], &opened["position"]), (200, &"RC-12".into(), &12.into()));
    assert_eq!(opened["frozen"]["counts"]["shipped"], 3);
    let (code, revised) = post("/api/v1/cases/RC-7/revise?station=PRESS10", body);
    assert_eq!(
        (code, &revised["case"], &revised["came"]["shipped"]),
        (200, &"RC-7".into(), &1.into())
    );
    assert_eq!(post("/api/v1/cases/RC-7/close", body).0, 200);
    let stale = r#"{"reason":"settled","badge":"17","last":6}"#;
    let hashed = r#"{"reason":"a complaint","badge":"17","hash":"00"}"#;
    for (path, body, code, words) in [
        (
            "/api/v1/cases/RC-7/close",
            stale,
            409,
            "RC-7 was changed meanwhile by record #7; look at it again",
        ),
        ("/api/v1/cases/RC-8/close", body, 404, "there is no case RC-8"),
        ("/api/v1/cases/RC-8/revise?lot=l/supplier/ACME/0001", body, 404, "there is no case RC-8"),
        ("/api/v1/cases/7/close", body, 400, "`7` names no case"),
        ("/api/v1/cases", body, 400, "`lot` is missing"),
        ("/api/v1/cases?lot=SN-9", body, 404, "nothing recorded has the id `SN-9`"),
        (
            "/api/v1/cases?lot=l/supplier/ACME/0001&as_of=99",
            body,
            503,
            "does not have all records up to #99 yet",
        ),
        ("/api/v1/cases?lot=l/supplier/ACME/0001", hashed, 400, "unknown field `hash`"),
        ("/api/v1/cases?lott=0001", body, 400, "did you mean `lot`?"),
        ("/api/v1/commands", r#"{"case":{"step":"closed"}}"#, 400, "the body is no command"),
    ] {
        let (found, problem) = post(path, body);
        assert_eq!(found, code, "{path}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(words), "{path}: {problem}");
    }
}
