//! The guard: our own relay in front of the library's server.
//!
//! It owns the port. What is malformed, oversized, out of order, unencrypted beyond discovery, or
//! from a certificate that nobody trusts never reaches the library, which listens on loopback. It
//! decrypts nothing: what a trusted client sends inside its channel is the library's to judge.
mod frame;

use crate::pki;
use crate::telemetry::Metrics;
use frame::{HEADER_LEN, Header, Judge, Passage, Refusal};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Connections in all; every session has one.
const CONNECTIONS_MAX: usize = 200;
/// Connections from one address.
pub(super) const CONNECTIONS_PER_PEER_MAX: usize = 100;
/// From accept to an open channel.
const OPEN_WITHIN: Duration = Duration::from_secs(5);
/// From a frame's first byte to its last.
const FRAME_WITHIN: Duration = Duration::from_secs(10);
/// A peer that takes nothing for so long is gone.
const WRITE_WITHIN: Duration = Duration::from_secs(30);
/// A connection on which nothing is asked for so long is ended; a session keeps alive far oftener.
const IDLE_MAX: Duration = Duration::from_hours(1);
/// Wait after a failed accept, so that a lack of descriptors does not become a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What all connections share.
pub(super) struct Guard {
    /// Where the library listens.
    pub(super) inside: SocketAddr,
    /// SHA-1 over our certificate.
    pub(super) own: Vec<u8>,
    /// Whose certificates are trusted.
    pub(super) pki: PathBuf,
    pub(super) metrics: Arc<Metrics>,
}

impl Guard {
    /// Relays for ever; dropped, it ends every connection.
    pub(super) async fn run(self, listener: TcpListener) {
        let guard = Arc::new(self);
        let mut relays: JoinSet<IpAddr> = JoinSet::new();
        let mut peers: BTreeMap<IpAddr, usize> = BTreeMap::new();
        loop {
            // Both branches are cancel-safe.
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok((client, peer)) => {
                        let open = peers.entry(peer.ip()).or_default();
                        if relays.len() >= CONNECTIONS_MAX || *open >= CONNECTIONS_PER_PEER_MAX {
                            guard.count("too-many");
                            continue;
                        }
                        *open += 1;
                        let guard = Arc::clone(&guard);
                        relays.spawn(async move {
                            guard.relay(client, peer).await;
                            peer.ip()
                        });
                    }
                    Err(why) => {
                        tracing::warn!(%why, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(ended) = relays.join_next() => {
                    let Ok(peer) = ended else { continue };
                    if let Some(open) = peers.get_mut(&peer) {
                        *open = open.saturating_sub(1);
                    }
                    peers.retain(|_, open| *open > 0);
                }
            }
        }
    }

    fn count(&self, reason: &str) {
        self.metrics.opcua_refused.with_label_values(&[reason]).inc();
    }

    async fn relay(&self, client: TcpStream, peer: SocketAddr) {
        let Ok(server) = TcpStream::connect(self.inside).await else { return };
        if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
            return;
        }
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let to_client = Mutex::new(to_client);
        // Either direction ends both; nothing of the other is worth keeping.
        let end = tokio::select! {
            end = self.requests(from_client, to_server, &to_client, peer) => end,
            end = answers(from_server, &to_client) => end,
        };
        let Err(refusal) = end else { return };
        self.count(refusal.label());
        tracing::debug!(%peer, reason = refusal.label(), "an OPC UA connection was ended");
        let mut to_client = to_client.lock().await;
        // The peer may be gone, or never read: then there is nobody to tell.
        let told = frame::error(&refusal);
        let _ = timeout(FRAME_WITHIN, to_client.write_all(&told)).await;
    }

