//! What the words of a controller mean, as it is written.
use super::handshake::Fixed;
use super::label::PerCode;
use super::{Handshake, Tool};
use crate::config::spot::{Keyed, NameOr, Span, Spot};
use crate::model::Result as Outcome;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;

/// A place that does one operation on material.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Station {
    /// The controller that serves it.
    pub(in crate::config) device: Option<Spot<String>>,
    /// Its line.
    pub(in crate::config) line: Option<Spot<String>>,
    /// Stations that come before it (route).
    pub(in crate::config) after: Option<Vec<Spot<String>>>,
    /// Whether it works through a list of work in order; a text says where the list comes from. The
    /// rows themselves are given to the daemon, not here.
    #[schemars(extend("default" = false))]
    pub(in crate::config) orders: Option<Spot<Orders>>,
    /// What the work is for; production unless said.
    pub(in crate::config) purpose: Option<Spot<Purpose>>,
    /// Bits that weaken what is recorded while they are set, with what they make of it: `manual`, done by hand;
    /// `teach-in`, done while the machine was being taught; `bypassed`, done past the interlock. Of several
    /// that are set the one named last here counts.
    #[serde(default)]
    pub(in crate::config) evidence: Keyed<Spot<EvidenceWord>>,
    /// What is left of a lot in the station goes on into the next ones: each is linked to all before it, by
    /// shares that nobody knows, until a `phase` with `event = "clean"` gave its proof. What happened while
    /// nobody looked ends nothing. A lot that is told late is linked by its time, and what came after it by a
    /// note. A correction takes back the links of its event alone.
    pub(in crate::config) carry_over: Option<Spot<CarryOver>>,
    /// Exchanges of words with the PLC, by name.
    #[serde(default)]
    pub(in crate::config) handshake: Keyed<Handshake>,
    /// Intervals of machine state, by name.
    #[serde(default)]
    pub(in crate::config) phase: Keyed<Phase>,
    /// Feeders, hoppers and slots, by name.
    #[serde(default)]
    pub(in crate::config) mount: Keyed<Mount>,
    /// Watched tags, by name; the text alone is the tag.
    #[serde(default)]
    pub(in crate::config) monitor: Keyed<Spot<NameOr<Monitor>>>,
    /// Monitors or measurements that go together, by name: that they do no more is drift, though each stays within its bounds.
    #[serde(default)]
    pub(in crate::config) group: Keyed<Group>,
    /// Pieces with a known outcome that are shown to the station now and then, by name.
    #[serde(default)]
    pub(in crate::config) master: Keyed<Master>,
    /// What is to be maintained after so much use, by name: it is asked for when it is due, and counted anew when it
    /// was done.
    #[serde(default)]
    pub(in crate::config) maintenance: Keyed<Maintenance>,
}

/// Until when what is left of a lot goes on into the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub(in crate::config) enum CarryOver {
    /// Until the station is cleaned, with proof.
    #[serde(rename = "until clean")]
    UntilClean,
}

/// Whether a station has a list of work, or what it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::config) enum Orders {
    /// Said plainly.
    Given(bool),
    /// Where the list comes from, for people.
    From,
}

impl<'de> Deserialize<'de> for Orders {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = Orders;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a string")
            }

            fn visit_bool<E: Error>(self, given: bool) -> Result<Orders, E> {
                Ok(Orders::Given(given))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Orders, E> {
                Ok(Orders::From)
            }
        }
        d.deserialize_any(Either)
    }
}

impl JsonSchema for Orders {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Orders".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "string"] })
    }
}

/// What the work at a station is for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Purpose {
    /// The word that says so.
    pub(in crate::config) from: Option<Spot<String>>,
    /// What its values mean.
    #[serde(default)]
    pub(in crate::config) codes: Keyed<Spot<PurposeWord>>,
    /// Serials that begin with this are masters.
    pub(in crate::config) masters: Option<Spot<String>>,
}

