//! With which recipe an item is to be worked on at a station.
use super::{Case, Finding, Judgement};
use crate::model::plant::{Reason, Word};
use crate::model::{Permit, Value};

impl Case<'_> {
    /// The recipe, as all words that are answered with it can hold it. The order list goes before the
    /// product: it speaks of this one unit.
    pub(in crate::capture) fn recipe(
        &self,
        words: impl Iterator<Item = Word>,
    ) -> Result<Value, Finding> {
        let (item, here) = (&self.draft.item, &self.station.id);
        let mut rows = self.memory.orders.iter();
        let ordered = rows.find(|(_, row)| row.item == *item);
        let recipe = match ordered {
            Some((_, row)) => Value::text(row.program.as_str()),
            None => self.recipe_of_product()?,
        };
        let holds = |word| self.plant.holds(word).hold(&recipe).is_some();
        let mut unfit = words.filter(|word| !holds(*word));
        match unfit.next() {
            None => Ok(recipe),
            Some(word) => {
                let word = &self.plant.tag(word.tag).name;
                let text = format!("{word} cannot hold {recipe}, the recipe of {item} at {here}");
                Err(Finding::RefusedFor(Reason::Recipe, text))
            }
        }
    }

    fn recipe_of_product(&self) -> Result<Value, Finding> {
        let (item, here) = (&self.draft.item, &self.station.id);
        if !self.plant.catalog.has_recipe(here) {
            let text = format!("{item} is not on the order list of {here}");
            return Err(Finding::RefusedFor(Reason::Recipe, text));
        }
        let named = self.product()?;
        let recipe = named.product.recipes.get(here).cloned();
        let name = &named.name;
        recipe.ok_or_else(|| {
            let text = format!("{name} has no recipe for {here} ({item})");
            Finding::RefusedFor(Reason::Recipe, text)
        })
    }
}

impl Judgement {
    /// Has the recipe answered with a yes; without one there is none, and nobody can allow it.
    pub(in crate::capture) fn with_recipe(
        mut self,
        recipe: Result<Value, Finding>,
        on_late: Permit,
    ) -> Self {
        let yes = matches!(self.permit, Permit::Ok | Permit::Rework);
        let (permit, grounds) = match recipe {
            Ok(recipe) => return Self { recipe: Some(recipe), ..self },
            Err(Finding::RefusedFor(reason, text)) => (Permit::Nok, (reason, text)),
            Err(Finding::Refused(text) | Finding::Rework(text)) => {
                (Permit::Nok, (Reason::Recipe, text))
            }
            Err(Finding::Unknown(text)) => (on_late, (Reason::Recipe, text)),
            Err(Finding::Passed) => return self,
        };
        self.overrulable = false;
        if yes {
            (self.permit, self.grounds) = (permit, Some(grounds));
        }
        self
    }
}
