//! The daemon's own file, `pedigree.toml`: where things lie and on what it listens.
//!
//! Layered by the `config` crate: defaults, then the file, then `PEDIGREE__…` in the environment
//! (`PEDIGREE__HTTP__LISTEN`). The file is walked along its schema first, so that its faults have
//! lines; paths in it are relative to its folder.
use super::fault::{Faults, Place, Sink};
use super::resolve::span;
use super::retention::{self, Retention, RetentionTable};
use super::schema::{self, Part};
use super::similar;
use super::walk::Walk;
use crate::model::{SiteId, Text};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::de::DeTable;

const PREFIX: &str = "PEDIGREE__";
/// Where checkpoints are appended, in the data directory.
const CHECKPOINTS: &str = "checkpoints";
/// What is lost to a rewind that nobody else saw is at most this long.
const CHECKPOINT_EVERY: Duration = Duration::from_mins(1);
/// Often enough that a ledger of a gigabyte is read in ten minutes, too little for any disk to notice.
const SCRUB_BYTES_PER_SECOND: u64 = 2_000_000;
/// How often checkpoints may be signed: a file of them grows by some 250 bytes each.
const CHECKPOINT_EVERY_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(24);
/// How often drills may be asked: more seldom than yearly is none.
const DRILL_EVERY_RANGE: RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_hours(366 * 24);

/// What the daemon is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaemonConfig {
    /// The site in which serials are unique.
    pub site: SiteId,
    /// Where the record is kept.
    pub data_dir: PathBuf,
    /// Where the plant files lie.
    pub plant_dir: PathBuf,
    /// Our certificate and key, and the certificates that we trust.
    pub pki_dir: PathBuf,
    /// How the ledger is kept.
    pub ledger: Ledger,
    /// How long what is kept.
    pub retention: Retention,
    /// API and pages.
    pub http: Http,
    /// The OPC UA server.
    pub opcua: OpcUa,
    /// Whom to tell at which customer.
    pub contacts: BTreeMap<Text, Text>,
    /// How often a recall is asked as a drill, if at all.
    pub drill_every: Option<Duration>,
    /// What is logged, as a filter of `tracing`.
    pub log: String,
}

/// How the ledger is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The file that checkpoints are appended to.
    pub checkpoints: PathBuf,
    /// How often one is signed if anything was appended.
    pub checkpoint_every: Duration,
    /// How fast sealed segments are read again; 0 is never.
    pub scrub_bytes_per_second: u64,
}

impl Ledger {
    /// As it is kept in a data directory unless said otherwise.
    pub fn beside(data_dir: &Path) -> Self {
        Self {
            checkpoints: data_dir.join(CHECKPOINTS),
            checkpoint_every: CHECKPOINT_EVERY,
            scrub_bytes_per_second: SCRUB_BYTES_PER_SECOND,
        }
    }
}

/// API and pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// A loopback address: there is no login yet.
    pub listen: SocketAddr,
}

/// The OPC UA server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpcUa {
    /// Whether it runs.
    pub enabled: bool,
    /// Any address: clients need a certificate that we trust.
    pub listen: SocketAddr,
}

/// The daemon's own settings.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DaemonFile")]
pub(super) struct File {
    /// Name of the site in which serials are unique.
    #[schemars(extend("default" = "site"))]
    site: Option<String>,
    /// Folder of the record: ledger, tape, store.
    #[schemars(extend("default" = "data"))]
    data_dir: Option<String>,
    /// Folder of the plant files; all `*.toml` in it are read.
    #[schemars(extend("default" = "plant.d"))]
    plant_dir: Option<String>,
    /// Folder of our certificate and key and of the certificates that we trust; `pki` in
    /// `data_dir` unless said.
    pki_dir: Option<String>,
    /// What is logged: `warn`, `info`, `debug`, or a filter such as `info,pedigree::field=debug`.
    #[schemars(extend("default" = "info"))]
    log: Option<String>,
    /// How the ledger is kept.
    ledger: Option<LedgerTable>,
    /// How long what is kept.
    retention: Option<RetentionTable>,
    /// API and pages.
    http: Option<HttpTable>,
    /// The OPC UA server.
    opcua: Option<OpcUaTable>,
    /// Whom to tell at which customer, as stop-ship sheets have it: the name of a customer as shipments tell it, and
    /// a person, a number, an address.
    contacts: Option<BTreeMap<String, String>>,
    /// Recalls that are asked as drills.
    drill: Option<DrillTable>,
}

