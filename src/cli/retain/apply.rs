//! Letting go: a thinned segment and its tombstone, one segment after the other.
use super::plan::{Plan, Segment, Source};
use super::{plan, show, tape};
use crate::cli::exit::{Done, Exit, Failure};
use crate::cli::runtime::runtime;
use crate::cli::{Context, offline, output};
use crate::config::daemon::DaemonConfig;
use crate::daemon;
use crate::ledger::{Files, Ledger, Options, SEGMENT_BYTES_MAX, State};
use crate::model::{At, Body, Origin, Position, Record, Text, Tombstone, Utc};
use crate::telemetry::Metrics;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};
use tokio::runtime::Runtime;

/// Items that one tombstone names: it is one frame, with room to spare for the longest of names.
const ITEMS_MAX: usize = 50_000;
/// What is made from the ledger and has what was said in it, in the data directory. The state that the engine goes on from
/// was held against what is left as a fold from the first record on, and from nothing else.
const DERIVED: [&str; 3] = ["store", "read", "state"];

pub(super) fn run(context: &Context, config: &DaemonConfig, (badge, now): (&str, Utc)) -> Done {
    let dir = &config.data_dir;
    let who = who(dir, badge)?;
    let keeping = &config.ledger;
    let signed = offline::signed(&offline::checkpoints(None, None, dir, keeping)?);
    let marks: BTreeSet<u64> = signed.iter().map(|checkpoint| checkpoint.size).collect();
    let opened = Ledger::open(options(config), Files).map_err(|why| offline::failed(&why))?;
    let ledger = opened.ledger;
    let source = Source::new(ledger.reader()).map_err(|why| offline::failed(&why))?;
    let plan = plan(&source, &config.retention, now)?;
    let old = tape::old(config, plan.now)?;
    show::plan(context, &plan, &old)?;
    if !plan.is_empty() {
        // They have what goes, and are made anew from what is left.
        DERIVED.iter().try_for_each(|name| forget(&dir.join(name)))?;
    }
    let rule = rule(&config.retention.rules);
    let runtime = runtime()?;
    let mut letting = Letting { ledger, runtime, marks, rule, who, now, freed: 0 };
    for segment in plan.segments() {
        letting.segment(&plan, &segment)?;
    }
    tape::remove(&old)?;
    if !plan.is_empty() {
        output::notice(&format!(
            "{} bytes of the ledger are free; the next start makes the index anew and signs the tombstones",
            letting.freed
        ));
    }
    Ok(Exit::Ok)
}

/// The token of a badge.
fn who(dir: &Path, badge: &str) -> Result<Text, Failure> {
    let persons = offline::persons(dir)?.ok_or_else(|| {
        let text = "the key of persons was erased: who lets it go cannot be recorded; start the \
                    daemon once, which makes another one";
        Failure::new(Exit::Configuration, text)
    })?;
    let token = persons.token(&persons.veil(badge)).to_string();
    Text::parse(&token).map_err(|why| Failure::new(Exit::Usage, why.to_string()))
}

/// The rules as far as a tombstone has room for them.
fn rule(rules: &str) -> Text {
    let end = (0..=rules.len().min(Text::LEN_MAX)).rev().find(|end| rules.is_char_boundary(*end));
    let short = rules.get(..end.unwrap_or_default()).unwrap_or_default();
    Text::parse(short).unwrap_or_else(|_| Text::parse("keep").expect("it is a text"))
}

fn options(config: &DaemonConfig) -> Options {
    Options {
        dir: config.data_dir.clone(),
        origin: Origin { site: config.site.clone(), incarnation: 0 },
        segment_bytes_max: SEGMENT_BYTES_MAX,
        metrics: Arc::new(Metrics::new()),
        now: daemon::clock(),
    }
}

fn forget(dir: &Path) -> Result<(), Failure> {
    match fs::remove_dir_all(dir) {
        Err(why) if why.kind() != io::ErrorKind::NotFound => {
            let text = format!("{} cannot be removed: {why}", dir.display());
            Err(Failure::new(Exit::Io, text))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// An open ledger, and what its tombstones say.
struct Letting {
    ledger: Ledger,
    runtime: Runtime,
    marks: BTreeSet<u64>,
    rule: Text,
    who: Text,
    now: Utc,
    freed: u64,
}

impl Letting {
    fn segment(&mut self, plan: &Plan<'_>, segment: &Segment<'_>) -> Result<(), Failure> {
        for (steps, items) in segment.parts(&plan.judged, ITEMS_MAX) {
            let times = steps.iter().filter_map(|step| plan.judged.times(*step));
            let times = times.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
            let thinned = self.ledger.thin(segment.sealed.first, &steps, &self.marks);
            let Some(prepared) = thinned.map_err(|why| offline::failed(&why))? else { continue };
            let by = (self.rule.clone(), self.who.clone());
            let items = items.into_iter().cloned().collect();
            let stone = self.append(prepared.tombstone(by, times, items))?;
            self.ledger.settle(stone).map_err(|why| offline::failed(&why))?;
            self.freed += prepared.bytes.saturating_sub(prepared.bytes_thinned);
        }
        Ok(())
    }

    /// Records a tombstone; it is on stable storage then.
    fn append(&self, stone: Tombstone) -> Result<Position, Failure> {
        let mut durable = self.ledger.durable();
        let (generation, position) = {
            let now = durable.borrow();
            (now.generation, now.position.next())
        };
        let at = At { wall: self.now, ..At::default() };
        let record = Record { position, at, body: Body::Tombstone(stone), plant: None };
        self.runtime.block_on(async {
            let taken = self.ledger.append(generation, vec![record]).await;
            taken.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
            let settled = durable.wait_for(|now| {
                now.holds(generation, position).is_some() || now.state != State::Running
            });
            let state = settled.await.map(|now| now.state.clone()).ok();
            match state {
                Some(State::Running) => Ok(position),
                Some(State::Failing { error, .. }) => Err(Failure::new(Exit::Io, error)),
                None => Err(Failure::new(Exit::Io, "the ledger ended")),
            }
        })
    }
}
