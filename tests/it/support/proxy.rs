//! A relay on the way to one PLC that spoils the link in the ways that plants know.
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

/// How often a relay that waits for bytes looks whether it still may.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// What is wrong with the link.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spoil {
    /// Bytes are this late, each way.
    pub(crate) delay: Duration,
    /// Half-open: nothing goes through, nothing is closed, nobody is told.
    pub(crate) stalled: bool,
    /// Whoever connects is reset.
    pub(crate) refused: bool,
    /// One bit pattern is wrong in so many bytes; 0: none.
    pub(crate) corrupt_every: u64,
    /// All bytes come twice.
    pub(crate) doubled: bool,
}

/// The relay; it ends with the test.
pub(crate) struct Proxy {
    /// Where it listens.
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    target: u16,
    spoil: Mutex<Spoil>,
    changed: Condvar,
    /// Counted up by a cut: connections of an earlier age end.
    age: AtomicU64,
    passed: AtomicU64,
    ended: AtomicBool,
}

impl Proxy {
    /// A relay to a port of this machine, as good as none.
    pub(crate) fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            target,
            spoil: Mutex::default(),
            changed: Condvar::new(),
            age: AtomicU64::new(0),
            passed: AtomicU64::new(0),
            ended: AtomicBool::new(false),
        });
        let relay = Arc::clone(&shared);
        thread::spawn(move || relay.listen(&listener));
        Self { port, shared }
    }

    /// From this moment on the link is so.
    pub(crate) fn spoil(&self, spoil: Spoil) {
        *self.shared.spoil.lock().unwrap() = spoil;
        self.shared.changed.notify_all();
    }

    /// The link is well again.
    pub(crate) fn heal(&self) {
        self.spoil(Spoil::default());
    }

    /// Every connection ends with a reset.
    pub(crate) fn cut(&self) {
        self.shared.age.fetch_add(1, Ordering::SeqCst);
        self.shared.changed.notify_all();
    }

    /// Bytes that went through, both ways.
    pub(crate) fn passed(&self) -> u64 {
        self.shared.passed.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.cut();
        // Wakes the listener, which then sees that it has ended.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

impl Shared {
    fn listen(self: &Arc<Self>, listener: &TcpListener) {
        for client in listener.incoming().map_while(Result::ok) {
            if self.ended.load(Ordering::SeqCst) {
                return;
            }
            let shared = Arc::clone(self);
            thread::spawn(move || shared.connect(client));
        }
    }

    fn connect(self: Arc<Self>, client: TcpStream) {
        let age = self.age.load(Ordering::SeqCst);
        let client = Arc::new(resetting(client));
        // Who is refused here is reset: dropped as it is.
        if self.spoil.lock().unwrap().refused || !self.wait(age) {
            return;
        }
        let Ok(server) = TcpStream::connect(("127.0.0.1", self.target)) else { return };
        let server = Arc::new(resetting(server));
        let (shared, from, to) = (Arc::clone(&self), Arc::clone(&client), Arc::clone(&server));
        thread::spawn(move || shared.relay(age, &from, &to));
        self.relay(age, &server, &client);
    }

    /// Waits as long as the link is stalled; whether the connection still is.
    fn wait(&self, age: u64) -> bool {
        let current = || self.age.load(Ordering::SeqCst) == age;
        let spoil = self.spoil.lock().unwrap();
        drop(self.changed.wait_while(spoil, |spoil| spoil.stalled && current()));
        current()
    }

    fn relay(&self, age: u64, mut from: &TcpStream, mut to: &TcpStream) {
        let mut buffer = vec![0; 1 << 16];
        let mut count = 0;
        while self.wait(age) {
            let bytes = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => &mut buffer[..len],
                Err(why) if matches!(why.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    continue;
                }
                Err(_) => break,
            };
            // Read before the stall began, it is lost in the stall all the same.
            if !self.wait(age) {
                return;
            }
            let spoil = *self.spoil.lock().unwrap();
            if !spoil.delay.is_zero() {
                thread::sleep(spoil.delay);
            }
            for byte in bytes.iter_mut() {
                count += 1;
                if spoil.corrupt_every > 0 && count % spoil.corrupt_every == 0 {
                    *byte ^= 0x55;
                }
            }
            let times = if spoil.doubled { 2 } else { 1 };
            if (0..times).any(|_| to.write_all(bytes).is_err()) {
                break;
            }
            self.passed.fetch_add(u64::try_from(bytes.len()).unwrap(), Ordering::SeqCst);
        }
        // One end has gone: so does the other. What was cut is reset instead.
        if self.age.load(Ordering::SeqCst) == age {
            drop(to.shutdown(Shutdown::Both));
        }
    }
}

/// A socket that is reset when its last holder lets it go, and that never blocks for long.
fn resetting(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(LOOK_AGAIN)).unwrap();
    // The standard library cannot say this yet; the copy is the same socket.
    let socket = tokio::net::TcpSocket::from_std_stream(stream.try_clone().unwrap());
    socket.set_zero_linger().unwrap();
    stream
}
