//! What the engine is told of the past against a search through all records.
use super::line::{STATIONS, any_shift};
use super::model::Model;
use super::*;
use crate::genealogy::LinkKind;
use crate::genealogy::builders::station;
use crate::model::{
    Exposure, HeldBy, Kin, Missing, Moment, Past, Purpose, Question, ReadToken, Scope, Storage,
    Visit, What, Within, floor_until,
};
use proptest::prelude::*;

fn known(model: &Model<'_>, item: &ItemKey) -> bool {
    let (links, _) = model.links();
    let fed = |kind| kind == LinkKind::FedInto;
    let mounted = |what: &What| matches!(what, What::Mount { lot, .. } if lot == item);
    model
        .life(item)
        .iter()
        .any(|(_, event, present)| *present || (mounted(&event.what) && event.station.is_some()))
        || links.iter().any(|link| !fed(link.2) && (link.0 == *item || link.1 == *item))
}

/// The first two that keep an item and are not itself.
fn held(model: &Model<'_>, item: &ItemKey) -> Vec<HeldBy> {
    let mut others: Vec<(Position, ItemKey)> =
        model.holds(item).into_iter().map(|(of, since)| (since, of)).collect();
    others.sort();
    let told = others.into_iter().filter(|(_, of)| of != item).filter_map(|(since, of)| {
        let events = model.events();
        let (_, event) = events.iter().find(|(position, _)| *position == since)?;
        let What::Hold { reason, .. } = &event.what else { return None };
        Some(HeldBy { item: of, reason: reason.clone() })
    });
    told.take(2).collect()
}

fn past(model: &Model<'_>, item: &ItemKey) -> Past {
    let events = model.events();
    let last =
        |wanted: &dyn Fn(&TraceEvent) -> bool| {
            events.iter().rev().find(|(_, event)| wanted(event)).map(|(position, event)| {
                (Moment { time: event.time.at, position: *position }, *event)
            })
        };
    let done = |event: &TraceEvent, at: &StationId| match &event.what {
        What::Complete { item: of, .. } | What::Produce { item: of, .. } => {
            let work = event.purpose == Purpose::Production;
            of == item && work && event.station.as_ref() == Some(at)
        }
        _ => false,
    };
    let visit = |name: &&str| {
        let at = station(name);
        let (when, event) = last(&|event| done(event, &at))?;
        let (What::Complete { result, .. } | What::Produce { result, .. }) = event.what else {
            return None;
        };
        let times = events.iter().filter(|(_, event)| done(event, &at)).count();
        let times = Some(u32::try_from(times).unwrap());
        Some(Visit { station: at, result, at: when, times })
    };
    let until = |event: &TraceEvent| match &event.what {
        What::Produce { item: of, best_before, .. }
        | What::Receive { item: of, best_before, .. } => (*best_before).filter(|_| of == item),
        _ => None,
    };
    let told = |wanted: &dyn Fn(&TraceEvent) -> bool| last(wanted).map(|(_, event)| event);
    let rework = last(&|event| matches!(&event.what, What::Rework { item: of, .. } if of == item));
    let (links, _) = model.links();
    let parts = links.iter().filter(|link| link.0 == *item);
    let within = parts.filter_map(|(_, whole, kind, _, position, _)| {
        let is_part = matches!(
            kind,
            LinkKind::ConsumedInto
                | LinkKind::InstalledIn
                | LinkKind::PackedIn
                | LinkKind::SplitInto
                | LinkKind::MergedInto
        );
        is_part.then(|| Within { whole: whole.clone(), position: *position })
    });
    let (made, opened, uses) = used(model, item);
    Past {
        item: item.clone(),
        product: material(model, item),
        made,
        opened,
        uses: Some(uses),
        parts: Vec::new(),
        visits: STATIONS.iter().filter_map(visit).collect(),
        rework: rework.map(|(when, _)| when),
        within: within.collect(),
        has_main: None,
        held: held(model, item),
        ancestry: None,
        unseen: model.unseen(item).map(Missing::Mount),
        exposure: exposure(model, item, None),
        best_before: told(&|event| until(event).is_some()).and_then(until),
    }
}

