//! Trace events: what happened to an item, where, when and how we know.
use super::{
    Amount, Code, Count, EventTime, Evidence, Fill, HandshakeMark, Interval, ItemKey, Measurement,
    MountKey, MountPointId, Narrowed, Permit, PersonToken, PhaseSummary, Position, Quality,
    ScopeName, StationId, TagName, Text, Untold, Utc, Value, Verb,
};
use minicbor::{Decode, Encode};

/// What the work was for; only production enters charts, yield and shipment.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode, serde::Serialize,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// Goods.
    #[n(0)]
    #[default]
    Production,
    /// A master that must pass or must fail.
    #[n(1)]
    Master,
    /// Setting the machine up.
    #[n(2)]
    Setup,
    /// A trial.
    #[n(3)]
    Trial,
    /// Not a real machine.
    #[n(4)]
    Simulated,
}

/// The outcome of work on an item.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[cbor(index_only)]
#[serde(rename_all = "lowercase")]
pub enum Result {
    /// As specified.
    #[n(0)]
    Pass,
    /// Not as specified.
    #[n(1)]
    Fail,
    /// To be worked on again.
    #[n(2)]
    Rework,
    /// Waste.
    #[n(3)]
    Scrap,
}

/// A lot in a feeder that an item was made with.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct MountUse {
    /// The mount.
    #[n(0)]
    pub mount: MountKey,
    /// The lot in it.
    #[n(1)]
    pub lot: ItemKey,
    /// Whether the item was made with this lot or with another of the same feeder: it was changed
    /// while the item was in work.
    #[n(2)]
    pub one_of: bool,
    /// How much of it is in the item, as the counters of the feeder say.
    #[n(3)]
    pub amount: Option<Amount>,
    /// How much of it was thrown away meanwhile.
    #[n(4)]
    pub wasted: Option<Amount>,
    /// The counters say that something of it was taken for the item, whatever else the feeder held.
    #[n(5)]
    #[cbor(default, skip_if = "std::ops::Not::not")]
    pub counted: bool,
    /// Why the counters do not say how much, where there are any.
    #[n(6)]
    pub untold: Option<Untold>,
}

/// From when to when an item was at the station, by our wall clock: what a gap is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Stay {
    /// Since its arrival, or since the item before it left.
    #[n(0)]
    pub interval: Interval,
    /// The record of its arrival, if there is one.
    #[n(1)]
    pub arrived: Option<Position>,
}

/// One lot that went into an item.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Consumption {
    /// Of what.
    #[n(0)]
    pub lot: ItemKey,
    /// How much; `None` if not told.
    #[n(1)]
    pub amount: Option<Amount>,
}

/// Another name of an item.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Alias {
    /// Whose numbering it is: carrier, customer label, reprint, supplier, ERP.
    #[n(0)]
    pub kind: Text,
    /// The code in it.
    #[n(1)]
    pub code: Code,
}

/// A word that was not usable, though the event is.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Remark {
    /// Which word.
    #[n(0)]
    pub tag: TagName,
    /// Its quality.
    #[n(1)]
    pub quality: Quality,
}

/// A further word that was read with an event.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Context {
    /// What it is called.
    #[n(0)]
    pub name: TagName,
    /// What it said.
    #[n(1)]
    pub value: Value,
}

