//! The faces to the north: HTTP and OPC UA, and how the devices stand.
use super::devices::Standings;
use super::{ADDRESS_SPACE_PKI, Common, DaemonError, Settings};
use crate::address_space;
use crate::field::link::Status;
use crate::http::{self, AppState, DeviceView, Devices};
use crate::model::plant::{Device, Protocol, Security};
use crate::query::Query;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};

/// Bound before anything is opened: a port that is taken is told at once.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, DaemonError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| DaemonError::Listen { address, source })
}

pub(super) fn serve_http(
    common: &Common,
    listener: TcpListener,
    app: AppState,
) -> Result<SocketAddr, DaemonError> {
    let path = "the HTTP listener".into();
    let address = listener.local_addr().map_err(|source| DaemonError::Io { path, source })?;
    let (metrics, now) = (Arc::clone(&common.metrics), Arc::clone(&common.now));
    let serve = http::run(http::Options { listener, metrics, now }, app, common.tasks.stop());
    common.tasks.spawn("http", async move {
        if let Err(why) = serve.await {
            tracing::error!(%why, "the HTTP listener failed");
        }
    });
    Ok(address)
}

pub(super) async fn serve_opcua(
    common: &Common,
    settings: &Settings,
    query: &Query,
) -> Result<Option<SocketAddr>, DaemonError> {
    let Some(listen) = settings.opcua else { return Ok(None) };
    let options = address_space::Options {
        listen,
        host: listen.ip().to_string(),
        pki: settings.pki_dir.join(ADDRESS_SPACE_PKI),
        name: "Pedigree".to_owned(),
        application_uri: format!("urn:pedigree:{}", common.plant.site),
        now: Arc::clone(&common.now),
        metrics: Arc::clone(&common.metrics),
    };
    let (bound, address) = oneshot::channel();
    let serve = address_space::run(options, query.clone(), common.tasks.stop(), bound);
    common.tasks.spawn("address space", async move {
        if let Err(why) = serve.await {
            tracing::error!(%why, "the OPC UA server failed");
        }
    });
    address.await.map(Some).map_err(|_| DaemonError::AddressSpace(listen))
}

/// How the devices of the plant in force stand, asked anew each time.
pub(super) fn views(standings: watch::Receiver<Standings>) -> Devices {
    Arc::new(move || {
        let devices = standings.borrow();
        devices.iter().map(|(device, status)| view(device, &status.borrow())).collect()
    })
}

fn view(device: &Device, status: &Status) -> DeviceView {
    DeviceView {
        id: device.id.clone(),
        protocol: device.protocol.name(),
        url: device.protocol.url().to_owned(),
        stage: status.stage.as_str(),
        since: status.since,
        last_fault: status.last_fault.clone(),
        insecure: match &device.protocol {
            Protocol::OpcUa(link) => link.security != Security::SignAndEncrypt,
            Protocol::Modbus(_) => true,
        },
    }
}
