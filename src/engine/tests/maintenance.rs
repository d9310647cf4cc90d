//! Maintenance ends what was learned: the next baseline has the next number, whatever happens in between.
use super::floor::Floor;
use super::*;
use crate::model::plant::{Drift, DriftRules, Limits, SignalRules};

const OTHER: &str = "ST99";

fn drift() -> Drift {
    Drift {
        learn: 30,
        every: Duration::from_secs(1),
        rules: DriftRules { ewma: true, cusum: true, runs: None, variance: false },
        catch: None,
        per: BaselinePer::DEFAULT,
        settle: None,
        idle: None,
        false_alarm_interval: Duration::from_secs(100_000),
    }
}

/// Its force is watched for drift and by a limit, as `force`; a master is shown now and then.
pub(super) fn watched(plant: &mut Plant) {
    let station = &mut plant.stations[0];
    let force = TagName::parse("force").unwrap();
    station.monitors = vec![Monitor {
        id: monitor("force"),
        of: Watched::Measurement(station.handshakes[0].id.clone(), force),
        unit: None,
        limits: Some(Limits { high: Some(1_000.0), ..Limits::default() }),
        drift: Some(drift()),
        signal: SignalRules::default(),
        latch: false,
    }];
    station.masters = vec![Master {
        id: monitor("red"),
        code: Code::parse("SN-RED").unwrap(),
        expect: Result::Fail,
        every: Duration::from_hours(8),
    }];
}

pub(super) fn monitor(name: &str) -> MonitorId {
    MonitorId::parse(name).unwrap()
}

pub(super) fn command(step: MaintenanceStep, station: &str, monitors: &[&str]) -> Command {
    Command::Maintenance {
        step,
        station: StationId::parse(station).unwrap(),
        monitors: monitors.iter().map(|name| monitor(name)).collect(),
        text: Text::parse("punch changed").unwrap(),
        item: None,
        badge: Text::parse("4711").unwrap(),
    }
}

impl Floor {
    pub(super) fn plant_of(&mut self, change: impl FnOnce(&mut Plant)) {
        let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
        plant.tags.extend(["state", "batch", "count", "tool"].map(tag));
        watched(&mut plant);
        change(&mut plant);
        let monitors = &plant.stations[0].monitors;
        let latches = monitors.iter().filter(|monitor| monitor.latch).count();
        let every = plant.stations[0].schedules.iter().map(|schedule| schedule.every.every());
        let other = u8::try_from(every.sum::<u64>() % 251).unwrap();
        plant.hash = Digest([u8::try_from(monitors.len() + 10 * latches).unwrap() ^ other; 32]);
        self.step(&Input::Plant(Arc::new(plant)));
    }

    /// What a command comes to.
    pub(super) fn command(
        &mut self,
        command: Command,
    ) -> std::result::Result<Position, Vec<Refusal>> {
        self.now += 1_000_000;
        let at = At { monotonic: Monotonic(self.now), wall: Utc(i64::try_from(self.now).unwrap()) };
        let mut out = Vec::new();
        self.engine.step(at, &Input::Command { id: CommandId(1), command }, &mut out);
        let mut answer = None;
        for effect in out {
            match effect {
                Effect::Append(frame) => self.records.extend(frame),
                Effect::Answer(Answer { outcome, .. }) => answer = Some(outcome),
                Effect::Read(_) | Effect::Write(_) | Effect::Ask(_) | Effect::Notice(_) => {}
            }
        }
        answer.unwrap()
    }

    pub(super) fn done(&mut self) -> Position {
        self.command(command(MaintenanceStep::Done, "ST10", &[])).unwrap()
    }

    /// As many parts with a force around this level.
    pub(super) fn parts(&mut self, count: u64, level: u64) {
        for n in 0..count {
            let next = self.words[&TRIGGER].integer().unwrap() + 1;
            self.words.insert(FORCE, Value::UInt(level + n * 7 % 11));
            self.words.insert(SERIAL, Value::text(&format!("SN-{next}")));
            self.tell(TRIGGER, Value::UInt(u64::try_from(next).unwrap()));
        }
    }

