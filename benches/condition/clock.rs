//! A clock alarms as often as asked, and knows nothing.
use std::ops::Range;

/// Phases over which what it finds is averaged.
pub(crate) const PHASES: u32 = 200;

/// The rows at which it alarms, in one of its phases: evenly over all rows.
pub(crate) fn alarms(count: usize, rows: Range<usize>, phase: u32) -> Vec<usize> {
    let apart = rows.len() as f64 / count as f64;
    let shift = (f64::from(phase) + 0.5) / f64::from(PHASES);
    let at = |alarm: usize| (apart * (alarm as f64 + shift)).floor();
    (0..count).map(|alarm| rows.start + row(at(alarm))).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rows of a file")]
fn row(at: f64) -> usize {
    at as usize
}