/// What work is for; only production enters charts, yield and shipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "PurposeCode")]
pub(in crate::config) enum PurposeWord {
    /// Goods.
    Production,
    /// A master that must pass or must fail.
    Master,
    /// Setting the machine up.
    Setup,
    /// A trial.
    Trial,
}

/// What a bit makes of what is recorded while it is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Evidence")]
pub(in crate::config) enum EvidenceWord {
    /// Done by hand.
    Manual,
    /// Done while the machine was being taught.
    #[serde(rename = "teach-in")]
    TeachIn,
    /// Done past the interlock.
    Bypassed,
}

/// An interval of machine state, with statistics of its tags.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Phase {
    /// OPC UA: where the names of this table live; `node` and a dot stand before each. They are nodes of
    /// that name, its children by browse name, or fields of its structure; `Slots[3].Serial` is a field
    /// of an element, counted from 0.
    pub(in crate::config) node: Option<Spot<String>>,
    /// While this holds: `w = v`, `w in a, b`.
    #[schemars(required)]
    pub(in crate::config) r#while: Option<Spot<String>>,
    /// Words whose change ends it and begins another.
    pub(in crate::config) split: Option<Vec<Spot<String>>>,
    /// Shorter ones are only noted.
    #[schemars(extend("default" = "0s"))]
    pub(in crate::config) ignore: Option<Spot<Span>>,
    /// How long after its begin `split` words, and after its end `confirm`, may still come.
    #[schemars(extend("default" = "2s"))]
    pub(in crate::config) settle: Option<Spot<Span>>,
    /// What must come true at its end, else it gives no event: `w = v`, `w in a, b`, `w rises`,
    /// `w changes`.
    pub(in crate::config) confirm: Option<Spot<String>>,
    /// What happened when it ended: `complete` `inspect` `clean`; without it only its statistics
    /// are kept.
    pub(in crate::config) event: Option<Spot<String>>,
    /// The word with the unit's code, `"@order"` (the next open row of the station's list) or
    /// `"@current"`.
    pub(in crate::config) serial: Option<Spot<String>>,
    /// The word with the lot's code.
    pub(in crate::config) lot: Option<Spot<String>>,
    /// Where the code is unique: `site`, `gs1`, or `product`, `material`, `supplier` as the word of
    /// that key says; `{ supplier = "ACME" }` names it. Units: the site unless said; lots: required.
    pub(in crate::config) scope: Option<Spot<NameOr<Fixed>>>,
    /// The word with the product, for `scope = "product"`.
    pub(in crate::config) product: Option<Spot<String>>,
    /// The word with the material, for `scope = "material"`.
    pub(in crate::config) material: Option<Spot<String>>,
    /// The word with the supplier, for `scope = "supplier"`.
    pub(in crate::config) supplier: Option<Spot<String>>,
    /// Codes that are none.
    #[schemars(extend("default" = ["", "NOREAD"]))]
    pub(in crate::config) no_read: Option<Vec<Spot<String>>>,
    /// The texts of code words are taken apart by this regular expression, which must fit all of a text: its
    /// group `serial`, `lot` or `container` is the code; see *Codes*.
    #[schemars(extend("examples" = ["(?P<serial>SN-[0-9]+)/.*"]))]
    pub(in crate::config) r#match: Option<Spot<NameOr<PerCode>>>,
    /// The texts of code words are taken apart: `gs1` is a GS1 element string or Digital Link; see *Codes*.
    #[schemars(extend("examples" = ["gs1"]))]
    pub(in crate::config) parse: Option<Spot<NameOr<PerCode>>>,
    /// The word with the operation, recipe or program.
    pub(in crate::config) operation: Option<Spot<String>>,
    /// Tags with statistics.
    pub(in crate::config) record: Option<Vec<Spot<String>>>,
    /// Statistics per value of this tag.
    pub(in crate::config) by: Option<Spot<String>>,
}

