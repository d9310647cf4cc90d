//! `pin`: how the words of a device lie on its PLC is written down, so that a change is seen.
use super::exit::{Done, Exit, Failure};
use super::part::Part;
use super::{Context, output, runtime, settings};
use crate::config::{self, lock};
use crate::daemon;
use crate::field::opcua;
use crate::model::plant::{DeviceIndex, Layout, Plant, Protocol};
use crate::model::{DeviceId, SiteId, TagName};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Write down how the words of an OPC UA device lie on its PLC: nodes, types, bounds.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A device of the plant files.
    device: String,
    /// The folder of plant files; else the configured one.
    folder: Option<PathBuf>,
}

pub(super) fn run(context: &Context, args: &Args) -> Done {
    runtime::log("error")?;
    let config = settings::settings(context)?;
    let folder = args.folder.clone().unwrap_or(config.plant_dir);
    let files = settings::read_dir(&folder)?;
    let pki = config.pki_dir.join(daemon::FIELD_PKI);
    let look = |children: &Children| {
        let (plant, index, before) = unpinned(&files, &config.site, &args.device, children)?;
        let found = runtime::runtime()?
            .block_on(opcua::look(&plant, index, &pki, &daemon::clock()))
            .map_err(|why| Failure::new(Exit::Unreachable, format!("{}: {why}", args.device)))?;
        Ok::<_, Failure>((plant.device(index).id.clone(), before, found))
    };
    let mut children = children(&files, &config.site, &args.device, &pki)?;
    let (device, before, mut found) = look(&children)?;
    if let Some(meant) = meant(&children, &found) {
        found = look(&meant)?.2;
        children = meant;
    }
    if !found.missing.is_empty() {
        for name in &found.missing {
            output::line(format_args!("? {name}  is not there"))?;
        }
        output::notice("nothing is written: correct the plant file, or load the PLC program");
        return Ok(Exit::Negative);
    }
    differences(&before, &found.words).iter().try_for_each(output::line)?;
    let path = folder.join(lock::name(&device));
    let text = lock::text(&device, found.interface.as_ref(), &children, &found.words);
    write(&path, &text)?;
    let words = output::counted(found.words.len(), "words");
    output::line(format_args!(" ✓ {words} in {}", path.display()))?;
    Ok(Exit::Ok)
}

/// The names that `*` stands for.
fn children(
    files: &[(String, String)],
    site: &SiteId,
    name: &str,
    pki: &Path,
) -> Result<Children, Failure> {
    let wanted = config::wildcards(files).into_iter().filter(|(w, _)| w.device == name);
    let (wildcards, nodes): (Vec<_>, Vec<_>) = wanted.unzip();
    if wildcards.is_empty() {
        return Ok(Children::new());
    }
    // The rest of the plant cannot be read before they are known.
    let devices = config::plant::only(files, &["schema", "device"]);
    let (plant, index, _) = unpinned(&devices, site, name, &Children::new())?;
    let names = runtime::runtime()?
        .block_on(opcua::names_below(&plant, index, nodes, pki, &daemon::clock()))
        .map_err(|why| Failure::new(Exit::Unreachable, format!("{name}: {why}")))?;
    let mut children = Children::new();
    for (wildcard, names) in wildcards.into_iter().zip(names) {
        let parent = wildcard.parent;
        let names = names.ok_or_else(|| {
            Failure::new(Exit::Negative, format!("{name}: there is no node `{parent}`"))
        })?;
        children.insert(parent, names);
    }
    Ok(children)
}

/// The names without those below which nothing is that the plant files ask for: beside its slots a feeder has
/// other children. `None` if all are meant, or none.
fn meant(children: &Children, found: &opcua::Pinned) -> Option<Children> {
    let below = |word: &TagName, parent: &str, name: &str| {
        let path = [format!("{parent}.{name}"), format!("{parent}.\"{name}\"")];
        path.iter().any(|path| {
            let rest = word.as_str().strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        })
    };
    let mut fewer = children.clone();
    for (parent, names) in &mut fewer {
        names.retain(|name| {
            let there = found.words.keys().any(|word| below(word, parent, name));
            there || !found.missing.iter().any(|word| below(word, parent, name))
        });
    }
    let some = fewer.values().all(|names| !names.is_empty());
    (some && fewer != *children).then_some(fewer)
}

/// Lock files without any names for other devices that have none: each is pinned by itself.
fn nobody(files: &[(String, String)], name: &str) -> Vec<(String, String)> {
    let mut devices: BTreeMap<String, Children> = BTreeMap::new();
    for (wildcard, _) in config::wildcards(files).into_iter().filter(|(w, _)| w.device != name) {
        devices.entry(wildcard.device).or_default().insert(wildcard.parent, Vec::new());
    }
    let made = devices.into_iter().filter_map(|(device, children)| {
        let device = DeviceId::parse(&device).ok()?;
        let text = lock::text(&device, None, &children, &Layouts::new());
        Some((lock::name(&device), text))
    });
    made.filter(|(own, _)| files.iter().all(|(file, _)| file != own)).collect()
}

/// Names below nodes.
type Children = BTreeMap<String, Vec<String>>;
type Layouts = BTreeMap<TagName, Layout>;

