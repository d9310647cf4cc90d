//! The way of one device into the engine: lanes, what waits for them, and why a stage ends.
use super::bus::Fault;
use crate::field::weighed::{Place, Sender, Weight as _};
use crate::field::{Lanes, Request};
use crate::model::{At, GapCause, Input, ReadDone, ReadFault, Sample, Utc, WriteDone};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio_util::sync::CancellationToken;

/// What of handshake polls may wait beside the first samples that found the lane full.
const BACKLOG_LEN_MAX: usize = 1024;

/// Why the device is not observed any more.
pub(super) struct Down {
    pub(super) cause: GapCause,
    /// From here on nothing is known, if that is earlier than the last answer.
    pub(super) since: Option<Utc>,
    pub(super) why: String,
}

/// Why a stage ended.
pub(super) enum Leave {
    Stop,
    Down(Down),
}

impl From<Fault> for Leave {
    fn from(fault: Fault) -> Self {
        if matches!(fault, Fault::Stopped) {
            Self::Stop
        } else {
            Self::down(GapCause::Disconnected, None, fault.to_string())
        }
    }
}

impl Leave {
    pub(super) fn down(cause: GapCause, since: Option<Utc>, why: String) -> Self {
        Self::Down(Down { cause, since, why })
    }
}

/// The way into the engine, and out of everything.
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) lanes: Lanes,
    pub(super) stop: CancellationToken,
}

impl Gate {
    pub(super) async fn tell(&self, lane: &Sender<Input>, input: Input) -> Result<(), Leave> {
        tokio::select! {
            biased;
            sent = lane.send(input) => sent.map_err(|_| Leave::Stop),
            () = self.stop.cancelled() => Err(Leave::Stop),
        }
    }

    pub(super) async fn urgent(&self, input: Input) -> Result<(), Leave> {
        self.tell(&self.lanes.urgent, input).await
    }

    /// Answers a request that cannot be fulfilled.
    pub(super) async fn refuse(&self, request: Request) -> Result<(), Leave> {
        let fault = ReadFault::Disconnected;
        self.urgent(match request {
            Request::Read(read) => Input::Read(ReadDone { token: read.token, outcome: Err(fault) }),
            Request::Write(write) => {
                Input::Written(WriteDone { token: write.token, outcome: Err(fault) })
            }
        })
        .await
    }

    /// Works, and refuses what is asked meanwhile.
    pub(super) async fn refusing<T>(
        &self,
        requests: &mut mpsc::Receiver<Request>,
        work: impl Future<Output = Result<T, Leave>>,
    ) -> Result<T, Leave> {
        tokio::pin!(work);
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Err(Leave::Stop),
                done = &mut work => return done,
                request = requests.recv(), if open => match request {
                    Some(request) => self.refuse(request).await?,
                    None => open = false,
                },
            }
        }
    }
}

/// Samples that found the bulk lane full. They wait here and not in its sender, so that handshake
/// words are looked at meanwhile; slow words are not, and that is the push back.
#[derive(Default)]
pub(super) struct Backlog {
    samples: Vec<Sample>,
    since: Option<At>,
}

impl Backlog {
    /// Sends, or keeps for later; how many are dropped because too many wait.
    pub(super) fn offer(
        &mut self,
        lane: &Sender<Input>,
        mut samples: Vec<Sample>,
        at: At,
    ) -> Result<usize, Leave> {
        if self.is_waiting() {
            let room = BACKLOG_LEN_MAX.saturating_sub(self.samples.len()).min(samples.len());
            let dropped = samples.split_off(room).len();
            self.samples.extend(samples);
            return Ok(dropped);
        }
        match lane.try_send(Input::Samples(samples)) {
            Ok(()) => Ok(0),
            Err(TrySendError::Closed(_)) => Err(Leave::Stop),
            Err(TrySendError::Full(input)) => {
                if let Input::Samples(samples) = input {
                    self.samples = samples;
                }
                self.since = Some(at);
                Ok(0)
            }
        }
    }

    /// Whether samples wait.
    pub(super) fn is_waiting(&self) -> bool {
        self.since.is_some()
    }

    /// The weight of what waits, as one input.
    pub(super) fn weight(&self) -> usize {
        size_of::<Input>().saturating_add(self.samples.weight())
    }

    /// Sends what waited; since when it did.
    pub(super) fn release(&mut self, place: Place<'_, Input>) -> Option<At> {
        place.send(Input::Samples(std::mem::take(&mut self.samples)));
        self.since.take()
    }
}
