//! What items inherit: the attributes, what products and materials have of them, and what a product may not be made of.
use super::product::table;
use super::{Resolver, Table};
use crate::config::raw::{self, InheritWord};
use crate::config::similar;
use crate::config::spot::{Held, Keyed, Scalar, Spot};
use crate::model::Text;
use crate::model::plant::{Bound, Has, InheritRule, Told};
use std::collections::{BTreeMap, BTreeSet};

impl Resolver<'_> {
    /// Reads the attributes of all files into the catalog.
    pub(super) fn inherited(&mut self, files: &[super::Read]) {
        for read in files {
            for (name, raw) in read.raw.iter().flat_map(|raw| raw.attribute.iter()) {
                let t = table(read.file, "attribute", name);
                let word = raw.rule.as_ref().map(|word| **word);
                if !raw.sources().is_empty() || word.is_some_and(InheritWord::is_measured_only) {
                    self.measured_attribute(&t, name, raw, files);
                    continue;
                }
                if let Some(ancestors) = &raw.ancestors {
                    let message = "`ancestors` has no `measurement`, `context` or `count`";
                    self.error(&t, ancestors.span(), message)
                        .label("of what that events tell?")
                        .help("take it out: what a material has is always inherited from all");
                }
                let rule = raw.rule.as_ref().map(|word| (self.rule(&t, name, word), word));
                if let Some(name) = self.once(&t, "attribute", name) {
                    // One without a rule was told of; whoever names it is right.
                    let rule = rule.map_or(InheritRule::Union, |(rule, _)| rule);
                    self.catalog.attributes.insert(name, rule);
                }
            }
        }
    }

    fn rule(&mut self, t: &Table<'_>, name: &str, word: &Spot<InheritWord>) -> InheritRule {
        let rule = match **word {
            InheritWord::Union => InheritRule::Union,
            InheritWord::Any => InheritRule::Any,
            InheritWord::Minimum | InheritWord::Sum | InheritWord::Maximum => InheritRule::Minimum,
        };
        let Some(told) = Told::parse(name).filter(|told| told.rule() != rule) else { return rule };
        let wanted = told.rule().as_str();
        self.error(t, word.span(), format!("`{name}` cannot be inherited by `{}`", rule.as_str()))
            .label(format!("wanted `{wanted}`"))
            .help(format!(
                "write `rule = \"{wanted}\"`, or give an attribute of your own another name"
            ));
        told.rule()
    }

    /// The rule of an attribute that some file declares.
    fn declared(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        unread: bool,
    ) -> Option<InheritRule> {
        if self.catalog.measured.keys().any(|known| known.as_str() == name.as_str()) {
            let message = format!("`{}` is told by events", **name);
            self.error(t, name.span(), message)
                .label("said a second way")
                .help("bound it with `at_most` or `at_least` of a product");
            return None;
        }
        let known = &self.catalog.attributes;
        let found = known.iter().find(|(known, _)| known.as_str() == name.as_str());
        if let Some((_, rule)) = found {
            return Some(*rule);
        }
        // A file that cannot be read may have it.
        if !unread {
            let hint = similar::hint(name, "attributes", known.keys().map(Text::as_str));
            let declare = format!("{hint}; or declare it: `[attribute.{}]`", **name);
            self.error(t, name.span(), format!("there is no attribute `{}`", **name))
                .label("no `attribute` table with this name")
                .help(declare);
        }
        None
    }

    /// What a product or material has of each attribute.
    pub(super) fn has(
        &mut self,
        t: &Table<'_>,
        raw: &Keyed<Spot<Held>>,
        unread: bool,
    ) -> BTreeMap<Text, Has> {
        let mut all = BTreeMap::new();
        for (name, held) in raw.iter() {
            if let Some(told) = Told::parse(name) {
                self.told_elsewhere(t, name, told, told_by(told));
                continue;
            }
            let Some(rule) = self.declared(t, name, unread) else { continue };
            let has = match (rule, self.value(t, held)) {
                (InheritRule::Union, Some(Value::Words(words))) => Some(Has::Words(words)),
                (InheritRule::Any, Some(Value::Mark)) => Some(Has::Mark),
                (InheritRule::Minimum, Some(Value::Number(number))) => Some(Has::Number(number)),
                (_, None) => None,
                (rule, Some(_)) => self.unfit(t, name, held, rule),
            };
            all.extend(self.name(t, name, Text::parse).zip(has));
        }
        all
    }

    /// What a product may be made of.
    pub(super) fn bounds(
        &mut self,
        t: &Table<'_>,
        raw: &raw::Product,
        unread: bool,
    ) -> Vec<(Text, Bound)> {
        let mut all = Vec::new();
        for (name, held) in raw.allowed.iter() {
            let Some(rule) = self.bounded(t, name, unread) else { continue };
            let bound = match (rule, self.value(t, held)) {
                (InheritRule::Union, Some(Value::Words(words))) => Some(Bound::Allowed(words)),
                (_, None) => None,
                (InheritRule::Union, Some(_)) => self.unfit(t, name, held, rule),
                (rule, Some(_)) => self.no_bound(t, name, ("allowed", rule)),
            };
            all.extend(self.name(t, name, Text::parse).zip(bound));
        }
        for (name, held) in raw.forbidden.iter() {
            let Some(rule) = self.bounded(t, name, unread) else { continue };
            let bound = match (rule, self.value(t, held)) {
                (InheritRule::Union, Some(Value::Words(words))) => Some(Bound::Forbidden(words)),
                (InheritRule::Any, Some(Value::Mark)) => Some(Bound::Unmarked),
                (_, None) => None,
                (InheritRule::Minimum, Some(_)) => self.no_bound(t, name, ("forbidden", rule)),
                (rule, Some(_)) => self.unfit(t, name, held, rule),
            };
            all.extend(self.name(t, name, Text::parse).zip(bound));
        }
        for (name, number) in raw.at_least.iter() {
            if self.measured_rule(name).is_some() {
                all.extend(self.measured_bound(t, name, number, "at_least"));
                continue;
            }
            let Some(rule) = self.bounded(t, name, unread) else { continue };
            let bound = match rule {
                InheritRule::Minimum => self.finite(t, Some(number)).map(Bound::AtLeast),
                rule @ (InheritRule::Union | InheritRule::Any) => {
                    self.no_bound(t, name, ("at_least", rule))
                }
            };
            all.extend(self.name(t, name, Text::parse).zip(bound));
        }
        for (name, number) in raw.at_most.iter() {
            if self.measured_rule(name).is_some() {
                all.extend(self.measured_bound(t, name, number, "at_most"));
            } else if let Some(rule) = self.bounded(t, name, unread) {
                self.no_bound::<()>(t, name, ("at_most", rule));
            }
        }
        all
    }

    /// The rule of an attribute that a product may bound: those with a check of their own have it there.
    fn bounded(&mut self, t: &Table<'_>, name: &Spot<String>, unread: bool) -> Option<InheritRule> {
        let check = match Told::parse(name) {
            Some(Told::Allergens) => "`allergens` of the product, with the check `allergen-plan`",
            Some(Told::BestBefore) => "the check `lot-not-expired`",
            Some(Told::FloorLife) => "the check `floor-life`",
            Some(Told::Supplier) | None => return self.declared(t, name, unread),
        };
        self.error(t, name.span(), format!("`{}` has a check of its own", **name))
            .label("not bounded here")
            .help(format!("it is {check}"));
        None
    }

    fn told_elsewhere(&mut self, t: &Table<'_>, name: &Spot<String>, told: Told, by: &str) {
        self.error(t, name.span(), format!("`{}` is told by {by}", told.as_str()))
            .label("said a second way")
            .help("take it out of `has`");
    }

    /// Reads words, `true`, or a number.
    fn value(&mut self, t: &Table<'_>, held: &Spot<Held>) -> Option<Value> {
        let words = match &**held {
            Held::One(Scalar::Text(text)) => std::slice::from_ref(text),
            Held::List(texts) => texts.as_slice(),
            Held::One(Scalar::Bool(true)) => return Some(Value::Mark),
            Held::One(Scalar::Bool(false)) => {
                self.error(t, held.span(), "what has no mark is not named")
                    .label("marks nothing")
                    .help("take it out, or write `true`");
                return None;
            }
            Held::One(Scalar::Real(number)) => {
                return self.finite(t, Some(&held.with(*number))).map(Value::Number);
            }
            #[expect(clippy::cast_precision_loss, reason = "as TOML's own number would be read")]
            Held::One(Scalar::Int(number)) => return Some(Value::Number(*number as f64)),
        };
        let words =
            words.iter().filter_map(|word| self.name(t, &held.with(word.clone()), Text::parse));
        Some(Value::Words(words.collect()))
    }

    fn unfit<T>(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        held: &Spot<Held>,
        rule: InheritRule,
    ) -> Option<T> {
        let wanted = match rule {
            InheritRule::Union => "a text or a list of texts",
            InheritRule::Any => "`true`",
            InheritRule::Minimum => "a number",
        };
        let message = format!("`{}` is inherited by `{}`", **name, rule.as_str());
        self.error(t, held.span(), message).label(format!("wanted {wanted}"));
        None
    }

    fn no_bound<T>(
        &mut self,
        t: &Table<'_>,
        name: &Spot<String>,
        (key, rule): (&str, InheritRule),
    ) -> Option<T> {
        let wanted = match rule {
            InheritRule::Union => "`allowed` or `forbidden`",
            InheritRule::Any => "`forbidden`",
            InheritRule::Minimum => "`at_least`",
        };
        let message = format!(
            "`{key}` does not bound `{}`, which is inherited by `{}`",
            **name,
            rule.as_str()
        );
        self.error(t, name.span(), message).label(format!("wanted {wanted}"));
        None
    }
}

/// What stands for an attribute.
enum Value {
    Words(BTreeSet<Text>),
    Mark,
    Number(f64),
}

/// Where an attribute that is not written under `has` comes from.
fn told_by(told: Told) -> &'static str {
    match told {
        Told::Allergens => "`allergens`",
        Told::Supplier => "the scope of a lot",
        Told::BestBefore => "`best_before` of a handshake, or `shelf_life`",
        Told::FloorLife => "`floor_life`",
    }
}
