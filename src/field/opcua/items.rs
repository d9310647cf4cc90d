//! Monitored items: how they are asked for, and what a server does not do of it.
use super::services::{Nodes, Peer, is_too_many};
use super::subscribe::{Item, Lane};
use crate::model::Quality;
use crate::model::plant::TagIndex;
use ::opcua::client::UARequest;
use ::opcua::client::services::CreateMonitoredItems;
use ::opcua::types::{
    DataChangeFilter, DataChangeTrigger, DeadbandType, Error, ExtensionObject,
    MonitoredItemCreateRequest, MonitoredItemCreateResult, MonitoringMode, MonitoringParameters,
    ReadValueId, StatusCode, TimestampsToReturn,
};

/// What came of asking for items in one subscription.
#[derive(Default)]
pub(super) struct Monitored {
    /// How many it took.
    pub(super) taken: usize,
    /// What the server refused, with its reason.
    pub(super) refused: Vec<(Item, Quality)>,
    /// What it has no room for.
    pub(super) full: Vec<Item>,
    /// Of how many words it does not see to how far they must move, and was not known not to.
    unfiltered: usize,
}

/// Makes monitored items in a subscription. Where the server does not see to how far a word must move,
/// the word is monitored all the same.
pub(super) async fn monitor(
    peer: &Peer,
    subscription: u32,
    items: Vec<Item>,
) -> Result<Monitored, Error> {
    let nodes = peer.places.now();
    let (mut rest, unknown): (Vec<_>, Vec<_>) =
        items.into_iter().partition(|item| nodes.contains_key(&item.tag));
    let mut made = Monitored::default();
    made.refused.extend(unknown.into_iter().map(|item| (item, Quality::BAD_UNKNOWN)));
    let mut size = peer.limits.monitor.now();
    while !rest.is_empty() {
        let after = rest.split_off(size.min(rest.len()));
        let chunk = std::mem::replace(&mut rest, after);
        let requests = chunk.iter().filter_map(|item| request(peer, item, &nodes)).collect();
        let create = CreateMonitoredItems::new(subscription, &peer.session)
            .timestamps_to_return(TimestampsToReturn::Both)
            .items_to_create(requests);
        let many = chunk.len() > 1;
        match create.send(peer.session.channel()).await {
            Err(error) if is_too_many(&error) && many => {
                size = peer.limits.monitor.halved(&error, chunk.len());
                rest.splice(0..0, chunk);
            }
            // Some servers refuse all where there is room for a few.
            Err(error) if is_full(error.status()) && many => {
                size = chunk.len() / 2;
                rest.splice(0..0, chunk);
            }
            Err(error) if is_full(error.status()) => made.full.extend(chunk),
            created => {
                let created = created?.results.into_iter().map(|created| created.result);
                rest.extend(made.took(peer, chunk, created));
            }
        }
        if !made.full.is_empty() {
            made.full.append(&mut rest);
        }
    }
    if let Some(first) = made.full.first().map(|item| &peer.plant.tag(item.tag).name) {
        let words = made.full.len();
        tracing::debug!(subscription, words, %first, "a subscription is full");
    }
    if made.unfiltered > 0 {
        let words = made.unfiltered;
        tracing::warn!(
            words,
            "the server does not see to how far words must move; it is done here"
        );
    }
    Ok(made)
}

impl Monitored {
    /// Sorts out what came of a request; gives what is to be asked for once more.
    fn took(
        &mut self,
        peer: &Peer,
        asked: Vec<Item>,
        created: impl Iterator<Item = MonitoredItemCreateResult>,
    ) -> Vec<Item> {
        let mut again = Vec::new();
        for (item, made) in asked.into_iter().zip(created) {
            let tag = peer.plant.tag(item.tag);
            let (name, status) = (&tag.name, made.status_code);
            let filtered = tag.change.is_some() && !peer.limits.is_unfiltered(item.tag);
            if is_full(status) {
                self.full.push(item);
            } else if filtered && is_filter_refused(status) {
                self.unfiltered += usize::from(peer.limits.leave_unfiltered(item.tag));
                again.push(item);
            } else if !status.is_good() {
                tracing::warn!(tag = %name, %status, "the server does not monitor a node");
                self.refused.push((item, Quality(status.bits())));
            } else {
                self.taken += 1;
                let (asked, got) = (item.queue, made.revised_queue_size);
                if got < asked && item.lane == Lane::Fast {
                    tracing::warn!(tag = %name, asked, got, "the server keeps a shorter queue than asked");
                }
            }
        }
        again
    }
}

fn is_full(status: StatusCode) -> bool {
    status == StatusCode::BadTooManyMonitoredItems
}

/// Whether a server refused an item for nothing but how far it must move (Part 4 §5.13.2.4).
fn is_filter_refused(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadMonitoredItemFilterUnsupported
            | StatusCode::BadMonitoredItemFilterInvalid
            | StatusCode::BadFilterNotAllowed
            | StatusCode::BadDeadbandFilterInvalid
    )
}

fn request(peer: &Peer, item: &Item, nodes: &Nodes) -> Option<MonitoredItemCreateRequest> {
    let place = nodes.get(&item.tag)?;
    let change = peer.plant.tag(item.tag).change;
    // No server knows how far a structure moves.
    let asked = change.filter(|_| !place.is_part() && !peer.limits.is_unfiltered(item.tag));
    Some(MonitoredItemCreateRequest {
        item_to_monitor: ReadValueId::from(place.node.clone()),
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: handle(item.tag),
            sampling_interval: item.sampling.as_secs_f64() * 1_000.0,
            queue_size: item.queue,
            discard_oldest: true,
            filter: asked.map_or_else(ExtensionObject::null, filter),
        },
    })
}

/// An absolute deadband: the plant file has made one of a percentage, so that servers need not know the
/// range of a word. A status that changes is always told.
fn filter(width: f64) -> ExtensionObject {
    ExtensionObject::from_message(DataChangeFilter {
        trigger: DataChangeTrigger::StatusValue,
        deadband_type: DeadbandType::Absolute as u32,
        deadband_value: width,
    })
}

/// 0 would let the library choose.
pub(super) fn handle(tag: TagIndex) -> u32 {
    tag.0.saturating_add(1)
}
