//! Time: instants, the two clocks of an input, event time with its uncertainty, intervals.
//!
//! Nanoseconds inside, UTC; zones, shifts and production days only in plant files and display.
use minicbor::{Decode, Encode};

/// Nanoseconds since the Unix epoch, UTC.
///
/// Which clock it was read on is in the name of the field: `source` (the device that measured, OPC UA
/// `SourceTimestamp`), `server` (the server that delivered, `ServerTimestamp`), `receive` (ours).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Utc(#[n(0)] pub i64);

impl serde::Serialize for Utc {
    /// RFC 3339 with as many digits as the instant has.
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(t) => s.collect_str(&t),
            Err(_) => s.serialize_i64(self.0),
        }
    }
}

/// Nanoseconds on our monotonic clock since the daemon began; delays and deadlines use it, a step
/// of the wall clock does not touch it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Encode, Decode)]
#[cbor(transparent)]
pub struct Monotonic(#[n(0)] pub u64);

impl Monotonic {
    /// This much later.
    #[must_use]
    pub fn plus(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Utc {
    /// This much later.
    #[must_use]
    pub fn plus(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// This much earlier.
    #[must_use]
    pub fn minus(self, by: std::time::Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_nanos()).unwrap_or(i64::MAX)))
    }

    /// The year of the calendar in which this is.
    pub fn year(self) -> i16 {
        let time = jiff::Timestamp::from_nanosecond(i128::from(self.0)).unwrap_or_default();
        time.to_zoned(jiff::tz::TimeZone::UTC).year()
    }

    /// How long after `earlier` this is; zero if it is not after.
    pub fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_nanos(
            u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0),
        )
    }
}

impl std::str::FromStr for Utc {
    type Err = String;

    /// RFC 3339, `2026-11-23T06:00:00Z`.
    fn from_str(text: &str) -> Result<Self, String> {
        let told: Result<jiff::Timestamp, _> = text.parse();
        let told = told.map_err(|why| format!("{why}; a time is `2026-11-23T06:00:00Z`"))?;
        let ns = i64::try_from(told.as_nanosecond());
        ns.map(Self).map_err(|_| format!("`{text}` is too far away"))
    }
}

impl<'de> serde::Deserialize<'de> for Utc {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

impl std::fmt::Display for Utc {
    /// RFC 3339 with milliseconds, `2026-11-22T08:41:10.250Z`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{} ns", self.0),
        }
    }
}

/// When an input was stepped, on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
#[cbor(map)]
pub struct At {
    /// For delays and deadlines.
    #[n(0)]
    pub monotonic: Monotonic,
    /// For people.
    #[n(1)]
    pub wall: Utc,
}

/// When something happened in the plant, as well as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Encode, Decode)]
#[cbor(map)]
pub struct EventTime {
    /// The source's time; receive time where the source has none.
    #[n(0)]
    pub at: Utc,
    /// It may have been this many nanoseconds earlier or later.
    #[n(1)]
    pub uncertainty_ns: u64,
}

impl EventTime {
    /// It was not before.
    pub fn earliest(&self) -> Utc {
        Utc(self.at.0.saturating_sub_unsigned(self.uncertainty_ns))
    }
}

/// From an instant to another, or still going on.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cbor(map)]
pub struct Interval {
    /// Begin, inclusive.
    #[n(0)]
    pub from: Utc,
    /// End, inclusive; `None` while it lasts.
    #[n(1)]
    pub to: Option<Utc>,
}

impl Interval {
    /// Whether the two share more than a common end: what ends exactly when the other begins does
    /// not overlap it. An instant inside the other does.
    pub fn overlaps(self, other: Self) -> bool {
        let before = |end: Option<Utc>, begin: Utc, instant: bool| match end {
            Some(end) => end > begin || (instant && end == begin),
            None => true,
        };
        let instant = |i: Self| i.to == Some(i.from);
        let any = instant(self) || instant(other);
        before(self.to, other.from, any) && before(other.to, self.from, any)
    }

    /// Whether an instant lies in it; its end is the first that does not.
    pub fn contains(self, instant: Utc) -> bool {
        self.from <= instant && self.to.is_none_or(|to| instant < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn i(from: i64, to: Option<i64>) -> Interval {
        Interval { from: Utc(from), to: to.map(Utc) }
    }

    #[test]
    fn intervals_that_only_touch_do_not_overlap() {
        assert!(!i(0, Some(5)).overlaps(i(5, Some(9))));
        assert!(i(0, Some(6)).overlaps(i(5, Some(9))));
        assert!(i(0, None).overlaps(i(5, Some(9))));
        assert!(!i(10, None).overlaps(i(5, Some(9))));
        assert!(i(7, Some(7)).overlaps(i(5, Some(9))));
    }

    #[test]
    fn an_instant_is_shown_in_utc_to_the_millisecond() {
        assert_eq!(Utc(1_485_957_575_171_875_000).to_string(), "2017-02-01T13:59:35.171Z");
    }
}
