//! From a URL to a session: who we are, which endpoint, whose certificate, which login.
use super::fault::Fault;
use super::trust::{choose, verify};
use super::wire::{Wires, wire};
use crate::model::Utc;
use crate::model::plant::{OpcUaLink, Secret, Security, UserLogin};
use crate::pki::{self, Certificate, Own};
use ::opcua::client::{Client, ClientBuilder, IdentityToken, Password, Session, SessionPollResult};
use ::opcua::crypto::{CertificateStore, X509Data};
use ::opcua::sync::RwLock;
use ::opcua::types::{EndpointDescription, StatusCode};
use futures::StreamExt;
use futures::stream::BoxStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// What our client certificate says we are. Free of host names: a backup restored on another
/// machine is the same application.
pub const APPLICATION_URI: &str = "urn:pedigree:client";
pub(in crate::field) const APPLICATION_NAME: &str = "Pedigree";

/// How long a request may take; a PLC that is slower than this is not observed.
pub(super) const REQUEST: Duration = Duration::from_secs(3);
/// TCP, channel and session together, RSA on a slow PLC included.
const CONNECT: Duration = Duration::from_secs(15);
/// Fetching the list of endpoints.
const DISCOVER: Duration = Duration::from_secs(8);
/// How long a goodbye may take.
const CLOSE: Duration = Duration::from_secs(2);
/// A read of the server's state, so that a dead peer is noticed without any data.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// So many of them may fail.
const KEEP_ALIVE_FAILED_MAX: u64 = 3;
/// Siemens loses sessions of 5 s; after a crash of ours the PLC frees the session after this.
const SESSION_TIMEOUT_MS: u32 = 60_000;
/// Between renewals of the channel's keys, each with RSA on the PLC.
const CHANNEL_LIFETIME_MS: u32 = 600_000;
/// Arrays, notifications of one publish and values of one read; the library's 1,000 is too few.
const ARRAY_LEN_MAX: usize = 100_000;
/// Longest message; chunks are 65,535 bytes.
const MESSAGE_LEN_MAX: usize = 16 << 20;
const CHUNKS_MAX: usize = MESSAGE_LEN_MAX / 65_535 + 1;

/// Who we are to servers, and the folder of certificates.
#[derive(Debug, Clone)]
pub(super) struct Identity {
    pub(super) own: Own,
    pub(super) pki: PathBuf,
}

/// Our own certificate and key, made at the first start.
pub(super) async fn identity(pki: PathBuf) -> Result<Identity, Fault> {
    let pki = std::path::absolute(&pki).unwrap_or(pki);
    let folder = pki.clone();
    // Making a key takes seconds of computing: not on a thread that others wait on.
    let made = tokio::task::spawn_blocking(move || {
        pki::ensure_own(&folder, APPLICATION_URI, APPLICATION_NAME, &[])
    });
    let own = made
        .await
        .map_err(|why| Fault::Service { what: "making a key", why: why.to_string() })??;
    Ok(Identity { own, pki })
}

impl Identity {
    /// Whose certificates the library may accept in sessions of `device`: only what is in here.
    fn peer_folder(&self, device: &str) -> PathBuf {
        self.pki.join("peers").join(format!("device-{device}"))
    }

    fn client(&self, device: &str) -> Result<Client, Fault> {
        ClientBuilder::new()
            .application_name(APPLICATION_NAME)
            .application_uri(APPLICATION_URI)
            .product_uri("urn:pedigree")
            .session_name(format!("pedigree {device}"))
            .pki_dir(self.peer_folder(device))
            .certificate_path(&self.own.certificate_path)
            .private_key_path(&self.own.key_path)
            // Reconnecting is ours: everything is made anew, and the gap is told.
            .session_retry_limit(0)
            .recreate_subscriptions(false)
            .keep_alive_interval(KEEP_ALIVE)
            .max_failed_keep_alive_count(KEEP_ALIVE_FAILED_MAX)
            .request_timeout(REQUEST)
            .min_publish_interval(Duration::from_millis(10))
            .session_timeout(SESSION_TIMEOUT_MS)
            .channel_lifetime(CHANNEL_LIFETIME_MS)
            // A PLC with a wrong clock must not lose its channel, see `value::Shift`.
            .ignore_clock_skew(true)
            .max_array_length(ARRAY_LEN_MAX)
            .max_message_size(MESSAGE_LEN_MAX)
            .max_chunk_count(CHUNKS_MAX)
            .client()
            .map_err(|why| Fault::Service { what: "setting up the client", why: why.join(", ") })
    }

    /// What the server says that it offers. Anybody can have said it: nothing is trusted yet.
    pub(super) async fn endpoints(&self, url: &str) -> Result<Vec<EndpointDescription>, Fault> {
        let (client, wire) = (self.client("discovery")?, wire(url)?);
        timeout(DISCOVER, client.get_endpoints(wire, &[], &[]))
            .await
            .map_err(|_| Fault::TooSlow { what: "asking for endpoints", within: DISCOVER })?
            .map_err(|why| Fault::Unreachable { url: url.to_owned(), why: why.to_string() })
    }

    /// A session with a device whose certificate is trusted, not yet connected.
    pub(super) async fn open(
        &self,
        device: &str,
        link: &OpcUaLink,
        now: Utc,
    ) -> Result<Opened, Fault> {
        self.open_as(device, device, link, now).await
    }

