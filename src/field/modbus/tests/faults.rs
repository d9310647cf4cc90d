//! What a device or its line does wrong, and that it never becomes a value.
use super::plc::{Seen, Trick};
use super::*;
use crate::field::modbus::bus::{Ask, Fault, Reply, Urgency};
use crate::model::{GapCause, Quality};
use futures::future::join_all;
use tokio::sync::Notify;

#[tokio::test]
async fn a_late_answer_is_never_the_answer_to_the_next_request() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[111]);
    plc.set(Area::Holding, 100, &[222]);
    let go = Arc::new(Notify::new());
    plc.trick(3, Some(0), Trick::Late(go.clone()));
    let mut one = device("d", plc.port, 1);
    let link = link(&mut one).clone();
    let (bus, task) = open_bus();
    let asking = async move {
        let read = |at| bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, at, 1));
        assert!(matches!(read(0).await, Err(Fault::Timeout(_))));
        assert!(matches!(read(100).await, Err(Fault::Unheard)));
        go.notify_one();
        bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap();
        for _ in 0..3 {
            assert_eq!(read(100).await.unwrap().reply, Reply::Words(vec![222]));
        }
        assert_eq!(read(0).await.unwrap().reply, Reply::Words(vec![111]));
    };
    tokio::join!(task.run(), asking);
    assert_eq!(plc.connections(), 2);
}

#[tokio::test]
async fn an_answer_to_something_else_drops_the_connection_and_is_no_value() {
    let tricks = [
        (Trick::Short, "framing"),
        (Trick::WrongId, "framing"),
        (Trick::Cut, "transport"),
        // Its bytes read as the begin of a long frame that never ends.
        (Trick::Garbage, "timeout"),
        (Trick::Silence, "timeout"),
    ];
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[7, 8]);
    let tags = vec![fast("hr0"), fast("hr1")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    rig.live().await;
    for (n, (trick, class)) in tricks.into_iter().enumerate() {
        assert_eq!(values(&rig.samples().await), [(0, uint(7)), (1, uint(8))]);
        let before = rig.errors("d", class);
        plc.trick(3, None, trick);
        match rig.urgent().await {
            Input::Link { link: Link::Down { since, cause, .. }, .. } => {
                assert_eq!((since.is_some(), cause), (true, GapCause::Disconnected), "{class}");
            }
            other => panic!("{class}: {other:?}"),
        }
        assert_eq!(rig.errors("d", class), before + 1, "{class}");
        rig.live().await;
        assert_eq!(plc.connections(), n + 2, "{class}");
    }
    rig.end().await;
}

#[tokio::test]
async fn a_short_answer_is_a_fault_of_its_own_length() {
    let plc = Plc::start().await;
    let mut one = device("d", plc.port, 1);
    let link = link(&mut one).clone();
    let (bus, task) = open_bus();
    let asking = async move {
        for area in [Area::Holding, Area::Input] {
            plc.trick(if area == Area::Holding { 3 } else { 4 }, None, Trick::Short);
            bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap();
            match bus.ask(Urgency::Slow, &link, Ask::Read(area, 0, 4)).await {
                Err(Fault::Framing(why)) => assert!(why.contains("3 values"), "{why}"),
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::join!(task.run(), asking);
}

#[tokio::test]
async fn a_refused_register_costs_only_its_own_tag() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[10, 11, 12, 13, 14, 15, 16, 17]);
    plc.refuse(5, true);
    let tags = (0..8).map(|n| tag(&format!("hr{n}"))).collect();
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    let mut samples = rig.bulk().await;
    samples.sort_by_key(|sample| sample.tag);
    for (n, sample) in samples.iter().enumerate() {
        if n == 5 {
            assert_eq!((&sample.value, sample.quality), (&Value::Empty, Quality::BAD_UNKNOWN));
        } else {
            let value = uint(10 + u64::try_from(n).unwrap());
            assert_eq!((&sample.value, sample.quality), (&value, Quality::GOOD));
        }
    }
    assert_eq!(samples.len(), 8);
    // What was learned holds: two requests a round, none of them over the bad register.
    plc.take_log();
    plc.set(Area::Holding, 7, &[99]);
    assert_eq!(values(&rig.bulk().await), [(7, uint(99))]);
    let ranges = plc.take_log().into_iter().map(|seen| (seen.address, seen.data[0]));
    assert!(ranges.into_iter().all(|range| range == (0, 5) || range == (6, 2)));
    rig.end().await;
}

#[tokio::test]
async fn a_register_that_becomes_refused_is_told_while_the_others_go_on() {
    let plc = Plc::start().await;
    let tags = vec![tag("hr0"), tag("hr1"), tag("hr2")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    assert_eq!(rig.bulk().await.len(), 3);
    plc.refuse(1, true);
    let news = rig.bulk().await;
    assert_eq!(news.len(), 1);
    assert_eq!((news[0].tag, news[0].quality), (TagIndex(1), Quality::BAD_UNKNOWN));
    plc.set(Area::Holding, 2, &[4]);
    assert_eq!(values(&rig.bulk().await), [(2, uint(4))]);
    rig.end().await;
}

#[tokio::test]
async fn a_gap_that_cannot_be_read_over_costs_no_tag() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[1, 2]);
    plc.set(Area::Holding, 5, &[6, 7]);
    plc.refuse(3, true);
    let tags = ["hr0", "hr1", "hr5", "hr6"].map(tag).to_vec();
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    let samples = rig.bulk().await;
    assert!(samples.iter().all(|sample| sample.quality == Quality::GOOD), "{samples:?}");
    assert_eq!(samples.len(), 4);
    // What was learned holds: the gap is not tried again.
    plc.take_log();
    plc.set(Area::Holding, 6, &[9]);
    assert_eq!(values(&rig.bulk().await), [(3, uint(9))]);
    let mut ranges = plc.take_log().into_iter().map(|seen| (seen.address, seen.data[0]));
    assert!(ranges.all(|range| range == (0, 2) || range == (5, 2)));
    rig.end().await;
}

