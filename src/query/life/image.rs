//! A moment as bytes: there are more of them than of anything else.
use super::{Kept, Kind, Moment, StationNumber};
use crate::genealogy::NodeId;
use crate::model::{Position, Result, Utc};
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

/// A moment in few bytes: times beside its own, and what it often has not at the end, where that costs nothing.
#[derive(Encode, Decode)]
#[cbor(array)]
struct Told {
    #[n(0)]
    time: Utc,
    #[n(1)]
    position: Position,
    /// How long before its time it began.
    #[n(2)]
    before_ns: i64,
    /// How long after its time it ended.
    #[n(3)]
    after_ns: i64,
    #[n(4)]
    kind: Kind,
    #[n(5)]
    stayed: bool,
    #[n(6)]
    production: bool,
    #[n(7)]
    station: Option<StationNumber>,
    #[n(8)]
    result: Option<Result>,
    #[n(9)]
    product: Option<u32>,
    #[n(10)]
    arrived: Option<Position>,
    #[n(11)]
    host: Option<NodeId>,
}

impl<C> Encode<C> for Kept {
    fn encode<W: Write>(
        &self,
        e: &mut Encoder<W>,
        ctx: &mut C,
    ) -> std::result::Result<(), encode::Error<W::Error>> {
        let Moment { time, position, from, to, kind, stayed, production, .. } = self.moment();
        let Moment { station, result, product, arrived, host, .. } = self.moment();
        // Both ways they may wrap: what comes back is what went in.
        let (before_ns, after_ns) = (time.0.wrapping_sub(from.0), to.0.wrapping_sub(time.0));
        let told = Told {
            time,
            position,
            before_ns,
            after_ns,
            kind,
            stayed,
            production,
            station,
            result,
            product,
            arrived,
            host,
        };
        told.encode(e, ctx)
    }
}

impl<'b, C> Decode<'b, C> for Kept {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> std::result::Result<Self, decode::Error> {
        let told = Told::decode(d, ctx)?;
        let moment = Moment {
            time: told.time,
            position: told.position,
            from: Utc(told.time.0.wrapping_sub(told.before_ns)),
            to: Utc(told.time.0.wrapping_add(told.after_ns)),
            arrived: told.arrived,
            station: told.station,
            host: told.host,
            product: told.product,
            kind: told.kind,
            stayed: told.stayed,
            result: told.result,
            production: told.production,
        };
        Ok(moment.into())
    }
}

/// The moments of a life, in no more memory than they need.
pub(super) fn moments<C>(
    d: &mut Decoder<'_>,
    ctx: &mut C,
) -> std::result::Result<Vec<Kept>, decode::Error> {
    let told = d.array_iter_with(ctx)?;
    let mut moments = told.collect::<std::result::Result<Vec<Kept>, _>>()?;
    moments.shrink_to_fit();
    Ok(moments)
}
