//! Snapshots, replies, and what a person asks.
use super::plc::Trick;
use super::*;
use crate::field::modbus::cost::ROUND_TRIP;
use crate::field::modbus::{probe, read_once};
use crate::model::{
    GapCause, Position, Quality, ReadDone, ReadFault, ReadFrom, ReadRequest, ReadToken, Session,
    Write, WriteDone, WriteRequest,
};
use std::path::Path;

fn read(tags: &[u32]) -> Request {
    let tags = tags.iter().copied().map(TagIndex).collect();
    Request::Read(ReadRequest {
        token: ReadToken(5),
        device: DeviceIndex(0),
        session: Session(1),
        tags,
        from: ReadFrom::Words,
    })
}

fn word(tag: u32, value: u64) -> Write {
    Write { tag: TagIndex(tag), bit: None, value: uint(value) }
}

fn write(replies: Vec<Write>, ack: Option<Write>) -> Request {
    Request::Write(WriteRequest {
        still: Vec::new(),
        token: ReadToken(6),
        device: DeviceIndex(0),
        session: Session(1),
        after: Position(0),
        replies,
        ack,
    })
}

/// The same, as long as the PLC still asks for it.
fn still(request: Request, words: Vec<Write>) -> Request {
    match request {
        Request::Read(read) => Request::Read(read),
        Request::Write(write) => Request::Write(WriteRequest { still: words, ..write }),
    }
}

/// The same, asked in the second session.
fn again(request: Request) -> Request {
    let session = Session(2);
    match request {
        Request::Read(read) => Request::Read(ReadRequest { session, ..read }),
        Request::Write(write) => Request::Write(WriteRequest { session, ..write }),
    }
}

async fn written(rig: &mut Rig) -> Result<(), ReadFault> {
    match rig.answer().await {
        Input::Written(WriteDone { token: ReadToken(6), outcome }) => outcome,
        other => panic!("{other:?}"),
    }
}

async fn snapshot(rig: &mut Rig) -> Result<Vec<Sample>, ReadFault> {
    match rig.answer().await {
        Input::Read(ReadDone { token: ReadToken(5), outcome }) => outcome,
        other => panic!("{other:?}"),
    }
}

/// Slow to poll, so that the log holds nothing but requests.
fn quiet(port: u16) -> Device {
    let mut one = device("d", port, 1);
    one.publish = Duration::from_hours(1);
    one.publish_fast = Duration::from_hours(1);
    one
}

#[tokio::test]
async fn a_snapshot_looks_at_the_trigger_before_and_after_the_data() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 60, &[42]);
    plc.set(Area::Coil, 16, &[1]);
    plc.count(2, true);
    let unwatched = |name| Tag { watched: false, ..tag(name) };
    let tags = vec![fast("hr2"), unwatched("hr60"), unwatched("co16"), unwatched("hr0")];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    assert_eq!(values(&rig.samples().await), [(0, uint(1))]);
    plc.take_log();
    rig.requests[0].send(read(&[0, 1, 2, 3, 0])).await.unwrap();
    let samples = snapshot(&mut rig).await.unwrap();
    let wanted = [(0, uint(2)), (1, uint(42)), (2, Value::Bool(true)), (3, uint(0)), (0, uint(3))];
    assert_eq!(values(&samples), wanted);
    let order: Vec<_> =
        plc.take_log().into_iter().map(|s| (s.function, s.address, s.data[0])).collect();
    assert_eq!(order, [(3, 2, 1), (3, 0, 1), (3, 60, 1), (1, 16, 1), (3, 2, 1)]);
    rig.end().await;
}

/// A bit that falls between two polls and rises again would be no news to them; whoever was answered
/// that it is down would wait for it for ever.
#[tokio::test]
async fn what_a_snapshot_shows_of_a_trigger_is_told_too() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[1]);
    let unwatched = Tag { watched: false, ..tag("hr1") };
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], vec![fast("hr0"), unwatched]));
    assert_eq!(values(&rig.samples().await), [(0, uint(1))]);
    for now in [0, 1] {
        plc.set(Area::Holding, 0, &[now]);
        rig.requests[0].send(read(&[0, 1, 0])).await.unwrap();
        assert_eq!(values(&rig.samples().await), [(0, uint(now.into()))]);
        let wanted = [(0, uint(now.into())), (1, uint(0)), (0, uint(now.into()))];
        assert_eq!(values(&snapshot(&mut rig).await.unwrap()), wanted);
    }
    rig.end().await;
}

