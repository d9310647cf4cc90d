//! What a person asks of a device before it is in the plant, or of the plant before it runs.
use super::bus::{Ask, Bus, BusTask, Fault, Reply, Urgency, bus};
use super::cost::Cost;
use super::open::dial;
use super::plan::{Block, plan};
use super::reader::Reader;
use super::tls;
use super::watch::{bad, register};
use crate::field::Onlooker;
use crate::model::Quality;
use crate::model::Sample;
use crate::model::plant::{
    Area, DeviceIndex, ModbusLink, Plant, Protocol, ReadLimits, Register, TagIndex, Transport,
    Trust,
};
use crate::pki::{self, Certificate};
use crate::telemetry::{Metrics, Now};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Time to answer one question of a probe.
const PATIENCE: Duration = Duration::from_secs(3);
/// Answers of an identification that says for ever that more follows.
const IDENTITY_PARTS_MAX: u32 = 16;
/// So often little and much are read to measure a line.
const MEASURED_EACH: u32 = 4;

/// What a device says of itself.
#[derive(Debug)]
pub struct Probe {
    /// Objects of its identification (Modbus Application Protocol V1.1b3, §6.21), if it has any:
    /// 0 vendor, 1 product code, 2 revision, 3 URL, 4 product, 5 model, 6 application.
    pub identity: Vec<(u8, String)>,
    /// What each area answers at address 0.
    pub areas: Vec<(Area, Result<u16, Fault>)>,
    /// The shortest time to an answer; `None` if nothing was answered.
    pub latency: Option<Duration>,
    /// Its certificate, and whether it is trusted; only a device that encrypts has one.
    pub certificate: Option<(Certificate, bool)>,
}

/// Asks a device who it is and what it has.
///
/// # Errors
/// If it cannot be connected to or does not answer at all.
pub async fn probe(transport: Transport, unit: u8, pki: &Path, now: Now) -> Result<Probe, Fault> {
    let (transport, certificate) = introduce(transport, pki).await?;
    let link = ModbusLink {
        url: String::new(),
        transport,
        unit,
        share: None,
        timeout: PATIENCE,
        limits: ReadLimits { words: 1, bits: 1, read_over: Some(0), holes: Vec::new() },
    };
    let (bus, task) = bus(now, pki.to_path_buf());
    let found = beside(task, async move { examine(&bus, &link).await }).await?;
    Ok(Probe { certificate, ..found })
}

/// Looks at the certificate of a device that encrypts, whoever it is: nothing is told to it, and
/// what it tells is for a person who wants to know whom to trust.
async fn introduce(
    transport: Transport,
    pki: &Path,
) -> Result<(Transport, Option<(Certificate, bool)>), Fault> {
    let Transport::Tls(host, _) = transport else { return Ok((transport, None)) };
    let certificate = tls::look(dial(&host, PATIENCE).await?, &host, pki).await?;
    let trusted =
        pki::is_trusted(pki, &certificate.der).map_err(|why| Fault::Tls(why.to_string()))?;
    let trust = Trust::Thumbprint(certificate.thumbprint);
    Ok((Transport::Tls(host, trust), Some((certificate, trusted))))
}

async fn examine(bus: &Bus, link: &ModbusLink) -> Result<Probe, Fault> {
    bus.ask(Urgency::Request, link, Ask::Open).await?;
    let (identity, areas) = (Vec::new(), Vec::new());
    let mut found = Probe { identity, areas, latency: None, certificate: None };
    for area in [Area::Holding, Area::Input, Area::Coil, Area::Discrete] {
        let read = Ask::Read(area, 0, 1);
        // Some close the connection over an area that they do not have.
        let answer = match bus.ask(Urgency::Request, link, Ask::Open).await {
            Ok(_) => bus.ask(Urgency::Request, link, read).await,
            Err(fault) => Err(fault),
        };
        if let Ok(answer) = &answer {
            found.latency = Some(found.latency.map_or(answer.took, |least| least.min(answer.took)));
        }
        found.areas.push((area, answer.and_then(|answer| first_word(&answer.reply))));
        // Silence to the first question is silence to all.
        if let [(_, Err(Fault::Timeout(patience)))] = found.areas.as_slice() {
            return Err(Fault::Timeout(*patience));
        }
    }
    // One that is silent here has told the rest.
    if bus.ask(Urgency::Request, link, Ask::Open).await.is_ok() {
        found.identity = identify(bus, link).await.unwrap_or_default();
    }
    Ok(found)
}

