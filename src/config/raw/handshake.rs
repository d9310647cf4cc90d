//! Exchanges of words with a PLC, as they are written.
use super::label::PerCode;
use super::{BaselineWord, DriftWord};
use crate::config::spot::{Keyed, NameOr, Names, Scalar, Span, Spot};
use crate::model::Result as Outcome;
use schemars::JsonSchema;
use serde::Deserialize;

/// An exchange of words with the PLC that yields one trace event.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Handshake {
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
    /// What happened when a request comes: `arrive` `complete` `produce` `consume` `install`
    /// `remove` `pack` `split` `merge` `inspect` `scrap` `rework` `identify` `note`, and of a lot in dry storage `open`
    /// `close` `dry` (see *Inherited attributes*).
    #[schemars(required)]
    pub(in crate::config) event: Option<Spot<String>>,
    /// How a request is made and answered; see *Handshakes*. `counter` unless said, `ring` with a `ring`,
    /// `ua-result` with a `notifier`.
    #[schemars(extend("default" = "counter"))]
    pub(in crate::config) pattern: Option<Spot<PatternWord>>,
    /// The request word; all patterns but `ring` have one. `ua-result`: the field with the name of the
    /// result, `ResultMetaData.ResultId` unless said, with an `event_type` `EventId`.
    pub(in crate::config) trigger: Option<Spot<String>>,
    /// The echo word; it is written last, when the record is durable. `edge` and `ring` have none;
    /// `state-word` without one answers in the trigger. `ua-result`: the method that acknowledges.
    pub(in crate::config) ack: Option<Spot<String>>,
    /// The PLC's own count of its requests, where the trigger does not count.
    pub(in crate::config) number: Option<Spot<String>>,
    /// `state-word`: the values of its words.
    pub(in crate::config) states: Option<Spot<States>>,
    /// `ring`: where entries are put, one behind the other.
    pub(in crate::config) ring: Option<Spot<Ring>>,
    /// `ua-result`: the object whose events tell of results and that has the methods; the other words of
    /// the table are fields of a result.
    #[schemars(extend("examples" = ["ResultManagement"]))]
    pub(in crate::config) notifier: Option<Spot<String>>,
    /// `ua-result`: the browse name of the type of the events, where they are of a type of the machine's own; the other
    /// words of the table are then fields of the event.
    #[schemars(extend("examples" = ["PartFinishedEventType"]))]
    pub(in crate::config) event_type: Option<Spot<String>>,
    /// `ua-result`: the method that names the results that the machine still has.
    #[schemars(extend("examples" = ["GetResultIdListFiltered"]))]
    pub(in crate::config) recover: Option<Spot<String>>,
    /// `ua-result`: the method that gives one result by its name; without it the event has all.
    #[schemars(extend("examples" = ["GetResultById"]))]
    pub(in crate::config) fetch: Option<Spot<String>>,
    /// `ua-result`: which results are meant, `field = value` or `field in a, b`, where an object tells of those of several
    /// stations; a handshake without it takes those that no other one means.
    #[schemars(extend("examples" = ["ResultMetaData.JobId = LEFT"]))]
    pub(in crate::config) only: Option<Spot<String>>,
    /// Two words of the data: the PLC sets one before it writes the others and the second, to the same
    /// number, after. As long as they differ it is read again.
    #[schemars(extend("examples" = [["SeqBegin", "SeqEnd"]]))]
    pub(in crate::config) guard: Option<Spot<Vec<Spot<String>>>>,
    /// Time to answer, from the request.
    #[schemars(extend("default" = "1s"))]
    pub(in crate::config) deadline: Option<Spot<Span>>,
    /// Wait before reading, for PLCs that fill the data after the request. `ua-result`: wait before
    /// recording, until feeders have been told; with mounts twice `publish` of the device unless said.
    #[schemars(extend("default" = "0s"))]
    pub(in crate::config) settle: Option<Spot<Span>>,
    /// Read twice until equal.
    #[schemars(extend("default" = false))]
    pub(in crate::config) stable: Option<Spot<bool>>,
    /// `req-ack`, `state-word`: the PLC must take its request back so soon after the ack; from then on
    /// it is a gap, because another request would not be seen.
    #[schemars(extend("default" = "10s"))]
    pub(in crate::config) release: Option<Spot<Span>>,
    /// What a number found at first contact is.
    #[schemars(extend("default" = "baseline"))]
    pub(in crate::config) first: Option<Spot<FirstWord>>,
    /// The word with the unit's code; without it the unit last presented at the station
    /// (`"@current"`).
    pub(in crate::config) serial: Option<Spot<String>>,
    /// The word with the lot's code: what is produced, consumed, or opened, put away or dried.
    pub(in crate::config) lot: Option<Spot<String>>,
    /// The word with the code of the part that is installed, removed or packed.
    pub(in crate::config) child: Option<Spot<String>>,
    /// The word with the codes of what the unit consists of, an array, or a list of words with a code each:
    /// the boards of a panel, what is packed, split off or merged. Each is linked with its place, counted
    /// from 1; an empty text is a place without a member, unless `no_read` names it. With `arrive` and
    /// `complete` it says what the unit is made of, whatever the PLC is answered.
    #[schemars(extend("examples" = ["Images", ["board_1", "board_2"]]))]
    pub(in crate::config) members: Option<Spot<Names>>,
    /// What it goes into: a lot or unit for `consume`, a container for `pack`.
    pub(in crate::config) into: Option<Spot<Into>>,
    /// The word with the code of the carrier. With `serial` the unit is put on it; without, the unit that
    /// is on it is meant.
    /// A carrier's code is one for the whole site: lines that number theirs alike need a prefix in the PLC.
    pub(in crate::config) carrier: Option<Spot<String>>,
    /// What becomes of the carrier's load: `open`, `read`, `close`, or `none` with `event = "note"`: it
    /// came empty. `open` where the table has a `serial`, else `read`.
    pub(in crate::config) fill: Option<Spot<FillWord>>,
    /// Further words that are kept with the event, by the names that they get.
    #[serde(default)]
    pub(in crate::config) context: Keyed<Spot<String>>,
    /// Where the code is unique: `site`, `gs1`, or `product`, `material`, `supplier` as the word of
    /// that key says; `{ supplier = "ACME" }` names it. Units: the site unless said; lots: required.
    pub(in crate::config) scope: Option<Spot<NameOr<Fixed>>>,
    /// The word with the product of the item.
    pub(in crate::config) product: Option<Spot<String>>,
    /// The word with the material: of the lot or part that goes into the item, else of the item.
    pub(in crate::config) material: Option<Spot<String>>,
    /// The word with the supplier, for `scope = "supplier"`.
    pub(in crate::config) supplier: Option<Spot<String>>,
    /// Codes that are none: the passage gets a provisional unit.
    #[schemars(extend("default" = ["", "NOREAD"]))]
    pub(in crate::config) no_read: Option<Vec<Spot<String>>>,
    /// The texts of code words are taken apart by this regular expression, which must fit all of a text: its
    /// group `serial`, `lot` or `container` is the code; see *Codes*. With several codes
    /// `{ child = '…', into = '…' }`.
    #[schemars(extend("examples" = ["(?P<serial>SN-[0-9]+)/(?P<lot>.+)"]))]
    pub(in crate::config) r#match: Option<Spot<NameOr<PerCode>>>,
    /// The texts of code words are taken apart: `gs1` is a GS1 element string or Digital Link; see *Codes*. With
    /// several codes `{ child = "gs1" }`.
    #[schemars(extend("examples" = ["gs1"]))]
    pub(in crate::config) parse: Option<Spot<NameOr<PerCode>>>,
    /// The word with the amount, or `{ from, eu }`.
    pub(in crate::config) quantity: Option<Spot<NameOr<Quantity>>>,
    /// `produce`: how long after it was made the item may be used.
    pub(in crate::config) best_before: Option<Spot<Span>>,
    /// The word with the place in the parent, or the hopper; at a station with several positions (nests,
    /// a turning table) the position: it says whose unit is the current one.
    pub(in crate::config) position: Option<Spot<String>>,
    /// The word with the time at which it happened; else the trigger's source time.
    pub(in crate::config) time: Option<Spot<String>>,
    /// The word with the operation, recipe or program.
    pub(in crate::config) operation: Option<Spot<String>>,
    /// The word with the badge of who did it.
    pub(in crate::config) badge: Option<Spot<String>>,
    /// The word with the outcome.
    pub(in crate::config) result: Option<Spot<String>>,
    /// What the values of `result` mean.
    #[serde(default)]
    pub(in crate::config) codes: Keyed<Spot<Outcome>>,
    /// Measurements, by name.
    #[serde(default)]
    pub(in crate::config) values: Keyed<Measured>,
    /// Rules that the permit follows; each is described under *Permits*.
    pub(in crate::config) check: Option<Vec<Spot<String>>>,
    /// Words to answer with: `"$permit"`, `"$reason"`, `"$recipe"`, or a fixed value.
    #[serde(default)]
    pub(in crate::config) reply: Keyed<Spot<Scalar>>,
    /// Codes of the permit.
    pub(in crate::config) permit: Option<Spot<Permit>>,
    /// Numbers of reasons, by their word; the others keep those of *Permits*.
    #[serde(default)]
    pub(in crate::config) reasons: Keyed<Spot<i64>>,
    /// Words of a person who lets run what was refused; the event is *bypassed* then.
    #[serde(rename = "override")]
    pub(in crate::config) overrule: Option<Spot<Override>>,
    /// The permit past the deadline; never `ok`.
    #[schemars(extend("default" = "unknown"))]
    pub(in crate::config) on_late: Option<Spot<PermitWord>>,
}

