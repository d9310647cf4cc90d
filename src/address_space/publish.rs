//! What is pushed: events of new records, and the variables that somebody is subscribed to.
use super::events::Genealogy;
use super::place::{Object, Place};
use super::reader::Reader;
use super::source::Source;
use super::table;
use super::watched::Watched;
use crate::model::{ItemKey, Position};
use crate::telemetry::{Metrics, Now};
use ::opcua::nodes::Event;
use ::opcua::server::ServerHandle;
use ::opcua::types::{AttributeId, NodeId, VariableId, Variant};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Records taken at once.
const BATCH_LEN_MAX: usize = 1_000;
/// Rounds are not closer than this, however fast the ledger grows.
const ROUND_MIN: Duration = Duration::from_millis(50);
/// How often it is looked whether what was recorded can be read by now, where it could not.
const READABLE_EVERY: Duration = Duration::from_secs(1);
/// Sessions are counted as often as this.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Pushes until the source ends.
pub(super) struct Publisher<S> {
    pub(super) source: Arc<S>,
    pub(super) namespace: u16,
    pub(super) handle: ServerHandle,
    pub(super) watched: Arc<Watched>,
    pub(super) now: Now,
    pub(super) metrics: Arc<Metrics>,
}

impl<S: Source> Publisher<S> {
    /// Pushes what is recorded from `sent` on; returns when the source is gone.
    pub(super) async fn run(self, mut sent: Position) {
        let mut positions = self.source.watch();
        // What was recorded between `sent` and now is not announced again.
        positions.mark_changed();
        let mut count = tokio::time::interval(COUNT_EVERY);
        loop {
            tokio::select! {
                changed = positions.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    positions.borrow_and_update();
                    sent = self.round(sent);
                    tokio::time::sleep(ROUND_MIN).await;
                }
                // What is known may be readable only later: nothing tells when.
                () = tokio::time::sleep(READABLE_EVERY), if sent < self.source.position() => {
                    sent = self.round(sent);
                }
                _ = count.tick() => self.count_sessions(),
            }
        }
    }

    /// Sends the events after `sent` and the variables that they may have changed.
    fn round(&self, mut sent: Position) -> Position {
        let mut touched = BTreeSet::new();
        loop {
            let batch = self.source.events(sent, BATCH_LEN_MAX);
            let Some(last) = batch.last() else { break };
            sent = last.position;
            let full = batch.len() == BATCH_LEN_MAX;
            touched.extend(batch.iter().flat_map(|e| e.items.iter().cloned()));
            self.send_events(batch);
            if !full {
                break;
            }
        }
        self.send_values(&touched);
        sent
    }

    fn send_events(&self, batch: Vec<crate::query::EventView>) {
        let now = table::time((self.now)().wall);
        let entry = NodeId::new(self.namespace, Object::Traceability.to_string());
        let events: Vec<Genealogy> =
            batch.into_iter().map(|view| Genealogy::new(self.namespace, view, now)).collect();
        // Who subscribes to the Server object gets what any node sends.
        let events = events.iter().map(|e| {
            let event: &dyn Event = e;
            (event, &entry)
        });
        self.handle.subscriptions().notify_events(events);
    }

    fn send_values(&self, touched: &BTreeSet<ItemKey>) {
        let reader = Reader::new(&*self.source, self.namespace, table::time((self.now)().wall));
        for place in self.watched.all() {
            let id = reader.id(&place);
            let mut notifier = self.handle.subscriptions().data_notifier();
            let listeners = notifier.notify_for(&id, AttributeId::Value);
            self.watched.seen(&place, listeners.is_some());
            if let Some(mut listeners) = listeners
                && may_have_changed(&place, touched)
                && let Some(value) = reader.value(&place)
            {
                listeners.data_value(value);
            }
        }
    }

    fn count_sessions(&self) {
        let id = VariableId::Server_ServerDiagnostics_ServerDiagnosticsSummary_CurrentSessionCount;
        if let Some(Variant::UInt32(count)) =
            self.handle.info().diagnostics.get(id).and_then(|v| v.value)
        {
            self.metrics.opcua_sessions.with_label_values::<&str>(&[]).set(count.into());
        }
    }
}

/// Whether new records that touch these items can have changed a variable. What an item depends on
/// farther away (its container was shipped) is seen at the next read.
fn may_have_changed(place: &Place, touched: &BTreeSet<ItemKey>) -> bool {
    match place {
        Place::Variable(Object::Item(key) | Object::Step(key, _), _) => touched.contains(key),
        Place::Variable(
            Object::Traceability
            | Object::Folder(_)
            | Object::Ledger
            | Object::Station(_)
            | Object::Monitor(..)
            | Object::Steps(_)
            | Object::Measurements(..),
            _,
        ) => true,
        // Written once and for ever.
        Place::Measurement(..) | Place::Object(_) | Place::Method(_) | Place::Arguments(..) => {
            false
        }
    }
}
