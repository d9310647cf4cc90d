//! What rules about products should say: looked up in the list of all records for every question, the
//! plant's products written out by hand.
use crate::model::{
    Body, HandshakeMark, ItemKey, Permit, Position, Record, Result, TraceEvent, Utc, What,
};
use std::collections::BTreeSet;

/// The records before a request, and what it says that no record has.
pub(super) struct Search<'a> {
    pub(super) records: &'a [Record],
    /// The lot in the reel when the request was read.
    pub(super) reel_read: Option<ItemKey>,
    pub(super) now: Utc,
}

type When = (Utc, Position);

/// A visit that counts: when, with what outcome, and how many there were.
struct Visit {
    at: When,
    result: Option<Result>,
    times: usize,
}

impl Visit {
    fn done(&self) -> bool {
        self.result == Some(Result::Pass)
    }
}

/// The material in the reel's word beside each lot.
pub(super) fn reel_material(lot: &str) -> &'static str {
    match lot {
        "R1" => "R",
        "R2" => "Q",
        "R3" => "X",
        _ => "",
    }
}

fn is_refused(event: &TraceEvent) -> bool {
    let asked =
        matches!(event.what, What::Arrive { .. } | What::Install { .. } | What::Consume { .. });
    let late = |mark: &HandshakeMark| mark.reason.as_ref().is_some_and(|r| r.as_str() == "late");
    let no = |mark: &HandshakeMark| matches!(mark.permit, Permit::Nok | Permit::Unknown);
    asked && event.handshake.as_ref().is_some_and(|mark| no(mark) && !late(mark))
}

