//! The task of a device and its bus against a server that misbehaves.
mod faults;
mod looks;
mod plc;
mod requests;
mod rtu;
mod tls;
mod watching;

use super::{bus, run_all};
use crate::field::link::{Stage, Status};
use crate::field::{Lanes, Request, Wiring, weighed};
use crate::model::plant::{
    Area, Device, DeviceIndex, Heartbeat, Host, Interface, ModbusLink, Plant, Protocol, ReadLimits,
    Register, RegisterType, StringOrder, Tag, TagIndex, TagSource, Transport, Trust, WordOrder,
};
use crate::model::{
    At, DeviceId, Digest, Input, Link, Monotonic, Sample, SiteId, TagName, Utc, Value,
};
use crate::telemetry::{Metrics, Now};
use plc::Plc;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// What never comes in this time does not come.
const PATIENCE: Duration = Duration::from_secs(20);

fn clock() -> Now {
    skewed(Arc::default())
}

/// A clock that can be put forward by nanoseconds.
fn skewed(skew: Arc<AtomicU64>) -> Now {
    let begun = tokio::time::Instant::now();
    Arc::new(move || {
        let ns = u64::try_from(begun.elapsed().as_nanos()).unwrap() + skew.load(Ordering::Relaxed);
        let wall = Utc(1_700_000_000_000_000_000 + i64::try_from(ns).unwrap());
        At { monotonic: Monotonic(ns), wall }
    })
}

fn host(port: u16) -> Host {
    Host { name: "127.0.0.1".to_owned(), port }
}

fn tcp(port: u16) -> Transport {
    Transport::Tcp(host(port))
}

fn device(name: &str, port: u16, unit: u8) -> Device {
    let link = ModbusLink {
        url: format!("tcp://127.0.0.1:{port}"),
        transport: tcp(port),
        unit,
        share: None,
        timeout: Duration::from_millis(300),
        limits: ReadLimits { words: 100, bits: 100, read_over: Some(10), holes: Vec::new() },
    };
    Device {
        id: DeviceId::parse(name).unwrap(),
        protocol: Protocol::Modbus(link),
        publish: Duration::from_millis(40),
        publish_fast: Duration::from_millis(10),
        heartbeat: Heartbeat { plc: None, host: None, stale_after: Duration::from_secs(5) },
        restart: None,
        interface: None,
    }
}

fn link(device: &mut Device) -> &mut ModbusLink {
    match &mut device.protocol {
        Protocol::Modbus(link) => link,
        Protocol::OpcUa(_) => panic!("these are Modbus devices"),
    }
}

/// A bus that meets nobody with a certificate.
fn open_bus() -> (bus::Bus, bus::BusTask) {
    bus::bus(clock(), PathBuf::new())
}

