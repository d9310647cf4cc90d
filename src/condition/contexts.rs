//! The drift rules of one monitor by what is made: products have levels of their own, so that a changeover is no
//! drift, and what returns goes on where it was left.
use super::chart::Finding;
use super::drift::DriftRule;
use super::pace::Pace;
use super::quiet::Quiet;
use super::settling::Settling;
use crate::model::plant::{Drift, Watched};
use crate::model::{Baseline, Making, Rule, Utc, Verdict, VerdictEvent};
use std::collections::BTreeMap;
use std::time::Duration;

/// Products and recipes whose baselines a monitor keeps, beside that of what nobody named. Beyond, the one that was not made for longest is forgotten, which
/// the record says; one that drifts, only if all do.
const CONTEXTS_MAX: usize = 64;

/// What learns a baseline of one thing that is made, and judges by it.
pub(super) trait Judge: Sized {
    /// What the plant file says of it.
    type Spec;
    /// What it takes.
    type Value;
    /// What is said of drift there.
    fn drift(spec: &Self::Spec) -> &Drift;
    /// The rule that speaks for all.
    fn speaks(spec: &Self::Spec) -> Option<Rule>;
    /// One that has seen nothing.
    fn begin(spec: &Self::Spec) -> Self;
    /// Nothing is lost with it.
    fn is_blank(&self) -> bool;
    /// What it learned.
    fn baseline(&self) -> Option<&Baseline>;
    /// A drift stands.
    fn is_latched(&self) -> bool;
    /// The next value follows on none.
    fn interrupt(&mut self);
    /// Why it says nothing.
    fn quiet(&self) -> Quiet;
    /// Takes a value; what it learns is this version. `warned`: it is not learned from.
    fn step(
        &mut self,
        of: (&Self::Spec, u32),
        value: (Utc, Self::Value),
        warned: bool,
        out: &mut impl FnMut(Finding),
    );
    /// Takes back what the record says.
    fn restore(&mut self, spec: &Self::Spec, event: &VerdictEvent);
}

impl Judge for DriftRule {
    type Spec = Drift;
    type Value = f64;

    fn drift(spec: &Drift) -> &Drift {
        spec
    }

    fn speaks(spec: &Drift) -> Option<Rule> {
        spec.rules.iter().next()
    }

    fn begin(spec: &Drift) -> Self {
        Self::new(spec)
    }

    fn is_blank(&self) -> bool {
        self.is_blank()
    }

    fn baseline(&self) -> Option<&Baseline> {
        self.baseline()
    }

    fn is_latched(&self) -> bool {
        self.is_latched()
    }

    fn interrupt(&mut self) {
        self.interrupt();
    }

    fn quiet(&self) -> Quiet {
        self.quiet()
    }

    fn step(
        &mut self,
        of: (&Drift, u32),
        value: (Utc, f64),
        warned: bool,
        out: &mut impl FnMut(Finding),
    ) {
        self.step(of, value, warned, out);
    }

    fn restore(&mut self, spec: &Drift, event: &VerdictEvent) {
        self.restore(spec, event);
    }
}

/// All of them; one is in force.
#[derive(Debug, Clone)]
pub(super) struct Contexts<R: Judge> {
    spec: R::Spec,
    /// It is of tags, which say nothing while something else is made.
    of_tags: bool,
    /// A tag changes when it likes; a value per item comes once, and so do the vectors of a group.
    pace: Option<Pace>,
    /// What is made, as far as it parts baselines.
    making: Making,
    rule: R,
    /// Those of what was made before.
    away: BTreeMap<Making, Away<R>>,
    /// How often something else began to be made.
    turns: u64,
    /// The last version of a baseline: they are counted for all together, so that none comes twice, whatever is
    /// forgotten.
    version: u32,
    /// Nothing was seen since the start: what is made then was made before it.
    fresh: bool,
    produces: bool,
    settling: Option<Settling>,
    /// Values that were held against a baseline.
    judged: u64,
}

#[derive(Debug, Clone)]
struct Away<R> {
    rule: R,
    /// The turn by which it was put away.
    since: u64,
}

impl<R: Judge> Contexts<R> {
    pub(super) fn new(spec: R::Spec, of: &Watched) -> Self {
        let (of_tags, pace) = match of {
            Watched::Tag(_) => (true, Some(Pace::new(R::drift(&spec).every))),
            Watched::Tags(_) => (true, None),
            Watched::Measurement(..) | Watched::Measurements(..) => (false, None),
        };
        Self {
            of_tags,
            pace,
            making: Making::default(),
            rule: R::begin(&spec),
            away: BTreeMap::new(),
            turns: 0,
            version: 0,
            fresh: true,
            produces: true,
            settling: None,
            spec,
            judged: 0,
        }
    }

    /// This is made from now on; says whether something else was before.
    pub(super) fn turn(&mut self, making: &Making) -> bool {
        let fresh = std::mem::take(&mut self.fresh);
        if self.drift().per.is_same(making, &self.making) {
            return false;
        }
        let making = self.drift().per.of(making);
        let known = self.away.remove(&making).map(|away| away.rule);
        let rule = known.unwrap_or_else(|| R::begin(&self.spec));
        let mut left = std::mem::replace(&mut self.rule, rule);
        let left_of = std::mem::replace(&mut self.making, making);
        // A tag says nothing meanwhile of what it will be then. Of the values of items each follows on the one of its
        // kind before it, as it was learned: where every item is another product, none would be left.
        if self.of_tags {
            left.interrupt();
        }
        self.turns = self.turns.saturating_add(1);
        if !left.is_blank() {
            self.away.insert(left_of, Away { rule: left, since: self.turns });
        }
        self.forget_unlearned();
        if !fresh {
            self.settle();
        }
        true
    }

