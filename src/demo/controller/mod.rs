//! A stand-in for any controller of a plant: all words of its device behind a real server, and nobody's
//! program in them. Whoever drills a handshake sets its words as the PLC would.
mod convert;
mod power_up;

use super::modbus_plc::{self, Layout, ModbusPlc};
use super::nodes::Word as Node;
use super::opcua_plc::{self, Access, Identity, UaPlc};
use super::{Boot, DemoError};
use crate::field::modbus::decode::{CodecFault, decode, encode};
use crate::model::plant::{
    Area, DeviceIndex, OpcUaLink, Plant, Protocol, Register, Security, TagIndex, TagSource,
    UserLogin, Word,
};
use crate::model::{TagName, Value};
use crate::telemetry::Now;
use ::opcua::types::Variant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A word that proves life moves so many times before its standing would be called silence.
const BEATS: u32 = 5;
/// It moves no faster than this.
const BEAT_MIN: Duration = Duration::from_millis(50);
/// Where the count of a heartbeat begins again: it fits every whole type but a byte.
const BEAT_WRAP: u64 = 30_000;

/// Why a word cannot hold a value.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// A register is of another kind, or too small.
    #[error("`{tag}`: {why}")]
    Register {
        /// Which word.
        tag: TagName,
        /// Why.
        #[source]
        why: CodecFault,
    },
    /// A node is of another type.
    #[error("`{tag}`: `{value}` does not fit into {kind}")]
    Node {
        /// Which word.
        tag: TagName,
        /// What was to be put.
        value: String,
        /// The type that the node has here.
        kind: &'static str,
    },
}

/// How a stand-in is set up.
pub struct Setup {
    /// The plant.
    pub plant: Arc<Plant>,
    /// Which of its devices.
    pub device: DeviceIndex,
    /// Words of it that hold a text, as far as their use tells: OPC UA types come from the server, and
    /// here is none.
    pub texts: BTreeSet<TagIndex>,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Where its certificate is kept, in a folder of the device's name.
    pub keys: PathBuf,
    /// The password of the user that the plant file names.
    pub password: Option<String>,
    /// The clock.
    pub now: Now,
    /// Ends it.
    pub stop: CancellationToken,
}

impl std::fmt::Debug for Setup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A password is not for logs, nor is a whole plant.
        f.debug_struct("Setup").field("device", &self.device).finish_non_exhaustive()
    }
}

/// A controller of a plant, just switched on: numbers are 0, texts empty, bits off.
#[derive(Debug, Clone)]
pub struct Controller {
    plant: Arc<Plant>,
    wire: Wire,
    /// Where it listens.
    pub url: String,
    /// SHA-256 over the DER form of its certificate in hexadecimal, if it speaks OPC UA.
    pub thumbprint: Option<String>,
}

#[derive(Debug, Clone)]
enum Wire {
    Nodes(UaPlc),
    Registers(ModbusPlc),
}

impl Controller {
    /// Makes the server. Nothing is answered before the future is run; it ends with [`Setup::stop`].
    /// Its heartbeat moves as long, its restart word is another one each time.
    ///
    /// # Errors
    /// Where the address is taken or a certificate cannot be written.
    pub async fn start(
        setup: Setup,
    ) -> Result<(Self, impl Future<Output = ()> + Send + 'static), DemoError> {
        let (plant, device, stop) = (Arc::clone(&setup.plant), setup.device, setup.stop.clone());
        let boot = Boot::at(&setup.now);
        let (controller, nodes, registers) = match &plant.device(device).protocol {
            Protocol::OpcUa(link) => {
                let (controller, served) = nodes(&setup, link, boot).await?;
                (controller, Some(served), None)
            }
            Protocol::Modbus(link) => {
                let (controller, served) = registers(&setup, link.unit, boot).await?;
                (controller, None, Some(served))
            }
        };
        let living = controller.clone();
        let serve = async move {
            // Cancel-safe: what is dropped is the server itself. That of OPC UA takes leave of its
            // clients when it is stopped.
            tokio::select! {
                () = async {
                    match (nodes, registers) {
                        (Some(nodes), _) => nodes.run().await,
                        (None, Some(registers)) => tokio::select! {
                            () = registers.run() => {}
                            () = stop.cancelled() => {}
                        },
                        (None, None) => {}
                    }
                } => {}
                () = living.live(device) => {}
            }
        };
        Ok((controller, serve))
    }

