//! Questions about the past that the engine does not hold in memory, and what they are answered.
use super::plant::Measured;
use super::{
    Ancestry, Exposure, ItemKey, Missing, Position, ReadToken, Result, StationId, Text, Total,
    Ucum, Utc,
};
use minicbor::{Decode, Encode};

/// One question for everything that the checks of one request need, answered as of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// To be answered under this.
    pub token: ReadToken,
    /// What is recorded of these items?
    pub items: Vec<ItemKey>,
    /// Their visits to these stations are of interest.
    pub stations: Vec<StationId>,
    /// Whether what they were made of, at any depth, is of interest.
    pub ancestry: bool,
    /// What was measured of them, as these attributes say, is of interest: of the first item alone, or of all and what they were
    /// made of.
    pub measured: Vec<(Text, Measured)>,
    /// Everything up to this record must have been looked at.
    pub as_of: Position,
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Facts {
    /// Which question.
    #[n(0)]
    pub token: ReadToken,
    /// Whether each item asked for is known as of `position`: it is in the record, and not only
    /// because it was refused or spoken of.
    #[n(1)]
    pub known: Vec<(ItemKey, bool)>,
    /// Up to where the record was looked at.
    #[n(2)]
    pub position: Position,
    /// What else is recorded of each; tapes of the first version have none.
    #[n(3)]
    #[cbor(default)]
    pub past: Vec<Past>,
    /// As long as anything is on hold: everything that the items asked for were made of or contain, and the containers that
    /// they are in, so that what comes to one of these meanwhile is not overlooked. `None` if that is too much to name.
    #[n(4)]
    pub behind: Option<Vec<ItemKey>>,
    /// What each measured attribute that was asked for comes to; tapes that do not tell have none.
    #[n(5)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub measured: Vec<Total>,
}

/// What is recorded of one item; records that a correction has taken back do not count.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Past {
    /// Of which.
    #[n(0)]
    pub item: ItemKey,
    /// The last completed visit to each station that was asked for and has one; what was set up, tried
    /// out, or shown as a master is no visit.
    #[n(1)]
    pub visits: Vec<Visit>,
    /// The last time that it was said to be worked on again.
    #[n(2)]
    pub rework: Option<Moment>,
    /// What it is in: built in, packed, merged or consumed. Of several, two are named.
    #[n(3)]
    pub within: Vec<Within>,
    /// When it was not to be used any more, as told when it came into being or into the house.
    #[n(4)]
    pub best_before: Option<Utc>,
    /// The product or material last told of it.
    #[n(5)]
    pub product: Option<Text>,
    /// When it last came into being or into the house.
    #[n(6)]
    pub made: Option<Utc>,
    /// When it was first mounted or used since then, or at all if that is not known.
    #[n(7)]
    pub opened: Option<Utc>,
    /// How many items were made with it as a tool or lot in a feeder, since it was made; `None` on tapes
    /// that do not tell.
    #[n(8)]
    pub uses: Option<u64>,
    /// What was built or used into it, by material; only of the main item of the request, and without the
    /// part that the request is about.
    #[n(9)]
    #[cbor(default)]
    pub parts: Vec<Part>,
    /// The record by which the main item of the request is part of this one, at any depth; only of the items beside
    /// it, and if it is.
    #[n(10)]
    pub has_main: Option<Position>,
    /// What is on hold, of that which it was made of or contains, or which it is in; of several, two are named.
    #[n(11)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub held: Vec<HeldBy>,
    /// What it was made of; `None` if nobody asked, and on tapes that do not tell.
    #[n(12)]
    pub ancestry: Option<Ancestry>,
    /// As long as anything is on hold: why not all is known of what it was made of or contains.
    #[n(13)]
    pub unseen: Option<Missing>,
    /// How long it was out of dry storage since it was made, if it was ever put away or dried.
    #[n(14)]
    pub exposure: Option<Exposure>,
}

/// A hold that keeps another item.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HeldBy {
    /// What is on hold.
    #[n(0)]
    pub item: ItemKey,
    /// Why.
    #[n(1)]
    pub reason: Text,
}

/// What of one material is in an item.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Part {
    /// Which.
    #[n(0)]
    pub material: Text,
    /// The unit of `amount`.
    #[n(1)]
    pub unit: Option<Ucum>,
    /// How many times something of it went in.
    #[n(2)]
    pub count: u32,
    /// How much of it, where that was told.
    #[n(3)]
    pub amount: f64,
    /// How often no amount was told.
    #[n(4)]
    pub untold: u32,
}

/// When something happened, and the record that says so; ordered as it happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Moment {
    /// Event time.
    #[n(0)]
    pub time: Utc,
    /// The record.
    #[n(1)]
    pub position: Position,
}

/// A completed visit to a station.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Visit {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// With what outcome, if told.
    #[n(1)]
    pub result: Option<Result>,
    /// When.
    #[n(2)]
    pub at: Moment,
    /// How many completed visits there were; `None` on tapes that do not tell.
    #[n(3)]
    pub times: Option<u32>,
}

/// An item is part of another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Within {
    /// Of which.
    #[n(0)]
    pub whole: ItemKey,
    /// The record that says so.
    #[n(1)]
    pub position: Position,
}

impl Facts {
    /// Whether an item is known; `None` if it was not asked for.
    pub fn is_known(&self, item: &ItemKey) -> Option<bool> {
        self.known.iter().find(|(of, _)| of == item).map(|(_, known)| *known)
    }

    /// What is recorded of an item; `None` if it was not asked for.
    pub fn past(&self, item: &ItemKey) -> Option<&Past> {
        self.past.iter().find(|past| past.item == *item)
    }
}

impl Past {
    /// Nothing is recorded of the item.
    pub fn none(item: &ItemKey) -> Self {
        let item = item.clone();
        Self {
            item,
            visits: Vec::new(),
            rework: None,
            within: Vec::new(),
            best_before: None,
            product: None,
            made: None,
            opened: None,
            uses: Some(0),
            parts: Vec::new(),
            has_main: None,
            held: Vec::new(),
            ancestry: None,
            unseen: None,
            exposure: None,
        }
    }

    /// The last completed visit to a station.
    pub fn visit(&self, station: &StationId) -> Option<&Visit> {
        self.visits.iter().find(|visit| visit.station == *station)
    }
}
