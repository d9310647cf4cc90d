//! What a condition rule says.
use super::{ItemKey, MonitorId, Quality, StationId, Text, Ucum, Utc};
use minicbor::{Decode, Encode};

/// What a rule says of a machine (ISO 7870).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Only common causes.
    #[n(0)]
    InControl,
    /// Past a warning limit.
    #[n(1)]
    Warning,
    /// The process has moved.
    #[n(2)]
    Drift,
    /// There is nothing to judge.
    #[n(3)]
    NoData,
}

/// Which rule spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// An absolute limit with deadband.
    #[n(0)]
    Limit,
    /// Exponentially weighted moving average (ISO 7870-6).
    #[n(1)]
    Ewma,
    /// A piece with a known outcome, which the station must judge right, in time.
    #[n(2)]
    Master,
    /// Cumulative sum (ISO 7870-4).
    #[n(3)]
    Cusum,
    /// A single value against control limits (ISO 7870-2).
    #[n(4)]
    Shewhart,
    /// The four tests of the Western Electric handbook (1956).
    #[n(5)]
    WesternElectric,
    /// Those tests of Nelson (1984) that speak of a level.
    #[n(6)]
    Nelson,
    /// No good value, although the device is observed.
    #[n(7)]
    Missing,
    /// A value that does not move, although it normally varies.
    #[n(8)]
    Flat,
    /// Cumulative sum of a scale (Hawkins 1981): a value varies more or less than it normally does.
    #[n(9)]
    Variance,
    /// A limit that will be reached soon, by the trend of the value.
    #[n(10)]
    Forecast,
    /// A value that changes too fast.
    #[n(11)]
    Rate,
    /// The moving average of a group (Lowry et al. 1992): whether its members still go together, at the level they had.
    #[n(12)]
    Mewma,
    /// The last values of a group (Hotelling 1947).
    #[n(13)]
    #[serde(rename = "t2")]
    TSquared,
    /// Something of the station was used so much that it is to be maintained.
    #[n(14)]
    Usage,
}

impl Rule {
    /// Whether it judges by a baseline that was learned: what it says ends when that does.
    pub fn is_of_baseline(self) -> bool {
        match self {
            Self::Ewma
            | Self::Cusum
            | Self::Shewhart
            | Self::WesternElectric
            | Self::Nelson
            | Self::Variance
            | Self::Mewma
            | Self::TSquared => true,
            Self::Limit
            | Self::Master
            | Self::Missing
            | Self::Flat
            | Self::Forecast
            | Self::Rate
            | Self::Usage => false,
        }
    }

    /// Whether it goes by a trend, which maintenance breaks off.
    pub fn is_of_trend(self) -> bool {
        matches!(self, Self::Forecast | Self::Rate)
    }

    /// Whether its warning asks for maintenance, as a drift by any rule does.
    pub fn asks_for_maintenance(self) -> bool {
        matches!(self, Self::Forecast | Self::Usage)
    }
}

/// To which side of the centre.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Above.
    #[n(0)]
    High,
    /// Below.
    #[n(1)]
    Low,
}

/// When a change began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Onset {
    /// The likeliest begin.
    #[n(0)]
    pub estimate: Utc,
    /// Not before this; `None`: it began before the memory of the rule does.
    #[n(1)]
    pub earliest: Option<Utc>,
    /// Not after this.
    #[n(2)]
    pub latest: Utc,
}

/// What a station makes, and by which recipe, as far as it is told. Baselines are kept apart by it.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub struct Making {
    /// The product or material of the item.
    #[n(0)]
    pub product: Option<Text>,
    /// The operation, recipe or program.
    #[n(1)]
    pub recipe: Option<Text>,
}

impl Making {
    /// Nothing of it is told.
    pub fn is_unknown(&self) -> bool {
        *self == Self::default()
    }

    /// What is not told now is what was told before.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            product: self.product.or_else(|| before.product.clone()),
            recipe: self.recipe.or_else(|| before.recipe.clone()),
        }
    }
}

/// A learned baseline: what is normal for one monitor in one context.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Baseline {
    /// Centre line, in the monitor's unit.
    #[n(0)]
    pub centre_line: f64,
    /// Standard deviation of single values, in the monitor's unit; greater than 0.
    #[n(1)]
    pub sigma: f64,
    /// Lag-1 autocorrelation, −1 to 1.
    #[n(2)]
    pub phi: f64,
    /// Values it was learned from.
    #[n(3)]
    pub n: u32,
    /// Counted from 1 per monitor.
    #[n(4)]
    pub version: u32,
    /// How far single values normally lie from what the one before them lets expect; not known of those that were
    /// learned by an older version.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Of a group: what is normal of its members. Its own centre line and standard deviation are those of the squared distance
    /// of a vector from where it should be.
    #[n(6)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Box<Together>>,
}

/// What is normal of the members of a group together.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Together {
    /// In the order of the plant file.
    #[n(0)]
    pub members: Vec<GroupMember>,
    /// How what is left of a member, when its value before is known, goes with that of each one before it: of the second with
    /// the first, of the third with the first and the second, and so on. −1 to 1.
    #[n(1)]
    pub correlations: Vec<f64>,
}

