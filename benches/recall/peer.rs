//! The same links and items in `SQLite`, asked by a recursive query: a child process, so that nothing of it is ours.
use pedigree::genealogy::{Direction, Graph, LinkKind, Node, NodeId};
use pedigree::model::{ItemClass, ItemKey};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SCRIPT: &str = include_str!("peer.py");

/// What the peer found, and how long it took for the nodes alone and for names and states.
pub(crate) struct Found {
    pub(crate) version: String,
    pub(crate) ids: Duration,
    pub(crate) named: Duration,
    pub(crate) nodes: BTreeSet<NodeId>,
    /// The items, each with its state and the container that it is in.
    pub(crate) items: BTreeSet<[String; 3]>,
}

/// Loads a graph into `SQLite` and asks it for all that is reached from one node; why not, if it cannot be asked.
pub(crate) fn ask(
    folder: &Path,
    graph: &Graph,
    from: NodeId,
    direction: Direction,
) -> Result<Found, String> {
    let [script, links, items] = ["peer.py", "links", "items"].map(|name| folder.join(name));
    let write = |path: &Path, text: &str| fs::write(path, text).map_err(|why| why.to_string());
    write(&script, SCRIPT)?;
    write(&links, &links_of(graph))?;
    write(&items, &items_of(graph))?;
    let way = match direction {
        Direction::Forward => "forward",
        Direction::Backward => "backward",
    };
    let output = Command::new("python3")
        .args([&script, &links, &items])
        .args([&from.0.to_string(), way])
        .output()
        .map_err(|why| format!("python3: {why}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    said(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| "it said no times".to_owned())
}

fn said(output: &str) -> Option<Found> {
    let mut told = output.lines();
    let version = told.next()?.to_owned();
    let mut took = || told.next()?.parse().ok().map(Duration::from_secs_f64);
    let (ids, named) = (took()?, took()?);
    let count = told.next()?.parse().ok()?;
    let nodes = told.by_ref().take(count).filter_map(|line| line.parse().ok()).map(NodeId);
    let nodes = nodes.collect();
    let item = |line: &str| {
        let mut told = line.split('\t').map(str::to_owned);
        Some([told.next()?, told.next()?, told.next()?])
    };
    Some(Found { version, ids, named, nodes, items: told.filter_map(item).collect() })
}

fn nodes(graph: &Graph) -> impl Iterator<Item = NodeId> {
    (0..u32::try_from(graph.len()).expect("few nodes")).map(NodeId)
}

fn links_of(graph: &Graph) -> String {
    let mut text = String::new();
    for node in nodes(graph) {
        for link in graph.links(node, Direction::Forward) {
            writeln!(text, "{} {}", node.0, link.node.0).expect("a text takes all");
        }
    }
    text
}

fn items_of(graph: &Graph) -> String {
    let mut text = String::new();
    for node in nodes(graph) {
        let Some(item) = item(graph, node) else { continue };
        let host = container(graph, node);
        let state = if host.is_some() { "packed" } else { "idle" };
        let host = host.map(|host| host.0.to_string()).unwrap_or_default();
        writeln!(text, "{}\t{item}\t{state}\t{host}", node.0).expect("a text takes all");
    }
    text
}

/// The item that a node is.
pub(crate) fn item(graph: &Graph, node: NodeId) -> Option<&ItemKey> {
    match graph.name(node) {
        Node::Item(item) => Some(item),
        Node::Mount(_) => None,
    }
}

/// The container that an item is in, by itself or within another: in this plant nothing is taken out again.
fn container(graph: &Graph, node: NodeId) -> Option<NodeId> {
    let enters = |kind| matches!(kind, LinkKind::InstalledIn | LinkKind::PackedIn);
    let mut hosts = graph.links(node, Direction::Forward).filter(|link| enters(link.kind));
    let host = hosts.next()?.node;
    let boxed = item(graph, host).is_some_and(|host| host.class == ItemClass::Container);
    if boxed { Some(host) } else { container(graph, host) }
}