impl Search<'_> {
    fn events(&self) -> Vec<(When, &TraceEvent)> {
        let mut events: Vec<(When, &TraceEvent)> = Vec::new();
        for record in self.records {
            if let Body::Trace(event) = &record.body {
                events.push(((event.time.at, record.position), event));
            }
        }
        events.sort_by_key(|(when, _)| *when);
        events
    }

    fn visit(&self, item: &ItemKey, at: &str) -> Option<Visit> {
        let mut visit: Option<Visit> = None;
        for (when, event) in self.events() {
            let What::Complete { item: of, result, .. } = &event.what else { continue };
            let here = event.station.as_ref().is_some_and(|s| s.as_str() == at);
            if of == item && here && event.purpose == crate::model::Purpose::Production {
                let times = visit.map_or(0, |visit| visit.times) + 1;
                visit = Some(Visit { at: when, result: *result, times });
            }
        }
        visit
    }

    /// As it was last told, alone or beside another.
    fn told(&self, item: &ItemKey) -> Option<String> {
        let mut told = self.events().into_iter().filter_map(|(_, event)| match &event.what {
            What::Arrive { item: of } if of == item => event.product.clone(),
            What::Install { child: of, .. } if of == item => event.material.clone(),
            What::Consume { consumed, .. } if consumed.lot == *item => event.material.clone(),
            _ => None,
        });
        told.next_back().map(|text| text.to_string())
    }

    fn product(&self, item: &ItemKey, said: Option<&str>) -> Option<String> {
        said.map(str::to_owned).or_else(|| self.told(item))
    }

    fn order(&self, item: &ItemKey, route: &[&str]) -> Option<When> {
        let ordered = self.events().into_iter().filter_map(|(when, event)| match &event.what {
            What::Rework { item: of, .. } if of == item => Some(when),
            _ => None,
        });
        let sent = route.iter().filter_map(|at| self.visit(item, at));
        let sent = sent.filter(|visit| visit.result == Some(Result::Rework)).map(|v| v.at);
        ordered.chain(sent).max()
    }

    pub(super) fn route(&self, here: &str, item: &ItemKey, said: Option<&str>) -> Option<String> {
        let refused = |reason: &str| Some(reason.to_owned());
        let product = self.product(item, said);
        let route: &[&str] = match product.as_deref() {
            Some("A") => &["OP10", "OP20", "OP30"],
            Some("B") => &["OP10", "OP30"],
            _ => return refused("product-unknown"),
        };
        let times = self.visit(item, here).map_or(0, |visit| visit.times);
        let reworked = product.as_deref() == Some("A");
        if reworked && times >= 3 {
            return refused("visits-max");
        }
        let order = self.order(item, route).filter(|_| reworked);
        let mended = |order: When| {
            self.visit(item, "RW").is_some_and(|visit| visit.done() && visit.at > order)
        };
        if here == "RW" {
            let open = order.is_some_and(|order| !mended(order));
            return if open { None } else { refused("route") };
        }
        let Some(stop) = route.iter().position(|at| *at == here) else { return refused("route") };
        if here != "OP10" && order.is_some_and(|order| !mended(order)) {
            return refused("route");
        }
        for before in &route[..stop] {
            let Some(visit) = self.visit(item, before) else { return refused("route") };
            let old = *before == "OP20" && order.is_some_and(|order| visit.at < order);
            if !visit.done() || old {
                return refused("route");
            }
        }
        None
    }

    pub(super) fn not_done(
        &self,
        here: &str,
        item: &ItemKey,
        said: Option<&str>,
    ) -> Option<Permit> {
        let visit = self.visit(item, here)?;
        if visit.result == Some(Result::Rework) {
            return Some(Permit::Rework);
        }
        if !visit.done() {
            return None;
        }
        let order = match self.product(item, said).as_deref() {
            Some("A") if here == "OP10" => None,
            Some("A") => self.order(item, &["OP10", "OP20", "OP30"]),
            Some("B") => self.order(item, &["OP10", "OP30"]),
            _ => self.order(item, &[]),
        };
        let again = order.is_some_and(|order| order > visit.at);
        Some(if again { Permit::Rework } else { Permit::Nok })
    }

    /// How many units of a material are in an item, how often of a lot, and how many grams.
    fn within(&self, item: &ItemKey, material: &str, but: &ItemKey) -> (usize, usize, f64) {
        let is_of = |part: &ItemKey| self.told(part).as_deref() == Some(material);
        let (mut units, mut times, mut grams) = (BTreeSet::new(), 0, 0.0);
        for (_, event) in self.events().into_iter().filter(|(_, event)| !is_refused(event)) {
            match &event.what {
                What::Install { child, parent, .. }
                    if parent == item && child != but && is_of(child) =>
                {
                    units.insert(child.clone());
                }
                What::Consume { consumed, into, .. } if into == item && is_of(&consumed.lot) => {
                    times += 1;
                    grams += consumed.amount.as_ref().map_or(0.0, |amount| amount.value);
                }
                _ => {}
            }
        }
        (units.len(), times, grams)
    }

    pub(super) fn bom(&self, event: &TraceEvent) -> Option<(Permit, String)> {
        let refused = |reason: &str| Some((Permit::Nok, reason.to_owned()));
        let said = event.material.as_ref().map(ToString::to_string);
        let (item, other, place, amount) = match &event.what {
            What::Install { child, parent, place } => (parent, child, place.as_ref(), None),
            What::Consume { consumed, into, .. } => {
                (into, &consumed.lot, None, consumed.amount.as_ref().map(|a| a.value))
            }
            what => panic!("{what:?}"),
        };
        let product = match self.told(item).as_deref() {
            Some("A") => 'A',
            Some("B") => 'B',
            _ => return refused("product-unknown"),
        };
        let Some(material) = said.or_else(|| self.told(other)) else {
            return refused("material-unknown");
        };
        let (units, times, grams) = self.within(item, &material, other);
        let fits = match (product, material.as_str(), amount) {
            ('A', "C", None) => {
                let placed = place.is_some_and(|p| ["left", "right"].contains(&p.as_str()));
                placed && units + times < 2
            }
            ('B', "C", None) => units + times == 0,
            ('A', "glue", Some(now)) => grams + now <= 5.0,
            // Pieces and grams cannot be added up. To A it never comes: no position is told with a lot.
            ('B', "C", Some(_)) if units > 0 => return Some((Permit::Unknown, "bom".to_owned())),
            ('B', "C", Some(now)) => grams + now <= 1.0,
            _ => false,
        };
        if fits { None } else { refused("bom") }
    }

    pub(super) fn reel(&self) -> Option<ItemKey> {
        let mut reel = None;
        for record in self.records {
            match &record.body {
                Body::Trace(TraceEvent { what: What::Mount { lot, .. }, .. }) => {
                    reel = Some(lot.clone());
                }
                Body::Trace(TraceEvent { what: What::Unmount { .. }, .. }) => reel = None,
                _ => {}
            }
        }
        reel
    }

    /// Of which material the lot in the reel is.
    fn fed(&self, lot: &ItemKey) -> Option<String> {
        let word = reel_material(lot.code.as_str());
        let read = self.reel_read.as_ref() == Some(lot) && !word.is_empty();
        if read { Some(word.to_owned()) } else { self.told(lot) }
    }

    pub(super) fn setup_plan(&self, item: &ItemKey, said: Option<&str>) -> Option<String> {
        let refused = |reason: &str| Some(reason.to_owned());
        let wanted = match self.product(item, said).as_deref() {
            Some("A") => "R",
            Some("B") => "Q",
            _ => return refused("product-unknown"),
        };
        let Some(lot) = self.reel() else { return refused("setup-plan") };
        match self.fed(&lot) {
            None => refused("material-unknown"),
            Some(found) if found == wanted => None,
            Some(_) => refused("setup-plan"),
        }
    }

    pub(super) fn floor_life(&self) -> Option<String> {
        let refused = |reason: &str| Some(reason.to_owned());
        let lot = self.reel()?;
        match self.fed(&lot).as_deref() {
            Some("Q") => return None,
            Some("R") => {}
            _ => return refused("material-unknown"),
        }
        let (mut since, mut out, mut last) = (None, 0, None);
        for ((Utc(at), _), event) in self.events() {
            match &event.what {
                What::Mount { lot: of, .. } | What::Open { item: of } if *of == lot => {
                    since = since.or(Some(at));
                }
                What::Consume { consumed, .. } if consumed.lot == lot && !is_refused(event) => {
                    since = since.or(Some(at));
                }
                What::Close { item } if *item == lot => {
                    if let Some(from) = since.take() {
                        out += at - from;
                        last = Some((from, at - from));
                    }
                }
                What::Dry { item } if *item == lot => (since, out, last) = (Some(at), 0, None),
                _ => {}
            }
        }
        // It is in the feeder: it was not put away.
        if let (None, Some((from, length))) = (since, last) {
            (since, out) = (Some(from), out - length);
        }
        let out = out + since.map_or(0, |since| self.now.0 - since);
        if out > 2_000_000_000 { refused("floor-life") } else { None }
    }

    pub(super) fn tool_life(&self) -> Option<String> {
        let lot = self.reel();
        let uses = self.events().into_iter().filter(|(_, event)| match &event.what {
            What::Complete { mounts, .. } => {
                mounts.iter().any(|used| Some(&used.lot) == lot.as_ref())
            }
            _ => false,
        });
        (lot.is_none() || uses.count() >= 2).then(|| "tool-life".to_owned())
    }

    /// Products since the last clean.
    fn ran(&self) -> BTreeSet<String> {
        let mut ran = BTreeSet::new();
        for record in self.records {
            let Body::Trace(event) = &record.body else { continue };
            if event.station.as_ref().is_none_or(|s| s.as_str() != "OP30") {
                continue;
            }
            match &event.what {
                What::Clean { .. } => ran.clear(),
                What::Arrive { .. } if !is_refused(event) => {
                    ran.extend(event.product.iter().map(ToString::to_string));
                }
                _ => {}
            }
        }
        ran
    }

    pub(super) fn allergen_plan(&self, said: Option<&str>) -> Option<String> {
        let refused = |reason: &str| Some(reason.to_owned());
        let free = match said {
            Some("A") => "nuts",
            Some("B") => "milk",
            _ => return refused("product-unknown"),
        };
        let ran = self.ran();
        let unknown = ran.iter().any(|p| p != "A" && p != "B");
        let left = if free == "nuts" { "B" } else { "A" };
        if unknown || ran.contains(left) {
            return refused("allergen-plan");
        }
        let lot = self.reel()?;
        match self.fed(&lot).as_deref() {
            Some("R") if free == "milk" => refused("allergen-plan"),
            Some("R" | "Q") => None,
            _ => refused("material-unknown"),
        }
    }

    pub(super) fn cleaned(&self, said: Option<&str>) -> Option<String> {
        let Some(said) = said else { return Some("product-unknown".to_owned()) };
        self.ran().iter().any(|other| other != said).then(|| "cleaned".to_owned())
    }
}
