//! Every engine takes the same events, 64 a commit, in turns of one run.
use crate::engines::{self, Engine, Group};
use crate::events::Events;
use crate::machine::{self, Times, Watch};
use std::path::{Path, PathBuf};

/// Events that are made durable together.
pub const GROUP: usize = 64;
/// Commits of one engine before it is the next one's turn: some tenths of a second.
const TURN: usize = 32;

struct Entrant {
    name: String,
    dir: PathBuf,
    engine: Box<dyn Engine>,
    times: Times,
}

/// Runs them all and prints the table.
pub fn run(names: &[String], events: u64, dir: &Path) {
    let begin = |name: &String| {
        let dir = dir.join(name);
        let (name, engine) = (name.clone(), engines::begin(name, &dir));
        Entrant { name, dir, engine, times: Times::default() }
    };
    let mut entrants: Vec<Entrant> = names.iter().map(begin).collect();
    let (mut source, mut taken, mut bytes) = (Events::new(), 0, 0);
    while taken < events {
        let group = |_| Group::of(source.by_ref().take(GROUP).collect());
        let groups: Vec<Group> = (0..TURN).map(group).collect();
        for entrant in &mut entrants {
            for group in &groups {
                let records = group.records.clone();
                let watch = Watch::start();
                entrant.engine.commit(group, records);
                entrant.times.push(watch.elapsed());
            }
        }
        taken += (TURN * GROUP) as u64;
        let all = groups.iter().flat_map(|group| &group.events);
        bytes += all.map(|event| event.body.len() as u64).sum::<u64>();
    }
    let body = bytes as f64 / taken as f64;
    println!("\n{taken} events of {body:.0} bytes, {GROUP} a commit, in turns of {TURN} commits");
    println!(
        "{:10} {:>9} {:>9} {:>9} {:>14} {:>9}",
        "", "p50 ms", "p99 ms", "events/s", "of the limit", "B/event"
    );
    let limit = entrants.iter().find(|e| e.name == "limit").map(|e| e.times.sum().as_secs_f64());
    for Entrant { name, dir, engine, mut times } in entrants {
        let (sum, events) = (times.sum().as_secs_f64(), times.len() * GROUP);
        let share = limit.map_or("-".to_owned(), |limit| format!("{:.2}", limit / sum));
        let (p50, p99) = (times.share(500), times.share(990));
        drop(engine);
        let disk = machine::bytes(&dir) / events as f64;
        println!(
            "{name:10} {p50:9.3} {p99:9.3} {:9.0} {share:>14} {disk:9.0}",
            events as f64 / sum
        );
    }
}
