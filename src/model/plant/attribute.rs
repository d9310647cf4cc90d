//! Attributes that items inherit from what they were made of, and by which rule.
use super::{Catalog, Check};
use crate::model::{Kin, Text, Utc, floor_until};
use std::collections::{BTreeMap, BTreeSet};

/// How an attribute of an item follows from those of what it was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum InheritRule {
    /// Words: all of them.
    Union,
    /// A mark: if any has it.
    Any,
    /// A number or a time: the least.
    Minimum,
}

impl InheritRule {
    /// The word in plant files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Union => "union",
            Self::Any => "any",
            Self::Minimum => "minimum",
        }
    }
}

/// An attribute whose values are not written under `has`, since something else tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// `allergens` of products and materials.
    Allergens,
    /// The supplier in whose scope a code is.
    Supplier,
    /// What was told as `best_before`, else `shelf_life` since it was made.
    BestBefore,
    /// `floor_life` since it was opened.
    FloorLife,
}

impl Told {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Allergens, Self::Supplier, Self::BestBefore, Self::FloorLife];

    /// The name of the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allergens => "allergens",
            Self::Supplier => "supplier",
            Self::BestBefore => "best_before",
            Self::FloorLife => "floor_life",
        }
    }

    /// The attribute of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|told| told.as_str() == name)
    }

    /// The only rule that makes sense for it.
    pub fn rule(self) -> InheritRule {
        match self {
            Self::Allergens | Self::Supplier => InheritRule::Union,
            Self::BestBefore | Self::FloorLife => InheritRule::Minimum,
        }
    }
}

/// What a material or product has of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Has {
    /// Of a union: these.
    Words(BTreeSet<Text>),
    /// Of a mark: it.
    Mark,
    /// Of a minimum: this, finite.
    Number(f64),
}

/// What a product may be made of, as far as an attribute goes.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// No words but these.
    Allowed(BTreeSet<Text>),
    /// None of these words.
    Forbidden(BTreeSet<Text>),
    /// Nothing with the mark.
    Unmarked,
    /// Nothing with less.
    AtLeast(f64),
    /// No more, of what adds up in all.
    AtMost(f64),
}

/// What comes together of an attribute, each with where it is from.
#[derive(Debug, Clone, PartialEq)]
pub enum Inherited<O> {
    /// Words.
    Words(BTreeMap<Text, O>),
    /// A mark.
    Mark(Option<O>),
    /// The least number.
    Number(Option<(f64, O)>),
    /// The earliest time.
    Until(Option<(Utc, O)>),
}

impl Catalog {
    /// Whether an attribute is inherited.
    pub fn inherits(&self, told: Told) -> bool {
        self.attributes.keys().any(|name| name.as_str() == told.as_str())
    }

    /// Whether a check looks at what items were made of.
    pub fn looks_back(&self, check: Check) -> bool {
        match check {
            Check::AttributePlan => true,
            Check::AllergenPlan => self.inherits(Told::Allergens),
            Check::LotNotExpired => self.inherits(Told::BestBefore),
            Check::FloorLife => self.inherits(Told::FloorLife),
            Check::Known
            | Check::NotHeld
            | Check::Route
            | Check::NotDoneHere
            | Check::ChildKnown
            | Check::ChildNotUsed
            | Check::ChildNotHeld
            | Check::LotKnown
            | Check::MountsVerified
            | Check::Bom
            | Check::SetupPlan
            | Check::Cleaned
            | Check::ToolLife
            | Check::NoOpenDrift => false,
        }
    }

    /// Whether the plant files have a product or material of this name.
    pub fn has(&self, name: &Text) -> bool {
        self.materials.contains_key(name) || self.products.contains_key(name)
    }

    /// What an attribute comes to over some items. Of two that bring the same, the one that is named first counts.
    pub fn inherited<'k, O: Copy>(
        &self,
        (name, rule): (&Text, InheritRule),
        of: impl IntoIterator<Item = (&'k Kin, O)>,
    ) -> Inherited<O> {
        let told = Told::parse(name.as_str());
        let of = of.into_iter();
        match (rule, told) {
            (InheritRule::Union, _) => {
                let mut words = BTreeMap::new();
                for (kin, from) in of {
                    for word in self.words(name, told, kin) {
                        words.entry(word).or_insert(from);
                    }
                }
                Inherited::Words(words)
            }
            (InheritRule::Any, _) => {
                let mut of = of.filter(|(kin, _)| self.own(name, kin) == Some(&Has::Mark));
                Inherited::Mark(of.next().map(|(_, from)| from))
            }
            (InheritRule::Minimum, Some(told)) => {
                let until = of.filter_map(|(kin, from)| Some((self.until(told, kin)?, from)));
                Inherited::Until(until.reduce(|a, b| if b.0 < a.0 { b } else { a }))
            }
            (InheritRule::Minimum, None) => {
                let numbers = of.filter_map(|(kin, from)| match self.own(name, kin) {
                    Some(Has::Number(number)) => Some((*number, from)),
                    Some(Has::Words(_) | Has::Mark) | None => None,
                });
                Inherited::Number(numbers.reduce(|a, b| if b.0 < a.0 { b } else { a }))
            }
        }
    }

    /// What the plant files say of an attribute of an item's product or material.
    fn own(&self, name: &Text, kin: &Kin) -> Option<&Has> {
        let of = kin.material.as_ref()?;
        let material = self.materials.get(of).and_then(|material| material.has.get(name));
        material.or_else(|| self.products.get(of)?.has.get(name))
    }