/// How the ledger is kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Ledger")]
struct LedgerTable {
    /// File that signed checkpoints are appended to, `checkpoints` in `data_dir` unless said. On a mount
    /// of another machine they witness what this one had.
    checkpoints: Option<String>,
    /// How often a checkpoint is signed if anything was recorded, 1s to 24h; always at shutdown.
    #[schemars(extend("default" = "1m"))]
    checkpoint_every: Option<String>,
    /// How fast finished parts of the ledger are read again to find damage; 0 is never.
    #[schemars(extend("default" = 2_000_000))]
    scrub_bytes_per_second: Option<u64>,
}

/// Recalls that are asked as drills, so that it is known that they can be answered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Drill")]
struct DrillTable {
    /// How often one is asked of a lot and of a finished item that are drawn, 1s to 366d: at the multiples of it since
    /// 1970, with `1d` at midnight UTC. None unless said.
    #[schemars(extend("examples" = ["1d"]))]
    every: Option<String>,
}

/// API and pages.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Http")]
struct HttpTable {
    /// Address and port. Loopback only: there is no login yet.
    #[schemars(extend("default" = "127.0.0.1:8080"))]
    listen: Option<String>,
}

/// The OPC UA server.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "OpcUa")]
struct OpcUaTable {
    /// Whether it runs.
    #[schemars(extend("default" = true))]
    enabled: Option<bool>,
    /// Address and port.
    #[schemars(extend("default" = "127.0.0.1:4855"))]
    listen: Option<String>,
}

/// Reads the daemon's settings. `path` is the file, if there is one; `env` the environment.
///
/// # Errors
/// Everything that is wrong, in the file and in the environment.
pub fn load(
    path: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
) -> Result<DaemonConfig, Faults> {
    let mut sink = Sink::default();
    let config = gather(path, env, &mut sink);
    sink.finish_with(config)
}

fn gather(
    path: Option<&Path>,
    env: impl IntoIterator<Item = (String, String)>,
    sink: &mut Sink,
) -> Option<DaemonConfig> {
    let variables = Variables::new(env, sink);
    variables.check_names(sink);
    let file = path.and_then(|path| read(path, sink));
    if sink.has_errors() {
        return None;
    }
    let folder = path.and_then(Path::parent).unwrap_or(Path::new(""));
    match layered(file.as_ref().map(|(_, text)| text.as_str()), &variables) {
        Ok(raw) => {
            let origin = Origins { variables: &variables, file: file.as_ref() };
            Some(settle(&raw, folder, &origin, sink))
        }
        Err(error) => {
            // The file agreed with its schema: what is left is the environment's.
            let place = Place { file: variables.file, span: 0..0 };
            sink.error(&place, error.to_string()).label("in one of these");
            None
        }
    }
}

/// Reads the file and reports what its schema refuses.
fn read(path: &Path, sink: &mut Sink) -> Option<(usize, String)> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            let file = sink.source(&name, "");
            sink.error(&Place { file, span: 0..0 }, format!("{name} cannot be read: {error}"))
                .help("name another file with `--config`, or go without one");
            return None;
        }
    };
    let file = sink.source(&name, &text);
    let (mut tree, errors) = DeTable::parse_recoverable(&text);
    super::walk::syntax(file, &text, &errors, sink);
    if errors.is_empty() {
        let schema = schema::daemon();
        let mut walk = Walk { file, sink, taken: BTreeSet::new() };
        walk.table(tree.get_mut(), &(0..0), Part::root(&schema), "");
    }
    Some((file, text))
}

