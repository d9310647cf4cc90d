//! One run of the simulated plant, asked through the read side and held against what is true.
use super::{
    Answer, CauseView, Completeness, FactorView, Incomplete, Query, Recall, RecallOf, Why, WhyAsked,
};
use super::{Interval, ItemKey, Planted, Position, Run, StationId, Truth, Utc};
use std::collections::BTreeSet;

/// As of all that is known.
const LAST: Position = Position(u64::MAX);

/// What a recall came to.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Recalled {
    /// Items that are affected, those named of them as suspect or unknown, and those of which there is no record there.
    pub(crate) affected: usize,
    pub(crate) named: usize,
    pub(crate) silent: usize,
    /// Suspects that are affected, and all suspects.
    pub(crate) right: usize,
    pub(crate) suspects: usize,
    /// Gaps that touch the question and are not disclosed.
    pub(crate) concealed: usize,
}

/// Why devices failed their test.
pub(crate) fn why(query: &Query) -> Why {
    let station = StationId::parse("TEST").ok();
    let interval = Interval { from: Utc(0), to: None };
    let asked = WhyAsked { bad: Vec::new(), station, interval, items_max: usize::MAX };
    query.why(&asked, LAST).expect("devices were tested").body
}

fn is(planted: &Planted, factor: &FactorView) -> bool {
    let of = &factor.attribute;
    format!("{:?}", of.kind) == planted.kind
        && (planted.station.is_none() || of.station == planted.station)
        && factor.value.as_ref().map(ToString::to_string) == planted.value
}

/// The shares of what is to be held that is right, and of what is right that is to be held; and the window's overlap
/// with the true one, if the cause has one.
pub(crate) fn held(truth: &Truth, why: &Why) -> Option<(f64, f64, Option<f64>)> {
    let cause = why.causes.first()?;
    let wanted: BTreeSet<&ItemKey> = truth.exposed.difference(&truth.bad).collect();
    let right = cause.suspects.iter().filter(|item| wanted.contains(item)).count();
    let share = |part: usize, of: usize| {
        let real = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        if of == 0 { 1.0 } else { real(part) / real(of) }
    };
    let overlap = truth.window.map(|one| cause.window.map_or(0.0, |other| overlap(one, other)));
    Some((share(right, cause.suspects.len()), share(right, wanted.len()), overlap))
}

/// The time of both by that of any, in seconds.
fn overlap(one: Interval, other: Interval) -> f64 {
    let seconds = |from: Utc, to: Utc| {
        f64::from(
            u32::try_from(to.0.saturating_sub(from.0).max(0) / 1_000_000_000).unwrap_or(u32::MAX),
        )
    };
    let (Some(a), Some(b)) = (one.to, other.to) else { return 0.0 };
    seconds(one.from.max(other.from), a.min(b)) / seconds(one.from.min(other.from), a.max(b))
}

/// At which place the planted cause is named, from 1 on: in a cause with what cannot be told from it, then in its rivals.
pub(crate) fn place(truth: &Truth, why: &Why) -> Option<usize> {
    let mut so_far: Vec<&FactorView> = Vec::new();
    let all = |named: &[&FactorView]| {
        truth.cause.iter().all(|planted| named.iter().any(|factor| is(planted, factor)))
    };
    let groups = why.causes.iter().map(named);
    let rivals = why
        .causes
        .iter()
        .take(1)
        .flat_map(|cause| &cause.rivals)
        .map(|rival| rival.iter().collect());
    for (group, place) in groups.chain(rivals).zip(1..) {
        so_far.extend(&group);
        if all(&group) || all(&so_far) {
            return Some(place);
        }
    }
    None
}

fn named(cause: &CauseView) -> Vec<&FactorView> {
    cause.factors.iter().chain(cause.twins.iter().map(|twin| &twin.factor)).collect()
}

/// Everything that was recorded of lots, and of stations within a time, against what is true.
pub(crate) fn recalls(query: &Query, run: &Run) -> Recalled {
    let truth = &run.truth;
    let mut all = Recalled::default();
    for (lot, inside) in truth.contains.iter().filter(|(item, _)| item.to_string().starts_with('l'))
    {
        let of = RecallOf::Lot(lot.clone());
        let answer = query.recall_as_of(&of, LAST).expect("the lot is recorded");
        all.take(&answer, inside, truth, None);
    }
    let stations: BTreeSet<&StationId> = truth.stays.iter().map(|(at, ..)| at).collect();
    let last = truth.stays.iter().filter_map(|(.., stay)| stay.to).max().unwrap_or(Utc(0));
    for id in stations {
        for part in 0..4 {
            let edge = |part: i64| Utc(last.0 / 4 * part);
            let interval = Interval { from: edge(part), to: Some(edge(part + 1)) };
            let of = RecallOf::Station { id: id.clone(), interval, only: Vec::new() };
            let answer = query.recall_as_of(&of, LAST).expect("the station is recorded");
            all.take(&answer, &truth.there(id, interval), truth, Some((id, interval)));
        }
    }
    all
}

impl Recalled {
    fn take(
        &mut self,
        answer: &Answer<Recall>,
        affected: &BTreeSet<ItemKey>,
        truth: &Truth,
        asked: Option<(&StationId, Interval)>,
    ) {
        let recall = &answer.body;
        let suspects: BTreeSet<&ItemKey> =
            recall.suspect.iter().map(|group| &group.item).chain(&recall.containers).collect();
        let unknown: BTreeSet<&ItemKey> = recall.unknown.iter().map(|(item, _)| item).collect();
        self.suspects += suspects.len();
        self.affected += affected.len();
        let (mut silent, mut right) = (0, 0);
        for item in affected {
            if suspects.contains(item) {
                right += 1;
            } else if !unknown.contains(item) && truth.is_silent(item) {
                silent += 1;
            } else if !unknown.contains(item) {
                continue;
            }
            self.named += 1;
        }
        self.right += right;
        self.silent += silent;
        let disclosed = gaps(answer);
        let touching = truth.gaps.iter().filter(|(_, gap)| {
            asked.is_some_and(|(id, time)| gap.stations.contains(id) && gap.interval.overlaps(time))
        });
        self.concealed += touching.filter(|(at, _)| !disclosed.contains(at)).count();
        // Of whom nothing is told, at least the gap is.
        self.concealed += usize::from(silent > 0 && disclosed.is_empty());
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.affected += other.affected;
        self.named += other.named;
        self.silent += other.silent;
        self.right += other.right;
        self.suspects += other.suspects;
        self.concealed += other.concealed;
    }
}

/// The records of the gaps that an answer discloses.
fn gaps(answer: &Answer<Recall>) -> BTreeSet<Position> {
    let Completeness::Incomplete(all) = &answer.completeness else { return BTreeSet::new() };
    let unknown = answer.body.unknown.iter().map(|(_, why)| why);
    let gap = |why: &Incomplete| {
        let (Incomplete::Gap { position, .. } | Incomplete::Unobserved { position, .. }) = why
        else {
            return None;
        };
        Some(*position)
    };
    all.iter().chain(unknown).filter_map(gap).collect()
}
