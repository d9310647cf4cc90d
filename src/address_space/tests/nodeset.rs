//! The nodeset that engineers get and the nodes that are served say the same.
use crate::address_space::place::{Object, Place};
use crate::address_space::table;
use crate::address_space::types::{self, NODESET, Type};
use crate::model::{MonitorId, Position, StationId};
use std::collections::BTreeMap;

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

/// Of each type: its variables with data type and rank, as the file has them.
fn declared() -> BTreeMap<String, Vec<(String, String, i32)>> {
    let aliases: BTreeMap<&str, &str> = NODESET
        .lines()
        .filter_map(|l| Some((attribute(l, "Alias")?, l.split_once('>')?.1.split_once('<')?.0)))
        .collect();
    let mut of: BTreeMap<String, Vec<_>> = BTreeMap::new();
    let mut variable = None;
    for line in NODESET.lines() {
        if line.starts_with("  <UAVariable") {
            let data_type = attribute(line, "DataType").unwrap();
            variable = Some((
                attribute(line, "BrowseName").unwrap().trim_start_matches("1:").to_owned(),
                (*aliases.get(data_type).unwrap_or(&data_type)).to_owned(),
                attribute(line, "ValueRank").map_or(-1, |rank| rank.parse().unwrap()),
            ));
        }
        if line.contains("IsForward=\"false\">ns=1;i=")
            && let Some(variable) = variable.take()
        {
            let parent = line.split_once("i=").unwrap().1.split_once('<').unwrap().0;
            of.entry(parent.to_owned()).or_default().push(variable);
        }
    }
    of
}

#[test]
fn every_variable_is_declared_by_its_type_as_it_is_served() {
    let station = StationId::parse("ST-10").unwrap();
    let key = super::fake::key(super::fake::UNIT);
    let monitor = Object::Monitor(station.clone(), MonitorId::parse("m").unwrap());
    let item = Type(1002, "TracedItemType");
    for (object, of) in [
        (Object::Item(key.clone()), item),
        (Object::Station(station), types::STATION),
        (monitor, types::CONDITION),
        (Object::Step(key, Position(1)), types::STEP),
        (Object::Ledger, types::LEDGER),
    ] {
        let served: Vec<_> = table::variables(&object)
            .map(|(name, kind)| (name.to_owned(), kind.data_type(1).to_string(), kind.rank()))
            .collect();
        assert_eq!(declared().get(&of.0.to_string()), Some(&served), "{}", of.1);
        assert!(Place::parse(&object.to_string()).is_some());
    }
}

#[test]
fn every_number_used_is_the_type_of_that_name() {
    for of in [
        types::TRACEABILITY,
        types::UNIT,
        types::LOT,
        types::CONTAINER,
        types::STATION,
        types::CONDITION,
        types::STEP,
        types::LEDGER,
        types::EVENT,
    ] {
        let line = format!("NodeId=\"ns=1;i={}\" BrowseName=\"1:{}\"", of.0, of.1);
        assert!(NODESET.contains(&line), "{line}");
    }
}

#[test]
fn a_number_of_the_nodeset_is_used_once() {
    let ids: Vec<_> = NODESET
        .lines()
        .filter(|l| l.starts_with("  <UA"))
        .map(|l| attribute(l, "NodeId").unwrap())
        .collect();
    let mut different = ids.clone();
    different.sort_unstable();
    different.dedup();
    assert_eq!(ids.len(), different.len());
}
