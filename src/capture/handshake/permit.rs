//! The permit: what is asked about the past, and what becomes of the answer.
use super::{Answer, Asked, Exchange, Found, Stage};
use crate::capture::compose::sentence;
use crate::capture::permit::{Case, Judgement, Said, judge};
use crate::capture::{At, Capture, Live, StationMemory};
use crate::model::plant::{Check, Product, Reason, Station};
use crate::model::{
    Body, Effect, Evidence, Facts, Grounds, HandshakeMark, ItemKey, MountPointId, Permit, Position,
    Question, Record, StationId, Step, Text, TraceEvent, What,
};
use std::collections::{BTreeMap, BTreeSet};

impl Capture {
    /// Resolves the items and looks at the rules; asks for what is not held in memory.
    pub(super) fn check(&mut self, step: &mut Step, at: At, found: Found) {
        let mounts = self.see_mounts(step, at.station, &found.snapshot);
        let made = self.live().handshake(at).takes_mounts();
        let mounts_seen = mounts.is_ok();
        let draft = self.draft(at, &found.snapshot, &found.trigger, &found.key, step.at.monotonic);
        // What an item was made with is part of what is said of it.
        let draft = match draft.and_then(|d| if made { mounts.map(|()| d) } else { Ok(d) }) {
            Ok(draft) => draft,
            Err(cause) => {
                let reason = Text::parse("quarantined").expect("a good text");
                let position = self.quarantine(step, at, &found, &reason, cause);
                return self.answer(step, at, position, &found, Answer::unknown(Some(&reason)));
            }
        };
        let lots = self.lots_asked(at);
        let said = self.said(at, &found.snapshot);
        let (touched, looks_back, came) = (None, false, Vec::new());
        let asked = Asked { found, draft, said, lots, mounts_seen, touched, looks_back, came };
        if self.asks(at, &asked.said) {
            let deadline = self.live().handshake(at).deadline;
            let until = self.exchange(at).requested.unwrap_or(step.at.monotonic).plus(deadline);
            return self.ask(step, at, Box::new(asked), until);
        }
        self.decide(step, at, &asked, None);
    }

    /// Whether what is held in memory is not enough: for a rule, or to know by which product the recipe is.
    fn asks(&self, at: At, said: &Said) -> bool {
        let live = self.live();
        let handshake = live.handshake(at);
        let by_product = handshake.recipe_words().next().is_some()
            && said.product.is_none()
            && live.plant.catalog.has_recipe(&live.station(at.station).id);
        by_product
            || handshake.checks.iter().any(|check| check.asks() || self.asks_of_holds(*check))
    }

    /// Whether a rule needs to know what everything was made of, since something is on hold.
    fn asks_of_holds(&self, check: Check) -> bool {
        check.is_of_holds() && !self.memory.holds.is_empty()
    }

    /// Asks for everything that the checks need, at once and as of one record.
    fn ask(
        &mut self,
        step: &mut Step,
        at: At,
        mut asked: Box<Asked>,
        until: crate::model::Monotonic,
    ) {
        let token = self.token();
        // Up to the record before this step: what the step itself records is no past.
        let as_of = Position(step.next_position().0.saturating_sub(1));
        let station = self.live().station(at.station);
        let stations = self.stations_asked(station, at);
        (asked.touched, asked.came) = (None, Vec::new());
        asked.lots = self.lots_asked(at);
        let items = asked.items().cloned().collect();
        let live = self.live();
        let checks = &live.handshake(at).checks;
        let ancestry = checks.iter().any(|check| live.plant.catalog.looks_back(*check));
        let measured = live.plant.catalog.measured.iter();
        let measured = measured.filter(|_| checks.contains(&Check::AttributePlan));
        let measured = measured.map(|(name, of)| (name.clone(), of.clone())).collect();
        asked.looks_back = ancestry || checks.iter().any(|check| self.asks_of_holds(*check));
        self.live_mut().tokens.insert(token, at);
        self.exchange(at).stage = Stage::Asking { token, asked, until };
        step.effect(Effect::Ask(Question { token, items, stations, ancestry, measured, as_of }));
    }