fn layered(text: Option<&str>, variables: &Variables) -> Result<File, ::config::ConfigError> {
    let mut builder = ::config::Config::builder();
    if let Some(text) = text {
        builder = builder.add_source(::config::File::from_str(text, ::config::FileFormat::Toml));
    }
    let environment = ::config::Environment::with_prefix("PEDIGREE")
        .separator("__")
        .try_parsing(true)
        .source(Some(
            variables.list.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect(),
        ));
    builder.add_source(environment).build()?.try_deserialize()
}

fn settle(raw: &File, folder: &Path, origin: &Origins<'_>, sink: &mut Sink) -> DaemonConfig {
    let File {
        site,
        data_dir,
        plant_dir,
        pki_dir,
        log,
        ledger,
        retention,
        http,
        opcua,
        drill,
        contacts,
    } = raw;
    let site = site.as_deref().unwrap_or("site");
    let site = SiteId::parse(site).unwrap_or_else(|error| {
        sink.error(&origin.of("site"), format!("`site` is refused: {error}")).label("not a name");
        SiteId::parse("site").expect("it is a name")
    });
    let in_folder =
        |dir: &Option<String>, default: &str| folder.join(dir.as_deref().unwrap_or(default));
    let data_dir = in_folder(data_dir, "data");
    let pki_dir = match pki_dir {
        Some(dir) => folder.join(dir),
        None => data_dir.join("pki"),
    };
    let http = http.as_ref().and_then(|http| http.listen.as_deref());
    let http = address("http.listen", http, SocketAddr::from(([127, 0, 0, 1], 8080)), origin, sink);
    if !http.ip().is_loopback() {
        let message = format!("`http.listen` is {http}, which others on the network can reach");
        sink.error(&origin.of("http.listen"), message)
            .label("there is no login yet, so only loopback addresses are served")
            .help("write `127.0.0.1:8080` and put a proxy with a login before it");
    }
    let listen = opcua.as_ref().and_then(|opcua| opcua.listen.as_deref());
    let default = SocketAddr::from(([127, 0, 0, 1], 4855));
    let listen = address("opcua.listen", listen, default, origin, sink);
    let ledger = keeping(ledger.as_ref(), folder, &data_dir, origin, sink);
    let retention = retention::settle(retention.as_ref(), origin, sink);
    let drill_every = drill.as_ref().and_then(|drill| drill.every.as_deref()).and_then(|text| {
        let wanted = (&DRILL_EVERY_RANGE, "a duration from 1s to 366d", "write `1d`");
        period(("drill.every", text), wanted, origin, sink)
    });
    let contacts = contacts.iter().flatten();
    let contacts = contacts
        .filter_map(|(name, of)| contact((name.as_str(), of.as_str()), origin, sink))
        .collect();
    DaemonConfig {
        site,
        contacts,
        drill_every,
        ledger,
        retention,
        plant_dir: in_folder(plant_dir, "plant.d"),
        data_dir,
        pki_dir,
        http: Http { listen: http },
        opcua: OpcUa {
            enabled: opcua.as_ref().and_then(|opcua| opcua.enabled).unwrap_or(true),
            listen,
        },
        log: log.clone().unwrap_or_else(|| "info".to_owned()),
    }
}

fn contact(
    (name, of): (&str, &str),
    origin: &Origins<'_>,
    sink: &mut Sink,
) -> Option<(Text, Text)> {
    let both = Text::parse(name).and_then(|name| Ok((name, Text::parse(of)?)));
    let refused = |why| {
        let key = format!("contacts.{name}");
        sink.error(&origin.of(&key), format!("`{key}` is refused: {why}"))
            .help("write one line, such as `\"Ms Miller, +49 30 1234\"`");
    };
    both.map_err(refused).ok()
}

fn keeping(
    raw: Option<&LedgerTable>,
    folder: &Path,
    data_dir: &Path,
    origin: &Origins<'_>,
    sink: &mut Sink,
) -> Ledger {
    let default = Ledger::beside(data_dir);
    let Some(LedgerTable { checkpoints, checkpoint_every, scrub_bytes_per_second }) = raw else {
        return default;
    };
    let every = checkpoint_every.as_deref().and_then(|text| {
        let wanted = (&CHECKPOINT_EVERY_RANGE, "a duration from 1s to 24h", "write `1m`");
        period(("ledger.checkpoint_every", text), wanted, origin, sink)
    });
    Ledger {
        checkpoints: checkpoints.as_ref().map_or(default.checkpoints, |path| folder.join(path)),
        checkpoint_every: every.unwrap_or(default.checkpoint_every),
        scrub_bytes_per_second: scrub_bytes_per_second.unwrap_or(default.scrub_bytes_per_second),
    }
}

