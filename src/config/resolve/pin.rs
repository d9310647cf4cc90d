//! What lock files say of the words of devices.
use super::Resolver;
use super::device::{Kind, value};
use crate::config::fault::Place;
use crate::config::lock::Lock;
use crate::config::spot::Spot;
use crate::model::TagName;
use crate::model::plant::{DeviceIndex, Layout};
use std::collections::BTreeMap;

/// Names in a message.
const NAMED_MAX: usize = 3;

/// A lock file as far as it could be read.
#[derive(Debug)]
pub(in crate::config) struct Locked {
    /// Which file.
    pub(in crate::config) file: usize,
    /// What it says.
    pub(in crate::config) lock: Lock,
}

impl Resolver<'_> {
    /// Gives each device what its lock file says.
    pub(super) fn pins(&mut self, locks: &[Locked]) {
        let mut seen: BTreeMap<DeviceIndex, Place> = BTreeMap::new();
        for Locked { file, lock } in locks {
            let place = Place { file: *file, span: lock.device.span() };
            let Some(named) = self.device_names.get(lock.device.as_str()) else {
                self.sink
                    .warning(&place, format!("there is no device `{}`", *lock.device))
                    .label("pinned for nothing")
                    .help("delete the file");
                continue;
            };
            let Some(device) = named.index else { continue };
            if let Some(first) = seen.insert(device, place.clone()) {
                let cited = self.sink.cite(&first);
                let message = format!("`{}` is pinned twice; first at {cited}", *lock.device);
                self.sink.error(&place, message).label("second lock file").help("delete one");
                continue;
            }
            self.pin(device, &place, lock);
        }
    }

    fn pin(&mut self, device: DeviceIndex, place: &Place, lock: &Lock) {
        let Some(draft) = self.draft(device) else { return };
        let (kind, name) = (draft.kind, draft.name.clone());
        let anew = format!("look at the PLC program, then `pedigree pin {name}`");
        if kind == Some(Kind::Modbus) {
            self.sink
                .error(place, format!("`{name}` is a Modbus device, whose words have no types"))
                .label("cannot be pinned")
                .help("delete the file");
            return;
        }
        let pinned = lock.interface.as_ref().map(|scalar| value(scalar));
        let declared = self.draft(device).and_then(|draft| draft.interface_value().cloned());
        // Without words it is only on its way to become one.
        if let Some(declared) = declared
            && !lock.words.is_empty()
            && pinned.as_ref() != Some(&declared)
        {
            let was = pinned.map_or_else(|| "none".to_owned(), |value| value.to_string());
            let at = lock.interface.as_ref().map_or(place.span.clone(), Spot::span);
            let place = Place { span: at, ..place.clone() };
            let message =
                format!("`{name}` is pinned for interface {was}; its file says {declared}");
            self.sink.error(&place, message).label("another interface").help(anew.clone());
        }
        let words = lock.words.iter();
        let pins: BTreeMap<TagName, Layout> = words
            .filter_map(|(name, word)| Some((TagName::parse(name).ok()?, word.layout())))
            .collect();
        let unpinned = self.tags.of(device).filter(|name| !pins.contains_key(*name));
        let unpinned: Vec<String> = unpinned.map(|name| format!("`{name}`")).collect();
        if !unpinned.is_empty() {
            let more = unpinned.len().saturating_sub(NAMED_MAX);
            let mut names = unpinned.into_iter().take(NAMED_MAX).collect::<Vec<_>>().join(", ");
            if more > 0 {
                names = format!("{names} and {more} more");
            }
            self.sink
                .warning(place, format!("not pinned of `{name}`: {names}"))
                .label("written before these words were used")
                .help(anew);
        }
        self.draft_mut(device).pin(pins);
    }
}
