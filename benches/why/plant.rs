//! A simulated plant with a planted cause: units in the order in which they were made, all that each was exposed to,
//! and which are bad. The same for the same seed.
use super::{Cases, Factor};
use std::collections::{BTreeMap, BTreeSet};

/// Steps, machines at each, and slots for components.
const STEPS: u32 = 6;
const MACHINES: u32 = 4;
const SLOTS: u32 = 4;
/// Lots of components that a slot gets, and raw lots that those of the first slot were made of.
const LOTS: u32 = 20;
const RAW: u32 = 6;
const OPERATORS: u32 = 6;
const SHIFTS: u32 = 3;
/// Uses after which a tool is changed, and after which it is worn.
const TOOL_LIFE: u32 = 150;
const WORN: u32 = 100;
/// Fills of the blend tank; each leaves something in the tank for two more.
const FILLS: u32 = 20;
/// How often a unit stays on the machine of the same number at the next step.
const DEDICATED: u32 = 50;

/// What makes units bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Nothing,
    Machine,
    Tool,
    RawLot,
    OperatorInShift,
    Recipe,
    Tank,
    Interaction,
}

impl Scenario {
    pub(crate) const ALL: [Self; 8] = [
        Self::Nothing,
        Self::Machine,
        Self::Tool,
        Self::RawLot,
        Self::OperatorInShift,
        Self::Recipe,
        Self::Tank,
        Self::Interaction,
    ];
}

/// A run of the plant.
pub(crate) struct Plant {
    pub(crate) cases: Cases,
    pub(crate) factors: Vec<Factor>,
    /// The factors that are the cause: none, one, or two that are it only together.
    pub(crate) cause: Vec<usize>,
    /// The units that were exposed to it.
    pub(crate) exposed: Vec<u32>,
}

/// What one unit was exposed to: attribute, value, place in its order.
type Told = (Attribute, u32, i64);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Attribute {
    Machine(u32),
    ToolUse(u32),
    Lot(u32),
    Raw,
    Operator,
    Shift,
    Recipe,
    Fill,
}

/// A linear congruential generator (Knuth's MMIX), its high half.
struct Drawn(u64);

impl Drawn {
    fn below(&mut self, end: u32) -> u32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(((self.0 >> 32) * u64::from(end)) >> 32).unwrap_or(0)
    }
}

