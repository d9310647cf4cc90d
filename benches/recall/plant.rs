//! A simulated plant, event by event: finished goods of four units each, units of component lots from feeders,
//! component lots of raw lots, all of them in use for a while. The same for the same number of goods.
use pedigree::model::{
    Amount, Code, Consumption, Interval, ItemClass, ItemKey, MountKey, MountPointId, MountUse,
    Position, Result, Scope, ScopeName, StationId, Stay, TraceEvent, Utc, What,
};

/// Lines that make the units of a good, and the feeders of each; the last line makes goods.
const LINES: usize = 5;
const FEEDERS: usize = 5;
const GOODS_FEEDERS: usize = 3;
/// Units that a component lot lasts for, and raw lots in each.
const LOT_LEN: u32 = 400;
const RAW: u32 = 3;
/// Goods in a container.
const CONTAINER: u32 = 50;
/// Goods that are made with the hot lot.
pub(crate) const HOT: u32 = 50_000;
/// Nanoseconds from one event to the next.
const STEP_NS: i64 = 250_000_000;

struct Feeder {
    station: StationId,
    point: MountPointId,
    left: u32,
    len: u32,
    used: Option<MountUse>,
}

/// The plant at work.
pub(crate) struct Plant<F> {
    position: u64,
    lots: u32,
    lines: Vec<Vec<Feeder>>,
    tell: F,
}

fn unit(kind: &str, number: u32) -> ItemKey {
    ItemKey::unit(Code::parse(&format!("{kind}{number:09}")).expect("a code"))
}

fn lot(kind: &str, number: u32) -> ItemKey {
    let supplier = ScopeName::parse("ACME").expect("a name");
    let code = Code::parse(&format!("{kind}{number:07}")).expect("a code");
    ItemKey::lot(Scope::Supplier(supplier), code)
}

/// The raw lot that most goods were made with, by the one lot that it went into.
pub(crate) fn near() -> ItemKey {
    lot("NEAR", 0)
}

/// The raw lot that all goods were made with, by each component lot of one unit of them.
pub(crate) fn far() -> ItemKey {
    lot("FAR", 0)
}

/// A finished good by its number.
pub(crate) fn good(number: u32) -> ItemKey {
    unit("G", number)
}

impl<F: FnMut(Position, TraceEvent)> Plant<F> {
    /// A plant that has made nothing yet.
    pub(crate) fn new(tell: F) -> Self {
        let station = |line| StationId::parse(&format!("OP{line}0")).expect("a name");
        let feeder = |line, feeder| Feeder {
            station: station(line),
            point: MountPointId::parse(&format!("F{feeder}")).expect("a name"),
            left: 0,
            len: if (line, feeder) == (LINES - 1, 0) { HOT } else { LOT_LEN },
            used: None,
        };
        let feeders = |line| if line + 1 == LINES { GOODS_FEEDERS } else { FEEDERS };
        let lines = (0..LINES).map(|line| (0..feeders(line)).map(|f| feeder(line, f)).collect());
        Self { position: 0, lots: 0, lines: lines.collect(), tell }
    }

    /// Makes finished goods, and all that they are made of.
    pub(crate) fn make(&mut self, goods: u32) {
        for number in 0..goods {
            for line in 0..LINES - 1 {
                let part = unit("U", number * 4 + u32::try_from(line).expect("few lines"));
                self.complete(line, &part);
                let parent = good(number);
                self.at(LINES - 1, What::Install { child: part, parent, place: None });
            }
            self.complete(LINES - 1, &good(number));
            if number % CONTAINER == CONTAINER - 1 {
                let code = Code::parse(&format!("{number:018}")).expect("a code");
                let scope = Scope::Gs1(None);
                let container = ItemKey { class: ItemClass::Container, scope, code };
                let items = (number + 1 - CONTAINER..=number).map(good).collect();
                self.at(LINES - 1, What::Pack { items, container });
            }
        }
    }

    fn complete(&mut self, line: usize, item: &ItemKey) {
        let mounts = (0..self.lines[line].len()).map(|at| self.fed(line, at)).collect();
        let (result, measurements) = (Some(Result::Pass), Vec::new());
        let item = item.clone();
        self.at(
            line,
            What::Complete { item, result, measurements, mounts, phase: None, order_row: None },
        );
    }

    /// What a feeder holds for the next unit; a new lot where the last is used up.
    fn fed(&mut self, line: usize, at: usize) -> MountUse {
        if self.lines[line][at].left == 0 {
            self.mount(line, at);
        }
        let feeder = &mut self.lines[line][at];
        feeder.left -= 1;
        feeder.used.clone().expect("it was mounted")
    }

    fn mount(&mut self, line: usize, at: usize) {
        self.lots += 1;
        let component = lot("C", self.lots);
        let is_hot = self.lines[line][at].len == HOT && self.lines[line][at].used.is_none();
        for raw in 0..RAW {
            let raw = match (line, raw) {
                (_, 0) if is_hot => near(),
                (0, 0) => far(),
                // Raw lots are larger: those that are opened together share some.
                _ => lot("R", self.lots / 2 * RAW + raw),
            };
            let amount = Some(Amount { value: 2.5, unit: None });
            let consumed = Consumption { lot: raw, amount };
            self.at(line, What::Consume { consumed, into: component.clone(), place: None });
        }
        let point = self.lines[line][at].point.clone();
        self.at(line, What::Mount { point, lot: component.clone() });
        let opened = Position(self.position);
        let feeder = &mut self.lines[line][at];
        let (station, point) = (feeder.station.clone(), feeder.point.clone());
        feeder.left = feeder.len;
        feeder.used = Some(MountUse {
            mount: MountKey { station, point, opened },
            lot: component,
            one_of: false,
            amount: None,
            wasted: None,
            counted: false,
            untold: None,
        });
    }

    fn at(&mut self, line: usize, what: What) {
        self.position += 1;
        let time = i64::try_from(self.position).expect("few events") * STEP_NS;
        let stay = matches!(what, What::Complete { .. }).then(|| Stay {
            interval: Interval { from: Utc(time - 2 * STEP_NS), to: Some(Utc(time)) },
            arrived: None,
        });
        let station = self.lines[line][0].station.clone();
        let event = TraceEvent { stay, ..TraceEvent::bare(what, Utc(time), Some(station)) };
        (self.tell)(Position(self.position), event);
    }
}
