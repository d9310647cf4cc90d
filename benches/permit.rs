//! How long a PLC waits for a permit: from the answer that shows us its request to our ack, measured at the
//! PLC, with the whole daemon between (snapshot, checks of the past, record, sync, tape, reply).
//!
//! `cargo bench --bench permit [-- REQUESTS]`. Goal: p99 ≤ 2 × p99 of an fdatasync + one read of the device
//! + 5 ms. The syncs are measured before and after in the same folder, the read before.
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
#[path = "permit/plc.rs"]
mod plc;

use pedigree::config;
use pedigree::daemon::{self, Settings, clock};
use pedigree::model::SiteId;
use pedigree::telemetry::Now;
use plc::Plc;
use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_modbus::prelude::Reader;
use tokio_util::sync::CancellationToken;

const PLANT: &str = r#"schema = 1
[device.plc]
url = "tcp://@ADDRESS@"
[device.plc.tags]
number = { at = "hr:0",  type = "u16" }
serial = { at = "hr:1",  type = "string[16]" }
done   = { at = "hr:20", type = "u16" }
ack    = { at = "hr:40", type = "u16" }
permit = { at = "hr:41", type = "u16" }
finish = { at = "hr:42", type = "u16" }
[station.OP10]
device = "plc"
[station.OP10.handshake.admit]
event    = "arrive"
serial   = "serial"
trigger  = "number"
ack      = "ack"
deadline = "60ms"
first    = "process"
check    = ["not-held", "not-done-here"]
reply    = { permit = "$permit" }
permit   = { ok = 1, nok = 2, unknown = 9 }
[station.OP10.handshake.result]
event    = "complete"
serial   = "serial"
trigger  = "done"
ack      = "finish"
deadline = "60ms"
first    = "process"
"#;

/// A sorted list of times, read by shares.
struct Times(Vec<Duration>);

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    fn share(&self, thousandths: usize) -> Duration {
        let at = self.0.len() * thousandths / 1_000;
        *self.0.get(at).or(self.0.last()).expect("something was measured")
    }

    fn show(&self, what: &str) {
        let ms = |thousandths| self.share(thousandths).as_secs_f64() * 1e3;
        println!("{what:34} p50 {:7.3} ms   p99 {:7.3} ms", ms(500), ms(990));
    }
}

/// Appends of the size of a record, each synced, beside the ledger.
fn syncs(folder: &Path, now: &Now, count: usize) -> Vec<Duration> {
    let mut file = File::create(folder.join("plain")).expect("a file of our own");
    let one = |_| {
        file.write_all(&[7; 512]).expect("room on the disk");
        let begun = now().monotonic.0;
        file.sync_data().expect("the disk syncs");
        Duration::from_nanos(now().monotonic.0 - begun)
    };
    (0..count).map(one).collect()
}

/// Reads of ten registers, as a client with nothing between has them.
async fn reads(address: SocketAddr, now: &Now, count: usize) -> Vec<Duration> {
    let stream = TcpStream::connect(address).await.expect("the PLC listens");
    stream.set_nodelay(true).expect("a socket");
    let mut client = tokio_modbus::client::tcp::attach(stream);
    let mut times = Vec::new();
    for _ in 0..count {
        let begun = now().monotonic.0;
        let read = client.read_holding_registers(50, 10).await;
        read.expect("the PLC answers").expect("the PLC has these registers");
        times.push(Duration::from_nanos(now().monotonic.0 - begun));
    }
    times
}

async fn measure(requests: u16, folder: &Path, now: Now) -> (Times, Times) {
    let mut tasks = JoinSet::new();
    let (plc, address) = Plc::start(now.clone(), &mut tasks).await;
    let read = Times::of(reads(address, &now, 1_000).await);
    let text = PLANT.replace("@ADDRESS@", &address.to_string());
    let site = SiteId::parse("bench").expect("a name");
    let plant = match config::plant::load(&[("plc.toml".to_owned(), text)], &site) {
        Ok(checked) => checked.plant,
        Err(faults) => panic!("the plant of the benchmark is refused: {faults:?}"),
    };
    let settings = Settings {
        plant,
        plant_dir: folder.join("plant.d"),
        reload_on_hangup: false,
        data_dir: folder.join("data"),
        ledger: config::daemon::Ledger::beside(&folder.join("data")),
        pki_dir: folder.join("pki"),
        http: ([127, 0, 0, 1], 0).into(),
        opcua: None,
        contacts: std::collections::BTreeMap::new(),
        drill_every: None,
        crash: None,
        now,
    };
    let stop = CancellationToken::new();
    let (up, _address) = oneshot::channel();
    let shift = async {
        let mut waited = Vec::new();
        for number in 1..=requests {
            waited.push(plc.ask(number).await);
            plc.finish(number).await;
        }
        stop.cancel();
        waited
    };
    let (ended, waited) = tokio::join!(daemon::run(settings, stop.clone(), up), shift);
    ended.expect("the daemon ends well");
    (Times::of(waited), read)
}

fn main() {
    let requests = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000);
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder of our own");
    let now = clock();
    let mut synced = syncs(folder.path(), &now, 500);
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let (waited, read) = runtime.block_on(measure(requests, folder.path(), now.clone()));
    synced.extend(syncs(folder.path(), &now, 500));
    let synced = Times::of(synced);
    synced.show("append and fdatasync");
    read.show("one read of the device");
    waited.show("request seen to ack written");
    let goal = 2 * synced.share(990) + read.share(990) + Duration::from_millis(5);
    println!(
        "{requests} permits; goal for p99: {:.3} ms, reached: {}",
        goal.as_secs_f64() * 1e3,
        waited.share(990) <= goal
    );
}
