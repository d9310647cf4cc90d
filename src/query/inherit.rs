//! What items inherit from what they were made of: told to the engine as it is recorded, and shown to people by the
//! rules of the plant in force.
use super::answer::{InheritedValue, InheritedView, InheritedWay, Is};
use super::view::View;
use crate::genealogy::{Ancestors, LinkKind, NodeId};
use crate::model::plant::{Catalog, Inherited};
use crate::model::{Ancestry, Exposure, ItemClass, ItemKey, Kin, Missing, Utc, Way};
use std::collections::BTreeMap;

/// Items that are looked at for one: a tank that is never empty is made of all that was ever in it.
const ANCESTORS_MAX: usize = 50_000;
/// Of these, how many are told: of one material and supplier it is four at most, and of those that were put away or dried
/// each that is out for longer than the others at any time.
const KIN_MAX: usize = 1_000;
/// Links of a way that are shown.
const WAY_MAX: usize = 64;

impl View<'_> {
    /// What an item was made of, as the engine is told.
    pub(super) fn ancestry(&self, item: &ItemKey) -> Ancestry {
        let Some(begin) = self.graph.item(item) else { return Ancestry::default() };
        let ancestors = self.ancestors(begin);
        let mut missing = self.missing(&ancestors);
        let mut told: BTreeMap<_, Earliest> = BTreeMap::new();
        let mut kin = Vec::new();
        for (place, _) in ancestors.all.iter().enumerate().filter(|(_, of)| of.depth > 0) {
            let Some(of) = self.kin(&ancestors, place) else { continue };
            let kind = (of.material.clone(), of.supplier().cloned());
            let (known, earliest) = match told.get_mut(&kind) {
                Some(earliest) => (true, earliest),
                None => (false, told.entry(kind).or_default()),
            };
            if earliest.is_beaten(&of) || !known {
                kin.push(of);
            }
        }
        if kin.len() > KIN_MAX {
            kin.truncate(KIN_MAX);
            missing = Some(Missing::Many);
        }
        Ancestry { kin, missing }
    }

    /// What an item inherits, by the rules of a plant.
    pub(super) fn inherited(&self, begin: NodeId, catalog: &Catalog) -> Vec<InheritedView> {
        let measured = self.measured(begin, catalog);
        if catalog.attributes.is_empty() {
            return measured;
        }
        let ancestors = self.ancestors(begin);
        let places =
            (0..ancestors.all.len()).filter_map(|at| Some((self.kin(&ancestors, at)?, at)));
        let all: Vec<(Kin, usize)> = places.collect();
        let unknown = all.iter().find_map(|(kin, _)| unknown(catalog, kin));
        let missing = self.missing(&ancestors).map(|why| why.to_string()).or(unknown);
        let views = catalog.attributes.iter().map(|(name, rule)| {
            let of = all.iter().map(|(kin, at)| (kin, *at));
            let came = catalog.inherited((name, *rule), of);
            let values =
                values(came).into_iter().map(|(value, at)| self.value(&ancestors, at, value));
            InheritedView {
                attribute: name.clone(),
                rule: rule.as_str(),
                total: None,
                parts: None,
                values: values.flatten().collect(),
                missing: missing.clone(),
            }
        });
        views.chain(measured).collect()
    }

    pub(super) fn ancestors(&self, begin: NodeId) -> Ancestors {
        let name = |node| self.graph.name(node);
        Ancestors::of(&self.graph, begin, self.position, ANCESTORS_MAX, name)
    }

    pub(super) fn missing(&self, ancestors: &Ancestors) -> Option<Missing> {
        let loose = self.unseen(&ancestors.loose);
        if ancestors.cut { Some(Missing::Many) } else { loose }
    }

    /// What one of them brings. A container brings nothing of its own: what was in it does.
    fn kin(&self, ancestors: &Ancestors, at: usize) -> Option<Kin> {
        let ancestor = ancestors.all.get(at)?;
        let item = self.key(ancestor.node).filter(|item| item.class != ItemClass::Container)?;
        let names = self.names_of(ancestor.node);
        // Another name of the item itself is the item itself.
        let way = self.way(ancestors, at);
        if ancestor.depth > 0 && way.is_none() {
            return None;
        }
        Some(Kin {
            item: item.clone(),
            material: names.iter().find_map(|name| self.material(*name)),
            best_before: names.iter().filter_map(|name| self.best_before(*name)).min(),
            made: names.iter().filter_map(|name| self.made(*name)).min(),
            opened: names.iter().filter_map(|name| self.opened(*name)).min(),
            way,
            exposure: self.exposure(&names),
        })
    }

    /// The last link on the way of one of them; `None` of the item itself.
    pub(super) fn way(&self, ancestors: &Ancestors, at: usize) -> Option<Way> {
        let ancestor = ancestors.all.get(at).filter(|ancestor| ancestor.depth > 0)?;
        let hop = ancestors.way(at).find(|hop| hop.kind != LinkKind::IdentifiedAs)?;
        let into = self.key(hop.whole)?.clone();
        Some(Way { into, by: hop.source, sure: ancestor.sure })
    }

    pub(super) fn value(
        &self,
        ancestors: &Ancestors,
        at: usize,
        value: Is,
    ) -> Option<InheritedValue> {
        let ancestor = ancestors.all.get(at)?;
        let item = self.key(ancestor.node)?.clone();
        let hops = ancestors.way(at).filter_map(|hop| {
            let (into, kind) = (self.key(hop.whole)?.clone(), hop.kind);
            Some(InheritedWay { into, kind, certainty: hop.certainty, position: hop.source })
        });
        let mut way: Vec<InheritedWay> = hops.collect();
        let more = way.len().saturating_sub(WAY_MAX);
        way.truncate(WAY_MAX);
        Some(InheritedValue { value, record: None, item, sure: ancestor.sure, way, more })
    }
}

