//! The device task against the library's own server, on loopback.
mod doubts;
mod limits;
mod losses;
mod pins;
pub(super) mod plc;
mod relay;
mod structures;
mod visits;

use crate::field::Request;
use crate::field::opcua::Target;
use crate::field::opcua::locate::locate;
use crate::field::opcua::services::Peer;
use crate::field::opcua::visit::visit;
use crate::model::plant::{DeviceIndex, Interface, Plant, Protocol, Security, Trust, UserLogin};
use crate::model::{
    GapCause, Input, Position, Quality, ReadFault, ReadFrom, ReadRequest, ReadToken, Sample,
    Session, TagName, Value, Write, WriteRequest,
};
use crate::pki::ensure_own;
use ::opcua::crypto::SecurityPolicy;
use ::opcua::types::{DateTime, StatusCode, Variant};
use plc::{
    ACK, COUNT, GHOST, LIFE, PERMIT, Plc, Rig, SERIAL, STATE, STRAY, TEMP, down, live, plant,
    samples,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const DEVICE: DeviceIndex = DeviceIndex(0);

fn read(token: u64, tags: &[crate::model::plant::TagIndex]) -> Request {
    Request::Read(ReadRequest {
        token: ReadToken(token),
        device: DEVICE,
        session: Session(1),
        tags: tags.to_vec(),
        from: ReadFrom::Words,
    })
}

fn write_request(token: u64, replies: Vec<Write>, ack: Option<Write>) -> Request {
    let token = ReadToken(token);
    Request::Write(WriteRequest {
        still: Vec::new(),
        token,
        device: DEVICE,
        session: Session(1),
        after: Position(1),
        replies,
        ack,
    })
}

fn word(tag: crate::model::plant::TagIndex, value: Value) -> Write {
    Write { tag, bit: None, value }
}

fn read_done(token: u64) -> impl Fn(Input) -> Option<Result<Vec<Sample>, ReadFault>> {
    move |input| {
        let Input::Read(done) = input else { return None };
        (done.token == ReadToken(token)).then_some(done.outcome)
    }
}

fn written(token: u64) -> impl Fn(Input) -> Option<Result<(), ReadFault>> {
    move |input| {
        let Input::Written(done) = input else { return None };
        (done.token == ReadToken(token)).then_some(done.outcome)
    }
}

fn values(samples: &[Sample]) -> Vec<Value> {
    samples.iter().map(|s| s.value.clone()).collect()
}

#[tokio::test]
async fn a_device_is_proven_then_told_live_then_its_words_then_their_changes() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());

    let first = rig.until("anything", Some).await;
    let boot = live(first).expect("the first input says that the device is live");
    assert_eq!(boot.restart, Some(Value::UInt(1)));
    assert!(boot.start_time.is_some());
    let words = samples(rig.urgent.recv().await.unwrap()).expect("then the handshake words");
    let mut tags: Vec<_> = words.iter().map(|s| s.tag).collect();
    tags.sort_unstable();
    assert_eq!(tags, [COUNT, ACK]);
    rig.bulk_sample(TEMP, &Value::Real(20.0)).await;

    plc.set("Count", 8u32);
    let changed = rig.until("a change", samples).await;
    assert_eq!((changed[0].tag, &changed[0].value), (COUNT, &Value::UInt(8)));
    plc.set("Temp", 300.0);
    let hot = rig.bulk_sample(TEMP, &Value::Real(300.0)).await;
    assert_eq!(hot.quality, Quality::BAD_RANGE);
    let up = rig.metrics.device_up.with_label_values(&["press", "opcua"]);
    assert_eq!(up.get(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_snapshot_comes_fresh_in_the_order_asked_and_a_bad_node_costs_only_itself() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    for ghost in [GHOST, STRAY] {
        wanted.tags[ghost.get()].watched = true;
    }
    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    rig.fault("does not monitor `Ghost` BadNodeIdUnknown, `Stray` BadNodeIdUnknown").await;
    let missing = plc::soon("first values", rig.bulk.recv()).await.and_then(samples).unwrap();
    for ghost in [GHOST, STRAY] {
        let sample = missing.iter().find(|s| s.tag == ghost).unwrap();
        assert_eq!((sample.quality, &sample.value), (Quality::BAD_UNKNOWN, &Value::Empty));
    }

    plc.set_at(&[
        ("Serial", "SN-9".into(), DateTime::now()),
        ("Count", Variant::UInt32(9), DateTime::now()),
    ]);
    rig.requests.send(read(1, &[COUNT, SERIAL, GHOST, STRAY, ACK, COUNT])).await.unwrap();
    let snapshot = rig.until("a snapshot", read_done(1)).await.unwrap();
    let (nine, serial) = (Value::UInt(9), Value::text("SN-9"));
    assert_eq!(
        values(&snapshot),
        [nine.clone(), serial, Value::Empty, Value::Empty, Value::UInt(0), nine]
    );
    assert_eq!([snapshot[2].quality, snapshot[3].quality], [Quality::BAD_UNKNOWN; 2]);
    assert!(snapshot[0].quality.is_good() && snapshot[0].source.is_some());
    rig.end().await;
}

#[tokio::test]
async fn replies_are_written_in_the_nodes_types_and_the_ack_last() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    for name in ["Permit", "Ack"] {
        let order = Arc::clone(&order);
        plc.on_write(name, move |value| {
            let refused = value == Variant::Int16(66);
            order.lock().unwrap().push((name, value));
            if refused { StatusCode::BadOutOfRange } else { StatusCode::Good }
        });
    }
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;

    let (permit, ack) = (word(PERMIT, Value::Int(2)), word(ACK, Value::UInt(8)));
    rig.requests.send(write_request(1, vec![permit], Some(ack.clone()))).await.unwrap();
    assert_eq!(rig.until("written", written(1)).await, Ok(()));
    let seen = std::mem::take(&mut *order.lock().unwrap());
    assert_eq!(seen, [("Permit", Variant::Int16(2)), ("Ack", Variant::UInt16(8))]);

    let Request::Write(late) = write_request(4, Vec::new(), Some(ack.clone())) else {
        unreachable!()
    };
    let still = vec![word(COUNT, Value::UInt(999))];
    rig.requests.send(Request::Write(WriteRequest { still, ..late })).await.unwrap();
    assert_eq!(rig.until("taken back", written(4)).await, Err(ReadFault::Withdrawn));
    assert!(order.lock().unwrap().is_empty(), "it was answered all the same");

    let refused = word(PERMIT, Value::Int(66));
    rig.requests.send(write_request(2, vec![refused], Some(ack.clone()))).await.unwrap();
    assert_eq!(rig.until("refused", written(2)).await, Err(ReadFault::Refused));
    let undeclared = word(COUNT, Value::UInt(1));
    rig.requests.send(write_request(3, vec![undeclared], Some(ack.clone()))).await.unwrap();
    assert_eq!(rig.until("undeclared", written(3)).await, Err(ReadFault::Refused));
    let unfit = word(ACK, Value::UInt(70_000));
    rig.requests.send(write_request(4, Vec::new(), Some(unfit))).await.unwrap();
    assert_eq!(rig.until("unfit", written(4)).await, Err(ReadFault::Refused));
    assert_eq!(*order.lock().unwrap(), [("Permit", Variant::Int16(66))], "no ack after a refusal");
    assert_eq!(plc.get("Count"), Variant::UInt32(7));
    rig.end().await;
}

