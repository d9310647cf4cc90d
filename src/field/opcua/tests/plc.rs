//! A PLC for the tests: the library's own server on a free port, and the device task beside it.
use crate::field::link::{Stage, Status};
use crate::field::{Lanes, Request, Wiring, opcua, weighed};
use crate::model::plant::{
    Device, DeviceIndex, Heartbeat, NodeAddress, OpcUaLink, Plant, Protocol, Security, Tag,
    TagIndex, TagSource, Trust,
};
use crate::model::{
    At, Boot, DeviceId, Digest, GapCause, Input, Link, Monotonic, Sample, SiteId, TagName, Utc,
    Value,
};
use crate::pki::{self, Own};
use crate::telemetry::{Metrics, Now};
use ::opcua::crypto::SecurityPolicy;
use ::opcua::nodes::VariableBuilder;
use ::opcua::server::address_space::AccessLevel;
use ::opcua::server::diagnostics::NamespaceMetadata;
use ::opcua::server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use ::opcua::server::{
    ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle, ServerUserToken,
};
use ::opcua::types::{
    DataTypeId, DataValue, DateTime, MessageSecurityMode, NodeId, ObjectId, StatusCode, Variant,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(in crate::field::opcua) const NAMESPACE: &str = "urn:test:plc";
/// Longer than anything takes on a loaded machine; a test that hangs fails.
const PATIENCE: Duration = Duration::from_mins(1);

pub(in crate::field::opcua) fn clock() -> Now {
    let begun = tokio::time::Instant::now();
    Arc::new(move || At {
        monotonic: Monotonic(begun.elapsed().as_nanos().try_into().unwrap()),
        wall: Utc(jiff::Timestamp::now().as_nanosecond().try_into().unwrap()),
    })
}

/// Waits, but not for ever.
pub(super) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let Ok(done) = tokio::time::timeout(PATIENCE, future).await else {
        panic!("{what} did not happen")
    };
    done
}

/// The server side.
pub(super) struct Plc {
    pub(super) port: u16,
    pub(super) own: Own,
    handle: ServerHandle,
    pub(super) nodes: Arc<SimpleNodeManager>,
    pub(super) namespace: u16,
    running: JoinSet<()>,
}

const POLICIES: [SecurityPolicy; 2] =
    [SecurityPolicy::Basic256Sha256, SecurityPolicy::Aes256Sha256RsaPss];

impl Plc {
    /// Starts on `port`, 0 for a free one, with its key in `dir`. Offers None and three encrypted
    /// policies.
    pub(super) async fn start(dir: &Path, port: u16) -> Self {
        Self::offering(dir, port, &POLICIES).await
    }

    /// The same with these encrypted policies.
    pub(super) async fn offering(dir: &Path, port: u16, policies: &[SecurityPolicy]) -> Self {
        Self::made(dir, port, policies, |builder| builder).await
    }

    /// One that takes so many operations in one request.
    pub(super) async fn narrow(dir: &Path, most: usize) -> Self {
        let narrow = |mut builder: ServerBuilder| {
            let limits = &mut builder.limits_mut().operational;
            limits.max_nodes_per_read = most;
            limits.max_monitored_items_per_call = most;
            limits.max_nodes_per_translate_browse_paths_to_node_ids = most;
            builder
        };
        Self::made(dir, 0, &POLICIES, narrow).await
    }

    /// One that takes so many items in a subscription, and has so many subscriptions for a session.
    pub(super) async fn small(dir: &Path, items: usize, subscriptions: usize) -> Self {
        let small = |mut builder: ServerBuilder| {
            let limits = &mut builder.limits_mut().subscriptions;
            limits.max_monitored_items_per_sub = items;
            limits.max_subscriptions_per_session = subscriptions;
            builder
        };
        Self::made(dir, 0, &POLICIES, small).await
    }

    /// One that looks at its words when they are first asked for, and then once an hour.
    pub(super) async fn slow(dir: &Path) -> Self {
        let slow = |mut builder: ServerBuilder| {
            builder.limits_mut().subscriptions.min_sampling_interval_ms = 3_600_000.0;
            builder
        };
        Self::made(dir, 0, &POLICIES, slow).await
    }

