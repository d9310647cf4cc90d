//! A simulated Modbus/TCP PLC: registers and coils behind a real server.
//!
//! One request is answered from one moment. The host writes what is its own and nothing else; every
//! other write is refused with exception 2, every other unit with exception 11.
use super::DemoError;
use crate::model::plant::Area;
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response, SlaveRequest};

/// What there is of a PLC, and what of it is the host's.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// The unit that answers.
    pub(super) unit: u8,
    /// Words in each table; addresses behind them are illegal.
    pub(super) size: usize,
    /// What the host may write: its acks.
    pub(super) host: BTreeSet<(Area, u16)>,
}

impl Layout {
    /// A small PLC whose coils 16 to 23 are the host's.
    pub(super) fn small() -> Self {
        Self { unit: 1, size: 128, host: (16..24).map(|at| (Area::Coil, at)).collect() }
    }
}

/// Before listening again after a connection could not be taken.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the registers of a word hold.
#[derive(Debug, Clone)]
pub(super) enum Registers<'a> {
    /// One register.
    U16(u16),
    /// Two, high word first (ABCD).
    U32(u32),
    /// Two, low word first (CDAB), as the drive delivers it.
    F32(f32),
    /// So many registers of two characters each, padded with NUL.
    Text(&'a str, u16),
}

impl Registers<'_> {
    fn words(&self) -> Vec<u16> {
        match self {
            Self::U16(value) => vec![*value],
            Self::U32(value) => halves(*value).to_vec(),
            Self::F32(value) => {
                let [high, low] = halves(value.to_bits());
                vec![low, high]
            }
            Self::Text(text, len) => {
                let mut bytes = text.bytes().chain(std::iter::repeat(0));
                let mut next = || u16::from(bytes.next().unwrap_or(0));
                (0..*len).map(|_| (next() << 8) | next()).collect()
            }
        }
    }
}

fn halves(value: u32) -> [u16; 2] {
    let [a, b, c, d] = value.to_be_bytes();
    [u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]
}

#[derive(Debug)]
struct Tables {
    holding: Vec<u16>,
    input: Vec<u16>,
    coils: Vec<bool>,
    discrete: Vec<bool>,
}

/// The memory of the PLC, as its program and its server see it.
#[derive(Debug, Clone)]
pub(super) struct ModbusPlc {
    tables: Arc<Mutex<Tables>>,
    layout: Arc<Layout>,
    written: Arc<watch::Sender<u64>>,
}

/// A server that waits to be run.
pub(super) struct Served {
    name: String,
    plc: ModbusPlc,
    listener: TcpListener,
    /// Where it listens.
    pub(super) url: String,
}

/// Makes the PLC and its server; port 0 is any that is free.
pub(super) async fn make(
    name: &str,
    listen: SocketAddr,
    layout: Layout,
) -> Result<(ModbusPlc, Served), DemoError> {
    let bind = |why| DemoError::Bind { at: listen, why };
    let listener = TcpListener::bind(listen).await.map_err(bind)?;
    let url = format!("tcp://{}", listener.local_addr().map_err(bind)?);
    let plc = ModbusPlc::new(layout);
    Ok((plc.clone(), Served { name: name.to_owned(), plc, listener, url }))
}

