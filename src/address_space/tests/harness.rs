//! A server over fixed facts, and a client of the same library with a certificate of its own.
use super::fake::Fake;
use crate::address_space::{AddressSpaceError, NAMESPACE, Options, run};
use crate::model::{At, Monotonic};
use crate::pki;
use crate::telemetry::Metrics;
use ::opcua::client::{ClientBuilder, IdentityToken, Session};
use ::opcua::types::{
    BrowseDescription, BrowseDirection, ByteString, EndpointDescription, MessageSecurityMode,
    NodeId, ReadValueId, ReferenceDescription, StatusCode, TimestampsToReturn, UserTokenPolicy,
    Variant,
};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) const BASIC256SHA256: &str = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
/// Long enough for a key exchange in a build without optimisation on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_mins(1);

/// Two certificates, made once: a key takes a second.
static CERTIFICATES: LazyLock<TempDir> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let hosts = ["127.0.0.1".to_owned()];
    for who in ["server", "client"] {
        pki::ensure_own(&dir.path().join(who), &format!("urn:test:{who}"), who, &hosts).unwrap();
    }
    dir
});

pub(super) struct Served {
    pub(super) source: Fake,
    pub(super) address: SocketAddr,
    pub(super) pki: PathBuf,
    pub(super) metrics: Arc<Metrics>,
    client_pki: PathBuf,
    stop: CancellationToken,
    tasks: JoinSet<Result<(), AddressSpaceError>>,
    _dir: TempDir,
}

fn own_of(who: &str, to: &Path) {
    std::fs::create_dir_all(to.join("own")).unwrap();
    for file in ["own/cert.der", "own/private.pem"] {
        std::fs::copy(CERTIFICATES.path().join(who).join(file), to.join(file)).unwrap();
    }
}

impl Served {
    /// A server that trusts nobody yet.
    pub(super) async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let (pki, client_pki) = (dir.path().join("server"), dir.path().join("client"));
        own_of("server", &pki);
        own_of("client", &client_pki);
        let (source, metrics) = (Fake::new(), Arc::new(Metrics::new()));
        let stop = CancellationToken::new();
        let (bound, address) = oneshot::channel();
        let options = Options {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            host: "127.0.0.1".to_owned(),
            pki: pki.clone(),
            name: "Pedigree".to_owned(),
            application_uri: "urn:test:server".to_owned(),
            now: Arc::new(|| At { monotonic: Monotonic(0), wall: super::fake::TIME }),
            metrics: Arc::clone(&metrics),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(run(options, source.clone(), stop.clone(), bound));
        let address = tokio::time::timeout(PATIENCE, address).await.unwrap().unwrap();
        Self { source, address, pki, metrics, client_pki, stop, tasks, _dir: dir }
    }

    /// A server that trusts the client, and the client connected to it.
    pub(super) async fn with_client() -> (Self, Client) {
        let served = Self::new().await;
        pki::trust_file(&served.pki, &served.client_certificate()).unwrap();
        let client = served.connect().await.expect("a trusted client is let in");
        (served, client)
    }

    pub(super) fn client_certificate(&self) -> PathBuf {
        self.client_pki.join("own/cert.der")
    }

    /// Connects over an encrypted channel; none if the server refuses.
    pub(super) async fn connect(&self) -> Option<Client> {
        self.try_connect().await.ok()
    }

    /// The same; what the server refuses with.
    pub(super) async fn try_connect(&self) -> Result<Client, StatusCode> {
        let mut client = ClientBuilder::new()
            .application_name("client")
            .application_uri("urn:test:client")
            .pki_dir(&self.client_pki)
            .certificate_path("own/cert.der")
            .private_key_path("own/private.pem")
            .trust_server_certs(true)
            .session_retry_limit(0)
            .max_array_length(100_000)
            .max_message_size(16 << 20)
            .max_chunk_count(256)
            .request_timeout(PATIENCE)
            .client()
            .unwrap();
        let url = format!("opc.tcp://{}/", self.address);
        let endpoint: EndpointDescription = (
            url.as_str(),
            BASIC256SHA256,
            MessageSecurityMode::SignAndEncrypt,
            UserTokenPolicy::anonymous(),
        )
            .into();
        let (session, event_loop) = client
            .connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous)
            .await
            .expect("endpoints are found without a certificate");
        let mut tasks = JoinSet::new();
        tasks.spawn(event_loop.run());
        tokio::select! {
            ended = tasks.join_next() => return Err(ended.unwrap().unwrap()),
            connected = tokio::time::timeout(PATIENCE, session.wait_for_connection()) => {
                assert!(connected.unwrap());
            }
        }
        let namespace = session.get_namespace_index(NAMESPACE).await.unwrap();
        Ok(Client { session, namespace, _tasks: tasks })
    }

    /// Stops the server and says how it ended.
    pub(super) async fn end(mut self) -> Result<(), AddressSpaceError> {
        self.stop.cancel();
        self.tasks.join_next().await.unwrap().unwrap()
    }
}

pub(super) struct Client {
    pub(super) session: Arc<Session>,
    pub(super) namespace: u16,
    _tasks: JoinSet<StatusCode>,
}

impl Client {
    pub(super) fn id(&self, text: &str) -> NodeId {
        NodeId::new(self.namespace, text)
    }

    /// All references of a node, page by page.
    pub(super) async fn browse(
        &self,
        node: &NodeId,
        direction: BrowseDirection,
        kind: impl Into<NodeId>,
        page: u32,
    ) -> Result<Vec<ReferenceDescription>, StatusCode> {
        let what = BrowseDescription {
            node_id: node.clone(),
            browse_direction: direction,
            reference_type_id: kind.into(),
            include_subtypes: true,
            node_class_mask: 0,
            result_mask: 63,
        };
        let mut all = Vec::new();
        let mut results = self.session.browse(&[what], page, None).await.unwrap();
        loop {
            let result = results.remove(0);
            if result.status_code.is_bad() {
                return Err(result.status_code);
            }
            let page = result.references.unwrap_or_default();
            all.extend(page);
            if result.continuation_point.is_null_or_empty() {
                return Ok(all);
            }
            let next: ByteString = result.continuation_point;
            results = self.session.browse_next(false, &[next]).await.unwrap();
        }
    }

    pub(super) async fn value(&self, text: &str) -> Result<Variant, StatusCode> {
        let read = [ReadValueId::new_value(self.id(text))];
        let mut read = self.session.read(&read, TimestampsToReturn::Both, 0.0).await.unwrap();
        let read = read.remove(0);
        match read.status() {
            status if status.is_bad() => Err(status),
            _ => Ok(read.value.unwrap_or_default()),
        }
    }
}
