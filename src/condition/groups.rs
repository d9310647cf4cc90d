//! Groups among the monitors of a plant: the vectors of their members, and what is said of them.
use super::quiet::{Quiet, Spoken};
use super::together::Period;
use super::{Conditions, Of, Watch};
use crate::model::plant::{DeviceIndex, TagIndex};
use crate::model::{At, ItemKey, Measurement, Sample, TagName, Utc};

/// What was measured of all these; `None` if of one there is no good number.
pub(super) fn measured(names: &[TagName], measurements: &[Measurement]) -> Option<Vec<f64>> {
    let one = |name: &TagName| {
        let found = measurements.iter().find(|m| m.name == *name && m.quality.is_good())?;
        found.value.number().filter(|x| x.is_finite())
    };
    names.iter().map(one).collect()
}

impl Watch {
    /// A tag of a group said something: it may be the first of a new period.
    pub(super) fn told_of_member(&mut self, at: At, sample: &Sample, out: &mut Spoken) {
        let Of::Tags(together) = &mut self.of else { return };
        match together.told(at, sample) {
            Some(Period::Whole(time, all)) => self.step_group(time, Some(all), None, out),
            Some(Period::Lacking) => self.step_group(sample.time(), None, None, out),
            None => {}
        }
    }

    /// Takes a vector; of a part that has none the next one does not follow on the last.
    pub(super) fn step_group(
        &mut self,
        time: Utc,
        all: Option<Vec<f64>>,
        item: Option<&ItemKey>,
        out: &mut Spoken,
    ) {
        let Some(all) = all else {
            self.chart.interrupt();
            return self.tell(Quiet::NoValue, out);
        };
        let mut findings = Vec::new();
        self.chart.step_group(time, all, &mut |finding| findings.push(finding));
        let said = out.verdicts.len();
        out.verdicts.extend(findings.into_iter().map(|found| self.event(found, time, item)));
        self.conclude(said, self.chart.quiet(), out);
    }
}

impl Conditions {
    /// What members of groups said does not hold any more. `down`: nor does what they say next follow on it.
    pub(super) fn forget_members(
        &mut self,
        is_of: impl Fn(TagIndex, DeviceIndex) -> bool,
        down: bool,
    ) {
        for watch in &mut self.watches {
            if let Of::Tags(together) = &mut watch.of
                && together.forget(&is_of)
                && down
            {
                watch.chart.interrupt();
            }
        }
    }
}
