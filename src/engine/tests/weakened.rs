//! Bits of a station that weaken what is recorded while they are set: of several the weakest counts.
use super::floor::Floor;
use super::*;

const MANUAL: TagIndex = TagIndex(6);
const TEACH: TagIndex = TagIndex(7);
const BYPASS: TagIndex = TagIndex(8);

fn evidence(set: &[TagIndex]) -> Evidence {
    let bits = |plant: &mut Plant| {
        let station = &mut plant.stations[0];
        // In whatever order the file has them.
        station.evidence = vec![
            (word(BYPASS), Evidence::Bypassed),
            (word(MANUAL), Evidence::Manual),
            (word(TEACH), Evidence::TeachIn),
        ];
        station.handshakes[0].snapshot.extend([MANUAL, TEACH, BYPASS]);
    };
    let mut floor = Floor::new(bits, Pattern::Counter);
    for bit in [MANUAL, TEACH, BYPASS] {
        floor.words.insert(bit, Value::Bool(set.contains(&bit)));
    }
    floor.tell(TRIGGER, Value::UInt(1));
    let event = floor.records.iter().rev().find_map(|record| {
        let Body::Trace(event) = &record.body else { return None };
        event.handshake.is_some().then_some(event)
    });
    event.unwrap().evidence
}

#[test]
fn the_weakest_of_the_bits_that_are_set_counts() {
    assert_eq!(evidence(&[]), Evidence::Automatic);
    assert_eq!(evidence(&[MANUAL]), Evidence::Manual);
    assert_eq!(evidence(&[TEACH]), Evidence::TeachIn);
    assert_eq!(evidence(&[MANUAL, TEACH]), Evidence::TeachIn);
    assert_eq!(evidence(&[TEACH, BYPASS]), Evidence::Bypassed);
    assert_eq!(evidence(&[MANUAL, TEACH, BYPASS]), Evidence::Bypassed);
}

/// Records of before know nothing of it; what they say stays as it was.
#[test]
fn evidence_is_kept_by_its_number_and_told_by_its_word() {
    let told = [
        (Evidence::Automatic, 0),
        (Evidence::Inferred, 1),
        (Evidence::Manual, 2),
        (Evidence::Late, 3),
        (Evidence::TeachIn, 5),
        (Evidence::Bypassed, 4),
    ];
    for (evidence, number) in told {
        let kept = minicbor::to_vec(evidence).unwrap();
        assert_eq!(kept, [number]);
        assert_eq!(minicbor::decode::<Evidence>(&kept).unwrap(), evidence);
        let word = serde_json::to_value(evidence).unwrap();
        assert_eq!(word, evidence.as_str());
    }
    assert!(told.is_sorted_by_key(|(evidence, _)| *evidence), "from the best to the weakest");
}
