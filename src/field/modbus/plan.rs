//! Read plans: the requests that cover a set of values at the least cost. Pure.
//!
//! A value is never split over two requests: it would tear. What a device has refused is kept out
//! of every later plan by [`Learned`].
use super::cost::Cost;
pub use super::forecast::{Overload, overloads};
use crate::model::Monotonic;
use crate::model::plant::{Area, ReadLimits, Register, TagIndex};
use std::collections::BTreeMap;
use std::time::Duration;

/// Most registers that one answer can carry (Modbus Application Protocol V1.1b3, §6.3).
const WORDS_MAX: u16 = 125;
/// Most coils or discrete inputs that one answer can carry (§6.1).
const BITS_MAX: u16 = 2000;
/// One past the last address of an area.
const ADDRESS_END: u32 = 1 << 16;
/// A refused value is asked for again so much later: a download may have made it known.
const RETRY_AFTER: Duration = Duration::from_mins(5);
/// Where the plant file says what may be read for nothing, only requests count.
const REQUESTS_ONLY: Cost = Cost { request: Duration::from_nanos(1), word: Duration::ZERO };

/// A value inside a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Whose value.
    pub tag: TagIndex,
    /// From the block's address.
    pub offset: u16,
    /// Registers or bits.
    pub count: u16,
}

/// One read request and the values in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which table.
    pub area: Area,
    /// Address on the wire.
    pub address: u16,
    /// Registers or bits.
    pub count: u16,
    /// By address.
    pub members: Vec<Member>,
}

/// Why a value is in no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// It lies in a declared hole.
    #[error("it lies in a range that the plant file declares a hole")]
    Hole,
    /// The device refused it.
    #[error("the device refused its address")]
    Refused,
    /// It takes no register, more than a request may carry, or more than the area has.
    #[error("it does not fit into one request")]
    Length,
}

/// Requests in the order in which they are to be made, and what they leave out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The requests.
    pub blocks: Vec<Block>,
    /// Values in none of them.
    pub unreadable: Vec<(TagIndex, Unreadable)>,
}

/// What a device has refused so far.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    refused: BTreeMap<TagIndex, Refused>,
    /// Where no request reaches over, and until when.
    cuts: BTreeMap<(Area, u32), Monotonic>,
}

#[derive(Debug, Clone, Copy)]
struct Refused {
    area: Area,
    first: u32,
    end: u32,
    retry: Monotonic,
}

impl Learned {
    /// The device refused this block, which holds one value: it is left out, and no other request
    /// reads over it.
    pub fn refuse(&mut self, block: &Block, now: Monotonic) {
        for member in &block.members {
            let first = u32::from(block.address) + u32::from(member.offset);
            let end = first + u32::from(member.count);
            let refused = Refused { area: block.area, first, end, retry: now.plus(RETRY_AFTER) };
            self.refused.insert(member.tag, refused);
        }
    }

    /// The device refused two blocks as one though it answers each: no request reaches over the
    /// begin of the second.
    pub fn cut(&mut self, second: &Block, now: Monotonic) {
        let place = (second.area, u32::from(second.address));
        self.cuts.insert(place, now.plus(RETRY_AFTER));
    }

    /// The same device is met again: what it refused long enough ago is tried once more.
    pub fn renew(&mut self, now: Monotonic) {
        self.refused.retain(|_, refused| refused.retry > now);
        self.cuts.retain(|_, until| *until > now);
    }

    /// Whether the device has refused nothing.
    pub fn is_empty(&self) -> bool {
        self.refused.is_empty() && self.cuts.is_empty()
    }

    /// The value is answered.
    pub fn admit(&mut self, tag: TagIndex) {
        self.refused.remove(&tag);
    }

    /// The refused value that is to be asked for again first, and when.
    pub fn next_retry(&self) -> Option<(Monotonic, TagIndex)> {
        self.refused.iter().map(|(tag, refused)| (refused.retry, *tag)).min()
    }

    /// Whether the device refused this value.
    pub fn is_refused(&self, tag: TagIndex) -> bool {
        self.refused.contains_key(&tag)
    }

