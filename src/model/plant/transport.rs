//! How a Modbus device is reached: what its URL says.
use super::Trust;
use std::time::Duration;

/// Registered for Modbus/TCP.
const PORT: u16 = 502;
/// Registered for Modbus over TLS.
const PORT_TLS: u16 = 802;
/// What the Modbus standard says for a serial line of which nothing is said (V1.02, §2.5.1).
const LINE: &str = "19200,8e1";
/// Rates that adapters know.
const BAUD: std::ops::RangeInclusive<u32> = 300..=1_000_000;
/// Silence between two frames above 19200 baud (V1.02, §2.5.1.1); below, three and a half characters.
const SILENCE: Duration = Duration::from_micros(1750);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Host {
    /// Name or address.
    pub name: String,
    /// TCP port.
    pub port: u16,
}

impl Host {
    /// Reads `host:port`, `host`, `[::1]:port`.
    pub fn parse(authority: &str, default: u16) -> Option<Self> {
        let (name, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (name, port) = rest.split_once(']')?;
                name.parse::<core::net::Ipv6Addr>().ok()?;
                (name, if port.is_empty() { None } else { Some(port.strip_prefix(':')?) })
            }
            None => match authority.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (authority, None),
            },
        };
        let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port > 0)?,
            None => default,
        };
        (!name.is_empty() && name.chars().all(plain)).then(|| Self { name: name.to_owned(), port })
    }
}

/// Check bit of a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Parity {
    /// `n`
    None,
    /// `e`
    Even,
    /// `o`
    Odd,
}

/// A serial line; its characters have eight bits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SerialLine {
    /// `/dev/ttyS1`.
    pub path: String,
    /// Bits a second.
    pub baud: u32,
    /// Check bit.
    pub parity: Parity,
    /// One or two.
    pub stop_bits: u8,
}

impl SerialLine {
    /// Reads `/dev/ttyS1?19200,8e1`; what is not said is as the Modbus standard has it.
    fn parse(text: &str) -> Option<Self> {
        let (path, line) = text.split_once('?').unwrap_or((text, LINE));
        let (baud, frame) = line.split_once(',').unwrap_or((line, "8e1"));
        let (parity, stop_bits) = match frame {
            "8n1" => (Parity::None, 1),
            "8n2" => (Parity::None, 2),
            "8e1" => (Parity::Even, 1),
            "8o1" => (Parity::Odd, 1),
            _ => return None,
        };
        let baud = baud.parse().ok().filter(|baud| BAUD.contains(baud))?;
        let named = path.starts_with('/') && path.len() > 1;
        named.then(|| Self { path: path.to_owned(), baud, parity, stop_bits })
    }

    /// How long so many characters take.
    pub fn time_of(&self, characters: u32) -> Duration {
        let parity = u32::from(self.parity != Parity::None);
        let bits = 1 + 8 + parity + u32::from(self.stop_bits);
        Duration::from_secs(1) * (bits * characters) / self.baud
    }

    /// How long it must be quiet between two frames.
    pub fn silence(&self) -> Duration {
        (self.time_of(7) / 2).max(SILENCE)
    }
}

/// How a Modbus device is reached.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// `tcp://`: Modbus/TCP.
    Tcp(Host),
    /// `rtu+tcp://`: the frames of a serial line, carried by a gateway that does not look at them.
    RtuTcp(Host),
    /// `tls://`: Modbus/TCP, encrypted.
    Tls(Host, Trust),
    /// `rtu://`: a serial line of this machine.
    Serial(SerialLine),
}

/// Why a URL says no way to a Modbus device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Another scheme.
    #[error("`{0}` is not the address of a Modbus device")]
    Scheme(String),
    /// Host or port.
    #[error("`{url}` has no usable host and port")]
    Host {
        /// As it was written.
        url: String,
        /// A right one.
        wanted: String,
    },
    /// Path or parameters.
    #[error("`{0}` is not a serial line")]
    Line(String),
}

