//! Sets of small numbers as bits.

/// Numbers below an end.
pub(super) fn bits(numbers: impl IntoIterator<Item = u32>, end: usize) -> Vec<u64> {
    let mut bits = vec![0; end.div_ceil(64)];
    for number in numbers {
        set(&mut bits, number);
    }
    bits
}

/// Puts in a number; whether it is a new one, and there is a word that has room for it.
pub(super) fn set(bits: &mut [u64], number: u32) -> bool {
    let bit = 1 << (number % 64);
    let Some(word) = bits.get_mut((number / 64) as usize) else { return false };
    let is_new = *word & bit == 0;
    *word |= bit;
    is_new
}

/// Whether a number is in.
pub(super) fn has(bits: &[u64], number: u32) -> bool {
    bits.get((number / 64) as usize).is_some_and(|word| word >> (number % 64) & 1 == 1)
}

/// How many are in both.
pub(super) fn common(one: &[u64], other: &[u64]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one & other).count_ones()).sum()
}

/// All of them, ascending.
pub(super) fn ones<'b>(bits: impl IntoIterator<Item = &'b u64>) -> impl Iterator<Item = u32> {
    bits.into_iter().zip(0..).flat_map(|(word, at): (&u64, u32)| {
        let rest = |word: &u64| Some(word & (word - 1)).filter(|rest| *rest > 0);
        let words = std::iter::successors(Some(*word).filter(|word| *word > 0), rest);
        words.map(move |word| at * 64 + word.trailing_zeros())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_in_is_there_once_and_in_order() {
        let mut some = bits([129, 0, 63, 0], 130);
        assert!(set(&mut some, 64) && !set(&mut some, 63) && !set(&mut some, 192));
        assert!(has(&some, 129) && !has(&some, 1) && !has(&some, 192));
        assert_eq!(ones(&some).collect::<Vec<_>>(), [0, 63, 64, 129]);
        assert_eq!(common(&some, &bits([63, 65, 129], 130)), 2);
    }
}
