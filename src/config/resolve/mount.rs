//! Feeders, hoppers and slots.
use super::item::ScopeKeys;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw::{self, SpliceWord};
use crate::config::spot::Spot;
use crate::model::plant::{MountPoint, Splice};
use crate::model::{ItemClass, MountPointId};

impl Resolver<'_> {
    /// Reads a mount point.
    pub(super) fn mount(
        &mut self,
        station: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Mount,
    ) -> Option<MountPoint> {
        let t = self.node_table(station.under("mount", name, raw.node.as_ref()));
        let id = self.name(&t, name, MountPointId::parse);
        let material = self.maybe_word(&t, raw.material.as_ref(), Use::Every);
        let keys = ScopeKeys {
            scope: raw.scope.as_ref(),
            product: None,
            material: raw.material.as_ref(),
            supplier: raw.supplier.as_ref(),
        };
        self.idle_scope_word(&t, "supplier", raw.supplier.as_ref(), &[raw.scope.as_ref()]);
        let empty = match &raw.empty {
            Some(list) => list.iter().map(|code| (**code).clone()).collect(),
            None => vec![String::new()],
        };
        let lot = raw.lot.as_ref().filter(|_| raw.scope.is_some());
        let lot = lot.and_then(|lot| self.code(&t, lot, ItemClass::Lot, keys, empty, Use::Every));
        let splice = match raw.splice.as_ref().map(|splice| **splice) {
            Some(SpliceWord::Clean) => Splice::Clean,
            Some(SpliceWord::OneOf) | None => Splice::OneOf,
        };
        Some(MountPoint { id: id?, lot: lot?, material, splice })
    }
}
