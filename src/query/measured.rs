//! What was measured of items, as far as attributes come from it: kept since a plant in force has said so, told to the
//! engine as what it comes to, and shown to people part by part.
use super::answer::{InheritedValue, InheritedView, Is};
use super::life::{Kind, Moment};
use super::memory::Memory;
use super::step::outcome;
use super::view::View;
use crate::genealogy::{Ancestor, Ancestors, NodeId};
use crate::model::plant::{Catalog, Measured, MeasuredRule};
use crate::model::{
    ItemClass, ItemKey, Portion, Position, Shortfall, TagName, Text, Total, TraceEvent,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Measured values that are shown of one attribute, those that say most first.
const PORTIONS_MAX: usize = 64;

/// What records say of measurements that attributes come from.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(super) struct Measurements {
    /// Each that a plant in force ever named, by number.
    #[n(0)]
    names: Vec<Named>,
    /// By item, then by the number of the name and the record: what was measured; `None` if that is no good.
    #[n(1)]
    taken: BTreeMap<NodeId, BTreeMap<(u32, Position), Option<f64>>>,
}

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
struct Named {
    #[n(0)]
    name: TagName,
    /// After which record, up to which, it was kept; the last may be open.
    #[n(1)]
    kept: Vec<(Position, Option<Position>)>,
}

impl Named {
    fn is_open(&self) -> bool {
        self.kept.last().is_some_and(|(_, to)| to.is_none())
    }

    fn covers(&self, record: Position) -> bool {
        self.kept.iter().any(|(from, to)| record > *from && to.is_none_or(|to| record < to))
    }
}

impl Measurements {
    /// From a record of a plant on these are kept, and no others.
    pub(super) fn put_in_force(&mut self, position: Position, wanted: &[TagName]) {
        for named in &mut self.names {
            let open = named.is_open();
            match named.kept.last_mut() {
                Some((_, to)) if open && !wanted.contains(&named.name) => *to = Some(position),
                _ if !open && wanted.contains(&named.name) => named.kept.push((position, None)),
                _ => {}
            }
        }
        for name in wanted {
            if self.number(name).is_none() {
                let kept = vec![(position, None)];
                self.names.push(Named { name: name.clone(), kept });
            }
        }
    }

    fn number(&self, name: &TagName) -> Option<u32> {
        let at = self.names.iter().position(|named| named.name == *name)?;
        u32::try_from(at).ok()
    }

    /// The items that something is said of.
    pub(super) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.taken.keys().copied()
    }
}

impl Memory {
    /// Takes what an event tells of measurements: of its main item, and of those that this one consists of.
    pub(super) fn tell_measured(&mut self, position: Position, event: &TraceEvent) {
        let (_, measurements, _) = outcome(&event.what);
        for taken in measurements {
            let number = self.measured.number(&taken.name);
            let open = |number: &u32| {
                self.measured.names.get(*number as usize).is_some_and(Named::is_open)
            };
            let Some(number) = number.filter(open) else { continue };
            let good = taken.quality.is_good();
            let value = taken.value.number().filter(|value| good && value.is_finite());
            let main = event.what.items().into_iter().take(1);
            for item in main.chain(event.members.iter().map(|member| &member.item)) {
                let node = self.graph.intern_item(item);
                self.measured.taken.entry(node).or_default().insert((number, position), value);
            }
        }
    }
}

/// Where a value was found: among the ancestors of which begin, and at which place of these.
#[derive(Debug, Clone, Copy)]
struct Found {
    value: f64,
    begin: usize,
    place: usize,
}

/// All that was measured.
#[derive(Default)]
struct Gathered {
    /// By record: what was measured once counts once, of however many items and by however many ways.
    found: BTreeMap<Position, Found>,
    missing: Option<Shortfall>,
}

