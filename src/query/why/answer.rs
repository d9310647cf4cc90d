//! The shapes of the answer, and how a ranking is told in them.
use super::Case;
use super::evidence::Evidence;
use crate::genealogy::why::{BAD_MIN, Cause, Odds, Ranking};
use crate::model::{Interval, ItemKey, StationId, Text, Utc};
pub use crate::query::attribute::AttributeKind;

/// An attribute of items.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Attribute {
    /// Of which kind.
    pub kind: AttributeKind,
    /// Where, if it is of one station.
    pub station: Option<StationId>,
    /// Its name, where a station has several of the kind.
    pub name: Option<Text>,
}

/// A factor by its name, and what its order is of.
pub(super) struct Named {
    pub(super) attribute: Attribute,
    pub(super) value: Option<Text>,
    pub(super) order: Order,
}

/// What stands in a factor's order.
pub(super) enum Order {
    /// Times.
    Time,
    /// Places in this list of measured values.
    Values(Vec<f64>),
}

/// One value of an attribute.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FactorView {
    /// Of what.
    #[serde(flatten)]
    pub attribute: Attribute,
    /// Which one; `None` for what was measured.
    pub value: Option<Text>,
}

/// A factor that these items cannot tell from another.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TwinView {
    /// Which.
    pub factor: FactorView,
    /// The share of the items of both that are of both, 0 to 1.
    pub share: f64,
}

/// One cause, in figures of the items that the causes before it do not explain.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct CauseView {
    /// What it is; two that are it only together.
    pub factors: Vec<FactorView>,
    /// What cannot be told from it.
    pub twins: Vec<TwinView>,
    /// What would be named if it were not there, the best first: each one thing, or two that are it only together.
    pub rivals: Vec<Vec<FactorView>>,
    /// From when to when, both included, if only a part of its time is the cause.
    pub window: Option<Interval>,
    /// From which value to which, both included, if it is something measured.
    pub values: Option<(f64, f64)>,
    /// Items exposed to it.
    pub exposed: usize,
    /// The bad ones of them.
    pub bad: u32,
    /// The share of all bad items that it explains, 0 to 1.
    pub coverage: f64,
    /// The share of its items that are bad, 0 to 1.
    pub purity: f64,
    /// Odds of being bad, exposed against not, with the interval that holds them 95 times in 100.
    pub odds: Odds,
    /// How often chance alone makes any factor look like this or better.
    pub p: f64,
    /// The last good item that was judged before the first bad one.
    pub last_good: Option<ItemKey>,
    /// The first bad item that was exposed.
    pub first_bad: Option<ItemKey>,
    /// Items that were exposed and are not bad: what is to be held. As many as were asked for.
    pub suspects: Vec<ItemKey>,
    /// So many more.
    pub left_out: usize,
    /// What the record says happened where it began and where it ended, the nearest first.
    pub evidence: Vec<Evidence>,
    /// So much more was recorded there, farther from the edges.
    pub evidence_left_out: usize,
}

/// Why items went bad.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Why {
    /// Items that were compared.
    pub items: u32,
    /// The bad ones.
    pub bad: u32,
    /// The causes, the one that explains most first.
    pub causes: Vec<CauseView>,
    /// Bad items that no cause explains.
    pub unexplained: u32,
    /// Why no cause is named, if none is.
    pub insufficient: Option<String>,
    /// Items that were named and were not judged there and then, or are of another class than the others: they are not
    /// compared.
    pub left_out: Vec<ItemKey>,
}

/// More were judged than are compared at once.
pub(super) fn too_many(many: usize, at_most: usize, left_out: Vec<ItemKey>) -> Why {
    let why = format!(
        "{many} items were judged and at most {at_most} are compared: ask about a shorter time or one station"
    );
    let insufficient = Some(why);
    Why { items: 0, bad: 0, causes: Vec::new(), unexplained: 0, insufficient, left_out }
}

pub(super) fn view(ranking: &Ranking, named: &[Named], cases: &[Case], items_max: usize) -> Why {
    let found: Vec<CauseView> =
        ranking.causes.iter().map(|cause| cause_view(cause, named, cases, items_max)).collect();
    let good = ranking.units - ranking.bad;
    let insufficient = match ranking.bad {
        _ if !found.is_empty() => None,
        bad if bad < BAD_MIN => Some(format!(
            "{bad} of {} items are bad; fewer than {BAD_MIN} show nothing: ask about a longer time or more stations",
            ranking.units
        )),
        _ if good == 0 => {
            Some("all items are bad: there is nothing to compare them with".to_owned())
        }
        _ => Some("what the bad items have in common is no more than chance gives".to_owned()),
    };
    let Ranking { units: items, bad, unexplained, .. } = *ranking;
    Why { items, bad, causes: found, unexplained, insufficient, left_out: Vec::new() }
}

fn cause_view(cause: &Cause, named: &[Named], cases: &[Case], items_max: usize) -> CauseView {
    let factor = |number: usize| {
        let Named { attribute, value, .. } = named.get(number)?;
        Some(FactorView { attribute: attribute.clone(), value: value.clone() })
    };
    let all = |numbers: &[usize]| -> Vec<FactorView> {
        numbers.iter().filter_map(|number| factor(*number)).collect()
    };
    let twin =
        |(number, share): &(usize, f64)| Some(TwinView { factor: factor(*number)?, share: *share });
    let (window, values) = span(cause, named);
    let exposed =
        || cause.exposed.iter().filter_map(|unit| Some((*unit, cases.get(*unit as usize)?)));
    let first_bad = exposed().filter(|(_, case)| case.bad).min_by_key(|(_, case)| case.judged);
    let before = first_bad.map_or(0, |(unit, _)| unit as usize);
    let is_good = |case: &&Case| !case.bad;
    let last_good = cases.get(..before).and_then(|before| before.iter().rev().find(is_good));
    let good = exposed().map(|(_, case)| case).filter(is_good);
    let mut suspects: Vec<ItemKey> = good.map(|case| case.item.clone()).collect();
    let left_out = suspects.len().saturating_sub(items_max);
    suspects.truncate(items_max);
    CauseView {
        factors: all(&cause.factors),
        twins: cause.twins.iter().filter_map(twin).collect(),
        rivals: cause.rivals.iter().map(|(rival, _)| all(rival)).collect(),
        window,
        values,
        exposed: cause.exposed.len(),
        bad: cause.bad,
        coverage: cause.coverage(),
        purity: cause.purity(),
        odds: cause.odds,
        p: cause.p,
        last_good: last_good.map(|case| case.item.clone()),
        first_bad: first_bad.map(|(_, case)| case.item.clone()),
        suspects,
        left_out,
        evidence: Vec::new(),
        evidence_left_out: 0,
    }
}

/// The times, or the values, of the cause.
fn span(cause: &Cause, named: &[Named]) -> (Option<Interval>, Option<(f64, f64)>) {
    let Some((from, to)) = cause.window else { return (None, None) };
    let order =
        cause.factors.first().and_then(|number| named.get(*number)).map(|named| &named.order);
    match order {
        Some(Order::Time) => (Some(Interval { from: Utc(from), to: Some(Utc(to)) }), None),
        Some(Order::Values(values)) => {
            let value = |place: i64| values.get(usize::try_from(place).ok()?).copied();
            (None, value(from).zip(value(to)))
        }
        None => (None, None),
    }
}
