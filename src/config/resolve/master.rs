//! Masters: pieces with a known outcome.
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::plant::{Master, Monitor};
use crate::model::{Code, MonitorId};
use std::time::Duration;

/// Nobody shows a master more often.
const EVERY_MIN: Duration = Duration::from_mins(1);

impl Resolver<'_> {
    /// Reads the masters of a station.
    pub(super) fn masters(
        &mut self,
        station: &Table<'_>,
        raw: &raw::Station,
        monitors: &[Monitor],
    ) -> Vec<Master> {
        let mut masters: Vec<Master> = Vec::new();
        for (name, master) in raw.master.iter() {
            let t = station.under("master", name, None);
            let id = self.name(&t, name, MonitorId::parse);
            if let Some(id) = id.as_ref().filter(|id| monitors.iter().any(|m| m.id == **id)) {
                self.error(&t, name.span(), format!("`{id}` is a monitor of this station too"))
                    .label("the second of this name")
                    .help("what is said of the one would be taken for the other: rename it");
            }
            let serial = master.serial.as_ref();
            let code = serial.and_then(|serial| self.name(&t, serial, Code::parse));
            let every = master.every.as_ref().map(|every| self.period(&t, Some(every), EVERY_MIN));
            if let Some((every, short)) =
                master.every.as_ref().zip(every.filter(|e| *e < EVERY_MIN))
            {
                self.error(&t, every.span(), format!("{} s is too often", short.as_secs_f64()))
                    .label("wanted a minute or more, such as `8h`");
            }
            if let Some(code) =
                code.as_ref().filter(|code| masters.iter().any(|m| m.code == **code))
            {
                let at = serial.map_or(t.key.clone(), Spot::span);
                self.error(&t, at, format!("`{code}` is a master of this station already"))
                    .label("the same piece");
            }
            let expect = master.expect.as_ref().map(|expect| **expect);
            if let (Some(id), Some(code), Some(expect), Some(every)) = (id, code, expect, every) {
                masters.push(Master { id, code, expect, every });
            }
        }
        self.check_judged(station, raw);
        masters
    }

    /// A master that nothing here judges would be overdue for ever.
    fn check_judged(&mut self, t: &Table<'_>, raw: &raw::Station) {
        let judges = |h: &raw::Handshake| h.result.is_some() || h.codes.iter().next().is_some();
        let Some((name, _)) = raw.master.iter().next() else { return };
        if !raw.handshake.iter().any(|(_, handshake)| judges(handshake)) {
            self.error(t, name.span(), format!("nothing at `{}` judges a master", t.path))
                .label("no handshake here has a `result`")
                .help("write `result` and `codes` in the handshake that tells the outcome");
        }
    }
}
