//! Rules about what a unit went through: its route, and whether it was here before.
use super::{Case, Finding};
use crate::model::plant::Plant;
use crate::model::{Purpose, Result as Outcome, StationId, Verb, Visit};

impl Case<'_> {
    /// Every station before this one has completed it, and the last time well.
    pub(super) fn route(&self) -> Finding {
        let item = &self.draft.item;
        // A master is shown to a station, it does not come through the line.
        if self.purpose == Purpose::Master {
            return Finding::Passed;
        }
        let past = match self.past(item) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        for before in &self.station.after {
            let because = match past.visit(before) {
                None => format!("{item} was not completed at {before}"),
                Some(visit) if self.is_done(visit) => continue,
                Some(visit) => ended(item, visit),
            };
            let text = format!("{because}, which comes before {}", self.station.id);
            return Finding::Refused(text);
        }
        Finding::Passed
    }

    /// It was not completed here, or is to be worked on again since.
    pub(super) fn not_done_here(&self) -> Finding {
        let item = &self.draft.item;
        if self.purpose == Purpose::Master {
            return Finding::Passed;
        }
        let past = match self.past(item) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        let here = past.visit(&self.station.id).filter(|visit| self.is_done(visit));
        let Some(visit) = here else { return Finding::Passed };
        let done = format!(
            "{item} was completed at {} already (record {})",
            visit.station, visit.at.position
        );
        match past.rework {
            Some(order) if order > visit.at => {
                let text = format!("{done} and is to be worked on again ({})", order.position);
                Finding::Rework(text)
            }
            Some(_) | None => Finding::Refused(done),
        }
    }

    /// Whether a visit did its work. Where a station tells no outcomes, to have ended it is enough;
    /// where it does, one that is not known is none.
    fn is_done(&self, visit: &Visit) -> bool {
        match visit.result {
            Some(Outcome::Pass) => true,
            Some(Outcome::Fail | Outcome::Rework | Outcome::Scrap) => false,
            None => !tells_outcomes(self.plant, &visit.station),
        }
    }
}

fn tells_outcomes(plant: &Plant, station: &StationId) -> bool {
    let here = plant.stations.iter().filter(|s| s.id == *station);
    here.flat_map(|s| &s.handshakes).any(|handshake| {
        matches!(handshake.event, Verb::Complete | Verb::Produce) && handshake.result.is_some()
    })
}

fn ended(item: &crate::model::ItemKey, visit: &Visit) -> String {
    let how = match visit.result {
        Some(Outcome::Pass) => "passed",
        Some(Outcome::Fail) => "failed",
        Some(Outcome::Rework) => "was sent to rework",
        Some(Outcome::Scrap) => "was scrapped",
        None => "ended with no outcome that is known",
    };
    format!("{item} {how} at {} (record {})", visit.station, visit.at.position)
}