/// A look at the device that a request overtakes is thrown away, and with it the fault that it met: were
/// the request answered over a new connection, nobody would know that the device was not observed.
#[tokio::test]
async fn a_connection_that_is_lost_while_nobody_waits_is_a_loss_all_the_same() {
    let plc = Plc::start().await;
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], vec![fast("hr0"), tag("hr7")]));
    rig.samples().await;
    plc.trick(3, Some(7), Trick::Silence);
    plc.take_log();
    rig.pass(Duration::from_hours(1));
    // The first lets the device look again, the second overtakes the look that is not answered.
    rig.requests[0].send(read(&[0])).await.unwrap();
    assert_eq!(values(&snapshot(&mut rig).await.unwrap()), [(0, uint(0))]);
    plc.seen(|seen| seen.address == 7).await;
    rig.requests[0].send(read(&[0])).await.unwrap();
    assert_eq!(snapshot(&mut rig).await, Err(ReadFault::Disconnected));
    assert!(matches!(rig.link().await.1, Link::Down { cause: GapCause::Disconnected, .. }));
    assert_eq!(rig.errors("d", "unheard"), 1);
    rig.live().await;
    assert_eq!(plc.connections(), 2);
    rig.end().await;
}

/// A shared word that we answered and the PLC has set to ask again between two polls is as it was told last.
#[tokio::test]
async fn what_was_written_and_is_set_back_is_told_again() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[1]);
    let shared = Tag { writable: true, ..fast("hr0") };
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], vec![shared]));
    assert_eq!(values(&rig.samples().await), [(0, uint(1))]);
    rig.requests[0].send(write(Vec::new(), Some(word(0, 4)))).await.unwrap();
    assert_eq!(written(&mut rig).await, Ok(()));
    assert_eq!(plc.get(Area::Holding, 0), 4);
    plc.set(Area::Holding, 0, &[1]);
    rig.requests[0].send(read(&[0])).await.unwrap();
    assert_eq!(values(&rig.samples().await), [(0, uint(1))]);
    assert_eq!(values(&snapshot(&mut rig).await.unwrap()), [(0, uint(1))]);
    rig.end().await;
}

#[tokio::test]
async fn an_answer_to_a_request_that_was_taken_back_is_not_written() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[8]);
    let ack = Tag { watched: false, writable: true, ..tag("co16") };
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], vec![fast("hr0"), ack]));
    rig.samples().await;
    let set = || write(Vec::new(), Some(Write { value: Value::Bool(true), ..word(1, 0) }));
    for (number, outcome) in [(7, Err(ReadFault::Withdrawn)), (8, Ok(()))] {
        rig.requests[0].send(still(set(), vec![word(0, number)])).await.unwrap();
        assert_eq!(written(&mut rig).await, outcome);
        assert_eq!(plc.get(Area::Coil, 16) == 1, outcome.is_ok());
    }
    rig.end().await;
}

