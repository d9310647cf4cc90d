//! Codes that stand on labels, on the whole way of a request.
use super::plc::Label;
use super::*;
use crate::model::label::{CodeForm, Expression};

fn world(form: CodeForm, scope: ScopeFrom) -> World {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    (handshake.item.form, handshake.item.scope) = (form, scope);
    handshake.item.no_read = vec![String::new(), "NOREAD".to_owned()];
    World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean))
}

/// The PLC shows a label, and is answered.
fn show(world: &mut World, text: &str) {
    let when = world.at().wall;
    world.plc.label = Some(Label { serial: text.to_owned(), judged: 0, when });
    world.plc.run(when);
    world.notify();
    world.go_on();
    assert!(world.plc.acked(), "whatever stands on a label, the PLC is answered");
    let now = world.at().wall;
    world.plc.run(now);
}

/// What became of the last request: the item with what was kept, or why it was set aside, with the text that was read.
fn became(world: &World) -> std::result::Result<(String, Vec<String>), (String, String)> {
    let last = world.durable.iter().rev().find_map(|record| {
        if let Body::Quarantine(aside) = &record.body {
            let mark = aside.handshake.as_ref().unwrap();
            assert_eq!(mark.permit, Permit::Unknown);
            let QuarantineCause::Label(name, why) = &aside.cause else { panic!("{aside:?}") };
            assert_eq!(name.as_str(), "serial");
            let raw = aside.raw.iter().find(|raw| raw.tag == *name).unwrap();
            return Some(Err((why.to_string(), raw.value.to_string())));
        }
        let Body::Trace(event) = &record.body else { return None };
        event.handshake.as_ref()?;
        let kept = event.context.iter().map(|kept| format!("{} = {}", kept.name, kept.value));
        let product = event.product.iter().map(|product| format!("product = {product}"));
        Some(Ok((event.what.items()[0].to_string(), product.chain(kept).collect())))
    });
    last.unwrap()
}

#[test]
fn the_groups_of_a_label_are_the_item_and_what_is_kept() {
    let form = r"(?P<product>[A-Z]+)/(?P<serial>SN-\d+)(/(?P<rev>\d))?";
    let form = CodeForm::Match(Expression::parse(form).unwrap());
    let mut world = world(form, ScopeFrom::Label(LabelScope::Product));
    show(&mut world, "GEAR/SN-7/2");
    let kept = vec!["product = GEAR".to_owned(), "rev = 2".to_owned()];
    assert_eq!(became(&world), Ok(("u/product/GEAR/SN-7".to_owned(), kept)));
    for text in ["GEAR/SN-7/", "SN-7", " GEAR/SN-7"] {
        show(&mut world, text);
        let aside = ("it is not as `match` says".to_owned(), text.to_owned());
        assert_eq!(became(&world), Err(aside));
    }
    show(&mut world, "NOREAD");
    assert!(became(&world).unwrap().0.starts_with("u/provisional/"));
}

/// A word of the name is there, and could not be read: it has no number, and its bit is none.
#[test]
fn a_label_does_not_stand_in_for_a_word_that_could_not_be_read() {
    let form = Expression::parse(r"(?P<serial>SN-\d+)/(?P<rev>\d)").unwrap();
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let handshake = &mut plant.stations[0].handshakes[0];
    handshake.item.form = CodeForm::Match(form);
    let rev = crate::model::TagName::parse("rev").unwrap();
    handshake.context = vec![(rev, Word { tag: SERIAL, bit: Some(3) })];
    let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean));
    show(&mut world, "SN-7/2");
    assert_eq!(became(&world).unwrap().1, ["serial.rev = 2"]);
}

#[test]
fn a_gs1_label_is_the_same_item_in_every_form_of_it() {
    let mut world = world(CodeForm::Gs1, ScopeFrom::Gs1);
    for text in [
        "]d20109506000134352211234\u{1d}10L-7",
        "0109506000134352\u{1d}10L-7\u{1d}211234",
        "https://id.example.com/01/9506000134352/10/L-7/21/1234",
    ] {
        show(&mut world, text);
        let kept = vec!["lot = L-7".to_owned()];
        assert_eq!(became(&world), Ok(("u/gs1/09506000134352/1234".to_owned(), kept)));
    }
    show(&mut world, "0109506000134352");
    assert_eq!(became(&world).unwrap_err().0, "it has no serial (21)");
    show(&mut world, "211234");
    assert_eq!(became(&world).unwrap_err().0, "it has no GTIN (01)");
}

/// What is in the feeder is not what was in it, once a label is not of its form.
#[test]
fn a_label_of_another_form_in_the_feeder_lets_nothing_go_on() {
    let mut plant = (*plant(Pattern::Counter, Splice::Clean)).clone();
    let form = Expression::parse("(?P<lot>LOT-0)").unwrap();
    plant.stations[0].mounts[0].lot.form = CodeForm::Match(form);
    let mut world = World::with(Arc::new(plant), Plc::new(Pattern::Counter, Splice::Clean));
    for part in 1..=3 {
        show(&mut world, &format!("SN-{part}"));
    }
    let told = world.durable.iter().filter_map(|record| {
        if let Body::Quarantine(aside) = &record.body {
            let QuarantineCause::Label(name, _) = &aside.cause else { return None };
            return Some(format!("aside: {name}"));
        }
        let Body::Trace(event) = &record.body else { return None };
        Some(event.what.verb().as_str().to_owned())
    });
    let told: Vec<String> = told.collect();
    assert_eq!(
        told,
        ["mount", "complete", "complete", "aside: lot"],
        "the third part takes another lot"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    /// Whatever is read, and whenever we die: an item has the code of its label, and nothing else is an item.
    #[test]
    fn what_is_not_of_its_form_never_is_an_item(
        texts in proptest::collection::vec(("(SN-[0-9]{1,4})|([ -~]{1,8})", any::<bool>()), 1..6),
    ) {
        let form = CodeForm::Match(Expression::parse(r"(?P<serial>SN-\d+)").unwrap());
        let mut world = world(form, ScopeFrom::Site);
        for (text, dies) in texts {
            show(&mut world, &text);
            let number = text.strip_prefix("SN-").filter(|n| !n.is_empty());
            let good = number.is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
            match became(&world) {
                Ok((item, _)) => {
                    prop_assert!(good);
                    prop_assert_eq!(item, format!("u/site/{}", text));
                }
                Err((_, raw)) => prop_assert!(!good && raw == text),
            }
            if dies {
                world.crash(0);
                let records = world.durable.len();
                world.go_on();
                prop_assert!(world.durable[records..].iter().all(|record| !matches!(record.body, Body::Trace(_) | Body::Quarantine(_))));
            }
        }
    }
}
