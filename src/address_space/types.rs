//! The types of the Genealogy nodeset: their numbers, and how they get into the server.
use super::AddressSpaceError;
use super::place::Method;
use crate::genealogy::{Certainty, LinkKind};
use ::opcua::nodes::{ImportedItem, NodeSet2Import, NodeSetImport, NodeSetNamespaceMapper};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The namespace of types and nodes alike.
pub const NAMESPACE: &str = "urn:pedigree:genealogy";

/// The nodeset, as it is given to engineers.
pub(super) const NODESET: &str = include_str!("../../nodesets/Pedigree.Genealogy.NodeSet2.xml");

/// A type of the nodeset: its number and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Type(pub(super) u32, pub(super) &'static str);

pub(super) const TRACEABILITY: Type = Type(1001, "TraceabilityType");
pub(super) const UNIT: Type = Type(1003, "SerializedUnitType");
pub(super) const LOT: Type = Type(1004, "TracedLotType");
pub(super) const CONTAINER: Type = Type(1005, "ContainerType");
pub(super) const STATION: Type = Type(1006, "StationTraceType");
pub(super) const CONDITION: Type = Type(1007, "ConditionStateType");
pub(super) const STEP: Type = Type(1008, "ProcessStepType");
pub(super) const LEDGER: Type = Type(1009, "LedgerType");
pub(super) const EVENT: Type = Type(2001, "GenealogyEventType");
pub(super) const VERDICT: u32 = 3001;
pub(super) const PROCESSED_AT: u32 = 4013;

/// The number of a method as its type declares it; a client may call by that too.
pub(super) fn method(method: Method) -> u32 {
    match method {
        Method::Resolve => 7001,
        Method::Trace => 7002,
        Method::Recall => 7003,
    }
}

/// The number of the reference type from a whole to its part. A link that is only one of several
/// has a type of its own, so that no client takes it for certain.
pub(super) fn reference(kind: LinkKind, certainty: Certainty) -> u32 {
    match (certainty, kind) {
        (_, LinkKind::FormerlyInstalledIn) => 4011,
        (_, LinkKind::FormerlyPackedIn) => 4012,
        (_, LinkKind::IdentifiedAs) => 4014,
        (
            Certainty::OneOf,
            LinkKind::ConsumedInto
            | LinkKind::InstalledIn
            | LinkKind::PackedIn
            | LinkKind::SplitInto
            | LinkKind::MergedInto
            | LinkKind::MountedAs
            | LinkKind::FedInto,
        ) => 4008,
        (_, LinkKind::ConsumedInto) => 4002,
        (_, LinkKind::InstalledIn) => 4003,
        (_, LinkKind::PackedIn) => 4004,
        (_, LinkKind::SplitInto) => 4005,
        (_, LinkKind::MergedInto) => 4006,
        (_, LinkKind::MountedAs | LinkKind::FedInto) => 4007,
    }
}

/// The nodeset on its way into the server. It counts what was taken, since the library leaves out
/// a node that it cannot read without an error.
pub(super) struct Import {
    nodes: NodeSet2Import,
    taken: Arc<AtomicUsize>,
}

impl Import {
    /// Reads the nodeset; the counter tells how many nodes were taken.
    pub(super) fn new() -> Result<(Self, Arc<AtomicUsize>), AddressSpaceError> {
        let nodes = NodeSet2Import::new_str("en", NODESET, Vec::new())
            .map_err(|why| AddressSpaceError::NodeSet(why.to_string()))?;
        let taken = Arc::new(AtomicUsize::new(0));
        Ok((Self { nodes, taken: Arc::clone(&taken) }, taken))
    }

    /// How many nodes the file has.
    pub(super) fn expected() -> usize {
        NODESET.lines().filter(|line| line.starts_with("  <UA")).count()
    }
}

impl NodeSetImport for Import {
    fn register_namespaces(&self, namespaces: &mut NodeSetNamespaceMapper<'_>) {
        namespaces.add_namespace(NAMESPACE, 1);
    }

    fn get_own_namespaces(&self) -> Vec<String> {
        vec![NAMESPACE.to_owned()]
    }

    fn load<'a>(
        &'a self,
        namespaces: &'a NodeSetNamespaceMapper<'_>,
    ) -> Box<dyn Iterator<Item = ImportedItem> + 'a> {
        Box::new(self.nodes.load(namespaces).inspect(|_| {
            self.taken.fetch_add(1, Ordering::Relaxed);
        }))
    }
}
