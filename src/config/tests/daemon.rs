//! The daemon's own file.
use super::root;
use crate::config::Faults;
use crate::config::daemon::{DaemonConfig, load};
use crate::genealogy::retention::Keep;
use crate::model::Text;
use std::path::Path;

fn with(text: &str, env: &[(&str, &str)]) -> Result<DaemonConfig, Faults> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pedigree.toml");
    std::fs::write(&path, text).unwrap();
    load(Some(&path), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())))
}

fn messages(result: Result<DaemonConfig, Faults>) -> Vec<(String, usize, String)> {
    let faults = result.unwrap_err();
    let short = |file: &str| file.rsplit('/').next().unwrap_or_default().to_owned();
    faults.iter().map(|f| (short(&f.file), f.line, f.message.clone())).collect()
}

#[test]
fn without_a_file_everything_has_a_default() {
    let config = load(None, []).unwrap();
    assert_eq!(config.site.as_str(), "site");
    assert_eq!(config.http.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.opcua.listen.to_string(), "127.0.0.1:4855");
    assert!(config.opcua.enabled);
    assert_eq!(config.pki_dir, Path::new("data/pki"));
    assert_eq!(config.ledger.checkpoints, Path::new("data/checkpoints"));
    assert_eq!(config.ledger.checkpoint_every.as_secs(), 60);
    assert_eq!(config.ledger.scrub_bytes_per_second, 2_000_000);
}

#[test]
fn checkpoints_may_lie_elsewhere_and_come_neither_too_often_nor_never() {
    let text = "data_dir = \"/d\"\n[ledger]\ncheckpoints = \"/mnt/c\"\ncheckpoint_every = \"5m\"\n\
                scrub_bytes_per_second = 0\n";
    let ledger = with(text, &[]).unwrap().ledger;
    assert_eq!(ledger.checkpoints, Path::new("/mnt/c"));
    assert_eq!((ledger.checkpoint_every.as_secs(), ledger.scrub_bytes_per_second), (300, 0));
    for every in ["0s", "25h", "often"] {
        let found = messages(with(&format!("[ledger]\ncheckpoint_every = \"{every}\"\n"), &[]));
        let message = format!("`ledger.checkpoint_every` cannot be `{every}`");
        assert_eq!(found, [("pedigree.toml".to_owned(), 2, message)]);
    }
}

#[test]
fn drills_are_asked_as_often_as_is_said_and_never_unless_said() {
    let every = |text: &str| with(text, &[]).unwrap().drill_every.map(|every| every.as_secs());
    assert_eq!((every(""), every("[drill]\n")), (None, None));
    assert_eq!(every("[drill]\nevery = \"1d\"\n"), Some(86_400));
    let told = with("", &[("PEDIGREE__DRILL__EVERY", "1y")]).unwrap().drill_every;
    assert_eq!(told.map(|every| every.as_secs()), Some(31_557_600));
    for every in ["0s", "999ms", "2y", "daily"] {
        let faults = with(&format!("[drill]\nevery = \"{every}\"\n"), &[]).unwrap_err();
        let fault = faults.iter().next().unwrap();
        let message = format!("`drill.every` cannot be `{every}`");
        assert_eq!((fault.line, &fault.message), (2, &message));
        let shown = faults.render(miette::GraphicalTheme::none());
        assert!(shown.contains("a duration from 1s to 366d"), "{shown}");
    }
}

