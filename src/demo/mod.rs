//! A simulated plant with known ground truth, behind real loopback servers.
