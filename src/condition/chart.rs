//! One monitor's state: its limits, its learning or its chart, and what it last said.
use super::ahead::TrendRule;
use super::contexts::Contexts;
use super::drift::DriftRule;
use super::group::{GroupRule, GroupSpec};
use super::limit::{Crossing, LimitRule};
use super::quiet::Quiet;
use crate::model::plant::Monitor;
use crate::model::{
    At, Baseline, Contributor, ItemKey, Making, Monotonic, Onset, Quality, Reach, Rule, Side, Ucum,
    Utc, Verdict, VerdictEvent,
};
use std::time::Duration;

/// One value of a monitor.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// When it was so.
    pub time: Utc,
    /// What; `None` is bad quality or no finite number: it neither enters a chart nor resets it.
    pub value: Option<f64>,
    /// Whose measurement it is.
    pub item: Option<&'a ItemKey>,
}

/// What changed at a monitor: a [`VerdictEvent`] that does not know its station.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Which rule spoke.
    pub rule: Rule,
    /// What the monitor says from now on.
    pub verdict: Verdict,
    /// To which side.
    pub side: Option<Side>,
    /// The statistic that decided.
    pub statistic: Option<f64>,
    /// What it was held against.
    pub limit: Option<f64>,
    /// When the change began.
    pub onset: Option<Onset>,
    /// The baseline that it was judged by, or that was learned.
    pub baseline: Option<Baseline>,
    /// The rule that spoke first of the same drift.
    pub joins: Option<Rule>,
    /// The number of the test that decided, of a set of them.
    pub test: Option<u8>,
    /// The unit of the statistic and the limit where it is not the monitor's.
    pub unit: Option<Ucum>,
    /// The status of the last value, of a rule that waits for a good one.
    pub quality: Option<Quality>,
    /// When a limit will be reached.
    pub reaches: Option<Reach>,
    /// The members of a group that have most to do with what it says.
    pub contributors: Vec<Contributor>,
    /// What is made by whose baseline it was judged; unknown of rules that are the monitor's whatever is made.
    pub making: Making,
}

impl Finding {
    /// A rule says this, and nothing more.
    pub(super) fn new(rule: Rule, verdict: Verdict) -> Self {
        Self {
            rule,
            verdict,
            side: None,
            statistic: None,
            limit: None,
            onset: None,
            baseline: None,
            joins: None,
            test: None,
            unit: None,
            quality: None,
            reaches: None,
            contributors: Vec::new(),
            making: Making::default(),
        }
    }
}

/// One monitor's state.
///
/// Its durable part, the baselines and what each rule last said, comes back by [`Chart::restore`]; its
/// volatile part, the moving average and the memory of the last values, begins anew. Absolute limits are the
/// monitor's; baselines and what goes by them are kept for each product and recipe.
#[derive(Debug, Clone)]
pub struct Chart {
    limits: Option<LimitRule>,
    /// The last word of the limits was that a drift stands.
    limit_drifts: bool,
    trends: Box<[TrendRule]>,
    drift: Option<Contexts<DriftRule>>,
    group: Option<Box<Contexts<GroupRule>>>,
}

impl Chart {
    /// A chart that has seen nothing: it learns first.
    pub fn new(monitor: &Monitor) -> Self {
        let is_group = !monitor.of.members().is_empty();
        Self {
            limits: monitor.limits.map(LimitRule::new),
            limit_drifts: false,
            trends: monitor.limits.map(TrendRule::all).unwrap_or_default(),
            drift: monitor.drift.filter(|_| !is_group).map(|spec| Contexts::new(spec, &monitor.of)),
            group: monitor.drift.filter(|_| is_group).map(|drift| {
                let members = monitor.of.members();
                Box::new(Contexts::new(GroupSpec { drift, members }, &monitor.of))
            }),
        }
    }

    /// This is made from now on. What was learned of it before goes on where it was left: its baseline, its
    /// alarm, its moving average.
    pub fn turn(&mut self, making: &Making) {
        if self.drift.as_mut().is_some_and(|drift| drift.turn(making)) {
            self.forget_trends();
        }
        self.group.iter_mut().for_each(|group| {
            group.turn(making);
        });
    }

    /// What comes is another level: no trend leads across.
    fn forget_trends(&mut self) {
        self.trends.iter_mut().for_each(TrendRule::forget);
    }

    /// Whether there is production from now on: without, nothing but the absolute limits is looked at. Says whether it
    /// begins with that, where baselines go by it.
    pub fn produce(&mut self, produces: bool) -> bool {
        let of_one = self.drift.as_mut().is_some_and(|drift| drift.produce(produces));
        self.group.as_mut().map_or(of_one, |group| group.produce(produces))
    }

    /// Takes one value in the order of time; tells `out` what changed. O(1) but for the values that
    /// complete a baseline or raise an alarm.
    pub fn step(&mut self, observation: &Observation<'_>, out: &mut impl FnMut(Finding)) {
        let Some(x) = observation.value.filter(|x| x.is_finite()) else { return };
        let time = observation.time;
        let crossing = self.limits.as_mut().and_then(|limits| limits.step(time, x));
        crossing.map(|crossing| self.crossed(crossing)).into_iter().for_each(&mut *out);
        self.trends.iter_mut().filter_map(|trend| trend.step(time, x)).for_each(&mut *out);
        let beyond = self.limits.as_ref().is_some_and(LimitRule::is_beyond);
        if let Some(drift) = &mut self.drift {
            drift.step(observation.time, x, beyond, out);
        }
    }

