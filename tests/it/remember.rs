//! What a start costs that reads what was known, and one that folds it from the first record on.
use pedigree::daemon::clock;
use pedigree::model::{
    At, Body, Code, Interval, ItemClass, ItemKey, MountKey, MountPointId, MountUse, Origin,
    Position, Record, Scope, ScopeName, SiteId, StationId, Stay, Text, TraceEvent, Utc, What,
};
use pedigree::query::{Query, QueryOptions, Remembered};
use pedigree::store::CACHE_BYTES;
use pedigree::telemetry::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Records of one reel.
const REEL: u64 = 10_000;

fn item(class: ItemClass, scope: Scope, code: &str) -> ItemKey {
    ItemKey { class, scope, code: Code::parse(code).unwrap() }
}

fn unit(code: &str) -> ItemKey {
    item(ItemClass::Unit, Scope::Site, code)
}

/// A line: a unit arrives and is completed at three stations, at the first with a reel that is changed now and then,
/// gets a part and is packed with nine others.
fn made(n: u64) -> Record {
    let time = Utc(i64::try_from(n * 700_000_001).unwrap());
    let (stage, number) = (n % 8, n / 8);
    let (unit_made, opened) = (unit(&format!("SN-{number:010}")), Position(n - n % REEL + 1));
    let supplier = Scope::Supplier(ScopeName::parse("ACME").unwrap());
    let reel = item(ItemClass::Lot, supplier, &format!("REEL-{:06}", n / REEL));
    let point = MountPointId::parse("F1").unwrap();
    let at = ["OP10", "OP10", "OP20", "OP20", "OP30", "OP30", "OP30", "PACK"];
    let station = StationId::parse(at[usize::try_from(stage).unwrap()]).unwrap();
    let used = MountUse {
        mount: MountKey { station: station.clone(), point: point.clone(), opened },
        lot: reel.clone(),
        one_of: false,
        amount: None,
        wasted: None,
        counted: false,
        untold: None,
    };
    let what = match stage {
        _ if n % REEL == 1 => What::Mount { point, lot: reel },
        0 | 2 | 4 => What::Arrive { item: unit_made },
        1 | 3 | 5 => What::Complete {
            item: unit_made,
            result: Some(pedigree::model::Result::Pass),
            measurements: Vec::new(),
            mounts: if stage == 1 { vec![used] } else { Vec::new() },
            phase: None,
            order_row: None,
        },
        6 => What::Install {
            child: unit(&format!("PART-{number:010}")),
            parent: unit_made,
            place: None,
        },
        _ => {
            let case = format!("CASE-{:08}", number / 10);
            let container = item(ItemClass::Container, Scope::Gs1(None), &case);
            What::Pack { items: vec![unit_made], container }
        }
    };
    let completes = matches!(what, What::Complete { .. });
    let interval = Interval { from: Utc(time.0 - 500_000_000), to: Some(time) };
    let event = TraceEvent {
        product: Some(Text::parse("PRODUCT-7").unwrap()),
        stay: completes.then_some(Stay { interval, arrived: Some(Position(n - 1)) }),
        ..TraceEvent::bare(what, time, Some(station))
    };
    Record { position: Position(n), at: At::default(), body: Body::Trace(event), plant: None }
}

/// A read side without an index.
fn query() -> Query {
    Query::new(QueryOptions {
        dir: "/nowhere".into(),
        origin: Origin { site: SiteId::parse("test").unwrap(), incarnation: 0 },
        durable: Position(0),
        ledger: None,
        cache_bytes: CACHE_BYTES,
        now: clock(),
        metrics: Arc::new(Metrics::new()),
    })
}

/// With `PEDIGREE_FOLD_RECORDS=1000000`, optimised, the figures of a start after a million records.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test has its own clock")]
fn what_was_known_is_read_and_not_folded() {
    let asked = std::env::var("PEDIGREE_FOLD_RECORDS").ok().and_then(|text| text.parse().ok());
    let count: u64 = asked.unwrap_or(20_000);
    let (folded, mut took) = (query(), Duration::ZERO);
    for first in (1..=count).step_by(500) {
        let last = count.min(first + 499);
        let records: Vec<_> = (first..=last).map(|n| (Position(n), made(n))).collect();
        let begun = Instant::now();
        folded.apply(&records).unwrap();
        took += begun.elapsed();
    }
    let begun = Instant::now();
    let (position, image) = folded.image();
    let written = begun.elapsed();
    let begun = Instant::now();
    let read = query();
    read.remember(Remembered::read(&image).unwrap());
    println!(
        "{count} records: folded in {took:?}, written in {written:?}, read in {:?}; {} bytes a record",
        begun.elapsed(),
        image.len() as u64 / count,
    );
    assert_eq!((read.position(), position.0), (position, count));
    assert!(read.image().1 == image, "nothing is lost or added");
}
