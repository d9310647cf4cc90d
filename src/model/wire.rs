//! The one binary form: canonical CBOR bodies in frames with length and checksum.
//!
//! A body is a CBOR map with numbered keys in ascending order, shortest integers and definite
//! lengths: one encoding per value, so that equal bytes mean equal records. A frame is
//! `[length u32 LE][CRC-32 u32 LE][body]`; the checksum covers length and body, so that a torn or
//! zero-filled tail never reads as a frame. `docs/ledger-format.md` is written from this page.
use minicbor::{Decode, Encode};

/// Bytes before a body.
pub const HEAD_LEN: usize = 8;
/// Longest body: what a hostile or torn length can make a reader allocate.
pub const BODY_LEN_MAX: usize = 16 << 20;
/// Bytes that are there for a body before it is known how long it is.
const USUAL_LEN: usize = 512;

/// Why bytes are not a frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameFault {
    /// The bytes end inside the frame.
    #[error("the bytes end inside a frame")]
    Short,
    /// The length is 0 or beyond the limit.
    #[error("a frame says that it is {0} bytes long")]
    Length(usize),
    /// The checksum does not match.
    #[error("the checksum of a frame does not match")]
    Checksum,
}

/// The canonical bytes of a value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    // Most records fit; to grow from nothing costs more than all else here.
    let mut bytes = Vec::with_capacity(USUAL_LEN);
    encode_into(value, &mut bytes);
    bytes
}

/// Appends the canonical bytes of a value.
pub fn encode_into<T: Encode<()>>(value: &T, out: &mut Vec<u8>) {
    minicbor::encode(value, out).expect("encoding into memory does not fail");
}

/// Reads a value back.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, minicbor::decode::Error> {
    minicbor::decode(bytes)
}

fn checksum(len: [u8; 4], body: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&len);
    crc.update(body);
    crc.finalize()
}

/// Appends a frame around `body`, which is not longer than [`BODY_LEN_MAX`].
pub fn put_frame(body: &[u8], out: &mut Vec<u8>) {
    let len = u32::try_from(body.len()).expect("a body is below BODY_LEN_MAX").to_le_bytes();
    out.extend_from_slice(&len);
    out.extend_from_slice(&checksum(len, body).to_le_bytes());
    out.extend_from_slice(body);
}

/// A body and the bytes behind its frame.
pub type Taken<'b> = (&'b [u8], &'b [u8]);

