//! Rules about what items inherit from what they were made of.
use super::lot::not_in_files;
use super::{Case, Finding, Named};
use crate::model::plant::{Bound, InheritRule, Inherited, Product, Reason, Told};
use crate::model::{Ancestry, ItemClass, ItemKey, Kin, Text, Utc};
use std::collections::BTreeSet;

impl Case<'_> {
    /// Nothing that a lot was made of has an allergen that the product may not contain; content where the plant does
    /// not inherit them.
    pub(super) fn free_below(
        &self,
        lot: &ItemKey,
        (name, allowed): (&Text, &BTreeSet<Text>),
    ) -> Finding {
        if !self.plant.catalog.inherits(Told::Allergens) {
            return Finding::Passed;
        }
        let ancestry = match self.ancestry(lot) {
            Ok(ancestry) => ancestry,
            Err(unknown) => return unknown,
        };
        let kin = ancestry.kin.iter().map(|kin| (kin, kin));
        let attribute = Text::parse(Told::Allergens.as_str()).expect("a good text");
        let came = self.plant.catalog.inherited((&attribute, InheritRule::Union), kin);
        if let Inherited::Words(words) = came
            && let Some((has, kin)) = words.iter().find(|(word, _)| !allowed.contains(*word))
        {
            let text = format!("{}; {name} may not contain it", brought(lot, has.as_str(), kin));
            return Finding::Refused(text);
        }
        self.is_told(lot, ancestry)
    }

    /// The earliest time up to which anything that a lot was made of may be used, and what that is; `None` where the
    /// plant does not inherit it, or nothing tells one.
    pub(super) fn earliest_below(
        &self,
        lot: &ItemKey,
        told: Told,
    ) -> Result<Option<(Utc, &Kin)>, Finding> {
        let catalog = &self.plant.catalog;
        if !catalog.inherits(told) {
            return Ok(None);
        }
        let ancestry = self.ancestry(lot)?;
        let until = ancestry.kin.iter().filter_map(|kin| Some((catalog.until(told, kin)?, kin)));
        let earliest = until.reduce(|a, b| if b.0 < a.0 { b } else { a });
        if earliest.is_some_and(|(until, _)| self.when() > until) {
            return Ok(earliest);
        }
        // Of what told no time itself its material has to be known.
        let silent = ancestry.kin.iter().filter(|kin| catalog.until(told, kin).is_none());
        let doubt = self.are_told(lot, silent, ancestry);
        if doubt == Finding::Passed { Ok(earliest) } else { Err(doubt) }
    }

    /// Neither the item nor anything that is used, nor what they were made of, brings what the product may not be
    /// made of.
    pub(super) fn attribute_plan(&self) -> Finding {
        let named = match self.product() {
            Ok(named) => named,
            Err(finding) => return finding,
        };
        if named.product.bounds.is_empty() {
            return Finding::Passed;
        }
        let measured = self.measured_plan(&named);
        // What was measured is so whatever it was made of.
        let catalog = &self.plant.catalog;
        if named.product.bounds.iter().all(|(of, _)| catalog.measured.contains_key(of)) {
            return measured;
        }
        let item = &self.draft.item;
        let main = self.bounded(item, Some(&named.name), &named);
        let others = self.others().filter(|other| other.class != ItemClass::Lot);
        let others = others.map(|other| self.bounded(other, self.said.material.as_ref(), &named));
        let lots = self.of_lots(|lot, told| self.bounded(lot, told, &named));
        Finding::worst(std::iter::once(main).chain(others).chain([lots, measured]))
    }

    fn bounded(&self, item: &ItemKey, told: Option<&Text>, named: &Named<'_>) -> Finding {
        let own = match self.itself(item, told) {
            Ok(own) => own,
            Err(finding) => return finding,
        };
        let ancestry = match self.ancestry(item) {
            Ok(ancestry) => ancestry,
            Err(unknown) => return unknown,
        };
        let all: Vec<&Kin> = own.iter().chain(&ancestry.kin).collect();
        let Named { name, product } = named;
        match self.over_bound(item, &all, product) {
            Some((text, bound)) => Finding::Refused(format!("{text}; {name} {bound}")),
            None => self.is_told(item, ancestry),
        }
    }

    /// The first bound that something does not keep: what brings what, and what the product wants.
    fn over_bound(
        &self,
        item: &ItemKey,
        all: &[&Kin],
        product: &Product,
    ) -> Option<(String, String)> {
        product.bounds.iter().find_map(|(attribute, bound)| {
            let rule = *self.plant.catalog.attributes.get(attribute)?;
            let came =
                self.plant.catalog.inherited((attribute, rule), all.iter().map(|kin| (*kin, *kin)));
            let found = match (bound, came) {
                (Bound::Allowed(words), Inherited::Words(came)) => {
                    let (word, kin) = came.into_iter().find(|(word, _)| !words.contains(word))?;
                    let words: Vec<&str> = words.iter().map(Text::as_str).collect();
                    let wants = format!("may have {} only", words.join(", "));
                    (format!("{attribute} {word}"), kin, wants)
                }
                (Bound::Forbidden(words), Inherited::Words(came)) => {
                    let (word, kin) = came.into_iter().find(|(word, _)| words.contains(word))?;
                    (format!("{attribute} {word}"), kin, "may not have it".to_owned())
                }
                (Bound::Unmarked, Inherited::Mark(Some(kin))) => {
                    (attribute.to_string(), kin, "may have nothing of it".to_owned())
                }
                (Bound::AtLeast(least), Inherited::Number(Some((number, kin))))
                    if number < *least =>
                {
                    (format!("{attribute} {number}"), kin, format!("wants {least} at least"))
                }
                _ => return None,
            };
            let (what, kin, wants) = found;
            Some((brought(item, &what, kin), wants))
        })
    }

    /// An item as it is told here; `None` of a container, which brings nothing of its own.
    fn itself(&self, item: &ItemKey, told: Option<&Text>) -> Result<Option<Kin>, Finding> {
        if item.class == ItemClass::Container {
            return Ok(None);
        }
        let material = self.material_of(item, told)?;
        if !self.plant.catalog.has(&material) {
            return Err(not_in_files(item, &material));
        }
        let past = self.past(item)?;
        Ok(Some(Kin {
            item: item.clone(),
            material: Some(material),
            best_before: past.best_before,
            made: past.made,
            opened: past.opened,
            way: None,
            exposure: past.exposure.clone(),
        }))
    }

    fn ancestry(&self, item: &ItemKey) -> Result<&Ancestry, Finding> {
        self.past(item)?.ancestry.as_ref().ok_or_else(|| self.not_told(item))
    }

    /// Of everything that an item was made of, it is known what it brings.
    fn is_told(&self, item: &ItemKey, ancestry: &Ancestry) -> Finding {
        self.are_told(item, ancestry.kin.iter(), ancestry)
    }

    /// The same of some of that.
    fn are_told<'k>(
        &self,
        item: &ItemKey,
        some: impl Iterator<Item = &'k Kin>,
        ancestry: &Ancestry,
    ) -> Finding {
        for kin in some {
            let text = match &kin.material {
                None => format!("of which material {kin} is was never told"),
                Some(name) if !self.plant.catalog.has(name) => {
                    return not_in_files(&kin.item, name);
                }
                Some(_) => continue,
            };
            return Finding::RefusedFor(Reason::MaterialUnknown, text);
        }
        is_whole(item, ancestry)
    }
}

fn is_whole(item: &ItemKey, ancestry: &Ancestry) -> Finding {
    match &ancestry.missing {
        None => Finding::Passed,
        Some(why) => {
            Finding::Unknown(format!("not all is known of what {item} was made of: {why}"))
        }
    }
}

/// What comes into an item with what.
fn brought(item: &ItemKey, what: &str, kin: &Kin) -> String {
    match &kin.way {
        None => format!("{item} has {what}"),
        Some(_) => format!("{what} comes into {item} with {kin}"),
    }
}
