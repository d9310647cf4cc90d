mod bench;
mod broken;
mod daemon;
mod derived;
mod docs;
mod labels;
mod lines;
mod lock;
mod recipe;
mod rules;
mod template;

use super::plant::{Checked, load};
use super::{Fault, Faults};
use crate::model::SiteId;

/// The worked examples.
fn examples() -> Vec<(String, String)> {
    super::read_dir(&root().join("config/plant.d")).unwrap()
}

/// A device of each protocol and a station of each, right in every detail.
const GOOD: &str = include_str!("good.toml");

fn site() -> SiteId {
    SiteId::parse("site").unwrap()
}

fn named(files: &[(&str, &str)]) -> Vec<(String, String)> {
    files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn check(files: &[(&str, &str)]) -> Result<Checked, Faults> {
    load(&named(files), &site())
}

fn good() -> Checked {
    check(&[("good.toml", GOOD)]).unwrap()
}

/// Everything that was found, warnings of a good plant too.
fn found(files: &[(&str, &str)]) -> Vec<Fault> {
    match check(files) {
        Ok(checked) => checked.warnings,
        Err(faults) => faults.iter().cloned().collect(),
    }
}

fn root() -> &'static std::path::Path {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
}
