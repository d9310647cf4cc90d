//! The methods of the entry. Their answers are `query`'s, as lists of texts that any client shows.
use super::place::{Method, Object, Place, Side};
use super::source::Source;
use super::table;
use crate::genealogy::LinkKind;
use crate::model::{ItemClass, ItemKey, Position};
use crate::query::{Direction, Resolved};
use ::opcua::types::argument::Argument;
use ::opcua::types::{
    DataTypeId, ExtensionObject, LocalizedText, NodeId, StatusCode, UAString, Variant,
};

/// The longest list that an answer holds: what the servers and clients of this room accept. A
/// longer one is refused, never cut.
pub(super) const LIST_LEN_MAX: usize = 100_000;

/// One sentence.
pub(super) fn description(method: Method) -> &'static str {
    match method {
        Method::Resolve => "Finds the items that a text names: its text form, or a code.",
        Method::Trace => "Everything that an item was made of, or went into.",
        Method::Recall => "Everything that a lot went into, and what cannot be told.",
    }
}

/// The value of `InputArguments` or `OutputArguments`.
pub(super) fn arguments(method: Method, side: Side) -> Variant {
    let list: &[(&str, DataTypeId, bool, &str)] = match (method, side) {
        (Method::Resolve, Side::Input) => {
            &[("Id", DataTypeId::String, false, "An item such as u/site/SN-1, or its code.")]
        }
        (Method::Resolve, Side::Output) => {
            &[("NodeIds", DataTypeId::NodeId, true, "The items that have it; none if unknown.")]
        }
        (Method::Trace, Side::Input) => &[
            ("Id", DataTypeId::String, false, "An item such as u/site/SN-1, or its code."),
            ("Direction", DataTypeId::String, false, "backward or forward."),
            ("Depth", DataTypeId::UInt32, false, "Links to follow at most; 0 follows all."),
        ],
        (Method::Trace, Side::Output) => &[
            ("Items", DataTypeId::String, true, "Every item reached, the nearest first."),
            ("Links", DataTypeId::String, true, "Every link, as part > kind > whole."),
            ("Complete", DataTypeId::Boolean, false, "Whether nothing is known to be missing."),
            ("Reasons", DataTypeId::String, true, "Why it is not complete."),
            ("Position", DataTypeId::UInt64, false, "The ledger position it is answered at."),
        ],
        (Method::Recall, Side::Input) => {
            &[("Lot", DataTypeId::String, false, "A lot such as l/site/0001, or its code.")]
        }
        (Method::Recall, Side::Output) => &[
            ("Units", DataTypeId::String, true, "Units that contain it."),
            ("Lots", DataTypeId::String, true, "Lots and containers made with it."),
            ("Containers", DataTypeId::String, true, "Containers that hold any of them."),
            ("Shipped", DataTypeId::String, true, "Those of them that left the site."),
            ("Unknown", DataTypeId::String, true, "Items of which it cannot be told: why."),
            ("Complete", DataTypeId::Boolean, false, "Whether nothing is known to be missing."),
            ("Reasons", DataTypeId::String, true, "Why it is not complete."),
            ("Position", DataTypeId::UInt64, false, "The ledger position it is answered at."),
        ],
    };
    let list: Vec<ExtensionObject> = list
        .iter()
        .map(|(name, data_type, array, text)| {
            ExtensionObject::from_message(Argument {
                name: UAString::from(*name),
                data_type: (*data_type).into(),
                value_rank: if *array { 1 } else { -1 },
                array_dimensions: array.then(|| vec![0]),
                description: LocalizedText::from(*text),
            })
        })
        .collect();
    Variant::from(list)
}

/// Answers a call.
pub(super) fn call<S: Source>(
    source: &S,
    namespace: u16,
    method: Method,
    arguments: &[Variant],
) -> Result<Vec<Variant>, StatusCode> {
    let outputs = match (method, arguments) {
        (Method::Resolve, [Variant::String(id)]) => resolve(source, namespace, id.as_ref())?,
        (Method::Trace, [Variant::String(id), way, Variant::UInt32(depth)]) => {
            let way = direction(way).ok_or(StatusCode::BadInvalidArgument)?;
            trace(source, &one(source, id.as_ref(), None)?, way, *depth)?
        }
        (Method::Recall, [Variant::String(lot)]) => {
            recall(source, &one(source, lot.as_ref(), Some(ItemClass::Lot))?)?
        }
        (Method::Resolve | Method::Recall, []) | (Method::Trace, [] | [_] | [_, _]) => {
            return Err(StatusCode::BadArgumentsMissing);
        }
        (Method::Resolve | Method::Recall, [_, _, ..]) | (Method::Trace, [_, _, _, _, ..]) => {
            return Err(StatusCode::BadTooManyArguments);
        }
        (Method::Resolve | Method::Recall, [_]) | (Method::Trace, [_, _, _]) => {
            return Err(StatusCode::BadTypeMismatch);
        }
    };
    let too_long =
        |v: &Variant| matches!(v, Variant::Array(list) if list.values.len() > LIST_LEN_MAX);
    if outputs.iter().any(too_long) { Err(StatusCode::BadResponseTooLarge) } else { Ok(outputs) }
}

