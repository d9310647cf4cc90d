//! The line: one device after the other, through all its stations.
use super::super::sim::stream;
use super::book::{
    Book, SECOND, completed, container, event, lot, measured, outage, station, stayed, text, unit,
};
use super::stores::{self, RAW, Tank};
use super::{Plan, Planted, Run, Scenario, Truth};
use crate::model::{
    Body, Context, Interval, ItemKey, MountUse, PersonKey, PersonToken, PhaseId, PhaseSummary,
    Position, Result, TagName, Text, ToolUse, TraceEvent, Utc, Value, What,
};
use rand::RngExt;
use rand::rngs::StdRng;

/// Machines in each of two rows.
const MACHINES: [&str; 4] = ["A", "B", "C", "D"];
const OPERATORS: u32 = 6;
const SHIFTS: [&str; 3] = ["early", "late", "night"];
/// Component lots, fills, and lots of each further feeder, over the whole run.
const LOTS: u32 = 20;
const FEEDERS: [&str; 3] = ["s1", "s2", "s3"];
/// Uses after which a tool is changed, and after which it is worn.
const TOOL_LIFE: u32 = 60;
const WORN: u32 = 42;
/// Devices that one person does before the next.
const BLOCK: u32 = 3;
const BOX: u32 = 10;
/// From one device to the next.
const CYCLE: i64 = 100 * SECOND;

/// What of the cause was drawn.
struct Drawn {
    machine: usize,
    operator: u32,
    shift: usize,
    raw: u32,
    fill: u32,
    /// The first and the last device while the machine is at fault.
    window: (u32, u32),
}

/// What one device is exposed to.
struct Exposed {
    rows: [usize; 2],
    uses: u32,
    operator: u32,
    shift: usize,
    raw: u32,
    recipe: u32,
}

pub(super) struct Line {
    plan: Plan,
    rng: StdRng,
    drawn: Drawn,
    book: Book,
    truth: Truth,
    tank: Tank,
    raw_of: Vec<u32>,
    reel: Option<(u32, MountUse)>,
    before: Option<(u32, MountUse)>,
    feeders: [Option<MountUse>; 3],
    uses: [u32; 4],
    operator: u32,
    full: Vec<ItemKey>,
    boxes: u32,
    fills: u32,
    /// The first subassembly that an outage hides, and since when.
    dark: Option<(u32, Utc)>,
}

impl Line {
    pub(super) fn new(plan: Plan) -> Self {
        let mut rng = stream(plan.seed, 77);
        let units = plan.units.max(200);
        let from = units / 10 + rng.random_range(0..units / 2);
        let drawn = Drawn {
            machine: rng.random_range(0..MACHINES.len()),
            operator: rng.random_range(0..OPERATORS),
            shift: rng.random_range(0..SHIFTS.len()),
            raw: rng.random_range(0..RAW),
            fill: 1 + rng.random_range(0..LOTS / 4) * 4,
            window: (from, from + units / 4),
        };
        let raw_of = (0..LOTS).map(|n| (n + rng.random_range(0..2)) % RAW).collect();
        Self {
            plan: Plan { units, ..plan },
            rng,
            drawn,
            book: Book::default(),
            truth: Truth::default(),
            tank: Tank::default(),
            raw_of,
            reel: None,
            before: None,
            feeders: [None, None, None],
            uses: [0; 4],
            operator: 0,
            full: Vec::new(),
            boxes: 0,
            fills: 0,
            dark: None,
        }
    }

    pub(super) fn play(mut self) -> Run {
        for n in 0..self.plan.units {
            let at = Utc(i64::from(n + 1) * CYCLE);
            self.change(n, at);
            self.device(n, at);
        }
        self.truth.cause = self.cause();
        if self.plan.scenario == Scenario::Machine {
            let time = |n: u32| Utc(i64::from(n + 1) * CYCLE);
            let (from, to) = self.drawn.window;
            self.truth.window = Some(Interval { from: time(from), to: Some(time(to)) });
        }
        self.close();
        Run { records: self.book.records, truth: self.truth }
    }

    /// Which of so many equal parts of the run a device is in.
    fn part(&self, n: u32, parts: u32) -> u32 {
        (n * parts / self.plan.units).min(parts - 1)
    }

    fn begins(&self, n: u32, parts: u32) -> bool {
        n == 0 || self.part(n, parts) != self.part(n - 1, parts)
    }

