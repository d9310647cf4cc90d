//! Numbers of any width, one after the other.

/// Appends to words, from the lowest bit of each on.
#[derive(Debug, Default)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// Appends the lowest bits of a number.
    pub(super) fn push(&mut self, value: u64, width: u32) {
        if width == 0 {
            return;
        }
        let value = lowest(value, width);
        let shift = self.len % 64;
        if shift == 0 {
            self.words.push(value);
        } else {
            if let Some(last) = self.words.last_mut() {
                *last |= value << shift;
            }
            if shift + width as usize > 64 {
                self.words.push(value >> (64 - shift));
            }
        }
        self.len += width as usize;
    }

    /// All that was appended.
    pub(super) fn done(self) -> Box<[u64]> {
        self.words.into_boxed_slice()
    }
}

/// So many of the lowest bits of a number, all of them at most.
pub(super) fn lowest(value: u64, width: u32) -> u64 {
    value & u64::MAX.checked_shr(64 - width).unwrap_or(0)
}

/// The number of a width that begins at a bit.
pub(super) fn read(words: &[u64], at: usize, width: u32) -> u64 {
    let (word, shift) = (at / 64, at % 64);
    let low = words.get(word).map_or(0, |word| word >> shift);
    let high = if shift + width as usize > 64 {
        words.get(word + 1).map_or(0, |word| word << (64 - shift))
    } else {
        0
    };
    lowest(low | high, width)
}

/// Bits that a number needs.
pub(super) fn width(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}
