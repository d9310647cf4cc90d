//! Subscriptions: what is asked for, and what comes of it.
use super::connect::REQUEST;
use super::events::{Event, event};
use super::items::{Monitored, monitor};
use super::services::{Peer, Places};
use super::value::{Shift, sample};
use crate::field::weighed::{self, Receiver, Sender, Weight};
use crate::model::plant::{DeviceIndex, Plant, Tag, TagIndex};
use crate::model::{At, Monotonic, Quality, Sample, Utc};
use crate::telemetry::Now;
use ::opcua::client::services::CreateSubscription;
use ::opcua::client::{Session, UARequest};
use ::opcua::types::{
    DataChangeNotification, Error, EventNotificationList, NotificationMessage,
    StatusChangeNotification, StatusCode,
};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::mpsc::error::TrySendError;

/// How often a subscription speaks when nothing changes.
const KEEP_ALIVE: Duration = Duration::from_secs(2);
/// After so long without any request of ours the server drops the subscription.
const LIFETIME: Duration = Duration::from_mins(1);
/// Handshake words: every change until the next publish is kept.
const QUEUE_FAST: u32 = 100;
/// Words whose every change counts.
const QUEUE_EVERY_CHANGE: u32 = 1_000;
/// Servers that sample on every write of the PLC fill a queue faster than its sampling says.
const QUEUE_MIN: u32 = 10;
/// Publish responses that wait for the task.
const NOTICES_MAX: usize = 1_024;
/// Bytes of them, in memory: some hundred thousand numbers, or the longest message.
const NOTICES_BYTES_MAX: usize = 16 << 20;
/// Missing messages that are asked for again; of more, servers keep the last few only.
const REPUBLISH_MAX: u32 = 64;

/// Which of the two subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Handshake words, and the words that end a connection.
    Fast,
    /// Everything else that is watched.
    Slow,
}

impl Lane {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Slow => "slow",
        }
    }
}

/// One monitored item to be made.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) tag: TagIndex,
    pub(super) lane: Lane,
    pub(super) sampling: Duration,
    pub(super) queue: u32,
}

/// What is to be monitored of a device, and how often the two subscriptions publish.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Layout {
    pub(super) items: Vec<Item>,
    pub(super) fast: Duration,
    pub(super) slow: Duration,
}

/// Derives the monitored items from the plant.
pub(super) fn layout(plant: &Plant, device: DeviceIndex) -> Layout {
    let d = plant.device(device);
    let beat = d.heartbeat.plc;
    // A restart must be seen with, not after, the counters that it resets.
    let ends = [d.restart, d.interface.as_ref().map(|i| i.tag)];
    let lane = |index, tag: &Tag| (tag.fast || ends.contains(&Some(index))).then_some(Lane::Fast);
    let wanted: Vec<_> = plant
        .tags_of(device)
        .filter_map(|(index, tag)| {
            let watched = (tag.watched || beat == Some(index)).then_some(Lane::Slow);
            Some((index, tag, lane(index, tag).or(watched)?))
        })
        .collect();
    let publish_of = |index, tag: &Tag| {
        let own = tag.publish.unwrap_or(d.publish);
        if beat == Some(index) { own.min(d.heartbeat.stale_after / 3) } else { own }
    };
    let slow = wanted
        .iter()
        .filter(|(_, _, lane)| *lane == Lane::Slow)
        .map(|(index, tag, _)| publish_of(*index, tag))
        .min()
        .unwrap_or(d.publish);
    let fast = d.publish_fast;
    let items = wanted
        .into_iter()
        .map(|(index, tag, lane)| {
            let (publish, own) = match lane {
                Lane::Fast => (fast, fast),
                Lane::Slow => (slow, publish_of(index, tag)),
            };
            // A server may skip a change that comes within the sampling interval of the one before: of
            // handshake words none may be skipped.
            let sampling = if tag.every_change || tag.fast {
                Duration::ZERO
            } else {
                (own / 2).max(Duration::from_millis(10))
            };
            let queue = match lane {
                Lane::Fast => QUEUE_FAST,
                Lane::Slow if tag.every_change => QUEUE_EVERY_CHANGE,
                Lane::Slow => queue(publish, sampling),
            };
            Item { tag: index, lane, sampling, queue }
        })
        .collect();
    Layout { items, fast, slow }
}

