//! The level of an item's as-built record, and why it is no higher: of what it was made of, and of what was done to it.
//!
//! In the style of IPC-1782, which names four levels of each. A level is the last rung below which nothing is wanting; what a
//! rung wants follows from what the plant files in force say that there is to be known (`docs/level.md`). A function of the answer
//! about the item alone: whoever knows more of the same steps and links never comes to a lower one.
mod facts;
mod look;
mod material;
mod origin;
mod process;
#[cfg(test)]
mod tests;

pub(super) use origin::{Came, CameDraft};

use super::answer::{Completeness, Incomplete, ItemView};
use crate::model::plant::Plant;
use crate::model::{Evidence, ItemKey};
use facts::Facts;
use std::fmt;

/// The highest rung of either ladder.
const HIGHEST: u8 = 4;
/// Reasons that are named; the rest is counted.
const REASONS_MAX: usize = 5;

/// How far the as-built record of an item goes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Level {
    /// Of what it was made of: M1 to M4.
    pub material: Reached,
    /// Of what was done to it: P1 to P4.
    pub process: Reached,
}

/// How far one side of the record goes, and what is wanting for the next rung.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Reached {
    /// From 1 to 4; 0 below the first.
    pub level: u8,
    /// Why not the next one, the first few; none at the highest.
    pub reasons: Vec<String>,
    /// So many more.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub more: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields over by reference")]
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Level {
    /// Both sides with their letters.
    pub fn sides(&self) -> [(char, &Reached); 2] {
        [('M', &self.material), ('P', &self.process)]
    }

    /// What is wanting for the next rung of each side, one sentence each.
    pub fn wanting(&self) -> Vec<String> {
        let of_side = |(letter, reached): (char, &Reached)| -> Vec<String> {
            let next = reached.level.saturating_add(1);
            let mut told: Vec<String> =
                reached.reasons.iter().map(|why| format!("{letter}{next} wanted: {why}")).collect();
            if reached.more > 0 {
                told.push(format!("{letter}{next} wanted: and {} more", reached.more));
            }
            told
        };
        self.sides().into_iter().flat_map(of_side).collect()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (letter, reached)) in self.sides().into_iter().enumerate() {
            let before = if place == 0 { "" } else { ", " };
            match reached.level {
                0 => write!(f, "{before}below {letter}1")?,
                level => write!(f, "{before}{letter}{level}")?,
            }
        }
        Ok(())
    }
}

/// What is wanting for one rung.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Wanting {
    reasons: Vec<String>,
    more: usize,
}

impl Wanting {
    fn add(&mut self, why: impl FnOnce() -> String) {
        if self.reasons.len() < REASONS_MAX {
            self.reasons.push(why());
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// What is wanting for each rung, the lowest first.
type Ladder = [Wanting; 4];

fn reached(ladder: Ladder) -> Reached {
    let first = (0..).zip(ladder).find(|(_, wanting)| *wanting != Wanting::default());
    match first {
        Some((level, Wanting { reasons, more })) => Reached { level, reasons, more },
        None => Reached { level: HIGHEST, reasons: Vec::new(), more: 0 },
    }
}

/// The level of an item as it was answered, by the plant in force, with what is known beyond its direct links.
pub(super) fn of(
    item: &ItemView,
    completeness: &Completeness,
    plant: Option<&Plant>,
    came: &Came,
) -> Level {
    let facts = Facts::of(item, plant, came);
    let (mut material, mut process) = (Ladder::default(), Ladder::default());
    if let Completeness::Incomplete(why) = completeness {
        doubts(&facts, why, &mut material, &mut process);
    }
    collected(&facts, [&mut material[1], &mut process[1]]);
    material::wanting(&facts, &mut material);
    process::wanting(&facts, &mut process);
    Level { material: reached(material), process: reached(process) }
}

/// What is not known at all: nothing is said of it beyond the first rung, or the second.
fn doubts(
    facts: &Facts<'_>,
    why: &[Incomplete],
    [_, m2, m3, _]: &mut Ladder,
    [_, p2, p3, _]: &mut Ladder,
) {
    fn both(a: &mut Wanting, b: &mut Wanting, why: &str) {
        a.add(|| why.to_owned());
        b.add(|| why.to_owned());
    }
    let own = |item: &ItemKey| *item == facts.item.key;
    for why in why {
        match why {
            Incomplete::Gap { station, position, .. }
            | Incomplete::Unobserved { station, position, .. } => {
                both(
                    m3,
                    p3,
                    &format!("{station} was not observed while it was there ({position})"),
                );
            }
            Incomplete::Quarantine { station, position } => {
                both(m3, p3, &format!("something was set aside at {station} ({position})"));
            }
            Incomplete::Ring { .. } => m3.add(|| "it is said to be part of itself".to_owned()),
            Incomplete::Retention { item, tombstone } => {
                let not_known = format!("not known: retention dropped records ({tombstone})");
                match item {
                    Some(item) if !own(item) => {
                        if facts.is_made_of(item) {
                            m2.add(|| not_known);
                        }
                    }
                    Some(_) | None => both(m2, p2, &not_known),
                }
            }
            Incomplete::Lag { durable } => {
                both(m2, p2, &format!("not known: the index has not caught up with {durable}"));
            }
            // Its links say so themselves, or it is a matter of where the rest of it went.
            Incomplete::OneOf { .. }
            | Incomplete::NotTold { .. }
            | Incomplete::Unaccounted { .. } => {}
        }
    }
}

/// From the second rung on nine of ten steps must have been told by the machine itself.
fn collected(facts: &Facts<'_>, of: [&mut Wanting; 2]) {
    let all = facts.steps.len();
    let automatic = facts.steps.iter().filter(|done| done.step.evidence == Evidence::Automatic);
    let automatic = automatic.count();
    if automatic * 10 < all * 9 {
        for wanting in of {
            wanting
                .add(|| format!("only {automatic} of {all} steps are automatic, and 90 % must be"));
        }
    }
}
