//! The only clock; every queue, task and wire.