/// How often something is done, within bounds; a fault and nothing if it is told otherwise.
fn period(
    (key, text): (&str, &str),
    (range, wanted, help): (&RangeInclusive<Duration>, &str, &str),
    origin: &Origins<'_>,
    sink: &mut Sink,
) -> Option<Duration> {
    let every = span::parse(text).filter(|every| range.contains(every));
    if every.is_none() {
        sink.error(&origin.of(key), format!("`{key}` cannot be `{text}`"))
            .label(format!("wanted {wanted}"))
            .help(help);
    }
    every
}

fn address(
    key: &str,
    text: Option<&str>,
    default: SocketAddr,
    origin: &Origins<'_>,
    sink: &mut Sink,
) -> SocketAddr {
    let Some(text) = text else { return default };
    text.parse().unwrap_or_else(|_| {
        sink.error(&origin.of(key), format!("`{key}` cannot be `{text}`"))
            .label("wanted an IP address and a port")
            .help(format!("write it like `{default}` or `[::1]:{}`", default.port()));
        default
    })
}

/// The variables of the environment that are ours, written out so that a fault can point at one.
struct Variables {
    file: usize,
    /// Name, value and the bytes of the value in the text.
    list: Vec<(String, String, Range<usize>)>,
}

impl Variables {
    fn new(env: impl IntoIterator<Item = (String, String)>, sink: &mut Sink) -> Self {
        let ours = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let mut ours: Vec<_> = ours.collect();
        ours.sort();
        let mut text = String::new();
        let mut list = Vec::new();
        for (name, value) in ours {
            text.push_str(&name);
            text.push('=');
            let from = text.len();
            text.push_str(&value);
            list.push((name, value, from..text.len()));
            text.push('\n');
        }
        Self { file: sink.source("environment", &text), list }
    }

    fn check_names(&self, sink: &mut Sink) {
        let schema = schema::daemon();
        let mut known = Vec::new();
        collect(Part::root(&schema), PREFIX, &mut known);
        for (name, _, span) in &self.list {
            if known.contains(&name.to_uppercase()) {
                continue;
            }
            let from = span.start - name.len() - 1;
            let place = Place { file: self.file, span: from..from + name.len() };
            let hint = similar::hint(name, "variables", known.iter().map(String::as_str));
            sink.error(&place, format!("`{name}` sets nothing")).label("unknown").help(hint);
        }
    }
}

fn collect(part: Part<'_>, prefix: &str, names: &mut Vec<String>) {
    for (key, under, _) in part.keys() {
        let name = format!("{prefix}{}", key.to_uppercase());
        if under.types().contains(&"object") {
            collect(under, &format!("{name}__"), names);
        } else {
            names.push(name);
        }
    }
}

/// Where a setting came from.
pub(super) struct Origins<'a> {
    variables: &'a Variables,
    file: Option<&'a (usize, String)>,
}

impl Origins<'_> {
    pub(super) fn of(&self, key: &str) -> Place {
        let variable = format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"));
        let set = self.variables.list.iter().find(|(name, ..)| name.to_uppercase() == variable);
        if let Some((.., span)) = set {
            return Place { file: self.variables.file, span: span.clone() };
        }
        let Some((file, text)) = self.file else {
            return Place { file: self.variables.file, span: 0..0 };
        };
        let (tree, _) = DeTable::parse_recoverable(text);
        let mut keys = key.split('.');
        let value = keys.next().and_then(|key| tree.get_ref().get(key));
        let value = keys.try_fold(value, |value, key| value.map(|value| value.get_ref().get(key)));
        let span = value.flatten().map(toml::Spanned::span).unwrap_or_default();
        Place { file: *file, span }
    }
}
