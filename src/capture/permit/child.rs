//! Rules about the part that goes into another item.
use super::{Case, Finding};
use crate::model::ItemKey;

impl Case<'_> {
    /// The part is in no other item. In the one that is asked about it may be: a request that comes
    /// again changes nothing.
    pub(super) fn not_used(&self, child: &ItemKey) -> Finding {
        let past = match self.past(child) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        match past.within.iter().find(|within| within.whole != self.draft.item) {
            None => Finding::Passed,
            Some(within) => Finding::Refused(format!(
                "{child} is in {} already (record {})",
                within.whole, within.position
            )),
        }
    }
}
