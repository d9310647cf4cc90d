//! How to talk to a controller, as it is written.
use crate::config::spot::{Keyed, Scalar, Span, Spot};
use schemars::JsonSchema;
use serde::Deserialize;

/// A controller and how to talk to it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Device {
    /// Address; its scheme is the protocol: `opc.tcp://host:4840` is OPC UA, the others are Modbus.
    /// `tcp://host:502` is Modbus/TCP, `tls://host:802` the same encrypted, `rtu+tcp://host:502` the
    /// frames of a serial line through a gateway, `rtu:///dev/ttyS1?19200,8e1` a serial line of this
    /// machine (`8e1`, `8o1`, `8n1` or `8n2`). One controller stands in one table, which serves any number
    /// of stations.
    #[schemars(required, extend("examples" = ["opc.tcp://10.20.1.10:4840"]))]
    pub(in crate::config) url: Option<Spot<String>>,
    /// OPC UA: message security.
    #[schemars(extend("default" = "sign-and-encrypt"))]
    pub(in crate::config) security: Option<Spot<SecurityWord>>,
    /// OPC UA: says in so many words that `security = "none"` or `"legacy"` is meant.
    #[schemars(extend("default" = false))]
    pub(in crate::config) allow_insecure: Option<Spot<bool>>,
    /// OPC UA and `tls://`: how the certificate is trusted: `thumbprint:` and the SHA-256 that `probe`
    /// prints, `pki` (it lies in the folder of trusted certificates) or `first-use`.
    #[schemars(extend("default" = "pki"))]
    pub(in crate::config) trust: Option<Spot<String>>,
    /// OPC UA: who we are to the server; anonymous if not said.
    pub(in crate::config) login: Option<Spot<Login>>,
    /// OPC UA: URI of the nodes' namespace, resolved anew at every connect. An index such as `ns=3`
    /// moves when a server restarts.
    pub(in crate::config) namespace: Option<Spot<String>>,
    /// OPC UA: text before every node name.
    pub(in crate::config) root: Option<Spot<String>>,
    /// OPC UA: how often monitors and phases look; handshake words follow from their deadlines.
    #[schemars(extend("default" = "1s"))]
    pub(in crate::config) publish: Option<Spot<Span>>,
    /// Modbus: how often monitors and phases look; handshake words follow from their deadlines.
    #[schemars(extend("default" = "1s"))]
    pub(in crate::config) poll: Option<Spot<Span>>,
    /// How the life of the PLC program is proven.
    pub(in crate::config) heartbeat: Option<Spot<Heartbeat>>,
    /// The word that changes at every cold start or download. Without it: OPC UA takes the server's
    /// start time, Modbus has nothing.
    pub(in crate::config) restart: Option<Spot<String>>,
    /// What version of the PLC interface this file is written for; else capture stops and says so.
    pub(in crate::config) interface: Option<Spot<Interface>>,
    /// Modbus: unit identifier.
    #[schemars(extend("default" = 1))]
    pub(in crate::config) modbus_unit: Option<Spot<u8>>,
    /// Modbus: devices with one share use one connection, one request at a time.
    pub(in crate::config) share: Option<Spot<String>>,
    /// Modbus: how long to wait for an answer before the connection is dropped.
    #[schemars(extend("default" = "1s"))]
    pub(in crate::config) timeout: Option<Spot<Span>>,
    /// Modbus: order of bytes in values of 32 and 64 bits; a tag may say otherwise.
    #[schemars(extend("default" = "ABCD"))]
    pub(in crate::config) order: Option<Spot<WordOrderWord>>,
    /// Modbus: order of characters in a register.
    #[schemars(extend("default" = "hi-lo"))]
    pub(in crate::config) strings: Option<Spot<StringOrderWord>>,
    /// Modbus: limits of one read request.
    pub(in crate::config) max_read: Option<Spot<MaxRead>>,
    /// Modbus: registers read for nothing to save a request; if not said, as many as take less time than a
    /// request, as measured or, on a serial line, as its rate says.
    #[schemars(range(max = 125))]
    pub(in crate::config) read_over: Option<Spot<u16>>,
    /// Modbus: ranges that are never read; others are learned from the device's refusals.
    #[schemars(extend("examples" = [["hr:130..139"]]))]
    pub(in crate::config) holes: Option<Vec<Spot<String>>>,
    /// Points that need more than a name: all of a Modbus device's, none or some of OPC UA's.
    #[serde(default)]
    pub(in crate::config) tags: Keyed<Tag>,
}

/// Message security of an OPC UA connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Security")]
pub(in crate::config) enum SecurityWord {
    /// The best policy that both sides know, signed and encrypted.
    SignAndEncrypt,
    /// Also the withdrawn policies Basic256 and `Basic128Rsa15`, for a PLC that has no other; needs
    /// `allow_insecure = true`.
    Legacy,
    /// None at all; needs `allow_insecure = true`.
    None,
}