/// What happened; one variant a verb of the house (`docs/architecture.md`).
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub enum What {
    /// An item was presented at the station.
    #[n(0)]
    #[cbor(map)]
    Arrive {
        /// Which.
        #[n(0)]
        item: ItemKey,
    },
    /// Work on an item ended.
    #[n(1)]
    #[cbor(map)]
    Complete {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// With what outcome, if told.
        #[n(1)]
        result: Option<Result>,
        /// What was measured.
        #[n(2)]
        measurements: Vec<Measurement>,
        /// The lots in the station's feeders that it was made with.
        #[n(3)]
        mounts: Vec<MountUse>,
        /// The phase it was concluded from.
        #[n(4)]
        phase: Option<PhaseSummary>,
        /// The row of the station's order list that it took, counted from 0.
        #[n(5)]
        order_row: Option<u64>,
    },
    /// An item came into being.
    #[n(2)]
    #[cbor(map)]
    Produce {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// How much.
        #[n(1)]
        amount: Option<Amount>,
        /// With what outcome, if told.
        #[n(2)]
        result: Option<Result>,
        /// What was measured.
        #[n(3)]
        measurements: Vec<Measurement>,
        /// The lots in the station's feeders that it was made with.
        #[n(4)]
        mounts: Vec<MountUse>,
        /// Not to be used later.
        #[n(5)]
        best_before: Option<Utc>,
    },
    /// A lot went into an item.
    #[n(3)]
    #[cbor(map)]
    Consume {
        /// What was used, and how much.
        #[n(0)]
        consumed: Consumption,
        /// What it went into.
        #[n(1)]
        into: ItemKey,
        /// Where in it, or from which hopper.
        #[n(2)]
        place: Option<Text>,
    },
    /// A unit was built into another.
    #[n(4)]
    #[cbor(map)]
    Install {
        /// The part.
        #[n(0)]
        child: ItemKey,
        /// What it was built into.
        #[n(1)]
        parent: ItemKey,
        /// Where in it.
        #[n(2)]
        place: Option<Text>,
    },
    /// A unit was taken out of another.
    #[n(5)]
    #[cbor(map)]
    Remove {
        /// The part.
        #[n(0)]
        child: ItemKey,
        /// What it was taken out of.
        #[n(1)]
        parent: ItemKey,
        /// From where in it.
        #[n(2)]
        place: Option<Text>,
    },
    /// Items were put into a container.
    #[n(6)]
    #[cbor(map)]
    Pack {
        /// Which.
        #[n(0)]
        items: Vec<ItemKey>,
        /// Into what.
        #[n(1)]
        container: ItemKey,
    },
    /// Items were taken out of a container.
    #[n(7)]
    #[cbor(map)]
    Unpack {
        /// Which.
        #[n(0)]
        items: Vec<ItemKey>,
        /// Out of what.
        #[n(1)]
        container: ItemKey,
    },
    /// One item became several.
    #[n(8)]
    #[cbor(map)]
    Split {
        /// What was split.
        #[n(0)]
        from: ItemKey,
        /// What it became.
        #[n(1)]
        into: Vec<ItemKey>,
    },
    /// Several items became one.
    #[n(9)]
    #[cbor(map)]
    Merge {
        /// What was merged.
        #[n(0)]
        from: Vec<Consumption>,
        /// What it became.
        #[n(1)]
        into: ItemKey,
    },
    /// A lot was put into a feeder. The record's position names the mount.
    #[n(10)]
    #[cbor(map)]
    Mount {
        /// Which feeder.
        #[n(0)]
        point: MountPointId,
        /// Which lot.
        #[n(1)]
        lot: ItemKey,
    },
    /// A lot was taken out of a feeder.
    #[n(11)]
    #[cbor(map)]
    Unmount {
        /// The mount that ended.
        #[n(0)]
        mount: MountKey,
        /// Its lot.
        #[n(1)]
        lot: ItemKey,
        /// How much of it was used meanwhile, by the counter of the feeder: what was thrown away is in it.
        #[n(2)]
        used: Option<Amount>,
        /// Why the counter does not say; `None` if it does, or if there is none.
        #[n(3)]
        untold: Option<Untold>,
    },
    /// An item changed its place.
    #[n(12)]
    #[cbor(map)]
    Move {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// To where.
        #[n(1)]
        to: Text,
    },
    /// An item came from outside.
    #[n(13)]
    #[cbor(map)]
    Receive {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// From whom.
        #[n(1)]
        supplier: Option<ScopeName>,
        /// How much.
        #[n(2)]
        amount: Option<Amount>,
        /// Not to be used later.
        #[n(3)]
        best_before: Option<Utc>,
    },
    /// Items left for a customer.
    #[n(14)]
    #[cbor(map)]
    Ship {
        /// Which.
        #[n(0)]
        items: Vec<ItemKey>,
        /// To whom.
        #[n(1)]
        customer: Option<Text>,
        /// Under which delivery note.
        #[n(2)]
        document: Option<Text>,
    },
    /// An item was judged.
    #[n(15)]
    #[cbor(map)]
    Inspect {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// With what outcome.
        #[n(1)]
        result: Option<Result>,
        /// What was measured.
        #[n(2)]
        measurements: Vec<Measurement>,
    },
    /// An item must not move on.
    #[n(16)]
    #[cbor(map)]
    Hold {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// Why.
        #[n(1)]
        reason: Text,
        /// What the signature of whoever says so stands for, such as *review* (21 CFR 11.50).
        #[n(2)]
        meaning: Option<Text>,
    },
    /// A hold ended, or an item is spared one.
    #[n(17)]
    #[cbor(map)]
    Release {
        /// Of what.
        #[n(0)]
        item: ItemKey,
        /// Why.
        #[n(1)]
        reason: Text,
        /// What the signature of whoever says so stands for.
        #[n(2)]
        meaning: Option<Text>,
        /// The item that stays on hold: only this one, which it went into, is let go.
        #[n(3)]
        of: Option<ItemKey>,
    },
    /// An item, or an amount of a lot, became waste.
    #[n(18)]
    #[cbor(map)]
    Scrap {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// How much of it; all if not told.
        #[n(1)]
        amount: Option<Amount>,
        /// Why.
        #[n(2)]
        reason: Option<Text>,
        /// For an amount that was only counted: the lots in the station's feeders that it was made with.
        #[n(3)]
        #[cbor(default, skip_if = "Vec::is_empty")]
        mounts: Vec<MountUse>,
    },
    /// An item is to be worked on again.
    #[n(19)]
    #[cbor(map)]
    Rework {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// Why.
        #[n(1)]
        reason: Option<Text>,
    },
    /// The station was cleaned.
    #[n(20)]
    #[cbor(map)]
    Clean {
        /// Whether its proof was given; a clean without ends nothing.
        #[n(0)]
        confirmed: bool,
        /// What the phase was.
        #[n(1)]
        phase: Option<PhaseSummary>,
    },
    /// An item was found to have another name.
    #[n(21)]
    #[cbor(map)]
    Identify {
        /// Which.
        #[n(0)]
        item: ItemKey,
        /// The other name.
        #[n(1)]
        alias: Alias,
        /// For a unit that was known by its passage only: the unit that it is.
        #[n(2)]
        real: Option<ItemKey>,
    },
    /// Something worth knowing.
    #[n(22)]
    #[cbor(map)]
    Note {
        /// About which item, if any.
        #[n(0)]
        item: Option<ItemKey>,
        /// What.
        #[n(1)]
        text: Text,
    },
    /// An earlier record was wrong; it stays, this one counts.
    #[n(23)]
    #[cbor(map)]
    Correct {
        /// The record that loses.
        #[n(0)]
        position: Position,
        /// Why.
        #[n(1)]
        reason: Text,
    },
    /// A lot came out of its dry pack or dry cabinet.
    #[n(24)]
    #[cbor(map)]
    Open {
        /// Which.
        #[n(0)]
        item: ItemKey,
    },
    /// A lot was sealed again, or put into a dry cabinet.
    #[n(25)]
    #[cbor(map)]
    Close {
        /// Which.
        #[n(0)]
        item: ItemKey,
    },
    /// A lot was dried: it is as dry as new.
    #[n(26)]
    #[cbor(map)]
    Dry {
        /// Which.
        #[n(0)]
        item: ItemKey,
    },
}

