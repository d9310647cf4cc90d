//! Samples become trace events: handshakes, phases, mounts and context. Pure.
