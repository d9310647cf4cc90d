//! What the signal of a tag may not do, whatever its values are. These rules go by our clock as well, so that they speak
//! when nothing comes.
use super::chart::Finding;
use super::missing::MissingRule;
use super::quiet::Quiet;
use crate::model::plant::SignalRules;
use crate::model::{At, Monotonic, Quality, Rule, Utc, Verdict, VerdictEvent};

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
    missing: Option<MissingRule>,
}

impl Signal {
    pub(super) fn new(rules: &SignalRules) -> Self {
        Self { missing: rules.missing.map(MissingRule::new) }
    }

    /// Takes what the tag said; tells `out` what changed.
    pub(super) fn told(&mut self, told: &Told, out: &mut impl FnMut(Finding)) {
        self.missing.as_mut().and_then(|missing| missing.told(told)).into_iter().for_each(out);
    }

    /// The device is observed from now on.
    pub(super) fn live(&mut self, at: At) {
        self.missing.iter_mut().for_each(|missing| missing.live(at));
    }

    /// The device is not observed any more.
    pub(super) fn down(&mut self) {
        self.missing.iter_mut().for_each(MissingRule::down);
    }

    /// Values were lost on the way to us.
    pub(super) fn lost(&mut self) {
        self.missing.iter_mut().for_each(MissingRule::lost);
    }

    /// When the next rule is due.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.missing.as_ref().and_then(MissingRule::due)
    }

    /// Tells `out` of the rules that are due; what is due after that lies ahead.
    pub(super) fn on_time(&mut self, at: At, out: &mut impl FnMut(Finding)) {
        self.missing.as_mut().and_then(|missing| missing.on_time(at)).into_iter().for_each(out);
    }

    /// Takes back what the record says of one of these rules.
    pub(super) fn restore(&mut self, event: &VerdictEvent) {
        let warned = event.verdict == Verdict::Warning;
        match event.rule {
            Rule::Missing => {
                let since = event.onset.map_or(event.time, |onset| onset.estimate);
                self.missing.iter_mut().for_each(|rule| rule.restore(warned.then_some(since)));
            }
            Rule::Limit
            | Rule::Ewma
            | Rule::Master
            | Rule::Cusum
            | Rule::Shewhart
            | Rule::WesternElectric
            | Rule::Nelson => {}
        }
    }

    /// Why a value changed nothing, where that is up to these rules.
    pub(super) fn quiet(&self, told: &Told) -> Option<Quiet> {
        let missing = self.missing.as_ref().filter(|_| told.value.is_none())?;
        Some(if missing.warns() { Quiet::Missing } else { Quiet::NoValueYet })
    }
}
