//! One word of a plant as a row: the keys of `tags`, each as the plant file writes it.
use crate::model::plant::{Plant, TagSource};
use std::collections::BTreeSet;
use toml::{Table, Value};

/// The keys of `tags` in the order of the columns, after `device` and `tag`.
pub(super) const KEYS: [&str; 12] = [
    "at", "type", "order", "scale", "eu", "range", "change", "bad", "names", "bits", "poll",
    "publish",
];

/// One word.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) device: String,
    pub(super) tag: String,
    /// It is a number, as far as its list says; what its `type` says stands in the keys.
    pub(super) number: bool,
    /// What stands behind `tag =`.
    pub(super) keys: Table,
}

/// The words of a plant: those declared as they are written, then those that only their nodes name.
pub(super) fn of_plant(plant: &Plant, files: &[(String, String)]) -> Vec<Row> {
    let mut rows = Vec::new();
    for (_, text) in files {
        // It was checked: what cannot be read is not there.
        let file: Table = text.parse().unwrap_or_default();
        let devices = file.get("device").and_then(Value::as_table);
        for (device, table) in devices.into_iter().flatten() {
            let tags = table.get("tags").and_then(Value::as_table);
            rows.extend(tags.into_iter().flatten().map(|(tag, keys)| Row {
                device: device.clone(),
                tag: tag.clone(),
                number: true,
                keys: keys.as_table().cloned().unwrap_or_default(),
            }));
        }
    }
    let declared: BTreeSet<_> = rows.iter().map(|r| (r.device.clone(), r.tag.clone())).collect();
    for tag in &plant.tags {
        let device = plant.device(tag.device).id.to_string();
        let name = tag.name.to_string();
        let TagSource::Node(node) = &tag.source else { continue };
        if !declared.contains(&(device.clone(), name.clone())) {
            let at = Value::String(node.identifier.clone());
            let keys = Table::from_iter([("at".to_owned(), at)]);
            rows.push(Row { device, tag: name, number: true, keys });
        }
    }
    rows
}