    /// One that names so many references at once, and keeps its place in so many lists.
    pub(super) async fn brief(dir: &Path, references: usize, places: usize) -> Self {
        let brief = |mut builder: ServerBuilder| {
            let limits = builder.limits_mut();
            limits.operational.max_references_per_browse_node = references;
            limits.max_browse_continuation_points = places;
            builder
        };
        Self::made(dir, 0, &POLICIES, brief).await
    }

    /// One that lets only this user in.
    pub(super) async fn closed(dir: &Path, certificate: &Path) -> Self {
        let policy = SecurityPolicy::Basic256Sha256;
        let mode = MessageSecurityMode::SignAndEncrypt;
        let user = ServerUserToken::x509("operator", certificate);
        let endpoint = ServerEndpoint::new("/", policy, mode, &["operator".to_owned()]);
        let close = |builder: ServerBuilder| {
            builder.add_user_token("operator", user).add_endpoint("closed", endpoint)
        };
        Self::made(dir, 0, &[], close).await
    }

    async fn made(
        dir: &Path,
        port: u16,
        policies: &[SecurityPolicy],
        change: impl FnOnce(ServerBuilder) -> ServerBuilder,
    ) -> Self {
        let own = pki::ensure_own(dir, "urn:test:plc:app", "test plc", &["127.0.0.1".to_owned()]);
        let own = own.unwrap();
        let anonymous = [ANONYMOUS_USER_TOKEN_ID.to_owned()];
        let metadata =
            NamespaceMetadata { namespace_uri: NAMESPACE.to_owned(), ..Default::default() };
        let mut builder = ServerBuilder::new()
            .application_name("test plc")
            .application_uri("urn:test:plc:app")
            .host("127.0.0.1")
            .pki_dir(dir.join("library"))
            .certificate_path(&own.certificate_path)
            .private_key_path(&own.key_path)
            .trust_client_certs(true)
            .discovery_urls(vec!["/".to_owned()])
            .subscription_poll_interval_ms(20)
            .add_endpoint("none", ServerEndpoint::new_none("/", &anonymous))
            .with_node_manager(simple_node_manager(metadata, "plc"));
        for policy in policies {
            let mode = MessageSecurityMode::SignAndEncrypt;
            let endpoint = ServerEndpoint::new("/", *policy, mode, &anonymous);
            builder = builder.add_endpoint(policy.to_string(), endpoint);
        }
        let limits = &mut builder.limits_mut().subscriptions;
        limits.min_publishing_interval_ms = 20.0;
        limits.min_sampling_interval_ms = 0.0;
        limits.max_monitored_item_queue_size = 1_000;
        builder = change(builder);
        let (server, handle) = builder.build().unwrap();
        let listener = bind(port).await;
        let port = listener.local_addr().unwrap().port();
        let nodes = handle.node_managers().get_of_type::<SimpleNodeManager>().unwrap();
        let namespace = handle.get_namespace_index(NAMESPACE).unwrap();
        let mut running = JoinSet::new();
        let plc = Self { port, own, handle, nodes, namespace, running: JoinSet::new() };
        plc.make_nodes();
        running.spawn(async move { server.run_with(listener).await.unwrap() });
        Self { running, ..plc }
    }

    fn make_nodes(&self) {
        let mut space = self.nodes.address_space().write();
        let words: [(&str, DataTypeId, Variant, bool); 8] = [
            ("Count", DataTypeId::UInt32, Variant::UInt32(7), false),
            ("Serial", DataTypeId::String, Variant::from("SN-7"), false),
            ("Ack", DataTypeId::UInt16, Variant::UInt16(0), true),
            ("Permit", DataTypeId::Int16, Variant::Int16(0), true),
            ("Life", DataTypeId::UInt32, Variant::UInt32(0), false),
            ("Boot", DataTypeId::UInt32, Variant::UInt32(1), false),
            ("Temp", DataTypeId::Double, Variant::Double(20.0), false),
            ("State", DataTypeId::Int32, Variant::Int32(0), false),
        ];
        for (name, data_type, value, writable) in words {
            let mut builder = VariableBuilder::new(&self.id(name), name, name)
                .data_type(data_type)
                .value(value)
                .organized_by(ObjectId::ObjectsFolder);
            if writable {
                let level = AccessLevel::CURRENT_READ | AccessLevel::CURRENT_WRITE;
                builder = builder.access_level(level).user_access_level(level);
            }
            builder.insert(&mut *space);
        }
    }