/// When a lot was made and since then opened, and how many items were made with it.
fn used(model: &Model<'_>, item: &ItemKey) -> (Option<Utc>, Option<Utc>, u64) {
    let events = model.events();
    let is_lot = item.class == ItemClass::Lot;
    let made = events.iter().rev().find(|(_, event)| match &event.what {
        What::Produce { item: of, .. } | What::Receive { item: of, .. } => of == item && is_lot,
        _ => false,
    });
    let made = made.map(|(_, event)| event.time.at);
    let since = |time: Utc| made.is_none_or(|made| time >= made);
    let is_opened = |event: &TraceEvent| match &event.what {
        What::Mount { lot, .. } | What::Open { item: lot } => lot == item,
        What::Consume { consumed, .. } => consumed.lot == *item && !event.is_only_asked(),
        _ => false,
    };
    let mut opened = events.iter().map(|(_, event)| *event).filter(|event| is_opened(event));
    let opened = opened.find(|event| since(event.time.at)).map(|event| event.time.at);
    let mounted: BTreeSet<Position> = events
        .iter()
        .filter(|(_, event)| event.station.is_some() && since(event.time.at))
        .filter(|(_, event)| matches!(&event.what, What::Mount { lot, .. } if lot == item))
        .map(|(position, _)| *position)
        .collect();
    // Of several mounts of a lot in one item the last counts.
    let fed = events.iter().filter_map(|(_, event)| match &event.what {
        What::Complete { mounts, .. } | What::Produce { mounts, .. } => {
            mounts.iter().filter(|fed| fed.lot == *item).map(|fed| fed.mount.opened).max()
        }
        _ => None,
    });
    let uses = fed.filter(|mount| mounted.contains(mount)).count();
    (made, opened.filter(|_| is_lot), uses as u64)
}

/// How long a lot was out since it was made, if anybody put it away or dried it; out for good since it `left`.
fn exposure(model: &Model<'_>, item: &ItemKey, left: Option<Utc>) -> Option<Exposure> {
    let (made, ..) = used(model, item);
    let mut all = Vec::new();
    for (_, event) in model.events() {
        let storage = match &event.what {
            What::Mount { lot, .. } | What::Open { item: lot } if lot == item => Storage::Opened,
            What::Consume { consumed, .. } if consumed.lot == *item && !event.is_only_asked() => {
                Storage::Opened
            }
            What::Close { item: lot } if lot == item => Storage::Closed,
            What::Dry { item: lot } if lot == item => Storage::Dried,
            _ => continue,
        };
        let at = event.time.at;
        if made.is_none_or(|made| at >= made) && left.is_none_or(|left| at < left) {
            all.push((at, storage));
        }
    }
    let told = all.iter().any(|(_, storage)| *storage != Storage::Opened);
    all.extend(left.map(|left| (left, Storage::Opened)));
    all.sort_unstable();
    (told && item.class == ItemClass::Lot).then(|| Exposure::of(all))
}

/// When one of the items that another was made of first went into any of these.
fn left(model: &Model<'_>, part: &ItemKey, wholes: &BTreeSet<ItemKey>) -> Option<Utc> {
    let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn];
    let (links, _) = model.links();
    let into = links.iter().filter(|link| link.0 == *part && wholes.contains(&link.1));
    let into = into.filter(|link| !former.contains(&link.2)).map(|link| link.4);
    let events = model.events();
    let time = |at| events.iter().find(|(position, _)| *position == at).map(|(_, e)| e.time.at);
    into.filter_map(time).min()
}

/// As last told, by whatever named it: alone or beside another.
fn material(model: &Model<'_>, item: &ItemKey) -> Option<Text> {
    let mut told = model.events().into_iter().filter_map(|(_, event)| {
        let items = event.what.items();
        let main = items.first() == Some(&item);
        let beside = match &event.what {
            What::Consume { consumed, .. } => consumed.lot == *item,
            What::Install { child, .. } | What::Remove { child, .. } => child == item,
            What::Pack { items, .. } | What::Unpack { items, .. } => items.contains(item),
            _ => false,
        };
        let material = event.material.clone().filter(|_| beside);
        // Told both ways at once, the later in the alphabet: there is nothing to choose by.
        event.product.clone().filter(|_| main).max(material)
    });
    let scoped = match &item.scope {
        Scope::Material(name) => Text::parse(name.as_str()).ok(),
        _ => None,
    };
    told.next_back().or(scoped)
}

