//! What is made reaches the baselines: of a part what is known of it, of a tag what its station does.
use super::floor::Floor;
use super::*;
use crate::model::plant::{BaselinePer, Drift, DriftRules};

const STATE: TagIndex = TagIndex(6);
const PRODUCT: TagIndex = TagIndex(7);
const OIL: TagIndex = TagIndex(8);

fn monitor(id: &str, of: Watched) -> Monitor {
    Monitor {
        id: MonitorId::parse(id).unwrap(),
        of,
        unit: None,
        limits: None,
        drift: Some(Drift {
            learn: 30,
            every: Duration::from_millis(1),
            rules: DriftRules { ewma: true, cusum: true, runs: None, variance: false },
            catch: None,
            false_alarm_interval: Duration::from_secs(1_000),
            per: BaselinePer::DEFAULT,
            settle: None,
            idle: None,
        }),
        signal: SignalRules::default(),
        latch: false,
    }
}

/// Parts with a force, each with its product; a tag beside them, and a word that says setup by 2.
fn floor() -> (Floor, Arc<Plant>) {
    let mut made = None;
    let change = |plant: &mut Plant| {
        let station = &mut plant.stations[0];
        let handshake = &mut station.handshakes[0];
        handshake.product = Some(word(PRODUCT));
        handshake.snapshot.extend([STATE, PRODUCT]);
        let force = Watched::Measurement(handshake.id.clone(), TagName::parse("force").unwrap());
        station.monitors = vec![monitor("force", force), monitor("oil", Watched::Tag(word(OIL)))];
        station.purpose.from = Some((word(STATE), [(2, Purpose::Setup)].into()));
        made = Some(Arc::new(plant.clone()));
    };
    let floor = Floor::new(change, Pattern::Counter);
    (floor, made.unwrap())
}

impl Floor {
    /// So many parts of a product, each with a force and a temperature of the oil around a level; what was said.
    fn lot(&mut self, product: &str, parts: u64, level: u64) -> Vec<VerdictEvent> {
        let before = self.records.len();
        self.words.insert(PRODUCT, Value::text(product));
        for part in 0..parts {
            let value = Value::UInt(level + part * 7 % 5);
            self.words.insert(FORCE, value.clone());
            let next = self.words[&TRIGGER].integer().unwrap() + 1;
            self.words.insert(SERIAL, Value::text(&format!("SN-{next}")));
            self.tell(TRIGGER, Value::UInt(next.unsigned_abs()));
            self.tell(OIL, value);
        }
        let verdict = |record: &Record| {
            let Body::Verdict(event) = &record.body else { return None };
            Some(event.clone())
        };
        self.records[before..].iter().filter_map(verdict).collect()
    }

    fn restart_with(&mut self, plant: &Arc<Plant>) {
        self.engine = folded(&self.records);
        let recovered = Position(self.last());
        self.step(&Input::Start { cause: StartCause::Daemon, recovered });
        self.step(&Input::Plant(Arc::clone(plant)));
        let link = Link::Live { boot: Boot::default(), session: Session(2), widths: None };
        self.step(&Input::Link { device: DeviceIndex(0), link });
    }
}

/// Of which monitor what is said of which product.
fn told(said: &[VerdictEvent]) -> BTreeSet<(&str, Option<&str>, Verdict)> {
    said.iter()
        .map(|s| (s.monitor.as_str(), s.product.as_ref().map(Text::as_str), s.verdict))
        .collect()
}

#[test]
fn products_have_baselines_of_their_own_and_a_restart_goes_on_with_them() {
    let (mut floor, plant) = floor();
    for (product, level) in [("A", 10), ("B", 60)] {
        let said = floor.lot(product, 60, level);
        let both = ["force", "oil"].map(|of| (of, Some(product), Verdict::InControl));
        assert_eq!(told(&said), both.into());
    }
    for _ in 0..3 {
        assert_eq!((floor.lot("A", 20, 10), floor.lot("B", 20, 60)), (vec![], vec![]));
    }
    assert_eq!(folded(&floor.records).image(), floor.engine.image(), "the record says it all");
    floor.restart_with(&plant);
    // The oil is of what was made before the restart until another part tells.
    for value in 0..20 {
        floor.tell(OIL, Value::UInt(60 + value * 7 % 5));
    }
    assert_eq!((floor.lot("B", 20, 60), floor.lot("A", 20, 10)), (vec![], vec![]));
    let drift = floor.lot("B", 60, 80);
    assert_eq!(told(&drift), ["force", "oil"].map(|of| (of, Some("B"), Verdict::Drift)).into());
    floor.restart_with(&plant);
    assert_eq!((floor.lot("B", 20, 80), floor.lot("A", 40, 10)), (vec![], vec![]));
    let known = floor.engine.memory().station(&plant.stations[0].id).unwrap();
    let drifts: BTreeSet<_> = known.drifts.keys().map(|d| d.product.clone().unwrap()).collect();
    assert_eq!(drifts, [Text::parse("B").unwrap()].into(), "that A is well ends no drift of B");
    assert_eq!(folded(&floor.records).image(), floor.engine.image());
}

/// A ring that is read late tells of several parts in one frame.
#[test]
fn of_several_parts_that_are_told_at_once_each_is_judged_by_what_it_is() {
    let (mut floor, _) = floor();
    let parts = [("A", 10), ("B", 60)].map(|(product, level)| {
        floor.lot(product, 1, level);
        let done = |record: &Record| {
            let Body::Trace(event) = &record.body else { return None };
            matches!(event.what, What::Complete { .. }).then(|| event.clone())
        };
        (floor.records.iter().rev().find_map(done).unwrap(), level)
    });
    let mut said = Vec::new();
    for part in 1..60 {
        let mut step = Step::new(At::default(), floor.engine.last, floor.engine.plant);
        for (event, level) in &parts {
            let mut event = event.clone();
            if let What::Complete { item, measurements, .. } = &mut event.what {
                *item = ItemKey::unit(Code::parse(&format!("{level}-{part}")).unwrap());
                measurements[0].value = Value::UInt(level + part * 7 % 5);
            }
            floor.engine.capture.record(&mut step, Body::Trace(event));
        }
        floor.engine.judge(&mut step);
        for record in step.frame() {
            floor.engine.note(record);
            if let Body::Verdict(event) = &record.body {
                said.push(event.clone());
            }
        }
    }
    let both = ["A", "B"].map(|product| ("force", Some(product), Verdict::InControl));
    assert_eq!(told(&said), both.into());
}

#[test]
fn what_nobody_names_has_a_baseline_and_setup_reaches_none() {
    let (mut floor, _) = floor();
    let said = floor.lot("", 60, 10);
    assert_eq!(told(&said), ["force", "oil"].map(|of| (of, None, Verdict::InControl)).into());
    floor.words.insert(STATE, Value::UInt(2));
    assert_eq!(floor.lot("", 60, 90), []);
    for value in 0..60 {
        floor.tell(OIL, Value::UInt(90 + value * 7 % 5));
    }
    floor.words.insert(STATE, Value::UInt(1));
    assert_eq!(floor.lot("", 20, 10), []);
    let drift = floor.lot("", 60, 90);
    assert_eq!(told(&drift), ["force", "oil"].map(|of| (of, None, Verdict::Drift)).into());
}