    pub(super) fn id(&self, name: &str) -> NodeId {
        NodeId::new(self.namespace, name)
    }

    pub(super) fn set(&self, name: &str, value: impl Into<Variant>) {
        self.set_at(&[(name, value.into(), DateTime::now())]);
    }

    /// Sets words at once, each with its own source time.
    pub(super) fn set_at(&self, words: &[(&str, Variant, DateTime)]) {
        let ids: Vec<_> = words.iter().map(|(name, ..)| self.id(name)).collect();
        let values = ids
            .iter()
            .zip(words)
            .map(|(id, (_, value, at))| (id, None, DataValue::new_at(value.clone(), *at)));
        self.nodes.set_values(self.handle.subscriptions(), values).unwrap();
    }

    pub(super) fn get(&self, name: &str) -> Variant {
        let space = self.nodes.address_space().read();
        let node = space.find_node(&self.id(name)).unwrap();
        let ::opcua::nodes::NodeType::Variable(variable) = node else { panic!("no variable") };
        let all = ::opcua::types::NumericRange::None;
        variable
            .value(
                ::opcua::types::TimestampsToReturn::Both,
                &all,
                &::opcua::types::DataEncoding::Binary,
                0.0,
            )
            .value
            .unwrap()
    }

    /// Sees every write to a word before it is done.
    pub(super) fn on_write(
        &self,
        name: &str,
        seen: impl Fn(Variant) -> StatusCode + Send + Sync + 'static,
    ) {
        self.nodes
            .inner()
            .add_write_callback(self.id(name), move |data, _| seen(data.value.unwrap_or_default()));
    }

    /// Every socket closes, as when the PLC loses power.
    pub(super) async fn stop(mut self) -> u16 {
        self.running.shutdown().await;
        self.port
    }
}

async fn bind(port: u16) -> TcpListener {
    for _ in 0..200 {
        match TcpListener::bind(("127.0.0.1", port)).await {
            Ok(listener) => return listener,
            Err(_) => tokio::time::sleep(Duration::from_millis(25)).await,
        }
    }
    panic!("port {port} does not become free")
}

pub(super) fn tag(name: &str, identifier: &str) -> Tag {
    Tag {
        name: TagName::parse(name).unwrap(),
        device: DeviceIndex(0),
        source: TagSource::Node(NodeAddress {
            namespace: NAMESPACE.to_owned(),
            identifier: identifier.to_owned(),
        }),
        fast: false,
        watched: true,
        every_change: false,
        publish: None,
        writable: false,
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: BTreeMap::new(),
    }
}

pub(in crate::field::opcua) const COUNT: TagIndex = TagIndex(0);
pub(in crate::field::opcua) const SERIAL: TagIndex = TagIndex(1);
pub(in crate::field::opcua) const ACK: TagIndex = TagIndex(2);
pub(in crate::field::opcua) const PERMIT: TagIndex = TagIndex(3);
pub(in crate::field::opcua) const TEMP: TagIndex = TagIndex(4);
pub(in crate::field::opcua) const STATE: TagIndex = TagIndex(5);
pub(in crate::field::opcua) const BOOT: TagIndex = TagIndex(6);
pub(in crate::field::opcua) const LIFE: TagIndex = TagIndex(7);
pub(in crate::field::opcua) const GHOST: TagIndex = TagIndex(8);
pub(in crate::field::opcua) const STRAY: TagIndex = TagIndex(9);

/// A plant with one device and the words of [`Plc`]; `Ghost` is a node that does not exist, `Stray`
/// one in a namespace that does not.
pub(in crate::field::opcua) fn plant(port: u16, security: Security, trust: Trust) -> Plant {
    let mut tags: Vec<_> =
        ["Count", "Serial", "Ack", "Permit", "Temp", "State", "Boot", "Life", "Ghost", "Stray"]
            .map(|name| tag(name, &format!("s={name}")))
            .into();
    tags[0].fast = true;
    tags[1].watched = false;
    tags[2].fast = true;
    tags[2].writable = true;
    tags[3].watched = false;
    tags[3].writable = true;
    tags[4].range = Some((-50.0, 100.0));
    tags[5].every_change = true;
    for ghost in [GHOST, STRAY] {
        tags[ghost.get()].watched = false;
    }
    tags[STRAY.get()].source = TagSource::Node(NodeAddress {
        namespace: "urn:nowhere".to_owned(),
        identifier: "s=Stray".to_owned(),
    });
    let device = Device {
        id: DeviceId::parse("press").unwrap(),
        protocol: Protocol::OpcUa(OpcUaLink {
            url: format!("opc.tcp://127.0.0.1:{port}"),
            security,
            trust,
            login: None,
            pins: BTreeMap::new(),
        }),
        publish: Duration::from_millis(200),
        publish_fast: Duration::from_millis(50),
        heartbeat: Heartbeat { plc: None, host: None, stale_after: Duration::from_secs(3) },
        restart: Some(BOOT),
        interface: None,
    };
    Plant {
        site: SiteId::parse("site").unwrap(),
        devices: vec![device],
        tags,
        stations: Vec::new(),
        catalog: crate::model::plant::Catalog::default(),
        files: Vec::new(),
        hash: Digest([0; 32]),
    }
}

