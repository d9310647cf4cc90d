//! `probe`, `browse`: an unknown PLC.
use super::Context;
use super::exit::Done;

/// Ask an unknown PLC what it is and offers.
#[derive(Debug, clap::Args)]
pub(super) struct ProbeArgs {
    /// `opc.tcp://host:port` or `tcp://host:port`.
    url: String,
}

/// Walk the nodes of an OPC UA server.
#[derive(Debug, clap::Args)]
pub(super) struct BrowseArgs {
    /// `opc.tcp://host:port`.
    url: String,
}

pub(super) fn probe(_: &Context, _: &ProbeArgs) -> Done {
    todo!()
}

pub(super) fn browse(_: &Context, _: &BrowseArgs) -> Done {
    todo!()
}
