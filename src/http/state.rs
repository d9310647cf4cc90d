//! What the daemon gives this room: the read side, the way in for commands, and what is live.
use super::adopt::AdoptPort;
use super::commands::CommandPort;
use super::reload::ReloadPort;
use super::tap::TapEvent;
use super::{Notary, Source};
use crate::model::{DeviceId, Text, Utc};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{broadcast, watch};

/// What the pages and the API are made from. Cheap to clone.
#[derive(Clone)]
pub struct AppState {
    /// The read side.
    pub source: Arc<dyn Source>,
    /// The way in for commands.
    pub commands: CommandPort,
    /// The way in for whoever wants the plant files read anew.
    pub reloads: ReloadPort,
    /// The way in for whoever wants a replay adopted.
    pub adoptions: AdoptPort,
    /// Who signs checkpoints and proves what is under them.
    pub notary: Arc<dyn Notary>,
    /// Where people who watch listen; while nobody does, nothing need be sent.
    pub tap: broadcast::Sender<TapEvent>,
    /// Where people who look at registers listen.
    pub raw: broadcast::Sender<TapEvent>,
    /// Whether the daemon can do its work.
    pub readiness: watch::Receiver<Readiness>,
    /// How each device stands, in the order of the plant.
    pub devices: Devices,
    /// Whom to tell at which customer.
    pub contacts: Arc<BTreeMap<Text, Text>>,
}

/// How each device stands when it is called.
pub type Devices = Arc<dyn Fn() -> Vec<DeviceView> + Send + Sync>;

/// How a device stands.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct DeviceView {
    /// Which.
    pub id: DeviceId,
    /// `opcua` or `modbus`.
    pub protocol: &'static str,
    /// Where.
    pub url: String,
    /// The stage of its connection: `live` is observed.
    pub stage: &'static str,
    /// Since when.
    pub since: Utc,
    /// Why the last attempt ended, with what to do.
    pub last_fault: Option<String>,
    /// Whether it is spoken to without encryption.
    pub insecure: bool,
}

/// Whether the daemon can do its work; each `Err` is a sentence that says why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Readiness {
    /// Records can be written.
    pub ledger: Result<(), String>,
    /// What is asked is answered from a record near the last durable one.
    pub index: Result<(), String>,
}

impl Readiness {
    /// Ready.
    pub const READY: Self = Self { ledger: Ok(()), index: Ok(()) };

    /// Before anything is open.
    pub fn starting() -> Self {
        let why = || Err("it is being opened".to_owned());
        Self { ledger: why(), index: why() }
    }

    /// Why not, each with what it is about; empty if ready.
    pub(super) fn reasons(&self) -> Vec<String> {
        [("ledger", &self.ledger), ("index", &self.index)]
            .into_iter()
            .filter_map(|(what, state)| state.as_ref().err().map(|why| format!("{what}: {why}")))
            .collect()
    }
}
