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
        let left = self.left(&ancestors);
        let mut told: BTreeMap<_, Earliest> = BTreeMap::new();
        let mut count = 0;
        for (place, _) in ancestors.all.iter().enumerate().filter(|(_, of)| of.depth > 0) {
            let Some(of) = self.kin(&ancestors, place, &left) else { continue };
            let kind = (of.material.clone(), of.supplier().cloned());
            let earliest = told.entry(kind).or_default();
            let before = earliest.kin.len();
            earliest.take(place, of);
            count = count + earliest.kin.len() - before;
            if count > KIN_MAX {
                missing = Some(Missing::Many);
                break;
            }
        }
        let mut kin: Vec<(usize, Kin)> = told.into_values().flat_map(|of| of.kin).collect();
        kin.sort_unstable_by_key(|(place, _)| *place);
        kin.truncate(KIN_MAX);
        let kin = kin.into_iter().map(|(_, of)| of).collect();
        Ancestry { kin, missing }
    }

    /// What an item inherits, by the rules of a plant.
    pub(super) fn inherited(&self, begin: NodeId, catalog: &Catalog) -> Vec<InheritedView> {
        let measured = self.measured(begin, catalog);
        if catalog.attributes.is_empty() {
            return measured;
        }
        let ancestors = self.ancestors(begin);
        let left = self.left(&ancestors);
        let places = 0..ancestors.all.len();
        let places = places.filter_map(|at| Some((self.kin(&ancestors, at, &left)?, at)));
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

    /// When each of them that was ever put away or dried first went into another: what is done with the rest of it is not
    /// done to what it went into. Before all times where the record does not say when.
    fn left(&self, ancestors: &Ancestors) -> BTreeMap<NodeId, Utc> {
        let mut left = BTreeMap::new();
        if !ancestors.all.iter().any(|of| self.is_stored(&self.names_of(of.node))) {
            return left;
        }
        ancestors.hops(&self.graph, self.position, |hop| {
            if hop.kind != LinkKind::IdentifiedAs && self.is_stored(&self.names_of(hop.part)) {
                let lives = [hop.whole, hop.part].map(|node| self.life(node).at(hop.source));
                let at = lives.into_iter().flatten().next().map_or(Utc(i64::MIN), |at| at.time);
                let first = left.entry(hop.part).or_insert(at);
                *first = at.min(*first);
            }
        });
        left
    }

    /// What one of them brings. A container brings nothing of its own: what was in it does.
    fn kin(&self, ancestors: &Ancestors, at: usize, left: &BTreeMap<NodeId, Utc>) -> Option<Kin> {
        let ancestor = ancestors.all.get(at)?;
        let item = self.key(ancestor.node).filter(|item| item.class != ItemClass::Container)?;
        let names = self.names_of(ancestor.node);
        // Another name of the item itself is the item itself.
        let way = self.way(ancestors, at);
        if ancestor.depth > 0 && way.is_none() {
            return None;
        }
        let left = names.iter().filter_map(|name| left.get(name)).min().copied();
        Some(Kin {
            item: item.clone(),
            material: names.iter().find_map(|name| self.material(*name)),
            best_before: names.iter().filter_map(|name| self.best_before(*name)).min(),
            made: names.iter().filter_map(|name| self.made(*name)).min(),
            opened: names.iter().filter_map(|name| self.opened(*name)).min(),
            way,
            exposure: self.exposure(&names, left),
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

/// What items of one material and supplier have told, of those that are the earliest in anything.
#[derive(Default)]
struct Earliest {
    /// By their places; the first of all, which is in it the surest, stays.
    kin: Vec<(usize, Kin)>,
    best_before: Option<Utc>,
    /// Of those that tell no date: a shelf life counts from here.
    made: Option<Utc>,
    /// Of those that nobody put away or dried: a floor life counts from here.
    opened: Option<Utc>,
    exposures: Vec<Exposure>,
}

impl Earliest {
    /// Takes an item if it is earlier in anything; those that it is earlier than in all that they told go.
    fn take(&mut self, place: usize, of: Kin) {
        if !self.is_beaten(&of) && !self.kin.is_empty() {
            return;
        }
        let mut kin = std::mem::take(&mut self.kin);
        kin.push((place, of));
        let first = kin.first().map(|(place, _)| *place);
        kin.retain(|(place, of)| Some(*place) == first || self.is_of(of));
        self.kin = kin;
    }

    /// Whether it is the earliest in anything.
    fn is_of(&self, kin: &Kin) -> bool {
        let is = |told: Option<Utc>, earliest: Option<Utc>| told.is_some() && told == earliest;
        let [best_before, made, opened] = told(kin);
        is(best_before, self.best_before)
            || is(made, self.made)
            || is(opened, self.opened)
            || kin.exposure.as_ref().is_some_and(|out| self.exposures.contains(out))
    }

    /// Whether an item is earlier in anything; it is the earliest from then on.
    fn is_beaten(&mut self, by: &Kin) -> bool {
        let earliest = [&mut self.best_before, &mut self.made, &mut self.opened];
        let mut beaten = false;
        for (earliest, told) in earliest.into_iter().zip(told(by)) {
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

/// The times of an item that others of its material are held against: its date, when it was made, when it was opened.
fn told(kin: &Kin) -> [Option<Utc>; 3] {
    let made = kin.made.filter(|_| kin.best_before.is_none());
    [kin.best_before, made, kin.opened.filter(|_| kin.exposure.is_none())]
}
