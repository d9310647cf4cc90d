//! What a handshake reads after its trigger: derived from what its event uses, never written down.
use super::station::Around;
use super::{Resolver, Table};
use crate::model::plant::{
    Area, CodeFrom, CodeSpec, Handshake, Pattern, ReadLimits, Ring, TagIndex, TagSource, Word,
};

/// The words of an event in their fixed order, each tag once, without trigger and ack.
pub(super) fn words(handshake: &Handshake, around: &Around) -> Vec<TagIndex> {
    let Handshake { number, item, other, .. } = handshake;
    let mut words: Vec<Word> = Vec::new();
    words.extend(number.map(|counter| Word { tag: counter.tag, bit: None }));
    let code = |code: &CodeSpec| {
        let from = match code.from {
            CodeFrom::Word(word) => Some(word),
            CodeFrom::Current | CodeFrom::Carried | CodeFrom::Passage | CodeFrom::Order => None,
        };
        from.into_iter().chain(code.scope.word())
    };
    words.extend(code(item));
    words.extend(other.iter().chain(&handshake.members).flat_map(code));
    words.extend(handshake.quantity.as_ref().map(|quantity| quantity.word));
    words.extend(handshake.carrier.as_ref().map(|carrier| carrier.word));
    words.extend(handshake.context.iter().map(|(_, word)| *word));
    let plain = [
        handshake.nest,
        handshake.position,
        handshake.time,
        handshake.product,
        handshake.material,
        handshake.operation,
        handshake.badge,
    ];
    words.extend(plain.into_iter().flatten());
    words.extend(handshake.overrule.iter().flat_map(|o| [o.badge, o.reason]));
    words.extend(handshake.result.as_ref().map(|result| result.word));
    words.extend(handshake.measurements.iter().map(|measurement| measurement.word));
    let guard = handshake.guard.into_iter().flat_map(|(first, last)| [first, last]);
    words.extend(guard.map(|tag| Word { tag, bit: None }));
    let only = handshake.results.iter().filter_map(|results| results.only.as_ref());
    words.extend(only.map(|only| only.word));
    // A result has its own fields and nothing of the station.
    if handshake.pattern != Pattern::Results {
        words.extend(around.purpose.from.as_ref().map(|(word, _)| *word));
        words.extend(around.evidence.iter().map(|(word, _)| *word));
        for mount in &around.mounts {
            words.extend(code(&mount.lot));
            words.extend(mount.counters().map(|counter| Word { tag: counter.tag, bit: None }));
        }
        if handshake.checks.iter().any(|check| check.asks_of_feeders()) {
            words.extend(around.mounts.iter().filter_map(|mount| mount.material));
        }
    }
    let mut tags = Vec::new();
    for Word { tag, .. } in words {
        let framed =
            tag == handshake.trigger.tag || handshake.ack.is_some_and(|ack| ack.tag == tag);
        if !framed && !tags.contains(&tag) {
            tags.push(tag);
        }
    }
    tags
}

/// Why a snapshot is torn over several requests.
enum Torn {
    Areas(&'static str, &'static str),
    Long { needed: u32, limit: u16 },
    Hole(u16, u16),
}

impl Resolver<'_> {
    /// A Modbus snapshot that takes more than one request can be torn by the PLC's next cycle.
    pub(super) fn check_snapshot(&mut self, t: &Table<'_>, handshake: &Handshake) {
        if handshake.stable {
            return;
        }
        let limits = t.device.and_then(|device| self.draft(device)?.limits.clone());
        let Some(limits) = limits else { return };
        let seq = handshake.ring.as_ref().and_then(Ring::seq);
        let trigger = seq.unwrap_or(handshake.trigger.tag);
        let tags = handshake.snapshot.iter().chain([&trigger]);
        let registers = tags.filter_map(|tag| match &self.tags.get(*tag).source {
            TagSource::Register(register) => {
                let last = u32::from(register.address) + u32::from(register.kind.len()) - 1;
                Some((register.area, u32::from(register.address), last))
            }
            TagSource::Node(_) | TagSource::Field(_) => None,
        });
        let registers: Vec<_> = registers.collect();
        let Some(torn) = torn(&registers, &limits) else { return };
        let message = format!("the words of `{}` cannot be read in one request", t.path);
        let label = match torn {
            Torn::Areas(one, other) => format!("they are spread over `{one}` and `{other}`"),
            Torn::Long { needed, limit } => {
                format!("they span {needed}, one request reads {limit}")
            }
            Torn::Hole(first, last) => format!("the hole {first}..{last} lies between them"),
        };
        self.sink.error(&t.here(), message).label(label).help(
            "set `stable = true`: it is read twice until equal; or put trigger and data side by \
             side in the PLC",
        );
    }
}

fn torn(registers: &[(Area, u32, u32)], limits: &ReadLimits) -> Option<Torn> {
    let (area, ..) = *registers.first()?;
    if let Some((other, ..)) = registers.iter().find(|(other, ..)| *other != area) {
        return Some(Torn::Areas(area.name(), other.name()));
    }
    let first = registers.iter().map(|(_, first, _)| *first).min()?;
    let last = registers.iter().map(|(.., last)| *last).max()?;
    let limit = match area {
        Area::Holding | Area::Input => limits.words,
        Area::Coil | Area::Discrete => limits.bits,
    };
    let needed = last - first + 1;
    if needed > u32::from(limit) {
        return Some(Torn::Long { needed, limit });
    }
    let hole = limits
        .holes
        .iter()
        .find(|(of, from, to)| *of == area && u32::from(*from) <= last && u32::from(*to) >= first);
    hole.map(|(_, from, to)| Torn::Hole(*from, *to))
}
