//! How long is kept what.
use super::Thing;
use crate::model::{ItemClass, Text, Utc};
use std::collections::BTreeMap;

/// How long items are kept after the last record that names them, in nanoseconds; `None` is for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keep {
    /// What has no product or material that is named below.
    pub otherwise: Option<i64>,
    /// By product.
    pub products: BTreeMap<Text, Option<i64>>,
    /// By material.
    pub materials: BTreeMap<Text, Option<i64>>,
}

impl Keep {
    /// When the time of an item is over; `None` if never.
    ///
    /// One of several names is kept as long as the longest of them says; one that nobody named, or one of a name
    /// without a rule, as long as all others. A container without a name is kept as long as any rule says, since nobody
    /// knows what it is for; what stays of what was in it keeps it longer.
    pub(super) fn ends(&self, class: ItemClass, thing: &Thing) -> Option<Utc> {
        let of = |name| [self.products.get(name), self.materials.get(name)].into_iter().flatten();
        let mut all: Vec<Option<i64>> = Vec::new();
        for name in &thing.names {
            let before = all.len();
            all.extend(of(name));
            if all.len() == before {
                all.push(self.otherwise);
            }
        }
        if all.is_empty() && class == ItemClass::Container && thing.contained {
            let rules = self.products.values().chain(self.materials.values());
            all.extend(rules.chain([&self.otherwise]).filter(|kept| kept.is_some()));
        }
        if all.is_empty() {
            all.push(self.otherwise);
        }
        let longest = all.into_iter().collect::<Option<Vec<i64>>>()?.into_iter().max()?;
        Some(Utc(thing.last.0.saturating_add(longest)))
    }
}