    pub(in crate::capture) fn on_facts(&mut self, step: &mut Step, facts: &Facts) {
        let Some(at) = self.live.as_mut().and_then(|l| l.tokens.remove(&facts.token)) else {
            return;
        };
        // Another lot may have been told, whose counters are not read yet.
        self.take_all_told(step, at.station);
        let stage = std::mem::take(&mut self.exchange(at).stage);
        match stage {
            Stage::Asking { token, asked, until } if token == facts.token => {
                // Something was recorded of these items after the facts were looked up: two stations
                // may have asked for the same part at once. Or another lot is in a feeder by now.
                if asked.is_stale(facts) || self.lots_asked(at) != asked.lots {
                    return self.ask(step, at, asked, until);
                }
                self.decide(step, at, &asked, Some(facts));
            }
            other @ (Stage::Idle
            | Stage::Waiting(..)
            | Stage::Reading { .. }
            | Stage::Asking { .. }
            | Stage::Replying { .. }
            | Stage::Scanning { .. }
            | Stage::Slots { .. }
            | Stage::Listing { .. }
            | Stage::Fetching { .. }) => self.exchange(at).stage = other,
        }
    }

    pub(super) fn decide(&mut self, step: &mut Step, at: At, asked: &Asked, facts: Option<&Facts>) {
        let Asked { found, draft, .. } = asked;
        let Found { snapshot, .. } = found;
        let judgement = self.judge(step, at, asked, facts);
        let overruled = self.overrule(at, snapshot, &judgement);
        let permit = if overruled.is_some() { Permit::Ok } else { judgement.permit };
        let bypassed = self.evidence(at, snapshot) == Evidence::Bypassed;
        let handshake = self.live().handshake(at);
        // A machine that had its answer too late may have gone on: that is kept as done.
        let no = matches!(permit, Permit::Nok | Permit::Unknown);
        let refused = no && !judgement.late;
        let stopped = refused && handshake.tells() && !bypassed;
        let reason = judgement.grounds.as_ref().map(|(reason, _)| word(*reason));
        let by = overruled.as_ref().map(|o| o.by);
        let grounds = judgement.grounds.map(|(reason, text)| Grounds {
            code: handshake.reasons.code(reason),
            text: sentence(text),
            stopped,
            overruled,
        });
        let recipe = judgement.recipe.filter(|_| !no);
        let mark = self.mark(at, found, permit, reason.clone(), grounds);
        let mark = HandshakeMark { recipe: recipe.clone(), ..mark };
        let mut event = self.compose(step, at, snapshot, draft, mark);
        let (id, about) = (self.live().station(at.station).id.clone(), self.live().about(at));
        if by.is_none() {
            event.went_past = self.went_past(step, &id, &about, &event.what);
        }
        if by.is_some() || event.went_past.is_some() {
            event.evidence = event.evidence.max(Evidence::Bypassed);
            event.operator = event.operator.or(by);
        }
        let position = self.record_done(step, at.station, event);
        let answer = Answer { permit, reason: reason.as_ref(), recipe: recipe.as_ref() };
        self.answer(step, at, position, found, answer);
    }

    /// The stations whose visits the rules may look at: which product it is may be known only with the
    /// answer.
    fn stations_asked(&self, station: &Station, at: At) -> Vec<StationId> {
        let live = self.live();
        let routed = [Check::Route, Check::NotDoneHere];
        let routed = live.handshake(at).checks.iter().any(|check| routed.contains(check));
        let products = live.plant.catalog.products.values().filter(|_| routed);
        let products = products.filter(|product| product.stations().any(|s| *s == station.id));
        let stations = products.flat_map(Product::stations);
        let stations: BTreeSet<&StationId> =
            stations.chain(&station.after).chain([&station.id]).collect();
        stations.into_iter().cloned().collect()
    }

    /// The lots in the station's feeders, if a rule asks for their past.
    fn lots_asked(&self, at: At) -> Vec<ItemKey> {
        let live = self.live();
        let asks = |check: &Check| check.asks_of_feeders() || self.asks_of_holds(*check);
        if !live.handshake(at).checks.iter().any(asks) {
            return Vec::new();
        }
        self.mounted(live.station(at.station)).into_values().collect()
    }

    /// What is in the feeders of a station.
    pub(in crate::capture) fn mounted(&self, station: &Station) -> BTreeMap<MountPointId, ItemKey> {
        let feeders = self.memory.station(&station.id).map(|memory| &memory.feeders);
        let lot = |id: &MountPointId| Some(feeders?.now(id)?.lot.clone());
        let points = station.mounts.iter();
        points.filter_map(|point| Some((point.id.clone(), lot(&point.id)?))).collect()
    }