    /// Lots, fills and persons change.
    fn change(&mut self, n: u32, at: Utc) {
        let number = self.part(n, LOTS);
        if self.begins(n, LOTS) {
            let raw = self.raw_of.get(number as usize).copied().unwrap_or(0);
            let places = (&mut self.book, &mut self.truth);
            let made = stores::component(places, at, (number, raw));
            if let Some((_, before)) = self.reel.as_ref().filter(|_| self.dark.is_none()) {
                self.book.unmount(at, before);
            }
            self.before = self.reel.take();
            // Nobody sees the change during an outage; the record is made when it ends.
            self.darken(n, at);
            let used = self.book.mount(self.seen(at), "SUB10", "reel", &made);
            self.reel = Some((number, used));
        }
        // Nothing else changes at the same moment: else these devices could not tell the one from the other.
        let later = n + self.plan.units / (LOTS * 5) * 4;
        if n == 0 || self.begins(later, LOTS) {
            let places = (&mut self.book, &mut self.truth);
            self.tank.fill(places, at, self.fills);
            self.fills += 1;
        }
        for (slot, name) in FEEDERS.iter().enumerate() {
            let slots = u32::try_from(slot + 1).unwrap_or(0);
            let shifted = n + slots * self.plan.units / (LOTS * 5);
            if n == 0 || self.begins(shifted, LOTS) {
                let of = lot(&name.to_uppercase(), self.part(shifted, LOTS));
                let used = self.book.mount(at, "ASM", name, &of);
                if let Some(feeder) = self.feeders.get_mut(slot) {
                    *feeder = Some(used);
                }
            }
        }
        if n.is_multiple_of(BLOCK) {
            self.operator = self.rng.random_range(0..OPERATORS);
        }
    }

    /// Every fifth change of a reel falls into an outage.
    fn darken(&mut self, n: u32, at: Utc) {
        if self.plan.disturbed && self.part(n, LOTS) % 5 == 2 {
            self.dark = Some((n, at));
            let gap = outage("SUB10", Utc(at.0 - CYCLE + 3 * SECOND), None);
            let position = self.book.write(Body::Gap(gap.clone()));
            let gap = outage("SUB10", gap.interval.from, Some(Utc(at.0 + CYCLE * 2)));
            self.truth.gaps.push((position, gap));
        }
    }

    /// When something at SUB10 is seen.
    fn seen(&self, at: Utc) -> Utc {
        self.dark.map_or(at, |(_, since)| Utc(since.0 + CYCLE * 2))
    }

    fn device(&mut self, n: u32, at: Utc) {
        let device = unit("D", n);
        let told = |seconds: i64| Utc(at.0 + seconds * SECOND);
        let raw = self.subassembly(n, at);
        let row = self.rng.random_range(0..MACHINES.len());
        let other = self.rng.random_range(0..MACHINES.len());
        let rows = [row, if self.rng.random_range(0..2) == 0 { row } else { other }];
        let uses = self.use_tool(rows[1]);
        let shift = (self.part(n, 15) % 3) as usize;
        let recipe = u32::from(n > self.plan.units * 3 / 5);
        self.pass(&machine("OP10", rows[0]), &device, told(10), |_| {});
        self.pass(&machine("OP20", rows[1]), &device, told(20), |event| {
            if let What::Complete { measurements, phase, .. } = &mut event.what {
                measurements.push(measured("strokes", f64::from(uses)));
                *phase = Some(cut(event.time.at, &format!("T{}", rows[1])));
            }
        });
        let filled = self.tank.mounted.clone();
        self.pass("FILL", &device, told(30), |event| {
            event.operation = Some(text(if recipe == 0 { "R1" } else { "R2" }));
            fed(event, filled);
        });
        let top = self.tank.fills.clone();
        for fill in &top {
            self.truth.contain(fill, &device);
        }
        let sub = unit("SUB", n);
        let install = What::Install { child: sub.clone(), parent: device.clone(), place: None };
        self.book.event(told(40), "ASM", install);
        let here = Interval { from: told(40), to: Some(told(40)) };
        self.truth.stays.push((station("ASM"), sub.clone(), here));
        self.truth.contain(&sub, &device);
        let (operator, feeders) = (self.operator, self.feeders.clone());
        for used in feeders.iter().flatten() {
            self.truth.contain(&used.lot, &device);
        }
        self.pass("ASM", &device, told(45), |event| {
            event.operator = Some(person(operator));
            let name = TagName::parse("shift").expect("a name");
            let value = Value::Text(shift_name(shift));
            event.context.push(Context { name, value });
            fed(event, feeders.into_iter().flatten());
        });
        let exposed = Exposed { rows, uses, operator, shift, raw, recipe };
        self.judge(n, &device, told(60), &exposed);
    }

