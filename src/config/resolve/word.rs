//! From a name in a plant file to a word of a device.
use super::device::Kind;
use super::{Resolver, Table};
use crate::config::fault::Place;
use crate::config::similar;
use crate::config::spot::Spot;
use crate::model::TagName;
use crate::model::plant::{Area, DeviceIndex, NodeAddress, Tag, TagIndex, TagSource, Word};
use std::collections::BTreeMap;

/// What a word is named for; decides how it is watched and whether it may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Use {
    /// The request word of a handshake.
    Trigger,
    /// The echo word of a handshake.
    Ack,
    /// A word to answer with.
    Reply,
    /// The word by which we show that we live.
    HostBeat,
    /// The word by which the PLC shows that it lives.
    PlcBeat,
    /// `restart`, `interface`: looked at slowly.
    Watched,
    /// A monitor.
    Monitor,
    /// Phases and mounts: no change may be missed.
    Every,
    /// Of whose values a phase makes statistics: no change may be missed, but for what the tag itself says.
    Record,
    /// Read with a snapshot only.
    Snapshot,
    /// The code of an item, read with a snapshot.
    Code,
    /// Who did it, read with a snapshot.
    Badge,
}

/// A use of a word, kept for the checks between tables.
#[derive(Debug)]
pub(super) struct Used {
    pub(super) word: Word,
    pub(super) use_: Use,
    pub(super) place: Place,
    pub(super) path: String,
}

