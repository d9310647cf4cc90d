//! Checkpoints and proofs, of a notary that is made up.
use super::quiet;
use crate::http::{CheckpointView, Notary, NotaryFault};
use crate::model::{Origin, Position, SiteId, Utc};
use std::collections::BTreeSet;

/// Proves everything by repeating it.
pub(super) struct Made;

impl Notary for Made {
    fn key(&self) -> String {
        "pedigree/demo/0+00000000+AQ==".to_owned()
    }

    fn latest(&self) -> Option<String> {
        Some("pedigree/demo/0\n12\n".to_owned())
    }

    fn recent(&self, count_max: usize) -> Result<Vec<CheckpointView>, NotaryFault> {
        let view = |size| CheckpointView {
            origin: Origin { site: SiteId::parse("demo").unwrap(), incarnation: 0 },
            size,
            root: "ab".to_owned(),
            time: Utc(0),
            note: format!("note {size}\n"),
        };
        Ok((1..=count_max as u64).map(view).collect())
    }

    fn prove(
        &self,
        about: &str,
        positions: &BTreeSet<Position>,
        earlier: Option<&str>,
    ) -> Result<Vec<u8>, NotaryFault> {
        match earlier {
            Some("wrong") => Err(NotaryFault::Earlier("it is cut off".to_owned())),
            _ => Ok(format!("{about}: {positions:?} {earlier:?}").into_bytes()),
        }
    }
}

#[test]
fn the_last_checkpoint_and_the_key_are_text() {
    let server = quiet();
    let answered = server.get("/api/v1/ledger/checkpoint");
    assert_eq!((answered.code, answered.body.as_str()), (200, "pedigree/demo/0\n12\n"));
    assert!(answered.head.contains("content-type: text/plain; charset=utf-8"), "{answered:?}");
    assert_eq!(server.get("/api/v1/ledger/key").body, "pedigree/demo/0+00000000+AQ==\n");
    let list = server.get("/api/v1/ledger/checkpoints?limit=2").json();
    assert_eq!(list["body"][1]["size"], 2);
    assert_eq!(list["body"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_to_be_proven_is_an_item_a_record_or_a_checkpoint() {
    let server = quiet();
    let ask = |query: &str| server.get(&format!("/api/v1/ledger/proof{query}"));
    let item = ask("?id=u/site/SN-0001");
    assert_eq!(item.code, 200, "{item:?}");
    assert!(item.head.contains("content-type: application/octet-stream"), "{item:?}");
    let told = server.get("/api/v1/item?id=u/site/SN-0001").json();
    for step in told["body"]["steps"].as_array().unwrap() {
        let position = format!("Position({})", step["position"]);
        assert!(item.body.contains(&position), "{position} in {}", item.body);
    }
    assert_eq!(ask("?position=3").body, "record #3: {Position(3)} None");
    assert_eq!(ask("?earlier=e").body, ": {} Some(\"e\")");
    for (query, code) in [
        ("", 400),
        ("?id=u/site/SN-0001&position=3", 400),
        ("?position=3&earlier=wrong", 400),
        ("?position=0", 404),
        ("?position=999999999", 404),
        ("?id=nothing", 404),
    ] {
        assert_eq!(ask(query).code, code, "{query}");
    }
}
