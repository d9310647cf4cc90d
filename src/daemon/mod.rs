//! The daemon: the only clock; every queue, task and wire; shutdown.
//!
//! Read [`run`] from top to bottom: what is opened in which order, and who is wired to whom. Nothing is
//! decided here.
mod clock;
mod devices;
mod error;
mod facts;
mod follow;
mod person;
mod pump;
mod queues;
mod release;
pub mod replay;
mod tasks;

pub use clock::clock;
pub use error::DaemonError;
pub use tasks::Tasks;

use crate::address_space;
use crate::field::{self, link::Status};
use crate::http::{self, AppState, CommandPort, DeviceView, Readiness};
use crate::ledger::{self, Files, Ledger};
use crate::model::plant::{Plant, Protocol, Security};
use crate::model::{Origin, PersonKey};
use crate::query::{Query, QueryOptions};
use crate::store::CACHE_BYTES;
use crate::tape::TapeWriter;
use crate::telemetry::{Metrics, Now, Points};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Certificates towards the PLCs, in the folder of certificates.
pub const FIELD_PKI: &str = "field";
/// Certificates towards OPC UA clients, in the folder of certificates.
pub const ADDRESS_SPACE_PKI: &str = "address-space";

/// What a daemon is started with.
#[derive(Clone)]
pub struct Settings {
    /// The plant to watch.
    pub plant: Arc<Plant>,
    /// Where everything that is kept is kept.
    pub data_dir: PathBuf,
    /// Certificates.
    pub pki_dir: PathBuf,
    /// Where pages, API and metrics are.
    pub http: SocketAddr,
    /// Where the republished OPC UA address space is, if anywhere.
    pub opcua: Option<SocketAddr>,
    /// A rehearsed crash, such as `after-sync:3`.
    pub crash: Option<String>,
    /// The clock.
    pub now: Now,
}

/// Where a running daemon can be reached.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// Pages, API, metrics.
    pub http: SocketAddr,
    /// The OPC UA address space.
    pub opcua: Option<SocketAddr>,
}

/// The key that turns badges into tokens, made at the first start.
pub fn person_key(data_dir: &Path) -> Result<PersonKey, DaemonError> {
    let path = data_dir.join("person.key");
    person::key(&path).map_err(|source| DaemonError::Io { path, source })
}