    /// What the charts said: verdict and version of the baseline, in order.
    fn said(&self) -> Vec<(Verdict, u32)> {
        let of = |record: &Record| {
            let Body::Verdict(event) = &record.body else { return None };
            let spoke = event.rule == Rule::Ewma && event.joins.is_none();
            spoke.then(|| (event.verdict, event.baseline.as_ref().unwrap().version))
        };
        self.records.iter().filter_map(of).collect()
    }

    /// The daemon ends, and begins again with what is on record.
    pub(super) fn restart(&mut self, change: impl FnOnce(&mut Plant)) {
        self.engine = folded(&self.records);
        self.step(&Input::Start { cause: StartCause::Daemon, recovered: self.engine.position() });
        self.plant_of(change);
        let boot = Boot { restart: None, start_time: None };
        let link = Link::Live { boot, session: Session(1), widths: None };
        self.step(&Input::Link { device: DeviceIndex(0), link });
    }

    fn drifted(&self) -> bool {
        let station = self.engine.memory().station(&StationId::parse("ST10").unwrap());
        station.is_some_and(|station| station.drifted(&monitor("force")).is_some())
    }
}

pub(super) fn floor() -> Floor {
    let mut floor = Floor::new(watched, Pattern::Counter);
    floor.plant_of(|_| {});
    floor
}

#[test]
fn maintenance_ends_a_drift_and_the_next_one_is_told_by_the_next_baseline() {
    let mut floor = floor();
    floor.parts(40, 100);
    floor.parts(40, 200);
    assert!(floor.drifted());
    let drift = floor.said();
    assert_eq!(drift, [(Verdict::InControl, 1), (Verdict::Drift, 1)]);
    floor.parts(100, 300);
    assert_eq!(floor.said(), drift, "it stands");
    floor.done();
    assert!(!floor.drifted(), "no permit waits for it");
    floor.parts(40, 200);
    floor.parts(40, 100);
    let wanted = [(Verdict::InControl, 2), (Verdict::Drift, 2)];
    assert_eq!(floor.said(), [drift.as_slice(), &wanted].concat());
}

