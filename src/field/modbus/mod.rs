//! Modbus devices: the client side. Points and plans (pure) → bus (one request at a time) → the task
//! of a device (`field::link`'s state machine).
//!
//! It does not know what a word means. A value that could not be had with certainty is bad, never
//! the last good one.
mod bus;
pub mod cost;
pub mod decode;
mod device;
mod forecast;
mod gate;
mod known;
mod live;
mod open;
pub mod plan;
pub mod point;
mod probe;
mod reader;
mod tap;
#[cfg(test)]
#[expect(clippy::wildcard_enum_match_arm, reason = "a test fails on whatever else comes")]
mod tests;
mod tls;
mod watch;
mod write;

pub use bus::{Fault, lines};
pub use forecast::{Round, assumed, replies, rounds, snapshot};
pub use probe::{Once, Probe, probe, read_once};
pub use write::WriteFault;

use super::Wiring;
use crate::model::plant::Protocol;
use futures::future::{BoxFuture, FutureExt};
use futures::stream::{FuturesUnordered, StreamExt};

/// Runs the tasks of all Modbus devices and of the lines that they share, until each device's
/// `stop` is cancelled. Devices of other protocols are left out.
pub async fn run_all(wirings: Vec<Wiring>) {
    let Some(plant) = wirings.first().map(|wiring| wiring.plant.clone()) else { return };
    let indexes: Vec<_> = wirings.iter().map(|wiring| wiring.device).collect();
    let lines = bus::lines(&plant, &indexes);
    let mut tasks: FuturesUnordered<BoxFuture<'static, ()>> = FuturesUnordered::new();
    let mut buses: Vec<Option<bus::Bus>> = lines.iter().map(|_| None).collect();
    for wiring in wirings {
        let Protocol::Modbus(link) = &plant.device(wiring.device).protocol else { continue };
        let place = lines.iter().position(|line| line.contains(&wiring.device));
        let Some(slot) = place.and_then(|place| buses.get_mut(place)) else { continue };
        let bus = slot.get_or_insert_with(|| {
            let (bus, task) = bus::bus(wiring.now.clone(), wiring.pki.clone());
            tasks.push(task.run().boxed());
            bus
        });
        tasks.push(device::run(wiring, link.clone(), bus.clone()).boxed());
    }
    // A bus ends with the last of its handles.
    drop(buses);
    while tasks.next().await.is_some() {}
}
