//! What the north wants done: holds, notes, orders of work.
use super::{Capture, compose};
use crate::model::{
    Adoption, Amount, Answer, Audit, Body, CaseEvent, CaseStep, Command, CommandId, Digest, Effect,
    Evidence, ItemClass, ItemKey, MaintenanceEvent, MaintenanceStep, Measurement, MonitorId,
    OrderRow, Position, Quality, Refusal, Rule, STOCK, Scope, Step, TagName, Text, Told,
    TraceEvent, Value, What, similar,
};
use std::collections::BTreeSet;

impl Capture {
    pub(super) fn on_command(&mut self, step: &mut Step, id: CommandId, command: &Command) {
        let outcome = match command {
            Command::Orders(rows) => self.orders(rows).map(|()| Body::Orders(rows.clone())),
            Command::Hold { item, reason, badge, meaning } => {
                let (reason, meaning) = (reason.clone(), meaning.clone());
                let what = What::Hold { item: item.clone(), reason, meaning };
                self.hold_is(item, false).map(|()| self.by_hand(step, what, badge))
            }
            Command::Release { item, reason, badge, meaning, of } => {
                let of = of.clone().filter(|of| of != item);
                let held = match &of {
                    Some(_) if self.memory.holds.contains_key(item) => {
                        Err(vec![Refusal::HeldItself(item.clone())])
                    }
                    of => self.hold_is(of.as_ref().unwrap_or(item), true),
                };
                let (reason, meaning) = (reason.clone(), meaning.clone());
                let what = What::Release { item: item.clone(), reason, meaning, of };
                held.map(|()| self.by_hand(step, what, badge))
            }
            Command::Note { item, text, badge } => {
                let what = What::Note { item: item.clone(), text: text.clone() };
                Ok(self.by_hand(step, what, badge))
            }
            Command::Identify { item, real, badge } => self
                .waits(item, real)
                .map(|()| self.by_hand(step, compose::identify(item.clone(), real.clone()), badge)),
            Command::Count { item, amount, badge } => {
                counted(item, amount).map(|what| self.by_hand(step, what, badge))
            }
            Command::Maintenance { step: said, station, monitors, text, item, badge } => {
                let named: BTreeSet<&MonitorId> = monitors.iter().collect();
                let event = MaintenanceEvent {
                    station: station.clone(),
                    monitors: named.into_iter().cloned().collect(),
                    step: *said,
                    who: self.persons.token(badge.as_str()),
                    text: text.clone(),
                    item: item.clone(),
                    time: step.at.wall,
                };
                self.maintained(&event).map(|()| Body::Maintenance(event))
            }
            // Which alarms there are is not known here: the engine does what is asked.
            Command::Alarm(_) => return,
            Command::Reload { plant, badge } => Ok(self.reload(*plant, badge.as_ref())),
            Command::Adopt { changes, plant, reason, badge } => {
                let outcome = self.adopt(step, changes, *plant, (reason, badge));
                return step.effect(Effect::Answer(Answer { id, outcome }));
            }
            Command::Case { step: done, reason, badge } => self.case_goes_on(done).map(|()| {
                let who = self.persons.token(badge.as_str());
                Body::Case(CaseEvent { step: done.clone(), reason: reason.clone(), who })
            }),
        };
        let outcome = outcome.map(|body| self.record(step, body));
        step.effect(Effect::Answer(Answer { id, outcome }));
    }

    fn hold_is(&self, item: &ItemKey, wanted: bool) -> Result<(), Vec<Refusal>> {
        match (self.memory.holds.contains_key(item), wanted) {
            (true, false) => Err(vec![Refusal::AlreadyHeld(item.clone())]),
            (false, true) => Err(vec![Refusal::NotHeld(item.clone())]),
            (true, true) | (false, false) => Ok(()),
        }
    }

