//! Rings: which slots there are, where the words of each stand, and what cannot be said of an entry that
//! was put there some time ago.
use super::device::Kind;
use super::station::Around;
use super::word::{Use, bare};
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::plant::{
    CodeFrom, Handshake, NodeAddress, Pattern, Register, Ring, Tag, TagIndex, TagSource,
};
use crate::model::{TagName, Verb};

/// So many words are read at once, and so many slots at most.
const BATCH_WORDS: usize = 128;
const BATCH_SLOTS: usize = 16;
/// More slots than this are a slip of the pen.
const SLOTS_MAX: u32 = 1024;

/// `Ring[0..15]`: what stands before and after the number, and its range.
pub(super) struct Slots {
    before: String,
    after: String,
    first: u32,
    last: u32,
}

impl Slots {
    fn parse(text: &str) -> Option<Self> {
        let (before, rest) = text.split_once("..")?;
        let from = before.trim_end_matches(|c: char| c.is_ascii_digit());
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        let (last, after) = rest.split_at_checked(end)?;
        let first = before.get(from.len()..)?.parse().ok()?;
        let last = last.parse().ok().filter(|last| *last > first)?;
        let (before, after) = (from.to_owned(), after.to_owned());
        (last - first < SLOTS_MAX).then_some(Self { before, after, first, last })
    }

    fn name(&self, slot: u32) -> String {
        format!("{}{slot}{}", self.before, self.after)
    }
}

