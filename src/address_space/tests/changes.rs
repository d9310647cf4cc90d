//! Nothing can be changed over OPC UA. The list of what there is to change is what a client finds.
use super::harness::{Client, Served};
use ::opcua::types::{
    AttributeId, BrowseDirection, CallMethodRequest, NodeClass, NodeId, ObjectId, ReadValueId,
    ReferenceTypeId, TimestampsToReturn, Variant, WriteValue,
};
use std::collections::BTreeMap;

/// `CurrentRead`, and nothing else.
const READS: u8 = 1;
/// Methods of the entry: what they do is asked of `Source`, which only answers.
const OURS: [&str; 3] = ["Recall", "Resolve", "Trace"];
/// A node below Objects.
struct Found {
    id: NodeId,
    class: NodeClass,
    name: String,
    parent: NodeId,
}

/// Everything below Objects, once.
async fn all(client: &Client) -> BTreeMap<String, Found> {
    let mut found = BTreeMap::new();
    let mut ahead = vec![NodeId::from(ObjectId::ObjectsFolder)];
    while let Some(node) = ahead.pop() {
        let kind = ReferenceTypeId::HierarchicalReferences;
        let Ok(below) = client.browse(&node, BrowseDirection::Forward, kind, 0).await else {
            continue;
        };
        for r in below {
            let (id, name) = (r.node_id.node_id, r.browse_name.name.to_string());
            let (class, parent) = (r.node_class, node.clone());
            let here = Found { id: id.clone(), class, name, parent };
            if found.insert(id.to_string(), here).is_none() {
                ahead.push(id);
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn no_node_can_be_written_and_no_method_changes_anything() {
    let (served, client) = Served::with_client().await;
    let all = all(&client).await;
    let of_class = |class| all.values().filter(move |found| found.class == class);
    let is_ours = |found: &Found| found.id.namespace == client.namespace;

    let mut methods = Vec::new();
    for found @ Found { id, name, parent, .. } in of_class(NodeClass::Method) {
        if is_ours(found) {
            methods.push(name.as_str());
            continue;
        }
        let call = CallMethodRequest {
            object_id: parent.clone(),
            method_id: id.clone(),
            input_arguments: None,
        };
        let told = client.session.call_one(call).await;
        assert!(told.is_ok_and(|told| told.status_code.is_bad()), "{id} {name} is carried out");
    }
    methods.sort_unstable();
    assert_eq!(methods, OURS);

    let levels = [AttributeId::AccessLevel, AttributeId::UserAccessLevel];
    let (mut variables, mut writable) = (0, Vec::new());
    for found @ Found { id, name, .. } in of_class(NodeClass::Variable) {
        let asked: Vec<_> = levels.map(|level| ReadValueId::new(id.clone(), level)).into();
        let value = ReadValueId::new_value(id.clone());
        let asked = [asked, vec![value]].concat();
        let read = client.session.read(&asked, TimestampsToReturn::Neither, 0.0).await.unwrap();
        let mut read = read.into_iter().map(|read| read.value.unwrap_or_default());
        let told = [read.next().unwrap(), read.next().unwrap()];
        if is_ours(found) {
            variables += 1;
            assert_eq!(told, [Variant::Byte(READS), Variant::Byte(READS)], "{id} {name}");
        }
        // Whatever the levels say.
        let write = WriteValue::value_attr(id.clone(), read.next().unwrap());
        let told = client.session.write(&[write]).await;
        if told.is_ok_and(|told| !told[0].is_bad()) {
            writable.push(format!("{id} {name}"));
        }
    }
    assert!(variables > 20, "{variables}");
    assert_eq!(writable, Vec::<String>::new());
    served.end().await.unwrap();
}