#[tokio::test]
async fn changes_come_in_the_order_of_their_source_times() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    wanted.tags[TEMP.get()].every_change = true;
    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    rig.bulk_sample(STATE, &Value::Int(0)).await;

    let now = DateTime::now().as_chrono();
    let at = |ms: u64| DateTime::from(now + Duration::from_millis(ms));
    // The server sends item by item: temperature first, whatever the times say.
    plc.set_at(&[("Temp", Variant::Double(1.0), at(1)), ("State", Variant::Int32(1), at(2))]);
    plc.set_at(&[("Temp", Variant::Double(2.0), at(3)), ("State", Variant::Int32(2), at(4))]);
    let mut got = Vec::new();
    while got.len() < 4 {
        let batch = plc::soon("a batch", rig.bulk.recv()).await.and_then(samples).unwrap();
        assert!(batch.is_sorted_by_key(Sample::time), "a batch is out of order");
        got.extend(values(&batch));
    }
    let wanted = [Value::Real(1.0), Value::Int(1), Value::Real(2.0), Value::Int(2)];
    assert_eq!(got, wanted);
    rig.end().await;
}

#[tokio::test]
async fn a_restarted_server_is_down_then_live_with_another_boot() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    let first = rig.until("live", live).await;
    let port = plc.stop().await;
    let (since, cause) = rig.until("down", down).await;
    assert_eq!(cause, GapCause::Disconnected);
    assert!(since.is_some());
    rig.requests.send(read(1, &[COUNT])).await.unwrap();
    let refused = rig.until("an answer", read_done(1)).await;
    assert_eq!(refused, Err(ReadFault::Disconnected));

    let plc = Plc::start(dir.path(), port).await;
    let second = rig.until("live again", live).await;
    assert!(second.start_time > first.start_time, "{second:?} after {first:?}");
    plc.set("Boot", 2u32);
    assert_eq!(rig.until("down", down).await.1, GapCause::Disconnected);
    let third = rig.until("live a third time", live).await;
    assert_eq!(third.restart, Some(Value::UInt(2)));
    assert_eq!(third.start_time, second.start_time);
    rig.end().await;
}

