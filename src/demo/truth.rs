//! What really happened, kept by the plant itself, so that a record of it can be judged.
use super::day::Fate;
use super::sim::Part;
use crate::model::{ItemKey, Result, Utc};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::watch;

/// Parts remembered; a demo left running for more than a day forgets the oldest.
const PARTS_MAX: usize = 100_000;

/// How far a part came: the last step of which the PLC had its acknowledgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reached {
    /// Cast at CAST10.
    Cast,
    /// Pressed at PRESS20.
    Pressed,
    /// Bearing fitted, greased and tightened at ASM30.
    Assembled,
    /// Leak-tested at TEST40.
    Tested,
    /// In its box at PACK50.
    Packed,
}

/// One part with everything that went into it.
#[derive(Debug, Clone, PartialEq)]
pub struct PartTruth {
    /// Values and lots; those of steps that it has not reached are what it would have had.
    pub part: Part,
    /// How far it came.
    pub reached: Reached,
    /// When its pressing was reported: the source time of the press's counter.
    pub pressed_at: Option<Utc>,
    /// The box that it is in.
    pub container: Option<ItemKey>,
    /// What happened to it beside that.
    pub fate: Fate,
    /// Work on it that was reported under its own serial, in order.
    pub visits: Vec<VisitTruth>,
    /// The host's code, where the press was not allowed to work on it; it went no further.
    pub refused: Option<i64>,
}

/// One passage through a station, as its machine reported it.
#[derive(Debug, Clone, PartialEq)]
pub struct VisitTruth {
    /// Where.
    pub station: &'static str,
    /// With what outcome, where the machine says one.
    pub result: Option<Result>,
    /// What the station measures.
    pub value: f64,
}

/// A master on the test bench.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MasterTruth {
    /// Its serial.
    pub serial: &'static str,
    /// What the bench said of it.
    pub result: Result,
}

/// The first part that was pressed with a fallen force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnsetTruth {
    /// The part.
    pub unit: ItemKey,
    /// When its pressing was reported: the source time of the press's counter.
    pub at: Utc,
}

/// Where the machines write what they did.
#[derive(Debug, Clone)]
pub(super) struct Recorder {
    book: Arc<Mutex<Book>>,
    left: Arc<watch::Sender<u64>>,
}

#[derive(Debug, Default)]
struct Book {
    forgotten: u64,
    parts: VecDeque<PartTruth>,
    masters: Vec<MasterTruth>,
    onset: Option<OnsetTruth>,
}

impl Book {
    fn part(&mut self, index: u64) -> Option<&mut PartTruth> {
        let at = usize::try_from(index.checked_sub(self.forgotten)?).ok()?;
        self.parts.get_mut(at)
    }
}

impl Recorder {
    pub(super) fn new() -> Self {
        Self { book: Arc::default(), left: Arc::new(watch::Sender::new(0)) }
    }

    /// A new part; they are cast in the order of their index.
    pub(super) fn cast(&self, part: &Part, fate: Fate) {
        let mut book = self.book.lock();
        if book.parts.len() == PARTS_MAX {
            book.parts.pop_front();
            book.forgotten += 1;
        }
        book.parts.push_back(PartTruth {
            part: part.clone(),
            reached: Reached::Cast,
            pressed_at: None,
            container: None,
            fate,
            visits: Vec::new(),
            refused: None,
        });
        drop(book);
        if fate != Fate::Stranger {
            let value = part.melt_celsius;
            self.visit(part, VisitTruth { station: "CAST10", result: None, value });
        }
    }

    pub(super) fn pressed(&self, part: &Part, at: Utc) {
        let mut book = self.book.lock();
        if part.drift_sigma > 0.0 && book.onset.is_none() {
            book.onset = Some(OnsetTruth { unit: part.unit.clone(), at });
        }
        if let Some(row) = book.part(part.index) {
            row.reached = Reached::Pressed;
            row.pressed_at = Some(at);
            if row.fate != Fate::Unread {
                let (result, value) = (Some(Result::Pass), part.force_kn);
                row.visits.push(VisitTruth { station: "PRESS20", result, value });
            }
        }
    }

    pub(super) fn visit(&self, part: &Part, visit: VisitTruth) {
        if let Some(row) = self.book.lock().part(part.index) {
            row.visits.push(visit);
        }
    }

    pub(super) fn master(&self, master: MasterTruth) {
        self.book.lock().masters.push(master);
    }

    pub(super) fn masters(&self) -> Vec<MasterTruth> {
        self.book.lock().masters.clone()
    }

    pub(super) fn reached(&self, part: &Part, step: Reached) {
        if let Some(row) = self.book.lock().part(part.index) {
            row.reached = step;
        }
    }

    pub(super) fn packed(&self, part: &Part, container: ItemKey) {
        if let Some(row) = self.book.lock().part(part.index) {
            row.reached = Reached::Packed;
            row.container = Some(container);
        }
        self.left();
    }

    pub(super) fn refused(&self, part: &Part, code: i64) {
        if let Some(row) = self.book.lock().part(part.index) {
            row.refused = Some(code);
        }
        self.left();
    }

    /// One part fewer on the line: packed, failed or refused.
    pub(super) fn left(&self) {
        self.left.send_modify(|count| *count += 1);
    }

    pub(super) fn parts(&self) -> Vec<PartTruth> {
        self.book.lock().parts.iter().cloned().collect()
    }

    pub(super) fn onset(&self) -> Option<OnsetTruth> {
        self.book.lock().onset.clone()
    }

    pub(super) fn progress(&self) -> watch::Receiver<u64> {
        self.left.subscribe()
    }
}
