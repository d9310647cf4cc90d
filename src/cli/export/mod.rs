//! `export events`: the record as tables for whoever works with tables.
mod rows;
mod table;

use super::exit::{Done, Exit, Failure};
use super::{Context, offline, output};
use crate::genealogy::{Corrections, Void};
use crate::ledger::Reader;
use crate::model::{Body, ItemKey, MountKey, Position, Record, Utc, What};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use table::{Format, Table};

/// The record as tables: what happened, to which items, what was measured, and what went into what.
#[derive(Debug, clap::Args)]
pub(super) struct EventsArgs {
    /// A folder for the tables: `events`, `items`, `measurements` and `links`.
    folder: PathBuf,
    /// How they are written.
    #[arg(long, value_enum, default_value = "parquet")]
    format: Format,
    /// Only what happened from this time on, RFC 3339.
    #[arg(long)]
    from: Option<Utc>,
    /// Only what happened before this time, RFC 3339.
    #[arg(long)]
    to: Option<Utc>,
    /// Another data directory than the configured one.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
}

/// What later records say of earlier ones.
struct Standing {
    void: Void,
    /// The lot in each mount, as it is known by now.
    lots: BTreeMap<MountKey, ItemKey>,
}

pub(super) fn events(context: &Context, args: &EventsArgs) -> Done {
    let dir = offline::data_dir(context, args.data.as_ref())?;
    let reader = Reader::open(&dir);
    let standing = standing(&reader)?;
    let written = write(&reader, &standing, args)?;
    output::notice(&format!("{written} records in {}", args.folder.display()));
    Ok(Exit::Ok)
}

fn each(
    reader: &Reader,
    mut take: impl FnMut(&Record) -> Result<(), Failure>,
) -> Result<(), Failure> {
    reader.cursor(Position(0)).try_for_each(|entry| {
        let entry = entry.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
        take(&entry.record)
    })
}

fn standing(reader: &Reader) -> Result<Standing, Failure> {
    let mut corrections = Corrections::default();
    each(reader, |record| {
        if let Body::Trace(event) = &record.body
            && let What::Correct { position, .. } = &event.what
        {
            corrections.insert(record.position, *position);
        }
        Ok(())
    })?;
    let void = corrections.as_of(Position(u64::MAX));
    let mut lots = BTreeMap::new();
    each(reader, |record| {
        if let Body::Trace(event) = &record.body
            && let (What::Mount { point, lot }, Some(station)) = (&event.what, &event.station)
            && !void.contains(&record.position)
        {
            let first = event.adopted.as_ref().and_then(|adopted| adopted.first);
            let opened = first.unwrap_or(record.position);
            let mount = MountKey { station: station.clone(), point: point.clone(), opened };
            lots.insert(mount, lot.clone());
        }
        Ok(())
    })?;
    Ok(Standing { void, lots })
}

fn write(reader: &Reader, standing: &Standing, args: &EventsArgs) -> Result<u64, Failure> {
    let failed = |why: io::Error| {
        let place = args.folder.display();
        Failure::new(Exit::Io, format!("the tables cannot be written to {place}: {why}"))
    };
    std::fs::create_dir_all(&args.folder).map_err(failed)?;
    let begin =
        |name, columns| Table::begin(&args.folder, name, columns, args.format).map_err(failed);
    let mut events = begin("events", rows::EVENTS)?;
    let mut items = begin("items", rows::ITEMS)?;
    let mut measurements = begin("measurements", rows::MEASUREMENTS)?;
    let mut links = begin("links", rows::LINKS)?;
    let mut written = 0;
    each(reader, |record| {
        let time = crate::query::describe(record).time;
        let wanted =
            args.from.is_none_or(|from| from <= time) && args.to.is_none_or(|to| time < to);
        if !wanted {
            return Ok(());
        }
        written += 1;
        let counts = !standing.void.contains(&record.position);
        events.push(rows::event(record, counts)).map_err(failed)?;
        if !counts {
            return Ok(());
        }
        let put = |table: &mut Table, rows: Vec<Vec<table::Cell>>| {
            rows.into_iter().try_for_each(|row| table.push(row)).map_err(failed)
        };
        put(&mut items, rows::items(record))?;
        put(&mut measurements, rows::measurements(record))?;
        put(&mut links, rows::links(record, &standing.lots))
    })?;
    for table in [events, items, measurements, links] {
        table.end().map_err(failed)?;
    }
    Ok(written)
}
