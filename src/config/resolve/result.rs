//! Results that a machine tells of: the object and its methods, and fields instead of words.
use super::device::Kind;
use super::station::Around;
use super::word::{Use, bare, explicit};
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::TagName;
use crate::model::plant::{DeviceIndex, Handshake, NodeAddress, Results, TagSource, Word};
use std::time::Duration;

/// The name of a result in OPC 40001-101.
const NAME: &str = "ResultMetaData.ResultId";
/// Feeders may be told so much later than they should, over a slow network.
const MARGIN: Duration = Duration::from_millis(500);

impl Resolver<'_> {
    /// The field with the name of a result, which is also what is acknowledged.
    pub(super) fn result_name(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Word> {
        if self.lacks(t, "notifier", raw.notifier.as_ref()) {
            self.sink
                .error(&t.here(), format!("`{}` has no `notifier`", t.path))
                .label("`notifier` is required");
        }
        let notifier = raw.notifier.as_ref()?;
        let kind = t.device.and_then(|device| self.draft(device)?.kind)?;
        if kind == Kind::Modbus {
            self.error(t, notifier.span(), "a Modbus device tells of no results")
                .label("only for OPC UA");
            return None;
        }
        let name = raw.trigger.clone().unwrap_or_else(|| notifier.with(NAME.to_owned()));
        let word = self.word(t, &name, Use::Code)?;
        self.tags.get_mut(word.tag).writable = raw.ack.is_some();
        Some(word)
    }

    /// A field of a result. It is called by the object and its path, so that tests can give it.
    pub(super) fn field_word(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
    ) -> Option<Word> {
        let whole = !name.is_empty() && !explicit(name) && name.split('.').all(|p| !p.is_empty());
        if !whole {
            self.error(t, name.span(), format!("`{}` is no field of a result", **name))
                .label("wanted a field")
                .help("write `ResultMetaData.PartId`: fields of the result, one in the other");
            return None;
        }
        let called = format!("{}.{}", **t.notifier?, **name);
        let source = TagSource::Field((**name).clone());
        if let Some(tag) = self.tags.named(device, &called) {
            if self.tags.get(tag).source == source {
                return Some(Word { tag, bit: None });
            }
            self.error(t, name.span(), format!("`{called}` is a word of the device already"))
                .label("the same name");
            return None;
        }
        let called = self.name(t, &name.with(called), TagName::parse)?;
        Some(Word { tag: self.tags.add(bare(called, device, source)), bit: None })
    }

    /// The object and its methods.
    pub(super) fn results(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Results> {
        let (notifier, device) = (raw.notifier.as_ref()?, t.device?);
        if self.lacks(t, "time", raw.time.as_ref()) {
            self.sink
                .error(&t.here(), format!("`{}` has no `time`", t.path))
                .label("when was the result made?")
                .help("a result may be told long after: write `time = \"ResultMetaData.CreationTime\"`");
        }
        match (&raw.recover, &raw.fetch) {
            (Some(recover), None) if self.lacks(t, "fetch", raw.fetch.as_ref()) => {
                self.error(t, recover.span(), "`recover` names results, and nothing gets them")
                    .label("no `fetch`")
                    .help("write `fetch = \"GetResultById\"`");
            }
            (None, _) if self.lacks(t, "recover", raw.recover.as_ref()) => {
                self.sink
                    .warning(&t.here(), format!("`{}` has no `recover`", t.path))
                    .label("what is told while nobody listens is lost")
                    .help("write `recover = \"GetResultIdListFiltered\"` if the machine has it");
            }
            (Some(_) | None, _) => {}
        }
        let namespace = self.draft(device)?.namespace.clone()?;
        let node = Table { notifier: None, node: None, ..t.clone() };
        let (_, identifier) = self.identifier(&node, device, notifier)?;
        let place = t.place(notifier.span());
        if let Some(first) = self.notifiers.get(&(device, identifier.clone())).cloned() {
            let cited = self.sink.cite(&first);
            self.error(t, notifier.span(), format!("`{}` has two handshakes", **notifier))
                .label(format!("first at {cited}"))
                .help("the one would acknowledge what the other has not recorded");
        }
        self.notifiers.entry((device, identifier.clone())).or_insert(place);
        let method = |name: &Option<Spot<String>>| name.as_ref().map(|name| (**name).clone());
        Some(Results {
            notifier: NodeAddress { namespace, identifier },
            recover: method(&raw.recover),
            fetch: method(&raw.fetch),
            acknowledge: method(&raw.ack),
        })
    }

    /// How long a result waits to be recorded: what was in the feeders when it was made is told by their
    /// own subscription.
    pub(super) fn results_settle(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        handshake: &Handshake,
        around: &Around,
    ) -> Duration {
        if !handshake.takes_mounts() || around.mounts.is_empty() {
            return handshake.settle;
        }
        if let Some(mount) = around.mounts.iter().find(|mount| mount.lot.scope.word().is_some()) {
            let message = format!("the lot in `{}` cannot be known from results", mount.id);
            self.sink
                .error(&t.here(), message)
                .label("its scope stands in another word, and only snapshots read both together")
                .help("name the scope in the mount, or let the PLC ask with another pattern");
        }
        let publish = t.device.and_then(|device| Some(self.draft(device)?.publish));
        let told = publish.unwrap_or_default().saturating_mul(2).saturating_add(MARGIN);
        if raw.settle.is_some() { handshake.settle } else { told }
    }
}
