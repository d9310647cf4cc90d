//! Monitors: watched tags, and measurements that may drift.
use super::device::Kind;
use super::word::Use;
use super::{Resolver, Table, span};
use crate::config::raw::{self, BaselineWord, DriftWord};
use crate::config::spot::{NameOr, Span, Spot};
use crate::model::MonitorId;
use crate::model::plant::{
    BaselinePer, Drift, DriftRules, Flat, Handshake, Limits, Monitor, RateLimit, RunSet, Settle,
    SignalRules, TagIndex, Watched,
};
use std::ops::Range;
use std::time::Duration;

pub(super) const CYCLE: Duration = Duration::from_secs(1);
/// So many looks without a change are chance no more.
const LOOKS_PER_FLAT: u32 = 10;
/// A trend needs so many values.
const LOOKS_PER_TREND: u32 = 20;
/// In the place of what cannot be read.
const MISSING: Duration = Duration::from_mins(3);
const DRIFT: &str = "one false alarm in ";

/// Reads `"one false alarm in 30d"`.
pub(in crate::config) fn false_alarm_interval(text: &str) -> Option<Duration> {
    text.strip_prefix(DRIFT).and_then(|interval| span::parse(interval.trim()))
}

/// What a plant file says of drift.
pub(super) struct RawDrift<'a> {
    interval: Option<&'a Spot<String>>,
    learn: Option<&'a Spot<u32>>,
    rules: Option<&'a Spot<Vec<Spot<DriftWord>>>>,
    catch: Option<&'a Spot<f64>>,
    baseline_per: Option<&'a Spot<Vec<Spot<BaselineWord>>>>,
    /// Where it is said, and what.
    settle: Option<(Range<usize>, Settle)>,
    /// One value per item.
    per_item: bool,
}

impl<'a> From<&'a raw::Monitor> for RawDrift<'a> {
    fn from(raw: &'a raw::Monitor) -> Self {
        let (interval, learn) = (raw.drift.as_ref(), raw.learn.as_ref());
        Self {
            interval,
            learn,
            rules: raw.rules.as_ref(),
            catch: raw.catch.as_ref(),
            baseline_per: raw.baseline_per.as_ref(),
            settle: None,
            per_item: false,
        }
    }
}

impl<'a> From<&'a raw::Group> for RawDrift<'a> {
    fn from(raw: &'a raw::Group) -> Self {
        Self {
            interval: raw.drift.as_ref(),
            learn: raw.learn.as_ref(),
            rules: None,
            catch: None,
            baseline_per: raw.baseline_per.as_ref(),
            settle: None,
            per_item: false,
        }
    }
}

impl<'a> From<&'a raw::Measured> for RawDrift<'a> {
    fn from(raw: &'a raw::Measured) -> Self {
        let (interval, learn) = (raw.drift.as_ref(), raw.learn.as_ref());
        Self {
            interval,
            learn,
            rules: raw.rules.as_ref(),
            catch: raw.catch.as_ref(),
            baseline_per: raw.baseline_per.as_ref(),
            settle: raw.settle.as_ref().map(|values| (values.span(), Settle::Values(**values))),
            per_item: true,
        }
    }
}

/// What a plant file says of limits.
struct RawLimits<'a> {
    low: Option<&'a Spot<f64>>,
    high: Option<&'a Spot<f64>>,
    deadband: Option<&'a Spot<f64>>,
    on_delay: Option<&'a Spot<Span>>,
    off_delay: Option<&'a Spot<Span>>,
    forecast: Option<&'a Spot<Span>>,
    rate: Option<&'a Spot<f64>>,
    rate_over: Option<&'a Spot<Span>>,
}

macro_rules! limits_of {
    ($raw:ty) => {
        impl<'a> From<&'a $raw> for RawLimits<'a> {
            fn from(raw: &'a $raw) -> Self {
                Self {
                    low: raw.low.as_ref(),
                    high: raw.high.as_ref(),
                    deadband: raw.deadband.as_ref(),
                    on_delay: raw.on_delay.as_ref(),
                    off_delay: raw.off_delay.as_ref(),
                    forecast: raw.forecast.as_ref(),
                    rate: raw.rate.as_ref(),
                    rate_over: raw.rate_over.as_ref(),
                }
            }
        }
    };
}

