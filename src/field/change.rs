//! How far a value must move until it is told again, where the device does not see to it. Pure.
//!
//! What lies between two values that were told is by declaration not recorded. It is the absolute
//! deadband of OPC UA (Part 4 §7.22.2): measured from the value that was told last, not from the one that
//! came last, so that a slow drift is told too.
use crate::model::Value;

/// Whether `now` is more than `width` away from `last`, the value that was told last. Only numbers, and
/// lists of as many of them, lie near each other; whatever else is not the same has moved.
pub(super) fn moved(last: &Value, now: &Value, width: f64) -> bool {
    match (last, now) {
        (Value::List(last), Value::List(now)) if last.len() == now.len() => {
            last.iter().zip(now).any(|(last, now)| moved(last, now, width))
        }
        (last, now) => match (amount(last), amount(now)) {
            (Some(last), Some(now)) => (now - last).abs() > width,
            _ => last != now,
        },
    }
}

/// A finite number; a bit that turns over is never near what it was.
fn amount(value: &Value) -> Option<f64> {
    if let Value::Bool(_) = value { None } else { value.number() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What is told of a series.
    fn told(series: &[f64], width: f64) -> Vec<f64> {
        let mut told: Vec<f64> = Vec::new();
        for now in series {
            let near = |last: &f64| !moved(&Value::Real(*last), &Value::Real(*now), width);
            if !told.last().is_some_and(near) {
                told.push(*now);
            }
        }
        told
    }

    proptest! {
        /// Whoever knows what was told knows every value of the series but for the width, and is told no
        /// two that lie nearer than that.
        #[test]
        fn what_was_told_is_never_further_away_than_the_width(
            series in prop::collection::vec(-50i32..50, 1..80),
            width in 0i32..20,
        ) {
            let series: Vec<f64> = series.into_iter().map(f64::from).collect();
            let width = f64::from(width);
            let told = told(&series, width);
            let mut rest = told.iter().copied().peekable();
            let mut known = rest.next().unwrap();
            prop_assert!(known.to_bits() == series[0].to_bits(), "the first is always told");
            for now in &series {
                // Whichever of both it is: a value may come again between.
                if (known - now).abs() > width {
                    known = rest.next().unwrap();
                    prop_assert!(known.to_bits() == now.to_bits(), "{known} is told, {now} has moved");
                }
            }
            prop_assert!(rest.next().is_none(), "more is told than has moved: {told:?}");
        }
    }

    #[test]
    fn only_numbers_lie_near_each_other() {
        let list = |list: &[f64]| Value::List(list.iter().map(|r| Value::Real(*r)).collect());
        for (last, now) in [
            (Value::Int(3), Value::UInt(4)),
            (Value::Real(3.0), Value::Real(4.0)),
            (list(&[1.0, 2.0]), list(&[2.0, 1.0])),
        ] {
            assert!(!moved(&last, &now, 1.0) && moved(&last, &now, 0.5), "{last} {now}");
        }
        for (last, now) in [
            (Value::Bool(false), Value::Bool(true)),
            (Value::text("a"), Value::text("b")),
            (Value::Empty, Value::Int(0)),
            (Value::Int(0), Value::Real(f64::NAN)),
            (list(&[1.0]), list(&[1.0, 1.0])),
            (list(&[1.0, 1.0]), list(&[1.0, 9.0])),
        ] {
            assert!(moved(&last, &now, 5.0), "{last} {now}");
        }
        assert!(!moved(&Value::text("a"), &Value::text("a"), 0.0));
    }
}
