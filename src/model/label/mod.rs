//! What the text of a code word says: the code alone, or a label that has more on it.
//!
//! A text that is not of its form says nothing at all: no part of it is taken for a code. Here is how a
//! text is taken apart; which word has which form, and what becomes of the parts, is not decided here.
mod expression;
mod gs1;
mod identifier;
mod link;
mod pasted;

pub use expression::{Expression, ExpressionFault};
pub use gs1::Gs1Fault;
pub use pasted::{Named, Pasted, Reading, pasted};

use super::plant::{CodeSpec, LabelScope, ScopeFrom};
use super::{ItemClass, NameError, ScopeName, TagName, Value};

/// Longest text that is taken apart, in bytes: more than a symbol can hold that a scanner reads.
pub const TEXT_MAX: usize = 8_192;

/// How the text of a code word is read.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum CodeForm {
    /// All of it is the code.
    #[default]
    Plain,
    /// The groups of an expression.
    Match(Expression),
    /// A GS1 element string or Digital Link.
    Gs1,
}

/// Why a text is not of its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelFault {
    /// Longer than any label.
    #[error("{0} bytes are more than a label holds ({TEXT_MAX})")]
    Long(usize),
    /// The expression is for other texts.
    #[error("it is not as `match` says")]
    Unlike,
    /// No code of the item's class is on it.
    #[error("it has no {0}")]
    Lacks(&'static str),
    /// What its code is unique within is no name.
    #[error(transparent)]
    Name(NameError),
    /// It is not what GS1 says.
    #[error(transparent)]
    Gs1(#[from] Gs1Fault),
}

/// A part that is kept beside the code.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    /// As it stands.
    Text(String),
    /// A whole number.
    Count(u64),
    /// A number without its decimal point, and how many digits stand behind that.
    Decimal(u32, u8),
    /// Year in its century, month, and day; day 0 is the last one of the month.
    Date(u8, u8, u8),
}

/// A text that was taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The code of the item.
    pub code: String,
    /// The other parts, in the order in which they stand.
    parts: Vec<(String, Part)>,
}

/// The part that is the code of an item of this class.
pub fn code_part(class: ItemClass) -> &'static str {
    match class {
        ItemClass::Unit => "serial",
        ItemClass::Lot => "lot",
        ItemClass::Container => "container",
    }
}

/// The part that names what GS1 codes are unique within.
pub const GTIN: &str = "gtin";
/// The parts that are attributes of the item.
pub const ATTRIBUTES: [&str; 2] = ["product", "material"];

impl CodeForm {
    /// Takes a text apart; its code is that of an item of this class.
    pub fn read(&self, text: &str, class: ItemClass) -> Result<Label, LabelFault> {
        if text.len() > TEXT_MAX {
            return Err(LabelFault::Long(text.len()));
        }
        match self {
            Self::Plain => Ok(Label { code: text.to_owned(), parts: Vec::new() }),
            Self::Match(expression) => {
                let groups = expression.groups_of(text).ok_or(LabelFault::Unlike)?;
                let parts = groups.into_iter().map(|(name, text)| (name, Part::Text(text)));
                Label::of(parts.collect(), code_part(class), code_part(class))
            }
            Self::Gs1 => {
                let elements = gs1::elements(text)?;
                let wanted = match class {
                    ItemClass::Unit => "serial (21)",
                    ItemClass::Lot => "lot (10)",
                    ItemClass::Container => "SSCC (00)",
                };
                let parts = elements.into_iter().map(|element| element.part(class));
                Label::of(parts.collect(), code_part(class), wanted)
            }
        }
    }
}

impl CodeForm {
    /// A label with this code on it, for a PLC that is played; the GTIN is one that GS1 keeps for examples. An
    /// expression does not say what its other parts are: the code alone.
    pub fn written(&self, code: &str, class: ItemClass) -> String {
        const GTIN: &str = "09506000134352";
        match (self, class) {
            (Self::Plain | Self::Match(_), _) => code.to_owned(),
            (Self::Gs1, ItemClass::Unit) => format!("01{GTIN}21{code}"),
            (Self::Gs1, ItemClass::Lot) => format!("01{GTIN}10{code}"),
            (Self::Gs1, ItemClass::Container) => {
                let digits: String = code.bytes().map(|b| char::from(b'0' + b % 10)).collect();
                let end = digits.len().saturating_sub(17);
                let digits = format!("{:0>17}", digits.get(end..).unwrap_or_default());
                format!("00{digits}{}", identifier::check_digit(&digits))
            }
        }
    }
}

