//! The republished genealogy: an OPC UA server whose items are virtual nodes answered by `query`.
