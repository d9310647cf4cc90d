//! The cases of recall that are open, and what each is about: nothing of that goes.
use crate::genealogy::retention::Recalled;
use crate::model::{Body, CaseId, CaseQuestion, CaseStep, Position, Record, StationId};
use crate::query::RecallOf;
use std::collections::BTreeMap;

/// What the records say of cases so far.
#[derive(Debug, Default)]
pub(super) struct OpenCases {
    questions: BTreeMap<CaseId, CaseQuestion>,
    /// Where, by the record that may have opened a suspect window.
    windows: BTreeMap<Position, StationId>,
}

impl OpenCases {
    /// Takes a record in, in the order of the ledger.
    pub(super) fn take(&mut self, record: &Record) {
        match &record.body {
            Body::Case(event) => {
                let case = event.case(record.position);
                match &event.step {
                    CaseStep::Opened { frozen } | CaseStep::Revised { frozen, .. } => {
                        self.questions.insert(case, frozen.question.clone());
                    }
                    CaseStep::Closed { .. } => {
                        self.questions.remove(&case);
                    }
                }
            }
            Body::Verdict(verdict) => {
                self.windows.insert(record.position, verdict.station.clone());
            }
            Body::Trace(_)
            | Body::Quarantine(_)
            | Body::Gap(_)
            | Body::Epoch(_)
            | Body::Plant(_)
            | Body::Orders(_)
            | Body::Audit(_)
            | Body::Tombstone(_)
            | Body::Dropped => {}
        }
    }

    /// What all of them are about: of a time at a station or a suspect window all that was ever there.
    ///
    /// # Errors
    /// The first case of which nobody can say it.
    pub(super) fn recalled(&self) -> Result<Recalled, CaseId> {
        let mut recalled = Recalled::default();
        for (case, question) in &self.questions {
            match RecallOf::of_case(question).ok_or(*case)? {
                RecallOf::Lot(item) => {
                    recalled.items.insert(item);
                }
                RecallOf::Station { id, .. } => {
                    recalled.stations.insert(id);
                }
                RecallOf::Window(opened) => {
                    recalled.stations.insert(self.windows.get(&opened).cloned().ok_or(*case)?);
                }
            }
        }
        Ok(recalled)
    }
}