/// Takes the first frame off `bytes`: its body and what follows. `None` at the end.
pub fn take_frame(bytes: &[u8]) -> Result<Option<Taken<'_>>, FrameFault> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (len, rest) = bytes.split_first_chunk::<4>().ok_or(FrameFault::Short)?;
    let (crc, rest) = rest.split_first_chunk::<4>().ok_or(FrameFault::Short)?;
    let wanted = u32::from_le_bytes(*len) as usize;
    if wanted == 0 || wanted > BODY_LEN_MAX {
        return Err(FrameFault::Length(wanted));
    }
    let (body, rest) = rest.split_at_checked(wanted).ok_or(FrameFault::Short)?;
    if checksum(*len, body) == u32::from_le_bytes(*crc) {
        Ok(Some((body, rest)))
    } else {
        Err(FrameFault::Checksum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_frame_with_any_flipped_bit_is_refused(
            body in proptest::collection::vec(any::<u8>(), 1..64), at in any::<prop::sample::Index>(), bit in 0..8u8,
        ) {
            let mut bytes = Vec::new();
            put_frame(&body, &mut bytes);
            prop_assert_eq!(take_frame(&bytes).unwrap().unwrap(), (body.as_slice(), [].as_slice()));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(take_frame(&bytes).is_err());
        }

        #[test]
        fn a_cut_frame_is_refused(body in proptest::collection::vec(any::<u8>(), 1..64), cut in any::<prop::sample::Index>()) {
            let mut bytes = Vec::new();
            put_frame(&body, &mut bytes);
            bytes.truncate(cut.index(bytes.len() - 1) + 1);
            prop_assert_eq!(take_frame(&bytes), Err(FrameFault::Short));
        }
    }

    #[test]
    fn a_later_cause_is_read_again() {
        use crate::model::{Body, QuarantineCause, TagName, Text, specimens};
        for mut record in specimens::records() {
            let Body::Quarantine(aside) = &mut record.body else { continue };
            let (word, why) = (TagName::parse("label").unwrap(), Text::parse("no serial").unwrap());
            aside.cause = QuarantineCause::Label(word, why);
            assert_eq!(decode(&encode(&record)).ok().as_ref(), Some(&record));
        }
    }

    #[test]
    fn tombstones_and_what_is_dropped_are_read_again_and_keep_their_numbers() {
        let kinds: Vec<_> = crate::model::specimens::retained()
            .into_iter()
            .map(|record| {
                let bytes = encode(&record);
                assert_eq!(decode(&bytes).ok().as_ref(), Some(&record));
                let body = encode(&record.body);
                (body[0], body[1])
            })
            .collect();
        // An array of two: the kind and its fields.
        assert_eq!(kinds, [(0x82, 8), (0x82, 8), (0x82, 9)]);
    }

    #[test]
    fn a_later_rule_and_a_verdict_that_joins_another_are_read_again_and_keep_their_numbers() {
        use crate::model::{Body, Quality, Rule, specimens};
        let record = specimens::records().into_iter().find_map(|record| {
            let Body::Verdict(event) = record.body else { return None };
            event.over.is_none().then_some(event)
        });
        let mut event = record.unwrap();
        let before = encode(&event);
        for (rule, number) in [
            (Rule::Limit, 0),
            (Rule::Ewma, 1),
            (Rule::Master, 2),
            (Rule::Cusum, 3),
            (Rule::Shewhart, 4),
            (Rule::WesternElectric, 5),
            (Rule::Nelson, 6),
            (Rule::Missing, 7),
            (Rule::Flat, 8),
            (Rule::Variance, 9),
            (Rule::Forecast, 10),
            (Rule::Rate, 11),
            (Rule::Usage, 14),
            (Rule::Mewma, 12),
            (Rule::TSquared, 13),
        ] {
            assert_eq!(encode(&rule), [number]);
            event.joins = Some(rule);
            let bytes = encode(&event);
            assert_eq!(bytes[bytes.len() - 2..], [13, number]);
            assert_eq!(decode::<crate::model::VerdictEvent>(&bytes).ok().as_ref(), Some(&event));
        }
        (event.joins, event.test) = (None, Some(5));
        let bytes = encode(&event);
        assert_eq!(bytes[bytes.len() - 2..], [14, 5]);
        assert_eq!(decode::<crate::model::VerdictEvent>(&bytes).ok().as_ref(), Some(&event));
        (event.test, event.quality) = (None, Some(Quality(9)));
        let bytes = encode(&event);
        assert_eq!(bytes[bytes.len() - 2..], [15, 9]);
        assert_eq!(decode::<crate::model::VerdictEvent>(&bytes).ok().as_ref(), Some(&event));
        event.quality = None;
        assert_eq!(encode(&event), before);
        let text = |text| crate::model::Text::parse(text).ok();
        (event.product, event.recipe) = (text("A"), text("7"));
        let bytes = encode(&event);
        assert_eq!(bytes[bytes.len() - 6..], [16, 0x61, b'A', 17, 0x61, b'7']);
        assert_eq!(decode::<crate::model::VerdictEvent>(&bytes).ok().as_ref(), Some(&event));
        let old = decode::<crate::model::VerdictEvent>(&before).unwrap();
        assert!(old.making().is_unknown());
    }

    #[test]
    fn what_a_group_says_and_what_is_normal_of_it_is_read_again() {
        use crate::model::{Body, Contributor, GroupMember, Together, VerdictEvent, specimens};
        let record = specimens::records().into_iter().find_map(|record| {
            let Body::Verdict(event) = record.body else { return None };
            event.baseline.is_some().then_some(event)
        });
        let mut event = record.unwrap();
        let member = |centre_line| GroupMember {
            monitor: event.monitor.clone(),
            centre_line,
            sigma: 0.25,
            phi: 0.125,
        };
        let members = vec![member(8.5), member(3.0)];
        let of = Contributor { monitor: event.monitor.clone(), z: 1.5, given: -4.0 };
        let group = Together { members, correlations: vec![0.75] };
        event.contributors = vec![of];
        event.baseline.as_mut().unwrap().group = Some(Box::new(group));
        let bytes = encode(&event);
        assert_eq!(decode::<VerdictEvent>(&bytes).ok().as_ref(), Some(&event));
    }

    /// What came to the first version later is left out where there is nothing to say, and read again where there is.
    #[test]
    fn a_later_key_is_written_only_where_it_says_something() {
        use crate::model::{Body, HandshakeMark, TraceEvent, Untold, Value, What, specimens};
        let records = specimens::records();
        for record in records {
            let mut later = record.clone();
            let Body::Trace(TraceEvent { what, handshake, .. }) = &mut later.body else { continue };
            let told = match (what, handshake) {
                (What::Unmount { used, untold, .. }, _) => {
                    (*used, *untold) = (None, Some(Untold::Changed));
                    true
                }
                (_, Some(HandshakeMark { recipe, .. })) => {
                    *recipe = Some(Value::text("P7"));
                    true
                }
                (_, None) => false,
            };
            let bytes = encode(&later);
            assert_eq!(decode(&bytes).ok().as_ref(), Some(&later));
            assert_eq!(bytes != encode(&record), told);
        }
    }
}
