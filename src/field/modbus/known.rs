//! Whether a device is the one that was met before: then what it refused it refuses still.
use super::bus::Urgency;
use super::device::Task;
use super::gate::Leave;
use super::plan::{Block, Learned};
use super::probe::identify;
use super::watch::register;
use crate::model::Value;

/// Who a device says that it is, and which run of its program this is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Identity {
    objects: Vec<(u8, String)>,
    restart: Option<Value>,
}

impl Task {
    /// A new connection may be to another device or to a new program. What was learned is taken over only
    /// from one that was observed, says who it is, and is the same.
    pub(super) async fn recognise(&mut self) -> Result<Option<Identity>, Leave> {
        // Set anew when it is observed: refusals that kept it from that are forgotten.
        let before = self.met.take();
        let asked = before.is_some() || !self.reader.learned.is_empty();
        let met = if asked { self.identify().await? } else { None };
        if met.is_some() && met == before {
            let now = self.now().monotonic;
            self.reader.learned.renew(now);
        } else {
            self.reader.learned = Learned::default();
        }
        Ok(met)
    }

    /// Who it says that it is; `None` if it does not say.
    pub(super) async fn identify(&mut self) -> Result<Option<Identity>, Leave> {
        if self.mute {
            return Ok(None);
        }
        let objects = match identify(&self.reader.bus, &self.reader.link).await {
            Ok(objects) if objects.is_empty() => return Ok(None),
            Ok(objects) => objects,
            Err(fault) => {
                // Some fall silent at a function that they do not know: never again.
                self.mute = true;
                return Err(fault.into());
            }
        };
        Ok(Some(Identity { objects, restart: self.run().await? }))
    }

    async fn run(&mut self) -> Result<Option<Value>, Leave> {
        let Some(tag) = self.device().restart else { return Ok(None) };
        let register = register(self.reader.plant.tag(tag));
        let block = register.and_then(|at| Block::single(tag, at, &self.reader.link.limits));
        let Some(block) = block else { return Ok(None) };
        let (samples, _) = self.reader.read(Urgency::Request, &block).await?;
        Ok(samples.first().and_then(|sample| sample.good()).cloned())
    }
}
