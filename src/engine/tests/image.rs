//! What is read from an image is what was folded, to the last field.
use super::*;
use crate::model::specimens;

/// The state after these records, as a start makes it: read from an image of some of them, the others folded
/// in. Every crash in the worlds beside goes on with it, so it is held against what all of them make.
pub(super) fn folded(records: &[Record]) -> Engine {
    // Another place for every count of records.
    let cut = records.len() * 7919 % (records.len() + 1);
    let (before, after) = records.split_at(cut);
    let mut whole = Engine::new(persons());
    for record in before {
        whole.apply(record);
    }
    let image = whole.image();
    let mut read = Engine::from_image(persons(), &image).unwrap();
    assert_eq!(read.image(), image, "one state has one image");
    assert_eq!(format!("{read:?}"), format!("{whole:?}"), "image of {cut} records, as it was read");
    for record in after {
        whole.apply(record);
        read.apply(record);
    }
    assert_eq!(format!("{read:?}"), format!("{whole:?}"), "image of {cut} records");
    read
}

/// Each kind of record and each verb with all that can be said of it, cut everywhere.
#[test]
fn one_of_each_record_is_in_the_image() {
    let records = specimens::records_twice();
    for cut in 0..=records.len() {
        let mut whole = Engine::new(persons());
        records[..cut].iter().for_each(|record| whole.apply(record));
        let mut read = Engine::from_image(persons(), &whole.image()).unwrap();
        assert_eq!(format!("{read:?}"), format!("{whole:?}"), "read after {cut}");
        for record in &records[cut..] {
            whole.apply(record);
            read.apply(record);
        }
        assert_eq!(format!("{read:?}"), format!("{whole:?}"), "cut after {cut}");
    }
    assert!(folded(&records).memory().stations.len() > 1);
}

#[test]
fn an_image_that_is_cut_short_is_no_image() {
    let image = folded(&specimens::records_twice()).image();
    for len in 0..image.len() {
        assert!(Engine::from_image(persons(), &image[..len]).is_err(), "{len}");
    }
}

pub(super) fn inputs(plant: &Arc<Plant>, numbers: &[u8]) -> Vec<Input> {
    let device = DeviceIndex(0);
    let mut inputs = vec![
        Input::Start { cause: StartCause::Daemon, recovered: Position(0) },
        Input::Plant(Arc::clone(plant)),
        Input::Link {
            device,
            link: Link::Live { boot: Boot::default(), session: Session(1), widths: None },
        },
    ];
    for number in numbers {
        let value = Value::UInt(u64::from(*number));
        let (source, server, receive) = (None, None, Utc(i64::from(*number)));
        let quality = Quality::GOOD;
        let of = |tag| Sample { tag, value: value.clone(), quality, source, server, receive };
        inputs.push(Input::Samples(vec![of(TRIGGER), of(NUMBER)]));
        let words = [TRIGGER, NUMBER, SERIAL, LOT, FORCE].map(of).to_vec();
        let token = ReadToken(u64::from(*number));
        inputs.push(Input::Read(ReadDone { token, outcome: Ok(words) }));
        inputs.push(Input::Wake);
    }
    inputs
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn what_was_read_from_an_image_goes_on_as_what_was_folded(
        choices in proptest::collection::vec(any::<u8>(), 1..150),
        numbers in proptest::collection::vec(1..6_u8, 0..8),
    ) {
        let mut world = World::new(Pattern::Counter, Splice::OneOf);
        for choice in choices {
            world.act(choice);
        }
        world.sync();
        let mut whole = Engine::new(persons());
        world.durable.iter().for_each(|record| whole.apply(record));
        let mut read = folded(&world.durable);
        for input in inputs(&world.plant, &numbers) {
            let (at, mut effects) = (world.at(), [Vec::new(), Vec::new()]);
            whole.step(at, &input, &mut effects[0]);
            read.step(at, &input, &mut effects[1]);
            prop_assert_eq!(&effects[0], &effects[1]);
        }
        prop_assert_eq!(read.image(), whole.image());
    }
}
