//! `drill`: the PLC's side of handshakes, played against the running daemon from the same plant file.
mod derive;
mod exchange;
mod watch;

use super::exit::{Done, Exit, Failure};
use super::{Context, output, runtime, settings};
use crate::bench;
use crate::config;
use crate::daemon;
use crate::demo::{Controller, DemoError, Setup};
use crate::model::plant::{
    DeviceIndex, Handshake, Pattern, Plant, Protocol, Secret, Station, TagIndex, Trust, UserLogin,
};
use crate::telemetry::Now;
use derive::{Derived, Given};
use exchange::{Exchange, Player};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use watch::Watch;

/// Play the PLC's side of handshakes against the running daemon.
///
/// A stand-in for the device is started at its URL with all words of the plant file: its heartbeat moves,
/// its restart word is a new one. Once the daemon observes it, the data words of the handshake are set, the
/// request is made, and what is answered is waited for. Where a PLC waits for nobody, a pulse stands for as
/// long as the deadline, an entry is put into the next slot of the ring, and the record is waited for. A real
/// controller must not be reached thereby: the device's URL has to be on the loopback, or `--listen` says
/// where the daemon will look for it. What the daemon records is a record like any other: drill a daemon with
/// a data directory of its own.
///
/// The exit code is 0 if everything was accepted in time, 1 if something was refused, set aside or late, 69
/// if there was no answer.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// `STATION.HANDSHAKE`, or a station for all that it has, in the order of the file.
    #[arg(required_unless_present = "all")]
    handshake: Option<String>,
    /// Every handshake of the plant, device after device.
    #[arg(long, conflicts_with_all = ["handshake", "listen"])]
    all: bool,
    /// Set a word of the device with the request, `In.Serial=SN-1`, `flags.3=true`; words that are not
    /// given get values of the handshake's own kind.
    #[arg(long = "set", value_name = "WORD=VALUE")]
    set: Vec<String>,
    /// So many rounds, each with codes of its own.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    count: u64,
    /// Where the stand-in listens, if not at the device's URL.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Plant files, or a folder of them; else the configured folder.
    #[arg(long = "plant", value_name = "PATH")]
    files: Vec<PathBuf>,
}

/// Handshakes with their stations.
type Drilled<'a> = Vec<(&'a Station, &'a Handshake)>;

pub(super) fn run(context: &Context, args: &Args) -> Done {
    runtime::log("error")?;
    let (files, site) = settings::plant_files(context, &args.files)?;
    let checked = config::plant::load(&files, &site)
        .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))?;
    let plant = checked.plant;
    let by_device = wanted(&plant, args.handshake.as_deref())?;
    let texts = bench::texts(&plant);
    let devices: Vec<DeviceIndex> = by_device.keys().copied().collect();
    let given = args
        .set
        .iter()
        .map(|text| derive::given(&plant, &texts, &devices, text))
        .collect::<Result<Vec<Given>, Failure>>()?;
    let drill = Drill { context, args, plant: &plant, texts, given, now: daemon::clock() };
    let mut exchanges = Vec::new();
    for (device, handshakes) in by_device {
        exchanges.extend(drill.device(device, &handshakes)?);
    }
    if context.json {
        output::json(&serde_json::json!({ "exchanges": exchanges }))?;
    } else {
        let well = exchanges.iter().filter(|e| e.exit() == Exit::Ok).count();
        let all = output::counted(exchanges.len(), "requests");
        output::line(format_args!("{all}, {well} accepted in time"))?;
    }
    Ok(worst(&exchanges))
}

fn worst(exchanges: &[Exchange]) -> Exit {
    let exits = exchanges.iter().map(Exchange::exit);
    exits.max_by_key(|exit| *exit as u8).unwrap_or(Exit::Ok)
}

