//! Masters: shown and judged, wrongly judged, forgotten.
use super::*;

const HOUR: u64 = 3_600_000_000_000;

/// The third part that the PLC makes is the master, and must not pass; it is shown every eight hours.
fn world() -> World {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let station = &mut plant.stations[0];
    station.masters = vec![Master {
        id: MonitorId::parse("red").unwrap(),
        code: Code::parse("SN-3").unwrap(),
        expect: Result::Fail,
        every: Duration::from_hours(8),
    }];
    station.handshakes[0].result = Some(judged(Result::Fail));
    World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean))
}

/// The second part has the highest number there is, the third has 0.
fn judged(third: Result) -> ResultSpec {
    let codes = [(0xFFFF, Result::Pass), (0, third)].into_iter().collect();
    ResultSpec { word: word(NUMBER), codes }
}

/// What the master is said to be, and since when the station may be wrong.
fn said(world: &World) -> Vec<(Verdict, Option<i64>, bool)> {
    let verdict = |r: &Record| {
        let Body::Verdict(said) = &r.body else { return None };
        Some((said.verdict, said.onset.map(|o| o.estimate.0), said.item.is_some()))
    };
    world.durable.iter().chain(&world.appended).filter_map(verdict).collect()
}

fn part(world: &mut World) -> Purpose {
    let now = world.at().wall;
    world.plc.run(now);
    world.notify();
    for _ in 0..20 {
        world.sync();
        world.carry_out();
        world.tell_change();
        world.tell_answer();
    }
    let now = world.at().wall;
    world.plc.run(now);
    let done = |r: &Record| match &r.body {
        Body::Trace(TraceEvent { what: What::Complete { .. }, purpose, .. }) => Some(*purpose),
        Body::Trace(_)
        | Body::Gap(_)
        | Body::Quarantine(_)
        | Body::Epoch(_)
        | Body::Verdict(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_) => None,
    };
    world.durable.iter().rev().find_map(done).unwrap()
}

fn pass(world: &mut World, hours: u64) {
    world.now += hours * HOUR;
    let due = world.engine.next_wake().is_some_and(|(at, _)| at.0 <= world.now);
    if due {
        world.step(&Input::Wake);
    }
}

#[test]
fn a_master_that_is_not_shown_is_recorded_when_it_is_due_and_ends_with_the_next_good_one() {
    let mut world = world();
    assert_eq!(part(&mut world), Purpose::Production);
    pass(&mut world, 7);
    assert_eq!(said(&world).len(), 1, "it waits");
    pass(&mut world, 1);
    let (verdict, since, shown) = said(&world)[1];
    assert_eq!((verdict, since.is_some(), shown), (Verdict::Drift, true, false));
    part(&mut world);
    assert_eq!(part(&mut world), Purpose::Master);
    assert_eq!(said(&world)[2..], [(Verdict::InControl, None, true)]);
    // It is not said again, not after a crash either; it is due again.
    world.crash(0);
    pass(&mut world, 9);
    let verdicts: Vec<_> = said(&world).iter().map(|(verdict, ..)| *verdict).collect();
    let wanted = [Verdict::NoData, Verdict::Drift, Verdict::InControl, Verdict::Drift];
    assert_eq!(verdicts, wanted);
    world.sync();
    world.crash(0);
    pass(&mut world, 90);
    assert_eq!(said(&world).len(), 4);
}

#[test]
fn a_master_that_passes_where_it_must_fail_is_recorded_with_since_when() {
    let mut world = world();
    part(&mut world);
    part(&mut world);
    // The gauge says of the third what it says of the second.
    let mut plant = (*world.plant).clone();
    plant.stations[0].handshakes[0].result = Some(judged(Result::Pass));
    plant.hash = Digest([8; 32]);
    world.plant = Arc::new(plant);
    world.crash(0);
    let begun = world.durable.iter().find_map(|r| match &r.body {
        Body::Verdict(said) => Some(said.time.0),
        Body::Trace(_)
        | Body::Gap(_)
        | Body::Quarantine(_)
        | Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_) => None,
    });
    assert_eq!(part(&mut world), Purpose::Master);
    assert_eq!(said(&world)[1..], [(Verdict::Drift, begun, true)]);
}
