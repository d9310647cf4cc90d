//! Integrals and linear equations of the run lengths of charts.
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