/// So many units with a cause; of 1,000 units `base` are bad by chance, and `caused` of those that were exposed.
pub(crate) fn run(scenario: Scenario, units: u32, (base, caused): (u32, u32), seed: u64) -> Plant {
    let mut drawn = Drawn(seed.wrapping_mul(0x9e37_79b9) ^ 0x5eed);
    for _ in 0..8 {
        drawn.below(2);
    }
    let (machine, other) = (drawn.below(MACHINES), drawn.below(OPERATORS));
    let (lot, fill) = (drawn.below(RAW), 2 + drawn.below(FILLS - 4));
    let begin = units / 10 + drawn.below(units / 2);
    let raw: Vec<u32> = (0..LOTS).map(|n| (n + drawn.below(2)) % RAW).collect();
    let mut uses = [0_u32; (STEPS * MACHINES) as usize];
    let mut found: BTreeMap<(Attribute, u32), Vec<(i64, u32)>> = BTreeMap::new();
    let (mut cases, mut exposed) = (Cases::default(), Vec::new());
    for unit in 0..units {
        let (told, stratum) = unit_of(unit, units, &raw, &mut uses, &mut drawn);
        let has = |attribute, value| told.iter().find(|(a, v, _)| *a == attribute && *v == value);
        let is_exposed = match scenario {
            Scenario::Nothing => false,
            Scenario::Machine => {
                (begin..begin + units / 7).contains(&unit)
                    && has(Attribute::Machine(2), machine).is_some()
            }
            Scenario::Tool => has(Attribute::ToolUse(1), machine)
                .is_some_and(|(.., uses)| *uses > i64::from(WORN)),
            Scenario::RawLot => has(Attribute::Raw, lot).is_some(),
            Scenario::OperatorInShift => {
                has(Attribute::Operator, other).is_some()
                    && has(Attribute::Shift, machine % SHIFTS).is_some()
            }
            Scenario::Recipe => has(Attribute::Recipe, 1).is_some(),
            Scenario::Tank => has(Attribute::Fill, fill).is_some(),
            Scenario::Interaction => {
                has(Attribute::Machine(3), machine).is_some()
                    && has(Attribute::Operator, other).is_some()
            }
        };
        for (attribute, value, at) in told {
            found.entry((attribute, value)).or_default().push((at, unit));
        }
        exposed.extend(is_exposed.then_some(unit));
        cases.bad.push(drawn.below(1_000) < if is_exposed { caused } else { base });
        cases.strata.push(stratum);
    }
    let cause: &[(Attribute, u32)] = match scenario {
        Scenario::Nothing => &[],
        Scenario::Machine => &[(Attribute::Machine(2), machine)],
        Scenario::Tool => &[(Attribute::ToolUse(1), machine)],
        Scenario::RawLot => &[(Attribute::Raw, lot)],
        Scenario::OperatorInShift => {
            &[(Attribute::Operator, other), (Attribute::Shift, machine % SHIFTS)]
        }
        Scenario::Recipe => &[(Attribute::Recipe, 1)],
        Scenario::Tank => &[(Attribute::Fill, fill)],
        Scenario::Interaction => &[(Attribute::Machine(3), machine), (Attribute::Operator, other)],
    };
    let number = |cause: &(Attribute, u32)| found.keys().position(|key| key == cause);
    let cause = cause.iter().filter_map(number).collect();
    let attributes: BTreeSet<Attribute> = found.keys().map(|(a, _)| *a).collect();
    let factors = found.into_iter().map(|((attribute, _), mut exposed)| {
        exposed.sort_unstable();
        let attribute = attributes.iter().position(|a| *a == attribute).unwrap_or(0);
        Factor { attribute: u32::try_from(attribute).unwrap_or(0), exposed }
    });
    Plant { cases, factors: factors.collect(), cause, exposed }
}

/// All that a unit was exposed to, and what it is to be compared within.
fn unit_of(
    unit: u32,
    units: u32,
    raw: &[u32],
    uses: &mut [u32],
    drawn: &mut Drawn,
) -> (Vec<Told>, u32) {
    let at = i64::from(unit);
    let share =
        |parts: u32, after: u32| (unit.saturating_sub(after) * parts / units).min(parts - 1);
    let mut told = Vec::new();
    let mut machine = drawn.below(MACHINES);
    for step in 0..STEPS {
        if drawn.below(100) >= DEDICATED {
            machine = drawn.below(MACHINES);
        }
        told.push((Attribute::Machine(step), machine, at));
        if let Some(uses) = uses.get_mut((step * MACHINES + machine) as usize) {
            *uses = *uses % TOOL_LIFE + 1;
            told.push((Attribute::ToolUse(step), machine, i64::from(*uses)));
        }
    }
    for slot in 0..SLOTS {
        let lot = share(LOTS, slot * units / (LOTS * SLOTS));
        told.push((Attribute::Lot(slot), lot, at));
        if slot == 0 {
            told.push((Attribute::Raw, raw.get(lot as usize).copied().unwrap_or(0), at));
        }
    }
    let shift = share(15, 0) % SHIFTS;
    told.push((Attribute::Shift, shift, at));
    told.push((Attribute::Operator, drawn.below(OPERATORS), at));
    told.push((Attribute::Recipe, u32::from(unit > units * 3 / 5), at));
    let fill = share(FILLS, 0);
    told.extend((fill.saturating_sub(2)..=fill).map(|fill| (Attribute::Fill, fill, at)));
    (told, drawn.below(2) * SHIFTS + shift)
}