#[tokio::test]
async fn a_snapshot_that_fits_is_one_request() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[7, 8]);
    let tags = vec![fast("hr0"), Tag { watched: false, ..tag("hr1") }];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    rig.samples().await;
    plc.take_log();
    rig.requests[0].send(read(&[0, 1, 0])).await.unwrap();
    let samples = snapshot(&mut rig).await.unwrap();
    assert_eq!(values(&samples), [(0, uint(7)), (1, uint(8)), (0, uint(7))]);
    assert_eq!(plc.take_log().len(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_refused_word_is_bad_in_the_snapshot_and_the_order_is_kept() {
    let plc = Plc::start().await;
    plc.count(0, true);
    plc.refuse(1, true);
    let unwatched = |name| Tag { watched: false, ..tag(name) };
    let tags = vec![fast("hr0"), unwatched("hr1"), unwatched("hr2")];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    rig.samples().await;
    rig.requests[0].send(read(&[0, 2, 1, 0])).await.unwrap();
    let samples = snapshot(&mut rig).await.unwrap();
    assert_eq!(samples[1].quality, Quality::GOOD);
    assert_eq!((&samples[2].value, samples[2].quality), (&Value::Empty, Quality::BAD_UNKNOWN));
    // The trigger moved between the two looks, and both are there.
    assert!(samples[0].value.count() < samples[3].value.count(), "{samples:?}");
    rig.end().await;
}

#[tokio::test]
async fn replies_are_written_first_and_the_ack_last() {
    let plc = Plc::start().await;
    let tags = vec![
        fast("hr0"),
        writable("co16"),
        writable("hr201"),
        writable("hr200"),
        writable("hr300"),
    ];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    rig.live().await;
    plc.take_log();
    let ack = Write { tag: TagIndex(1), bit: None, value: Value::Bool(true) };
    let replies = vec![word(4, 9), word(2, 2), word(3, 1)];
    rig.requests[0].send(write(replies, Some(ack))).await.unwrap();
    assert_eq!(written(&mut rig).await, Ok(()));
    let order: Vec<_> =
        plc.take_log().into_iter().map(|s| (s.function, s.address, s.data)).collect();
    assert_eq!(order, [(16, 200, vec![1, 2]), (6, 300, vec![9]), (5, 16, vec![0xFF00])]);
    assert_eq!(plc.get(Area::Coil, 16), 1);
    rig.end().await;
}

#[tokio::test]
async fn an_ack_is_not_written_after_a_reply_that_failed() {
    let plc = Plc::start().await;
    let tags = vec![fast("hr0"), writable("co16"), writable("hr200")];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    let ack = || Some(Write { tag: TagIndex(1), bit: None, value: Value::Bool(true) });
    rig.live().await;
    plc.trick(6, None, Trick::Exception(4));
    rig.requests[0].send(write(vec![word(2, 1)], ack())).await.unwrap();
    assert_eq!(written(&mut rig).await, Err(ReadFault::Refused));
    plc.trick(6, None, Trick::WrongEcho);
    rig.requests[0].send(write(vec![word(2, 1)], ack())).await.unwrap();
    assert_eq!(written(&mut rig).await, Err(ReadFault::Disconnected));
    rig.live().await;
    plc.trick(6, None, Trick::Silence);
    rig.requests[0].send(again(write(vec![word(2, 1)], ack()))).await.unwrap();
    assert_eq!(written(&mut rig).await, Err(ReadFault::Timeout));
    assert!(plc.take_log().iter().all(|seen| seen.function != 5));
    rig.end().await;
}

#[tokio::test]
async fn a_plc_that_was_started_anew_is_neither_answered_nor_taken_for_the_old_one() {
    let requests = || {
        let ack = Write { tag: TagIndex(1), bit: None, value: Value::Bool(true) };
        [read(&[0, 3, 0]), write(vec![word(2, 1)], Some(ack))]
    };
    for (n, request) in requests().into_iter().enumerate() {
        let plc = Plc::start().await;
        let mut one = quiet(plc.port);
        one.restart = Some(TagIndex(4));
        let unwatched = |name| Tag { watched: false, ..tag(name) };
        let (ack, reply) = (writable("co16"), writable("hr200"));
        let tags = vec![fast("hr0"), ack, reply, unwatched("hr1"), unwatched("hr90")];
        let mut rig = Rig::start(&plant(vec![one], tags));
        rig.live().await;
        // Long before the next poll.
        plc.set(Area::Holding, 90, &[1]);
        plc.take_log();
        rig.requests[0].send(request).await.unwrap();
        if n == 0 {
            assert_eq!(snapshot(&mut rig).await, Err(ReadFault::Disconnected));
        } else {
            assert_eq!(written(&mut rig).await, Err(ReadFault::Disconnected));
        }
        assert!(matches!(rig.link().await.1, Link::Down { since: Some(_), .. }));
        assert_eq!(rig.live().await.restart, Some(uint(1)));
        assert!(plc.take_log().iter().all(|seen| seen.function == 3));
        rig.end().await;
    }
}

#[tokio::test]
async fn what_was_asked_of_a_session_that_ended_is_not_done_in_the_next() {
    let plc = Plc::start().await;
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], vec![fast("hr0"), writable("hr200")]));
    rig.live().await;
    plc.trick(3, None, Trick::Cut);
    rig.requests[0].send(read(&[0])).await.unwrap();
    assert_eq!(snapshot(&mut rig).await, Err(ReadFault::Disconnected));
    rig.live().await;
    plc.take_log();
    for request in [read(&[0]), write(vec![word(1, 1)], None)] {
        rig.requests[0].send(request).await.unwrap();
    }
    assert_eq!(snapshot(&mut rig).await, Err(ReadFault::Disconnected));
    assert_eq!(written(&mut rig).await, Err(ReadFault::Disconnected));
    assert_eq!(plc.take_log(), []);
    rig.requests[0].send(again(write(vec![word(1, 1)], None))).await.unwrap();
    assert_eq!(written(&mut rig).await, Ok(()));
    rig.end().await;
}

