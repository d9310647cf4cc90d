//! Rules about the lots that are used.
use super::{Case, Finding};
use crate::model::plant::Reason;
use crate::model::{ItemClass, ItemKey};

impl Case<'_> {
    /// Neither the lot of the request nor one in a feeder is past its date when it is used. A lot whose
    /// date nobody told is refused as well, for a reason of its own.
    pub(super) fn lots_not_expired(&self) -> Finding {
        let named = self.draft.other.iter().filter(|other| other.class == ItemClass::Lot);
        let points = self.station.mounts.iter();
        let fed = points.filter_map(|point| self.mounts.get(&point.id));
        let findings: Vec<Finding> = named.chain(fed).map(|lot| self.not_expired(lot)).collect();
        let refused =
            |finding: &&Finding| matches!(finding, Finding::Refused(_) | Finding::RefusedFor(..));
        let doubtful = |finding: &&Finding| matches!(finding, Finding::Unknown(_));
        let worst = findings.iter().find(refused).or_else(|| findings.iter().find(doubtful));
        match worst {
            Some(finding) => finding.clone(),
            None if self.mounts_seen => Finding::Passed,
            None => self.mounts_not_seen(),
        }
    }

    fn not_expired(&self, lot: &ItemKey) -> Finding {
        let past = match self.past(lot) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        match past.best_before {
            Some(until) if self.draft.time.at.max(self.now) <= until => Finding::Passed,
            Some(until) => Finding::Refused(format!("{lot} was best before {until}")),
            None => {
                let text = format!("until when {lot} may be used was never told");
                Finding::RefusedFor(Reason::ExpiryUnknown, text)
            }
        }
    }
}
