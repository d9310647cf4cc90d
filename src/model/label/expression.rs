//! A regular expression that must fit all of a text.
use regex::{Regex, RegexBuilder};

/// Longest expression, in bytes.
const LEN_MAX: usize = 1_024;
/// Most memory for one, compiled: an expression with `{1,9999}` in it is refused, not run.
const SIZE_MAX: usize = 512 * 1_024;
/// How deep its groups may be nested.
const NEST_MAX: u32 = 32;

/// A regular expression, compiled once; its time grows with the length of the text and no faster.
#[derive(Debug, Clone)]
pub struct Expression {
    text: String,
    compiled: Regex,
}

/// Two are the same if they are written the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionFault {
    /// Longer than the limit.
    #[error("it has {0} bytes; at most {LEN_MAX} are compiled")]
    Long(usize),
    /// It would take too much memory.
    #[error("it is too large when compiled: make its repetitions smaller")]
    Large,
    /// It is not of the language.
    #[error("{0}")]
    Syntax(String),
}

impl Expression {
    /// Compiles an expression. It is held against the whole text, whether it says `^` and `$` or not.
    pub fn parse(text: &str) -> Result<Self, ExpressionFault> {
        if text.len() > LEN_MAX {
            return Err(ExpressionFault::Long(text.len()));
        }
        // By itself first: two halves of an expression are none.
        compile(text)?;
        let compiled = compile(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text: text.to_owned(), compiled })
    }

    /// The names of its groups, in their order.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.compiled.capture_names().flatten()
    }

    /// What its groups hold of a text, as far as they took part; `None` if the text is another one.
    pub(super) fn groups_of(&self, text: &str) -> Option<Vec<(String, String)>> {
        let found = self.compiled.captures(text)?;
        let held = self
            .groups()
            .filter_map(|name| Some((name.to_owned(), found.name(name)?.as_str().to_owned())));
        Some(held.collect())
    }
}

fn compile(text: &str) -> Result<Regex, ExpressionFault> {
    let built = RegexBuilder::new(text)
        .size_limit(SIZE_MAX)
        .dfa_size_limit(SIZE_MAX)
        .nest_limit(NEST_MAX)
        .build();
    built.map_err(|error| {
        if matches!(error, regex::Error::CompiledTooBig(_)) {
            return ExpressionFault::Large;
        }
        // The lines before it show the expression, which the plant file shows better.
        let shown = error.to_string();
        let last = shown.lines().last().unwrap_or_default();
        ExpressionFault::Syntax(last.strip_prefix("error: ").unwrap_or(last).to_owned())
    })
}
