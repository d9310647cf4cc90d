//! What lots inherit, from the records of what went into them to the permit and to what is shown.
use super::naive::asked;
use super::world::{World, lot, unit};
use crate::model::{Permit, Position};
use crate::query::{InheritedView, Is};
use std::sync::Arc;

const PLANT: &str = include_str!("../bakery.toml");

/// Flour of ACME, and if wanted nuts of ZETA, go into a batch of dough.
fn dough(world: &mut World, batch: &str, nuts: bool) {
    let lots = [("F-1", "ACME", "flour"), ("N-1", "ZETA", "nuts")];
    for (lot, supplier, material) in lots.into_iter().take(1 + usize::from(nuts)) {
        let words = [("lot", lot), ("supplier", supplier), ("material", material)];
        world.ask("IN", "goods", &words).unwrap();
        let words =
            [("batch", batch), ("lot", lot), ("supplier", supplier), ("material", material)];
        world.ask("MIX", "charge", &words).unwrap();
    }
}

/// What a loaf of a product out of a batch is answered.
fn form(world: &mut World, serial: &str, product: &str, batch: &str) -> (Permit, String, String) {
    let words = [("serial", serial), ("product", product), ("lot", batch), ("material", "dough")];
    world.ask("BAKE", "form", &words).unwrap();
    world.deliver_all();
    let (_, mark) = world.records.iter().rev().find_map(asked).unwrap();
    let told = mark.grounds.as_ref().map(|grounds| grounds.text.to_string());
    let reason = mark.reason.as_ref().map(ToString::to_string);
    (mark.permit, reason.unwrap_or_default(), told.unwrap_or_default())
}

#[test]
fn a_lot_two_steps_back_decides_and_is_named() {
    let mut world = World::of(PLANT);
    dough(&mut world, "D-1", false);
    dough(&mut world, "D-2", true);
    // Of the batches nobody told when they were made: they are good for as long as what went into them.
    assert_eq!(form(&mut world, "B1", "bread", "D-1").0, Permit::Ok);
    let (permit, reason, told) = form(&mut world, "B2", "bread", "D-2");
    assert_eq!((permit, reason.as_str()), (Permit::Nok, "allergen-plan"));
    let charged = world.records.iter().rfind(|record| {
        matches!(&record.body, crate::model::Body::Trace(event) if event.material.as_ref().is_some_and(|m| m.as_str() == "nuts"))
    });
    let charged = charged.unwrap().position;
    let wanted = format!(
        "nuts comes into l/site/D-2 with l/supplier/ZETA/N-1, which went into l/site/D-2 (record {charged}); \
         bread may not contain it"
    );
    assert_eq!(told, wanted);
    let (permit, reason, told) = form(&mut world, "C1", "cake", "D-2");
    assert_eq!((permit, reason.as_str()), (Permit::Nok, "attribute-plan"));
    assert!(
        told.starts_with("country US comes into l/site/D-2 with l/supplier/ZETA/N-1"),
        "{told}"
    );
    // The flour is past its date, and so is what was made of it.
    world.pass_deadline();
    world.pass_deadline();
    let (permit, reason, told) = form(&mut world, "B3", "bread", "D-1");
    assert_eq!((permit, reason.as_str()), (Permit::Nok, "lot-not-expired"));
    assert!(told.starts_with("l/site/D-1 was made of l/supplier/ACME/F-1"), "{told}");
}

fn shown(view: &InheritedView) -> Vec<String> {
    let value = |value: &Is| match value {
        Is::Word(word) => word.to_string(),
        Is::Mark(mark) => mark.to_string(),
        Is::Number(number) => number.to_string(),
        Is::Until(_) => "until".to_owned(),
    };
    let of = |v: &crate::query::InheritedValue| {
        let way: Vec<String> = v.way.iter().map(|link| link.into.to_string()).collect();
        format!("{} of {} by {}", value(&v.value), v.item, way.join(" "))
    };
    view.values.iter().map(of).collect()
}

#[test]
fn an_item_shows_what_it_inherits_and_from_where() {
    let mut world = World::of(PLANT);
    dough(&mut world, "D-1", true);
    assert_eq!(world.query.item(&lot("D-1")).unwrap().body.inherited, [], "no plant is in force");
    world.query.put_in_force(Arc::clone(&world.plant));
    form(&mut world, "B1", "cake", "D-1");
    let item = world.query.item(&lot("D-1")).unwrap().body;
    let by = |name: &str| {
        let view = item.inherited.iter().find(|view| view.attribute.as_str() == name).unwrap();
        assert_eq!(view.missing, None);
        shown(view)
    };
    let (flour, nuts) = ("l/supplier/ACME/F-1 by l/site/D-1", "l/supplier/ZETA/N-1 by l/site/D-1");
    assert_eq!(by("allergens"), [format!("nuts of {nuts}")]);
    assert_eq!(by("supplier"), [format!("ACME of {flour}"), format!("ZETA of {nuts}")]);
    let countries = [format!("DE of {flour}"), format!("FR of {flour}"), format!("US of {nuts}")];
    assert_eq!(by("country"), countries);
    assert_eq!(by("hazardous"), [""; 0]);
    assert_eq!(by("best_before"), [format!("until of {flour}")]);
    // Before the nuts went in there were none.
    let nuts_in = item.inherited[0].values[0].way[0].position;
    let before = Position(nuts_in.0 - 1);
    let before = world.query.item_as_of(&lot("D-1"), before).unwrap().body.inherited;
    assert!(!format!("{before:?}").contains("ZETA") && format!("{before:?}").contains("ACME"));
    // A cake that was refused was not made of it: it has what its product says, and nothing from anywhere.
    let cake = world.query.item(&unit("B1")).unwrap().body.inherited;
    let all: Vec<String> = cake.iter().flat_map(shown).collect();
    assert_eq!(all, ["nuts of u/site/B1 by "]);
}
