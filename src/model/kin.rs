//! What attributes are inherited from: the items that another was made of, as far as records tell of them.
use super::{Exposure, ItemKey, MountKey, Position, Scope, ScopeName, Text, Utc};
use minicbor::{Decode, Encode};
use std::fmt;

/// What an item was made of, at any depth, without itself: of several of one material and supplier those that the
/// rules of a plant can tell apart.
#[derive(Debug, Clone, PartialEq, Default, Encode, Decode)]
#[cbor(map)]
pub struct Ancestry {
    /// Those that are surely in it first, of these the nearest.
    #[n(0)]
    pub kin: Vec<Kin>,
    /// Why these are not all; `None` if they are.
    #[n(1)]
    pub missing: Option<Missing>,
}

/// An item as far as others inherit from it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Kin {
    /// Which.
    #[n(0)]
    pub item: ItemKey,
    /// Its product or material, as last told.
    #[n(1)]
    pub material: Option<Text>,
    /// Until when it was to be used, as told.
    #[n(2)]
    pub best_before: Option<Utc>,
    /// When it last came into being or into the house.
    #[n(3)]
    pub made: Option<Utc>,
    /// When it was first mounted or used since then.
    #[n(4)]
    pub opened: Option<Utc>,
    /// How it came to be in the item that was asked about; `None` if it is that item.
    #[n(5)]
    pub way: Option<Way>,
    /// How long it was out of dry storage since then, if it was ever put away or dried.
    #[n(6)]
    pub exposure: Option<Exposure>,
}

/// The last link on the way from an item to something that it is in.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Way {
    /// What it went into.
    #[n(0)]
    pub into: ItemKey,
    /// The record that says so.
    #[n(1)]
    pub by: Position,
    /// Whether every link of the way is certain: none is one of several, or a share of a blend.
    #[n(2)]
    pub sure: bool,
}

/// Why not all is known of what an item was made of.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Missing {
    /// It was made of more than is looked at.
    #[n(0)]
    Many,
    /// Nobody knows which lot was in a feeder.
    #[n(1)]
    Mount(#[n(0)] MountKey),
}

/// What an attribute that comes from numbers of events comes to, over the items of a request.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Total {
    /// Which.
    #[n(0)]
    pub attribute: Text,
    /// What it comes to, finite; `None` if nothing was told and it does not add up.
    #[n(1)]
    pub value: Option<f64>,
    /// The value that says most of it: the greatest of a sum or maximum, the least of a minimum; of several the one
    /// recorded first.
    #[n(2)]
    pub most: Option<Portion>,
    /// Why there may be more; `None` if that is all.
    #[n(3)]
    pub missing: Option<Shortfall>,
}

/// One value of a [`Total`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Portion {
    /// Finite.
    #[n(0)]
    pub value: f64,
    /// The record that it was told with.
    #[n(1)]
    pub record: Position,
    /// The item that it was told of.
    #[n(2)]
    pub item: ItemKey,
    /// How that came to be in an item of the request; `None` if it is one.
    #[n(3)]
    pub way: Option<Way>,
}

/// Why not everything is known that an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Shortfall {
    /// Not all is known of what it was made of.
    #[n(0)]
    Kin(#[n(0)] Missing),
    /// Of this item, with this record: it was bad or not told, no finite number, or below 0 where it adds up.
    #[n(1)]
    Unusable(#[n(0)] ItemKey, #[n(1)] Position),
    /// This item was in work by this record, when no plant in force had an attribute from that.
    #[n(2)]
    Before(#[n(0)] ItemKey, #[n(1)] Position),
    /// Records of this item were dropped when their time was over.
    #[n(3)]
    Retained(#[n(0)] ItemKey),
}

impl Kin {
    /// Whose it is, where its code is unique among a supplier's.
    pub fn supplier(&self) -> Option<&ScopeName> {
        match &self.item.scope {
            Scope::Supplier(name) => Some(name),
            Scope::Site
            | Scope::Gs1(_)
            | Scope::Product(_)
            | Scope::Material(_)
            | Scope::Provisional => None,
        }
    }
}

impl fmt::Display for Kin {
    /// The item, and how it came to be where it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        told(f, &self.item, self.way.as_ref())
    }
}

impl fmt::Display for Portion {
    /// The item that it was told of, how that came to be where it is, and the record.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        told(f, &self.item, self.way.as_ref())?;
        write!(f, ", told with record {}", self.record)
    }
}

fn told(f: &mut fmt::Formatter<'_>, item: &ItemKey, way: Option<&Way>) -> fmt::Result {
    write!(f, "{item}")?;
    match way {
        None => Ok(()),
        Some(Way { into, by, sure: true }) => write!(f, ", which went into {into} (record {by})"),
        Some(Way { into, by, sure: false }) => {
            write!(f, ", which may have gone into {into} (record {by})")
        }
    }
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kin(missing) => missing.fmt(f),
            Self::Unusable(item, record) => {
                write!(f, "what was told of {item} with record {record} is no good")
            }
            Self::Before(item, record) => {
                write!(f, "{item} was in work (record {record}) when it was not kept yet")
            }
            Self::Retained(item) => {
                write!(f, "records of {item} are told no more")
            }
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Many => f.write_str("it was made of more items than are looked at"),
            Self::Mount(MountKey { station, point, opened }) => {
                write!(f, "which lot was in {point} of {station} is not known (record {opened})")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Code, Facts, MountPointId, Past, ReadToken, StationId, Storage};

    #[test]
    fn what_is_inherited_comes_back_from_the_tape_and_older_tapes_have_none() {
        let code = |code: &str| Code::parse(code).unwrap();
        let supplier = Scope::Supplier(ScopeName::parse("ACME").unwrap());
        let (dough, flour) =
            (ItemKey::lot(Scope::Site, code("D")), ItemKey::lot(supplier, code("F")));
        let (station, point) = (StationId::parse("MIX"), MountPointId::parse("bin"));
        let mount =
            MountKey { station: station.unwrap(), point: point.unwrap(), opened: Position(2) };
        let way = Way { into: dough.clone(), by: Position(7), sure: false };
        let kin = Kin {
            item: flour,
            material: Text::parse("flour").ok(),
            best_before: Some(Utc(3)),
            made: None,
            opened: Some(Utc(1)),
            way: Some(way),
            exposure: Some(Exposure::of([(Utc(1), Storage::Opened), (Utc(2), Storage::Closed)])),
        };
        let ancestry = Ancestry { kin: vec![kin], missing: Some(Missing::Mount(mount)) };
        let past = Past { ancestry: Some(ancestry), ..Past::none(&dough) };
        let none = Past::none(&dough);
        let total = |missing| Total {
            attribute: Text::parse("heat").unwrap(),
            value: Some(1.5),
            most: Some(Portion { value: 1.5, record: Position(3), item: dough.clone(), way: None }),
            missing,
        };
        let all = [
            None,
            Some(Shortfall::Kin(Missing::Many)),
            Some(Shortfall::Unusable(dough.clone(), Position(4))),
            Some(Shortfall::Before(dough.clone(), Position(5))),
            Some(Shortfall::Retained(dough.clone())),
        ];
        let totals: Vec<Total> = all.into_iter().map(total).collect();
        for (past, measured) in [(past, totals), (none, Vec::new())] {
            let facts = Facts {
                token: ReadToken(1),
                known: Vec::new(),
                position: Position(9),
                past: vec![past],
                behind: None,
                measured,
            };
            let bytes = minicbor::to_vec(&facts).unwrap();
            assert_eq!(minicbor::decode::<Facts>(&bytes).unwrap(), facts);
        }
    }
}
