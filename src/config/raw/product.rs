//! What is made and of what, as it is written.
use crate::config::spot::{Held, Keyed, Scalar, Span, Spot};
use schemars::JsonSchema;
use serde::Deserialize;

/// What is made, by the name that the PLC says. It may stand in any plant file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Product {
    /// Its stations in the order of work, instead of what `after` of the stations says.
    #[schemars(extend("examples" = [["OP10", "OP20"]]))]
    pub(in crate::config) route: Option<Vec<Spot<String>>>,
    /// How it is worked on again.
    pub(in crate::config) rework: Option<Spot<Rework>>,
    /// How often a unit may be completed at one station; as often as it comes unless said.
    #[schemars(range(min = 1))]
    pub(in crate::config) max_visits: Option<Spot<u32>>,
    /// What it may be made of (bill of material), by material.
    pub(in crate::config) bom: Option<Keyed<BillRow>>,
    /// The material of each feeder that it needs, by station.
    #[schemars(extend("examples" = [{ "OP10": { "drum": "grease" } }]))]
    #[serde(default)]
    pub(in crate::config) setup: Keyed<Keyed<Spot<String>>>,
    /// The recipe that it is worked on with, by station: a number or a text. It is answered as `$recipe`, unless the
    /// station's order list names the unit: then its `program` is.
    #[schemars(extend("examples" = [{ "OP10": 7 }]))]
    #[serde(default)]
    pub(in crate::config) recipe: Keyed<Spot<Scalar>>,
    /// What it contains or may contain.
    pub(in crate::config) allergens: Option<Vec<Spot<String>>>,
    /// What it has of each attribute: a text or a list of them, `true`, or a number. Whatever it goes into inherits it.
    #[schemars(extend("examples" = [{ "country": ["DE"] }]))]
    #[serde(default)]
    pub(in crate::config) has: Keyed<Spot<Held>>,
    /// Of an attribute that is a union: all that may be in it, by attribute (`attribute-plan`).
    #[schemars(extend("examples" = [{ "country": ["DE", "FR"] }]))]
    #[serde(default)]
    pub(in crate::config) allowed: Keyed<Spot<Held>>,
    /// What may not be in it, by attribute: words of a union, or `true` for a mark (`attribute-plan`).
    #[schemars(extend("examples" = [{ "hazardous": true }]))]
    #[serde(default)]
    pub(in crate::config) forbidden: Keyed<Spot<Held>>,
    /// The least number that what is in it may have, by attribute (`attribute-plan`).
    #[schemars(extend("examples" = [{ "purity": 99.5 }]))]
    #[serde(default)]
    pub(in crate::config) at_least: Keyed<Spot<f64>>,
    /// What an attribute that events tell, measured, in a word or counted, may come to at most: a sum or a maximum, by attribute (`attribute-plan`).
    #[schemars(extend("examples" = [{ "dose": 300 }]))]
    #[serde(default)]
    pub(in crate::config) at_most: Keyed<Spot<f64>>,
}

/// What items inherit from what they were made of, at any depth. `allergens`, `supplier` (of lots in the scope of one),
/// `best_before` and `floor_life` are known already: what of them is declared here is inherited, and the checks on them
/// count it. All others are written under `has` of products and materials, or come from numbers that events tell: a `measurement`,
/// a word under `context`, or a `count`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Attribute {
    /// What it comes to.
    #[schemars(required)]
    pub(in crate::config) rule: Option<Spot<InheritWord>>,
    /// The measurement that it comes from, by its name in `values` of handshakes: with `sum`, `minimum` and `maximum`.
    #[schemars(extend("examples" = ["dose"]))]
    pub(in crate::config) measurement: Option<Spot<String>>,
    /// The further word that it comes from, a number, by its name in `context` of handshakes; instead of `measurement`.
    #[schemars(extend("examples" = ["minutes_out"]))]
    pub(in crate::config) context: Option<Spot<String>>,
    /// The feeder whose counters (`used`) say how much it gave for an item, by its name under `mount` of stations; instead
    /// of `measurement`.
    #[schemars(extend("examples" = ["glue"]))]
    pub(in crate::config) count: Option<Spot<String>>,
    /// With `measurement`, `context` or `count`: whether what is told of that which an item was made of counts for the item too.
    #[schemars(extend("default" = false))]
    pub(in crate::config) ancestors: Option<Spot<bool>>,
}

/// How an attribute follows from those of what an item was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Inherit")]
pub(in crate::config) enum InheritWord {
    /// All words.
    Union,
    /// A mark, if anything has it.
    Any,
    /// The least number, or the earliest time.
    Minimum,
    /// All that was told, added up.
    Sum,
    /// The greatest number that was told.
    Maximum,
}

/// How a unit leaves its route to be worked on again, and where it comes back.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Rework {
    /// The station where it is worked on; without it the one that it comes back to.
    pub(in crate::config) entry: Option<Spot<String>>,
    /// The station of the route that it comes back to: this one and those behind it do their work again.
    #[schemars(required, extend("examples" = ["OP20"]))]
    pub(in crate::config) r#return: Option<Spot<String>>,
}

/// A row of a bill of material.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct BillRow {
    /// How much of it at most: pieces, or an amount where the event tells one.
    #[schemars(required, extend("examples" = [2]))]
    pub(in crate::config) quantity: Option<Spot<f64>>,
    /// The unit of the amount as a UCUM code; amounts are taken as they are told unless said.
    pub(in crate::config) eu: Option<Spot<String>>,
    /// Where it may sit; anywhere unless said.
    pub(in crate::config) position: Option<Vec<Spot<String>>>,
}

/// What products are made of, by the name that the PLC says. It may stand in any plant file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Material {
    /// How long it may be used after it was produced or received, where no `best_before` was told.
    pub(in crate::config) shelf_life: Option<Spot<Span>>,
    /// How long it may be out of dry storage: from when it was first mounted, used or opened, without the time in which it
    /// is put away (`close`), and anew when it was dried (`dry`).
    pub(in crate::config) floor_life: Option<Spot<Span>>,
    /// What it contains.
    pub(in crate::config) allergens: Option<Vec<Spot<String>>>,
    /// What one piece of it is, where some amounts are told in pieces and others in a unit: a mass balance is in one.
    #[schemars(extend("examples" = [{ "quantity": 12, "eu": "g" }]))]
    pub(in crate::config) piece: Option<Piece>,
    /// Which share of what came of a lot may be missing when it is counted, from 0 to 1; more than that makes every
    /// recall that comes to the lot incomplete.
    #[schemars(extend("examples" = [0.02]))]
    pub(in crate::config) tolerance: Option<Spot<f64>>,
    /// What it has of each attribute: a text or a list of them, `true`, or a number. Whatever it goes into inherits it.
    #[schemars(extend("examples" = [{ "country": ["DE"], "hazardous": true }]))]
    #[serde(default)]
    pub(in crate::config) has: Keyed<Spot<Held>>,
}

/// What one piece of a material is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Piece {
    /// How much.
    #[schemars(required)]
    pub(in crate::config) quantity: Option<Spot<f64>>,
    /// Of which unit.
    #[schemars(required, extend("examples" = ["g"]))]
    pub(in crate::config) eu: Option<Spot<String>>,
}

/// What is mounted is a tool: how much work it may do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tool {
    /// Items that may be made with it.
    pub(in crate::config) uses: Option<Spot<u64>>,
    /// Time since it was first mounted.
    pub(in crate::config) time: Option<Spot<Span>>,
}
