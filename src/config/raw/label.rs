//! How the texts of code words are read, as it is written.
use crate::config::spot::Spot;
use schemars::JsonSchema;
use serde::Deserialize;

/// The same for each of the codes, where a table has several.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "PerCode")]
pub(in crate::config) struct PerCode {
    /// Of the word `serial`.
    pub(in crate::config) serial: Option<Spot<String>>,
    /// Of the word `lot`.
    pub(in crate::config) lot: Option<Spot<String>>,
    /// Of the word `child`.
    pub(in crate::config) child: Option<Spot<String>>,
    /// Of the words `members`.
    pub(in crate::config) members: Option<Spot<String>>,
    /// Of the word in `into`.
    pub(in crate::config) into: Option<Spot<String>>,
}

impl PerCode {
    /// What is written, by the keys of the codes.
    pub(in crate::config) fn iter(&self) -> impl Iterator<Item = (&'static str, &Spot<String>)> {
        let Self { serial, lot, child, members, into } = self;
        let all = [
            ("serial", serial),
            ("lot", lot),
            ("child", child),
            ("members", members),
            ("into", into),
        ];
        all.into_iter().filter_map(|(key, written)| Some((key, written.as_ref()?)))
    }
}