impl Transport {
    /// Reads a URL; `trust` says whose certificate is taken where there is one.
    pub fn parse(url: &str, trust: Trust) -> Result<Self, TransportError> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(TransportError::Scheme(url.to_owned()));
        };
        let host = |port: u16| {
            Host::parse(rest.trim_end_matches('/'), port).ok_or_else(|| TransportError::Host {
                url: url.to_owned(),
                wanted: format!("{scheme}://host:{port}"),
            })
        };
        match scheme {
            "tcp" => Ok(Self::Tcp(host(PORT)?)),
            "rtu+tcp" => Ok(Self::RtuTcp(host(PORT)?)),
            "tls" => Ok(Self::Tls(host(PORT_TLS)?, trust)),
            "rtu" => SerialLine::parse(rest)
                .map(Self::Serial)
                .ok_or_else(|| TransportError::Line(url.to_owned())),
            _ => Err(TransportError::Scheme(url.to_owned())),
        }
    }

    /// Whether answers are told apart by the unit's number alone.
    pub fn is_rtu(&self) -> bool {
        match self {
            Self::Tcp(_) | Self::Tls(..) => false,
            Self::RtuTcp(_) | Self::Serial(_) => true,
        }
    }

    /// Whether nobody on the way can read or change what is said.
    pub fn is_encrypted(&self) -> bool {
        match self {
            Self::Tls(..) => true,
            Self::Tcp(_) | Self::RtuTcp(_) | Self::Serial(_) => false,
        }
    }

    /// Whether both end at the same place, however it is spoken to.
    pub fn meets(&self, other: &Self) -> bool {
        match (self.host(), other.host()) {
            (Some(one), Some(other)) => one == other,
            (None, None) => self.line().map(|line| &line.path) == other.line().map(|l| &l.path),
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    fn host(&self) -> Option<&Host> {
        match self {
            Self::Tcp(host) | Self::RtuTcp(host) | Self::Tls(host, _) => Some(host),
            Self::Serial(_) => None,
        }
    }

    /// The serial line, if it is one.
    pub fn line(&self) -> Option<&SerialLine> {
        match self {
            Self::Serial(line) => Some(line),
            Self::Tcp(_) | Self::RtuTcp(_) | Self::Tls(..) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<Transport, TransportError> {
        Transport::parse(url, Trust::Pki)
    }

    fn host(name: &str, port: u16) -> Host {
        Host { name: name.to_owned(), port }
    }

    fn line(path: &str, baud: u32, parity: Parity, stop_bits: u8) -> Transport {
        Transport::Serial(SerialLine { path: path.to_owned(), baud, parity, stop_bits })
    }

    #[test]
    fn the_scheme_says_how_it_is_spoken_to() {
        assert_eq!(parse("tcp://kettle"), Ok(Transport::Tcp(host("kettle", 502))));
        assert_eq!(
            parse("rtu+tcp://10.0.0.9:4001/"),
            Ok(Transport::RtuTcp(host("10.0.0.9", 4001)))
        );
        assert_eq!(parse("tls://[::1]"), Ok(Transport::Tls(host("::1", 802), Trust::Pki)));
        assert_eq!(parse("rtu:///dev/ttyS1"), Ok(line("/dev/ttyS1", 19_200, Parity::Even, 1)));
        assert_eq!(parse("rtu:///dev/ttyS1?9600"), Ok(line("/dev/ttyS1", 9600, Parity::Even, 1)));
        assert_eq!(parse("rtu:///dev/x?38400,8n2"), Ok(line("/dev/x", 38_400, Parity::None, 2)));
        assert_eq!(parse("rtu:///dev/x?38400,8o1"), Ok(line("/dev/x", 38_400, Parity::Odd, 1)));
    }

    #[test]
    fn what_says_no_way_is_refused() {
        for wrong in ["rtu://ttyS1", "rtu:///", "rtu:///dev/x?8e1", "rtu:///dev/x?19200,7e1"] {
            assert_eq!(parse(wrong), Err(TransportError::Line(wrong.to_owned())), "{wrong}");
        }
        for wrong in ["tcp://", "tcp://a b", "tls://kettle:0", "rtu+tcp://kettle:x"] {
            assert!(matches!(parse(wrong), Err(TransportError::Host { .. })), "{wrong}");
        }
        for wrong in ["kettle", "udp://kettle", ""] {
            assert!(matches!(parse(wrong), Err(TransportError::Scheme(_))), "{wrong}");
        }
    }

    #[test]
    fn a_place_is_the_same_however_it_is_spoken_to() {
        let meets = |one, other| parse(one).unwrap().meets(&parse(other).unwrap());
        assert!(meets("tcp://gw:502", "rtu+tcp://gw"));
        assert!(meets("rtu:///dev/ttyS1", "rtu:///dev/ttyS1?9600"));
        assert!(!meets("rtu:///dev/ttyS1", "rtu:///dev/ttyS2"));
        assert!(!meets("tcp://gw", "tls://gw"));
        assert!(!meets("tcp://gw", "rtu:///dev/ttyS1"));
    }

    #[test]
    fn a_character_of_a_slow_line_takes_its_time() {
        let Transport::Serial(line) = parse("rtu:///dev/x?9600").unwrap() else { panic!() };
        assert_eq!(line.time_of(96), Duration::from_millis(110));
        assert!(line.silence() > Duration::from_millis(4));
        let Transport::Serial(fast) = parse("rtu:///dev/x?115200,8n1").unwrap() else { panic!() };
        assert_eq!(fast.silence(), SILENCE);
    }
}
