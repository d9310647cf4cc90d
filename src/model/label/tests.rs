//! Labels are taken apart as they were put together, and nothing else is.
use super::gs1::{self, Gs1Fault};
use super::identifier::{check_digit, table};
use super::*;
use crate::model::plant::CodeFrom;
use proptest::prelude::*;

const GS: char = '\u{1d}';

fn unit(text: &str) -> Result<Label, LabelFault> {
    CodeForm::Gs1.read(text, ItemClass::Unit)
}

fn spec(class: ItemClass, scope: ScopeFrom, form: CodeForm) -> CodeSpec {
    CodeSpec { class, from: CodeFrom::Current, scope, no_read: Vec::new(), form }
}

fn kept(label: &Label, spec: &CodeSpec) -> Vec<String> {
    let kept = label.kept(spec, 2026).into_iter();
    kept.map(|(name, value)| format!("{name} = {value}")).collect()
}

/// A value that an identifier may have, from drawn digits and letters.
fn value((len, digits, checked, date): ((u8, u8), u8, u8, bool), drawn: &str, more: u8) -> String {
    let (least, most) = (usize::from(len.0), usize::from(len.1));
    let len = least + usize::from(more) % (most - least + 1);
    let as_digit = |c: char| char::from_digit(u32::from(c) % 10, 10).unwrap();
    let chars = drawn.chars().cycle().take(len).enumerate();
    let mut value: String =
        chars.map(|(at, c)| if at < usize::from(digits) { as_digit(c) } else { c }).collect();
    if date {
        value.replace_range(..6, "271231");
    }
    if let Some(last) = usize::from(checked).checked_sub(1) {
        let digit = check_digit(&value[..last]);
        value.replace_range(last..=last, &digit.to_string());
    }
    value
}

fn elements() -> impl Strategy<Value = Vec<(String, String)>> {
    let rows: Vec<_> = table().collect();
    let one = (0..rows.len(), "[!-\"%-?A-Z_a-z]{12}", any::<u8>());
    let one = one.prop_map(move |(at, drawn, more)| {
        let (ai, len, digits, checked, date) = rows[at].clone();
        (ai, value((len, digits, checked, date), &drawn, more))
    });
    let several = proptest::collection::vec(one, 1..8);
    several.prop_map(|mut of| {
        of.sort();
        of.dedup_by(|a, b| a.0 == b.0);
        let has_gtin = of.iter().any(|(ai, _)| ai == "01");
        of.retain(|(ai, _)| ai != "02" || !has_gtin);
        of
    })
}

fn told(text: &str) -> Result<Vec<(String, String)>, Gs1Fault> {
    let elements = gs1::elements(text)?;
    Ok(elements.into_iter().map(|e| (e.ai.to_string(), e.value)).collect())
}

/// As a printer writes it: a separator behind each value whose end is not known, and a needless one now and
/// then.
fn written(elements: &[(String, String)], needless: bool) -> String {
    let known = ["00", "01", "02", "03", "11", "12", "13", "15", "16", "17", "20"];
    let known = |ai: &str| {
        known.contains(&ai)
            || ["31", "32", "33", "34", "35", "36", "41"].iter().any(|of| ai.starts_with(of))
    };
    let mut text = String::new();
    for (at, (ai, value)) in elements.iter().enumerate() {
        text.push_str(ai);
        text.push_str(value);
        if at + 1 < elements.len() && (needless || !known(ai)) {
            text.push(GS);
        }
    }
    text
}

fn encoded(value: &str) -> String {
    value
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }
        })
        .collect()
}

