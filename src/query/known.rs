//! What is known of items by their codes: the index has what was said, memory what of that still counts.
use super::Query;
use super::resolve::Known;
use crate::model::label::GTIN;
use crate::model::{Body, Code, ItemKey, Position, Record, Text, TraceEvent, Utc, Value};
use crate::store::CodeHit;
use std::collections::{BTreeMap, BTreeSet};

/// Events of an item that its label is looked for in: it is read at the first stations already.
const LABELLED_MAX: usize = 32;

impl Known for Query {
    fn is_whole(&self) -> bool {
        *self.wanted().borrow() >= self.position()
    }

    fn dropped(&self) -> u64 {
        self.inner.memory.read().retained.dropped()
    }

    fn knows(&self, key: &ItemKey) -> bool {
        Query::knows(self, key)
    }

    fn having(&self, code: &Code) -> Vec<(ItemKey, Option<Text>)> {
        let hits = self.ask_store(|store| store.codes(code)).unwrap_or_default();
        if hits.is_empty() {
            return Vec::new();
        }
        let memory = self.inner.memory.read();
        let memory = memory.now();
        let mut found = BTreeMap::new();
        let mut last: BTreeMap<Text, ((Utc, Position), ItemKey)> = BTreeMap::new();
        for CodeHit { item, alias } in hits {
            match alias {
                None => {
                    found.insert(item, None);
                }
                Some((kind, time, position)) if !memory.void().contains(&position) => {
                    let key = (time, position);
                    if last.get(&kind).is_none_or(|(old, _)| *old < key) {
                        last.insert(kind, (key, item));
                    }
                }
                Some(_) => {}
            }
        }
        for (kind, (_, item)) in last {
            found.entry(item).or_insert(Some(kind));
        }
        found.into_iter().filter(|(key, _)| memory.graph.item(key).is_some()).collect()
    }

    fn gtins(&self, key: &ItemKey) -> BTreeSet<String> {
        let (last, void) = {
            let memory = self.inner.memory.read();
            let memory = memory.now();
            (memory.position, memory.void().clone())
        };
        let told = self.ask_store(|store| {
            let own = store.positions(key, Position(1)..=last)?;
            let own = own.into_iter().filter(|position| !void.contains(position));
            let records = own.take(LABELLED_MAX).map(|position| store.record(position));
            records.collect::<Result<Vec<_>, _>>()
        });
        let records = told.into_iter().flatten().flatten();
        records.filter_map(|record| gtin(&record, key)).collect()
    }
}

/// The GTIN that was kept with an event. Where another item of the class had a part in it, the label may have been that
/// one's.
fn gtin(record: &Record, key: &ItemKey) -> Option<String> {
    let Body::Trace(TraceEvent { what, context, .. }) = &record.body else { return None };
    let items = what.items();
    let alone =
        items.contains(&key) && items.iter().all(|item| *item == key || item.class != key.class);
    let kept = context.iter().filter(|_| alone).find(|kept| kept.name.as_str() == GTIN)?;
    if let Value::Text(gtin) = &kept.value { Some(gtin.clone()) } else { None }
}
