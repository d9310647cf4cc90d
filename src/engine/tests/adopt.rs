//! What a replay found is recorded, and says nothing of now.
use crate::engine::Engine;
use crate::genealogy::builders::{complete, event, lot, point, station, text, unit};
use crate::model::*;

fn mounted(lot: &ItemKey) -> TraceEvent {
    event(1, Some("OP10"), What::Mount { point: point("F1"), lot: lot.clone() })
}

fn arrived(code: &str) -> TraceEvent {
    event(2, Some("OP10"), What::Arrive { item: unit(code) })
}

fn instead(first: u64, mut event: TraceEvent) -> Adoption {
    event.adopted =
        Some(Adopted { first: Some(Position(first)), stepped: Utc(first.cast_signed()) });
    Adoption { instead: Some(Position(first)), told: Some(Told::Trace(Box::new(event))) }
}

fn adopt(engine: &mut Engine, changes: Vec<Adoption>) -> (Frame, Answer) {
    let (reason, badge) = (text("wrong register"), text("4711"));
    let command = Command::Adopt { changes, plant: None, reason, badge };
    let mut effects = Vec::new();
    engine.step(At::default(), &Input::Command { id: CommandId(1), command }, &mut effects);
    let mut frame = Vec::new();
    let mut answers = Vec::new();
    for effect in effects {
        match &effect {
            Effect::Append(records) => frame.clone_from(records),
            Effect::Answer(answer) => answers.push(answer.clone()),
            Effect::Read(_) | Effect::Write(_) | Effect::Ask(_) | Effect::Notice(_) => {
                panic!("{effect:?}")
            }
        }
    }
    (frame, answers.pop().unwrap())
}

fn began() -> Engine {
    let mut engine = Engine::new(PersonKey::new([7; 32]));
    for (position, event) in (1..).zip([mounted(&lot("L1")), arrived("U")]) {
        let body = Body::Trace(event);
        engine.apply(&Record {
            position: Position(position),
            at: At::default(),
            body,
            plant: None,
        });
    }
    engine
}

#[test]
fn what_is_adopted_takes_back_what_stood_and_leaves_the_station_as_it_is() {
    let mut engine = began();
    let before = engine.memory().station(&station("OP10")).unwrap().clone();
    let changes = vec![instead(1, mounted(&lot("L2"))), instead(2, arrived("V"))];
    let (frame, answer) = adopt(&mut engine, changes);
    let said: Vec<String> = frame
        .iter()
        .map(|record| {
            let Body::Trace(event) = &record.body else {
                return format!("{} {}", record.position, matches!(record.body, Body::Audit(_)));
            };
            if let What::Correct { position, .. } = &event.what {
                return format!("{} takes back {position}", record.position);
            }
            format!("{} {}", record.position, event.what.verb().as_str())
        })
        .collect();
    let wanted = ["#3 true", "#4 takes back #1", "#5 mount", "#6 takes back #2", "#7 arrive"];
    assert_eq!(said, wanted);
    assert_eq!(answer.outcome, Ok(Position(7)));
    // Which lot it is that stands in the feeder is known better by now; all else is as it was.
    let mut after = engine.memory().station(&station("OP10")).unwrap().clone();
    assert_eq!(after.feeders.now(&point("F1")).unwrap().lot, lot("L2"));
    assert_eq!(after.feeders.now(&point("F1")).unwrap().key.opened, Position(1));
    after.feeders = before.feeders.clone();
    assert_eq!(after, before);
}

#[test]
fn an_adoption_that_takes_back_what_is_not_there_records_nothing() {
    let mut engine = began();
    let changes = vec![instead(2, arrived("V")), instead(3, arrived("W"))];
    let (frame, answer) = adopt(&mut engine, changes);
    assert_eq!((frame, answer.outcome), (Vec::new(), Err(vec![Refusal::NoRecord(Position(3))])));
}

/// Else the next operation would be taken for the row that is done.
#[test]
fn a_row_of_an_order_list_is_done_by_what_is_adopted() {
    let mut engine = began();
    let row = |code: &str| OrderRow {
        station: station("OP10"),
        program: text("P"),
        item: unit(code),
        product: None,
    };
    engine.apply(&Record {
        position: Position(3),
        at: At::default(),
        body: Body::Orders(vec![row("A"), row("B")]),
        plant: None,
    });
    let mut done = event(2, Some("OP10"), complete(&unit("A"), Vec::new()));
    if let What::Complete { order_row, .. } = &mut done.what {
        *order_row = Some(0);
    }
    adopt(&mut engine, vec![instead(2, done)]);
    let rows = &engine.memory().station(&station("OP10")).unwrap().orders;
    assert_eq!(
        rows.iter().map(|(n, row)| (*n, row.item.clone())).collect::<Vec<_>>(),
        [(1, unit("B"))]
    );
}
