//! The variables of each kind of object, once: name, type, and how the value is taken from what
//! `query` answers. The nodeset declares the same; a test holds the two together.
use super::place::Object;
use super::types;
use crate::model::{ItemClass, Position, Purpose, Result, StationId, Utc, Value, Verdict};
use crate::query::{
    Answer, Completeness, ConditionView, Incomplete, ItemState, ItemView, Level, StationView,
    StepView,
};
use ::opcua::types::{DataTypeId, DateTime, NodeId, Variant};

/// What a variable holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    TextList,
    Count,
    Flag,
    Time,
    Number,
    Verdict,
    /// As read from a machine.
    Any,
    /// Arguments of a method.
    Arguments,
}

impl Kind {
    /// The `DataType` attribute; `namespace` is ours.
    pub(super) fn data_type(self, namespace: u16) -> NodeId {
        match self {
            Self::Text | Self::TextList => DataTypeId::String.into(),
            Self::Count => DataTypeId::UInt64.into(),
            Self::Flag => DataTypeId::Boolean.into(),
            Self::Time => DataTypeId::DateTime.into(),
            Self::Number => DataTypeId::Double.into(),
            Self::Verdict => NodeId::new(namespace, types::VERDICT),
            Self::Any => DataTypeId::BaseDataType.into(),
            Self::Arguments => DataTypeId::Argument.into(),
        }
    }

    /// The `ValueRank` attribute: −1 scalar, 1 one dimension, −2 any.
    pub(super) fn rank(self) -> i32 {
        match self {
            Self::TextList | Self::Arguments => 1,
            Self::Any => -2,
            Self::Text | Self::Count | Self::Flag | Self::Time | Self::Number | Self::Verdict => -1,
        }
    }
}

/// A variable of an object that is answered as `T`.
pub(super) struct Var<T: 'static> {
    name: &'static str,
    kind: Kind,
    get: fn(&T) -> Variant,
}

/// The ledger as it is shown.
pub(super) struct LedgerView {
    pub(super) position: Position,
    pub(super) open_gaps: Vec<StationId>,
}

macro_rules! table {
    ($(#[$doc:meta])* $name:ident: $of:ty { $($var:literal: $kind:ident = $get:expr;)* }) => {
        $(#[$doc])*
        pub(super) const $name: &[Var<$of>] =
            &[$(Var { name: $var, kind: Kind::$kind, get: $get }),*];
    };
}

table! {
    /// Of a unit, lot or container.
    ITEM: Answer<ItemView> {
        "Code": Text = |a| a.body.key.code.as_str().into();
        "Class": Text = |a| class(a.body.key.class).into();
        "Product": Text = |a| text(a.body.product.as_ref());
        "State": Text = |a| state(&a.body.state).into();
        "Hold": Text = |a| optional(a.body.holds.first().map(|hold| hold.told_of(&a.body.key)));
        "FirstSeen": Time = |a| time(a.body.first_seen).into();
        "LastSeen": Time = |a| time(a.body.last_seen).into();
        "Complete": Flag = |a| a.completeness.is_complete().into();
        "Reasons": TextList = |a| reasons(&a.completeness).into();
        "AsOf": Count = |a| a.position.0.into();
        "Level": Text = |a| text(a.body.level.as_ref());
        "LevelReasons": TextList =
            |a| a.body.level.as_ref().map(Level::wanting).unwrap_or_default().into();
    }
}
table! {
    /// Of a station.
    STATION: StationView {
        "CurrentUnit": Text = |s| text(s.current.as_ref());
        "LastUnit": Text = |s| text(s.last.as_ref());
        "Completed": Count = |s| s.completed.into();
        "GapOpen": Flag = |s| s.gap_open.into();
        "Quarantined": Count = |s| s.quarantined.into();
        "Mounts": TextList =
            |s| s.mounts.iter().map(|(at, item)| format!("{at}={item}")).collect::<Vec<_>>().into();
        "LastEvent": Time = |s| optional(s.last_event.map(time));
    }
}
table! {
    /// Of a monitor.
    CONDITION: ConditionView {
        "Verdict": Verdict = |c| verdict(c.verdict).0.into();
        "VerdictText": Text = |c| verdict(c.verdict).1.into();
        "Statistic": Number = |c| optional(c.statistic);
        "Limit": Number = |c| optional(c.limit);
        "Since": Time = |c| optional(c.since.map(time));
        "Onset": Time = |c| optional(c.onset.map(|o| time(o.estimate)));
        "Unit": Text = |c| text(c.unit.as_ref());
    }
}
table! {
    /// Of one event in the life of an item.
    STEP: StepView {
        "Position": Count = |s| s.position.0.into();
        "Verb": Text = |s| s.verb.into();
        "Station": Text = |s| text(s.station.as_ref());
        "Time": Time = |s| time(s.time).into();
        "Result": Text = |s| optional(s.result.map(result));
        "Operation": Text = |s| text(s.operation.as_ref());
        "Operator": Text = |s| text(s.operator.as_ref());
        "Evidence": Text = |s| s.evidence.as_str().into();
        "Purpose": Text = |s| purpose(s.purpose).into();
        "Other": Text = |s| text(s.other.as_ref());
        "Complete": Flag = |s| s.complete.into();
    }
}
table! {
    /// Of the ledger.
    LEDGER: LedgerView {
        "Position": Count = |l| l.position.0.into();
        "OpenGaps": TextList =
            |l| l.open_gaps.iter().map(ToString::to_string).collect::<Vec<_>>().into();
    }
}

/// Names and kinds of an object's variables.
pub(super) fn variables(object: &Object) -> Box<dyn Iterator<Item = (&'static str, Kind)>> {
    fn of<T>(table: &'static [Var<T>]) -> Box<dyn Iterator<Item = (&'static str, Kind)>> {
        Box::new(table.iter().map(|v| (v.name, v.kind)))
    }
    match object {
        Object::Item(_) => of(ITEM),
        Object::Station(_) => of(STATION),
        Object::Monitor(..) => of(CONDITION),
        Object::Step(..) => of(STEP),
        Object::Ledger => of(LEDGER),
        Object::Traceability | Object::Folder(_) | Object::Steps(_) | Object::Measurements(..) => {
            Box::new(std::iter::empty())
        }
    }
}

/// The value of the variable of this name.
pub(super) fn value<T>(table: &[Var<T>], name: &str, of: &T) -> Option<Variant> {
    table.iter().find(|v| v.name == name).map(|v| (v.get)(of))
}

/// Ticks of 100 ns since 1601, which is what OPC UA counts, since 1970, which is what we count.
const EPOCH_TICKS: i64 = 116_444_736_000_000_000;

/// An instant as OPC UA has it; what is below 100 ns is lost.
pub(super) fn time(at: Utc) -> DateTime {
    DateTime::from(at.0 / 100 + EPOCH_TICKS)
}

/// An item's class as a word.
pub(super) fn class(class: ItemClass) -> &'static str {
    match class {
        ItemClass::Unit => "unit",
        ItemClass::Lot => "lot",
        ItemClass::Container => "container",
    }
}

/// The outcome as a word.
pub(super) fn result(result: Result) -> &'static str {
    match result {
        Result::Pass => "pass",
        Result::Fail => "fail",
        Result::Rework => "rework",
        Result::Scrap => "scrap",
    }
}

