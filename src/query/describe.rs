//! A record as the north sees it: one sentence.
use super::answer::{EventView, PermitView};
use super::step::outcome;
use crate::model::{
    AlarmEvent, AlarmStep, Amount, Body, CarriedOver, CaseCounts, CaseEvent, Contributor,
    EpochBegun, EpochCause, Gap, GapCause, GapSource, HandshakeMark, ItemKey, MaintenanceEvent,
    MaintenanceStep, Member, MonitorId, MountKey, Onset, Overruled, Permit, Position, Quarantine,
    QuarantineCause, Reach, Record, Rule, Side, Text, Tombstone, TraceEvent, Ucum, Utc, Verdict,
    VerdictEvent, What,
};

/// Members named in a sentence: a panel has as many; the record has all.
const MEMBERS_SHOWN: usize = 16;

/// The view of a record.
pub(super) fn event(record: &Record) -> EventView {
    let mut view = blank(record);
    match &record.body {
        Body::Trace(event) => {
            view.kind = event.what.verb().as_str();
            view.time = event.time.at;
            view.station.clone_from(&event.station);
            view.items = event.items().into_iter().cloned().collect();
            view.text = trace(event);
            view.result = outcome(&event.what).0;
            view.permit = event.handshake.as_ref().map(permit);
            view.went_past = event.went_past;
        }
        Body::Quarantine(set_aside) => {
            view.kind = "quarantine";
            view.time = set_aside.time.at;
            view.station = Some(set_aside.station.clone());
            view.text = quarantine(set_aside);
            view.permit = set_aside.handshake.as_ref().map(permit);
        }
        Body::Gap(missed) => {
            view.kind = "gap";
            view.time = missed.interval.from;
            view.station = missed.stations.first().filter(|_| missed.stations.len() == 1).cloned();
            view.text = gap(missed);
        }
        Body::Verdict(spoken) => {
            view.kind = "verdict";
            view.time = spoken.time;
            view.station = Some(spoken.station.clone());
            view.items = spoken.item.iter().cloned().collect();
            view.text = verdict(spoken);
        }
        Body::Epoch(begun) => {
            view.kind = "epoch";
            view.text = epoch(begun);
        }
        Body::Plant(plant) => {
            view.kind = "plant";
            let (stations, hash) = (plant.stations.len(), plant.hash.to_string());
            let hash = hash.get(..12).unwrap_or(&hash);
            view.text = format!("plant {hash}… with {stations} stations was put in force");
        }
        Body::Orders(rows) => {
            view.kind = "orders";
            view.items = rows.iter().map(|row| row.item.clone()).collect();
            view.text = format!("{} rows were added to the order lists", rows.len());
        }
        Body::Audit(audit) => {
            view.kind = "audit";
            view.text = format!("{}: {}", audit.who, audit.what);
        }
        Body::Tombstone(stone) => {
            view.kind = "tombstone";
            view.text = tombstone(stone);
        }
        Body::Case(event) => {
            view.kind = "case";
            view.text = case(record.position, event);
        }
        Body::Maintenance(event) => maintenance(&mut view, event),
        Body::Alarm(event) => alarm(&mut view, event),
        Body::Dropped => {
            view.kind = "dropped";
            "dropped by retention; a tombstone says by which rule".clone_into(&mut view.text);
        }
    }
    view
}

/// What every record has.
fn blank(record: &Record) -> EventView {
    let (rule, number) = by(&record.body);
    EventView {
        position: record.position,
        kind: "",
        time: record.at.wall,
        station: None,
        rule,
        number,
        items: Vec::new(),
        text: String::new(),
        result: None,
        permit: None,
        went_past: None,
        plant: None,
    }
}

fn named(rule: &str) -> Option<Text> {
    Text::parse(rule).ok()
}