    /// Sets words in one scan: a read sees all of them or none.
    ///
    /// # Errors
    /// Where a word cannot hold its value; then none is set.
    pub fn put(&self, words: &[(Word, Value)]) -> Result<(), Unfit> {
        let mut values: BTreeMap<TagIndex, Value> = BTreeMap::new();
        for (word, value) in words {
            let value = match word.bit {
                None => value.clone(),
                Some(bit) => {
                    let now = values.get(&word.tag).cloned();
                    convert::with_bit(&now.unwrap_or_else(|| self.tag(word.tag)), bit, value)
                }
            };
            values.insert(word.tag, value);
        }
        match &self.wire {
            Wire::Nodes(plc) => self.put_nodes(plc, &values),
            Wire::Registers(plc) => self.put_registers(plc, &values),
        }
    }

    fn put_nodes(&self, plc: &UaPlc, values: &BTreeMap<TagIndex, Value>) -> Result<(), Unfit> {
        let mut rows = Vec::new();
        for (index, value) in values {
            let name = &self.plant.tag(*index).name;
            let held = plc.get(name.as_str());
            let variant = convert::variant(&held, value).ok_or_else(|| Unfit::Node {
                tag: name.clone(),
                value: value.to_string(),
                kind: convert::kind(&held),
            })?;
            rows.push((name.as_str(), variant));
        }
        plc.put(&rows);
        Ok(())
    }

    fn put_registers(
        &self,
        plc: &ModbusPlc,
        values: &BTreeMap<TagIndex, Value>,
    ) -> Result<(), Unfit> {
        let mut points: Vec<(Area, u16, Vec<u16>)> = Vec::new();
        for (index, value) in values {
            let tag = self.plant.tag(*index);
            let TagSource::Register(register) = &tag.source else { continue };
            let words = encode(register, value)
                .map_err(|why| Unfit::Register { tag: tag.name.clone(), why })?;
            points.push((register.area, register.address, words));
        }
        plc.set(&points);
        Ok(())
    }

    /// What a word holds.
    pub fn value(&self, word: Word) -> Value {
        let value = self.tag(word.tag);
        match word.bit {
            None => value,
            Some(bit) => value.bit(bit).map_or(Value::Empty, Value::Bool),
        }
    }

    fn tag(&self, index: TagIndex) -> Value {
        let tag = self.plant.tag(index);
        match (&self.wire, &tag.source) {
            (Wire::Nodes(plc), _) => convert::value(&plc.get(tag.name.as_str())),
            (Wire::Registers(plc), TagSource::Register(register)) => {
                let words = plc.words(register.area, register.address, register.span());
                decode(register, &words).unwrap_or(Value::Empty)
            }
            (Wire::Registers(_), TagSource::Node(_) | TagSource::Field(_)) => Value::Empty,
        }
    }

    /// Changes whenever the host has written.
    pub fn written(&self) -> watch::Receiver<u64> {
        match &self.wire {
            Wire::Nodes(plc) => plc.written(),
            Wire::Registers(plc) => plc.written(),
        }
    }