/// Twice as many as are sampled between two publishes.
fn queue(publish: Duration, sampling: Duration) -> u32 {
    let samples = publish.as_nanos().div_ceil(sampling.as_nanos().max(1));
    u32::try_from(samples.saturating_mul(2)).unwrap_or(QUEUE_EVERY_CHANGE).max(QUEUE_MIN)
}

/// Messages that are missing from a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    first: u32,
    /// The first that came after them.
    before: u32,
}

impl Hole {
    /// Between the number that was to come and the one that came; `None` if that is the same.
    fn between(next: u32, came: u32) -> Option<Self> {
        (next != came).then_some(Self { first: next, before: came })
    }

    /// How many; a number that went back gives more than a server can have kept.
    fn count(self) -> u32 {
        let ahead = self.before.wrapping_sub(self.first);
        // Zero is not a number of the sequence.
        if self.before < self.first { ahead.wrapping_sub(1) } else { ahead }
    }

    /// Their numbers, in order, if they may be asked for.
    pub(super) fn numbers(self) -> Option<impl Iterator<Item = u32>> {
        let numbers = std::iter::successors(Some(self.first), |number| Some(following(*number)));
        // A server that says zero has no sequence.
        let few = self.before != 0 && self.count() <= REPUBLISH_MAX;
        few.then(|| numbers.take_while(move |n| *n != self.before))
    }
}

/// One publish response.
#[derive(Debug)]
pub(super) struct Notice {
    /// Of which subscription.
    pub(super) of: u32,
    /// When it came.
    pub(super) at: At,
    /// Messages before it that are missing from the sequence.
    pub(super) missing: Option<Hole>,
    /// How many values were dropped before it because the task was too slow to take them, if any
    /// were; the last of each word is not, and is among its own.
    pub(super) dropped: Option<u64>,
    /// Whether the server had more to tell at the same time, which follows.
    pub(super) more: bool,
    /// Values, in the order of their source times; none in a keep-alive.
    pub(super) samples: Vec<Sample>,
    /// Of results, in the order in which they came.
    pub(super) events: Vec<Event>,
    /// Set when the server closed the subscription.
    pub(super) closed: Option<StatusCode>,
}

impl Weight for Notice {
    fn weight(&self) -> usize {
        size_of::<Self>() + self.samples.weight() + self.events.weight()
    }
}

/// A subscription that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) id: u32,
    /// Longest time without a notice that is no silence.
    pub(super) silence: Duration,
    /// How often it speaks when something changes.
    pub(super) publish: Duration,
    /// How many items it has.
    pub(super) items: usize,
}

/// All that one lane brings: one subscription, and others where a server takes only so many items in one.
pub(super) struct Stream {
    pub(super) maker: Maker,
    pub(super) notices: Receiver<Notice>,
    pub(super) made: Vec<Subscription>,
}

impl Stream {
    /// Whether some of what it brought is not told yet: it waits, or found no room to wait.
    pub(super) fn is_behind(&self) -> bool {
        let heard = self.maker.heard.lock();
        let over = |made: &Subscription| heard.get(&made.id).is_some_and(|heard| heard.over);
        !self.notices.is_empty() || self.made.iter().any(over)
    }

    /// Whether one of its subscriptions has said nothing for too long, whoever was told of it; before its
    /// first word it counts from `begun`.
    pub(super) fn is_silent(&self, begun: Monotonic, now: Monotonic) -> bool {
        let heard = self.maker.heard.lock();
        self.made.iter().any(|made| {
            let last = heard.get(&made.id).map_or(begun, |heard| heard.at);
            now > last.plus(made.silence)
        })
    }
}

/// What was heard of a subscription.
#[derive(Debug, Clone, Copy)]
struct Heard {
    /// When it last was.
    at: Monotonic,
    /// Whether some of it found no room.
    over: bool,
}

/// Makes the subscriptions of a lane.
#[derive(Clone)]
pub(super) struct Maker {
    device: DeviceIndex,
    pub(super) lane: Lane,
    publish: Duration,
    sender: Sender<Notice>,
    /// By their ids.
    heard: Arc<Mutex<BTreeMap<u32, Heard>>>,
}