    /// Makes the subassembly; gives the raw lot that is truly in it.
    fn subassembly(&mut self, n: u32, at: Utc) -> u32 {
        let sub = unit("SUB", n);
        let (arrived, left) = (Utc(at.0 + SECOND), Utc(at.0 + 5 * SECOND));
        let Some((mut number, used)) = self.reel.clone() else { return 0 };
        let mut mounts = vec![used];
        if let Some((old, mut other)) = self.before.take().filter(|_| self.plan.disturbed) {
            // The reel was changed while this one was in work.
            if self.rng.random_range(0..2) == 0 {
                number = old;
            }
            other.one_of = true;
            for used in &mut mounts {
                used.one_of = true;
            }
            mounts.push(other);
        }
        let truly = lot("C", number);
        let raw = self.raw_of.get(number as usize).copied().unwrap_or(0);
        self.truth.contain(&truly, &sub);
        let here = Interval { from: arrived, to: Some(left) };
        self.truth.stays.push((station("SUB10"), sub.clone(), here));
        if let Some((first, _)) = self.dark {
            // The second to come is seen as it leaves, when all is seen again.
            if n < first + 2 {
                self.truth.silent.insert((station("SUB10"), sub));
                return raw;
            }
            self.end_of_dark();
            let mut made = event(left, "SUB10", completed(&sub, mounts));
            made.stay = Some(stayed(Utc(at.0 - 2 * CYCLE), left, None));
            self.book.write(Body::Trace(made));
            return raw;
        }
        let arrive = What::Arrive { item: sub.clone() };
        let record = self.book.event(arrived, "SUB10", arrive);
        let mut made = event(left, "SUB10", completed(&sub, mounts));
        made.stay = Some(stayed(arrived, left, Some(record)));
        self.book.write(Body::Trace(made));
        raw
    }

    fn end_of_dark(&mut self) {
        self.dark = None;
        if let Some((_, gap)) = self.truth.gaps.last().cloned() {
            self.book.write(Body::Gap(gap));
        }
    }

    fn use_tool(&mut self, machine: usize) -> u32 {
        let Some(uses) = self.uses.get_mut(machine) else { return 0 };
        *uses = *uses % TOOL_LIFE + 1;
        *uses
    }

    /// A device comes to a station, is worked on, and leaves.
    fn pass(
        &mut self,
        at: &str,
        device: &ItemKey,
        time: Utc,
        tell: impl FnOnce(&mut TraceEvent),
    ) -> Position {
        let from = Utc(time.0 - 4 * SECOND);
        let arrived = self.book.event(from, at, What::Arrive { item: device.clone() });
        let mut made = event(time, at, completed(device, Vec::new()));
        made.stay = Some(stayed(from, time, Some(arrived)));
        tell(&mut made);
        let here = Interval { from, to: Some(time) };
        self.truth.stays.push((station(at), device.clone(), here));
        self.book.write(Body::Trace(made))
    }

    /// Tests a device; packs it or throws it away.
    fn judge(&mut self, n: u32, device: &ItemKey, at: Utc, told: &Exposed) {
        let share = self.share(n, told);
        if share > 0 {
            self.truth.exposed.insert(device.clone());
        }
        let rate = if share > 0 { self.plan.caused * share / 100 } else { self.plan.base };
        let bad = self.rng.random_range(0..1_000) < rate.max(self.plan.base);
        let product = Text::parse(if self.rng.random_range(0..2) == 0 { "P" } else { "Q" }).ok();
        self.pass("TEST", device, at, |event| {
            event.product = product;
            if let What::Complete { result, .. } = &mut event.what {
                *result = Some(if bad { Result::Fail } else { Result::Pass });
            }
        });
        let after = Utc(at.0 + 10 * SECOND);
        if bad {
            self.truth.bad.insert(device.clone());
            let item = device.clone();
            let what = What::Scrap { item, amount: None, reason: None, mounts: Vec::new() };
            self.book.event(after, "REJECT", what);
            return;
        }
        self.full.push(device.clone());
        if self.full.len() as u64 == u64::from(BOX) {
            let (items, into) = (std::mem::take(&mut self.full), container(self.boxes));
            for item in &items {
                self.truth.contain(item, &into);
            }
            let what = What::Pack { items, container: into.clone() };
            self.book.event(after, "PACK", what);
            self.boxes += 1;
            if self.boxes.is_multiple_of(5) {
                let document = Some(text(&format!("note {}", self.boxes)));
                let ship = What::Ship { items: vec![into], customer: None, document };
                self.book.event(Utc(after.0 + SECOND), "PACK", ship);
            }
        }
    }

