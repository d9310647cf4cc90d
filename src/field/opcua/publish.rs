//! Publish requests: whatever a subscription has to tell comes as the answer to one of them.
//!
//! The library has a loop for them too, which keeps for itself whether a server has more to tell than
//! went into one answer. It never begins: it knows of no subscription.
use super::fault::Fault;
use super::subscribe::Listener;
use ::opcua::client::services::Publish;
use ::opcua::client::{Session, UARequest};
use ::opcua::types::{Error, PublishResponse, StatusCode, SubscriptionAcknowledgement};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// Requests that wait at the server for each subscription: it always has one to answer, also on a slow link.
const WAITING: usize = 4;
/// A request waits for an answer so long; subscriptions speak far more often.
const PATIENCE: Duration = Duration::from_mins(10);
/// Before the next request, after a server has refused one.
const PAUSE: Duration = Duration::from_millis(100);

/// The subscriptions of a session and what listens to them.
#[derive(Clone, Default)]
pub(super) struct Publisher(Arc<Shared>);

#[derive(Default)]
struct Shared {
    listeners: Mutex<BTreeMap<u32, Listener>>,
    /// Messages that came and that the server may forget.
    received: Mutex<Vec<SubscriptionAcknowledgement>>,
    added: Notify,
}

type Answer = (Vec<SubscriptionAcknowledgement>, Result<PublishResponse, Error>);

impl Publisher {
    /// From now on `listener` hears what the subscription tells.
    pub(super) fn add(&self, subscription: u32, listener: Listener) {
        self.0.listeners.lock().insert(subscription, listener);
        self.0.added.notify_one();
    }

    /// The server may forget a message.
    pub(super) fn received(&self, subscription_id: u32, sequence_number: u32) {
        let received = SubscriptionAcknowledgement { subscription_id, sequence_number };
        self.0.received.lock().push(received);
    }

    /// Keeps requests waiting at the server until its session is no more.
    pub(super) async fn run(&self, session: &Session) -> Fault {
        let (mut waiting, mut most) = (FuturesUnordered::new(), usize::MAX);
        loop {
            let wanted = self.0.listeners.lock().len().saturating_mul(WAITING).min(most);
            while waiting.len() < wanted {
                waiting.push(self.ask(session));
            }
            // Both are cancel safe: a set of futures, a permit that is kept.
            let (acknowledged, answer) = tokio::select! {
                Some(answer) = waiting.next() => answer,
                () = self.0.added.notified() => continue,
            };
            match answer {
                Ok(answer) => self.take(answer),
                Err(why) => {
                    self.0.received.lock().extend(acknowledged);
                    match why.status() {
                        StatusCode::BadTooManyPublishRequests => {
                            most = waiting.len().max(1);
                            if waiting.is_empty() {
                                sleep(PAUSE).await;
                            }
                        }
                        StatusCode::BadSessionClosed | StatusCode::BadSessionIdInvalid => {
                            return Fault::Lost(why.status());
                        }
                        // A subscription that is gone is silent; that is seen elsewhere.
                        _ => sleep(PAUSE).await,
                    }
                }
            }
        }
    }

    async fn ask(&self, session: &Session) -> Answer {
        let received = std::mem::take(&mut *self.0.received.lock());
        let request = Publish::new(session).timeout(PATIENCE).acks(received.clone());
        (received, request.send(session.channel()).await)
    }

    fn take(&self, answer: PublishResponse) {
        let PublishResponse { subscription_id, more_notifications, notification_message, .. } =
            answer;
        let data = &notification_message.notification_data;
        if data.as_ref().is_some_and(|data| !data.is_empty()) {
            self.received(subscription_id, notification_message.sequence_number);
        }
        if let Some(listener) = self.0.listeners.lock().get_mut(&subscription_id) {
            listener.take(notification_message, more_notifications);
        }
    }
}