/// What is to be drilled, by device; a station without a controller has none.
fn wanted<'a>(
    plant: &'a Plant,
    named: Option<&str>,
) -> Result<BTreeMap<DeviceIndex, Drilled<'a>>, Failure> {
    let mut found: BTreeMap<DeviceIndex, Drilled<'a>> = BTreeMap::new();
    let mut there = Vec::new();
    for station in &plant.stations {
        let Some(device) = station.device else { continue };
        for handshake in &station.handshakes {
            let name = format!("{}.{}", station.id, handshake.id);
            if named.is_none_or(|named| named == name || named == station.id.as_str()) {
                found.entry(device).or_default().push((station, handshake));
            }
            there.push(name);
        }
    }
    if !found.is_empty() {
        return plays(plant, found);
    }
    let there = if there.is_empty() {
        "the plant files have none; phases are told from the state alone, `pedigree test` plays them"
            .to_owned()
    } else {
        format!("there are {}", there.join(", "))
    };
    let named = named.unwrap_or("any");
    Err(Failure::new(Exit::NotFound, format!("no handshake `{named}`: {there}")))
}

/// What the stand-in can play: it has no objects that tell of results, and without them the daemon does not
/// take it for the machine.
fn plays<'a>(
    plant: &Plant,
    found: BTreeMap<DeviceIndex, Drilled<'a>>,
) -> Result<BTreeMap<DeviceIndex, Drilled<'a>>, Failure> {
    let stations =
        plant.stations.iter().filter(|s| s.device.is_some_and(|d| found.contains_key(&d)));
    let mut all = stations.flat_map(|station| station.handshakes.iter().map(move |h| (station, h)));
    let Some((station, told)) = all.find(|(_, h)| h.pattern == Pattern::Results) else {
        return Ok(found);
    };
    let text = format!(
        "`{}.{}` is told by result events, which the stand-in does not send: drill the other devices by \
         name, and play this one with `pedigree test`",
        station.id, told.id
    );
    Err(Failure::new(Exit::Configuration, text))
}

/// One run of the verb.
struct Drill<'a> {
    context: &'a Context,
    args: &'a Args,
    plant: &'a Arc<Plant>,
    texts: BTreeSet<TagIndex>,
    given: Vec<Given>,
    now: Now,
}

impl Drill<'_> {
    /// All rounds on one device.
    fn device(
        &self,
        device: DeviceIndex,
        handshakes: &Drilled<'_>,
    ) -> Result<Vec<Exchange>, Failure> {
        let named = self.plant.device(device);
        let watch = Watch::begin(self.context)?;
        let runtime = runtime::runtime()?;
        let stop = CancellationToken::new();
        let setup = Setup {
            plant: Arc::clone(self.plant),
            device,
            texts: self.texts.clone(),
            listen: self.listen(device)?,
            keys: settings::settings(self.context)?.pki_dir.join("drill"),
            password: password(&named.protocol)?,
            now: self.now.clone(),
            stop: stop.clone(),
        };
        let (controller, serve) = runtime.block_on(Controller::start(setup)).map_err(|why| {
            let exit = match why {
                DemoError::Bind { .. } => Exit::Temporary,
                DemoError::Certificate { .. } | DemoError::Server { .. } => Exit::Io,
            };
            Failure::new(exit, why.to_string())
        })?;
        let serving = runtime.spawn(serve);
        output::notice(&format!("{} stands in at {}", named.id, controller.url));
        trusted(&named.protocol, &controller)?;
        let triggers = handshakes.iter().map(|(_, h)| &self.plant.tag(h.trigger.tag).name);
        watch.observed(self.context, &named.id, &triggers.cloned().collect(), &self.now)?;
        let mut player = Player::new(self.plant, controller, watch, self.now.clone());
        let mut exchanges = Vec::new();
        let derived = Derived::new(self.plant, &self.texts, (self.now)().wall);
        for round in 1..=self.args.count {
            for (station, handshake) in handshakes {
                let data = derived.data(handshake, round, (self.now)().wall);
                let given = self.given.iter().filter(|g| g.device == device);
                let data = data.into_iter().chain(given.map(|g| (g.word, g.value.clone())));
                let data: BTreeMap<_, _> = data.collect();
                let exchange = runtime.block_on(player.play(station, handshake, data))?;
                if !self.context.json {
                    output::line(&exchange)?;
                }
                exchanges.push(exchange);
            }
        }
        stop.cancel();
        drop(runtime.block_on(serving));
        Ok(exchanges)
    }

    /// Where the stand-in listens.
    fn listen(&self, device: DeviceIndex) -> Result<SocketAddr, Failure> {
        if let Some(listen) = self.args.listen {
            return Ok(listen);
        }
        let named = self.plant.device(device);
        let url = named.protocol.url();
        loopback(url).ok_or_else(|| {
            let text = format!(
                "`{}` is at {url}, where a real controller may be. Give the daemon a plant file in which \
                 its url is on 127.0.0.1 (`pedigree reload`) and drill that file (--plant), or say with \
                 --listen ADDRESS:PORT where the daemon will find the stand-in",
                named.id
            );
            Failure::new(Exit::Configuration, text)
        })
    }
}

