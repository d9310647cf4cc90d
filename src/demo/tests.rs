//! The other side of every handshake, played by small clients that know only the wire.
mod modbus_host;
mod ua_host;

use super::{BOX_SIZE, Demo, DemoOptions, DriftPlan, Part, PartTruth, Reached, Simulation};
use crate::model::{At, ItemKey, Monotonic, Utc};
use crate::telemetry::Now;
use modbus_host::{ModbusHost, Seen, word_f32, word_text, word_u32};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use ua_host::{UaHost, double, string};

/// A clock that moves by a microsecond whenever it is asked: two moments are never the same.
fn ticking() -> Now {
    let next = AtomicI64::new(1_800_000_000_000_000_000);
    Arc::new(move || {
        let wall = next.fetch_add(1_000, Ordering::Relaxed);
        At { monotonic: Monotonic(wall.unsigned_abs()), wall: Utc(wall) }
    })
}

fn options(parts: u64) -> DemoOptions {
    DemoOptions {
        cycle: Duration::from_millis(2),
        parts_max: Some(parts),
        ..DemoOptions::new(7, ticking())
    }
}

fn url<'a>(demo: &'a Demo, name: &str) -> &'a str {
    &demo.plcs.iter().find(|plc| plc.name == name).unwrap().url
}

/// A permit for each serial; 1 unless said.
type Permits = BTreeMap<String, i16>;

#[derive(Debug, Default)]
struct Record {
    cast: Vec<(String, String, f64)>,
    asked: Vec<String>,
    pressed: Vec<(String, f64, f64, String, Utc)>,
    fitted: Vec<(String, String, String)>,
    greased: Vec<(String, String, String, u32)>,
    tightened: Vec<(String, f32, u16)>,
    tested: Vec<(String, f32, u16)>,
    packed: Vec<(String, String)>,
}

async fn serve_cast(mut host: UaHost, record: &mut Record) {
    loop {
        let number = host.next("Cast.Part.Count").await;
        let words = ["Cast.Part.Serial", "Cast.Furnace.LotId", "Cast.Part.MeltTemp"];
        let read = host.snapshot("Cast.Part.Count", &words, number).await;
        record.cast.push((string(&read[0]), string(&read[1]), double(&read[2])));
        host.write("Cast.Part.Ack", number).await;
    }
}

async fn serve_press(mut host: UaHost, permits: &Permits, record: &mut Record) {
    loop {
        let (word, number) = host.next_of_any().await;
        if word == "Press.Admit.ReqId" {
            let read = host.snapshot("Press.Admit.ReqId", &["Press.Admit.Serial"], number).await;
            let serial = string(&read[0]);
            host.write("Press.Admit.Permit", permits.get(&serial).copied().unwrap_or(1)).await;
            host.write("Press.Admit.AckId", number).await;
            record.asked.push(serial);
        } else {
            let words = [
                "Press.Result.Serial",
                "Press.Result.Force",
                "Press.Result.Stroke",
                "Press.Tool.PunchId",
            ];
            let read = host.snapshot("Press.Result.Count", &words, number).await;
            let at = host.trigger_time;
            for value in &read {
                assert!(ua_host::time(value) < at, "{value:?} came after its trigger at {at}");
            }
            let pressed =
                (string(&read[0]), double(&read[1]), double(&read[2]), string(&read[3]), at);
            record.pressed.push(pressed);
            host.write("Press.Result.Ack", number).await;
        }
    }
}

async fn serve_asm(mut host: ModbusHost, record: &mut Record) {
    loop {
        let Seen { bit, hr } = host.next().await;
        match bit {
            0 => record.fitted.push((
                word_text(&hr, 20, 8),
                word_text(&hr, 28, 8),
                word_text(&hr, 57, 4),
            )),
            1 => record.greased.push((
                word_text(&hr, 20, 8),
                word_text(&hr, 36, 8),
                word_text(&hr, 44, 8),
                word_u32(&hr, 52),
            )),
            2 => record.tightened.push((word_text(&hr, 20, 8), word_f32(&hr, 54), hr[56])),
            _ => record.tested.push((word_text(&hr, 70, 8), word_f32(&hr, 78), hr[80])),
        }
        host.acknowledge(bit).await;
    }
}