/// What is in an item, by material: how many units, and how often of a lot.
fn parts(model: &Model<'_>, item: &ItemKey) -> BTreeMap<Text, u32> {
    let (links, _) = model.links();
    let mut units = BTreeSet::new();
    let mut parts = BTreeMap::new();
    for (part, whole, kind, ..) in links {
        let built = matches!(kind, LinkKind::InstalledIn | LinkKind::ConsumedInto);
        // Nothing is part of itself, and a unit is one piece however often it was told.
        let again = part.class == ItemClass::Unit
            && (part == *item || !units.insert((part.clone(), whole.clone())));
        if built
            && whole == *item
            && !again
            && let Some(of) = material(model, &part)
        {
            *parts.entry(of).or_default() += 1;
        }
    }
    parts
}

/// Whether a unit or container is in another item, however deep.
fn is_in(links: &BTreeSet<super::model::Link>, main: &ItemKey, other: &ItemKey) -> bool {
    let part = |kind| {
        let kinds = [
            LinkKind::ConsumedInto,
            LinkKind::InstalledIn,
            LinkKind::PackedIn,
            LinkKind::SplitInto,
            LinkKind::MergedInto,
        ];
        kinds.contains(&kind)
    };
    let mut found = BTreeSet::new();
    for _ in 0..links.len() {
        let more = links.iter().filter(|l| part(l.2) && (l.0 == *main || found.contains(&l.0)));
        found.extend(more.map(|l| l.1.clone()).collect::<Vec<_>>());
    }
    main.class != ItemClass::Lot && found.contains(other)
}

/// Everything that an item was made of, and whether a feeder on the way had a lot that nobody knows.
pub(super) fn made_of(model: &Model<'_>, item: &ItemKey) -> (BTreeSet<ItemKey>, bool) {
    let former = [LinkKind::FormerlyInstalledIn, LinkKind::FormerlyPackedIn];
    let (links, loose) = model.links();
    let mut found = BTreeSet::from([item.clone()]);
    for _ in 0..links.len() {
        let more = links.iter().filter(|l| !former.contains(&l.2) && found.contains(&l.1));
        found.extend(more.map(|l| l.0.clone()).collect::<Vec<_>>());
    }
    let open = loose.iter().any(|(of, ..)| found.contains(of));
    found.remove(item);
    (found, open)
}

/// Floor lives that a plant may have.
const LIVES: [u64; 6] = [0, 1, 3, 6, 12, 24];

/// For each material and supplier: the earliest date told, of the others the earliest making, the earliest end of each
/// floor life.
type Earliest = BTreeMap<(Option<Text>, ItemClass), [Option<Utc>; 2 + LIVES.len()]>;

