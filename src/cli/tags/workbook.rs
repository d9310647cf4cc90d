//! A spreadsheet of Excel as the rows of its sheet of tags.
use calamine::{Data, Reader, Xlsx, open_workbook_from_rs};
use csv::{Position, StringRecord};
use std::io::Cursor;

/// The sheet that TIA Portal puts its tags into.
const TAGS: &str = "PLC Tags";
/// How every file of this kind begins.
const MARK: &[u8] = b"PK\x03\x04";

/// Whether this is a spreadsheet and no text.
pub(super) fn is_workbook(bytes: &[u8]) -> bool {
    bytes.starts_with(MARK)
}

/// The header and the rows of the sheet of tags, else of the first sheet, each with its line.
pub(super) fn read(bytes: &[u8]) -> Result<(StringRecord, Vec<StringRecord>), String> {
    let unreadable = |why: calamine::XlsxError| format!("it is no spreadsheet: {why}");
    let mut book: Xlsx<_> = open_workbook_from_rs(Cursor::new(bytes)).map_err(unreadable)?;
    let names = book.sheet_names();
    let tags = names.iter().find(|name| *name == TAGS).or(names.first()).cloned();
    let sheet = tags.ok_or("it has no sheet")?;
    let range = book.worksheet_range(&sheet).map_err(unreadable)?;
    let first = range.start().map_or(0, |(row, _)| u64::from(row));
    let mut rows = (first + 1..).zip(range.rows()).map(|(line, cells)| {
        let mut record: StringRecord = cells.iter().map(text).collect();
        let mut position = Position::new();
        position.set_line(line);
        record.set_position(Some(position));
        record
    });
    let header = rows.next().unwrap_or_default();
    Ok((header, rows.collect()))
}

fn text(cell: &Data) -> String {
    cell.to_string().trim().to_owned()
}
