//! `[retention]` of the daemon's file: how long what is kept.
use super::daemon::Origins;
use super::fault::Sink;
use super::resolve::span;
use crate::genealogy::retention::Keep;
use crate::model::Text;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// What is kept for good.
const KEEP: &str = "keep";

/// How long items can be traced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// By product and material.
    pub keep: Keep,
    /// How long sealed files of the tape are kept after their last input; `None` is for good.
    pub tape: Option<Duration>,
    /// The rules of `keep` as they are written.
    pub rules: String,
}

/// How long is kept what, after the last record that names it: a duration such as `15y` or `90d`, or `keep`. Nothing goes
/// by itself: `pedigree retain` says what would go, and lets it go.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retention")]
pub(super) struct RetentionTable {
    /// Items without a product or material that is named below.
    #[schemars(extend("default" = "keep"))]
    default: Option<String>,
    /// By product.
    products: Option<BTreeMap<String, String>>,
    /// By material.
    materials: Option<BTreeMap<String, String>>,
    /// Sealed files of the tape, from which events can be made anew.
    #[schemars(extend("default" = "keep"))]
    tape: Option<String>,
}

/// Reads it; faults go to the sink.
pub(super) fn settle(
    raw: Option<&RetentionTable>,
    origin: &Origins<'_>,
    sink: &mut Sink,
) -> Retention {
    let Some(RetentionTable { default, products, materials, tape }) = raw else {
        return Retention::default();
    };
    let mut read = Reader { origin, sink, rules: Vec::new() };
    let otherwise = default.as_deref().and_then(|text| read.rule("default", text));
    let products = read.names("products", products.as_ref());
    let materials = read.names("materials", materials.as_ref());
    let rules = read.rules.join(", ");
    let tape = tape.as_deref().and_then(|text| read.duration("tape", text));
    Retention { keep: Keep { otherwise, products, materials }, tape, rules }
}

struct Reader<'r, 'o> {
    origin: &'r Origins<'o>,
    sink: &'r mut Sink,
    rules: Vec<String>,
}

impl Reader<'_, '_> {
    fn names(
        &mut self,
        of: &str,
        raw: Option<&BTreeMap<String, String>>,
    ) -> BTreeMap<Text, Option<i64>> {
        let mut names = BTreeMap::new();
        for (name, text) in raw.into_iter().flatten() {
            let key = format!("{of}.{name}");
            match Text::parse(name) {
                Ok(name) => drop(names.insert(name, self.rule(&key, text))),
                Err(why) => {
                    let message = format!("`retention.{key}` names nothing: {why}");
                    self.sink.error(&self.origin.of(&format!("retention.{key}")), message);
                }
            }
        }
        names
    }

    /// In nanoseconds.
    fn rule(&mut self, key: &str, text: &str) -> Option<i64> {
        self.rules.push(format!("{key} = {text}"));
        self.duration(key, text).and_then(|kept| i64::try_from(kept.as_nanos()).ok())
    }

    /// `None` is for good, and what a fault leaves.
    fn duration(&mut self, key: &str, text: &str) -> Option<Duration> {
        if text == KEEP {
            return None;
        }
        let kept = span::parse(text).filter(|kept| !kept.is_zero());
        if kept.is_none() {
            let key = format!("retention.{key}");
            self.sink
                .error(&self.origin.of(&key), format!("`{key}` cannot be `{text}`"))
                .label("wanted `keep`, or how long after the last record")
                .help("write `15y`, `90d` or `keep`");
        }
        kept
    }
}