    fn words(&self, name: &Text, told: Option<Told>, kin: &Kin) -> BTreeSet<Text> {
        let declared = match self.own(name, kin) {
            Some(Has::Words(words)) => words.clone(),
            Some(Has::Mark | Has::Number(_)) | None => BTreeSet::new(),
        };
        match told {
            Some(Told::Allergens) => self.allergens(kin.material.as_ref()),
            Some(Told::Supplier) => kin
                .supplier()
                .and_then(|name| Text::parse(name.as_str()).ok())
                .into_iter()
                .collect(),
            Some(Told::BestBefore | Told::FloorLife) | None => declared,
        }
    }

    /// What a product or material of this name contains.
    pub fn allergens(&self, of: Option<&Text>) -> BTreeSet<Text> {
        let Some(of) = of else { return BTreeSet::new() };
        let material = self.materials.get(of).into_iter().flat_map(|m| &m.allergens);
        let product = self.products.get(of).into_iter().flat_map(|p| &p.allergens);
        material.chain(product).cloned().collect()
    }

    /// Until when an item may be used: as was told, or as its material says.
    pub fn until(&self, told: Told, kin: &Kin) -> Option<Utc> {
        let material = kin.material.as_ref().and_then(|name| self.materials.get(name));
        match told {
            Told::BestBefore => {
                kin.best_before.or_else(|| Some(kin.made?.plus(material?.shelf_life?)))
            }
            Told::FloorLife => {
                floor_until(kin.opened, kin.exposure.as_ref(), material?.floor_life?)
            }
            Told::Allergens | Told::Supplier => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Material;
    use super::*;
    use crate::model::{Code, Exposure, ItemKey, Scope, ScopeName, Storage};
    use std::time::Duration;

    fn text(text: &str) -> Text {
        Text::parse(text).unwrap()
    }

    fn kin(material: &str, supplier: &str) -> Kin {
        let scope = Scope::Supplier(ScopeName::parse(supplier).unwrap());
        let item = ItemKey::lot(scope, Code::parse("1").unwrap());
        let (best_before, made, opened) = (None, Some(Utc(100)), Some(Utc(5)));
        let (way, exposure) = (None, None);
        Kin { item, material: Some(text(material)), best_before, made, opened, way, exposure }
    }

    /// Flour of two countries with a purity, and a cleaning agent.
    fn catalog() -> Catalog {
        let words = |all: &[&str]| all.iter().map(|word| text(word)).collect::<BTreeSet<_>>();
        let flour = Material {
            shelf_life: Some(Duration::from_nanos(20)),
            floor_life: Some(Duration::from_nanos(9)),
            allergens: words(&["gluten"]),
            has: BTreeMap::from([
                (text("country"), Has::Words(words(&["DE", "FR"]))),
                (text("purity"), Has::Number(99.0)),
            ]),
            ..Material::default()
        };
        let agent = Material {
            has: BTreeMap::from([
                (text("country"), Has::Words(words(&["FR", "PL"]))),
                (text("hazardous"), Has::Mark),
                (text("purity"), Has::Number(98.5)),
            ]),
            ..Material::default()
        };
        let materials = BTreeMap::from([(text("flour"), flour), (text("agent"), agent)]);
        Catalog { materials, ..Catalog::default() }
    }

    #[test]
    fn each_rule_takes_from_all_and_says_from_whom() {
        let catalog = catalog();
        let late = Kin { best_before: Some(Utc(200)), ..kin("flour", "ACME") };
        let all = [kin("flour", "ACME"), kin("agent", "ZETA"), late, kin("ghost", "ACME")];
        let fold = |name: &str, rule| catalog.inherited((&text(name), rule), all.iter().zip(0..));
        let words = |all: &[(&str, i32)]| {
            Inherited::Words(all.iter().map(|(word, from)| (text(word), *from)).collect())
        };
        let (union, minimum) = (InheritRule::Union, InheritRule::Minimum);
        assert_eq!(fold("country", union), words(&[("DE", 0), ("FR", 0), ("PL", 1)]));
        assert_eq!(fold("allergens", union), words(&[("gluten", 0)]));
        assert_eq!(fold("supplier", union), words(&[("ACME", 0), ("ZETA", 1)]));
        assert_eq!(fold("hazardous", InheritRule::Any), Inherited::Mark(Some(1)));
        assert_eq!(fold("smelly", InheritRule::Any), Inherited::Mark(None));
        assert_eq!(fold("purity", minimum), Inherited::Number(Some((98.5, 1))));
        assert_eq!(fold("best_before", minimum), Inherited::Until(Some((Utc(120), 0))));
        assert_eq!(fold("floor_life", minimum), Inherited::Until(Some((Utc(14), 0))));
    }

    #[test]
    fn a_lot_that_is_put_away_has_no_end_of_its_floor_life() {
        let told = [(Utc(5), Storage::Opened), (Utc(8), Storage::Closed)];
        let away = Kin { exposure: Some(Exposure::of(told)), ..kin("flour", "ACME") };
        let again = told.into_iter().chain([(Utc(40), Storage::Opened)]);
        let again = Kin { exposure: Some(Exposure::of(again)), ..kin("flour", "ACME") };
        let until = |all: &[&Kin]| {
            let rule = (&text("floor_life"), InheritRule::Minimum);
            catalog().inherited(rule, all.iter().copied().zip(0..))
        };
        assert_eq!(until(&[&away]), Inherited::Until(None));
        assert_eq!(until(&[&away, &again]), Inherited::Until(Some((Utc(46), 1))));
    }
}
