//! Which endpoint of a server we take, and whether its certificate is trusted.
use super::fault::Fault;
use crate::model::Utc;
use crate::model::plant::{OpcUaLink, Security, Trust, UserLogin};
use crate::pki::{self, Certificate};
use ::opcua::crypto::SecurityPolicy;
use ::opcua::types::{EndpointDescription, MessageSecurityMode, UserTokenType};
use std::path::Path;

/// The policies that we speak, best first. The older ones are withdrawn.
const POLICIES: [SecurityPolicy; 3] = [
    SecurityPolicy::Aes256Sha256RsaPss,
    SecurityPolicy::Aes128Sha256RsaOaep,
    SecurityPolicy::Basic256Sha256,
];
/// The same, then those that were withdrawn.
const LEGACY: [SecurityPolicy; 5] = [
    SecurityPolicy::Aes256Sha256RsaPss,
    SecurityPolicy::Aes128Sha256RsaOaep,
    SecurityPolicy::Basic256Sha256,
    SecurityPolicy::Basic256,
    SecurityPolicy::Basic128Rsa15,
];
const POLICIES_TEXT: &str = "Aes256_Sha256_RsaPss, Aes128_Sha256_RsaOaep or Basic256Sha256";
const LEGACY_TEXT: &str =
    "Aes256_Sha256_RsaPss, Aes128_Sha256_RsaOaep, Basic256Sha256, Basic256 or Basic128Rsa15";
/// Part 7: UA-TCP, UA-SC, UA Binary.
const TRANSPORT: &str = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary";

/// The best endpoint that the plant file allows, reachable under the URL that it gives.
pub(super) fn choose(
    endpoints: &[EndpointDescription],
    link: &OpcUaLink,
) -> Result<EndpointDescription, Fault> {
    use MessageSecurityMode::SignAndEncrypt;
    let (wanted, wanted_text, mode): (&[SecurityPolicy], _, _) = match link.security {
        Security::SignAndEncrypt => (&POLICIES, POLICIES_TEXT, SignAndEncrypt),
        Security::Legacy => (&LEGACY, LEGACY_TEXT, SignAndEncrypt),
        Security::None => (&[SecurityPolicy::None], POLICIES_TEXT, MessageSecurityMode::None),
    };
    let mut fitting: Vec<_> = endpoints
        .iter()
        .filter(|e| e.security_mode == mode)
        .filter(|e| {
            e.transport_profile_uri.is_empty() || e.transport_profile_uri.as_ref() == TRANSPORT
        })
        .filter_map(|e| Some((wanted.iter().position(|p| *p == policy(e))?, e)))
        .collect();
    fitting.sort_by_key(|(rank, _)| *rank);
    if fitting.is_empty() {
        return Err(Fault::NoEndpoint { wanted: wanted_text, offered: offered(endpoints) });
    }
    let (token, name) = match link.login {
        Some(_) if link.security == Security::None => return Err(Fault::ClearPassword),
        Some(UserLogin::Password { .. }) => (UserTokenType::UserName, "user name"),
        Some(UserLogin::Certificate { .. }) => (UserTokenType::Certificate, "certificate"),
        None => (UserTokenType::Anonymous, "anonymous"),
    };
    let mut endpoint = fitting
        .into_iter()
        .map(|(_, e)| e.clone())
        .find(|e| takes(e, token))
        .ok_or(Fault::NoLogin(name))?;
    if link.security == Security::Legacy && !POLICIES.contains(&policy(&endpoint)) {
        let (url, policy) = (&link.url, policy(&endpoint));
        tracing::warn!(url, %policy, "the server is spoken to under a withdrawn policy");
    }
    endpoint.endpoint_url = reachable(&link.url, endpoint.endpoint_url.as_ref()).into();
    if let Some(tokens) = &mut endpoint.user_identity_tokens {
        // The library takes the first that fits; the withdrawn policies come last.
        tokens.sort_by_key(|t| {
            matches!(
                SecurityPolicy::from_uri(t.security_policy_uri.as_ref()),
                SecurityPolicy::Basic128Rsa15 | SecurityPolicy::Basic256 | SecurityPolicy::Unknown
            ) && !t.security_policy_uri.is_empty()
        });
    }
    Ok(endpoint)
}

pub(super) fn policy(endpoint: &EndpointDescription) -> SecurityPolicy {
    SecurityPolicy::from_uri(endpoint.security_policy_uri.as_ref())
}