    fn crossed(&mut self, crossing: Crossing) -> Finding {
        let outside = crossing.beyond.map(|_| Verdict::Warning);
        let verdict = outside.unwrap_or_else(|| self.verdict_inside());
        self.limit_drifts = verdict == Verdict::Drift;
        let since = |since| Onset { estimate: since, earliest: Some(since), latest: since };
        Finding {
            side: crossing.beyond,
            statistic: Some(crossing.x),
            limit: crossing.limit,
            onset: crossing.since.map(since),
            ..Finding::new(Rule::Limit, verdict)
        }
    }

    /// What was told stands until something else is, so that what waits for a limit is over by our clock as well: after a
    /// value that came at this time.
    pub(super) fn stands(&mut self, at: At) {
        self.limits.iter_mut().for_each(|limits| limits.stands(at));
    }

    /// When a delay is over by our clock.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.limits.as_ref().and_then(LimitRule::due)
    }

    /// Says what a delay that is over has kept back.
    pub(super) fn on_time(&mut self, at: At) -> Option<Finding> {
        let crossing = self.limits.as_mut()?.on_time(at)?;
        Some(self.crossed(crossing))
    }

    /// Values were lost, which may have been on the other side of a limit.
    pub(super) fn lost(&mut self, at: At) {
        self.limits.iter_mut().for_each(|limits| limits.lost(at));
    }

    /// Takes one vector of a group, a finite value of each member; tells `out` what changed.
    pub fn step_group(&mut self, time: Utc, values: Vec<f64>, out: &mut impl FnMut(Finding)) {
        if let Some(group) = &mut self.group {
            group.step(time, values, false, out);
        }
    }

    /// Takes back what the record says: a baseline that was learned, what a rule said. Of several
    /// events the last of each rule decides; an event that says what is so already changes nothing.
    pub fn restore(&mut self, event: &VerdictEvent) {
        match event.rule {
            Rule::Limit => {
                let beyond = event.side.filter(|_| event.verdict == Verdict::Warning);
                if let Some(limits) = &mut self.limits {
                    limits.restore(beyond);
                    self.limit_drifts = event.verdict == Verdict::Drift;
                }
            }
            Rule::Ewma
            | Rule::Cusum
            | Rule::Shewhart
            | Rule::WesternElectric
            | Rule::Nelson
            | Rule::Variance => {
                if let Some(drift) = &mut self.drift {
                    drift.restore(event);
                }
            }
            Rule::Mewma | Rule::TSquared => {
                if let Some(group) = &mut self.group {
                    group.restore(event);
                }
            }
            Rule::Forecast | Rule::Rate => {
                let warned = event.side.filter(|_| event.verdict == Verdict::Warning);
                let of_rule = self.trends.iter_mut().filter(|trend| trend.rule() == event.rule);
                let lost = event.verdict == Verdict::NoData;
                of_rule.for_each(|trend| trend.restore(warned, lost));
            }
            // No monitor is a master or goes by use; the others go by the clock.
            Rule::Master | Rule::Usage | Rule::Missing | Rule::Flat => {}
        }
    }

    /// Ends the alarms, and the baselines with them, whatever is made: the next ones are learned from the values to come, and
    /// their versions follow on the `ended` one.
    pub fn learn_anew(&mut self, ended: u32) {
        self.forget_trends();
        if std::mem::take(&mut self.limit_drifts) {
            self.limits.iter_mut().for_each(LimitRule::begin_anew);
        }
        self.drift.iter_mut().for_each(|drift| drift.learn_anew(ended));
        self.group.iter_mut().for_each(|group| group.learn_anew(ended));
    }

    /// The next value does not follow on the last one. The moving average stays: a pause neither
    /// proves nor disproves a change.
    pub fn interrupt(&mut self) {
        self.limits.iter_mut().for_each(LimitRule::interrupt);
        self.drift.iter_mut().for_each(Contexts::interrupt);
        self.group.iter_mut().for_each(|group| group.interrupt());
    }

    /// What is normal, if it is known: of what is made now, else of what was learned last.
    pub(super) fn baseline(&self) -> Option<&Baseline> {
        self.drift.as_ref()?.baseline()
    }

    /// Values that were held against a baseline since the begin, while no drift stood.
    pub(super) fn judged(&self) -> u64 {
        self.drift.as_ref().map_or(0, Contexts::judged)
    }

    /// A station that has not worked for longer does not produce.
    pub(super) fn idle(&self) -> Option<Duration> {
        let of_group = || self.group.as_ref()?.idle();
        self.drift.as_ref().map_or_else(of_group, Contexts::idle)
    }

    fn beyond(&self) -> Option<Side> {
        self.limits.as_ref().and_then(LimitRule::beyond)
    }

    /// Why the last value changed nothing.
    pub(super) fn quiet(&self) -> Quiet {
        let delayed = self.limits.as_ref().is_some_and(LimitRule::waits).then_some(Quiet::Delayed);
        let beyond = self.beyond().map(Quiet::Beyond);
        let drift = self.drift.as_ref().map(Contexts::quiet);
        let group = || self.group.as_ref().map(|group| group.quiet());
        delayed.or(beyond).or(drift).or_else(group).unwrap_or(Quiet::Inside)
    }

    /// What the monitor says of a value inside the absolute limits.
    fn verdict_inside(&self) -> Verdict {
        let drifts = self.drift.as_ref().is_some_and(Contexts::is_latched);
        if drifts { Verdict::Drift } else { Verdict::InControl }
    }
}
