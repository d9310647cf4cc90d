//! What the signal of a tag may not do, whatever its values are. These rules go by our clock as well, so that they speak
//! when nothing comes.
use super::chart::Finding;
use super::flat::{FlatRule, Passed};
use super::missing::MissingRule;
use super::quiet::Quiet;
use crate::model::plant::SignalRules;
use crate::model::{At, Baseline, Monotonic, Quality, Rule, Utc, Verdict, VerdictEvent};

/// What a tag said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// When it came.
    pub(super) at: At,
    /// When it was so, by its source's clock.
    pub(super) time: Utc,
    /// What; `None` is bad or uncertain quality, or no finite number.
    pub(super) value: Option<f64>,
    /// Its status.
    pub(super) quality: Quality,
}

/// The rules of one tag. What each last said comes back by [`Signal::restore`]; the rest begins anew.
#[derive(Debug, Clone)]
pub(super) struct Signal {
    /// What is told while the device is not observed is from before.
    observed: bool,
    missing: Option<MissingRule>,
    flat: Option<FlatRule>,
}

impl Signal {
    /// `by_work`: its station tells of its work.
    pub(super) fn new(rules: &SignalRules, by_work: bool) -> Self {
        Self {
            observed: false,
            missing: rules.missing.map(MissingRule::new),
            flat: rules.flat.map(|flat| FlatRule::new(flat, by_work)),
        }
    }

    /// Takes what the tag said; what changed. `normal` is what is known of how it varies.
    pub(super) fn told(
        &mut self,
        told: &Told,
        normal: Option<&Baseline>,
    ) -> impl Iterator<Item = Finding> + use<> {
        let missing = self.missing.as_mut().and_then(|missing| missing.told(told));
        let flat = self.flat.as_mut().filter(|_| self.observed);
        let flat = flat.and_then(|flat| flat.told(told, normal));
        missing.into_iter().chain(flat)
    }

    /// The device is observed from now on.
    pub(super) fn live(&mut self, at: At) {
        self.observed = true;
        self.missing.iter_mut().for_each(|missing| missing.live(at));
    }

    /// The device is not observed any more.
    pub(super) fn down(&mut self) {
        self.observed = false;
        self.missing.iter_mut().for_each(MissingRule::down);
        self.flat.iter_mut().for_each(FlatRule::down);
    }

    /// Values were lost on the way to us.
    pub(super) fn lost(&mut self, at: At) {
        self.missing.iter_mut().for_each(|missing| missing.lost(at));
        self.flat.iter_mut().for_each(|flat| flat.lost(at));
    }

    /// The station has worked on something; what comes of it.
    pub(super) fn worked(&mut self, at: At, normal: Option<&Baseline>) -> Option<Passed> {
        self.flat.as_mut()?.worked(at, normal)
    }

    /// When the next rule is due.
    pub(super) fn due(&self) -> Option<Monotonic> {
        let missing = self.missing.as_ref().and_then(MissingRule::due);
        missing.into_iter().chain(self.flat.as_ref().and_then(FlatRule::due)).min()
    }

    /// What comes of the rules that are due; what is due after that lies ahead.
    pub(super) fn on_time(
        &mut self,
        at: At,
        normal: Option<&Baseline>,
    ) -> impl Iterator<Item = Passed> + use<> {
        let missing = self.missing.as_mut().and_then(|missing| missing.on_time(at));
        let flat = self.flat.as_mut().and_then(|flat| flat.on_time(at, normal));
        missing.map(Ok).into_iter().chain(flat)
    }

    /// Takes back what the record says of one of these rules.
    pub(super) fn restore(&mut self, event: &VerdictEvent) {
        let warned = event.verdict == Verdict::Warning;
        match event.rule {
            Rule::Missing => {
                let since = event.onset.map_or(event.time, |onset| onset.estimate);
                self.missing.iter_mut().for_each(|rule| rule.restore(warned.then_some(since)));
            }
            Rule::Flat => self.flat.iter_mut().for_each(|rule| rule.restore(warned)),
            Rule::Limit
            | Rule::Ewma
            | Rule::Master
            | Rule::Cusum
            | Rule::Shewhart
            | Rule::WesternElectric
            | Rule::Nelson
            | Rule::Variance
            | Rule::Forecast
            | Rule::Rate
            | Rule::Usage
            | Rule::Mewma
            | Rule::TSquared => {}
        }
    }

    /// Why a value changed nothing, where that is up to these rules.
    pub(super) fn quiet(&self, told: &Told) -> Option<Quiet> {
        let missing = self.missing.as_ref().filter(|_| told.value.is_none());
        let missing =
            missing.map(|rule| if rule.warns() { Quiet::Missing } else { Quiet::NoValueYet });
        let flat = self.flat.as_ref().filter(|rule| told.value.is_some() && rule.warns());
        missing.or(flat.map(|_| Quiet::Flat))
    }
}
