//! What is watched at a station, and what may be called a fault or a drift of it.
use super::Word;
use crate::model::{HandshakeId, Making, MonitorId, Rule, TagName, Ucum};
use std::time::Duration;

/// A watched tag or measurement.
#[derive(Debug, Clone, PartialEq)]
pub struct Monitor {
    /// Its name.
    pub id: MonitorId,
    /// What is watched: every change of a tag, a measurement of this name, or how several go together.
    pub of: Watched,
    /// Its unit.
    pub unit: Option<Ucum>,
    /// Absolute limits.
    pub limits: Option<Limits>,
    /// What may be called drift.
    pub drift: Option<Drift>,
    /// What its signal may not do.
    pub signal: SignalRules,
    /// Its alarm stays active until somebody has seen it.
    pub latch: bool,
}

impl Monitor {
    /// Whether it may warn by a rule. By the others it says that it has drifted.
    pub fn warns_by(&self, rule: Rule) -> bool {
        match rule {
            Rule::Limit => self.limits.is_some(),
            Rule::Forecast => self.limits.is_some_and(|limits| limits.forecast.is_some()),
            Rule::Rate => self.limits.is_some_and(|limits| limits.rate.is_some()),
            Rule::Missing => self.signal.missing.is_some(),
            Rule::Flat => self.signal.flat.is_some(),
            Rule::Ewma
            | Rule::Cusum
            | Rule::Shewhart
            | Rule::WesternElectric
            | Rule::Nelson
            | Rule::Variance
            | Rule::Mewma
            | Rule::TSquared
            | Rule::Master
            | Rule::Usage => false,
        }
    }
}

/// What the signal of a tag may not do, whatever its values are. Nothing of it is watched unless said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SignalRules {
    /// For so long its device may be observed without a good value; greater than 0.
    pub missing: Option<Duration>,
    /// For so long it may stand still, where it normally varies.
    pub flat: Option<Flat>,
}

/// What is standing still.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flat {
    /// For so long; greater than 0. Where the station tells of its work only while it works.
    pub lasting: Duration,
    /// What does not move by more stands still; in the monitor's unit, not negative.
    pub within: f64,
}

/// What a monitor watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// Every change of a tag.
    Tag(Word),
    /// One value per item: a measurement of a handshake of the same station.
    Measurement(HandshakeId, TagName),
    /// How tags go together: 2 to 8 of them, by their monitors.
    Tags(Vec<(MonitorId, Word)>),
    /// How measurements of an item go together: 2 to 8 of one handshake of the same station.
    Measurements(HandshakeId, Vec<TagName>),
}

impl Watched {
    /// Fewest members of a group.
    pub const MEMBERS_MIN: usize = 2;
    /// Most members of a group.
    pub const MEMBERS_MAX: usize = 8;

    /// The members of a group; none where it is no group.
    pub fn members(&self) -> Vec<MonitorId> {
        match self {
            Self::Tag(_) | Self::Measurement(..) => Vec::new(),
            Self::Tags(of) => of.iter().map(|(id, _)| id.clone()).collect(),
            Self::Measurements(handshake, of) => {
                let id = |name: &TagName| MonitorId::parse(&format!("{handshake}.{name}")).ok();
                of.iter().filter_map(id).collect()
            }
        }
    }
}

/// Absolute limits with deadband, in the monitor's unit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Below is a warning.
    pub low: Option<f64>,
    /// Above is a warning.
    pub high: Option<f64>,
    /// How far back inside a value must come before the warning ends; not negative.
    pub deadband: f64,
    /// For so long a value must be beyond before that is a warning.
    pub on_delay: Duration,
    /// For so long it must be inside again before the warning ends.
    pub off_delay: Duration,
    /// To be reached within so long is a warning; greater than 0.
    pub forecast: Option<Duration>,
    /// To change faster is a warning.
    pub rate: Option<RateLimit>,
}

