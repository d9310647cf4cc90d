//! Rules about the part that goes into another item.
use super::{Case, Finding};
use crate::model::ItemKey;

impl Case<'_> {
    /// The part is in no other item. In the one that is asked about it may be: a request that comes
    /// again changes nothing. Nothing is part of itself, nor of what is in it.
    pub(super) fn not_used(&self, child: &ItemKey) -> Finding {
        let item = &self.draft.item;
        if child == item {
            return Finding::Refused(format!("{child} cannot be part of itself"));
        }
        let past = match self.past(child) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        if let Some(by) = past.has_main {
            let text = format!("{item} is in {child} (record {by}): {child} cannot be part of it");
            return Finding::Refused(text);
        }
        match past.within.iter().find(|within| within.whole != *item) {
            None => Finding::Passed,
            Some(within) => Finding::Refused(format!(
                "{child} is in {} already (record {})",
                within.whole, within.position
            )),
        }
    }
}
