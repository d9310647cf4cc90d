//! Rules about what items inherit from what they were made of.
use super::*;
use crate::model::plant::Source;
use crate::model::{
    Ancestry, Exposure, Kin, MountKey, Portion, ScopeName, Shortfall, Storage, TagName, Total, Way,
};

fn of_supplier(code: &str, supplier: &str) -> ItemKey {
    ItemKey::lot(Scope::Supplier(ScopeName::parse(supplier).unwrap()), Code::parse(code).unwrap())
}

fn words(all: &[&str]) -> BTreeSet<Text> {
    all.iter().map(|word| text(word)).collect()
}

/// R-1 was made of a lot of N, which went into it by way of L-1.
fn kin(material: &str) -> Kin {
    Kin {
        item: of_supplier("N-1", "ACME"),
        material: Some(text(material)),
        best_before: None,
        made: None,
        opened: None,
        exposure: None,
        way: Some(Way { into: lot("L-1"), by: Position(4), sure: true }),
    }
}

/// A plant that inherits everything, and nothing that is made of anything. Only N has nuts, and it is of PL.
fn world() -> World {
    let mut world = World::new();
    let catalog = &mut world.plant.catalog;
    for (name, rule) in [
        ("allergens", InheritRule::Union),
        ("country", InheritRule::Union),
        ("supplier", InheritRule::Union),
        ("hazardous", InheritRule::Any),
        ("purity", InheritRule::Minimum),
        ("best_before", InheritRule::Minimum),
        ("floor_life", InheritRule::Minimum),
    ] {
        catalog.attributes.insert(text(name), rule);
    }
    let nuts = Material {
        shelf_life: Some(Duration::from_nanos(20)),
        floor_life: Some(Duration::from_nanos(10)),
        allergens: words(&["nuts"]),
        has: BTreeMap::from([
            (text("country"), Has::Words(words(&["PL"]))),
            (text("hazardous"), Has::Mark),
            (text("purity"), Has::Number(98.0)),
        ]),
        ..Material::default()
    };
    catalog.materials.insert(text("N"), nuts);
    world
}

/// The reel was made of this.
fn made_of(world: &mut World, kin: Kin) {
    world.facts().past[2].ancestry.as_mut().unwrap().kin.push(kin);
}

fn bound(attribute: &str, bound: Bound) -> World {
    let mut world = world();
    world.plant.catalog.products.get_mut(&text("A")).unwrap().bounds =
        vec![(text(attribute), bound)];
    world
}

const LOOK_BACK: [Check; 4] =
    [Check::AllergenPlan, Check::LotNotExpired, Check::FloorLife, Check::AttributePlan];

#[test]
fn what_is_made_of_nothing_that_matters_is_permitted() {
    let mut world = bound("country", Bound::Allowed(words(&["DE"])));
    made_of(&mut world, kin("C"));
    for check in LOOK_BACK {
        assert_eq!(world.told(check), (Permit::Ok, String::new()), "{check:?}");
    }
}

#[test]
fn an_allergen_comes_in_by_whatever_way() {
    let mut world = world();
    made_of(&mut world, kin("N"));
    let wanted = "nuts comes into l/site/R-1 with l/supplier/ACME/N-1, which went into l/site/L-1 \
                  (record #4); A may not contain it";
    assert_eq!(world.told(Check::AllergenPlan), refused(wanted));
    // Of one-of links and blends it is said that nobody is sure.
    world.facts().past[2].ancestry.as_mut().unwrap().kin[0].way.as_mut().unwrap().sure = false;
    assert!(world.told(Check::AllergenPlan).1.contains("may have gone into"));
    world.plant.catalog.products.get_mut(&text("A")).unwrap().allergens = words(&["milk", "nuts"]);
    assert_eq!(world.told(Check::AllergenPlan).0, Permit::Ok);
    // Only where the plant says so.
    let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
    product.allergens = words(&["milk"]);
    world.plant.catalog.attributes.remove(&text("allergens"));
    assert_eq!(world.told(Check::AllergenPlan).0, Permit::Ok);
}

#[test]
fn what_nobody_can_tell_is_no_yes() {
    let mut world = bound("country", Bound::Forbidden(words(&["KP"])));
    made_of(&mut world, Kin { material: None, ..kin("N") });
    for check in [Check::AllergenPlan, Check::AttributePlan] {
        let judged = world.judge(&[check]);
        let wanted = "of which material l/supplier/ACME/N-1, which went into l/site/L-1 (record #4) is \
                      was never told";
        assert_eq!(judged.grounds, Some((Reason::MaterialUnknown, wanted.to_owned())));
    }
    world.facts().past[2].ancestry.as_mut().unwrap().kin[0] = kin("ghost");
    for check in [Check::AllergenPlan, Check::AttributePlan] {
        let judged = world.judge(&[check]);
        let wanted = "the plant files have no material ghost (l/supplier/ACME/N-1)".to_owned();
        assert_eq!(judged.grounds, Some((Reason::MaterialUnknown, wanted)));
    }
    let (station, point) = (station("MIX"), MountPointId::parse("bin").unwrap());
    let mount = MountKey { station, point, opened: Position(2) };
    let ancestry = Ancestry { kin: Vec::new(), missing: Some(crate::model::Missing::Mount(mount)) };
    world.facts().past[2].ancestry = Some(ancestry);
    for check in LOOK_BACK {
        let wanted = "not all is known of what l/site/R-1 was made of: which lot was in bin of MIX is \
                      not known (record #2)";
        assert_eq!(world.told(check), (Permit::Unknown, wanted.to_owned()), "{check:?}");
    }
    // A tape of another version does not tell.
    world.facts().past[2].ancestry = None;
    for check in LOOK_BACK {
        assert_eq!(world.told(check).0, Permit::Unknown, "{check:?}");
    }
}

