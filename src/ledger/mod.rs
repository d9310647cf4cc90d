//! The truth: append-only, synced, verifiable.
