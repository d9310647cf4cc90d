//! What a URL says: protocol, host and port, and the keys that belong to each protocol.
use super::device::Kind;
use super::{Resolver, Table};
use crate::config::raw::{self, SecurityWord};
use crate::config::similar;
use crate::config::spot::Spot;
use crate::field::modbus::point;
use crate::model::plant::{
    Area, Host, ModbusLink, OpcUaLink, Protocol, ReadLimits, Secret, Security, Transport,
    TransportError, Trust, UserLogin,
};
use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(1);
const OPCUA_PORT: u16 = 4840;
/// Modbus over Serial Line V1.02, §2.2.
const SERIAL_UNITS: std::ops::RangeInclusive<u8> = 1..=247;

/// What the URL of a device gives.
#[derive(Debug, Default)]
pub(super) struct Linked {
    pub(super) kind: Option<Kind>,
    pub(super) protocol: Option<Protocol>,
    pub(super) namespace: Option<String>,
    pub(super) limits: Option<ReadLimits>,
}

impl Resolver<'_> {
    /// Reads the URL and all that belongs to its protocol.
    pub(super) fn link(&mut self, t: &Table<'_>, raw: &raw::Device) -> Linked {
        let Some(url) = &raw.url else { return Linked::default() };
        let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
        let message = match scheme {
            "opc.tcp" => return self.opcua(t, url, rest, raw),
            "tcp" | "rtu+tcp" | "tls" | "rtu" => return self.modbus(t, url, raw),
            "opc.https" | "opc.wss" => {
                format!("`{}`: of the OPC UA transports only `opc.tcp://` is spoken", **url)
            }
            _ => format!("`{}` is not the address of a device", **url),
        };
        self.error(t, url.span(), message)
            .label("wanted `opc.tcp://`, `tcp://`, `tls://`, `rtu+tcp://` or `rtu://`")
            .help("`opc.tcp://host:4840` is OPC UA, `tcp://host:502` is Modbus/TCP");
        Linked::default()
    }

    fn opcua(
        &mut self,
        t: &Table<'_>,
        url: &Spot<String>,
        rest: &str,
        raw: &raw::Device,
    ) -> Linked {
        self.only_modbus(t, raw);
        let authority = rest.split('/').next().unwrap_or_default();
        let host = Host::parse(authority, OPCUA_PORT);
        if host.is_none() {
            self.error(t, url.span(), format!("`{}` has no usable host and port", **url))
                .label(format!("wanted `opc.tcp://host:{OPCUA_PORT}`"));
        }
        let security = self.security(t, raw);
        let trust = self.trust(t, raw, security);
        let login = raw.login.as_ref().and_then(|login| self.login(t, login));
        self.clear_login(t, login.as_ref(), security);
        if self.lacks(t, "namespace", raw.namespace.as_ref()) {
            self.sink
                .error(&t.here(), format!("`{}` has no `namespace`", t.path))
                .label("OPC UA nodes need one")
                .help("write the URI that `browse` or UaExpert shows, such as `urn:vendor:plc`");
        }
        let namespace = raw.namespace.as_ref().and_then(|uri| self.namespace(t, uri));
        let link =
            OpcUaLink { url: (**url).clone(), security, trust, login, pins: BTreeMap::new() };
        let protocol = host.map(|_| Protocol::OpcUa(link));
        Linked { kind: Some(Kind::OpcUa), protocol, namespace, limits: None }
    }

    fn namespace(&mut self, t: &Table<'_>, uri: &Spot<String>) -> Option<String> {
        let index = uri.strip_prefix("ns=").unwrap_or(uri);
        if uri.is_empty() || index.bytes().all(|b| b.is_ascii_digit()) {
            self.error(t, uri.span(), format!("`{}` is not a namespace URI", **uri))
                .label("an index moves when the server restarts")
                .help("write the URI that `browse` or UaExpert shows, such as `urn:vendor:plc`");
            return None;
        }
        Some((**uri).clone())
    }

    fn security(&mut self, t: &Table<'_>, raw: &raw::Device) -> Security {
        match raw.security.as_ref().map(|security| (security, **security)) {
            Some((word, SecurityWord::None)) => {
                if raw.allow_insecure.as_ref().is_none_or(|allowed| !**allowed) {
                    self.error(
                        t,
                        word.span(),
                        "`security = \"none\"` needs `allow_insecure = true`",
                    )
                    .label("anyone on the network could read and write")
                    .help("leave `security` out for a signed and encrypted connection");
                }
                Security::None
            }
            Some((word, SecurityWord::Legacy)) => {
                if raw.allow_insecure.as_ref().is_none_or(|allowed| !**allowed) {
                    self.error(
                        t,
                        word.span(),
                        "`security = \"legacy\"` needs `allow_insecure = true`",
                    )
                    .label("these policies are withdrawn: they can be broken")
                    .help("leave `security` out, and switch a newer policy on in the PLC");
                }
                Security::Legacy
            }
            Some((_, SecurityWord::SignAndEncrypt)) | None => Security::SignAndEncrypt,
        }
    }

    fn trust(&mut self, t: &Table<'_>, raw: &raw::Device, security: Security) -> Trust {
        let Some(trust) = &raw.trust else { return Trust::Pki };
        if security == Security::None {
            self.warning(t, trust.span(), "`trust` does nothing without encryption")
                .label("`security` is `none`");
        }
        match trust.as_str() {
            "pki" => return Trust::Pki,
            "first-use" => return Trust::FirstUse,
            _ => {}
        }
        let hint = match trust.strip_prefix("thumbprint:").map(thumbprint) {
            Some(Ok(bytes)) => return Trust::Thumbprint(bytes),
            Some(Err(why)) => Some(why),
            None => {
                let words = ["pki", "first-use", "thumbprint:…"];
                Some(similar::hint(trust, "ways to trust a certificate", words))
            }
        };
        self.error(t, trust.span(), format!("`trust` cannot be `{}`", **trust))
            .label("not a way to trust a certificate")
            .maybe_help(hint);
        Trust::Pki
    }

    /// What `login` is worth without encryption.
    fn clear_login(&mut self, t: &Table<'_>, login: Option<&UserLogin>, security: Security) {
        let (severe, message) = match login {
            Some(UserLogin::Password { .. }) if security == Security::None => {
                (false, format!("the password of `{}` goes over the wire in clear", t.path))
            }
            Some(UserLogin::Certificate { .. }) if security == Security::None => {
                (true, format!("`{}` cannot show a certificate without encryption", t.path))
            }
            Some(UserLogin::Password { .. } | UserLogin::Certificate { .. }) | None => return,
        };
        let place = t.here();
        let fault = if severe {
            self.sink.error(&place, message)
        } else {
            self.sink.warning(&place, message)
        };
        fault.label("`login` without encryption");
    }

    fn login(&mut self, t: &Table<'_>, raw: &Spot<raw::Login>) -> Option<UserLogin> {
        let raw::Login { user, password_file, password_env, certificate_file, key_file } = &**raw;
        let password = match (password_file, password_env) {
            (Some(file), None) => Some(Secret::File(file.as_str().into())),
            (None, Some(variable)) => Some(Secret::Env((**variable).clone())),
            (Some(_), Some(_)) | (None, None) => None,
        };
        let by_name = user.is_some() || password_file.is_some() || password_env.is_some();
        let (message, label) = match (user, password, certificate_file, key_file) {
            (Some(user), Some(password), None, None) => {
                return Some(UserLogin::Password { user: (**user).clone(), password });
            }
            (None, _, Some(certificate), Some(key)) if !by_name => {
                return Some(UserLogin::Certificate {
                    certificate: certificate.as_str().into(),
                    key: key.as_str().into(),
                });
            }
            (.., Some(_), _) | (.., Some(_)) => (
                "`login` by certificate wants `certificate_file` and `key_file`, and nothing else",
                "a user has a password or a certificate",
            ),
            (Some(_), None, None, None) => (
                "`login` wants one of `password_file` and `password_env`",
                "where is the password?",
            ),
            (None, _, None, None) => ("`login` has no `user`", "who are we?"),
        };
        self.error(t, raw.span(), message).label(label);
        None
    }

    fn modbus(&mut self, t: &Table<'_>, url: &Spot<String>, raw: &raw::Device) -> Linked {
        self.only_opcua(t, raw);
        let transport = self.transport(t, url, raw);
        let timeout = self.period(t, raw.timeout.as_ref(), TIMEOUT);
        let limits = self.read_limits(t, raw);
        if let Some(unit) = &raw.modbus_unit
            && transport.as_ref().is_some_and(Transport::is_rtu)
            && !SERIAL_UNITS.contains(&**unit)
        {
            self.error(t, unit.span(), format!("nobody has unit {} on a serial line", **unit))
                .label("wanted 1 to 247")
                .help("0 speaks to all and nobody answers; 248 to 255 are reserved");
        }
        let protocol = transport.map(|transport| {
            Protocol::Modbus(ModbusLink {
                url: (**url).clone(),
                transport,
                unit: raw.modbus_unit.as_ref().map_or(1, |unit| **unit),
                share: raw.share.as_ref().map(|share| (**share).clone()),
                timeout,
                limits: limits.clone(),
            })
        });
        Linked { kind: Some(Kind::Modbus), protocol, namespace: None, limits: Some(limits) }
    }

    /// What the URL of a Modbus device says, and whose certificate is taken where there is one.
    fn transport(
        &mut self,
        t: &Table<'_>,
        url: &Spot<String>,
        raw: &raw::Device,
    ) -> Option<Transport> {
        let encrypted = url.starts_with("tls://");
        let trust =
            if encrypted { self.trust(t, raw, Security::SignAndEncrypt) } else { Trust::Pki };
        if let Some(raw) = raw.trust.as_ref().filter(|_| !encrypted) {
            self.error(t, raw.span(), "`trust` is about certificates; this device shows none")
                .label("only with `opc.tcp://` and `tls://`")
                .help("write `tls://` in `url` if the device encrypts");
        }
        let fault = match Transport::parse(url, trust) {
            Ok(transport) => return Some(transport),
            Err(fault) => fault,
        };
        let wanted = match &fault {
            TransportError::Host { wanted, .. } => format!("wanted `{wanted}`"),
            TransportError::Scheme(_) | TransportError::Line(_) => {
                "wanted `rtu:///dev/ttyS1?19200,8e1`: port, rate, then `8e1`, `8o1`, `8n1` or `8n2`"
                    .to_owned()
            }
        };
        self.error(t, url.span(), fault.to_string()).label(wanted);
        None
    }

    fn read_limits(&mut self, t: &Table<'_>, raw: &raw::Device) -> ReadLimits {
        let max = raw.max_read.as_ref();
        let words = max.and_then(|max| max.words.as_ref()).map_or(120, |words| **words);
        let bits = max.and_then(|max| max.bits.as_ref()).map_or(1000, |bits| **bits);
        let read_over = raw.read_over.as_ref().map(|over| **over);
        let holes = raw.holes.iter().flatten();
        let holes = holes.filter_map(|hole| self.hole(t, hole)).collect();
        ReadLimits { words, bits, read_over, holes }
    }

    fn hole(&mut self, t: &Table<'_>, raw: &Spot<String>) -> Option<(Area, u16, u16)> {
        let (first, last) = raw.split_once("..").unwrap_or((raw, ""));
        let parsed = point::parse(first).map(|(area, first)| {
            let last = if last.is_empty() { Some(first) } else { last.parse().ok() };
            last.filter(|last| *last >= first).map(|last| (area, first, last))
        });
        let why = match parsed {
            Ok(Some(hole)) => return Some(hole),
            Ok(None) => "wanted a last address after the first: `hr:130..139`".to_owned(),
            Err(error) => error.to_string(),
        };
        self.error(t, raw.span(), format!("`{}` is not a range of addresses", **raw))
            .label("not a range")
            .help(why);
        None
    }

    fn only_modbus(&mut self, t: &Table<'_>, raw: &raw::Device) {
        let keys = [
            ("poll", raw.poll.as_ref().map(Spot::span)),
            ("modbus_unit", raw.modbus_unit.as_ref().map(Spot::span)),
            ("share", raw.share.as_ref().map(Spot::span)),
            ("timeout", raw.timeout.as_ref().map(Spot::span)),
            ("order", raw.order.as_ref().map(Spot::span)),
            ("strings", raw.strings.as_ref().map(Spot::span)),
            ("max_read", raw.max_read.as_ref().map(Spot::span)),
            ("read_over", raw.read_over.as_ref().map(Spot::span)),
            ("holes", raw.holes.as_ref().and_then(|h| h.first()).map(Spot::span)),
        ];
        self.foreign_keys(t, Kind::Modbus, &keys);
    }

    fn only_opcua(&mut self, t: &Table<'_>, raw: &raw::Device) {
        let keys = [
            ("publish", raw.publish.as_ref().map(Spot::span)),
            ("security", raw.security.as_ref().map(Spot::span)),
            ("allow_insecure", raw.allow_insecure.as_ref().map(Spot::span)),
            ("login", raw.login.as_ref().map(Spot::span)),
            ("namespace", raw.namespace.as_ref().map(Spot::span)),
            ("root", raw.root.as_ref().map(Spot::span)),
        ];
        self.foreign_keys(t, Kind::OpcUa, &keys);
    }

    /// Refuses keys that belong to the other protocol.
    pub(super) fn foreign_keys(
        &mut self,
        t: &Table<'_>,
        theirs: Kind,
        keys: &[(&str, Option<Range<usize>>)],
    ) {
        let ours = match theirs {
            Kind::OpcUa => Kind::Modbus,
            Kind::Modbus => Kind::OpcUa,
        };
        for (key, span) in keys {
            let Some(span) = span.clone() else { continue };
            let instead = match *key {
                "poll" => Some("write `publish`".to_owned()),
                "publish" => Some("write `poll`".to_owned()),
                _ => None,
            };
            let (theirs, ours) = (theirs.name(), ours.name());
            self.error(t, span, format!("`{key}` belongs to {theirs}; this device speaks {ours}"))
                .label(format!("only for {theirs}"))
                .maybe_help(instead);
        }
    }
}

fn thumbprint(text: &str) -> Result<[u8; 32], String> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    let wanted = "a SHA-256 thumbprint has 64 hexadecimal digits, as `probe` prints it";
    let mut bytes = [0; 32];
    if digits.len() != 64 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        let found = digits.chars().count();
        return Err(format!("{wanted}; here are {found} characters"));
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        let pair = digits.get(at..at + 2).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wanted.to_owned())?;
    }
    Ok(bytes)
}
