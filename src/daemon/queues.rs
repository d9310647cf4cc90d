//! Every queue between tasks, with its bound. Policies: lanes push back (a device task waits, a
//! library's callback tries and counts a gap); what returns an answer has its place reserved by the
//! bound on what may be asked; people who watch too slowly miss lines, and are told how many.
use crate::model::plant::Plant;

/// Handshake words, links and answers: some per handshake at a time.
pub(super) const URGENT_LEN_MAX: usize = 4_096;
/// Bytes of them, in memory.
pub(super) const URGENT_BYTES_MAX: usize = 16 << 20;
/// Batches of monitored samples.
pub(super) const BULK_LEN_MAX: usize = 4_096;
/// Bytes of them, in memory: some hundred thousand numbers.
pub(super) const BULK_BYTES_MAX: usize = 16 << 20;
/// Commands from the north; one more is told to come again.
pub(super) const COMMANDS_LEN_MAX: usize = 64;
/// Reloads that wait for the one under way.
pub(super) const RELOADS_LEN_MAX: usize = 4;
/// Lines for those who watch; a watcher further behind than this misses some.
pub(super) const TAP_LEN_MAX: usize = 4_096;
/// Requests under way per handshake: one, and its late answer.
const REQUESTS_PER_HANDSHAKE: usize = 4;

/// Answers that wait for the ledger or the index: the plant that is put in force later may have more
/// handshakes than the one that the daemon was started with.
const ANSWERS_LEN_MIN: usize = 1_024;

/// How many answers can be under way at once, for all devices together.
pub(super) fn answers_len_max(plant: &Plant) -> usize {
    requests_len_max(plant).max(ANSWERS_LEN_MIN)
}

/// How many requests the handshakes of a plant can have under way: no queue for them is ever full.
pub(super) fn requests_len_max(plant: &Plant) -> usize {
    let handshakes: usize = plant.stations.iter().map(|s| s.handshakes.len()).sum();
    handshakes.saturating_mul(REQUESTS_PER_HANDSHAKE).max(16)
}
