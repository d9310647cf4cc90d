//! The order of work as a spreadsheet gives it: CSV with a header.
//!
//! Columns `station`, `program`, `serial` and, if wanted, `product`, in any order; separated by
//! commas or semicolons, whichever the header has. A field may stand in double quotes.
use super::fault::{Faults, Place, Sink};
use super::similar;
use crate::model::{Code, ItemKey, NameError, OrderRow, StationId, Text};
use std::collections::BTreeMap;
use std::ops::Range;

const COLUMNS: [&str; 4] = ["station", "program", "serial", "product"];

/// A field and its bytes in the file, without quotes and the blanks around them.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    text: String,
    span: Range<usize>,
}

/// Reads the rows of an order list in their order.
///
/// # Errors
/// Every row that is wrong: a field that is missing or refused.
pub fn parse(name: &str, text: &str) -> Result<Vec<OrderRow>, Faults> {
    let mut sink = Sink::default();
    let mut reader = Reader { file: sink.source(name, text), sink: &mut sink };
    let rows = reader.rows(text);
    sink.finish().map(|_| rows)
}

struct Reader<'a> {
    file: usize,
    sink: &'a mut Sink,
}

impl Reader<'_> {
    fn rows(&mut self, text: &str) -> Vec<OrderRow> {
        let start = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        let body = text.get(start..).unwrap_or_default();
        let mut lines = body.split_inclusive('\n').scan(start, |at, line| {
            let from = *at;
            *at += line.len();
            Some((from, line.trim_end_matches(['\n', '\r'])))
        });
        let lines = lines.by_ref().filter(|(_, line)| !line.trim().is_empty());
        let mut lines = lines.collect::<Vec<_>>().into_iter();
        let Some((at, header)) = lines.next() else {
            self.error(0..0, "the order list is empty", "wanted a header")
                .help("the first line is `station,program,serial,product`");
            return Vec::new();
        };
        let separator = if header.contains(';') && !header.contains(',') { ';' } else { ',' };
        let Some(columns) = self.header(at, header, separator) else { return Vec::new() };
        // A row may stand there again: machines do run a part through the same program twice.
        lines.filter_map(|(at, line)| self.row(at, line, separator, &columns)).collect()
    }

    /// Which column of the model each column of the file is.
    fn header(&mut self, at: usize, line: &str, separator: char) -> Option<Vec<&'static str>> {
        let mut columns = Vec::new();
        for field in self.fields(at, line, separator)? {
            let found = COLUMNS.into_iter().find(|column| field.text.eq_ignore_ascii_case(column));
            match found {
                Some(column) if columns.contains(&column) => {
                    self.error(
                        field.span,
                        format!("the column `{column}` is there twice"),
                        "again",
                    );
                }
                Some(column) => columns.push(column),
                None => {
                    let hint = similar::hint(&field.text, "columns", COLUMNS);
                    self.error(
                        field.span,
                        format!("there is no column `{}`", field.text),
                        "unknown",
                    )
                    .help(hint);
                }
            }
        }
        let missing = ["station", "program", "serial"].into_iter().filter(|c| !columns.contains(c));
        for column in missing.collect::<Vec<_>>() {
            self.error(
                at..at + line.len(),
                format!("the header has no column `{column}`"),
                "header",
            );
        }
        (!self.sink.has_errors()).then_some(columns)
    }

    fn row(
        &mut self,
        at: usize,
        line: &str,
        separator: char,
        columns: &[&'static str],
    ) -> Option<OrderRow> {
        let fields = self.fields(at, line, separator)?;
        if fields.len() != columns.len() {
            let message =
                format!("the row has {} fields, the header {}", fields.len(), columns.len());
            self.error(at..at + line.len(), message, "wanted as many as the header has");
            return None;
        }
        let mut by_name: BTreeMap<&str, Field> = columns.iter().copied().zip(fields).collect();
        let station = self.field(by_name.remove("station"), StationId::parse);
        let program = self.field(by_name.remove("program"), Text::parse);
        let serial = self.field(by_name.remove("serial"), Code::parse);
        let product = by_name.remove("product").filter(|field| !field.text.is_empty());
        let product = match product {
            Some(field) => Some(self.field(Some(field), Text::parse)?),
            None => None,
        };
        let item = ItemKey::unit(serial?);
        Some(OrderRow { station: station?, program: program?, item, product })
    }

    fn field<T>(
        &mut self,
        field: Option<Field>,
        parse: fn(&str) -> Result<T, NameError>,
    ) -> Option<T> {
        let field = field?;
        parse(&field.text)
            .map_err(|error| {
                self.error(field.span, error.to_string(), "refused");
            })
            .ok()
    }

    /// The fields of a line, or a fault where a quote does not end.
    fn fields(&mut self, at: usize, line: &str, separator: char) -> Option<Vec<Field>> {
        let mut fields = Vec::new();
        let mut from = 0;
        loop {
            let rest = line.get(from..)?;
            let indent = rest.len() - rest.trim_start().len();
            let (text, len) = if let Some(quoted) = rest.trim_start().strip_prefix('"') {
                let Some((text, len)) = unquote(quoted) else {
                    let span = at + from + indent..at + line.len();
                    self.error(span, "a quote does not end in its line", "begins here");
                    return None;
                };
                (text, indent + 1 + len)
            } else {
                let len = rest.find(separator).unwrap_or(rest.len());
                (rest.get(..len)?.trim().to_owned(), len)
            };
            let begin = at + from + indent.min(len);
            fields.push(Field { text, span: begin..at + from + len });
            let after = line.get(from + len..)?.trim_start();
            if after.is_empty() {
                return Some(fields);
            }
            if !after.starts_with(separator) {
                let span = at + from + len..at + line.len();
                self.error(span, "there is text behind a closing quote", "not expected");
                return None;
            }
            from = line.len() - after.len() + separator.len_utf8();
        }
    }

    fn error(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        label: &str,
    ) -> &mut super::Fault {
        self.sink.error(&Place { file: self.file, span }, message).label(label)
    }
}

