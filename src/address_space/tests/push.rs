//! What reaches a client that subscribes.
use super::fake::{LOT, UNIT};
use super::harness::{Client, PATIENCE, Served};
use ::opcua::client::SubscriptionCallbacks;
use ::opcua::types::{
    AttributeId, ContentFilter, ContentFilterElement, DateTime, EventFilter, ExtensionObject,
    FilterOperator, LiteralOperand, LocalizedText, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, ObjectId, ObjectTypeId, Operand, QualifiedName, ReadValueId,
    SimpleAttributeOperand, StatusCode, TimestampsToReturn, Variant,
};
use std::time::Duration;
use tokio::sync::mpsc;

/// What came: a value of a variable, or the fields of an event.
#[derive(Debug, PartialEq)]
pub(super) enum Came {
    Value(Option<Variant>),
    Event(Vec<Variant>),
}

pub(super) async fn subscribe(
    client: &Client,
    item: ReadValueId,
    filter: Option<EventFilter>,
) -> mpsc::Receiver<Came> {
    let (send, came) = mpsc::channel(100);
    let events = send.clone();
    let callbacks = SubscriptionCallbacks::new(
        |_| {},
        // A test that has seen enough takes no more.
        move |value, _| drop(send.try_send(Came::Value(value.value))),
        move |fields, _| drop(events.try_send(Came::Event(fields.unwrap_or_default()))),
    );
    let every = Duration::from_millis(50);
    let id =
        client.session.create_subscription(every, 100, 20, 0, 0, true, callbacks).await.unwrap();
    let request = MonitoredItemCreateRequest {
        item_to_monitor: item,
        monitoring_mode: MonitoringMode::Reporting,
        requested_parameters: MonitoringParameters {
            client_handle: 1,
            sampling_interval: 0.0,
            filter: filter.map_or_else(ExtensionObject::null, ExtensionObject::from_message),
            queue_size: 100,
            discard_oldest: true,
        },
    };
    let created = client
        .session
        .create_monitored_items(id, TimestampsToReturn::Both, vec![request])
        .await
        .unwrap();
    assert_eq!(created[0].result.status_code, StatusCode::Good);
    came
}

pub(super) async fn next(came: &mut mpsc::Receiver<Came>) -> Came {
    tokio::time::timeout(PATIENCE, came.recv()).await.expect("it comes").unwrap()
}

async fn next_event(came: &mut mpsc::Receiver<Came>) -> Vec<Variant> {
    loop {
        if let Came::Event(fields) = next(came).await {
            return fields;
        }
    }
}

fn clause(of: impl Into<NodeId>, path: &[QualifiedName]) -> SimpleAttributeOperand {
    SimpleAttributeOperand {
        type_definition_id: of.into(),
        browse_path: Some(path.to_vec()),
        attribute_id: AttributeId::Value as u32,
        index_range: ::opcua::types::NumericRange::None,
    }
}

