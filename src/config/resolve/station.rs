//! Stations: who serves them, what the work is for, and what stands under them.
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw::{self, CarryOver, EvidenceWord, Orders, PurposeWord};
use crate::config::spot::{NameOr, Spot};
use crate::model::plant::{
    DeviceIndex, MountPoint, PurposeSpec, RegisterType, Station, TagSource, Word,
};
use crate::model::{Evidence, LineId, Purpose, StationId, Verb};

/// What the handshakes and phases of a station need to know of it.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) orders: bool,
    /// Its name.
    pub(super) id: String,
    /// Whether any station comes before, or a product has it on its route.
    pub(super) routed: bool,
    /// Whether it tells when it was cleaned.
    pub(super) cleaned: bool,
    /// Whether anything here may be called drift.
    pub(super) drifts: bool,
    /// Whether units arrive at several positions.
    pub(super) nests: bool,
    pub(super) purpose: PurposeSpec,
    pub(super) evidence: Vec<(Word, Evidence)>,
    pub(super) mounts: Vec<MountPoint>,
}

impl Resolver<'_> {
    /// Reads a station with all that stands under it.
    pub(super) fn station(
        &mut self,
        file: usize,
        name: &Spot<String>,
        raw: &raw::Station,
    ) -> Option<Station> {
        let mut t = Table {
            file,
            key: name.span(),
            path: format!("station.{}", **name),
            device: None,
            node: None,
            notifier: None,
            forms: None,
        };
        let id = self.name(&t, name, StationId::parse);
        t.device = self.served_by(&t, raw);
        let line = raw.line.as_ref().and_then(|line| self.name(&t, line, LineId::parse));
        let after = raw.after.iter().flatten();
        let after = after.filter_map(|station| self.station_before(&t, name, station)).collect();
        // Phases have no snapshot: what they need must be watched.
        let use_ = if raw.phase.is_empty() { Use::Snapshot } else { Use::Every };
        let purpose = raw.purpose.as_ref();
        let around = Around {
            id: (**name).clone(),
            nests: super::carrier::has_nests(raw),
            routed: raw.after.iter().flatten().next().is_some() || self.is_routed(name),
            cleaned: raw.phase.iter().any(|(_, phase)| is_clean(phase)),
            drifts: drifts(raw),
            orders: raw.orders.as_ref().is_some_and(|orders| **orders != Orders::Given(false)),
            purpose: purpose.map(|p| self.purpose(&t, p, use_)).unwrap_or_default(),
            evidence: self.evidence(&t, raw, use_),
            mounts: raw.mount.iter().filter_map(|(n, m)| self.mount(&t, n, m)).collect(),
        };
        let mut monitors = self.monitors(&t, raw);
        let handshakes = raw.handshake.iter();
        let handshakes: Vec<_> =
            handshakes.filter_map(|(n, h)| self.handshake(&t, n, h, &around)).collect();
        monitors.extend(self.measurement_monitors(&t, raw, &handshakes));
        let groups = self.groups(&t, raw, &monitors, &handshakes);
        monitors.extend(groups);
        let phases = raw.phase.iter().filter_map(|(n, p)| self.phase(&t, n, p, &around)).collect();
        let masters = self.masters(&t, raw, &monitors);
        let carry_over = self.carry_over(&t, raw, &around);
        let mut station = Station {
            id: id?,
            device: t.device,
            line,
            after,
            purpose: around.purpose,
            evidence: around.evidence,
            orders: around.orders,
            carry_over,
            handshakes,
            phases,
            mounts: around.mounts,
            monitors,
            masters,
            schedules: Vec::new(),
        };
        station.schedules = self.schedules(&t, raw, &station);
        Some(station)
    }

    /// Whether a product has the station on its route.
    fn is_routed(&self, name: &str) -> bool {
        self.catalog.routed().iter().any(|station| station.as_str() == name)
    }

    /// Whether what is left of a lot goes on into the next; a lot has to be made here for that.
    fn carry_over(&mut self, t: &Table<'_>, raw: &raw::Station, around: &Around) -> bool {
        let Some(until) = &raw.carry_over else { return false };
        let CarryOver::UntilClean = **until;
        let into_lot = |h: &raw::Handshake| h.into.as_ref().is_some_and(|into| into.lot.is_some());
        let produces = |h: &raw::Handshake| {
            h.lot.is_some() && h.event.as_ref().is_some_and(|event| event.as_str() == "produce")
        };
        let makes = raw.handshake.iter().any(|(_, h)| into_lot(h) || produces(h))
            || raw.phase.iter().any(|(_, phase)| phase.lot.is_some());
        if !makes {
            self.error(t, until.span(), "no lot is made here that could be carried over")
                .label("does nothing")
                .help(
                    "it is for stations with `into = { lot = … }`, a `produce` with `lot`, or a \
                     `phase` with `lot`",
                );
        } else if !around.cleaned {
            self.warning(t, until.span(), "the station never tells that it was cleaned")
                .label("every lot is linked to all before it")
                .help("write a `phase` with `event = \"clean\"` and `confirm = …`");
        }
        true
    }

    fn served_by(&mut self, t: &Table<'_>, raw: &raw::Station) -> Option<DeviceIndex> {
        let Some(name) = &raw.device else {
            let idle = raw.handshake.is_empty()
                && raw.phase.is_empty()
                && raw.mount.is_empty()
                && raw.monitor.is_empty();
            if !idle && self.lacks(t, "device", raw.device.as_ref()) {
                let path = &t.path;
                self.sink
                    .error(&t.here(), format!("`{path}` has words, but no device that they are of"))
                    .label("no `device`");
            }
            return None;
        };
        if let Some(named) = self.device_names.get(name.as_str()) {
            return named.index;
        }
        let hint = Self::unknown("devices", name, &self.device_names);
        let message =
            format!("`{}` refers to device `{}`, which is not configured", t.path, **name);
        self.error(t, name.span(), message).label("no device with this name").help(hint);
        None
    }

    fn station_before(
        &mut self,
        t: &Table<'_>,
        own: &Spot<String>,
        name: &Spot<String>,
    ) -> Option<StationId> {
        if **name == **own {
            self.error(t, name.span(), "a station does not come before itself").label("itself");
            return None;
        }
        if !self.station_names.contains_key(name.as_str()) {
            let hint = Self::unknown("stations", name, &self.station_names);
            let message =
                format!("`{}` comes after station `{}`, which is not configured", t.path, **name);
            self.error(t, name.span(), message).label("no station with this name").help(hint);
            return None;
        }
        self.name(t, name, StationId::parse)
    }

    fn purpose(&mut self, t: &Table<'_>, raw: &Spot<raw::Purpose>, use_: Use) -> PurposeSpec {
        let t = Table { path: format!("{}.purpose", t.path), ..t.clone() };
        let codes = self.int_keys(&t, &raw.codes, |code| match **code {
            PurposeWord::Production => Purpose::Production,
            PurposeWord::Master => Purpose::Master,
            PurposeWord::Setup => Purpose::Setup,
            PurposeWord::Trial => Purpose::Trial,
        });
        let word = self.maybe_word(&t, raw.from.as_ref(), use_);
        if raw.from.is_some() == raw.codes.is_empty() {
            self.error(&t, raw.span(), "`purpose` wants `from` and `codes` together")
                .label("one of the two is missing or empty")
                .help("write `purpose = { from = \"Mode\", codes = { 1 = \"production\" } }`");
        }
        let masters = raw.masters.as_ref().map(|masters| {
            if masters.is_empty() || masters.contains(['^', '$', '*', '[', '(', '\\']) {
                self.error(&t, masters.span(), format!("`{}` is not a beginning", **masters))
                    .label("wanted what the serials of masters begin with")
                    .help("it is compared as it stands: write `MSTR`, not `^MSTR`");
            }
            (**masters).clone()
        });
        PurposeSpec { from: word.map(|word| (word, codes)), masters }
    }

    fn evidence(&mut self, t: &Table<'_>, raw: &raw::Station, use_: Use) -> Vec<(Word, Evidence)> {
        let mut evidence = Vec::new();
        for (name, made) in raw.evidence.iter() {
            let made = match **made {
                EvidenceWord::Manual => Evidence::Manual,
                EvidenceWord::TeachIn => Evidence::TeachIn,
                EvidenceWord::Bypassed => Evidence::Bypassed,
            };
            let t = Table { path: format!("{}.evidence", t.path), ..t.clone() };
            let Some(word) = self.word(&t, name, use_) else { continue };
            let whole = match &self.tags.get(word.tag).source {
                TagSource::Register(register) => register.kind != RegisterType::Bool,
                TagSource::Node(_) | TagSource::Field(_) => false,
            };
            if whole && word.bit.is_none() {
                self.error(&t, name.span(), format!("`{}` is not a bit", **name))
                    .label("wanted a bit or a `bool`")
                    .help("evidence is weakened while a bit is set: name it as `tag.bit`");
            }
            evidence.push((word, made));
        }
        evidence
    }
}

fn is_clean(phase: &raw::Phase) -> bool {
    phase.event.as_ref().is_some_and(|event| event.as_str() == Verb::Clean.as_str())
}

fn drifts(raw: &raw::Station) -> bool {
    let watched = raw.monitor.iter().any(|(_, monitor)| match &**monitor {
        NameOr::Name(_) => false,
        NameOr::Table(table) => table.drift.is_some(),
    });
    let mut measured = raw.handshake.iter().flat_map(|(_, handshake)| handshake.values.iter());
    let mastered = raw.master.iter().next().is_some() || raw.group.iter().next().is_some();
    watched || mastered || measured.any(|(_, measured)| measured.drift.is_some())
}
