//! Generated files stand beside the code that they are generated from.
use super::root;
use crate::config::{reference, schema};

fn same(path: &str, wanted: &str) {
    let path = root().join(path);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, wanted).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "{} is old: run the test with UPDATE=1", path.display());
}

#[test]
fn the_schema_for_editors_is_that_of_the_code() {
    let mut text = serde_json::to_string_pretty(&schema::plant()).unwrap();
    text.push('\n');
    same("config/pedigree.schema.json", &text);
}

#[test]
fn the_reference_is_that_of_the_code() {
    same("docs/config.md", &reference::markdown());
}
