//! What is to be maintained after so much use.
use super::{Resolver, Table, span};
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::plant::Station;
use crate::model::{MonitorId, PartBy, Schedule, Usage};
use std::time::Duration;

/// A longer pause is no work where nothing is said.
const IDLE: Duration = Duration::from_mins(10);
/// Nobody maintains anything more often.
const EVERY_MIN: Duration = Duration::from_mins(1);

impl Resolver<'_> {
    /// Reads what a station has maintained by use.
    pub(super) fn schedules(
        &mut self,
        of: &Table<'_>,
        raw: &raw::Station,
        station: &Station,
    ) -> Vec<Schedule> {
        let mut schedules = Vec::new();
        for (name, maintenance) in raw.maintenance.iter() {
            let t = of.under("maintenance", name, None);
            let id = self.name(&t, name, MonitorId::parse);
            if let Some(id) = &id {
                self.check_alone(&t, name, (id, station));
            }
            let every = self.usage(&t, maintenance, station);
            schedules.extend(id.zip(every).map(|(id, every)| Schedule { id, every }));
        }
        let told = station.handshakes.len() == raw.handshake.iter().count()
            && station.phases.len() == raw.phase.iter().count();
        if let Some((name, _)) = raw.maintenance.iter().next()
            && told
            && !station.tells_of_work()
        {
            self.error(of, name.span(), format!("nobody tells when `{}` works", of.path))
                .label("no use of it is counted")
                .help("it needs a handshake or a phase that admits, completes, produces or inspects something");
        }
        schedules
    }

    /// What is said of a monitor, or of a master, would be taken for it.
    fn check_alone(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        (id, station): (&MonitorId, &Station),
    ) {
        let is_monitor = station.monitors.iter().any(|monitor| monitor.id == *id);
        let is_master = station.masters.iter().any(|master| master.id == *id);
        if is_monitor || is_master {
            let what = if is_monitor { "monitor" } else { "master" };
            self.error(t, name.span(), format!("`{id}` is a {what} of this station too"))
                .label("the second of this name")
                .help("what is said of the one would be taken for the other: rename it");
        }
    }

    fn usage(&mut self, t: &Table<'_>, raw: &raw::Maintenance, station: &Station) -> Option<Usage> {
        let idle = self.period(t, raw.idle.as_ref(), IDLE);
        let every = raw.every.as_ref()?;
        let parts = every.split_once(' ').filter(|(_, unit)| matches!(*unit, "parts" | "part"));
        let parts = parts.map(|(number, _)| number.parse::<u64>().ok().filter(|n| *n > 0));
        let hours = span::parse(every).filter(|hours| *hours >= EVERY_MIN);
        match (parts, hours) {
            (Some(Some(every)), _) => {
                if let Some(idle) = &raw.idle {
                    self.error(t, idle.span(), "`idle` goes with hours").label("parts are counted");
                }
                let by = station.part_by().unwrap_or(PartBy::Made);
                Some(Usage::Parts { every, by })
            }
            (None, Some(hours)) => {
                let nanoseconds =
                    |span: Duration| u64::try_from(span.as_nanos()).unwrap_or(u64::MAX);
                let (every_ns, idle_ns) = (nanoseconds(hours), nanoseconds(idle));
                Some(Usage::Hours { every_ns, idle_ns })
            }
            (Some(None) | None, _) => {
                let message = format!("`{}` does not say how much use that is", **every);
                self.error(t, every.span(), message).label("wanted parts, or hours at work").help(
                    "write `every = \"10000 parts\"`, or `every = \"200h\"` (a minute at least)",
                );
                None
            }
        }
    }
}
