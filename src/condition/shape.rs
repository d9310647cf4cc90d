//! How values go together: a correlation matrix, and vectors seen by it.
use super::quadrature::solve;

/// A member that the others before it tell to such a share of its variance says the same as they do.
const ALIKE: f64 = 1e-6;

/// The Cholesky factor of a correlation matrix: what is made of it has members that do not depend on each other, each with a
/// standard deviation of 1.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    /// Lower triangle, by rows.
    factor: Vec<Vec<f64>>,
    /// The diagonal of the inverse of the matrix.
    inverse: Vec<f64>,
}

impl Shape {
    /// Of the correlations below the diagonal, by rows; `None` where members are linear functions of each other, or there are
    /// numbers that are none.
    pub(super) fn new(members: usize, correlations: &[f64]) -> Option<Self> {
        let mut below = correlations.iter().copied();
        let mut factor: Vec<Vec<f64>> = Vec::new();
        for i in 0..members {
            let mut row: Vec<f64> = Vec::new();
            for before in &factor {
                let known: f64 = before.iter().zip(&row).map(|(a, b)| a * b).sum();
                row.push((below.next()? - known) / before.last()?);
            }
            let rest = 1.0 - row.iter().map(|a| a * a).sum::<f64>();
            if rest.is_nan() || rest <= ALIKE {
                return None;
            }
            row.push(rest.sqrt());
            debug_assert_eq!(row.len(), i + 1);
            factor.push(row);
        }
        let mut shape = Self { factor, inverse: Vec::new() };
        shape.inverse = (0..members)
            .map(|of| {
                let unit: Vec<f64> = (0..members).map(|i| f64::from(u8::from(i == of))).collect();
                shape.whiten(&unit).iter().map(|y| y * y).sum()
            })
            .collect();
        Some(shape)
    }

    /// What a vector of standard deviations is, seen by how they go together: independent, and of variance 1 each.
    pub(super) fn whiten(&self, z: &[f64]) -> Vec<f64> {
        let mut white: Vec<f64> = Vec::with_capacity(z.len());
        for (row, z) in self.factor.iter().zip(z) {
            let known: f64 = row.iter().zip(&white).map(|(a, y)| a * y).sum();
            white.push((z - known) / row.last().copied().unwrap_or(1.0));
        }
        white
    }

    /// Back again.
    pub(super) fn unwhiten(&self, white: &[f64]) -> Vec<f64> {
        self.factor.iter().map(|row| row.iter().zip(white).map(|(a, y)| a * y).sum()).collect()
    }

    /// How far each member lies from what all others let expect, in standard deviations of that.
    pub(super) fn given_others(&self, white: &[f64]) -> Vec<f64> {
        let columns: Vec<Vec<f64>> = (0..white.len())
            .rev()
            .map(|i| {
                self.factor.iter().rev().map(|row| row.get(i).copied().unwrap_or(0.0)).collect()
            })
            .collect();
        // The transposed factor, with the last member first: a lower triangle again.
        let right = white.iter().rev().copied().collect();
        let solved = solve(columns, right);
        let far = solved.iter().rev().zip(&self.inverse);
        far.map(|(a, inverse)| a / inverse.sqrt()).collect()
    }

    /// The inverse of the matrix.
    pub(super) fn inverse(&self) -> Vec<Vec<f64>> {
        let of = |at: usize| -> Vec<f64> {
            let unit: Vec<f64> =
                (0..self.factor.len()).map(|i| f64::from(u8::from(i == at))).collect();
            self.whiten(&unit)
        };
        let columns: Vec<Vec<f64>> = (0..self.factor.len()).map(of).collect();
        let times = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        columns.iter().map(|a| columns.iter().map(|b| times(a, b)).collect()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(found: &[f64], wanted: &[f64]) {
        assert_eq!(found.len(), wanted.len());
        for (a, b) in found.iter().zip(wanted) {
            assert!((a - b).abs() < 1e-12, "{found:?}, not {wanted:?}");
        }
    }

    #[test]
    fn of_two_members_all_is_as_by_hand() {
        let shape = Shape::new(2, &[0.6]).unwrap();
        let white = shape.whiten(&[1.0, 2.0]);
        close(&white, &[1.0, (2.0 - 0.6) / 0.8]);
        close(&shape.unwhiten(&white), &[1.0, 2.0]);
        close(&shape.given_others(&white), &[(1.0 - 0.6 * 2.0) / 0.8, (2.0 - 0.6) / 0.8]);
        let [a, b] = &shape.inverse()[..] else { panic!() };
        close(a, &[1.0 / 0.64, -0.6 / 0.64]);
        close(b, &[-0.6 / 0.64, 1.0 / 0.64]);
    }

    #[test]
    fn members_that_say_the_same_or_are_sums_of_others_have_no_shape() {
        assert!(Shape::new(2, &[1.0]).is_none() && Shape::new(2, &[-1.0]).is_none());
        let half = 0.5_f64.sqrt();
        assert!(Shape::new(3, &[0.0, half, half]).is_none(), "the third is the sum of two");
        assert!(Shape::new(2, &[f64::NAN]).is_none() && Shape::new(2, &[1.5]).is_none());
        assert!(Shape::new(2, &[0.999]).is_some());
    }
}
