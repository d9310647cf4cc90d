//! Absolute limits with deadband (a level alarm): the value itself, no statistics.
use crate::model::Side;
use crate::model::plant::Limits;

/// The state of a pair of absolute limits.
#[derive(Debug, Clone)]
pub(super) struct LimitRule {
    low: Option<f64>,
    high: Option<f64>,
    deadband: f64,
    has_judged: bool,
    beyond: Option<Side>,
}

/// What changed at a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Crossing {
    /// Beyond which limit the value is from now on, if any.
    pub(super) beyond: Option<Side>,
    /// The limit crossed, in the monitor's unit; of the first value inside, none was.
    pub(super) limit: Option<f64>,
}

impl LimitRule {
    pub(super) fn new(limits: Limits) -> Self {
        let Limits { low, high, deadband, .. } = limits;
        Self { low, high, deadband, has_judged: false, beyond: None }
    }

    /// Beyond which limit the value last was.
    pub(super) fn beyond(&self) -> Option<Side> {
        self.beyond
    }

    /// What it said is over: the next value is judged as the first.
    pub(super) fn begin_anew(&mut self) {
        (self.has_judged, self.beyond) = (false, None);
    }

    /// What the record says of it.
    pub(super) fn restore(&mut self, beyond: Option<Side>) {
        self.has_judged = true;
        self.beyond = beyond;
    }

    /// Takes one value; says so if it changes sides.
    pub(super) fn step(&mut self, x: f64) -> Option<Crossing> {
        let Self { low, high, deadband, beyond: was, .. } = *self;
        // Inside is farther inside by the deadband for a side that is being left.
        let beyond = |limit: Option<f64>, side: Side, excess: fn(f64, f64) -> f64| {
            let margin = if was == Some(side) { -deadband } else { 0.0 };
            limit.filter(|limit| excess(x, *limit) > margin)
        };
        let (now, limit) = if let Some(limit) = beyond(high, Side::High, |x, limit| x - limit) {
            (Some(Side::High), Some(limit))
        } else if let Some(limit) = beyond(low, Side::Low, |x, limit| limit - x) {
            (Some(Side::Low), Some(limit))
        } else {
            let left = match was {
                Some(Side::High) => high,
                Some(Side::Low) => low,
                None => None,
            };
            (None, left)
        };
        let changed = !self.has_judged || was != now;
        self.restore(now);
        changed.then_some(Crossing { beyond: now, limit })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What changed at each value: `in`, `high`, `low`, or nothing.
    fn sides(values: &[f64]) -> Vec<&'static str> {
        let limits =
            Limits { low: Some(10.0), high: Some(20.0), deadband: 1.0, forecast: None, rate: None };
        let mut rule = LimitRule::new(limits);
        values
            .iter()
            .map(|x| match rule.step(*x) {
                None => "",
                Some(Crossing { beyond: None, .. }) => "in",
                Some(Crossing { beyond: Some(Side::High), .. }) => "high",
                Some(Crossing { beyond: Some(Side::Low), .. }) => "low",
            })
            .collect()
    }

    #[test]
    fn a_limit_itself_is_still_inside() {
        assert_eq!(sides(&[20.0, 10.0]), ["in", ""]);
    }

    #[test]
    fn a_value_is_back_only_past_the_deadband() {
        assert_eq!(sides(&[15.0, 20.1, 19.5, 20.2, 19.0]), ["in", "high", "", "", "in"]);
        assert_eq!(sides(&[9.9, 10.9, 11.0]), ["low", "", "in"]);
    }

    #[test]
    fn a_value_that_leaps_across_changes_sides_at_once() {
        assert_eq!(sides(&[25.0, 5.0]), ["high", "low"]);
    }
}
