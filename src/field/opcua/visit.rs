//! A short visit to a server for the command line: connect, look, leave.
use super::connect::{Identity, Opened, identity};
use super::fault::Fault;
use super::trust::choose;
use crate::model::Utc;
use crate::model::plant::{DeviceIndex, OpcUaLink, Plant, Protocol, Security, Trust};
use crate::pki::Certificate;
use ::opcua::client::{IdentityToken, Session};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Whom to visit.
#[derive(Debug, Clone)]
pub struct Target {
    /// Of the session, and of the folder of certificates that it accepts.
    name: String,
    /// By what name the server's certificate may be pinned.
    device: String,
    link: OpcUaLink,
    /// Whether any certificate will do: there is nothing yet to compare it with.
    stranger: bool,
}

impl Target {
    /// A server that no plant file knows. Whatever certificate it shows is taken, so what it says
    /// is not more than a claim; no login is sent to it.
    pub fn url(url: &str, security: Security) -> Self {
        let (url, pins) = (url.to_owned(), BTreeMap::new());
        let link = OpcUaLink { url, security, trust: Trust::Pki, login: None, pins };
        Self { name: "visit".to_owned(), device: String::new(), link, stranger: true }
    }

    /// A device of the plant, by its own rules. `None` if it does not speak OPC UA.
    pub fn device(plant: &Plant, device: DeviceIndex) -> Option<Self> {
        let device = plant.device(device);
        match &device.protocol {
            // Beside the running daemon: with a folder of its own.
            Protocol::OpcUa(link) => {
                let (name, device) = (format!("{}.visit", device.id), device.id.to_string());
                Some(Self { name, device, link: link.clone(), stranger: false })
            }
            Protocol::Modbus(_) => None,
        }
    }

    /// Connects.
    pub(super) async fn open(&self, pki: &Path, now: Utc) -> Result<Opened, Fault> {
        let identity = identity(pki.to_path_buf()).await?;
        let mut opened = if self.stranger {
            self.open_stranger(&identity).await?
        } else {
            identity.open_as(&self.name, &self.device, &self.link, now).await?
        };
        opened.connected(&identity.own).await?;
        Ok(opened)
    }

    async fn open_stranger(&self, identity: &Identity) -> Result<Opened, Fault> {
        let endpoint = choose(&identity.endpoints(&self.link.url).await?, &self.link)?;
        let certificate = match self.link.security {
            Security::SignAndEncrypt | Security::Legacy => {
                let der = endpoint.server_certificate.value.as_deref().unwrap_or_default();
                let parsed = Certificate::parse(der);
                Some(parsed.map_err(|why| Fault::BadCertificate(why.to_string()))?)
            }
            Security::None => None,
        };
        identity.session(&self.name, endpoint, certificate.as_ref(), IdentityToken::Anonymous)
    }
}

/// Does `work` with a session, and says goodbye whatever comes of it.
pub(super) async fn visit<T, F>(
    mut opened: Opened,
    work: impl FnOnce(Arc<Session>) -> F,
) -> Result<T, Fault>
where
    F: Future<Output = Result<T, Fault>>,
{
    let session = Arc::clone(&opened.session);
    let done = opened.during(work(session)).await;
    opened.close().await;
    done
}
