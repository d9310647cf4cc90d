//! Words that a server has nothing to tell of, because it did not look while they were otherwise.
use super::plc::{ACK, COUNT, Plc, Rig, live, plant, samples};
use super::{read, read_done, values, word, write_request, written};
use crate::model::Value;
use crate::model::plant::{Security, TagIndex, Trust};
use ::opcua::types::Variant;

/// What the engine is told of a word next.
async fn told(rig: &mut Rig, tag: TagIndex) -> Value {
    rig.until("a word", |input| Some(samples(input)?.into_iter().find(|s| s.tag == tag)?.value))
        .await
}

#[tokio::test]
async fn a_word_that_is_again_as_it_was_told_last_is_told_once_more() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::slow(dir.path()).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    assert_eq!(told(&mut rig, COUNT).await, Value::UInt(7));
    plc.set("Count", 8u32);
    rig.requests.send(read(1, &[COUNT])).await.unwrap();
    let answer = rig.until("an answer", read_done(1)).await.unwrap();
    assert_eq!(values(&answer), [Value::UInt(8)]);
    plc.set("Count", 7u32);
    assert_eq!(told(&mut rig, COUNT).await, Value::UInt(7));
    rig.end().await;
}

#[tokio::test]
async fn a_word_that_we_wrote_is_told_however_seldom_the_server_looks() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::slow(dir.path()).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    assert_eq!(told(&mut rig, ACK).await, Value::UInt(0));
    let ack = word(ACK, Value::UInt(8));
    rig.requests.send(write_request(1, Vec::new(), Some(ack))).await.unwrap();
    assert_eq!(rig.until("written", written(1)).await, Ok(()));
    assert_eq!(told(&mut rig, ACK).await, Value::UInt(8));
    // The PLC takes it back.
    plc.set("Ack", Variant::UInt16(0));
    assert_eq!(told(&mut rig, ACK).await, Value::UInt(0));
    rig.end().await;
}
