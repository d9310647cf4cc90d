//! Keys of the language that this version does not act upon. They are refused with a
//! reason: a line that does nothing is worse than a line that is missing.

/// Table, key, and what can be done instead.
const KEYS: [(&str, &str, &str); 26] = [
    ("Device", "backoff", "a lost device is tried again after 1 s, then ever slower up to 1 min"),
    ("Tag", "match", OF_A_CODE),
    ("Tag", "parse", OF_A_CODE),
    ("Station", "manual", "events come from handshakes and phases only"),
    ("Measurement", "as", "curves are not stored; only single numbers are"),
    ("Measurement", "parse", "a measurement is kept as it is read; `parse` takes codes apart"),
    ("Phase", "require", "limits inside a phase are not checked; `monitor` watches a tag"),
    ("Phase", "trigger", "a phase has no request word; a `handshake` has"),
    ("Phase", "child", PHASE_EVENT),
    ("Phase", "carrier", PHASE_EVENT),
    ("Phase", "members", PHASE_EVENT),
    ("Phase", "into", PHASE_EVENT),
    ("Phase", "quantity", PHASE_EVENT),
    ("Phase", "position", PHASE_EVENT),
    ("Phase", "time", PHASE_EVENT),
    ("Phase", "best_before", PHASE_EVENT),
    ("Phase", "badge", PHASE_EVENT),
    ("Phase", "context", PHASE_EVENT),
    ("Phase", "result", PHASE_EVENT),
    ("Phase", "codes", PHASE_EVENT),
    ("Phase", "stable", "a phase is told from watched words, nothing is read twice"),
    ("Mount", "check", "a mount is recorded as it is; it answers nobody"),
    ("Mount", "no_read", "write codes for \"nothing there\" in `empty`"),
    (
        "Monitor",
        "per",
        "a monitor watches every change; for one value per part use `values.X.drift`",
    ),
    (
        "Monitor",
        "stat",
        "a monitor watches every change; for one value per part use `values.X.drift`",
    ),
    ("Monitor", "expr", "a monitor watches one tag; compute in the PLC"),
];

const OF_A_CODE: &str =
    "write it in the `handshake`, `phase` or `mount` that takes the word for a code";
const PHASE_EVENT: &str = "an event of a phase has item, operation and statistics only";

/// Why a key of the language is refused in a table.
pub(super) fn key(table: &str, key: &str) -> Option<&'static str> {
    KEYS.iter().find(|(t, k, _)| *t == table && *k == key).map(|(.., reason)| *reason)
}

/// Every refused key, for the reference.
pub(super) fn keys() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    KEYS.iter().copied()
}