fn earliest(all: impl IntoIterator<Item = (ItemClass, Past)>) -> Earliest {
    let mut found = Earliest::new();
    for (class, past) in all {
        let supplied = if class == ItemClass::Lot { ItemClass::Lot } else { ItemClass::Unit };
        let row = found.entry((past.product.clone(), supplied)).or_default();
        let made = past.made.filter(|_| past.best_before.is_none());
        let ends = LIVES.map(|life| {
            let life = std::time::Duration::from_nanos(life);
            floor_until(past.opened, past.exposure.as_ref(), life)
        });
        for (least, told) in row.iter_mut().zip([past.best_before, made].into_iter().chain(ends)) {
            *least = [*least, told].into_iter().flatten().min();
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_told_of_ancestors_is_what_a_search_through_all_records_finds(records in any_shift()) {
        let (query, _dir) = query(&records);
        let model = Model(&records);
        let items: Vec<ItemKey> = model.items().into_iter().collect();
        let (stations, as_of) = (Vec::new(), query.position());
        let question =
            Question { token: ReadToken(1), items: items.clone(), stations, ancestry: true, measured: Vec::new(), as_of };
        let facts = query.facts(&question);
        for item in &items {
            let ancestry = facts.past(item).unwrap().ancestry.clone().unwrap();
            let (wanted, open) = made_of(&model, item);
            let all: BTreeSet<ItemKey> = wanted.iter().cloned().chain([item.clone()]).collect();
            let then = |of: &ItemKey| {
                let exposure = exposure(&model, of, left(&model, of, &all));
                Past { exposure, ..past(&model, of) }
            };
            let wanted = wanted.into_iter().filter(|of| of.class != ItemClass::Container);
            let wanted = earliest(wanted.map(|of| (of.class, then(&of))));
            for kin in &ancestry.kin {
                let own = then(&kin.item);
                let told = (&kin.material, kin.best_before, kin.made, kin.opened);
                prop_assert_eq!(told, (&own.product, own.best_before, own.made, own.opened));
                prop_assert_eq!(&kin.exposure, &own.exposure, "{}", &kin.item);
            }
            let told = ancestry.kin.iter().map(|kin| {
                let Kin { material, best_before, made, opened, exposure, .. } = kin.clone();
                let past =
                    Past { product: material, best_before, made, opened, exposure, ..Past::none(item) };
                (kin.item.class, past)
            });
            prop_assert_eq!(earliest(told), wanted, "{}", item);
            prop_assert_eq!(ancestry.missing.is_some(), open, "{}", item);
            prop_assert!(ancestry.kin.len() <= 12 * items.len());
        }
    }

    #[test]
    fn facts_are_what_a_search_through_all_records_finds(records in any_shift()) {
        let (query, _dir) = query(&records);
        let model = Model(&records);
        let items: Vec<ItemKey> = model.items().into_iter().collect();
        let stations = STATIONS.iter().map(|name| station(name)).collect();
        let as_of = query.position();
        let question = Question { token: ReadToken(1), items: items.clone(), stations, ancestry: true, measured: Vec::new(), as_of };
        let facts = query.facts(&question);
        prop_assert_eq!(facts.position, as_of);
        let (links, _) = model.links();
        for item in &items {
            let others: Vec<ItemKey> = items.iter().filter(|other| *other != item).cloned().collect();
            let asked = std::iter::once(item.clone()).chain(others).collect();
            let about = query.facts(&Question { items: asked, ..question.clone() });
            for past in about.past.iter().skip(1) {
                let wanted = is_in(&links, item, &past.item);
                prop_assert_eq!(past.has_main.is_some(), wanted, "{} in {}", item, past.item);
            }
            prop_assert_eq!(facts.is_known(item), Some(known(&model, item)), "{}", item);
            let wanted = past(&model, item);
            let found = facts.past(item).unwrap();
            prop_assert_eq!(&found.visits, &wanted.visits, "{}", item);
            prop_assert_eq!(found.rework, wanted.rework, "{}", item);
            prop_assert_eq!(found.best_before, wanted.best_before, "{}", item);
            prop_assert_eq!(&found.product, &wanted.product, "{}", item);
            prop_assert_eq!(found.made, wanted.made, "{}", item);
            prop_assert_eq!(found.opened, wanted.opened, "{}", item);
            prop_assert_eq!(found.uses, wanted.uses, "{}", item);
            prop_assert_eq!(&found.exposure, &wanted.exposure, "{}", item);
            let one = Question { items: vec![item.clone()], ..question.clone() };
            let mut counted = BTreeMap::new();
            for part in &query.facts(&one).past[0].parts {
                *counted.entry(part.material.clone()).or_default() += part.count;
            }
            prop_assert_eq!(counted, parts(&model, item), "{}", item);
            let wholes: BTreeSet<_> = wanted.within.iter().map(|w| &w.whole).collect();
            let named: BTreeSet<_> = found.within.iter().map(|w| &w.whole).collect();
            prop_assert_eq!(named.len(), found.within.len(), "each once");
            prop_assert_eq!(named.len(), wholes.len().min(2), "{}", item);
            prop_assert!(found.within.iter().all(|w| wanted.within.contains(w)), "{}", item);
        }
    }
}
