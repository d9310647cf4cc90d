//! Floor lives, whatever the order in which it is told what they are counted by.
use super::*;
use crate::genealogy::builders::{consume, correct, event, lot, mount, unit};
use crate::model::{ItemKey, Past, Question, ReadToken, What, floor_until};
use proptest::prelude::*;
use std::time::Duration;

const LIVES: [u64; 5] = [0, 5, 12, 30, 80];

fn reel() -> ItemKey {
    lot("R")
}

/// Until when the reel may be used that all this happened to, as told in an order; what is taken back is so last.
fn until(all: &[(i64, What)], order: &[usize], back: &[usize], life: u64) -> Option<Utc> {
    let told = order.iter().map(|at| event(all[*at].0, Some("OP10"), all[*at].1.clone()));
    let record = |at: &usize| order.iter().position(|told| told == at).unwrap() as u64 + 1;
    let back = back.iter().map(|at| event(1000, None, correct(record(at))));
    let past = pasts(told.chain(back).collect(), vec![reel()]).remove(0);
    floor_until(past.opened, past.exposure.as_ref(), Duration::from_nanos(life))
}

fn pasts(told: Vec<TraceEvent>, items: Vec<ItemKey>) -> Vec<Past> {
    let (query, _dir) = query(&traced(told));
    let (token, stations, ancestry) = (ReadToken(1), Vec::new(), true);
    let (measured, as_of) = (Vec::new(), query.position());
    query.facts(&Question { token, items, stations, ancestry, measured, as_of }).past
}

/// How long it was out before a time, moment by moment.
fn counted(all: &[(i64, What)], back: &[usize], before: i64) -> u64 {
    let (mut out, mut sum) = (false, 0);
    for now in 0..before {
        let then = all.iter().enumerate();
        let then = then.filter(|(at, (when, _))| *when == now && !back.contains(at));
        let mut then: Vec<&What> = then.map(|(_, (_, what))| what).collect();
        then.sort_by_key(|what| rank(what));
        for what in then {
            match what {
                What::Open { .. } | What::Mount { .. } | What::Consume { .. } => out = true,
                What::Close { .. } => out = false,
                What::Dry { .. } => (out, sum) = (true, 0),
                What::Receive { .. } => (out, sum) = (false, 0),
                other => panic!("{other:?}"),
            }
        }
        sum += u64::from(out);
    }
    sum
}

/// What goes before what at one time.
fn rank(what: &What) -> u8 {
    match what {
        What::Receive { .. } => 0,
        What::Dry { .. } => 1,
        What::Close { .. } => 2,
        _ => 3,
    }
}

fn anything(item: ItemKey, by: u8) -> What {
    match by % 10 {
        0 | 1 => What::Open { item },
        2 => mount("F1", &item),
        3 => consume(&item, &unit("U2")),
        4..=7 => What::Close { item },
        8 => What::Dry { item },
        _ => What::Receive { item, supplier: None, amount: None, best_before: None },
    }
}