/// How a request is made and answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Pattern")]
pub(in crate::config) enum PatternWord {
    /// The PLC counts up a word; we echo the number.
    Counter,
    /// The PLC sets a bit; we set another; it falls; ours falls.
    ReqAck,
    /// The PLC turns a bit over; we make ours equal to it.
    Toggle,
    /// The PLC sets a word to *request*; we answer *done* or *error*; it goes back to idle.
    StateWord,
    /// A bit rises for a moment; nobody waits for us.
    Edge,
    /// The PLC puts each entry into the next slot of a ring and counts.
    Ring,
    /// The machine tells of its results by events and gives them by methods (OPC 40001-101).
    UaResult,
}

/// Values of a state word; each must be another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct States {
    /// Nothing is asked.
    #[schemars(extend("default" = 0))]
    pub(in crate::config) idle: Option<Spot<i64>>,
    /// The PLC asks.
    #[schemars(extend("default" = 1))]
    pub(in crate::config) request: Option<Spot<i64>>,
    /// We have seen it; not told unless said.
    pub(in crate::config) busy: Option<Spot<i64>>,
    /// It is recorded, and the permit is ok.
    #[schemars(extend("default" = 4))]
    pub(in crate::config) done: Option<Spot<i64>>,
    /// It was not permitted, or could not be told apart.
    #[schemars(extend("default" = 8))]
    pub(in crate::config) error: Option<Spot<i64>>,
}

