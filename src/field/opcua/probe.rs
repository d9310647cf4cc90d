//! What a server offers, before anything is configured: `pedigree probe`.
use super::connect::identity;
use super::fault::Fault;
use super::services::namespaces_of;
use super::trust::policy;
use super::visit::{Target, visit};
use crate::model::Utc;
use crate::model::plant::Security;
use crate::pki::{self, Certificate};
use ::opcua::types::{EndpointDescription, MessageSecurityMode, UserTokenType};
use std::path::Path;

/// What a server says of itself.
#[derive(Debug)]
pub struct Probe {
    /// `ApplicationName`.
    pub application_name: String,
    /// `ApplicationUri`.
    pub application_uri: String,
    /// Policies and modes, in the server's order.
    pub offers: Vec<Offer>,
    /// Its certificate, if it has one.
    pub certificate: Option<Certificate>,
    /// Whether that certificate is among the trusted ones.
    pub trusted: bool,
    /// `NamespaceArray`, or why it could not be read.
    pub namespaces: Result<Vec<String>, Fault>,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// `Basic256Sha256`, …
    pub policy: String,
    /// `None`, `Sign`, `SignAndEncrypt`.
    pub mode: String,
    /// `Anonymous`, `UserName`, `Certificate`, `IssuedToken`.
    pub logins: Vec<String>,
    /// The URL that the server gives itself.
    pub url: String,
}

/// Asks a server what it offers; to read its namespaces it is visited without login, encrypted if
/// it can be. Our certificate is then known to it and can be trusted there.
pub async fn probe(url: &str, pki: &Path, now: Utc) -> Result<Probe, Fault> {
    let identity = identity(pki.to_path_buf()).await?;
    let endpoints = identity.endpoints(url).await?;
    let certificate = endpoints
        .iter()
        .filter_map(|e| e.server_certificate.value.as_deref())
        .find_map(|der| Certificate::parse(der).ok());
    let trusted = match &certificate {
        Some(certificate) => pki::is_trusted(pki, &certificate.der)?,
        None => false,
    };
    let server = endpoints.first().map(|e| &e.server);
    Ok(Probe {
        application_name: server.map_or_else(String::new, |s| s.application_name.to_string()),
        application_uri: server.map_or_else(String::new, |s| s.application_uri.to_string()),
        offers: endpoints.iter().map(offer).collect(),
        certificate,
        trusted,
        namespaces: namespaces(url, pki, now).await,
    })
}

async fn namespaces(url: &str, pki: &Path, now: Utc) -> Result<Vec<String>, Fault> {
    let encrypted = Target::url(url, Security::SignAndEncrypt).open(pki, now).await;
    let opened = match encrypted {
        Err(Fault::NoEndpoint { .. }) => Target::url(url, Security::None).open(pki, now).await?,
        other => other?,
    };
    visit(opened, |session| async move { namespaces_of(&session).await }).await
}

fn offer(endpoint: &EndpointDescription) -> Offer {
    let tokens = endpoint.user_identity_tokens.iter().flatten();
    let mut logins: Vec<_> = tokens
        .map(|token| match token.token_type {
            UserTokenType::Anonymous => "Anonymous",
            UserTokenType::UserName => "UserName",
            UserTokenType::Certificate => "Certificate",
            UserTokenType::IssuedToken => "IssuedToken",
        })
        .map(str::to_owned)
        .collect();
    logins.dedup();
    let mode = match endpoint.security_mode {
        MessageSecurityMode::Invalid => "Invalid",
        MessageSecurityMode::None => "None",
        MessageSecurityMode::Sign => "Sign",
        MessageSecurityMode::SignAndEncrypt => "SignAndEncrypt",
    };
    Offer {
        policy: policy(endpoint).to_string(),
        mode: mode.to_owned(),
        logins,
        url: endpoint.endpoint_url.to_string(),
    }
}