limits_of!(raw::Monitor);
limits_of!(raw::Measured);

impl Resolver<'_> {
    /// The monitors that a station names.
    pub(super) fn monitors(&mut self, station: &Table<'_>, raw: &raw::Station) -> Vec<Monitor> {
        let mut monitors = Vec::new();
        let works = raw.handshake.iter().next().is_some() || raw.phase.iter().next().is_some();
        for (name, monitor) in raw.monitor.iter() {
            let t = station.under("monitor", name, None);
            monitors.extend(match &**monitor {
                NameOr::Name(tag) => self.plain_monitor(&t, name, &monitor.with(tag.clone())),
                NameOr::Table(table) => self.monitor(&t, (name, monitor.span()), table, works),
            });
        }
        monitors
    }

    fn plain_monitor(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        tag: &Spot<String>,
    ) -> Option<Monitor> {
        let id = self.name(t, name, MonitorId::parse);
        let word = self.word(t, tag, Use::Monitor)?;
        let unit = self.tags.get(word.tag).unit.clone();
        Some(Monitor {
            id: id?,
            of: Watched::Tag(word),
            unit,
            limits: None,
            drift: None,
            signal: SignalRules::default(),
            latch: false,
        })
    }

    /// `works`: its station may tell of its work.
    fn monitor(
        &mut self,
        t: &Table<'_>,
        (name, at): (&Spot<String>, Range<usize>),
        raw: &raw::Monitor,
        works: bool,
    ) -> Option<Monitor> {
        let id = self.name(t, name, MonitorId::parse);
        let tag = self.one_name(t, "monitor", at, raw.node.as_ref(), raw.tag.as_ref());
        let word = tag.and_then(|tag| self.word(t, tag, Use::Monitor));
        let unit = self.unit(t, raw.eu.as_ref());
        let period = self.monitor_period(t, raw);
        let publish = t.device.and_then(|device| self.draft(device)).map(|draft| draft.publish);
        let every = period.or(publish).unwrap_or(span::LOOK);
        let limits = self.alarm_limits(t, &raw.into(), every);
        let signal = self.signal(t, raw, every);
        let settle = raw.settle.as_ref();
        let settle =
            settle.map(|span| (span.span(), Settle::For(self.period(t, Some(span), every))));
        let drift = self.drift(t, &RawDrift { settle, ..raw.into() }, every);
        let idle = self.no_work(t, raw, every, works).or(signal.flat.map(|flat| flat.lasting));
        let drift = drift.map(|drift| Drift { idle, ..drift });
        let word = word?;
        if let Some(deadband) = &raw.deadband {
            self.check_deadband(t, deadband, word.tag);
        }
        let tag = self.tags.get_mut(word.tag);
        tag.publish = match (tag.publish, period) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let unit = unit.or_else(|| tag.unit.clone());
        let latch = raw.latch.as_ref().is_some_and(|latch| **latch);
        Some(Monitor { id: id?, of: Watched::Tag(word), unit, limits, drift, signal, latch })
    }

    /// After how long without work a station does not produce.
    fn no_work(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Monitor,
        every: Duration,
        works: bool,
    ) -> Option<Duration> {
        let span = raw.idle.as_ref()?;
        let idle = self.period(t, Some(span), every);
        if raw.drift.is_none() {
            self.error(t, span.span(), "`idle` goes with `drift`").label("no `drift`");
        }
        if !works {
            self.error(t, span.span(), "nobody tells when this station works")
                .label("it has no handshake and no phase")
                .help("leave `idle` out: then all time counts");
        }
        if idle < every {
            let every = span::shown(every);
            self.error(t, span.span(), "that is not even one look")
                .label(format!("it is looked at every {every}"))
                .help("write a time that is longer than that between two parts: `idle = \"10m\"`");
        }
        Some(idle)
    }

    fn signal(&mut self, t: &Table<'_>, raw: &raw::Monitor, every: Duration) -> SignalRules {
        let missing = raw.missing.as_ref().map(|span| (span, self.period(t, Some(span), MISSING)));
        if let Some((span, _)) = missing.filter(|(_, missing)| *missing < every) {
            let every = span::shown(every);
            self.error(t, span.span(), "that is not even one look")
                .label(format!("it is looked at every {every}"))
                .help("write how long a value may be missing: `missing = \"3m\"`");
        }
        let missing = missing.map(|(_, missing)| missing);
        SignalRules { missing, flat: self.flat(t, raw, every) }
    }

    fn flat(&mut self, t: &Table<'_>, raw: &raw::Monitor, every: Duration) -> Option<Flat> {
        if let Some(within) = &raw.flat_within {
            if raw.flat.is_none() {
                self.error(t, within.span(), "`flat_within` goes with `flat`").label("no `flat`");
            }
            if !within.is_finite() || **within < 0.0 {
                self.error(t, within.span(), "`flat_within` is a number from 0 on")
                    .label("not a width");
            }
        }
        let flat = raw.flat.as_ref()?;
        let lasting = self.period(t, Some(flat), every * LOOKS_PER_FLAT);
        if raw.drift.is_none() {
            self.error(t, flat.span(), "`flat` goes with `drift`")
                .label("nobody learns how it normally varies")
                .help("write `drift = \"one false alarm in 30d\"` beside it");
        }
        if lasting < every * LOOKS_PER_FLAT {
            let every = span::shown(every);
            self.error(t, flat.span(), "too few looks tell that a value stands still")
                .label(format!("it is looked at every {every}"))
                .help(format!("wanted {LOOKS_PER_FLAT} of them at least"));
        }
        Some(Flat { lasting, within: raw.flat_within.as_ref().map_or(0.0, |within| **within) })
    }

    fn monitor_period(&mut self, t: &Table<'_>, raw: &raw::Monitor) -> Option<Duration> {
        let kind = t.device.and_then(|device| self.draft(device)?.kind)?;
        let (ours, theirs, other, key) = match kind {
            Kind::OpcUa => (&raw.publish, &raw.poll, Kind::Modbus, "poll"),
            Kind::Modbus => (&raw.poll, &raw.publish, Kind::OpcUa, "publish"),
        };
        self.foreign_keys(t, other, &[(key, theirs.as_ref().map(Spot::span))]);
        ours.as_ref().map(|period| self.period(t, Some(period), span::LOOK))
    }

    /// Monitors of the measurements of a station's handshakes.
    pub(super) fn measurement_monitors(
        &mut self,
        station: &Table<'_>,
        raw: &raw::Station,
        handshakes: &[Handshake],
    ) -> Vec<Monitor> {
        let mut monitors = Vec::new();
        for (handshake, table) in raw.handshake.iter() {
            let under = station.under("handshake", handshake, None);
            for (name, measured) in table.values.iter() {
                let t = under.under("values", name, None);
                let spec = handshakes.iter().find(|h| h.id.as_str() == handshake.as_str());
                let spec = spec.and_then(|h| {
                    h.measurements.iter().find(|m| m.name.as_str() == name.as_str()).map(|m| (h, m))
                });
                let found = self.measurement_monitor(&t, handshake, name, measured);
                let found = found.zip(spec).map(|((id, limits, drift), (h, m))| Monitor {
                    id,
                    of: Watched::Measurement(h.id.clone(), m.name.clone()),
                    unit: m.unit.clone(),
                    limits,
                    drift: Some(drift),
                    signal: SignalRules::default(),
                    latch: measured.latch.as_ref().is_some_and(|latch| **latch),
                });
                if let Some(monitor) = &found
                    && raw.monitor.iter().any(|(name, _)| **name == monitor.id.as_str())
                {
                    let message = format!("two monitors are called `{}`", monitor.id);
                    self.error(&t, name.span(), message)
                        .label("this drift is watched under that name")
                        .help("rename the one under `monitor`");
                }
                monitors.extend(found);
            }
        }
        monitors
    }

    fn measurement_monitor(
        &mut self,
        t: &Table<'_>,
        handshake: &Spot<String>,
        name: &Spot<String>,
        raw: &raw::Measured,
    ) -> Option<(MonitorId, Option<Limits>, Drift)> {
        if raw.drift.is_none() {
            let keys = [
                ("deadband", raw.deadband.as_ref().map(Spot::span)),
                ("on_delay", raw.on_delay.as_ref().map(Spot::span)),
                ("off_delay", raw.off_delay.as_ref().map(Spot::span)),
                ("latch", raw.latch.as_ref().map(Spot::span)),
                ("cycle", raw.cycle.as_ref().map(Spot::span)),
                ("forecast", raw.forecast.as_ref().map(Spot::span)),
                ("rate", raw.rate.as_ref().map(Spot::span)),
                ("rate_over", raw.rate_over.as_ref().map(Spot::span)),
            ];
            for (key, span) in keys {
                if let Some(span) = span {
                    self.error(t, span, format!("`{key}` goes with `drift`")).label("no `drift`");
                }
            }
        }
        let every = self.period(t, raw.cycle.as_ref(), CYCLE);
        let drift = self.drift(t, &raw.into(), every)?;
        let limits = self.alarm_limits(t, &raw.into(), every);
        let id = name.with(format!("{}.{}", **handshake, **name));
        let id = self.name(t, &id, MonitorId::parse);
        Some((id?, limits, drift))
    }

    fn alarm_limits(
        &mut self,
        t: &Table<'_>,
        raw: &RawLimits<'_>,
        every: Duration,
    ) -> Option<Limits> {
        let RawLimits { low, high, deadband, .. } = *raw;
        let limited = low.is_some() || high.is_some();
        if let Some(raw) = deadband.filter(|_| !limited) {
            self.error(t, raw.span(), "`deadband` goes with `low` or `high`")
                .label("no limits here")
                .help("it says how far back inside a value must come before the warning ends");
        }
        if let Some(raw) = deadband.filter(|raw| !raw.is_finite() || ***raw < 0.0) {
            self.error(t, raw.span(), "`deadband` is a number from 0 on").label("not a width");
        }
        if let Some(raw) = raw.forecast.filter(|_| !limited) {
            self.error(t, raw.span(), "`forecast` goes with `low` or `high`")
                .label("no limits here")
                .help("it says how long before such a limit is reached that is told");
        }
        let forecast = raw.forecast.map(|raw| self.looked_over(t, raw, every));
        let rate = self.rate(t, raw, every);
        let (low, high) = self.limits(t, low, high);
        let deadband = deadband.map_or(0.0, |deadband| **deadband);
        let limited = limited || rate.is_some();
        let (on_delay, off_delay) = self.delays(t, raw);
        limited.then_some(Limits { low, high, deadband, on_delay, off_delay, forecast, rate })
    }

    /// How long a value must be beyond, and inside, before that is told.
    fn delays(&mut self, t: &Table<'_>, raw: &RawLimits<'_>) -> (Duration, Duration) {
        let limited = raw.low.is_some() || raw.high.is_some();
        let keys = [("on_delay", raw.on_delay), ("off_delay", raw.off_delay)];
        let [on, off] = keys.map(|(key, raw)| {
            let Some(raw) = raw else { return Duration::ZERO };
            if !limited {
                self.error(t, raw.span(), format!("`{key}` goes with `low` or `high`"))
                    .label("no limits here")
                    .help("it says how long a value must be beyond, or inside again, before that is told");
            }
            self.duration(t, Some(raw), Duration::ZERO)
        });
        (on, off)
    }

    fn rate(&mut self, t: &Table<'_>, raw: &RawLimits<'_>, every: Duration) -> Option<RateLimit> {
        let (most, over) = match (raw.rate, raw.rate_over) {
            (Some(most), Some(over)) => (most, over),
            (Some(most), None) => {
                self.error(t, most.span(), "`rate` goes with `rate_over`")
                    .label("in which time?")
                    .help("write both: `rate = 5`, `rate_over = \"10m\"`");
                return None;
            }
            (None, Some(over)) => {
                self.error(t, over.span(), "`rate_over` goes with `rate`")
                    .label("how much?")
                    .help("write both: `rate = 5`, `rate_over = \"10m\"`");
                return None;
            }
            (None, None) => return None,
        };
        if !(most.is_finite() && **most > 0.0) {
            self.error(t, most.span(), "`rate` is a number above 0")
                .label("not a change")
                .help("it is how much the value may go up or down in `rate_over`");
        }
        Some(RateLimit { most: **most, over: self.looked_over(t, over, every) })
    }

    /// A time that a trend looks back over.
    fn looked_over(&mut self, t: &Table<'_>, raw: &Spot<Span>, every: Duration) -> Duration {
        let over = self.period(t, Some(raw), every * LOOKS_PER_TREND);
        if over < every * LOOKS_PER_TREND {
            let every = span::shown(every);
            self.error(t, raw.span(), "no trend is seen in so few values")
                .label(format!("a value comes every {every}"))
                .help(format!("wanted the time of {LOOKS_PER_TREND} values at least"));
        }
        over
    }

    pub(super) fn drift(
        &mut self,
        t: &Table<'_>,
        drift: &RawDrift<'_>,
        every: Duration,
    ) -> Option<Drift> {
        let Some(raw) = drift.interval else {
            let keys = [
                ("learn", drift.learn.map(Spot::span)),
                ("rules", drift.rules.map(Spot::span)),
                ("catch", drift.catch.map(Spot::span)),
                ("baseline_per", drift.baseline_per.map(Spot::span)),
                ("settle", drift.settle.as_ref().map(|(span, _)| span.clone())),
            ];
            for (key, span) in keys {
                if let Some(span) = span {
                    self.error(t, span, format!("`{key}` goes with `drift`")).label("no `drift`");
                }
            }
            return None;
        };
        let rules = self.drift_rules(t, drift);
        let catch = drift.catch.map(|catch| {
            if !(catch.is_finite() && **catch > 0.0) {
                self.error(t, catch.span(), "`catch` is a number above 0").label("not a change");
            }
            **catch
        });
        let Some(interval) = false_alarm_interval(raw) else {
            self.error(t, raw.span(), format!("`{}` does not say what drift is", **raw))
                .label("wanted how often a false alarm may come")
                .help("write `drift = \"one false alarm in 30d\"`");
            return None;
        };
        if interval <= every * Drift::VALUES_MIN {
            let every = span::shown(every);
            self.error(t, raw.span(), "no chart can tell drift from noise that fast")
                .label(format!("a value comes every {every}"))
                .help("false alarms must be much rarer than values: say days, not seconds");
            return None;
        }
        Some(Drift {
            false_alarm_interval: interval,
            learn: drift.learn.map_or(Drift::LEARN, |learn| **learn),
            every,
            rules,
            catch,
            per: drift.baseline_per.map_or(BaselinePer::DEFAULT, |words| baseline_per(words)),
            settle: drift.settle.as_ref().map(|(_, settle)| *settle),
            idle: None,
        })
    }

    fn drift_rules(&mut self, t: &Table<'_>, drift: &RawDrift<'_>) -> DriftRules {
        let Some(raw) = drift.rules else { return DriftRules::DEFAULT };
        if raw.is_empty() {
            self.error(t, raw.span(), "`rules` names no rule")
                .label("wanted one at least")
                .help("leave `rules` out for `[\"ewma\"]`");
        }
        let mut rules = DriftRules { ewma: false, cusum: false, runs: None, variance: false };
        for word in raw.iter() {
            let set = match **word {
                DriftWord::Ewma => {
                    rules.ewma = true;
                    continue;
                }
                DriftWord::Cusum => {
                    rules.cusum = true;
                    continue;
                }
                DriftWord::Variance => {
                    rules.variance = true;
                    continue;
                }
                DriftWord::Shewhart => RunSet::Shewhart,
                DriftWord::WesternElectric => RunSet::WesternElectric,
                DriftWord::Nelson => RunSet::Nelson,
            };
            if !drift.per_item {
                self.error(t, word.span(), "this rule judges one value per part")
                    .label("a monitor watches every change of its tag")
                    .help("say it at a measurement: `values.X.rules`");
            }
            if rules.runs.replace(set).is_some_and(|other| other != set) {
                self.error(t, word.span(), "one set of tests is enough")
                    .label("another is named before it")
                    .help("`western-electric` and `nelson` have the test of `shewhart` in them");
            }
        }
        rules
    }

    /// A monitor's deadband must not hide the changes that a handshake lives on.
    fn check_deadband(&mut self, t: &Table<'_>, deadband: &Spot<f64>, tag: TagIndex) {
        self.deadbands.push((tag, t.place(deadband.span())));
    }
}

fn baseline_per(words: &[Spot<BaselineWord>]) -> BaselinePer {
    let mut per = BaselinePer { product: false, recipe: false };
    for word in words {
        match **word {
            BaselineWord::Product => per.product = true,
            BaselineWord::Recipe => per.recipe = true,
        }
    }
    per
}