    fn forbids(&self, area: Area, gap_first: u32, gap_end: u32) -> bool {
        self.cuts.range((area, gap_first)..=(area, gap_end)).next().is_some()
            || self
                .refused
                .values()
                .any(|r| r.area == area && r.first < gap_end && gap_first < r.end)
    }
}

/// A value's place; the order is that of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    area: Area,
    first: u32,
    end: u32,
    tag: TagIndex,
}

impl Block {
    /// The block of a single value, whatever has been learned; `None` if it does not fit.
    pub fn single(tag: TagIndex, register: &Register, limits: &ReadLimits) -> Option<Self> {
        Self::over(&[Span::of(tag, register, limits).ok()?])
    }

    /// Both halves of the values; `None` if there is one value only.
    pub fn halves(&self) -> Option<(Self, Self)> {
        let spans: Vec<Span> = self.members.iter().map(|m| self.span(*m)).collect();
        let (left, right) = spans.split_at_checked(spans.len() / 2)?;
        Some((Self::over(left)?, Self::over(right)?))
    }

    /// Whether a value is in it.
    pub fn holds(&self, tag: TagIndex) -> bool {
        self.members.iter().any(|member| member.tag == tag)
    }

    fn span(&self, member: Member) -> Span {
        let first = u32::from(self.address) + u32::from(member.offset);
        Span { area: self.area, first, end: first + u32::from(member.count), tag: member.tag }
    }

    /// Around spans in their order; `None` if there is none, or they reach too far.
    fn over(spans: &[Span]) -> Option<Self> {
        let first = spans.first()?;
        let end = spans.iter().map(|span| span.end).max()?;
        let members = spans.iter().map(|span| {
            let offset = u16::try_from(span.first - first.first).ok()?;
            Some(Member {
                tag: span.tag,
                offset,
                count: u16::try_from(span.end - span.first).ok()?,
            })
        });
        Some(Self {
            area: first.area,
            address: u16::try_from(first.first).ok()?,
            count: u16::try_from(end - first.first).ok()?,
            members: members.collect::<Option<_>>()?,
        })
    }
}

impl Span {
    fn of(tag: TagIndex, register: &Register, limits: &ReadLimits) -> Result<Self, Unreadable> {
        let first = u32::from(register.address);
        let end = first + u32::from(register.span());
        let span = Self { area: register.area, first, end, tag };
        if end == first || end > ADDRESS_END || end - first > most(register.area, limits) {
            return Err(Unreadable::Length);
        }
        if in_hole(limits, register.area, first, end) {
            return Err(Unreadable::Hole);
        }
        Ok(span)
    }
}

/// Whether a request can read this value at all.
///
/// # Errors
/// Why none can.
pub fn readable(register: &Register, limits: &ReadLimits) -> Result<(), Unreadable> {
    Span::of(TagIndex(0), register, limits).map(drop)
}

fn most(area: Area, limits: &ReadLimits) -> u32 {
    u32::from(match area {
        Area::Holding | Area::Input => limits.words.clamp(1, WORDS_MAX),
        Area::Coil | Area::Discrete => limits.bits.clamp(1, BITS_MAX),
    })
}

fn in_hole(limits: &ReadLimits, area: Area, first: u32, end: u32) -> bool {
    limits
        .holes
        .iter()
        .any(|(of, from, to)| *of == area && u32::from(*from) < end && first <= u32::from(*to))
}

impl Plan {
    /// What all its requests cost.
    pub fn cost(&self, cost: &Cost) -> Duration {
        let each = self.blocks.iter().map(|block| cost.of(block.area, block.count.into()));
        each.fold(Duration::ZERO, Duration::saturating_add)
    }
}

