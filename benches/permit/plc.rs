//! The PLC of the benchmark: holding registers behind a Modbus/TCP server, which notes when it showed a
//! request to its host and when it was answered.
#![expect(
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a PLC of four kinds of request, at addresses that are written here"
)]
use parking_lot::Mutex;
use pedigree::telemetry::Now;
use std::future::{Ready, ready};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

/// Where the words are, as in the plant file.
const NUMBER: u16 = 0;
const SERIAL: u16 = 1;
const DONE: u16 = 20;
const ACK: u16 = 40;
const FINISH: u16 = 42;

/// The PLC, as its program and its server see it.
#[derive(Clone)]
pub(crate) struct Plc {
    memory: Arc<Mutex<Memory>>,
    written: Arc<watch::Sender<u64>>,
    now: Now,
}

struct Memory {
    registers: [u16; 64],
    /// When the request under way was first shown to the host.
    shown: Option<Duration>,
    /// When the host acknowledged it.
    acked: Option<Duration>,
}

impl Plc {
    /// Serves on a free port of the loopback until the set of tasks ends.
    pub(crate) async fn start(
        now: Now,
        tasks: &mut tokio::task::JoinSet<()>,
    ) -> (Self, SocketAddr) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let memory = Memory { registers: [0; 64], shown: None, acked: None };
        let plc = Self {
            memory: Arc::new(Mutex::new(memory)),
            written: Arc::new(watch::Sender::new(0)),
            now,
        };
        let service = plc.clone();
        tasks.spawn(async move {
            let on_connected = |stream: tokio::net::TcpStream, from| {
                let service = service.clone();
                async move {
                    stream.set_nodelay(true)?;
                    accept_tcp_connection(stream, from, move |_| Ok(Some(service.clone())))
                }
            };
            drop(Server::new(listener).serve(&on_connected, |_| {}).await);
        });
        (plc, address)
    }

    /// Asks for a permit; how long it took from the answer that showed the request to the ack.
    pub(crate) async fn ask(&self, number: u16) -> Duration {
        {
            let mut memory = self.memory.lock();
            (memory.shown, memory.acked) = (None, None);
            let digits = format!("SN-{number:05}");
            for (at, pair) in digits.as_bytes().chunks_exact(2).enumerate() {
                memory.registers[usize::from(SERIAL) + at] = u16::from_be_bytes([pair[0], pair[1]]);
            }
            memory.registers[usize::from(NUMBER)] = number;
        }
        self.until(|memory| memory.registers[usize::from(ACK)] == number).await;
        let memory = self.memory.lock();
        let (shown, acked) = memory.shown.zip(memory.acked).expect("it was shown, then acked");
        acked.saturating_sub(shown)
    }

    /// Reports that the unit is done and waits until the host has it.
    pub(crate) async fn finish(&self, number: u16) {
        self.memory.lock().registers[usize::from(DONE)] = number;
        self.until(|memory| memory.registers[usize::from(FINISH)] == number).await;
    }

    async fn until(&self, holds: impl Fn(&Memory) -> bool) {
        let mut written = self.written.subscribe();
        while !holds(&self.memory.lock()) {
            written.changed().await.expect("the PLC lives");
        }
    }

    fn time(&self) -> Duration {
        Duration::from_nanos((self.now)().monotonic.0)
    }

    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        match request {
            Request::ReadHoldingRegisters(first, count) => {
                let mut memory = self.memory.lock();
                let wanted = usize::from(*first)..usize::from(*first) + usize::from(*count);
                let found = memory.registers.get(wanted).map(<[u16]>::to_vec);
                if *first == NUMBER && memory.shown.is_none() {
                    memory.shown = Some(self.time());
                }
                found.map(Response::ReadHoldingRegisters).ok_or(ExceptionCode::IllegalDataAddress)
            }
            Request::WriteSingleRegister(at, value) => {
                self.write(*at, &[*value])?;
                Ok(Response::WriteSingleRegister(*at, *value))
            }
            Request::WriteMultipleRegisters(at, values) => {
                self.write(*at, values)?;
                let count = u16::try_from(values.len()).expect("a request is short");
                Ok(Response::WriteMultipleRegisters(*at, count))
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }

    fn write(&self, first: u16, values: &[u16]) -> Result<(), ExceptionCode> {
        let mut memory = self.memory.lock();
        for (at, value) in (usize::from(first)..).zip(values) {
            let word = memory.registers.get_mut(at).ok_or(ExceptionCode::IllegalDataAddress)?;
            *word = *value;
            if at == usize::from(ACK) {
                memory.acked = Some(self.time());
            }
        }
        drop(memory);
        self.written.send_modify(|count| *count += 1);
        Ok(())
    }
}

impl Service for Plc {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        ready(self.answer(&request.request))
    }
}
