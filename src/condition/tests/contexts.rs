//! Baselines by what is made: a changeover is no drift, what returns goes on, and what is forgotten is said.
use super::charts::recorded;
use super::*;
use crate::model::plant::Settle;
use crate::model::{Making, Rule, Text, Verdict, VerdictEvent};
use proptest::prelude::*;

const PRODUCTS: usize = 10;

fn product(number: usize) -> Making {
    Making { product: Text::parse(&format!("P{number}")).ok(), recipe: None }
}

/// A product with a recipe.
fn by_recipe(number: usize, recipe: &str) -> Making {
    Making { recipe: Text::parse(recipe).ok(), ..product(number) }
}

fn is_drift(said: &[Finding]) -> bool {
    said.iter().any(|said| said.verdict == Verdict::Drift && said.joins.is_none())
}

/// A thousand changeovers among ten products that are 3 to 10 σ off the middle, or as many parts of one; after how many
/// parts more a drift of 1 σ is seen, if nothing was said before.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "of ten products")]
fn delay(seed: u64, changeovers: bool) -> Option<usize> {
    let mut noise = Noise(seed);
    let mut level = || {
        let side = if noise.uniform() < 0.5 { -1.0 } else { 1.0 };
        side * (3.0 + 7.0 * noise.uniform())
    };
    let levels: [f64; PRODUCTS] = std::array::from_fn(|_| level());
    let mut chart = Chart::new(&watched(10_000_000, 500, BOTH));
    let (mut now, mut time) = (0, 0);
    let mut makes = |now: usize, drift: f64, noise: &mut Noise| {
        time += 1;
        chart.turn(&product(now));
        step(&mut chart, time, levels[now] + drift + noise.normal())
    };
    for _ in 0..1_000 {
        if changeovers {
            now = (now + 1 + (noise.uniform() * 9.0) as usize) % PRODUCTS;
        }
        for _ in 0..20 {
            if is_drift(&makes(now, 0.0, &mut noise)) {
                return None;
            }
        }
    }
    (1..10_000).find(|_| is_drift(&makes(now, 1.0, &mut noise)))
}

#[test]
fn a_thousand_changeovers_raise_no_alarm_and_a_drift_after_them_is_found_as_soon() {
    let mean = |changeovers| {
        let delays: Vec<_> = (1..=20).map(|seed| (seed, delay(seed, changeovers))).collect();
        let seen: Vec<usize> = delays.iter().filter_map(|(_, delay)| *delay).collect();
        assert_eq!(
            seen.len(),
            delays.len(),
            "no alarm before the drift, and one of it: {delays:?}"
        );
        seen.iter().sum::<usize>() as f64 / seen.len() as f64
    };
    let (one, ten) = (mean(false), mean(true));
    println!("a drift of 1 σ is seen after {one} parts of one product, {ten} of one of ten");
    assert!(ten <= 1.2 * one, "{ten} against {one}");
}

/// What a chart of its own would say of each product, but for the number of the baseline.
fn numberless(said: Vec<Finding>) -> Vec<Finding> {
    let numberless = |mut finding: Finding| {
        finding.making = Making::default();
        finding.baseline.iter_mut().for_each(|baseline| baseline.version = 0);
        finding
    };
    said.into_iter().map(numberless).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn each_product_is_judged_as_if_it_were_made_alone(
        lots in proptest::collection::vec((0..5_usize, 1..30_usize, -2..3_i32), 1..60),
        seed in any::<u64>(),
    ) {
        let spec = watched(1_000, 30, ALL);
        let mut together = Chart::new(&spec);
        let mut alone: Vec<Chart> = (0..5).map(|_| Chart::new(&spec)).collect();
        let (mut noise, mut time) = (Noise(seed), 0);
        for (made, parts, shift) in lots {
            together.turn(&product(made));
            for _ in 0..parts {
                time += 1;
                let x = 10.0 * made as f64 + f64::from(shift) + noise.normal();
                let said = step(&mut together, time, x);
                prop_assert!(said.iter().all(|said| said.making == product(made)));
                prop_assert_eq!(numberless(said), numberless(step(&mut alone[made], time, x)));
            }
        }
    }
}

