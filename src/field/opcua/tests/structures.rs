//! Words that are parts of structures and arrays, or children by browse name.
use super::plc::{NAMESPACE, Plc, Rig, clock, live, plant, samples, soon, tag};
use super::{read, read_done, values};
use crate::field::opcua::locate::locate;
use crate::field::opcua::services::Peer;
use crate::field::opcua::visit::visit;
use crate::field::opcua::{Target, names_below};
use crate::model::plant::{DeviceIndex, NodeAddress, Plant, Security, TagIndex, Trust};
use crate::model::{Quality, Value};
use ::opcua::nodes::{DataTypeBuilder, ObjectBuilder, VariableBuilder};
use ::opcua::types::custom::{
    DataTypeTree, DynamicStructure, EncodingIds, ParentIds, StructTypeInfo, TypeInfo,
};
use ::opcua::types::{
    Array, DataTypeDefinition, DataTypeId, DateTime, EnumDefinition, EnumField, ExtensionObject,
    NodeId, ObjectId, StructureDefinition, StructureField, StructureType, Variant,
    VariantScalarTypeId,
};
use std::sync::Arc;

/// The types of the result of a screw driver with three slots.
struct Types {
    tree: Arc<DataTypeTree>,
    slot: Arc<StructTypeInfo>,
    result: Arc<StructTypeInfo>,
}

fn structure(encoding: NodeId, fields: &[(&str, NodeId, i32)]) -> StructureDefinition {
    let fields = fields.iter().map(|(name, data_type, value_rank)| StructureField {
        name: (*name).into(),
        data_type: data_type.clone(),
        value_rank: *value_rank,
        ..Default::default()
    });
    StructureDefinition {
        default_encoding_id: encoding,
        base_data_type: DataTypeId::Structure.into(),
        structure_type: StructureType::Structure,
        fields: Some(fields.collect()),
    }
}

fn types(plc: &Plc) -> Types {
    let id = |name: &str| plc.id(name);
    let of = NodeId::from;
    let slot = structure(
        id("Slot.Binary"),
        &[
            ("Serial", of(DataTypeId::String), -1),
            ("Torque", of(DataTypeId::Double), -1),
            ("State", id("StateType"), -1),
            ("When", of(DataTypeId::UtcTime), -1),
            ("Readings", of(DataTypeId::Double), 1),
        ],
    );
    let result = structure(
        id("Result.Binary"),
        &[
            ("Count", of(DataTypeId::UInt32), -1),
            ("Slots", id("SlotType"), 1),
            ("Current", id("SlotType"), -1),
        ],
    );
    let states = EnumField { value: 2, name: "pass".into(), ..Default::default() };
    let states = EnumDefinition { fields: Some(vec![states]) };
    let mut space = plc.nodes.address_space().write();
    let parent = |id: DataTypeId| NodeId::from(id);
    for (name, definition, of) in [
        ("SlotType", DataTypeDefinition::Structure(slot.clone()), DataTypeId::Structure),
        ("ResultType", DataTypeDefinition::Structure(result.clone()), DataTypeId::Structure),
        ("StateType", DataTypeDefinition::Enum(states), DataTypeId::Enumeration),
    ] {
        DataTypeBuilder::new(&id(name), name, name)
            .data_type_definition(definition)
            .subtype_of(parent(of))
            .insert(&mut *space);
    }
    let mut parents = ParentIds::new();
    parents.add_type(id("SlotType"), parent(DataTypeId::Structure));
    parents.add_type(id("ResultType"), parent(DataTypeId::Structure));
    parents.add_type(id("StateType"), parent(DataTypeId::Enumeration));
    parents.add_type(parent(DataTypeId::UtcTime), parent(DataTypeId::DateTime));
    let mut tree = DataTypeTree::new(parents);
    for (name, definition) in [("SlotType", slot), ("ResultType", result)] {
        let ids =
            EncodingIds { binary_id: definition.default_encoding_id.clone(), ..Default::default() };
        let definition = DataTypeDefinition::Structure(definition);
        let info = TypeInfo::from_type_definition(
            definition,
            name.to_owned(),
            Some(ids),
            false,
            &id(name),
            tree.parent_ids(),
        );
        tree.add_type(id(name), info.unwrap());
    }
    let (slot, result) = (id("SlotType"), id("ResultType"));
    let (slot, result) = (tree.get_struct_type(&slot), tree.get_struct_type(&result));
    let (slot, result) = (Arc::clone(slot.unwrap()), Arc::clone(result.unwrap()));
    Types { tree: Arc::new(tree), slot, result }
}

