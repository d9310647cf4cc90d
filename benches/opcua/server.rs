//! The server of the benchmark: doubles that change once a period, a tenth of them at a time.
use opcua::nodes::VariableBuilder;
use opcua::server::diagnostics::NamespaceMetadata;
use opcua::server::node_manager::memory::{SimpleNodeManager, simple_node_manager};
use opcua::server::{ANONYMOUS_USER_TOKEN_ID, ServerBuilder, ServerEndpoint, ServerHandle};
use opcua::types::{DataTypeId, DataValue, DateTime, NodeId, ObjectId, Variant};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;

/// In how many parts the nodes change, one after the other.
const PARTS: u32 = 10;

/// Serves until it is killed; its first line is its port.
#[tokio::main]
pub(crate) async fn serve(nodes: usize, period: Duration) {
    let folder = tempfile::tempdir().expect("a folder of our own");
    let anonymous = [ANONYMOUS_USER_TOKEN_ID.to_owned()];
    let metadata =
        NamespaceMetadata { namespace_uri: "urn:bench".to_owned(), ..NamespaceMetadata::default() };
    let mut builder = ServerBuilder::new()
        .application_name("bench")
        .application_uri("urn:bench:server")
        .host("127.0.0.1")
        .pki_dir(folder.path())
        .discovery_urls(vec!["/".to_owned()])
        .subscription_poll_interval_ms(20)
        .add_endpoint("none", ServerEndpoint::new_none("/", &anonymous))
        .with_node_manager(simple_node_manager(metadata, "bench"));
    let limits = builder.limits_mut();
    limits.max_array_length = 1_000_000;
    limits.max_message_size = 64 << 20;
    limits.max_chunk_count = 2_000;
    limits.subscriptions.min_publishing_interval_ms = 20.0;
    limits.subscriptions.min_sampling_interval_ms = 0.0;
    limits.subscriptions.max_monitored_item_queue_size = 1_000;
    limits.subscriptions.max_monitored_items_per_sub = nodes + 1;
    let (server, handle) = builder.build().expect("a server");
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address").port());
    let names = make(&handle, nodes);
    let running = server.run_with(listener);
    tokio::join!(async { drop(running.await) }, change(&handle, &names, period));
}

fn space(handle: &ServerHandle) -> Arc<SimpleNodeManager> {
    handle.node_managers().get_of_type::<SimpleNodeManager>().expect("the one that was added")
}

fn make(handle: &ServerHandle, nodes: usize) -> Vec<NodeId> {
    let namespace = handle.get_namespace_index("urn:bench").expect("the one that was added");
    let manager = space(handle);
    let mut space = manager.address_space().write();
    let make = |n| {
        let name = format!("T{n:06}");
        let id = NodeId::new(namespace, name.clone());
        VariableBuilder::new(&id, name.clone(), name)
            .data_type(DataTypeId::Double)
            .value(Variant::Double(0.0))
            .organized_by(ObjectId::ObjectsFolder)
            .insert(&mut *space);
        id
    };
    (0..nodes).map(make).collect()
}

async fn change(handle: &ServerHandle, names: &[NodeId], period: Duration) {
    let manager = space(handle);
    let mut ticks = tokio::time::interval(period / PARTS);
    let part = names.len().div_ceil(PARTS as usize);
    let mut value = 0.0;
    loop {
        value += 1.0;
        for names in names.chunks(part) {
            ticks.tick().await;
            let now = DateTime::now();
            let values = names.iter().map(|id| (id, None, DataValue::new_at(value, now)));
            manager.set_values(handle.subscriptions(), values).expect("all of them are there");
        }
    }
}