#[test]
fn acknowledged_is_what_drifts_and_ends_by_nothing() {
    let mut floor = floor();
    floor.parts(40, 100);
    let acknowledge = |floor: &mut Floor, monitors: &[&str]| {
        floor.command(command(MaintenanceStep::Acknowledge, "ST10", monitors))
    };
    let station = StationId::parse("ST10").unwrap();
    let nothing = Refusal::NothingToAcknowledge(station.clone());
    assert_eq!(acknowledge(&mut floor, &[]), Err(vec![nothing.clone()]));
    floor.parts(40, 200);
    for monitors in [&[][..], &["force", "force"]] {
        acknowledge(&mut floor, monitors).unwrap();
        assert!(floor.drifted());
    }
    let Body::Maintenance(event) = &floor.records.last().unwrap().body else { panic!("recorded") };
    assert_eq!((event.step, event.who), (MaintenanceStep::Acknowledge, persons().token("4711")));
    assert_eq!(event.monitors, [monitor("force")], "named once");
    floor.parts(40, 300);
    assert_eq!(floor.said().len(), 2, "it stands all the same");
    // All that is wrong is told at once, with what it may be.
    let refused = acknowledge(&mut floor, &["forc", "red"]).unwrap_err();
    let told: Vec<String> = refused.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(told.join("\n"), @r"
    station `ST10` has no monitor `forc`; did you mean `force`? (monitors: force)
    `red` of station `ST10` is a master: no maintenance ends what it says, showing the master does
    nothing at station `ST10` waits for maintenance: none of these has drifted, is forecast to reach a limit or is due; `pedigree maintenance done` records what was done all the same
    ");
    let elsewhere = floor.command(command(MaintenanceStep::Done, OTHER, &["force"])).unwrap_err();
    assert_eq!(elsewhere, [Refusal::UnknownStation(StationId::parse(OTHER).unwrap())]);
    floor.done();
    assert_eq!(acknowledge(&mut floor, &[]), Err(vec![nothing]));
}

#[test]
fn limits_and_masters_are_not_ended_by_maintenance() {
    let mut floor = floor();
    // Its first showing is due at once, or after its time.
    floor.now += 9 * 3_600 * 1_000_000_000;
    floor.step(&Input::Wake);
    floor.parts(1, 2_000);
    let standing = |floor: &Floor| {
        let said = floor.engine.verdicts.values().flatten();
        let stands = |verdict| matches!(verdict, Verdict::Warning | Verdict::Drift);
        let standing = said.filter(|(_, event)| stands(event.verdict));
        standing.map(|(_, event)| (event.rule, event.verdict)).collect::<Vec<_>>()
    };
    let before = standing(&floor);
    assert_eq!(before, [(Rule::Limit, Verdict::Warning), (Rule::Master, Verdict::Drift)]);
    floor.done();
    assert_eq!(standing(&floor), before);
    floor.parts(1, 2_000);
    assert_eq!(standing(&floor), before, "it is not told twice");
    floor.parts(1, 100);
    assert_eq!(standing(&floor), before[1..], "the limit ends by itself");
}

/// A limit that is inside again while the drift stands says so, and that is over with the drift.
#[test]
fn what_a_limit_says_of_a_drift_ends_with_it() {
    let mut floor = floor();
    floor.parts(40, 100);
    floor.parts(40, 200);
    floor.parts(1, 2_000);
    floor.parts(1, 200);
    let said = |floor: &Floor| {
        let said = floor.engine.verdicts.values().flatten();
        said.filter(|(_, event)| event.verdict == Verdict::Drift && event.rule != Rule::Master)
            .count()
    };
    assert!(said(&floor) >= 2, "by the rule, and by the limit");
    floor.done();
    assert_eq!(said(&floor), 0);
    assert!(!floor.drifted());
}

#[test]
fn the_number_of_the_baseline_goes_on_over_a_plant_without_the_monitor() {
    let mut floor = floor();
    floor.parts(40, 100);
    floor.plant_of(|plant| plant.stations[0].monitors.clear());
    floor.done();
    let unknown = floor.command(command(MaintenanceStep::Done, "ST10", &["force"]));
    assert!(matches!(&unknown.unwrap_err()[..], [Refusal::UnknownMonitor { .. }]));
    floor.parts(40, 500);
    floor.restart(|_| {});
    floor.parts(40, 200);
    assert_eq!(floor.said(), [(Verdict::InControl, 1), (Verdict::InControl, 2)]);
}

#[test]
fn a_warning_ends_with_its_rule_and_not_before() {
    let mut floor = floor();
    floor.parts(1, 2_000);
    let limit = |floor: &Floor| {
        let said = floor.engine.verdicts.values().flatten();
        let limit = said.filter(|(_, event)| event.rule == Rule::Limit);
        limit.map(|(_, event)| event.verdict).collect::<Vec<_>>()
    };
    floor.plant_of(|_| {});
    assert_eq!(limit(&floor), [Verdict::Warning], "the plant has it still");
    floor.plant_of(|plant| plant.stations[0].monitors[0].limits = None);
    assert_eq!(limit(&floor), [Verdict::NoData]);
    let records = floor.records.len();
    floor.plant_of(|plant| plant.stations[0].monitors[0].limits = None);
    assert_eq!(floor.records.len(), records, "it is said once");
    floor.restart(|_| {});
    floor.parts(1, 2_000);
    assert_eq!(limit(&floor), [Verdict::Warning]);
    floor.plant_of(|plant| plant.stations[0].monitors.clear());
    assert_eq!(limit(&floor), [Verdict::NoData]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Before the first baseline, while one is learned, while a drift stands, twice, while the plant has no such monitor:
    /// what is folded is what ran, and it goes on as that would have.
    #[test]
    fn a_fold_of_the_ledger_is_what_ran_wherever_maintenance_was_done(
        actions in proptest::collection::vec((0..7_u8, 0..3_u64), 1..25),
    ) {
        let mut floor = floor();
        for (action, level) in actions {
            match action {
                0 => drop(floor.done()),
                1 => drop(floor.command(command(MaintenanceStep::Done, "ST10", &["force"]))),
                2 => drop(floor.command(command(MaintenanceStep::Acknowledge, "ST10", &[]))),
                3 => floor.restart(|_| {}),
                4 => floor.plant_of(|plant| plant.stations[0].monitors.clear()),
                5 => floor.plant_of(|_| {}),
                _ => floor.parts(40, 100 + 100 * level),
            }
            prop_assert_eq!(folded(&floor.records).image(), floor.engine.image());
        }
        // One goes on, the other begins with what is on record.
        let mut again = floor.clone();
        again.restart(|_| {});
        floor.plant_of(|_| {});
        for floor in [&mut floor, &mut again] {
            floor.done();
            floor.parts(40, 100);
            floor.parts(40, 300);
            floor.done();
            floor.parts(40, 200);
        }
        prop_assert_eq!(floor.said(), again.said());
        let said = floor.said();
        let [.., (_, first), (Verdict::Drift, same), (_, next)] = said[..] else { panic!("{said:?}") };
        prop_assert_eq!((same, next), (first, first + 1));
        for pair in said.windows(2) {
            let [(_, before), (verdict, version)] = pair else { unreachable!() };
            // One that drifted and was taken out of the plant comes back as a new one.
            let learned = if *verdict == Verdict::InControl { before + 1 } else { *before };
            prop_assert!(*version == learned || *version == 1, "{:?}", said);
        }
    }
}

const OIL: TagIndex = TagIndex(10);
const WATER: TagIndex = TagIndex(11);

/// Oil and water are watched together, as `both`.
fn grouped(plant: &mut Plant) {
    plant.tags.extend(["oil", "water"].map(tag));
    let of = [("oil", OIL), ("water", WATER)].map(|(id, tag)| (monitor(id), word(tag)));
    let every = Duration::from_millis(4);
    let drift = Drift { learn: 100, every, rules: DriftRules::NONE, ..drift() };
    plant.stations[0].monitors.push(Monitor {
        id: monitor("both"),
        of: Watched::Tags(of.to_vec()),
        unit: None,
        limits: None,
        drift: Some(drift),
        signal: SignalRules::default(),
        latch: false,
    });
}

impl Floor {
    /// Both vary together so often; the water lies so much higher.
    fn together(&mut self, count: u64, apart: f64) {
        for _ in 0..count {
            // The sum of bytes of a hash is nearly normal.
            let noise = |seed: u64| {
                let hash = (self.now + seed).wrapping_mul(0x9E37_79B9_7F4A_7C15);
                let hash = (hash ^ (hash >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                (hash ^ (hash >> 32)).to_le_bytes().map(f64::from).iter().sum::<f64>() / 200.0
            };
            let (all, oil, water) = (noise(1), 0.3 * noise(2), 0.3 * noise(3));
            self.tell(OIL, Value::Real(all + oil));
            self.tell(WATER, Value::Real(all + water + apart));
        }
    }

    /// What the group said: rule, verdict, version of the baseline and members named.
    fn said_of_both(&self) -> Vec<(Rule, Verdict, u32, usize)> {
        let of = |record: &Record| {
            let Body::Verdict(event) = &record.body else { return None };
            let version = event.baseline.as_ref()?.version;
            let named = event.contributors.len();
            (event.monitor == monitor("both")).then_some((
                event.rule,
                event.verdict,
                version,
                named,
            ))
        };
        self.records.iter().filter_map(of).collect()
    }
}

#[test]
fn a_group_goes_on_with_its_baseline_and_its_drift_after_a_restart_until_maintenance_is_done() {
    let mut floor = floor();
    floor.plant_of(grouped);
    floor.together(130, 0.0);
    let learned = |version| {
        [Rule::TSquared, Rule::Mewma].map(|rule| (rule, Verdict::InControl, version, 0)).to_vec()
    };
    assert_eq!(floor.said_of_both(), learned(1));
    floor.restart(grouped);
    floor.together(50, 0.0);
    assert_eq!(floor.said_of_both(), learned(1), "it is not learned again");
    floor.together(30, 3.0);
    let said = floor.said_of_both();
    assert!((3..=4).contains(&said.len()), "{said:?}");
    assert!(said[2..].iter().all(|said| (said.1, said.2, said.3) == (Verdict::Drift, 1, 2)));
    floor.restart(grouped);
    floor.together(30, 3.0);
    assert_eq!(floor.said_of_both(), said, "it stands, and is not told again");
    floor.done();
    floor.together(130, 3.0);
    assert_eq!(floor.said_of_both()[said.len()..], learned(2));
}
