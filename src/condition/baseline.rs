//! What is normal: a centre, a spread and an autocorrelation, learned from the first values.
use super::variance::root;
use crate::model::{Baseline, Spread};

/// Fewer values than this say nothing about an autocorrelation, whatever the plant file wants.
pub(super) const LEARN_MIN: u32 = 30;
/// More are not kept.
pub(super) const LEARN_MAX: u32 = 10_000;

/// Values farther from the median are not learned from, in robust standard deviations.
const OUTLIER: f64 = 4.5;
/// The two halves of what is learned may differ so far, in standard errors: one stationary stretch in
/// 15 000 is refused.
const HALVES: f64 = 4.0;
/// Autocorrelated values count for fewer; so many independent ones a centre needs.
const EFFECTIVE_MIN: f64 = 25.0;
/// A value so close to its predecessor wanders rather than varies.
pub(super) const PHI_MAX: f64 = 0.95;

/// Learns a baseline. It never learns a trend: while the older half differs from the newer one, the
/// older is forgotten and learning goes on; likewise while nothing varies.
#[derive(Debug, Clone)]
pub(super) struct Learning<T = f64> {
    values: Vec<T>,
    learn: usize,
    goal: usize,
}

/// Why a stretch of values is no baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotYet {
    /// It wanders, or it does not vary at all.
    Unstable,
    /// Of a group: members say the same.
    Alike,
    /// Too few values for how much they depend on each other.
    Short,
}

impl<T> Learning<T> {
    /// Learns from `learn` values.
    pub(super) fn new(learn: u32) -> Self {
        let learn = learn.clamp(LEARN_MIN, LEARN_MAX) as usize;
        Self { values: Vec::new(), learn, goal: learn }
    }

    /// It has seen nothing.
    pub(super) fn is_blank(&self) -> bool {
        self.values.is_empty()
    }

    /// Takes a value; what `estimate` says of all, once there are enough.
    pub(super) fn take(
        &mut self,
        x: T,
        estimate: impl FnOnce(&[T]) -> Result<Baseline, NotYet>,
    ) -> Option<Result<Baseline, NotYet>> {
        self.values.push(x);
        if self.values.len() < self.goal {
            return None;
        }
        let estimated = estimate(&self.values);
        match estimated {
            Ok(_) => {}
            Err(NotYet::Short) if self.goal < LEARN_MAX as usize => {
                self.goal = (2 * self.goal).min(LEARN_MAX as usize);
            }
            Err(NotYet::Short | NotYet::Unstable | NotYet::Alike) => {
                self.values.drain(..self.values.len() / 2);
                self.goal = self.learn.max(self.values.len() + self.learn / 2);
            }
        }
        Some(estimated)
    }
}

impl Learning {
    /// Takes a value; returns the baseline that it completes, as this version.
    pub(super) fn step(&mut self, x: f64, version: u32) -> Option<Baseline> {
        self.take(x, |values| estimate(values, version)).and_then(Result::ok)
    }
}

/// Median and MAD cast out what is far off; mean, residuals and lag-1 correlation of the rest are the
/// baseline: with 50 values the efficient estimators err by a third less than the robust ones.
pub(super) fn estimate(values: &[f64], version: u32) -> Result<Baseline, NotYet> {
    let accepted = accepted(values);
    let (older, newer) = values.split_at(values.len() / 2);
    let [whole, older, newer] = [values, older, newer].map(|part| fit(part, &accepted));
    let whole = whole.ok_or(NotYet::Unstable)?;
    if whole.n * 5.0 < count(values.len()) * 4.0 {
        return Err(NotYet::Unstable);
    }
    if let (Some(older), Some(newer)) = (older, newer) {
        let error = f64::hypot(older.error_of_centre(), newer.error_of_centre());
        if (newer.centre - older.centre).abs() > HALVES * error {
            return Err(NotYet::Unstable);
        }
    }
    let Fit { centre, phi, residual, n, spread } = whole;
    let effective = if phi > 0.0 { n * (1.0 - phi) / (1.0 + phi) } else { n };
    // Values near the greatest number have sums that are none.
    if ![centre, phi, residual].into_iter().all(f64::is_finite) {
        return Err(NotYet::Unstable);
    }
    if phi >= PHI_MAX || effective < EFFECTIVE_MIN {
        return Err(NotYet::Short);
    }
    let n = values.iter().filter(|x| accepted.contains(**x)).count();
    Ok(Baseline {
        centre_line: centre,
        sigma: residual / (1.0 - phi * phi).sqrt(),
        phi,
        n: u32::try_from(n).unwrap_or(LEARN_MAX),
        version,
        spread: Some(spread),
        group: None,
    })
}

