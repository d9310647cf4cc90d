//! What was said and done of maintenance, by record. A function of the records.
use crate::condition::Used;
use crate::model::{
    Baseline, MaintenanceEvent, MaintenanceStep, MonitorId, Position, Rule, Verdict, VerdictEvent,
};
use crate::query::monitor::Key;
use minicbor::{Decode, Encode};
use std::collections::{BTreeMap, BTreeSet};

/// A record of maintenance, with what its monitors had learned before, and what they learned after it.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub(super) struct Work {
    #[n(0)]
    pub(super) event: MaintenanceEvent,
    /// What was normal of each monitor that it ended, and of all that was made.
    #[n(1)]
    pub(super) before: BTreeMap<Key, Baseline>,
    /// What was learned since: the first baseline, and its record.
    #[n(2)]
    pub(super) after: BTreeMap<Key, (Position, Baseline)>,
    /// How much the station was used until it was done, of what is maintained by that.
    #[n(3)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    pub(super) used: BTreeMap<MonitorId, Used>,
    /// The first record of each monitor that says since where its trend leads.
    #[n(4)]
    #[cbor(default, skip_if = "BTreeMap::is_empty")]
    pub(super) trends: BTreeMap<MonitorId, Position>,
}

impl Work {
    /// What it was about as of a record: the monitors that had learned something, have learned since, or were named, and what
    /// is maintained by use.
    pub(super) fn ended(&self, as_of: Position) -> BTreeSet<Key> {
        let Self { event, before, after, used, .. } = self;
        let learned = after.iter().filter(|(_, (at, _))| *at <= as_of).map(|(key, _)| key);
        let mut about: BTreeSet<Key> = before.keys().chain(learned).cloned().collect();
        for id in event.monitors.iter().chain(used.keys()) {
            if !about.iter().any(|key| key.monitor == *id) {
                about.insert(Key::unknown(&event.station, id));
            }
        }
        about
    }
}

/// All that was said of maintenance, by record.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(transparent)]
pub(in crate::query) struct Works(#[n(0)] pub(super) BTreeMap<Position, Work>);

impl Works {
    pub(in crate::query) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Something was said; of each monitor whose baseline that ends, what it was, and how much was used of what it ends.
    pub(in crate::query) fn take(
        &mut self,
        position: Position,
        event: &MaintenanceEvent,
        (before, used): (BTreeMap<Key, Baseline>, BTreeMap<MonitorId, Used>),
    ) {
        let (event, after, trends) = (event.clone(), BTreeMap::new(), BTreeMap::new());
        self.0.insert(position, Work { event, before, after, used, trends });
    }

    /// A rule spoke: what its monitor has learned since it was last maintained, or where its trend leads, is known from now
    /// on.
    pub(in crate::query) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        let baseline = event.baseline.as_ref().filter(|_| event.rule.is_of_baseline());
        let leads = event.rule == Rule::Forecast
            && event.verdict != Verdict::NoData
            && event.statistic.is_some();
        if baseline.is_none() && !leads {
            return;
        }
        let done = |work: &&mut Work| work.event.ends(&event.station, &event.monitor);
        let Some(work) = self.0.values_mut().rev().find(done) else { return };
        if let Some(baseline) = baseline {
            let learned = || (position, baseline.clone());
            work.after.entry(Key::of(event)).or_insert_with(learned);
        }
        if leads {
            work.trends.entry(event.monitor.clone()).or_insert(position);
        }
    }

    /// Whether a record says that maintenance was done.
    pub(in crate::query) fn has_done(&self, position: Position) -> bool {
        let work = self.0.get(&position);
        work.is_some_and(|work| work.event.step == MaintenanceStep::Done)
    }
}
