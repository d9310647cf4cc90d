//! What was made at a station since it was last cleaned, from records alone.
use crate::model::{Position, Purpose, Record, Text, TraceEvent, What};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// Products that are remembered; beyond, that there were more is.
const PRODUCTS_MAX: usize = 256;

/// The products that were made since the last clean that gave its proof.
#[derive(Debug, Clone, Default, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Ran {
    /// Each with the record that told of it last.
    #[n(0)]
    products: BTreeMap<Text, Position>,
    /// The record of one that is not remembered.
    #[n(1)]
    more: Option<Position>,
}

impl Ran {
    /// Whether anything else was made than this product: what, if that is remembered, and the record.
    pub fn other_than(&self, product: &Text) -> Option<(Option<&Text>, Position)> {
        let mut others = self.products().filter(|(other, _)| *other != product);
        let other = others.next().map(|(other, since)| (Some(other), since));
        other.or(self.more.map(|since| (None, since)))
    }

    /// Each product with the record that told of it last.
    pub fn products(&self) -> impl Iterator<Item = (&Text, Position)> {
        self.products.iter().map(|(product, since)| (product, *since))
    }

    /// The record of one that is not remembered, since they were too many.
    pub fn more(&self) -> Option<Position> {
        self.more
    }

    pub(super) fn apply(&mut self, record: &Record, event: &TraceEvent) {
        if matches!(event.what, What::Clean { confirmed: true, .. }) {
            *self = Self::default();
        }
        let Some(product) = event.product.as_ref().filter(|_| runs(event)) else { return };
        if self.products.len() < PRODUCTS_MAX || self.products.contains_key(product) {
            self.products.insert(product.clone(), record.position);
        } else {
            self.more = Some(record.position);
        }
    }
}

/// Whether an event brings its product into the station. What was refused never came in; what was set
/// up or tried out did.
fn runs(event: &TraceEvent) -> bool {
    let came = match event.what {
        What::Arrive { .. } | What::Consume { .. } | What::Install { .. } => !event.is_only_asked(),
        What::Complete { .. } | What::Produce { .. } => true,
        What::Remove { .. }
        | What::Pack { .. }
        | What::Unpack { .. }
        | What::Split { .. }
        | What::Merge { .. }
        | What::Mount { .. }
        | What::Unmount { .. }
        | What::Move { .. }
        | What::Receive { .. }
        | What::Ship { .. }
        | What::Inspect { .. }
        | What::Hold { .. }
        | What::Release { .. }
        | What::Scrap { .. }
        | What::Rework { .. }
        | What::Clean { .. }
        | What::Identify { .. }
        | What::Note { .. }
        | What::Open { .. }
        | What::Close { .. }
        | What::Dry { .. }
        | What::Correct { .. } => false,
    };
    came && event.purpose != Purpose::Master
}