#[tokio::test]
async fn a_trusted_server_is_spoken_to_encrypted() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let trust = Trust::Thumbprint(plc.own.certificate.thumbprint);
    let mut rig = Rig::start(plant(plc.port, Security::SignAndEncrypt, trust), pki.path());
    rig.until("live", live).await;
    plc.set("Count", 8u32);
    rig.requests.send(read(1, &[COUNT])).await.unwrap();
    let snapshot = rig.until("a snapshot", read_done(1)).await.unwrap();
    assert_eq!(values(&snapshot), [Value::UInt(8)]);
    assert_eq!(rig.metrics.device_insecure.with_label_values(&["press"]).get(), 0);
    rig.end().await;
}

#[tokio::test]
async fn a_withdrawn_policy_is_spoken_only_where_it_is_declared() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::offering(dir.path(), 0, &[SecurityPolicy::Basic256]).await;
    let trust = Trust::Thumbprint(plc.own.certificate.thumbprint);
    let wanted = plant(plc.port, Security::SignAndEncrypt, trust.clone());
    let mut rig = Rig::start(wanted, pki.path());
    rig.fault("the server offers no encrypted endpoint").await;
    rig.end().await;
    let mut rig = Rig::start(plant(plc.port, Security::Legacy, trust), pki.path());
    rig.until("live", live).await;
    assert_eq!(rig.metrics.device_insecure.with_label_values(&["press"]).get(), 1);
    rig.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_trusted_is_refused_until_somebody_trusts_it() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let thumbprint = plc.own.certificate.thumbprint;
    let wrong = plant(plc.port, Security::SignAndEncrypt, Trust::Thumbprint([7; 32]));
    let mut rig = Rig::start(wrong, pki.path());
    let fault = rig.fault("not trusted").await;
    assert!(fault.contains(&crate::pki::thumbprint_hex(&thumbprint)), "{fault}");
    assert_eq!(rig.until("down", down).await, (None, GapCause::Disconnected));
    rig.end().await;

    let mut rig = Rig::start(plant(plc.port, Security::SignAndEncrypt, Trust::Pki), pki.path());
    rig.fault("pedigree certs trust").await;
    crate::pki::trust(pki.path(), &thumbprint).unwrap();
    rig.until("live", live).await;
    rig.end().await;
}

#[tokio::test]
async fn the_first_certificate_is_pinned_and_another_one_refused() {
    let (dir, other, pki) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let wanted = plant(plc.port, Security::SignAndEncrypt, Trust::FirstUse);
    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    let port = plc.stop().await;
    let plc = Plc::start(other.path(), port).await;
    rig.fault("not the one that was seen first").await;
    assert!(!crate::pki::is_trusted(pki.path(), &plc.own.certificate.der).unwrap());
    rig.end().await;
}

#[tokio::test]
async fn a_heartbeat_that_stands_is_silence() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    wanted.devices[0].heartbeat.plc = Some(LIFE);
    wanted.devices[0].heartbeat.stale_after = Duration::from_millis(600);
    let mut rig = Rig::start(wanted, pki.path());
    rig.fault("heartbeat `Life` has not moved").await;
    assert_eq!(rig.until("down", down).await, (None, GapCause::Silent));

    let beating = async {
        for beat in 1u32.. {
            plc.set("Life", beat);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::select! {
        () = beating => {}
        _ = rig.until("live", live) => {}
    }
    let (since, cause) = rig.until("down", down).await;
    assert_eq!(cause, GapCause::Silent);
    assert!(since.is_some());
    rig.end().await;
}

#[tokio::test]
async fn another_interface_is_not_observed() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    let name = TagName::parse("State").unwrap();
    wanted.devices[0].interface = Some(Interface { tag: STATE, name, equals: Value::Int(3) });
    let mut rig = Rig::start(wanted, pki.path());
    let fault = rig.fault("interface word `State` is 0").await;
    assert!(fault.contains("written for 3"), "{fault}");
    assert_eq!(rig.until("down", down).await, (None, GapCause::Interface));
    plc.set("State", 3);
    rig.until("live", live).await;
    plc.set("State", 4);
    assert_eq!(rig.until("down", down).await.1, GapCause::Interface);
    rig.end().await;
}