/// `hr0`, `co16`: a watched u16, or bit, of device 0.
fn tag(name: &str) -> Tag {
    let at = name.find(|c: char| c.is_ascii_digit()).unwrap();
    let area = match &name[..at] {
        "hr" => Area::Holding,
        "ir" => Area::Input,
        "co" => Area::Coil,
        _ => Area::Discrete,
    };
    let bits = matches!(area, Area::Coil | Area::Discrete);
    let source = TagSource::Register(Register {
        area,
        address: name[at..].parse().unwrap(),
        kind: if bits { RegisterType::Bool } else { RegisterType::U16 },
        order: WordOrder::Abcd,
        strings: StringOrder::HighLow,
        scale: 1.0,
    });
    Tag {
        name: TagName::parse(name).unwrap(),
        device: DeviceIndex(0),
        source,
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

fn fast(name: &str) -> Tag {
    Tag { fast: true, ..tag(name) }
}

fn writable(name: &str) -> Tag {
    Tag { writable: true, watched: false, ..tag(name) }
}

fn plant(devices: Vec<Device>, tags: Vec<Tag>) -> Arc<Plant> {
    Arc::new(Plant {
        site: SiteId::parse("S1").unwrap(),
        devices,
        tags,
        stations: Vec::new(),
        catalog: crate::model::plant::Catalog::default(),
        files: Vec::new(),
        hash: Digest([0; 32]),
    })
}

/// Batches that wait on the bulk lane.
const BULK_LEN_MAX: usize = 64;

/// The tasks of a plant's devices and the ends of their queues.
struct Rig {
    urgent: weighed::Receiver<Input>,
    bulk: weighed::Receiver<Input>,
    requests: Vec<mpsc::Sender<Request>>,
    status: Vec<watch::Receiver<Status>>,
    metrics: Arc<Metrics>,
    skew: Arc<AtomicU64>,
    stop: CancellationToken,
    tasks: JoinSet<()>,
}

impl Rig {
    fn start(plant: &Arc<Plant>) -> Self {
        let (urgent, urgents) = weighed::channel(64, 1 << 20);
        let (bulk, bulks) = weighed::channel(BULK_LEN_MAX, 1 << 20);
        let (metrics, stop) = (Arc::new(Metrics::new()), CancellationToken::new());
        let skew = Arc::new(AtomicU64::new(0));
        let now = skewed(skew.clone());
        let (mut requests, mut status, mut wirings) = (Vec::new(), Vec::new(), Vec::new());
        for (device, _) in plant.devices() {
            let (request, incoming) = mpsc::channel(8);
            let first = Status { stage: Stage::Backoff, since: Utc(0), last_fault: None };
            let (tell, told) = watch::channel(first);
            requests.push(request);
            status.push(told);
            wirings.push(Wiring {
                plant: plant.clone(),
                device,
                lanes: Lanes { urgent: urgent.clone(), bulk: bulk.clone() },
                requests: incoming,
                status: tell,
                now: now.clone(),
                metrics: metrics.clone(),
                points: crate::telemetry::Points::new(metrics.clone()),
                onlooker: Arc::new(|_, _, _| {}),
                pki: PathBuf::new(),
                stop: stop.clone(),
            });
        }
        let mut tasks = JoinSet::new();
        tasks.spawn(run_all(wirings));
        Self { urgent: urgents, bulk: bulks, requests, status, metrics, skew, stop, tasks }
    }

    async fn urgent(&mut self) -> Input {
        timeout(PATIENCE, self.urgent.recv()).await.expect("an input comes").unwrap()
    }

    async fn bulk(&mut self) -> Vec<Sample> {
        match timeout(PATIENCE, self.bulk.recv()).await.expect("an input comes").unwrap() {
            Input::Samples(samples) => samples,
            other => panic!("{other:?}"),
        }
    }

    /// The next change of a link; samples before it are dropped.
    async fn link(&mut self) -> (DeviceIndex, Link) {
        loop {
            if let Input::Link { device, link } = self.urgent().await {
                return (device, link);
            }
        }
    }

    /// Waits for Live; what it was told to be before is dropped.
    async fn live(&mut self) -> crate::model::Boot {
        loop {
            if let (_, Link::Live { boot, .. }) = self.link().await {
                return boot;
            }
        }
    }

    /// The next samples on the urgent lane.
    async fn samples(&mut self) -> Vec<Sample> {
        loop {
            match self.urgent().await {
                Input::Samples(samples) => return samples,
                Input::Link { .. } => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Whatever comes next on the urgent lane that is no sample.
    async fn answer(&mut self) -> Input {
        loop {
            match self.urgent().await {
                Input::Samples(_) => {}
                other => return other,
            }
        }
    }

    /// Puts the clock forward.
    fn pass(&self, time: Duration) {
        self.skew.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }

    fn errors(&self, device: &str, class: &str) -> u64 {
        self.metrics.device_errors.with_label_values(&[device, class]).get()
    }

    async fn end(mut self) {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.tasks.join_next()).await.expect("the tasks end");
        ended.unwrap().unwrap();
    }
}

fn values(samples: &[Sample]) -> Vec<(u32, Value)> {
    samples.iter().map(|sample| (sample.tag.0, sample.value.clone())).collect()
}

fn uint(number: u64) -> Value {
    Value::UInt(number)
}