impl What {
    /// The item that a station works on, by an event that says so.
    pub fn worked_on(&self) -> Option<&ItemKey> {
        match self {
            Self::Arrive { item }
            | Self::Complete { item, .. }
            | Self::Produce { item, .. }
            | Self::Inspect { item, .. }
            | Self::Consume { into: item, .. }
            | Self::Install { parent: item, .. }
            | Self::Remove { parent: item, .. }
            | Self::Merge { into: item, .. } => Some(item),
            Self::Pack { .. }
            | Self::Unpack { .. }
            | Self::Split { .. }
            | Self::Mount { .. }
            | Self::Unmount { .. }
            | Self::Move { .. }
            | Self::Receive { .. }
            | Self::Ship { .. }
            | Self::Hold { .. }
            | Self::Release { .. }
            | Self::Scrap { .. }
            | Self::Rework { .. }
            | Self::Clean { .. }
            | Self::Identify { .. }
            | Self::Note { .. }
            | Self::Open { .. }
            | Self::Close { .. }
            | Self::Dry { .. }
            | Self::Correct { .. } => None,
        }
    }

    /// The word for what happened.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Arrive { .. } => Verb::Arrive,
            Self::Complete { .. } => Verb::Complete,
            Self::Produce { .. } => Verb::Produce,
            Self::Consume { .. } => Verb::Consume,
            Self::Install { .. } => Verb::Install,
            Self::Remove { .. } => Verb::Remove,
            Self::Pack { .. } => Verb::Pack,
            Self::Unpack { .. } => Verb::Unpack,
            Self::Split { .. } => Verb::Split,
            Self::Merge { .. } => Verb::Merge,
            Self::Mount { .. } => Verb::Mount,
            Self::Unmount { .. } => Verb::Unmount,
            Self::Move { .. } => Verb::Move,
            Self::Receive { .. } => Verb::Receive,
            Self::Ship { .. } => Verb::Ship,
            Self::Inspect { .. } => Verb::Inspect,
            Self::Hold { .. } => Verb::Hold,
            Self::Release { .. } => Verb::Release,
            Self::Scrap { .. } => Verb::Scrap,
            Self::Rework { .. } => Verb::Rework,
            Self::Clean { .. } => Verb::Clean,
            Self::Identify { .. } => Verb::Identify,
            Self::Note { .. } => Verb::Note,
            Self::Correct { .. } => Verb::Correct,
            Self::Open { .. } => Verb::Open,
            Self::Close { .. } => Verb::Close,
            Self::Dry { .. } => Verb::Dry,
        }
    }

    /// Every item that the event is about, the main one first; lots in feeders are reached through
    /// their mounts and are named too.
    pub fn items(&self) -> Vec<&ItemKey> {
        match self {
            Self::Complete { item, mounts, .. }
            | Self::Produce { item, mounts, .. }
            | Self::Scrap { item, mounts, .. } => {
                std::iter::once(item).chain(mounts.iter().map(|m| &m.lot)).collect()
            }
            Self::Arrive { item }
            | Self::Move { item, .. }
            | Self::Receive { item, .. }
            | Self::Inspect { item, .. }
            | Self::Hold { item, .. }
            | Self::Release { item, .. }
            | Self::Rework { item, .. }
            | Self::Open { item }
            | Self::Close { item }
            | Self::Dry { item } => vec![item],
            Self::Identify { item, real, .. } => std::iter::once(item).chain(real).collect(),
            Self::Consume { consumed, into, .. } => vec![into, &consumed.lot],
            Self::Install { child, parent, .. } | Self::Remove { child, parent, .. } => {
                vec![parent, child]
            }
            Self::Pack { items, container } | Self::Unpack { items, container } => {
                std::iter::once(container).chain(items).collect()
            }
            Self::Split { from, into } => std::iter::once(from).chain(into).collect(),
            Self::Merge { from, into } => {
                std::iter::once(into).chain(from.iter().map(|c| &c.lot)).collect()
            }
            Self::Mount { lot, .. } | Self::Unmount { lot, .. } => vec![lot],
            Self::Ship { items, .. } => items.iter().collect(),
            Self::Note { item, .. } => item.iter().collect(),
            Self::Clean { .. } | Self::Correct { .. } => Vec::new(),
        }
    }
}

