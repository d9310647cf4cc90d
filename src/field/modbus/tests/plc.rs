//! A Modbus/TCP server that misbehaves on demand. Written on bytes, not with the client's library,
//! so that the two cannot agree on an error.
use crate::model::plant::Area;
use parking_lot::Mutex;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// What happens to one request instead of its answer.
#[derive(Clone)]
pub(super) enum Trick {
    /// The answer comes when it is let go.
    Late(Arc<Notify>),
    /// No answer.
    Silence,
    /// One register too few, in a frame that is right in itself.
    Short,
    /// The number of another request.
    WrongId,
    /// Half the frame, then the connection is closed.
    Cut,
    /// Bytes without sense.
    Garbage,
    /// An exception.
    Exception(u8),
    /// A write is echoed with another value.
    WrongEcho,
}

/// A request as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) connection: usize,
    pub(super) unit: u8,
    pub(super) function: u8,
    pub(super) address: u16,
    /// How many are read, or what is written.
    pub(super) data: Vec<u16>,
}

#[derive(Default)]
struct State {
    words: BTreeMap<(Area, u16), u16>,
    counting: BTreeSet<u16>,
    refused: BTreeSet<u16>,
    tricks: Vec<(u8, Option<u16>, Trick)>,
    lasting: Option<(u8, Trick)>,
    dead_units: BTreeSet<u8>,
    /// What it says that it is, if it knows the function.
    name: Option<String>,
    log: Vec<Seen>,
    connections: usize,
}

/// The server. It ends when dropped.
pub(super) struct Plc {
    pub(super) port: u16,
    state: Arc<Mutex<State>>,
    logged: Arc<Notify>,
    _tasks: JoinSet<()>,
}

impl Plc {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(Mutex::new(State::default()));
        let logged = Arc::new(Notify::new());
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(listener, state.clone(), logged.clone()));
        Self { port, state, logged, _tasks: tasks }
    }

    pub(super) fn set(&self, area: Area, address: u16, words: &[u16]) {
        let mut state = self.state.lock();
        for (at, word) in (address..).zip(words) {
            state.words.insert((area, at), *word);
        }
    }

    pub(super) fn get(&self, area: Area, address: u16) -> u16 {
        self.state.lock().words.get(&(area, address)).copied().unwrap_or(0)
    }

    /// This holding register counts up each time it is read.
    pub(super) fn count(&self, address: u16, on: bool) {
        let mut state = self.state.lock();
        if on {
            state.counting.insert(address)
        } else {
            state.counting.remove(&address)
        };
    }

    /// Whoever touches this holding register gets exception 2.
    pub(super) fn refuse(&self, address: u16, on: bool) {
        let mut state = self.state.lock();
        if on {
            state.refused.insert(address)
        } else {
            state.refused.remove(&address)
        };
    }

    /// The next request with this function (and address) meets a trick.
    pub(super) fn trick(&self, function: u8, address: Option<u16>, trick: Trick) {
        self.state.lock().tricks.push((function, address, trick));
    }

    /// All requests with this function meet a trick from now on.
    pub(super) fn trick_always(&self, function: u8, trick: Trick) {
        self.state.lock().lasting = Some((function, trick));
    }

    /// This unit never answers.
    pub(super) fn kill_unit(&self, unit: u8) {
        self.state.lock().dead_units.insert(unit);
    }

    /// It says that this is its name.
    pub(super) fn identify(&self, name: &str) {
        self.state.lock().name = Some(name.to_owned());
    }

    pub(super) fn connections(&self) -> usize {
        self.state.lock().connections
    }

    /// The log so far, which is emptied.
    pub(super) fn take_log(&self) -> Vec<Seen> {
        std::mem::take(&mut self.state.lock().log)
    }

    /// Waits until the log has such a request.
    pub(super) async fn seen(&self, wanted: impl Fn(&Seen) -> bool) -> Seen {
        let found = async {
            loop {
                let logged = self.logged.notified();
                if let Some(seen) = self.state.lock().log.iter().find(|seen| wanted(seen)) {
                    return seen.clone();
                }
                logged.await;
            }
        };
        tokio::time::timeout(super::PATIENCE, found).await.expect("the request comes")
    }
}

async fn accept(listener: TcpListener, state: Arc<Mutex<State>>, logged: Arc<Notify>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let number = {
            let mut state = state.lock();
            state.connections += 1;
            state.connections
        };
        let (state, logged) = (state.clone(), logged.clone());
        connections.spawn(async move {
            // The client hangs up whenever it likes.
            drop(serve(stream, number, &state, &logged).await);
        });
    }
}

