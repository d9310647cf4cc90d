//! What a handshake's event says beside its items: amount, place, time, outcome, measurements.
use super::word::Use;
use super::{Resolver, Table};
use crate::config::raw;
use crate::config::spot::{NameOr, Spot};
use crate::model::plant::{MeasurementSpec, Quantity, ResultSpec, Word};
use crate::model::{TagName, Verb};
use std::time::Duration;

/// Words of an event.
#[derive(Debug, Default)]
pub(super) struct Data {
    pub(super) position: Option<Word>,
    pub(super) quantity: Option<Quantity>,
    pub(super) best_before: Option<Duration>,
    pub(super) time: Option<Word>,
    pub(super) product: Option<Word>,
    pub(super) material: Option<Word>,
    pub(super) operation: Option<Word>,
    pub(super) badge: Option<Word>,
    pub(super) result: Option<ResultSpec>,
    pub(super) measurements: Vec<MeasurementSpec>,
}

impl Resolver<'_> {
    /// Reads the words of an event.
    pub(super) fn data(
        &mut self,
        t: &Table<'_>,
        event: Option<Verb>,
        raw: &raw::Handshake,
    ) -> Data {
        if let Some(event) = event {
            self.check_data_keys(t, event, raw);
        }
        let mut word =
            |name: &Option<Spot<String>>| self.maybe_word(t, name.as_ref(), Use::Snapshot);
        let position = word(&raw.position);
        let time = word(&raw.time);
        let operation = word(&raw.operation);
        let badge = self.maybe_word(t, raw.badge.as_ref(), Use::Badge);
        let best_before = raw.best_before.as_ref();
        let best_before = best_before.map(|raw| self.period(t, Some(raw), Duration::ZERO));
        let (product, material) = self.attributes(t, event, raw);
        Data {
            position,
            best_before,
            quantity: raw.quantity.as_ref().and_then(|quantity| self.quantity(t, quantity)),
            time,
            product,
            material,
            operation,
            badge,
            result: self.result(t, raw),
            measurements: raw.values.iter().filter_map(|(n, m)| self.measured(t, n, m)).collect(),
        }
    }

    /// The attribute of the main item, and that of the one beside it. Where there is only one item, it is
    /// one attribute under two names.
    fn attributes(
        &mut self,
        t: &Table<'_>,
        event: Option<Verb>,
        raw: &raw::Handshake,
    ) -> (Option<Word>, Option<Word>) {
        let beside = [Verb::Consume, Verb::Install, Verb::Remove, Verb::Pack];
        if event.is_some_and(|event| beside.contains(&event)) {
            let product = self.maybe_word(t, raw.product.as_ref(), Use::Snapshot);
            return (product, self.maybe_word(t, raw.material.as_ref(), Use::Snapshot));
        }
        if let (Some(_), Some(material)) = (&raw.product, &raw.material) {
            let scopes = [raw.scope.as_ref(), raw.into.as_ref().and_then(|i| i.scope.as_ref())];
            self.idle_scope_word(t, "material", Some(material), &scopes);
        }
        let name = raw.product.as_ref().or(raw.material.as_ref());
        (self.maybe_word(t, name, Use::Snapshot), None)
    }

    fn quantity(&mut self, t: &Table<'_>, raw: &Spot<NameOr<raw::Quantity>>) -> Option<Quantity> {
        let (word, eu) = match &**raw {
            NameOr::Name(name) => (self.word(t, &raw.with(name.clone()), Use::Snapshot), None),
            NameOr::Table(table) => {
                (self.maybe_word(t, table.from.as_ref(), Use::Snapshot), table.eu.as_ref())
            }
        };
        let word = word?;
        let unit = self.unit(t, eu).or_else(|| self.tags.get(word.tag).unit.clone());
        Some(Quantity { word, unit })
    }

    fn result(&mut self, t: &Table<'_>, raw: &raw::Handshake) -> Option<ResultSpec> {
        let codes = self.int_keys(t, &raw.codes, |outcome| **outcome);
        match (&raw.result, raw.codes.iter().next()) {
            (Some(name), Some(_)) => {
                self.word(t, name, Use::Snapshot).map(|word| ResultSpec { word, codes })
            }
            (Some(name), None) if self.lacks(t, "codes", None::<&()>) => {
                self.error(t, name.span(), "`result` has no `codes`")
                    .label("what do its values mean?")
                    .help("write `codes = { 1 = \"pass\", 2 = \"fail\" }`");
                None
            }
            (None, Some((code, _))) if self.lacks(t, "result", None::<&()>) => {
                self.error(t, code.span(), "`codes` has no `result`")
                    .label("of which word?")
                    .help("write `result = …` with the word that holds the outcome");
                None
            }
            (None | Some(_), None) | (None, Some(_)) => None,
        }
    }

    fn measured(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        raw: &raw::Measured,
    ) -> Option<MeasurementSpec> {
        let t =
            Table { path: format!("{}.values.{}", t.path, **name), key: name.span(), ..t.clone() };
        let tag_name = self.name(&t, name, TagName::parse);
        let word = self.maybe_word(&t, raw.from.as_ref(), Use::Snapshot);
        let unit = self.unit(&t, raw.eu.as_ref());
        let (low, high) = self.limits(&t, raw.low.as_ref(), raw.high.as_ref());
        let word = word?;
        let unit = unit.or_else(|| self.tags.get(word.tag).unit.clone());
        Some(MeasurementSpec { name: tag_name?, word, unit, low, high })
    }

    /// Keys that an event does not record.
    fn check_data_keys(&mut self, t: &Table<'_>, event: Verb, raw: &raw::Handshake) {
        let judged = matches!(event, Verb::Complete | Verb::Produce | Verb::Inspect);
        let amount = matches!(event, Verb::Consume | Verb::Produce | Verb::Scrap);
        let stored = matches!(event, Verb::Open | Verb::Close | Verb::Dry);
        let placed = !stored && !matches!(event, Verb::Pack | Verb::Note);
        let given = [
            ("quantity", amount, raw.quantity.as_ref().map(Spot::span)),
            ("best_before", event == Verb::Produce, raw.best_before.as_ref().map(Spot::span)),
            ("position", placed, raw.position.as_ref().map(Spot::span)),
            ("carrier", !stored, raw.carrier.as_ref().map(Spot::span)),
            ("result", judged, raw.result.as_ref().map(Spot::span)),
            ("values", judged, raw.values.iter().next().map(|(name, _)| name.span())),
        ];
        for (key, recorded, span) in given {
            let Some(span) = span.filter(|_| !recorded) else { continue };
            let event = event.as_str();
            self.error(t, span, format!("`{key}` is not recorded with `{event}`"))
                .label("not part of this event")
                .help(match key {
                    "quantity" => "amounts stand with `consume`, `produce` and `scrap`",
                    "best_before" => "it stands with `produce`",
                    "position" => "it stands with what is done at a place or to a unit",
                    "carrier" => "it stands with what is done to a unit",
                    _ => "outcomes and measurements stand with `complete`, `produce` and `inspect`",
                });
        }
    }
}