/// How much a value may change in a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateLimit {
    /// In the monitor's unit, up or down; greater than 0.
    pub most: f64,
    /// In so long; greater than 0.
    pub over: Duration,
}

/// What may be called drift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drift {
    /// Mean time between false alarms.
    pub false_alarm_interval: Duration,
    /// Values from which the baseline is learned.
    pub learn: u32,
    /// Mean time between two values, by which the interval becomes a run length.
    pub every: Duration,
    /// What watches for it.
    pub rules: DriftRules,
    /// The lasting change worth catching, in the monitor's unit; greater than 0. One standard deviation of
    /// independent values unless said.
    pub catch: Option<f64>,
    /// What parts baselines.
    pub per: BaselinePer,
    /// How long a changeover and a start of production go on in what is seen; nothing is learned or judged then.
    pub settle: Option<Settle>,
    /// A station that tells of its work and has not worked for longer does not produce; greater than 0.
    pub idle: Option<Duration>,
}

impl Drift {
    /// Values from which a baseline is learned where nothing is said.
    pub const LEARN: u32 = 50;
    /// A promise of fewer values than so many keeps no chart.
    pub const VALUES_MIN: u32 = 10;
}

/// By what of that which is made baselines are kept apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaselinePer {
    /// Each product has its own.
    pub product: bool,
    /// Each recipe has.
    pub recipe: bool,
}

impl BaselinePer {
    /// What parts them where nothing is said.
    pub const DEFAULT: Self = Self { product: true, recipe: true };

    /// What is made, as far as it parts baselines.
    pub fn of(self, making: &Making) -> Making {
        Making {
            product: making.product.clone().filter(|_| self.product),
            recipe: making.recipe.clone().filter(|_| self.recipe),
        }
    }

    /// Whether that is `of`.
    pub fn is_same(self, making: &Making, of: &Making) -> bool {
        making.product.as_ref().filter(|_| self.product) == of.product.as_ref()
            && making.recipe.as_ref().filter(|_| self.recipe) == of.recipe.as_ref()
    }
}

/// How long a machine settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settle {
    /// So long since the first value.
    For(Duration),
    /// So many values.
    Values(u32),
}

/// Rules that watch for drift; one at least, but none at a group, which has two of its own. The promise is kept by all of them
/// together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DriftRules {
    /// The moving average: best at changes that come slowly.
    pub ewma: bool,
    /// The cumulative sum: best at a lasting change of the size worth catching.
    pub cusum: bool,
    /// Single values and runs of them: best at a great change. Only of what is measured once per item.
    pub runs: Option<RunSet>,
    /// The cumulative sum of a scale: whether a value varies more or less than it did.
    pub variance: bool,
}

/// A set of tests of single values and runs of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RunSet {
    /// One value beyond a limit.
    Shewhart,
    /// The four tests of the Western Electric handbook.
    WesternElectric,
    /// Nelson's tests 1, 2, 5 and 6.
    Nelson,
}

impl RunSet {
    /// The rule that speaks for it.
    pub fn rule(self) -> Rule {
        match self {
            Self::Shewhart => Rule::Shewhart,
            Self::WesternElectric => Rule::WesternElectric,
            Self::Nelson => Rule::Nelson,
        }
    }
}

impl DriftRules {
    /// What watches where nothing is said.
    pub const DEFAULT: Self = Self { ewma: true, cusum: false, runs: None, variance: false };
    /// Of a group.
    pub const NONE: Self = Self { ewma: false, cusum: false, runs: None, variance: false };

    /// In the order in which they speak.
    pub fn iter(self) -> impl Iterator<Item = Rule> {
        let rules = [(self.ewma, Rule::Ewma), (self.cusum, Rule::Cusum)];
        let rules = rules.into_iter().filter_map(|(watches, rule)| watches.then_some(rule));
        rules.chain(self.runs.map(RunSet::rule)).chain(self.variance.then_some(Rule::Variance))
    }
}
