//! Two stations share what one machine tells of.
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever is lost, repeated or begun anew: each is recorded once, by the station whose it is.
    #[test]
    fn a_result_that_several_could_take_is_of_one(
        fetch in any::<bool>(),
        rest in any::<bool>(),
        keeps in any::<bool>(),
        most in 1..20usize,
        choices in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let whose = if rest { Whose::Rest } else { Whose::Two };
        let most = if fetch { most } else { 100 };
        let mut world = World::with(fetch, whose, fetch && keeps, most);
        for choice in choices {
            world.act(choice);
        }
        if !fetch {
            world.machine.kept.clear();
        }
        judge(&mut world)?;
    }
}

/// One asks for both: each is got once, recorded by whose it is, and acknowledged once.
#[test]
fn what_two_stations_share_is_asked_for_once() {
    let mut world = World::with(true, Whose::Two, false, 10);
    world.told(true);
    let (mut got, mut told) = (Vec::new(), Vec::new());
    (0..3).for_each(|_| world.make());
    for _ in 0..60 {
        world.sync();
        world.tell_event();
        let next = world.waiting.front();
        if let Some(Effect::Read(ReadRequest { from: ReadFrom::Result(name), .. })) = next {
            got.push(name.to_string());
        }
        if let Some(Effect::Write(write)) = next {
            let Value::List(names) = &write.ack.as_ref().unwrap().value else { panic!() };
            told.extend(names.iter().filter_map(Value::as_text));
        }
        world.carry_out();
        world.tell_answer();
        world.now += 100_000_000;
        world.step(&Input::Wake);
    }
    assert_eq!((got.len(), told.len()), (3, 3), "{got:?} {told:?}");
    let at = |part: u64| stations_of(&world.durable, &format!("SN-{part}"));
    let at: Vec<Vec<String>> =
        (0..3).map(|part| at(part).iter().map(ToString::to_string).collect()).collect();
    assert_eq!(at, [vec!["ST10"], vec!["ST20"], vec![]]);
    let aside = set_aside(&world.durable);
    let place = QuarantineCause::Word(TagName::parse("place").unwrap());
    assert_eq!(
        aside.iter().map(|(a, of)| (&a.cause, &**of)).collect::<Vec<_>>(),
        [(&place, "SN-2")]
    );
}
