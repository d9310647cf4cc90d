//! A simulated OPC UA PLC: its words behind a real server with a certificate of its own.
//!
//! It accepts every client certificate, as a PLC on a bench would; what it does not do is talk
//! without encryption. The server's tasks are the library's; everything of ours runs in the future
//! that [`Served::run`] gives.
use super::DemoError;
use super::nodes::{Word, WordManager, Words};
use crate::model::Utc;
use crate::telemetry::Now;
use ::opcua::crypto::{CertificateStore, X509, X509Data};
use ::opcua::server::address_space::{AddressSpace, NodeType};
use ::opcua::server::node_manager::ServerContext;
use ::opcua::server::node_manager::memory::InMemoryNodeManagerBuilder;
use ::opcua::server::{
    ANONYMOUS_USER_TOKEN_ID, Server, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
};
use ::opcua::types::{
    DataEncoding, DataValue, DateTime, NodeId, NumericRange, TimestampsToReturn, Variant,
};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Between 1601, where OPC UA counts from (Part 6 §5.2.2.5), and 1970; in ticks of 100 ns.
const TICKS_TO_1970: i64 = 116_444_736_000_000_000;
/// A demo's certificate need not outlive the demo.
const CERTIFICATE_DAYS: u32 = 365;

/// What a PLC is called on the wire.
#[derive(Debug, Clone, Copy)]
pub(super) struct Identity<'a> {
    /// Its name as a device, `press-01`.
    pub(super) name: &'a str,
    /// Namespace of its words, `urn:demo:press`.
    pub(super) namespace: &'a str,
    /// Its folder, and the text before every word.
    pub(super) top: &'a str,
}

/// Where a PLC listens and whom it lets in.
#[derive(Debug, Clone)]
pub(super) struct Access {
    /// Port 0 is any that is free.
    pub(super) listen: SocketAddr,
    /// What its URL has behind the port; `/` for nothing.
    pub(super) path: String,
    /// Whether it also talks without encryption.
    pub(super) plain: bool,
    /// A user with a password, who may come beside anybody who gives no name.
    pub(super) user: Option<(String, String)>,
}

impl Access {
    /// Any free port of the loopback, encrypted, for anybody.
    pub(super) fn anybody() -> Self {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        Self { listen, path: "/".to_owned(), plain: false, user: None }
    }
}

/// The PLC as its own program sees it.
#[derive(Clone)]
pub(super) struct UaPlc {
    manager: Arc<WordManager>,
    handle: ServerHandle,
    ids: Arc<BTreeMap<String, NodeId>>,
    written: watch::Receiver<u64>,
    now: Now,
}

/// A server that waits to be run.
pub(super) struct Served {
    name: String,
    server: Server,
    listener: TcpListener,
    /// Where it listens.
    pub(super) url: String,
    /// SHA-256 over the DER form of its certificate, in upper-case hexadecimal.
    pub(super) thumbprint: String,
}

impl Served {
    /// Serves until the stop token is cancelled.
    pub(super) async fn run(self) {
        if let Err(fault) = self.server.run_with(self.listener).await {
            tracing::error!(device = %self.name, %fault, "the simulated PLC stopped");
        }
    }
}

impl std::fmt::Debug for UaPlc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UaPlc").finish_non_exhaustive()
    }
}

impl UaPlc {
    /// How many sessions clients have made since the server began, as the server counts them (Part 5
    /// §12.9, `CumulatedSessionCount`).
    pub(super) fn sessions(&self) -> u32 {
        use ::opcua::types::VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CumulatedSessionCount as COUNT;
        let counted = self.handle.info().summary().get(COUNT).and_then(|data| data.value);
        match counted {
            Some(Variant::UInt32(sessions)) => sessions,
            // The library keeps no other type there.
            _ => 0,
        }
    }
}

