//! What a station makes, as far as that was told: baselines go by it. From records alone.
use super::memory::StationMemory;
use crate::model::{ItemKey, Making, Purpose, Text, TraceEvent, Value};
use minicbor::{Decode, Encode};

/// What was last told of the work of a station.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Made {
    /// What was worked on.
    #[n(0)]
    pub item: ItemKey,
    /// What is known of it.
    #[n(1)]
    pub of_item: Making,
    /// What the station works on now: that, or what was last known.
    #[n(2)]
    pub now: Making,
    /// What the work is for; no master is, which is shown in between.
    #[n(3)]
    pub purpose: Purpose,
}

impl Made {
    /// After another event at the station, of whose item so much is known.
    pub(super) fn after(
        before: Option<&Self>,
        event: &TraceEvent,
        of_item: &Making,
    ) -> Option<Self> {
        let item = event.works_on()?;
        // The recipe of another product is none of this one.
        let product =
            |made: &&Self| of_item.product.is_none() || of_item.product == made.now.product;
        let now = match before.filter(product) {
            Some(made) => of_item.clone().or(&made.now),
            None => of_item.clone(),
        };
        Some(Self { item: item.clone(), of_item: of_item.clone(), now, purpose: event.purpose })
    }
}

/// What is known of the item of an event at this station: what the event says, what was said before of the item that is here,
/// and the row of the order list that it is made by.
pub(super) fn of_item(station: &StationMemory, event: &TraceEvent) -> Making {
    let Some(item) = event.what.worked_on() else { return Making::default() };
    let answered = event.handshake.as_ref().and_then(|mark| mark.recipe.as_ref());
    let answered = answered.and_then(Value::as_text).and_then(|text| Text::parse(&text).ok());
    let told =
        Making { product: event.product.clone(), recipe: event.operation.clone().or(answered) };
    let told = match station.places.present(item) {
        Some(present) => told.or(&present.making),
        None => told,
    };
    if told.product.is_some() && told.recipe.is_some() {
        return told;
    }
    match station.orders.iter().find(|(_, row)| row.item == *item) {
        Some((_, row)) => {
            told.or(&Making { product: row.product.clone(), recipe: Some(row.program.clone()) })
        }
        None => told,
    }
}

#[cfg(test)]
mod tests {
    use super::super::memory::Memory;
    use super::*;
    use crate::model::{At, Body, Code, OrderRow, Position, Record, StationId, Utc, What};

    fn station() -> StationId {
        StationId::parse("OP10").unwrap()
    }

    fn unit(code: &str) -> ItemKey {
        ItemKey::unit(Code::parse(code).unwrap())
    }

    fn making(product: Option<&str>, recipe: Option<&str>) -> Making {
        let text = |text: Option<&str>| text.map(|text| Text::parse(text).unwrap());
        Making { product: text(product), recipe: text(recipe) }
    }

    fn arrives(item: &str) -> What {
        What::Arrive { item: unit(item) }
    }

    fn inspects(item: &str) -> What {
        What::Inspect { item: unit(item), result: None, measurements: Vec::new() }
    }

    fn completes(item: &str) -> What {
        let (measurements, mounts, phase, order_row) = (Vec::new(), Vec::new(), None, None);
        let result = None;
        What::Complete { item: unit(item), result, measurements, mounts, phase, order_row }
    }

    #[derive(Default)]
    struct Station {
        memory: Memory,
        last: u64,
    }

    impl Station {
        fn record(&mut self, body: Body) {
            self.last += 1;
            let position = Position(self.last);
            self.memory.apply(&Record { position, at: At::default(), plant: None, body });
        }

        /// What is known after this: of the item, and of what the station works on.
        fn tells(&mut self, what: What, told: Making, purpose: Purpose) -> (Making, Making) {
            let (product, operation) = (told.product, told.recipe);
            let event = TraceEvent {
                purpose,
                product,
                operation,
                ..TraceEvent::bare(what, Utc(1), Some(station()))
            };
            self.record(Body::Trace(event));
            let made = self.memory.station(&station()).unwrap().made.clone().unwrap();
            (made.of_item, made.now)
        }

        fn works(&mut self, what: What, told: Making) -> (Making, Making) {
            self.tells(what, told, Purpose::Production)
        }
    }

    #[test]
    fn what_was_said_of_an_item_when_it_came_is_known_when_it_is_done() {
        let mut station = Station::default();
        station.works(arrives("1"), making(Some("A"), None));
        station.works(inspects("1"), making(None, Some("R")));
        let known = making(Some("A"), Some("R"));
        let both = (known.clone(), known.clone());
        assert_eq!(station.works(completes("1"), making(None, None)), both);
        // Of the next one nothing is known, and the station still works as it did.
        assert_eq!(station.works(completes("2"), making(None, None)), (making(None, None), known));
    }

    #[test]
    fn the_recipe_of_another_product_is_none_of_this_one() {
        let mut station = Station::default();
        station.works(completes("1"), making(Some("A"), Some("R")));
        assert_eq!(
            station.works(completes("2"), making(None, Some("S"))).1,
            making(Some("A"), Some("S"))
        );
        assert_eq!(
            station.works(completes("3"), making(Some("B"), None)).1,
            making(Some("B"), None)
        );
    }

    #[test]
    fn a_row_of_the_order_list_says_what_its_item_is() {
        let mut station = Station::default();
        let text = |text| Text::parse(text).unwrap();
        let row = OrderRow {
            station: self::station(),
            program: text("P7"),
            item: unit("1"),
            product: Some(text("A")),
        };
        station.record(Body::Orders(vec![row]));
        let known = making(Some("A"), Some("P7"));
        assert_eq!(station.works(completes("1"), making(None, None)).0, known);
        assert_eq!(station.works(completes("2"), making(None, None)).0, making(None, None));
    }

    #[test]
    fn a_master_in_between_changes_nothing_and_setup_is_told() {
        let mut station = Station::default();
        let known = making(Some("A"), None);
        station.works(completes("1"), known.clone());
        let told = making(Some("M"), None);
        assert_eq!(station.tells(completes("M"), told, Purpose::Master).1, known);
        station.tells(completes("2"), making(Some("B"), None), Purpose::Setup);
        let made = station.memory.station(&self::station()).unwrap().made.clone().unwrap();
        assert_eq!((made.now, made.purpose), (making(Some("B"), None), Purpose::Setup));
    }
}
