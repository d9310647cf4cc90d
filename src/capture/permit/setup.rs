//! Rules about what a station is set up with: the material in its feeders, its tools, its monitors.
use super::{Case, Finding, Named};
use crate::model::plant::{MountPoint, ToolLife};
use crate::model::{MountPointId, Purpose, Text};

impl Case<'_> {
    /// Every feeder that the product's setup names has the material that it says.
    pub(super) fn setup_plan(&self) -> Finding {
        let Named { name, product } = match self.product() {
            Ok(named) => named,
            Err(finding) => return finding,
        };
        let Some(plan) = product.setup.get(&self.station.id) else {
            return Finding::Refused(format!("{name} has no setup for {}", self.station.id));
        };
        let findings = plan.iter().map(|(point, wanted)| self.fed_with(point, wanted));
        Finding::worst(findings)
    }

    fn fed_with(&self, point: &MountPointId, wanted: &Text) -> Finding {
        let here = &self.station.id;
        let Some(lot) = self.mounts.get(point) else {
            return self.nothing_in(point, &format!("{wanted} is wanted"));
        };
        match self.material_of(lot, self.fed(point)) {
            Ok(found) if found == *wanted && !self.mounts_seen => self.mounts_not_seen(),
            Ok(found) if found == *wanted => Finding::Passed,
            Ok(found) => Finding::Refused(format!(
                "{found} ({lot}) is in {point} of {here}, {wanted} is wanted"
            )),
            Err(finding) => finding,
        }
    }

    /// No tool of the station is at the end of its life.
    pub(super) fn tool_life(&self) -> Finding {
        let tools = self.station.mounts.iter();
        let tools = tools.filter_map(|point| Some(self.worn(point, point.tool?)));
        Finding::worst(tools)
    }

    fn worn(&self, point: &MountPoint, life: ToolLife) -> Finding {
        let (point, here) = (&point.id, &self.station.id);
        let Some(tool) = self.mounts.get(point) else {
            return self.nothing_in(point, "a tool is wanted");
        };
        let past = match self.past(tool) {
            Ok(past) => past,
            Err(unknown) => return unknown,
        };
        if let Some(most) = life.uses {
            let Some(uses) = past.uses else { return self.not_told(tool) };
            if uses >= most {
                return Finding::Refused(format!(
                    "{tool} in {point} of {here} was used {uses} times, its life is {most}"
                ));
            }
        }
        let until = life.time.and_then(|time| Some(past.opened?.plus(time)));
        match until {
            Some(until) if self.when() >= until => Finding::Refused(format!(
                "{tool} in {point} of {here} was at the end of its life at {until}"
            )),
            Some(_) | None if !self.mounts_seen => self.mounts_not_seen(),
            Some(_) | None => Finding::Passed,
        }
    }

    fn nothing_in(&self, point: &MountPointId, wanted: &str) -> Finding {
        if !self.mounts_seen {
            return self.mounts_not_seen();
        }
        Finding::Refused(format!("no lot is in {point} of {}, {wanted}", self.station.id))
    }

    /// No monitor of the station says that it has drifted, and no master is overdue or was judged
    /// wrongly. Only a master shows that all is well again.
    pub(super) fn no_open_drift(&self) -> Finding {
        if self.purpose == Purpose::Master {
            return Finding::Passed;
        }
        let here = &self.station.id;
        let monitors = self.station.monitors.iter();
        let mut drifted = monitors.filter_map(|m| Some((&m.id, self.memory.drifted(&m.id)?)));
        if let Some((monitor, since)) = drifted.next() {
            let why = format!("{monitor} at {here} has drifted (record {since})");
            return Finding::Refused(why);
        }
        let masters = self.station.masters.iter();
        let mut open = masters.filter_map(|m| Some((&m.id, self.memory.drifted(&m.id)?)));
        match open.next() {
            None => Finding::Passed,
            Some((master, since)) => Finding::Refused(format!(
                "master {master} at {here} is overdue or was judged wrongly (record {since})"
            )),
        }
    }
}
