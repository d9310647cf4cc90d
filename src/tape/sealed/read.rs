//! A sealed file as the frames that it was made of.
use super::super::format::{self, Header, Stop};
use super::{ENTRY, FORMAT, HEADER, PLANT, io_error};
use crate::model::wire;
use parquet::column::reader::get_typed_column_reader;
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::fs::File;
use std::io;
use std::path::Path;

/// The frames of a sealed file, one row group in memory at a time.
pub(in super::super) struct SealedFrames {
    file: SerializedFileReader<File>,
    groups: std::ops::Range<usize>,
    bodies: std::vec::IntoIter<ByteArray>,
}

impl SealedFrames {
    /// Opens a sealed file and reads what it says of itself.
    pub(in super::super) fn open(path: &Path) -> Result<(Header, Self), Stop> {
        let file = File::open(path).map_err(Stop::Io)?;
        let file = SerializedFileReader::new(file).map_err(|_| Stop::Foreign)?;
        let version = said(&file, FORMAT).and_then(|text| text.parse().ok());
        let version = version.ok_or(Stop::Foreign)?;
        if version != format::VERSION {
            return Err(Stop::Newer { version, features: 0 });
        }
        let header = said(&file, HEADER).and_then(|text| bytes(&text)).ok_or(Stop::Foreign)?;
        let header = wire::decode::<Header>(&header).map_err(|_| Stop::Foreign)?.known(version)?;
        let groups = 0..file.metadata().num_row_groups();
        Ok((header, Self { file, groups, bodies: Vec::new().into_iter() }))
    }

    /// Number of the entry whose plant is in force at the end of the file.
    pub(in super::super) fn plant(&self) -> Option<u64> {
        said(&self.file, PLANT)?.parse().ok()
    }

    /// The next body into `frame`; `None` at the end.
    pub(in super::super) fn take<'f>(
        &mut self,
        frame: &'f mut Vec<u8>,
    ) -> Result<Option<&'f [u8]>, Stop> {
        loop {
            if let Some(body) = self.bodies.next() {
                frame.clear();
                frame.extend_from_slice(body.data());
                return Ok(Some(frame));
            }
            let Some(group) = self.groups.next() else {
                return Ok(None);
            };
            self.bodies = self.group(group).map_err(Stop::Io)?.into_iter();
        }
    }

    fn group(&self, group: usize) -> io::Result<Vec<ByteArray>> {
        let group = self.file.get_row_group(group).map_err(io_error)?;
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        let column = group.get_column_reader(ENTRY).map_err(io_error)?;
        let mut column = get_typed_column_reader::<ByteArrayType>(column);
        let (mut levels, mut bodies) = (Vec::new(), Vec::new());
        let mut read = 0;
        while read < rows {
            let (records, ..) = column
                .read_records(rows - read, Some(&mut levels), None, &mut bodies)
                .map_err(io_error)?;
            if records == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "rows are missing"));
            }
            read += records;
        }
        Ok(bodies)
    }
}

fn said(file: &SerializedFileReader<File>, key: &str) -> Option<String> {
    let all = file.metadata().file_metadata().key_value_metadata()?;
    all.iter().find(|pair| pair.key == key)?.value.clone()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let byte = |at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (0..hex.len()).step_by(2).map(byte).collect()
}