/// A feeder, hopper or slot: a lot is mounted from the moment its code appears until it goes.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Mount {
    /// This table stands for several, one for each value: `{ h = "1..4" }`, `{ side = "L, R" }`; `{h}` in
    /// its name and its texts is the value. `"*"` stands for all names that the PLC has there, as
    /// `pedigree pin` found them: `node = "Feeders.{slot}"`.
    #[serde(default)]
    #[expect(dead_code, reason = "tables are written out before they are read")]
    pub(in crate::config) r#for: Keyed<Spot<String>>,
    /// OPC UA: where the names of this table live; `node` and a dot stand before each. They are nodes of
    /// that name, its children by browse name, or fields of its structure; `Slots[3].Serial` is a field
    /// of an element, counted from 0.
    pub(in crate::config) node: Option<Spot<String>>,
    /// The word with the lot's code.
    #[schemars(required)]
    pub(in crate::config) lot: Option<Spot<String>>,
    /// Where the code is unique: `site`, `gs1`, or `material`, `supplier` as the word of that key
    /// says; `{ supplier = "ACME" }` names it.
    #[schemars(required)]
    pub(in crate::config) scope: Option<Spot<NameOr<Fixed>>>,
    /// The word with the material.
    pub(in crate::config) material: Option<Spot<String>>,
    /// The word with the supplier, for `scope = "supplier"`.
    pub(in crate::config) supplier: Option<Spot<String>>,
    /// Codes for "nothing there".
    #[schemars(extend("default" = [""]))]
    pub(in crate::config) empty: Option<Vec<Spot<String>>>,
    /// The texts of code words are taken apart by this regular expression, which must fit all of a text: its
    /// group `serial`, `lot` or `container` is the code; see *Codes*.
    #[schemars(extend("examples" = ["(?P<supplier>[A-Z]+)/(?P<lot>.+)"]))]
    pub(in crate::config) r#match: Option<Spot<NameOr<PerCode>>>,
    /// The texts of code words are taken apart: `gs1` is a GS1 element string or Digital Link; see *Codes*.
    #[schemars(extend("examples" = ["gs1"]))]
    pub(in crate::config) parse: Option<Spot<NameOr<PerCode>>>,
    /// What a change of the code without an empty moment means.
    #[schemars(extend("default" = "one-of"))]
    pub(in crate::config) splice: Option<Spot<SpliceWord>>,
    /// What is mounted is a tool with a life, for the check `tool-life`.
    pub(in crate::config) tool: Option<Spot<Tool>>,
    /// Counters of what is used: how much of each lot an item has in it, and which lots it has not.
    #[schemars(extend("examples" = [r#"{ counter = "Picked", waste = "Rejected" }"#]))]
    pub(in crate::config) used: Option<Spot<Used>>,
}

/// Counters of what is used of a lot. They are read with every request at the station, together with the code
/// of the lot, and may wrap; one that falls otherwise has begun anew, and what it counted meanwhile is not
/// told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Used {
    /// The word that counts everything that is taken from the lot; by the time of a request it has counted
    /// what the item has.
    #[schemars(required)]
    pub(in crate::config) counter: Option<Spot<String>>,
    /// The word that counts what of that is thrown away.
    pub(in crate::config) waste: Option<Spot<String>>,
    /// What a change of the lot does to the counters.
    #[schemars(extend("default" = "feeder"))]
    pub(in crate::config) per: Option<Spot<PerWord>>,
    /// What one count is, as a UCUM code; pieces unless said.
    pub(in crate::config) eu: Option<Spot<String>>,
}

/// What a change of the lot does to the counters of a feeder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Per")]
pub(in crate::config) enum PerWord {
    /// Nothing: they count on.
    Feeder,
    /// They begin at 0 with every lot.
    Lot,
}

/// What a change of the code without an empty moment means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Splice")]
pub(in crate::config) enum SpliceWord {
    /// The unit in work has one of the two lots.
    OneOf,
    /// It happens only between units.
    Clean,
}