    /// What is done with a case was decided on what was known of it: nobody may have changed it since.
    fn case_goes_on(&self, done: &CaseStep) -> Result<(), Vec<Refusal>> {
        let Some((case, last)) = done.follows() else { return Ok(()) };
        match self.memory.cases.get(&case) {
            None => Err(vec![Refusal::NoOpenCase(case)]),
            Some(by) if *by != last => Err(vec![Refusal::CaseChanged { case, by: *by }]),
            Some(_) => Ok(()),
        }
    }

    /// Maintenance is of monitors that there are, and acknowledged is what waits for it.
    fn maintained(&self, event: &MaintenanceEvent) -> Result<(), Vec<Refusal>> {
        let stations = self.plant().into_iter().flat_map(|plant| &plant.stations);
        let id = &event.station;
        let Some(station) = stations.into_iter().find(|station| station.id == *id) else {
            return Err(vec![Refusal::UnknownStation(id.clone())]);
        };
        let names = station.monitors.iter().map(|monitor| &monitor.id);
        let names = names.chain(station.schedules.iter().map(|schedule| &schedule.id));
        let names: Vec<&MonitorId> = names.collect();
        let unknown = event.monitors.iter().filter(|monitor| !names.contains(monitor));
        let refusal = |monitor: &MonitorId| {
            let monitor = monitor.clone();
            let is_master = station.masters.iter().any(|master| master.id == monitor);
            let station = id.clone();
            if is_master {
                return Refusal::OfMaster { station, monitor };
            }
            let names = names.iter().map(|name| name.as_str());
            let hint = similar::hint(monitor.as_str(), "monitors", names);
            Refusal::UnknownMonitor { station, monitor, hint }
        };
        let mut refusals: Vec<Refusal> = unknown.map(refusal).collect();
        let known = self.memory.station(id).into_iter();
        let asking = known.flat_map(|memory| memory.drifts.keys().chain(memory.asks.keys()));
        let mut waiting =
            asking.filter(|of| of.rule != Rule::Master && event.concerns(id, &of.monitor));
        if event.step == MaintenanceStep::Acknowledge && waiting.next().is_none() {
            refusals.push(Refusal::NothingToAcknowledge(id.clone()));
        }
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    /// A second code for the same passage is a contradiction, not another name.
    fn waits(&self, item: &ItemKey, real: &ItemKey) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        if !self.memory.unread.waits(item) {
            refusals.push(Refusal::NotWaiting(item.clone()));
        }
        if real.class != ItemClass::Unit || real.scope == Scope::Provisional {
            refusals.push(Refusal::NoUnit(real.clone()));
        }
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    /// All faults of a list at once; a list with one takes none of its rows.
    fn orders(&self, rows: &[OrderRow]) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        for row in rows {
            let stations = self.plant().into_iter().flat_map(|plant| &plant.stations);
            match stations.into_iter().find(|station| station.id == row.station) {
                None => refusals.push(Refusal::UnknownStation(row.station.clone())),
                Some(station) if !station.orders => {
                    refusals.push(Refusal::NoOrderList(row.station.clone()));
                }
                Some(_) => {}
            }
            let open = self.memory.station(&row.station);
            if open.is_some_and(|s| s.orders.iter().any(|(_, open)| open == row)) {
                refusals.push(Refusal::OrderTwice {
                    station: row.station.clone(),
                    program: row.program.clone(),
                    item: row.item.clone(),
                });
            }
        }
        refusals.dedup();
        if refusals.is_empty() { Ok(()) } else { Err(refusals) }
    }

    fn reload(&self, plant: Option<Digest>, badge: Option<&Text>) -> Body {
        let who = badge.map(|badge| self.persons.token(badge.as_str()).to_string());
        let what = match plant {
            Some(hash) => format!("has the plant {hash} put in force"),
            None => "had plant files read anew, and they were refused".to_owned(),
        };
        let text = |text: &str| Text::parse(text).expect("a good text");
        Body::Audit(Audit { who: text(who.as_deref().unwrap_or("SIGHUP")), what: text(&what) })
    }