async fn serve(
    mut stream: TcpStream,
    connection: usize,
    state: &Mutex<State>,
    logged: &Notify,
) -> std::io::Result<()> {
    loop {
        let mut head = [0; 7];
        stream.read_exact(&mut head).await?;
        let mut pdu = vec![0; usize::from(u16::from_be_bytes([head[4], head[5]])) - 1];
        stream.read_exact(&mut pdu).await?;
        let seen = parse(connection, head[6], &pdu);
        let (trick, dead) = {
            let mut state = state.lock();
            state.log.push(seen.clone());
            let at = state.tricks.iter().position(|(function, address, _)| {
                *function == seen.function && address.is_none_or(|a| a == seen.address)
            });
            let once = at.map(|at| state.tricks.remove(at).2);
            let lasting = state.lasting.clone().filter(|(function, _)| *function == seen.function);
            (once.or(lasting.map(|l| l.1)), state.dead_units.contains(&seen.unit))
        };
        logged.notify_waiters();
        if dead {
            continue;
        }
        let mut answer = answer(&mut state.lock(), &seen);
        let mut id = [head[0], head[1]];
        match &trick {
            Some(Trick::Silence) => continue,
            Some(Trick::Late(go)) => go.notified().await,
            Some(Trick::Exception(code)) => answer = vec![seen.function | 0x80, *code],
            Some(Trick::WrongId) => id = [head[0], head[1] ^ 1],
            Some(Trick::Short) => {
                answer.truncate(answer.len() - 2);
                answer[1] -= 2;
            }
            Some(Trick::WrongEcho) => *answer.last_mut().unwrap() ^= 1,
            Some(Trick::Cut | Trick::Garbage) | None => {}
        }
        let mut frame = vec![id[0], id[1], 0, 0];
        frame.extend(u16::try_from(answer.len() + 1).unwrap().to_be_bytes());
        frame.push(head[6]);
        frame.extend(answer);
        match trick {
            Some(Trick::Cut) => {
                stream.write_all(&frame[..frame.len() / 2]).await?;
                return Ok(());
            }
            Some(Trick::Garbage) => stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await?,
            _ => stream.write_all(&frame).await?,
        }
    }
}

fn words(len: usize) -> u16 {
    u16::try_from(len).unwrap()
}

fn parse(connection: usize, unit: u8, pdu: &[u8]) -> Seen {
    let pairs = |bytes: &[u8]| -> Vec<u16> {
        bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect()
    };
    let words = pairs(&pdu[1..]);
    let data = match pdu[0] {
        16 => pairs(&pdu[6..]),
        _ => words[1..].to_vec(),
    };
    Seen { connection, unit, function: pdu[0], address: words[0], data }
}

fn answer(state: &mut State, seen: &Seen) -> Vec<u8> {
    let count = if matches!(seen.function, 1..=4) { seen.data[0] } else { 1 };
    let range = seen.address..seen.address + count;
    let holding = matches!(seen.function, 3 | 6 | 16);
    if holding && range.clone().any(|at| state.refused.contains(&at)) {
        return vec![seen.function | 0x80, 2];
    }
    let mut echo = vec![seen.function];
    echo.extend(seen.address.to_be_bytes());
    match seen.function {
        1 | 2 => {
            let area = if seen.function == 1 { Area::Coil } else { Area::Discrete };
            let mut bytes = vec![0_u8; usize::from(count).div_ceil(8)];
            for (n, at) in range.enumerate() {
                let on = state.words.get(&(area, at)).is_some_and(|bit| *bit != 0);
                bytes[n / 8] |= u8::from(on) << (n % 8);
            }
            [vec![seen.function, u8::try_from(bytes.len()).unwrap()], bytes].concat()
        }
        3 | 4 => {
            let area = if seen.function == 3 { Area::Holding } else { Area::Input };
            let mut out = vec![seen.function, u8::try_from(count * 2).unwrap()];
            for at in range {
                let counts = holding && state.counting.contains(&at);
                let word = state.words.entry((area, at)).or_insert(0);
                *word = word.wrapping_add(u16::from(counts));
                out.extend(word.to_be_bytes());
            }
            out
        }
        5 => {
            state.words.insert((Area::Coil, seen.address), u16::from(seen.data[0] != 0));
            echo.extend(seen.data[0].to_be_bytes());
            echo
        }
        6 | 16 => {
            for (at, word) in (seen.address..).zip(&seen.data) {
                state.words.insert((Area::Holding, at), *word);
            }
            let tail = if seen.function == 6 { seen.data[0] } else { words(seen.data.len()) };
            echo.extend(tail.to_be_bytes());
            echo
        }
        43 => match &state.name {
            Some(name) => {
                let head = [43, 14, 1, 1, 0, 0, 1, 0, u8::try_from(name.len()).unwrap()];
                [&head[..], name.as_bytes()].concat()
            }
            None => vec![0x80 | 0x2B, 1],
        },
        function => vec![function | 0x80, 1],
    }
}
