//! Memory as bytes: what records said, and none of what follows from it at once: numbers, links, visits, doubts as
//! they stand.
use super::{Graph, Life, Memory, NodeId, Position, Recent, Text};
use crate::model::wire;
use crate::query::doubt::Doubts;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::collections::BTreeMap;

/// The form of what an image of the read side says. It goes up with every change of what is folded, or of how: an image
/// says what the records say, and nothing else.
pub const READ_SCHEMA: u32 = 7;

impl Memory {
    /// All of it: equal memories are equal bytes.
    pub(in crate::query) fn image(&self) -> Vec<u8> {
        wire::encode(self)
    }

    /// As it was after the last record of an image.
    pub(in crate::query) fn from_image(image: &[u8]) -> Result<Self, decode::Error> {
        wire::decode(image)
    }

    /// Numbers of what is not there would be met by whoever asks, long after.
    fn is_sound(&self) -> bool {
        let Self { graph, lives, places, products, .. } = self;
        let mut moments = lives.iter().flat_map(Life::moments);
        let mut nodes = (self.places.nodes())
            .chain(self.mounts.nodes())
            .chain(self.materials.nodes())
            .chain(self.measured.nodes())
            .chain(self.holds.keys().copied())
            .chain(self.spared.iter().flat_map(|(node, of)| of.values().chain([node])).copied())
            .chain(self.expiries.keys().copied())
            .chain(self.recent.iter().flat_map(|recent| recent.of.keys().copied()))
            .chain(self.retained.nodes());
        lives.len() <= graph.len()
            && nodes.all(|node| graph.has(node))
            && moments.all(|moment| {
                moment.station.is_none_or(|station| places.has(station))
                    && moment.host.is_none_or(|host| graph.has(host))
                    && moment.product.is_none_or(|product| (product as usize) < products.len())
            })
    }
}

impl<C> Encode<C> for Memory {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        let Self { position, graph, lives, places, mounts, doubts, monitors, suspects, .. } = self;
        let Self { holds, not_permitted, expiries, materials, shipments, .. } = self;
        let Self { products, recent, retained, cases, spared, measured, alarms, .. } = self;
        let one = (position, graph, lives, places, mounts, doubts.told(), monitors, suspects);
        let two = (holds, not_permitted, expiries, materials, shipments, products, recent);
        (one, two, retained, (cases, spared, measured, alarms)).encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Memory {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let (
            (position, graph, lives, places, mounts, told, monitors, suspects),
            (holds, not_permitted, expiries, materials, shipments, products, recent),
            retained,
            (cases, spared, measured, alarms),
        ) = Decode::decode(d, ctx)?;
        let (graph, products): (Graph, Vec<Text>) = (graph, products);
        let doubts = Doubts::of(told, &graph.corrections().as_of(Position(u64::MAX)));
        let product_numbers = products.iter().cloned().zip(0..).collect();
        let mut memory = Self {
            position,
            graph,
            lives,
            places,
            mounts,
            doubts,
            monitors,
            suspects,
            alarms,
            holds,
            spared,
            not_permitted,
            expiries,
            materials,
            measured,
            shipments,
            products,
            product_numbers,
            recent,
            retained,
            cases,
        };
        if !memory.is_sound() {
            return Err(decode::Error::message("it names what is not in it"));
        }
        memory.places.fill(&memory.lives);
        Ok(memory)
    }
}

impl<C> Encode<C> for Recent {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        self.of.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Recent {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        let of: BTreeMap<NodeId, (Position, u32)> = Decode::decode(d, ctx)?;
        let order = of.iter().map(|(node, (position, rank))| (*position, *rank, *node)).collect();
        Ok(Self { order, of })
    }
}