async fn serve_pack(mut host: ModbusHost, record: &mut Record) {
    loop {
        let Seen { bit, hr } = host.next().await;
        record.packed.push((word_text(&hr, 20, 8), word_text(&hr, 28, 8)));
        host.acknowledge(bit).await;
    }
}

/// Runs a whole plant against hosts that answer everything; what they saw and what was true.
async fn run(options: DemoOptions, permits: Permits) -> (Record, Demo) {
    let dir = tempfile::tempdir().unwrap();
    let parts = options.parts_max.unwrap();
    let (demo, plant) = Demo::start(options, dir.path()).await.unwrap();
    let [mut cast, mut press, mut asm, mut pack] = std::array::from_fn(|_| Record::default());
    let mut progress = demo.progress();
    let hosts = async {
        let (cast_host, press_host) = tokio::join!(
            UaHost::connect(
                url(&demo, "cast-01"),
                "urn:demo:cast",
                dir.path(),
                &["Cast.Part.Count"]
            ),
            UaHost::connect(
                url(&demo, "press-01"),
                "urn:demo:press",
                dir.path(),
                &["Press.Admit.ReqId", "Press.Result.Count"],
            ),
        );
        let asm_host = ModbusHost::connect(url(&demo, "asm-01"), 4).await;
        let pack_host = ModbusHost::connect(url(&demo, "pack-01"), 1).await;
        tokio::join!(
            serve_cast(cast_host, &mut cast),
            serve_press(press_host, &permits, &mut press),
            serve_asm(asm_host, &mut asm),
            serve_pack(pack_host, &mut pack),
        );
    };
    tokio::select! {
        () = plant => panic!("the plant ended by itself"),
        () = hosts => unreachable!("hosts serve without end"),
        done = progress.wait_for(|left| *left == parts) => drop(done.unwrap()),
        () = tokio::time::sleep(Duration::from_mins(1)) => panic!("the line stands still"),
    }
    let record = Record { cast: cast.cast, packed: pack.packed, ..asm };
    (Record { asked: press.asked, pressed: press.pressed, ..record }, demo)
}