    /// What a replay found: for each difference the record that counts no more, and what counts instead.
    fn adopt(
        &mut self,
        step: &mut Step,
        changes: &[Adoption],
        plant: Option<Digest>,
        (reason, badge): (&Text, &Text),
    ) -> Result<Position, Vec<Refusal>> {
        let known = step.next_position();
        let taken_back = changes.iter().filter_map(|change| change.instead);
        let missing: Vec<Refusal> =
            taken_back.filter(|record| *record >= known).map(Refusal::NoRecord).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        let under = plant.map(|hash| format!(" under the plant {hash}")).unwrap_or_default();
        let what = format!("adopts {} differences of a replay{under}", changes.len());
        let who = Text::parse(&self.persons.token(badge.as_str()).to_string());
        let who = who.expect("a token is a good text");
        let what = Text::parse(&what).expect("a hash and a number are a good text");
        let mut last = self.record(step, Body::Audit(Audit { who, what }));
        for Adoption { instead, told } in changes {
            if let Some(position) = *instead {
                let what = What::Correct { position, reason: reason.clone() };
                let body = self.by_hand(step, what, badge);
                last = self.record(step, body);
            }
            last = match told {
                Some(Told::Trace(event)) => self.record(step, Body::Trace(*event.clone())),
                Some(Told::Quarantine(set_aside)) => {
                    self.record(step, Body::Quarantine(*set_aside.clone()))
                }
                None => last,
            };
        }
        Ok(last)
    }

    fn by_hand(&self, step: &Step, what: What, badge: &Text) -> Body {
        Body::Trace(TraceEvent {
            evidence: Evidence::Manual,
            operator: Some(self.persons.token(badge.as_str())),
            ..TraceEvent::bare(what, step.at.wall, None)
        })
    }
}

