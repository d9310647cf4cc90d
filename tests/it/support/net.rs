//! A network of its own for PLCs: they are behind a switch that loses packets, is narrow, or has its cable
//! pulled.
//!
//! Two network namespaces without a name, each held by a process that waits for this one: both end with
//! the test, however it ends, and cables and routes end with them.
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Networks of these tests lie in 198.18.0.0/15, which is for tests of networks alone; each has eight
/// addresses.
const NETS: u32 = 1 << 14;

/// The switch and what is behind it.
pub(crate) struct Net {
    switch: Space,
    beyond: Space,
    /// The address of whoever is started behind it.
    pub(crate) host: String,
}

/// A network namespace.
struct Space(Child);

impl Net {
    /// Needs root, iproute2, nftables and util-linux, and says so.
    pub(crate) fn start() -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let n = STARTED.fetch_add(1, Ordering::Relaxed);
        let net = std::process::id().wrapping_add(n.wrapping_mul(NETS / 4)) % NETS;
        let (octets, first) = (format!("198.{}.{}", 18 + net / 8192, net / 32 % 256), net % 32 * 8);
        let at = |host: u32| format!("{octets}.{}", first + host);
        let (switch, beyond) = (Space::start(), Space::start());
        let cable = format!("plc{}x{n}", std::process::id());
        let peer = switch.0.id().to_string();
        run("ip", &["link", "add", &cable, "type", "veth", "peer", "near", "netns", &peer]);
        run("ip", &["addr", "add", &format!("{}/30", at(1)), "dev", &cable]);
        run("ip", &["link", "set", &cable, "up"]);
        let peer = beyond.0.id().to_string();
        switch.run("ip", &["link", "add", "far", "type", "veth", "peer", "eth0", "netns", &peer]);
        switch.run("ip", &["addr", "add", &format!("{}/30", at(2)), "dev", "near"]);
        switch.run("ip", &["addr", "add", &format!("{}/30", at(5)), "dev", "far"]);
        switch.run("ip", &["link", "set", "near", "up"]);
        switch.run("ip", &["link", "set", "far", "up"]);
        switch.run("sh", &["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
        beyond.run("ip", &["addr", "add", &format!("{}/30", at(6)), "dev", "eth0"]);
        beyond.run("ip", &["link", "set", "eth0", "up"]);
        beyond.run("ip", &["route", "add", "default", "via", &at(5)]);
        run("ip", &["route", "add", &format!("{}/30", at(4)), "via", &at(2)]);
        Self { switch, beyond, host: at(6) }
    }

    /// The command, to be started behind the switch.
    pub(crate) fn beyond(&self, command: &Command) -> Command {
        let mut inside = self.beyond.command(command.get_program().to_str().unwrap());
        inside.args(command.get_args()).env("PLC_HOST", &self.host);
        inside.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        inside
    }

    /// From here on so many in a hundred packets to and from these ports are lost, each way.
    pub(crate) fn lose(&self, percent: u32, ports: &[u16]) {
        let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
        let (ports, lost) = (ports.join(", "), format!("numgen random mod 100 < {percent}"));
        let rules = format!(
            "table ip loss {{\n chain forward {{\n type filter hook forward priority 0\n\
             iifname near tcp dport {{ {ports} }} {lost} counter drop comment there\n\
             iifname far tcp sport {{ {ports} }} {lost} counter drop comment back\n }}\n}}\n"
        );
        let mut nft = self.switch.command("nft");
        let mut nft = nft.args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "`nft` refused:\n{rules}");
    }

    /// Nothing is lost any more.
    pub(crate) fn lose_none(&self) {
        self.switch.run("nft", &["delete", "table", "ip", "loss"]);
    }

    /// How many packets were lost since some are, there and back.
    pub(crate) fn losses(&self) -> (u64, u64) {
        let told = self.switch.run("nft", &["--json", "list", "table", "ip", "loss"]);
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        let rules = told["nftables"].as_array().unwrap();
        let dropped = |way: &str| {
            let rule = rules.iter().find(|rule| rule["rule"]["comment"] == way).unwrap();
            let parts = rule["rule"]["expr"].as_array().unwrap();
            parts.iter().find_map(|part| part["counter"]["packets"].as_u64()).unwrap()
        };
        (dropped("there"), dropped("back"))
    }

    /// From here on the switch passes so many bits a second, each way, as `tc` writes them.
    pub(crate) fn narrow(&self, rate: &str) {
        for side in ["near", "far"] {
            let bucket = ["tbf", "rate", rate, "burst", "2kb", "latency", "4s"];
            let at = ["qdisc", "replace", "dev", side, "root"];
            self.switch.run("tc", &[&at[..], &bucket].concat());
        }
    }

    /// It is as wide as before.
    pub(crate) fn widen(&self) {
        for side in ["near", "far"] {
            self.switch.run("tc", &["qdisc", "del", "dev", side, "root"]);
        }
    }

    /// How many packets had to wait since it is narrow, there and back.
    pub(crate) fn waits(&self) -> (u64, u64) {
        let waited = |side: &str| {
            let told = self.switch.run("tc", &["-s", "-j", "qdisc", "show", "dev", side]);
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            told[0]["overlimits"].as_u64().unwrap()
        };
        (waited("far"), waited("near"))
    }

    /// The cable between the switch and the PLCs is pulled, or back.
    pub(crate) fn cable(&self, there: bool) {
        self.switch.run("ip", &["link", "set", "far", if there { "up" } else { "down" }]);
    }
}

impl Space {
    fn start() -> Self {
        let wait = "ip link set lo up && echo up && exec cat";
        let mut command = Command::new("unshare");
        command.args(["--net", "--", "sh", "-c", wait]);
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut space = Self(child.unwrap_or_else(|why| panic!("{}", needed(&"unshare", &why))));
        let mut said = String::new();
        BufReader::new(space.0.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said.trim(), "up", "{}", needed(&"unshare --net", &"it did not come up"));
        space
    }

    /// A command inside.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.0.id().to_string(), "--net", "--", program]);
        command
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        ran(self.command(program).args(args))
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn run(program: &str, args: &[&str]) -> String {
    ran(Command::new(program).args(args))
}

/// What it printed; panics if it could not do it.
fn ran(command: &mut Command) -> String {
    let out = command.output().unwrap_or_else(|why| panic!("{}", needed(&command, &why)));
    let why = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success(), "{}", needed(&command, &why.trim()));
    String::from_utf8(out.stdout).unwrap()
}

fn needed(what: &dyn std::fmt::Debug, why: &dyn std::fmt::Display) -> String {
    format!("{what:?}: {why}; a network of its own needs root, and `make peers` for its tools")
}