    /// Says whether production begins with it.
    pub(super) fn produce(&mut self, produces: bool) -> bool {
        let before = std::mem::replace(&mut self.produces, produces);
        let begins = produces && !before;
        if begins {
            if self.of_tags {
                self.rule.interrupt();
            }
            // Nobody knows of a start of ours that production began with it.
            if !self.fresh {
                self.settle();
            }
        }
        begins
    }

    fn settle(&mut self) {
        self.settling = self.drift().settle.map(Settling::new);
    }

    /// `warned`: a value beyond an absolute limit is judged, never learned from.
    pub(super) fn step(
        &mut self,
        time: Utc,
        x: R::Value,
        warned: bool,
        out: &mut impl FnMut(Finding),
    ) {
        self.fresh = false;
        if !self.produces || self.settling.as_mut().is_some_and(|settling| !settling.ends(time)) {
            return;
        }
        self.settling = None;
        if self.pace.as_mut().is_some_and(|pace| !pace.is_due(time)) {
            return;
        }
        let Self { spec, making, rule, version, .. } = self;
        let judges = rule.baseline().is_some() && !rule.is_latched();
        self.judged = self.judged.saturating_add(u64::from(judges));
        let next = version.saturating_add(1);
        let mut said = |finding| out(Finding { making: making.clone(), ..finding });
        rule.step((&*spec, next), (time, x), warned, &mut said);
        if rule.baseline().is_some_and(|baseline| baseline.version == next) {
            self.version = next;
            self.forget(out);
        }
    }

    /// Of what was not learned yet as much is kept: what is made in small lots is learned over several.
    fn forget_unlearned(&mut self) {
        let unlearned = || self.away.iter().filter(|(_, away)| away.rule.baseline().is_none());
        if unlearned().count() <= CONTEXTS_MAX {
            return;
        }
        let oldest = unlearned().min_by_key(|(_, away)| away.since);
        if let Some(oldest) = oldest.map(|(making, _)| making.clone()) {
            self.away.remove(&oldest);
        }
    }

    /// A baseline was learned: another may have to go, and the record says which.
    fn forget(&mut self, out: &mut impl FnMut(Finding)) {
        let named = |(making, away): &(&Making, &Away<R>)| {
            !making.is_unknown() && away.rule.baseline().is_some()
        };
        let learned = || self.away.iter().filter(named);
        if learned().count() + usize::from(!self.making.is_unknown()) <= CONTEXTS_MAX {
            return;
        }
        let oldest = learned().min_by_key(|(_, away)| (away.rule.is_latched(), away.since));
        let (Some(making), Some(rule)) =
            (oldest.map(|(making, _)| making.clone()), R::speaks(&self.spec))
        else {
            return;
        };
        self.away.remove(&making);
        out(Finding { making, ..Finding::new(rule, Verdict::NoData) });
    }

    /// Takes back what the record says of one of them; the last that it speaks of counts as made last.
    pub(super) fn restore(&mut self, event: &VerdictEvent) {
        let version = event.baseline.as_ref().map_or(0, |baseline| baseline.version);
        self.version = self.version.max(version);
        let making = event.making();
        if making == self.making {
            return self.rule.restore(&self.spec, event);
        }
        self.turns = self.turns.saturating_add(1);
        let blank = || Away { rule: R::begin(&self.spec), since: 0 };
        let away = self.away.entry(making).or_insert_with(blank);
        away.since = self.turns;
        away.rule.restore(&self.spec, event);
    }

    /// All that was learned is ended; the next baseline has the version after the `ended` one.
    pub(super) fn learn_anew(&mut self, ended: u32) {
        self.away.clear();
        self.rule = R::begin(&self.spec);
        self.version = ended.max(self.version);
    }

    pub(super) fn interrupt(&mut self) {
        let away = self.away.values_mut().map(|away| &mut away.rule);
        away.chain([&mut self.rule]).for_each(R::interrupt);
    }

    pub(super) fn baseline(&self) -> Option<&Baseline> {
        let away = || self.away.values().filter_map(|away| away.rule.baseline());
        self.rule.baseline().or_else(|| away().max_by_key(|baseline| baseline.version))
    }

    pub(super) fn idle(&self) -> Option<Duration> {
        self.drift().idle
    }

    fn drift(&self) -> &Drift {
        R::drift(&self.spec)
    }

    /// Values that were held against a baseline while no drift of the same stood.
    pub(super) fn judged(&self) -> u64 {
        self.judged
    }

    pub(super) fn is_latched(&self) -> bool {
        self.rule.is_latched()
    }

    pub(super) fn quiet(&self) -> Quiet {
        match (self.produces, &self.settling) {
            (false, _) => Quiet::NoProduction,
            (true, Some(_)) => Quiet::Settling,
            (true, None) => self.rule.quiet(),
        }
    }
}
