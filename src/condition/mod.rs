//! Samples become verdicts: limits, charts, baselines, onset. Pure.
//!
//! A user promises one thing, the mean time between false alarms; limits follow from it. It judges
//! machines, not units: what a result or a permit is belongs to `capture`. It does not decide what is
//! production, and it never learns a new level by itself.
mod baseline;
mod chart;
mod cusum;
mod cusum_length;
mod detector;
mod ewma;
mod limit;
mod master;
mod onset;
mod pace;
mod quadrature;
mod quiet;
mod residual;
mod run_length;
mod runs;
mod runs_length;
#[cfg(test)]
mod tests;

pub use chart::{Chart, Finding, Observation};
pub use master::Masters;
pub use quiet::Spoken;

use crate::model::plant::{DeviceIndex, Plant, StationIndex, Watched};
use crate::model::{
    HandshakeId, ItemKey, Measurement, MonitorId, Sample, StationId, TagName, Ucum, Utc,
    VerdictEvent,
};
use quiet::Quiet;
use std::collections::BTreeMap;

/// All charts of a plant.
///
/// State is bounded by the plant: a chart remembers at most 1024 values, or 10 000 while it learns.
#[derive(Debug, Clone)]
pub struct Conditions {
    watches: Vec<Watch>,
    /// The watches of each tag, by its index.
    by_tag: Vec<Vec<usize>>,
    /// The watches of measurements of each station, by its index.
    by_station: Vec<Vec<usize>>,
}

/// One monitor with its chart.
#[derive(Debug, Clone)]
struct Watch {
    station: StationId,
    monitor: MonitorId,
    unit: Option<Ucum>,
    device: Option<DeviceIndex>,
    of: Of,
    chart: Chart,
    /// Why it said nothing, as was told last.
    quiet: Option<Quiet>,
}

#[derive(Debug, Clone)]
enum Of {
    Tag { bit: Option<u8> },
    Measurement { handshake: HandshakeId, name: TagName },
}

impl Conditions {
    /// Charts that have seen nothing; [`Self::restore`] gives them what the record knows.
    pub fn new(plant: &Plant) -> Self {
        let mut new = Self {
            watches: Vec::new(),
            by_tag: vec![Vec::new(); plant.tags.len()],
            by_station: vec![Vec::new(); plant.stations.len()],
        };
        for (index, station) in plant.stations() {
            // One without a rule is recorded by the tape and judged by nobody.
            let judged = station.monitors.iter();
            for monitor in judged.filter(|m| m.limits.is_some() || m.drift.is_some()) {
                let (of, device, lists, at) = match &monitor.of {
                    Watched::Tag(word) => {
                        let device = Some(plant.tag(word.tag).device);
                        (Of::Tag { bit: word.bit }, device, &mut new.by_tag, word.tag.get())
                    }
                    Watched::Measurement(handshake, name) => {
                        let of =
                            Of::Measurement { handshake: handshake.clone(), name: name.clone() };
                        (of, station.device, &mut new.by_station, index.get())
                    }
                };
                lists.get_mut(at).into_iter().for_each(|list| list.push(new.watches.len()));
                new.watches.push(Watch {
                    station: station.id.clone(),
                    monitor: monitor.id.clone(),
                    unit: monitor.unit.clone(),
                    device,
                    of,
                    chart: Chart::new(monitor),
                    quiet: None,
                });
            }
        }
        new
    }

    /// Takes a sample of a tag; adds verdicts that changed to `out`. The caller leaves out what is not
    /// production.
    pub fn on_sample(&mut self, plant: &Plant, sample: &Sample, out: &mut Spoken) {
        debug_assert_eq!(
            plant.tags.len(),
            self.by_tag.len(),
            "the plant these charts were made for"
        );
        for index in self.by_tag.get(sample.tag.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            let Of::Tag { bit } = watch.of else { continue };
            let value = sample.good().and_then(|value| match bit {
                Some(bit) => value.bit(bit).map(|set| f64::from(u8::from(set))),
                None => value.number(),
            });
            watch.step(&Observation { time: sample.time(), value, item: None }, out);
        }
    }