#[test]
fn a_lot_is_good_for_as_long_as_what_it_was_made_of() {
    let mut world = world();
    made_of(&mut world, Kin { made: Some(Utc(10)), ..kin("N") });
    made_of(&mut world, Kin { best_before: Some(Utc(31)), made: Some(Utc(1)), ..kin("N") });
    world.now = Utc(30);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok);
    world.now = Utc(31);
    let wanted = "l/site/R-1 was made of l/supplier/ACME/N-1, which went into l/site/L-1 (record #4), and \
                  that may be used until 1970-01-01T00:00:00.000Z";
    assert_eq!(world.told(Check::LotNotExpired), refused(wanted));
    world.plant.catalog.attributes.remove(&text("best_before"));
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok, "only where the plant says so");
}

#[test]
fn a_lot_of_which_no_date_was_told_has_that_of_what_it_was_made_of() {
    let mut world = world();
    world.facts().past[2].best_before = None;
    let judged = world.judge(&[Check::LotNotExpired]);
    assert_eq!(judged.grounds.unwrap().0, Reason::ExpiryUnknown);
    made_of(&mut world, Kin { made: Some(Utc(10)), ..kin("N") });
    world.now = Utc(30);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Ok);
    world.now = Utc(31);
    assert_eq!(world.told(Check::LotNotExpired).0, Permit::Nok);
}

#[test]
fn what_a_lot_was_made_of_lay_open_for_too_long() {
    let mut world = world();
    let away = [(Utc(20), Storage::Opened), (Utc(29), Storage::Closed)];
    let exposure = Some(Exposure::of(away));
    made_of(&mut world, Kin { opened: Some(Utc(20)), exposure, ..kin("N") });
    world.now = Utc(31);
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok, "put away, it stands still");
    made_of(&mut world, Kin { opened: Some(Utc(20)), ..kin("N") });
    world.now = Utc(30);
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok);
    world.now = Utc(31);
    assert_eq!(world.told(Check::FloorLife).0, Permit::Nok);
    world.plant.catalog.attributes.remove(&text("floor_life"));
    assert_eq!(world.told(Check::FloorLife).0, Permit::Ok, "only where the plant says so");
}

#[test]
fn a_product_is_made_of_nothing_that_it_may_not_be_made_of() {
    let with = "with l/supplier/ACME/N-1, which went into l/site/L-1 (record #4)";
    for (attribute, within, what) in [
        ("country", Bound::Allowed(words(&["DE", "FR"])), ("country PL", "may have DE, FR only")),
        ("country", Bound::Forbidden(words(&["PL"])), ("country PL", "may not have it")),
        ("supplier", Bound::Forbidden(words(&["ACME"])), ("supplier ACME", "may not have it")),
        ("hazardous", Bound::Unmarked, ("hazardous", "may have nothing of it")),
        ("purity", Bound::AtLeast(98.5), ("purity 98", "wants 98.5 at least")),
    ] {
        let mut world = bound(attribute, within);
        assert_eq!(world.told(Check::AttributePlan).0, Permit::Ok, "{attribute}");
        made_of(&mut world, kin("N"));
        let wanted = format!("{} comes into l/site/R-1 {with}; A {}", what.0, what.1);
        assert_eq!(world.told(Check::AttributePlan), refused(&wanted));
    }
    for (attribute, within) in [
        ("country", Bound::Allowed(words(&["PL"]))),
        ("country", Bound::Forbidden(words(&["DE"]))),
        ("purity", Bound::AtLeast(98.0)),
    ] {
        let mut world = bound(attribute, within);
        made_of(&mut world, kin("N"));
        assert_eq!(world.told(Check::AttributePlan).0, Permit::Ok, "{attribute}");
    }
}