impl Maker {
    /// With what its subscriptions tell.
    pub(super) fn new(
        device: DeviceIndex,
        lane: Lane,
        publish: Duration,
    ) -> (Self, Receiver<Notice>) {
        let (sender, notices) = weighed::channel(NOTICES_MAX, NOTICES_BYTES_MAX);
        (Self { device, lane, publish, sender, heard: Arc::default() }, notices)
    }

    /// Makes one subscription, without items.
    pub(super) async fn subscribe(&self, peer: &Peer) -> Result<Subscription, Error> {
        let (lane, publish) = (self.lane, self.publish);
        let keep_alive = times(KEEP_ALIVE, publish);
        let lifetime = times(LIFETIME, publish).max(keep_alive.saturating_mul(3));
        let made = CreateSubscription::new(&peer.session)
            .publishing_interval(publish)
            .max_lifetime_count(lifetime)
            .max_keep_alive_count(keep_alive)
            .send(peer.session.channel())
            .await?;
        let (id, keep_alive) = (made.subscription_id, made.revised_max_keep_alive_count);
        peer.publisher.add(id, self.listener(peer, id));
        let revised = Duration::try_from_secs_f64(made.revised_publishing_interval / 1_000.0);
        let revised = revised.unwrap_or(publish);
        if revised > publish.saturating_mul(2) {
            let (asked, got) = (publish.as_millis(), revised.as_millis());
            tracing::warn!(
                lane = lane.as_str(),
                asked,
                got,
                "the server publishes less often than asked"
            );
        }
        let silence =
            revised.saturating_mul(keep_alive.max(1)).saturating_mul(2).saturating_add(REQUEST);
        Ok(Subscription { id, silence, publish: revised, items: 0 })
    }

    fn listener(&self, peer: &Peer, of: u32) -> Listener {
        Listener {
            of,
            plant: Arc::clone(&peer.plant),
            places: peer.places.clone(),
            device: self.device,
            now: Arc::clone(&peer.now),
            session: Arc::downgrade(&peer.session),
            next: None,
            missing: None,
            sender: self.sender.clone(),
            heard: Arc::clone(&self.heard),
            overrun: Overrun::default(),
        }
    }

    /// Makes monitored items in the last of these subscriptions, and in further ones where it takes no
    /// more; returns those that the server refused, with its reason. A refused item costs only itself.
    pub(super) async fn fill(
        &self,
        peer: &Peer,
        made: &mut Vec<Subscription>,
        mut items: Vec<Item>,
    ) -> Result<Vec<(Item, Quality)>, Error> {
        let mut refused = Vec::new();
        let mut last = made.last().copied();
        while !items.is_empty() {
            let Some(mut into) = last else {
                last = self.further(peer, items.len()).await?;
                if last.is_none() {
                    break;
                }
                made.extend(last);
                continue;
            };
            let Monitored { taken, refused: bad, full, .. } = monitor(peer, into.id, items).await?;
            into.items = into.items.saturating_add(taken);
            if let Some(last) = made.last_mut() {
                *last = into;
            }
            refused.extend(bad);
            items = full;
            if into.items == 0 {
                // It takes none at all: not it is full, but the server.
                break;
            }
            last = None;
        }
        refused.extend(items.into_iter().map(|item| (item, Quality::BAD_NO_ROOM)));
        Ok(refused)
    }

    /// One more subscription; `None` where the server has no room for it.
    async fn further(&self, peer: &Peer, items: usize) -> Result<Option<Subscription>, Error> {
        let lane = self.lane.as_str();
        match self.subscribe(peer).await {
            Ok(made) => {
                tracing::debug!(lane, items, subscription = made.id, "a subscription for the rest");
                Ok(Some(made))
            }
            Err(why) if has_no_room(why.status()) => {
                tracing::warn!(lane, items, %why, "the server has no room for the rest");
                Ok(None)
            }
            Err(why) => Err(why),
        }
    }
}