    fn judge(&mut self, step: &Step, at: At, asked: &Asked, facts: Option<&Facts>) -> Judgement {
        let requested = self.exchange(at).requested;
        let live = self.live();
        let handshake = live.handshake(at);
        let late = requested.is_some_and(|t| step.at.monotonic > t.plus(handshake.deadline));
        let missing = facts.is_none() && self.asks(at, &asked.said);
        let (item, station) = (&asked.draft.item, live.station(at.station));
        if missing || (handshake.tells() && late) {
            let text = format!("{item} at {} could not be judged in time", station.id);
            return Judgement {
                permit: handshake.on_late,
                grounds: Some((Reason::Late, text)),
                overrulable: false,
                late: true,
                recipe: None,
            };
        }
        let none = StationMemory::default();
        let case = Case {
            plant: &live.plant,
            station,
            verb: handshake.event,
            draft: &asked.draft,
            said: &asked.said,
            memory: self.memory.station(&station.id).unwrap_or(&none),
            purpose: self.purpose(at, &asked.found.snapshot, item),
            holds: &self.memory.holds,
            mounts: self.mounted(station),
            mounts_seen: asked.mounts_seen,
            facts,
            now: step.at.wall,
        };
        let judgement = judge(&handshake.checks, &case, handshake.on_late);
        let mut words = handshake.recipe_words().peekable();
        if words.peek().is_none() {
            return judgement;
        }
        judgement.with_recipe(case.recipe(words), handshake.on_late)
    }

    /// The refusal, if a machine worked on what it was told not to work on; whoever watches is told.
    pub(in crate::capture) fn went_past(
        &self,
        step: &mut Step,
        station: &StationId,
        about: &str,
        what: &What,
    ) -> Option<Position> {
        let What::Complete { item, .. } = what else { return None };
        let mut known = self.memory.station(station)?.refused.iter();
        let refused = known.find(|(of, _)| of == item).map(|(_, record)| *record);
        if refused.is_some() {
            let text = format!("{item} was refused and is completed all the same: bypassed");
            step.notice(about, text);
        }
        refused
    }
}

impl Asked {
    /// The items that the facts are about.
    fn items(&self) -> impl Iterator<Item = &ItemKey> {
        let members = self.draft.members.iter().map(|member| &member.item);
        std::iter::once(&self.draft.item).chain(&self.draft.other).chain(members).chain(&self.lots)
    }
}

impl Asked {
    /// Whether something was recorded since these facts were looked up that they may have to tell of: about an item that
    /// was asked for, or, with regard to holds, about what it was made of.
    fn is_stale(&self, facts: &Facts) -> bool {
        let behind = |item: &ItemKey| facts.behind.as_ref().is_none_or(|all| all.contains(item));
        self.touched.is_some_and(|touched| touched > facts.position)
            || self.came.iter().any(|(at, item)| *at > facts.position && behind(item))
    }
}

impl Exchange {
    /// Something was recorded: facts that were looked up before and are about the same are stale.
    fn touch(&mut self, position: Position, all: bool, items: &[&ItemKey], came_to: &[&ItemKey]) {
        let Stage::Asking { asked, .. } = &mut self.stage else { return };
        if all || asked.items().any(|item| items.contains(&item)) {
            asked.touched = Some(position);
        }
        let came_to = came_to.iter().filter(|_| asked.looks_back);
        asked.came.extend(came_to.map(|item| (position, (*item).clone())));
    }
}

/// Tells the requests that wait for facts what was recorded meanwhile.
pub(in crate::capture) fn touch(live: &mut Live, record: &Record) {
    let Body::Trace(event) = &record.body else { return };
    // A correction may be about anything, and so may a hold of what things were made of.
    let all = matches!(event.what, What::Correct { .. } | What::Hold { .. } | What::Release { .. });
    let items = event.items();
    let came_to = came_to(event);
    for at in live.tokens.values() {
        if let Some(exchange) = live.exchanges.get_mut(at) {
            exchange.touch(record.position, all, &items, &came_to);
        }
    }
}

/// The items that something comes to by an event, and with it whatever keeps that from moving on: the main one, those that
/// it becomes, and those that a container that may be on hold takes in.
fn came_to(event: &TraceEvent) -> Vec<&ItemKey> {
    let items = event.what.items();
    let all = matches!(event.what, What::Split { .. } | What::Identify { .. } | What::Pack { .. });
    let count = if all { items.len() } else { 1 };
    items.into_iter().take(count).chain(event.members.iter().map(|member| &member.item)).collect()
}

fn word(reason: Reason) -> Text {
    Text::parse(reason.as_str()).expect("the word of a reason is a good text")
}
