//! The server over real sockets, with a plant that is made up.
mod answers;
mod changes;
mod condition;
mod guarded;
mod limits;
mod live;
mod notary;
mod pages;
mod plant;
mod reload;

use super::{
    AdoptPort, AppState, CommandFault, CommandPort, Options, Readiness, ReloadPort, TapEvent, run,
};
use crate::model::{At, Command, Position};
use crate::telemetry::Metrics;
use plant::Made;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// A server on a port of its own, and the other ends of what it was given.
struct Server {
    address: SocketAddr,
    stop: CancellationToken,
    tap: broadcast::Sender<TapEvent>,
    readiness: watch::Sender<Readiness>,
    metrics: Arc<Metrics>,
    _thread: std::thread::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// What was answered.
#[derive(Debug)]
struct Answered {
    code: u16,
    head: String,
    body: String,
}

impl Answered {
    fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|why| panic!("{why}: {self:?}"))
    }
}

/// Starts a server; its commands are answered by `decide`.
fn server(decide: fn(&Command) -> Result<Position, CommandFault>) -> Server {
    let stop = CancellationToken::new();
    let (tap, _) = broadcast::channel(8);
    let readiness = watch::Sender::new(Readiness::READY);
    let metrics = Arc::new(Metrics::new());
    let (told, address) = std::sync::mpsc::channel();
    let thread = std::thread::spawn({
        let (stop, tap, metrics) = (stop.clone(), tap.clone(), Arc::clone(&metrics));
        let readiness = readiness.subscribe();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let (queue, mut asked) = mpsc::channel::<super::Asked>(4);
                let (reloads, reloading) = mpsc::channel(4);
                let state = AppState {
                    source: Arc::new(Made),
                    commands: CommandPort::new(queue),
                    reloads: ReloadPort::new(reloads),
                    adoptions: AdoptPort::new(mpsc::channel(1).0),
                    notary: Arc::new(notary::Made),
                    tap,
                    raw: broadcast::channel(8).0,
                    readiness,
                    devices: Arc::new(plant::devices),
                    contacts: Arc::new(plant::contacts()),
                };
                let now = Arc::new(At::default);
                let deciding = async {
                    while let Some(asked) = asked.recv().await {
                        asked.answer.send(decide(&asked.command)).unwrap();
                    }
                };
                let options = Options { listener, metrics, now };
                let reloading = reload::decide(reloading);
                let (served, (), ()) = tokio::join!(run(options, state, stop), deciding, reloading);
                served.unwrap();
            });
        }
    });
    Server { address: address.recv().unwrap(), stop, tap, readiness, metrics, _thread: thread }
}

fn quiet() -> Server {
    server(|_| Ok(Position(7)))
}

impl Server {
    /// Sends a request as it stands and reads to the end of the answer.
    fn raw(&self, request: &str) -> Answered {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let code = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default();
        Answered { code, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }

    fn get(&self, path: &str) -> Answered {
        let host = self.address;
        self.raw(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn post(&self, path: &str, kind: &str, body: &str) -> Answered {
        let (host, len) = (self.address, body.len());
        self.raw(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {len}\r\n\r\n{body}"
        ))
    }
}
