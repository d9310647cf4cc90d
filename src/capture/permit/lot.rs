//! Rules about the lots that are used: the one of the request and those in the feeders.
use super::{Case, Finding, worst};
use crate::model::plant::{Material, Reason};
use crate::model::{ItemClass, ItemKey, Text};

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
            let Some(life) = material.floor_life else { return Finding::Passed };
            let past = match self.past(lot) {
                Ok(past) => past,
                Err(unknown) => return unknown,
            };
            // What was never mounted or used is opened by this.
            match past.opened.map(|opened| (opened, opened.plus(life))) {
                Some((opened, until)) if self.when() > until => Finding::Refused(format!(
                    "{lot} was opened at {opened}; {name} may be used until {until}"
                )),
                Some(_) | None => Finding::Passed,
            }
        })
    }

    /// What one rule says of all lots together; what refuses goes before what is not known.
    pub(super) fn of_lots(&self, rule: impl Fn(&ItemKey, Option<&Text>) -> Finding) -> Finding {
        let named = self.draft.other.iter().filter(|other| other.class == ItemClass::Lot);
        let named = named.map(|lot| (lot, self.said.material.as_ref()));
        let points = self.station.mounts.iter();
        let fed =
            points.filter_map(|point| Some((self.mounts.get(&point.id)?, self.fed(&point.id))));
        let found = named.chain(fed).map(|(lot, told)| rule(lot, told));
        worst(found.chain((!self.mounts_seen).then(|| self.mounts_not_seen())))
    }

    fn not_expired(&self, lot: &ItemKey, told: Option<&Text>) -> Finding {
        let past = match self.past(lot) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        // A material that is not declared has no shelf life either.
        let shelf_life = self.declared(lot, told).ok().and_then(|(_, m)| m.shelf_life);
        let made = past.made.zip(shelf_life).map(|(made, life)| made.plus(life));
        match past.best_before.or(made) {
            Some(until) if self.when() <= until => Finding::Passed,
            Some(until) => Finding::Refused(format!("{lot} was best before {until}")),
            None => {
                let text = format!("until when {lot} may be used was never told");
                Finding::RefusedFor(Reason::ExpiryUnknown, text)
            }
        }
    }

    /// The material of a lot as the plant files have it.
    pub(super) fn declared(
        &self,
        lot: &ItemKey,
        told: Option<&Text>,
    ) -> Result<(Text, &Material), Finding> {
        let name = self.material_of(lot, told)?;
        let Some(material) = self.plant.catalog.materials.get(&name) else {
            let text = format!("the plant files have no material {name} ({lot})");
            return Err(Finding::RefusedFor(Reason::MaterialUnknown, text));
        };
        Ok((name, material))
    }
}
