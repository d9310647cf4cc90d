use super::plant::{Checked, load};
use super::*;
use crate::model::SiteId;

fn site() -> SiteId {
    SiteId::parse("site").unwrap()
}

fn check(text: &str) -> Result<Checked, Faults> {
    load(&[("plant.toml".to_owned(), text.to_owned())], &site())
}

#[test]
fn scratch() {
    for file in
        ["shift/press.toml", "shift/assembly.toml", "nist/hurco02.toml", "nist/hurco04.toml"]
    {
        let text =
            std::fs::read_to_string(format!("{}/tests/plants/{file}", env!("CARGO_MANIFEST_DIR")))
                .unwrap();
        let text = text
            .replace("@PRESS_PORT@", "4840")
            .replace("@PORT@", "4840")
            .replace("@ASSEMBLY_PORT@", "502")
            .replace("@PRESS_THUMBPRINT@", &"ab".repeat(32));
        println!("== {file}");
        match check(&text) {
            Ok(c) => {
                println!("{}", render(&c.warnings, miette::GraphicalTheme::unicode_nocolor()));
                println!("{:#?}", c.plant.stations);
            }
            Err(f) => println!("{f}"),
        }
    }
    std::fs::write("/tmp/ref.md", reference::markdown()).unwrap();
    std::fs::write("/tmp/schema.json", serde_json::to_string_pretty(&schema::plant()).unwrap())
        .unwrap();
}