/// Makes the PLC's certificate in `dir`, unless it is there, and its server.
pub(super) async fn make(
    identity: Identity<'_>,
    access: Access,
    words: Vec<Word>,
    dir: &Path,
    now: Now,
    stop: CancellationToken,
) -> Result<(UaPlc, Served), DemoError> {
    let name = identity.name.to_owned();
    let pki = dir.join(&name);
    let thumbprint = certificate(identity, pki.clone(), &now).await?;
    let listen = |why| DemoError::Bind { at: access.listen, why };
    let listener = TcpListener::bind(access.listen).await.map_err(listen)?;
    let at = listener.local_addr().map_err(listen)?;
    let written = Arc::new(watch::Sender::new(0));
    let woken = written.subscribe();
    let (namespace, top) = (identity.namespace.to_owned(), identity.top.to_owned());
    let manager = move |context: ServerContext, space: &mut AddressSpace| {
        Words::build(&context, space, &namespace, &top, &words, written)
    };
    let (server, handle) = builder(identity, &access, &pki, at)
        .with_node_manager(InMemoryNodeManagerBuilder::new(manager))
        .token(stop)
        .build()
        .map_err(|why| DemoError::Server { device: name.clone(), why })?;
    let manager = handle
        .node_managers()
        .get_of_type::<WordManager>()
        .expect("the node manager was added two lines above");
    let ids = manager.inner().ids();
    let plc = UaPlc { manager, handle, ids, written: woken, now };
    let url = format!("opc.tcp://{at}");
    Ok((plc, Served { name, server, listener, url, thumbprint }))
}

fn builder(identity: Identity<'_>, access: &Access, pki: &Path, at: SocketAddr) -> ServerBuilder {
    let mut users = vec![ANONYMOUS_USER_TOKEN_ID.to_owned()];
    users.extend(access.user.iter().map(|(user, _)| user.clone()));
    let path = access.path.as_str();
    let mut builder = ServerBuilder::new()
        .application_name(identity.name)
        .application_uri(application_uri(identity))
        .product_uri("urn:demo:plc")
        .host(at.ip().to_string())
        .port(at.port())
        .pki_dir(pki)
        .certificate_path(CERTIFICATE)
        .private_key_path(KEY)
        .trust_client_certs(true)
        .discovery_urls(vec![path.to_owned()])
        .add_endpoint(
            "aes256-sha256-rsapss",
            ServerEndpoint::new_aes256_sha256_rsapss_sign_encrypt(path, &users),
        )
        .add_endpoint(
            "basic256sha256",
            ServerEndpoint::new_basic256sha256_sign_encrypt(path, &users),
        )
        .diagnostics_enabled(true)
        // Handshake words are looked at every few tens of milliseconds; a coarser tick would
        // quantise that.
        .subscription_poll_interval_ms(10);
    if access.plain {
        builder = builder.add_endpoint("none", ServerEndpoint::new_none(path, &users));
    }
    if let Some((user, password)) = &access.user {
        let token = ServerUserToken::user_pass(user.as_str(), password.as_str());
        builder = builder.add_user_token(user.as_str(), token);
    }
    let subscriptions = &mut builder.limits_mut().subscriptions;
    subscriptions.min_publishing_interval_ms = 10.0;
    // 0 = each change as it comes; otherwise the library moves source times to its grid.
    subscriptions.min_sampling_interval_ms = 0.0;
    subscriptions.max_monitored_item_queue_size = 1_000;
    builder
}

const CERTIFICATE: &str = "own/cert.der";
const KEY: &str = "private/key.pem";

fn application_uri(identity: Identity<'_>) -> String {
    format!("{}:plc", identity.namespace)
}

