//! What the plant will make: from a seed, the sequence of parts with every value and every lot.
//!
//! Knows no clock and no wire. Each machine draws from a stream of its own, so that a plan without
//! drift differs from the one with it in nothing but the force and what follows from it.
use crate::model::{Code, ItemKey, Scope, ScopeName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rand_distr::{Distribution, StandardNormal};

/// Mean clamp force of a healthy press in kN.
pub(super) const FORCE_MEAN_KN: f64 = 50.0;
/// Standard deviation of the clamp force from part to part in kN.
pub(super) const FORCE_SIGMA_KN: f64 = 1.2;
/// The drift ends here: a spring can relax only so far. In σ of the force.
const DRIFT_SIGMA_MAX: f64 = 8.0;
/// Largest leak that passes, in mL/min.
pub(super) const LEAK_MAX_ML_MIN: f32 = 0.9;
/// Units in a full box.
pub const BOX_SIZE: u64 = 10;

/// Suppliers of grease. Both number their lots by themselves, and alike: two lots `0417` exist.
const GREASE_SUPPLIERS: [&str; 2] = ["NORDFETT", "LUBRA"];
const ALLOYS: [&str; 2] = ["AlSi9Cu3", "AlSi10Mg"];
const CREWS: [&str; 3] = ["B-101", "B-102", "B-103"];

/// How the press is to drift: its clamp force falls a little with each part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DriftPlan {
    /// So many parts are still good.
    pub after_parts: u64,
    /// By how much the mean falls with each part from then on, in σ of the force.
    pub sigma_per_part: f64,
}

impl Default for DriftPlan {
    /// Begins a minute after the start at one part a second and is two σ deep 20 parts later.
    fn default() -> Self {
        Self { after_parts: 60, sigma_per_part: 0.1 }
    }
}

impl DriftPlan {
    /// How far the mean has fallen at part `index`, counted from 0; in σ, 0 before the onset.
    fn depth(self, index: u64) -> f64 {
        let parts = (index + 1).saturating_sub(self.after_parts);
        let parts = f64::from(u32::try_from(parts).unwrap_or(u32::MAX));
        (parts * self.sigma_per_part).min(DRIFT_SIGMA_MAX)
    }
}

/// One part as the plant will make it, whatever the host answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its place in the order of work, from 0.
    pub index: u64,
    /// Its serial, unique in the site.
    pub unit: ItemKey,
    /// The melt in the furnace that it is cast from.
    pub melt: ItemKey,
    /// Alloy of the melt.
    pub alloy: &'static str,
    /// Temperature of the melt in °C.
    pub melt_celsius: f64,
    /// The tool that presses it.
    pub punch: ItemKey,
    /// Parts that the tool has pressed, this one included.
    pub strokes: u32,
    /// Clamp force in kN.
    pub force_kn: f64,
    /// How far the mean of the force has fallen, in σ; 0 while the press is healthy.
    pub drift_sigma: f64,
    /// Stroke in mm; grows with the wear of the tool.
    pub stroke_mm: f64,
    /// Who runs the line.
    pub badge: &'static str,
    /// The bearing fitted into it.
    pub bearing: ItemKey,
    /// The grease used for it; lots are unique only within their supplier.
    pub grease: ItemKey,
    /// Who made the grease.
    pub grease_supplier: &'static str,
    /// How much of it, in mg.
    pub grease_mg: u32,
    /// Tightening torque in N·m.
    pub torque_nm: f32,
    /// Leak rate in mL/min; grows where the clamp force was low.
    pub leak_ml_min: f32,
}

impl Part {
    /// Whether it passes the leak test; what fails is not packed.
    pub fn is_tight(&self) -> bool {
        self.leak_ml_min <= LEAK_MAX_ML_MIN
    }
}

/// The parts of a seed, without end.
#[derive(Debug)]
pub struct Simulation {
    drift: Option<DriftPlan>,
    next: u64,
    serial_first: u64,
    melt: Run,
    punch: Run,
    grease: Run,
    crew: Run,
    casting: StdRng,
    pressing: StdRng,
    assembling: StdRng,
    testing: StdRng,
}

impl Simulation {
    /// The plant of a seed.
    pub fn new(seed: u64, drift: Option<DriftPlan>) -> Self {
        let mut plant = stream(seed, 0);
        Self {
            drift,
            next: 0,
            serial_first: 1 + plant.random_range(0..400) * 100,
            melt: Run::new(plant.random_range(2_000..6_000), 50, 70),
            punch: Run::new(plant.random_range(1..40), 150, 250),
            grease: Run::new(plant.random_range(200..1_800), 30, 50),
            crew: Run::new(plant.random_range(0..3), 80, 120),
            casting: stream(seed, 1),
            pressing: stream(seed, 2),
            assembling: stream(seed, 3),
            testing: stream(seed, 4),
        }
    }