impl Types {
    fn make(&self, of: &Arc<StructTypeInfo>, fields: Vec<Variant>) -> Variant {
        let made = DynamicStructure::new_struct(Arc::clone(of), Arc::clone(&self.tree), fields);
        Variant::from(ExtensionObject::new(made.unwrap()))
    }

    fn slot(&self, serial: &str, torque: f64) -> Variant {
        let readings = Variant::from(vec![torque, torque + 1.0, torque + 2.0]);
        let when = Variant::from(DateTime::from(133_000_000_000_000_000));
        self.make(&self.slot, vec![serial.into(), torque.into(), 2i32.into(), when, readings])
    }

    fn result(&self, count: u32, torque: f64) -> Variant {
        let slots = ["A", "B", "C"].map(|serial| self.slot(serial, torque));
        let slots = Array::new(VariantScalarTypeId::ExtensionObject, slots).unwrap();
        let current = self.slot(&format!("SN-{count}"), torque);
        self.make(&self.result, vec![count.into(), Variant::from(slots), current])
    }
}

/// The structure as a node `Res`, and a feeder whose nodes have numbers.
fn make(plc: &Plc) -> Types {
    let types = types(plc);
    let mut space = plc.nodes.address_space().write();
    VariableBuilder::new(&plc.id("Res"), "Res", "Res")
        .data_type(plc.id("ResultType"))
        .value(types.result(7, 12.0))
        .organized_by(ObjectId::ObjectsFolder)
        .insert(&mut *space);
    let feeder = NodeId::new(plc.namespace, 500u32);
    let name = |name: &str| ::opcua::types::QualifiedName::new(plc.namespace, name);
    ObjectBuilder::new(&feeder, name("Feeder"), "Feeder")
        .organized_by(ObjectId::ObjectsFolder)
        .insert(&mut *space);
    VariableBuilder::new(&NodeId::new(plc.namespace, 501u32), name("ReelId"), "ReelId")
        .data_type(DataTypeId::String)
        .value("R-1")
        .component_of(feeder)
        .insert(&mut *space);
    types
}

const WORDS: [&str; 9] = [
    "Res.Count",
    "Res.Slots[1].Serial",
    "Res.Current.Serial",
    "Res.Current.Torque",
    "Res.Current.State",
    "Res.Current.When",
    "Res.Current.Readings[2]",
    "Feeder.ReelId",
    "Res.Nothing",
];

/// The usual plant with the words of the structure; where they begin.
fn words(port: u16) -> (Plant, Vec<TagIndex>) {
    let mut plant = plant(port, Security::None, Trust::Pki);
    let first = u32::try_from(plant.tags.len()).unwrap();
    plant.tags.extend(WORDS.map(|word| tag(word, &format!("s={word}"))));
    let indexes = (first..).take(WORDS.len()).map(TagIndex).collect();
    (plant, indexes)
}

