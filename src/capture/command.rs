//! What the north wants done: holds, notes, orders of work.
use super::Capture;
use crate::model::{
    Adoption, Answer, Audit, Body, Command, CommandId, Digest, Effect, EventTime, Evidence,
    ItemKey, OrderRow, Position, Purpose, Refusal, Step, Text, Told, TraceEvent, What,
};

impl Capture {
    pub(super) fn on_command(&mut self, step: &mut Step, id: CommandId, command: &Command) {
        let outcome = match command {
            Command::Orders(rows) => self.orders(rows).map(|()| Body::Orders(rows.clone())),
            Command::Hold { item, reason, badge } => {
                let what = What::Hold { item: item.clone(), reason: reason.clone() };
                self.hold_is(item, false).map(|()| self.by_hand(step, what, badge))
            }
            Command::Release { item, reason, badge } => {
                let what = What::Release { item: item.clone(), reason: reason.clone() };
                self.hold_is(item, true).map(|()| self.by_hand(step, what, badge))
            }
            Command::Note { item, text, badge } => {
                let what = What::Note { item: item.clone(), text: text.clone() };
                Ok(self.by_hand(step, what, badge))
            }
            Command::Reload { plant, badge } => Ok(self.reload(*plant, badge.as_ref())),
            Command::Adopt { changes, plant, reason, badge } => {
                let outcome = self.adopt(step, changes, *plant, (reason, badge));
                return step.effect(Effect::Answer(Answer { id, outcome }));
            }
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

    /// All faults of a list at once; a list with one takes none of its rows.
    fn orders(&self, rows: &[OrderRow]) -> Result<(), Vec<Refusal>> {
        let mut refusals = Vec::new();
        for row in rows {
            let known =
                self.plant().is_some_and(|p| p.stations.iter().any(|s| s.id == row.station));
            if !known {
                refusals.push(Refusal::UnknownStation(row.station.clone()));
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
            what,
            time: EventTime { at: step.at.wall, uncertainty_ns: 0 },
            station: None,
            evidence: Evidence::Manual,
            purpose: Purpose::Production,
            handshake: None,
            stay: None,
            operator: Some(self.persons.token(badge.as_str())),
            product: None,
            operation: None,
            remarks: Vec::new(),
            adopted: None,
            material: None,
        })
    }
}