/// The thumbprint of the certificate in `pki`, which is made with its key unless it is there and good
/// for now. Drawing an RSA key takes a good part of a second, so it is done beside the runtime.
async fn certificate(identity: Identity<'_>, pki: PathBuf, now: &Now) -> Result<String, DemoError> {
    let device = identity.name.to_owned();
    if let Some(der) = kept(&pki, now) {
        return Ok(thumbprint(&der));
    }
    let data = X509Data {
        key_size: 2048,
        common_name: device.clone(),
        organization: "Simulated plant".to_owned(),
        organizational_unit: String::new(),
        country: String::new(),
        state: String::new(),
        alt_host_names: X509Data::alt_host_names(
            &application_uri(identity),
            None,
            true,
            false,
            true,
        ),
        certificate_duration_days: CERTIFICATE_DAYS,
    };
    let made = tokio::task::spawn_blocking(move || {
        CertificateStore::new(&pki).ensure_pki_path()?;
        let (certificate, _) = CertificateStore::create_certificate_and_key(
            &data,
            true,
            &pki.join(CERTIFICATE),
            &pki.join(KEY),
        )?;
        certificate.to_der().map_err(|e| e.to_string())
    });
    let der = made.await.map_err(|e| e.to_string()).and_then(|der| der);
    let der = der.map_err(|why| DemoError::Certificate { device, why })?;
    Ok(thumbprint(&der))
}

/// A certificate that was made before and is good for now, with its key beside it.
fn kept(pki: &Path, now: &Now) -> Option<Vec<u8>> {
    let der = std::fs::read(pki.join(CERTIFICATE)).ok()?;
    let now = DateTime::from((now)().wall.0 / 100 + TICKS_TO_1970).as_chrono();
    let good = X509::from_der(&der).ok()?.is_time_valid(&now).is_ok();
    (good && pki.join(KEY).is_file()).then_some(der)
}

fn thumbprint(der: &[u8]) -> String {
    Sha256::digest(der).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02X}");
        hex
    })
}

impl UaPlc {
    /// Writes words in one scan: a read sees all of them or none. The time is their source time.
    pub(super) fn put(&self, values: &[(&str, Variant)]) -> Utc {
        let at = (self.now)().wall;
        let moment = DateTime::from(at.0 / 100 + TICKS_TO_1970);
        let rows = values
            .iter()
            .map(|(name, v)| (self.id(name), None, DataValue::new_at(v.clone(), moment)));
        self.manager
            .set_values(self.handle.subscriptions(), rows)
            .expect("every word was made with the server");
        at
    }

    /// Changes whenever the host has written.
    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.written.clone()
    }

    /// The value of a word.
    pub(super) fn get(&self, name: &str) -> Variant {
        let space = self.manager.address_space().read();
        let Some(NodeType::Variable(word)) = space.find(self.id(name)) else {
            return Variant::Empty;
        };
        word.value(TimestampsToReturn::Neither, &NumericRange::None, &DataEncoding::Binary, 0.0)
            .value
            .unwrap_or_default()
    }

    /// Waits until the host has written `value` into a word.
    pub(super) async fn until(&self, name: &str, value: &Variant) {
        let mut written = self.written.clone();
        loop {
            written.borrow_and_update();
            if self.get(name) == *value {
                return;
            }
            if written.changed().await.is_err() {
                // The server is gone: nobody will ever answer, and a PLC that is not answered waits.
                std::future::pending::<()>().await;
            }
        }
    }

    fn id(&self, name: &str) -> &NodeId {
        self.ids.get(name).expect("the program names only words of its table")
    }
}

/// A counter handshake: data words, then the number; then nothing until the number is echoed.
pub(super) struct CounterHandshake {
    plc: UaPlc,
    trigger: &'static str,
    ack: &'static str,
    number: u32,
}

impl CounterHandshake {
    pub(super) fn new(plc: &UaPlc, trigger: &'static str, ack: &'static str) -> Self {
        Self { plc: plc.clone(), trigger, ack, number: 0 }
    }

    /// One request. The time is that of the number.
    pub(super) async fn request(&mut self, data: &[(&str, Variant)]) -> Utc {
        self.plc.put(data);
        self.number = self.number.wrapping_add(1);
        let number = Variant::from(self.number);
        let at = self.plc.put(&[(self.trigger, number.clone())]);
        self.plc.until(self.ack, &number).await;
        at
    }
}
