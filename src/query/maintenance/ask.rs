//! What warnings ask for, by record, and what stations were used for since. A function of the records.
use crate::condition::{Usages, Used};
use crate::model::{
    MaintenanceEvent, MonitorId, Position, Record, Rule, StationId, Utc, VerdictEvent,
};
use minicbor::{Decode, Encode};
use std::collections::BTreeMap;

/// A warning that asks for maintenance.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(array)]
pub(super) struct Ask {
    #[n(0)]
    pub(super) station: StationId,
    #[n(1)]
    pub(super) monitor: MonitorId,
    #[n(2)]
    pub(super) rule: Rule,
    #[n(3)]
    pub(super) since: Utc,
    /// Which record ended it, and when.
    #[n(4)]
    pub(super) end: Option<(Position, Utc)>,
}

/// Who asks: a rule of a monitor.
type Asking = (StationId, MonitorId, Rule);

/// All warnings that asked for maintenance, by the record that began them, and how much stations were used.
#[derive(Debug, Clone, Default, Encode, Decode)]
#[cbor(array)]
pub(in crate::query) struct Asks {
    #[n(0)]
    pub(super) by_record: BTreeMap<Position, Ask>,
    #[n(1)]
    open: BTreeMap<Asking, Position>,
    #[n(2)]
    pub(super) usages: Usages,
}

impl Asks {
    pub(in crate::query) fn is_empty(&self) -> bool {
        self.by_record.is_empty() && self.usages.is_empty()
    }

    /// A rule spoke, and may ask for maintenance, or not any more.
    pub(in crate::query) fn spoke(&mut self, position: Position, event: &VerdictEvent) {
        if !event.rule.asks_for_maintenance() {
            return;
        }
        let asking = (event.station.clone(), event.monitor.clone(), event.rule);
        if !event.asks_for_maintenance() {
            return self.end(&asking, (position, event.time));
        }
        self.open.entry(asking).or_insert_with(|| {
            let (station, monitor) = (event.station.clone(), event.monitor.clone());
            let ask = Ask { station, monitor, rule: event.rule, since: event.time, end: None };
            self.by_record.insert(position, ask);
            position
        });
    }

    /// Something was said: what is done is not asked for any more. How much was used until then, of what that ends.
    pub(in crate::query) fn maintained(
        &mut self,
        position: Position,
        event: &MaintenanceEvent,
    ) -> BTreeMap<MonitorId, Used> {
        let ends = |of: &&Asking| event.ends(&of.0, &of.1);
        for asking in self.open.keys().filter(ends).cloned().collect::<Vec<_>>() {
            self.end(&asking, (position, event.time));
        }
        let counted = self.usages.iter().filter(|(station, id, _)| event.ends(station, id));
        counted.map(|(_, id, used)| (id.clone(), used.clone())).collect()
    }

    fn end(&mut self, asking: &Asking, end: (Position, Utc)) {
        let ask = self.open.remove(asking).and_then(|at| self.by_record.get_mut(&at));
        if let Some(ask) = ask {
            ask.end = Some(end);
        }
    }

    /// Whatever a record tells of use is counted.
    pub(in crate::query) fn count_use(&mut self, record: &Record) {
        self.usages.apply(record);
    }

    /// The record by which something is due by use.
    pub(super) fn raised(&self, station: &StationId, id: &MonitorId) -> Option<Position> {
        self.open.get(&(station.clone(), id.clone(), Rule::Usage)).copied()
    }
}
