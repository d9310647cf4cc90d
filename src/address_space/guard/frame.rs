//! What may pass from a client to the server, judged on the bytes that stand in clear: frame headers,
//! the security header of OPN, and, where nothing is encrypted, the request header (Part 6 §6.7).
use ::opcua::types::StatusCode;

/// Longest frame in bytes; the largest buffer that the server offers.
pub(super) const FRAME_LEN_MAX: usize = 65_536;
/// Longest request in bytes over all its chunks. Nested values cost up to 1 KiB of stack for a byte.
pub(super) const REQUEST_LEN_MAX: usize = 512 << 10;
const _: () = assert!(crate::address_space::THREAD_STACK / REQUEST_LEN_MAX >= 1024);
/// Shortest frame: a header, channel, token, sequence and request.
const FRAME_LEN_MIN: usize = 24;
/// Longest frame that is neither encrypted nor signed.
const CLEAR_LEN_MAX: usize = 4 << 10;
/// Longest OPN.
const OPEN_LEN_MAX: usize = 16 << 10;
/// Bytes of a frame header.
pub(super) const HEADER_LEN: usize = 8;

/// Binary encoding ids of the requests that pass unencrypted: what finds and describes a server.
const CLEAR_REQUESTS: [u32; 3] = [422, 428, 12_208];
const OPEN_REQUEST: u32 = 446;
const CLOSE_REQUEST: u32 = 452;

const POLICY_NONE: &str = "http://opcfoundation.org/UA/SecurityPolicy#None";
/// The policies that are offered.
pub(super) const POLICIES: [&str; 3] = [
    "http://opcfoundation.org/UA/SecurityPolicy#Aes256_Sha256_RsaPss",
    "http://opcfoundation.org/UA/SecurityPolicy#Aes128_Sha256_RsaOaep",
    "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",
];

/// Why a connection is ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a frame is malformed or out of order")]
    Malformed,
    #[error("a frame, or a request over its frames, is longer than allowed")]
    TooLarge,
    #[error("the security policy is not offered, or was changed on the way")]
    Policy,
    #[error("the certificate named as ours is not ours")]
    Receiver,
    #[error("the client's certificate is not trusted")]
    Untrusted,
    #[error("the request is not allowed without encryption")]
    Clear,
    #[error("nothing came in time")]
    Late,
    #[error("the connection failed")]
    Broken,
}

impl Refusal {
    /// For the metric and the log.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too-large",
            Self::Policy => "policy",
            Self::Receiver => "receiver",
            Self::Untrusted => "untrusted",
            Self::Clear => "clear",
            Self::Late => "late",
            Self::Broken => "broken",
        }
    }

    /// What the client is told; about security no more than that it failed.
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Malformed | Self::Broken => StatusCode::BadTcpMessageTypeInvalid,
            Self::TooLarge => StatusCode::BadTcpMessageTooLarge,
            Self::Policy => StatusCode::BadSecurityPolicyRejected,
            Self::Receiver | Self::Untrusted | Self::Clear => StatusCode::BadSecurityChecksFailed,
            Self::Late => StatusCode::BadTimeout,
        }
    }
}

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Hello,
    Open,
    Message,
    Close,
}

/// The first bytes of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    kind: Kind,
    last: bool,
    /// Length of the whole frame in bytes.
    pub(super) len: usize,
}

impl Header {
    /// Reads a header; its length is checked before anything is kept for the rest.
    pub(super) fn parse(bytes: [u8; HEADER_LEN]) -> Result<Self, Refusal> {
        let [a, b, c, flag, len @ ..] = bytes;
        let kind = match &[a, b, c] {
            b"HEL" => Kind::Hello,
            b"OPN" => Kind::Open,
            b"MSG" => Kind::Message,
            b"CLO" => Kind::Close,
            _ => return Err(Refusal::Malformed),
        };
        let last = match (flag, kind) {
            (b'F', _) | (b'A', Kind::Message) => true,
            (b'C', Kind::Message) => false,
            _ => return Err(Refusal::Malformed),
        };
        let len = usize::try_from(u32::from_le_bytes(len)).map_err(|_| Refusal::TooLarge)?;
        if len > FRAME_LEN_MAX {
            return Err(Refusal::TooLarge);
        }
        if len < FRAME_LEN_MIN {
            return Err(Refusal::Malformed);
        }
        Ok(Self { kind, last, len })
    }
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Fresh,
    Greeted,
    Clear,
    Secure(usize),
}

/// What remains to be asked of a frame that is well-formed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passage<'a> {
    /// It may pass.
    Free,
    /// It may pass if this certificate is trusted.
    IfTrusted(&'a [u8]),
}

/// The judge of one connection.
#[derive(Debug)]
pub(super) struct Judge {
    stage: Stage,
    /// SHA-1 over our certificate, by which a client names it.
    own: Vec<u8>,
    /// Bytes of the request of which some frames have come.
    begun: usize,
}