#[tokio::test]
async fn our_heartbeat_counts_up_in_the_nodes_type() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let (sender, mut seen) = tokio::sync::mpsc::channel(10);
    plc.on_write("Permit", move |value| {
        let _ = sender.try_send(value);
        StatusCode::Good
    });
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    wanted.devices[0].heartbeat.host = Some(PERMIT);
    wanted.devices[0].heartbeat.stale_after = Duration::from_millis(300);
    let rig = Rig::start(wanted, pki.path());
    for beat in 1..=3i16 {
        assert_eq!(plc::soon("a beat", seen.recv()).await, Some(Variant::Int16(beat)));
    }
    rig.end().await;
}

#[tokio::test]
async fn a_full_queue_of_the_server_is_told_and_handshake_words_are_read_again() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    // Sampled on every write, so that the queue fills.
    wanted.tags[COUNT.get()].every_change = true;
    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    for count in 0..500u32 {
        plc.set("Count", count);
    }
    let (tag, cause) = rig
        .until("a loss", |input| {
            let Input::Lost { tag, cause, since, to, .. } = input else { return None };
            assert!(since <= to);
            Some((tag, cause))
        })
        .await;
    assert_eq!((tag, cause), (Some(COUNT), GapCause::Overflow));
    let both = |input| samples(input).filter(|s| s.iter().any(|s| s.tag == ACK));
    let again = rig.until("the handshake words", both).await;
    assert!(again.iter().any(|s| s.tag == COUNT && s.value == Value::UInt(499)));
    assert!(rig.metrics.overflows.with_label_values(&["press"]).get() > 0);
    rig.end().await;
}

#[tokio::test]
async fn a_server_that_takes_few_operations_at_once_is_asked_for_few() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::narrow(dir.path(), 3).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    rig.bulk_sample(TEMP, &Value::Real(20.0)).await;
    rig.end().await;

    let opened = Target::url(&format!("opc.tcp://127.0.0.1:{}", plc.port), Security::None);
    let opened = opened.open(pki.path(), plc::clock()().wall).await.unwrap();
    let plant = Arc::new(plant(plc.port, Security::None, Trust::Pki));
    let asked = visit(opened, |session| async move {
        let peer = Peer::new(session, plant, plc::clock());
        let found = locate(&peer, DeviceIndex(0), &peer.namespaces().await?).await?;
        assert!(found.nodes.contains_key(&TEMP));
        Ok(peer.limits.read.now())
    });
    assert!(asked.await.unwrap() <= 3, "what was refused is not tried again");
}

#[tokio::test]
async fn a_user_by_certificate_is_let_in_and_nobody_without() {
    let [dir, pki, own] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let user = ensure_own(own.path(), "urn:test:operator", "operator", &[]).unwrap();
    let plc = Plc::closed(dir.path(), &user.certificate_path).await;
    let trust = Trust::Thumbprint(plc.own.certificate.thumbprint);
    let mut wanted = plant(plc.port, Security::SignAndEncrypt, trust);
    let mut rig = Rig::start(wanted.clone(), pki.path());
    rig.fault("takes no anonymous login").await;
    rig.end().await;
    let login = |key: &std::path::Path| UserLogin::Certificate {
        certificate: user.certificate_path.clone(),
        key: key.to_owned(),
    };
    let set = |plant: &mut Plant, login| {
        let Protocol::OpcUa(link) = &mut plant.devices[0].protocol else { unreachable!() };
        link.login = Some(login);
    };
    set(&mut wanted, login(&own.path().join("nothing.pem")));
    let mut rig = Rig::start(wanted.clone(), pki.path());
    rig.fault("the certificate that we log in with cannot be read").await;
    rig.end().await;
    set(&mut wanted, login(&user.key_path));
    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    rig.end().await;
}
