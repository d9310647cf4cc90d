//! Published examples, and labels that came through something that changed them.
use super::*;
use crate::model::label::identifier::check_digit;
use proptest::prelude::*;

fn items(reading: &Reading) -> Vec<String> {
    reading.items.iter().map(|named| named.key().to_string()).collect()
}

fn named(text: &str) -> Vec<String> {
    let pasted = pasted(text).unwrap_or_else(|| panic!("{text} is no label"));
    assert_eq!(pasted.fault, None, "{text}");
    items(&pasted.reading.unwrap())
}

/// The examples of the GS1 Digital Link Standard: URI Syntax 1.2, with what they say as element strings.
#[test]
fn the_links_of_the_standard_name_what_their_element_strings_do() {
    let gtin = "09520123456788";
    let unit = format!("u/gs1/{gtin}/12345");
    for (link, string, wanted) in [
        ("01/09520123456788", "0109520123456788", vec![]),
        ("some-extra/pathinfo/01/9520123456788", "0109520123456788", vec![]),
        ("01/09520123456788/22/2A", "0109520123456788222A", vec![]),
        (
            "01/09520123456788/10/ABC123",
            "010952012345678810ABC123",
            vec![format!("l/gs1/{gtin}/ABC123")],
        ),
        ("01/09520123456788/21/12345", "01095201234567882112345", vec![unit.clone()]),
        (
            "01/09520123456788/10/ABC1/21/12345?17=180426",
            "01095201234567881718042610ABC1\u{1d}2112345",
            vec![unit, format!("l/gs1/{gtin}/ABC1")],
        ),
        (
            "00/952012345678912345",
            "00952012345678912345",
            vec!["c/gs1/952012345678912345".to_owned()],
        ),
        (
            "00/952012345678912345?02=09520123456788&37=25&10=ABC123",
            "0095201234567891234502095201234567883725\u{1d}10ABC123",
            vec!["c/gs1/952012345678912345".to_owned(), format!("l/gs1/{gtin}/ABC123")],
        ),
    ] {
        assert_eq!(named(&format!("https://id.gs1.org/{link}")), wanted, "{link}");
        assert_eq!(named(string), wanted, "{string}");
        assert_eq!(named(&format!("]C1{string}")), wanted, "{string}");
    }
}

/// The calculation that the GS1 General Specifications show in 7.9.1: 37610425002123456 has the check digit 9.
#[test]
fn a_wrong_check_digit_is_told_with_that_which_would_be_right() {
    for text in [
        "376104250021234569",
        "(00)376104250021234569",
        "00376104250021234569",
        "(00) 376104250021234569",
    ] {
        assert_eq!(named(text), ["c/gs1/376104250021234569"], "{text}");
    }
    for text in ["376104250021234560", "(00)376104250021234560", "]C100376104250021234560"] {
        let pasted = pasted(text).unwrap();
        let wanted = Gs1Fault::CheckDigit { ai: "00".to_owned(), found: '0', wanted: '9' };
        assert_eq!(pasted.fault, Some(wanted), "{text}");
        assert_eq!(
            items(&pasted.reading.unwrap()),
            ["c/gs1/376104250021234560"],
            "as far as it goes"
        );
    }
    assert_eq!(check_digit("629104150021"), '3');
}

/// What stands below a symbol has its identifiers in brackets (GS1 General Specifications, 4.14: HRI rules).
#[test]
fn what_is_printed_below_a_symbol_is_read_as_what_is_in_it() {
    let wanted = ["u/gs1/09506000134352/12345A", "l/gs1/09506000134352/ABC123"];
    let reading =
        pasted("(01)09506000134352(17)141120(10)ABC123(21)12345A").unwrap().reading.unwrap();
    assert_eq!(items(&reading), wanted);
    assert_eq!(
        reading.words,
        "GTIN 09506000134352 (01), expiry 141120 (17), lot ABC123 (10), serial 12345A (21)"
    );
    let string = "010950600013435217141120";
    for text in [
        "(01) 09506000134352 (17) 141120 (10) ABC123 (21) 12345A".to_owned(),
        format!("]d2{string}10ABC123\u{1d}2112345A"),
        format!("\u{1d}{string}10ABC123\u{1d}2112345A"),
        format!("{string}10ABC123<GS>2112345A"),
        format!("{string}10ABC123\u{241d}2112345A"),
        format!("]Q3{string}10ABC123{{FNC1}}2112345A"),
    ] {
        assert_eq!(named(&text), wanted, "{text}");
    }
    assert_eq!(named("(01)09506000134352(21)A(2)B"), ["u/gs1/09506000134352/A(2)B"]);
}

#[test]
fn a_lost_separator_leaves_readings_to_choose_from() {
    let pasted = pasted("010950600013435210L-721S/1").unwrap();
    assert_eq!(items(&pasted.reading.unwrap()), ["l/gs1/09506000134352/L-721S%2F1"]);
    let others: Vec<_> = pasted.others.iter().map(items).collect();
    let wanted = ["u/gs1/09506000134352/S%2F1", "l/gs1/09506000134352/L-7"].map(str::to_owned);
    assert!(others.contains(&wanted.to_vec()), "{others:?}");
    let kept = super::pasted("010950600013435210L-721\u{1d}21S").unwrap();
    assert_eq!(kept.others, [], "one that was kept says that none was lost");
}

#[test]
fn what_may_be_a_plain_code_is_no_label() {
    for text in [
        "SN-1",
        "3012",
        "2112345",
        "10ABC",
        "20261122",
        "(A)",
        "(1)2",
        "",
        "(",
        "u/site/SN-1",
        "0109506000134352é",
    ] {
        assert_eq!(pasted(text), None, "{text}");
    }
    assert_eq!(named("9506000134352"), [""; 0], "a GTIN names a product");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_or_take_long(text in ".{0,80}", near in "[0-9()\u{1d}A-Z%<>GS{}/]{0,120}", long in "[0-9]{0,400}") {
        for text in [text.as_str(), &near, &long, &format!("({near}"), &format!("https://{near}"), &format!("0109506000134352{near}")] {
            let _ = pasted(text);
        }
    }

    /// With separators lost, what was written is among the readings, unless a value of its own would hide it.
    #[test]
    fn what_was_written_is_found_without_its_separators(lot in "[A-Z]{1,6}", serial in "[A-Z]{1,6}") {
        let gtin = "09506000134352";
        let pasted = pasted(&format!("01{gtin}10{lot}21{serial}")).unwrap();
        let wanted = [format!("u/gs1/{gtin}/{serial}"), format!("l/gs1/{gtin}/{lot}")];
        prop_assert!(pasted.others.iter().map(items).any(|of| of == wanted), "{:?}", pasted.others);
    }
}
