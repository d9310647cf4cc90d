//! What a server does not do: items in one subscription, subscriptions, references at once, deadbands.
use super::plc::{BOOT, COUNT, LIFE, Plc, Rig, STATE, TEMP, clock, live, plant, samples, soon};
use crate::field::opcua::browse::children;
use crate::field::opcua::services::Peer;
use crate::field::opcua::types::methods;
use crate::field::opcua::visit::visit;
use crate::field::opcua::{Target, read_once};
use crate::model::plant::{DeviceIndex, Security, TagIndex, Trust};
use crate::model::{Quality, Value};
use ::opcua::nodes::{MethodBuilder, ObjectBuilder};
use ::opcua::types::{ObjectId, QualifiedName, StatusCode};
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test]
async fn what_has_no_room_in_a_subscription_goes_into_another() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // Three handshake words and three others.
    let plc = Plc::small(dir.path(), 2, 10).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    plc.set("Temp", 21.0);
    rig.bulk_sample(TEMP, &Value::Real(21.0)).await;
    plc.set("State", 5i32);
    rig.bulk_sample(STATE, &Value::Int(5)).await;
    plc.set("Life", 6u32);
    rig.bulk_sample(LIFE, &Value::UInt(6)).await;
    plc.set("Count", 8u32);
    rig.until("the count", |input| {
        samples(input).filter(|s| s.iter().any(|s| s.tag == COUNT && s.value == Value::UInt(8)))
    })
    .await;
    assert_eq!(rig.status.borrow().last_fault, None);
    // The word that ends a connection is the last of the handshake words.
    plc.set("Boot", 2u32);
    rig.until("down", super::plc::down).await;
    rig.until("live again", live).await;
    rig.end().await;
}

#[tokio::test]
async fn what_a_server_has_no_room_for_is_bad_and_the_rest_is_observed() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    // The three handshake words take both subscriptions.
    let plc = Plc::small(dir.path(), 2, 2).await;
    let mut rig = Rig::start(plant(plc.port, Security::None, Trust::Pki), pki.path());
    rig.until("live", live).await;
    let fault = rig.fault("does not monitor `Temp` BadTooManyMonitoredItems").await;
    assert!(fault.contains("it has no room for more: close other clients"), "{fault}");
    let told = soon("what is bad", rig.bulk.recv()).await.and_then(samples).unwrap();
    assert_eq!(Quality::BAD_NO_ROOM.0, StatusCode::BadTooManyMonitoredItems.bits());
    let bad: BTreeSet<TagIndex> =
        told.iter().filter(|s| s.quality == Quality::BAD_NO_ROOM).map(|s| s.tag).collect();
    assert_eq!(bad, [TEMP, STATE, LIFE].into());
    plc.set("Count", 8u32);
    rig.until("the count", |input| {
        samples(input).filter(|s| s.iter().any(|s| s.tag == COUNT && s.value == Value::UInt(8)))
    })
    .await;
    plc.set("Boot", 2u32);
    rig.until("down", super::plc::down).await;
    assert_eq!(rig.until("live again", live).await.restart, Some(Value::UInt(2)), "{BOOT:?}");
    rig.end().await;
}

#[tokio::test]
async fn a_server_is_asked_to_tell_only_what_has_moved_far_enough() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let mut wanted = plant(plc.port, Security::None, Trust::Pki);
    wanted.tags[TEMP.get()].change = Some(1.0);
    let once = read_once(&Arc::new(wanted.clone()), DeviceIndex(0), pki.path(), &clock()).await;
    let seen: Vec<_> = once.unwrap().words.iter().filter_map(|w| w.filtered).collect();
    assert_eq!(seen, [true], "of one word the server sees to it");

    let mut rig = Rig::start(wanted, pki.path());
    rig.until("live", live).await;
    rig.bulk_sample(TEMP, &Value::Real(20.0)).await;
    let before = rig.metrics.samples.with_label_values(&["press", "good"]).get();
    let mut told = Vec::new();
    for (life, temp) in (1u32..).zip([20.9, 20.1, 21.0, 21.1, 21.5, 22.2]) {
        plc.set("Temp", temp);
        plc.set("Life", life);
        loop {
            let batch = soon("a batch", rig.bulk.recv()).await.and_then(samples).unwrap();
            told.extend(batch.iter().filter(|s| s.tag == TEMP).map(|s| s.value.clone()));
            if batch.iter().any(|s| s.tag == LIFE && s.value == Value::UInt(life.into())) {
                break;
            }
        }
    }
    assert_eq!(told, [21.1, 22.2].map(Value::Real));
    let came = rig.metrics.samples.with_label_values(&["press", "good"]).get() - before;
    assert_eq!(came, 8, "six beats and two temperatures: the others never came over the wire");
    rig.end().await;
}

#[tokio::test]
async fn all_that_nodes_refer_to_is_found_however_little_a_server_tells_at_once() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::brief(dir.path(), 2, 1).await;
    let names = ["A", "B", "C", "D", "E"];
    let machines = ["One", "Two", "Three"].map(|machine| plc.id(machine));
    {
        let mut space = plc.nodes.address_space().write();
        let name = |name: &str| QualifiedName::new(plc.namespace, name);
        for machine in &machines {
            ObjectBuilder::new(machine, name("Machine"), "Machine")
                .organized_by(ObjectId::ObjectsFolder)
                .insert(&mut *space);
            for part in names {
                let id = |kind: &str| plc.id(&format!("{machine}.{part}.{kind}"));
                MethodBuilder::new(&id("Method"), name(part), part)
                    .component_of(machine.clone())
                    .insert(&mut *space);
                ObjectBuilder::new(&id("Part"), name(part), part)
                    .component_of(machine.clone())
                    .insert(&mut *space);
            }
        }
    }
    let opened = Target::url(&format!("opc.tcp://127.0.0.1:{}", plc.port), Security::None);
    let opened = opened.open(pki.path(), clock()().wall).await.unwrap();
    let plant = Arc::new(plant(plc.port, Security::None, Trust::Pki));
    let found = visit(opened, |session| async move {
        let peer = Peer::new(session, plant, clock());
        let parts = children(&peer.session, &machines).await?;
        Ok((methods(&peer.session, &machines[0]).await?, parts))
    });
    let (methods, parts) = found.await.unwrap();
    let wanted: BTreeSet<String> = names.map(str::to_owned).into();
    assert_eq!(methods.into_iter().map(|(_, name)| name).collect::<BTreeSet<_>>(), wanted);
    assert_eq!(parts.len(), 3);
    for parts in parts {
        let parts: BTreeSet<_> =
            parts.into_iter().map(|part| part.browse_name.name.to_string()).collect();
        assert_eq!(parts, wanted);
    }
}
