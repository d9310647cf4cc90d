//! Rules about the lots that are used: the one of the request and those in the feeders.
use super::{Case, Finding};
use crate::model::plant::{Material, Reason, Told};
use crate::model::{Exposure, ItemClass, ItemKey, Text, Verb, floor_until};
use std::time::Duration;

/// Clocks of PLCs may differ so far; what is later still is a fault of one.
const CLOCKS_DIFFER: Duration = Duration::from_hours(1);

impl Case<'_> {
    /// Neither the lot of the request nor one in a feeder is past its date when it is used. A lot whose
    /// date nobody told is refused as well, for a reason of its own.
    pub(super) fn lots_not_expired(&self) -> Finding {
        self.of_lots(|lot, material| self.not_expired(lot, material))
    }

    /// No lot is out of dry storage for longer than its material allows.
    pub(super) fn floor_life(&self) -> Finding {
        self.of_lots(|lot, told| {
            let (name, material) = match self.declared(lot, told) {
                Ok(found) => found,
                Err(finding) => return finding,
            };
            let past = match self.past(lot) {
                Ok(past) => past,
                Err(unknown) => return unknown,
            };
            // What was never mounted or used is opened by this.
            let life = material.and_then(|material| material.floor_life);
            // What stands in a feeder is not in dry storage, whatever was told of it.
            let is_fed = self.mounts.values().any(|fed| fed == lot);
            let out = past.exposure.clone();
            let out = out.map(|out| if is_fed { out.running() } else { out });
            if let Some(from) = out.as_ref().and_then(Exposure::last)
                && life.is_some()
                && from > self.when().plus(CLOCKS_DIFFER)
            {
                return Finding::Unknown(format!(
                    "{lot} is said to be out of dry storage from {from} on, which is still to come: correct that record"
                ));
            }
            let until = life.and_then(|life| floor_until(past.opened, out.as_ref(), life));
            let breaks = out.as_ref().and_then(Exposure::since);
            match until.filter(|until| self.when() > *until).zip(breaks.or(past.opened)) {
                Some((until, since)) => {
                    let how = match breaks {
                        Some(_) => "out of dry storage, breaks not counted, since",
                        None => "opened at",
                    };
                    let text = format!("{lot} was {how} {since}; {name} may be used until {until}");
                    Finding::Refused(text)
                }
                None => self.in_time_below(lot, Told::FloorLife),
            }
        })
    }

    /// What one rule says of all lots together; what refuses goes before what is not known.
    pub(super) fn of_lots(&self, rule: impl Fn(&ItemKey, Option<&Text>) -> Finding) -> Finding {
        let main = Some(&self.draft.item).filter(|_| self.verb == Verb::Open);
        let named = self.draft.other.iter().chain(main).filter(|lot| lot.class == ItemClass::Lot);
        let named = named.map(|lot| (lot, self.said.material.as_ref()));
        let points = self.station.mounts.iter();
        let fed =
            points.filter_map(|point| Some((self.mounts.get(&point.id)?, self.fed(&point.id))));
        let found = named.chain(fed).map(|(lot, told)| rule(lot, told));
        Finding::worst(found.chain((!self.mounts_seen).then(|| self.mounts_not_seen())))
    }

    fn not_expired(&self, lot: &ItemKey, told: Option<&Text>) -> Finding {
        let past = match self.past(lot) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        // A material that is not declared has no shelf life either.
        let shelf_life = self.declared(lot, told).ok().and_then(|(_, m)| m?.shelf_life);
        let made = past.made.zip(shelf_life).map(|(made, life)| made.plus(life));
        match past.best_before.or(made) {
            Some(until) if self.when() <= until => self.in_time_below(lot, Told::BestBefore),
            Some(until) => Finding::Refused(format!("{lot} was best before {until}")),
            // What it was made of may tell.
            None => match self.earliest_below(lot, Told::BestBefore) {
                Ok(None) => {
                    let text = format!("until when {lot} may be used was never told");
                    Finding::RefusedFor(Reason::ExpiryUnknown, text)
                }
                Ok(Some(_)) | Err(_) => self.in_time_below(lot, Told::BestBefore),
            },
        }
    }

    /// Nothing that a lot was made of is past its time.
    fn in_time_below(&self, lot: &ItemKey, told: Told) -> Finding {
        match self.earliest_below(lot, told) {
            Err(unknown) => unknown,
            Ok(Some((until, kin))) if self.when() > until => Finding::Refused(format!(
                "{lot} was made of {kin}, and that may be used until {until}"
            )),
            Ok(Some(_) | None) => Finding::Passed,
        }
    }

    /// The material of a lot as the plant files have it; none of a lot that is a product.
    pub(super) fn declared(
        &self,
        lot: &ItemKey,
        told: Option<&Text>,
    ) -> Result<(Text, Option<&Material>), Finding> {
        let name = self.material_of(lot, told)?;
        if !self.plant.catalog.has(&name) {
            return Err(not_in_files(lot, &name));
        }
        let material = self.plant.catalog.materials.get(&name);
        Ok((name, material))
    }
}

/// Nothing is known of what a material is.
pub(super) fn not_in_files(item: &ItemKey, name: &Text) -> Finding {
    let text = format!("the plant files have no material {name} ({item})");
    Finding::RefusedFor(Reason::MaterialUnknown, text)
}