impl Resolver<'_> {
    /// The word of this name, or its fault.
    pub(super) fn word(&mut self, t: &Table<'_>, name: &Spot<String>, use_: Use) -> Option<Word> {
        let device = t.device?;
        let kind = self.draft(device)?.kind?;
        let word = match kind {
            Kind::OpcUa if t.notifier.is_some() => self.field_word(t, device, name)?,
            Kind::OpcUa => self.node_word(t, device, name)?,
            Kind::Modbus => self.register_word(t, device, name)?,
        };
        let writes = matches!(use_, Use::Ack | Use::Reply | Use::HostBeat);
        if writes && !self.check_writable(t, name, word) {
            return None;
        }
        self.take_up(word, use_);
        let (place, path) = (t.place(name.span()), t.path.clone());
        self.used.push(Used { word, use_, place, path });
        Some(word)
    }

    /// The word of this name, if one is named.
    pub(super) fn maybe_word(
        &mut self,
        t: &Table<'_>,
        name: Option<&Spot<String>>,
        use_: Use,
    ) -> Option<Word> {
        name.and_then(|name| self.word(t, name, use_))
    }

    /// The whole tag of this name.
    pub(super) fn tag(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        use_: Use,
    ) -> Option<TagIndex> {
        let word = self.word(t, name, use_)?;
        if word.bit.is_some() {
            self.error(
                t,
                name.span(),
                format!("`{}` is one bit; here a whole tag is wanted", **name),
            )
            .label("a bit");
            return None;
        }
        Some(word.tag)
    }

    fn take_up(&mut self, word: Word, use_: Use) {
        let tag = self.tags.get_mut(word.tag);
        match use_ {
            Use::Trigger => (tag.fast, tag.watched) = (true, true),
            Use::Ack => (tag.fast, tag.watched, tag.writable) = (true, true, true),
            Use::Reply | Use::HostBeat => tag.writable = true,
            Use::PlcBeat | Use::Watched | Use::Monitor => tag.watched = true,
            Use::Every | Use::Record => (tag.watched, tag.every_change) = (true, true),
            Use::Snapshot | Use::Code | Use::Badge => {}
        }
    }

    fn node_word(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
    ) -> Option<Word> {
        if let Some(found) = self.declared_word(device, name) {
            return found;
        }
        let (local, identifier) = self.identifier(t, device, name)?;
        if let Some(tag) = self.tags.at_node(device, &identifier) {
            return Some(Word { tag, bit: None });
        }
        let namespace = self.draft(device)?.namespace.clone()?;
        let tag_name = self.tag_name(t, name, &local)?;
        let source = TagSource::Node(NodeAddress { namespace, identifier: identifier.clone() });
        let tag = self.tags.add(bare(tag_name, device, source));
        self.tags.claim_node(device, &identifier, tag);
        Some(Word { tag, bit: None })
    }

    /// A declared tag, or a bit of one; `None` in `Some` where its declaration was refused.
    #[expect(clippy::option_option, reason = "not declared, declared in vain, declared")]
    pub(super) fn declared_word(&self, device: DeviceIndex, name: &str) -> Option<Option<Word>> {
        if let Some(tag) = self.tags.named(device, name) {
            return Some(Some(Word { tag, bit: None }));
        }
        if self.tags.is_broken(device, name) {
            return Some(None);
        }
        let (of, bit) = name.rsplit_once('.')?;
        if self.tags.is_broken(device, of) {
            return Some(None);
        }
        let tag = self.tags.named(device, of)?;
        let bit = self.tags.bits(tag)?.get(bit).copied()?;
        Some(Some(Word { tag, bit: Some(bit) }))
    }

    /// How the tag is called, and its identifier in the device's namespace.
    pub(super) fn identifier(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
    ) -> Option<(String, String)> {
        if name.starts_with("ns=") || name.starts_with("nsu=") {
            self.error(t, name.span(), format!("`{}` has a namespace", **name))
                .label("namespace refused")
                .help(
                    "an index moves when the server restarts: write the URI as `namespace` of the \
                     device, and here the name, or the identifier as `i=`, `s=`, `g=` or `b=`",
                );
            return None;
        }
        if explicit(name) {
            return self.check_explicit(t, name).then(|| ((**name).clone(), (**name).clone()));
        }
        if name.is_empty() {
            self.error(t, name.span(), "the name of a word is empty").label("no name");
            return None;
        }
        let local = match t.node {
            Some(node) => format!("{}.{}", **node, **name),
            None => (**name).clone(),
        };
        if explicit(&local) {
            return self
                .check_explicit(t, &name.with(local.clone()))
                .then(|| (local.clone(), local));
        }
        let root = self.draft(device).map(|draft| draft.root.clone()).unwrap_or_default();
        let identifier = format!("s={root}{local}");
        Some((local, identifier))
    }

    pub(super) fn check_explicit(&mut self, t: &Table<'_>, name: &Spot<String>) -> bool {
        let (kind, id) = name.split_at_checked(2).unwrap_or((name, ""));
        // Behind a number may stand a part of what the node holds: `i=1001.Serial`, `i=1001[3]`.
        let (number, part) = id.split_at(id.find(['.', '[']).unwrap_or(id.len()));
        let id = if kind == "i=" && part.len() != 1 { number } else { id };
        let right = match kind {
            "i=" => id.parse::<u32>().is_ok() && id.bytes().all(|b| b.is_ascii_digit()),
            "g=" => {
                let groups: Vec<usize> = id.split('-').map(str::len).collect();
                groups == [8, 4, 4, 4, 12] && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-')
            }
            _ => !id.is_empty(),
        };
        if !right {
            self.error(t, name.span(), format!("`{}` is not a node identifier", **name))
                .label("wanted `i=1001`, `s=Name`, `g=GUID` or `b=base64`");
        }
        right
    }

    fn register_word(
        &mut self,
        t: &Table<'_>,
        device: DeviceIndex,
        name: &Spot<String>,
    ) -> Option<Word> {
        if let Some(found) = self.declared_word(device, name) {
            return found;
        }
        let names = self.tags.names(device);
        let device = self.draft(device).map(|draft| draft.name.clone()).unwrap_or_default();
        let hint = similar::hint(name, "tags", names.iter().map(String::as_str));
        self.error(t, name.span(), format!("device `{device}` has no tag `{}`", **name))
            .label("no tag of this name")
            .help(hint);
        None
    }

    /// One writer per word: a bit of a register cannot be written without its neighbours.
    fn check_writable(&mut self, t: &Table<'_>, name: &Spot<String>, word: Word) -> bool {
        let message = match &self.tags.get(word.tag).source {
            _ if word.bit.is_some() => {
                "is one bit of a word, which cannot be written without the others"
            }
            TagSource::Register(register) => match register.area {
                Area::Input => "is an input register, which nobody can write",
                Area::Discrete => "is a discrete input, which nobody can write",
                Area::Holding | Area::Coil => return true,
            },
            TagSource::Node(_) | TagSource::Field(_) => return true,
        };
        self.error(t, name.span(), format!("`{}` {message}", **name))
            .label("is to be written")
            .help("we write coils (`co:`), whole holding registers (`hr:`) and whole nodes");
        false
    }

    pub(super) fn tag_name(
        &mut self,
        t: &Table<'_>,
        written: &Spot<String>,
        name: &str,
    ) -> Option<TagName> {
        self.name(t, &written.with(name.to_owned()), TagName::parse)
    }
}

/// A tag that nothing is known of but where it is.
pub(super) fn bare(name: TagName, device: DeviceIndex, source: TagSource) -> Tag {
    Tag {
        name,
        device,
        source,
        fast: false,
        watched: false,
        every_change: false,
        publish: None,
        writable: false,
        unit: None,
        range: None,
        change: None,
        bad: Vec::new(),
        names: BTreeMap::new(),
    }
}

/// Whether a name is an identifier with its type.
pub(in crate::config) fn explicit(name: &str) -> bool {
    ["i=", "s=", "g=", "b="].iter().any(|kind| name.starts_with(kind))
}
