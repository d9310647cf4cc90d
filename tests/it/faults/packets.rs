//! The wire itself: packets that are lost, a link that is narrow, a cable that is pulled. The PLCs are in a
//! network of their own; the daemon is not.
use super::network::now_ns;
use super::{MANY, Outcome, Plant};
use crate::support::balance::covers;
use crate::support::line::Line;
use crate::support::net::Net;
use crate::support::{patient, peers};

/// So many packets of each kind are enough to say that the link was bad.
const PACKETS: u64 = 10;

/// The line behind a switch, the daemon before it, the first parts through both stations.
fn start() -> Option<Plant> {
    let line = Line::start_in(Some(Net::start()), &peers()?, MANY, &[], &[]);
    let host = &line.net.as_ref().unwrap().host;
    // Straight to the PLCs: the relays of the other faults have no part in it.
    let files = line.plant(line.press.port("port"), line.assembly.port("port"));
    let files = files.map(|text| patient(&text.replace("127.0.0.1", host)));
    let plant = Plant::over(line, |text| text.clone_from(&files), &[]);
    Some(plant)
}

fn net(plant: &Plant) -> &Net {
    plant.line.net.as_ref().unwrap()
}

#[test]
fn lost_packets_a_narrow_link_and_a_pulled_cable_cost_no_part() {
    let Some(plant) = start() else { return };
    let ports = [plant.line.press.port("port"), plant.line.assembly.port("port")];
    let mut spoilt = Vec::new();

    // One packet in five, each way.
    let began = now_ns();
    net(&plant).lose(20, &ports);
    plant.assemble(2);
    let lost = plant.wait("packets are lost", || {
        let (there, back) = net(&plant).losses();
        (there > PACKETS && back > PACKETS).then_some((there, back))
    });
    net(&plant).lose_none();
    plant.live("press");
    plant.live("assembly");
    spoilt.push((began, now_ns()));

    // So many bits that all takes a while.
    net(&plant).narrow("64kbit");
    plant.assemble(2);
    // What is asked of them fits even so.
    let waited = plant.wait("packets had to wait", || {
        let (there, back) = net(&plant).waits();
        (back > PACKETS).then_some((there, back))
    });
    net(&plant).widen();
    plant.live("press");
    plant.live("assembly");

    // The cable.
    plant.line.press.control("pause off");
    net(&plant).cable(false);
    let pulled = now_ns();
    plant.lost("press");
    plant.lost("assembly");
    let back = now_ns();
    net(&plant).cable(true);
    plant.live("press");
    plant.live("assembly");
    spoilt.push((pulled, now_ns()));

    println!("lost there and back {lost:?}; had to wait {waited:?}");
    plant.last(2);
    let outcome = plant.end_whole();
    for device in ["press", "assembly"] {
        judge(&outcome, device, &spoilt, [pulled, back]);
    }
}

/// The pulled cable is in one gap from end to end, and no gap is where nothing was wrong.
fn judge(outcome: &Outcome, device: &str, spoilt: &[(i64, i64)], pulled: [i64; 2]) {
    let gaps = outcome.gaps(device);
    println!("{device}: {} gaps", gaps.len());
    let whole = |gap: &&pedigree::model::Gap| pulled.iter().all(|at| covers(gap, *at));
    assert!(gaps.iter().any(|gap| whole(&gap)), "{device}: {gaps:?}");
    for gap in &gaps {
        let (from, to) = (gap.interval.from.0, gap.interval.to.unwrap().0);
        let due = |(began, ended): &(i64, i64)| from < *ended && *began < to;
        assert!(spoilt.iter().any(due), "{device}: nothing was wrong, and yet {gap:?}");
    }
}