/// Why nothing can be said of what an item brings.
fn unknown(catalog: &Catalog, kin: &Kin) -> Option<String> {
    match &kin.material {
        None => Some(format!("of which material {} is was never told", kin.item)),
        Some(name) if !catalog.has(name) => {
            Some(format!("the plant files have no material {name} ({})", kin.item))
        }
        Some(_) => None,
    }
}

fn values(of: Inherited<usize>) -> Vec<(Is, usize)> {
    match of {
        Inherited::Words(words) => {
            words.into_iter().map(|(word, at)| (Is::Word(word), at)).collect()
        }
        Inherited::Mark(at) => at.map(|at| (Is::Mark(true), at)).into_iter().collect(),
        Inherited::Number(least) => least.map(|(n, at)| (Is::Number(n), at)).into_iter().collect(),
        Inherited::Until(least) => least.map(|(t, at)| (Is::Until(t), at)).into_iter().collect(),
    }
}

/// The earliest times that items of one material and supplier have told.
#[derive(Default)]
struct Earliest {
    best_before: Option<Utc>,
    /// Of those that tell no date: a shelf life counts from here.
    made: Option<Utc>,
    /// Of those that nobody put away or dried: a floor life counts from here.
    opened: Option<Utc>,
    exposures: Vec<Exposure>,
}

impl Earliest {
    /// Whether an item is earlier in anything; it is the earliest from then on.
    fn is_beaten(&mut self, by: &Kin) -> bool {
        let made = by.made.filter(|_| by.best_before.is_none());
        let opened = by.opened.filter(|_| by.exposure.is_none());
        let all = [
            (&mut self.best_before, by.best_before),
            (&mut self.made, made),
            (&mut self.opened, opened),
        ];
        let mut beaten = false;
        for (earliest, told) in all {
            if told.is_some_and(|told| earliest.is_none_or(|before| told < before)) {
                *earliest = told;
                beaten = true;
            }
        }
        if let Some(out) = &by.exposure
            && !self.exposures.iter().any(|before| before.is_ahead_of(out))
        {
            self.exposures.retain(|before| !out.is_ahead_of(before));
            self.exposures.push(out.clone());
            beaten = true;
        }
        beaten
    }
}
