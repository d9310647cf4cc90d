//! Which requests write the words of a reply. Pure; all of it is checked before any of it is sent.
use super::bus::Ask;
use super::decode::{CodecFault, encode};
use crate::model::plant::{Area, DeviceIndex, Plant, TagSource};
use crate::model::{TagName, Write};

/// Most registers that one request can write (Modbus Application Protocol V1.1b3, §6.12).
const WORDS_MAX: usize = 123;

/// Why words are not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteFault {
    /// The plant file names it nowhere as `ack`, `reply` or host heartbeat.
    #[error("`{0}` is no word that is ever written")]
    Forbidden(TagName),
    /// It is an input, or another device's, or no register at all.
    #[error("`{0}` cannot be written: it is no coil and no holding register of this device")]
    Area(TagName),
    /// One bit of a register: read, change, write would race with the PLC.
    #[error("one bit of `{0}` cannot be written without the others: name a coil or a whole word")]
    Bit(TagName),
    /// The value does not fit the word.
    #[error("`{tag}` cannot be written: {fault}")]
    Value {
        /// Which word.
        tag: TagName,
        /// Why.
        #[source]
        fault: CodecFault,
    },
}

/// The requests for a set of words: registers side by side go together.
pub(super) fn plan_writes(
    plant: &Plant,
    device: DeviceIndex,
    writes: &[Write],
) -> Result<Vec<Ask>, WriteFault> {
    let mut asks = writes
        .iter()
        .map(|write| plan_write(plant, device, write))
        .collect::<Result<Vec<Ask>, WriteFault>>()?;
    asks.sort_by_key(|ask| match ask {
        Ask::WriteWords(at, _) => (false, *at),
        Ask::WriteCoil(at, _) => (true, *at),
        Ask::Open | Ask::Read(..) | Ask::Identify(_) => (true, u16::MAX),
    });
    asks.dedup_by(|next, last| match (last, next) {
        (Ask::WriteWords(at, words), Ask::WriteWords(next_at, more))
            if usize::from(*at) + words.len() == usize::from(*next_at)
                && words.len() + more.len() <= WORDS_MAX =>
        {
            words.append(more);
            true
        }
        _ => false,
    });
    Ok(asks)
}

/// The request for one word.
pub(super) fn plan_write(
    plant: &Plant,
    device: DeviceIndex,
    write: &Write,
) -> Result<Ask, WriteFault> {
    let tag = plant.tag(write.tag);
    let area = || WriteFault::Area(tag.name.clone());
    if !tag.writable {
        return Err(WriteFault::Forbidden(tag.name.clone()));
    }
    let TagSource::Register(register) = &tag.source else { return Err(area()) };
    if tag.device != device {
        return Err(area());
    }
    let words = encode(register, &write.value)
        .map_err(|fault| WriteFault::Value { tag: tag.name.clone(), fault });
    match (register.area, write.bit) {
        (Area::Coil, None | Some(0)) => {
            Ok(Ask::WriteCoil(register.address, words?.first().is_some_and(|bit| *bit != 0)))
        }
        (Area::Holding, None) => Ok(Ask::WriteWords(register.address, words?)),
        (Area::Coil | Area::Holding, Some(_)) => Err(WriteFault::Bit(tag.name.clone())),
        (Area::Input | Area::Discrete, _) => Err(area()),
    }
}
