//! One table of metrics, and the log.
