//! How to talk to a controller.
use super::{TagIndex, Transport};
use crate::model::{DeviceId, TagName, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A controller that we talk to.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Its name.
    pub id: DeviceId,
    /// Protocol, address and what belongs to them.
    pub protocol: Protocol,
    /// How often monitors and phases look: OPC UA publishing interval, Modbus poll period.
    pub publish: Duration,
    /// How often handshake words are looked at, derived: at most a third of the shortest deadline.
    pub publish_fast: Duration,
    /// How life is proven.
    pub heartbeat: Heartbeat,
    /// The word that changes at every cold start or download.
    pub restart: Option<TagIndex>,
    /// What version of the PLC interface the plant file is written for.
    pub interface: Option<Interface>,
}

/// Protocol, address and what belongs to them.
#[derive(Debug, Clone, PartialEq)]
pub enum Protocol {
    /// OPC UA over `opc.tcp`.
    OpcUa(OpcUaLink),
    /// Modbus, over TCP, TLS or a serial line.
    Modbus(ModbusLink),
}

impl Protocol {
    /// `opcua` or `modbus`: the metric label.
    pub fn name(&self) -> &'static str {
        match self {
            Self::OpcUa(_) => "opcua",
            Self::Modbus(_) => "modbus",
        }
    }

    /// The URL as the plant file has it.
    pub fn url(&self) -> &str {
        match self {
            Self::OpcUa(link) => &link.url,
            Self::Modbus(link) => &link.url,
        }
    }

    /// How a Modbus device is reached; `None` if it is none.
    pub fn modbus(&self) -> Option<&ModbusLink> {
        match self {
            Self::Modbus(link) => Some(link),
            Self::OpcUa(_) => None,
        }
    }
}

/// An OPC UA server.
#[derive(Debug, Clone, PartialEq)]
pub struct OpcUaLink {
    /// `opc.tcp://host:port[/path]`, used as it stands: servers' own URLs are often unreachable.
    pub url: String,
    /// Policy and mode.
    pub security: Security,
    /// How its certificate is trusted.
    pub trust: Trust,
    /// Who we are to it.
    pub login: Option<UserLogin>,
    /// How its words lay when a person looked; those that lie otherwise now are not to be trusted.
    pub pins: BTreeMap<TagName, Layout>,
}

impl OpcUaLink {
    /// What names its server: host and port, however they are written.
    pub fn server(&self) -> String {
        let authority = self.url.trim_start_matches("opc.tcp://");
        let authority = authority.split('/').next().unwrap_or_default().to_ascii_lowercase();
        // An address of version 6 has colons of its own, in brackets.
        let port = authority.rsplit_once(':').filter(|_| !authority.ends_with(']'));
        let has_port = port.is_some_and(|(_, port)| !port.is_empty());
        if has_port { authority } else { format!("{}:4840", authority.trim_end_matches(':')) }
    }
}

/// How a word lies on an OPC UA server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Its node, with its namespace: `nsu=urn:plc;s=Res`.
    pub node: String,
    /// From the node's value to the word: `.Slots[3].Serial`; empty: it is the whole value.
    pub part: String,
    /// `UInt32`, or the node of a type of the server's own.
    pub data_type: String,
    /// Lengths of an array, 0 where the server does not tell; empty: a single value.
    pub bounds: Vec<u32>,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.data_type)?;
        for bound in &self.bounds {
            write!(f, "[{bound}]")?;
        }
        write!(f, " in {}{}", self.node, self.part)
    }
}

/// Message security of an OPC UA connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// The best that the server offers of `Aes256_Sha256_RsaPss`, `Aes128_Sha256_RsaOaep` and
    /// `Basic256Sha256`, always `SignAndEncrypt`.
    SignAndEncrypt,
    /// The same or, where the server has none of these, a withdrawn policy (`Basic256`, `Basic128Rsa15`);
    /// only where the plant file says `allow_insecure = true`.
    Legacy,
    /// None; only where the plant file says `allow_insecure = true`.
    None,
}

/// How a server's certificate is trusted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trust {
    /// SHA-256 over its DER form, as `probe` prints it.
    Thumbprint([u8; 32]),
    /// It lies in the folder of trusted certificates.
    Pki,
    /// The first one seen is pinned.
    FirstUse,
}

/// Who we are to a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserLogin {
    /// A user with a password.
    Password {
        /// The user.
        user: String,
        /// Never inline.
        password: Secret,
    },
    /// A user by certificate (`X509IdentityToken`).
    Certificate {
        /// Its file, `.der` or `.pem`.
        certificate: PathBuf,
        /// The file of its key, PEM.
        key: PathBuf,
    },
}

/// Where a secret is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Secret {
    /// In a file, its last line break taken off.
    File(PathBuf),
    /// In an environment variable.
    Env(String),
}

/// A Modbus server.
#[derive(Debug, Clone, PartialEq)]
pub struct ModbusLink {
    /// As the plant file has it.
    pub url: String,
    /// What the URL says.
    pub transport: Transport,
    /// Unit identifier, 0–255.
    pub unit: u8,
    /// Devices with one share use one connection, one request at a time.
    pub share: Option<String>,
    /// How long to wait for an answer; then the connection is dropped.
    pub timeout: Duration,
    /// Limits of one read request.
    pub limits: ReadLimits,
}

/// Limits of one Modbus read request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadLimits {
    /// Registers, 1–125.
    pub words: u16,
    /// Coils or discrete inputs, 1–2000.
    pub bits: u16,
    /// Registers read for nothing to save a request; if not said, as many as cost less than one.
    pub read_over: Option<u16>,
    /// Ranges of (area, first, last) never read.
    pub holes: Vec<(super::Area, u16, u16)>,
}

/// How life is proven.
#[derive(Debug, Clone, PartialEq)]
pub struct Heartbeat {
    /// The word that the PLC must move.
    pub plc: Option<TagIndex>,
    /// The word that we move.
    pub host: Option<TagIndex>,
    /// Standing longer than this is silence.
    pub stale_after: Duration,
}

/// A version word of the PLC interface.
#[derive(Debug, Clone, PartialEq)]
pub struct Interface {
    /// The word.
    pub tag: TagIndex,
    /// Its name, for messages.
    pub name: TagName,
    /// What it must be.
    pub equals: Value,
}
