//! What a server has kept of watched words while nobody looked (`HistoryRead` of raw values).
use super::place::Place;
use super::services::{Peer, is_too_many};
use super::value::{Shift, date_time, sample};
use crate::model::plant::TagIndex;
use crate::model::{Sample, Utc};
use ::opcua::client::HistoryReadAction;
use ::opcua::types::{
    AttributeId, ByteString, Error, HistoryData, HistoryReadResult, HistoryReadValueId,
    ReadRawModifiedDetails, ReadValueId, StatusCode, TimestampsToReturn, Variant,
};
use std::time::Duration;
use tokio::time::timeout;

/// `HistoryRead` in an access level (Part 3 §8.57).
const HISTORY_READ: u8 = 0x04;
/// Values of a node in one answer.
const PAGE: u32 = 1_000;
/// Values of one outage in all.
const VALUES_MAX: usize = 100_000;
/// What comes meanwhile waits so long.
const PATIENCE: Duration = Duration::from_secs(10);
/// What one word was told of last may be older than what another was, and still be told first.
const MARGIN: Duration = Duration::from_mins(1);

/// A word with what is known of it by the PLC's clock: when it was told last, and the change that it has now.
pub(super) struct Blank {
    pub(super) tag: TagIndex,
    pub(super) place: Place,
    pub(super) after: Utc,
    pub(super) before: Utc,
}

/// What words with a history were between what is known of them, in the order of their source times.
pub(super) struct Kept {
    pub(super) samples: Vec<Sample>,
    /// Why there may be more that did not come.
    pub(super) fault: Option<Error>,
}

/// Fills up what is blank.
pub(super) async fn history(peer: &Peer, blanks: Vec<Blank>) -> Kept {
    let mut samples = Vec::new();
    let reading = timeout(PATIENCE, read(peer, &blanks, &mut samples)).await;
    let late = |_| Err(Error::new(StatusCode::BadTimeout, "it takes too long"));
    let fault = reading.unwrap_or_else(late).err();
    Kept { samples: between(samples, &blanks), fault }
}

async fn read(peer: &Peer, blanks: &[Blank], samples: &mut Vec<Sample>) -> Result<(), Error> {
    let Some(since) = blanks.iter().map(|blank| blank.after).max() else { return Ok(()) };
    let since = since.minus(MARGIN);
    let kept = with_history(peer, blanks).await?;
    let (mut rest, mut size) = (kept.as_slice(), peer.limits.history.now());
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(size.min(rest.len()));
        let before = samples.len();
        match pages(peer, chunk, since, samples).await {
            Err(error) if is_too_many(&error) && chunk.len() > 1 => {
                samples.truncate(before);
                size = peer.limits.history.halved(&error, chunk.len());
            }
            done => {
                done?;
                rest = after;
            }
        }
    }
    Ok(())
}

/// Nothing that was told already, and nothing that is told as the state of now.
fn between(mut samples: Vec<Sample>, blanks: &[Blank]) -> Vec<Sample> {
    samples.retain(|sample| {
        let blank = blanks.iter().find(|blank| blank.tag == sample.tag);
        blank.zip(sample.source).is_some_and(|(b, source)| b.after < source && source < b.before)
    });
    samples.sort_by_key(Sample::time);
    samples
}

/// The words whose access level says that their history can be read.
async fn with_history<'b>(peer: &Peer, blanks: &'b [Blank]) -> Result<Vec<&'b Blank>, Error> {
    let ids = blanks
        .iter()
        .map(|blank| ReadValueId::new(blank.place.node.clone(), AttributeId::UserAccessLevel));
    let levels = peer.read_all(ids.collect()).await?;
    let readable = |level: &Option<Variant>| matches!(level, Some(Variant::Byte(bits)) if bits & HISTORY_READ != 0);
    let kept = blanks.iter().zip(levels).filter(|(_, level)| readable(&level.value));
    Ok(kept.map(|(blank, _)| blank).collect())
}

/// All pages of a few words.
async fn pages(
    peer: &Peer,
    blanks: &[&Blank],
    since: Utc,
    samples: &mut Vec<Sample>,
) -> Result<(), Error> {
    let to = blanks.iter().map(|blank| blank.before).max().unwrap_or(since);
    let details = ReadRawModifiedDetails {
        is_read_modified: false,
        start_time: date_time(since.0),
        end_time: date_time(to.0),
        num_values_per_node: PAGE,
        return_bounds: false,
    };
    let mut open: Vec<_> = blanks.iter().map(|blank| (*blank, ByteString::null())).collect();
    while !open.is_empty() {
        let enough = samples.len() >= VALUES_MAX;
        let ids = open.iter().map(|(blank, point)| HistoryReadValueId {
            node_id: blank.place.node.clone(),
            continuation_point: point.clone(),
            ..Default::default()
        });
        let (ids, both) = (ids.collect::<Vec<_>>(), TimestampsToReturn::Both);
        let action = HistoryReadAction::ReadRawModifiedDetails(details.clone());
        // With `enough`, places to go on from are given back, and nothing is read.
        let results = peer.session.history_read(action, both, enough, &ids).await?;
        if enough {
            return Err(Error::new(StatusCode::BadOutOfRange, "there is too much of it"));
        }
        let (shift, receive) = (Shift::of(&peer.session), (peer.now)().wall);
        let mut more = Vec::new();
        for ((blank, _), result) in open.into_iter().zip(results) {
            let HistoryReadResult { continuation_point, history_data, .. } = result;
            let data = history_data.into_inner_as::<HistoryData>();
            let values = data.and_then(|data| data.data_values).unwrap_or_default();
            let word = (blank.tag, peer.plant.tag(blank.tag));
            let of = |value| sample(word, &blank.place.parts, value, shift, receive);
            samples.extend(values.into_iter().map(of));
            if !continuation_point.is_null_or_empty() {
                more.push((blank, continuation_point));
            }
        }
        open = more;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Quality, Value};
    use ::opcua::types::NodeId;

    #[test]
    fn history_is_what_lies_between_the_last_told_and_the_present() {
        let blank = |tag, after, before| Blank {
            tag: TagIndex(tag),
            place: Place::whole(NodeId::null()),
            after: Utc(after),
            before: Utc(before),
        };
        let sample = |(tag, source): (u32, Option<i64>)| Sample {
            tag: TagIndex(tag),
            value: Value::UInt(1),
            quality: Quality::GOOD,
            source: source.map(Utc),
            server: None,
            receive: Utc(99),
        };
        let came = [(0, 11), (0, 10), (0, 12), (0, 20), (1, 9), (1, 11), (2, 11), (1, 8)];
        let mut came: Vec<_> = came.map(|(tag, source)| sample((tag, Some(source)))).into();
        came.push(sample((0, None)));
        let kept = between(came, &[blank(0, 10, 20), blank(1, 8, 11)]);
        let kept: Vec<_> = kept.iter().map(|s| (s.tag.0, s.source.unwrap().0)).collect();
        assert_eq!(kept, [(1, 9), (0, 11), (0, 12)]);
    }
}