/// A word, or true for backward, which is what a client without lists of words offers.
#[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is a direction")]
fn direction(of: &Variant) -> Option<Direction> {
    match of {
        Variant::String(word) if word.as_ref() == "backward" => Some(Direction::Backward),
        Variant::String(word) if word.as_ref() == "forward" => Some(Direction::Forward),
        Variant::Boolean(true) => Some(Direction::Backward),
        Variant::Boolean(false) => Some(Direction::Forward),
        _ => None,
    }
}

/// The one item that a text names; of a label with several that of the wanted class.
fn one<S: Source>(
    source: &S,
    text: &str,
    wanted: Option<ItemClass>,
) -> Result<ItemKey, StatusCode> {
    match resolved(source, text, wanted)? {
        Resolved::Item(key) => Ok(key),
        Resolved::Candidates(_) => Err(StatusCode::BadTooManyMatches),
        Resolved::Unknown => Err(StatusCode::BadNoMatch),
    }
}

/// What is not known while records are still read after a start may be in one of them.
/// Those that only come near are for people to choose from: a program would take the one for the other.
fn resolved<S: Source>(
    source: &S,
    text: &str,
    wanted: Option<ItemClass>,
) -> Result<Resolved, StatusCode> {
    let indexing = source.indexing();
    match source.resolve(text, wanted).found {
        Resolved::Unknown if indexing.is_some() => Err(StatusCode::BadWaitingForInitialData),
        found @ (Resolved::Item(_) | Resolved::Candidates(_) | Resolved::Unknown) => Ok(found),
    }
}

fn resolve<S: Source>(source: &S, namespace: u16, text: &str) -> Result<Vec<Variant>, StatusCode> {
    let found = match resolved(source, text, None)? {
        Resolved::Item(key) => vec![key],
        Resolved::Candidates(all) => all.into_iter().map(|one| one.item).collect(),
        Resolved::Unknown => Vec::new(),
    };
    let id = |key| NodeId::new(namespace, Place::Object(Object::Item(key)).to_string());
    Ok(vec![found.into_iter().map(id).collect::<Vec<_>>().into()])
}

fn trace<S: Source>(
    source: &S,
    key: &ItemKey,
    way: Direction,
    depth: u32,
) -> Result<Vec<Variant>, StatusCode> {
    let depth_max = (depth > 0).then_some(depth);
    let answer = source.trace(key, way, depth_max).ok_or(StatusCode::BadNoMatch)?;
    let items = texts(answer.body.nodes.iter().map(|n| &n.item));
    let links: Vec<String> = answer
        .body
        .links
        .iter()
        .map(|l| format!("{} > {} > {}", l.part, word(l.kind), l.whole))
        .collect();
    let mut why = table::reasons(&answer.completeness);
    why.extend(answer.body.cut_at_depth.then(|| format!("cut at the depth of {depth}")));
    let mut outputs = vec![items.into(), links.into()];
    outputs.extend(tail(why, answer.position));
    Ok(outputs)
}

fn recall<S: Source>(source: &S, lot: &ItemKey) -> Result<Vec<Variant>, StatusCode> {
    let answer = source.recall(lot).ok_or(StatusCode::BadNoMatch)?;
    let (units, lots): (Vec<&ItemKey>, Vec<&ItemKey>) = answer
        .body
        .suspect
        .iter()
        .map(|group| &group.item)
        .partition(|item| item.class == ItemClass::Unit);
    let unknown: Vec<String> = answer
        .body
        .unknown
        .iter()
        .map(|(item, why)| format!("{item}: {}", table::reason(why)))
        .collect();
    let mut outputs = vec![
        texts(units).into(),
        texts(lots).into(),
        texts(&answer.body.containers).into(),
        texts(answer.body.shipped.iter().map(|(item, _)| item)).into(),
        unknown.into(),
    ];
    outputs.extend(tail(table::reasons(&answer.completeness), answer.position));
    Ok(outputs)
}

fn texts<'a>(keys: impl IntoIterator<Item = &'a ItemKey>) -> Vec<String> {
    keys.into_iter().map(ToString::to_string).collect()
}

/// Complete, why not, and as of which position.
fn tail(why: Vec<String>, position: Position) -> [Variant; 3] {
    [why.is_empty().into(), why.into(), position.0.into()]
}

/// What a link means, as a word.
fn word(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::ConsumedInto => "consumed-into",
        LinkKind::InstalledIn => "installed-in",
        LinkKind::FormerlyInstalledIn => "formerly-installed-in",
        LinkKind::PackedIn => "packed-in",
        LinkKind::FormerlyPackedIn => "formerly-packed-in",
        LinkKind::SplitInto => "split-into",
        LinkKind::MergedInto => "merged-into",
        LinkKind::MountedAs => "mounted-as",
        LinkKind::FedInto => "fed-into",
        LinkKind::IdentifiedAs => "identified-as",
    }
}
