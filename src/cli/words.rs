//! Times and numbers as people read them; JSON and CSV keep every digit.
use serde_json::Value;

/// Significant digits of a number: what a 32-bit float of a PLC can hold is 7.
const DIGITS: usize = 6;

/// A time to the millisecond, so that times stand below each other.
pub(super) fn time(text: &str) -> String {
    let Some(whole) = text.strip_suffix('Z') else { return text.to_owned() };
    let (seconds, fraction) = whole.split_once('.').unwrap_or((whole, ""));
    format!("{seconds}.{fraction:0<3.3}Z")
}

/// A number to six significant digits; what is no number as it stands.
pub(super) fn number(value: &Value) -> String {
    match value.as_f64() {
        Some(number) if value.is_f64() => rounded(number),
        _ => value.to_string(),
    }
}

/// An amount with its unit.
pub(super) fn amount(amount: &Value) -> String {
    let value = amount.get("value").map(number).unwrap_or_default();
    let unit = amount.get("unit").and_then(Value::as_str).unwrap_or_default();
    format!("{value} {unit}").trim_end().to_owned()
}

/// What came of a lot, where it went, and what is missing, on one line.
pub(super) fn balance(of: &Value) -> String {
    let unit = of.get("unit").and_then(Value::as_str).unwrap_or_default();
    let figure = |key: &str| {
        let value = of.get(key).filter(|value| !value.is_null()).map(number)?;
        Some(format!("{} {}", key.replace('_', " "), format!("{value} {unit}").trim_end()))
    };
    let keys = ["received", "returned", "consumed", "scrapped", "shipped"];
    let told = |key: &&&str| of.get(**key).and_then(Value::as_f64).is_some_and(|x| x != 0.0);
    let mut figures: Vec<String> = keys.iter().filter(told).filter_map(|key| figure(key)).collect();
    figures.extend(["in_stock", "unaccounted"].iter().filter_map(|key| figure(key)));
    let untold = of.get("untold").and_then(Value::as_u64).unwrap_or(0);
    figures.extend((untold > 0).then(|| format!("{untold} times without an amount")));
    figures.join(", ")
}

/// Seconds as people say them.
pub(super) fn lasted(seconds: f64) -> String {
    match seconds {
        _ if seconds < 120.0 => format!("{seconds:.0} s"),
        _ if seconds < 7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}

pub(super) fn rounded(number: f64) -> String {
    let exact = format!("{number}");
    let rough = format!("{number:.*e}", DIGITS.saturating_sub(1));
    let near = rough.parse::<f64>().map(|n| format!("{n}")).unwrap_or_default();
    if !near.is_empty() && near.len() < exact.len() { near } else { exact }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_three_places_whatever_it_came_with() {
        assert_eq!(time("2026-11-23T01:38:16.903923351Z"), "2026-11-23T01:38:16.903Z");
        assert_eq!(time("2026-11-23T01:38:16.9Z"), "2026-11-23T01:38:16.900Z");
        assert_eq!(time("2026-11-23T01:38:16Z"), "2026-11-23T01:38:16.000Z");
        assert_eq!(time(""), "");
    }

    #[test]
    fn a_balance_says_what_is_known_and_what_was_not_told() {
        let told = serde_json::json!({
            "unit": "kg", "received": 25.0, "returned": 0.0, "consumed": 20.5, "scrapped": 0.0, "shipped": 0.0,
            "in_stock": 4.0, "unaccounted": 0.5, "untold": 0,
        });
        let wanted = "received 25 kg, consumed 20.5 kg, in stock 4 kg, unaccounted 0.5 kg";
        assert_eq!(balance(&told), wanted);
        let open =
            serde_json::json!({ "unit": null, "received": 7.0, "in_stock": null, "untold": 3 });
        assert_eq!(balance(&open), "received 7, 3 times without an amount");
    }

    #[test]
    fn a_float_of_a_plc_is_read_as_it_was_meant() {
        let of = |value: Value| number(&value);
        assert_eq!(of(serde_json::json!(12.064_000_129_699_709)), "12.064");
        assert_eq!(of(serde_json::json!(702.0)), "702");
        assert_eq!(of(serde_json::json!(1_234_567.0)), "1234567");
        assert_eq!(of(serde_json::json!(32.035)), "32.035");
        assert_eq!(of(serde_json::json!(4_294_967_295_u64)), "4294967295");
        assert_eq!(of(serde_json::json!("1")), "\"1\"");
    }
}
