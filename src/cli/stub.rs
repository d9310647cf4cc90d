//! The beginning of a plant file from what a server has: everything is there as a monitor, and what
//! could be a handshake is named in comments.
use crate::field::opcua::Variable;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A plant file with one device and one station, variables of each namespace apart.
pub(super) fn plant_file(url: &str, insecure: bool, variables: &[Variable]) -> String {
    let mut by_namespace: BTreeMap<&str, Vec<&Variable>> = BTreeMap::new();
    for variable in variables {
        by_namespace.entry(&variable.address.namespace).or_default().push(variable);
    }
    let mut text = String::from("schema = 1\n");
    for (i, (namespace, variables)) in by_namespace.into_iter().enumerate() {
        let name = if i == 0 { "plc".to_owned() } else { format!("plc{i}") };
        device(&mut text, &name, url, insecure, namespace, &variables)
            .expect("writing into a String does not fail");
    }
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
    for variable in variables {
        let key = variable.path.last().map_or("", String::as_str);
        let number = variable.value.number().is_some();
        let comment = if number { "" } else { "# " };
        writeln!(
            text,
            "{comment}{:?} = {{ node = {:?} }}   # {} = {}",
            key.replace([' ', '/', '"', '\'', '?', '#', '%', '\\'], "_"),
            variable.address.identifier,
            variable.data_type,
            variable.value
        )?;
    }
    Ok(())
}
