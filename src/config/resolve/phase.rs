//! Phases: intervals of machine state.
use super::condition::Asks;
use super::item::{ScopeKeys, current, no_read};
use super::label::{CodeWord, FormKeys, Forms, Rest, given, scope_word};
use super::station::Around;
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::Spot;
use crate::model::plant::{CodeFrom, CodeSpec, Phase};
use crate::model::{ItemClass, PhaseId, Verb};
use std::time::Duration;

const SETTLE: Duration = Duration::from_secs(2);

/// Events that a phase can yield.
const VERBS: [Verb; 3] = [Verb::Complete, Verb::Inspect, Verb::Clean];

impl Resolver<'_> {
    /// Reads a phase.
    pub(super) fn phase(
        &mut self,
        station: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Phase,
        around: &Around,
    ) -> Option<Phase> {
        let t = self.node_table(station.under("phase", name, raw.node.as_ref()));
        let id = self.name(&t, name, PhaseId::parse);
        let while_ = raw.r#while.as_ref();
        let while_ = while_.and_then(|while_| self.condition(&t, while_, Asks::State));
        let confirm = raw.confirm.as_ref();
        let confirm = confirm.and_then(|confirm| self.condition(&t, confirm, Asks::StateOrChange));
        let event = raw.event.as_ref().and_then(|event| self.verb(&t, event, &VERBS));
        let item = self.phase_item(&t, raw, event, around);
        let mut tags = |list: &Option<Vec<Spot<String>>>, use_| -> Vec<_> {
            let list = list.iter().flatten();
            list.filter_map(|name| self.tag(&t, name, use_)).collect()
        };
        let (split, record) = (tags(&raw.split, Use::Every), tags(&raw.record, Use::Record));
        let by = raw.by.as_ref().and_then(|by| self.tag(&t, by, Use::Every));
        let operation = self.maybe_word(&t, raw.operation.as_ref(), Use::Every);
        let ignore = self.duration(&t, raw.ignore.as_ref(), Duration::ZERO);
        let settle = self.duration(&t, raw.settle.as_ref(), SETTLE);
        if let Some(confirm) = raw.confirm.as_ref().filter(|_| raw.event.is_none()) {
            self.warning(&t, confirm.span(), "`confirm` decides over an event, and there is none")
                .label("no `event`");
        }
        if item.as_ref().is_some_and(is_order) && raw.operation.is_none() {
            let at = raw.serial.as_ref().map_or(t.key.clone(), Spot::span);
            self.error(&t, at, "`@order` needs `operation`")
                .label("rows are found by their program")
                .help("write `operation = …` with the word that holds the name of the program");
        }
        Some(Phase {
            id: id?,
            while_: while_?,
            split,
            ignore,
            settle,
            confirm,
            event,
            item,
            operation,
            record,
            by,
        })
    }

    fn phase_item(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Phase,
        event: Option<Verb>,
        around: &Around,
    ) -> Option<CodeSpec> {
        self.check_phase_keys(t, raw);
        let forms = self.phase_forms(t, raw);
        let t = &Table { forms: Some(&forms), ..t.clone() };
        let keys = ScopeKeys {
            scope: raw.scope.as_ref(),
            product: raw.product.as_ref(),
            material: raw.material.as_ref(),
            supplier: raw.supplier.as_ref(),
        };
        let no_read = no_read(raw.no_read.as_ref());
        match (&raw.serial, &raw.lot) {
            (Some(serial), Some(_)) => {
                self.error(t, serial.span(), "a phase is about a unit or a lot, not both")
                    .label("beside `lot`");
                None
            }
            (Some(serial), None) if serial.as_str() == "@order" => self.order(t, serial, around),
            (Some(serial), None) if serial.as_str() == "@current" => {
                self.current_of_phase(t, serial.span(), around)
            }
            (Some(serial), None) => {
                self.code(t, serial, ItemClass::Unit, keys, no_read, Use::Every)
            }
            (None, Some(lot)) => self.code(t, lot, ItemClass::Lot, keys, no_read, Use::Every),
            (None, None) => match event {
                Some(Verb::Complete | Verb::Inspect) => {
                    self.current_of_phase(t, t.key.clone(), around)
                }
                _ => None,
            },
        }
    }

    /// How the code of a phase is read; its event has the item alone.
    fn phase_forms(&mut self, t: &Table<'_>, raw: &raw::Phase) -> Forms {
        let code = |key, name: &Option<Spot<String>>| {
            let name = name.as_ref().filter(|name| !name.starts_with('@'))?;
            let scope = scope_word(raw.scope.as_ref());
            Some(CodeWord { key, at: name.span().start, scope, rest: Rest::Lost })
        };
        let codes = code("serial", &raw.serial).into_iter().chain(code("lot", &raw.lot));
        let keys = FormKeys { matches: raw.r#match.as_ref(), parse: raw.parse.as_ref() };
        let has = given(&[
            ("product", &raw.product),
            ("material", &raw.material),
            ("supplier", &raw.supplier),
        ]);
        self.forms(t, keys, &codes.collect::<Vec<_>>(), has)
    }

    /// The current unit, where a station has only one.
    fn current_of_phase(
        &mut self,
        t: &Table<'_>,
        at: std::ops::Range<usize>,
        around: &Around,
    ) -> Option<CodeSpec> {
        if around.nests {
            self.error(t, at, format!("`{}` does not say whose unit it is about", t.path))
                .label("the station has several positions")
                .help("write `serial = …` with the word that holds the unit's code");
            return None;
        }
        Some(current())
    }

    /// The next open row of the station's order list.
    fn order(&mut self, t: &Table<'_>, serial: &Spot<String>, around: &Around) -> Option<CodeSpec> {
        if !around.orders {
            self.error(t, serial.span(), "the station has no list of work")
                .label("`@order` takes the next row of it")
                .help("write `orders = true` at the station");
            return None;
        }
        Some(CodeSpec { from: CodeFrom::Order, ..current() })
    }

    fn check_phase_keys(&mut self, t: &Table<'_>, raw: &raw::Phase) {
        for (key, word) in [
            ("product", raw.product.as_ref()),
            ("material", raw.material.as_ref()),
            ("supplier", raw.supplier.as_ref()),
        ] {
            self.idle_scope_word(t, key, word, &[raw.scope.as_ref()]);
        }
    }
}

fn is_order(spec: &CodeSpec) -> bool {
    spec.from == CodeFrom::Order
}