    /// Takes the measurements of an item, made at `time` by a handshake of a station; adds verdicts that
    /// changed to `out`. The caller leaves out what is not production.
    pub fn on_measurements(
        &mut self,
        station: StationIndex,
        handshake: &HandshakeId,
        time: Utc,
        item: &ItemKey,
        measurements: &[Measurement],
        out: &mut Spoken,
    ) {
        for index in self.by_station.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            let Of::Measurement { handshake: of, name } = &watch.of else { continue };
            if of != handshake {
                continue;
            }
            let Some(found) = measurements.iter().find(|m| m.name == *name) else {
                watch.tell(Quiet::NoValue, out);
                continue;
            };
            let value = found.quality.is_good().then(|| found.value.number()).flatten();
            watch.step(&Observation { time, value, item: Some(item) }, out);
        }
    }

    /// A handshake of a station told of something that is not production: nothing is judged by it.
    pub fn leave_out(&mut self, station: StationIndex, handshake: &HandshakeId, out: &mut Spoken) {
        for index in self.by_station.get(station.get()).into_iter().flatten() {
            let Some(watch) = self.watches.get_mut(*index) else { continue };
            if matches!(&watch.of, Of::Measurement { handshake: of, .. } if of == handshake) {
                watch.tell(Quiet::NoProduction, out);
            }
        }
    }

    /// Takes back what the record says of a monitor: events in the order of the record, all of them or
    /// the last of each rule. What is so already stays untouched; monitors that are no more are passed
    /// over.
    pub fn restore(&mut self, plant: &Plant, event: &VerdictEvent) {
        debug_assert_eq!(
            plant.tags.len(),
            self.by_tag.len(),
            "the plant these charts were made for"
        );
        let watch = self
            .watches
            .iter_mut()
            .find(|watch| watch.station == event.station && watch.monitor == event.monitor);
        if let Some(watch) = watch {
            watch.chart.restore(event);
        }
    }

    /// Goes on with the charts of `before` at the stations that nothing was changed about.
    pub fn adopt(&mut self, before: Self, untouched: impl Fn(&StationId) -> bool) {
        let mut charts: BTreeMap<_, _> = before
            .watches
            .into_iter()
            .filter(|watch| untouched(&watch.station))
            .map(|watch| ((watch.station, watch.monitor), watch.chart))
            .collect();
        for watch in &mut self.watches {
            if let Some(chart) = charts.remove(&(watch.station.clone(), watch.monitor.clone())) {
                watch.chart = chart;
            }
        }
    }

    /// A device is not observed any more: what its tags say next does not follow on what they said
    /// last. Moving averages and memories stay, since a pause neither proves nor disproves a change.
    pub fn silence(&mut self, device: DeviceIndex) {
        for watch in self.watches.iter_mut().filter(|watch| watch.device == Some(device)) {
            watch.chart.interrupt();
        }
    }
}

impl Watch {
    fn step(&mut self, observation: &Observation<'_>, out: &mut Spoken) {
        let said = out.verdicts.len();
        let quiet = self.judge(observation, &mut out.verdicts);
        if out.verdicts.len() > said {
            self.quiet = None;
        } else {
            self.tell(quiet, out);
        }
    }

    /// Tells why nothing is said, unless that was told last.
    fn tell(&mut self, quiet: Quiet, out: &mut Spoken) {
        if self.quiet.replace(quiet) != Some(quiet) {
            out.notices.push(quiet::notice(&self.station, &self.monitor, quiet));
        }
    }

    fn judge(&mut self, observation: &Observation<'_>, out: &mut Vec<VerdictEvent>) -> Quiet {
        let Self { station, monitor, unit, chart, .. } = self;
        chart.step(observation, &mut |finding| {
            out.push(VerdictEvent {
                station: station.clone(),
                monitor: monitor.clone(),
                rule: finding.rule,
                verdict: finding.verdict,
                side: finding.side,
                statistic: finding.statistic,
                limit: finding.limit,
                time: observation.time,
                onset: finding.onset,
                baseline: finding.baseline,
                item: observation.item.cloned(),
                unit: unit.clone(),
                over: None,
                joins: finding.joins,
                test: finding.test,
            });
        });
        match observation.value.filter(|x| x.is_finite()) {
            Some(_) => chart.quiet(),
            None => Quiet::NoValue,
        }
    }
}
