//! Comparing the numbers of a PLC in their own width: 16-bit counters wrap within a shift.
use crate::model::{HandshakeNumber, Value};

/// How a number stands to the one last committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Distance {
    /// The same request.
    Same,
    /// A later one; so many in between were not seen.
    Forward {
        /// Numbers in between.
        skipped: u64,
    },
    /// It fell: the PLC began anew.
    Fell,
}

/// The number that a counter of `bits` bits (1–64) shows. A signed word counts on below zero.
pub(super) fn number(value: &Value, bits: u8) -> Option<HandshakeNumber> {
    let below = || value.integer().map(|i| i.cast_unsigned() & mask(bits));
    value.count().or_else(below).map(HandshakeNumber)
}

pub(super) fn mask(bits: u8) -> u64 {
    if bits >= 64 { u64::MAX } else { (1 << bits) - 1 }
}

/// The number that comes so many after another in a counter of `bits` bits.
pub(super) fn after(number: HandshakeNumber, by: u64, bits: u8) -> HandshakeNumber {
    HandshakeNumber(number.0.wrapping_add(by) & mask(bits))
}

/// A number as a counter of `bits` bits holds it.
pub(super) fn value(number: HandshakeNumber, bits: u8, signed: bool) -> Value {
    let number = number.0 & mask(bits);
    let negative = number > mask(bits) / 2;
    match (signed, negative) {
        (true, true) => Value::Int((number | !mask(bits)).cast_signed()),
        (true, false) => Value::Int(number.cast_signed()),
        (false, _) => Value::UInt(number),
    }
}

/// How far back `number` lies behind `head` in a counter of `bits` bits.
pub(super) fn behind(head: HandshakeNumber, number: HandshakeNumber, bits: u8) -> u64 {
    head.0.wrapping_sub(number.0) & mask(bits)
}

/// Modular distance from `committed` to `number` in a counter of `bits` bits (1–64): less than half
/// the range is forward, the rest is a fall.
pub(super) fn distance(committed: u64, number: u64, bits: u8) -> Distance {
    let mask = mask(bits);
    match number.wrapping_sub(committed) & mask {
        0 => Distance::Same,
        d if d <= mask / 2 => Distance::Forward { skipped: d - 1 },
        _ => Distance::Fell,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_signed_counter_goes_on_below_zero() {
        let number = |i, bits| number(&Value::Int(i), bits).unwrap().0;
        assert_eq!(number(32_767, 16), 32_767);
        assert_eq!(number(-32_768, 16), 32_768);
        assert_eq!(number(-1, 32), u64::from(u32::MAX));
        assert_eq!(
            distance(number(32_767, 16), number(-32_768, 16), 16),
            Distance::Forward { skipped: 0 }
        );
        assert_eq!(distance(number(-1, 16), number(0, 16), 16), Distance::Forward { skipped: 0 });
        for (i, bits) in [(-1, 16), (-32_768, 16), (32_767, 16), (-2, 64), (7, 32)] {
            let number = HandshakeNumber(number(i, bits));
            assert_eq!(value(number, bits, true), Value::Int(i));
            assert_eq!(value(number, bits, false), Value::UInt(number.0));
        }
    }

    #[test]
    fn a_sixteen_bit_counter_wraps_and_does_not_fall() {
        assert_eq!(distance(65_535, 0, 16), Distance::Forward { skipped: 0 });
        assert_eq!(distance(65_530, 3, 16), Distance::Forward { skipped: 8 });
        assert_eq!(distance(90, 1, 16), Distance::Fell);
        assert_eq!(distance(7, 7, 32), Distance::Same);
    }

    proptest! {
        #[test]
        fn counting_on_from_any_number_is_forward(start: u64, by in 1..1000u64, bits in 12..=64u8) {
            let mask = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
            let (a, b) = (start & mask, start.wrapping_add(by) & mask);
            prop_assert_eq!(distance(a, b, bits), Distance::Forward { skipped: by - 1 });
            prop_assert_eq!(distance(b, a, bits), Distance::Fell);
        }
    }
}
