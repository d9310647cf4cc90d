//! What the engine is told of the past against a search through all records.
use super::line::{STATIONS, any_shift};
use super::model::Model;
use super::*;
use crate::genealogy::LinkKind;
use crate::genealogy::builders::station;
use crate::model::{Moment, Past, Question, ReadToken, Visit, What, Within};
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
            of == item && event.station.as_ref() == Some(at)
        }
        _ => false,
    };
    let visit = |name: &&str| {
        let at = station(name);
        let (when, event) = last(&|event| done(event, &at))?;
        let (What::Complete { result, .. } | What::Produce { result, .. }) = event.what else {
            return None;
        };
        Some(Visit { station: at, result, at: when })
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
    Past {
        item: item.clone(),
        visits: STATIONS.iter().filter_map(visit).collect(),
        rework: rework.map(|(when, _)| when),
        within: within.collect(),
        best_before: told(&|event| until(event).is_some()).and_then(until),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn facts_are_what_a_search_through_all_records_finds(records in any_shift()) {
        let (query, _dir) = query(&records);
        let model = Model(&records);
        let items: Vec<ItemKey> = model.items().into_iter().collect();
        let stations = STATIONS.iter().map(|name| station(name)).collect();
        let as_of = query.position();
        let question = Question { token: ReadToken(1), items: items.clone(), stations, as_of };
        let facts = query.facts(&question);
        prop_assert_eq!(facts.position, as_of);
        for item in &items {
            prop_assert_eq!(facts.is_known(item), Some(known(&model, item)), "{}", item);
            let wanted = past(&model, item);
            let found = facts.past(item).unwrap();
            prop_assert_eq!(&found.visits, &wanted.visits, "{}", item);
            prop_assert_eq!(found.rework, wanted.rework, "{}", item);
            prop_assert_eq!(found.best_before, wanted.best_before, "{}", item);
            let wholes: BTreeSet<_> = wanted.within.iter().map(|w| &w.whole).collect();
            let named: BTreeSet<_> = found.within.iter().map(|w| &w.whole).collect();
            prop_assert_eq!(named.len(), found.within.len(), "each once");
            prop_assert_eq!(named.len(), wholes.len().min(2), "{}", item);
            prop_assert!(found.within.iter().all(|w| wanted.within.contains(w)), "{}", item);
        }
    }
}