#[tokio::test]
async fn parts_of_a_structure_are_words_and_come_from_one_value() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let types = make(&plc);
    let (plant, tags) = words(plc.port);
    let mut rig = Rig::start(plant, pki.path());
    rig.until("live", live).await;

    let mut asked = tags.clone();
    asked.push(tags[0]);
    rig.requests.send(read(1, &asked)).await.unwrap();
    let snapshot = rig.until("a snapshot", read_done(1)).await.unwrap();
    let when = Value::Time(1_655_526_400_000_000_000);
    let wanted = [
        Value::UInt(7),
        Value::text("B"),
        Value::text("SN-7"),
        Value::Real(12.0),
        Value::Int(2),
        when,
        Value::Real(14.0),
        Value::text("R-1"),
        Value::Empty,
        Value::UInt(7),
    ];
    assert_eq!(values(&snapshot), wanted);
    let bad: Vec<_> = snapshot.iter().filter(|s| !s.quality.is_good()).collect();
    assert_eq!(bad.len(), 1);
    assert_eq!(bad[0].quality, Quality::BAD_UNKNOWN);

    // Only what changed is told, though all of the value comes.
    rig.bulk_sample(tags[3], &Value::Real(12.0)).await;
    plc.set("Res", types.result(8, 12.0));
    let mut told = Vec::new();
    while told.len() < 2 {
        let batch = soon("a change", rig.bulk.recv()).await.and_then(samples).unwrap();
        told.extend(batch.into_iter().filter(|s| tags.contains(&s.tag) && s.quality.is_good()));
    }
    // Both have the same time: the server tells them in any order.
    told.sort_by_key(|s| s.tag);
    let told: Vec<_> = told.iter().map(|s| (s.tag, s.value.clone())).collect();
    assert_eq!(told, [(tags[0], Value::UInt(8)), (tags[2], Value::text("SN-8"))]);
    rig.end().await;
}

#[tokio::test]
async fn a_part_can_count_requests_and_is_never_written() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    let types = make(&plc);
    let (mut plant, tags) = words(plc.port);
    plant.tags[tags[0].get()].fast = true;
    plant.tags[tags[3].get()].writable = true;
    let mut rig = Rig::start(plant, pki.path());
    rig.until("live", live).await;
    plc.set("Res", types.result(9, 12.0));
    rig.until("the count", |input| {
        samples(input).filter(|s| s.iter().any(|s| s.tag == tags[0] && s.value == Value::UInt(9)))
    })
    .await;
    let torque = super::word(tags[3], Value::Real(1.0));
    rig.requests.send(super::write_request(5, vec![torque], None)).await.unwrap();
    let refused = rig.until("refused", super::written(5)).await;
    assert_eq!(refused, Err(crate::model::ReadFault::Refused));
    rig.end().await;
}

/// What the server lacks is looked for again every 30 s, for months.
#[tokio::test]
async fn types_that_are_learned_again_take_the_place_of_those_before() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    make(&plc);
    let (plant, tags) = words(plc.port);
    let target = Target::device(&plant, DeviceIndex(0)).unwrap();
    let opened = target.open(pki.path(), clock()().wall).await.unwrap();
    let known = visit(opened, |session| async move {
        let peer = Peer::new(session, Arc::new(plant), clock());
        let namespaces = peer.namespaces().await?;
        let mut known = Vec::new();
        for _ in 0..3 {
            let found = locate(&peer, DeviceIndex(0), &namespaces).await?;
            assert!(tags[..8].iter().all(|tag| found.nodes.contains_key(tag)));
            known.push(peer.session.encoding_context().write().loaders_mut().iter().count());
        }
        Ok(known)
    });
    assert_eq!(known.await.unwrap(), [3; 3], "generated, learned, fallback");
}

#[tokio::test]
async fn names_below_a_node_are_those_that_a_person_sees() {
    let (dir, pki) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let plc = Plc::start(dir.path(), 0).await;
    make(&plc);
    let (plant, _) = words(plc.port);
    let address = |identifier: &str| NodeAddress {
        namespace: NAMESPACE.to_owned(),
        identifier: identifier.to_owned(),
    };
    let parents = ["s=Feeder", "i=500", "s=Nowhere"].map(address).into();
    let names =
        names_below(&Arc::new(plant), DeviceIndex(0), parents, pki.path(), &clock()).await.unwrap();
    let reel = Some(vec!["ReelId".to_owned()]);
    assert_eq!(names, [reel.clone(), reel, None]);
}
