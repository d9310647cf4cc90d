//! The command line: one file a verb. It talks to a running daemon over HTTP, or opens the data of a
//! stopped one. Data on stdout, notices on stderr; the exit code has a meaning.
mod alarm;
mod backup;
mod case;
mod certs;
#[cfg(test)]
mod changes;
mod check;
mod client;
mod condition;
mod count;
mod demo;
mod drill;
mod drill_recall;
mod exit;
mod export;
mod hold;
mod maintenance;
mod offline;
mod orders;
mod output;
mod part;
mod person;
mod pin;
mod plan;
mod probe;
mod prove;
mod recall;
mod reference;
mod reload;
mod replay;
mod resolve;
mod retain;
mod run;
mod runtime;
mod settings;
mod sheet;
mod signed;
mod stub;
mod suspects;
mod tags;
mod tap;
mod test;
mod trace;
mod tree;
mod tune;
mod verdict;
mod why;
mod words;
mod yields;

pub use exit::Exit;
pub use reference::reference;

use clap::{CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// The nerve system of a factory: which part went where, made of what, and how we know.
#[derive(Debug, Parser)]
#[command(name = "pedigree", version, about, max_term_width = 100)]
pub struct Cli {
    /// Where the daemon's HTTP interface is.
    #[arg(long, global = true, env = "PEDIGREE_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// The daemon's settings.
    #[arg(short, long, global = true, env = "PEDIGREE_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// One JSON document instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Collect from the PLCs, record, answer: the daemon.
    Run(run::Args),
    /// A simulated plant on real protocols, with the daemon beside it, to try everything on.
    Demo(demo::Args),
    /// Find every fault in plant files; with --live also in what the PLCs offer.
    Check(check::Args),
    /// Play the tests of plant files against the engine; needs no PLC and no daemon.
    Test(test::Args),
    /// Play the PLC's side of handshakes against the running daemon.
    Drill(drill::Args),
    /// What will be read of each PLC and how often, with the load and the worst latency.
    Plan(plan::Args),
    /// Ask an unknown PLC what it is and offers.
    Probe(probe::ProbeArgs),
    /// Walk the nodes of an OPC UA server; with --toml as the beginning of a plant file.
    Browse(probe::BrowseArgs),
    /// Write down how the words of an OPC UA device lie on its PLC: nodes, types, bounds.
    Pin(pin::Args),
    /// Write out what others work with: the record as tables, the words of plant files as CSV.
    #[command(subcommand)]
    Export(tags::Export),
    /// Read in what others have: a list of tags as part of a plant file.
    #[command(subcommand)]
    Import(tags::Import),
    /// Own, trusted and refused certificates.
    Certs(certs::Args),
    /// Watch live tags, what fired, and why not.
    Tap(tap::Args),
    /// Which item a text is: whatever was typed, pasted or scanned.
    Resolve(resolve::Args),
    /// What an item was made of and went into.
    Trace(trace::Args),
    /// Everything that a lot went into, and what cannot be told.
    Recall(recall::Args),
    /// Ask a recall as a drill: how fast the answer is there, and how much of it can be acted upon.
    DrillRecall(drill_recall::Args),
    /// Put items on hold: they, and everything that they went into, must not move on.
    Hold(hold::HoldArgs),
    /// End holds, or let single items go although what they were made of stays on hold.
    Release(hold::ReleaseArgs),
    /// What is on hold, and how much it went into.
    Holds(hold::ListArgs),
    /// Record how much of a lot was found in stock: what its mass balance is held against.
    Count(count::Args),
    /// A recall that is frozen, so that nobody can say later that something else was found.
    Case(case::Args),
    /// What stations completed in a time, and how much of it was right at once.
    Yield(yields::Args),
    /// What monitors say of machines, since when, and what was made meanwhile.
    Condition(condition::Args),
    /// When stations may have been wrong, and what was made there meanwhile.
    Suspects(suspects::Args),
    /// Which monitors ask for maintenance, who looks after it, what was done, and whether it helped.
    Maintenance(maintenance::Args),
    /// Why items went bad: what they have in common and the others have not, ranked.
    Why(why::Args),
    /// What stands for a badge in the records, as long as the key of persons is not erased.
    Person(person::Args),
    /// Load the order of work of stations without a handshake.
    Orders(orders::Args),
    /// Put changed plant files in force without a restart; faulty ones change nothing.
    Reload(reload::Args),
    /// Check every byte of the ledger of a stopped or running daemon, and its signed checkpoints.
    Verify(offline::VerifyArgs),
    /// Write a file that proves that records of an item are in the ledger as they were signed.
    ///
    /// It is for whoever does not trust this system, and needs nothing but the public key to be checked. It does not
    /// prove that there are no other records of the item: whoever wrote it could have left some out.
    Prove(prove::Args),
    /// Check a proof; needs the file and the public key, and nothing else.
    CheckProof(prove::CheckArgs),
    /// Copy the ledger of a stopped or running daemon to a folder; again and again only what is new.
    Backup(backup::BackupArgs),
    /// Begin a data directory from a backup, if it is whole and does not contradict its checkpoints.
    Restore(backup::RestoreArgs),
    /// Say what the rules of `[retention]` let go, or let it go.
    Retain(retain::Args),
    /// Step the recorded inputs again and compare the events with the ledger's bytes.
    Replay(replay::Args),
    /// Completions for a shell, to stdout.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
}

/// What every verb is given.
#[derive(Debug)]
struct Context {
    url: String,
    config: Option<PathBuf>,
    json: bool,
}

/// Parses the command line, does what it says and tells how it went.
pub fn main() -> Exit {
    let Cli { url, config, json, verb } = Cli::parse();
    let context = Context { url, config, json };
    let done = match verb {
        Verb::Run(args) => run::run(&context, &args),
        Verb::Demo(args) => demo::run(&context, &args),
        Verb::Check(args) => check::run(&context, &args),
        Verb::Test(args) => test::run(&context, &args),
        Verb::Drill(args) => drill::run(&context, &args),
        Verb::Plan(args) => plan::run(&context, &args),
        Verb::Probe(args) => probe::probe(&context, &args),
        Verb::Browse(args) => probe::browse(&context, &args),
        Verb::Pin(args) => pin::run(&context, &args),
        Verb::Export(what) => tags::export(&context, &what),
        Verb::Import(what) => tags::import(&context, &what),
        Verb::Certs(args) => certs::run(&context, &args),
        Verb::Tap(args) => tap::run(&context, &args),
        Verb::Resolve(args) => resolve::run(&context, &args),
        Verb::Trace(args) => trace::run(&context, &args),
        Verb::Recall(args) => recall::run(&context, &args),
        Verb::DrillRecall(args) => drill_recall::run(&context, &args),
        Verb::Hold(args) => hold::hold(&context, &args),
        Verb::Release(args) => hold::release(&context, &args),
        Verb::Holds(args) => hold::list(&context, &args),
        Verb::Count(args) => count::run(&context, &args),
        Verb::Case(args) => case::run(&context, &args),
        Verb::Yield(args) => yields::run(&context, &args),
        Verb::Condition(args) => condition::run(&context, &args),
        Verb::Suspects(args) => suspects::run(&context, &args),
        Verb::Maintenance(args) => maintenance::run(&context, &args),
        Verb::Why(args) => why::run(&context, &args),
        Verb::Person(args) => person::run(&context, &args),
        Verb::Orders(args) => orders::run(&context, &args),
        Verb::Reload(args) => reload::run(&context, &args),
        Verb::Verify(args) => offline::verify(&context, &args),
        Verb::Prove(args) => prove::prove(&context, &args),
        Verb::CheckProof(args) => prove::check_proof(&context, &args),
        Verb::Backup(args) => backup::backup(&context, &args),
        Verb::Restore(args) => backup::restore(&context, &args),
        Verb::Retain(args) => retain::run(&context, &args),
        Verb::Replay(args) => replay::run(&context, &args),
        Verb::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "pedigree", &mut std::io::stdout());
            Ok(Exit::Ok)
        }
    };
    done.unwrap_or_else(|failure| {
        output::notice(&failure.text);
        failure.exit
    })
}