/// A lot of a product at its own level; what is said of it.
fn lot(chart: &mut Chart, noise: &mut Noise, making: &Making, parts: i64, x: f64) -> Vec<Finding> {
    chart.turn(making);
    (0..parts).flat_map(|time| step(chart, time, x + noise.normal())).collect()
}

#[test]
fn a_drift_of_one_product_stands_while_others_are_made_and_is_not_said_again() {
    let (mut chart, mut noise) = (Chart::new(&monitor(1_000_000, 50)), Noise(3));
    for (made, x) in [(0, 0.0), (1, 50.0)] {
        assert_eq!(lot(&mut chart, &mut noise, &product(made), 60, x).len(), 1, "it is learned");
    }
    let drifts = lot(&mut chart, &mut noise, &product(0), 100, 3.0);
    assert_eq!((drifts.len(), &drifts[0].making), (1, &product(0)));
    assert_eq!(lot(&mut chart, &mut noise, &product(1), 100, 50.0), []);
    assert_eq!(lot(&mut chart, &mut noise, &product(0), 100, 3.0), [], "it is told and stands");
    let other = lot(&mut chart, &mut noise, &product(1), 100, 53.0);
    assert_eq!((other.len(), &other[0].making), (1, &product(1)));
    chart.learn_anew(0);
    let again = lot(&mut chart, &mut noise, &product(0), 60, 3.0);
    let again: Vec<_> = again.iter().map(|said| said.baseline.as_ref().unwrap().version).collect();
    assert_eq!(again, [3], "all begin anew, with the next number");
    assert_eq!(lot(&mut chart, &mut noise, &product(1), 60, 53.0).len(), 1);
}

/// The last word of each rule of each product, as the record keeps it.
fn kept(said: &[VerdictEvent]) -> Vec<VerdictEvent> {
    let mut kept: Vec<VerdictEvent> = Vec::new();
    for event in said {
        let same = |old: &VerdictEvent| {
            old.making() == event.making() && (old.rule == event.rule || event.is_forgotten())
        };
        kept.retain(|old| !same(old));
        kept.extend((!event.is_forgotten()).then(|| event.clone()));
    }
    kept
}

#[test]
fn of_more_products_than_there_is_place_for_the_one_not_made_for_longest_is_forgotten_and_said() {
    let spec = watched(10_000_000, 100, BOTH);
    let (mut chart, mut noise) = (Chart::new(&spec), Noise(17));
    let mut said: Vec<VerdictEvent> = Vec::new();
    let mut makes = |chart: &mut Chart, made: usize, x: f64, said: &mut Vec<VerdictEvent>| {
        let found = lot(chart, &mut noise, &product(made), 200, 20.0 * made as f64 + x);
        said.extend(found.iter().map(recorded));
        found.len()
    };
    for made in 0..64 {
        assert_eq!(makes(&mut chart, made, 0.0, &mut said), 2, "both rules say that it is learned");
    }
    // The first is made again, and the second drifts: they stay.
    assert_eq!(makes(&mut chart, 0, 0.0, &mut said), 0);
    assert_eq!(makes(&mut chart, 1, 5.0, &mut said), 2);
    for made in 64..66 {
        assert_eq!(makes(&mut chart, made, 0.0, &mut said), 3);
    }
    let forgotten: Vec<Making> =
        said.iter().filter(|said| said.is_forgotten()).map(VerdictEvent::making).collect();
    assert_eq!(forgotten, [product(2), product(3)]);
    // What the record says makes the same of it.
    let mut again = Chart::new(&spec);
    for event in &kept(&said) {
        again.restore(event);
    }
    for chart in [&mut chart, &mut again] {
        let mut more = Vec::new();
        assert_eq!(makes(chart, 0, 0.0, &mut more), 0, "it is known");
        assert_eq!(makes(chart, 1, 5.0, &mut more), 0, "it drifts");
        makes(chart, 2, 0.0, &mut more);
        let of: Vec<_> = more.iter().map(|said| (said.making(), said.verdict)).collect();
        let anew = (product(2), Verdict::InControl);
        assert_eq!(of, [anew.clone(), anew, (product(4), Verdict::NoData)]);
        assert_eq!(more[0].baseline.as_ref().unwrap().version, 67, "no number comes twice");
    }
}