fn first_word(reply: &Reply) -> Result<u16, Fault> {
    match reply {
        Reply::Words(words) => words.first().copied(),
        Reply::Done | Reply::Identity(..) => None,
    }
    .ok_or_else(|| Fault::Framing("a read was answered by something else".to_owned()))
}

/// What a device says that it is. Most have no identification: no fault of theirs.
pub(super) async fn identify(bus: &Bus, link: &ModbusLink) -> Result<Vec<(u8, String)>, Fault> {
    let mut identity = Vec::new();
    let mut from = Some(0);
    for _ in 0..IDENTITY_PARTS_MAX {
        let Some(object) = from else { break };
        match bus.ask(Urgency::Request, link, Ask::Identify(object)).await.map(|a| a.reply) {
            Ok(Reply::Identity(objects, more)) => {
                identity.extend(objects);
                from = more;
            }
            Err(fault) if fault.ends_observation() => return Err(fault),
            Ok(Reply::Done | Reply::Words(_)) | Err(_) => break,
        }
    }
    Ok(identity)
}

/// A device that was read once.
#[derive(Debug, Clone, PartialEq)]
pub struct Once {
    /// Its tags in their order.
    pub samples: Vec<Sample>,
    /// How long a request took from us to its answer, on average.
    pub round_trip: Duration,
    /// What a request and a register in its answer cost, by the fastest answers.
    pub cost: Cost,
}

/// Reads every tag of a device once, over a connection of its own: good, or bad with its quality.
///
/// # Panics
/// If the device does not speak Modbus: an error of ours.
///
/// # Errors
/// If it cannot be connected to, or falls silent meanwhile.
pub async fn read_once(
    plant: &Arc<Plant>,
    device: DeviceIndex,
    pki: &Path,
    now: Now,
) -> Result<Once, Fault> {
    let Protocol::Modbus(link) = &plant.device(device).protocol else {
        unreachable!("the caller asks for Modbus devices only");
    };
    let (bus, task) = bus(now.clone(), pki.to_path_buf());
    let onlooker: Onlooker = Arc::new(|_, _, _| {});
    let (of, metrics) = ((plant.clone(), device), Arc::new(Metrics::new()));
    let reader = Reader::new(of, link.clone(), bus, now, metrics, onlooker);
    beside(task, read_tags(reader)).await
}

async fn read_tags(mut reader: Reader) -> Result<Once, Fault> {
    let plant = reader.plant.clone();
    let points: Vec<_> =
        plant.tags_of(reader.device).filter_map(|(i, tag)| Some((i, register(tag)?))).collect();
    let plan = plan(&points, &reader.link.limits, &reader.learned, &reader.cost);
    let mut samples = Vec::with_capacity(points.len());
    for block in &plan.blocks {
        samples.extend(reader.read(Urgency::Request, block).await?.0);
    }
    measure(&mut reader, &points, &plan.blocks).await?;
    let at = (reader.now)().wall;
    samples.extend(plan.unreadable.iter().map(|(tag, _)| bad(*tag, Quality::BAD_UNKNOWN, at)));
    samples.sort_by_key(|sample| sample.tag);
    let name = reader.plant.device(reader.device).id.as_str();
    let took = reader.metrics.device_request_seconds.with_label_values(&[name, "read"]);
    let requests = u32::try_from(took.get_sample_count()).unwrap_or(u32::MAX).max(1);
    let all = Duration::try_from_secs_f64(took.get_sample_sum()).unwrap_or_default();
    Ok(Once { samples, round_trip: all / requests, cost: reader.cost })
}

/// Reads little and much a few times more, so that it is known what a request and a register cost.
async fn measure(
    reader: &mut Reader,
    points: &[(TagIndex, &Register)],
    blocks: &[Block],
) -> Result<(), Fault> {
    let registers = |block: &&Block| matches!(block.area, Area::Holding | Area::Input);
    let longest = blocks.iter().filter(registers).max_by_key(|block| block.count);
    let limits = reader.link.limits.clone();
    let singles = points.iter().filter(|(tag, _)| longest.is_some_and(|block| block.holds(*tag)));
    let shortest = singles.filter_map(|(tag, at)| Block::single(*tag, at, &limits));
    let shortest = shortest.min_by_key(|block| block.count);
    for _ in 0..MEASURED_EACH {
        for block in longest.into_iter().chain(&shortest) {
            reader.read(Urgency::Request, block).await?;
        }
    }
    reader.reckon();
    Ok(())
}

/// Works with a bus beside it, which ends when the work drops the last handle.
async fn beside<T>(task: BusTask, work: impl Future<Output = T>) -> T {
    tokio::join!(task.run(), work).1
}