impl Judge {
    /// A judge of a new connection.
    pub(super) fn new(own: Vec<u8>) -> Self {
        Self { stage: Stage::Fresh, own, begun: 0 }
    }

    /// Whether the channel is open: from then on a client may be silent.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Clear | Stage::Secure(_))
    }

    /// Judges a whole frame.
    pub(super) fn frame<'a>(
        &mut self,
        header: Header,
        bytes: &'a [u8],
    ) -> Result<Passage<'a>, Refusal> {
        let mut body = Bytes(bytes.get(HEADER_LEN..).ok_or(Refusal::Malformed)?);
        match (self.stage, header.kind) {
            (Stage::Fresh, Kind::Hello) => {
                self.stage = Stage::Greeted;
                Ok(Passage::Free)
            }
            (Stage::Greeted | Stage::Clear | Stage::Secure(_), Kind::Open) => {
                if header.len > OPEN_LEN_MAX {
                    return Err(Refusal::TooLarge);
                }
                self.open(body)
            }
            (Stage::Clear, Kind::Message | Kind::Close) => {
                if header.len > CLEAR_LEN_MAX || !header.last {
                    return Err(Refusal::Clear);
                }
                body.take(FRAME_LEN_MIN - HEADER_LEN)?;
                let request = body.request()?;
                let allowed = match header.kind {
                    Kind::Close => request == CLOSE_REQUEST,
                    Kind::Hello | Kind::Open | Kind::Message => CLEAR_REQUESTS.contains(&request),
                };
                allowed.then_some(Passage::Free).ok_or(Refusal::Clear)
            }
            (Stage::Secure(_), Kind::Message | Kind::Close) => {
                self.begun += header.len;
                if self.begun > REQUEST_LEN_MAX {
                    return Err(Refusal::TooLarge);
                }
                if header.last {
                    self.begun = 0;
                }
                Ok(Passage::Free)
            }
            (Stage::Fresh, Kind::Open | Kind::Message | Kind::Close)
            | (Stage::Greeted, Kind::Message | Kind::Close)
            | (Stage::Greeted | Stage::Clear | Stage::Secure(_), Kind::Hello) => {
                Err(Refusal::Malformed)
            }
        }
    }

    fn open<'a>(&mut self, mut body: Bytes<'a>) -> Result<Passage<'a>, Refusal> {
        body.take(4)?;
        let policy = body.text()?.unwrap_or_default();
        let certificate = body.text()?.unwrap_or_default();
        let receiver = body.text()?.unwrap_or_default();
        let policy = std::str::from_utf8(policy).map_err(|_| Refusal::Policy)?;
        if policy == POLICY_NONE {
            if matches!(self.stage, Stage::Secure(_)) {
                return Err(Refusal::Policy);
            }
            body.take(8)?;
            if body.request()? != OPEN_REQUEST {
                return Err(Refusal::Clear);
            }
            self.stage = Stage::Clear;
            return Ok(Passage::Free);
        }
        let policy = POLICIES.iter().position(|p| *p == policy).ok_or(Refusal::Policy)?;
        if !matches!(self.stage, Stage::Greeted) && self.stage != Stage::Secure(policy) {
            return Err(Refusal::Policy);
        }
        if receiver != self.own {
            return Err(Refusal::Receiver);
        }
        self.stage = Stage::Secure(policy);
        Ok(Passage::IfTrusted(certificate))
    }
}

/// Bytes not yet looked at.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], Refusal> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Refusal::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn u8(&mut self) -> Result<u8, Refusal> {
        self.take(1)?.first().copied().ok_or(Refusal::Malformed)
    }

    fn u32(&mut self) -> Result<u32, Refusal> {
        let bytes = self.take(4)?.try_into().map_err(|_| Refusal::Malformed)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// A `String` or `ByteString`; none if its length is −1.
    fn text(&mut self) -> Result<Option<&'a [u8]>, Refusal> {
        let len = self.u32()?;
        if len == u32::MAX {
            return Ok(None);
        }
        self.take(usize::try_from(len).map_err(|_| Refusal::TooLarge)?).map(Some)
    }

    /// A numeric `NodeId` of namespace 0 in any of its encodings (Part 6 §5.2.2.9).
    fn id(&mut self) -> Result<u32, Refusal> {
        let (namespace, id) = match self.u8()? {
            0 => (0, u32::from(self.u8()?)),
            1 => {
                let namespace = self.u8()?;
                let [low, high] = [self.u8()?, self.u8()?];
                (namespace, u32::from(u16::from_le_bytes([low, high])))
            }
            2 => {
                let namespace = self.u8()? | self.u8()?;
                (namespace, self.u32()?)
            }
            _ => return Err(Refusal::Clear),
        };
        if namespace == 0 { Ok(id) } else { Err(Refusal::Clear) }
    }

    /// The type of a request whose header carries nothing: no session and nothing to be decoded.
    fn request(&mut self) -> Result<u32, Refusal> {
        let request = self.id()?;
        if self.id()? != 0 {
            return Err(Refusal::Clear);
        }
        self.take(8 + 4 + 4)?;
        self.text()?;
        self.take(4)?;
        self.id()?;
        if self.u8()? == 0 { Ok(request) } else { Err(Refusal::Clear) }
    }
}

