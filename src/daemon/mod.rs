//! The daemon: the only clock; every queue, task and wire; shutdown.
//!
//! Read [`run`] from top to bottom: what is opened in which order, and who is wired to whom. Nothing is
//! decided here.
mod adopt;
mod clock;
mod devices;
mod drill;
mod error;
mod faces;
mod facts;
mod follow;
mod image;
mod index;
mod intake;
mod kept;
mod notary;
mod person;
mod pump;
mod queues;
mod raw;
mod read_side;
mod release;
mod reload;
mod remember;
pub mod replay;
mod scrub;
mod seal;
#[cfg(test)]
mod specimen;
mod switch;
mod tasks;

pub use clock::clock;
pub use error::DaemonError;
pub use notary::PUBLIC;
pub use read_side::read_side;
pub use tasks::Tasks;

use crate::config::daemon::Ledger as Keeping;
use crate::http::{
    AdoptAsked, AdoptPort, AppState, CommandPort, Readiness, ReloadAsked, ReloadPort, TapEvent,
};
use crate::model::plant::Plant;
use crate::model::{Input, PersonKey, Text};
use crate::telemetry::{Metrics, Now, Points};
use reload::Switch;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// Certificates towards the PLCs, in the folder of certificates.
pub const FIELD_PKI: &str = "field";
/// Certificates towards OPC UA clients, in the folder of certificates.
pub const ADDRESS_SPACE_PKI: &str = "address-space";

/// The key that turns badges into tokens, in the data directory.
pub const PERSONS: &str = "person.key";

