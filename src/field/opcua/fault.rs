//! Why a device is not observed, in sentences for the people who can change it.
use crate::model::GapCause;
use crate::pki::{PkiError, thumbprint_hex};
use ::opcua::types::{Error, StatusCode};
use std::path::PathBuf;
use std::time::Duration;

/// Why a device is not observed.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// No TCP connection.
    #[error("no connection to `{url}`: {why}; is it powered, and is the port open?")]
    Unreachable {
        /// What was tried.
        url: String,
        /// What the system said.
        why: String,
    },
    /// A step took too long.
    #[error("{what} was not done within {} s", within.as_secs_f32())]
    TooSlow {
        /// Which step.
        what: &'static str,
        /// How long it was waited for.
        within: Duration,
    },
    /// The server offers nothing that we accept.
    #[error(
        "the server offers no encrypted endpoint with {wanted}; it offers {offered}; switch one on in the PLC, or say `security = \"none\"` and `allow_insecure = true`"
    )]
    NoEndpoint {
        /// The policies that we speak.
        wanted: &'static str,
        /// What there was.
        offered: String,
    },
    /// The server offers no way to log in as configured.
    #[error("the server's endpoint takes no {0} login")]
    NoLogin(&'static str),
    /// A password would be sent in clear.
    #[error("a login is configured, but the connection is not encrypted; it is not sent")]
    ClearPassword,
    /// The certificate of a user cannot be found.
    #[error("the certificate that we log in with cannot be read: {0}")]
    UserCertificate(String),
    /// The password cannot be found.
    #[error("the password for `{user}` cannot be read from {from}: {why}")]
    Password {
        /// Whose.
        user: String,
        /// File or environment variable.
        from: String,
        /// What the system said.
        why: String,
    },
    /// The server's certificate is not trusted.
    #[error(
        "the server's certificate is not trusted: {reason}; `{subject}`, SHA-256 {0}; compare it with the one in the PLC, then {remedy}",
        thumbprint_hex(thumbprint)
    )]
    Untrusted {
        /// Why not.
        reason: &'static str,
        /// SHA-256 over its DER form.
        thumbprint: [u8; 32],
        /// Its subject.
        subject: String,
        /// How to trust it.
        remedy: String,
    },
    /// The server's certificate cannot be read.
    #[error("the server sent no usable certificate: {0}")]
    BadCertificate(String),
    /// Files of ours.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The server refused us while connecting.
    #[error("the server refused the connection: {status}{hint}")]
    Refused {
        /// What it said.
        status: StatusCode,
        /// What to do, where we know it.
        hint: String,
    },
    /// The connection was lost.
    #[error("the connection was lost: {0}")]
    Lost(StatusCode),
    /// A service failed that nothing goes on without.
    #[error("{what} failed: {why}")]
    Service {
        /// Which.
        what: &'static str,
        /// What the server or the library said.
        why: String,
    },
    /// None of the namespaces that the plant file names.
    #[error("the server has none of the namespaces {}; it has {}", list(wanted), list(found))]
    Namespaces {
        /// URIs of the plant file.
        wanted: Vec<String>,
        /// What `NamespaceArray` holds.
        found: Vec<String>,
    },
    /// The PLC program is not the one that the plant file is written for.
    #[error(
        "the interface word `{word}` is {found}, the plant file is written for {wanted}; adapt the plant file, or load the PLC program that it belongs to"
    )]
    Interface {
        /// The word.
        word: String,
        /// What stood there.
        found: String,
        /// What was wanted.
        wanted: String,
    },
    /// A word lies otherwise than it was pinned.
    #[error(
        "`{word}` is {found}; pinned is {pinned}{}; look at the PLC program, then `pedigree pin {device}`", others(*more)
    )]
    Layout {
        /// Whose word.
        device: String,
        /// Which word.
        word: String,
        /// How it lies.
        found: String,
        /// How it lay.
        pinned: String,
        /// How many others lie otherwise.
        more: usize,
    },
    /// The heartbeat word stands.
    #[error("the heartbeat `{word}` has not moved for {} s", stale_after.as_secs_f32())]
    HeartbeatStands {
        /// The word.
        word: String,
        /// The longest it may stand.
        stale_after: Duration,
    },
    /// No notification, not even a keep-alive.
    #[error("the {0} subscription has fallen silent")]
    Silent(&'static str),
    /// The server dropped a subscription.
    #[error("the server closed the {which} subscription: {status}")]
    SubscriptionClosed {
        /// Which.
        which: &'static str,
        /// What it said.
        status: StatusCode,
    },
    /// The restart word changed.
    #[error("the restart word `{0}` changed: the PLC was started or loaded anew")]
    Restarted(String),
    /// Something that the server sent broke us.
    #[error(
        "what the server sent could not be taken apart (\"{words}\"); please report it with the server's name and version"
    )]
    Panic {
        /// What the panic said.
        words: String,
    },
    /// We stop.
    #[error("stopped")]
    Stopped,
}