/// A trace event: what happened, where, when and how we know.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct TraceEvent {
    /// What happened.
    #[n(0)]
    pub what: What,
    /// When.
    #[n(1)]
    pub time: EventTime,
    /// Where; `None` for what happened at no station.
    #[n(2)]
    pub station: Option<StationId>,
    /// How it came to be known.
    #[n(3)]
    pub evidence: Evidence,
    /// What the work was for.
    #[n(4)]
    pub purpose: Purpose,
    /// The handshake that it came by.
    #[n(5)]
    pub handshake: Option<HandshakeMark>,
    /// From when to when the item was at the station.
    #[n(6)]
    pub stay: Option<Stay>,
    /// Who did it.
    #[n(7)]
    pub operator: Option<PersonToken>,
    /// The product or material of the main item, an attribute.
    #[n(8)]
    pub product: Option<Text>,
    /// The operation, recipe or program.
    #[n(9)]
    pub operation: Option<Text>,
    /// Words that could not be used.
    #[n(10)]
    pub remarks: Vec<Remark>,
    /// It was made from the tape afterwards; `None` for what was recorded when it happened.
    #[n(11)]
    pub adopted: Option<super::Adopted>,
    /// The material of the lot or part beside the main item.
    #[n(12)]
    pub material: Option<Text>,
    /// At which position of the station: nest, fixture or place of a turning table; `None` where it has
    /// only one.
    #[n(13)]
    pub nest: Option<Text>,
    /// The carrier that the unit was on.
    #[n(14)]
    pub fill: Option<Fill>,
    /// Further words that the plant file wants kept, by their names.
    #[n(15)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub context: Vec<Context>,
    /// What the counters of the station's feeders stood at.
    #[n(17)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub counts: Vec<Count>,
    /// What is known better by now of what was made with a feeder before.
    #[n(18)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub narrowed: Vec<Narrowed>,
    /// An alarm: the station had refused the item, nobody let it through, and it was completed all the same.
    /// The record of the refusal.
    #[n(19)]
    pub went_past: Option<Position>,
    /// The items that the main one consists of, where the event names them: what is said of the one is said
    /// of them all.
    #[n(20)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub members: Vec<super::Member>,
    /// The lots that were in the station before the main item and were not cleaned away.
    #[n(21)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    pub carried_over: Vec<super::CarriedOver>,
}