/// What happened, one at a time; the order in which it is told; what of it is taken back.
fn any_story() -> impl Strategy<Value = (Vec<(i64, What)>, Vec<usize>, Vec<usize>)> {
    proptest::collection::vec((0..20_i64, any::<u8>(), any::<u8>()), 1..12).prop_flat_map(|told| {
        let mut now = 0;
        let mut all = Vec::new();
        for (gap, what, _) in &told {
            now += gap;
            all.push((now, anything(reel(), *what)));
        }
        let back = (0..).zip(&told).filter(|(_, (.., back))| back % 6 == 0);
        let back: Vec<usize> = back.map(|(at, _)| at).collect();
        let order: Vec<usize> = (0..all.len()).collect();
        (Just(all), Just(order).prop_shuffle(), Just(back))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_floor_life_is_what_a_naive_clock_says_in_whatever_order_it_is_told(
        (all, order, back) in any_story(),
        life in 0..120_u64,
        later in 0..200_i64,
    ) {
        let now = all.last().map_or(0, |(last, _)| *last) + 1 + later;
        let spent = counted(&all, &back, now) > life;
        let until = until(&all, &order, &back, life);
        prop_assert_eq!(until.is_some_and(|until| until < Utc(now)), spent, "{:?}", until);
    }

    /// Not all lots of a material are told, but the one that is at its end first with whatever floor life; what is done with
    /// what is left of a lot is not done to what it went into.
    #[test]
    fn what_was_made_of_several_lots_is_at_its_end_with_the_first_of_them(
        stories in proptest::collection::vec((0..3_usize, 0..9_u8), 0..16),
        used in 0..17_i64,
    ) {
        let used = 5 * used + 2;
        let lots = ["R0", "R1", "R2"].map(lot);
        let into = lots.iter().map(|of| (used, consume(of, &unit("U1"))));
        let then = (1..).zip(stories).map(|(n, (of, by))| (5 * n, anything(lots[of].clone(), by)));
        let all: Vec<(i64, What)> = into.chain(then).collect();
        let items: Vec<ItemKey> = lots.iter().cloned().chain([unit("U1")]).collect();
        let pasts = |all: Vec<(i64, What)>, items: &[ItemKey]| {
            let told = all.into_iter().map(|(at, what)| event(at, Some("OP10"), what));
            pasts(told.collect(), items.to_vec())
        };
        let before = all.iter().filter(|(at, _)| *at <= used).cloned().collect();
        let before = pasts(before, &lots);
        let kin = pasts(all, &items).pop().unwrap().ancestry.unwrap().kin;
        prop_assert!(kin.len() <= 3, "{:?}", &kin);
        for life in LIVES.map(Duration::from_nanos) {
            let own = before.iter().map(|of| floor_until(of.opened, of.exposure.as_ref(), life));
            let told = kin.iter().map(|of| floor_until(of.opened, of.exposure.as_ref(), life));
            prop_assert_eq!(told.flatten().min(), own.flatten().min(), "{:?} {:?}", life, &kin);
        }
    }
}

/// Of many reels of one material, each out for a little longer than the one before, one is enough.
#[test]
fn of_many_lots_those_are_told_that_are_ahead_of_the_others() {
    let reels = (0..40).map(|n| (n, lot(&format!("R{n:02}"))));
    let all = reels.flat_map(|(n, reel)| {
        [
            event(100 - n, Some("OP10"), What::Open { item: reel.clone() }),
            event(100, Some("OP10"), What::Close { item: reel.clone() }),
            event(200, Some("OP10"), consume(&reel, &unit("U1"))),
        ]
    });
    let kin = pasts(all.collect(), vec![unit("U1")]).remove(0).ancestry.unwrap().kin;
    let told: Vec<String> = kin.iter().map(|kin| kin.item.to_string()).collect();
    assert_eq!(
        told,
        ["l/supplier/ACME/R00", "l/supplier/ACME/R39"],
        "the first, and the one that was out longest"
    );
}

/// A reel is opened, put away, mounted, put away, dried and put away; that it was mounted is taken back.
#[test]
fn a_floor_life_stands_still_in_dry_storage_and_begins_anew_when_dried() {
    let all = [
        (0, What::Open { item: reel() }),
        (10, What::Close { item: reel() }),
        (50, mount("F1", &reel())),
        (70, What::Close { item: reel() }),
        (90, What::Dry { item: reel() }),
        (95, What::Close { item: reel() }),
    ];
    let until = |take: usize, back: &[usize], life: u64| {
        let order: Vec<usize> = (0..take).rev().collect();
        until(&all, &order, back, life)
    };
    assert_eq!(until(1, &[], 15), Some(Utc(15)), "it runs");
    assert_eq!(until(2, &[], 15), None, "it stands still");
    assert_eq!(until(3, &[], 15), Some(Utc(55)), "10 of 15 are over");
    assert_eq!(until(3, &[2], 15), None, "it was not mounted");
    assert_eq!(until(4, &[], 15), Some(Utc(55)), "it was out for too long");
    assert_eq!(until(5, &[], 15), Some(Utc(105)), "anew");
    assert_eq!(until(6, &[], 15), None);
    assert_eq!(until(6, &[2], 4), Some(Utc(94)));
}
