//! `retain`: what nobody has to be able to trace any more goes, and leaves a tombstone.
use super::exit::{Done, Exit, Failure};
use super::{Context, offline, output, settings};
use crate::config::daemon::DaemonConfig;
use crate::config::retention::Retention;
use crate::daemon;
use crate::ledger::Reader;
use crate::model::Utc;
use plan::{Plan, Source, Stuck};

mod apply;
mod plan;
mod show;
mod tape;

/// Say what the rules of `[retention]` let go, or let it go.
///
/// An item goes when its time is over, when everything that it went into goes, when no station works with it, and when no hold leads to
/// it; nothing while a case of recall is open. Of what goes nothing is left but hashes, so that all else is still proven; whoever
/// asks about it, or about that time, is told that something went. Nothing that goes comes back: make a backup before, and another
/// one after, or the copy has it still.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Let it go: not only say so. The daemon has to be stopped.
    #[arg(long, requires = "badge")]
    apply: bool,
    /// The badge of whoever lets it go.
    #[arg(long, value_name = "BADGE")]
    badge: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    let config = settings::settings(context)?;
    let now = (daemon::clock())().wall;
    match args.badge.as_deref().filter(|_| args.apply) {
        Some(badge) => apply::run(context, &config, (badge, now)),
        None => said(context, &config, now),
    }
}

/// What would go; a running daemon is not in the way.
fn said(context: &Context, config: &DaemonConfig, now: Utc) -> Done {
    let source =
        Source::new(Reader::open(&config.data_dir)).map_err(|why| offline::failed(&why))?;
    let plan = plan(&source, &config.retention, now)?;
    let tape = tape::old(config, plan.now)?;
    show::plan(context, &plan, &tape)?;
    if !plan.is_empty() || !tape.is_empty() {
        output::notice("nothing was changed: `pedigree retain --apply --badge BADGE` lets it go");
    }
    Ok(Exit::Ok)
}

fn plan<'s>(source: &'s Source, retention: &Retention, now: Utc) -> Result<Plan<'s>, Failure> {
    let plan = Plan::of(source, &retention.keep, now).map_err(|why| offline::failed(&why))?;
    match &plan.stuck {
        Some(Stuck::Stations) => output::notice(
            "no record can go: what the stations still work with rests on all of them",
        ),
        Some(Stuck::Open(case)) => output::notice(&format!(
            "no record can go while a case of recall is open, as {case} is; `pedigree case close {case}` once it is over"
        )),
        None => {}
    }
    Ok(plan)
}
