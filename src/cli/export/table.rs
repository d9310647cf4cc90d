//! A table that is written as it grows: CSV, JSON lines or Parquet.
use crate::cli::part::Part;
use parquet::basic::{Compression, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::TypePtr;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Rows that are in memory at a time.
const ROWS: usize = 1 << 16;

/// What a Parquet file says of its columns: a column more comes behind the others and changes nothing; any
/// other change is another version. CSV and JSON lines have no place for it.
const FORMAT: &str = "pedigree.tables";
const VERSION: &str = "1";

/// In what form tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// Apache Parquet, which most tools for tables open.
    Parquet,
    /// Comma-separated values with a head line.
    Csv,
    /// One JSON object a line.
    Jsonl,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A whole number.
    Whole,
    /// Nanoseconds since the Unix epoch, UTC.
    Time,
    /// A number.
    Number,
    /// A text.
    Text,
}

/// One value of a row.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    /// None.
    None,
    /// Of a column of whole numbers, or of times.
    Whole(i64),
    /// Of a column of numbers.
    Number(f64),
    /// Of a column of texts.
    Text(String),
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::None, Into::into)
    }
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Whole(value)
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<String> for Cell {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<&str> for Cell {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

/// The columns of a table.
pub(super) type Columns = &'static [(&'static str, Kind)];

/// Where the rows of a table go.
enum Sink {
    Csv(Box<csv::Writer<File>>),
    Jsonl(BufWriter<File>),
    Parquet(Box<SerializedFileWriter<File>>),
}

/// A table on its way to a file.
pub(super) struct Table {
    part: Part,
    columns: Columns,
    rows: Vec<Vec<Cell>>,
    sink: Sink,
}

impl Table {
    /// Begins `NAME.csv`, `NAME.jsonl` or `NAME.parquet` in a folder; it takes the place of one that is there
    /// when it is whole.
    pub(super) fn begin(
        folder: &Path,
        name: &str,
        columns: Columns,
        format: Format,
    ) -> io::Result<Self> {
        let ending = match format {
            Format::Csv => "csv",
            Format::Jsonl => "jsonl",
            Format::Parquet => "parquet",
        };
        let part = Part::of(&folder.join(format!("{name}.{ending}")))?;
        let file = File::create(part.path())?;
        let sink = match format {
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(file);
                writer
                    .write_record(columns.iter().map(|(name, _)| name))
                    .map_err(io::Error::other)?;
                Sink::Csv(Box::new(writer))
            }
            Format::Jsonl => Sink::Jsonl(BufWriter::new(file)),
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .set_created_by(concat!("pedigree ", env!("CARGO_PKG_VERSION")).to_owned());
                let properties = Arc::new(properties.build());
                let schema = schema(name, columns).map_err(io::Error::other)?;
                let writer = SerializedFileWriter::new(file, schema, properties);
                Sink::Parquet(Box::new(writer.map_err(io::Error::other)?))
            }
        };
        Ok(Self { part, columns, rows: Vec::new(), sink })
    }

    /// Adds a row, a cell for each column.
    pub(super) fn push(&mut self, row: Vec<Cell>) -> io::Result<()> {
        debug_assert_eq!(row.len(), self.columns.len());
        self.rows.push(row);
        if self.rows.len() < ROWS { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> io::Result<()> {
        let rows = std::mem::take(&mut self.rows);
        match &mut self.sink {
            Sink::Csv(writer) => rows.iter().try_for_each(|row| {
                let fields =
                    row.iter().zip(self.columns).map(|(cell, (_, kind))| plain(cell, *kind));
                writer.write_record(fields).map_err(io::Error::other)
            }),
            Sink::Jsonl(writer) => rows.iter().try_for_each(|row| {
                let cells = row.iter().zip(self.columns);
                let told = cells.filter(|(cell, _)| **cell != Cell::None);
                let object: Map<String, Value> = told
                    .map(|(cell, (name, kind))| ((*name).to_owned(), json(cell, *kind)))
                    .collect();
                writeln!(writer, "{}", Value::Object(object))
            }),
            Sink::Parquet(writer) => group(writer, self.columns, &rows).map_err(io::Error::other),
        }
    }

    /// Writes what is left. The table is whole then, and wants only its name.
    pub(super) fn end(mut self) -> io::Result<Part> {
        self.flush()?;
        match self.sink {
            Sink::Csv(writer) => drop(writer.into_inner().map_err(io::Error::other)?),
            Sink::Jsonl(writer) => drop(writer.into_inner()?),
            Sink::Parquet(mut writer) => {
                let says = KeyValue::new(FORMAT.to_owned(), VERSION.to_owned());
                writer.append_key_value_metadata(says);
                drop(writer.into_inner().map_err(io::Error::other)?);
            }
        }
        Ok(self.part)
    }
}

/// A time as RFC 3339 writes it, for formats that have none of their own.
fn time(nanoseconds: i64) -> String {
    crate::model::Utc(nanoseconds).to_string()
}

fn plain(cell: &Cell, kind: Kind) -> String {
    match cell {
        Cell::None => String::new(),
        Cell::Whole(value) if kind == Kind::Time => time(*value),
        Cell::Whole(value) => value.to_string(),
        Cell::Number(value) => value.to_string(),
        Cell::Text(value) => value.clone(),
    }
}

fn json(cell: &Cell, kind: Kind) -> Value {
    match cell {
        Cell::None => Value::Null,
        Cell::Whole(value) if kind == Kind::Time => time(*value).into(),
        Cell::Whole(value) => (*value).into(),
        // What is no number to JSON is a text.
        Cell::Number(value) => serde_json::Number::from_f64(*value)
            .map_or_else(|| value.to_string().into(), Value::from),
        Cell::Text(value) => value.clone().into(),
    }
}

fn schema(name: &str, columns: Columns) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|(name, kind)| match kind {
        Kind::Whole => format!("optional int64 {name};"),
        Kind::Time => format!("optional int64 {name} (timestamp(nanos, true));"),
        Kind::Number => format!("optional double {name};"),
        Kind::Text => format!("optional binary {name} (string);"),
    });
    let message = format!("message {name} {{ {} }}", fields.collect::<String>());
    parse_message_type(&message).map(Arc::new)
}

fn group(
    writer: &mut SerializedFileWriter<File>,
    columns: Columns,
    rows: &[Vec<Cell>],
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (place, (_, kind)) in columns.iter().enumerate() {
        let cells = rows.iter().filter_map(|row| row.get(place));
        match kind {
            Kind::Whole | Kind::Time => put::<Int64Type>(&mut group, cells, |cell| match cell {
                Cell::Whole(value) => Some(*value),
                Cell::None | Cell::Number(_) | Cell::Text(_) => None,
            })?,
            Kind::Number => put::<DoubleType>(&mut group, cells, |cell| match cell {
                Cell::Number(value) => Some(*value),
                Cell::None | Cell::Whole(_) | Cell::Text(_) => None,
            })?,
            Kind::Text => put::<ByteArrayType>(&mut group, cells, |cell| match cell {
                Cell::Text(value) => Some(ByteArray::from(value.as_str())),
                Cell::None | Cell::Whole(_) | Cell::Number(_) => None,
            })?,
        }
    }
    group.close().map(drop)
}

fn put<'c, T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    cells: impl Iterator<Item = &'c Cell>,
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    for cell in cells {
        let value = value(cell);
        levels.push(i16::from(value.is_some()));
        values.extend(value);
    }
    let column = group.next_column()?;
    let mut column = column.ok_or_else(|| ParquetError::General("a column too many".into()))?;
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    column.close()
}
