//! What comes to the engine, and under which indexes: one pair of lanes for each batch of device tasks,
//! carried over to the plant in force as it is taken.
use super::queues;
use super::reload::Switch;
use crate::field::{Lanes, weighed};
use crate::http::Asked;
use crate::ledger::Durable;
use crate::model::Input;
use crate::model::plant::Carried;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::{mpsc, watch};

/// What comes in.
pub(super) struct Intake {
    /// Handshake words, links and answers.
    pub(super) urgent: Inlets,
    /// Everything else from devices.
    pub(super) bulk: Inlets,
    pub(super) facts: mpsc::Receiver<Input>,
    pub(super) commands: mpsc::Receiver<Asked>,
    pub(super) switches: mpsc::Receiver<Switch>,
    pub(super) durable: watch::Receiver<Durable>,
}

/// What a batch of device tasks says, at our end.
pub(super) struct Ends {
    batch: u64,
    urgent: weighed::Receiver<Input>,
    bulk: weighed::Receiver<Input>,
}

impl Ends {
    /// Both ends of the lanes of a batch that knows the plant in force.
    pub(super) fn new(batch: u64) -> (Lanes, Self) {
        let (to_urgent, urgent) =
            weighed::channel(queues::URGENT_LEN_MAX, queues::URGENT_BYTES_MAX);
        let (to_bulk, bulk) = weighed::channel(queues::BULK_LEN_MAX, queues::BULK_BYTES_MAX);
        (Lanes { urgent: to_urgent, bulk: to_bulk }, Self { batch, urgent, bulk })
    }
}

/// One lane, from all batches.
#[derive(Default)]
pub(super) struct Inlets(Vec<Inlet>);

/// One lane of one batch.
struct Inlet {
    batch: u64,
    lane: weighed::Receiver<Input>,
    /// From the plant that the batch knows to the one in force; none where they are the same.
    carried: Option<Arc<Carried>>,
}

impl Inlet {
    fn carry(&self, input: Input) -> Option<Input> {
        match &self.carried {
            None => Some(input),
            Some(carried) => carried.input(input),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Input> {
        while let Poll::Ready(Some(input)) = self.lane.poll_recv(cx) {
            if let Some(input) = self.carry(input) {
                return Poll::Ready(input);
            }
        }
        Poll::Pending
    }
}

impl Inlets {
    /// The next of any batch. Cancel-safe: it only receives. Never ready when all tasks have ended.
    pub(super) async fn next(&mut self) -> Input {
        std::future::poll_fn(|cx| {
            let mut ready = self.0.iter_mut().enumerate().map(|(n, inlet)| (n, inlet.poll(cx)));
            let next = ready.find_map(|(n, polled)| match polled {
                Poll::Ready(input) => Some((n, input)),
                Poll::Pending => None,
            });
            let Some((n, input)) = next else { return Poll::Pending };
            // Who was served is the last to be asked next time.
            self.0.get_mut(n..).into_iter().for_each(|served| served.rotate_left(1));
            Poll::Ready(input)
        })
        .await
    }

    /// What waits at this moment.
    fn waiting(&mut self, all: &mut Vec<Input>) {
        for inlet in &mut self.0 {
            for _ in 0..inlet.lane.len() {
                let Ok(input) = inlet.lane.try_recv() else { break };
                all.extend(inlet.carry(input));
            }
        }
    }

    fn switch(&mut self, carried: &Arc<Carried>, living: &BTreeSet<u64>) {
        self.0.retain(|inlet| living.contains(&inlet.batch));
        for inlet in &mut self.0 {
            let known = inlet.carried.take();
            inlet.carried =
                Some(known.map_or_else(|| Arc::clone(carried), |k| k.then(carried).into()));
        }
    }

    fn begin(&mut self, batch: u64, lane: weighed::Receiver<Input>) {
        self.0.push(Inlet { batch, lane, carried: None });
    }
}

impl Intake {
    /// A batch begins that knows the plant in force.
    pub(super) fn begin(&mut self, Ends { batch, urgent, bulk }: Ends) {
        self.urgent.begin(batch, urgent);
        self.bulk.begin(batch, bulk);
    }

    /// What waits of devices at this moment, the urgent first.
    pub(super) fn waiting(&mut self) -> Vec<Input> {
        let mut all = Vec::new();
        self.urgent.waiting(&mut all);
        self.bulk.waiting(&mut all);
        all
    }

    /// Another plant is in force; batches that are not among the living are done with.
    pub(super) fn switch(&mut self, carried: Carried, living: &BTreeSet<u64>) {
        let carried = Arc::new(carried);
        self.urgent.switch(&carried, living);
        self.bulk.switch(&carried, living);
    }

    /// What all devices and the index said is void.
    pub(super) fn forget(&mut self) {
        (self.urgent, self.bulk) = (Inlets::default(), Inlets::default());
        while self.facts.try_recv().is_ok() {}
    }
}
