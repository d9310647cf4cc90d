//! Lengths of time, and numbers with limits.
use super::{Resolver, Table};
use crate::config::spot::{Span, Spot};
use crate::model::Ucum;
use std::time::Duration;

/// Units of a duration and what they are worth in milliseconds; longer names first.
const UNITS: [(&str, f64); 6] =
    [("ms", 1.0), ("s", 1e3), ("m", 6e4), ("h", 3.6e6), ("d", 8.64e7), ("y", YEAR)];
/// A year of the Julian calendar, in milliseconds.
const YEAR: f64 = 365.25 * 8.64e7;

/// How often a word is looked at where nothing is said.
pub(super) const LOOK: Duration = Duration::from_secs(1);

/// Longest duration that means anything here: a hundred years.
const MS_MAX: f64 = 100.0 * YEAR;

/// Reads `"150ms"`.
pub(in crate::config) fn parse(text: &str) -> Option<Duration> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_lowercase());
    let unit = text.get(digits.len()..)?;
    let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = digits.parse().ok().filter(|_| plain)?;
    let ms = number * worth;
    (ms <= MS_MAX).then(|| Duration::from_secs_f64(ms / 1e3))
}

/// As a person would write it.
pub(super) fn shown(duration: Duration) -> String {
    format!("{duration:?}")
}

impl Resolver<'_> {
    /// A duration, the default where nothing is said, or a fault and the default.
    pub(super) fn duration(
        &mut self,
        t: &Table<'_>,
        raw: Option<&Spot<Span>>,
        default: Duration,
    ) -> Duration {
        let Some(raw) = raw else { return default };
        parse(&raw.0).unwrap_or_else(|| {
            let message = format!("`{}` is not a duration", raw.0);
            self.error(t, raw.span(), message)
                .label("wanted a number and a unit")
                .help("write `500ms`, `2s`, `5m`, `8h` or `30d`");
            default
        })
    }

    /// A duration that may not be zero.
    pub(super) fn period(
        &mut self,
        t: &Table<'_>,
        raw: Option<&Spot<Span>>,
        default: Duration,
    ) -> Duration {
        let period = self.duration(t, raw, default);
        if let Some(raw) = raw.filter(|_| period.is_zero()) {
            self.error(t, raw.span(), "a period of zero never ends")
                .label("must be more than zero");
            return default;
        }
        period
    }

    /// A unit of measure.
    pub(super) fn unit(&mut self, t: &Table<'_>, raw: Option<&Spot<String>>) -> Option<Ucum> {
        let raw = raw?;
        Ucum::parse(raw)
            .map_err(|error| {
                self.error(t, raw.span(), format!("`{}` is not a unit: {error}", **raw))
                    .label("wanted a UCUM code")
                    .help("UCUM codes are `Cel`, `kg`, `N.m`, `kPa`, `/min`, `%`, `1`");
            })
            .ok()
    }

    /// A number that is one.
    pub(super) fn finite(&mut self, t: &Table<'_>, raw: Option<&Spot<f64>>) -> Option<f64> {
        let raw = raw?;
        if raw.is_finite() {
            return Some(**raw);
        }
        self.error(t, raw.span(), "a limit must be a finite number").label("not finite");
        None
    }

    /// Limits whose lower one is the lower.
    pub(super) fn limits(
        &mut self,
        t: &Table<'_>,
        low: Option<&Spot<f64>>,
        high: Option<&Spot<f64>>,
    ) -> (Option<f64>, Option<f64>) {
        let limits = (self.finite(t, low), self.finite(t, high));
        if let ((Some(l), Some(h)), Some(raw)) = (limits, high)
            && l > h
        {
            self.error(t, raw.span(), format!("`high` is {h}, below `low`, which is {l}"))
                .label("lower than `low`");
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_has_a_unit() {
        assert_eq!(parse("150ms"), Some(Duration::from_millis(150)));
        assert_eq!(parse("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(parse("5m"), Some(Duration::from_mins(5)));
        assert_eq!(parse("30d"), Some(Duration::from_hours(720)));
        for bad in ["", "5", "s", "-1s", "+1s", "1 s", "1e3s", "1min", "1S", "inf s", "99999999d"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
