//! Plant files become a checked `Plant`, or all their faults at once.