#[test]
fn what_is_kept_how_long_is_said_by_name_and_for_good_unless_said() {
    const DAY: i64 = 86_400_000_000_000;
    let retention = |text: &str| with(text, &[]).map(|config| config.retention);
    let none = retention("").unwrap();
    assert_eq!((none.keep, none.tape, none.rules.as_str()), (Keep::default(), None, ""));
    let text = "[retention]\ndefault = \"1y\"\ntape = \"90d\"\n\
                products = { A = \"15y\", B = \"keep\" }\n[retention.materials]\nGREASE = \"2d\"\n";
    let found = retention(text).unwrap();

    let name = |name: &str| Text::parse(name).unwrap();
    let wanted = Keep {
        otherwise: Some(DAY * 365 + DAY / 4),
        products: [(name("A"), Some(DAY * 5_478 + DAY * 3 / 4)), (name("B"), None)].into(),
        materials: [(name("GREASE"), Some(2 * DAY))].into(),
    };
    assert_eq!((found.keep, found.tape.map(|d| d.as_secs())), (wanted, Some(90 * 86_400)));
    let rules = "default = 1y, products.A = 15y, products.B = keep, materials.GREASE = 2d";
    assert_eq!(found.rules, rules);
    // Every fault at once, each where it stands.
    let wrong =
        "[retention]\ndefault = \"for good\"\n[retention.products]\nA = \"0s\"\nB = \"1d\"\n";
    let told = |line, key, text| {
        ("pedigree.toml".to_owned(), line, format!("`retention.{key}` cannot be `{text}`"))
    };
    let wanted = [told(2, "default", "for good"), told(4, "products.A", "0s")];
    assert_eq!(messages(with(wrong, &[])), wanted);
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_the_defaults() {
    let text =
        "site = \"north\"\n[http]\nlisten = \"127.0.0.1:1\"\n[opcua]\nlisten = \"0.0.0.0:4\"\n";
    let env = [
        ("PEDIGREE__HTTP__LISTEN", "[::1]:2"),
        ("PEDIGREE__OPCUA__ENABLED", "false"),
        ("PEDIGREE_OTHER", "x"),
    ];
    let config = with(text, &env).unwrap();
    assert_eq!(config.site.as_str(), "north");
    assert_eq!(config.http.listen.to_string(), "[::1]:2");
    assert_eq!(config.opcua.listen.to_string(), "0.0.0.0:4");
    assert!(!config.opcua.enabled);
    assert_eq!(with("", &[("PEDIGREE__SITE", "7")]).unwrap().site.as_str(), "7");
}

#[test]
fn paths_are_relative_to_the_file() {
    let config = load(Some(&root().join("config/pedigree.toml")), []).unwrap();
    assert_eq!(config.plant_dir, root().join("config/plant.d"));
    assert_eq!(config.data_dir, root().join("config/../data"));
}

#[test]
fn pages_are_served_on_loopback_only() {
    let found = messages(with("\n[http]\nlisten = \"0.0.0.0:80\"\n", &[]));
    let message = "`http.listen` is 0.0.0.0:80, which others on the network can reach";
    assert_eq!(found, [("pedigree.toml".to_owned(), 3, message.to_owned())]);
    let found = messages(with("", &[("PEDIGREE__HTTP__LISTEN", "0.0.0.0:80")]));
    assert_eq!(found, [("environment".to_owned(), 1, message.to_owned())]);
}

#[test]
fn every_fault_of_file_and_environment_is_named() {
    let text = "sit = \"x\"\n[http]\nlisten = 80\n[opcua]\nenabled = \"yes\"\n";
    let found = messages(with(text, &[("PEDIGREE__HTTP__LISTN", "x")]));
    let found: Vec<_> = found.iter().map(|(f, l, m)| (f.as_str(), *l, m.as_str())).collect();
    assert_eq!(
        found,
        [
            ("environment", 1, "`PEDIGREE__HTTP__LISTN` sets nothing"),
            ("pedigree.toml", 1, "the file has no key `sit`"),
            ("pedigree.toml", 3, "`http.listen` is the number 80; wanted a text"),
            ("pedigree.toml", 5, "`opcua.enabled` is a text; wanted true or false"),
        ]
    );
    let found = messages(with("", &[("PEDIGREE__OPCUA__ENABLED", "maybe")]));
    assert_eq!(found.len(), 1);
    assert!(found[0].2.contains("opcua.enabled"), "{found:?}");
    let found = messages(with("site = \"a b\"\n[opcua]\nlisten = \"here\"\n", &[]));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let faults = load(Some(Path::new("no/such/file.toml")), []).unwrap_err();
    assert!(faults.to_string().contains("no/such/file.toml cannot be read"), "{faults}");
}