impl Served {
    /// Serves until it is dropped.
    pub(super) async fn run(self) {
        let Self { name, plc, listener, url: _ } = self;
        let on_connected = |stream: tokio::net::TcpStream, from| {
            let plc = plc.clone();
            async move {
                stream.set_nodelay(true)?;
                accept_tcp_connection(stream, from, move |_| Ok(Some(plc.clone())))
            }
        };
        // The server lets one failed accept end it; a PLC goes on.
        let server = Server::new(listener);
        loop {
            if let Err(fault) = server.serve(&on_connected, |_| {}).await {
                tracing::warn!(device = %name, %fault, "the simulated PLC lost a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

impl ModbusPlc {
    fn new(layout: Layout) -> Self {
        let tables = Tables {
            holding: vec![0; layout.size],
            input: vec![0; layout.size],
            coils: vec![false; layout.size],
            discrete: vec![false; layout.size],
        };
        Self {
            tables: Arc::new(Mutex::new(tables)),
            layout: Arc::new(layout),
            written: Arc::new(watch::Sender::new(0)),
        }
    }

    /// Writes points in one scan; bits are words of 0 and 1.
    pub(super) fn set(&self, points: &[(Area, u16, Vec<u16>)]) {
        let mut tables = self.tables.lock();
        for (area, address, words) in points {
            let bits = || words.iter().map(|word| *word != 0).collect::<Vec<_>>();
            match area {
                Area::Holding => store(&mut tables.holding, *address, words),
                Area::Input => store(&mut tables.input, *address, words),
                Area::Coil => store(&mut tables.coils, *address, &bits()),
                Area::Discrete => store(&mut tables.discrete, *address, &bits()),
            }
        }
    }

    /// What so many words of a table hold; nothing where there are not so many.
    pub(super) fn words(&self, area: Area, address: u16, count: u16) -> Vec<u16> {
        let tables = self.tables.lock();
        let numbers = |bits: Vec<bool>| bits.into_iter().map(u16::from).collect();
        let found = match area {
            Area::Holding => load(&tables.holding, address, count),
            Area::Input => load(&tables.input, address, count),
            Area::Coil => load(&tables.coils, address, count).map(numbers),
            Area::Discrete => load(&tables.discrete, address, count).map(numbers),
        };
        found.unwrap_or_default()
    }

    /// Changes whenever the host has written.
    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Writes holding registers in one scan: a read sees all of them or none.
    pub(super) fn put(&self, values: &[(u16, Registers<'_>)]) {
        let mut tables = self.tables.lock();
        for (address, value) in values {
            store(&mut tables.holding, *address, &value.words());
        }
    }

    /// Writes one input register.
    pub(super) fn put_input(&self, address: u16, value: u16) {
        store(&mut self.tables.lock().input, address, &[value]);
    }

    /// Sets or clears one bit of a holding register.
    pub(super) fn set_bit(&self, address: u16, bit: u8, on: bool) {
        let mut tables = self.tables.lock();
        if let Some(word) = tables.holding.get_mut(usize::from(address)) {
            *word = if on { *word | (1 << bit) } else { *word & !(1 << bit) };
        }
    }

    /// Waits until the host has brought a coil to `on`.
    pub(super) async fn until(&self, coil: u16, on: bool) {
        let mut written = self.written.subscribe();
        loop {
            written.borrow_and_update();
            if self.tables.lock().coils.get(usize::from(coil)) == Some(&on) {
                return;
            }
            if written.changed().await.is_err() {
                future::pending::<()>().await;
            }
        }
    }

    fn answer(&self, request: &Request<'_>) -> Result<Response, ExceptionCode> {
        let mut tables = self.tables.lock();
        let done = match request {
            Request::ReadHoldingRegisters(at, count) => {
                return load(&tables.holding, *at, *count).map(Response::ReadHoldingRegisters);
            }
            Request::ReadInputRegisters(at, count) => {
                return load(&tables.input, *at, *count).map(Response::ReadInputRegisters);
            }
            Request::ReadCoils(at, count) => {
                return load(&tables.coils, *at, *count).map(Response::ReadCoils);
            }
            Request::ReadDiscreteInputs(at, count) => {
                return load(&tables.discrete, *at, *count).map(Response::ReadDiscreteInputs);
            }
            Request::WriteSingleCoil(at, on) => {
                self.allow(Area::Coil, *at, 1)?;
                store(&mut tables.coils, *at, &[*on]);
                Response::WriteSingleCoil(*at, *on)
            }
            Request::WriteMultipleCoils(at, on) => {
                let count = self.allow(Area::Coil, *at, on.len())?;
                store(&mut tables.coils, *at, on);
                Response::WriteMultipleCoils(*at, count)
            }
            Request::WriteSingleRegister(at, word) => {
                self.allow(Area::Holding, *at, 1)?;
                store(&mut tables.holding, *at, &[*word]);
                Response::WriteSingleRegister(*at, *word)
            }
            Request::WriteMultipleRegisters(at, words) => {
                let count = self.allow(Area::Holding, *at, words.len())?;
                store(&mut tables.holding, *at, words);
                Response::WriteMultipleRegisters(*at, count)
            }
            Request::ReportServerId
            | Request::MaskWriteRegister(..)
            | Request::ReadWriteMultipleRegisters(..)
            | Request::ReadDeviceIdentification(..)
            | Request::Custom(..) => return Err(ExceptionCode::IllegalFunction),
        };
        self.written.send_modify(|count| *count += 1);
        Ok(done)
    }

    /// Whether all of so many addresses are the host's, and there.
    fn allow(&self, area: Area, at: u16, count: usize) -> Result<u16, ExceptionCode> {
        let count = u16::try_from(count).map_err(|_| ExceptionCode::IllegalDataValue)?;
        let end = at.checked_add(count).ok_or(ExceptionCode::IllegalDataAddress)?;
        let host =
            |at| usize::from(at) < self.layout.size && self.layout.host.contains(&(area, at));
        if (at..end).all(host) { Ok(count) } else { Err(ExceptionCode::IllegalDataAddress) }
    }
}

impl Service for ModbusPlc {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = future::Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Self::Request) -> Self::Future {
        future::ready(if request.slave == self.layout.unit {
            self.answer(&request.request)
        } else {
            Err(ExceptionCode::GatewayTargetDevice)
        })
    }
}

fn store<T: Copy>(table: &mut [T], address: u16, words: &[T]) {
    let at = usize::from(address);
    table
        .get_mut(at..at + words.len())
        .expect("the program names only registers that there are")
        .copy_from_slice(words);
}

fn load<T: Copy>(table: &[T], address: u16, count: u16) -> Result<Vec<T>, ExceptionCode> {
    let at = usize::from(address);
    table
        .get(at..at + usize::from(count))
        .map(<[T]>::to_vec)
        .ok_or(ExceptionCode::IllegalDataAddress)
}

/// A req-ack handshake: data words and number, then the request bit; ack rises, the bit falls, ack
/// falls. Not before all four is anything else asked.
pub(super) struct ReqAckHandshake {
    plc: ModbusPlc,
    /// Register and bit of the request.
    request: (u16, u8),
    /// Register of the PLC's own count.
    number_at: u16,
    /// Coil of the ack.
    ack: u16,
    number: u16,
}

impl ReqAckHandshake {
    pub(super) fn new(plc: &ModbusPlc, request: (u16, u8), number_at: u16, ack: u16) -> Self {
        Self { plc: plc.clone(), request, number_at, ack, number: 0 }
    }

    /// One request.
    pub(super) async fn request(&mut self, data: &[(u16, Registers<'_>)]) {
        self.plc.put(data);
        self.number = self.number.wrapping_add(1);
        self.plc.put(&[(self.number_at, Registers::U16(self.number))]);
        let (flags, bit) = self.request;
        self.plc.set_bit(flags, bit, true);
        self.plc.until(self.ack, true).await;
        self.plc.set_bit(flags, bit, false);
        self.plc.until(self.ack, false).await;
    }
}
