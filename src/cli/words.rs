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

fn rounded(number: f64) -> String {
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
