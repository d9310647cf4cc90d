//! What came to the first version later, each with a fixture of its own.
use super::{point, records, station, tag};
use crate::model::{Body, HandshakeId, KeptWord, PlantLoaded, Record};

/// A plant whose attributes come from a measurement, from a further word and from a feeder.
pub(crate) fn kept() -> Vec<Record> {
    let plant = records().swap_remove(0);
    let Body::Plant(loaded) = plant.body else { panic!("the first is a plant") };
    let done = HandshakeId::parse("done").unwrap();
    let tags = ["OP10", "OP20"].map(|at| (station(at), done.clone(), tag("out"))).to_vec();
    let counted = vec![(station("OP10"), point("F1"))];
    let context = vec![KeptWord { name: tag("minutes"), tags }];
    let measured = vec![tag("dose")];
    let body = Body::Plant(PlantLoaded { measured, context, counted, ..loaded });
    vec![Record { body, ..plant }]
}
