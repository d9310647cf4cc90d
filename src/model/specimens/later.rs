//! What came to the first version later, each with a fixture of its own.
use super::{records, station, tag};
use crate::model::{Body, KeptWord, PlantLoaded, Record};

/// A plant whose attributes come from a measurement and from a further word.
pub(crate) fn kept() -> Vec<Record> {
    let plant = records().swap_remove(0);
    let Body::Plant(loaded) = plant.body else { panic!("the first is a plant") };
    let tags = ["OP10", "OP20"].map(|at| (station(at), tag("out"))).to_vec();
    let context = vec![KeptWord { name: tag("minutes"), tags }];
    let body = Body::Plant(PlantLoaded { measured: vec![tag("dose")], context, ..loaded });
    vec![Record { body, ..plant }]
}