/// A ring of slots in the PLC. The words of the handshake are those of one slot.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Ring {
    /// The word with the number of the newest entry; it is set after the slot is written.
    #[schemars(required)]
    pub(in crate::config) head: Option<Spot<String>>,
    /// The word that we set to the last number that is durable.
    pub(in crate::config) tail: Option<Spot<String>>,
    /// The slots, first and last. OPC UA: the name that stands before the words of a slot, with its range;
    /// Modbus: the range alone, the tags being those of the first slot.
    #[schemars(required, extend("examples" = ["Ring[0..15]"]))]
    pub(in crate::config) slots: Option<Spot<String>>,
    /// Modbus: from one slot to the next, in registers.
    #[schemars(range(min = 1))]
    pub(in crate::config) stride: Option<Spot<u16>>,
    /// The word with the number of the entry in the slot.
    #[schemars(required)]
    pub(in crate::config) seq: Option<Spot<String>>,
}

/// What a number found at first contact is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "First")]
pub(in crate::config) enum FirstWord {
    /// It was dealt with before we came.
    Baseline,
    /// It is a request.
    Process,
}

/// A permit that is not a yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "LatePermit")]
pub(in crate::config) enum PermitWord {
    /// Not to be worked on here.
    Nok,
    /// To be reworked.
    Rework,
    /// Nothing can be said.
    Unknown,
}

/// What becomes of the load of a carrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Fill")]
pub(in crate::config) enum FillWord {
    /// The unit is put on the carrier.
    Open,
    /// The unit on the carrier is meant.
    Read,
    /// The unit on the carrier is meant, and it leaves it.
    Close,
    /// Nothing is on the carrier.
    None,
}

/// What something goes into.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Into {
    /// The word with a lot's code.
    pub(in crate::config) lot: Option<Spot<String>>,
    /// The word with a unit's code.
    pub(in crate::config) serial: Option<Spot<String>>,
    /// The word with a container's code.
    pub(in crate::config) container: Option<Spot<String>>,
    /// Where that code is unique. Units and containers: the site unless said; lots: required.
    pub(in crate::config) scope: Option<Spot<NameOr<Fixed>>>,
}