/// The text up to the closing quote, doubled quotes made single, and the bytes it took with it.
fn unquote(quoted: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = quoted.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '"' {
            text.push(c);
        } else if chars.next_if(|(_, next)| *next == '"').is_some() {
            text.push('"');
        } else {
            return Some((text, at + 1));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_read_in_their_order_with_columns_in_any() {
        let text = "\u{feff}serial;station;program\r\n007;CNC4;O1001\r\n\r\n\"8;\"\"x\"\"\";CNC4;O1002\r\n";
        let rows = parse("orders.csv", text).unwrap();
        let serials: Vec<_> = rows.iter().map(|row| row.item.to_string()).collect();
        assert_eq!(serials, ["u/site/007", "u/site/8;\"x\""]);
        assert_eq!(rows[1].program.as_str(), "O1002");
        assert_eq!(rows[0].product, None);
    }

    #[test]
    fn every_bad_row_is_named_with_its_line() {
        let text = "station,program,serial,product\nA,P,1,X\nA,P\nA,P,,X\nA,P,1,Y\nB 2,P,3,\n";
        let faults = parse("o.csv", text).unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (f.line, f.column, f.message.as_str())).collect();
        assert_eq!(
            found,
            [
                (3, 1, "the row has 2 fields, the header 4"),
                (4, 5, "a code is empty"),
                (6, 1, "a station name has the character ' ' at byte 1"),
            ]
        );
    }

    #[test]
    fn a_header_is_required_and_its_slips_are_named() {
        let faults = parse("o.csv", "station,programm,serial\n").unwrap_err();
        let messages: Vec<_> = faults.iter().map(|f| f.message.as_str()).collect();
        assert_eq!(
            messages,
            ["the header has no column `program`", "there is no column `programm`"]
        );
        assert!(parse("o.csv", "").is_err());
        assert!(parse("o.csv", "A,P,1\n").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(?s).{0,60}", body in "[a,;\" \n]{0,40}") {
            let _ = parse("o.csv", &text);
            let _ = parse("o.csv", &format!("station,program,serial\n{body}"));
        }
    }
}
