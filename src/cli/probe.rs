//! `probe`, `browse`: an unknown PLC.
use super::exit::{Done, Exit, Failure};
use super::{Context, output, runtime, settings, stub};
use crate::daemon;
use crate::field::{modbus, opcua};
use crate::model::plant::{NodeAddress, Security, Transport, Trust};
use crate::pki::{self, Certificate};
use std::path::PathBuf;

/// Ask an unknown PLC what it is and offers.
#[derive(Debug, clap::Args)]
pub(super) struct ProbeArgs {
    /// `opc.tcp://host:port`; `tcp://host:port`, `tls://…`, `rtu+tcp://…` or `rtu:///dev/ttyS1?19200,8e1`.
    #[arg(value_name = "URL")]
    address: String,
    /// Modbus unit identifier.
    #[arg(long, default_value_t = 1)]
    unit: u8,
}

/// Walk the nodes of an OPC UA server; with --toml as the beginning of a plant file.
#[derive(Debug, clap::Args)]
pub(super) struct BrowseArgs {
    /// `opc.tcp://host:port`.
    #[arg(value_name = "URL")]
    address: String,
    /// From this node on, `s=…` or `i=…` in `--namespace`.
    #[arg(long, requires = "namespace")]
    node: Option<String>,
    /// Namespace URI of `--node`.
    #[arg(long, value_name = "URI")]
    namespace: Option<String>,
    /// Steps down at most.
    #[arg(long, default_value_t = 8)]
    depth: usize,
    /// The beginning of a plant file.
    #[arg(long)]
    toml: bool,
    /// Speak without encryption, to a server that has none.
    #[arg(long)]
    insecure: bool,
}

fn pki_dir(context: &Context) -> Result<PathBuf, Failure> {
    Ok(settings::settings(context)?.pki_dir.join(daemon::FIELD_PKI))
}

fn unreachable(url: &str, why: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Unreachable, format!("{url}: {why}"))
}

pub(super) fn probe(context: &Context, args: &ProbeArgs) -> Done {
    runtime::log("error")?;
    if args.address.starts_with("opc.tcp://") {
        probe_opcua(context, &args.address)
    } else {
        probe_modbus(context, &args.address, args.unit)
    }
}

fn probe_opcua(context: &Context, url: &str) -> Done {
    let (pki, now) = (pki_dir(context)?, (daemon::clock())().wall);
    let found = runtime::runtime()?
        .block_on(opcua::probe(url, &pki, now))
        .map_err(|why| unreachable(url, why))?;
    output::line(format_args!("{}  {}", found.application_name, found.application_uri))?;
    if let Some(certificate) = &found.certificate {
        show_certificate(certificate, found.trusted)?;
    }
    for offer in &found.offers {
        let logins = offer.logins.join(", ");
        output::line(format_args!("endpoint     {} {}  ({logins})", offer.policy, offer.mode))?;
    }
    match &found.namespaces {
        Ok(uris) => {
            uris.iter().try_for_each(|uri| output::line(format_args!("namespace    {uri}")))?;
        }
        Err(why) => output::notice(&format!("its namespaces could not be read: {why}")),
    }
    Ok(Exit::Ok)
}

fn show_certificate(certificate: &Certificate, trusted: bool) -> Result<(), Failure> {
    let trusted = if trusted { "trusted" } else { "not trusted yet" };
    let thumbprint = pki::thumbprint_hex(&certificate.thumbprint);
    output::line(format_args!("certificate  {}  ({trusted})", certificate.subject))?;
    output::line(format_args!("  in a plant file:  trust = \"thumbprint:{thumbprint}\""))
}

fn probe_modbus(context: &Context, url: &str, unit: u8) -> Done {
    let wanted = "opc.tcp://host:port, tcp://host:port, tls://host:port, rtu+tcp://host:port or \
                  rtu:///dev/ttyS1?19200,8e1";
    let transport = Transport::parse(url, Trust::Pki)
        .map_err(|why| Failure::new(Exit::Configuration, format!("{why}; wanted {wanted}")))?;
    let pki = pki_dir(context)?;
    let found = runtime::runtime()?
        .block_on(modbus::probe(transport, unit, &pki, daemon::clock()))
        .map_err(|why| unreachable(url, why))?;
    if let Some((certificate, trusted)) = &found.certificate {
        show_certificate(certificate, *trusted)?;
    }
    if let Some(latency) = found.latency {
        output::line(format_args!("answers in   {:.1} ms", latency.as_secs_f64() * 1e3))?;
    }
    for (object, text) in &found.identity {
        output::line(format_args!("identity {object}   {text}"))?;
    }
    let answered = found.areas.iter().any(|(_, answer)| answer.is_ok());
    for (area, answer) in &found.areas {
        let answer = match answer {
            Ok(value) => format!("{value}"),
            Err(why) => why.to_string(),
        };
        output::line(format_args!("{}:0         {answer}", area.name()))?;
    }
    if !answered && found.identity.is_empty() {
        output::notice(
            "nothing was answered: is it this unit, and this kind of frame (tcp, rtu+tcp, tls)?",
        );
        return Ok(Exit::Unreachable);
    }
    Ok(Exit::Ok)
}

pub(super) fn browse(context: &Context, args: &BrowseArgs) -> Done {
    runtime::log("error")?;
    let (pki, now) = (pki_dir(context)?, (daemon::clock())().wall);
    let security = if args.insecure { Security::None } else { Security::SignAndEncrypt };
    let target = opcua::Target::url(&args.address, security);
    let start = args
        .node
        .as_ref()
        .zip(args.namespace.as_ref())
        .map(|(node, uri)| NodeAddress { namespace: uri.clone(), identifier: node.clone() });
    let found = runtime::runtime()?
        .block_on(opcua::browse(&target, start.as_ref(), args.depth, &pki, now))
        .map_err(|why| unreachable(&args.address, why))?;
    if args.toml {
        output::line(stub::plant_file(&args.address, args.insecure, &found.variables))?;
    } else {
        let row = |v: &opcua::Variable| {
            vec![
                v.path.join("/"),
                v.address.identifier.clone(),
                v.data_type.clone(),
                v.value.to_string(),
                v.quality.to_string(),
                if v.writable { "rw" } else { "r" }.to_owned(),
            ]
        };
        let rows = found.variables.iter().map(row).collect();
        let head = ["PATH", "NODE", "TYPE", "VALUE", "QUALITY", ""];
        output::line(output::table(&head, rows))?;
    }
    if !found.complete {
        output::notice("not everything is listed; look deeper with --depth, or from a --node");
    }
    Ok(Exit::Ok)
}
