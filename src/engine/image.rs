//! The durable half as bytes, so that not every start has to fold every record.
use super::Engine;
use super::state::Said;
use crate::capture::{Capture, Memory};
use crate::condition::Alarms;
use crate::condition::Usages;
use crate::model::{MonitorId, PersonKey, Position, StationId, wire};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// The form of what an image says. It goes up with every change of what is folded, or of how: an image says
/// what the records say, and nothing else.
pub const IMAGE_SCHEMA: u32 = 3;

/// All that records made of the engine.
#[derive(Encode, Decode)]
#[cbor(map)]
struct Image {
    #[n(0)]
    last: Position,
    #[n(1)]
    plant: Option<Position>,
    #[n(2)]
    verdicts: BTreeMap<(StationId, MonitorId), Said>,
    #[n(3)]
    memory: Memory,
    #[n(4)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    ended: BTreeMap<(StationId, MonitorId), u32>,
    #[n(5)]
    alarms: Alarms,
    #[n(6)]
    #[cbor(default, skip_if = "Usages::is_empty")]
    usages: Usages,
}

impl Engine {
    /// The durable half: equal halves are equal bytes.
    pub fn image(&self) -> Vec<u8> {
        wire::encode(&Image {
            last: self.last,
            plant: self.plant,
            verdicts: self.verdicts.clone(),
            memory: self.capture.memory().clone(),
            ended: self.ended.clone(),
            alarms: self.alarms.clone(),
            usages: self.usages.clone(),
        })
    }

    /// As it was after the last record of an image; badges become tokens under this key.
    ///
    /// # Errors
    /// If it is no image of this form.
    pub fn from_image(persons: PersonKey, image: &[u8]) -> Result<Self, minicbor::decode::Error> {
        let Image { last, plant, verdicts, memory, ended, alarms, usages } = wire::decode(image)?;
        let new = Self::new(persons.clone());
        let capture = Capture::remembering(persons, memory);
        Ok(Self { capture, verdicts, ended, alarms, usages, last, plant, ..new })
    }
}