impl Resolver<'_> {
    /// The slots of a handshake that has some.
    pub(super) fn slots(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<Slots> {
        let written = raw.ring.as_ref()?.slots.as_ref()?;
        let slots = Slots::parse(written);
        if slots.is_none() {
            self.error(t, written.span(), format!("`{}` is no range of slots", **written))
                .label("wanted two or more, such as `Ring[0..15]`; on Modbus `0..15`");
        }
        slots
    }

    /// What stands before the words of the first slot; Modbus has its own tags.
    pub(super) fn first_slot(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        slots: &Slots,
    ) -> Option<Spot<String>> {
        let kind = t.device.and_then(|device| self.draft(device)?.kind)?;
        let written = raw.ring.as_ref()?.slots.as_ref()?;
        if kind == Kind::Modbus {
            return None;
        }
        let name = slots.name(slots.first);
        let name = t.node.map_or_else(|| name.clone(), |node| format!("{}.{name}", **node));
        Some(written.with(name))
    }

    /// The words of all slots, by those of the first.
    pub(super) fn ring(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        slots: &Slots,
        handshake: &Handshake,
    ) -> Option<Ring> {
        let written = raw.ring.as_ref()?;
        let name = written.seq.as_ref()?;
        let seq = self.tag(t, name, Use::Snapshot)?;
        self.counter(t, name, crate::model::plant::Word { tag: seq, bit: None })?;
        let data = handshake.snapshot.iter().copied().filter(|tag| *tag != seq);
        let first: Vec<TagIndex> = std::iter::once(seq).chain(data).collect();
        let kind = t.device.and_then(|device| self.draft(device)?.kind)?;
        let stride = match kind {
            Kind::OpcUa => {
                if let Some(stride) = &written.stride {
                    self.error(t, stride.span(), "an OPC UA ring has no stride")
                        .label("only for Modbus");
                }
                None
            }
            Kind::Modbus => Some(self.stride(t, written, slots, &first)?),
        };
        let mut all = vec![first.clone()];
        for slot in slots.first + 1..=slots.last {
            let tags = first.iter().map(|tag| match stride {
                Some(stride) => self.register_in(*tag, slot - slots.first, stride),
                None => self.node_in(t, raw, slots, *tag, slot),
            });
            all.push(tags.collect::<Option<_>>()?);
        }
        let batch = match kind {
            Kind::OpcUa => (BATCH_WORDS / first.len().saturating_add(1)).clamp(1, BATCH_SLOTS),
            // Each slot is one request.
            Kind::Modbus => 1,
        };
        Some(Ring { slots: all, batch })
    }

    fn stride(
        &mut self,
        t: &Table<'_>,
        written: &Spot<raw::Ring>,
        slots: &Slots,
        first: &[TagIndex],
    ) -> Option<u16> {
        let Some(stride) = &written.stride else {
            self.error(t, written.span(), format!("the ring of `{}` has no `stride`", t.path))
                .label("no `stride`")
                .help("say how many registers lie from one slot to the next");
            return None;
        };
        let registers = first.iter().filter_map(|tag| match &self.tags.get(*tag).source {
            TagSource::Register(register) => Some(register),
            TagSource::Node(_) | TagSource::Field(_) => None,
        });
        let ends = registers.map(|r| (u32::from(r.address), u32::from(r.address + r.span())));
        let (from, to) = ends.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)))?;
        let many = slots.last - slots.first;
        if to - from > u32::from(**stride) {
            let message =
                format!("a slot of {} registers does not fit into {}", to - from, **stride);
            self.error(t, stride.span(), message).label("slots would overlap");
            return None;
        }
        if to + many * u32::from(**stride) > u32::from(u16::MAX) + 1 {
            self.error(t, stride.span(), "the last slot ends beyond 65535").label("too far");
            return None;
        }
        Some(**stride)
    }

    /// The same register in another slot.
    fn register_in(&mut self, tag: TagIndex, slot: u32, stride: u16) -> Option<TagIndex> {
        let first = self.tags.get(tag).clone();
        let TagSource::Register(register) = first.source else { return None };
        let by = u16::try_from(slot * u32::from(stride)).ok()?;
        let address = register.address.checked_add(by)?;
        let source = TagSource::Register(Register { address, ..register });
        let name = TagName::parse(&format!("{}[{slot}]", first.name)).ok()?;
        if let Some(known) = self.tags.named(first.device, name.as_str()) {
            return Some(known);
        }
        Some(self.tags.add(Tag { name, source, ..first }))
    }

    /// The same node in another slot.
    fn node_in(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        slots: &Slots,
        tag: TagIndex,
        slot: u32,
    ) -> Option<TagIndex> {
        let first = self.tags.get(tag).clone();
        let TagSource::Node(NodeAddress { namespace, identifier }) = first.source else {
            return None;
        };
        let root = self.draft(first.device).map(|draft| draft.root.clone()).unwrap_or_default();
        let node = raw.node.as_ref().map(|node| format!("{}.", **node)).unwrap_or_default();
        let prefix = format!("s={root}{node}{}.", slots.name(slots.first));
        let Some(word) = identifier.strip_prefix(&prefix) else {
            let message = format!("`{}` is in no slot of the ring", first.name);
            let used = self.used.iter().rev().find(|used| used.word.tag == tag);
            let place = used.map_or_else(|| t.here(), |used| used.place.clone());
            self.sink
                .error(&place, message)
                .label(format!("wanted a word below `{}`", slots.name(slots.first)));
            return None;
        };
        let local = format!("{node}{}.{word}", slots.name(slot));
        let identifier = format!("s={root}{local}");
        if let Some(known) = self.tags.at_node(first.device, &identifier) {
            return Some(known);
        }
        let name = TagName::parse(&local).ok()?;
        let source = TagSource::Node(NodeAddress { namespace, identifier: identifier.clone() });
        let mut tag = bare(name, first.device, source);
        (tag.range, tag.bad, tag.names) = (first.range, first.bad, first.names);
        let index = self.tags.add(tag);
        self.tags.claim_node(first.device, &identifier, index);
        Some(index)
    }

    /// What is read from a slot was put there some time ago: nothing of the station as it is now belongs
    /// to it, and nobody waits for an answer.
    pub(super) fn check_late(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Handshake,
        handshake: &Handshake,
        around: &Around,
    ) {
        let (what, late) = match handshake.pattern {
            Pattern::Ring => ("an entry of a ring", true),
            Pattern::Results => ("a result", true),
            Pattern::Edge => ("a pulse", false),
            Pattern::Counter | Pattern::ReqAck | Pattern::Toggle | Pattern::State(_) => return,
        };
        let reply = raw.reply.iter().next().map(|(name, _)| name.span());
        let check = raw.check.iter().flatten().next().map(Spot::span);
        let permit = raw.permit.as_ref().map(Spot::span);
        if let Some(at) = reply.or(check).or(permit) {
            self.error(t, at, format!("{what} is not answered"))
                .label("nobody waits for it")
                .help("ask with another pattern, or only record what was done");
        }
        let named = matches!(handshake.item.from, CodeFrom::Word(_));
        if !named && (late || handshake.number.is_none()) {
            let item = [&raw.serial, &raw.lot].into_iter().flatten().next();
            let at = item.map_or(t.key.clone(), Spot::span);
            self.error(t, at, format!("`{}` does not say which item it is about", t.path))
                .label("without a code it would be whatever is at the station now");
        }
        let current = matches!(handshake.event, Verb::Arrive);
        let made =
            matches!(handshake.event, Verb::Complete | Verb::Produce | Verb::Scrap | Verb::Rework);
        if late && current {
            let at = raw.event.as_ref().map_or(t.key.clone(), Spot::span);
            self.error(t, at, format!("`arrive` cannot come from {what}"))
                .label("by then another item may be at the station");
        }
        let now = match (around.mounts.is_empty(), around.purpose.from.is_some()) {
            (false, _) if made && handshake.pattern == Pattern::Ring => Some("lots in the feeders"),
            (_, true) => Some("purpose"),
            (_, false) if !around.evidence.is_empty() => Some("evidence"),
            (_, false) => None,
        };
        if let Some(now) = now.filter(|_| late) {
            self.sink
                .error(&t.here(), format!("the {now} of {what} cannot be known"))
                .label("they are read as they are now, not as they were")
                .help("let the PLC ask with another pattern at this station");
        }
    }
}