/// What of the plant file a record came by, and under which number.
pub(super) fn by(body: &Body) -> (Option<Text>, Option<u64>) {
    let of = |mark: &HandshakeMark| (named(mark.key.handshake.as_str()), Some(mark.key.number.0));
    match body {
        Body::Trace(event) => match &event.handshake {
            Some(mark) => of(mark),
            None => (rule(&event.what), None),
        },
        Body::Quarantine(set_aside) => match (&set_aside.handshake, &set_aside.phase) {
            (Some(mark), _) => of(mark),
            (None, phase) => (phase.as_ref().and_then(|p| named(p.phase.as_str())), None),
        },
        Body::Gap(missed) => match &missed.source {
            GapSource::Handshake(_, handshake) => {
                (named(handshake.as_str()), missed.first.map(|first| first.0))
            }
            GapSource::Device(_) | GapSource::Tag(..) => (None, None),
        },
        Body::Verdict(spoken) => (named(spoken.monitor.as_str()), None),
        Body::Epoch(_)
        | Body::Plant(_)
        | Body::Orders(_)
        | Body::Audit(_)
        | Body::Tombstone(_)
        | Body::Case(_)
        | Body::Maintenance(_)
        | Body::Alarm(_)
        | Body::Dropped => (None, None),
    }
}

/// The phase or the mount that an event without a handshake came by.
fn rule(what: &What) -> Option<Text> {
    if let What::Mount { point, .. } | What::Unmount { mount: MountKey { point, .. }, .. } = what {
        return named(point.as_str());
    }
    let (What::Complete { phase, .. } | What::Clean { phase, .. }) = what else { return None };
    phase.as_ref().and_then(|phase| named(phase.phase.as_str()))
}

fn maintenance(view: &mut EventView, event: &MaintenanceEvent) {
    let MaintenanceEvent { station, monitors, step, who, text, item, .. } = event;
    let names: Vec<&str> = monitors.iter().map(MonitorId::as_str).collect();
    let names = if names.is_empty() { "all monitors".to_owned() } else { names.join(", ") };
    let item = item.as_ref().map_or_else(String::new, |item| format!(", with {item}"));
    view.kind = "maintenance";
    view.time = event.time;
    view.station = Some(station.clone());
    view.items = event.item.iter().cloned().collect();
    view.text = match step {
        MaintenanceStep::Acknowledge => format!("{who} looks after {names} at {station}: {text}"),
        MaintenanceStep::Done => {
            format!("maintenance by {who} for {names} at {station}, which begin anew: {text}{item}")
        }
    };
}

fn alarm(view: &mut EventView, event: &AlarmEvent) {
    let AlarmEvent { station, monitors, step, who, text, until, one_shot, time } = event;
    let names: Vec<&str> = monitors.iter().map(MonitorId::as_str).collect();
    let of = format!("{} at {station}", names.join(", "));
    let who = who.map_or_else(String::new, |who| who.to_string());
    let until = until.map_or_else(String::new, |until| format!(" until {until}"));
    let normal = if *one_shot { ", or until it is normal" } else { "" };
    let said = match step {
        AlarmStep::Acknowledge => format!("{who} has seen the alarm of {of}"),
        AlarmStep::Confirm => format!("{who} confirms that the alarm of {of} is done with"),
        AlarmStep::Comment => format!("{who} of the alarm of {of}"),
        AlarmStep::Shelve => format!("{who} shelves the alarm of {of}{until}{normal}"),
        AlarmStep::Unshelve => format!("{who} takes the alarm of {of} off the shelf"),
        AlarmStep::OutOfService => format!("{who} takes the alarm of {of} out of service"),
        AlarmStep::InService => format!("{who} puts the alarm of {of} in service"),
        AlarmStep::Lapse => format!("the alarm of {of} is on the shelf no longer"),
    };
    view.kind = "alarm";
    view.time = *time;
    view.station = Some(station.clone());
    view.text = match text {
        Some(text) => format!("{said}: {text}"),
        None => said,
    };
}

fn case(at: Position, event: &CaseEvent) -> String {
    let CaseEvent { step, reason, who } = event;
    let case = event.case(at);
    let found = step.frozen().map_or_else(String::new, |frozen| {
        let CaseCounts { suspect, shipped, unknown, .. } = frozen.counts;
        let hash = frozen.hash.to_string();
        let hash = hash.get(..12).unwrap_or(&hash);
        format!(
            " with {suspect} suspect, {shipped} shipped, {unknown} unknown as of record {} (hash {hash}…)",
            frozen.position
        )
    });
    format!("case {case} {}{found} by {who}: {reason}", super::case::word(step))
}

