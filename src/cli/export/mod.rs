//! `export events`: the record as tables for whoever works with tables.
mod rows;
mod table;

use super::exit::{Done, Exit, Failure};
use super::part::Part;
use super::{Context, offline, output};
use crate::genealogy::{Corrections, Narrowings, Void};
use crate::ledger::{Entry, LedgerError, Reader};
use crate::model::{Body, ItemKey, MountKey, Position, Record, Utc, What};
use std::collections::BTreeMap;
use std::fs::File;
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
    /// The last record, of whatever the tables say: a daemon that runs goes on meanwhile.
    end: Position,
    void: Void,
    /// What is known better by now of the lots in what was made.
    narrowed: Narrowings,
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

/// All records up to `end`, in order.
fn each(
    reader: &Reader,
    end: Position,
    mut take: impl FnMut(&Record) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let within = |entry: &Result<Entry, LedgerError>| match entry {
        Ok(entry) => entry.position <= end,
        Err(_) => true,
    };
    reader.cursor(Position(0)).take_while(within).try_for_each(|entry| {
        let entry = entry.map_err(|why| Failure::new(Exit::Io, why.to_string()))?;
        take(&entry.record)
    })
}

fn standing(reader: &Reader) -> Result<Standing, Failure> {
    let (mut corrections, mut narrowed) = (Corrections::default(), Narrowings::default());
    let mut end = Position(0);
    each(reader, Position(u64::MAX), |record| {
        end = record.position;
        if let Body::Trace(event) = &record.body {
            narrowed.insert(record.position, event);
            if let What::Correct { position, .. } = &event.what {
                corrections.insert(record.position, *position);
            }
        }
        Ok(())
    })?;
    let void = corrections.as_of(end);
    let mut lots = BTreeMap::new();
    each(reader, end, |record| {
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
    Ok(Standing { end, void, narrowed, lots })
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
    let (mut written, mut dropped) = (0, 0_u64);
    each(reader, standing.end, |record| {
        // The tombstone is a row; what it took is none.
        if matches!(record.body, Body::Dropped) {
            dropped += 1;
            return Ok(());
        }
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
        put(&mut links, rows::links(record, standing))
    })?;
    // Tables that were there stay until all of the new ones are whole.
    let whole = [events, items, measurements, links].into_iter().map(Table::end);
    let whole: Vec<Part> = whole.collect::<io::Result<_>>().map_err(failed)?;
    whole.into_iter().try_for_each(Part::finish).map_err(failed)?;
    File::open(&args.folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    if dropped > 0 {
        output::notice(&format!(
            "retention dropped {dropped} records of this ledger: they are in no table, and tombstones say what they were"
        ));
    }
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::genealogy::builders::{
        arrive, complete, consume, correct, event, lot, members, mount, point, station, text, unit,
        used,
    };
    use crate::ledger::{Files, Generation, Ledger, Options};
    use crate::model::{
        At, Digest, Epoch, Grounds, HandshakeId, HandshakeKey, HandshakeMark, HandshakeNumber,
        MountUse, Narrowed, Origin, Permit, SiteId, TraceEvent,
    };
    use crate::telemetry::Metrics;
    use std::path::Path;
    use std::sync::Arc;

    async fn append(dir: &Path, after: u64, events: Vec<TraceEvent>) {
        let options = Options {
            dir: dir.to_owned(),
            origin: Origin { site: SiteId::parse("plant-1").unwrap(), incarnation: 0 },
            segment_bytes_max: 200,
            metrics: Arc::new(Metrics::new()),
            now: crate::daemon::clock(),
        };
        let ledger = Ledger::open(options, Files).unwrap().ledger;
        let record = |(position, event)| {
            let body = Body::Trace(event);
            Record { position: Position(position), at: At::default(), body, plant: None }
        };
        let records: Vec<Record> = (after + 1..).zip(events).map(record).collect();
        let last = records.last().unwrap().position;
        ledger.append(Generation(0), records).await.unwrap();
        ledger.durable().wait_for(|durable| durable.position == last).await.unwrap();
    }

    /// The unit was made while the reel changed from A to B; the counter said later that it has B alone.
    fn shift() -> Vec<TraceEvent> {
        let uses = |of: &[(u64, &str)]| -> Vec<MountUse> {
            of.iter().map(|(opened, code)| used("OP10", "F1", *opened, &lot(code))).collect()
        };
        let note = What::Note { item: Some(lot("B")), text: text("n") };
        let mut counted = event(9, Some("OP10"), note);
        let left = MountUse { counted: true, ..uses(&[(2, "B")]).remove(0) };
        let (record, point) = (Position(3), point("F1"));
        counted.narrowed = vec![Narrowed { record, point, mounts: vec![left] }];
        vec![
            event(0, Some("OP10"), mount("F1", &lot("A"))),
            event(4, Some("OP10"), mount("F1", &lot("B"))),
            event(5, Some("OP10"), complete(&unit("U"), uses(&[(1, "A"), (2, "B")]))),
            counted,
        ]
    }

    fn export(dir: &Path, standing: &Standing) -> [Vec<serde_json::Value>; 2] {
        let folder = dir.join("tables");
        let (from, to, data) = (None, None, None);
        let format = Format::Jsonl;
        let args = EventsArgs { folder: folder.clone(), format, from, to, data };
        write(&Reader::open(dir), standing, &args).unwrap();
        ["events", "links"].map(|name| {
            let text = std::fs::read_to_string(folder.join(format!("{name}.jsonl"))).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        })
    }

    fn links(rows: &[serde_json::Value]) -> Vec<(&str, &str)> {
        rows.iter()
            .map(|row| (row["part"].as_str().unwrap(), row["certainty"].as_str().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn links_are_as_they_are_known_by_the_last_record_of_the_tables() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), 0, shift()).await;
        let before = standing(&Reader::open(dir.path())).unwrap();
        let [events, rows] = export(dir.path(), &before);
        assert_eq!(events.len(), 4);
        assert_eq!(links(&rows), [("l/supplier/ACME/B", "certain")]);
        // A daemon that runs takes the counter back, while the tables are written.
        append(dir.path(), 4, vec![event(20, None, correct(4))]).await;
        let [events, rows] = export(dir.path(), &before);
        assert_eq!((events.len(), links(&rows).len()), (4, 1), "one end for all");
        let [events, rows] = export(dir.path(), &standing(&Reader::open(dir.path())).unwrap());
        assert_eq!(events.len(), 5);
        let either = [("l/supplier/ACME/A", "one-of"), ("l/supplier/ACME/B", "one-of")];
        assert_eq!(links(&rows), either);
    }

    /// Programs of others read them. A column more comes behind these; if this fails for another reason, the
    /// version in `table.rs` goes up.
    #[test]
    fn the_columns_of_version_1_are_these_and_a_table_says_its_version() {
        let named = |columns: table::Columns, first: &[&str]| {
            let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
            assert_eq!(names[..first.len()], *first);
        };
        let events = [
            "position",
            "recorded",
            "time",
            "kind",
            "station",
            "item",
            "result",
            "permit",
            "reason",
            "operator",
            "product",
            "operation",
            "evidence",
            "purpose",
            "counts",
            "text",
        ];
        named(rows::EVENTS, &events);
        named(rows::ITEMS, &["position", "place", "item"]);
        let measured =
            ["position", "item", "name", "value", "text", "quality", "unit", "low", "high"];
        named(rows::MEASUREMENTS, &measured);
        let linked = ["position", "part", "whole", "kind", "certainty", "amount", "unit"];
        named(rows::LINKS, &linked);
        let dir = tempfile::tempdir().unwrap();
        let table = Table::begin(dir.path(), "items", rows::ITEMS, Format::Parquet).unwrap();
        table.end().unwrap().finish().unwrap();
        let file = File::open(dir.path().join("items.parquet")).unwrap();
        let file = parquet::file::reader::SerializedFileReader::new(file).unwrap();
        let says = parquet::file::reader::FileReader::metadata(&file).file_metadata();
        let says = says.key_value_metadata().unwrap();
        let version = says.iter().find(|pair| pair.key == "pedigree.tables").unwrap();
        assert_eq!(version.value.as_deref(), Some("1"));
    }

    /// What a PLC asked for and was refused.
    fn refused(number: u64, event: TraceEvent) -> TraceEvent {
        let (station, handshake) = (station("OP10"), HandshakeId::parse("fit").unwrap());
        let (epoch, number) = (Epoch(0), HandshakeNumber(number));
        let why = text("it is on hold");
        TraceEvent {
            handshake: Some(HandshakeMark {
                key: HandshakeKey { station, handshake, epoch, number },
                digest: Digest([0; 32]),
                permit: Permit::Nok,
                reason: None,
                grounds: Some(Grounds { code: 1, text: why, stopped: true, overruled: None }),
                result: None,
                partial: None,
                recipe: None,
            }),
            ..event
        }
    }

    /// But for what it consists of whatever it was answered, as in every trace.
    #[tokio::test]
    async fn what_was_asked_for_and_refused_is_an_event_and_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let mut events = vec![event(5, Some("OP10"), consume(&lot("A"), &unit("U")))];
        events.push(refused(1, event(6, Some("OP10"), consume(&lot("B"), &unit("U")))));
        let members = members(vec![unit("BOARD")]);
        let panel = event(7, Some("OP10"), arrive(&unit("PANEL")));
        events.push(refused(2, TraceEvent { members, ..panel }));
        append(dir.path(), 0, events).await;
        let [events, rows] = export(dir.path(), &standing(&Reader::open(dir.path())).unwrap());
        assert_eq!(events.len(), 3);
        let wanted = [("l/supplier/ACME/A", "certain"), ("u/site/PANEL", "certain")];
        assert_eq!(links(&rows), wanted);
    }

    #[tokio::test]
    async fn tables_that_were_there_stay_until_the_new_ones_are_whole() {
        let dir = tempfile::tempdir().unwrap();
        append(dir.path(), 0, shift()).await;
        append(dir.path(), 4, vec![event(20, None, correct(4))]).await;
        let standing = standing(&Reader::open(dir.path())).unwrap();
        export(dir.path(), &standing);
        let folder = dir.path().join("tables");
        let names = || {
            let names = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name());
            names.map(|name| name.into_string().unwrap()).collect::<std::collections::BTreeSet<_>>()
        };
        let (whole, old) = (names(), std::fs::read(folder.join("events.jsonl")).unwrap());
        assert_eq!(whole.len(), 4, "{whole:?}");
        // The ledger is damaged where the tables are half written.
        let segment = dir.path().join("ledger/00000000000000000001.seg");
        let mut bytes = std::fs::read(&segment).unwrap();
        let at = bytes.windows(4).position(|word| word == b"OP10").unwrap();
        bytes[at] ^= 1;
        std::fs::write(&segment, bytes).unwrap();
        let format = Format::Jsonl;
        let args = EventsArgs { folder: folder.clone(), format, from: None, to: None, data: None };
        let told = write(&Reader::open(dir.path()), &standing, &args).unwrap_err();
        assert!(told.text.contains("damaged"), "{told:?}");
        assert_eq!((names(), std::fs::read(folder.join("events.jsonl")).unwrap()), (whole, old));
    }
}
