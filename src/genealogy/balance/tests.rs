//! What movements come to, against a book that is kept by hand.
#![expect(clippy::float_cmp, reason = "whole numbers of grams are exact")]
#![expect(clippy::unnecessary_wraps, reason = "an amount is told or is not")]
use super::*;
use proptest::prelude::*;

fn unit(code: &str) -> Option<Ucum> {
    Some(Ucum::parse(code).unwrap())
}

fn grams(value: f64) -> Option<Amount> {
    Some(Amount { value, unit: unit("g") })
}

fn moved(at: i64, what: Movement, amount: Option<Amount>) -> Moved {
    Moved { time: Utc(at), position: Position(at.unsigned_abs() + 1), what, amount }
}

use Movement::{Consumed, Counted, Parted, Received, Returned, Scrapped, Shipped};

#[test]
fn what_is_missing_when_a_lot_is_counted_is_unaccounted() {
    let book = vec![
        moved(0, Received, Some(Amount { value: 1.0, unit: unit("kg") })),
        moved(1, Consumed, grams(400.0)),
        moved(2, Scrapped, grams(50.0)),
        moved(3, Counted, grams(530.0)),
        moved(4, Consumed, grams(100.0)),
    ];
    let balance = Balance::of(book, None).unwrap();
    assert_eq!(balance.unit, unit("kg"));
    let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{balance:?}");
    close(balance.received, 1.0);
    close(balance.consumed, 0.5);
    close(balance.scrapped, 0.05);
    close(balance.in_stock.unwrap(), 0.43);
    close(balance.unaccounted.unwrap(), 0.02);
    assert_eq!((balance.counted, balance.untold), (Some(Utc(3)), 0));
}

#[test]
fn a_lot_that_was_never_counted_has_what_is_left_by_the_book_and_nothing_to_hold_it_against() {
    let book = vec![moved(0, Received, grams(10.0)), moved(1, Consumed, grams(4.0))];
    let balance = Balance::of(book.clone(), None).unwrap();
    assert_eq!((balance.in_stock, balance.unaccounted, balance.counted), (Some(6.0), None, None));
    // More went than came: that is known without a count.
    let more = [book, vec![moved(2, Consumed, grams(9.0))]].concat();
    let balance = Balance::of(more, None).unwrap();
    assert_eq!((balance.in_stock, balance.unaccounted), (Some(0.0), Some(-3.0)));
}

#[test]
fn what_is_shipped_or_scrapped_without_an_amount_is_all_that_was_left() {
    let book = vec![
        moved(0, Received, grams(10.0)),
        moved(1, Consumed, grams(4.0)),
        moved(2, Shipped, None),
        moved(3, Returned, grams(2.0)),
        moved(4, Scrapped, None),
    ];
    let balance = Balance::of(book, None).unwrap();
    assert_eq!((balance.shipped, balance.returned, balance.scrapped), (6.0, 2.0, 2.0));
    assert_eq!((balance.in_stock, balance.unaccounted), (Some(0.0), Some(0.0)));
}

#[test]
fn what_was_told_without_an_amount_leaves_open_how_much_is_missing() {
    let book = vec![moved(0, Received, grams(10.0)), moved(1, Consumed, None)];
    let balance = Balance::of(book.clone(), None).unwrap();
    assert_eq!((balance.untold, balance.in_stock, balance.unaccounted), (1, None, None));
    let counted = [book, vec![moved(2, Counted, grams(7.0))]].concat();
    let balance = Balance::of(counted, None).unwrap();
    assert_eq!((balance.in_stock, balance.unaccounted), (Some(7.0), None), "3 g may be that use");
    assert_eq!(Balance::of(vec![moved(0, Consumed, None)], None), None);
}

#[test]
fn pieces_are_converted_by_what_one_of_them_is_and_by_nothing_else() {
    let pieces = |value| Some(Amount { value, unit: None });
    let book = vec![
        moved(0, Received, Some(Amount { value: 1.2, unit: unit("kg") })),
        moved(1, Consumed, pieces(40.0)),
    ];
    let one = Amount { value: 12.0, unit: unit("g") };
    let balance = Balance::of(book.clone(), Some(&one)).unwrap();
    assert!((balance.consumed - 0.48).abs() < 1e-12, "{balance:?}");
    let turned = vec![moved(0, Received, pieces(100.0)), moved(1, Consumed, grams(24.0))];
    assert!((Balance::of(turned, Some(&one)).unwrap().consumed - 2.0).abs() < 1e-12);
    for none in
        [None, Some(Amount { value: 0.0, ..one.clone() }), Some(Amount { unit: unit("m"), ..one })]
    {
        let balance = Balance::of(book.clone(), none.as_ref()).unwrap();
        assert_eq!((balance.untold, balance.in_stock), (1, None), "{none:?}");
    }
}

fn any_book() -> impl Strategy<Value = Vec<Moved>> {
    let what = prop::sample::select(vec![
        Received, Returned, Consumed, Scrapped, Shipped, Parted, Counted,
    ]);
    let amount = prop::option::weighted(0.9, 0_u32..1_000);
    let one = (0_i64..20, what, amount).prop_map(|(at, what, amount)| {
        let amount = amount.map(|value| Amount { value: f64::from(value), unit: unit("g") });
        moved(at, what, amount)
    });
    proptest::collection::vec(one, 0..30).prop_map(|book| {
        let numbered = (1..).zip(book);
        numbered.map(|(n, moved)| Moved { position: Position(n), ..moved }).collect()
    })
}

proptest! {
    #[test]
    fn nothing_is_lost_between_the_figures_whatever_the_order_of_arrival(
        (book, shuffled) in any_book().prop_flat_map(|book| (Just(book.clone()), Just(book).prop_shuffle())),
    ) {
        let balance = Balance::of(book.clone(), None);
        prop_assert_eq!(&balance, &Balance::of(shuffled, None));
        prop_assert_eq!(balance.is_none(), book.iter().all(|moved| moved.amount.is_none()));
        let Some(balance) = balance else { return Ok(()) };
        let sum = |what| {
            let those = book.iter().filter(|moved| moved.what == what);
            those.filter_map(|moved| Some(moved.amount.as_ref()?.value)).sum::<f64>()
        };
        prop_assert_eq!(balance.received, sum(Received));
        prop_assert_eq!(balance.consumed, sum(Consumed));
        prop_assert!(balance.scrapped >= sum(Scrapped) && balance.shipped >= sum(Shipped) + sum(Parted));
        if let (Some(stock), Some(missing)) = (balance.in_stock, balance.unaccounted) {
            let went = balance.consumed + balance.scrapped + balance.shipped + stock + missing;
            prop_assert_eq!(balance.came(), went);
        }
        let closes = |moved: &Moved| moved.amount.is_none() && matches!(moved.what, Scrapped | Shipped);
        let untold = book.iter().filter(|moved| moved.amount.is_none() && !closes(moved));
        prop_assert_eq!(balance.untold, untold.count() as u64);
        prop_assert!(balance.in_stock.is_none_or(|stock| stock >= 0.0));
    }
}
