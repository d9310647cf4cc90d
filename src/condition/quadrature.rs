//! Integrals, linear equations and roots of the run lengths of charts.
use std::f64::consts::PI;
use std::sync::LazyLock;

/// Beyond so many standard deviations nothing of a normal distribution is counted.
const TAIL: f64 = 9.0;

/// Nodes and weights of Gauss–Legendre quadrature over −1 to 1, by Newton's method.
pub(super) fn legendre(count: u32) -> Vec<(f64, f64)> {
    let n = f64::from(count);
    (0..count)
        .map(|i| {
            let mut x = (PI * (f64::from(i) + 0.75) / (n + 0.5)).cos();
            let mut slope = 1.0;
            for _ in 0..8 {
                let (mut before, mut p) = (1.0, x);
                for k in 2..=count {
                    let k = f64::from(k);
                    (before, p) = (p, ((2.0 * k - 1.0) * x * p - (k - 1.0) * before) / k);
                }
                slope = n * (x * p - before) / (x * x - 1.0);
                x -= p / slope;
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
        .collect()
}

/// Solves `matrix · x = right` for a matrix whose rows are diagonally dominant, as those of `I − K` are
/// for a kernel `K` of probabilities: elimination needs no pivots.
#[expect(clippy::indexing_slicing, reason = "the matrix is square and as high as the right side")]
pub(super) fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Vec<f64> {
    let m = right.len();
    for k in 0..m {
        let (above, below) = matrix.split_at_mut(k + 1);
        let pivot = &above[k];
        for (offset, row) in below.iter_mut().enumerate() {
            let factor = row[k] / pivot[k];
            if factor.abs() > 0.0 {
                for (to, from) in row.iter_mut().zip(pivot).skip(k) {
                    *to -= factor * from;
                }
                right[k + 1 + offset] -= factor * right[k];
            }
        }
    }
    for k in (0..m).rev() {
        let known: f64 = (k + 1..m).map(|j| matrix[k][j] * right[j]).sum();
        right[k] = (right[k] - known) / matrix[k][k];
    }
    right
}

/// Where something that falls from 0 on comes down to `wanted`, to a part in 10¹², and at most `max`: by false position on
/// logarithms (Dowell & Jarratt, BIT 11, 1971), since shares of charts that have alarmed fall nearly exponentially.
pub(super) fn where_it_falls(wanted: f64, max: f64, of: impl Fn(f64) -> f64) -> f64 {
    // Below 0 where it has fallen; what is no number has.
    let above = |x: f64| (of(x) / wanted).ln().clamp(-700.0, 700.0);
    let (mut low, mut at_low) = (0.0, above(0.0));
    if at_low.is_nan() || at_low <= 0.0 {
        return 0.0;
    }
    let (mut high, mut at_high) = (1.0, above(1.0));
    while at_high > 0.0 {
        if high >= max {
            return max;
        }
        (low, at_low) = (high, at_high);
        high = (2.0 * high).min(max);
        at_high = above(high);
    }
    // Which end the last one took the place of: an end that stays twice counts half.
    let mut was_low = None;
    while high - low > 1e-12 * high {
        let middle = 0.5 * (low + high);
        let guess = (low * at_high - high * at_low) / (at_high - at_low);
        let x = if guess > low && guess < high { guess } else { middle };
        let at_x = above(x);
        let is_low = at_x > 0.0;
        let again = was_low == Some(is_low);
        if is_low {
            (low, at_low) = (x, at_x);
            at_high *= if again { 0.5 } else { 1.0 };
        } else {
            (high, at_high) = (x, at_x);
            at_low *= if again { 0.5 } else { 1.0 };
        }
        if at_x.abs() < 1e-13 {
            return x;
        }
        was_low = Some(is_low);
    }
    0.5 * (low + high)
}

/// A table of values at 0, 1, 2 … by cubic interpolation, from 0 to its last place; of four values or more.
#[expect(clippy::indexing_slicing, reason = "the first of four points is at most its length - 4")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a small index that is not negative"
)]
pub(super) fn interpolated(table: &[f64], x: f64) -> f64 {
    let first = (x as usize).saturating_sub(1).min(table.len() - 4);
    let t = x - first as f64;
    let at = |offset: usize| table[first + offset];
    -at(0) * (t - 1.0) * (t - 2.0) * (t - 3.0) / 6.0 + at(1) * t * (t - 2.0) * (t - 3.0) / 2.0
        - at(2) * t * (t - 1.0) * (t - 3.0) / 2.0
        + at(3) * t * (t - 1.0) * (t - 2.0) / 6.0
}

/// Density of the normal distribution.
pub(super) fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / (2.0 * PI).sqrt()
}

/// Share of a normal distribution below `x`, with a relative error below 1e-12 down to −9, where it is 1e-19.
pub(super) fn below(x: f64) -> f64 {
    if x > 0.0 {
        return 1.0 - below(-x);
    }
    let half = 0.5 * TAIL;
    let nodes = NODES.iter();
    nodes.map(|(y, weight)| half * weight * density(x + half * (y - 1.0))).sum()
}

static NODES: LazyLock<Vec<(f64, f64)>> = LazyLock::new(|| legendre(32));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_falls_is_found_where_it_comes_down_to_what_is_wanted() {
        let close = |found: f64, x: f64| assert!((found - x).abs() <= 1e-10 * x, "{found} {x}");
        for x in [1e-3_f64, 0.3, 1.0, 7.5, 300.0] {
            close(where_it_falls((-x).exp(), 1e4, |at| (-at).exp()), x);
            close(where_it_falls(1.0 / (1.0 + x), 1e4, |at| 1.0 / (1.0 + at)), x);
        }
        assert!(where_it_falls(0.5, 40.0, |_| 0.4).abs() < 1e-300, "it never was above");
        assert!((where_it_falls(0.5, 40.0, |_| 0.6) - 40.0).abs() < 1e-300, "it never falls");
        assert!(where_it_falls(0.5, 40.0, |_| f64::NAN).abs() < 1e-300, "it is no number");
    }

    #[test]
    fn a_polynomial_of_third_order_is_interpolated_exactly() {
        let of = |x: f64| 2.0 - x + 0.5 * x * x - 0.25 * x * x * x;
        let table: Vec<f64> = (0..7).map(|x| of(f64::from(x))).collect();
        for x in [0.0, 0.4, 1.0, 2.7, 5.5, 6.0] {
            assert!((interpolated(&table, x) - of(x)).abs() < 1e-11, "{x}");
        }
    }

    #[test]
    fn shares_of_the_normal_distribution_are_those_of_the_books() {
        let known = [
            (0.0, 0.5),
            (-1.0, 0.158_655_253_931_457),
            (-3.0, 1.349_898_031_630e-3),
            (-6.0, 9.865_876_450_377e-10),
            (1.0, 0.841_344_746_068_543),
        ];
        for (x, share) in known {
            assert!((below(x) / share - 1.0).abs() < 1e-11, "{x}: {}", below(x));
        }
    }
}
