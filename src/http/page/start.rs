//! The start page: a box for any id, and how the plant stands.
use super::words::{self, When};
use crate::http::{DeviceView, Source};
use crate::model::{ItemClass, ItemKey};
use crate::query::{ConditionView, GapView, StationView, SuspectView};
use askama::Template;

/// Items and gaps shown; the API has the rest.
const RECENT: usize = 8;

/// The page.
#[derive(Template)]
#[template(path = "start.html")]
pub(super) struct StartPage {
    typed: String,
    position: String,
    recent: Vec<(String, String)>,
    stations: Vec<Station>,
    conditions: Vec<Condition>,
    suspects: Vec<Suspect>,
    gaps: Vec<(String, String)>,
    devices: Vec<Device>,
}

struct Station {
    id: String,
    current: Option<(String, String)>,
    last: Option<(String, String)>,
    completed: u64,
    mounts: Vec<(String, (String, String))>,
    last_event: Option<When>,
    observed: bool,
    quarantined: u64,
}

pub(super) struct Condition {
    pub(super) station: String,
    pub(super) monitor: String,
    pub(super) address: String,
    pub(super) verdict: (&'static str, &'static str),
    pub(super) since: Option<When>,
    pub(super) judged: String,
    pub(super) onset: Option<String>,
    /// Of a group: the members that have most to do with it.
    pub(super) contributors: String,
    pub(super) normal: String,
}

/// A time in which a station may have been wrong, and goes on.
struct Suspect {
    station: String,
    monitor: String,
    address: String,
    cause: &'static str,
    since: When,
    items: Vec<(String, String)>,
    more: Option<String>,
}

struct Device {
    id: String,
    protocol: &'static str,
    url: String,
    stage: (&'static str, &'static str),
    since: When,
    fault: Option<String>,
    insecure: bool,
}

impl StartPage {
    pub(super) fn new(source: &dyn Source, devices: Vec<DeviceView>) -> Self {
        Self {
            typed: String::new(),
            position: source.position().to_string(),
            recent: source.recent(ItemClass::Unit, RECENT).iter().map(named).collect(),
            stations: source.stations().iter().map(station).collect(),
            conditions: source.conditions().iter().map(condition).collect(),
            suspects: source.open_suspects(RECENT).into_iter().map(suspect).collect(),
            gaps: source.gaps(RECENT).iter().map(gap).collect(),
            devices: devices.into_iter().map(device).collect(),
        }
    }
}

/// Code and page of an item.
pub(super) fn named(key: &ItemKey) -> (String, String) {
    (key.code.to_string(), words::address(key))
}

fn station(view: &StationView) -> Station {
    Station {
        id: view.id.to_string(),
        current: view.current.as_ref().map(named),
        last: view.last.as_ref().map(named),
        completed: view.completed,
        mounts: view.mounts.iter().map(|(point, lot)| (point.to_string(), named(lot))).collect(),
        last_event: view.last_event.map(words::when),
        observed: !view.gap_open,
        quarantined: view.quarantined,
    }
}

pub(super) fn condition(view: &ConditionView) -> Condition {
    let unit = view.unit.as_ref().map_or_else(String::new, words::unit);
    let judged = match (view.statistic, view.limit) {
        (Some(statistic), Some(limit)) => {
            format!("{} {unit}, limit {}", words::figure(statistic), words::figure(limit))
        }
        (Some(statistic), None) => format!("{} {unit}", words::figure(statistic)),
        (None, _) => String::new(),
    };
    let normal = view.baseline.as_ref().map_or_else(String::new, |normal| {
        let (centre, sigma) = (words::figure(normal.centre_line), words::figure(normal.sigma));
        let what = if normal.group.is_some() { "a squared distance of " } else { "" };
        format!("{what}{centre} ± {sigma} {unit}, from {} values", normal.n)
    });
    let onset = view.onset.map(|onset| match onset.earliest {
        Some(earliest) => {
            let (estimate, earliest) = (words::when(onset.estimate), words::when(earliest));
            format!("began about {}, not before {}", estimate.text, earliest.text)
        }
        None => format!(
            "began about {}, perhaps long before: it is older than what was remembered",
            words::when(onset.estimate).text
        ),
    });
    Condition {
        station: view.station.to_string(),
        monitor: view.monitor.to_string(),
        address: words::address_condition(&view.station, &view.monitor).0,
        verdict: words::verdict(view.verdict),
        since: view.since.map(words::when),
        judged,
        onset,
        contributors: words::contributors(&view.contributors),
        normal,
    }
}

fn suspect(view: SuspectView) -> Suspect {
    let SuspectView { window, items, confirmed: _, left_out } = view;
    Suspect {
        station: window.station.to_string(),
        monitor: window.monitor.to_string(),
        address: words::address_condition(&window.station, &window.monitor).0,
        cause: words::suspected(window.cause),
        since: words::when(window.interval.from),
        items: items.iter().map(named).collect(),
        more: (left_out > 0).then(|| format!("and {left_out} more")),
    }
}

fn gap(view: &GapView) -> (String, String) {
    (words::unobserved(&view.gap), words::interval(view.gap.interval))
}

fn device(view: DeviceView) -> Device {
    let live = view.stage == "live";
    Device {
        id: view.id.to_string(),
        protocol: view.protocol,
        url: view.url,
        stage: if live { ("good", "✓ live") } else { ("bad", view.stage) },
        since: words::when(view.since),
        fault: view.last_fault.filter(|_| !live),
        insecure: view.insecure,
    }
}
