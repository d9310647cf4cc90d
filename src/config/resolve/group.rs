//! Groups: monitors or measurements that go together.
use super::monitor::{CYCLE, RawDrift};
use super::{Resolver, Table, span};
use crate::config::spot::Spot;
use crate::config::{raw, similar};
use crate::model::plant::{
    Drift, DriftRules, Handshake, Monitor, Settle, SignalRules, Watched, Word,
};
use crate::model::{HandshakeId, MonitorId, TagName};
use std::time::Duration;

/// Values of each member from which a baseline is learned, unless said.
const LEARN: u32 = 300;

/// One member of a group.
enum Member {
    Tag(MonitorId, Word),
    Measurement(HandshakeId, TagName),
}

impl Resolver<'_> {
    /// The groups of a station, as monitors.
    pub(super) fn groups(
        &mut self,
        station: &Table<'_>,
        raw: &raw::Station,
        monitors: &[Monitor],
        handshakes: &[Handshake],
    ) -> Vec<Monitor> {
        let mut groups = Vec::new();
        for (name, group) in raw.group.iter() {
            let t = station.under("group", name, None);
            let id = self.name(&t, name, MonitorId::parse);
            if let Some(id) = id.as_ref().filter(|id| monitors.iter().any(|m| m.id == **id)) {
                self.error(&t, name.span(), format!("`{id}` is a monitor of this station too"))
                    .label("the second of this name")
                    .help("what is said of the one would be taken for the other: rename the group");
            }
            let of = self.group_members(&t, group, monitors, handshakes);
            let drift = self.drift_of_group(&t, group, of.as_ref(), monitors);
            if let (Some(id), Some(of), Some(drift)) = (id, of, drift) {
                let (drift, signal) = (Some(drift), SignalRules::default());
                groups.push(Monitor {
                    id,
                    of,
                    unit: None,
                    limits: None,
                    drift,
                    signal,
                    latch: false,
                });
            }
        }
        groups
    }

    fn group_members(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Group,
        monitors: &[Monitor],
        handshakes: &[Handshake],
    ) -> Option<Watched> {
        let of = raw.of.as_ref()?;
        if !(Watched::MEMBERS_MIN..=Watched::MEMBERS_MAX).contains(&of.len()) {
            self.error(t, of.span(), format!("a group has 2 to 8 members, not {}", of.len()))
                .label("too few or too many")
                .help("what has nothing to do with each other belongs into groups of its own");
        }
        let mut members = Vec::new();
        for (at, name) in of.iter().enumerate() {
            if of.iter().take(at).any(|other| **other == **name) {
                self.error(t, name.span(), format!("`{}` is named twice", **name))
                    .label("goes with itself");
            }
            members.push((name, self.member(t, name, monitors, handshakes)));
        }
        let known = members.iter().map(|(_, member)| member.as_ref()).collect::<Option<Vec<_>>>();
        let known =
            known.filter(|of| (Watched::MEMBERS_MIN..=Watched::MEMBERS_MAX).contains(&of.len()))?;
        let watched = watched(&known);
        if watched.is_none() {
            self.error(t, of.span(), "these do not come together")
                .label("tags and measurements, or those of several handshakes")
                .help(
                    "a group is of tags, or of measurements that one handshake takes of each part",
                );
        }
        watched
    }

    fn member(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        monitors: &[Monitor],
        handshakes: &[Handshake],
    ) -> Option<Member> {
        let monitor = monitors.iter().find(|monitor| monitor.id.as_str() == name.as_str());
        if let Some((monitor, Watched::Tag(word))) = monitor.map(|monitor| (monitor, &monitor.of)) {
            return Some(Member::Tag(monitor.id.clone(), *word));
        }
        let measured =
            || handshakes.iter().flat_map(|h| h.measurements.iter().map(|m| (&h.id, &m.name)));
        let found = measured().find(|(h, m)| format!("{h}.{m}") == **name);
        if let Some((handshake, measurement)) = found {
            return Some(Member::Measurement(handshake.clone(), measurement.clone()));
        }
        let tags = monitors.iter().filter(|monitor| matches!(monitor.of, Watched::Tag(_)));
        let names: Vec<String> = tags
            .map(|monitor| monitor.id.to_string())
            .chain(measured().map(|(h, m)| format!("{h}.{m}")))
            .collect();
        let what = "monitors and measurements";
        let hint = similar::hint(name, what, names.iter().map(String::as_str));
        self.error(t, name.span(), format!("nothing is called `{}` at this station", **name))
            .label("no monitor, no measurement")
            .help(hint);
        None
    }

    /// What its members say of settling and standing still holds for the group: the longest of it.
    fn drift_of_group(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Group,
        of: Option<&Watched>,
        monitors: &[Monitor],
    ) -> Option<Drift> {
        let names = of.map(Watched::members).unwrap_or_default();
        let of_members = monitors.iter().filter(|monitor| names.contains(&monitor.id));
        let drifts: Vec<Drift> = of_members.filter_map(|monitor| monitor.drift).collect();
        let looks = of.and_then(|of| self.looks(of));
        let every = looks.into_iter().chain(drifts.iter().map(|drift| drift.every)).max();
        let every = self.period(t, raw.every.as_ref(), every.unwrap_or(CYCLE));
        raw.drift.as_ref()?;
        let drift = self.drift(t, &RawDrift::from(raw), every)?;
        Some(Drift {
            learn: raw.learn.as_ref().map_or(LEARN, |learn| **learn),
            rules: DriftRules::NONE,
            settle: drifts.iter().filter_map(|drift| drift.settle).reduce(longer),
            idle: drifts.iter().filter_map(|drift| drift.idle).max(),
            ..drift
        })
    }

    /// How often the slowest of these tags is looked at.
    fn looks(&self, of: &Watched) -> Option<Duration> {
        let Watched::Tags(of) = of else { return None };
        let each = of.iter().map(|(_, word)| {
            let tag = self.tags.get(word.tag);
            let publish = || self.draft(tag.device).map(|draft| draft.publish);
            tag.publish.or_else(publish).unwrap_or(span::LOOK)
        });
        each.max()
    }
}

/// What all of them are of; `None` if they are not of one kind.
fn watched(members: &[&Member]) -> Option<Watched> {
    let tag = |member: &&Member| match member {
        Member::Tag(id, word) => Some((id.clone(), *word)),
        Member::Measurement(..) => None,
    };
    let measured = |member: &&Member| match member {
        Member::Tag(..) => None,
        Member::Measurement(handshake, name) => Some((handshake.clone(), name.clone())),
    };
    if let Some(tags) = members.iter().map(tag).collect() {
        return Some(Watched::Tags(tags));
    }
    let all: Vec<(HandshakeId, TagName)> = members.iter().map(measured).collect::<Option<_>>()?;
    let (first, _) = all.first()?.clone();
    let one = all.iter().all(|(handshake, _)| *handshake == first);
    one.then(|| Watched::Measurements(first, all.into_iter().map(|(_, name)| name).collect()))
}

fn longer(one: Settle, other: Settle) -> Settle {
    match (one, other) {
        (Settle::For(a), Settle::For(b)) => Settle::For(a.max(b)),
        (Settle::Values(a), Settle::Values(b)) => Settle::Values(a.max(b)),
        (Settle::For(_), Settle::Values(_)) | (Settle::Values(_), Settle::For(_)) => one,
    }
}