proptest! {
    #[test]
    fn an_element_string_says_what_was_written_into_it(
        elements in elements(), needless: bool, symbol in 0..4_usize,
    ) {
        let before = ["", "]C1", "]d2", "\u{1d}"][symbol];
        let text = format!("{before}{}", written(&elements, needless));
        prop_assert_eq!(told(&text).unwrap(), elements);
    }

    #[test]
    fn a_link_says_what_was_written_into_it(elements in elements(), gtin in "[0-9]{13}") {
        let gtin = format!("{gtin}{}", check_digit(&gtin));
        let others: Vec<_> = elements.into_iter().filter(|(ai, _)| ai != "01" && ai != "02").collect();
        let query: Vec<String> = others.iter().map(|(ai, v)| format!("{ai}={}", encoded(v))).collect();
        let text = format!("HTTPS://example.com/some/01/{gtin}?linkType=x&{}#top", query.join("&"));
        let wanted: Vec<_> = std::iter::once(("01".to_owned(), gtin)).chain(others).collect();
        prop_assert_eq!(told(&text).unwrap(), wanted);
    }

    /// One digit of a key that was read wrong is seen.
    #[test]
    fn a_wrong_digit_gives_no_item(gtin in "[0-9]{13}", at in 0..14_usize, by in 1..10_u8) {
        let mut gtin = format!("{gtin}{}", check_digit(&gtin));
        let digit = (gtin.as_bytes()[at] - b'0' + by) % 10;
        gtin.replace_range(at..=at, &digit.to_string());
        let fault = unit(&format!("01{gtin}21A")).unwrap_err();
        let (found, wanted) = (gtin.chars().last().unwrap(), check_digit(&gtin[..13]));
        let wanted = Gs1Fault::CheckDigit { ai: "01".to_owned(), found, wanted };
        prop_assert_eq!(fault, LabelFault::Gs1(wanted));
    }

    #[test]
    fn no_text_makes_it_panic(text in ".{0,60}", near in "(]C1)?([0-9]{2,4}[A-Z\u{1d}é]{0,3}){0,6}") {
        for text in [text.clone(), near.clone(), format!("https://{text}"), format!("https://a/01/{near}?{text}")] {
            for class in [ItemClass::Unit, ItemClass::Lot, ItemClass::Container] {
                drop(CodeForm::Gs1.read(&text, class));
            }
            drop(Expression::parse(&text).map(|of| CodeForm::Match(of).read(&near, ItemClass::Unit)));
        }
    }

    /// The whole text, or nothing of it.
    #[test]
    fn what_does_not_match_is_no_item(before in "[a-z]{0,2}", after in "[a-z ]{0,2}", number in "[0-9]{1,6}") {
        let form = CodeForm::Match(Expression::parse(r"(?P<serial>SN-\d+)").unwrap());
        let read = form.read(&format!("{before}SN-{number}{after}"), ItemClass::Unit);
        if before.is_empty() && after.is_empty() {
            prop_assert_eq!(read.unwrap().code, format!("SN-{number}"));
        } else {
            prop_assert_eq!(read, Err(LabelFault::Unlike));
        }
    }
}

#[test]
fn a_label_has_the_codes_of_each_class_and_keeps_the_rest() {
    let text =
        "]d201095060001343521712000010L-7\u{1d}21S/1\u{1d}310300175030500\u{1d}24012\u{1d}99x";
    let gtin = |class| spec(class, ScopeFrom::Gs1, CodeForm::Gs1);
    let unit = gtin(ItemClass::Unit);
    let label = unit.form.read(text, unit.class).unwrap_err();
    assert_eq!(label, LabelFault::Gs1(Gs1Fault::Date("17".to_owned())), "there is no month 20");
    let text = text.replace("17120000", "17281100");
    let label = unit.form.read(&text, unit.class).unwrap();
    let name = unit.named_on(&label).unwrap().unwrap();
    assert_eq!((label.code.as_str(), name.as_str()), ("S/1", "09506000134352"));
    let wanted = ["expiry = 2028-11-30", "lot = L-7", "net_weight = 1.75", "count = 500"];
    let wanted = wanted.into_iter().chain(["additional_id = 12", "gs1.99 = x"]).collect::<Vec<_>>();
    assert_eq!(kept(&label, &unit), wanted);

    let lot = spec(ItemClass::Lot, ScopeFrom::Site, CodeForm::Gs1);
    let label = lot.form.read(&text, lot.class).unwrap();
    assert_eq!((label.code.as_str(), lot.named_on(&label)), ("L-7", Ok(None)));
    assert_eq!(kept(&label, &lot)[..2], ["gtin = 09506000134352", "expiry = 2028-11-30"]);

    let pallet = "0000340000000000017202095060001343523740\u{1d}10L-7";
    let container = gtin(ItemClass::Container);
    let label = container.form.read(pallet, container.class).unwrap_err();
    let fault = Gs1Fault::CheckDigit { ai: "00".to_owned(), found: '2', wanted: '5' };
    assert_eq!(label, LabelFault::Gs1(fault));
    let sscc = format!("0034000000000001{}", "7");
    let sscc = format!("{sscc}{}", check_digit(&sscc));
    let pallet = format!("00{sscc}02095060001343523740\u{1d}10L-7");
    let label = container.form.read(&pallet, container.class).unwrap();
    assert_eq!((label.code.clone(), container.named_on(&label)), (sscc, Ok(None)));
    assert_eq!(
        kept(&label, &container),
        ["content = 09506000134352", "contained = 40", "lot = L-7"]
    );
    let packed = gtin(ItemClass::Lot);
    let label = packed.form.read(&pallet, packed.class).unwrap();
    assert_eq!(packed.named_on(&label).unwrap().unwrap().as_str(), "09506000134352");
}

