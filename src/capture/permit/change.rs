//! Rules about a change of product: what was made at the station before, and what it left behind.
use super::{Case, Finding, Named};
use crate::model::plant::Reason;
use crate::model::{ItemKey, Text};
use std::collections::BTreeSet;

impl Case<'_> {
    /// Nothing but this product was made here since the last clean.
    pub(super) fn cleaned(&self) -> Finding {
        let Some(name) = &self.said.product else { return self.product_unknown(None) };
        let here = &self.station.id;
        match self.memory.ran.other_than(name) {
            None => Finding::Passed,
            Some((Some(other), since)) => Finding::Refused(format!(
                "{other} was made at {here} (record {since}), which was not cleaned since"
            )),
            Some((None, since)) => Finding::Refused(format!(
                "too many products were made at {here} (record {since}), which was not cleaned since"
            )),
        }
    }

    /// Nothing that is used, or was made here since the last clean, has what the product may not contain.
    pub(super) fn allergen_plan(&self) -> Finding {
        // Only what is told with the request is told to the next one.
        if self.said.product.is_none() {
            return self.product_unknown(None);
        }
        let Named { name, product } = match self.product() {
            Ok(named) => named,
            Err(finding) => return finding,
        };
        let allowed = &product.allergens;
        self.left_behind(&name, allowed)
            .unwrap_or_else(|| self.of_lots(|lot, told| self.free_of(lot, told, (&name, allowed))))
    }

    fn left_behind(&self, name: &Text, allowed: &BTreeSet<Text>) -> Option<Finding> {
        let here = &self.station.id;
        let products = &self.plant.catalog.products;
        for (other, since) in self.memory.ran.products() {
            let text = match products.get(other).map(|p| p.allergens.difference(allowed).next()) {
                Some(None) => continue,
                Some(Some(has)) => format!("{other} with {has} was made at {here}"),
                None if other == name => continue,
                None => format!("{other}, of which no allergens are known, was made at {here}"),
            };
            let text = format!(
                "{text} (record {since}), which was not cleaned since; {name} may not contain it"
            );
            return Some(Finding::Refused(text));
        }
        let since = self.memory.ran.more()?;
        let text = format!(
            "too many products were made at {here} (record {since}), which was not cleaned since"
        );
        Some(Finding::Refused(text))
    }

    fn free_of(
        &self,
        lot: &ItemKey,
        told: Option<&Text>,
        (name, allowed): (&Text, &BTreeSet<Text>),
    ) -> Finding {
        match self.declared(lot, told) {
            Err(finding) => finding,
            Ok((material, _)) => {
                match self.plant.catalog.allergens(Some(&material)).difference(allowed).next() {
                    None => self.free_below(lot, (name, allowed)),
                    Some(has) => Finding::Refused(format!(
                        "{material} ({lot}) has {has}, which {name} may not contain"
                    )),
                }
            }
        }
    }

    /// Which product it is cannot be said.
    pub(super) fn product_unknown(&self, told: Option<&Text>) -> Finding {
        let item = &self.draft.item;
        let text = match told {
            None => format!("which product {item} is was not told at {}", self.station.id),
            Some(name) => format!("the plant files have no product {name} ({item})"),
        };
        Finding::RefusedFor(Reason::ProductUnknown, text)
    }
}
