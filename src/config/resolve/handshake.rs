//! Handshakes: request, items, data, answer.
use super::device::Kind;
use super::ring::Slots;
use super::station::Around;
use super::word::{Use, explicit};
use super::{Resolver, Table};
use crate::config::raw::{self, FirstWord};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::plant::{First, Handshake, Pattern, TagIndex};
use crate::model::{HandshakeId, Verb};
use std::time::Duration;

const RELEASE: Duration = Duration::from_secs(10);

/// Events that a handshake can yield.
pub(super) const VERBS: [Verb; 17] = [
    Verb::Arrive,
    Verb::Complete,
    Verb::Produce,
    Verb::Consume,
    Verb::Install,
    Verb::Remove,
    Verb::Pack,
    Verb::Split,
    Verb::Merge,
    Verb::Inspect,
    Verb::Scrap,
    Verb::Rework,
    Verb::Identify,
    Verb::Note,
    Verb::Open,
    Verb::Close,
    Verb::Dry,
];

impl Resolver<'_> {
    /// Reads a handshake.
    pub(super) fn handshake(
        &mut self,
        station: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Handshake,
        around: &Around,
    ) -> Option<Handshake> {
        let t = self.node_table(station.under("handshake", name, raw.node.as_ref()));
        let forms = self.forms_of(&t, raw);
        let t = Table { notifier: raw.notifier.as_ref(), forms: Some(&forms), ..t };
        let id = self.name(&t, name, HandshakeId::parse);
        let event = raw.event.as_ref().and_then(|event| self.verb(&t, event, &VERBS));
        let request = self.request(&t, raw);
        let is_ring = request.pattern == Some(Pattern::Ring);
        let slots = if is_ring { self.slots(&t, raw) } else { None };
        let first = slots.as_ref().and_then(|slots| self.first_slot(&t, raw, slots));
        let t = Table { node: first.as_ref().or(t.node), ..t };
        let items = event.map(|event| self.items(&t, event, raw));
        let members = self.members(&t, event, raw);
        let data = self.data(&t, event, raw);
        let guard = self.guard(&t, raw);
        let carrier = self.carrier(&t, raw);
        let context = self.context(&t, raw);
        let answer = self.answer(&t, raw, around);
        let (deadline, settle) = self.deadline(&t, raw);
        let release = self.period(&t, raw.release.as_ref(), RELEASE);
        let (item, other) = items?;
        let nest = item.as_ref().zip(event);
        let nest = nest.and_then(|(item, event)| self.nest(&t, event, raw, item, around));
        let handshake = Handshake {
            id: id?,
            pattern: request.pattern?,
            event: event?,
            trigger: request.trigger?,
            number: request.number,
            ack: request.ack,
            ring: None,
            results: None,
            guard,
            snapshot: Vec::new(),
            deadline,
            settle,
            stable: raw.stable.as_ref().is_some_and(|stable| **stable),
            release,
            first: first_contact(raw),
            item: item?,
            other: other?,
            members,
            position: data.position,
            nest,
            carrier,
            context,
            quantity: data.quantity,
            time: data.time,
            best_before: data.best_before,
            product: data.product,
            material: data.material,
            operation: data.operation,
            badge: data.badge,
            result: data.result,
            measurements: data.measurements,
            checks: answer.checks,
            replies: answer.replies,
            permit: answer.permit,
            reasons: answer.reasons,
            overrule: answer.overrule,
            on_late: answer.on_late,
        };
        self.laid_out(&t, raw, slots, around, handshake)
    }

    /// What is read for it, and where; and what its keys may not say together.
    fn laid_out(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        slots: Option<Slots>,
        around: &Around,
        mut handshake: Handshake,
    ) -> Option<Handshake> {
        if handshake.pattern == Pattern::Results {
            handshake.results = Some(self.results(t, raw, handshake.trigger.tag)?);
        }
        handshake.snapshot = super::snapshot::words(&handshake, around);
        if handshake.pattern == Pattern::Results {
            handshake.settle = self.results_settle(t, raw, &handshake, around);
        }
        handshake.ring = slots.and_then(|slots| self.ring(t, raw, &slots, &handshake));
        if let Some(first) = handshake.ring.as_ref().and_then(|ring| ring.slots.first()) {
            handshake.snapshot = first.get(1..).unwrap_or_default().to_vec();
        } else if handshake.pattern == Pattern::Ring {
            return None;
        }
        self.check_late(t, raw, &handshake, around);
        self.check_load(t, raw, &handshake);
        self.check_snapshot(t, &handshake);
        self.check_rules(t, raw, &handshake, around);
        Some(handshake)
    }

    /// The two words that the PLC sets around the data.
    fn guard(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<(TagIndex, TagIndex)> {
        let guard = raw.guard.as_ref()?;
        let [first, last] = guard.as_slice() else {
            self.error(t, guard.span(), format!("`guard` has {} words", guard.len()))
                .label("wanted two: one set before the data, one after");
            return None;
        };
        let words = (self.tag(t, first, Use::Snapshot)?, self.tag(t, last, Use::Snapshot)?);
        if words.0 == words.1 {
            self.error(t, last.span(), format!("`{}` cannot guard alone", **last))
                .label("the same word");
        }
        Some(words)
    }

    /// Refuses a `node` that cannot stand before names.
    pub(super) fn node_table<'t>(&mut self, t: Table<'t>) -> Table<'t> {
        let Some(node) = t.node else { return t };
        let kind = t.device.and_then(|device| self.draft(device)?.kind);
        if kind == Some(Kind::Modbus) {
            self.error(&t, node.span(), "a Modbus device has no nodes")
                .label("only for OPC UA")
                .help("write the names of its tags");
            return Table { node: None, ..t };
        }
        if node.is_empty() || node.starts_with("ns") && node.contains('=') {
            self.error(&t, node.span(), format!("`node` cannot be `{}`", **node))
                .label("wanted the name that stands before the others, or `i=1001`")
                .help("the namespace is `namespace` of the device");
            return Table { node: None, ..t };
        }
        if explicit(node) && !self.check_explicit(&t, node) {
            return Table { node: None, ..t };
        }
        t
    }

    /// The event that a text names, of those that are possible here.
    pub(super) fn verb(
        &mut self,
        t: &Table<'_>,
        raw: &Spot<String>,
        possible: &[Verb],
    ) -> Option<Verb> {
        let found = possible.iter().copied().find(|verb| verb.as_str() == raw.as_str());
        if found.is_none() {
            let of_house = ["unpack", "mount", "unmount", "move", "receive"];
            let of_house =
                of_house.into_iter().chain(["ship", "hold", "release", "clean", "correct"]);
            let all = of_house.chain(VERBS.iter().map(|verb| verb.as_str()));
            let message = if all.into_iter().any(|verb| verb == raw.as_str()) {
                format!("`{}` is not an event of this kind of table yet", **raw)
            } else {
                format!("`{}` is not an event", **raw)
            };
            let hint = similar::hint(raw, "events here", possible.iter().map(|verb| verb.as_str()));
            self.error(t, raw.span(), message).label("not an event here").help(hint);
        }
        found
    }
}

fn first_contact(raw: &raw::Handshake) -> First {
    match raw.first.as_ref().map(|first| **first) {
        Some(FirstWord::Process) => First::Process,
        Some(FirstWord::Baseline) | None => First::Baseline,
    }
}