#[tokio::test]
async fn exceptions_are_told_apart() {
    let plc = Plc::start().await;
    let tags = vec![tag("hr0"), tag("ir0")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    rig.live().await;
    assert_eq!(rig.bulk().await.len(), 2);
    // 6: it is asked again, and nothing is told.
    plc.trick(3, None, Trick::Exception(6));
    plc.trick(3, None, Trick::Exception(5));
    while rig.errors("d", "exception_5") == 0 {
        plc.take_log();
        plc.seen(|seen| seen.function == 3).await;
    }
    plc.set(Area::Holding, 0, &[3]);
    assert_eq!(values(&rig.bulk().await), [(0, uint(3))]);
    // 4: what was asked for is bad, until it is answered.
    plc.trick(3, None, Trick::Exception(4));
    let news = rig.bulk().await;
    assert_eq!((news[0].tag, news[0].quality), (TagIndex(0), Quality::BAD_DEVICE));
    assert_eq!(values(&rig.bulk().await), [(0, uint(3))]);
    // 11: the gateway does not find it.
    plc.trick(4, None, Trick::Exception(11));
    assert!(matches!(rig.link().await.1, Link::Down { cause: GapCause::Disconnected, .. }));
    rig.live().await;
    assert_eq!(plc.connections(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_refuses_everything_is_not_observed() {
    let plc = Plc::start().await;
    plc.refuse(0, true);
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], vec![tag("hr0")]));
    assert_eq!(rig.link().await.1, Link::Down { since: None, cause: GapCause::Silent, lost: None });
    rig.end().await;
}

#[tokio::test]
async fn a_full_bulk_lane_pushes_back_alone_and_is_told_as_a_gap() {
    let plc = Plc::start().await;
    plc.count(0, true);
    plc.count(50, true);
    let mut rig = Rig::start(&plant(
        vec![device("d", plc.port, 1)],
        vec![Tag { publish: Some(Duration::from_millis(1)), ..tag("hr0") }, fast("hr50")],
    ));
    // Handshake words are told on while nobody takes from the bulk lane.
    while rig.bulk.len() < BULK_LEN_MAX {
        rig.samples().await;
    }
    let mut slow_reads = true;
    for _ in 0..50 {
        plc.take_log();
        for _ in 0..10 {
            rig.samples().await;
        }
        slow_reads = plc.take_log().iter().any(|seen| seen.address == 0);
        if !slow_reads {
            break;
        }
    }
    assert!(!slow_reads, "slow words are not looked at while they have no place");
    rig.pass(Duration::from_secs(2));
    while rig.bulk.try_recv().is_ok() {}
    match rig.answer().await {
        Input::Lost { tag: None, cause: GapCause::Overload, since, to, .. } => assert!(since < to),
        other => panic!("{other:?}"),
    }
    plc.seen(|seen| seen.address == 0).await;
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_begins_to_refuse_everything_is_lost() {
    let plc = Plc::start().await;
    let mut one = device("d", plc.port, 1);
    one.heartbeat.stale_after = Duration::from_millis(100);
    let mut rig = Rig::start(&plant(vec![one], vec![tag("hr0"), tag("hr1")]));
    rig.live().await;
    plc.trick_always(3, Trick::Exception(4));
    match rig.link().await.1 {
        Link::Down { since: Some(_), cause: GapCause::Silent, .. } => {}
        other => panic!("{other:?}"),
    }
    rig.end().await;
}

#[tokio::test]
async fn a_refused_register_is_asked_for_again_later() {
    let plc = Plc::start().await;
    plc.refuse(1, true);
    let tags = vec![tag("hr0"), tag("hr1"), tag("hr2")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    assert_eq!(rig.bulk().await.len(), 3);
    plc.refuse(1, false);
    plc.set(Area::Holding, 1, &[5]);
    rig.pass(Duration::from_mins(6));
    assert_eq!(values(&rig.bulk().await), [(1, uint(5))]);
    plc.set(Area::Holding, 1, &[6]);
    assert_eq!(values(&rig.bulk().await), [(1, uint(6))]);
    rig.end().await;
}

/// Live, lost at the next read, and live again; what was asked on the second connection.
async fn again(plc: &Plc, rig: &mut Rig) -> Vec<Seen> {
    plc.trick(3, None, Trick::Silence);
    assert!(matches!(rig.link().await.1, Link::Down { .. }));
    plc.take_log();
    rig.live().await;
    plc.take_log()
}

fn reads(log: &[Seen], address: u16) -> bool {
    log.iter().any(|seen| {
        seen.function == 3 && (seen.address..seen.address + seen.data[0]).contains(&address)
    })
}

#[tokio::test]
async fn what_a_device_refused_is_known_of_the_same_device_after_a_reconnect() {
    let plc = Plc::start().await;
    plc.refuse(1, true);
    plc.identify("ACME 7");
    let mut one = device("d", plc.port, 1);
    one.restart = Some(TagIndex(3));
    let tags = vec![tag("hr0"), tag("hr1"), tag("hr2"), Tag { watched: false, ..tag("hr50") }];
    let mut rig = Rig::start(&plant(vec![one], tags));
    rig.live().await;
    assert!(reads(&plc.take_log(), 1));
    let log = again(&plc, &mut rig).await;
    assert!(reads(&log, 0) && reads(&log, 2) && !reads(&log, 1), "{log:?}");
    // After a while it is tried again, as without a reconnect.
    rig.pass(Duration::from_mins(6));
    plc.seen(|seen| seen.function == 3 && seen.address == 1).await;
    // Another program, and then another device.
    plc.take_log();
    plc.set(Area::Holding, 50, &[1]);
    rig.live().await;
    assert!(reads(&plc.take_log(), 1));
    plc.identify("ACME 8");
    assert!(reads(&again(&plc, &mut rig).await, 1));
    plc.take_log();
    assert!(!reads(&again(&plc, &mut rig).await, 1));
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_does_not_say_who_it_is_is_learned_anew() {
    let plc = Plc::start().await;
    plc.refuse(1, true);
    let tags = vec![tag("hr0"), tag("hr1"), tag("hr2")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    rig.live().await;
    assert!(reads(&again(&plc, &mut rig).await, 1));
    rig.end().await;
}

#[tokio::test]
async fn a_device_that_falls_silent_when_it_is_asked_who_it_is_is_asked_once() {
    let plc = Plc::start().await;
    plc.refuse(1, true);
    plc.trick_always(43, Trick::Silence);
    let tags = vec![tag("hr0"), tag("hr1"), tag("hr2")];
    let mut rig = Rig::start(&plant(vec![device("d", plc.port, 1)], tags));
    rig.live().await;
    let asked = |log: &[Seen]| log.iter().filter(|seen| seen.function == 43).count();
    assert_eq!((asked(&plc.take_log()), plc.connections()), (1, 2));
    assert_eq!(asked(&again(&plc, &mut rig).await), 0);
    rig.end().await;
}

#[tokio::test]
async fn urgent_requests_pass_slow_ones_which_still_get_their_turn() {
    let plc = Plc::start().await;
    let go = Arc::new(Notify::new());
    plc.trick(3, Some(0), Trick::Late(go.clone()));
    let mut one = device("d", plc.port, 1);
    link(&mut one).timeout = PATIENCE;
    let link = link(&mut one).clone();
    let (bus, task) = open_bus();
    let read = |urgency, at| {
        let (bus, link) = (bus.clone(), link.clone());
        async move { bus.ask(urgency, &link, Ask::Read(Area::Holding, at, 1)).await.unwrap() }
    };
    let slow = join_all([0, 1].map(|at| read(Urgency::Slow, at)));
    let fast = join_all([10, 11].map(|at| read(Urgency::Fast, at)));
    let many = join_all((100..130).map(|at| read(Urgency::Request, at)).collect::<Vec<_>>());
    let later = async {
        plc.seen(|seen| seen.address == 0).await;
        // All of them wait before the first answer comes.
        tokio::join!(fast, many, async { go.notify_one() });
    };
    tokio::select! {
        () = task.run() => panic!("a bus does not end while it has handles"),
        _ = futures::future::join(slow, later) => {}
    }
    let order: Vec<u16> = plc.take_log().into_iter().map(|seen| seen.address).collect();
    let place = |at| order.iter().position(|seen| *seen == at).unwrap();
    assert_eq!(place(0), 0);
    assert!(place(100) < place(1) && place(1) < place(129), "{order:?}");
    assert!(place(129) < place(10), "{order:?}");
}