/// The address in a URL, if it is one of this machine alone.
fn loopback(url: &str) -> Option<SocketAddr> {
    let (_, rest) = url.split_once("://")?;
    let place = rest.split('/').next()?;
    let (host, port) = place.rsplit_once(':')?;
    let ip = match host {
        "localhost" => IpAddr::V4(Ipv4Addr::LOCALHOST),
        host => host.trim_matches(['[', ']']).parse().ok()?,
    };
    ip.is_loopback().then_some(SocketAddr::new(ip, port.parse().ok()?))
}

/// The password that the daemon will come with.
fn password(protocol: &Protocol) -> Result<Option<String>, Failure> {
    let Protocol::OpcUa(link) = protocol else { return Ok(None) };
    let Some(login) = &link.login else { return Ok(None) };
    let (user, password) = match login {
        UserLogin::Password { user, password } => (user, password),
        UserLogin::Certificate { .. } => {
            let text = "the stand-in knows no users by certificate: for the drill take `login` out";
            return Err(Failure::new(Exit::Configuration, text));
        }
    };
    let unread = |from: String, why: String| {
        let text = format!("the password of `{user}` cannot be read from {from}: {why}");
        Failure::new(Exit::Permission, text)
    };
    match password {
        Secret::File(path) => std::fs::read_to_string(path)
            .map(|text| Some(text.trim_end_matches(['\n', '\r']).to_owned()))
            .map_err(|why| unread(path.display().to_string(), why.to_string())),
        Secret::Env(name) => std::env::var(name)
            .map(Some)
            .map_err(|why| unread(format!("the environment variable `{name}`"), why.to_string())),
    }
}

/// Says what the daemon needs to let the stand-in's certificate in.
fn trusted(protocol: &Protocol, controller: &Controller) -> Result<(), Failure> {
    let (Protocol::OpcUa(link), Some(ours)) = (protocol, &controller.thumbprint) else {
        return Ok(());
    };
    match &link.trust {
        Trust::Thumbprint(wanted) if crate::pki::thumbprint_hex(wanted) != *ours => {
            let text = format!(
                "the plant file trusts one certificate, and the stand-in has another: for the drill write \
                 trust = \"thumbprint:{ours}\""
            );
            Err(Failure::new(Exit::Permission, text))
        }
        Trust::Pki => {
            output::notice(&format!(
                "if the daemon refuses the stand-in's certificate: pedigree certs trust {ours}"
            ));
            Ok(())
        }
        Trust::Thumbprint(_) | Trust::FirstUse => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_this_machine_are_listened_at_unasked() {
        let at = |url| loopback(url).map(|at| at.to_string());
        assert_eq!(at("opc.tcp://127.0.0.1:4840/plc"), Some("127.0.0.1:4840".to_owned()));
        assert_eq!(at("tcp://localhost:502"), Some("127.0.0.1:502".to_owned()));
        assert_eq!(at("tcp://[::1]:502"), Some("[::1]:502".to_owned()));
        assert_eq!(at("opc.tcp://10.20.1.10:4840"), None);
        assert_eq!(at("opc.tcp://plc-01:4840"), None);
    }
}
