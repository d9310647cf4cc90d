//! Every queue between tasks, with its bound. Policies: lanes push back (a device task waits, a
//! library's callback tries and counts a gap); what returns an answer has its place reserved by the
//! bound on what may be asked; people who watch too slowly miss lines, and are told how many.
use crate::model::Input;
use crate::model::plant::Plant;
use tokio::sync::mpsc;

/// Handshake words, links and answers: some per handshake at a time.
const URGENT_LEN_MAX: usize = 4_096;
/// Batches of monitored samples.
const BULK_LEN_MAX: usize = 4_096;
/// Commands from the north; one more is told to come again.
pub(super) const COMMANDS_LEN_MAX: usize = 64;
/// Lines for those who watch; a watcher further behind than this misses some.
pub(super) const TAP_LEN_MAX: usize = 4_096;
/// Requests under way per handshake: one, and its late answer.
const REQUESTS_PER_HANDSHAKE: usize = 4;

/// Both ends of the lanes into the engine.
pub(super) struct Lanes {
    pub(super) urgent: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    pub(super) bulk: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
}

impl Lanes {
    pub(super) fn new() -> Self {
        Self { urgent: mpsc::channel(URGENT_LEN_MAX), bulk: mpsc::channel(BULK_LEN_MAX) }
    }
}

/// How many requests the handshakes of a plant can have under way: no queue for them is ever full.
pub(super) fn requests_len_max(plant: &Plant) -> usize {
    let handshakes: usize = plant.stations.iter().map(|s| s.handshakes.len()).sum();
    handshakes.saturating_mul(REQUESTS_PER_HANDSHAKE).max(16)
}
