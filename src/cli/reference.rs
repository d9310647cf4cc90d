//! The command line as a page: `docs/cli.md`.
use super::Cli;
use super::exit::Exit;
use clap::{Command, CommandFactory};
use std::fmt::Write as _;

/// Columns of the page.
const WIDTH: usize = 100;

const HEAD: &str = "# Command line

This page is generated from the code: `UPDATE=1 cargo test docs` writes it anew.

Data goes to stdout, notices go to stderr, and nothing needs colour to be read. `--json` gives one JSON
document instead of text. `resolve`, `trace`, `recall`, `tap`, `orders`, `reload`, `drill` and `prove` ask a
running daemon over HTTP; `verify`, `replay` and `condition tune` read its data directory, also while it runs; the
others need neither.

Exit codes have a meaning:

| code | |
|---|---|
";

/// The page: every verb with its long help.
pub fn reference() -> String {
    let mut page = HEAD.to_owned();
    for exit in Exit::ALL {
        let _ = writeln!(page, "| {} | {} |", exit as u8, exit.meaning());
    }
    let mut root = Cli::command().term_width(WIDTH).mut_args(|arg| arg.hide_env_values(true));
    root.build();
    section(&root, &mut page);
    page
}

fn section(command: &Command, page: &mut String) {
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let _ = write!(page, "\n## `{name}`\n\n```text\n");
    for line in command.clone().render_long_help().to_string().trim_end().lines() {
        let _ = writeln!(page, "{}", line.trim_end());
    }
    page.push_str("```\n");
    for below in command.get_subcommands().filter(|c| c.get_name() != "help") {
        section(below, page);
    }
}
