//! What a client that knows only OPC UA finds.
use super::fake::{HUB, HUB_LINKS, LOT, OTHER_LOT, PART, UNIT};
use super::harness::{Client, Served};
use ::opcua::types::{
    AttributeId, BrowseDirection, BrowsePath, DateTime, NodeClass, NodeId, ObjectId, QualifiedName,
    ReadValueId, ReferenceTypeId, RelativePath, RelativePathElement, StatusCode,
    TimestampsToReturn, Variant,
};
use std::collections::BTreeSet;

const ASSEMBLED_FROM: u32 = 4001;

fn texts(found: &[::opcua::types::ReferenceDescription]) -> Vec<String> {
    found.iter().map(|r| r.node_id.node_id.identifier.to_string()).collect()
}

async fn names(client: &Client, node: NodeId) -> Vec<String> {
    let found = client
        .browse(&node, BrowseDirection::Forward, ReferenceTypeId::HierarchicalReferences, 0)
        .await
        .unwrap();
    found.iter().map(|r| r.browse_name.name.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lots_are_reached_from_a_unit_and_units_from_a_lot_by_references_alone() {
    let (served, client) = Served::with_client().await;
    let kind = NodeId::new(client.namespace, ASSEMBLED_FROM);
    let forward = async |of: &str| {
        let id = client.id(of);
        client.browse(&id, BrowseDirection::Forward, kind.clone(), 0).await.unwrap()
    };
    let made_of = forward(UNIT).await;
    assert_eq!(texts(&made_of), [PART, LOT, OTHER_LOT].map(|id| format!("s={id}")));
    let kinds: Vec<_> =
        made_of.iter().map(|r| r.reference_type_id.identifier.to_string()).collect();
    assert_eq!(kinds, ["i=4003", "i=4007", "i=4008"]);
    assert_eq!(texts(&forward(PART).await), [format!("s={HUB}")]);

    let lot = client.id(LOT);
    let used = client.browse(&lot, BrowseDirection::Inverse, kind.clone(), 0).await.unwrap();
    assert_eq!(texts(&used), [format!("s={UNIT}")]);
    assert!(used.iter().all(|r| !r.is_forward && r.node_class == NodeClass::Object));
    assert_eq!(used[0].type_definition.node_id, NodeId::new(client.namespace, 1003));

    let plain = client
        .browse(&client.id(UNIT), BrowseDirection::Forward, ReferenceTypeId::Aggregates, 0)
        .await
        .unwrap();
    assert!(texts(&plain).contains(&format!("s={LOT}")), "a stock client follows Aggregates");
    served.end().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_pages_completely_and_without_doubles() {
    let (_served, client) = Served::with_client().await;
    let kind = NodeId::new(client.namespace, ASSEMBLED_FROM);
    for page in [0, 7, 1_000] {
        let hub = client.id(HUB);
        let used = client.browse(&hub, BrowseDirection::Inverse, kind.clone(), page).await.unwrap();
        let different: BTreeSet<_> = texts(&used).into_iter().collect();
        assert_eq!((used.len(), different.len()), (HUB_LINKS, HUB_LINKS), "page of {page}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_entry_hangs_below_objects_and_shows_the_plant() {
    let (_served, client) = Served::with_client().await;
    assert!(names(&client, ObjectId::ObjectsFolder.into()).await.contains(&"Traceability".into()));
    assert_eq!(
        names(&client, client.id("traceability")).await,
        [
            "Stations",
            "Units",
            "Lots",
            "Containers",
            "Conditions",
            "Ledger",
            "Resolve",
            "Trace",
            "Recall"
        ]
    );
    assert_eq!(names(&client, client.id("traceability#Stations")).await, ["ST-10"]);
    assert_eq!(names(&client, client.id("traceability#Units")).await, [UNIT]);
    assert_eq!(names(&client, client.id("traceability#Conditions")).await, ["torque"]);
    let step = names(&client, client.id("u/site/SN-1#Steps/40")).await;
    assert!(step.contains(&"Measurements".to_owned()) && step.contains(&"Operator".to_owned()));

    let at = NodeId::new(client.namespace, 4013);
    let step = client.id("u/site/SN-1#Steps/40");
    let station = client.browse(&step, BrowseDirection::Forward, at, 0).await.unwrap();
    assert_eq!(texts(&station), ["s=st/ST-10"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_those_of_the_facts() {
    let (_served, client) = Served::with_client().await;
    let ticks = DateTime::from((2026, 11, 22, 8, 41, 10, 250_000_000u32));
    for (node, value) in [
        ("u/site/SN-1#Code", Variant::from("SN-1")),
        ("u/site/SN-1#State", Variant::from("in work at ST-10")),
        ("u/site/SN-1#Hold", Variant::Empty),
        ("u/site/SN-1#Complete", Variant::from(true)),
        ("u/site/SN-1#AsOf", Variant::from(41u64)),
        ("u/site/SN-1#Level", Variant::from("M2, below P1")),
        ("u/site/SN-1#LevelReasons", Variant::from(vec!["P1 wanted: a step".to_owned()])),
        ("u/site/SN-1#LastSeen", Variant::from(ticks)),
        ("u/site/SN-1#Steps/40/Verb", Variant::from("complete")),
        ("u/site/SN-1#Steps/40/Measurements/torque.final/1", Variant::from(12.5)),
        ("st/ST-10#CurrentUnit", Variant::from(UNIT)),
        ("st/ST-10#Mounts", Variant::from(vec![format!("F1={LOT}")])),
        ("st/ST-10#Monitors/torque/Verdict", Variant::from(2)),
        ("st/ST-10#Monitors/torque/Onset", Variant::Empty),
        ("traceability#Ledger/Position", Variant::from(41u64)),
    ] {
        assert_eq!(client.value(node).await, Ok(value), "{node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_recorded_is_an_unknown_node_and_not_an_empty_one() {
    let (_served, client) = Served::with_client().await;
    for node in ["u/site/NOBODY", "u/site/NOBODY#Code", "u/site/SN-1#Steps/7", "st/ST-99", "x"] {
        let id = client.id(node);
        let browsed = client.browse(&id, BrowseDirection::Both, NodeId::null(), 0).await;
        assert_eq!(browsed.unwrap_err(), StatusCode::BadNodeIdUnknown, "browse {node}");
        assert_eq!(client.value(node).await, Err(StatusCode::BadNodeIdUnknown), "read {node}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_attribute_that_a_class_has_can_be_read_and_no_other() {
    let (_served, client) = Served::with_client().await;
    let read = async |node: &str, attributes: &[AttributeId]| {
        let of = attributes.iter().map(|a| ReadValueId::new(client.id(node), *a));
        let of: Vec<_> = of.collect();
        let read = client.session.read(&of, TimestampsToReturn::Neither, 0.0).await.unwrap();
        read.into_iter().map(|v| (v.status(), v.value.unwrap_or_default())).collect::<Vec<_>>()
    };
    let common = [
        AttributeId::NodeId,
        AttributeId::NodeClass,
        AttributeId::BrowseName,
        AttributeId::DisplayName,
        AttributeId::WriteMask,
    ];
    for node in ["traceability", "u/site/SN-1", "st/ST-10#Completed", "traceability#Trace"] {
        assert!(read(node, &common).await.iter().all(|(s, _)| s.is_good()), "{node}");
    }
    let unit = read(UNIT, &[AttributeId::DisplayName, AttributeId::Value]).await;
    assert_eq!(unit[0].1, Variant::from(::opcua::types::LocalizedText::from("SN-1")));
    assert_eq!(unit[1].0, StatusCode::BadAttributeIdInvalid);
    let mounts = [AttributeId::DataType, AttributeId::ValueRank, AttributeId::AccessLevel];
    assert_eq!(
        read("st/ST-10#Mounts", &mounts).await.into_iter().map(|r| r.1).collect::<Vec<_>>(),
        [Variant::from(NodeId::new(0, 12)), Variant::from(1), Variant::from(1u8)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_of_names_leads_to_a_node_that_no_folder_lists() {
    let (_served, client) = Served::with_client().await;
    let target = async |names: &[&str]| {
        let elements = names.iter().map(|name| RelativePathElement {
            reference_type_id: ReferenceTypeId::HierarchicalReferences.into(),
            is_inverse: false,
            include_subtypes: true,
            target_name: QualifiedName::new(client.namespace, *name),
        });
        let path = BrowsePath {
            starting_node: ObjectId::ObjectsFolder.into(),
            relative_path: RelativePath { elements: Some(elements.collect()) },
        };
        let found = client.session.translate_browse_paths_to_node_ids(&[path]).await.unwrap();
        let found = found.into_iter().next().unwrap();
        let targets = found.targets.unwrap_or_default();
        (found.status_code, targets.into_iter().map(|t| t.target_id.node_id).collect::<Vec<_>>())
    };
    let code = target(&["Traceability", "Units", PART, "Code"]).await;
    assert_eq!(code, (StatusCode::Good, vec![client.id("u/site/C-9#Code")]));
    let verdict = target(&["Traceability", "Stations", "ST-10", "torque", "Verdict"]).await;
    assert_eq!(verdict.1, [client.id("st/ST-10#Monitors/torque/Verdict")]);
    for unknown in [&["Traceability", "Units", LOT][..], &["Traceability", "Nothing"], &["Other"]] {
        assert_eq!(target(unknown).await.0, StatusCode::BadNoMatch, "{unknown:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_says_what_it_takes_and_answers_with_position_and_reasons() {
    let (_served, client) = Served::with_client().await;
    let call = async |method: &str, arguments: Vec<Variant>| {
        let method = client.id(&format!("traceability#{method}"));
        let called = (client.id("traceability"), method, Some(arguments));
        let result = client.session.call_one(called).await.unwrap();
        (result.status_code, result.output_arguments.unwrap_or_default())
    };
    let Ok(Variant::Array(inputs)) = client.value("traceability#Trace/InputArguments").await else {
        panic!("a method without arguments cannot be called by a client that asks")
    };
    assert_eq!(inputs.values.len(), 3);

    let (status, found) = call("Resolve", vec!["SN-1".into()]).await;
    assert_eq!((status, found), (StatusCode::Good, vec![vec![client.id(UNIT)].into()]));
    let (_, found) = call("Resolve", vec!["nobody".into()]).await;
    let none = matches!(&found[..], [Variant::Array(none)] if none.values.is_empty());
    assert!(none, "what only comes near is not what has it: {found:?}");

    let backward = vec![UNIT.into(), "backward".into(), 0u32.into()];
    let (status, trace) = call("Trace", backward).await;
    assert_eq!(status, StatusCode::Good);
    assert_eq!(trace[0], Variant::from([UNIT, PART, LOT, OTHER_LOT].map(str::to_owned).to_vec()));
    let Variant::Array(links) = &trace[1] else { panic!("links are a list") };
    assert_eq!(links.values[0], Variant::from(format!("{PART} > installed-in > {UNIT}")));
    assert_eq!((&trace[2], &trace[4]), (&true.into(), &41u64.into()));
    let (_, cut) = call("Trace", vec![UNIT.into(), "backward".into(), 1u32.into()]).await;
    assert_eq!(cut[2], Variant::from(false), "what was cut is not called complete");

    let (status, recall) = call("Recall", vec![LOT.into()]).await;
    assert_eq!(status, StatusCode::Good);
    assert_eq!(recall[0], Variant::from(vec![UNIT.to_owned()]));
    assert_eq!(recall[5], Variant::from(false));

    for (arguments, wanted) in [
        (vec![], StatusCode::BadArgumentsMissing),
        (vec![7u32.into()], StatusCode::BadTypeMismatch),
        (vec!["0001".into()], StatusCode::BadTooManyMatches),
        (vec!["nobody".into()], StatusCode::BadNoMatch),
        (vec![LOT.into(), LOT.into()], StatusCode::BadTooManyArguments),
    ] {
        assert_eq!(call("Recall", arguments).await.0, wanted);
    }
}