    /// Moves the heartbeat, for ever.
    async fn live(&self, device: DeviceIndex) {
        let heartbeat = &self.plant.device(device).heartbeat;
        let Some(tag) = heartbeat.plc else { return std::future::pending().await };
        let word = Word { tag, bit: None };
        let mut tick = tokio::time::interval((heartbeat.stale_after / BEATS).max(BEAT_MIN));
        let mut beat = 0_u64;
        loop {
            tick.tick().await;
            beat = (beat + 1) % BEAT_WRAP;
            // A bit can only turn over.
            if self.put(&[(word, Value::UInt(beat))]).is_err() {
                let turned = self.put(&[(word, Value::Bool(beat % 2 == 1))]);
                if let Err(unfit) = turned {
                    tracing::warn!(%unfit, "the heartbeat of the stand-in cannot move");
                }
            }
        }
    }
}

async fn nodes(
    setup: &Setup,
    link: &OpcUaLink,
    boot: Boot,
) -> Result<(Controller, opcua_plc::Served), DemoError> {
    let Setup { plant, device, texts, listen, keys, password, now, stop } = setup;
    let name = plant.device(*device).id.as_str();
    let mut first = power_up::variants(plant, *device, texts, boot.long, now().wall);
    let words: Vec<Node> = plant
        .tags_of(*device)
        .filter_map(|(index, tag)| {
            let TagSource::Node(address) = &tag.source else { return None };
            Some(Node {
                name: tag.name.to_string().into(),
                address: Some(address.clone()),
                initial: first.remove(&index).unwrap_or(Variant::UInt32(0)),
                host: tag.writable,
            })
        })
        .collect();
    let user = link.login.as_ref().and_then(|login| match login {
        UserLogin::Password { user, .. } => Some(user.clone()),
        UserLogin::Certificate { .. } => None,
    });
    let rest = link.url.split_once("://").map_or("", |(_, rest)| rest);
    let path = rest.split_once('/').map_or_else(|| "/".to_owned(), |(_, path)| format!("/{path}"));
    let access = Access {
        listen: *listen,
        path,
        plain: link.security == Security::None,
        user: user.zip(password.clone()),
    };
    let namespace = format!("urn:pedigree:drill:{name}");
    let identity = Identity { name, namespace: &namespace, top: name };
    let (plc, served) =
        opcua_plc::make(identity, access, words, keys, now.clone(), stop.clone()).await?;
    let controller = Controller {
        plant: Arc::clone(plant),
        wire: Wire::Nodes(plc),
        url: served.url.clone(),
        thumbprint: Some(served.thumbprint.clone()),
    };
    Ok((controller, served))
}

async fn registers(
    setup: &Setup,
    unit: u8,
    boot: Boot,
) -> Result<(Controller, modbus_plc::Served), DemoError> {
    let Setup { plant, device, listen, .. } = setup;
    let named = plant.device(*device);
    let host = plant.tags_of(*device).filter(|(_, tag)| tag.writable);
    let host = host.filter_map(|(_, tag)| match &tag.source {
        TagSource::Register(register) => Some(addresses(register)),
        TagSource::Node(_) | TagSource::Field(_) => None,
    });
    let layout = Layout { unit, size: usize::from(u16::MAX) + 1, host: host.flatten().collect() };
    let (plc, served) = modbus_plc::make(named.id.as_str(), *listen, layout).await?;
    let controller = Controller {
        plant: Arc::clone(plant),
        wire: Wire::Registers(plc),
        url: served.url.clone(),
        thumbprint: None,
    };
    let restart = named.restart.map(|tag| (tag, Value::UInt(boot.short.into())));
    let version = named.interface.as_ref().map(|i| (i.tag, i.equals.clone()));
    for (tag, value) in restart.into_iter().chain(version) {
        if let Err(unfit) = controller.put(&[(Word { tag, bit: None }, value)]) {
            tracing::warn!(%unfit, "a word of the stand-in does not hold what it should");
        }
    }
    Ok((controller, served))
}

fn addresses(register: &Register) -> impl Iterator<Item = (Area, u16)> + use<> {
    let area = register.area;
    let end = register.address.saturating_add(register.span());
    (register.address..end).map(move |at| (area, at))
}