/// The plant as if only the children were pinned of the device, and what its lock file says.
fn unpinned(
    files: &[(String, String)],
    site: &SiteId,
    name: &str,
    children: &Children,
) -> Result<(Arc<Plant>, DeviceIndex, Layouts), Failure> {
    let load = |files: &[(String, String)]| {
        config::plant::load(files, site)
            .map_err(|faults| Failure::new(Exit::Configuration, faults.to_string()))
    };
    let own = format!("{name}{}", lock::ENDING);
    let mut others: Vec<_> = files.iter().filter(|(file, _)| *file != own).cloned().collect();
    others.extend(nobody(&others, name));
    if let (false, Ok(device)) = (children.is_empty(), DeviceId::parse(name)) {
        others.push((own, lock::text(&device, None, children, &Layouts::new())));
    }
    let plant = load(&others)?.plant;
    let found = plant.devices().find(|(_, device)| device.id.as_str() == name);
    let index = found.map(|(index, _)| index).ok_or_else(|| {
        let names: Vec<_> = plant.devices.iter().map(|device| device.id.as_str()).collect();
        let text = format!("there is no device `{name}`; there are {}", names.join(", "));
        Failure::new(Exit::NotFound, text)
    })?;
    if !matches!(plant.device(index).protocol, Protocol::OpcUa(_)) {
        let text = format!("`{name}` is a Modbus device, whose words have no types to pin");
        return Err(Failure::new(Exit::Configuration, text));
    }
    // A lock file that does not fit any more has nothing to compare with.
    let before = load(files).ok().and_then(|checked| match &checked.plant.device(index).protocol {
        Protocol::OpcUa(link) => Some(link.pins.clone()),
        Protocol::Modbus(_) => None,
    });
    Ok((plant, index, before.unwrap_or_default()))
}

/// What a person should look at.
fn differences(before: &Layouts, after: &Layouts) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, layout) in after {
        match before.get(name) {
            None => lines.push(format!("+ {name}  {layout}")),
            Some(old) if old != layout => {
                lines.push(format!("~ {name}  {layout}, was {old}"));
            }
            Some(_) => {}
        }
    }
    let gone = before.keys().filter(|name| !after.contains_key(*name));
    lines.extend(gone.map(|name| format!("- {name}")));
    lines
}

/// Whole or not at all: the daemon may read it at any moment.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = Part::of(path).and_then(|part| {
        std::fs::write(part.path(), text)?;
        part.finish()
    });
    written.map_err(|why| {
        Failure::new(Exit::Io, format!("{} cannot be written: {why}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_below_which_nothing_is_asked_for_are_not_meant() {
        let layout = Layout {
            node: String::new(),
            part: String::new(),
            data_type: String::new(),
            bounds: vec![],
        };
        let word = |name: &str| TagName::parse(name).unwrap();
        let children = |names: &[&str]| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Children::from([("Feeders".to_owned(), names)])
        };
        let found = |words: &[&str], missing: &[&str]| opcua::Pinned {
            interface: None,
            words: words.iter().map(|name| (word(name), layout.clone())).collect(),
            missing: missing.iter().map(|name| word(name)).collect(),
        };
        let there = found(&["Feeders.F1.Reel"], &["Feeders.Count.Reel", "Feeders.F12.Reel"]);
        let all = children(&["Count", "F1"]);
        assert_eq!(meant(&all, &there), Some(children(&["F1"])));
        assert_eq!(meant(&children(&["F1"]), &there), None);
        let half = found(&["Feeders.F1.Reel"], &["Feeders.F1.Left"]);
        assert_eq!(meant(&children(&["F1"]), &half), None, "one that lacks a word is told");
        let none = found(&[], &["Feeders.Count.Reel"]);
        assert_eq!(meant(&children(&["Count"]), &none), None, "so is it where nothing fits");
    }

    #[test]
    fn a_device_is_pinned_while_others_are_not() {
        let text = |name: &str| {
            format!(
                "schema = 1\n[device.{name}]\nurl = \"opc.tcp://{name}:1\"\nnamespace = \"urn:p\"\n[station.S-{name}]\n\
                 device = \"{name}\"\n[station.S-{name}.mount.reel]\nfor = {{ slot = \"*\" }}\n\
                 node = \"Feeders.{{slot}}\"\nlot = \"Reel\"\nscope = \"site\"\n[[test]]\nname = \"none\"\n"
            )
        };
        let files = ["a", "b"].map(|name| (format!("{name}.toml"), text(name)));
        let site = SiteId::parse("site").unwrap();
        let devices = config::plant::only(&files, &["schema", "device"]);
        assert!(unpinned(&devices, &site, "a", &Children::new()).is_ok());
        let names = Children::from([("Feeders".to_owned(), vec!["F1".to_owned()])]);
        let stations = config::plant::only(&files, &["schema", "device", "station"]);
        let (plant, ..) = unpinned(&stations, &site, "a", &names).unwrap();
        let tags: Vec<_> = plant.tags.iter().map(|tag| tag.name.as_str()).collect();
        assert_eq!(tags, ["Feeders.F1.Reel"]);
    }

    #[test]
    fn a_person_sees_what_is_new_what_has_moved_and_what_is_gone() {
        let layout = |data_type: &str| Layout {
            node: "nsu=urn:plc;s=Res".to_owned(),
            part: ".Count".to_owned(),
            data_type: data_type.to_owned(),
            bounds: vec![3],
        };
        let of = |words: &[(&str, &str)]| -> Layouts {
            let parsed = |(name, of): &(&str, &str)| (TagName::parse(name).unwrap(), layout(of));
            words.iter().map(parsed).collect()
        };
        let before = of(&[("A", "UInt16"), ("B", "String"), ("C", "Double")]);
        let after = of(&[("A", "UInt32"), ("B", "String"), ("D", "Double")]);
        let found = differences(&before, &after);
        let wanted = [
            "~ A  UInt32[3] in nsu=urn:plc;s=Res.Count, was UInt16[3] in nsu=urn:plc;s=Res.Count",
            "+ D  Double[3] in nsu=urn:plc;s=Res.Count",
            "- C",
        ];
        assert_eq!(found, wanted);
    }
}