    fn part(&mut self) -> Part {
        let index = self.next;
        self.next += 1;
        let number = self.serial_first + index;
        let melt = self.melt.take(&mut self.casting);
        let (punch, strokes) = self.punch.take_counted(&mut self.pressing);
        let grease = self.grease.take(&mut self.assembling);
        let crew = self.crew.take(&mut self.casting);
        let drift_sigma = self.drift.map_or(0.0, |plan| plan.depth(index));
        let force_z = normal(&mut self.pressing) - drift_sigma;
        let grease_supplier = pick(&GREASE_SUPPLIERS, grease);
        let casting = &mut self.casting;
        let assembling = &mut self.assembling;
        Part {
            index,
            unit: ItemKey::unit(code(&format!("SN-1{number:05}"))),
            melt: ItemKey::lot(Scope::Site, code(&format!("MELT-{melt}"))),
            alloy: pick(&ALLOYS, melt),
            melt_celsius: round(705.0 + 3.0 * normal(casting), 10.0),
            punch: ItemKey::lot(Scope::Site, code(&format!("PUNCH-{punch}"))),
            strokes,
            force_kn: round(FORCE_MEAN_KN + FORCE_SIGMA_KN * force_z, 1_000.0),
            drift_sigma,
            stroke_mm: round(
                32.0 + 0.002 * f64::from(strokes) + 0.01 * normal(&mut self.pressing),
                1_000.0,
            ),
            badge: pick(&CREWS, crew),
            bearing: ItemKey::unit(code(&format!("BRG-{:06}", 7 * number))),
            grease: ItemKey::lot(
                Scope::Supplier(ScopeName::parse(grease_supplier).expect("a plain word")),
                // Each number is used twice, once by either supplier.
                code(&format!("{:04}", grease / 2)),
            ),
            grease_supplier,
            grease_mg: assembling.random_range(1_900..=2_100),
            torque_nm: single(12.0 + 0.15 * normal(assembling)),
            leak_ml_min: single(leak(force_z, &mut self.testing)),
        }
    }
}

impl Iterator for Simulation {
    type Item = Part;

    fn next(&mut self) -> Option<Part> {
        Some(self.part())
    }
}

/// The temperature of the press's motor in °C, look after look: each value remembers the one before
/// (AR(1), φ = 0.9), as slow tags do; a chart that takes them for independent cries wolf.
#[derive(Debug)]
pub struct MotorTemperature {
    rng: StdRng,
    deviation: f64,
}

impl MotorTemperature {
    /// The motor of a seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: stream(seed, 5), deviation: 0.0 }
    }
}

impl Iterator for MotorTemperature {
    type Item = f64;

    fn next(&mut self) -> Option<f64> {
        self.deviation = 0.9 * self.deviation + 0.25 * normal(&mut self.rng);
        Some(round(48.0 + self.deviation, 100.0))
    }
}

/// Numbered things that follow each other, each serving a number of parts drawn between two bounds.
#[derive(Debug, Clone)]
struct Run {
    number: u64,
    taken: u32,
    life: Option<u32>,
    life_min: u32,
    life_max: u32,
}

impl Run {
    fn new(number: u64, life_min: u32, life_max: u32) -> Self {
        Self { number, taken: 0, life: None, life_min, life_max }
    }

    fn take(&mut self, rng: &mut StdRng) -> u64 {
        self.take_counted(rng).0
    }

    /// The thing for the next part, and how many it has served with this one.
    fn take_counted(&mut self, rng: &mut StdRng) -> (u64, u32) {
        let (life_min, life_max) = (self.life_min, self.life_max);
        let mut draw = || rng.random_range(life_min..=life_max);
        let life = *self.life.get_or_insert_with(&mut draw);
        if self.taken == life {
            self.number += 1;
            self.taken = 0;
            self.life = Some(draw());
        }
        self.taken += 1;
        (self.number, self.taken)
    }
}

/// Tight as a rule; one in 200 is porous; the lower the clamp force was, the worse the seat.
fn leak(force_z: f64, rng: &mut StdRng) -> f64 {
    let porous = if rng.random_range(0..200) == 0 { 0.8 } else { 0.0 };
    let seat = 0.12 * (-force_z - 3.0).max(0.0);
    (0.40 + 0.05 * normal(rng) + seat + porous).max(0.01)
}

pub(super) fn stream(seed: u64, machine: u64) -> StdRng {
    StdRng::seed_from_u64(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(machine))
}

fn normal(rng: &mut StdRng) -> f64 {
    StandardNormal.sample(rng)
}

/// To so many steps in a unit, as the PLC rounds.
fn round(value: f64, steps: f64) -> f64 {
    (value * steps).round() / steps
}

#[expect(clippy::cast_possible_truncation, reason = "the PLC keeps single-precision words")]
fn single(value: f64) -> f32 {
    round(value, 1_000.0) as f32
}

