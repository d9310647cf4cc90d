//! The library's server, built and run behind the guard.
use super::guard::Guard;
use super::manager::Manager;
use super::normalise::Normalise;
use super::publish::Publisher;
use super::source::Source;
use super::types::{Import, NAMESPACE};
use super::watched::Watched;
use crate::pki::{self, PkiError};
use crate::telemetry::{Metrics, Now};
use ::opcua::crypto::{SecurityPolicy, X509};
use ::opcua::server::node_manager::NodeManagerBuilder;
use ::opcua::server::node_manager::ServerContext;
use ::opcua::server::node_manager::memory::{InMemoryNodeManagerBuilder, SimpleNodeManagerBuilder};
use ::opcua::server::{
    ANONYMOUS_USER_TOKEN_ID, Limits, OperationalLimits, Server, ServerBuilder, ServerHandle,
    SubscriptionLimits,
};
use ::opcua::types::{MessageSecurityMode, TypeLoaderCollection};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

/// How long the library may take to end its sessions.
const STOP_WITHIN: Duration = Duration::from_secs(5);
/// Sessions, those whose connection is gone and whose time is not over yet among them.
pub(super) const SESSIONS_MAX: usize = 100;
/// Subscriptions of one session.
pub(super) const SUBSCRIPTIONS_MAX: usize = 20;
/// Monitored items of one subscription.
pub(super) const ITEMS_MAX: usize = 20_000;
/// Values that wait in one monitored item; beyond, the oldest or the newest is dropped, as its client wants, and that is told.
const VALUES_MAX: usize = 10_000;
/// Messages that wait in one subscription whose client asks for none.
const MESSAGES_MAX: usize = 100;
/// Browses that a session may go on with; each keeps the rest of a node's references.
const BROWSES_MAX: usize = 100;
/// Longest answer in bytes; requests are held far below by the guard.
const ANSWER_LEN_MAX: usize = 16 << 20;

/// What the server is made with.
pub struct Options {
    /// Address and port to listen on; port 0 takes any.
    pub listen: SocketAddr,
    /// The host name or address in the endpoint URLs, as clients reach it.
    pub host: String,
    /// Our certificate and the folders of those that we trust; see `pki`.
    pub pki: PathBuf,
    /// The name that clients show.
    pub name: String,
    /// Unique among all OPC UA applications; it stands in our certificate.
    pub application_uri: String,
    /// The clock.
    pub now: Now,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Why the space cannot be republished.
#[derive(Debug, thiserror::Error)]
pub enum AddressSpaceError {
    /// The port is taken or the address is not ours.
    #[error(
        "cannot listen for OPC UA clients on {listen}: {why}; is another server running there?"
    )]
    Listen {
        /// What was asked for.
        listen: SocketAddr,
        /// Why not.
        #[source]
        why: std::io::Error,
    },
    /// Our certificate or key cannot be used.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The types could not be loaded: an error of ours.
    #[error("the Genealogy nodeset could not be loaded: {0}")]
    NodeSet(String),
    /// The library refused or failed.
    #[error("the OPC UA server failed: {0}")]
    Server(String),
}

/// Serves until `stop`. The address that it listens on is sent as soon as clients are served.
///
/// Run it on threads with a stack of [`super::THREAD_STACK`].
pub async fn run<S: Source>(
    options: Options,
    source: S,
    stop: CancellationToken,
    bound: oneshot::Sender<SocketAddr>,
) -> Result<(), AddressSpaceError> {
    let Options { listen, host, pki, name, application_uri, now, metrics } = options;
    let own = {
        let (pki, uri, name, hosts) =
            (pki.clone(), application_uri.clone(), name.clone(), vec![host.clone()]);
        tokio::task::spawn_blocking(move || pki::ensure_own(&pki, &uri, &name, &hosts))
            .await
            .map_err(|why| AddressSpaceError::Server(why.to_string()))??
    };
    let thumbprint = X509::from_der(&own.certificate.der)
        .map_err(|why| AddressSpaceError::Server(why.to_string()))?
        .thumbprint();
    let cannot = |listen| move |why| AddressSpaceError::Listen { listen, why };
    let outside = TcpListener::bind(listen).await.map_err(cannot(listen))?;
    let address = outside.local_addr().map_err(cannot(listen))?;
    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let inside = TcpListener::bind(loopback).await.map_err(cannot(loopback))?;
    let guard = Guard {
        inside: inside.local_addr().map_err(cannot(loopback))?,
        own: thumbprint.value().to_vec(),
        pki: pki.clone(),
        metrics: Arc::clone(&metrics),
    };

    let source = Arc::new(source);
    // What was recorded before this start is history: it is not announced.
    let sent = source.indexing().unwrap_or_else(|| source.position());
    let watched = Arc::new(Watched::default());
    let builder = configure(host, pki, name, application_uri).token(stop.child_token());
    let (server, handle) =
        build(builder, Arc::clone(&source), Arc::clone(&watched), Arc::clone(&now))?;
    let namespace = handle
        .get_namespace_index(NAMESPACE)
        .ok_or_else(|| AddressSpaceError::NodeSet("its namespace is not there".to_owned()))?;
    let publisher = Publisher { source, namespace, handle: handle.clone(), watched, now, metrics };

    let serving = server.run_with(inside);
    tokio::pin!(serving);
    let front = async {
        advertise(&handle, address.port()).await;
        tracing::info!(%address, certificate = pki::thumbprint_hex(&own.certificate.thumbprint),
            "the genealogy is served over OPC UA");
        // Whoever asked may have stopped waiting.
        let _ = bound.send(address);
        tokio::join!(guard.run(outside), publisher.run(sent));
    };
    tokio::select! {
        ended = &mut serving => return ended.map_err(AddressSpaceError::Server),
        () = front => {}
        () = stop.cancelled() => {}
    }
    match tokio::time::timeout(STOP_WITHIN, serving).await {
        Ok(ended) => ended.map_err(AddressSpaceError::Server),
        Err(_) => Ok(()),
    }
}

