//! The bill of material: what may go into an item of a product, where, and how much of it.
use super::{Case, Finding, Named};
use crate::model::plant::BillRow;
use crate::model::{Amount, ItemClass, ItemKey, Part, Text};

/// A sum of amounts may be larger by so much: they are told as floating numbers.
const TOLERANCE: f64 = 1e-9;

impl Case<'_> {
    /// The part or lot is on the bill of the item's product, at this place, and not more of it than the
    /// bill says.
    pub(super) fn bill(&self, other: &ItemKey) -> Finding {
        let Named { name, product } = match self.product() {
            Ok(named) => named,
            Err(finding) => return finding,
        };
        let Some(bill) = &product.bill else {
            return Finding::Refused(format!("{name} has no bill of material"));
        };
        let material = match self.material_of(other, self.said.material.as_ref()) {
            Ok(material) => material,
            Err(finding) => return finding,
        };
        let Some(row) = bill.get(&material) else {
            let text = format!("{material} ({other}) is not on the bill of {name}");
            return Finding::Refused(text);
        };
        if let Some(refused) = self.misplaced(&material, row) {
            return refused;
        }
        self.too_much(other, &material, row)
    }

    fn misplaced(&self, material: &Text, row: &BillRow) -> Option<Finding> {
        if row.positions.is_empty() {
            return None;
        }
        let text = match &self.said.place {
            Some(place) if row.positions.contains(place) => return None,
            Some(place) => format!("{material} does not go to `{place}`"),
            None => format!("where {material} goes was not told"),
        };
        let places: Vec<&str> = row.positions.iter().map(Text::as_str).collect();
        let text = format!("{text}; the bill has {}", places.join(", "));
        Some(Finding::Refused(text))
    }

    fn too_much(&self, other: &ItemKey, material: &Text, row: &BillRow) -> Finding {
        let item = &self.draft.item;
        let parts = match self.past(item) {
            Ok(past) => past.parts.iter().filter(|part| part.material == *material),
            Err(unknown) => return unknown,
        };
        let (before, now, unit) = if other.class == ItemClass::Lot && self.said.measured {
            let untold = || format!("how much of {other} goes into {item} cannot be read");
            let Some(amount) = &self.said.amount else { return Finding::Unknown(untold()) };
            let Some(before) = amounts(parts, amount, row) else {
                let text = format!("amounts of {material} in {item} cannot be compared");
                return Finding::Unknown(text);
            };
            (before, amount.value, amount.unit.as_ref())
        } else {
            (parts.map(|part| f64::from(part.count)).sum(), 1.0, None)
        };
        if before + now <= row.quantity * (1.0 + TOLERANCE) {
            return Finding::Passed;
        }
        let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
        let most = row.quantity;
        Finding::Refused(format!(
            "{item} has {before}{unit} of {material} already; with {now}{unit} more it is over {most}{unit}"
        ))
    }
}

/// How much is in the item already; `None` where units differ or an amount was not told.
fn amounts<'p>(
    mut parts: impl Iterator<Item = &'p Part>,
    now: &Amount,
    row: &BillRow,
) -> Option<f64> {
    let fits = row.unit.is_none() || row.unit == now.unit;
    let sum = parts.try_fold(0.0, |sum, part| {
        (part.untold == 0 && part.unit == now.unit).then_some(sum + part.amount)
    });
    sum.filter(|_| fits)
}