#[test]
fn a_label_that_a_drill_shows_has_its_code() {
    for class in [ItemClass::Unit, ItemClass::Lot] {
        let label = CodeForm::Gs1.read(&CodeForm::Gs1.written("U0000ABCD-12", class), class);
        assert_eq!(label.unwrap().code, "U0000ABCD-12");
    }
    let class = ItemClass::Container;
    let sscc =
        |code: &str| CodeForm::Gs1.read(&CodeForm::Gs1.written(code, class), class).unwrap().code;
    assert_ne!(sscc("C0000ABCD-12"), sscc("C0000ABCD-13"));
}

#[test]
fn what_is_not_gs1_says_why() {
    let why = |text: &str| unit(text).unwrap_err().to_string();
    let gtin = "0109506000134352";
    for (text, wanted) in [
        ("SN-1".to_owned(), "where a GS1 application identifier must stand"),
        (format!("({gtin})"), "where a GS1 application identifier must stand"),
        ("]C1".to_owned(), "there is no GS1 data"),
        (format!("]C0{gtin}21A"), "the symbol is not one of GS1"),
        (gtin.to_owned(), "it has no serial (21)"),
        (format!("{gtin}0512345"), "`0512` is not a GS1 application identifier"),
        (format!("{gtin}21"), "(21) has 0 characters; it takes 1 to 20"),
        (format!("{gtin}10A234567890B23456789021C"), "(10) has 23 characters; it takes 1 to 20"),
        (format!("{gtin}21A B"), "(21) has a character"),
        (format!("{gtin}21A\u{1d}21B"), "(21) stands twice"),
        (format!("{gtin}020950600013435221A"), "(01) and (02) exclude"),
        ("https://example.com/".to_owned(), "the link has no GS1 key"),
        ("https://example.com/01/09506000134352/99/A".to_owned(), "(99) does not belong"),
        (
            "https://example.com/01/09506000134352/21/%+1".to_owned(),
            "the link is not encoded right",
        ),
        ("21".repeat(5_000), "10000 bytes are more than a label holds"),
    ] {
        assert!(why(&text).starts_with(wanted), "{text}: {}", why(&text));
    }
    let short = unit("http://id.example/01/9506000134352/10/L/21/a%2Fb").unwrap();
    assert_eq!((short.code.as_str(), short.get(GTIN)), ("a/b", Some("09506000134352")));
    let bare = unit("21A").unwrap();
    let spec = spec(ItemClass::Unit, ScopeFrom::Gs1, CodeForm::Gs1);
    assert_eq!(spec.named_on(&bare), Err(LabelFault::Lacks("GTIN (01)")));
}

#[test]
fn a_year_has_the_century_that_is_near() {
    let year = |y, now| gs1::date(y, 1, 0, now).map(|date| (date.year(), date.day()));
    assert_eq!(year(76, 2026), Some((2076, 31)));
    assert_eq!(year(77, 2026), Some((1977, 31)));
    assert_eq!(year(30, 2081), Some((2130, 31)));
    assert_eq!(
        gs1::date(0, 2, 29, 2026).map(|date| date.to_string()),
        Some("2000-02-29".to_owned())
    );
    assert_eq!(gs1::date(27, 2, 29, 2026), None);
}

#[test]
fn an_expression_that_could_cost_much_is_refused() {
    let fault = |text: &str| Expression::parse(text).unwrap_err();
    assert_eq!(fault(r"(?P<serial>(\w{1,500}){1,500})"), ExpressionFault::Large);
    assert_eq!(fault(&"a".repeat(2_000)), ExpressionFault::Long(2_000));
    assert_eq!(fault("(?P<serial>"), ExpressionFault::Syntax("unclosed group".to_owned()));
    assert!(
        matches!(fault("a)|(b"), ExpressionFault::Syntax(_)),
        "its halves are not two expressions"
    );
    let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
    assert!(matches!(fault(&deep), ExpressionFault::Syntax(_)));
}

#[test]
fn groups_that_take_no_part_say_nothing() {
    let form = Expression::parse(r"(?P<serial>\w+)(;rev=(?P<rev>\w*))?").unwrap();
    let spec = spec(ItemClass::Unit, ScopeFrom::Site, CodeForm::Match(form));
    for (text, wanted) in [("A", &[][..]), ("A;rev=", &[]), ("A;rev=3", &["rev = 3"])] {
        let label = spec.form.read(text, spec.class).unwrap();
        assert_eq!(
            (label.code.as_str(), kept(&label, &spec).as_slice()),
            ("A", &wanted.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>()[..])
        );
    }
    let none = CodeForm::Match(Expression::parse("(?P<serial>A)?B").unwrap());
    assert_eq!(none.read("B", ItemClass::Unit), Err(LabelFault::Lacks("serial")));
}