/// Puts the port that clients reach into the endpoint URLs: at its start the library puts in the
/// one that it listens on itself.
async fn advertise(handle: &ServerHandle, port: u16) {
    while handle.info().port.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    handle.info().port.store(port, Ordering::Relaxed);
}

fn configure(host: String, pki: PathBuf, name: String, application_uri: String) -> ServerBuilder {
    let mut builder = ServerBuilder::new()
        .application_name(name)
        .application_uri(application_uri)
        .product_uri("urn:pedigree")
        .host(host)
        .port(0)
        .pki_dir(pki)
        .certificate_path("own/cert.der")
        .private_key_path("own/private.pem")
        .create_sample_keypair(false)
        .trust_client_certs(false)
        .check_cert_time(true)
        .discovery_urls(vec!["/".to_owned()])
        .limits(limits())
        .subscription_poll_interval_ms(50)
        .diagnostics_enabled(true);
    let policies = [
        ("aes256", SecurityPolicy::Aes256Sha256RsaPss),
        ("aes128", SecurityPolicy::Aes128Sha256RsaOaep),
        ("basic256", SecurityPolicy::Basic256Sha256),
    ];
    for (id, policy) in policies {
        let users: &[&str] = &[ANONYMOUS_USER_TOKEN_ID];
        let endpoint = ("/", policy, MessageSecurityMode::SignAndEncrypt, users);
        builder = builder.add_endpoint(id, endpoint);
    }
    builder
}

/// The library's defaults are for a few hundred variables.
fn limits() -> Limits {
    Limits {
        max_array_length: super::methods::LIST_LEN_MAX,
        max_message_size: ANSWER_LEN_MAX,
        max_chunk_count: 256,
        max_sessions: SESSIONS_MAX,
        max_browse_continuation_points: BROWSES_MAX,
        subscriptions: SubscriptionLimits {
            max_subscriptions_per_session: SUBSCRIPTIONS_MAX,
            max_monitored_items_per_sub: ITEMS_MAX,
            max_monitored_item_queue_size: VALUES_MAX,
            max_queued_notifications: MESSAGES_MAX,
            min_sampling_interval_ms: 50.0,
            min_publishing_interval_ms: 50.0,
            ..SubscriptionLimits::default()
        },
        // Told to clients, so that no request of theirs comes near what the guard lets through.
        operational: OperationalLimits {
            max_nodes_per_read: 2_500,
            ..OperationalLimits::default()
        },
        ..Limits::default()
    }
}

fn build<S: Source>(
    builder: ServerBuilder,
    source: Arc<S>,
    watched: Arc<Watched>,
    now: Now,
) -> Result<(Server, ServerHandle), AddressSpaceError> {
    let (import, taken) = Import::new()?;
    let manager = move |context: ServerContext| {
        let tree = Arc::clone(&context.type_tree);
        let nodes =
            SimpleNodeManagerBuilder::new_imports(vec![Box::new(import)], "genealogy types");
        let types = Box::new(InMemoryNodeManagerBuilder::new(nodes)).build(context);
        let namespace = tree.write().namespaces_mut().add_namespace(NAMESPACE);
        Manager::new(source, namespace, types, watched, now)
    };
    let (server, handle) =
        builder.with_node_manager(manager).build().map_err(AddressSpaceError::Server)?;
    let (taken, expected) = (taken.load(Ordering::Relaxed), Import::expected());
    if taken != expected {
        let what = format!("{taken} of its {expected} nodes were taken");
        return Err(AddressSpaceError::NodeSet(what));
    }
    before_the_generated(&handle);
    Ok((server, handle))
}

/// Puts our loader before the library's own; the ordinary way puts it behind.
fn before_the_generated(handle: &ServerHandle) {
    let mut loaders = handle.info().type_loaders.write();
    let mut all = TypeLoaderCollection::new_empty();
    all.add_type_loader(Normalise);
    for loader in loaders.iter() {
        all.add(Arc::clone(loader));
    }
    *loaders = all;
}
