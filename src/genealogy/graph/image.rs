//! A graph as bytes: what events said of it. What follows from that is not said again: numbers follow from the
//! names, links from the facts.
use super::{Fact, Graph, Node, NodeId, Pair};
use crate::model::{Position, Utc};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::{BTreeMap, BTreeSet};

/// When parts left wholes, and the records that say so.
type Ends = BTreeMap<Pair, BTreeSet<(Utc, Position)>>;

impl<C> Encode<C> for Graph {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let Self { names, facts, ends, narrowed, corrections, .. } = self;
        e.array(5)?.array(names.len() as u64)?;
        names.iter().try_for_each(|name| name.encode(e, ctx))?;
        e.array(facts.len() as u64)?;
        facts.all().try_for_each(|fact| fact.encode(e, ctx))?;
        ends.encode(e, ctx)?;
        narrowed.encode(e, ctx)?;
        corrections.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Graph {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let (names, facts, ends, narrowed, corrections): (_, Vec<Fact>, _, _, _) =
            Decode::decode(d, ctx)?;
        let told = Self { narrowed, corrections, ..Self::default() };
        told.with_names(names)?.with_ends(ends)?.with_facts(&facts)
    }
}

impl Graph {
    fn with_names(mut self, names: Vec<Node>) -> Result<Self, decode::Error> {
        u32::try_from(names.len()).map_err(decode::Error::custom)?;
        let count = names.len();
        self.names.reserve(count);
        for name in names {
            self.intern(name);
        }
        if self.len() < count {
            return Err(decode::Error::message("two nodes of the graph have one name"));
        }
        Ok(self)
    }

    fn with_ends(mut self, ends: Ends) -> Result<Self, decode::Error> {
        for (pair, told) in &ends {
            self.check(pair.0, pair.1)?;
            for (_, position) in told {
                self.ends_of.entry(*position).or_default().insert(*pair);
            }
        }
        self.ends = ends;
        Ok(self)
    }

    fn with_facts(mut self, facts: &[Fact]) -> Result<Self, decode::Error> {
        if !facts.is_sorted_by(|a, b| a.key() < b.key()) {
            return Err(decode::Error::message("the facts of the graph are not in their order"));
        }
        for fact in facts {
            self.check(fact.part, fact.whole)?;
            self.claim(fact);
        }
        Ok(self)
    }

    fn check(&self, part: NodeId, whole: NodeId) -> Result<(), decode::Error> {
        let there = self.has(part) && self.has(whole);
        let why = || decode::Error::message("a node of the graph has no name");
        there.then_some(()).ok_or_else(why)
    }
}
