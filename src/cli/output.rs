//! What goes where: data to stdout, notices to stderr.
use super::exit::{Exit, Failure};
use std::io::Write;

/// A line of data. A reader that has gone away ends the program quietly, as `head` expects.
pub(super) fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    writeln!(std::io::stdout(), "{text}").map_err(|why| {
        if why.kind() == std::io::ErrorKind::BrokenPipe {
            Failure::new(Exit::Ok, "")
        } else {
            Failure::new(Exit::Io, format!("the output cannot be written: {why}"))
        }
    })
}

/// A line of notice; nothing is said if there is nowhere to say it.
pub(super) fn notice(text: &str) {
    if !text.is_empty() {
        drop(writeln!(std::io::stderr(), "{text}"));
    }
}

/// A JSON document, laid out for reading.
pub(super) fn json(value: &serde_json::Value) -> Result<(), Failure> {
    line(format_args!("{value:#}"))
}

/// `2 tags`, `1 tag`.
pub(super) fn counted(n: usize, words: &str) -> String {
    let word = if n == 1 { words.strip_suffix('s').unwrap_or(words) } else { words };
    format!("{n} {word}")
}

/// A table with a head, columns aligned, readable without colour.
pub(super) fn table(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::TableStyle::new()).set_header(head.to_vec());
    table.add_rows(rows);
    table.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// RFC 4180; a cell that a spreadsheet would take for a formula gets an apostrophe.
pub(super) fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@']);
    let text = if formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_cannot_become_a_formula_or_break_its_row() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("u/site/SN-1"), "u/site/SN-1");
    }
}
