//! What each verb can change. The list is that of the verbs there are.
use super::Cli;
use clap::{Command, CommandFactory};
use std::path::Path;

/// What a verb does to what is kept.
#[derive(Debug, PartialEq)]
enum Changes {
    /// Nothing: it reads, asks, or writes files that are its user's own.
    Nothing,
    /// Something, by a request to the daemon, which records it: `http` holds itself to that.
    ByRequest,
    /// Something, which it records itself, with who did it.
    Recorded,
    /// It is the daemon, which records what it does: its plant, its gaps and what its clients command.
    Daemon,
    /// Something that leaves no record, as docs/guarantees.md says and why.
    Unrecorded,
}

/// A new verb fails the test until it says here what it changes.
fn changes(verb: &str) -> Option<Changes> {
    Some(match verb {
        // `drill` plays the PLC: what it asks is recorded as what the PLC asked.
        "check"
        | "test"
        | "plan"
        | "probe"
        | "browse"
        | "pin"
        | "export events"
        | "export tags"
        | "import tags"
        | "certs list"
        | "tap"
        | "resolve"
        | "trace"
        | "recall"
        | "holds"
        | "yield"
        | "suspects"
        | "why"
        | "person"
        | "verify"
        | "prove"
        | "check-proof"
        | "completions"
        | "drill"
        | "drill-recall"
        | "case show"
        | "case ls"
        | "case sheets"
        | "maintenance ls"
        | "maintenance schedules"
        | "condition ls"
        | "condition show"
        | "condition capability"
        | "condition tune"
        | "condition alarms"
        | "condition load" => Changes::Nothing,
        // Only with `--adopt`.
        "replay"
        | "orders load"
        | "reload"
        | "hold"
        | "release"
        | "count"
        | "case open"
        | "case revise"
        | "case close"
        | "maintenance acknowledge"
        | "maintenance done"
        | "condition ack"
        | "condition confirm"
        | "condition comment"
        | "condition shelve"
        | "condition unshelve"
        | "condition out-of-service"
        | "condition in-service" => Changes::ByRequest,
        // With `--apply` its tombstones say who let go what.
        "retain" => Changes::Recorded,
        "run" | "demo" => Changes::Daemon,
        "backup" | "restore" | "certs trust" | "certs new" => Changes::Unrecorded,
        _ => return None,
    })
}

/// The verbs that have none below them.
fn leaves(command: &Command, path: &str, found: &mut Vec<String>) {
    for verb in command.get_subcommands() {
        let path = format!("{path} {}", verb.get_name()).trim().to_owned();
        if verb.has_subcommands() {
            leaves(verb, &path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn every_verb_says_what_it_changes_and_what_leaves_no_record_is_told_to_users() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/guarantees.md");
    let page = std::fs::read_to_string(page).unwrap();
    let mut verbs = Vec::new();
    leaves(&Cli::command(), "", &mut verbs);
    assert!(verbs.len() > 25, "{verbs:?}");
    for verb in verbs {
        let changes = changes(&verb);
        assert!(changes.is_some(), "say here what `{verb}` changes, and whether that is on record");
        if changes == Some(Changes::Unrecorded) {
            assert!(page.contains(&format!("`pedigree {verb}`")), "`{verb}` leaves no record");
        }
    }
}
