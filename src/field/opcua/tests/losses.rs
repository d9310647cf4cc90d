//! Values that do not come: asked for again, else told as a gap.
use super::plc::{COUNT, Plc, Rig, TEMP, down, live, plant, samples, soon};
use super::relay::Relay;
use crate::model::plant::{Security, Trust};
use crate::model::{GapCause, Input, Value};

/// What the engine hears of the counter until it is `last`, and whether it hears of a loss.
async fn counted(rig: &mut Rig, last: u64) -> (Vec<Value>, Option<GapCause>) {
    let (mut values, mut loss) = (Vec::new(), None);
    soon("the last count", async {
        while values.last() != Some(&Value::UInt(last)) {
            let input = rig.urgent.recv().await.unwrap();
            if let Input::Lost { cause, since, to, .. } = input {
                assert!(since <= to);
                loss = Some(cause);
                continue;
            }
            let told = samples(input).into_iter().flatten().filter(|sample| sample.tag == COUNT);
            values.extend(told.map(|sample| sample.value));
        }
    })
    .await;
    (values, loss)
}

#[tokio::test]
async fn a_message_that_is_missing_is_asked_for_again_and_comes_before_the_next() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let relay = Relay::start(plc.port).await;
    let mut rig = Rig::start(plant(relay.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    counted(&mut rig, 7).await;

    relay.empty_one();
    plc.set("Count", 8u32);
    soon("the loss", relay.emptied()).await;
    plc.set("Count", 9u32);
    let (values, loss) = counted(&mut rig, 9).await;
    assert_eq!((values, loss), (vec![Value::UInt(8), Value::UInt(9)], None));
    assert_eq!(rig.metrics.republished.with_label_values(&["press"]).get(), 1);

    // Nothing follows: the keep-alive shows it.
    relay.empty_one();
    plc.set("Temp", 21.0);
    soon("the loss", relay.emptied()).await;
    rig.bulk_sample(TEMP, &Value::Real(21.0)).await;
    rig.end().await;
}

#[tokio::test]
async fn a_message_that_the_server_has_not_kept_is_a_gap_and_handshake_words_are_read_again() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let relay = Relay::start(plc.port).await;
    let mut rig = Rig::start(plant(relay.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    counted(&mut rig, 7).await;

    relay.forget();
    relay.empty_one();
    plc.set("Count", 8u32);
    soon("the loss", relay.emptied()).await;
    plc.set("Count", 9u32);
    let (values, loss) = counted(&mut rig, 9).await;
    assert_eq!((values, loss), (vec![Value::UInt(9)], Some(GapCause::Sequence)));
    let again = rig.until("the handshake words", |input| {
        samples(input).filter(|s| s.iter().any(|s| s.tag == COUNT) && s.len() == 2)
    });
    again.await;
    rig.end().await;
}

#[tokio::test]
async fn a_message_that_the_library_breaks_on_costs_one_connection_and_not_the_device() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let relay = Relay::start(plc.port).await;
    let trust = Trust::Thumbprint(plc.own.certificate.thumbprint);
    let mut rig = Rig::start(plant(relay.port, Security::SignAndEncrypt, trust), pki.path());
    rig.until("live", live).await;
    // Encrypted, it has no room for its signature: the library subtracts beyond zero.
    relay.cut_one();
    rig.fault("could not be taken apart").await;
    let (since, cause) = rig.until("down", down).await;
    assert_eq!((since.is_some(), cause), (true, GapCause::Disconnected));
    rig.until("live again", live).await;
    rig.end().await;
}