/// What was found of a lot, as an inspection that measured its stock.
fn counted(item: &ItemKey, amount: &Amount) -> Result<What, Vec<Refusal>> {
    let mut refusals = Vec::new();
    if item.class != ItemClass::Lot {
        refusals.push(Refusal::NoLot(item.clone()));
    }
    if !amount.value.is_finite() || amount.value < 0.0 {
        refusals.push(Refusal::NoAmount(amount.to_string()));
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let stock = Measurement {
        name: TagName::parse(STOCK).expect("a good name"),
        value: Value::Real(amount.value),
        quality: Quality::GOOD,
        unit: amount.unit.clone(),
        low: None,
        high: None,
    };
    Ok(What::Inspect { item: item.clone(), result: None, measurements: vec![stock] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{At, CaseId, Input, Monotonic, PersonKey, Position, Utc};

    fn item(text: &str) -> ItemKey {
        text.parse().unwrap()
    }

    /// What a person's word for the code of a unit comes to.
    fn identify(capture: &mut Capture, last: u64, of: &str, real: &str) -> Vec<Effect> {
        let at = At { monotonic: Monotonic(last), wall: Utc(0) };
        let mut step = Step::new(at, Position(last), None);
        let badge = Text::parse("4711").unwrap();
        let command = Command::Identify { item: item(of), real: item(real), badge };
        capture.on_input(&mut step, &Input::Command { id: CommandId(1), command });
        let mut effects = Vec::new();
        step.finish(&mut effects);
        effects
    }

    fn refusals(effects: &[Effect]) -> Vec<Refusal> {
        let [Effect::Answer(Answer { outcome: Err(refusals), .. })] = effects else {
            panic!("wanted a refusal and nothing else: {effects:?}");
        };
        refusals.clone()
    }

    #[test]
    fn what_was_found_of_a_lot_is_an_amount_and_of_nothing_else() {
        let amount = |value| Amount { value, unit: None };
        let (tin, part) = (item("l/site/L-1"), item("u/site/SN-1"));
        assert!(matches!(counted(&tin, &amount(0.0)), Ok(What::Inspect { .. })));
        for wrong in [-1.0, f64::NAN, f64::INFINITY] {
            let refusals = counted(&tin, &amount(wrong)).unwrap_err();
            assert_eq!(refusals, [Refusal::NoAmount(wrong.to_string())]);
        }
        let both = [Refusal::NoLot(part.clone()), Refusal::NoAmount("-1".to_owned())];
        assert_eq!(counted(&part, &amount(-1.0)).unwrap_err(), both);
    }

    #[test]
    fn a_passage_is_identified_once_and_as_a_unit() {
        let mut capture = Capture::new(PersonKey::new([1; 32]));
        let passage = item("u/provisional/ST10.in.0.1");
        let at = At { monotonic: Monotonic(0), wall: Utc(0) };
        let mut step = Step::new(at, Position(0), None);
        let what = What::Arrive { item: passage.clone() };
        let seen = capture.by_hand(&step, what, &Text::parse("4711").unwrap());
        capture.record(&mut step, seen);

        let of = passage.to_string();
        let wrong = identify(&mut capture, 1, &of, "l/site/SN-1");
        assert_eq!(refusals(&wrong), [Refusal::NoUnit(item("l/site/SN-1"))]);
        let wrong = identify(&mut capture, 1, "u/site/SN-8", "u/site/SN-1");
        assert_eq!(refusals(&wrong), [Refusal::NotWaiting(item("u/site/SN-8"))]);

        let right = identify(&mut capture, 1, &of, "u/site/SN-1");
        assert!(matches!(&right[0], Effect::Append(frame) if frame.len() == 1), "{right:?}");
        let again = identify(&mut capture, 2, &of, "u/site/SN-2");
        assert_eq!(refusals(&again), [Refusal::NotWaiting(passage)]);
    }

    #[test]
    fn a_case_goes_on_from_its_last_record_until_it_is_closed() {
        let mut capture = Capture::new(PersonKey::new([1; 32]));
        let mut send = |last: u64, step: &CaseStep| {
            let at = At { monotonic: Monotonic(last), wall: Utc(0) };
            let mut of = Step::new(at, Position(last), None);
            let [reason, badge] = ["a complaint", "4711"].map(|text| Text::parse(text).unwrap());
            let command = Command::Case { step: step.clone(), reason, badge };
            capture.on_input(&mut of, &Input::Command { id: CommandId(1), command });
            let mut effects = Vec::new();
            of.finish(&mut effects);
            match &effects[..] {
                [Effect::Append(frame), ..] => {
                    let Body::Case(event) = &frame[0].body else { panic!("{frame:?}") };
                    assert_eq!((&event.step, frame.len()), (step, 1));
                    Ok(event.case(frame[0].position))
                }
                _ => Err(refusals(&effects)),
            }
        };
        let frozen = crate::model::specimens::frozen();
        let (case, other) = (CaseId(Position(5)), CaseId(Position(4)));
        let counts = frozen.counts;
        let revised = |case, last| CaseStep::Revised {
            case,
            last: Position(last),
            frozen: frozen.clone(),
            came: counts,
            went: counts,
        };
        let closed = |last| CaseStep::Closed { case, last: Position(last) };
        assert_eq!(send(4, &CaseStep::Opened { frozen: frozen.clone() }), Ok(case));
        assert_eq!(send(5, &revised(other, 5)), Err(vec![Refusal::NoOpenCase(other)]));
        assert_eq!(send(5, &revised(case, 5)), Ok(case));
        // Who looked at it before that does not know what he revises, or closes.
        let changed = Refusal::CaseChanged { case, by: Position(6) };
        assert_eq!(send(6, &revised(case, 5)), Err(vec![changed.clone()]));
        assert_eq!(send(6, &closed(5)), Err(vec![changed]));
        assert_eq!(send(6, &closed(6)), Ok(case));
        assert_eq!(send(7, &closed(7)), Err(vec![Refusal::NoOpenCase(case)]));
        assert_eq!(send(7, &revised(case, 7)), Err(vec![Refusal::NoOpenCase(case)]));
    }
}