/// Who we are to an OPC UA server: a user with a password, or one by certificate. A password never stands
/// in the file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Login {
    /// Name of the user.
    pub(in crate::config) user: Option<Spot<String>>,
    /// The file that holds the password.
    pub(in crate::config) password_file: Option<Spot<String>>,
    /// The environment variable that holds the password.
    pub(in crate::config) password_env: Option<Spot<String>>,
    /// The file that holds the user's certificate, `.der` or `.pem`; instead of name and password.
    pub(in crate::config) certificate_file: Option<Spot<String>>,
    /// The file that holds the key of that certificate, PEM.
    pub(in crate::config) key_file: Option<Spot<String>>,
}

/// How the life of the PLC program is proven.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Heartbeat {
    /// The word that the PLC must move.
    pub(in crate::config) plc: Option<Spot<String>>,
    /// The word that we move.
    pub(in crate::config) host: Option<Spot<String>>,
    /// Standing longer than this is silence.
    #[schemars(extend("default" = "10s"))]
    pub(in crate::config) stale_after: Option<Spot<Span>>,
}

/// A version word of the PLC interface.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Interface {
    /// OPC UA: the word.
    pub(in crate::config) node: Option<Spot<String>>,
    /// Modbus: the word.
    pub(in crate::config) tag: Option<Spot<String>>,
    /// What it must be.
    #[schemars(required)]
    pub(in crate::config) equals: Option<Spot<Scalar>>,
}

/// Limits of one Modbus read request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct MaxRead {
    /// Registers.
    #[schemars(range(min = 1, max = 125), extend("default" = 120))]
    pub(in crate::config) words: Option<Spot<u16>>,
    /// Coils or discrete inputs.
    #[schemars(range(min = 1, max = 2000), extend("default" = 1000))]
    pub(in crate::config) bits: Option<Spot<u16>>,
}

/// Order of bytes in values of more than one register; A is the most significant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
#[schemars(rename = "WordOrder")]
pub(in crate::config) enum WordOrderWord {
    /// Big-endian throughout, the Modbus custom.
    Abcd,
    /// Low word first.
    Cdab,
    /// Bytes of each word swapped.
    Badc,
    /// Little-endian throughout.
    Dcba,
}

/// Which characters of a string a register holds, and in what order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[schemars(rename = "StringOrder")]
pub(in crate::config) enum StringOrderWord {
    /// Two; the high byte is the first.
    #[serde(rename = "hi-lo")]
    HighLow,
    /// Two; the low byte is the first.
    #[serde(rename = "lo-hi")]
    LowHigh,
    /// One, in the high byte.
    #[serde(rename = "hi")]
    High,
    /// One, in the low byte.
    #[serde(rename = "lo")]
    Low,
}

/// A configured point of a device.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::config) struct Tag {
    /// Modbus: where it is: `hr:100` (holding), `ir:` (input), `co:` (coil), `di:` (discrete) with
    /// the address on the wire, or the number of the manual, `"40101"`. OPC UA: its node name, if
    /// that is not the key.
    pub(in crate::config) at: Option<Spot<String>>,
    /// Modbus: how its registers are read: `u16` `i16` `u32` `i32` `u64` `i64` `f32` `f64` `bcd16`
    /// `bcd32` `bits` `string[N]`, those of Siemens `s7string[N]` and `dtl`, times since 1970 `epoch` (seconds, two
    /// registers) and `epoch_ms` (four); `bool` for coils and discrete inputs.
    pub(in crate::config) r#type: Option<Spot<String>>,
    /// Modbus: order of its bytes, if not as its device says.
    pub(in crate::config) order: Option<Spot<WordOrderWord>>,
    /// Modbus: raw value times this is the value.
    #[schemars(extend("default" = 1))]
    pub(in crate::config) scale: Option<Spot<f64>>,
    /// Unit of measure as a UCUM code.
    #[schemars(extend("examples" = ["Cel"]))]
    pub(in crate::config) eu: Option<Spot<String>>,
    /// Plausible values, from and to; what lies outside is bad.
    #[schemars(length(min = 2, max = 2))]
    pub(in crate::config) range: Option<Spot<Vec<Spot<f64>>>>,
    /// How far its value must move until it is taken again: `0.5` in its unit, or `"1 %"` of its `range`.
    /// What lies between is not recorded: a limit may be passed by so much unseen. Where an OPC UA server
    /// does not see to it, Pedigree does. Not for words whose every change counts.
    #[schemars(extend("examples" = [0.5, "1 %"]))]
    pub(in crate::config) change: Option<Spot<Scalar>>,
    /// Numbers that mean "no value"; `"nan"` always does.
    pub(in crate::config) bad: Option<Vec<Spot<Scalar>>>,
    /// Names of its values, for conditions.
    #[serde(default)]
    pub(in crate::config) names: Keyed<Spot<String>>,
    /// Names of its bits: `tag.bit` is a word.
    #[serde(default)]
    pub(in crate::config) bits: Keyed<Spot<String>>,
    /// OPC UA: how often it is looked at, if not as its device says.
    pub(in crate::config) publish: Option<Spot<Span>>,
    /// Modbus: how often it is looked at, if not as its device says.
    pub(in crate::config) poll: Option<Spot<Span>>,
}