    /// How much of the cause a device is exposed to, 0 to 100.
    fn share(&self, n: u32, told: &Exposed) -> u32 {
        let Drawn { machine, operator, shift, raw, fill, window } = self.drawn;
        let all = |is: bool| 100 * u32::from(is);
        match self.plan.scenario {
            Scenario::Nothing => 0,
            Scenario::Machine => all(told.rows[0] == machine && (window.0..=window.1).contains(&n)),
            Scenario::Tool => all(told.rows[1] == machine && told.uses > WORN),
            Scenario::RawLot => all(told.raw == raw),
            Scenario::OperatorInShift => all(told.operator == operator && told.shift == shift),
            Scenario::Recipe => all(told.recipe == 1),
            Scenario::Tank => {
                let age = self.tank.age(&lot("F", fill));
                age.map_or(0, |age| [100, 80, 60].get(age as usize).copied().unwrap_or(40))
            }
            Scenario::Interaction => all(told.rows[1] == machine && told.operator == operator),
        }
    }

    fn cause(&self) -> Vec<Planted> {
        let Drawn { machine: nr, operator, shift, raw, fill, .. } = self.drawn;
        let planted =
            |kind, at: Option<&str>, value| Planted { kind, station: at.map(station), value };
        let person = planted("Operator", Some("ASM"), Some(person(operator).to_string()));
        match self.plan.scenario {
            Scenario::Nothing => Vec::new(),
            Scenario::Machine => vec![planted("Station", None, Some(machine("OP10", nr)))],
            Scenario::Tool => vec![planted("Measurement", Some(&machine("OP20", nr)), None)],
            Scenario::RawLot => vec![planted("Lot", None, Some(lot("RAW", raw).to_string()))],
            Scenario::OperatorInShift => {
                vec![person, planted("Word", Some("ASM"), Some(shift_name(shift)))]
            }
            Scenario::Recipe => vec![planted("Operation", Some("FILL"), Some("R2".to_owned()))],
            Scenario::Tank => vec![planted("Lot", None, Some(lot("F", fill).to_string()))],
            Scenario::Interaction => {
                vec![person, planted("Station", None, Some(machine("OP20", nr)))]
            }
        }
    }

    /// What contains a thing contains what that is in.
    fn close(&mut self) {
        loop {
            let direct = self.truth.contains.clone();
            let mut grew = false;
            for wholes in self.truth.contains.values_mut() {
                let before = wholes.len();
                let more: Vec<ItemKey> = wholes
                    .iter()
                    .filter_map(|whole| direct.get(whole))
                    .flatten()
                    .cloned()
                    .collect();
                wholes.extend(more);
                grew |= wholes.len() > before;
            }
            if !grew {
                return;
            }
        }
    }
}

fn machine(row: &str, nr: usize) -> String {
    format!("{row}{}", MACHINES.get(nr).copied().unwrap_or_default())
}

fn shift_name(nr: usize) -> String {
    SHIFTS.get(nr).copied().unwrap_or_default().to_owned()
}

fn person(n: u32) -> PersonToken {
    PersonKey::new([7; 32]).token(&n.to_string())
}

fn fed(event: &mut TraceEvent, used: impl IntoIterator<Item = MountUse>) {
    if let What::Complete { mounts, .. } = &mut event.what {
        mounts.extend(used);
    }
}

fn cut(at: Utc, tool: &str) -> PhaseSummary {
    let interval = Interval { from: Utc(at.0 - 3 * SECOND), to: Some(at) };
    PhaseSummary {
        phase: PhaseId::parse("cut").expect("a name"),
        interval,
        statistics: Vec::new(),
        tools: vec![ToolUse { value: text(tool), interval, statistics: Vec::new() }],
        count: None,
    }
}