/// Whether a server refused a subscription only for what it has already.
fn has_no_room(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BadTooManySubscriptions
            | StatusCode::BadTooManyOperations
            | StatusCode::BadResourceUnavailable
            | StatusCode::BadOutOfMemory
    )
}

fn times(span: Duration, step: Duration) -> u32 {
    u32::try_from(span.as_nanos().div_ceil(step.as_nanos().max(1))).unwrap_or(u32::MAX).max(1)
}

/// What is done with a message at once: it decodes, counts and tries to send, no more.
pub(super) struct Listener {
    of: u32,
    plant: Arc<Plant>,
    places: Places,
    device: DeviceIndex,
    now: Now,
    session: Weak<Session>,
    /// The sequence number to come; `None` before the first message.
    next: Option<u32>,
    missing: Option<Hole>,
    sender: Sender<Notice>,
    heard: Arc<Mutex<BTreeMap<u32, Heard>>>,
    overrun: Overrun,
}

/// What found no room.
#[derive(Default)]
struct Overrun {
    /// Values that nobody will be told.
    beyond: u64,
    /// The last of each word: it may not change again, and is told when there is room.
    last: BTreeMap<TagIndex, Sample>,
}

impl Overrun {
    /// Of a notice that is dropped, and of what was dropped before it.
    fn of(notice: Notice) -> Self {
        let values = notice.samples.len().saturating_add(notice.events.len());
        let last: BTreeMap<_, _> = notice.samples.into_iter().map(|s| (s.tag, s)).collect();
        let beyond = u64::try_from(values.saturating_sub(last.len())).unwrap_or(u64::MAX);
        Self { beyond: notice.dropped.unwrap_or(0).saturating_add(beyond), last }
    }
}

impl Listener {
    /// Takes a message; `more` if the server says that others are to follow.
    pub(super) fn take(&mut self, message: NotificationMessage, more: bool) {
        let at = (self.now)();
        let found = self.hole(&message);
        let shift = self.session.upgrade().map(|s| Shift::of(&s)).unwrap_or_default();
        let told = unpack((&self.plant, self.device), &self.places, message, shift, at.wall);
        let Overrun { beyond, last } = std::mem::take(&mut self.overrun);
        let mut samples: Vec<Sample> = last.into_values().collect();
        samples.sort_by_key(Sample::time);
        samples.extend(told.samples);
        let notice = Notice {
            of: self.of,
            at,
            missing: joined(self.missing.take(), found),
            dropped: Some(beyond).filter(|count| *count > 0),
            more,
            samples,
            events: told.events,
            closed: told.closed,
        };
        let sent = self.sender.try_send(notice);
        let over = matches!(sent, Err(TrySendError::Full(_)));
        self.heard.lock().insert(self.of, Heard { at: at.monotonic, over });
        if let Err(TrySendError::Full(lost)) = sent {
            // The next notice that finds room tells of all this.
            self.missing = lost.missing;
            self.overrun = Overrun::of(lost);
        }
    }

    /// What is missing before a message. A keep-alive has the number of the message to come, so that it
    /// shows a loss that nothing follows; one that lags behind is a server's slip.
    fn hole(&mut self, message: &NotificationMessage) -> Option<Hole> {
        let number = message.sequence_number;
        let found = self.next.and_then(|next| Hole::between(next, number));
        if message.notification_data.as_ref().is_some_and(|data| !data.is_empty()) {
            self.next = Some(following(number));
            return found;
        }
        let found = found.filter(|hole| hole.count() <= REPUBLISH_MAX)?;
        self.next = Some(number);
        Some(found)
    }
}

/// Both holes, and what lies between them.
fn joined(one: Option<Hole>, other: Option<Hole>) -> Option<Hole> {
    match (one, other) {
        (Some(one), Some(other)) => Some(Hole { first: one.first, before: other.before }),
        (one, other) => one.or(other),
    }
}

/// What a notification message says.
#[derive(Default)]
pub(super) struct Told {
    /// In the order of their source times.
    pub(super) samples: Vec<Sample>,
    /// Of results.
    pub(super) events: Vec<Event>,
    /// Set when the server closes the subscription.
    pub(super) closed: Option<StatusCode>,
}

