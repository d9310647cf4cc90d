//! Numbers that events tell of items, as far as attributes come from them. What was measured, further words, and what feeders may have given while no lot
//! was known are kept since a plant in force has said so; what they gave from lots is there anyway. It is told to the engine as what it comes to, and shown to
//! people part by part.
use super::answer::{InheritedValue, InheritedView, Is};
use super::life::{Kind, Moment};
use super::memory::Memory;
use super::view::View;
use crate::genealogy::{Ancestor, Ancestors, Direction, LinkKind, Links, Node, NodeId};
use crate::model::plant::{Catalog, Measured, MeasuredRule, Source};
use crate::model::{
    Amount, ItemClass, ItemKey, MountPointId, Portion, Position, Shortfall, Text, Total,
    TraceEvent, Ucum,
};
use kept::tells_word;
use std::collections::BTreeMap;

mod kept;

pub(super) use kept::Measurements;

/// Measured values that are shown of one attribute, those that say most first.
const PORTIONS_MAX: usize = 64;

impl Memory {
    /// Takes the numbers that an event tells.
    pub(super) fn tell_measured(&mut self, position: Position, event: &TraceEvent) {
        for (item, number, value) in self.measured.told(position, event) {
            let node = self.graph.intern_item(item);
            self.measured.keep(node, (number, position), value);
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

/// All that was told.
#[derive(Default)]
struct Gathered {
    /// By record: what was told once counts once, of however many items and by however many ways.
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

    /// Takes what was told of one item. A container brings nothing of its own.
    fn take(
        &self,
        measured: &Measured,
        (node, begin, place): (NodeId, usize, usize),
        into: &mut Gathered,
    ) {
        let key = self.key(node).filter(|key| key.class != ItemClass::Container);
        let Some(item) = key.cloned() else { return };
        let mut told = self.kept(node, &measured.source);
        if let Source::Count(point, unit) = &measured.source {
            told.extend(self.given(node, point, unit.as_ref()));
        }
        for (record, value) in told {
            match value.filter(|value| measured.rule.counts(*value)) {
                Some(value) => {
                    into.found.entry(record).or_insert(Found { value, begin, place });
                }
                None => into.lacks(|| Shortfall::Unusable(item.clone(), record)),
            }
        }
        if let Some(before) = self.unkept(node, &measured.source) {
            into.lacks(|| Shortfall::Before(item.clone(), before.position));
        }
        if self.retained.of(node).is_some() {
            into.lacks(|| Shortfall::Retained(item));
        }
    }
}

impl View<'_> {
    /// What was kept of an item, by record.
    fn kept(&self, node: NodeId, source: &Source) -> Vec<(Position, Option<f64>)> {
        let told = self.measured.of(node, source);
        told.filter(|(record, _)| !self.void().contains(record)).collect()
    }

    /// How much feeders of a name gave from their lots for an item, by record; no number where their counters do not say,
    /// or say it in something else.
    fn given(
        &self,
        node: NodeId,
        point: &MountPointId,
        unit: Option<&Ucum>,
    ) -> Vec<(Position, Option<f64>)> {
        let mut given: BTreeMap<Position, Option<Vec<f64>>> = BTreeMap::new();
        self.graph.each(node, Direction::Backward, |link| {
            let mount = match self.graph.name(link.node) {
                Node::Mount(mount) if link.kind == LinkKind::FedInto => mount,
                Node::Mount(_) | Node::Item(_) => return,
            };
            if mount.point == *point && link.stands(self.position) {
                let counted = self.counted(link.source, mount.opened);
                let amount = counted.and_then(|counted| counted.amount.as_ref());
                let amount = amount.and_then(|amount| in_unit(amount, unit));
                let all = given.entry(link.source).or_insert_with(|| Some(Vec::new()));
                match (all.as_mut(), amount) {
                    (Some(all), Some(amount)) => all.push(amount),
                    (None | Some(_), None | Some(_)) => *all = None,
                }
            }
        });
        let sum = |values| MeasuredRule::Sum.of(values);
        given.into_iter().map(|(record, values)| (record, values.and_then(sum))).collect()
    }

    /// When an item was first in work without that anything of this would have been kept.
    fn unkept(&self, node: NodeId, source: &Source) -> Option<Moment> {
        let may_tell: fn(Kind) -> bool = match source {
            Source::Measurement(_) => tells_measurement,
            Source::Context(_) => tells_word,
            Source::Count(..) => counts,
        };
        let mut standing = self.life(node).standing(self.void());
        standing
            .find(|moment| may_tell(moment.kind) && !self.measured.covers(source, moment.position))
    }
}

/// Whether a feeder may have given something for an item by what was done to it.
fn counts(kind: Kind) -> bool {
    kind == Kind::Complete
}

/// How much an amount is in pieces or in a unit; nothing if it is not of that kind.
fn in_unit(amount: &Amount, unit: Option<&Ucum>) -> Option<f64> {
    match (&amount.unit, unit) {
        (None, None) => Some(amount.value),
        (Some(of), Some(unit)) => Some(amount.value * of.factor(unit)?),
        (None, Some(_)) | (Some(_), None) => None,
    }
}

/// Whether something may have been measured of an item by what was done to it.
pub(super) fn tells_measurement(kind: Kind) -> bool {
    matches!(kind, Kind::Complete | Kind::Present)
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
