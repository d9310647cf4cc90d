//! What the line draws from: component lots made of raw lots, and a tank that keeps something of what was in it.
use super::Truth;
use super::book::{Book, SECOND, event, lot};
use crate::model::{Body, CarriedOver, Consumption, ItemKey, MountUse, Utc, What};

/// Raw lots; each component lot is made of one.
pub(super) const RAW: u32 = 6;
/// Fills of the tank from one clean to the next.
const CLEANED_EVERY: u32 = 4;

/// A component lot is made of a raw lot.
pub(super) fn component(
    (book, truth): (&mut Book, &mut Truth),
    time: Utc,
    (number, raw): (u32, u32),
) -> ItemKey {
    let (made, raw) = (lot("C", number), lot("RAW", raw));
    let produced = What::Produce {
        item: made.clone(),
        amount: None,
        result: None,
        measurements: Vec::new(),
        mounts: Vec::new(),
        best_before: None,
    };
    book.event(time, "MIX", produced);
    let consumed = Consumption { lot: raw.clone(), amount: None };
    book.event(time, "MIX", What::Consume { consumed, into: made.clone(), place: None });
    truth.contain(&raw, &made);
    made
}

/// The tank: what is in it, by fill, since it was last cleaned.
#[derive(Default)]
pub(super) struct Tank {
    pub(super) fills: Vec<ItemKey>,
    pub(super) mounted: Option<MountUse>,
}

impl Tank {
    /// Fills it up; what is left of the fills before stays in, unless it is cleaned.
    pub(super) fn fill(&mut self, (book, truth): (&mut Book, &mut Truth), time: Utc, number: u32) {
        if let Some(before) = self.mounted.take() {
            book.unmount(time, &before);
        }
        if number.is_multiple_of(CLEANED_EVERY) {
            book.event(time, "TANK", What::Clean { confirmed: true, phase: None });
            self.fills.clear();
        }
        let fill = lot("F", number);
        let what = What::Produce {
            item: fill.clone(),
            amount: None,
            result: None,
            measurements: Vec::new(),
            mounts: Vec::new(),
            best_before: None,
        };
        let over = |lot: &ItemKey| CarriedOver { lot: lot.clone(), observed: true };
        let mut made = event(time, "TANK", what);
        made.carried_over = self.fills.iter().map(over).collect();
        book.write(Body::Trace(made));
        for before in &self.fills {
            truth.contain(before, &fill);
        }
        self.mounted = Some(book.mount(Utc(time.0 + SECOND), "FILL", "tank", &fill));
        self.fills.push(fill);
    }

    /// How many fills ago a fill was the last, 0 for the one on top; `None` if nothing of it is in the tank.
    pub(super) fn age(&self, fill: &ItemKey) -> Option<u32> {
        self.fills.iter().rev().zip(0..).find(|(one, _)| *one == fill).map(|(_, age)| age)
    }
}