/// Takes a notification message of a device apart.
pub(super) fn unpack(
    (plant, device): (&Plant, DeviceIndex),
    places: &Places,
    message: NotificationMessage,
    shift: Shift,
    receive: Utc,
) -> Told {
    let (nodes, sources) = (places.now(), places.sources());
    let mut told = Told::default();
    for part in message.notification_data.unwrap_or_default() {
        if let Some(status) = part.inner_as::<StatusChangeNotification>() {
            told.closed = Some(status.status);
        } else if part.inner_is::<EventNotificationList>() {
            let list = part.into_inner_as::<EventNotificationList>();
            let list = list.into_iter().flat_map(|list| list.events.into_iter().flatten());
            told.events.extend(list.filter_map(|e| event(&sources, plant, e, shift, receive)));
        } else if let Some(change) = part.into_inner_as::<DataChangeNotification>() {
            for item in change.monitored_items.into_iter().flatten() {
                let index = TagIndex(item.client_handle.wrapping_sub(1));
                // A handle is the server's word: it may speak for no other device.
                let known = plant.tags.get(index.get());
                if let Some(tag) = known.filter(|tag| tag.device == device) {
                    let parts = nodes.get(&index).map(|place| place.parts.as_slice());
                    let parts = parts.unwrap_or_default();
                    told.samples.push(sample((index, tag), parts, item.value, shift, receive));
                }
            }
        }
    }
    // Servers group by item; phases and mounts need the order in which things happened.
    told.samples.sort_by_key(Sample::time);
    told
}