fn server_events() -> ReadValueId {
    ReadValueId::new(ObjectId::Server.into(), AttributeId::EventNotifier)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_durable_record_is_one_event_and_no_field_is_shifted() {
    let (served, client) = Served::with_client().await;
    let ns = client.namespace;
    let own = NodeId::new(ns, 2001);
    let name = |name: &str| QualifiedName::new(ns, name);
    let select_clauses = Some(vec![
        clause(ObjectTypeId::BaseEventType, &["EventType".into()]),
        // Asked of a type that inherits it, of a type that has no such field, and of nothing.
        clause(own.clone(), &["Message".into()]),
        clause(ObjectTypeId::AlarmConditionType, &["ActiveState".into()]),
        clause(ObjectTypeId::ConditionType, &[]),
        clause(own.clone(), &[name("Position")]),
        clause(own.clone(), &[name("Verb")]),
        clause(own.clone(), &[name("Items")]),
        clause(own.clone(), &["Severity".into()]),
    ]);
    let filter = EventFilter { select_clauses, where_clause: ContentFilter::default() };
    let mut came = subscribe(&client, server_events(), Some(filter)).await;
    let first = served.source.record("complete", &[UNIT, LOT]);
    let second = served.source.record("gap", &[LOT]);
    for (position, verb, items, severity) in [
        (first, "complete", vec![UNIT.to_owned(), LOT.to_owned()], 100u16),
        (second, "gap", vec![LOT.to_owned()], 700),
    ] {
        assert_eq!(
            next_event(&mut came).await,
            [
                Variant::from(own.clone()),
                LocalizedText::from(format!("{verb} at ST-10").as_str()).into(),
                Variant::Empty,
                Variant::Empty,
                position.0.into(),
                verb.into(),
                items.into(),
                severity.into(),
            ]
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_on_type_text_or_time_lets_through_what_it_says() {
    let (served, client) = Served::with_client().await;
    let ns = client.namespace;
    let field = |path: QualifiedName| {
        Operand::SimpleAttributeOperand(clause(ObjectTypeId::BaseEventType, &[path]))
    };
    let base = |name: &str| field(QualifiedName::new(0, name));
    let own = NodeId::new(ns, 2001);
    let later = || {
        let value = Variant::from(DateTime::from((2030, 1, 1, 0, 0, 0)));
        Operand::LiteralOperand(LiteralOperand { value })
    };
    let hits = [
        (FilterOperator::OfType, vec![Operand::literal(own.clone())]),
        (FilterOperator::Equals, vec![base("EventType"), Operand::literal(own.clone())]),
        (
            FilterOperator::InList,
            vec![base("EventType"), Operand::literal(NodeId::new(0, 2041)), Operand::literal(own)],
        ),
        (
            FilterOperator::Equals,
            vec![field(QualifiedName::new(ns, "Verb")), Operand::literal("complete")],
        ),
        (FilterOperator::LessThan, vec![base("Time"), later()]),
    ];
    let misses = [
        (FilterOperator::Equals, vec![base("EventType"), Operand::literal(NodeId::new(0, 2041))]),
        (
            FilterOperator::Equals,
            vec![field(QualifiedName::new(ns, "Verb")), Operand::literal("gap")],
        ),
        (FilterOperator::GreaterThan, vec![base("Time"), later()]),
    ];
    let mut watch = Vec::new();
    for (hit, element) in
        hits.into_iter().map(|h| (true, h)).chain(misses.into_iter().map(|m| (false, m)))
    {
        let filter = EventFilter {
            select_clauses: Some(vec![clause(
                ObjectTypeId::BaseEventType,
                &[QualifiedName::new(ns, "Position")],
            )]),
            where_clause: ContentFilter {
                elements: Some(vec![ContentFilterElement::from(element)]),
            },
        };
        watch.push((hit, subscribe(&client, server_events(), Some(filter)).await));
    }
    // Once the second has come where it must, the first has had its time everywhere.
    for _ in 0..2 {
        let position = served.source.record("complete", &[UNIT]);
        for (_, came) in watch.iter_mut().filter(|(hit, _)| *hit) {
            assert_eq!(next_event(came).await, [Variant::from(position.0)]);
        }
    }
    for (at, (_, came)) in watch.iter_mut().enumerate().filter(|(_, (hit, _))| !*hit) {
        while let Ok(came) = came.try_recv() {
            assert!(!matches!(came, Came::Event(_)), "{at}: {came:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_comes_at_once_and_again_when_the_ledger_grows() {
    let (served, client) = Served::with_client().await;
    for (node, before, after) in [
        ("st/ST-10#Completed", 41u64, 42u64),
        ("traceability#Ledger/Position", 42, 43),
        ("u/site/SN-1#AsOf", 43, 44),
    ] {
        let item = ReadValueId::new_value(client.id(node));
        let mut came = subscribe(&client, item, None).await;
        assert_eq!(next(&mut came).await, Came::Value(Some(before.into())), "{node}");
        served.source.record("complete", &[UNIT]);
        assert_eq!(next(&mut came).await, Came::Value(Some(after.into())), "{node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_can_be_subscribed_that_is_not_there() {
    let (_served, client) = Served::with_client().await;
    let every = Duration::from_millis(50);
    let callbacks = SubscriptionCallbacks::new(|_| {}, |_, _| {}, |_, _| {});
    let id =
        client.session.create_subscription(every, 100, 20, 0, 0, true, callbacks).await.unwrap();
    let wanted = [
        (ReadValueId::new_value(client.id("u/site/NOBODY#State")), StatusCode::BadNodeIdUnknown),
        (ReadValueId::new_value(client.id(UNIT)), StatusCode::BadAttributeIdInvalid),
        (
            ReadValueId::new(client.id("st/ST-10"), AttributeId::EventNotifier),
            StatusCode::BadAttributeIdInvalid,
        ),
    ];
    for (item, status) in wanted {
        let request = MonitoredItemCreateRequest { item_to_monitor: item, ..Default::default() };
        let created = client
            .session
            .create_monitored_items(id, TimestampsToReturn::Both, vec![request])
            .await
            .unwrap();
        assert_eq!(created[0].result.status_code, status);
    }
}