/// Plans the reading of values in any order: by area and address, merged where that costs less than
/// another request, within the limits of a request and with no hole in between. If the plant file says
/// how much may be read for nothing, the requests are the fewest that read no more than that.
pub fn plan(
    points: &[(TagIndex, &Register)],
    limits: &ReadLimits,
    learned: &Learned,
    cost: &Cost,
) -> Plan {
    let mut plan = Plan::default();
    let mut spans = Vec::with_capacity(points.len());
    for (tag, register) in points {
        match Span::of(*tag, register, limits) {
            Ok(_) if learned.is_refused(*tag) => {
                plan.unreadable.push((*tag, Unreadable::Refused));
            }
            Ok(span) => spans.push(span),
            Err(why) => plan.unreadable.push((*tag, why)),
        }
    }
    spans.sort_unstable();
    spans.dedup();
    let cost = limits.read_over.map_or(cost, |_| &REQUESTS_ONLY);
    let mut rest = spans.as_slice();
    for taken in cheapest(&spans, limits, learned, cost) {
        let (run, after) = rest.split_at_checked(taken).unwrap_or((rest, &[]));
        plan.blocks.extend(Block::over(run));
        rest = after;
    }
    plan
}

/// How many spans each request takes, so that all together cost least; of equal ways the one whose first
/// requests are the longest.
fn cheapest(
    spans: &[Span],
    limits: &ReadLimits,
    learned: &Learned,
    cost: &Cost,
) -> impl Iterator<Item = usize> {
    // By how many spans are left: what they cost, and how many go into their first request.
    let mut best: Vec<(Duration, usize)> = vec![(Duration::ZERO, 0)];
    for from in (0..spans.len()).rev() {
        let rest = spans.get(from..).unwrap_or_default();
        let ways = ends(rest, limits, learned).into_iter().enumerate().map(|(n, end)| {
            let (taken, first) = (n.saturating_add(1), rest.first());
            let count = first.map_or(0, |first| end.saturating_sub(first.first));
            let area = first.map_or(Area::Holding, |first| first.area);
            let after = best.get(rest.len().saturating_sub(taken)).map_or(Duration::MAX, |b| b.0);
            (cost.of(area, count).saturating_add(after), taken)
        });
        let least = ways.min_by_key(|(cost, taken)| (*cost, std::cmp::Reverse(*taken)));
        best.push(least.unwrap_or((Duration::MAX, 1)));
    }
    let mut left = spans.len();
    std::iter::from_fn(move || {
        let taken = best.get(left).map(|best| best.1).filter(|_| left > 0)?;
        left = left.saturating_sub(taken);
        Some(taken)
    })
}

/// Where a request ends that takes the first span, the first two, and so on as far as it may.
fn ends(spans: &[Span], limits: &ReadLimits, learned: &Learned) -> Vec<u32> {
    let Some(head) = spans.first() else { return Vec::new() };
    let over = limits.read_over.map_or(u32::MAX, u32::from);
    let mut ends = vec![head.end];
    let mut end = head.end;
    for span in spans.iter().skip(1) {
        let merged = end.max(span.end);
        let fits = span.area == head.area && merged - head.first <= most(head.area, limits);
        // A cut counts also where there is no gap: the device refuses the length.
        let gap = span.first.saturating_sub(end);
        let whole = gap <= over
            && !(gap > 0 && in_hole(limits, head.area, end, span.first))
            && !(span.first >= end && learned.forbids(head.area, end, span.first));
        if !(fits && whole) {
            break;
        }
        end = merged;
        ends.push(end);
    }
    ends
}

/// Plans a snapshot: values asked for in an order, the trigger word first and last.
///
/// One request if all of it fits: it holds the trigger and the data of one moment. Else the
/// trigger is read again as the last of all; and if its own area takes several requests, also
/// alone as the first, so that no data is older than the first look at the trigger.
pub fn plan_snapshot(
    points: &[(TagIndex, &Register)],
    limits: &ReadLimits,
    learned: &Learned,
    cost: &Cost,
) -> Plan {
    // What is read for nothing may save the looks at the trigger too.
    let whole = guarded(points, limits, learned, &REQUESTS_ONLY);
    let parted = guarded(points, limits, learned, cost);
    if parted.cost(cost) < whole.cost(cost) { parted } else { whole }
}

