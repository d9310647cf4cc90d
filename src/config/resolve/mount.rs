//! Feeders, hoppers and slots.
use super::item::ScopeKeys;
use super::label::{CodeWord, FormKeys, Rest, given, scope_word};
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw::{self, PerWord, SpliceWord};
use crate::config::spot::Spot;
use crate::model::plant::{MountPoint, Splice, ToolLife, Used};
use crate::model::{ItemClass, MountPointId};
use std::time::Duration;

impl Resolver<'_> {
    /// Reads a mount point.
    pub(super) fn mount(
        &mut self,
        station: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Mount,
    ) -> Option<MountPoint> {
        let t = self.node_table(station.under("mount", name, raw.node.as_ref()));
        let code = raw.lot.as_ref().map(|lot| CodeWord {
            key: "lot",
            at: lot.span().start,
            scope: scope_word(raw.scope.as_ref()),
            rest: Rest::Material,
        });
        let has = given(&[("material", &raw.material), ("supplier", &raw.supplier)]);
        let keys = FormKeys { matches: raw.r#match.as_ref(), parse: raw.parse.as_ref() };
        let forms = self.forms(&t, keys, code.as_slice(), has);
        let t = Table { forms: Some(&forms), ..t };
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
        let tool = raw.tool.as_ref().and_then(|tool| self.tool(&t, tool));
        let used = raw.used.as_ref().and_then(|used| self.used(&t, used));
        Some(MountPoint { id: id?, lot: lot?, material, splice, tool, used })
    }

    fn used(&mut self, t: &Table<'_>, raw: &Spot<raw::Used>) -> Option<Used> {
        let raw::Used { counter, waste, per, eu } = &**raw;
        let unit = self.unit(t, eu.as_ref());
        let mut count = |name: &Spot<String>| {
            let word = self.word(t, name, Use::Snapshot)?;
            self.counter(t, name, word)
        };
        let counter = counter.as_ref().and_then(&mut count);
        let waste = waste.as_ref().map(&mut count);
        let per_lot = per.as_ref().is_some_and(|per| **per == PerWord::Lot);
        // One that cannot be used is no reason to count without it.
        let waste = match waste {
            Some(waste) => Some(waste?),
            None => None,
        };
        Some(Used { counter: counter?, waste, per_lot, unit })
    }

    fn tool(&mut self, t: &Table<'_>, raw: &Spot<raw::Tool>) -> Option<ToolLife> {
        let raw::Tool { uses, time } = &**raw;
        if uses.is_none() && time.is_none() {
            self.error(t, raw.span(), "this tool lives for ever")
                .label("wanted `uses`, `time` or both")
                .help("write `tool = { uses = 50000 }` or `tool = { time = \"500h\" }`");
            return None;
        }
        if let Some(uses) = uses.as_ref().filter(|uses| ***uses == 0) {
            self.error(t, uses.span(), "a tool that makes nothing is none")
                .label("must be more than zero");
        }
        let time = time.as_ref().map(|time| self.period(t, Some(time), Duration::from_secs(1)));
        Some(ToolLife { uses: uses.as_ref().map(|uses| **uses), time })
    }
}