fn code(key: &ItemKey) -> String {
    key.code.as_str().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_plcs_serve_is_what_the_truth_says() {
    let drift = Some(DriftPlan { after_parts: 15, sigma_per_part: 2.0 });
    let (record, demo) = Box::pin(run(DemoOptions { drift, ..options(24) }, Permits::new())).await;
    let truth = demo.truth();
    let all: Vec<&Part> = truth.iter().map(|row| &row.part).collect();
    assert_eq!(
        all,
        Simulation::new(7, drift).take(24).collect::<Vec<_>>().iter().collect::<Vec<_>>()
    );

    let cast = all.iter().map(|p| (code(&p.unit), code(&p.melt), p.melt_celsius));
    assert_eq!(record.cast, cast.collect::<Vec<_>>());
    let pressed = truth.iter().map(|row| {
        let p = &row.part;
        (code(&p.unit), p.force_kn, p.stroke_mm, code(&p.punch), row.pressed_at.unwrap())
    });
    assert_eq!(record.pressed, pressed.collect::<Vec<_>>());
    assert_eq!(record.asked, all.iter().map(|p| code(&p.unit)).collect::<Vec<_>>());
    let fitted = all.iter().map(|p| (code(&p.unit), code(&p.bearing), p.badge.to_owned()));
    assert_eq!(record.fitted, fitted.collect::<Vec<_>>());
    let greased = all
        .iter()
        .map(|p| (code(&p.unit), code(&p.grease), p.grease_supplier.to_owned(), p.grease_mg));
    assert_eq!(record.greased, greased.collect::<Vec<_>>());
    let tightened = all.iter().map(|p| (code(&p.unit), p.torque_nm, 1));
    assert_eq!(record.tightened, tightened.collect::<Vec<_>>());
    let tested = all.iter().map(|p| (code(&p.unit), p.leak_ml_min, 1 + u16::from(!p.is_tight())));
    assert_eq!(record.tested, tested.collect::<Vec<_>>());

    let tight: Vec<&PartTruth> = truth.iter().filter(|row| row.part.is_tight()).collect();
    let packed: Vec<_> =
        tight.iter().map(|r| (code(&r.part.unit), code(r.container.as_ref().unwrap()))).collect();
    assert_eq!(record.packed, packed);
    let (full, open) = tight.split_at(usize::try_from(BOX_SIZE).unwrap());
    assert!(full.iter().all(|row| code(row.container.as_ref().unwrap()) == "BOX-00001"));
    assert!(open.iter().all(|row| code(row.container.as_ref().unwrap()) == "BOX-00002"));
    for row in &truth {
        let end = if row.part.is_tight() { Reached::Packed } else { Reached::Tested };
        assert_eq!((row.reached, row.refused), (end, None));
    }
    assert!(tight.len() < truth.len(), "16 σ below the mean a seat leaks");

    let onset = demo.onset().unwrap();
    assert_eq!((onset.unit, Some(onset.at)), (truth[15].part.unit.clone(), truth[15].pressed_at));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_part_goes_no_further_and_an_unknown_answer_is_asked_again() {
    let parts: Vec<_> = Simulation::new(7, None).take(4).map(|p| code(&p.unit)).collect();
    let permits = Permits::from([(parts[1].clone(), 2), (parts[2].clone(), 9)]);
    let (record, demo) = Box::pin(run(DemoOptions { drift: None, ..options(4) }, permits)).await;
    let asked = [0, 1, 2, 2, 2, 3].map(|k: usize| parts[k].clone());
    assert_eq!(record.asked, asked);
    let pressed: Vec<_> = record.pressed.iter().map(|row| &row.0).collect();
    assert_eq!(pressed, [&parts[0], &parts[3]]);
    assert_eq!(record.fitted.len(), 2);
    let truth: Vec<_> = demo.truth().iter().map(|row| (row.reached, row.refused)).collect();
    let (packed, cast) = (Reached::Packed, Reached::Cast);
    assert_eq!(truth, [(packed, None), (cast, Some(2)), (cast, Some(9)), (packed, None)]);
    assert_eq!(demo.onset(), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plc_that_is_not_answered_waits() {
    let dir = tempfile::tempdir().unwrap();
    let (demo, plant) = Demo::start(options(3), dir.path()).await.unwrap();
    let check = async {
        let mut host = UaHost::connect(
            url(&demo, "cast-01"),
            "urn:demo:cast",
            dir.path(),
            &["Cast.Part.Count", "Cast.Life"],
        )
        .await;
        let first = host.next("Cast.Part.Count").await;
        assert_eq!(first, 1);
        // A wrong echo is no answer; the heartbeat shows that the PLC lives on.
        host.write("Cast.Part.Ack", 7_u32).await;
        host.next("Cast.Life").await;
        assert_eq!(host.read_u32("Cast.Part.Count").await, 1);
        assert_eq!(demo.truth().len(), 0);
        host.write("Cast.Part.Ack", 1_u32).await;
        assert_eq!(host.next("Cast.Part.Count").await, 2);
        assert_eq!(demo.truth().len(), 1);
        // Only the host's words can be written, and only with their type.
        assert!(host.try_write("Cast.Part.Count", 9_u32).await.is_bad());
        assert!(host.try_write("Cast.Part.Ack", 2.0_f64).await.is_bad());
        demo.stop();
    };
    let both = async { tokio::join!(plant, check) };
    tokio::time::timeout(Duration::from_mins(1), Box::pin(both))
        .await
        .expect("an answer, and an end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plant_files_name_the_real_ports_and_certificates() {
    let dir = tempfile::tempdir().unwrap();
    let (demo, _plant) = Demo::start(options(1), dir.path()).await.unwrap();
    let names: Vec<_> = demo.plant_files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["10-cast.toml", "20-press.toml", "30-assembly.toml", "50-packing.toml"]);
    for ((name, text), plc) in demo.plant_files.iter().zip(&demo.plcs) {
        assert!(text.contains(&format!("\"{}\"", plc.url)), "{name}");
        assert!(!text.contains('@'), "{name} has a placeholder left");
        text.parse::<toml::Table>().unwrap();
    }
    let der = std::fs::read(dir.path().join("press-01/own/cert.der")).unwrap();
    let thumbprint = <sha2::Sha256 as sha2::Digest>::digest(der);
    assert!(demo.plant_files[1].1.contains(&format!("\"thumbprint:{thumbprint:X}\"")));
}