/// A piece with a known outcome that is shown to a station now and then. Judged otherwise, or not shown in
/// time, it makes doubtful what was done there since the last time that it was judged right.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Master {
    /// The serial of the piece; its purpose is *master*, whatever else is said.
    #[schemars(required)]
    pub(in crate::config) serial: Option<Spot<String>>,
    /// What the station must say of it.
    #[schemars(required)]
    pub(in crate::config) expect: Option<Spot<Outcome>>,
    /// How often it must be shown.
    #[schemars(required, extend("examples" = ["8h"]))]
    pub(in crate::config) every: Option<Spot<Span>>,
}

/// Something of the station that is to be maintained after so much use.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Maintenance {
    /// After how much: `"10000 parts"`, that were completed or produced here, else inspected, else admitted; or `"200h"`,
    /// so long at work.
    #[schemars(required, extend("examples" = ["10000 parts", "200h"]))]
    pub(in crate::config) every: Option<Spot<String>>,
    /// A pause between two records of work that is longer is no work; of what is counted in hours.
    #[schemars(extend("default" = "10m"))]
    pub(in crate::config) idle: Option<Spot<Span>>,
}

/// A watched tag.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Monitor {
    /// This table stands for several, one for each value: `{ h = "1..4" }`, `{ side = "L, R" }`; `{h}` in
    /// its name and its texts is the value. `"*"` stands for all names that the PLC has there, as
    /// `pedigree pin` found them: `node = "Feeders.{slot}"`.
    #[serde(default)]
    #[expect(dead_code, reason = "tables are written out before they are read")]
    pub(in crate::config) r#for: Keyed<Spot<String>>,
    /// The tag.
    pub(in crate::config) node: Option<Spot<String>>,
    /// The tag; the same as `node`.
    pub(in crate::config) tag: Option<Spot<String>>,
    /// Its unit as a UCUM code; the tag's unless said.
    pub(in crate::config) eu: Option<Spot<String>>,
    /// Below is a warning.
    pub(in crate::config) low: Option<Spot<f64>>,
    /// Above is a warning.
    pub(in crate::config) high: Option<Spot<f64>>,
    /// How far back inside the limits a value must come before their warning ends.
    #[schemars(extend("default" = 0))]
    pub(in crate::config) deadband: Option<Spot<f64>>,
    /// With `low` or `high`: how long a value must be beyond before that is a warning.
    #[schemars(extend("default" = "0s", "examples" = ["15s"]))]
    pub(in crate::config) on_delay: Option<Spot<Span>>,
    /// With `low` or `high`: how long a value must be inside again before the warning ends.
    #[schemars(extend("default" = "0s", "examples" = ["1m"]))]
    pub(in crate::config) off_delay: Option<Spot<Span>>,
    /// With `low` or `high`: so long before such a limit is reached, by the trend of the last such time, is a warning that says when.
    #[schemars(extend("examples" = ["8h"]))]
    pub(in crate::config) forecast: Option<Spot<Span>>,
    /// To go up or down by more in `rate_over` is a warning, in the monitor's unit.
    #[schemars(range(min = 0))]
    pub(in crate::config) rate: Option<Spot<f64>>,
    /// With `rate`: the time that it is of; what is looked back over.
    #[schemars(extend("examples" = ["10m"]))]
    pub(in crate::config) rate_over: Option<Spot<Span>>,
    /// What may be called drift.
    #[schemars(extend("examples" = ["one false alarm in 30d"]))]
    pub(in crate::config) drift: Option<Spot<String>>,
    /// With `drift`: values from which the baseline is learned.
    #[schemars(range(min = 10), extend("default" = 50))]
    pub(in crate::config) learn: Option<Spot<u32>>,
    /// With `drift`: what watches for it. `ewma`, a moving average, is best at changes that come slowly; `cusum`, a
    /// cumulative sum, at a lasting change of the size of `catch`. With both the promise is that of both together.
    #[schemars(extend("default" = ["ewma"]))]
    pub(in crate::config) rules: Option<Spot<Vec<Spot<DriftWord>>>>,
    /// With `drift`: the lasting change worth catching, in the monitor's unit; one standard deviation unless said.
    #[schemars(range(min = 0))]
    pub(in crate::config) catch: Option<Spot<f64>>,
    /// With `drift`: each of these that the station makes has a baseline of its own, as far as it tells of them; `[]` has one for
    /// all.
    #[schemars(extend("default" = ["product", "recipe"]))]
    pub(in crate::config) baseline_per: Option<Spot<Vec<Spot<BaselineWord>>>>,
    /// With `drift`: for so long after a changeover, and after a start of production, nothing is learned or judged.
    #[schemars(extend("examples" = ["5m"]))]
    pub(in crate::config) settle: Option<Spot<Span>>,
    /// With `drift`: a station that has not worked for longer does not produce, and what does not is neither learned nor
    /// judged; so this is longer than the time between two parts. `flat` unless said.
    #[schemars(extend("examples" = ["10m"]))]
    pub(in crate::config) idle: Option<Spot<Span>>,
    /// Its alarm stays active until somebody has acknowledged it, also when nothing stands against it any more.
    #[schemars(extend("default" = false))]
    pub(in crate::config) latch: Option<Spot<bool>>,
    /// No good value for so long, although its device is observed, is a warning.
    #[schemars(extend("examples" = ["3m"]))]
    pub(in crate::config) missing: Option<Spot<Span>>,
    /// With `drift`: standing still for so long is a warning, where the baseline says that it normally varies; only while the
    /// station works, where it has a handshake or a phase.
    #[schemars(extend("examples" = ["10m"]))]
    pub(in crate::config) flat: Option<Spot<Span>>,
    /// With `flat`: what moves by no more stands still, in the monitor's unit.
    #[schemars(extend("default" = 0))]
    pub(in crate::config) flat_within: Option<Spot<f64>>,
    /// OPC UA: how often it is looked at, if not as its device says.
    pub(in crate::config) publish: Option<Spot<Span>>,
    /// Modbus: how often it is looked at, if not as its device says.
    pub(in crate::config) poll: Option<Spot<Span>>,
}

