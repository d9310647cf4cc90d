//! One more than there may be is refused and told so; those that are there go on.
use super::fake::UNIT;
use super::harness::{Client, Served};
use super::push::{Came, next, subscribe};
use crate::address_space::server::{ITEMS_MAX, SESSIONS_MAX, SUBSCRIPTIONS_MAX};
use ::opcua::client::OnSubscriptionNotification;
use ::opcua::types::{
    Error, MonitoredItemCreateRequest, NodeId, ReadValueId, StatusCode, TimestampsToReturn, Variant,
};
use futures::future::join_all;
use std::time::Duration;
use tokio::sync::mpsc;

/// Clients whose connection is lost keep their session until its time is over.
const LOST: usize = 5;
/// Monitored items that are asked for at once.
const ITEMS: usize = 1_000;

struct Deaf;

impl OnSubscriptionNotification for Deaf {}

/// Makes one more subscription that nobody listens to.
async fn one_more(client: &Client) -> Result<u32, Error> {
    let every = Duration::from_secs(1);
    client.session.create_subscription(every, 100, 20, 0, 0, true, Deaf).await
}

/// Asks for so many monitored items of a subscription.
async fn monitor(client: &Client, subscription: u32, items: usize) -> Result<usize, Error> {
    let position = || MonitoredItemCreateRequest::from(position(client));
    let wanted = (0..items).map(|_| position()).collect();
    let made =
        client.session.create_monitored_items(subscription, TimestampsToReturn::Both, wanted);
    let good = |status: StatusCode| status == StatusCode::Good;
    Ok(made.await?.iter().filter(|item| good(item.result.status_code)).count())
}

/// The position of the ledger, which every record moves on.
fn position(client: &Client) -> NodeId {
    client.id("traceability#Ledger/Position")
}

/// What is subscribed to is still told.
async fn goes_on(served: &Served, came: &mut mpsc::Receiver<Came>) {
    let wanted = served.source.record("complete", &[UNIT]).0;
    while next(came).await != Came::Value(Some(Variant::from(wanted))) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn one_subscription_or_item_more_than_there_may_be_is_refused_and_the_others_go_on() {
    let (served, client) = Served::with_client().await;
    let mut came = subscribe(&client, ReadValueId::new_value(position(&client)), None).await;
    let mut made = Vec::new();
    for _ in 1..SUBSCRIPTIONS_MAX {
        made.push(one_more(&client).await.unwrap());
    }
    let refused = one_more(&client).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::BadTooManySubscriptions);
    goes_on(&served, &mut came).await;

    // There is room for another when one is gone.
    client.session.delete_subscription(made.pop().unwrap()).await.unwrap();
    let last = one_more(&client).await.unwrap();
    let mut items = 0;
    while items < ITEMS_MAX {
        items += monitor(&client, last, ITEMS).await.unwrap();
    }
    assert_eq!(items, ITEMS_MAX);
    let refused = monitor(&client, last, 1).await.unwrap_err();
    assert_eq!(refused.status(), StatusCode::BadTooManyMonitoredItems);
    assert_eq!(monitor(&client, made[0], 1).await.unwrap(), 1, "another has room");
    goes_on(&served, &mut came).await;
    served.end().await.unwrap();
}

/// Those whose connection is lost count as well, so that nobody gets by the limit by letting go.
#[tokio::test(flavor = "multi_thread")]
async fn one_session_more_than_there_may_be_is_refused_and_the_others_go_on() {
    let (served, first) = Served::with_client().await;
    let mut came = subscribe(&first, ReadValueId::new_value(position(&first)), None).await;
    let mut clients = vec![first];
    while clients.len() < SESSIONS_MAX - LOST {
        let more = (SESSIONS_MAX - LOST - clients.len()).min(10);
        let more = join_all((0..more).map(|_| served.try_connect())).await;
        clients.extend(more.into_iter().map(Result::unwrap));
    }
    for _ in 0..LOST {
        drop(served.try_connect().await.unwrap());
    }
    let refused = served.try_connect().await.err();
    assert_eq!(refused, Some(StatusCode::BadTooManySessions));
    goes_on(&served, &mut came).await;
    for client in &clients {
        client.value("traceability#Ledger/Position").await.unwrap();
    }
    // There is room for another when one goes.
    clients.pop().unwrap().session.disconnect().await.unwrap();
    served.try_connect().await.unwrap();
    served.end().await.unwrap();
}
