//! Squared distances of vectors of normal values: how far they lie from where they should.
use super::quadrature::below;
use std::f64::consts::PI;

/// Share of a chi-square distribution of `p` degrees of freedom above `x`: one step of the recurrence of the incomplete
/// gamma function for each two of them.
pub(super) fn above(p: u32, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let half = 0.5 * x;
    let odd = p % 2 == 1;
    // A half, of one degree of freedom; one, of two.
    let mut order = if odd { 0.5 } else { 1.0 };
    let mut share = if odd { 2.0 * below(-x.sqrt()) } else { (-half).exp() };
    let mut term =
        if odd { 2.0 * (half / PI).sqrt() * (-half).exp() } else { half * (-half).exp() };
    while 2.0 * order < f64::from(p) {
        share += term;
        order += 1.0;
        term *= half / order;
    }
    share
}

/// Density at `v` of how long a vector of `p` normal values is whose centre lies `from` away from 0.
///
/// `v·(v/from)^(p/2−1)·exp(−(v²+from²)/2)·I(v·from)` with the modified Bessel function of order `p/2 − 1`.
pub(super) fn length_density(p: u32, from: f64, v: f64) -> f64 {
    let order = 0.5 * f64::from(p) - 1.0;
    if v <= 0.0 {
        return 0.0;
    }
    let x = v * from;
    let apart = v - from;
    if x <= ASYMPTOTIC {
        // The powers of `from` cancel.
        let scale = v * (0.5 * v * v).powf(order) / gamma_half(p);
        let quarter = 0.25 * x * x;
        let (mut term, mut sum, mut k) = (1.0, 1.0, 0.0);
        while term > 1e-17 * sum {
            k += 1.0;
            term *= quarter / (k * (k + order));
            sum += term;
        }
        return scale * sum * (-0.5 * (v * v + from * from)).exp();
    }
    let mu = 4.0 * order * order;
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..20_u8 {
        let odd = f64::from(2 * k - 1);
        let next = -term * (mu - odd * odd) / (f64::from(k) * 8.0 * x);
        if next.abs() >= term.abs() || next.abs() < 1e-17 {
            break;
        }
        term = next;
        sum += term;
    }
    let bessel = sum / (2.0 * PI * x).sqrt();
    v * (v / from).powf(order) * bessel * (-0.5 * apart * apart).exp()
}

/// From here on the Bessel function is that of its expansion at infinity.
const ASYMPTOTIC: f64 = 30.0;

/// Γ(p/2).
fn gamma_half(p: u32) -> f64 {
    let odd = p % 2 == 1;
    let (mut at, mut gamma) = if odd { (0.5, PI.sqrt()) } else { (1.0, 1.0) };
    while 2.0 * at < f64::from(p) {
        gamma *= at;
        at += 1.0;
    }
    gamma
}
