//! The engineer's bench: the `[[test]]` blocks of plant files, played against the engine. Pure.
//!
//! A test gives words in steps; simulated controllers hold them, tell what changed, are read and
//! written; the engine is the one that runs in the plant. Here is no file, no protocol and no
//! clock: every record is durable at once, a read takes no time, and a second passes between two
//! steps. What a block may say is checked in `config`.
mod case;
mod judge;
mod told;
mod words;
mod world;

pub use case::{Case, Expected, Given, Wanted};
pub use judge::{Outcome, Row};
pub use told::{EVENT, FIELDS, Told, VALUES, choices, is_field};
pub use words::{Unfit, as_read, texts};

use crate::model::plant::Plant;
use std::sync::Arc;

/// Plays one test and says what was expected and what happened.
pub fn play(plant: &Arc<Plant>, case: &Case) -> Outcome {
    let mut world = world::World::new(plant);
    world.play(case);
    judge::judge(plant, case, world.happened)
}