impl TraceEvent {
    /// The items that [`Self::material`] is told of: those that are used, built in, taken out or packed.
    pub fn of_material(&self) -> impl Iterator<Item = &ItemKey> {
        let beside = [Verb::Consume, Verb::Install, Verb::Remove, Verb::Pack, Verb::Unpack];
        let is_told = self.material.is_some() && beside.contains(&self.what.verb());
        self.what.items().into_iter().skip(1).filter(move |_| is_told)
    }

    /// An event of which no more is known than what it was, when and where: automatic, of production.
    pub fn bare(what: What, at: Utc, station: Option<StationId>) -> Self {
        Self {
            what,
            time: EventTime { at, uncertainty_ns: 0 },
            station,
            evidence: Evidence::Automatic,
            purpose: Purpose::Production,
            handshake: None,
            stay: None,
            operator: None,
            product: None,
            operation: None,
            remarks: Vec::new(),
            adopted: None,
            material: None,
            nest: None,
            fill: None,
            context: Vec::new(),
            counts: Vec::new(),
            narrowed: Vec::new(),
            went_past: None,
            members: Vec::new(),
            carried_over: Vec::new(),
        }
    }

    /// The item that its station works on from now on; no master is that, which is shown in between.
    pub fn works_on(&self) -> Option<&ItemKey> {
        let is_shown = self.purpose == Purpose::Master;
        let says = !is_shown && self.adopted.is_none() && !self.is_only_asked();
        self.what.worked_on().filter(|_| says)
    }

    /// Whether the PLC asked for this and a rule refused it: it is on record as asked for, not as done.
    /// What a machine reports as done is done, whatever it was answered.
    pub fn is_only_asked(&self) -> bool {
        let grounds = self.handshake.as_ref().and_then(|mark| mark.grounds.as_ref());
        grounds.is_some_and(|grounds| grounds.stopped) && self.what.verb().is_asked_first()
    }

    /// Whether this was asked for and not answered with a yes. That it was asked for makes no item
    /// known.
    pub fn is_not_permitted(&self) -> bool {
        let permit = self.handshake.as_ref().map(|mark| mark.permit);
        matches!(permit, Some(Permit::Nok | Permit::Unknown)) && self.what.verb().is_asked_first()
    }
}
