//! The plant file as it is written: every key of the language, still unchecked.
//!
//! These types are the language. The schema, the reference and the check for unknown keys, wrong
//! types and missing keys are made from them; what the values mean is checked in `resolve`. All
//! keys are optional here, since the walk along the schema has reported a required one that is
//! missing, and a second fault for the same gap would help nobody.

mod device;
mod handshake;
mod label;
mod product;
mod station;
mod test;

pub(super) use device::{
    Device, Interface, Login, SecurityWord, StringOrderWord, Tag, WordOrderWord,
};
pub(super) use handshake::{
    FillWord, FirstWord, Fixed, Handshake, Measured, Override, PatternWord, Permit, PermitWord,
    Quantity, Ring, States,
};
pub(super) use label::PerCode;
pub(super) use product::{Attribute, BillRow, InheritWord, Material, Piece, Product, Rework, Tool};
pub(super) use station::{
    BaselineWord, CarryOver, DriftWord, EvidenceWord, Group, Maintenance, Monitor, Mount, Orders,
    PerWord, Phase, Purpose, PurposeWord, SpliceWord, Station, Used,
};
pub(super) use test::{Order, Test};

use super::spot::{Keyed, Spot};
use schemars::JsonSchema;
use serde::Deserialize;

/// A plant file: one controller and the stations that it serves.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlantFile {
    /// Version of this language; 1.
    #[schemars(required, range(min = 1, max = 1))]
    #[expect(dead_code, reason = "the walk along the schema checks it")]
    pub(super) schema: Option<Spot<u8>>,
    /// Controllers, by name.
    #[serde(default)]
    pub(super) device: Keyed<Device>,
    /// Places of work, by name.
    #[serde(default)]
    pub(super) station: Keyed<Station>,
    /// What is made, by name.
    #[serde(default)]
    pub(super) product: Keyed<Product>,
    /// What it is made of, by name.
    #[serde(default)]
    pub(super) material: Keyed<Material>,
    /// What items inherit from what they were made of, by name.
    #[serde(default)]
    pub(super) attribute: Keyed<Attribute>,
    /// Tests of what this file says, for `pedigree test`.
    #[serde(default)]
    pub(super) test: Vec<Spot<Test>>,
}