impl Fault {
    /// What the gap is recorded with.
    pub(super) fn cause(&self) -> GapCause {
        match self {
            Self::Interface { .. } | Self::Layout { .. } => GapCause::Interface,
            Self::HeartbeatStands { .. } | Self::Silent(_) => GapCause::Silent,
            Self::Stopped => GapCause::Stopped,
            Self::Unreachable { .. }
            | Self::TooSlow { .. }
            | Self::NoEndpoint { .. }
            | Self::NoLogin(_)
            | Self::ClearPassword
            | Self::Password { .. }
            | Self::UserCertificate(_)
            | Self::Untrusted { .. }
            | Self::BadCertificate(_)
            | Self::Pki(_)
            | Self::Refused { .. }
            | Self::Lost(_)
            | Self::Service { .. }
            | Self::Namespaces { .. }
            | Self::SubscriptionClosed { .. }
            | Self::Restarted(_)
            | Self::Panic { .. } => GapCause::Disconnected,
        }
    }

    /// The metric label.
    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::TooSlow { .. } => "timeout",
            Self::NoEndpoint { .. } | Self::ClearPassword => "security",
            Self::NoLogin(_) | Self::Password { .. } | Self::UserCertificate(_) => "login",
            Self::Untrusted { .. } | Self::BadCertificate(_) => "certificate",
            Self::Pki(_) => "own-files",
            Self::Refused { .. } => "refused",
            Self::Lost(_) => "lost",
            Self::Service { .. } | Self::SubscriptionClosed { .. } => "service",
            Self::Namespaces { .. } => "namespace",
            Self::Interface { .. } | Self::Layout { .. } => "interface",
            Self::HeartbeatStands { .. } | Self::Silent(_) => "silent",
            Self::Restarted(_) => "restarted",
            Self::Panic { .. } => "panic",
            Self::Stopped => "stopped",
        }
    }

    pub(super) fn service(what: &'static str) -> impl FnOnce(Error) -> Self {
        move |why| Self::Service { what, why: why.to_string() }
    }

    /// A refusal while connecting, with what usually helps.
    pub(super) fn refused(status: StatusCode, own: Option<(&PathBuf, &[u8; 32])>) -> Self {
        let hint = match (status, own) {
            (
                StatusCode::BadSecurityChecksFailed
                | StatusCode::BadCertificateUntrusted
                | StatusCode::BadCertificateInvalid
                | StatusCode::BadConnectionClosed
                | StatusCode::BadCommunicationError,
                Some((path, thumbprint)),
            ) => format!(
                "; does the PLC trust our certificate `{}`, SHA-256 {}?",
                path.display(),
                thumbprint_hex(thumbprint)
            ),
            (
                StatusCode::BadIdentityTokenRejected
                | StatusCode::BadIdentityTokenInvalid
                | StatusCode::BadUserAccessDenied,
                _,
            ) => "; are user and password right?".to_owned(),
            (StatusCode::BadTooManySessions, _) => {
                "; close other clients, or wait until their sessions have expired".to_owned()
            }
            _ => String::new(),
        };
        Self::Refused { status, hint }
    }
}

fn others(more: usize) -> String {
    if more == 0 { String::new() } else { format!(", and {more} more words have moved") }
}

fn list(uris: &[String]) -> String {
    let quoted: Vec<_> = uris.iter().map(|uri| format!("`{uri}`")).collect();
    quoted.join(", ")
}