fn tombstone(stone: &Tombstone) -> String {
    let Tombstone { first, last, dropped, rule, who, .. } = stone;
    format!("{dropped} records of {first} to {last} are dropped by retention ({rule}), by {who}")
}

fn epoch(begun: &EpochBegun) -> String {
    let why = match begun.cause {
        EpochCause::FirstContact => "at first contact",
        EpochCause::RestartWord => "since its restart word changed",
        EpochCause::ServerStart => "since its server started again",
        EpochCause::CounterFell => "since a counter fell",
    };
    format!("handshakes of {} begin a new epoch {why}", begun.device)
}

/// What a PLC was answered.
pub(super) fn permit(mark: &HandshakeMark) -> PermitView {
    let grounds = mark.grounds.as_ref();
    PermitView {
        permit: mark.permit,
        reason: mark.reason.clone(),
        code: grounds.map(|grounds| grounds.code),
        text: grounds.map(|grounds| grounds.text.clone()),
        overruled: grounds.and_then(|grounds| grounds.overruled.clone()),
        recipe: mark.recipe.clone(),
    }
}

fn trace(event: &TraceEvent) -> String {
    let arrived = matches!(event.what, What::Arrive { .. });
    let only_asked = event.is_only_asked() && !arrived;
    let mut text = if only_asked { asked(&event.what) } else { what(&event.what) };
    text += &with(&event.members);
    if let Some(station) = &event.station {
        text.extend([" at ", station.as_str()]);
    }
    if let (Some(result), ..) = outcome(&event.what) {
        text += match result {
            crate::model::Result::Pass => ": pass",
            crate::model::Result::Fail => ": fail",
            crate::model::Result::Rework => ": rework",
            crate::model::Result::Scrap => ": scrap",
        };
    }
    let answered = event.handshake.as_ref().map(permit);
    if let Some(recipe) = answered.as_ref().and_then(|answered| answered.recipe.as_ref()) {
        text += &format!("; with recipe {recipe}");
    }
    if let Some(sentence) = answered.and_then(|answered| answered.sentence()) {
        text.extend(["; ", &sentence]);
    }
    for (observed, unless) in [(true, ""), (false, ", unless it was cleaned while nobody looked")] {
        let of = |over: &&CarriedOver| over.observed == observed;
        let lots: Vec<_> =
            event.carried_over.iter().filter(of).map(|over| over.lot.to_string()).collect();
        if !lots.is_empty() {
            text += &format!("; what was left of {} is in it{unless}", lots.join(", "));
        }
    }
    if let Some(refusal) = event.went_past {
        text += &past(refusal);
    }
    text
}

/// What people are told of work that was refused.
pub(super) fn past(refusal: Position) -> String {
    format!("; record {refusal} refused it, and nobody let it through")
}

/// What was asked for and is not done.
fn asked(what: &What) -> String {
    let items: Vec<String> = what.items().iter().map(ToString::to_string).collect();
    format!("`{}` of {} was asked for", what.verb().as_str(), items.join(", "))
}

impl PermitView {
    /// Why the answer was not a plain yes; `None` if it was.
    pub fn sentence(&self) -> Option<String> {
        // Records of the first version have one word.
        let why = self.text.as_ref().or(self.reason.as_ref())?;
        if let Some(Overruled { by, reason }) = &self.overruled {
            return Some(format!("let through by {by} ({reason}), although {why}"));
        }
        let answer = match self.permit {
            Permit::Ok => "let through",
            Permit::Nok => "refused",
            Permit::Rework => "to be reworked",
            Permit::Unknown => "answered unknown",
        };
        Some(format!("{answer}: {why}"))
    }
}