/// A text, or null.
pub(super) fn text<T: ToString>(of: Option<&T>) -> Variant {
    optional(of.map(ToString::to_string))
}

/// A value, or null.
pub(super) fn optional<T: Into<Variant>>(value: Option<T>) -> Variant {
    value.map_or(Variant::Empty, Into::into)
}

/// Why an answer is not complete, one sentence each.
pub(super) fn reasons(completeness: &Completeness) -> Vec<String> {
    match completeness {
        Completeness::Complete => Vec::new(),
        Completeness::Incomplete(why) => why.iter().map(reason).collect(),
    }
}

/// One reason.
pub(super) fn reason(why: &Incomplete) -> String {
    match why {
        Incomplete::Gap { item, station, position, gap } => {
            let to = gap.interval.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
            format!(
                "{station} was not observed from {} to {to} while {item} was there ({position})",
                gap.interval.from
            )
        }
        Incomplete::Unobserved { station, position, gap } => {
            let to = gap.interval.to.map_or_else(|| "now".to_owned(), |to| to.to_string());
            format!("{station} was not observed from {} to {to} ({position})", gap.interval.from)
        }
        Incomplete::Quarantine { station, position } => {
            format!("something was set aside at {station} ({position})")
        }
        Incomplete::OneOf { item } => format!("{item} is one of several, which one is not known"),
        Incomplete::NotTold { item, station, what } => {
            format!("of {item} at {station} nothing is on record that says whether {what}")
        }
        Incomplete::Ring { items, records } => format!(
            "{} are said to be part of each other, which cannot be ({})",
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            records.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        ),
        Incomplete::Retention { item: Some(item), tombstone } => {
            format!("of {item} less is told than was: retention dropped some of it ({tombstone})")
        }
        Incomplete::Retention { item: None, tombstone } => {
            format!(
                "of this time less is told than was: retention dropped some of it ({tombstone})"
            )
        }
        Incomplete::Unaccounted { item, amount } => {
            format!("{amount} of {item} cannot be accounted for")
        }
        Incomplete::Lag { durable } => format!("the index has not caught up with {durable}"),
    }
}

/// A machine's value as it was read.
pub(super) fn measured(value: &Value) -> Variant {
    match value {
        Value::Empty => Variant::Empty,
        Value::Bool(b) => (*b).into(),
        Value::Int(i) => (*i).into(),
        Value::UInt(u) => (*u).into(),
        Value::Real(r) => (*r).into(),
        Value::Text(t) => t.as_str().into(),
        Value::Bytes(b) => ::opcua::types::ByteString::from(b.clone()).into(),
        Value::Time(t) => time(Utc(*t)).into(),
        Value::List(_) => value.to_string().into(),
    }
}

fn state(state: &ItemState) -> String {
    match state {
        ItemState::InWork(station) => format!("in work at {station}"),
        ItemState::Idle => "idle".to_owned(),
        ItemState::Packed(container) => format!("packed in {container}"),
        ItemState::Shipped => "shipped".to_owned(),
        ItemState::Scrapped => "scrapped".to_owned(),
    }
}

fn verdict(verdict: Verdict) -> (i32, &'static str) {
    match verdict {
        Verdict::InControl => (0, "in control"),
        Verdict::Warning => (1, "warning"),
        Verdict::Drift => (2, "drift"),
        Verdict::NoData => (3, "no data"),
    }
}

fn purpose(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Production => "production",
        Purpose::Master => "master",
        Purpose::Setup => "setup",
        Purpose::Trial => "trial",
        Purpose::Simulated => "simulated",
    }
}