impl View<'_> {
    /// What the measured attributes of a request come to.
    pub(super) fn totals(&self, items: &[ItemKey], of: &[(Text, Measured)]) -> Vec<Total> {
        let begins: Vec<NodeId> = items.iter().filter_map(|item| self.graph.item(item)).collect();
        let main = items.first().and_then(|item| self.graph.item(item));
        let own: Vec<Ancestors> = main.into_iter().map(|main| self.itself(main)).collect();
        let behind = of.iter().any(|(_, measured)| measured.ancestors);
        let behind = begins.iter().filter(|_| behind).map(|begin| self.ancestors(*begin));
        let behind: Vec<Ancestors> = behind.collect();
        let total = |(name, measured): &(Text, Measured)| {
            let all = if measured.ancestors { &behind } else { &own };
            let Gathered { found, missing } = self.gather(measured, all);
            let most = first(measured.rule, &found).and_then(|(record, found)| {
                let ancestors = all.get(found.begin)?;
                let node = ancestors.all.get(found.place)?.node;
                let (item, way) = (self.key(node)?.clone(), self.way(ancestors, found.place));
                Some(Portion { value: found.value, record, item, way })
            });
            let value = measured.rule.of(found.values().map(|found| found.value).collect());
            Total { attribute: name.clone(), value, most, missing }
        };
        of.iter().map(total).collect()
    }

    /// What the measured attributes of an item come to, and from where.
    pub(super) fn measured(&self, begin: NodeId, catalog: &Catalog) -> Vec<InheritedView> {
        let is_box = self.class(begin) == Some(ItemClass::Container);
        let own = [self.itself(begin)];
        let behind = catalog.measured.values().any(|measured| measured.ancestors);
        let behind: Vec<Ancestors> = behind.then(|| self.ancestors(begin)).into_iter().collect();
        let shown = catalog.measured.iter().filter(|(_, of)| of.ancestors || !is_box);
        let views = shown.map(|(name, measured)| {
            let all: &[Ancestors] = if measured.ancestors { &behind } else { &own };
            let Gathered { found, missing } = self.gather(measured, all);
            let total = measured.rule.of(found.values().map(|found| found.value).collect());
            let parts = found.len();
            let mut rows: Vec<(Position, Found)> = found.into_iter().collect();
            rows.sort_by(|a, b| match measured.rule {
                MeasuredRule::Sum | MeasuredRule::Maximum => b.1.value.total_cmp(&a.1.value),
                MeasuredRule::Minimum => a.1.value.total_cmp(&b.1.value),
            });
            rows.truncate(PORTIONS_MAX);
            let values = rows.into_iter().filter_map(|(record, found)| {
                let ancestors = all.get(found.begin)?;
                let value = self.value(ancestors, found.place, Is::Number(found.value))?;
                Some(InheritedValue { record: Some(record), ..value })
            });
            InheritedView {
                attribute: name.clone(),
                rule: measured.rule.as_str(),
                total,
                parts: Some(parts),
                values: values.collect(),
                missing: missing.map(|why| why.to_string()),
            }
        });
        views.collect()
    }

    /// An item under each of its names, and nothing that it was made of.
    fn itself(&self, node: NodeId) -> Ancestors {
        let of = |node| Ancestor { node, sure: true, depth: 0, by: None };
        let all = self.names_of(node).into_iter().map(of).collect();
        Ancestors { all, ..Ancestors::default() }
    }

    fn gather(&self, measured: &Measured, all: &[Ancestors]) -> Gathered {
        let mut gathered = Gathered::default();
        for (begin, ancestors) in all.iter().enumerate() {
            let missing = self.missing(ancestors).map(Shortfall::Kin);
            gathered.missing = gathered.missing.take().or(missing);
            for (place, ancestor) in ancestors.all.iter().enumerate() {
                self.take(measured, (ancestor.node, begin, place), &mut gathered);
            }
        }
        gathered
    }

    /// Takes what was measured of one item. A container brings nothing of its own.
    fn take(
        &self,
        measured: &Measured,
        (node, begin, place): (NodeId, usize, usize),
        into: &mut Gathered,
    ) {
        let key = self.key(node).filter(|key| key.class != ItemClass::Container);
        let Some(item) = key.cloned() else { return };
        let number = self.measured.number(&measured.measurement);
        let taken = self.measured.taken.get(&node).zip(number).into_iter();
        let of_name = taken.flat_map(|(taken, number)| {
            taken.range((number, Position(0))..=(number, Position(u64::MAX)))
        });
        for ((_, record), value) in of_name.filter(|((_, at), _)| !self.void().contains(at)) {
            match value.filter(|value| measured.rule.counts(*value)) {
                Some(value) => {
                    into.found.entry(*record).or_insert(Found { value, begin, place });
                }
                None => into.lacks(|| Shortfall::Unusable(item.clone(), *record)),
            }
        }
        let named = number.and_then(|number| self.measured.names.get(number as usize));
        let unkept = |moment: &Moment| {
            let may_tell = matches!(moment.kind, Kind::Complete | Kind::Present);
            may_tell && !named.is_some_and(|named| named.covers(moment.position))
        };
        if let Some(before) = self.life(node).standing(self.void()).find(unkept) {
            into.lacks(|| Shortfall::Before(item.clone(), before.position));
        }
        if self.retained.of(node).is_some() {
            into.lacks(|| Shortfall::Retained(item));
        }
    }
}

impl Gathered {
    fn lacks(&mut self, why: impl FnOnce() -> Shortfall) {
        if self.missing.is_none() {
            self.missing = Some(why());
        }
    }
}

/// The value that says most; of several that of the first record.
fn first(rule: MeasuredRule, found: &BTreeMap<Position, Found>) -> Option<(Position, Found)> {
    let found = found.iter().map(|(record, found)| (*record, *found));
    found.reduce(|a, b| if rule.is_more(b.1.value, a.1.value) { b } else { a })
}