fn what(what: &What) -> String {
    match what {
        What::Arrive { item } => format!("{item} arrived"),
        What::Complete { item, .. } => format!("work on {item} ended"),
        What::Produce { item, amount, best_before, .. } => {
            format!("{}{item} was produced{}", of(amount.as_ref()), until(*best_before))
        }
        What::Consume { consumed, into, .. } => {
            let amount = of(consumed.amount.as_ref());
            format!("{amount}{} went into {into}", consumed.lot)
        }
        What::Install { child, parent, .. } => format!("{child} was built into {parent}"),
        What::Remove { child, parent, .. } => format!("{child} was taken out of {parent}"),
        What::Pack { items, container } => format!("{} put into {container}", were(items)),
        What::Unpack { items, container } => format!("{} taken out of {container}", were(items)),
        What::Split { from, into } => format!("{from} was split into {} items", into.len()),
        What::Merge { from, into } => format!("{} items were merged into {into}", from.len()),
        What::Mount { point, lot } => format!("{lot} was mounted in {point}"),
        What::Unmount { mount, lot, used, untold } => {
            let used = used.as_ref().map(|used| format!(", {used} used"));
            let untold =
                untold.map(|why| format!(", how much was used is not known: {}", why.why()));
            let used = used.or(untold).unwrap_or_default();
            format!("{lot} was taken out of {}{used}", mount.point)
        }
        What::Move { item, to } => format!("{item} was moved to {to}"),
        What::Receive { item, supplier, amount, best_before } => {
            let from = supplier.as_ref().map(|from| format!(" from {from}")).unwrap_or_default();
            format!("{}{item} was received{from}{}", of(amount.as_ref()), until(*best_before))
        }
        What::Ship { items, customer, document } => {
            let to = customer.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
            let with = document.as_ref().map(|note| format!(" with {note}")).unwrap_or_default();
            format!("{} shipped{to}{with}", were(items))
        }
        What::Inspect { item, .. } => format!("{item} was inspected"),
        What::Hold { item, reason, meaning } => {
            format!("{item} is on hold: {reason}{}", signed(meaning.as_ref()))
        }
        What::Release { item, reason, meaning, of } => {
            let of =
                of.as_ref().map(|of| format!(", although {of} is on hold")).unwrap_or_default();
            format!("{item} was released{of}: {reason}{}", signed(meaning.as_ref()))
        }
        What::Scrap { item, amount, reason, mounts: _ } => {
            let why = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{}{item} became waste{why}", of(amount.as_ref()))
        }
        What::Rework { item, reason } => {
            let why = reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("{item} is to be reworked{why}")
        }
        What::Clean { confirmed: true, .. } => "the station was cleaned".to_owned(),
        What::Clean { confirmed: false, .. } => "a clean ended without its proof".to_owned(),
        What::Identify { item, alias: _, real: Some(real) } => format!("{item} is {real}"),
        What::Identify { item, alias, real: None } => {
            format!("{item} is also {} {}", alias.kind, alias.code)
        }
        What::Note { item: Some(item), text } => format!("about {item}: {text}"),
        What::Note { item: None, text } => text.to_string(),
        What::Open { item } => format!("{item} was taken out of dry storage"),
        What::Close { item } => format!("{item} was put into dry storage"),
        What::Dry { item } => format!("{item} was dried"),
        What::Correct { position, reason } => format!("record {position} was wrong: {reason}"),
    }
}

/// The members by their places.
fn with(members: &[Member]) -> String {
    if members.is_empty() {
        return String::new();
    }
    let shown = members.iter().take(MEMBERS_SHOWN);
    let shown: Vec<String> = shown.map(|m| format!("{}: {}", m.place, m.item)).collect();
    let more = members.len().saturating_sub(MEMBERS_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" ({}{more})", shown.join(", "))
}

fn were(items: &[ItemKey]) -> String {
    match items {
        [one] => format!("{one} was"),
        many => format!("{} items were", many.len()),
    }
}

/// What a signature stands for.
fn signed(meaning: Option<&Text>) -> String {
    meaning.map(|meaning| format!(" (signed as {meaning})")).unwrap_or_default()
}

fn until(best_before: Option<Utc>) -> String {
    best_before.map(|until| format!(", best before {until}")).unwrap_or_default()
}

fn of(told: Option<&Amount>) -> String {
    told.map(|told| format!("{told} of ")).unwrap_or_default()
}

