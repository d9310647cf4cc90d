//! A tape file into a sealed one.
use super::super::codec;
use super::super::format::{self, Header, Stop};
use super::row::Rows;
use super::{FORMAT, HEADER, PLANT, io_error, schema};
use crate::model::plant::{Plant, PlantFile};
use crate::model::{Hex, wire};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Rows that are in memory at a time, about.
const GROUP_ROWS: usize = 1 << 16;

/// The plant that names are taken from, and the number of its entry.
pub(in super::super) type InForce = Option<(u64, Arc<Plant>)>;
/// Makes a plant of its files; `None` if they do not make one any more.
pub(in super::super) type Load = Box<dyn FnMut(&[PlantFile]) -> Option<Arc<Plant>> + Send>;

/// Writes what `from` holds into `into`, which is new, and puts it on stable storage. Gives the plant
/// in force at the end. A plant that cannot be loaded any more costs names, nothing else. Ends early
/// with [`io::ErrorKind::Interrupted`] when `halt` says so.
pub(in super::super) fn seal(
    header: &Header,
    from: &mut impl Read,
    into: File,
    mut plant: InForce,
    load: &mut Load,
    halt: &dyn Fn() -> bool,
) -> Result<InForce, Stop> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_created_by(concat!("pedigree ", env!("CARGO_PKG_VERSION")).to_owned());
    let parquet = |why| Stop::Io(io_error(why));
    let synced = into.try_clone().map_err(Stop::Io)?;
    let mut file =
        SerializedFileWriter::new(into, schema(), Arc::new(properties.build())).map_err(parquet)?;
    let (mut rows, mut frame) = (Rows::default(), Vec::new());
    while let Some(body) = format::take(from, &mut frame)? {
        let look = codec::look(body);
        if let Some((number, files)) = look.as_ref().and_then(codec::Look::plant) {
            plant = load(files).map(|plant| (number, plant));
        }
        rows.put(body, look.as_ref(), plant.as_ref().map(|(_, plant)| &**plant));
        if rows.len() >= GROUP_ROWS {
            if halt() {
                return Err(Stop::Io(io::ErrorKind::Interrupted.into()));
            }
            std::mem::take(&mut rows).flush(&mut file).map_err(Stop::Io)?;
        }
    }
    rows.flush(&mut file).map_err(Stop::Io)?;
    let mut say = |key: &str, value: String| {
        file.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
    };
    say(FORMAT, format::VERSION.to_string());
    say(HEADER, Hex(&wire::encode(header)).to_string());
    if let Some((number, _)) = &plant {
        say(PLANT, number.to_string());
    }
    file.close().map_err(parquet)?;
    synced.sync_all().map_err(Stop::Io)?;
    Ok(plant)
}
