//! Encrypted devices: who is trusted, who is not, and who we say that we are.
use super::*;
use crate::field::modbus::bus::{self, Ask, Fault, Reply, Urgency};
use crate::field::modbus::probe;
use crate::pki;
use parking_lot::Mutex;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme};
use std::path::Path;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, rustls};

/// A device's own certificate, and a door with TLS before its Modbus server. It ends when dropped.
struct Door {
    port: u16,
    thumbprint: [u8; 32],
    callers: Arc<Callers>,
    _tasks: JoinSet<()>,
}

/// Who came, by certificate. Everybody is let in.
#[derive(Debug, Default)]
struct Callers(Mutex<Vec<[u8; 32]>>);

impl ClientCertVerifier for Callers {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.0.lock().push(pki::thumbprint_sha256(end_entity));
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, &known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, &known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        known.supported_schemes()
    }
}

impl Door {
    /// With the certificate in `folder`, before the server at `inner`, at `port` (0: any).
    async fn start(folder: &Path, inner: u16, port: u16) -> Self {
        let own = pki::ensure_own(folder, "urn:test:device", "device", &[]).unwrap();
        let thumbprint = own.certificate.thumbprint;
        let chain = vec![CertificateDer::from(own.certificate.der)];
        let key = PrivateKeyDer::from_pem_file(&own.key_path).unwrap();
        let callers = Arc::new(Callers::default());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_client_cert_verifier(callers.clone())
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = loop {
            // Who listened there before is about to end.
            match TcpListener::bind(("127.0.0.1", port)).await {
                Ok(listener) => break listener,
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        };
        let port = listener.local_addr().unwrap().port();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let acceptor = acceptor.clone();
                open.spawn(async move {
                    let Ok(mut outer) = acceptor.accept(stream).await else { return };
                    let mut inner = TcpStream::connect(("127.0.0.1", inner)).await.unwrap();
                    // Either side hangs up whenever it likes.
                    drop(tokio::io::copy_bidirectional(&mut outer, &mut inner).await);
                });
            }
        });
        Self { port, thumbprint, callers, _tasks: tasks }
    }

    fn transport(&self, trust: Trust) -> Transport {
        Transport::Tls(host(self.port), trust)
    }
}

/// Reads register 0 once, over a connection of its own.
async fn read(door: &Door, trust: Trust, pki: &Path) -> Result<Reply, Fault> {
    let mut one = device("d", door.port, 1);
    link(&mut one).transport = door.transport(trust);
    let (link, (bus, task)) = (link(&mut one).clone(), bus::bus(clock(), pki.to_path_buf()));
    let asking = async move {
        bus.ask(Urgency::Slow, &link, Ask::Read(Area::Holding, 0, 1)).await.map(|a| a.reply)
    };
    tokio::join!(task.run(), asking).1
}

fn refused(outcome: Result<Reply, Fault>) -> String {
    match outcome {
        Err(fault @ Fault::Untrusted { .. }) => fault.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_the_device_whose_certificate_is_pinned_is_asked() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[42]);
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let door = Door::start(theirs.path(), plc.port, 0).await;
    let right = Trust::Thumbprint(door.thumbprint);
    assert_eq!(read(&door, right, ours.path()).await.unwrap(), Reply::Words(vec![42]));
    assert_eq!(plc.take_log().len(), 1);
    let text = refused(read(&door, Trust::Thumbprint([7; 32]), ours.path()).await);
    let thumbprint = pki::thumbprint_hex(&door.thumbprint);
    assert!(text.contains("not the one that the plant file names"), "{text}");
    assert!(text.contains(&thumbprint), "{text}");
    assert!(plc.take_log().is_empty());
    // The device asked who we are, each time.
    let own = pki::ensure_own(ours.path(), "", "", &[]).unwrap().certificate.thumbprint;
    assert_eq!(door.callers.0.lock().first(), Some(&own));
}

#[tokio::test]
async fn a_person_trusts_a_certificate_that_was_refused() {
    let plc = Plc::start().await;
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let door = Door::start(theirs.path(), plc.port, 0).await;
    let text = refused(read(&door, Trust::Pki, ours.path()).await);
    assert!(text.contains("pedigree certs trust"), "{text}");
    pki::trust(ours.path(), &door.thumbprint).unwrap();
    assert_eq!(read(&door, Trust::Pki, ours.path()).await.unwrap(), Reply::Words(vec![0]));
}

#[tokio::test]
async fn the_first_certificate_seen_is_the_only_one_taken_later() {
    let plc = Plc::start().await;
    let folders = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let [theirs, others, ours] = folders.each_ref().map(tempfile::TempDir::path);
    let door = Door::start(theirs, plc.port, 0).await;
    let port = door.port;
    for _ in 0..2 {
        assert_eq!(read(&door, Trust::FirstUse, ours).await.unwrap(), Reply::Words(vec![0]));
    }
    drop(door);
    let door = Door::start(others, plc.port, port).await;
    let text = refused(read(&door, Trust::FirstUse, ours).await);
    assert!(text.contains("not the one that was seen first"), "{text}");
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_not_spoken_to() {
    let plc = Plc::start().await;
    let ours = tempfile::tempdir().unwrap();
    let mut one = device("d", plc.port, 1);
    link(&mut one).transport = Transport::Tls(host(plc.port), Trust::Pki);
    let (link, (bus, task)) =
        (link(&mut one).clone(), bus::bus(clock(), ours.path().to_path_buf()));
    let asking = async move { bus.ask(Urgency::Slow, &link, Ask::Open).await.unwrap_err() };
    let ((), fault) =
        tokio::time::timeout(PATIENCE, async { tokio::join!(task.run(), asking) }).await.unwrap();
    assert!(matches!(fault, Fault::Tls(_) | Fault::Timeout(_)), "{fault:?}");
}

#[tokio::test]
async fn a_probe_shows_the_certificate_of_a_device_that_nobody_trusts_yet() {
    let plc = Plc::start().await;
    plc.set(Area::Holding, 0, &[9]);
    let (theirs, ours) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let door = Door::start(theirs.path(), plc.port, 0).await;
    for trusted in [false, true] {
        let found = probe(door.transport(Trust::Pki), 1, ours.path(), clock()).await.unwrap();
        let (certificate, is_trusted) = found.certificate.unwrap();
        assert_eq!((certificate.thumbprint, is_trusted), (door.thumbprint, trusted));
        assert!(matches!(found.areas[0], (Area::Holding, Ok(9))), "{:?}", found.areas);
        pki::store(&ours.path().join("trusted"), &certificate.der).unwrap();
    }
}
