//! Rows as CSV and back. Excel writes semicolons where the comma is the decimal sign, and a mark at
//! the beginning; both are read.
use super::foreign::{self, Layout};
use super::row::{KEYS, Row};
use super::workbook;
use csv::StringRecord;
use std::collections::BTreeSet;
use std::fmt;
use toml::{Table, Value};

/// What was read.
pub(super) struct Sheet {
    pub(super) rows: Vec<Row>,
    /// What a person should know before using it.
    pub(super) notices: Vec<String>,
}

/// What is wrong with a sheet, all of it.
#[derive(Debug)]
pub(super) struct Faults(Vec<String>);

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

/// The sheet of these rows.
pub(super) fn write(rows: &[Row]) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    let written: Result<(), csv::Error> = (|| {
        out.write_record(["device", "tag"].iter().chain(&KEYS))?;
        for row in rows {
            let cells = KEYS.map(|key| row.keys.get(key).map_or_else(String::new, cell));
            out.write_record([&row.device, &row.tag].into_iter().chain(&cells))?;
        }
        Ok(())
    })();
    written.expect("writing into memory does not fail");
    let bytes = out.into_inner().expect("writing into memory does not fail");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Lists are separated by blanks, names stand as `0=idle; 1=fill`.
fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(" "),
        Value::Table(by_number) => {
            let each = |(n, name): (&String, &Value)| format!("{n}={}", cell(name));
            by_number.iter().map(each).collect::<Vec<_>>().join("; ")
        }
        Value::Integer(_) | Value::Float(_) | Value::Boolean(_) | Value::Datetime(_) => {
            value.to_string()
        }
    }
}

/// Reads a sheet of ours or of another program, text or a spreadsheet, told by its header. `device` is
/// used where the sheet has no column of that name.
pub(super) fn read(bytes: &[u8], device: &str) -> Result<Sheet, Faults> {
    if workbook::is_workbook(bytes) {
        let (header, records) = workbook::read(bytes).map_err(|why| Faults(vec![why]))?;
        return take(&header, &records, device, false);
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|why| Faults(vec![format!("it is no text in UTF-8: {why}")]))?;
    let text = text.trim_start_matches('\u{feff}');
    let header = text.lines().next().unwrap_or_default();
    let semicolons = header.matches(';').count() > header.matches(',').count();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(if semicolons { b';' } else { b',' })
        .trim(csv::Trim::All)
        .flexible(true)
        .from_reader(text.as_bytes());
    let unreadable = |why: csv::Error| Faults(vec![why.to_string()]);
    let header = reader.headers().map_err(unreadable)?.clone();
    let records: Vec<_> = reader.records().collect::<Result<_, _>>().map_err(unreadable)?;
    take(&header, &records, device, semicolons)
}

fn take(
    header: &StringRecord,
    records: &[StringRecord],
    device: &str,
    decimal_comma: bool,
) -> Result<Sheet, Faults> {
    let layout = Layout::of(header).map_err(|why| Faults(vec![why]))?;
    let mut faults = layout.together(records, header);
    let (mut rows, mut seen) = (Vec::new(), BTreeSet::new());
    for record in records {
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(str::is_empty) {
            continue;
        }
        let cells = foreign::Cells { header, record, decimal_comma };
        match layout.row(&cells, device) {
            Ok(row) if !seen.insert((row.device.clone(), row.tag.clone())) => {
                faults.push(format!("line {line}: `{}/{}` is there twice", row.device, row.tag));
            }
            Ok(row) => rows.push(row),
            Err(whys) => faults.extend(whys.iter().map(|why| format!("line {line}: {why}"))),
        }
    }
    if rows.is_empty() && faults.is_empty() {
        faults.push("no row below the header".to_owned());
    }
    if !faults.is_empty() {
        return Err(Faults(faults));
    }
    Ok(Sheet { rows: layout.gather(rows), notices: layout.notices(records, header) })
}

/// A cell of our own sheet as the value of its key.
pub(super) fn value(key: &str, text: &str, decimal_comma: bool) -> Result<Value, String> {
    let number = |text: &str| {
        let text = if decimal_comma { text.replace(',', ".") } else { text.to_owned() };
        let whole = text.parse().map(Value::Integer).ok();
        let real = || text.parse().ok().filter(|r: &f64| r.is_finite()).map(Value::Float);
        whole.or_else(real).ok_or_else(|| format!("`{text}` in the column `{key}` is no number"))
    };
    match key {
        "scale" => number(text),
        "range" => text.split_whitespace().map(number).collect::<Result<_, _>>().map(Value::Array),
        "bad" => {
            let one = |text: &str| number(text).unwrap_or_else(|_| Value::String(text.to_owned()));
            Ok(Value::Array(text.split_whitespace().map(one).collect()))
        }
        "change" => Ok(match text.parse() {
            Ok(any) => Value::Boolean(any),
            // A share of the range is a text.
            Err(_) => number(text).unwrap_or_else(|_| Value::String(text.to_owned())),
        }),
        "names" | "bits" => names(key, text).map(Value::Table),
        _ => Ok(Value::String(text.to_owned())),
    }
}

fn names(key: &str, text: &str) -> Result<Table, String> {
    let pair = |part: &str| {
        let wrong = || format!("`{part}` in the column `{key}` is not like `0=idle; 1=fill`");
        let (n, name) = part.split_once('=').ok_or_else(wrong)?;
        let (n, name) = (n.trim(), name.trim());
        n.parse::<i64>().map_err(|_| wrong())?;
        Ok((n.to_owned(), Value::String(name.to_owned())))
    };
    text.split(';').map(str::trim).filter(|part| !part.is_empty()).map(pair).collect()
}