/// Monitors or measurements that go together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Group {
    /// Two to eight of them: monitors of tags of this station, or measurements of one of its handshakes as `handshake.measurement`.
    #[schemars(required, extend("examples" = [["oil", "pressure"], ["result.force", "result.way"]]))]
    pub(in crate::config) of: Option<Spot<Vec<Spot<String>>>>,
    /// What may be called drift: that they do not go together as they did, or not at the level that they had.
    #[schemars(required, extend("examples" = ["one false alarm in 30d"]))]
    pub(in crate::config) drift: Option<Spot<String>>,
    /// Values of each from which the baseline is learned.
    #[schemars(range(min = 100), extend("default" = 300))]
    pub(in crate::config) learn: Option<Spot<u32>>,
    /// Of tags: one value of each is taken in so long, the last one; as often as the slowest of them is looked at unless said. Of
    /// measurements: the time from one part to the next; the longest `cycle` of them unless said.
    #[schemars(extend("examples" = ["10s"]))]
    pub(in crate::config) every: Option<Spot<Span>>,
    /// Each of these that the station makes has a baseline of its own, as far as it tells of them; `[]` has one for all.
    #[schemars(extend("default" = ["product", "recipe"]))]
    pub(in crate::config) baseline_per: Option<Spot<Vec<Spot<BaselineWord>>>>,
}

/// What parts baselines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "BaselinePer")]
pub(in crate::config) enum BaselineWord {
    /// The product or material that an item is.
    Product,
    /// The operation, recipe or program that it is worked on by.
    Recipe,
}

/// What watches for drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DriftRule")]
pub(in crate::config) enum DriftWord {
    /// An exponentially weighted moving average.
    Ewma,
    /// A cumulative sum.
    Cusum,
    /// A single value beyond a limit. Of measurements only.
    Shewhart,
    /// The four tests of the Western Electric handbook. Of measurements only.
    WesternElectric,
    /// Nelson's tests 1, 2, 5 and 6. Of measurements only.
    Nelson,
    /// Whether values vary more, or less, than they did.
    Variance,
}
