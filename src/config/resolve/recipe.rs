//! Recipes: what the products say, which handshakes answer with one, and whether the two meet.
use super::device::value;
use super::station::Around;
use super::{Resolver, Table};
use crate::config::fault::Place;
use crate::config::spot::{Keyed, Scalar, Spot};
use crate::model::plant::{Handshake, Holds, Station, Word};
use crate::model::{StationId, Value};
use std::collections::BTreeMap;

/// What a product says of a station, kept for the checks between tables.
#[derive(Debug)]
pub(super) struct Said {
    station: StationId,
    value: Value,
    place: Place,
}

/// A word that is answered with a recipe.
#[derive(Debug)]
pub(super) struct Asks {
    station: String,
    /// Whether rows of an order list may say it.
    orders: bool,
    word: Word,
    place: Place,
}

impl Resolver<'_> {
    /// The recipe of a product at each station.
    pub(super) fn recipes(
        &mut self,
        t: &Table<'_>,
        raw: &Keyed<Spot<Scalar>>,
    ) -> BTreeMap<StationId, Value> {
        let mut recipes = BTreeMap::new();
        for (name, written) in raw.iter() {
            let station = self.stop(t, name);
            match &**written {
                Scalar::Int(_) => {}
                Scalar::Text(text) if !text.trim().is_empty() => {}
                Scalar::Text(_) | Scalar::Bool(_) | Scalar::Real(_) => {
                    self.error(t, written.span(), "this is no recipe")
                        .label("wanted a whole number or a text");
                    continue;
                }
            }
            let Some(station) = station else { continue };
            let value = value(written);
            let place = t.place(written.span());
            self.recipes_said.push(Said { station: station.clone(), value: value.clone(), place });
            recipes.insert(station, value);
        }
        recipes
    }

    /// A word that is answered with the recipe; that there is none must be told by another.
    pub(super) fn asks_recipe(
        &mut self,
        t: &Table<'_>,
        around: &Around,
        word: Word,
        place: Place,
        told: bool,
    ) {
        if !told {
            self.sink
                .error(&place, "`$recipe` needs a `$permit` beside it")
                .label("where no recipe is known, nobody would be told")
                .help("write `reply = { word = \"$permit\" }` and `permit = { ok = 1, nok = 2 }`");
        }
        let name = self.tags.get(word.tag).name.clone();
        if self.holds(word) == Holds::Nothing {
            self.error(t, place.span.clone(), format!("`{name}` cannot hold a recipe"))
                .label(Holds::Nothing.to_string());
            return;
        }
        let (station, orders) = (around.id.clone(), around.orders);
        self.recipes_asked.push(Asks { station, orders, word, place });
    }

    /// What is answered must be said somewhere and fit, and what is said be wanted.
    pub(super) fn check_recipes(&mut self, stations: &[Station], unread: bool) {
        let (said, asks) =
            (std::mem::take(&mut self.recipes_said), std::mem::take(&mut self.recipes_asked));
        for asks in &asks {
            let known = asks.orders || said.iter().any(|s| s.station.as_str() == asks.station);
            // A file that cannot be read may have the product.
            if !known && !unread {
                self.unanswerable(asks);
            }
        }
        // A station that was given up may have asked.
        let given_up = self.sink.has_errors();
        for said in &said {
            let at = |asks: &&Asks| asks.station == said.station.as_str();
            if !given_up && !asks.iter().any(|asks| at(&asks)) {
                let message = format!("nobody is answered the recipe of `{}`", said.station);
                self.sink
                    .warning(&said.place, message)
                    .label("no handshake of this station has `$recipe` in `reply`");
            }
            for asks in asks.iter().filter(at) {
                self.check_fits(asks, said);
            }
        }
        if !given_up {
            self.check_routes(stations, &asks);
        }
    }

    fn unanswerable(&mut self, asks: &Asks) {
        let station = &asks.station;
        let help = format!(
            "write `recipe = {{ {station} = 7 }}` in a product, or `orders = true` in the station"
        );
        self.sink
            .error(&asks.place, format!("nothing says which recipe `{station}` is to be answered"))
            .label("every request would be refused")
            .help(help);
    }

    fn check_fits(&mut self, asks: &Asks, said: &Said) {
        let holds = self.holds(asks.word);
        if holds.hold(&said.value).is_some() {
            return;
        }
        let name = self.tags.get(asks.word.tag).name.clone();
        let cited = self.sink.cite(&asks.place);
        self.sink
            .error(&said.place, format!("`{name}` cannot hold the recipe {}", said.value))
            .label(holds.to_string())
            .help(format!("it is answered at {cited}"));
    }

    /// A product that comes through a station without a recipe there is refused by it.
    fn check_routes(&mut self, stations: &[Station], asks: &[Asks]) {
        let products = &self.catalog.products;
        let mut refused = Vec::new();
        for (name, product) in products {
            for stop in product.stations() {
                let here = |station: &&Station| station.id == *stop && !station.orders;
                let answers = stations.iter().filter(here).flat_map(|s| &s.handshakes);
                let mut words = answers.flat_map(Handshake::recipe_words);
                if words.next().is_some() && !product.recipes.contains_key(stop) {
                    refused.push((name.clone(), stop.clone()));
                }
            }
        }
        for (product, stop) in refused {
            let Some(asks) = asks.iter().find(|asks| asks.station == stop.as_str()) else {
                continue;
            };
            self.sink
                .warning(&asks.place, format!("`{product}` has no recipe for `{stop}`"))
                .label("it is refused here, though its route comes through")
                .help(format!("write `recipe.{stop}` in `[product.{product}]`"));
        }
    }

    fn holds(&self, word: Word) -> Holds {
        let tag = self.tags.get(word.tag);
        let pin = self.draft(tag.device).and_then(|draft| draft.pinned(&tag.name));
        Holds::of(&tag.source, pin, word.bit)
    }
}
