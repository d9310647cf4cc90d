//! The route of a product: what comes before a station, and how a unit leaves it to be worked on again.
use super::{Case, Finding, Named};
use crate::model::plant::{Product, Reason, Rework};
use crate::model::{Moment, Past, Result as Outcome, StationId, Text, Visit};

/// By what the stations before this one are known.
pub(super) enum Route<'a> {
    /// By the product's own route.
    Product(Named<'a>),
    /// By `after` of the stations.
    Stations,
    /// Neither is known.
    Unknown(Finding),
}

impl<'a> Case<'a> {
    /// What comes before this station for the item.
    pub(super) fn route_of(&self, past: &'a Past) -> Route<'a> {
        let named = self.said.product.as_ref().or(past.product.as_ref());
        let product = named.and_then(|name| Some((name, self.plant.catalog.products.get(name)?)));
        match product {
            Some((name, product)) if !product.route.is_empty() => {
                Route::Product(Named { name: name.clone(), product })
            }
            None if self.station.after.is_empty() && self.is_routed() => {
                Route::Unknown(self.product_unknown(named))
            }
            Some(_) | None => Route::Stations,
        }
    }

    /// Whether a product has the station on its route.
    fn is_routed(&self) -> bool {
        self.plant.catalog.routed().contains(&self.station.id)
    }

    /// The route of a product up to this station.
    pub(super) fn on_route(&self, named: &Named<'_>, past: &Past) -> Finding {
        let Named { name, product } = named;
        if let Some(refused) = self.too_often(name, product, past) {
            return refused;
        }
        let (item, here) = (&self.draft.item, &self.station.id);
        let order = order(product, past);
        let Some(at) = stop(product, here) else {
            let entry = product.rework.as_ref().and_then(|rework| rework.entry.as_ref());
            if entry != Some(here) {
                return Finding::Refused(format!("{here} is not on the route of {name} ({item})"));
            }
            // Worked on since it was ordered, it goes back to its route.
            let open = order.is_some_and(|order| {
                past.visit(here).is_none_or(|done| done.at < order || !self.is_done(done))
            });
            let text = || format!("{item} is not to be worked on again at {here}");
            return if open { Finding::Passed } else { Finding::Refused(text()) };
        };
        let again = order
            .zip(product.rework.as_ref())
            .filter(|(_, rework)| stop(product, &rework.back).is_some_and(|back| back <= at));
        if let Some((order, rework)) = again
            && let Some(refused) = self.not_reworked(past, order, rework)
        {
            return refused;
        }
        for (number, before) in product.route.iter().enumerate().take(at) {
            let redone = again.filter(|(_, rework)| {
                stop(product, &rework.back).is_some_and(|back| back <= number)
            });
            let because = match (past.visit(before), redone) {
                (Some(visit), Some((order, _))) if visit.at < order => format!(
                    "{item} was completed at {before} before it was to be worked on again ({})",
                    order.position
                ),
                (Some(visit), _) if self.is_done(visit) => continue,
                (Some(visit), _) => super::past::ended(item, visit),
                (None, _) => format!("{item} was not completed at {before}"),
            };
            return Finding::Refused(format!("{because}, which comes before {here}"));
        }
        Finding::Passed
    }

    /// It has to be worked on beside the route first.
    fn not_reworked(&self, past: &Past, order: Moment, rework: &Rework) -> Option<Finding> {
        let entry = rework.entry.as_ref()?;
        let done = past.visit(entry).is_some_and(|done| done.at > order && self.is_done(done));
        let item = &self.draft.item;
        (!done).then(|| {
            Finding::Refused(format!(
                "{item} is to be worked on again at {entry} first ({})",
                order.position
            ))
        })
    }

    fn too_often(&self, name: &Text, product: &Product, past: &Past) -> Option<Finding> {
        let most = product.visits_max?;
        let (item, here) = (&self.draft.item, &self.station.id);
        let times = past.visit(here).map_or(0, |visit| visit.times.unwrap_or(1));
        let text =
            format!("{item} was completed at {here} {times} times, as often as {name} may be");
        (times >= most).then_some(Finding::RefusedFor(Reason::VisitsMax, text))
    }

    /// Whether what is to be worked on again is so at this station: it is where that is done, or not
    /// before where the unit comes back.
    pub(super) fn is_redone_here(&self, product: &Product) -> bool {
        let here = &self.station.id;
        let Some(rework) = &product.rework else { return true };
        let back = stop(product, &rework.back);
        rework.entry.as_ref() == Some(here) || stop(product, here) >= back
    }
}

/// Where a station stands on the route of a product.
fn stop(product: &Product, station: &StationId) -> Option<usize> {
    product.route.iter().position(|stop| stop == station)
}

/// The last time that the item was sent to be worked on again: by an order, or by the outcome of a
/// station of its route.
pub(super) fn order(product: &Product, past: &Past) -> Option<Moment> {
    let sent = |station: &StationId| {
        past.visit(station).filter(|visit| visit.result == Some(Outcome::Rework))
    };
    let sent = product.route.iter().filter_map(sent).map(|visit: &Visit| visit.at);
    sent.chain(past.rework).max()
}
