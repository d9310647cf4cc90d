//! Where requests come in and where everything goes out, without ever waiting in the middle.
use super::subscribe::Lane;
use crate::field::Request;
use crate::field::weighed::{Sender, Weight as _};
use crate::model::{Input, ReadDone, ReadFault, ReadToken, WriteDone};
use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::future::pending;
use tokio::sync::mpsc;

/// What waits before an input lane; beyond it nothing more is taken in.
const WAITING_MAX: usize = 1_024;

/// What waits to go into one lane of the engine, in order.
pub(super) struct Outbox {
    lane: Sender<Input>,
    waiting: VecDeque<Input>,
}

impl Outbox {
    pub(super) fn new(lane: Sender<Input>) -> Self {
        Self { lane, waiting: VecDeque::new() }
    }

    pub(super) fn push(&mut self, input: Input) {
        self.waiting.push_back(input);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting.len() < WAITING_MAX
    }

    /// Hands one input on as soon as the lane has a place; waits for ever if there is none to hand.
    /// Cancel safe: nothing leaves the queue before its place is sure.
    pub(super) async fn forward(&mut self) {
        let Some(next) = self.waiting.front() else { return pending().await };
        match self.lane.place(next.weight()).await {
            Ok(place) => {
                if let Some(input) = self.waiting.pop_front() {
                    place.send(input);
                }
            }
            // The engine is gone: nobody is left to be told.
            Err(_) => self.waiting.clear(),
        }
    }
}

/// Requests of the daemon, and the two lanes to the engine.
pub(super) struct Desk {
    requests: mpsc::Receiver<Request>,
    /// Requests that were begun and not yet answered; `true` for writes.
    open: BTreeMap<ReadToken, bool>,
    pub(super) urgent: Outbox,
    pub(super) bulk: Outbox,
}

impl Desk {
    pub(super) fn new(
        requests: mpsc::Receiver<Request>,
        urgent: Sender<Input>,
        bulk: Sender<Input>,
    ) -> Self {
        let (urgent, bulk) = (Outbox::new(urgent), Outbox::new(bulk));
        Self { requests, open: BTreeMap::new(), urgent, bulk }
    }

    pub(super) fn outbox(&mut self, lane: Lane) -> &mut Outbox {
        match lane {
            Lane::Fast => &mut self.urgent,
            Lane::Slow => &mut self.bulk,
        }
    }

    /// The next request, if `taking` and while there is room for its answer. Drives both lanes
    /// meanwhile.
    pub(super) async fn next(&mut self, taking: bool) -> Request {
        let mut taking = taking;
        loop {
            let room = self.urgent.has_room();
            // Nothing overtakes the state of the link that it belongs to.
            let bulk = self.urgent.is_empty();
            // All three are cancel safe: a lost race loses nothing.
            tokio::select! {
                request = self.requests.recv(), if taking && room => match request {
                    Some(request) => return request,
                    None => taking = false,
                },
                () = self.urgent.forward() => {}
                () = self.bulk.forward(), if bulk => {}
            }
        }
    }

    /// While there is no connection: everything is answered at once.
    pub(super) async fn refuse(&mut self) -> Infallible {
        loop {
            let request = self.next(true).await;
            self.refuse_one(&request);
        }
    }

    pub(super) fn refuse_one(&mut self, request: &Request) {
        match request {
            Request::Read(read) => self.fail(read.token, false, ReadFault::Disconnected),
            Request::Write(write) => self.fail(write.token, true, ReadFault::Disconnected),
        }
    }

    /// Until both lanes have taken everything.
    pub(super) async fn flush(&mut self) {
        while !(self.urgent.is_empty() && self.bulk.is_empty()) {
            let bulk = self.urgent.is_empty();
            tokio::select! {
                () = self.urgent.forward() => {}
                () = self.bulk.forward(), if bulk => {}
            }
        }
    }

    pub(super) fn begin(&mut self, token: ReadToken, write: bool) {
        self.open.insert(token, write);
    }

    pub(super) fn answer_read(&mut self, done: ReadDone) {
        if self.open.remove(&done.token).is_some() {
            self.urgent.push(Input::Read(done));
        }
    }

    pub(super) fn answer_write(&mut self, done: WriteDone) {
        if self.open.remove(&done.token).is_some() {
            self.urgent.push(Input::Written(done));
        }
    }

    /// The connection is gone, and with it whatever was under way.
    pub(super) fn fail_open(&mut self) {
        for (token, write) in std::mem::take(&mut self.open) {
            self.fail(token, write, ReadFault::Disconnected);
        }
    }

    fn fail(&mut self, token: ReadToken, write: bool, fault: ReadFault) {
        self.urgent.push(if write {
            Input::Written(WriteDone { token, outcome: Err(fault) })
        } else {
            Input::Read(ReadDone { token, outcome: Err(fault) })
        });
    }
}