fn quarantine(set_aside: &Quarantine) -> String {
    let why = match &set_aside.cause {
        QuarantineCause::Conflict => "a number came again with other values".to_owned(),
        QuarantineCause::Word(tag) => format!("word `{tag}` cannot be used"),
        QuarantineCause::Code(tag) => format!("the code in `{tag}` is refused"),
        QuarantineCause::Twice(tag) => format!("a code in `{tag}` stands twice"),
        QuarantineCause::Label(tag, why) => format!("what was read in `{tag}` is not taken: {why}"),
        QuarantineCause::NoCurrent => "no item is present".to_owned(),
        QuarantineCause::NoOrder => "no open row of the order list fits".to_owned(),
        QuarantineCause::Count => "the confirming count jumped or fell".to_owned(),
        QuarantineCause::Gap => "a part of the phase was not observed".to_owned(),
        QuarantineCause::ItemChanged => "the item changed during the phase".to_owned(),
        QuarantineCause::Forgotten => {
            "it is older than the results that are remembered, and may be recorded already"
                .to_owned()
        }
        QuarantineCause::Identified => "no unit waits for a code, or none was read".to_owned(),
        QuarantineCause::Mounts => "too many lots went through the feeders since".to_owned(),
    };
    format!("a request at {} was set aside: {why}", set_aside.station)
}

fn gap(missed: &Gap) -> String {
    let source = match &missed.source {
        GapSource::Device(device) => device.to_string(),
        GapSource::Tag(device, tag) => format!("`{tag}` of {device}"),
        GapSource::Handshake(station, handshake) => format!("handshake {station}.{handshake}"),
    };
    let why = match missed.cause {
        GapCause::Stopped => "the daemon was not running",
        GapCause::Disconnected => "the connection was lost",
        GapCause::Silent => "the data stood still",
        GapCause::Overflow => "a queue of the server was full",
        GapCause::Sequence => "notifications are missing",
        GapCause::NumbersSkipped => "the PLC's numbers skip some",
        GapCause::TriggerMoved => "the trigger moved on before it was read",
        GapCause::Unsynced => "the ledger could not be synced",
        GapCause::Overload => "our input queue was full",
        GapCause::Interface => "the PLC program has another interface",
        GapCause::BadQuality => "the quality of its trigger was bad",
        GapCause::Redefined => "its definition changed, and it was begun anew",
        GapCause::Removed => "it was taken out of the plant",
        GapCause::Unreleased => "the PLC did not take its request back after the answer",
        GapCause::Overrun => "its ring was written over before it was read",
        GapCause::NotGiven => "it named results and did not give them",
    };
    match missed.interval.to {
        Some(to) => format!("{source} was not observed until {to}: {why}"),
        None => format!("{source} is not observed: {why}"),
    }
}

/// What is said of a monitor that waits for a good value.
fn missing(spoken: &VerdictEvent) -> String {
    let onset = spoken.onset.filter(|_| spoken.verdict == Verdict::Warning);
    let Some(Onset { estimate, earliest, .. }) = onset else {
        return "has a good value".to_owned();
    };
    let last = match spoken.quality {
        Some(quality) if quality.is_good() => format!("{quality} without a number"),
        Some(quality) => quality.to_string(),
        None => "none came".to_owned(),
    };
    let good = earliest.map(|good| format!("; the last good one came at {good}"));
    format!("has no good value since {estimate}: {last}{}", good.unwrap_or_default())
}

/// What is said of a monitor that stands still, or moves again.
fn flat(spoken: &VerdictEvent) -> String {
    let onset = spoken.onset.filter(|_| spoken.verdict == Verdict::Warning);
    let (Some(onset), Some(value)) = (onset, spoken.statistic) else {
        return "varies".to_owned();
    };
    let unit = spoken.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    let within = spoken.limit.filter(|within| *within > 0.0);
    let within = within.map_or_else(String::new, |within| format!(", within {within}{unit}"));
    format!("stands still at {value}{unit} since {}{within}, and normally varies", onset.estimate)
}

