//! What goes and what stays, for a person or a program.
use super::plan::Plan;
use super::tape::Old;
use crate::cli::exit::Failure;
use crate::cli::{Context, output};
use crate::genealogy::retention::Stays;
use std::collections::BTreeMap;

/// What an item without a product or material is listed under.
const NONE: &str = "-";

/// How many items of one name go, and how many stay for each reason.
#[derive(Debug, Clone, Copy, Default)]
struct Row {
    goes: u64,
    kept: u64,
    in_use: u64,
    on_hold: u64,
    linked: u64,
}

pub(super) fn plan(context: &Context, plan: &Plan<'_>, tape: &[Old]) -> Result<(), Failure> {
    let rows = rows(plan);
    let (segments, records) = plan.there();
    let goes: u64 = plan.segments().map(|segment| segment.records()).sum();
    let bytes: u64 = plan.segments().flat_map(|s| s.steps).map(|span| span.bytes).sum();
    let thinned = plan.segments().count();
    let tape_bytes: u64 = tape.iter().map(|old| old.bytes).sum();
    if context.json {
        let names = rows.iter().map(|(name, row)| {
            let Row { goes, kept, in_use, on_hold, linked } = row;
            serde_json::json!({
                "name": name, "goes": goes, "kept": kept, "in_use": in_use, "on_hold": on_hold,
                "linked": linked,
            })
        });
        return output::json(&serde_json::json!({
            "records": { "goes": goes, "sealed": records },
            "segments": { "thinned": thinned, "sealed": segments },
            "bytes": bytes,
            "names": names.collect::<Vec<_>>(),
            "tape": { "files": tape.len(), "bytes": tape_bytes },
        }));
    }
    let cells = rows.into_iter().map(|(name, row)| {
        let Row { goes, kept, in_use, on_hold, linked } = row;
        let numbers = [goes, kept, in_use, on_hold, linked].map(|n| n.to_string());
        std::iter::once(name).chain(numbers).collect()
    });
    let head = ["PRODUCT OR MATERIAL", "GOES", "KEPT", "IN USE", "ON HOLD", "LINKED"];
    output::line(output::table(&head, cells.collect()))?;
    output::line(format_args!(
        "{goes} of {records} records go, from {thinned} of {segments} sealed segments: {bytes} bytes"
    ))?;
    if !tape.is_empty() {
        let files = output::counted(tape.len(), "sealed file");
        output::line(format_args!("{files} of the tape go: {tape_bytes} bytes"))?;
    }
    Ok(())
}

/// By product and material; an item of several names counts under each.
fn rows(plan: &Plan<'_>) -> BTreeMap<String, Row> {
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    for (item, why) in plan.judged.items() {
        let mut names: Vec<String> = plan.judged.names(item).map(ToString::to_string).collect();
        if names.is_empty() {
            names.push(NONE.to_owned());
        }
        for name in names {
            let row = rows.entry(name).or_default();
            let count = match why {
                None => &mut row.goes,
                Some(Stays::Kept) => &mut row.kept,
                Some(Stays::InUse) => &mut row.in_use,
                Some(Stays::OnHold) => &mut row.on_hold,
                Some(Stays::Linked) => &mut row.linked,
            };
            *count += 1;
        }
    }
    rows
}
