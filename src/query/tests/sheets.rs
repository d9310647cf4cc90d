//! What has left is on one sheet each, that of its customer.
use super::*;
use crate::genealogy::builders::{consume, container, event, lot, pack, text, unit};
use crate::model::{Text, What};
use proptest::prelude::*;

const CUSTOMERS: [Option<&str>; 3] = [Some("ACME"), Some("Bolts & Co"), None];

/// To whom and under which note.
type To = (Option<Text>, Option<Text>);

/// Sixteen units of the lot and one that is not, packed by fours as `packed` says, and what leaves: for each unit or box a
/// customer and a note. With who has what in the end.
fn shipped(packed: [bool; 4], leaves: &[(u8, u8, u8)]) -> (Vec<TraceEvent>, BTreeMap<ItemKey, To>) {
    let of = |n: usize| unit(&format!("U{n:02}"));
    let all = |n: usize| (0..4).map(|k| of(4 * n + k)).collect::<Vec<_>>();
    let mut whats: Vec<What> = (0..16).map(|n| consume(&lot("L1"), &of(n))).collect();
    whats.push(consume(&lot("L2"), &of(16)));
    for (n, _) in packed.iter().enumerate().filter(|(_, packed)| **packed) {
        whats.push(pack(&all(n).iter().collect::<Vec<_>>(), &container(&format!("C{n}"))));
    }
    let mut truth = BTreeMap::new();
    for (which, customer, note) in leaves {
        let n = usize::from(*which) % 17;
        let boxed = (n < 16 && packed[n / 4]).then_some(n / 4);
        let customer = CUSTOMERS[usize::from(*customer) % 3].map(text);
        let document = (note % 3 > 0).then(|| text(&format!("DN-{}", note % 3)));
        let (item, within) = match boxed {
            Some(n) => (container(&format!("C{n}")), all(n)),
            None => (of(n), vec![of(n)]),
        };
        let of_lot = within.into_iter().filter(|unit| *unit != of(16));
        truth.extend(of_lot.map(|unit| (unit, (customer.clone(), document.clone()))));
        whats.push(What::Ship { items: vec![item], customer, document });
    }
    let times = (0..).zip(whats);
    (times.map(|(time, what)| event(time, Some("S1"), what)).collect(), truth)
}

proptest! {
    /// All that has left is on the sheets, once, with whom it went to; nothing else is.
    #[test]
    fn the_sheets_are_what_has_left(
        packed in any::<[bool; 4]>(),
        leaves in proptest::collection::vec(any::<(u8, u8, u8)>(), 0..24),
    ) {
        let (events, truth) = shipped(packed, &leaves);
        let (query, _dir) = query(&traced(events));
        let contacts = BTreeMap::from([(text("ACME"), text("+49 30 1234"))]);
        let answer = query.recall(&lot("L1")).unwrap();
        let sheets = query.sheets(&answer, &contacts);
        let on: Vec<(ItemKey, To)> = sheets.iter().flat_map(|sheet| {
            let to = (sheet.customer.clone(), sheet.document.clone());
            sheet.items.iter().map(move |row| (row.item.clone(), to.clone()))
        }).collect();
        prop_assert_eq!(on.len(), answer.body.shipped.len());
        prop_assert_eq!(on.into_iter().collect::<BTreeMap<_, _>>(), truth);
        let to: BTreeSet<To> = sheets.iter().map(|s| (s.customer.clone(), s.document.clone())).collect();
        prop_assert_eq!(to.len(), sheets.len(), "one sheet each");
        // Whoever has no customer comes last, and a contact is that of the customer.
        prop_assert!(sheets.is_sorted_by_key(|sheet| sheet.customer.is_none()));
        for sheet in &sheets {
            prop_assert_eq!(sheet.contact.is_some(), sheet.customer == Some(text("ACME")));
            for row in &sheet.items {
                let number: usize = row.item.code.as_str()[1..].parse().unwrap();
                prop_assert_eq!(row.left_in.is_some(), packed[number / 4], "{:?}", row);
                prop_assert!(row.left_at.is_some() && row.record.is_some());
            }
        }
    }
}

/// A lot that leaves in two parts, and of which the rest is counted, is on both sheets, also where it is asked for itself.
#[test]
fn every_part_of_a_lot_that_left_is_on_a_sheet() {
    let ship =
        |to: &str| What::Ship { items: vec![lot("F")], customer: Some(text(to)), document: None };
    let look = What::Inspect { item: lot("F"), result: None, measurements: Vec::new() };
    let whats = vec![consume(&lot("L1"), &lot("F")), ship("ACME"), ship("Bolts & Co"), look];
    let times = (0..).zip(whats);
    let events: Vec<_> = times.map(|(time, what)| event(time, Some("S1"), what)).collect();
    let (query, _dir) = query(&traced(events));
    for of in ["F", "L1"] {
        let answer = query.recall(&lot(of)).unwrap();
        let sheets = query.sheets(&answer, &BTreeMap::new());
        let to: Vec<_> = sheets.iter().map(|sheet| sheet.customer.clone().unwrap()).collect();
        assert_eq!(to, [text("ACME"), text("Bolts & Co")], "{of}");
        assert_eq!(answer.body.shipped.len(), 2, "{of}");
    }
}
