//! The rungs of what an item was made of: M1 to M4.
use super::facts::Facts;
use super::origin::Origin;
use super::{Ladder, Wanting};
use crate::genealogy::{Certainty, LinkKind};
use crate::model::{ItemClass, Scope, Verb};
use crate::query::answer::LinkView;

pub(super) fn wanting(facts: &Facts<'_>, [m1, m2, m3, m4]: &mut Ladder) {
    let own = facts.origin(&facts.item.key);
    let is_from_outside = matches!(own, Origin::Supplier | Origin::Outside);
    if facts.parts.is_empty() && !is_from_outside {
        m1.add(|| "neither what it was made of nor that it came from outside is on record".into());
    }
    let near = || "it has more names, or was made or cut of more, than is looked at".to_owned();
    if facts.came.is_cut_near {
        m3.add(near);
    }
    every_lot(facts, m2);
    // What is not there may be among the rest.
    if facts.came.is_cut_near && *m2 != Wanting::default() {
        m2.add(near);
    }
    match own {
        Origin::Supplier | Origin::Made => {}
        Origin::Outside => m3.add(|| "from whom it came was not told".to_owned()),
        Origin::Unknown => m3.add(|| "where it came from is not on record".to_owned()),
    }
    for link in &facts.parts {
        which_where_from_whom(facts, link, m3);
        exactly(link, m4);
    }
    if facts.came.is_cut {
        m4.add(|| "it was made of more items than are looked at".to_owned());
    }
    for item in &facts.came.open {
        m4.add(|| {
            format!("{item} is in it, and that it came from outside, and from whom, is not told")
        });
    }
    if facts.came.loose > 0 {
        m4.add(|| "what a feeder held that it goes back to is not known".to_owned());
    }
}

/// Whatever the plant files say that goes in where it passed is there, with its lot.
fn every_lot(facts: &Facts<'_>, m2: &mut Wanting) {
    for station in facts.passed() {
        for feeder in facts.feeders(station).filter(|feeder| feeder.tool.is_none()) {
            if !facts.has_fed(station, feeder) {
                m2.add(|| format!("no lot of the feeder {} at {}", feeder.id, station.id));
            }
        }
        let puts_in = [Verb::Consume, Verb::Install, Verb::Merge];
        for handshake in station.handshakes.iter().filter(|h| puts_in.contains(&h.event)) {
            if !facts.has_put_in(station, handshake) {
                m2.add(|| format!("nothing by the handshake {} at {}", handshake.id, station.id));
            }
        }
    }
}

/// Each part is one and no other, its place is told, or of a lot how much of it, and from whom it is.
fn which_where_from_whom(facts: &Facts<'_>, link: &LinkView, m3: &mut Wanting) {
    let part = &link.item;
    if link.certainty == Certainty::OneOf {
        m3.add(|| format!("{part} is one of several, and which of them is in it is not known"));
    }
    let is_cut_from = link.kind == LinkKind::SplitInto;
    match facts.item.key.class {
        ItemClass::Lot if !is_cut_from && link.amount.is_none() => {
            m3.add(|| format!("how much of {part} went into it was not told"));
        }
        ItemClass::Unit if !is_cut_from && link.place.is_none() => {
            m3.add(|| format!("at which place {part} is in it was not told"));
        }
        ItemClass::Unit | ItemClass::Lot | ItemClass::Container => {}
    }
    match facts.origin(part) {
        Origin::Supplier | Origin::Made => {}
        Origin::Outside => m3.add(|| format!("from whom {part} came was not told")),
        Origin::Unknown => m3.add(|| format!("where {part} came from is not on record")),
    }
}

/// No part is a share of a blend, and what is built in has a serial.
fn exactly(link: &LinkView, m4: &mut Wanting) {
    let part = &link.item;
    if link.certainty == Certainty::Proportional {
        m4.add(|| format!("how much of {part} is in it is not known: it is a share of a blend"));
    }
    let has_serial = part.class == ItemClass::Unit && part.scope != Scope::Provisional;
    if link.kind == LinkKind::InstalledIn && !has_serial {
        m4.add(|| format!("{part} was built in without a serial of its own"));
    }
}
