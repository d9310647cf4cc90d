//! Who gets in, and what passes without encryption.
use super::harness::{PATIENCE, Served};
use crate::pki;
use ::opcua::client::ClientBuilder;
use ::opcua::types::{MessageSecurityMode, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_client_is_refused_kept_and_trusted_by_thumbprint_without_restart() {
    let served = Served::new().await;
    let der = std::fs::read(served.client_certificate()).unwrap();
    assert!(served.connect().await.is_none(), "nobody gets in by default");
    let rejected = served.metrics.opcua_rejected.with_label_values::<&str>(&[]).get();
    assert_eq!(rejected, 1);

    pki::trust(&served.pki, &pki::thumbprint_sha256(&der)).expect("it was kept");
    assert!(served.connect().await.is_some());

    pki::distrust(&served.pki, &pki::thumbprint_sha256(&der)).unwrap();
    assert!(served.connect().await.is_none(), "trust can be taken back");
    served.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_copied_by_hand_under_any_name_is_trusted() {
    let served = Served::new().await;
    assert!(served.connect().await.is_none());
    let trusted = served.pki.join("trusted");
    std::fs::create_dir_all(&trusted).unwrap();
    std::fs::copy(served.client_certificate(), trusted.join("mes.der")).unwrap();
    assert!(served.connect().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_encrypted_endpoints_are_offered_and_they_name_the_outer_port() {
    let served = Served::new().await;
    let url = format!("opc.tcp://{}/", served.address);
    let client = ClientBuilder::new()
        .application_name("anybody")
        .application_uri("urn:anybody")
        .pki_dir(served.pki.join("anybody"))
        .client()
        .unwrap();
    let endpoints = client.get_server_endpoints_from_url(url.as_str()).await.unwrap();
    assert_eq!(endpoints.len(), 3);
    for endpoint in endpoints {
        assert_eq!(endpoint.security_mode, MessageSecurityMode::SignAndEncrypt);
        assert_eq!(endpoint.endpoint_url.as_ref(), url);
    }
}

/// Sends frames and says with which status the server ends the connection.
async fn refused(served: &Served, frames: &[Vec<u8>]) -> Option<u32> {
    let mut stream = TcpStream::connect(served.address).await.unwrap();
    for frame in frames {
        stream.write_all(frame).await.unwrap();
    }
    let mut all = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut all)).await.unwrap().unwrap();
    let at = all.windows(4).position(|w| w == b"ERRF")?;
    let status = all.get(at + 8..at + 12)?.try_into().ok()?;
    Some(u32::from_le_bytes(status))
}

fn frame(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(8 + body.len()).unwrap();
    [&kind[..], &len.to_le_bytes(), body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat()
}

fn hello(served: &Served) -> Vec<u8> {
    let url = text(&format!("opc.tcp://{}/", served.address));
    let sizes: Vec<u8> =
        [0u32, 65_535, 65_535, 0, 0].iter().flat_map(|n| n.to_le_bytes()).collect();
    frame(*b"HELF", &[sizes, url].concat())
}

/// A request header with nothing in it, `extra` being the encoding byte of the additional header.
fn request(id: u16, extra: u8) -> Vec<u8> {
    let [low, high] = id.to_le_bytes();
    let nothing = [0; 8 + 4 + 4];
    let tail = [0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, extra];
    [&[1, 0, low, high, 0, 0][..], &nothing, &tail].concat()
}

fn open_clear(extra: u8) -> Vec<u8> {
    let policy = text("http://opcfoundation.org/UA/SecurityPolicy#None");
    let none = [0xff; 8];
    let numbers = [1, 0, 0, 0, 1, 0, 0, 0];
    let body = [&[0; 4][..], &policy, &none, &numbers, &request(446, extra)].concat();
    // Protocol version, issue, mode None, a null nonce, an hour.
    let tail = [&[0; 8][..], &[1, 0, 0, 0], &[0xff; 4], &3_600_000u32.to_le_bytes()].concat();
    frame(*b"OPNF", &[body, tail].concat())
}

fn message(id: u16) -> Vec<u8> {
    frame(*b"MSGF", &[&[0; 16][..], &request(id, 0), &[0; 64]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_but_discovery_passes_unencrypted() {
    let served = Served::new().await;
    let checks = Some(StatusCode::BadSecurityChecksFailed.bits());
    for id in [461, 467, 631, 527, 673] {
        let frames = [hello(&served), open_clear(0), message(id)];
        assert_eq!(refused(&served, &frames).await, checks, "service {id}");
    }
    let frames = [hello(&served), open_clear(1)];
    assert_eq!(
        refused(&served, &frames).await,
        checks,
        "an additional header is nothing to decode"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_that_says_it_is_huge_or_comes_out_of_order_ends_the_connection() {
    let served = Served::new().await;
    let huge = [b"HELF".as_slice(), &(512u32 << 20).to_le_bytes()].concat();
    let large = Some(StatusCode::BadTcpMessageTooLarge.bits());
    assert_eq!(refused(&served, &[huge]).await, large);
    let kind = Some(StatusCode::BadTcpMessageTypeInvalid.bits());
    assert_eq!(refused(&served, &[message(428)]).await, kind);
    assert_eq!(refused(&served, &[hello(&served), hello(&served)]).await, kind);
    let policy = text("http://opcfoundation.org/UA/SecurityPolicy#Basic128Rsa15");
    let old = frame(*b"OPNF", &[&[0; 4][..], &policy, &[0xff; 8]].concat());
    let refused_policy = Some(StatusCode::BadSecurityPolicyRejected.bits());
    assert_eq!(refused(&served, &[hello(&served), old]).await, refused_policy);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_connections_than_one_address_may_have_are_ended_and_counted() {
    use crate::address_space::guard::CONNECTIONS_PER_PEER_MAX;
    let served = Served::new().await;
    let refused = || served.metrics.opcua_refused.with_label_values(&["too-many"]).get();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS_PER_PEER_MAX {
        open.push(TcpStream::connect(served.address).await.unwrap());
    }
    let over = 5;
    for n in 1..=over {
        let mut more = TcpStream::connect(served.address).await.unwrap();
        let mut nothing = Vec::new();
        let ended = tokio::time::timeout(PATIENCE, more.read_to_end(&mut nothing)).await.unwrap();
        assert!(ended.is_err() || nothing.is_empty(), "{nothing:?}");
        assert_eq!(refused(), n);
    }
    // There is room again when they are gone.
    drop(open);
    loop {
        let mut more = TcpStream::connect(served.address).await.unwrap();
        let sent = more.write_all(&hello(&served)).await;
        let mut answer = [0; 8];
        let read = tokio::time::timeout(PATIENCE, more.read_exact(&mut answer)).await.unwrap();
        if sent.is_ok() && read.is_ok() {
            break assert!(answer.starts_with(b"ACKF"), "{answer:?}");
        }
    }
}
