//! Rules about what was measured of an item and of what it is made of, as far as attributes come from it.
use super::{Case, Finding, Named};
use crate::model::plant::{Bound, Measured, MeasuredRule};
use crate::model::{Text, Total};

impl Case<'_> {
    /// What was measured up to this request comes to no more and no less than the product may have: of the item, or also of
    /// what is named beside it, of the lots in the feeders and of all that these were made of.
    pub(super) fn measured_plan(&self, named: &Named<'_>) -> Finding {
        let found = named.product.bounds.iter().filter_map(|(attribute, bound)| {
            let measured = self.plant.catalog.measured.get(attribute)?;
            Some(self.measured_within((attribute, measured), bound, &named.name))
        });
        Finding::worst(found)
    }

    fn measured_within(
        &self,
        (attribute, measured): (&Text, &Measured),
        bound: &Bound,
        name: &Text,
    ) -> Finding {
        let item = &self.draft.item;
        let mut told = self.facts.iter().flat_map(|facts| &facts.measured);
        let Some(total) = told.find(|total| total.attribute == *attribute) else {
            return Finding::Unknown(format!("what {attribute} of {item} comes to was not told"));
        };
        let wants = match (bound, total.value) {
            (Bound::AtMost(most), Some(value)) if value > *most => format!("may have {most}"),
            (Bound::AtLeast(least), Some(value)) if value < *least => {
                format!("wants {least} at least")
            }
            (
                Bound::AtMost(_)
                | Bound::AtLeast(_)
                | Bound::Allowed(_)
                | Bound::Forbidden(_)
                | Bound::Unmarked,
                _,
            ) => {
                let of = format!("{attribute} of {item}");
                return match (&total.missing, total.value) {
                    (Some(why), _) => Finding::Unknown(format!("not all is known of {of}: {why}")),
                    (None, None) => Finding::Unknown(format!("no {of} was told")),
                    (None, Some(_)) if measured.ancestors && !self.mounts_seen => {
                        self.mounts_not_seen()
                    }
                    (None, Some(_)) => Finding::Passed,
                };
            }
        };
        Finding::Refused(format!("{}; {name} {wants}", comes_to(total, measured.rule, item)))
    }
}

/// What it comes to, and which value says most of it.
fn comes_to(total: &Total, rule: MeasuredRule, item: &impl std::fmt::Display) -> String {
    let Total { attribute, value, most, missing } = total;
    let value = value.unwrap_or_default();
    let known = match (rule, missing) {
        (_, None) => "",
        (MeasuredRule::Sum | MeasuredRule::Maximum, Some(_)) => "at least ",
        (MeasuredRule::Minimum, Some(_)) => "at most ",
    };
    match (rule, most) {
        (MeasuredRule::Sum, Some(portion)) if portion.value < value => {
            let part = portion.value;
            format!("{attribute} of {item} is {known}{value}, most of it {part} of {portion}")
        }
        (_, Some(portion)) => format!("{attribute} of {item} is {known}{value} by {portion}"),
        (_, None) => format!("{attribute} of {item} is {known}{value}"),
    }
}