/// What is said of a monitor that comes near a limit.
fn ahead(spoken: &VerdictEvent) -> String {
    let unit = spoken.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    let limit = spoken.limit.map_or_else(String::new, |limit| format!(" of {limit}{unit}"));
    let side = if spoken.side == Some(Side::Low) { "low" } else { "high" };
    let Some(Reach { earliest, estimate, latest }) = spoken.reaches else {
        return format!("comes near its {side} limit{limit}");
    };
    let likely = estimate.map(|at| format!(", likely at {at}")).unwrap_or_default();
    let latest = latest.map_or(", if at all".to_owned(), |at| format!(", by {at} at the latest"));
    format!("reaches its {side} limit{limit} not before {earliest}{likely}{latest}")
}

/// What is said of a monitor that changes too fast.
fn rate(spoken: &VerdictEvent) -> String {
    let unit = spoken.unit.as_ref().map_or_else(String::new, |unit| format!(" {unit}"));
    let way = if spoken.side == Some(Side::Low) { "falls" } else { "rises" };
    let number = |number: Option<f64>| number.map(f64::abs).unwrap_or_default();
    let (change, most) = (number(spoken.statistic), number(spoken.limit));
    format!("{way} too fast: by {change:.3}{unit} in a time in which it may by {most}{unit}")
}

/// What is said of what is maintained by use.
fn usage(spoken: &VerdictEvent) -> String {
    let is = if spoken.verdict == Verdict::Warning { "is due" } else { "is not due" };
    let [used, every] = [spoken.statistic, spoken.limit].map(Option::unwrap_or_default);
    let unit = match spoken.unit.as_ref().map(Ucum::as_str) {
        Some("h") => "hours at work",
        Some(_) | None => "parts",
    };
    let digits = usize::from(used.fract() != 0.0);
    format!("{is} for maintenance: {used:.digits$} of {every} {unit}")
}

/// What is said of a monitor that the plant does without a rule, where that had warned.
fn unwatched(rule: Rule) -> &'static str {
    match rule {
        Rule::Limit => "has no limits any more",
        Rule::Missing => "may be without a good value from now on",
        Rule::Flat => "may stand still from now on",
        Rule::Forecast => "is not told ahead any more",
        Rule::Rate => "may change as fast as it likes from now on",
        Rule::Usage => "is not maintained by use any more",
        Rule::Ewma
        | Rule::Cusum
        | Rule::Shewhart
        | Rule::WesternElectric
        | Rule::Nelson
        | Rule::Variance
        | Rule::Mewma
        | Rule::TSquared
        | Rule::Master => "has no data",
    }
}

/// Which members of a group have most to do with what is said of it.
fn contributors(spoken: &VerdictEvent) -> String {
    let of = |of: &Contributor| {
        let Contributor { monitor, z, given } = of;
        format!("{monitor} {z:+.1} ({given:+.1} given the others)")
    };
    let all: Vec<String> = spoken.contributors.iter().map(of).collect();
    if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }
}

