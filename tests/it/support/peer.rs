//! Foreign processes: started, spoken to, killed with the test.
use super::here;
use super::net::Net;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};

/// A program of `tests/peers`.
pub(crate) struct Peer {
    child: Child,
    command: Command,
    host: String,
    said: Arc<Mutex<Vec<Value>>>,
    /// The first line it printed: where it listens.
    pub(crate) up: Value,
}

/// The interpreter with the peers' packages.
pub(crate) fn python(peers: &Path) -> Command {
    Command::new(peers.join("venv/bin/python"))
}

/// What `DuckDB` says to a question: its rows.
pub(crate) fn duckdb(peers: &Path, question: &str) -> Value {
    let program = "import duckdb, json, sys\nprint(json.dumps(duckdb.sql(sys.argv[1]).fetchall()))";
    let told = python(peers).args(["-c", program, question]).output().unwrap();
    assert!(told.status.success(), "{question}: {}", String::from_utf8_lossy(&told.stderr));
    serde_json::from_slice(&told.stdout).unwrap()
}

impl Peer {
    /// Starts a program, by the name of its source, and waits until it says that it is up.
    pub(crate) fn start(peers: &Path, source: &str, args: &[&str]) -> Self {
        Self::start_in(None, peers, source, args)
    }

    /// The same in a network of its own.
    pub(crate) fn start_in(net: Option<&Net>, peers: &Path, source: &str, args: &[&str]) -> Self {
        let path = here("tests/peers").join(source);
        let mut command = match source.split_once('.') {
            Some((name, "c")) => Command::new(peers.join(name)),
            Some((_, "js")) => {
                let mut node = Command::new("node");
                node.env("NODE_PATH", peers.join("node/node_modules")).arg(path);
                node
            }
            _ => {
                let mut python = python(peers);
                python.arg(path);
                python
            }
        };
        command.args(args);
        if let Some(net) = net {
            command = net.beyond(&command);
        }
        command.stdout(Stdio::piped());
        Self::run(command, net.map_or("127.0.0.1", |net| &net.host))
    }

    fn run(mut command: Command, host: &str) -> Self {
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let up =
            serde_json::from_str(&first).unwrap_or_else(|_| panic!("{command:?} said {first:?}"));
        let said = Arc::new(Mutex::new(Vec::new()));
        collect(lines, Arc::clone(&said));
        Self { child, command, host: host.to_owned(), said, up }
    }

    /// Ends it without a word, as a power cut does.
    pub(crate) fn kill(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Starts it again as it was started, after a `kill`.
    pub(crate) fn again(&mut self) {
        let command = std::mem::replace(&mut self.command, Command::new(""));
        *self = Self::run(command, &self.host);
    }

    /// `-STOP` freezes it with its sockets open, `-CONT` lets it go on.
    pub(crate) fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
    }

    /// A port that it told.
    pub(crate) fn port(&self, name: &str) -> u16 {
        u16::try_from(self.up[name].as_u64().unwrap()).unwrap()
    }

    /// What it printed since.
    pub(crate) fn said(&self) -> Vec<Value> {
        self.said.lock().unwrap().clone()
    }

    /// One command on its control port; the answer's last line is checked.
    pub(crate) fn control(&self, command: &str) -> String {
        let mut socket = TcpStream::connect((self.host.as_str(), self.port("control"))).unwrap();
        socket.write_all(format!("{command}\n").as_bytes()).unwrap();
        let mut answer = String::new();
        for line in BufReader::new(socket).lines() {
            let line = line.unwrap();
            assert!(!line.starts_with("err"), "{command}: {line}");
            if line.starts_with("ok") {
                break;
            }
            answer.push_str(&line);
        }
        answer
    }
}

fn collect(lines: BufReader<ChildStdout>, said: Arc<Mutex<Vec<Value>>>) {
    std::thread::spawn(move || {
        for line in lines.lines().map_while(Result::ok) {
            if let Ok(value) = serde_json::from_str(&line) {
                said.lock().unwrap().push(value);
            }
        }
    });
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}
