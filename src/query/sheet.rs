//! Stop-ship sheets: whom to tell of what has left, one sheet a customer and delivery note.
use super::answer::Recall;
use super::memory::Shipment;
use super::view::View;
use crate::genealogy::NodeId;
use crate::model::{ItemKey, Position, Text, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// What has left for one customer under one delivery note.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Sheet {
    /// To whom, if that was told.
    pub customer: Option<Text>,
    /// Under which delivery note, if that was told.
    pub document: Option<Text>,
    /// Whom to tell there, if the settings say so.
    pub contact: Option<Text>,
    /// What, in the order of the items.
    pub items: Vec<SheetItem>,
}

/// One item on a sheet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct SheetItem {
    /// Which.
    pub item: ItemKey,
    /// Its product or material, if told.
    pub product: Option<Text>,
    /// What it was in when that left; `None` if it left by itself.
    pub left_in: Option<ItemKey>,
    /// When.
    pub left_at: Option<Utc>,
    /// The record of the shipment.
    pub record: Option<Position>,
}

/// Every item of the answer that has left, on one sheet each; what nobody told the customer of comes last, on sheets
/// without one.
pub(super) fn sheets(
    memory: &View<'_>,
    recall: &Recall,
    contacts: &BTreeMap<Text, Text>,
) -> Vec<Sheet> {
    let mut sheets: BTreeMap<(bool, Shipment), Vec<SheetItem>> = BTreeMap::new();
    let items: BTreeSet<&ItemKey> = recall.shipped.iter().map(|(item, _)| item).collect();
    for item in items {
        for (shipment, row) in rows(memory, item) {
            sheets.entry((shipment.customer.is_none(), shipment)).or_default().push(row);
        }
    }
    let sheet = |((_, Shipment { customer, document }), mut items): ((bool, Shipment), Vec<_>)| {
        items.sort_unstable();
        let contact = customer.as_ref().and_then(|customer| contacts.get(customer)).cloned();
        Sheet { customer, document, contact, items }
    };
    sheets.into_iter().map(sheet).collect()
}

/// An item as often as it left.
fn rows(memory: &View<'_>, item: &ItemKey) -> Vec<(Shipment, SheetItem)> {
    let Some(node) = memory.graph.item(item) else { return Vec::new() };
    let row = |(record, left): (Position, NodeId)| {
        let row = SheetItem {
            item: item.clone(),
            product: memory.product(node),
            left_in: memory.key(left).filter(|_| left != node).cloned(),
            left_at: memory.life(left).at(record).map(|moment| moment.time),
            record: Some(record),
        };
        (memory.shipment(record), row)
    };
    memory.state_and_left(node).1.into_iter().map(row).collect()
}
