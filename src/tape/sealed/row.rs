//! Rows as columns.
use super::super::codec::Look;
use super::io_error;
use crate::model::Sample;
use crate::model::plant::{DeviceIndex, Plant, TagIndex};
use parquet::data_type::{ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use std::fs::File;
use std::io;

/// Values of a column that may have none.
struct Optional<T> {
    levels: Vec<i16>,
    values: Vec<T>,
}

impl<T> Default for Optional<T> {
    fn default() -> Self {
        Self { levels: Vec::new(), values: Vec::new() }
    }
}

impl<T> Optional<T> {
    fn push(&mut self, value: Option<T>) {
        self.levels.push(i16::from(value.is_some()));
        self.values.extend(value);
    }
}

/// Rows that wait to be written, column by column.
#[derive(Default)]
pub(super) struct Rows {
    number: Vec<i64>,
    at: Vec<i64>,
    kind: Vec<ByteArray>,
    device: Optional<ByteArray>,
    tag: Optional<ByteArray>,
    value: Optional<f64>,
    text: Optional<ByteArray>,
    quality: Optional<ByteArray>,
    source: Optional<i64>,
    receive: Optional<i64>,
    entry: Optional<ByteArray>,
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.number.len()
    }

    /// The rows of one frame; what cannot be read is a row with its body alone.
    pub(super) fn put(&mut self, body: &[u8], look: Option<&Look>, plant: Option<&Plant>) {
        let mut entry = Some(ByteArray::from(body.to_vec()));
        let samples = look.map_or(&[][..], |look| &look.samples);
        for sample in samples {
            self.row(look, plant, Some(sample), entry.take());
        }
        if samples.is_empty() {
            self.row(look, plant, None, entry.take());
        }
    }

    fn row(
        &mut self,
        look: Option<&Look>,
        plant: Option<&Plant>,
        sample: Option<&Sample>,
        entry: Option<ByteArray>,
    ) {
        // What is no entry stands where the one before it does.
        let before = (self.number.last().copied(), self.at.last().copied());
        let number = look.map(|look| look.number.cast_signed()).or(before.0);
        self.number.push(number.unwrap_or_default());
        self.at.push(look.map(|look| look.at.wall.0).or(before.1).unwrap_or_default());
        self.kind.push(look.map_or("no entry", |look| look.kind).into());
        let tag = sample.map(|sample| sample.tag).or(look.and_then(|look| look.tag));
        let owner = tag.and_then(|tag| Some(plant?.tags.get(tag.get())?.device));
        let device = look.and_then(|look| look.device).or(owner);
        self.device.push(device.map(|device| device_name(plant, device)));
        self.tag.push(tag.map(|tag| tag_name(plant, tag)));
        self.value.push(sample.and_then(|sample| sample.value.number()));
        self.text.push(sample.map(|sample| text(&sample.value.to_string())));
        self.quality.push(sample.map(|sample| text(&sample.quality.to_string())));
        self.source.push(sample.and_then(|sample| Some(sample.source?.0)));
        self.receive.push(sample.map(|sample| sample.receive.0));
        self.entry.push(entry);
    }

    /// Writes them as one row group.
    pub(super) fn flush(self, file: &mut SerializedFileWriter<File>) -> io::Result<()> {
        let mut group = file.next_row_group().map_err(io_error)?;
        put::<Int64Type>(&mut group, &self.number, None)?;
        put::<Int64Type>(&mut group, &self.at, None)?;
        put::<ByteArrayType>(&mut group, &self.kind, None)?;
        put::<ByteArrayType>(&mut group, &self.device.values, Some(&self.device.levels))?;
        put::<ByteArrayType>(&mut group, &self.tag.values, Some(&self.tag.levels))?;
        put::<DoubleType>(&mut group, &self.value.values, Some(&self.value.levels))?;
        put::<ByteArrayType>(&mut group, &self.text.values, Some(&self.text.levels))?;
        put::<ByteArrayType>(&mut group, &self.quality.values, Some(&self.quality.levels))?;
        put::<Int64Type>(&mut group, &self.source.values, Some(&self.source.levels))?;
        put::<Int64Type>(&mut group, &self.receive.values, Some(&self.receive.levels))?;
        put::<ByteArrayType>(&mut group, &self.entry.values, Some(&self.entry.levels))?;
        group.close().map_err(io_error)?;
        Ok(())
    }
}

fn put<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    values: &[T::T],
    levels: Option<&[i16]>,
) -> io::Result<()> {
    let column = group.next_column().map_err(io_error)?;
    let mut column = column.ok_or_else(|| io::Error::other("the schema has too few columns"))?;
    column.typed::<T>().write_batch(values, levels, None).map_err(io_error)?;
    column.close().map_err(io_error)
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text)
}

/// Without its plant a device is a number.
fn device_name(plant: Option<&Plant>, device: DeviceIndex) -> ByteArray {
    let known = plant.and_then(|plant| plant.devices.get(device.get()));
    known.map_or_else(|| text(&format!("#{}", device.0)), |device| text(device.id.as_str()))
}

fn tag_name(plant: Option<&Plant>, tag: TagIndex) -> ByteArray {
    let known = plant.and_then(|plant| plant.tags.get(tag.get()));
    known.map_or_else(|| text(&format!("#{}", tag.0)), |tag| text(tag.name.as_str()))
}