#[test]
fn the_item_and_what_is_named_beside_it_are_looked_at_too() {
    for (at, item) in [(0, "u/site/SN-1"), (1, "u/site/C-1")] {
        let mut world = bound("hazardous", Bound::Unmarked);
        world.facts().past[at].ancestry.as_mut().unwrap().kin.push(kin("N"));
        let (permit, told) = world.told(Check::AttributePlan);
        assert_eq!(permit, Permit::Nok);
        assert!(told.starts_with(&format!("hazardous comes into {item} with")), "{told}");
    }
    // The part itself, as the words beside it say.
    let mut world = bound("hazardous", Bound::Unmarked);
    world.said.material = Some(text("N"));
    let wanted = "u/site/C-1 has hazardous; A may have nothing of it";
    assert_eq!(world.told(Check::AttributePlan), refused(wanted));
}

/// The product has a bound, and something was measured.
fn measured(rule: MeasuredRule, bound: Bound, total: Total) -> World {
    let mut world = world();
    let of = Measured {
        rule,
        source: Source::Measurement(TagName::parse("dose").unwrap()),
        ancestors: true,
    };
    world.plant.catalog.measured.insert(text("heat"), of);
    let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
    product.bounds = vec![(text("heat"), bound)];
    world.facts().measured.push(total);
    world
}

fn heat(value: Option<f64>, missing: Option<Shortfall>) -> Total {
    let portion = |value| {
        let way = Some(Way { into: lot("L-1"), by: Position(4), sure: true });
        Portion { value, record: Position(5), item: of_supplier("N-1", "ACME"), way }
    };
    let most = value.map(|value| portion(value.min(80.0)));
    Total { attribute: text("heat"), value, most, missing }
}

#[test]
fn what_was_measured_is_within_the_bounds_of_the_product() {
    let (sum, least) = (MeasuredRule::Sum, MeasuredRule::Minimum);
    let by = "l/supplier/ACME/N-1, which went into l/site/L-1 (record #4), told with record #5";
    let gone = || Some(Shortfall::Unusable(lot("L-1"), Position(6)));
    let unknown = "not all is known of heat of u/site/SN-1: what was told of l/site/L-1 with record #6 is no good";
    let (ok, nok, unsure) = (Permit::Ok, Permit::Nok, Permit::Unknown);
    for (rule, bound, total, permit, told) in [
        (sum, Bound::AtMost(120.0), heat(Some(120.0), None), ok, String::new()),
        (
            sum,
            Bound::AtMost(119.5),
            heat(Some(120.0), None),
            nok,
            format!("heat of u/site/SN-1 is 120, most of it 80 of {by}; A may have 119.5"),
        ),
        (sum, Bound::AtMost(120.0), heat(Some(120.0), gone()), unsure, unknown.to_owned()),
        (
            sum,
            Bound::AtMost(119.5),
            heat(Some(120.0), gone()),
            nok,
            format!("heat of u/site/SN-1 is at least 120, most of it 80 of {by}; A may have 119.5"),
        ),
        (least, Bound::AtLeast(7.0), heat(Some(7.0), None), ok, String::new()),
        (
            least,
            Bound::AtLeast(7.5),
            heat(Some(7.0), None),
            nok,
            format!("heat of u/site/SN-1 is 7 by {by}; A wants 7.5 at least"),
        ),
        (
            least,
            Bound::AtLeast(7.5),
            heat(Some(7.0), gone()),
            nok,
            format!("heat of u/site/SN-1 is at most 7 by {by}; A wants 7.5 at least"),
        ),
        (
            least,
            Bound::AtLeast(7.5),
            heat(None, None),
            unsure,
            "no heat of u/site/SN-1 was told".to_owned(),
        ),
    ] {
        let world = measured(rule, bound, total);
        assert_eq!(world.told(Check::AttributePlan), (permit, told));
    }
    // A tape from before does not tell.
    let mut world = measured(sum, Bound::AtMost(1.0), heat(Some(0.0), None));
    world.facts().measured.clear();
    let wanted = "what heat of u/site/SN-1 comes to was not told";
    assert_eq!(world.told(Check::AttributePlan), (unsure, wanted.to_owned()));
}

#[test]
fn what_was_measured_is_not_known_while_the_lots_in_the_feeders_are_not() {
    for (ancestors, permit) in [(true, Permit::Unknown), (false, Permit::Ok)] {
        let mut world = measured(MeasuredRule::Sum, Bound::AtMost(9.0), heat(Some(0.0), None));
        let heat = world.plant.catalog.measured.get_mut(&text("heat")).unwrap();
        heat.ancestors = ancestors;
        world.mounts_seen = false;
        assert_eq!(world.told(Check::AttributePlan).0, permit, "{ancestors}");
    }
}

#[test]
fn what_was_measured_is_so_whatever_it_was_made_of() {
    let mut world = measured(MeasuredRule::Sum, Bound::AtMost(9.0), heat(Some(0.0), None));
    made_of(&mut world, kin("ghost"));
    assert_eq!(world.told(Check::AttributePlan).0, Permit::Ok);
    let product = world.plant.catalog.products.get_mut(&text("A")).unwrap();
    product.bounds.push((text("hazardous"), Bound::Unmarked));
    let judged = world.judge(&[Check::AttributePlan]);
    assert_eq!(judged.grounds.unwrap().0, Reason::MaterialUnknown);
}