    /// The same for a visit beside the device's own session, in a folder of its own.
    pub(super) async fn open_as(
        &self,
        session: &str,
        device: &str,
        link: &OpcUaLink,
        now: Utc,
    ) -> Result<Opened, Fault> {
        let endpoint = choose(&self.endpoints(&link.url).await?, link)?;
        let token = login(link.login.as_ref())?;
        let certificate = match link.security {
            Security::SignAndEncrypt | Security::Legacy => {
                Some(verify(&self.pki, device, &link.trust, &endpoint, now)?)
            }
            Security::None => None,
        };
        self.session(session, endpoint, certificate.as_ref(), token)
    }

    /// A session with an endpoint whose certificate was verified by the caller.
    ///
    /// The library is given a folder with that one certificate, so that it accepts no other: it
    /// compares the endpoint's, the session's and the one in the folder byte by byte, and encrypts
    /// to it. Its further checks (host name, validity) are left out: the host is often an address
    /// that no certificate names, and the certificate is trusted as a whole.
    pub(super) fn session(
        &self,
        device: &str,
        endpoint: EndpointDescription,
        certificate: Option<&Certificate>,
        token: IdentityToken,
    ) -> Result<Opened, Fault> {
        let folder = self.peer_folder(device);
        for sub in ["trusted", "rejected"] {
            match std::fs::remove_dir_all(folder.join(sub)) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    let path = folder.join(sub);
                    return Err(pki::PkiError::Io { path, what: "emptied", why }.into());
                }
                Ok(()) | Err(_) => {}
            }
        }
        if let Some(certificate) = certificate {
            pki::store(&folder.join("trusted"), &certificate.der)?;
        }
        let (mut store, ..) = CertificateStore::new_with_x509_data::<X509Data>(
            &folder,
            false,
            Some(&self.own.certificate_path),
            Some(&self.own.key_path),
            None,
        );
        store.set_skip_verify_certs(true);
        let client = self.client(device)?;
        let (session, event_loop) = client
            .session_builder()
            .with_connector(Wires)
            .connect_to_endpoint_directly(endpoint)
            .map_err(Fault::service("setting up the session"))?
            .user_identity_token(token)
            .build(Arc::new(RwLock::new(store)))
            .map_err(Fault::service("setting up the session"))?;
        Ok(Opened { session, events: event_loop.enter().boxed() })
    }
}

/// A session and what drives it: nothing happens unless `events` is polled.
pub(super) struct Opened {
    pub(super) session: Arc<Session>,
    pub(super) events: BoxStream<'static, Result<SessionPollResult, StatusCode>>,
}

impl Opened {
    /// Waits for the session, driving it.
    pub(super) async fn connected(&mut self, own: &Own) -> Result<(), Fault> {
        let refused = |status| {
            Fault::refused(status, Some((&own.certificate_path, &own.certificate.thumbprint)))
        };
        let connect = async {
            loop {
                match self.events.next().await {
                    Some(Ok(SessionPollResult::Reconnected(_))) => return Ok(()),
                    Some(Ok(SessionPollResult::ConnectionLost(status)) | Err(status)) => {
                        return Err(refused(status));
                    }
                    Some(Ok(_)) => {}
                    None => return Err(refused(StatusCode::BadConnectionClosed)),
                }
            }
        };
        timeout(CONNECT, connect)
            .await
            .map_err(|_| Fault::TooSlow { what: "opening the session", within: CONNECT })?
    }

    /// Does `work` while the session is driven; ends with the first fault of either.
    pub(super) async fn during<T>(
        &mut self,
        work: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        tokio::select! {
            fault = drive(&mut self.events) => Err(fault),
            done = work => done,
        }
    }

    /// Says goodbye, so that the PLC does not keep the session until it expires.
    pub(super) async fn close(mut self) {
        self.session.disable_reconnects();
        let session = Arc::clone(&self.session);
        let goodbye = async {
            tokio::select! {
                _ = session.disconnect() => {}
                _ = drive(&mut self.events) => {}
            }
        };
        if timeout(CLOSE, goodbye).await.is_err() {
            tracing::debug!("the session could not be closed in time");
        }
    }
}

async fn drive(events: &mut BoxStream<'static, Result<SessionPollResult, StatusCode>>) -> Fault {
    loop {
        match events.next().await {
            Some(Ok(SessionPollResult::ConnectionLost(status)) | Err(status)) => {
                return Fault::Lost(status);
            }
            Some(Ok(_)) => {}
            None => return Fault::Lost(StatusCode::BadConnectionClosed),
        }
    }
}

fn login(login: Option<&UserLogin>) -> Result<IdentityToken, Fault> {
    let (user, password) = match login {
        None => return Ok(IdentityToken::Anonymous),
        Some(UserLogin::Password { user, password }) => (user, password),
        Some(UserLogin::Certificate { certificate, key }) => {
            return IdentityToken::new_x509_path(certificate, key)
                .map_err(|why| Fault::UserCertificate(why.to_string()));
        }
    };
    let fault = |from: String, why: String| Fault::Password { user: user.clone(), from, why };
    let secret = match password {
        Secret::File(path) => {
            let text = std::fs::read_to_string(path)
                .map_err(|why| fault(format!("`{}`", path.display()), why.to_string()))?;
            let line = text.strip_suffix('\n').unwrap_or(&text);
            line.strip_suffix('\r').unwrap_or(line).to_owned()
        }
        Secret::Env(name) => std::env::var(name)
            .map_err(|why| fault(format!("the environment variable `{name}`"), why.to_string()))?,
    };
    Ok(IdentityToken::UserName(user.clone(), Password::new(secret)))
}