fn takes(endpoint: &EndpointDescription, token: UserTokenType) -> bool {
    match endpoint.user_identity_tokens.as_deref() {
        // A server that lists none has forgotten the anonymous one.
        None | Some([]) => token == UserTokenType::Anonymous,
        Some(tokens) => tokens.iter().any(|t| t.token_type == token),
    }
}

fn offered(endpoints: &[EndpointDescription]) -> String {
    let named = |e: &EndpointDescription| {
        let policy = policy(e);
        // The library panics over the name of a policy that it does not know.
        let name = if policy == SecurityPolicy::Unknown {
            format!("`{}`", e.security_policy_uri)
        } else {
            policy.to_string()
        };
        format!("{name} {:?}", e.security_mode)
    };
    let mut seen: Vec<_> = endpoints.iter().map(named).collect();
    seen.sort();
    seen.dedup();
    if seen.is_empty() { "nothing".to_owned() } else { seen.join(", ") }
}

/// Scheme, host and port as configured: what servers say of themselves is often unreachable. The
/// path is the server's unless one was configured.
fn reachable(configured: &str, advertised: &str) -> String {
    let path_at = |url: &str| {
        let host = url.find("://").map_or(0, |at| at + 3);
        url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| host + at)
    };
    let (base, path) = configured.split_at(path_at(configured));
    let (_, theirs) = advertised.split_at(path_at(advertised));
    format!("{base}{}", if path.len() > 1 { path } else { theirs })
}

/// Refuses a certificate that is not trusted, and keeps it for a person to look at.
///
/// A person who trusts a certificate trusts it with its faults (expired, another application's):
/// they are logged. The first one seen is pinned only without them.
pub(super) fn verify(
    pki: &Path,
    device: &str,
    trust: &Trust,
    endpoint: &EndpointDescription,
    now: Utc,
) -> Result<Certificate, Fault> {
    let der = endpoint.server_certificate.value.as_deref().unwrap_or_default();
    let certificate =
        Certificate::parse(der).map_err(|why| Fault::BadCertificate(why.to_string()))?;
    let flaw = flaw(&certificate, endpoint, now);
    let by_hand = |certificate: &Certificate| {
        format!("`pedigree certs trust {}`", pki::thumbprint_hex(&certificate.thumbprint))
    };
    let refusal = match trust {
        Trust::Thumbprint(wanted) => (certificate.thumbprint != *wanted).then(|| {
            let remedy = "put its thumbprint into the plant file".to_owned();
            ("it is not the one that the plant file names", remedy)
        }),
        Trust::Pki => (!pki::is_trusted(pki, &certificate.der)?)
            .then(|| ("it is not among the trusted ones", by_hand(&certificate))),
        Trust::FirstUse => first_use(pki, device, &certificate, flaw)?
            .map(|reason| (reason, by_hand(&certificate))),
    };
    if let Some((reason, remedy)) = refusal {
        pki::reject(pki, &certificate.der)?;
        return Err(Fault::Untrusted {
            reason,
            thumbprint: certificate.thumbprint,
            subject: certificate.subject,
            remedy,
        });
    }
    if let Some(flaw) = flaw {
        tracing::warn!(
            device,
            flaw,
            subject = certificate.subject,
            "a trusted certificate has a flaw"
        );
    }
    Ok(certificate)
}

fn first_use(
    pki: &Path,
    device: &str,
    certificate: &Certificate,
    flaw: Option<&'static str>,
) -> Result<Option<&'static str>, Fault> {
    let known = pki::pinned(pki, device)?;
    if known.as_deref() == Some(certificate.der.as_slice())
        || pki::is_trusted(pki, &certificate.der)?
    {
        return Ok(None);
    }
    if known.is_some() {
        return Ok(Some("it is not the one that was seen first"));
    }
    if flaw.is_none() {
        pki::pin(pki, device, &certificate.der)?;
        let thumbprint = pki::thumbprint_hex(&certificate.thumbprint);
        tracing::warn!(device, thumbprint, "the first certificate seen is trusted from now on");
    }
    Ok(flaw)
}

