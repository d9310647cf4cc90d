//! What a server has kept of watched words while nobody looked (`HistoryRead` of raw values).
use super::place::Place;
use super::services::{Peer, read_all};
use super::value::{Shift, date_time, sample};
use crate::model::plant::TagIndex;
use crate::model::{Sample, Utc};
use ::opcua::client::{HistoryReadAction, Session};
use ::opcua::types::{
    AttributeId, ByteString, Error, HistoryData, HistoryReadResult, HistoryReadValueId,
    ReadRawModifiedDetails, ReadValueId, StatusCode, TimestampsToReturn, Variant,
};
use std::time::Duration;
use tokio::time::timeout;

/// `HistoryRead` in an access level (Part 3 §8.57).
const HISTORY_READ: u8 = 0x04;
/// Nodes in one request.
const CHUNK: usize = 20;
/// Values of a node in one answer.
const PAGE: u32 = 1_000;
/// Values of one outage in all; the gap of the device says that they are not complete.
const VALUES_MAX: usize = 100_000;
/// What comes meanwhile waits so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The values between two moments, in the order of their source times, of the words that have a history.
pub(super) async fn history(
    peer: &Peer,
    words: Vec<(TagIndex, Place)>,
    (since, to): (Utc, Utc),
) -> Result<Vec<Sample>, Error> {
    let mut samples = Vec::new();
    let all = async {
        let kept = with_history(&peer.session, words).await?;
        for chunk in kept.chunks(CHUNK) {
            pages(peer, chunk, (since, to), &mut samples).await?;
            if samples.len() >= VALUES_MAX {
                break;
            }
        }
        Ok(())
    };
    let late = |_| Error::new(StatusCode::BadTimeout, "the history takes too long");
    timeout(PATIENCE, all).await.map_err(late).and_then(|done| done)?;
    samples.retain(|s| s.source.is_some_and(|source| source > since && source < to));
    samples.sort_by_key(Sample::time);
    Ok(samples)
}

/// The words whose access level says that their history can be read.
async fn with_history(
    session: &Session,
    words: Vec<(TagIndex, Place)>,
) -> Result<Vec<(TagIndex, Place)>, Error> {
    let ids = words
        .iter()
        .map(|(_, place)| ReadValueId::new(place.node.clone(), AttributeId::UserAccessLevel));
    let levels = read_all(session, ids.collect()).await?;
    let readable = |level: &Option<Variant>| matches!(level, Some(Variant::Byte(bits)) if bits & HISTORY_READ != 0);
    let kept = words.into_iter().zip(levels).filter(|(_, level)| readable(&level.value));
    Ok(kept.map(|(word, _)| word).collect())
}

/// All pages of a few words.
async fn pages(
    peer: &Peer,
    words: &[(TagIndex, Place)],
    (since, to): (Utc, Utc),
    samples: &mut Vec<Sample>,
) -> Result<(), Error> {
    let details = ReadRawModifiedDetails {
        is_read_modified: false,
        start_time: date_time(since.0),
        end_time: date_time(to.0),
        num_values_per_node: PAGE,
        return_bounds: false,
    };
    let mut open: Vec<(&(TagIndex, Place), ByteString)> =
        words.iter().map(|word| (word, ByteString::null())).collect();
    while !open.is_empty() {
        let enough = samples.len() >= VALUES_MAX;
        let ids = open.iter().map(|((_, place), point)| HistoryReadValueId {
            node_id: place.node.clone(),
            continuation_point: point.clone(),
            ..Default::default()
        });
        let action = HistoryReadAction::ReadRawModifiedDetails(details.clone());
        let ids: Vec<_> = ids.collect();
        let both = TimestampsToReturn::Both;
        let results = peer.session.history_read(action, both, enough, &ids).await?;
        if enough {
            return Ok(());
        }
        let mut more = Vec::new();
        for ((word, _), result) in open.into_iter().zip(results) {
            let HistoryReadResult { continuation_point, history_data, .. } = result;
            let data = history_data.into_inner_as::<HistoryData>();
            let values = data.and_then(|data| data.data_values).unwrap_or_default();
            let (shift, receive) = (Shift::of(&peer.session), (peer.now)().wall);
            let (tag, place) = word;
            let known = (*tag, peer.plant.tag(*tag));
            let of = |value| sample(known, &place.parts, value, shift, receive);
            samples.extend(values.into_iter().map(of));
            if !continuation_point.is_null_or_empty() {
                more.push((word, continuation_point));
            }
        }
        open = more;
    }
    Ok(())
}
