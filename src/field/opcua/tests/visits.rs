//! What the command line asks of a server.
use super::plc::{ACK, COUNT, GHOST, NAMESPACE, PERMIT, Plc, clock, plant};
use crate::field::opcua::{Fault, Target, browse, probe, read_once};
use crate::model::plant::{DeviceIndex, NodeAddress, Security, Trust};
use crate::model::{Quality, Value};
use std::sync::Arc;

#[tokio::test]
async fn a_probe_tells_what_a_server_offers_without_trusting_it() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let url = format!("opc.tcp://127.0.0.1:{}", plc.port);
    let seen = probe(&url, pki.path(), clock()().wall).await.unwrap();
    assert_eq!(seen.application_uri, "urn:test:plc:app");
    let offers: Vec<_> = seen.offers.iter().map(|o| (o.policy.as_str(), o.mode.as_str())).collect();
    assert!(offers.contains(&("Basic256Sha256", "SignAndEncrypt")), "{offers:?}");
    assert!(seen.offers.iter().all(|o| o.logins == ["Anonymous"]), "{:?}", seen.offers);
    assert_eq!(seen.certificate.unwrap(), plc.own.certificate);
    assert!(seen.namespaces.unwrap().contains(&NAMESPACE.to_owned()));
    assert!(
        !seen.trusted && !crate::pki::is_trusted(pki.path(), &plc.own.certificate.der).unwrap()
    );

    let nobody = probe("opc.tcp://127.0.0.1:1", pki.path(), clock()().wall).await;
    assert!(matches!(nobody, Err(Fault::Unreachable { .. })), "{nobody:?}");
}

#[tokio::test]
async fn a_browse_lists_variables_as_a_plant_file_names_them() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let url = format!("opc.tcp://127.0.0.1:{}", plc.port);
    let target = Target::url(&url, Security::SignAndEncrypt);
    let listing = browse(&target, None, 3, pki.path(), clock()().wall).await.unwrap();
    let count = listing.variables.iter().find(|v| v.path == ["Count"]).unwrap();
    let address = NodeAddress { namespace: NAMESPACE.to_owned(), identifier: "s=Count".to_owned() };
    assert_eq!((&count.address, count.data_type.as_str()), (&address, "UInt32"));
    assert_eq!((&count.value, count.quality), (&Value::UInt(7), Quality::GOOD));
    let mut writable: Vec<_> =
        listing.variables.iter().filter(|v| v.writable).map(|v| v.path.concat()).collect();
    writable.sort();
    assert_eq!(writable, ["Ack", "Permit"]);
    assert!(listing.complete);
    let shallow = browse(&target, Some(&address), 1, pki.path(), clock()().wall).await.unwrap();
    assert_eq!(shallow.variables, []);
}

#[tokio::test]
async fn every_word_is_read_once_and_write_access_asked_for() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let trust = Trust::Thumbprint(plc.own.certificate.thumbprint);
    let mut wanted = plant(plc.port, Security::SignAndEncrypt, trust);
    wanted.tags[COUNT.get()].writable = true;
    let once = read_once(&Arc::new(wanted), DeviceIndex(0), pki.path(), &clock()).await.unwrap();
    assert!(!once.round_trip.is_zero());
    let word = |tag| once.words.iter().find(|w| w.tag == tag).unwrap();
    assert_eq!(word(COUNT).sample.value, Value::UInt(7));
    assert_eq!(word(COUNT).writable, Some(false), "the plant file says so, the server does not");
    assert_eq!([word(ACK).writable, word(PERMIT).writable], [Some(true); 2]);
    assert_eq!(word(GHOST).sample.quality, Quality::BAD_UNKNOWN);
    assert_eq!(word(GHOST).writable, None);
}
