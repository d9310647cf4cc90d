//! All words of the plant, each once.
use crate::config::fault::Place;
use crate::model::TagName;
use crate::model::plant::{DeviceIndex, Tag, TagIndex};
use std::collections::{BTreeMap, BTreeSet};

/// The tags so far, by name and by node.
#[derive(Debug, Default)]
pub(super) struct Tags {
    list: Vec<Tag>,
    bits: BTreeMap<TagIndex, BTreeMap<String, u8>>,
    names: BTreeMap<DeviceIndex, BTreeMap<String, TagIndex>>,
    nodes: BTreeMap<(DeviceIndex, String), TagIndex>,
    declared: BTreeMap<TagIndex, (Place, String)>,
    broken: BTreeSet<(DeviceIndex, String)>,
}

impl Tags {
    /// Adds a tag under its name.
    pub(super) fn add(&mut self, tag: Tag) -> TagIndex {
        let index = TagIndex(u32::try_from(self.list.len()).expect("fewer than 2^32 tags"));
        self.names.entry(tag.device).or_default().insert(tag.name.as_str().to_owned(), index);
        self.list.push(tag);
        index
    }

    /// Remembers where a tag was declared, and the names of its bits.
    pub(super) fn declared(
        &mut self,
        tag: TagIndex,
        place: Place,
        path: String,
        bits: BTreeMap<String, u8>,
    ) {
        self.declared.insert(tag, (place, path));
        self.bits.insert(tag, bits);
    }

    /// Remembers that a declaration was refused.
    pub(super) fn broken(&mut self, device: DeviceIndex, name: &str) {
        self.broken.insert((device, name.to_owned()));
    }

    /// Whether a name was declared and refused.
    pub(super) fn is_broken(&self, device: DeviceIndex, name: &str) -> bool {
        self.broken.contains(&(device, name.to_owned()))
    }

    /// The tag of this name.
    pub(super) fn named(&self, device: DeviceIndex, name: &str) -> Option<TagIndex> {
        self.names.get(&device)?.get(name).copied()
    }

    /// The tag at this node.
    pub(super) fn at_node(&self, device: DeviceIndex, identifier: &str) -> Option<TagIndex> {
        self.nodes.get(&(device, identifier.to_owned())).copied()
    }

    /// Remembers which tag stands for a node; false if another does already.
    pub(super) fn claim_node(&mut self, device: DeviceIndex, id: &str, tag: TagIndex) -> bool {
        self.nodes.insert((device, id.to_owned()), tag).is_none()
    }

    /// The bits of a tag by name.
    pub(super) fn bits(&self, tag: TagIndex) -> Option<&BTreeMap<String, u8>> {
        self.bits.get(&tag).filter(|bits| !bits.is_empty())
    }

    /// Names of a device's tags, and `tag.bit` for named bits.
    pub(super) fn names(&self, device: DeviceIndex) -> Vec<String> {
        let of_device = self.names.get(&device).into_iter().flatten();
        of_device
            .flat_map(|(name, tag)| {
                let bits = self.bits(*tag).into_iter().flat_map(|bits| bits.keys());
                let bits: Vec<String> = bits.map(|bit| format!("{name}.{bit}")).collect();
                if bits.is_empty() { vec![name.clone()] } else { bits }
            })
            .collect()
    }

    /// Names of a device's words, each once.
    pub(super) fn of(&self, device: DeviceIndex) -> impl Iterator<Item = &TagName> {
        let words = self.list.iter().filter(move |tag| tag.device == device && tag.is_word());
        words.map(|tag| &tag.name)
    }

    /// Tags that were declared, with where and under what path.
    pub(super) fn all_declared(&self) -> impl Iterator<Item = (TagIndex, &Place, &str)> {
        self.declared.iter().map(|(tag, (place, path))| (*tag, place, path.as_str()))
    }

    pub(super) fn get(&self, tag: TagIndex) -> &Tag {
        self.list.get(tag.get()).expect("indexes are made by `add`")
    }

    pub(super) fn get_mut(&mut self, tag: TagIndex) -> &mut Tag {
        self.list.get_mut(tag.get()).expect("indexes are made by `add`")
    }

    pub(super) fn into_list(self) -> Vec<Tag> {
        self.list
    }
}
