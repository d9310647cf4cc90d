//! Rules about what a unit went through: its route, and whether it was here before.
use super::route::{Route, order};
use super::{Case, Finding};
use crate::model::plant::Plant;
use crate::model::{ItemKey, Moment, Past, Purpose, Result as Outcome, StationId, Verb, Visit};

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
        match self.route_of(past) {
            Route::Product(named) => return self.on_route(&named, past),
            Route::Unknown(finding) => return finding,
            Route::Stations => {}
        }
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
        let Some(visit) = past.visit(&self.station.id) else { return Finding::Passed };
        if visit.result == Some(Outcome::Rework) {
            return Finding::Rework(ended(item, visit));
        }
        if !self.is_done(visit) {
            return Finding::Passed;
        }
        let done = format!(
            "{item} was completed at {} already (record {})",
            visit.station, visit.at.position
        );
        match self.rework(past) {
            Some(order) if order > visit.at => {
                let text = format!("{done} and is to be worked on again ({})", order.position);
                Finding::Rework(text)
            }
            Some(_) | None => Finding::Refused(done),
        }
    }

    /// When it was last sent to be worked on again at this station.
    fn rework(&self, past: &Past) -> Option<Moment> {
        match self.route_of(past) {
            Route::Product(named) if self.is_redone_here(named.product) => {
                order(named.product, past)
            }
            Route::Product(_) => None,
            Route::Stations | Route::Unknown(_) => past.rework,
        }
    }

    /// Whether a visit did its work. Where a station tells no outcomes, to have ended it is enough;
    /// where it does, one that is not known is none.
    pub(super) fn is_done(&self, visit: &Visit) -> bool {
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

pub(super) fn ended(item: &ItemKey, visit: &Visit) -> String {
    let how = match visit.result {
        Some(Outcome::Pass) => "passed",
        Some(Outcome::Fail) => "failed",
        Some(Outcome::Rework) => "was sent to rework",
        Some(Outcome::Scrap) => "was scrapped",
        None => "ended with no outcome that is known",
    };
    format!("{item} {how} at {} (record {})", visit.station, visit.at.position)
}
