//! How fast monitors judge, what one costs, and what their verdicts are worth: on series whose truth is known, and on
//! recordings of others.
//!
//! `cargo bench --bench condition`; a part alone with its name behind `--` (`speed`, `windows`, `recordings`,
//! `changeovers`, `machining`). Goals: the full set of rules at 100,000 monitors in random order 3,000,000 samples a second
//! on one core, 256 bytes a monitor without its memory of values; suspect windows of steps of 0.75 σ and more and of ramps
//! hold 0.98 and 0.90 of what is affected, and 0.45 and 0.65 of them is affected; 1,000 changeovers raise no alarm, and a
//! drift of 1 σ after them is found at most 1.2 × as late. `PEDIGREE_PEERS=target/peers` installs `river` there and lets it
//! take the first ten seconds of that stream; `PEDIGREE_CONDITION_MACHINES` is for other than 100 machines of 1,000 monitors. Recordings are in the
//! folder `PEDIGREE_CONDITION_DATA` (`benches/condition/README.md`).
#![expect(clippy::print_stdout, reason = "a benchmark is there to print")]
#![expect(clippy::indexing_slicing, reason = "a benchmark may panic")]
#![expect(clippy::cast_precision_loss, reason = "counts and times of simulations are small")]
#[expect(dead_code, reason = "its machines and what they say are of other benchmarks")]
mod plant;
mod rates;

#[path = "condition/changeovers.rs"]
mod changeovers;
#[path = "condition/clock.rs"]
mod clock;
#[path = "condition/machining.rs"]
mod machining;
#[path = "condition/monitors.rs"]
mod monitors;
#[path = "condition/nab.rs"]
mod nab;
#[path = "condition/peer.rs"]
mod peer;
#[path = "condition/process.rs"]
mod process;
#[path = "condition/recording.rs"]
mod recording;
#[path = "condition/speed.rs"]
mod speed;
#[path = "condition/tennessee.rs"]
mod tennessee;
#[path = "condition/windows.rs"]
mod windows;

/// The parts in their order.
const PARTS: [(&str, fn()); 5] = [
    ("speed", speed::run),
    ("windows", windows::run),
    ("recordings", recording::run),
    ("changeovers", changeovers::run),
    ("machining", machining::run),
];

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    for (name, run) in PARTS {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            println!("-- {name}");
            run();
        }
    }
}