#[tokio::test]
async fn what_may_not_be_written_is_not_and_nothing_with_it() {
    let plc = Plc::start().await;
    let tags = vec![fast("hr0"), writable("hr200"), tag("hr201"), writable("ir5")];
    let mut rig = Rig::start(&plant(vec![quiet(plc.port)], tags));
    rig.live().await;
    plc.take_log();
    let bit = Write { tag: TagIndex(1), bit: Some(3), value: Value::Bool(true) };
    for bad in [word(2, 1), word(3, 1), word(1, 70_000), bit] {
        rig.requests[0].send(write(vec![word(1, 1)], Some(bad))).await.unwrap();
        assert_eq!(written(&mut rig).await, Err(ReadFault::Refused));
    }
    assert_eq!(plc.take_log(), []);
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_is_not_there_answers_requests_at_once() {
    let port = Plc::start().await.port;
    let mut rig = Rig::start(&plant(vec![quiet(port)], vec![fast("hr0"), writable("hr1")]));
    let (_, down) = rig.link().await;
    let cause = crate::model::GapCause::Disconnected;
    assert_eq!(down, Link::Down { since: None, cause, lost: None });
    for _ in 0..3 {
        rig.requests[0].send(read(&[0])).await.unwrap();
        assert_eq!(snapshot(&mut rig).await, Err(ReadFault::Disconnected));
        rig.requests[0].send(write(vec![word(1, 1)], None)).await.unwrap();
        assert_eq!(written(&mut rig).await, Err(ReadFault::Disconnected));
    }
    let fault = rig.status[0].borrow().last_fault.clone().unwrap();
    assert!(fault.starts_with("device `d` (tcp://127.0.0.1:"), "{fault}");
    assert_eq!(rig.metrics.device_up.with_label_values(&["d", "modbus"]).get(), 0);
    rig.end().await;
}

#[tokio::test]
async fn a_probe_tells_what_is_there() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[7]);
    plc.trick(2, None, Trick::Exception(1));
    let found = probe(tcp(plc.port), 1, Path::new(""), clock()).await.unwrap();
    let answers: Vec<_> = found.areas.iter().map(|(_, answer)| answer.as_ref().ok()).collect();
    assert_eq!(answers, [Some(&7), Some(&0), Some(&0), None]);
    assert!(found.identity.is_empty() && found.latency.is_some());
}

#[tokio::test]
async fn every_tag_is_read_once_with_its_quality() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[7]);
    plc.refuse(1, true);
    let plant = plant(vec![quiet(plc.port)], vec![tag("hr0"), writable("hr1"), tag("hr2")]);
    let read = read_once(&plant, DeviceIndex(0), Path::new(""), clock()).await.unwrap();
    assert!(!read.round_trip.is_zero());
    // Measured: what was assumed is more than any answer on this machine takes.
    assert!(read.cost.request < ROUND_TRIP, "{:?}", read.cost);
    let qualities: Vec<_> = read.samples.iter().map(|s| (s.tag.0, s.quality)).collect();
    let (good, unknown) = (Quality::GOOD, Quality::BAD_UNKNOWN);
    assert_eq!(qualities, [(0, good), (1, unknown), (2, good)]);
}
