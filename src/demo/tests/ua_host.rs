//! A host on an OPC UA PLC: sees triggers by subscription, reads snapshots, writes acks.
use crate::model::Utc;
use ::opcua::client::{ClientBuilder, DataChangeCallback, IdentityToken, MonitoredItem, Session};
use ::opcua::crypto::SecurityPolicy;
use ::opcua::types::{
    AttributeId, DataValue, MessageSecurityMode, MonitoredItemCreateRequest, MonitoringMode,
    MonitoringParameters, NodeId, ReadValueId, StatusCode, TimestampsToReturn, UserTokenPolicy,
    Variant, WriteValue,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

const TICKS_TO_1970: i64 = 116_444_736_000_000_000;

pub(super) struct UaHost {
    session: Arc<Session>,
    namespace: u16,
    changes: mpsc::Receiver<(String, u32)>,
    /// Source time of the trigger of the last snapshot.
    pub(super) trigger_time: Utc,
}

impl UaHost {
    /// Connects encrypted and subscribes to `words`, which are numbers.
    pub(super) async fn connect(url: &str, uri: &str, dir: &Path, words: &[&str]) -> Self {
        let mut client = ClientBuilder::new()
            .application_name("host")
            .application_uri("urn:test:host")
            .product_uri("urn:test:host")
            .pki_dir(dir.join(format!("host-{}", uri.replace(':', "-"))))
            .certificate_path("own/cert.der")
            .private_key_path("private/key.pem")
            .create_sample_keypair(true)
            .trust_server_certs(true)
            .session_retry_limit(0)
            .client()
            .unwrap();
        let policy = SecurityPolicy::Basic256Sha256;
        let mode = MessageSecurityMode::SignAndEncrypt;
        let endpoint = (url, policy.to_str(), mode, UserTokenPolicy::anonymous());
        let (session, events) =
            client.connect_to_matching_endpoint(endpoint, IdentityToken::Anonymous).await.unwrap();
        events.spawn();
        session.wait_for_connection().await;
        let namespace = session.get_namespace_index(uri).await.unwrap();
        let (tell, changes) = mpsc::channel(1_000);
        let on_change = DataChangeCallback::new(move |value: DataValue, item: &MonitoredItem| {
            let name = item.item_to_monitor().node_id.identifier.to_string();
            let name = name.strip_prefix("s=").unwrap().to_owned();
            if let Some(Variant::UInt32(number)) = value.value {
                tell.try_send((name, number)).unwrap();
            }
        });
        let subscription = session
            .create_subscription(Duration::from_millis(10), 100, 20, 1_000, 0, true, on_change)
            .await
            .unwrap();
        let items = words.iter().map(|name| MonitoredItemCreateRequest {
            item_to_monitor: read_id(namespace, name),
            monitoring_mode: MonitoringMode::Reporting,
            requested_parameters: MonitoringParameters {
                sampling_interval: 0.0,
                queue_size: 10,
                discard_oldest: true,
                ..MonitoringParameters::default()
            },
        });
        let created = session
            .create_monitored_items(subscription, TimestampsToReturn::Both, items.collect())
            .await
            .unwrap();
        assert!(created.iter().all(|item| item.result.status_code.is_good()), "{words:?}");
        Self { session, namespace, changes, trigger_time: Utc(0) }
    }

    /// The next change of any word; 0 is what a counter holds before its first request.
    pub(super) async fn next_of_any(&mut self) -> (String, u32) {
        loop {
            let (name, number) = self.changes.recv().await.unwrap();
            if number != 0 {
                return (name, number);
            }
        }
    }

    pub(super) async fn next(&mut self, word: &str) -> u32 {
        loop {
            let (name, number) = self.next_of_any().await;
            if name == word {
                return number;
            }
        }
    }

    /// The words, read in one request between two reads of the trigger that stands at `number`.
    pub(super) async fn snapshot(
        &mut self,
        trigger: &str,
        words: &[&str],
        number: u32,
    ) -> Vec<DataValue> {
        let names: Vec<_> =
            std::iter::once(trigger).chain(words.iter().copied()).chain([trigger]).collect();
        let mut read = self.read(&names).await;
        let (last, first) = (read.pop().unwrap(), read.remove(0));
        assert_eq!(first.value, Some(number.into()), "{trigger} moved before it was answered");
        assert_eq!(first, last);
        self.trigger_time = time(&first);
        read
    }

    async fn read(&self, names: &[&str]) -> Vec<DataValue> {
        let ids: Vec<_> = names.iter().map(|name| read_id(self.namespace, name)).collect();
        self.session.read(&ids, TimestampsToReturn::Both, 0.0).await.unwrap()
    }

    pub(super) async fn read_u32(&self, name: &str) -> u32 {
        match self.read(&[name]).await.remove(0).value {
            Some(Variant::UInt32(number)) => number,
            other => panic!("{name} holds {other:?}"),
        }
    }

    pub(super) async fn try_write(&self, name: &str, value: impl Into<Variant>) -> StatusCode {
        let write = WriteValue {
            node_id: NodeId::new(self.namespace, name),
            attribute_id: AttributeId::Value as u32,
            value: DataValue::value_only(value),
            ..WriteValue::default()
        };
        self.session.write(&[write]).await.unwrap().remove(0)
    }

    /// Writes a word and sees it written.
    pub(super) async fn write(&self, name: &str, value: impl Into<Variant>) {
        let value = value.into();
        assert!(self.try_write(name, value.clone()).await.is_good(), "{name}");
        assert_eq!(self.read(&[name]).await.remove(0).value, Some(value));
    }
}

fn read_id(namespace: u16, name: &str) -> ReadValueId {
    NodeId::new(namespace, name).into()
}

pub(super) fn string(value: &DataValue) -> String {
    match &value.value {
        Some(Variant::String(text)) => text.to_string(),
        other => panic!("{other:?} is no string"),
    }
}

pub(super) fn double(value: &DataValue) -> f64 {
    match value.value {
        Some(Variant::Double(number)) => number,
        ref other => panic!("{other:?} is no Double"),
    }
}

pub(super) fn time(value: &DataValue) -> Utc {
    Utc((value.source_timestamp.unwrap().ticks() - TICKS_TO_1970) * 100)
}