fn guarded(
    points: &[(TagIndex, &Register)],
    limits: &ReadLimits,
    learned: &Learned,
    cost: &Cost,
) -> Plan {
    let mut plan = plan(points, limits, learned, cost);
    let (Some((trigger, register)), Some((last, _))) = (points.first(), points.last()) else {
        return plan;
    };
    let guarded = points.len() > 1 && trigger == last;
    if !guarded || plan.blocks.len() < 2 || !plan.blocks.iter().any(|b| b.holds(*trigger)) {
        return plan;
    }
    let Some(alone) = Block::single(*trigger, register, limits) else { return plan };
    let own_area = plan.blocks.iter().filter(|block| block.area == register.area).count();
    if own_area > 1 {
        let rest: Vec<_> = points.iter().filter(|(tag, _)| tag != trigger).copied().collect();
        plan.blocks = self::plan(&rest, limits, learned, cost).blocks;
        plan.blocks.insert(0, alone.clone());
    } else {
        plan.blocks.sort_by_key(|block| !block.holds(*trigger));
    }
    plan.blocks.push(alone);
    plan
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::{RegisterType, StringOrder, WordOrder};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// A serial line of 9600 bits a second: a request is ten registers.
    const LINE: Cost =
        Cost { request: Duration::from_millis(20), word: Duration::from_micros(2_083) };

    fn register(area: Area, address: u16, len: u16) -> Register {
        let kind = match (area, len) {
            (Area::Coil | Area::Discrete, _) => RegisterType::Bool,
            (Area::Holding | Area::Input, len) => RegisterType::Text(len * 2),
        };
        let (order, strings) = (WordOrder::Abcd, StringOrder::HighLow);
        Register { area, address, kind, order, strings, scale: 1.0 }
    }

    fn limits(words: u16, read_over: u16, holes: &[(Area, u16, u16)]) -> ReadLimits {
        ReadLimits { words, bits: words, read_over: Some(read_over), holes: holes.to_vec() }
    }

    fn by_cost(words: u16) -> ReadLimits {
        ReadLimits { read_over: None, ..limits(words, 0, &[]) }
    }

    fn numbered(registers: &[Register]) -> Vec<(TagIndex, &Register)> {
        (0..).map(TagIndex).zip(registers).collect()
    }

    fn ranges(plan: &Plan) -> Vec<(Area, u16, u16)> {
        plan.blocks.iter().map(|b| (b.area, b.address, b.count)).collect()
    }

    fn hr(address: u16, len: u16) -> Register {
        register(Area::Holding, address, len)
    }

    #[test]
    fn near_values_share_a_request_and_far_ones_do_not() {
        let points = [hr(10, 2), hr(0, 1), hr(2, 1), hr(40, 1)];
        let plan = plan(&numbered(&points), &limits(125, 7, &[]), &Learned::default(), &LINE);
        assert_eq!(ranges(&plan), [(Area::Holding, 0, 12), (Area::Holding, 40, 1)]);
        assert_eq!(plan.blocks[0].members[2], Member { tag: TagIndex(0), offset: 10, count: 2 });
    }

    #[test]
    fn a_value_in_a_hole_or_longer_than_a_request_is_named_and_not_read() {
        let points = [hr(0, 1), hr(5, 2), hr(10, 9), hr(65535, 2)];
        let limits = limits(8, 20, &[(Area::Holding, 6, 6)]);
        let plan = plan(&numbered(&points), &limits, &Learned::default(), &LINE);
        assert_eq!(ranges(&plan), [(Area::Holding, 0, 1)]);
        assert_eq!(
            plan.unreadable,
            [
                (TagIndex(1), Unreadable::Hole),
                (TagIndex(2), Unreadable::Length),
                (TagIndex(3), Unreadable::Length),
            ]
        );
    }

    #[test]
    fn what_the_device_refused_is_neither_read_nor_read_over() {
        let points = [hr(0, 1), hr(1, 1), hr(2, 1), hr(3, 1)];
        let points = numbered(&points);
        let limits = limits(125, 20, &[]);
        let mut learned = Learned::default();
        let whole = plan(&points, &limits, &learned, &LINE);
        learned.refuse(&Block::single(TagIndex(1), points[1].1, &limits).unwrap(), Monotonic(0));
        let holed = plan(&points, &limits, &learned, &LINE);
        assert_eq!(ranges(&holed), [(Area::Holding, 0, 1), (Area::Holding, 2, 2)]);
        assert_eq!(holed.unreadable, [(TagIndex(1), Unreadable::Refused)]);
        learned.admit(TagIndex(1));
        assert_eq!(plan(&points, &limits, &learned, &LINE), whole);
        learned.cut(&Block::single(TagIndex(2), points[2].1, &limits).unwrap(), Monotonic(0));
        let cut = plan(&points, &limits, &learned, &LINE);
        assert_eq!(ranges(&cut), [(Area::Holding, 0, 2), (Area::Holding, 2, 2)]);
    }

    #[test]
    fn registers_are_read_for_nothing_where_that_costs_less_than_a_request() {
        let points = [hr(0, 1), hr(10, 1), hr(20, 1), hr(31, 1)];
        let ranges = |cost: Cost| {
            ranges(&plan(&numbered(&points), &by_cost(125), &Learned::default(), &cost))
        };
        let one = [(Area::Holding, 0, 32)];
        assert_eq!(ranges(LINE), [(Area::Holding, 0, 21), (Area::Holding, 31, 1)]);
        assert_eq!(ranges(Cost { word: Duration::ZERO, ..LINE }), one);
        assert_eq!(ranges(Cost { request: Duration::from_nanos(1), ..LINE }).len(), 4);
    }

    #[test]
    fn a_snapshot_that_saves_the_looks_at_its_trigger_reads_over_more() {
        let points = [hr(0, 1), hr(20, 1), hr(0, 1)];
        let points: Vec<_> = [0, 1, 0].map(TagIndex).into_iter().zip(&points).collect();
        let plan = plan_snapshot(&points, &by_cost(125), &Learned::default(), &LINE);
        assert_eq!(ranges(&plan), [(Area::Holding, 0, 21)]);
    }

    #[test]
    fn what_was_refused_is_tried_again_on_the_same_device_after_a_while() {
        let (points, limits) = ([hr(0, 1), hr(1, 1)], limits(125, 20, &[]));
        let points = numbered(&points);
        let single = |at: usize| Block::single(points[at].0, points[at].1, &limits).unwrap();
        let mut learned = Learned::default();
        let whole = plan(&points, &limits, &learned, &LINE);
        learned.refuse(&single(0), Monotonic(0));
        learned.cut(&single(1), Monotonic(1));
        let soon = Monotonic(0).plus(RETRY_AFTER);
        learned.renew(Monotonic(0));
        assert!(learned.is_refused(TagIndex(0)));
        learned.renew(soon);
        assert_eq!(plan(&points, &limits, &learned, &LINE).blocks.len(), 2, "the cut is younger");
        learned.renew(soon.plus(Duration::from_nanos(1)));
        assert!(learned.is_empty());
        assert_eq!(plan(&points, &limits, &learned, &LINE), whole);
    }

    #[test]
    fn a_snapshot_in_one_request_is_read_once() {
        let points = [hr(5, 1), hr(0, 4), hr(5, 1)];
        let points: Vec<_> = [0, 1, 0].map(TagIndex).into_iter().zip(&points).collect();
        let plan = plan_snapshot(&points, &limits(125, 5, &[]), &Learned::default(), &LINE);
        assert_eq!(ranges(&plan), [(Area::Holding, 0, 6)]);
    }

    #[test]
    fn a_snapshot_with_an_ack_coil_reads_it_between_two_looks_at_the_trigger() {
        let coil = register(Area::Coil, 16, 1);
        let points = [hr(5, 1), hr(0, 4), coil, hr(5, 1)];
        let points: Vec<_> = [0, 1, 2, 0].map(TagIndex).into_iter().zip(&points).collect();
        let plan = plan_snapshot(&points, &limits(125, 5, &[]), &Learned::default(), &LINE);
        let wanted = [(Area::Holding, 0, 6), (Area::Coil, 16, 1), (Area::Holding, 5, 1)];
        assert_eq!(ranges(&plan), wanted);
    }

    #[test]
    fn a_snapshot_over_a_hole_reads_trigger_data_trigger() {
        let points = [hr(2, 1), hr(0, 1), hr(50, 4), hr(2, 1)];
        let points: Vec<_> = [0, 1, 2, 0].map(TagIndex).into_iter().zip(&points).collect();
        let plan = plan_snapshot(&points, &limits(125, 5, &[]), &Learned::default(), &LINE);
        let wanted = [(2, 1), (0, 1), (50, 4), (2, 1)].map(|(at, n)| (Area::Holding, at, n));
        assert_eq!(ranges(&plan), wanted);
    }

    fn any_register() -> impl Strategy<Value = Register> {
        let area = prop_oneof![Just(Area::Holding), Just(Area::Input), Just(Area::Coil)];
        (area, 0..60_u16, 1..6_u16).prop_map(|(area, at, len)| register(area, at, len))
    }

    fn any_limits() -> impl Strategy<Value = ReadLimits> {
        let hole = (0..60_u16, 0..4_u16).prop_map(|(at, len)| (Area::Holding, at, at + len));
        let over = prop_oneof![Just(None), (0..8_u16).prop_map(Some)];
        (1..16_u16, over, prop::collection::vec(hole, 0..3)).prop_map(|(words, over, holes)| {
            ReadLimits { words, bits: words, read_over: over, holes }
        })
    }

    fn any_cost() -> impl Strategy<Value = Cost> {
        (1..30_000_u64, 0..3_000_u64).prop_map(|(request, word)| Cost {
            request: Duration::from_micros(request),
            word: Duration::from_micros(word),
        })
    }

    fn any_learned() -> impl Strategy<Value = Learned> {
        let places = prop::collection::vec((any_register(), any::<bool>()), 0..3);
        places.prop_map(|places| {
            let mut learned = Learned::default();
            for (n, (register, cut)) in (100..).zip(places) {
                let whole = ReadLimits { words: 125, bits: 125, read_over: None, holes: vec![] };
                let block = Block::single(TagIndex(n), &register, &whole).unwrap();
                if cut {
                    learned.cut(&block, Monotonic(0));
                } else {
                    learned.refuse(&block, Monotonic(0));
                }
            }
            learned
        })
    }

    /// The rules register by register: may these values be read as one?
    fn allowed(run: &[(TagIndex, &Register)], limits: &ReadLimits) -> bool {
        let area = run[0].1.area;
        let wanted: BTreeSet<u16> =
            run.iter().flat_map(|(_, r)| r.address..r.address + r.span()).collect();
        let (first, last) = (*wanted.first().unwrap(), *wanted.last().unwrap());
        let holed = |at: u16| limits.holes.iter().any(|h| h.0 == area && (h.1..=h.2).contains(&at));
        let mut unasked = 0;
        run.iter().all(|(_, r)| r.area == area)
            && last - first < limits.words
            && (first..=last).all(|at| {
                unasked = if wanted.contains(&at) { 0 } else { unasked + 1 };
                unasked <= limits.read_over.unwrap_or(u16::MAX) && !holed(at)
            })
    }

    proptest! {
        #[test]
        fn every_value_is_in_one_request_and_no_request_breaks_a_rule(
            registers in prop::collection::vec(any_register(), 0..12), limits in any_limits(),
            cost in any_cost(),
        ) {
            let points = numbered(&registers);
            let plan = plan(&points, &limits, &Learned::default(), &cost);
            let mut seen: Vec<TagIndex> = plan.unreadable.iter().map(|u| u.0).collect();
            for block in &plan.blocks {
                let run: Vec<_> = block.members.iter().map(|m| points[m.tag.get()]).collect();
                prop_assert!(allowed(&run, &limits));
                for (member, (_, register)) in block.members.iter().zip(&run) {
                    prop_assert_eq!(block.address + member.offset, register.address);
                    prop_assert_eq!(member.count, register.span());
                    prop_assert!(member.offset + member.count <= block.count);
                    seen.push(member.tag);
                }
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, points.iter().map(|p| p.0).collect::<Vec<_>>());
            prop_assert!(plan.blocks.is_sorted_by_key(|b| (b.area, b.address)));
        }

        #[test]
        fn no_other_requests_would_cost_less(
            registers in prop::collection::vec(any_register(), 0..10), limits in any_limits(),
            cost in any_cost(),
        ) {
            let points = numbered(&registers);
            let plan = plan(&points, &limits, &Learned::default(), &cost);
            let mut sorted: Vec<_> =
                plan.blocks.iter().flat_map(|b| &b.members).map(|m| points[m.tag.get()]).collect();
            sorted.sort_by_key(|(_, r)| (r.area, r.address, r.span()));
            let cost = limits.read_over.map_or(cost, |_| REQUESTS_ONLY);
            // The least that covers the first n values, over all ways to cut the sequence.
            let mut least = vec![Duration::ZERO];
            for n in 1..=sorted.len() {
                let ways = (0..n).filter(|from| allowed(&sorted[*from..n], &limits)).map(|from| {
                    let run = &sorted[from..n];
                    let end = run.iter().map(|(_, r)| r.address + r.span()).max().unwrap();
                    least[from] + cost.of(run[0].1.area, u32::from(end - run[0].1.address))
                });
                let best = ways.min().unwrap();
                least.push(best);
            }
            prop_assert_eq!(plan.cost(&cost), least[sorted.len()]);
        }

        #[test]
        fn a_plan_costs_no_more_than_one_of_single_requests_or_of_any_fixed_read_over(
            registers in prop::collection::vec(any_register(), 0..12), limits in any_limits(),
            learned in any_learned(), cost in any_cost(), over in 0..16_u16,
        ) {
            let points = numbered(&registers);
            let with = |read_over| ReadLimits { read_over, ..limits.clone() };
            let chosen = plan(&points, &with(None), &learned, &cost);
            let fixed = plan(&points, &with(Some(over)), &learned, &cost);
            prop_assert!(chosen.cost(&cost) <= fixed.cost(&cost), "{chosen:?} {fixed:?}");
            let read = points.iter().filter(|(tag, _)| chosen.blocks.iter().any(|b| b.holds(*tag)));
            let singles = read.filter_map(|(tag, register)| Block::single(*tag, register, &limits));
            let each = singles.map(|block| cost.of(block.area, block.count.into()));
            prop_assert!(chosen.cost(&cost) <= each.sum::<Duration>(), "{chosen:?}");
        }

        #[test]
        fn no_request_reads_over_what_was_refused(
            registers in prop::collection::vec(any_register(), 0..12), limits in any_limits(),
            learned in any_learned(), cost in any_cost(),
        ) {
            for block in plan(&numbered(&registers), &limits, &learned, &cost).blocks {
                let (mut end, first) = (0, u32::from(block.address));
                for member in &block.members {
                    let at = u32::from(member.offset);
                    let forbidden = at >= end && end > 0
                        && learned.forbids(block.area, first + end, first + at);
                    prop_assert!(!forbidden, "{block:?}");
                    end = end.max(at + u32::from(member.count));
                }
            }
        }

        #[test]
        fn a_snapshot_looks_at_the_trigger_before_and_after_all_data(
            registers in prop::collection::vec(any_register(), 1..10), limits in any_limits(),
            cost in any_cost(),
        ) {
            let mut points = numbered(&registers);
            points.push(points[0]);
            let plan = plan_snapshot(&points, &limits, &Learned::default(), &cost);
            let trigger = points[0].0;
            for (tag, _) in &points[1..points.len() - 1] {
                let reads = plan.blocks.iter().filter(|b| b.holds(*tag)).count();
                let left_out = plan.unreadable.iter().any(|u| u.0 == *tag);
                prop_assert_eq!(reads, usize::from(!left_out));
            }
            if let (Some(first), Some(last), false) =
                (plan.blocks.first(), plan.blocks.last(), plan.unreadable.iter().any(|u| u.0 == trigger))
            {
                prop_assert!(first.holds(trigger) && last.holds(trigger));
                prop_assert!(plan.blocks.len() == 1 || last.members.len() == 1);
            }
        }
    }
}