fn pick(from: &[&'static str], number: u64) -> &'static str {
    let count = u64::try_from(from.len()).unwrap_or(u64::MAX);
    usize::try_from(number.checked_rem(count).unwrap_or(0))
        .ok()
        .and_then(|i| from.get(i).copied())
        .unwrap_or_default()
}

/// A code that the plant itself makes up.
pub(super) fn code(text: &str) -> Code {
    Code::parse(text).expect("the plant's codes are short plain text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn parts(seed: u64, drift: Option<DriftPlan>, count: usize) -> Vec<Part> {
        Simulation::new(seed, drift).take(count).collect()
    }

    /// Slope of the force over the parts in σ per part, with its standard error.
    fn slope(parts: &[Part]) -> (f64, f64) {
        let n = f64::from(u32::try_from(parts.len()).unwrap());
        let x: Vec<f64> = (0..parts.len()).map(|i| f64::from(u32::try_from(i).unwrap())).collect();
        let mean_x = (n - 1.0) / 2.0;
        let mean_y = parts.iter().map(|p| p.force_kn).sum::<f64>() / n;
        let sxx: f64 = x.iter().map(|x| (x - mean_x).powi(2)).sum();
        let sxy: f64 = x.iter().zip(parts).map(|(x, p)| (x - mean_x) * (p.force_kn - mean_y)).sum();
        (sxy / sxx / FORCE_SIGMA_KN, 1.0 / sxx.sqrt())
    }

    #[test]
    fn a_seed_always_gives_the_same_plant_and_another_seed_another() {
        let drift = Some(DriftPlan::default());
        let plants: Vec<_> = (0..10).map(|seed| parts(seed, drift, 50)).collect();
        for (seed, plant) in (0..).zip(&plants) {
            assert_eq!(&parts(seed, drift, 50), plant);
            for other in &plants[usize::try_from(seed).unwrap() + 1..] {
                let same = plant.iter().zip(other).filter(|(a, b)| {
                    (a.force_kn.to_bits(), &a.unit) == (b.force_kn.to_bits(), &b.unit)
                });
                assert_eq!(same.count(), 0);
                assert_ne!(plant[0].unit, other[0].unit);
            }
        }
    }

    #[test]
    fn without_drift_the_force_has_no_trend() {
        for seed in 0..20 {
            let (slope, error) = slope(&parts(seed, None, 1_000));
            assert!(slope.abs() < 4.0 * error, "seed {seed}: {slope} ± {error} σ a part");
        }
    }

    #[test]
    fn the_drift_begins_at_the_stated_part_and_touches_nothing_before_it() {
        let plan = DriftPlan { after_parts: 60, sigma_per_part: 0.1 };
        for seed in 0..20 {
            let (good, bad) = (parts(seed, None, 120), parts(seed, Some(plan), 120));
            assert_eq!(good[..60], bad[..60]);
            for (k, (good, bad)) in (1_u32..).zip(good[60..].iter().zip(&bad[60..])) {
                let fallen = (good.force_kn - bad.force_kn) / FORCE_SIGMA_KN;
                assert!((fallen - (0.1 * f64::from(k)).min(DRIFT_SIGMA_MAX)).abs() < 0.001);
                assert_eq!((&good.unit, good.torque_nm), (&bad.unit, bad.torque_nm));
            }
            let (trend, error) = slope(&bad[60..]);
            assert!((trend + 0.1).abs() < 5.0 * error, "seed {seed}: {trend} ± {error} σ a part");
        }
    }

    #[test]
    fn low_force_leaks() {
        let plan = DriftPlan { after_parts: 500, sigma_per_part: 0.1 };
        let all = parts(3, Some(plan), 1_000);
        let failed = |parts: &[Part]| parts.iter().filter(|p| !p.is_tight()).count();
        assert!(failed(&all[..500]) < 15, "{}", failed(&all[..500]));
        assert!(failed(&all[600..]) > 200, "{}", failed(&all[600..]));
    }

    #[test]
    fn no_code_is_used_twice_and_two_suppliers_share_lot_numbers() {
        let all = parts(5, None, 2_000);
        let units: BTreeSet<_> = all.iter().map(|p| &p.unit).collect();
        let bearings: BTreeSet<_> = all.iter().map(|p| &p.bearing).collect();
        assert_eq!((units.len(), bearings.len()), (2_000, 2_000));
        assert!(units.iter().all(|u| u.code.as_str().starts_with("SN-1")));
        let lots: BTreeSet<_> = all.iter().map(|p| &p.grease).collect();
        let numbers: BTreeSet<_> = lots.iter().map(|l| l.code.as_str()).collect();
        assert!(numbers.len() <= lots.len() / 2 + 1);
        assert!(lots.iter().all(|l| l.code.as_str().len() == 4));
        let melts: BTreeSet<_> = all.iter().map(|p| &p.melt).collect();
        assert!((28..=40).contains(&melts.len()), "{}", melts.len());
    }

    #[test]
    fn the_motor_temperature_remembers() {
        let x: Vec<f64> = MotorTemperature::new(1).take(20_000).map(|t| t - 48.0).collect();
        let r =
            x.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / x.iter().map(|x| x * x).sum::<f64>();
        assert!((r - 0.9).abs() < 0.02, "{r}");
    }
}