/// A first-order autoregression.
struct Fit {
    centre: f64,
    /// At most `PHI_MAX`.
    phi: f64,
    /// Standard deviation of the residuals, greater than 0.
    residual: f64,
    n: f64,
    spread: Spread,
}

impl Fit {
    fn error_of_centre(&self) -> f64 {
        self.residual / (1.0 - self.phi) / self.n.sqrt()
    }
}

/// Fits what is accepted of `values`; `None` if it does not vary.
fn fit(values: &[f64], accepted: &Accepted) -> Option<Fit> {
    let kept: Vec<f64> = values.iter().copied().filter(|x| accepted.contains(*x)).collect();
    let n = count(kept.len());
    let centre = kept.iter().sum::<f64>() / n;
    let pairs: Vec<(f64, f64)> = values
        .iter()
        .zip(values.iter().skip(1))
        .filter(|(a, b)| accepted.contains(**a) && accepted.contains(**b))
        .map(|(a, b)| (a - centre, b - centre))
        .collect();
    let squares: f64 = kept.iter().map(|x| (x - centre).powi(2)).sum();
    if pairs.len() < 3 || squares <= 0.0 {
        return None;
    }
    let lag = pairs.iter().map(|(a, b)| a * b).sum::<f64>() / squares;
    // The lag-1 correlation of a short stretch is too small by (1 + 4φ)/n (Kendall 1954).
    let phi = (lag + (1.0 + 4.0 * lag) / n).clamp(-PHI_MAX, PHI_MAX);
    let rests: Vec<f64> = pairs.iter().map(|(a, b)| b - phi * a).collect();
    let squares: f64 = rests.iter().map(|rest| rest * rest).sum();
    // Centre and correlation were fitted; of coarse values none is nearer than to half a step.
    let residual =
        (squares / (count(pairs.len()) - 2.0)).sqrt().max(accepted.resolution / 12f64.sqrt());
    let spread = spread(rests.iter().map(|rest| root(rest / residual)));
    Some(Fit { centre, phi, residual, n, spread })
}

/// Mean and standard deviation of roots, of which there are two at least.
fn spread(roots: impl Iterator<Item = f64> + Clone) -> Spread {
    let n = count(roots.clone().count());
    let mean = roots.clone().sum::<f64>() / n;
    let squares: f64 = roots.map(|root| (root - mean).powi(2)).sum();
    Spread { mean, sigma: (squares / (n - 1.0)).sqrt() }
}

/// The values that are learned from.
pub(super) struct Accepted {
    low: f64,
    high: f64,
    /// Least distance of two different values.
    pub(super) resolution: f64,
}

impl Accepted {
    pub(super) fn contains(&self, x: f64) -> bool {
        (self.low..=self.high).contains(&x)
    }
}

pub(super) fn accepted(values: &[f64]) -> Accepted {
    let sorted = sorted(values.iter().copied());
    let centre = median(&sorted);
    let resolution = sorted
        .iter()
        .zip(sorted.iter().skip(1))
        .map(|(a, b)| b - a)
        .filter(|step| *step > 0.0)
        .fold(f64::INFINITY, f64::min);
    let resolution = if resolution.is_finite() { resolution } else { 0.0 };
    let mad = 1.4826 * median(&self::sorted(values.iter().map(|x| (x - centre).abs())));
    let range = values.iter().zip(values.iter().skip(1)).map(|(a, b)| (b - a).abs()).sum::<f64>()
        / count(values.len().saturating_sub(1))
        / 1.128;
    // Of coarse values more than half may be equal: then the moving range tells the spread.
    let spread = f64::max(if mad > 0.0 { mad } else { range }, resolution);
    Accepted { low: centre - OUTLIER * spread, high: centre + OUTLIER * spread, resolution }
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sorted: Vec<f64> = values.collect();
    sorted.sort_by(f64::total_cmp);
    sorted
}

fn median(sorted: &[f64]) -> f64 {
    let at = |i: usize| sorted.get(i).copied().unwrap_or_default();
    0.5 * (at(sorted.len().saturating_sub(1) / 2) + at(sorted.len() / 2))
}

#[expect(clippy::cast_precision_loss, reason = "at most LEARN_MAX values")]
fn count(n: usize) -> f64 {
    n as f64
}