    /// Passes requests on, frame by frame.
    async fn requests(
        &self,
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        answers: &Mutex<OwnedWriteHalf>,
        peer: SocketAddr,
    ) -> Result<(), Refusal> {
        let mut judge = Judge::new(self.own.clone());
        let mut bytes = Vec::with_capacity(frame::FRAME_LEN_MAX);
        loop {
            let patience = if judge.is_open() { IDLE_MAX } else { OPEN_WITHIN };
            let mut header = [0; HEADER_LEN];
            match timeout(patience, from.read_exact(&mut header)).await {
                Err(_) => return Err(Refusal::Late),
                Ok(Err(_)) => return Ok(()),
                Ok(Ok(_)) => {}
            }
            let frame = Header::parse(header)?;
            bytes.clear();
            bytes.extend(header);
            bytes.resize(frame.len, 0);
            let rest = bytes.get_mut(HEADER_LEN..).ok_or(Refusal::Malformed)?;
            match timeout(FRAME_WITHIN, from.read_exact(rest)).await {
                Err(_) => return Err(Refusal::Late),
                Ok(Err(_)) => return Err(Refusal::Broken),
                Ok(Ok(_)) => {}
            }
            if let Passage::IfTrusted(certificate) = judge.frame(frame, &bytes)? {
                self.check(certificate.to_vec(), peer).await?;
            }
            // While an answer waits for its reader, the same reader gets nothing more done.
            drop(answers.lock().await);
            match timeout(WRITE_WITHIN, to.write_all(&bytes)).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return Ok(()),
                Err(_) => return Err(Refusal::Late),
            }
        }
    }

    /// Whether a certificate is trusted; if not, it is kept for a person to look at.
    async fn check(&self, certificate: Vec<u8>, peer: SocketAddr) -> Result<(), Refusal> {
        let pki = self.pki.clone();
        let checked = tokio::task::spawn_blocking(move || admit(&pki, &certificate)).await;
        match checked {
            Ok(Ok(Standing::Trusted)) => Ok(()),
            Ok(Ok(Standing::Unknown { thumbprint, subject })) => {
                self.metrics.opcua_rejected.with_label_values::<&str>(&[]).inc();
                tracing::warn!(
                    %peer, subject, thumbprint,
                    trust_with = format!("pedigree certs trust {thumbprint}"),
                    "the certificate of an OPC UA client is not trusted; trust it if it is yours"
                );
                Err(Refusal::Untrusted)
            }
            Ok(Err(why)) => {
                tracing::warn!(%peer, %why, "the certificate of an OPC UA client was not checked");
                Err(Refusal::Untrusted)
            }
            Err(_) => Err(Refusal::Untrusted),
        }
    }
}

/// Passes answers on. The lock is held as long as the client takes none.
async fn answers(mut from: OwnedReadHalf, to: &Mutex<OwnedWriteHalf>) -> Result<(), Refusal> {
    let mut bytes = vec![0; frame::FRAME_LEN_MAX];
    loop {
        let Ok(len) = from.read(&mut bytes).await else { return Ok(()) };
        let Some(read) = bytes.get(..len).filter(|read| !read.is_empty()) else { return Ok(()) };
        let mut to = to.lock().await;
        match timeout(WRITE_WITHIN, to.write_all(read)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Ok(()),
            Err(_) => return Err(Refusal::Late),
        }
    }
}

/// How a client's certificate stands.
enum Standing {
    Trusted,
    Unknown { thumbprint: String, subject: String },
}

/// Looks a certificate up afresh, so that trust given or taken holds from the next connection on.
fn admit(dir: &Path, der: &[u8]) -> Result<Standing, pki::PkiError> {
    let certificate = pki::Certificate::parse(der)?;
    if pki::is_trusted(dir, &certificate.der)? {
        // A person may have copied the file under any name: the library knows only its own, and
        // takes one that it once refused for refused until that file is gone.
        let kept = pki::store(&dir.join("trusted"), &certificate.der)?;
        if let Some(name) = kept.file_name() {
            let refused = dir.join("rejected").join(name);
            match std::fs::remove_file(&refused) {
                Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                    return Err(pki::PkiError::Io { path: refused, what: "removed", why });
                }
                Ok(()) | Err(_) => {}
            }
        }
        return Ok(Standing::Trusted);
    }
    pki::reject(dir, &certificate.der)?;
    Ok(Standing::Unknown {
        thumbprint: pki::thumbprint_hex(&certificate.thumbprint),
        subject: certificate.subject,
    })
}
