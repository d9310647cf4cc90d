//! TLS before Modbus: who the device is, by its certificate alone.
//!
//! Trust is that of `pki`: by the whole certificate, never by its issuer or its names, since devices
//! make their own. If the device asks who we are, it is shown our own certificate.
use super::bus::Fault;
use crate::field::opcua::{APPLICATION_NAME, APPLICATION_URI};
use crate::model::Utc;
use crate::model::plant::{Host, Trust};
use crate::pki::{self, Certificate, PkiError};
use parking_lot::Mutex;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

/// A small device computes for seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Encrypts a connection to a device whose certificate is trusted.
pub(super) async fn agree(
    stream: TcpStream,
    host: &Host,
    trust: &Trust,
    pki: &Path,
) -> Result<TlsStream<TcpStream>, Fault> {
    let door = Door { pki: pki.to_path_buf(), host: host.clone(), trust: Some(trust.clone()) };
    door.pass(stream).await.map(|(stream, _)| stream)
}

/// The certificate of a device, trusted or not.
pub(super) async fn look(stream: TcpStream, host: &Host, pki: &Path) -> Result<Certificate, Fault> {
    let door = Door { pki: pki.to_path_buf(), host: host.clone(), trust: None };
    let (_, certificate) = door.pass(stream).await?;
    certificate.ok_or_else(|| Fault::Tls("the device showed no certificate".to_owned()))
}

struct Door {
    pki: PathBuf,
    host: Host,
    /// Nobody is refused where it is not said whom to trust.
    trust: Option<Trust>,
}

impl Door {
    async fn pass(
        self,
        stream: TcpStream,
    ) -> Result<(TlsStream<TcpStream>, Option<Certificate>), Fault> {
        let name = ServerName::try_from(self.host.name.clone()).map_err(tls)?;
        let guard = Arc::new(Guard {
            door: self,
            provider: Arc::new(ring::default_provider()),
            seen: Mutex::new(Seen::default()),
        });
        let config = client(&guard).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let agreed = timeout(PATIENCE, connector.connect(name, stream))
            .await
            .map_err(|_| Fault::Timeout(PATIENCE))?;
        let seen = std::mem::take(&mut *guard.seen.lock());
        match (agreed, seen.refused) {
            (_, Some(fault)) => Err(fault),
            (Ok(stream), None) => Ok((stream, seen.certificate)),
            (Err(why), None) => Err(tls(why)),
        }
    }
}

fn tls(why: impl std::fmt::Display) -> Fault {
    Fault::Tls(why.to_string())
}

/// What we say of ourselves, and whom we take for the device.
async fn client(guard: &Arc<Guard>) -> Result<ClientConfig, Fault> {
    let folder = guard.door.pki.clone();
    // Making a key takes seconds of computing: not on a thread that others wait on.
    let own = tokio::task::spawn_blocking(move || {
        pki::ensure_own(&folder, APPLICATION_URI, APPLICATION_NAME, &[])
    });
    let own = own.await.map_err(tls)?.map_err(tls)?;
    let key = PrivateKeyDer::from_pem_file(&own.key_path).map_err(tls)?;
    let chain = vec![CertificateDer::from(own.certificate.der)];
    ClientConfig::builder_with_provider(guard.provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(tls)?
        .dangerous()
        .with_custom_certificate_verifier(guard.clone())
        .with_client_auth_cert(chain, key)
        .map_err(tls)
}

#[derive(Default)]
struct Seen {
    certificate: Option<Certificate>,
    refused: Option<Fault>,
}

/// Looks at the certificate; that the device has its key is checked by the library.
struct Guard {
    door: Door,
    provider: Arc<CryptoProvider>,
    seen: Mutex<Seen>,
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Guard({:?})", self.door.host)
    }
}

impl Guard {
    /// Why a certificate is not taken. What is refused is kept for a person to look at.
    fn refusal(&self, certificate: &Certificate, now: Utc) -> Result<Option<Fault>, PkiError> {
        let (pki, hex) = (&self.door.pki, pki::thumbprint_hex(&certificate.thumbprint));
        let by_hand = format!("`pedigree certs trust {hex}`");
        let refused = match &self.door.trust {
            None => None,
            Some(Trust::Thumbprint(wanted)) => (certificate.thumbprint != *wanted).then(|| {
                let remedy = "put its thumbprint into the plant file".to_owned();
                ("it is not the one that the plant file names", remedy)
            }),
            Some(Trust::Pki) => (!pki::is_trusted(pki, &certificate.der)?)
                .then_some(("it is not among the trusted ones", by_hand)),
            Some(Trust::FirstUse) => {
                self.first_use(certificate, now)?.map(|reason| (reason, by_hand))
            }
        };
        let Some((reason, remedy)) = refused else { return Ok(None) };
        pki::reject(pki, &certificate.der)?;
        let (thumbprint, subject) = (certificate.thumbprint, certificate.subject.clone());
        Ok(Some(Fault::Untrusted { reason, thumbprint, subject, remedy }))
    }

    /// The first certificate is pinned for the place, since several devices may be behind it.
    fn first_use(
        &self,
        certificate: &Certificate,
        now: Utc,
    ) -> Result<Option<&'static str>, PkiError> {
        let pki = &self.door.pki;
        let place = format!("{}-{}", self.door.host.name, self.door.host.port);
        let known = pki::pinned(pki, &place)?;
        if known.as_deref() == Some(certificate.der.as_slice())
            || pki::is_trusted(pki, &certificate.der)?
        {
            return Ok(None);
        }
        if known.is_some() {
            return Ok(Some("it is not the one that was seen first"));
        }
        if !certificate.is_valid_at(now) {
            return Ok(Some("it has expired, or is not valid yet"));
        }
        pki::pin(pki, &place, &certificate.der)?;
        let thumbprint = pki::thumbprint_hex(&certificate.thumbprint);
        tracing::warn!(place, thumbprint, "the first certificate seen is trusted from now on");
        Ok(None)
    }
}

impl ServerCertVerifier for Guard {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let now =
            Utc(i64::try_from(now.as_secs()).unwrap_or_default().saturating_mul(1_000_000_000));
        let certificate = Certificate::parse(end_entity).map_err(tls);
        let refused = match &certificate {
            Ok(certificate) => self.refusal(certificate, now).unwrap_or_else(|why| Some(tls(why))),
            Err(_) => Some(Fault::Tls("its certificate cannot be read".to_owned())),
        };
        let is_refused = refused.is_some();
        *self.seen.lock() = Seen { certificate: certificate.ok(), refused };
        if is_refused {
            let why = CertificateError::ApplicationVerificationFailure;
            return Err(rustls::Error::InvalidCertificate(why));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