/// Sequence numbers wrap to 1, never to 0 (Part 4 §7.9).
fn following(number: u32) -> u32 {
    number.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::opcua::items::handle;
    use crate::field::opcua::tests::plc::{
        ACK, BOOT, COUNT, LIFE, SERIAL, STATE, TEMP, clock, plant,
    };
    use crate::model::Value;
    use crate::model::plant::{Security, Trust};
    use ::opcua::types::{DataValue, DateTime, MonitoredItemNotification, Variant};

    fn listener(room: usize) -> (Listener, Receiver<Notice>) {
        let (sender, notices) = weighed::channel(room, NOTICES_BYTES_MAX);
        let listener = Listener {
            of: 1,
            plant: Arc::new(plant(1, Security::None, Trust::Pki)),
            places: Places::default(),
            device: DeviceIndex(0),
            now: clock(),
            session: Weak::new(),
            next: None,
            missing: None,
            sender,
            heard: Arc::default(),
            overrun: Overrun::default(),
        };
        (listener, notices)
    }

    fn message(number: u32, values: &[(TagIndex, u32, i64)]) -> NotificationMessage {
        let items: Vec<_> = values
            .iter()
            .map(|(tag, value, ticks)| MonitoredItemNotification {
                client_handle: handle(*tag),
                value: DataValue::new_at(
                    Variant::UInt32(*value),
                    DateTime::from(133_000_000_000_000_000 + ticks),
                ),
            })
            .collect();
        NotificationMessage::data_change(number, DateTime::now(), items, Vec::new())
    }

    fn one(number: u32) -> NotificationMessage {
        message(number, &[(COUNT, number, 1)])
    }

    fn numbers(hole: Option<Hole>) -> Vec<u32> {
        hole.and_then(Hole::numbers).into_iter().flatten().collect()
    }

    #[tokio::test]
    async fn a_hole_in_the_sequence_is_seen_and_the_wrap_is_none() {
        let (mut listener, mut notices) = listener(10);
        for number in [u32::MAX - 1, u32::MAX, 1, 2, 4, 5] {
            listener.take(one(number), false);
            listener.take(NotificationMessage::keep_alive(number, DateTime::now()), false);
        }
        let mut missing = Vec::new();
        for _ in 0..5 {
            missing.push(numbers(notices.recv().await.unwrap().missing));
            notices.recv().await.unwrap();
        }
        assert_eq!(missing, [vec![], vec![], vec![], vec![], vec![3]]);
    }

    #[tokio::test]
    async fn a_keep_alive_shows_what_is_missing_and_nothing_is_asked_for_twice() {
        let (mut listener, mut notices) = listener(10);
        listener.take(one(u32::MAX - 1), false);
        listener.take(NotificationMessage::keep_alive(2, DateTime::now()), false);
        listener.take(one(2), false);
        listener.take(one(1), false);
        let mut missing = Vec::new();
        for _ in 0..4 {
            missing.push(notices.recv().await.unwrap().missing);
        }
        assert_eq!(
            missing[..3].iter().map(|hole| numbers(*hole)).collect::<Vec<_>>(),
            [vec![], vec![u32::MAX, 1], vec![]]
        );
        let back = missing[3].expect("a number that goes back is no sequence");
        assert!(back.numbers().is_none(), "nobody keeps so many");
    }

    #[test]
    fn a_server_that_counts_to_zero_is_asked_for_nothing() {
        let hole = |next, came| Hole::between(next, came).and_then(Hole::numbers);
        assert!(hole(u32::MAX, 0).is_none());
        assert!(hole(1, 0).is_none());
        let numbers: Vec<u32> = hole(u32::MAX, 2).unwrap().collect();
        assert_eq!(numbers, [u32::MAX, 1]);
    }

    #[tokio::test]
    async fn what_a_full_queue_drops_is_told_with_the_next_notice() {
        let (mut listener, mut notices) = listener(2);
        for number in [1, 2, 3, 5] {
            listener.take(one(number), false);
        }
        for _ in 0..2 {
            let kept = notices.recv().await.unwrap();
            assert_eq!((kept.dropped, kept.missing), (None, None));
        }
        listener.take(one(7), false);
        let next = notices.recv().await.unwrap();
        assert_eq!((next.dropped, numbers(next.missing)), (Some(1), vec![4, 5, 6]));
        let values: Vec<_> = next.samples.into_iter().map(|sample| sample.value).collect();
        assert_eq!(
            values,
            [5, 7].map(Value::UInt),
            "the last that was dropped may be the last of all"
        );
        listener.take(one(8), false);
        assert_eq!(notices.recv().await.unwrap().dropped, None);
    }

    #[tokio::test]
    async fn values_are_in_the_order_of_their_times_and_of_this_device() {
        let (mut listener, mut notices) = listener(1);
        let nobody = TagIndex(u32::MAX - 1);
        listener.take(
            message(1, &[(TEMP, 2, 900), (COUNT, 1, 800), (nobody, 3, 1), (ACK, 4, 900)]),
            false,
        );
        let values: Vec<_> =
            notices.recv().await.unwrap().samples.into_iter().map(|s| s.value).collect();
        assert_eq!(values, [1, 2, 4].map(Value::UInt));
        let mut foreign = (*listener.plant).clone();
        foreign.tags[COUNT.get()].device = DeviceIndex(1);
        listener.plant = Arc::new(foreign);
        listener.take(one(2), false);
        assert_eq!(notices.recv().await.unwrap().samples, []);
    }

    #[test]
    fn items_and_queues_are_derived_from_the_plant() {
        let mut plant = plant(1, Security::None, Trust::Pki);
        plant.devices[0].heartbeat.plc = Some(LIFE);
        plant.devices[0].heartbeat.stale_after = Duration::from_millis(300);
        plant.tags[LIFE.get()].watched = false;
        let layout = layout(&plant, DeviceIndex(0));
        let item = |tag| layout.items.iter().find(|item| item.tag == tag);
        assert_eq!(layout.fast, Duration::from_millis(50));
        assert_eq!(layout.slow, Duration::from_millis(100), "a third of the heartbeat's patience");
        let count = item(COUNT).unwrap();
        assert_eq!((count.lane, count.queue), (Lane::Fast, QUEUE_FAST));
        assert_eq!(item(BOOT).unwrap().lane, Lane::Fast, "a restart is seen with the counters");
        let state = item(STATE).unwrap();
        assert_eq!((state.sampling, state.queue), (Duration::ZERO, QUEUE_EVERY_CHANGE));
        assert_eq!(item(LIFE).unwrap().lane, Lane::Slow);
        assert!(item(SERIAL).is_none(), "what only snapshots read is not watched");
        assert_eq!(queue(Duration::from_secs(10), Duration::from_millis(100)), 200);
    }
}
