//! Names of nodes: each is a function of identity alone, so that a `NodeId` kept by a client stays
//! valid for ever.
//!
//! A node is an object's text form, `traceability`, `st/<station>` or an item's own, and after `#`
//! the path below it: `u/site/SN-1#Steps/42/Station`. No text form of an object contains `#`.
use super::table;
use crate::model::{ItemKey, MonitorId, Position, StationId, TagName};
use std::fmt;

/// The longest text of a string `NodeId` (Part 3).
const TEXT_LEN_MAX: usize = 4096;

/// A node without a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Object {
    /// The entry.
    Traceability,
    /// A bounded view below the entry.
    Folder(Folder),
    /// The ledger.
    Ledger,
    /// A station.
    Station(StationId),
    /// One of its monitors.
    Monitor(StationId, MonitorId),
    /// A unit, lot or container.
    Item(ItemKey),
    /// What it went through.
    Steps(ItemKey),
    /// One event of that, by its record.
    Step(ItemKey, Position),
    /// What was measured then.
    Measurements(ItemKey, Position),
}

/// A bounded view below the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    Stations,
    Units,
    Lots,
    Containers,
    Conditions,
}

impl Folder {
    pub(super) const ALL: [Self; 5] =
        [Self::Stations, Self::Units, Self::Lots, Self::Containers, Self::Conditions];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stations => "Stations",
            Self::Units => "Units",
            Self::Lots => "Lots",
            Self::Containers => "Containers",
            Self::Conditions => "Conditions",
        }
    }
}

/// A method of the entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Method {
    Resolve,
    Trace,
    Recall,
}

impl Method {
    pub(super) const ALL: [Self; 3] = [Self::Resolve, Self::Trace, Self::Recall];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Resolve => "Resolve",
            Self::Trace => "Trace",
            Self::Recall => "Recall",
        }
    }
}

/// Which arguments of a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Side {
    Input,
    Output,
}

impl Side {
    pub(super) const ALL: [Self; 2] = [Self::Input, Self::Output];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Input => "InputArguments",
            Self::Output => "OutputArguments",
        }
    }
}

/// A node of the republished space.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// A node without a value.
    Object(Object),
    /// A variable of an object, by its name in the object's table.
    Variable(Object, &'static str),
    /// A measured value.
    Measurement(ItemKey, Position, TagName),
    /// A method of the entry.
    Method(Method),
    /// What it takes or gives.
    Arguments(Method, Side),
}

