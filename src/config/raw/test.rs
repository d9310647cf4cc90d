//! Tests of what a plant file says, as they are written.
use crate::config::spot::{Held, Keyed, Scalar, Spot};
use schemars::JsonSchema;
use serde::Deserialize;

/// A test of this file: what the PLC does, and what has to come of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Test {
    /// What it shows, as a sentence.
    #[schemars(required, extend("examples" = ["a part on hold is refused"]))]
    pub(in crate::config) name: Option<Spot<String>>,
    /// Rows of the order lists that are there before the first step.
    pub(in crate::config) orders: Option<Vec<Spot<Order>>>,
    /// Steps, a second apart; each is a table of words with the values that the PLC sets at once.
    /// An array of texts is written as one. `"$bad"` as a value makes a word bad. `"$wait" = "5s"` lets time pass before, `"$down"` and
    /// `"$up"` lose and win the connection of a device, `"$hold"` and `"$release"` hold an item.
    #[schemars(required)]
    pub(in crate::config) given: Option<Vec<Spot<Keyed<Spot<Held>>>>>,
    /// What has to come, in this order, and no other event: tables with `event` and what is to be
    /// told of it, and tables of words that have to be written after that event.
    #[schemars(required)]
    pub(in crate::config) expect: Option<Vec<Spot<Keyed<Spot<Scalar>>>>>,
}

/// A row of an order list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Order {
    /// The station whose list it is.
    #[schemars(required)]
    pub(in crate::config) station: Option<Spot<String>>,
    /// The program, recipe or operation.
    #[schemars(required)]
    pub(in crate::config) program: Option<Spot<String>>,
    /// The unit's code.
    #[schemars(required)]
    pub(in crate::config) serial: Option<Spot<String>>,
    /// Its product.
    pub(in crate::config) product: Option<Spot<String>>,
}