/// The frame that tells a client why it is cut off (Part 6 §7.1.2.5).
pub(super) fn error(refusal: &Refusal) -> Vec<u8> {
    let reason = refusal.to_string();
    let len = u32::try_from(HEADER_LEN + 8 + reason.len()).unwrap_or(u32::MAX);
    let mut frame = b"ERRF".to_vec();
    frame.extend(len.to_le_bytes());
    frame.extend(refusal.status().bits().to_le_bytes());
    frame.extend(u32::try_from(reason.len()).unwrap_or(0).to_le_bytes());
    frame.extend(reason.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(kind: [u8; 4], len: u32) -> Result<Header, Refusal> {
        let mut bytes = [0; HEADER_LEN];
        bytes[..4].copy_from_slice(&kind);
        bytes[4..].copy_from_slice(&len.to_le_bytes());
        Header::parse(bytes)
    }

    fn text(text: &[u8]) -> Vec<u8> {
        [&u32::try_from(text.len()).unwrap().to_le_bytes(), text].concat()
    }

    fn open(judge: &mut Judge, policy: &str, receiver: &[u8]) -> Result<(), Refusal> {
        let head = [0; HEADER_LEN + 4];
        let bytes = [&head[..], &text(policy.as_bytes()), &text(b"leaf"), &text(receiver)].concat();
        let header = header(*b"OPNF", u32::try_from(bytes.len()).unwrap()).unwrap();
        match judge.frame(header, &bytes)? {
            Passage::IfTrusted(certificate) => assert_eq!(certificate, b"leaf"),
            Passage::Free => panic!("a certificate is always looked at"),
        }
        Ok(())
    }

    fn greeted() -> Judge {
        let mut judge = Judge::new(b"us".to_vec());
        judge.frame(header(*b"HELF", 32).unwrap(), &[0; 32]).unwrap();
        judge
    }

    #[test]
    fn a_header_is_refused_before_its_frame_is_kept() {
        assert!(header(*b"MSGC", 65_536).is_ok());
        assert_eq!(header(*b"MSGF", 65_537), Err(Refusal::TooLarge));
        assert_eq!(header(*b"MSGF", u32::MAX), Err(Refusal::TooLarge));
        assert_eq!(header(*b"MSGF", 23), Err(Refusal::Malformed));
        assert_eq!(header(*b"OPNC", 100), Err(Refusal::Malformed));
        assert_eq!(header(*b"ACKF", 100), Err(Refusal::Malformed));
    }

    #[test]
    fn a_channel_is_opened_towards_us_and_keeps_its_policy() {
        let [first, second, _] = POLICIES;
        assert_eq!(open(&mut greeted(), first, b"them"), Err(Refusal::Receiver));
        let mut judge = greeted();
        assert!(!judge.is_open());
        assert_eq!(open(&mut judge, first, b"us"), Ok(()));
        assert!(judge.is_open());
        assert_eq!(open(&mut judge, first, b"us"), Ok(()), "a renewal");
        assert_eq!(open(&mut judge, second, b"us"), Err(Refusal::Policy));
        assert_eq!(open(&mut judge, POLICY_NONE, b"us"), Err(Refusal::Policy));
    }

    #[test]
    fn a_request_is_bounded_over_all_its_frames() {
        let mut judge = greeted();
        open(&mut judge, POLICIES[0], b"us").unwrap();
        let bytes = vec![0; FRAME_LEN_MAX];
        let part = header(*b"MSGC", 65_536).unwrap();
        let end = header(*b"MSGF", 65_536).unwrap();
        for _ in 0..3 {
            for _ in 0..7 {
                assert_eq!(judge.frame(part, &bytes), Ok(Passage::Free));
            }
            assert_eq!(judge.frame(end, &bytes), Ok(Passage::Free));
        }
        for _ in 0..8 {
            judge.frame(part, &bytes).unwrap();
        }
        assert_eq!(judge.frame(part, &bytes), Err(Refusal::TooLarge));
    }

    #[test]
    fn no_bytes_make_the_judge_fail() {
        for len in 24..200_u32 {
            for fill in [0, 1, 2, 0x7f, 0xff] {
                let bytes = vec![fill; len as usize];
                for kind in [*b"OPNF", *b"MSGF", *b"CLOF"] {
                    let mut judge = greeted();
                    assert!(judge.frame(header(kind, len).unwrap(), &bytes).is_err());
                }
            }
        }
    }
}