impl Place {
    /// The node of this text; `None` if no node can have it. Each node has exactly one text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > TEXT_LEN_MAX {
            return None;
        }
        let (base, path) = match text.split_once('#') {
            Some((base, path)) => (base, Some(path)),
            None => (text, None),
        };
        let place = if base == "traceability" {
            Self::below_the_entry(path)?
        } else if let Some(id) = base.strip_prefix("st/") {
            Self::below_a_station(StationId::parse(id).ok()?, path)?
        } else {
            Self::below_an_item(base.parse().ok()?, path)?
        };
        (place.to_string() == text).then_some(place)
    }

    fn below_the_entry(path: Option<&str>) -> Option<Self> {
        let Some(path) = path else { return Some(Self::Object(Object::Traceability)) };
        let (first, rest) = match path.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        if let Some(folder) = Folder::ALL.into_iter().find(|f| f.name() == first) {
            return rest.is_none().then_some(Self::Object(Object::Folder(folder)));
        }
        if let Some(method) = Method::ALL.into_iter().find(|m| m.name() == first) {
            let Some(rest) = rest else { return Some(Self::Method(method)) };
            let side = Side::ALL.into_iter().find(|s| s.name() == rest)?;
            return Some(Self::Arguments(method, side));
        }
        (first == "Ledger").then_some(())?;
        match rest {
            Some(name) => Self::variable(Object::Ledger, name),
            None => Some(Self::Object(Object::Ledger)),
        }
    }

    fn below_a_station(id: StationId, path: Option<&str>) -> Option<Self> {
        let Some(path) = path else { return Some(Self::Object(Object::Station(id))) };
        let mut parts = path.splitn(3, '/');
        match (parts.next()?, parts.next(), parts.next()) {
            ("Monitors", Some(monitor), name) => {
                let monitor = Object::Monitor(id, MonitorId::parse(monitor).ok()?);
                match name {
                    Some(name) => Self::variable(monitor, name),
                    None => Some(Self::Object(monitor)),
                }
            }
            (name, None, None) => Self::variable(Object::Station(id), name),
            _ => None,
        }
    }

    fn below_an_item(key: ItemKey, path: Option<&str>) -> Option<Self> {
        let Some(path) = path else { return Some(Self::Object(Object::Item(key))) };
        let step = |text: &str| text.parse().ok().map(Position);
        let mut parts = path.splitn(4, '/');
        match (parts.next()?, parts.next(), parts.next(), parts.next()) {
            ("Steps", None, None, None) => Some(Self::Object(Object::Steps(key))),
            (name, None, None, None) => Self::variable(Object::Item(key), name),
            ("Steps", Some(at), None, None) => Some(Self::Object(Object::Step(key, step(at)?))),
            ("Steps", Some(at), Some("Measurements"), None) => {
                Some(Self::Object(Object::Measurements(key, step(at)?)))
            }
            ("Steps", Some(at), Some("Measurements"), Some(name)) => {
                Some(Self::Measurement(key, step(at)?, TagName::parse(name).ok()?))
            }
            ("Steps", Some(at), Some(name), None) => {
                Self::variable(Object::Step(key, step(at)?), name)
            }
            _ => None,
        }
    }

    fn variable(object: Object, name: &str) -> Option<Self> {
        let (name, _) = table::variables(&object).find(|(known, _)| *known == name)?;
        Some(Self::Variable(object, name))
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Traceability => f.write_str("traceability"),
            Self::Folder(folder) => write!(f, "traceability#{}", folder.name()),
            Self::Ledger => f.write_str("traceability#Ledger"),
            Self::Station(id) => write!(f, "st/{id}"),
            Self::Monitor(id, monitor) => write!(f, "st/{id}#Monitors/{monitor}"),
            Self::Item(key) => write!(f, "{key}"),
            Self::Steps(key) => write!(f, "{key}#Steps"),
            Self::Step(key, at) => write!(f, "{key}#Steps/{}", at.0),
            Self::Measurements(key, at) => write!(f, "{key}#Steps/{}/Measurements", at.0),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Object(object) => write!(f, "{object}"),
            Self::Variable(
                object @ (Object::Traceability | Object::Station(_) | Object::Item(_)),
                name,
            ) => {
                write!(f, "{object}#{name}")
            }
            Self::Variable(
                object @ (Object::Folder(_)
                | Object::Ledger
                | Object::Monitor(..)
                | Object::Steps(_)
                | Object::Step(..)
                | Object::Measurements(..)),
                name,
            ) => write!(f, "{object}/{name}"),
            Self::Measurement(key, at, name) => {
                write!(f, "{}/{name}", Object::Measurements(key.clone(), *at))
            }
            Self::Method(method) => write!(f, "traceability#{}", method.name()),
            Self::Arguments(method, side) => {
                write!(f, "traceability#{}/{}", method.name(), side.name())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_node_reads_back_as_itself() {
        for text in [
            "traceability",
            "traceability#Units",
            "traceability#Ledger",
            "traceability#Ledger/Position",
            "traceability#Trace",
            "traceability#Trace/InputArguments",
            "st/ST-10",
            "st/ST-10#CurrentUnit",
            "st/ST-10#Monitors/torque",
            "st/ST-10#Monitors/torque/Verdict",
            "u/site/SN-1",
            "l/supplier/ACME/0001#State",
            "c/gs1/00340123#Code",
            "u/product/P%2F1/SN%231#Steps",
            "u/site/SN-1#Steps/42",
            "u/site/SN-1#Steps/42/Station",
            "u/site/SN-1#Steps/42/Measurements",
            "u/site/SN-1#Steps/42/Measurements/torque.final/1",
        ] {
            assert_eq!(Place::parse(text).map(|p| p.to_string()).as_deref(), Some(text));
        }
    }

    #[test]
    fn what_is_no_node_is_refused() {
        for text in [
            "",
            "traceability#",
            "traceability#units",
            "st/",
            "st/ST-10#Nothing",
            "u/site",
            "u/site/SN-1#",
            "u/site/SN-1#Steps/",
            "u/site/SN-1#Steps/042",
            "u/site/SN-1#Steps/x/Verb",
            "u/site/SN-1#Steps/42/Measurements/",
        ] {
            assert_eq!(Place::parse(text), None, "{text}");
        }
    }

    /// Two texts for one node would make two nodes of one item for a client that compares ids.
    #[test]
    fn a_text_that_is_encoded_more_than_needed_is_refused() {
        assert_eq!(Place::parse("u/site/SN%2D1"), None);
        assert!(Place::parse("u/site/SN-1").is_some());
    }
}