impl Label {
    fn of(
        mut parts: Vec<(String, Part)>,
        name: &str,
        wanted: &'static str,
    ) -> Result<Self, LabelFault> {
        let code = parts.iter().position(|(part, _)| part == name).map(|at| parts.remove(at));
        match code {
            Some((_, Part::Text(code))) if !code.is_empty() => Ok(Self { code, parts }),
            Some(_) | None => Err(LabelFault::Lacks(wanted)),
        }
    }

    /// A part that is a text.
    pub fn get(&self, name: &str) -> Option<&str> {
        match self.parts.iter().find(|(part, _)| part == name) {
            Some((_, Part::Text(text))) if !text.is_empty() => Some(text),
            Some(_) | None => None,
        }
    }

    /// What is kept with an event: neither attributes, nor what is in the key of the item already. Of a date
    /// the century is the one that is nearest to the year of the event (GS1 General Specifications, 7.12).
    pub fn kept(&self, spec: &CodeSpec, year: i16) -> Vec<(TagName, Value)> {
        let in_key = spec.part();
        let told = |name: &str| Some(name) == in_key || ATTRIBUTES.contains(&name);
        let kept = self.parts.iter().filter(|(name, _)| !told(name));
        let kept =
            kept.filter_map(|(name, part)| Some((TagName::parse(name).ok()?, part.value(year)?)));
        kept.collect()
    }
}

impl Part {
    /// `None` of an empty text: the expression allows that nothing stands there.
    fn value(&self, year: i16) -> Option<Value> {
        match self {
            Self::Text(text) => (!text.is_empty()).then(|| Value::text(text)),
            Self::Count(count) => Some(Value::UInt(*count)),
            Self::Decimal(number, behind) => {
                Some(Value::Real(f64::from(*number) / 10_f64.powi((*behind).into())))
            }
            Self::Date(y, m, d) => {
                gs1::date(*y, *m, *d, year).map(|date| Value::Text(date.to_string()))
            }
        }
    }
}

impl CodeSpec {
    /// Whether a text is one of those that are no codes.
    pub fn is_none(&self, text: &str) -> bool {
        text.is_empty() || self.no_read.iter().any(|none| none == text)
    }

    /// The part of the label that says what the code is unique within.
    fn part(&self) -> Option<&'static str> {
        match &self.scope {
            ScopeFrom::Label(within) => Some(within.as_str()),
            // An SSCC has none.
            ScopeFrom::Gs1 if self.class != ItemClass::Container => Some(GTIN),
            ScopeFrom::Gs1
            | ScopeFrom::Site
            | ScopeFrom::Product(_)
            | ScopeFrom::Material(_)
            | ScopeFrom::Supplier(_)
            | ScopeFrom::Fixed(_) => None,
        }
    }

    /// What the code on a label is unique within, as the label says; `None` if its scope is not named there.
    pub fn named_on(&self, label: &Label) -> Result<Option<ScopeName>, LabelFault> {
        let Some(part) = self.part() else { return Ok(None) };
        match label.get(part) {
            Some(name) => Ok(Some(ScopeName::parse(name).map_err(LabelFault::Name)?)),
            // A code alone may be one of GS1.
            None if self.scope == ScopeFrom::Gs1 && self.form != CodeForm::Gs1 => Ok(None),
            None if part == GTIN => Err(LabelFault::Lacks("GTIN (01)")),
            None => Err(LabelFault::Lacks(part)),
        }
    }
}

impl LabelScope {
    /// The key of plant files, and the part of a label.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Product => "product",
            Self::Material => "material",
            Self::Supplier => "supplier",
        }
    }
}

#[cfg(test)]
mod tests;