/// What is normal of one member of a group.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct GroupMember {
    /// A monitor, or a measurement of a handshake.
    #[n(0)]
    pub monitor: MonitorId,
    /// Centre line, in its unit.
    #[n(1)]
    pub centre_line: f64,
    /// Standard deviation of single values, in its unit; greater than 0.
    #[n(2)]
    pub sigma: f64,
    /// Lag-1 autocorrelation, −1 to 1.
    #[n(3)]
    pub phi: f64,
}

/// What a member of a group has to do with its alarm.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Contributor {
    /// Which member.
    #[n(0)]
    pub monitor: MonitorId,
    /// How far it lies from what was to be expected of it alone, in standard deviations of the statistic.
    #[n(1)]
    pub z: f64,
    /// How far it lies from what the other members let expect, in standard deviations of that.
    #[n(2)]
    pub given: f64,
}

/// The square root of how far a value lies from what was to be expected, in standard deviations of that.
#[derive(Debug, Clone, Copy, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Spread {
    /// Its mean, greater than 0.
    #[n(0)]
    pub mean: f64,
    /// Its standard deviation.
    #[n(1)]
    pub sigma: f64,
}

impl Spread {
    /// Of normal values (Hawkins 1981).
    pub const NORMAL: Self = Self { mean: 0.822, sigma: 0.349 };
}

/// A change of a monitor's verdict, or a baseline learned.
#[derive(Debug, Clone, PartialEq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct VerdictEvent {
    /// Where.
    #[n(0)]
    pub station: StationId,
    /// Of what.
    #[n(1)]
    pub monitor: MonitorId,
    /// Which rule spoke.
    #[n(2)]
    pub rule: Rule,
    /// What it says from now on.
    #[n(3)]
    pub verdict: Verdict,
    /// To which side.
    #[n(4)]
    pub side: Option<Side>,
    /// The statistic that decided, in the monitor's unit.
    #[n(5)]
    pub statistic: Option<f64>,
    /// The limit that it was held against, in the monitor's unit.
    #[n(6)]
    pub limit: Option<f64>,
    /// When it was seen.
    #[n(7)]
    pub time: Utc,
    /// When the change began.
    #[n(8)]
    pub onset: Option<Onset>,
    /// The baseline that it was judged by, or that was learned.
    #[n(9)]
    pub baseline: Option<Baseline>,
    /// The item whose measurement decided.
    #[n(10)]
    pub item: Option<ItemKey>,
    /// Unit of the monitor.
    #[n(11)]
    pub unit: Option<Ucum>,
    /// It is about a time that was over when it became known: all was well again from then on, and nothing is
    /// said of now.
    #[n(12)]
    pub over: Option<Utc>,
    /// The rule that spoke first of the same drift: this one says so too, and it is no second alarm.
    #[n(13)]
    pub joins: Option<Rule>,
    /// Of a rule that is a set of tests: the number of the one that decided, as its book counts them.
    #[n(14)]
    pub test: Option<u8>,
    /// Of a rule that waits for a good value: the status of the last one; none came where there is none.
    #[n(15)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<Quality>,
    /// Of a rule that judges by a baseline: the product that it was learned of, if that is known and parts them.
    #[n(16)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<Text>,
    /// The recipe of it, likewise.
    #[n(17)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Text>,
    /// Of a forecast: when the limit will be reached.
    #[n(18)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaches: Option<Reach>,
    /// Of a group that has drifted: the members that have most to do with it, the most first; at most three.
    #[n(19)]
    #[cbor(default, skip_if = "Vec::is_empty")]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contributors: Vec<Contributor>,
}

impl VerdictEvent {
    /// The baseline of what is made is forgotten, as that of what nobody named never is: whatever a rule said by it is void.
    pub fn is_forgotten(&self) -> bool {
        let known = !self.making().is_unknown();
        known && self.verdict == Verdict::NoData && self.rule.is_of_baseline()
    }

    /// What is made by whose baseline the rule judged.
    pub fn making(&self) -> Making {
        Making { product: self.product.clone(), recipe: self.recipe.clone() }
    }

    /// Whether maintenance ends what it says: a word of a baseline, of a trend or of use, or the word of an absolute limit
    /// that all is well with it but that a drift stands.
    pub fn ends_with_maintenance(&self) -> bool {
        let stands = self.rule == Rule::Limit && self.verdict == Verdict::Drift;
        self.rule.is_of_baseline() || self.rule.is_of_trend() || self.rule == Rule::Usage || stands
    }

    /// Whether it asks for maintenance without saying that the machine has drifted.
    pub fn asks_for_maintenance(&self) -> bool {
        self.verdict == Verdict::Warning && self.rule.asks_for_maintenance()
    }
}

/// When a limit will be reached; it comes between the bounds eight of ten times, if all goes on as it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode, serde::Serialize)]
#[cbor(map)]
pub struct Reach {
    /// Not before this.
    #[n(0)]
    pub earliest: Utc,
    /// Likely.
    #[n(1)]
    pub estimate: Option<Utc>,
    /// Not after this; `None`: it may be never.
    #[n(2)]
    pub latest: Option<Utc>,
}
