//! Whatever can be commanded is on record: who, what and when. The list of commands is what their codec knows.
use crate::engine::Engine;
use crate::genealogy::builders::{event, lot, text, unit};
use crate::model::*;
use std::collections::BTreeSet;

/// Who is named in a record that somebody made.
#[derive(Debug, PartialEq)]
enum Who {
    /// The person with this badge.
    Person(Text),
    /// The signal that whoever may end the daemon can send it.
    Signal,
    /// Nobody, as docs/guarantees.md says: a list of orders comes from another system.
    Nobody,
}

/// A new command does not compile until it says here who gives it.
fn who(command: &Command) -> Who {
    match command {
        Command::Hold { badge, .. }
        | Command::Release { badge, .. }
        | Command::Note { badge, .. }
        | Command::Identify { badge, .. }
        | Command::Count { badge, .. }
        | Command::Maintenance { badge, .. }
        | Command::Alarm(AlarmAsked { badge, .. })
        | Command::Reload { badge: Some(badge), .. }
        | Command::Adopt { badge, .. }
        | Command::Case { badge, .. } => Who::Person(badge.clone()),
        Command::Reload { badge: None, .. } => Who::Signal,
        Command::Orders(_) => Who::Nobody,
    }
}

/// The numbers under which commands can be decoded.
fn known() -> BTreeSet<u8> {
    let unknown = |n: &u8| {
        let met = minicbor::decode::<Command>(&[0x82, *n, 0x80]).err();
        met.is_some_and(|why| why.is_unknown_variant())
    };
    (0..24).filter(|n| !unknown(n)).collect()
}

fn number(command: &Command) -> u8 {
    let bytes = minicbor::to_vec(command).unwrap();
    let mut read = minicbor::Decoder::new(&bytes);
    read.array().unwrap();
    read.u8().unwrap()
}

/// One of each, in an order in which each makes sense; this unit waits for its code.
fn one_of_each(waits: &ItemKey) -> Vec<Command> {
    let (item, reason) = (unit("SN-1"), text("scratched"));
    let badge = |badge| text(badge);
    let (of, why) = (item.clone(), reason.clone());
    let hold =
        Command::Hold { item: of.clone(), reason: why.clone(), badge: badge("1"), meaning: None };
    let release =
        Command::Release { item: of, reason: why, badge: badge("2"), meaning: None, of: None };
    let note = Command::Note { item: None, text: reason.clone(), badge: badge("3") };
    let identify = Command::Identify { item: waits.clone(), real: item, badge: badge("4") };
    let (found, amount) = (lot("L-1"), Amount { value: 2.0, unit: None });
    let count = Command::Count { item: found, amount, badge: badge("8") };
    let plant = Some(Digest([7; 32]));
    let reload = Command::Reload { plant, badge: Some(badge("5")) };
    let refused = Command::Reload { plant: None, badge: Some(badge("6")) };
    let signal = Command::Reload { plant, badge: None };
    let changes = vec![Adoption { instead: Some(Position(1)), told: None }];
    let step = CaseStep::Opened { frozen: specimens::frozen() };
    let case = Command::Case { step, reason: reason.clone(), badge: badge("8") };
    let adopt = Command::Adopt { changes, plant: None, reason, badge: badge("7") };
    let orders = Command::Orders(Vec::new());
    let maintenance = Command::Maintenance {
        step: MaintenanceStep::Done,
        station: StationId::parse("ST10").unwrap(),
        monitors: Vec::new(),
        text: text("greased"),
        item: None,
        badge: badge("9"),
    };
    let alarm = Command::Alarm(AlarmAsked {
        step: AlarmStep::Comment,
        station: StationId::parse("ST10").unwrap(),
        monitors: vec![MonitorId::parse("force").unwrap()],
        text: Some(text("it was the door")),
        seconds: None,
        one_shot: false,
        badge: badge("10"),
    });
    vec![
        orders,
        hold,
        release,
        note,
        identify,
        count,
        reload,
        refused,
        signal,
        adopt,
        case,
        maintenance,
        alarm,
    ]
}

/// Whom a record names; none if it is not of those that somebody makes.
fn named(body: &Body) -> Option<String> {
    match body {
        Body::Audit(Audit { who, .. }) => Some(who.to_string()),
        Body::Case(CaseEvent { who, .. }) | Body::Maintenance(MaintenanceEvent { who, .. }) => {
            Some(who.to_string())
        }
        Body::Trace(TraceEvent { operator: Some(person), evidence: Evidence::Manual, .. }) => {
            Some(person.to_string())
        }
        Body::Alarm(AlarmEvent { who, .. }) => who.map(|who| who.to_string()),
        Body::Orders(_) => Some(String::new()),
        Body::Trace(_)
        | Body::Quarantine(_)
        | Body::Gap(_)
        | Body::Verdict(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Tombstone(_)
        | Body::Dropped => None,
    }
}

#[test]
fn every_command_leaves_a_record_that_says_who_gave_it_and_when() {
    let key = PersonKey::new([7; 32]);
    let mut engine = Engine::new(key.clone());
    let waits: ItemKey = "u/provisional/ST10.in.0.1".parse().unwrap();
    let passage = event(1, Some("OP10"), What::Arrive { item: waits.clone() });
    let (body, at) = (Body::Trace(passage), At::default());
    engine.apply(&Record { position: Position(1), at, body, plant: None });
    let mut plant = (*super::plant(super::Pattern::Counter, super::Splice::Clean)).clone();
    super::maintenance::watched(&mut plant);
    engine.step(at, &Input::Plant(std::sync::Arc::new(plant)), &mut Vec::new());
    let commands = one_of_each(&waits);
    assert_eq!(commands.iter().map(number).collect::<BTreeSet<_>>(), known(), "one of each");
    for (id, command) in (1..).map(CommandId).zip(commands) {
        let at = At { monotonic: Monotonic(id.0), wall: Utc(i64::try_from(id.0).unwrap()) };
        let input = Input::Command { id, command: command.clone() };
        let mut effects = Vec::new();
        engine.step(at, &input, &mut effects);
        let wanted = match who(&command) {
            Who::Person(badge) => key.token(badge.as_str()).to_string(),
            Who::Signal => "SIGHUP".to_owned(),
            Who::Nobody => String::new(),
        };
        let mut records = Vec::new();
        for effect in effects {
            match effect {
                Effect::Append(frame) => records.extend(frame),
                Effect::Answer(answer) => {
                    assert!(answer.outcome.is_ok(), "{command:?}: {answer:?}");
                }
                Effect::Read(_) | Effect::Write(_) | Effect::Ask(_) | Effect::Notice(_) => {}
            }
        }
        assert!(!records.is_empty(), "{command:?} left no record");
        for record in records {
            assert_eq!(record.at, at, "{command:?}");
            assert_eq!(named(&record.body), Some(wanted.clone()), "{command:?}: {record:?}");
        }
    }
}
