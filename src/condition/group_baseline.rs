//! What is normal of a group: centre, spread and autocorrelation of each member, and how they go together.
use super::baseline::{self, Accepted, LEARN_MAX, NotYet, PHI_MAX};
use super::quadrature::solve;
use super::shape::Shape;
use crate::model::{Baseline, GroupMember, MonitorId, Together};

/// Fewer vectors than this do not tell how members go together, whatever the plant file wants.
pub(super) const LEARN_MIN: u32 = 100;
/// Of so many vectors at least the one before must be known as well.
const PAIRS_MIN: usize = 50;
/// Autocorrelations that differ by no more than so many times their error, in squares, are one.
const SAME: f64 = 3.0;

/// The baseline of these vectors: that of each member by itself, as far as it goes, then all of them together. What is far off in one
/// member is left out in all.
pub(super) fn estimate(
    vectors: &[Vec<f64>],
    members: &[MonitorId],
    version: u32,
) -> Result<Baseline, NotYet> {
    let columns: Vec<Vec<f64>> = (0..members.len())
        .map(|of| vectors.iter().filter_map(|vector| vector.get(of).copied()).collect())
        .collect();
    let alone: Vec<Baseline> = columns
        .iter()
        .map(|column| baseline::estimate(column, version))
        .collect::<Result<_, _>>()?;
    let accepted: Vec<Accepted> = columns.iter().map(|column| baseline::accepted(column)).collect();
    let near = |vector: &Vec<f64>| vector.iter().zip(&accepted).all(|(x, near)| near.contains(*x));
    let deviations: Vec<Option<Vec<f64>>> = vectors
        .iter()
        .map(|vector| {
            let of = vector.iter().zip(&alone).map(|(x, alone)| x - alone.centre_line);
            near(vector).then(|| of.collect())
        })
        .collect();
    let pairs = Pairs(
        deviations
            .iter()
            .zip(deviations.iter().skip(1))
            .filter_map(|(before, after)| Some((before.as_deref()?, after.as_deref()?)))
            .collect(),
    );
    if pairs.0.len() < PAIRS_MIN {
        return Err(NotYet::Unstable);
    }
    let n = deviations.iter().flatten().count();
    let phi = pairs.autocorrelations(alone.iter().map(|alone| alone.phi).collect())?;
    let floors: Vec<f64> =
        accepted.iter().map(|accepted| accepted.resolution.powi(2) / 12.0).collect();
    let (sigma, correlations) = pairs.spreads(&phi, &floors);
    Shape::new(members.len(), &correlations).ok_or(NotYet::Alike)?;
    let member =
        |(monitor, alone): (&MonitorId, &Baseline), (phi, sigma): (&f64, &f64)| GroupMember {
            monitor: monitor.clone(),
            centre_line: alone.centre_line,
            sigma: sigma / (1.0 - phi * phi).sqrt(),
            phi: *phi,
        };
    let of = members.iter().zip(&alone).zip(phi.iter().zip(&sigma));
    let members: Vec<GroupMember> = of.map(|(name, found)| member(name, found)).collect();
    let numbers = members.iter().flat_map(|of| [of.centre_line, of.sigma, of.phi]);
    if !numbers.chain(correlations.iter().copied()).all(f64::is_finite) {
        return Err(NotYet::Unstable);
    }
    let p = count(members.len());
    Ok(Baseline {
        centre_line: p,
        sigma: (2.0 * p).sqrt(),
        phi: 0.0,
        n: u32::try_from(n).unwrap_or(LEARN_MAX),
        version,
        spread: None,
        group: Some(Box::new(Together { members, correlations })),
    })
}

/// Deviations of vectors from their centre, each with that of the one before it.
struct Pairs<'a>(Vec<(&'a [f64], &'a [f64])>);

impl Pairs<'_> {
    /// The likeliest autocorrelations of all members at once (Zellner, Journal of the American Statistical Association 57, 1962):
    /// where members go closely together, an error of the one that is not the other's would look as if they did not. They are
    /// one, or nearer to each other, as far as they differ by no more than their errors (James & Stein 1961).
    fn autocorrelations(&self, mut phi: Vec<f64>) -> Result<Vec<f64>, NotYet> {
        let n = count(self.0.len());
        for _ in 0..2 {
            let (sigma, correlations) = self.spreads(&phi, &vec![0.0; phi.len()]);
            let shape = Shape::new(phi.len(), &correlations).ok_or(NotYet::Alike)?;
            phi = self.likeliest(&shape.inverse(), &sigma);
        }
        // What a short stretch lacks (Kendall 1954).
        let whole = |phi: &f64| (phi + (1.0 + 3.0 * phi) / n).clamp(-PHI_MAX, PHI_MAX);
        let phi: Vec<f64> = phi.iter().map(whole).collect();
        let p = count(phi.len());
        let mean = phi.iter().sum::<f64>() / p;
        let apart = phi.iter().map(|phi| (phi - mean).powi(2)).sum::<f64>() / (p - 1.0);
        let error = (1.0 - mean * mean) / n;
        let own = if apart > SAME * error { 1.0 - SAME * error / apart } else { 0.0 };
        Ok(phi.iter().map(|phi| mean + own * (phi - mean)).collect())
    }

    fn likeliest(&self, inverse: &[Vec<f64>], sigma: &[f64]) -> Vec<f64> {
        let mut matrix = vec![vec![0.0; sigma.len()]; sigma.len()];
        let mut right = vec![0.0; sigma.len()];
        for (before, after) in &self.0 {
            let rows = matrix.iter_mut().zip(&mut right).zip(inverse);
            for (((row, right), inverse), (x, s)) in rows.zip(before.iter().zip(sigma)) {
                let others = before.iter().zip(*after).zip(inverse.iter().zip(sigma));
                for (to, ((other, after), (inverse, t))) in row.iter_mut().zip(others) {
                    let weight = inverse * (x / s);
                    *to += weight * (other / t);
                    *right += weight * (after / t);
                }
            }
        }
        solve(matrix, right)
    }

    /// Standard deviations and correlations of what is left of a member when the value before is known. Of coarse values none is
    /// nearer than to half a step.
    fn spreads(&self, phi: &[f64], floors: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let mut squares = vec![vec![0.0; phi.len()]; phi.len()];
        for (before, after) in &self.0 {
            let rest =
                after.iter().zip(*before).zip(phi).map(|((x, before), phi)| x - phi * before);
            let rest: Vec<f64> = rest.collect();
            for (row, a) in squares.iter_mut().zip(&rest) {
                row.iter_mut().zip(&rest).for_each(|(to, b)| *to += a * b);
            }
        }
        let n = count(self.0.len()) - 2.0;
        let own = squares.iter().enumerate().zip(floors);
        let own =
            own.map(|((i, row), floor)| row.get(i).map_or(0.0, |squares| squares / n + floor));
        let sigma: Vec<f64> = own.map(f64::sqrt).collect();
        let below = squares.iter().zip(&sigma).enumerate().flat_map(|(i, (row, s))| {
            row.iter().zip(&sigma).take(i).map(move |(square, t)| square / n / s / t)
        });
        let below = below.collect();
        (sigma, below)
    }
}

#[expect(clippy::cast_precision_loss, reason = "at most as many as are learned from")]
fn count(n: usize) -> f64 {
    n as f64
}