/// A scope whose name the file says.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Scope")]
pub(in crate::config) struct Fixed {
    /// Unique among the items of this product.
    pub(in crate::config) product: Option<Spot<String>>,
    /// Unique among the lots of this material.
    pub(in crate::config) material: Option<Spot<String>>,
    /// Unique among the lots of this supplier.
    pub(in crate::config) supplier: Option<Spot<String>>,
}

/// An amount and its unit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Quantity {
    /// The word.
    #[schemars(required)]
    pub(in crate::config) from: Option<Spot<String>>,
    /// Its unit as a UCUM code; the tag's unless said.
    pub(in crate::config) eu: Option<Spot<String>>,
}

/// A measurement taken with a handshake.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Measurement")]
pub(in crate::config) struct Measured {
    /// The word.
    #[schemars(required)]
    pub(in crate::config) from: Option<Spot<String>>,
    /// Its unit as a UCUM code; the tag's unless said.
    pub(in crate::config) eu: Option<Spot<String>>,
    /// Lower specification limit, inclusive.
    pub(in crate::config) low: Option<Spot<f64>>,
    /// Upper specification limit, inclusive.
    pub(in crate::config) high: Option<Spot<f64>>,
    /// With `drift`: how far back inside the limits a value must come before their warning ends.
    #[schemars(extend("default" = 0))]
    pub(in crate::config) deadband: Option<Spot<f64>>,
    /// With `drift` and a limit: how long values must be beyond, by the times of the parts, before that is a warning.
    #[schemars(extend("default" = "0s", "examples" = ["15s"]))]
    pub(in crate::config) on_delay: Option<Spot<Span>>,
    /// With `drift` and a limit: how long they must be inside again before the warning ends.
    #[schemars(extend("default" = "0s", "examples" = ["1m"]))]
    pub(in crate::config) off_delay: Option<Spot<Span>>,
    /// With `drift` and a limit: so long before such a limit is reached, by the trend of the last such time, is a warning that says
    /// when.
    #[schemars(extend("examples" = ["8h"]))]
    pub(in crate::config) forecast: Option<Spot<Span>>,
    /// With `drift`: to go up or down by more in `rate_over` is a warning, in the monitor's unit.
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
    /// cumulative sum, at a lasting change of the size of `catch`. `shewhart`, a single value beyond a
    /// limit, and the zone tests of `western-electric` and `nelson` find great changes at once; one of these three. `variance` looks at how much values vary. With
    /// several rules the promise is that of all together.
    #[schemars(extend("default" = ["ewma"]))]
    pub(in crate::config) rules: Option<Spot<Vec<Spot<DriftWord>>>>,
    /// With `drift`: the lasting change worth catching, in the monitor's unit; one standard deviation unless said.
    #[schemars(range(min = 0))]
    pub(in crate::config) catch: Option<Spot<f64>>,
    /// With `drift`: each of these has a baseline of its own, as far as it is told of an item; `[]` has one for all.
    #[schemars(extend("default" = ["product", "recipe"]))]
    pub(in crate::config) baseline_per: Option<Spot<Vec<Spot<BaselineWord>>>>,
    /// With `drift`: so many values after a changeover, and after a start of production, are neither learned nor judged.
    #[schemars(extend("default" = 0))]
    pub(in crate::config) settle: Option<Spot<u32>>,
    /// With `drift`: its alarm stays active until somebody has acknowledged it, also when nothing stands against it any more.
    #[schemars(extend("default" = false))]
    pub(in crate::config) latch: Option<Spot<bool>>,
    /// With `drift`: mean time between two values.
    #[schemars(extend("default" = "1s"))]
    pub(in crate::config) cycle: Option<Spot<Span>>,
}

/// Words of a person who lets run what was refused. The PLC clears both with the next request: what
/// stands there still overrules what is refused then.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Override {
    /// The word with the badge.
    #[schemars(required)]
    pub(in crate::config) badge: Option<Spot<String>>,
    /// The word with the reason.
    #[schemars(required)]
    pub(in crate::config) reason: Option<Spot<String>>,
}

/// Codes of the permit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Permit {
    /// Go on.
    #[schemars(required)]
    pub(in crate::config) ok: Option<Spot<i64>>,
    /// Not to be worked on here.
    #[schemars(required)]
    pub(in crate::config) nok: Option<Spot<i64>>,
    /// To be reworked; the code of `nok` unless said.
    pub(in crate::config) rework: Option<Spot<i64>>,
    /// Nothing can be said; the code of `nok` unless said.
    pub(in crate::config) unknown: Option<Spot<i64>>,
}
