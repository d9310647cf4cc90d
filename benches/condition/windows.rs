//! What a suspect window holds of the parts that a change touched, and how much of it was touched.
use crate::process::{Noise, drift, has_learned, measured, step};
use pedigree::condition::Chart;
use pedigree::model::plant::DriftRules;
use rand::RngExt;
use std::ops::Range;
use std::time::Duration;

/// Seeded runs of each change.
const RUNS: u64 = 400;
/// Parts in which one false alarm may come.
const RUN_LENGTH: u64 = 10_000;
/// A shift that matters to quality, in standard deviations.
const RELEVANT: f64 = 0.5;

type Shape = fn(f64) -> f64;
const STEPS: [(&str, Shape); 4] = [
    ("step 0.75 σ", |_| 0.75),
    ("step 1 σ", |_| 1.0),
    ("step 1.5 σ", |_| 1.5),
    ("step 2 σ", |_| 2.0),
];
const RAMPS: [(&str, Shape); 4] = [
    ("ramp 0.005 σ a part", |since| 0.005 * since),
    ("ramp 0.01 σ a part", |since| 0.01 * since),
    ("ramp 0.05 σ a part", |since| 0.05 * since),
    ("ramp 0.1 σ a part", |since| 0.1 * since),
];

/// What is watched, and how.
struct Setting {
    name: &'static str,
    rules: DriftRules,
    learn: u32,
    /// Parts after learning at which the change begins.
    begin: Range<i64>,
}

/// Sums over runs, in parts.
#[derive(Default)]
struct Windows {
    runs: f64,
    /// Alarms before the change; left out.
    early: u32,
    touched: f64,
    window: f64,
    caught: f64,
    /// Of those whose shift was relevant.
    relevant: (f64, f64),
    recall: f64,
    precision: f64,
    /// Windows that begin after the change.
    late: u32,
    /// Windows that begin with the baseline, since no earliest begin is known.
    unbounded: u32,
    delays: Vec<i64>,
}

impl Windows {
    /// A change from `begin` on was seen at `seen`; the window is from `from` on.
    fn take(&mut self, shape: Shape, (begin, from, seen): (i64, i64, i64)) {
        let parts = |from: i64| (seen - from + 1) as f64;
        let (touched, window, caught) = (parts(begin), parts(from), parts(begin.max(from)));
        self.runs += 1.0;
        self.late += u32::from(from > begin);
        self.touched += touched;
        self.window += window;
        self.caught += caught;
        self.recall += caught / touched;
        self.precision += caught / window;
        for part in (begin..=seen).filter(|part| shape((part - begin) as f64) >= RELEVANT) {
            self.relevant.1 += 1.0;
            self.relevant.0 += f64::from(u8::from(part >= from));
        }
        self.delays.push(seen - begin + 1);
    }

    fn add(&mut self, other: &Self) {
        self.runs += other.runs;
        self.early += other.early;
        self.late += other.late;
        self.touched += other.touched;
        self.window += other.window;
        self.caught += other.caught;
        self.relevant.0 += other.relevant.0;
        self.relevant.1 += other.relevant.1;
        self.recall += other.recall;
        self.precision += other.precision;
        self.unbounded += other.unbounded;
        self.delays.extend(&other.delays);
    }

    fn print(&mut self, name: &str) {
        self.delays.sort_unstable();
        let relevant = match self.relevant {
            (_, 0.0) => "none".to_owned(),
            (caught, all) => format!("{:.3}", caught / all),
        };
        println!(
            "{name:<20} recall {:.3} (mean of runs {:.3}, of parts beyond {RELEVANT} σ {relevant})  precision {:.3} ({:.3})  \
             seen after {} parts (median, longest {})  begins too late {}  no earliest begin {}  false alarm before {}",
            self.caught / self.touched,
            self.recall / self.runs,
            self.caught / self.window,
            self.precision / self.runs,
            self.delays[self.delays.len() / 2],
            self.delays[self.delays.len() - 1],
            self.late,
            self.unbounded,
            self.early,
        );
    }
}

fn runs(setting: &Setting, shape: Shape) -> Windows {
    let second = Duration::from_secs(1);
    let monitor = measured(Duration::from_secs(RUN_LENGTH), second, setting.learn, setting.rules);
    let mut all = Windows::default();
    for seed in 0..RUNS {
        let mut noise = Noise::new(seed);
        let mut chart = Chart::new(&monitor);
        let mut learns = |part: &i64| has_learned(&step(&mut chart, *part, noise.next()));
        let learned = (0..20_000).find(|part| learns(part)).expect("the values are independent");
        let begin = learned + 1 + noise.random().random_range(setting.begin.clone());
        let found = (learned + 1..i64::MAX).find_map(|part| {
            let shift = if part < begin { 0.0 } else { shape((part - begin) as f64) };
            Some((part, drift(step(&mut chart, part, noise.next() + shift))?))
        });
        let (seen, drift) = found.expect("every change is seen some time");
        if seen < begin {
            all.early += 1;
            continue;
        }
        // Without an earliest begin the window is all the time in which all was said to be well.
        let earliest = drift.onset.and_then(|onset| onset.earliest).map(|earliest| earliest.0);
        all.unbounded += u32::from(earliest.is_none());
        all.take(shape, (begin, earliest.unwrap_or(learned + 1), seen));
    }
    all
}

pub(crate) fn run() {
    let both = DriftRules { ewma: true, cusum: true, runs: None, variance: false };
    let setting = |name, rules, learn, begin| Setting { name, rules, learn, begin };
    let settings = [
        setting("ewma, 50 learned, begin after 200 to 399", DriftRules::DEFAULT, 50, 200..400),
        setting("ewma, 300 learned, begin after 200 to 399", DriftRules::DEFAULT, 300, 200..400),
        setting("ewma and cusum, 300 learned, begin after 200 to 399", both, 300, 200..400),
        setting(
            "ewma, 300 learned, begin after 1,000 to 1,999",
            DriftRules::DEFAULT,
            300,
            1_000..2_000,
        ),
    ];
    println!(
        "{RUNS} runs each, one false alarm in {RUN_LENGTH} parts; recall and precision over all parts"
    );
    for setting in settings {
        println!("{}:", setting.name);
        for (name, shapes) in [("all steps", STEPS), ("all ramps", RAMPS)] {
            let mut all = Windows::default();
            for (name, shape) in shapes {
                let mut windows = runs(&setting, shape);
                windows.print(name);
                all.add(&windows);
            }
            all.print(name);
        }
    }
}
