//! The beginning of a plant file from what a server has: everything is there as a monitor, and what
//! could be a handshake is named in comments.
use crate::field::opcua::Variable;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The nodes that every server has; no machine speaks there.
const STANDARD: &str = "http://opcfoundation.org/UA/";

/// A plant file with one device and one station, variables of each namespace apart.
pub(super) fn plant_file(url: &str, insecure: bool, variables: &[Variable]) -> String {
    let mut by_namespace: BTreeMap<&str, Vec<&Variable>> = BTreeMap::new();
    for variable in variables {
        by_namespace.entry(&variable.address.namespace).or_default().push(variable);
    }
    if by_namespace.len() > 1 {
        by_namespace.remove(STANDARD);
    }
    let mut text = String::from("schema = 1\n");
    for (i, (namespace, variables)) in by_namespace.into_iter().enumerate() {
        let name = if i == 0 { "plc".to_owned() } else { format!("plc{i}") };
        device(&mut text, &name, url, insecure, namespace, &variables)
            .expect("writing into a String does not fail");
    }
    text.truncate(text.trim_end().len());
    text
}

fn device(
    text: &mut String,
    name: &str,
    url: &str,
    insecure: bool,
    namespace: &str,
    variables: &[&Variable],
) -> std::fmt::Result {
    writeln!(text, "\n[device.{name}]\nurl       = {url:?}\nnamespace = {namespace:?}")?;
    if insecure {
        writeln!(text, "security  = \"none\"\nallow_insecure = true")?;
    } else {
        writeln!(text, "trust     = \"first-use\"   # better: the thumbprint that `probe` prints")?;
    }
    let station = name.to_uppercase();
    writeln!(text, "\n[station.{station}]\ndevice = {name:?}")?;
    let writable: Vec<&str> =
        variables.iter().filter(|v| v.writable).map(|v| v.address.identifier.as_str()).collect();
    if !writable.is_empty() {
        writeln!(
            text,
            "\n# A handshake needs a word that the PLC counts up and one that it lets us write:"
        )?;
        writeln!(text, "# {}", writable.join(", "))?;
        writeln!(text, "# [station.{station}.handshake.result]")?;
        writeln!(
            text,
            "# event = \"complete\"\n# trigger = \"…\"\n# ack = \"…\"\n# serial = \"…\""
        )?;
    }
    writeln!(text, "\n[station.{station}.monitor]")?;
    let mut taken = BTreeSet::new();
    for variable in variables {
        let key = unique(&key(&variable.path), &mut taken);
        let number = variable.value.number().is_some();
        let comment = if number { "" } else { "# " };
        writeln!(
            text,
            "{comment}{:?} = {{ node = {:?} }}   # {} = {}",
            key, variable.address.identifier, variable.data_type, variable.value
        )?;
    }
    Ok(())
}

/// A name from the way to a node, without its first step, which is the machine's own name.
fn key(path: &[String]) -> String {
    let below = path.get(1..).filter(|rest| !rest.is_empty()).unwrap_or(path);
    let bad = |c: char| c.is_control() || c.is_whitespace() || "/\\\"'?#%".contains(c);
    below.join(".").replace(bad, "_")
}

/// The name, with a number behind it if another has it.
fn unique(name: &str, taken: &mut BTreeSet<String>) -> String {
    let mut free = name.to_owned();
    let mut n = 1_u32;
    while !taken.insert(free.clone()) {
        n = n.saturating_add(1);
        free = format!("{name}_{n}");
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::NodeAddress;
    use crate::model::{Quality, SiteId, Value};

    fn variable(namespace: &str, path: &[&str], value: Value) -> Variable {
        Variable {
            path: path.iter().map(ToString::to_string).collect(),
            address: NodeAddress {
                namespace: namespace.to_owned(),
                identifier: format!("s={}", path.join(".")),
            },
            data_type: "Double".to_owned(),
            value,
            quality: Quality::GOOD,
            writable: false,
        }
    }

    #[test]
    fn what_it_writes_is_a_plant_file_even_where_nodes_share_a_name() {
        let variables = [
            variable(STANDARD, &["Aliases", "LastChange"], Value::Empty),
            variable("urn:press", &["Press", "Temp"], Value::Real(20.0)),
            variable("urn:press", &["Press", "Result", "Temp"], Value::Real(40.0)),
            variable("urn:press", &["Press", "Result", "Temp"], Value::Real(41.0)),
        ];
        let text = plant_file("opc.tcp://127.0.0.1:4840", false, &variables);
        let files = [("stub.toml".to_owned(), text)];
        let checked = crate::config::plant::load(&files, &SiteId::parse("site").unwrap()).unwrap();
        assert_eq!(checked.plant.devices.len(), 1, "{}", files[0].1);
        let monitors: Vec<_> =
            checked.plant.stations[0].monitors.iter().map(|m| m.id.as_str()).collect();
        assert_eq!(monitors, ["Temp", "Result.Temp", "Result.Temp_2"]);
    }
}