/// What a daemon is started with.
#[derive(Clone)]
pub struct Settings {
    /// The plant to watch.
    pub plant: Arc<Plant>,
    /// The folder that its files are read from anew when somebody wants that.
    pub plant_dir: PathBuf,
    /// Whether a SIGHUP wants that.
    pub reload_on_hangup: bool,
    /// Where everything that is kept is kept.
    pub data_dir: PathBuf,
    /// How the ledger is kept.
    pub ledger: Keeping,
    /// Certificates.
    pub pki_dir: PathBuf,
    /// Where pages, API and metrics are.
    pub http: SocketAddr,
    /// Where the republished OPC UA address space is, if anywhere.
    pub opcua: Option<SocketAddr>,
    /// Whom to tell at which customer.
    pub contacts: BTreeMap<Text, Text>,
    /// How often a recall is asked as a drill, if at all.
    pub drill_every: Option<Duration>,
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

/// The key that turns badges into tokens; `None` if it was erased, or never made.
pub fn person_key(data_dir: &Path) -> Result<Option<PersonKey>, DaemonError> {
    let path = data_dir.join(PERSONS);
    let secret = person::read(&path);
    secret.map(|key| key.map(PersonKey::new)).map_err(|source| DaemonError::Io { path, source })
}

/// What every part of the daemon is given.
struct Common {
    plant: Arc<Plant>,
    now: Now,
    metrics: Arc<Metrics>,
    points: Points,
    tasks: Tasks,
}

/// Runs until `stop` is cancelled; says on `up` where it can be reached.
pub async fn run(
    settings: Settings,
    stop: CancellationToken,
    up: oneshot::Sender<Addresses>,
) -> Result<(), DaemonError> {
    let metrics = Arc::new(Metrics::new());
    metrics.build_info.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let points = Points::new(Arc::clone(&metrics));
    let common = Common {
        plant: Arc::clone(&settings.plant),
        now: Arc::clone(&settings.now),
        points: match &settings.crash {
            Some(crash) => points.rehearse(crash)?,
            None => points,
        },
        metrics,
        tasks: Tasks::new(stop.clone()),
    };
    let listener = faces::listen(settings.http).await?;
    let kept = kept::open(&common, &settings)?;

    let (ask_reload, reloads) = mpsc::channel(queues::RELOADS_LEN_MAX);
    let (ask_switch, switches) = mpsc::channel(1);
    let (ask_adopt, adoptions) = mpsc::channel(1);
    let (ask_command, commands) = mpsc::channel(queues::COMMANDS_LEN_MAX);
    let (tap, _) = broadcast::channel(queues::TAP_LEN_MAX);
    let (raw, _) = broadcast::channel(queues::TAP_LEN_MAX);
    let (readiness, ready) = watch::channel(Readiness::starting());
    let surroundings = devices::Surroundings {
        now: Arc::clone(&common.now),
        metrics: Arc::clone(&common.metrics),
        points: common.points.clone(),
        onlooker: raw::onlooker(raw.clone(), Arc::clone(&common.now)),
        pki: settings.pki_dir.join(FIELD_PKI),
        stop: stop.clone(),
    };
    let (devices, ends) = devices::Devices::start(surroundings, Arc::clone(&common.plant));
    let (notary, keeper) = (Arc::clone(&kept.notary), Arc::clone(&kept.keeper));
    let (memories, durable) = (Arc::clone(&kept.read_side.memories), kept.ledger.durable());
    let app = AppState {
        source: Arc::new(kept.read_side.query.clone()),
        commands: CommandPort::new(ask_command.clone()),
        reloads: ReloadPort::new(ask_reload),
        adoptions: AdoptPort::new(ask_adopt),
        notary: Arc::clone(&notary) as Arc<dyn crate::http::Notary>,
        tap: tap.clone(),
        raw,
        readiness: ready,
        devices: faces::views(devices.standings()),
        contacts: Arc::new(settings.contacts.clone()),
    };
    let http = faces::serve_http(&common, listener, app)?;
    let opcua = faces::serve_opcua(&common, &settings, &kept.read_side.query).await?;

    watch_over(&common, &settings, &kept);
    follow(&common, &kept, tap.clone(), readiness);
    reload(&common, &settings, reloads, ask_switch)?;
    adopt(&common, &settings, &kept, adoptions, CommandPort::new(ask_command));
    let (back, facts) = mpsc::channel(queues::answers_len_max(&common.plant));
    let (urgent, bulk) = (intake::Inlets::default(), intake::Inlets::default());
    let mut intake = intake::Intake { urgent, bulk, facts, commands, switches, durable };
    intake.begin(ends);
    decide(&common, kept, intake, back, devices, tap);
    let told = up.send(Addresses { http, opcua });
    told.unwrap_or_else(|_| tracing::debug!("nobody asked where the daemon can be reached"));
    stop.cancelled().await;
    common.tasks.shut_down().await;
    tokio::join!(notary::finish(&notary), image::finish(&keeper), remember::finish(&memories));
    Ok(())
}

/// Those that look after what is kept: full files are sealed, checkpoints signed, segments read again, images
/// kept, and it is tried whether a recall can be answered.
fn watch_over(common: &Common, settings: &Settings, kept: &kept::Kept) {
    seal::start(common, &settings.data_dir, kept.tape.writing());
    notary::start(common, Arc::clone(&kept.notary), &settings.ledger);
    image::start(common, Arc::clone(&kept.keeper), kept.ledger.durable());
    scrub::start(common, kept.ledger.reader(), settings.ledger.scrub_bytes_per_second);
    if let Some(every) = settings.drill_every {
        drill::start(common, kept.read_side.query.clone(), settings.contacts.clone(), every);
    }
}

/// Those that follow the ledger for everybody who asks.
fn follow(
    common: &Common,
    kept: &kept::Kept,
    tap: broadcast::Sender<TapEvent>,
    readiness: watch::Sender<Readiness>,
) {
    let stop = common.tasks.stop();
    let (follower, indexer) = kept.read_side.followers(&kept.ledger, tap, readiness, stop);
    common.tasks.spawn("index", indexer.run());
    common.tasks.spawn("follower", follower.run());
}

/// The one that reads the plant files anew.
fn reload(
    common: &Common,
    settings: &Settings,
    asked: mpsc::Receiver<ReloadAsked>,
    switches: mpsc::Sender<Switch>,
) -> Result<(), DaemonError> {
    let listen = || {
        let path = "the signal SIGHUP".into();
        signal(SignalKind::hangup()).map_err(|source| DaemonError::Io { path, source })
    };
    let hangup = settings.reload_on_hangup.then(listen).transpose()?;
    let reloader = reload::Reloader {
        dir: settings.plant_dir.clone(),
        site: common.plant.site.clone(),
        plant: Arc::clone(&common.plant),
        asked,
        hangup,
        switches,
        stop: common.tasks.stop(),
    };
    common.tasks.spawn("reload", reloader.run());
    Ok(())
}

/// The one that plays the tape and has recorded what differs.
fn adopt(
    common: &Common,
    settings: &Settings,
    kept: &kept::Kept,
    asked: mpsc::Receiver<AdoptAsked>,
    commands: CommandPort,
) {
    let adopter = adopt::Adopter {
        dir: settings.data_dir.clone(),
        site: common.plant.site.clone(),
        persons: kept.persons.clone(),
        asked,
        commands,
        stop: common.tasks.stop(),
    };
    common.tasks.spawn("adopt", adopter.run());
}

/// The engine, and those who carry out what it wants.
fn decide(
    common: &Common,
    kept: kept::Kept,
    intake: intake::Intake,
    back: mpsc::Sender<Input>,
    devices: devices::Devices,
    tap: broadcast::Sender<TapEvent>,
) {
    let answers_len_max = queues::answers_len_max(&common.plant);
    let (hold, waiting) = mpsc::channel(answers_len_max);
    let (ask, questions) = mpsc::channel(answers_len_max);
    let (durable, stop) = (kept.ledger.durable(), common.tasks.stop());
    common.tasks.spawn(
        "facts",
        facts::answer(questions, kept.read_side.query.clone(), durable, back, stop),
    );
    let (points, metrics) = (common.points.clone(), Arc::clone(&common.metrics));
    let release =
        release::release(waiting, kept.ledger.durable(), points, metrics, Arc::clone(&common.now));
    common.tasks.spawn("release", release);
    let pump = pump::Pump {
        plant: Arc::clone(&common.plant),
        persons: kept.persons,
        ledger: kept.ledger,
        tape: kept.tape,
        images: kept.images,
        devices,
        held: hold,
        questions: ask,
        tap,
        points: common.points.clone(),
        query: kept.read_side.query,
        now: Arc::clone(&common.now),
        stop: common.tasks.stop(),
        state: kept.state,
    };
    // It waits for the disk when it writes to the tape: on a thread of its own, so that whoever stands behind it on a
    // worker of the runtime, a device for example, does not wait with it.
    let handle = tokio::runtime::Handle::current();
    let run = follow::blocking(move || handle.block_on(pump.run(intake)));
    common.tasks.spawn("engine", run);
}