/// The device task and both its ends.
pub(super) struct Rig {
    pub(super) urgent: weighed::Receiver<Input>,
    pub(super) bulk: weighed::Receiver<Input>,
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) metrics: Arc<Metrics>,
    stop: CancellationToken,
    running: JoinSet<()>,
}

impl Rig {
    pub(super) fn start(plant: Plant, pki: &Path) -> Self {
        let (urgent_in, urgent) = weighed::channel(1_000, 1 << 20);
        let (bulk_in, bulk) = weighed::channel(1_000, 1 << 20);
        let (requests, requests_out) = mpsc::channel(100);
        let first = Status { stage: Stage::Backoff, since: Utc(0), last_fault: None };
        let (status_in, status) = watch::channel(first);
        let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
        let mut running = JoinSet::new();
        running.spawn(opcua::run(Wiring {
            plant: Arc::new(plant),
            device: DeviceIndex(0),
            lanes: Lanes { urgent: urgent_in, bulk: bulk_in },
            requests: requests_out,
            status: status_in,
            now: clock(),
            metrics: Arc::clone(&metrics),
            points: crate::telemetry::Points::new(Arc::clone(&metrics)),
            onlooker: Arc::new(|_, _, _| {}),
            pki: pki.to_path_buf(),
            stop: stop.clone(),
        }));
        Self { urgent, bulk, requests, status, metrics, stop, running }
    }

    /// The next urgent input that `pick` wants; others are dropped.
    pub(super) async fn until<T>(&mut self, what: &str, pick: impl Fn(Input) -> Option<T>) -> T {
        soon(what, async {
            loop {
                if let Some(found) = pick(self.urgent.recv().await.expect("the task lives")) {
                    return found;
                }
            }
        })
        .await
    }

    /// The next sample of `tag` with this value, on the bulk lane.
    pub(super) async fn bulk_sample(&mut self, tag: TagIndex, value: &Value) -> Sample {
        soon("a sample", async {
            loop {
                let Some(Input::Samples(samples)) = self.bulk.recv().await else { continue };
                if let Some(found) = samples.into_iter().find(|s| s.tag == tag && s.value == *value)
                {
                    return found;
                }
            }
        })
        .await
    }

    /// The last fault once it holds `text`.
    pub(super) async fn fault(&mut self, text: &str) -> String {
        let wait = self.status.wait_for(|status| {
            status.last_fault.as_ref().is_some_and(|fault| fault.contains(text))
        });
        let Ok(status) = tokio::time::timeout(PATIENCE, wait).await else {
            panic!("no fault with `{text}`")
        };
        status.unwrap().last_fault.clone().unwrap()
    }

    pub(super) async fn end(mut self) {
        self.stop.cancel();
        soon("the end of the task", self.running.join_next()).await.unwrap().unwrap();
    }
}

pub(super) fn live(input: Input) -> Option<Boot> {
    let Input::Link { link: Link::Live { boot, .. }, .. } = input else { return None };
    Some(boot)
}

#[expect(clippy::needless_pass_by_value, reason = "all three pick from inputs alike")]
pub(super) fn down(input: Input) -> Option<(Option<Utc>, GapCause)> {
    let Input::Link { link: Link::Down { since, cause, .. }, .. } = input else { return None };
    Some((since, cause))
}

pub(super) fn samples(input: Input) -> Option<Vec<Sample>> {
    let Input::Samples(samples) = input else { return None };
    Some(samples)
}
