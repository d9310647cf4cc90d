//! The TCP connection under an OPC UA client.
//!
//! The library's own connector leaves Nagle's algorithm on: a read sent after a publish request then
//! waits for the peer's delayed acknowledgement, 40 ms in a handshake of a few.
use super::fault::Fault;
use ::opcua::client::ConnectionSource;
use ::opcua::client::transport::{StreamConnection, StreamConnector};
use ::opcua::core::comms::{tcp_codec::TcpCodec, url::hostname_port_from_url};
use ::opcua::types::{DecodingOptions, EndpointDescription, Error, StatusCode};
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio_util::codec::FramedRead;

/// The port of `opc.tcp` if the URL names none (IANA).
const PORT: u16 = 4840;

type Reader = ReadHalf<TcpStream>;
type Writer = WriteHalf<TcpStream>;
type Connection = Result<StreamConnection<Reader, Writer>, Error>;
type Connect = fn(String, DecodingOptions) -> Connecting;

/// Connects to host and port of an endpoint's URL.
pub(super) type Wire = StreamConnector<Reader, Writer, Connect, Connecting>;

/// A connector for a URL.
pub(super) fn wire(url: &str) -> Result<Wire, Fault> {
    hostname_port_from_url(url, PORT).map_err(|_| Fault::Unreachable {
        url: url.to_owned(),
        why: "the URL is not of the form opc.tcp://host:port".to_owned(),
    })?;
    Ok(StreamConnector::new(connect, url.to_owned()))
}

/// A type with a name: as a bare `dyn`, its lifetime keeps the compiler from seeing that the task may
/// change threads.
pub(super) struct Connecting(Pin<Box<dyn Future<Output = Connection> + Send + Sync>>);

impl Future for Connecting {
    type Output = Connection;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Connection> {
        self.get_mut().0.as_mut().poll(context)
    }
}

/// Where the session builder gets its connector from.
pub(super) struct Wires;

impl ConnectionSource for Wires {
    type Builder = Wire;

    fn get_connector(&self, endpoint: &EndpointDescription) -> Result<Wire, Error> {
        let url = endpoint.endpoint_url.as_ref();
        wire(url).map_err(|why| Error::new(StatusCode::BadTcpEndpointUrlInvalid, why))
    }
}

fn connect(url: String, options: DecodingOptions) -> Connecting {
    Connecting(Box::pin(async move {
        let failed = |why: std::io::Error| Error::new(StatusCode::BadCommunicationError, why);
        let (host, port) = hostname_port_from_url(&url, PORT)
            .map_err(|status| Error::new(status, "the URL has no host"))?;
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let socket = TcpStream::connect((host, port)).await.map_err(failed)?;
        socket.set_nodelay(true).map_err(failed)?;
        let (reader, writer) = tokio::io::split(socket);
        Ok(StreamConnection::new(FramedRead::new(reader, TcpCodec::new(options)), writer, url))
    }))
}
