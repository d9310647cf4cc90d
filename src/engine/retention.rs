//! What may go without any station deciding otherwise afterwards.
use super::Engine;
use crate::capture::Differs;
use crate::genealogy::retention::{Judged, Keep, Tally};
use crate::model::{Position, StationId, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// How many of a station's last steps stay, from try to try: what a station works with rests on its last ones, and how far
/// back these go nobody has to know.
const STEPS: [usize; 4] = [0, 64, 16_384, usize::MAX];

impl Engine {
    /// Where another engine would decide otherwise than this one.
    fn differs(&self, other: &Self) -> Differs {
        let mut differs = self.memory().differs(other.memory());
        differs.elsewhere |= (&self.verdicts, &self.ended, &self.alarms)
            != (&other.verdicts, &other.ended, &other.alarms)
            || (self.last, self.plant) != (other.last, other.plant);
        differs.stations.extend(self.usages.differing(&other.usages).cloned());
        differs
    }

    /// What of the records that made this engine goes at `now`; `None` if whatever goes would make it another.
    ///
    /// `fold` makes an engine of what is left: it is compared with this one, and the last steps of every station that is not
    /// the same stay, until it is. So it is not by a rule about each field that nothing is forgotten which a station
    /// goes by, but because it was tried.
    ///
    /// # Errors
    /// Those of `fold`.
    pub fn retain<'t, E>(
        &self,
        tally: &'t Tally,
        (keep, now): (&Keep, Utc),
        mut fold: impl FnMut(&Judged<'t>) -> Result<Self, E>,
    ) -> Result<Option<Judged<'t>>, E> {
        let in_use = self.memory().in_use();
        let on_hold = self.memory().holds.keys().cloned().collect();
        let mut rest = self.memory().rests_on();
        let mut tried: BTreeMap<&StationId, usize> =
            tally.stations().map(|station| (station, 0)).collect();
        loop {
            let judged = tally.judge(keep, now, (&in_use, &on_hold), &rest);
            let differs = self.differs(&fold(&judged)?);
            if differs.is_empty() {
                return Ok(Some(judged));
            }
            let all: BTreeSet<StationId> = tried.keys().map(|station| (*station).clone()).collect();
            let named = all.intersection(&differs.stations).count() > 0;
            let which = if named { &differs.stations } else { &all };
            let more = more(tally, &mut tried, which);
            if more.is_empty() {
                return Ok(None);
            }
            rest.extend(more);
        }
    }
}

/// The steps that stay beside those that did so far.
fn more(
    tally: &Tally,
    tried: &mut BTreeMap<&StationId, usize>,
    which: &BTreeSet<StationId>,
) -> Vec<Position> {
    let mut more = Vec::new();
    for (station, tried) in tried.iter_mut().filter(|(station, _)| which.contains(**station)) {
        if let Some(steps) = STEPS.get(*tried + 1) {
            *tried += 1;
            more.extend(tally.last_at(station, *steps));
        }
    }
    more
}
