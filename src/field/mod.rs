//! Devices: what talks to PLCs.
