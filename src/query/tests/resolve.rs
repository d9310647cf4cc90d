//! What people type, paste and scan leads to the item, or to those that it may be.
use super::*;
use crate::genealogy::builders::*;
use crate::model::specimens::any_item;
use crate::model::{Context, ItemKey, Scope, ScopeName, TagName, Value};
use crate::query::resolve::{Known, resolve};
use proptest::prelude::*;

const GTIN: &str = "09506000134352";

/// A plant that has these items, with the GTIN of their labels.
#[derive(Debug, Default)]
struct Plant(Vec<(ItemKey, Option<&'static str>)>);

impl Plant {
    fn of(items: &[&str]) -> Self {
        Self(items.iter().map(|item| (item.parse().unwrap(), None)).collect())
    }
}

impl Known for Plant {
    fn dropped(&self) -> u64 {
        0
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn knows(&self, key: &ItemKey) -> bool {
        self.0.iter().any(|(item, _)| item == key)
    }

    fn having(&self, code: &Code) -> Vec<(ItemKey, Option<Text>)> {
        let of_code = self.0.iter().filter(|(item, _)| item.code == *code);
        of_code.map(|(item, _)| (item.clone(), None)).collect()
    }

    fn gtins(&self, key: &ItemKey) -> BTreeSet<String> {
        let of = self.0.iter().filter(|(item, _)| item == key);
        of.filter_map(|(_, gtin)| gtin.map(str::to_owned)).collect()
    }
}

/// The same, before all of its records were read again.
struct Filling(Plant);

impl Known for Filling {
    fn dropped(&self) -> u64 {
        0
    }

    fn is_whole(&self) -> bool {
        false
    }

    fn knows(&self, key: &ItemKey) -> bool {
        self.0.knows(key)
    }

    fn having(&self, code: &Code) -> Vec<(ItemKey, Option<Text>)> {
        self.0.having(code)
    }

    fn gtins(&self, key: &ItemKey) -> BTreeSet<String> {
        self.0.gtins(key)
    }
}

fn told(plant: &Plant, text: &str) -> Vec<String> {
    told_as(plant, text, None)
}

/// `= item` of one item, `? item: why` of those that it may be, `~ item: why` of those that come near.
fn told_as(plant: &Plant, text: &str, wanted: Option<ItemClass>) -> Vec<String> {
    let resolution = resolve(text, wanted, plant);
    let rows = |sign: &str, of: &[Candidate]| -> Vec<String> {
        of.iter().map(|one| format!("{sign} {}: {}", one.item, one.why)).collect()
    };
    match &resolution.found {
        Resolved::Item(item) => vec![format!("= {item}")],
        Resolved::Candidates(all) => rows("?", all),
        Resolved::Unknown => rows("~", &resolution.near),
    }
}

#[test]
fn a_scanned_label_is_the_item_that_it_stands_on() {
    let plant = Plant::of(&[
        &format!("u/gs1/{GTIN}/S1"),
        &format!("l/gs1/{GTIN}/L1"),
        "c/gs1/376104250021234569",
    ]);
    let unit = [format!("= u/gs1/{GTIN}/S1")];
    let label = format!("01{GTIN}10L1\u{1d}21S1");
    for text in [
        format!("(01){GTIN}(10)L1(21)S1"),
        format!("]d2{label}"),
        format!("  {label} "),
        format!("https://id.gs1.org/01/{GTIN}/10/L1/21/S1?17=271231"),
    ] {
        assert_eq!(told(&plant, &text), unit, "{text}");
        let lot = told_as(&plant, &text, Some(ItemClass::Lot));
        assert_eq!(lot, [format!("= l/gs1/{GTIN}/L1")], "a recall is of the lot: {text}");
    }
    for text in [
        "376104250021234569",
        "(00)376104250021234569",
        "https://example.com/00/376104250021234569",
    ] {
        assert_eq!(told(&plant, text), ["= c/gs1/376104250021234569"], "{text}");
        let of_the_site = Plant::of(&["c/site/376104250021234569"]);
        assert_eq!(told(&of_the_site, text), ["= c/site/376104250021234569"], "{text}");
    }
}

#[test]
fn a_label_of_something_that_is_not_recorded_is_never_taken_for_what_stands_beside_it() {
    let plant = Plant::of(&[&format!("l/gs1/{GTIN}/L1")]);
    let text = format!("(01){GTIN}(10)L1(21)S9");
    let wanted = [format!("~ l/gs1/{GTIN}/L1: its lot number is on the label as well")];
    assert_eq!(told(&plant, &text), wanted);
}

#[test]
fn a_lost_separator_is_asked_about() {
    let plant = Plant::of(&[&format!("u/gs1/{GTIN}/S1")]);
    let told = told(&plant, &format!("01{GTIN}10L121S1"));
    assert_eq!(told.len(), 1, "{told:?}");
    let wanted =
        format!("~ u/gs1/{GTIN}/S1: the label names it if a separator (FNC1) was lost: GTIN");
    assert!(told[0].starts_with(&wanted), "{told:?}");
}

#[test]
fn a_label_finds_an_item_of_the_plants_own_codes_only_if_its_records_say_that_it_is_it() {
    let text = format!("(01){GTIN}(21)S1");
    let unit: ItemKey = "u/site/S1".parse().unwrap();
    let plant = Plant(vec![(unit.clone(), Some(GTIN))]);
    assert_eq!(told(&plant, &text), ["= u/site/S1"]);
    for other in [None, Some("09520123456788")] {
        let plant = Plant(vec![(unit.clone(), other)]);
        assert_eq!(told(&plant, &text), ["~ u/site/S1: the same code in another scope"]);
    }
    let other = Plant(vec![("u/gs1/09520123456788/S1".parse().unwrap(), Some(GTIN))]);
    let wanted = ["~ u/gs1/09520123456788/S1: the same code in another scope"];
    assert_eq!(told(&other, &text), wanted, "its own GTIN goes before what was kept");
    assert_eq!(
        told(&Plant::of(&[&format!("u/product/{GTIN}/S1")]), &text),
        [format!("= u/product/{GTIN}/S1")]
    );
}

#[test]
fn what_is_not_one_item_is_answered_with_those_that_it_may_be() {
    let plant = Plant::of(&[
        "l/supplier/ACME/0001",
        "l/supplier/OTHER/0001",
        "u/site/0001",
        "u/site/SN-0042",
    ]);
    let same = "it has this code";
    let wanted = ["l/supplier/ACME/0001", "l/supplier/OTHER/0001", "u/site/0001"];
    assert_eq!(told(&plant, "0001"), wanted.map(|item| format!("? {item}: {same}")));
    let wanted = [
        "~ l/supplier/ACME/0001: the same code in another scope",
        "~ l/supplier/OTHER/0001: the same code in another scope",
        "~ u/site/0001: the same code, of another class",
    ];
    assert_eq!(told(&plant, "l/supplier/THIRD/0001"), wanted);
    for text in
        ["SN-OO42", "sn-0042", "SN0042", "SN-0024", "u/site/SN-042", "ns=2;s=u/site/SN-042#State"]
    {
        assert_eq!(told(&plant, text), ["~ u/site/SN-0042: a similar code"], "{text}");
    }
    assert_eq!(told(&plant, "SOMETHING ELSE"), [""; 0]);
}

#[test]
fn those_that_come_near_are_few_and_the_nearest() {
    let serials = (0..1_000).filter(|n| *n != 555).map(|n| format!("u/site/SN-{n:03}"));
    let plant =
        Plant::of(&serials.collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>());
    let wanted = "~ u/site/SN-042: a similar code";
    assert_eq!(told(&plant, "sn-042"), [wanted], "none of those that follow it");
    let Resolution { near, left_out, .. } = resolve("SN-555", None, &plant);
    assert_eq!((near.len(), left_out), (20, 7), "nine others at each of three places");
}

#[test]
fn as_long_as_others_may_have_it_only_a_full_form_is_one_item() {
    let item = "c/gs1/376104250021234569";
    let plant = Filling(Plant::of(&[item]));
    let of = |text: &str| resolve(text, None, &plant);
    assert_eq!(of(item).found, Resolved::Item(item.parse().unwrap()));
    for text in ["376104250021234569", "(00)376104250021234569", "376104250021234568"] {
        let Resolution { found, near, .. } = of(text);
        assert_eq!((found, near), (Resolved::Unknown, Vec::new()), "{text}");
    }
}

#[test]
fn a_label_with_a_fault_is_never_an_item() {
    let plant = Plant::of(&["c/gs1/376104250021234560", &format!("u/gs1/{GTIN}/S1")]);
    let wanted = ["~ c/gs1/376104250021234560: the label names it, but is not right"];
    assert_eq!(told(&plant, "(00)376104250021234560"), wanted);
    assert_eq!(
        told(&plant, "376104250021234560"),
        ["= c/gs1/376104250021234560"],
        "the code itself"
    );
    let text = "(01)09506000134353(21)S1";
    assert_eq!(told(&plant, text), [format!("~ u/gs1/{GTIN}/S1: the same code in another scope")]);
}

#[test]
fn it_is_said_how_a_text_was_read_and_what_is_wrong_with_it() {
    let plant = Plant::of(&["c/gs1/376104250021234569"]);
    let of = |text: &str| {
        let Resolution { read_as, wrong, .. } = resolve(text, None, &plant);
        (read_as.join("|"), wrong.join("|"))
    };
    let (read, wrong) = of("(00)376104250021234560");
    assert_eq!(read, "a label of GS1: SSCC 376104250021234560 (00)");
    assert!(wrong.contains("`0` stands where `9` has to follow"), "{wrong}");
    let near = told(&plant, "(00)376104250021234560");
    assert_eq!(near, ["~ c/gs1/376104250021234569: a similar code"]);
    let (read, wrong) = of("9506000134352");
    assert_eq!(read, "a label of GS1: GTIN 09506000134352 (01)");
    assert!(wrong.contains("no serial (21), lot (10) or SSCC (00)"), "{wrong}");
    assert_eq!(of("s=u/site/X#State").0, "the NodeId of the item u/site/X");
    assert_eq!(of("]C0X").0, "the code X");
    assert!(of(&"x".repeat(200)).1.contains("128"), "{:?}", of(&"x".repeat(200)));
    assert!(of("").1.contains("code"), "{:?}", of(""));
}

/// The read side with a store on a disk.
#[test]
fn the_records_tell_of_which_gtin_the_label_of_an_item_was() {
    let kept =
        |gtin: &str| Context { name: TagName::parse("gtin").unwrap(), value: Value::text(gtin) };
    let labelled = |item: &str, gtin: &str| {
        let mut event = event(0, Some("OP10"), arrive(&unit(item)));
        event.context.push(kept(gtin));
        event
    };
    let mut two = event(0, Some("OP10"), install(&unit("S3"), &unit("S4")));
    two.context.push(kept(GTIN));
    let (query, _dir) = query(&traced(vec![
        labelled("S1", GTIN),
        labelled("S2", GTIN),
        event(1, None, correct(2)),
        two,
    ]));
    let found = |code: &str| query.resolve(&format!("(01){GTIN}(21){code}"), None);
    assert_eq!(found("S1").found, Resolved::Item(unit("S1")));
    assert_eq!(found("S2").found, Resolved::Unknown, "that record was taken back");
    assert_eq!(found("S3").found, Resolved::Unknown, "it may have been the label of the other");
    assert_eq!(found("S2").near, [Candidate { item: unit("S2"), why: Fit::Scope }]);
    let near = query.resolve("s1", None).near;
    assert!(near.contains(&Candidate { item: unit("S1"), why: Fit::Similar }), "{near:?}");
}

/// Set 82 of GS1 without the brackets, which its printed form does not tell from those of identifiers.
const SET_82: &str = "[!\"%&'*+,./:;<=>?_0-9A-Za-z-]{1,20}";

proptest! {
    /// Whatever form of an item is written somewhere leads back to it.
    #[test]
    fn every_form_of_an_item_leads_to_it(item in any_item(), part in "[A-Za-z]{1,8}(/[0-9]{1,3})?") {
        let plant = Plant(vec![(item.clone(), None)]);
        let text = item.to_string();
        for typed in [
            text.clone(),
            format!(" {text}\n"),
            format!("s={text}"),
            format!("ns=2;s={text}"),
            format!("nsu=urn:pedigree:plant;s={text}#{part}"),
            format!("{text}#{part}"),
            item.code.to_string(),
        ] {
            let found = resolve(&typed, None, &plant).found;
            prop_assert_eq!(&found, &Resolved::Item(item.clone()), "{}", typed);
        }
    }

    /// And so does every form of its label.
    #[test]
    fn every_form_of_a_label_leads_to_its_item(code in SET_82, lot: bool) {
        let gtin = ScopeName::parse(GTIN).unwrap();
        let class = if lot { ItemClass::Lot } else { ItemClass::Unit };
        let item = ItemKey { class, scope: Scope::Gs1(Some(gtin)), code: Code::parse(&code).unwrap() };
        let plant = Plant(vec![(item.clone(), None)]);
        let ai = if lot { "10" } else { "21" };
        let encoded: Vec<String> = code.bytes().map(|b| format!("%{b:02X}")).collect();
        let encoded = encoded.concat();
        for typed in [
            format!("(01){GTIN}({ai}){code}"),
            format!("01{GTIN}{ai}{code}"),
            format!("]C101{GTIN}{ai}{code}"),
            format!("\u{1d}01{GTIN}{ai}{code}\u{1d}99X"),
            format!("https://example.com/x/01/{GTIN}/{ai}/{encoded}"),
        ] {
            let found = resolve(&typed, None, &plant).found;
            prop_assert_eq!(&found, &Resolved::Item(item.clone()), "{}", typed);
        }
    }

    /// No text makes it panic; and one item is answered only if something speaks for it and nothing for another.
    #[test]
    fn no_text_is_answered_with_a_guess(
        text in prop_oneof![".{0,60}", "[\\[\\](){}<>=;#%/0-9A-Zus\u{1d} ]{0,60}"],
        items in proptest::collection::vec(any_item(), 0..4),
    ) {
        let plant = Plant(items.into_iter().map(|item| (item, None)).collect());
        for text in [text.clone(), format!("s={text}"), format!("https://a/01/{text}"), format!("({text}")] {
            let resolution = resolve(&text, None, &plant);
            if let Resolved::Item(item) = &resolution.found {
                prop_assert!(plant.knows(item));
                prop_assert!(text.contains(item.code.as_str()) || text.contains('%'), "{} is not {}", text, item);
            }
            prop_assert!(resolution.near.len() <= 20);
        }
    }
}
