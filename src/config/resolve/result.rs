//! Results that a machine tells of: the object and its methods, and fields instead of words.
use super::condition::Asks;
use super::device::Kind;
use super::station::Around;
use super::word::{Use, bare, explicit};
use super::{Resolver, Table};
use crate::config::fault::Place;
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::TagName;
use crate::model::plant::{
    DeviceIndex, Handshake, NodeAddress, Results, TagIndex, TagSource, Word,
};
use std::time::Duration;

/// The name of a result in OPC 40001-101.
const NAME: &str = "ResultMetaData.ResultId";
/// What an event of any type is known by (OPC 10000-5 §6.4.2).
const EVENT_ID: &str = "EventId";
/// Feeders may be told so much later than they should, over a slow network.
const MARGIN: Duration = Duration::from_millis(500);

/// A handshake that an object tells of results, and where it names the object.
#[derive(Debug)]
pub(super) struct Told {
    place: Place,
    name: TagIndex,
    results: Results,
}

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
        let name = if raw.event_type.is_some() { EVENT_ID } else { NAME };
        let name = raw.trigger.clone().unwrap_or_else(|| notifier.with(name.to_owned()));
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
    pub(super) fn results(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        name: TagIndex,
    ) -> Option<Results> {
        let (notifier, device) = (raw.notifier.as_ref()?, t.device?);
        if raw.event_type.is_some() {
            self.of_own_type(t, raw);
        } else if self.lacks(t, "time", raw.time.as_ref()) {
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
            (None, None)
                if raw.event_type.is_none() && self.lacks(t, "recover", raw.recover.as_ref()) =>
            {
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
        let only = raw.only.as_ref().and_then(|only| self.condition(t, only, Asks::Field));
        let method = |name: &Option<Spot<String>>| name.as_ref().map(|name| (**name).clone());
        let results = Results {
            notifier: NodeAddress { namespace, identifier: identifier.clone() },
            event_type: method(&raw.event_type),
            recover: method(&raw.recover),
            fetch: method(&raw.fetch),
            acknowledge: method(&raw.ack),
            only: only.clone(),
        };
        // What is wrong with it was said, and without it others would be told to have too much.
        if raw.only.is_some() && only.is_none() {
            return Some(results);
        }
        let told = Told { place: t.place(notifier.span()), name, results: results.clone() };
        let before = self.notifiers.remove(&(device, identifier.clone())).unwrap_or_default();
        let fits = before.iter().all(|first| self.fits_beside(t, raw, first, &told));
        let all = before.into_iter().chain(fits.then_some(told)).collect();
        self.notifiers.insert((device, identifier), all);
        Some(results)
    }

    /// Events of a type of the machine's own have all that there is, and are told once.
    fn of_own_type(&mut self, t: &Table<'_>, raw: &raw::Handshake) {
        let methods = [("recover", &raw.recover), ("fetch", &raw.fetch), ("ack", &raw.ack)];
        for (key, name) in methods {
            let Some(name) = name else { continue };
            self.error(t, name.span(), format!("`{key}` is a method of results"))
                .label("an event of another type has all that there is")
                .help("leave it out, or leave out `event_type` where the machine tells of results as OPC 40001-101 has it");
        }
        self.sink
            .warning(&t.here(), format!("what `{}` is told while nobody listens is lost", t.path))
            .label("events are told once")
            .help("each outage is a gap; let the machine count its parts in a word, or keep results, if none may be missing");
    }

    /// Whether a handshake can share what an object tells of with another one.
    fn fits_beside(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        first: &Told,
        told: &Told,
    ) -> bool {
        let Some(notifier) = raw.notifier.as_ref() else { return false };
        let cited = self.sink.cite(&first.place);
        let at = raw.only.as_ref().unwrap_or(notifier).span();
        let asks = |told: &Told| {
            let Results { notifier: _, event_type, recover, fetch, acknowledge, only: _ } =
                &told.results;
            let methods = (recover.clone(), fetch.clone(), acknowledge.clone());
            (told.name, event_type.clone(), methods)
        };
        if asks(first) != asks(told) {
            let message = format!("`{}` is asked in two ways", **notifier);
            self.error(t, notifier.span(), message)
                .label(format!("otherwise than at {cited}"))
                .help("one object is asked once for all: write the same `notifier`, `event_type`, `trigger`, `recover`, `fetch` and `ack`");
            return false;
        }
        let (message, help) = match (&first.results.only, &told.results.only) {
            (None, None) => (
                format!("two handshakes take all results of `{}`", **notifier),
                "say by a field of the result which are meant: `only = \"ResultMetaData.JobId = LEFT\"`; one without it takes the others",
            ),
            (Some(one), Some(other)) if one.word != other.word => (
                format!("the results of `{}` are told apart by two fields", **notifier),
                "one result could be meant by both: ask for the same field with other values",
            ),
            (Some(one), Some(other)) if one.meets(other) => (
                format!("two handshakes take the same results of `{}`", **notifier),
                "each result belongs to one handshake: ask for other values",
            ),
            (Some(_) | None, Some(_)) | (Some(_), None) => return true,
        };
        self.error(t, at, message).label(format!("beside the one at {cited}")).help(help);
        false
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