fn flaw(
    certificate: &Certificate,
    endpoint: &EndpointDescription,
    now: Utc,
) -> Option<&'static str> {
    if !certificate.is_valid_at(now) {
        Some("it is out of its validity")
    } else if !certificate.is_for_application(endpoint.server.application_uri.as_ref()) {
        Some("it is not for this application URI")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plant::Secret;
    use ::opcua::types::UserTokenPolicy;

    fn endpoint(policy: SecurityPolicy, mode: MessageSecurityMode) -> EndpointDescription {
        EndpointDescription {
            endpoint_url: "opc.tcp://plc-inside:4840/UA/Server".into(),
            security_policy_uri: policy.to_uri().into(),
            security_mode: mode,
            transport_profile_uri: TRANSPORT.into(),
            ..Default::default()
        }
    }

    fn link(url: &str, security: Security) -> OpcUaLink {
        let (url, pins) = (url.to_owned(), std::collections::BTreeMap::new());
        OpcUaLink { url, security, trust: Trust::Pki, login: None, pins }
    }

    #[test]
    fn the_best_encrypted_endpoint_is_taken_under_the_configured_host() {
        use MessageSecurityMode::{None as Clear, Sign, SignAndEncrypt};
        let offered = [
            endpoint(SecurityPolicy::None, Clear),
            endpoint(SecurityPolicy::Basic256Sha256, SignAndEncrypt),
            endpoint(SecurityPolicy::Aes256Sha256RsaPss, Sign),
            endpoint(SecurityPolicy::Aes128Sha256RsaOaep, SignAndEncrypt),
            endpoint(SecurityPolicy::Basic256, SignAndEncrypt),
        ];
        let link = link("opc.tcp://10.0.0.5:14840", Security::SignAndEncrypt);
        let chosen = choose(&offered, &link).unwrap();
        assert_eq!(policy(&chosen), SecurityPolicy::Aes128Sha256RsaOaep);
        assert_eq!(chosen.endpoint_url.as_ref(), "opc.tcp://10.0.0.5:14840/UA/Server");
    }

    #[test]
    fn nothing_falls_back_to_no_encryption() {
        use MessageSecurityMode::{None as Clear, Sign, SignAndEncrypt};
        let offered = [
            endpoint(SecurityPolicy::None, Clear),
            endpoint(SecurityPolicy::Aes256Sha256RsaPss, Sign),
            endpoint(SecurityPolicy::Basic256, SignAndEncrypt),
        ];
        let encrypted = link("opc.tcp://h:1/", Security::SignAndEncrypt);
        assert!(matches!(choose(&offered, &encrypted), Err(Fault::NoEndpoint { .. })));
        let legacy = choose(&offered, &link("opc.tcp://h:1/", Security::Legacy)).unwrap();
        assert_eq!(policy(&legacy), SecurityPolicy::Basic256, "only where it is declared");
        let clear = link("opc.tcp://h:1/x", Security::None);
        assert_eq!(choose(&offered, &clear).unwrap().endpoint_url.as_ref(), "opc.tcp://h:1/x");
    }

    #[test]
    fn a_policy_that_nobody_knows_is_named_as_the_server_names_it() {
        let mut odd = endpoint(SecurityPolicy::None, MessageSecurityMode::SignAndEncrypt);
        odd.security_policy_uri = "http://maker.example/Policy#Own".into();
        let told = choose(&[odd], &link("opc.tcp://h:1", Security::SignAndEncrypt)).unwrap_err();
        assert!(told.to_string().contains("`http://maker.example/Policy#Own` SignAndEncrypt"));
    }

    #[test]
    fn a_password_is_never_sent_in_clear_nor_dropped() {
        let mut named = endpoint(SecurityPolicy::None, MessageSecurityMode::None);
        named.user_identity_tokens = Some(vec![UserTokenPolicy {
            token_type: UserTokenType::UserName,
            ..Default::default()
        }]);
        let password = Secret::Env("X".to_owned());
        let login = UserLogin::Password { user: "u".to_owned(), password };
        let mut with = link("opc.tcp://h:1", Security::None);
        assert!(matches!(choose(&[named.clone()], &with), Err(Fault::NoLogin("anonymous"))));
        with.login = Some(login);
        assert!(matches!(choose(&[named], &with), Err(Fault::ClearPassword)));
        with.security = Security::SignAndEncrypt;
        let plain = endpoint(SecurityPolicy::Basic256Sha256, MessageSecurityMode::SignAndEncrypt);
        assert!(matches!(choose(&[plain], &with), Err(Fault::NoLogin("user name"))));
    }
}