#[test]
fn what_is_not_learned_yet_takes_no_more_place_than_there_is() {
    let mut chart = Chart::new(&watched(1_000_000, 30, BOTH));
    let mut noise = Noise(17);
    for made in 0..1_000 {
        assert_eq!(lot(&mut chart, &mut noise, &product(made), 20, 0.0), []);
    }
    // Half of it was there, of the first not.
    assert_eq!(lot(&mut chart, &mut noise, &product(999), 10, 0.0).len(), 2);
    assert_eq!(lot(&mut chart, &mut noise, &product(0), 10, 0.0), []);
}

#[test]
fn what_is_not_known_and_what_older_records_say_has_a_baseline_of_its_own() {
    let (mut chart, mut noise) = (Chart::new(&monitor(1_000_000, 50)), Noise(5));
    let unknown = Making::default();
    let learned = lot(&mut chart, &mut noise, &unknown, 60, 0.0);
    let event = recorded(&learned[0]);
    assert_eq!((&event.product, &event.recipe), (&None, &None));
    let mut again = Chart::new(&monitor(1_000_000, 50));
    again.restore(&event);
    for chart in [&mut chart, &mut again] {
        assert_eq!(lot(chart, &mut noise, &by_recipe(1, "R1"), 60, 30.0).len(), 1);
        assert_eq!(lot(chart, &mut noise, &unknown, 60, 0.0), []);
        assert_eq!(lot(chart, &mut noise, &unknown, 60, 4.0)[0].verdict, Verdict::Drift);
    }
}

#[test]
fn a_plant_file_says_what_parts_baselines() {
    let learned = |product, recipe| {
        let mut spec = monitor(1_000_000, 50);
        spec.drift.iter_mut().for_each(|drift| drift.per = BaselinePer { product, recipe });
        let (mut chart, mut noise) = (Chart::new(&spec), Noise(9));
        let all = [(1, "R1"), (1, "R2"), (2, "R1"), (2, "R2")];
        let made = all.iter().map(|(number, recipe)| by_recipe(*number, recipe));
        made.flat_map(|made| lot(&mut chart, &mut noise, &made, 60, 0.0))
            .map(|said| said.making)
            .collect::<Vec<_>>()
    };
    let recipe = |recipe| Making { product: None, ..by_recipe(0, recipe) };
    assert_eq!(learned(true, true).len(), 4);
    assert_eq!(learned(true, false), [product(1), product(2)]);
    assert_eq!(learned(false, true), [recipe("R1"), recipe("R2")]);
    assert_eq!(learned(false, false), [Making::default()]);
}

#[test]
fn what_settles_is_neither_learned_nor_judged_but_by_limits() {
    let mut spec = monitor(1_000_000, 50);
    spec.limits = Some(Limits { high: Some(90.0), ..Limits::default() });
    spec.drift.iter_mut().for_each(|drift| drift.settle = Some(Settle::Values(10)));
    let (mut chart, mut noise) = (Chart::new(&spec), Noise(13));
    let drifts = |said: Vec<Finding>| {
        said.into_iter().filter(|said| said.rule == Rule::Ewma).map(|said| said.verdict).collect()
    };
    let mut makes = |chart: &mut Chart, made, x| -> Vec<Verdict> {
        drifts(lot(chart, &mut noise, &product(made), 10, x))
    };
    // What is made at a start was made before it.
    for lots in 1..=5 {
        assert_eq!(makes(&mut chart, 0, 0.0).len(), usize::from(lots == 5));
    }
    makes(&mut chart, 1, 95.0);
    // Far off, each time after a changeover or a pause.
    for _ in 0..20 {
        assert_eq!(makes(&mut chart, 0, 30.0), []);
        makes(&mut chart, 1, 95.0);
    }
    assert_eq!(makes(&mut chart, 0, 0.0), []);
    for _ in 0..20 {
        chart.produce(false);
        assert_eq!(makes(&mut chart, 0, 30.0), []);
        chart.produce(true);
        assert_eq!(makes(&mut chart, 0, 30.0), []);
    }
    chart.produce(false);
    let beyond = step(&mut chart, 0, 95.0);
    assert_eq!((beyond[0].rule, beyond[0].verdict), (Rule::Limit, Verdict::Warning));
    chart.produce(true);
    makes(&mut chart, 0, 0.0);
    assert_eq!(makes(&mut chart, 0, 30.0), [Verdict::Drift]);
}
