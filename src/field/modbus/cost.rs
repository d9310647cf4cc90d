//! What a request costs on a line: assumed before it was used, measured by the answers since. Pure.
use crate::model::plant::{Area, ReadLimits, Transport};
use std::collections::BTreeMap;
use std::time::Duration;

/// A request and its answer on a line that nobody has used yet.
pub const ROUND_TRIP: Duration = Duration::from_millis(20);
/// A register more in an answer over a network: nothing beside the request.
const WORD_NETWORK: Duration = Duration::from_micros(20);
/// The same where a gateway has a serial line behind it: two characters at 19,200 bits a second.
const WORD_GATEWAY: Duration = Duration::from_micros(1_146);
/// From so many answers on they count for more than what was assumed.
const ANSWERS_MIN: u32 = 8;
/// Two lengths of answers tell what a register costs if they are so many registers apart, with so many
/// answers of each.
const APART_MIN: u16 = 16;
const ANSWERS_EACH_MIN: u32 = 3;

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// A request for nothing and its answer.
    pub request: Duration,
    /// Each register of the answer; sixteen bits are as long.
    pub word: Duration,
}

impl Cost {
    /// What nobody has measured, with this time for a request and its answer.
    pub fn assumed(transport: &Transport, round_trip: Duration) -> Self {
        Self { request: round_trip, word: word(transport) }
    }

    /// A request that reads so many registers or bits.
    pub fn of(&self, area: Area, count: u32) -> Duration {
        self.request.saturating_add(self.word.saturating_mul(registers(area, count)))
    }

    /// So many registers are read for nothing to save a request: as many as the plant file says, else as
    /// cost no more, and never more than lie between the ends of one.
    pub fn reads_over(&self, limits: &ReadLimits) -> u16 {
        let worth = self.request.as_nanos() / self.word.as_nanos().max(1);
        let most = limits.words.saturating_sub(2);
        limits.read_over.unwrap_or_else(|| u16::try_from(worth).map_or(most, |n| n.min(most)))
    }
}

fn word(transport: &Transport) -> Duration {
    match transport {
        Transport::Tcp(_) | Transport::Tls(..) => WORD_NETWORK,
        Transport::RtuTcp(_) => WORD_GATEWAY,
        Transport::Serial(line) => line.time_of(2),
    }
}

fn registers(area: Area, count: u32) -> u32 {
    match area {
        Area::Holding | Area::Input => count,
        Area::Coil | Area::Discrete => count.div_ceil(16),
    }
}

/// The answers of one connection: by their registers, how long the fastest took, and how many there were.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    fastest: BTreeMap<u32, (Duration, u32)>,
}

impl Measured {
    /// So many registers or bits were answered after this time.
    ///
    /// The fastest counts: what made the others slower is no property of the line.
    pub fn see(&mut self, area: Area, count: u16, took: Duration) {
        let (least, many) = self.fastest.entry(registers(area, count.into())).or_insert((took, 0));
        *least = took.min(*least);
        *many = many.saturating_add(1);
    }

    /// What a request costs by these answers; `None` as long as there are too few of them.
    pub fn cost(&self, transport: &Transport) -> Option<Cost> {
        let answers: u32 = self.fastest.values().map(|(_, many)| many).sum();
        if answers < ANSWERS_MIN {
            return None;
        }
        let word = match transport {
            Transport::Serial(_) => word(transport),
            Transport::Tcp(_) | Transport::Tls(..) | Transport::RtuTcp(_) => {
                self.slope().unwrap_or(word(transport))
            }
        };
        let alone = |(registers, (took, _)): (&u32, &(Duration, u32))| {
            took.saturating_sub(word.saturating_mul(*registers))
        };
        let request = self.fastest.iter().map(alone).min()?;
        Some(Cost { request: request.max(Duration::from_micros(1)), word })
    }

    /// What a register costs, from the shortest and the longest answers.
    fn slope(&self) -> Option<Duration> {
        let mut known = self.fastest.iter().filter(|(_, (_, many))| *many >= ANSWERS_EACH_MIN);
        let ((short, (quick, _)), (long, (slow, _))) = (known.next()?, known.next_back()?);
        let apart = long.checked_sub(*short).filter(|apart| *apart >= APART_MIN.into())?;
        Some(slow.saturating_sub(*quick) / apart)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::Trust;
    use proptest::prelude::*;

    fn line(url: &str) -> Transport {
        Transport::parse(url, Trust::Pki).unwrap()
    }

    #[test]
    fn a_register_on_a_serial_line_costs_what_its_rate_says() {
        let slow = Cost::assumed(&line("rtu:///dev/ttyS1?9600,8n1"), ROUND_TRIP);
        assert_eq!(slow.word, Duration::from_nanos(2_083_333));
        let mut limits = ReadLimits { words: 120, bits: 1, read_over: None, holes: Vec::new() };
        assert_eq!(slow.reads_over(&limits), 9);
        let quick = Cost::assumed(&line("tcp://10.0.0.1"), ROUND_TRIP);
        assert_eq!(quick.reads_over(&limits), 118);
        limits.read_over = Some(3);
        assert_eq!(quick.reads_over(&limits), 3);
        assert_eq!(slow.of(Area::Coil, 33), ROUND_TRIP + slow.word * 3);
    }

    #[test]
    fn few_answers_and_those_of_one_length_tell_no_more_than_they_can() {
        let tcp = line("tcp://10.0.0.1");
        let mut measured = Measured::default();
        for n in 0..ANSWERS_MIN {
            assert_eq!(measured.cost(&tcp), None);
            measured.see(Area::Holding, 10, Duration::from_millis(5 + u64::from(n)));
        }
        let cost = measured.cost(&tcp).unwrap();
        assert_eq!(cost.word, WORD_NETWORK, "one length says nothing of a register");
        assert_eq!(cost.of(Area::Holding, 10), Duration::from_millis(5), "the fastest counts");
    }

    proptest! {
        #[test]
        fn a_line_is_measured_as_it_is(
            request in 1..100_000_u64, word in 0..3_000_u64, short in 1..50_u16, apart in 16..70_u16,
            noise in prop::collection::vec(0..5_000_u64, 6),
        ) {
            let (request, word) = (Duration::from_micros(request), Duration::from_micros(word));
            let mut measured = Measured::default();
            for late in noise.into_iter().chain([0]) {
                for count in [short, short + apart] {
                    let took = request + word * u32::from(count) + Duration::from_micros(late);
                    measured.see(Area::Holding, count, took);
                }
            }
            prop_assert_eq!(measured.cost(&line("rtu+tcp://10.0.0.1:4001")), Some(Cost { request, word }));
        }
    }
}