/// Runs until `stop` is cancelled; says on `up` where it can be reached.
pub async fn run(
    settings: Settings,
    stop: CancellationToken,
    up: oneshot::Sender<Addresses>,
) -> Result<(), DaemonError> {
    let Settings { plant, data_dir, pki_dir, http, opcua, crash, now } = settings;
    let metrics = Arc::new(Metrics::new());
    metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let points = match &crash {
        Some(crash) => Points::new(Arc::clone(&metrics)).rehearse(crash)?,
        None => Points::new(Arc::clone(&metrics)),
    };
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| DaemonError::Io { path, source }
    };
    std::fs::create_dir_all(&data_dir).map_err(io(&data_dir))?;
    let listener = TcpListener::bind(http)
        .await
        .map_err(|source| DaemonError::Listen { address: http, source })?;

    // The record.
    let origin = Origin { site: plant.site.clone(), incarnation: 0 };
    let opened = Ledger::open(
        ledger::Options {
            dir: data_dir.clone(),
            origin,
            segment_bytes_max: ledger::SEGMENT_BYTES_MAX,
            metrics: Arc::clone(&metrics),
            now: Arc::clone(&now),
        },
        Files::default(),
    )?;
    if opened.cut_bytes > 0 {
        tracing::warn!(
            bytes = opened.cut_bytes,
            "a torn tail was cut off the ledger; none of it was ever acknowledged"
        );
    }
    let ledger = Arc::new(opened.ledger);
    let persons = person_key(&data_dir)?;
    let tape = TapeWriter::open(&data_dir, opened.origin.clone(), Arc::clone(&now));
    if let Some(why) = tape.last_error() {
        tracing::warn!(why, "the tape has a fault; capture goes on without it");
    }
    let state = pump::State::fold(&ledger, &persons, tape.next_number())?;
    let query = Query::open(QueryOptions {
        dir: data_dir.join("store"),
        origin: opened.origin.clone(),
        durable: opened.recovered,
        cache_bytes: CACHE_BYTES,
        now: Arc::clone(&now),
        metrics: Arc::clone(&metrics),
    })?;

    // The wires.
    let tasks = Tasks::new(stop.clone());
    let lanes = queues::Lanes::new();
    let (ask_command, commands) = mpsc::channel(queues::COMMANDS_LEN_MAX);
    let answers_len_max = queues::requests_len_max(&plant);
    let (hold, held) = mpsc::channel(answers_len_max);
    let (ask, questions) = mpsc::channel(answers_len_max);
    let (tap, _) = broadcast::channel(queues::TAP_LEN_MAX);
    let (readiness, ready) = watch::channel(Readiness::starting());
    let devices = devices::Devices::start(devices::Surroundings {
        plant: Arc::clone(&plant),
        lanes: field::Lanes { urgent: lanes.urgent.0.clone(), bulk: lanes.bulk.0.clone() },
        now: Arc::clone(&now),
        metrics: Arc::clone(&metrics),
        points: points.clone(),
        pki: pki_dir.join(FIELD_PKI),
        stop: stop.clone(),
    });

    // The faces.
    let app = AppState {
        source: Arc::new(query.clone()),
        commands: CommandPort::new(ask_command),
        tap: tap.clone(),
        readiness: ready,
        devices: views(&plant, devices.statuses()),
    };
    let http =
        listener.local_addr().map_err(|source| DaemonError::Listen { address: http, source })?;
    let options = http::Options { listener, metrics: Arc::clone(&metrics), now: Arc::clone(&now) };
    let serve = http::run(options, app, stop.clone());
    tasks.spawn("http", async move {
        if let Err(why) = serve.await {
            tracing::error!(%why, "the HTTP listener failed");
        }
    });
    let opcua = match opcua {
        Some(listen) => {
            let options = address_space::Options {
                listen,
                host: listen.ip().to_string(),
                pki: pki_dir.join(ADDRESS_SPACE_PKI),
                name: "Pedigree".to_owned(),
                application_uri: format!("urn:pedigree:{}", plant.site),
                now: Arc::clone(&now),
                metrics: Arc::clone(&metrics),
            };
            Some(serve_opcua(&tasks, options, &query).await?)
        }
        None => None,
    };

    // Those who follow the ledger, and the engine.
    let follower = follow::Follower {
        query: query.clone(),
        reader: ledger.reader(),
        cursor: None,
        durable: ledger.durable(),
        tap: tap.clone(),
        readiness,
        metrics: Arc::clone(&metrics),
        told: opened.recovered,
        stop: stop.clone(),
    };
    tasks.spawn("follower", follower.run());
    let back = lanes.urgent.0.downgrade();
    tasks.spawn("facts", facts::answer(questions, query, back));
    let release = release::release(
        held,
        ledger.durable(),
        points.clone(),
        Arc::clone(&metrics),
        Arc::clone(&now),
    );
    tasks.spawn("release", release);
    let intake = pump::Intake {
        urgent: lanes.urgent.1,
        bulk: lanes.bulk.1,
        commands,
        durable: ledger.durable(),
    };
    let pump = pump::Pump {
        plant,
        persons,
        ledger,
        tape,
        devices,
        held: hold,
        questions: ask,
        tap,
        points,
        now,
        stop: stop.clone(),
        state,
    };
    tasks.spawn("engine", pump.run(intake));
    drop((lanes.urgent.0, lanes.bulk.0));
    if up.send(Addresses { http, opcua }).is_err() {
        tracing::debug!("nobody asked where the daemon can be reached");
    }
    stop.cancelled().await;
    tasks.shut_down().await;
    Ok(())
}

async fn serve_opcua(
    tasks: &Tasks,
    options: address_space::Options,
    query: &Query,
) -> Result<SocketAddr, DaemonError> {
    let listen = options.listen;
    let (bound, address) = oneshot::channel();
    let serve = address_space::run(options, query.clone(), tasks.stop(), bound);
    tasks.spawn("address space", async move {
        if let Err(why) = serve.await {
            tracing::error!(%why, "the OPC UA server failed");
        }
    });
    address.await.map_err(|_| DaemonError::AddressSpace(listen))
}

/// How the devices stand, asked anew each time.
fn views(plant: &Arc<Plant>, statuses: Vec<watch::Receiver<Status>>) -> http::Devices {
    let plant = Arc::clone(plant);
    Arc::new(move || {
        let view = |(device, status): (&crate::model::plant::Device, &watch::Receiver<Status>)| {
            let status = status.borrow().clone();
            DeviceView {
                id: device.id.clone(),
                protocol: device.protocol.name(),
                url: device.protocol.url().to_owned(),
                stage: status.stage.as_str(),
                since: status.since,
                last_fault: status.last_fault,
                insecure: match &device.protocol {
                    Protocol::OpcUa(link) => link.security == Security::None,
                    Protocol::Modbus(_) => true,
                },
            }
        };
        plant.devices.iter().zip(&statuses).map(view).collect()
    })
}
