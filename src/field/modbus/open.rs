//! Opens the connection of a line: a socket, a socket with TLS, a serial port.
use super::bus::{Ask, Fault};
use super::tap::Tap;
use super::tls;
use crate::model::plant::{Area, Host, Parity, SerialLine, Transport};
use futures::FutureExt;
use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_modbus::client::{Context, rtu, tcp};
use tokio_modbus::slave::Slave;
use tokio_serial::{SerialPortBuilderExt, SerialStream};

/// A line that talks for so many answer times though nobody asks is never listened to.
const NOISE_MAX: u32 = 8;

/// A connection that was opened.
pub(super) struct Opened {
    pub(super) context: Context,
    /// With RTU frames: the bytes that came and were not asked for. Frames of TCP have numbers.
    tap: Option<Box<dyn AsyncRead + Send + Unpin>>,
}

impl Opened {
    /// To be done before each request: the next frame that comes is its answer.
    ///
    /// What waits in the line is a surplus answer (a slave or a gateway repeats itself, two slaves have one
    /// unit). It would be taken for the answer to the next request, that one's for the answer to the one
    /// after, and so on: values of other registers, each in a sound frame.
    pub(super) async fn in_step(&mut self, patience: Duration) -> Result<(), Fault> {
        let Some(tap) = &mut self.tap else { return Ok(()) };
        // Lets the driver of sockets see what has come.
        yield_now().await;
        let mut waste = [0; 256];
        // A stream that has ended is found out by the request.
        let came = tap.read(&mut waste).now_or_never();
        let Some(Ok(1..)) = came else { return Ok(()) };
        tracing::warn!(
            "bytes came that nobody had asked for; the line is listened to until it is quiet"
        );
        hush(tap, patience).await
    }
}

/// Connects. Who does not answer in `patience` is not there.
pub(super) async fn open(
    transport: &Transport,
    patience: Duration,
    pki: &Path,
) -> Result<Opened, Fault> {
    let slave = Slave::tcp_device();
    let numbered = |context| Opened { context, tap: None };
    Ok(match transport {
        Transport::Tcp(host) => numbered(tcp::attach_slave(dial(host, patience).await?, slave)),
        Transport::Tls(host, trust) => {
            let stream = dial(host, patience).await?;
            numbered(tcp::attach_slave(tls::agree(stream, host, trust, pki).await?, slave))
        }
        Transport::RtuTcp(host) => tapped(dial(host, patience).await?, patience).await?,
        Transport::Serial(line) => tapped(port(line)?, patience).await?,
    })
}

/// RTU frames over a stream that can also be listened to beside the library.
async fn tapped<S>(mut stream: S, patience: Duration) -> Result<Opened, Fault>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + Debug + 'static,
{
    hush(&mut stream, patience).await?;
    let stream = Tap::new(stream);
    let tap = Some(Box::new(stream.clone()) as Box<dyn AsyncRead + Send + Unpin>);
    Ok(Opened { context: rtu::attach_slave(stream, Slave::tcp_device()), tap })
}

/// A socket.
pub(super) async fn dial(host: &Host, patience: Duration) -> Result<TcpStream, Fault> {
    let stream = timeout(patience, TcpStream::connect((host.name.as_str(), host.port)))
        .await
        .map_err(|_| Fault::Unreachable(io::ErrorKind::TimedOut.into()))?
        .map_err(Fault::Unreachable)?;
    // Requests are single small packets: waiting for more of them only delays.
    stream.set_nodelay(true).map_err(Fault::Unreachable)?;
    Ok(stream)
}

fn port(line: &SerialLine) -> Result<SerialStream, Fault> {
    let parity = match line.parity {
        Parity::None => tokio_serial::Parity::None,
        Parity::Even => tokio_serial::Parity::Even,
        Parity::Odd => tokio_serial::Parity::Odd,
    };
    let stop_bits =
        if line.stop_bits == 2 { tokio_serial::StopBits::Two } else { tokio_serial::StopBits::One };
    tokio_serial::new(&line.path, line.baud)
        .data_bits(tokio_serial::DataBits::Eight)
        .parity(parity)
        .stop_bits(stop_bits)
        .open_native_async()
        .map_err(|why| Fault::Port { path: line.path.clone(), why: why.into() })
}

/// Throws away what comes until nothing has come for `quiet`.
///
/// An answer of RTU names its unit and nothing else of the request. One that came too late for the
/// connection before this one, or for the daemon before us, must not be the first that we read.
async fn hush(stream: &mut (impl AsyncRead + Unpin), quiet: Duration) -> Result<(), Fault> {
    let mut waste = [0; 256];
    let listening = async {
        while let Ok(came) = timeout(quiet, stream.read(&mut waste)).await {
            if came.map_err(Fault::Transport)? == 0 {
                return Err(Fault::Transport(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    };
    let never = || Fault::Framing("the line is never quiet though nobody is asked".to_owned());
    timeout(quiet * NOISE_MAX, listening).await.map_err(|_| never())?
}

/// How long request and answer take on the wire; what is not a serial line takes no time.
pub(super) fn on_the_wire(transport: &Transport, ask: &Ask) -> Duration {
    // Unit, function, checksum: both ways. Then addresses and counts.
    let (frames, fields) = (2 * 4, 8);
    let carried: u32 = match ask {
        Ask::Open => return Duration::ZERO,
        Ask::Read(Area::Holding | Area::Input, _, count) => u32::from(*count) * 2,
        Ask::Read(Area::Coil | Area::Discrete, _, count) => u32::from(*count).div_ceil(8),
        Ask::WriteCoil(..) => 2,
        Ask::WriteWords(_, words) => u32::try_from(words.len()).unwrap_or(u32::MAX / 4) * 2,
        Ask::Identify(_) => 250,
    };
    transport.line().map_or(Duration::ZERO, |line| line.time_of(frames + fields + carried))
}