/// What a rule said, in a sentence.
pub(super) fn verdict(spoken: &VerdictEvent) -> String {
    let VerdictEvent { station, monitor, .. } = spoken;
    if spoken.rule == Rule::Master {
        let says = match (spoken.verdict, &spoken.item) {
            (Verdict::Drift | Verdict::Warning, Some(item)) => format!("{item} was judged wrongly"),
            (Verdict::Drift | Verdict::Warning, None) => "it was not shown in time".to_owned(),
            (Verdict::InControl, _) => "it was judged right".to_owned(),
            (Verdict::NoData, _) => "it waits to be shown".to_owned(),
        };
        let over = spoken.over.map(|over| format!(", and was right again at {over}"));
        return format!("master {monitor} at {station}: {says}{}", over.unwrap_or_default());
    }
    if spoken.verdict == Verdict::NoData {
        return format!("{monitor} at {station} {}", unwatched(spoken.rule));
    }
    if spoken.rule == Rule::Missing {
        return format!("{monitor} at {station} {}", missing(spoken));
    }
    if spoken.rule == Rule::Flat {
        return format!("{monitor} at {station} {}", flat(spoken));
    }
    if spoken.verdict == Verdict::Warning && spoken.rule == Rule::Forecast {
        return format!("{monitor} at {station} {}", ahead(spoken));
    }
    if spoken.verdict == Verdict::Warning && spoken.rule == Rule::Rate {
        return format!("{monitor} at {station} {}", rate(spoken));
    }
    if spoken.rule == Rule::Usage {
        return format!("{monitor} at {station} {}", usage(spoken));
    }
    let says = match spoken.verdict {
        Verdict::InControl if spoken.rule == Rule::Forecast => "comes near no limit",
        Verdict::InControl if spoken.rule == Rule::Rate => "changes no faster than it may",
        Verdict::Drift if spoken.rule == Rule::Variance => match spoken.side {
            Some(Side::Low) => "varies less than it did",
            Some(Side::High) | None => "varies more than it did",
        },
        Verdict::Drift if matches!(spoken.rule, Rule::Mewma | Rule::TSquared) => {
            "does not go together as it did"
        }
        Verdict::NoData if spoken.is_forgotten() => "is forgotten: more was made than it remembers",
        Verdict::InControl => "is in control",
        Verdict::Warning => "is past a warning limit",
        Verdict::Drift => "has drifted",
        Verdict::NoData => "has no data",
    };
    let joins = spoken.joins.map_or("", |_| ", by another of its rules too");
    let product = spoken.product.as_ref().map(|product| format!(" of {product}"));
    let recipe = spoken.recipe.as_ref().map(|recipe| format!(" by recipe {recipe}"));
    let [product, recipe] = [product, recipe].map(Option::unwrap_or_default);
    let most = contributors(spoken);
    format!("{monitor} at {station}{product}{recipe} {says}{joins}{most}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quality, specimens};

    /// What is said of a monitor by a rule.
    fn said(change: impl FnOnce(&mut VerdictEvent)) -> String {
        let of = |record: Record| {
            let Body::Verdict(event) = record.body else { return None };
            (event.rule == Rule::Limit).then_some(event)
        };
        let mut event = specimens::records().into_iter().find_map(of).unwrap();
        change(&mut event);
        verdict(&event)
    }

    #[test]
    fn a_missing_value_is_told_with_the_last_good_one_and_the_last_status() {
        let at = |seconds: i64| Utc(seconds * 1_000_000_000);
        let missing = |verdict, earliest, quality| {
            said(|event| {
                let onset = Onset { estimate: at(60), earliest, latest: at(60) };
                (event.rule, event.verdict) = (Rule::Missing, verdict);
                (event.onset, event.quality) = (Some(onset), quality);
            })
        };
        insta::assert_snapshot!(missing(Verdict::Warning, Some(at(50)), Some(Quality::BAD_RANGE)), @"torque at OP10 has no good value since 1970-01-01T00:01:00.000Z: BadOutOfRange; the last good one came at 1970-01-01T00:00:50.000Z");
        insta::assert_snapshot!(missing(Verdict::Warning, None, None), @"torque at OP10 has no good value since 1970-01-01T00:01:00.000Z: none came");
        insta::assert_snapshot!(missing(Verdict::Warning, None, Some(Quality::GOOD)), @"torque at OP10 has no good value since 1970-01-01T00:01:00.000Z: Good without a number");
        insta::assert_snapshot!(missing(Verdict::InControl, None, None), @"torque at OP10 has a good value");
    }

    #[test]
    fn what_is_maintained_by_use_is_told_with_how_much_that_was() {
        let of = |verdict, used, unit| {
            said(|event| {
                (event.rule, event.verdict, event.side) = (Rule::Usage, verdict, None);
                (event.statistic, event.limit) = (Some(used), Some(200.0));
                event.unit = Ucum::parse(unit).ok();
            })
        };
        insta::assert_snapshot!(of(Verdict::Warning, 200.0, "{part}"), @"torque at OP10 is due for maintenance: 200 of 200 parts");
        insta::assert_snapshot!(of(Verdict::InControl, 12.25, "h"), @"torque at OP10 is not due for maintenance: 12.2 of 200 hours at work");
        insta::assert_snapshot!(of(Verdict::NoData, 0.0, "h"), @"torque at OP10 is not maintained by use any more");
    }

    #[test]
    fn what_comes_near_a_limit_is_told_with_when_and_what_changes_too_fast_with_how_much() {
        let of = |rule, verdict, reaches| {
            said(|event| {
                (event.rule, event.verdict, event.side) = (rule, verdict, Some(Side::High));
                (event.statistic, event.limit, event.reaches) = (Some(9.25), Some(10.0), reaches);
                event.unit = Some(crate::model::Ucum::parse("mm").unwrap());
            })
        };
        let (earliest, at) = (Utc(0), Some(Utc(3_600_000_000_000)));
        let by = |latest| Some(Reach { earliest, estimate: at, latest });
        insta::assert_snapshot!(of(Rule::Forecast, Verdict::Warning, by(at)), @"torque at OP10 reaches its high limit of 10 mm not before 1970-01-01T00:00:00.000Z, likely at 1970-01-01T01:00:00.000Z, by 1970-01-01T01:00:00.000Z at the latest");
        insta::assert_snapshot!(of(Rule::Forecast, Verdict::Warning, by(None)), @"torque at OP10 reaches its high limit of 10 mm not before 1970-01-01T00:00:00.000Z, likely at 1970-01-01T01:00:00.000Z, if at all");
        insta::assert_snapshot!(of(Rule::Forecast, Verdict::InControl, None), @"torque at OP10 comes near no limit");
        insta::assert_snapshot!(of(Rule::Rate, Verdict::Warning, None), @"torque at OP10 rises too fast: by 9.250 mm in a time in which it may by 10 mm");
        insta::assert_snapshot!(of(Rule::Rate, Verdict::InControl, None), @"torque at OP10 changes no faster than it may");
    }

    #[test]
    fn a_spread_that_changed_is_told_as_one() {
        let spread = |verdict, side| {
            said(|event| {
                (event.rule, event.verdict, event.side) = (Rule::Variance, verdict, Some(side));
            })
        };
        insta::assert_snapshot!(spread(Verdict::Drift, Side::High), @"torque at OP10 varies more than it did");
        insta::assert_snapshot!(spread(Verdict::Drift, Side::Low), @"torque at OP10 varies less than it did");
        insta::assert_snapshot!(spread(Verdict::InControl, Side::Low), @"torque at OP10 is in control");
    }

    #[test]
    fn a_group_that_broke_is_told_with_the_members_that_left_it() {
        let of = |monitor: &str, z, given| Contributor {
            monitor: crate::model::MonitorId::parse(monitor).unwrap(),
            z,
            given,
        };
        let broke = said(|event| {
            (event.rule, event.verdict, event.side) = (Rule::Mewma, Verdict::Drift, None);
            event.contributors = vec![of("oil", 1.25, 6.5), of("water", -0.5, -6.0)];
        });
        insta::assert_snapshot!(broke, @"torque at OP10 does not go together as it did: oil +1.2 (+6.5 given the others), water -0.5 (-6.0 given the others)");
    }

    #[test]
    fn a_flat_line_is_told_with_where_it_stands_and_since_when() {
        let flat = |verdict, within| {
            said(|event| {
                (event.rule, event.verdict) = (Rule::Flat, verdict);
                (event.statistic, event.limit) = (Some(21.5), Some(within));
                event.onset = Some(Onset { estimate: Utc(0), earliest: None, latest: Utc(0) });
                event.unit = Some(crate::model::Ucum::parse("Cel").unwrap());
            })
        };
        insta::assert_snapshot!(flat(Verdict::Warning, 0.1), @"torque at OP10 stands still at 21.5 Cel since 1970-01-01T00:00:00.000Z, within 0.1 Cel, and normally varies");
        insta::assert_snapshot!(flat(Verdict::Warning, 0.0), @"torque at OP10 stands still at 21.5 Cel since 1970-01-01T00:00:00.000Z, and normally varies");
        insta::assert_snapshot!(flat(Verdict::InControl, 0.0), @"torque at OP10 varies");
    }
}
