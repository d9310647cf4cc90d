//! A relay before the PLC that takes the data out of single messages of a subscription: what a
//! gateway with a full queue, or a server with a fault, does.
use ::opcua::types::{
    BinaryDecodable, BinaryEncodable, ContextOwned, NotificationMessage, PublishResponse,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Chunk type, length, channel, token, sequence number and request id.
const HEADER: usize = 24;
/// Encoding ids of OPC UA Part 6, as the four bytes of a node id.
const PUBLISH_RESPONSE: [u8; 4] = [1, 0, 0x3D, 0x03];
const REPUBLISH_REQUEST: [u8; 4] = [1, 0, 0x40, 0x03];

#[derive(Default)]
struct Orders {
    /// So many messages with data lose it.
    empty: AtomicU32,
    /// Whether a message that is asked for again is not found.
    forgets: AtomicBool,
    /// Whether the next message ends after its headers.
    cuts: AtomicBool,
}

/// Runs until it is dropped.
pub(super) struct Relay {
    pub(super) port: u16,
    orders: Arc<Orders>,
    _running: JoinSet<()>,
}

impl Relay {
    /// Before a server; it must be spoken to without security where data are to be taken out.
    pub(super) async fn start(target: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let orders = Arc::new(Orders::default());
        let mut running = JoinSet::new();
        let given = Arc::clone(&orders);
        running.spawn(async move {
            let mut links = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(("127.0.0.1", target)).await.unwrap();
                let (from_client, to_client) = client.into_split();
                let (from_server, to_server) = server.into_split();
                let (asks, answers) = (Arc::clone(&given), Arc::clone(&given));
                links.spawn(carry(from_client, to_server, move |chunk| asks.ask(chunk)));
                links.spawn(carry(from_server, to_client, move |chunk| answers.answer(chunk)));
            }
        });
        Self { port, orders, _running: running }
    }

    /// Takes the data out of the next message that has any.
    pub(super) fn empty_one(&self) {
        self.orders.empty.store(1, Ordering::SeqCst);
    }

    pub(super) async fn emptied(&self) {
        while self.orders.empty.load(Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// From now on the server keeps nothing to send again.
    pub(super) fn forget(&self) {
        self.orders.forgets.store(true, Ordering::SeqCst);
    }

    /// The next message that the server sends ends after its headers.
    pub(super) fn cut_one(&self) {
        self.orders.cuts.store(true, Ordering::SeqCst);
    }
}

impl Orders {
    fn ask(&self, chunk: Vec<u8>) -> Vec<u8> {
        if !is(&chunk, REPUBLISH_REQUEST) || !self.forgets.load(Ordering::SeqCst) {
            return chunk;
        }
        let mut chunk = chunk;
        let number = chunk.len() - 4;
        chunk[number..].copy_from_slice(&u32::MAX.to_le_bytes());
        chunk
    }

    fn answer(&self, mut chunk: Vec<u8>) -> Vec<u8> {
        if chunk.starts_with(b"MSG") && self.cuts.swap(false, Ordering::SeqCst) {
            chunk.truncate(HEADER);
            chunk[4..8].copy_from_slice(&24_u32.to_le_bytes());
            return chunk;
        }
        if !is(&chunk, PUBLISH_RESPONSE) || self.empty.load(Ordering::SeqCst) == 0 {
            return chunk;
        }
        let owned = ContextOwned::default();
        let context = owned.context();
        let (before, mut body) = chunk.split_at(HEADER + PUBLISH_RESPONSE.len());
        let mut response = PublishResponse::decode(&mut body, &context).unwrap();
        let message: &mut NotificationMessage = &mut response.notification_message;
        if message.notification_data.take().is_none_or(|data| data.is_empty()) {
            return chunk;
        }
        self.empty.fetch_sub(1, Ordering::SeqCst);
        let mut spoiled = before.to_vec();
        response.encode(&mut spoiled, &context).unwrap();
        let length = u32::try_from(spoiled.len()).unwrap();
        spoiled[4..8].copy_from_slice(&length.to_le_bytes());
        spoiled
    }
}

fn is(chunk: &[u8], kind: [u8; 4]) -> bool {
    chunk.starts_with(b"MSG") && chunk.get(HEADER..HEADER + 4) == Some(&kind)
}

/// Chunk by chunk until either side closes.
async fn carry(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    change: impl Fn(Vec<u8>) -> Vec<u8>,
) {
    loop {
        let mut chunk = vec![0; 8];
        if from.read_exact(&mut chunk).await.is_err() {
            return;
        }
        let length = u32::from_le_bytes(chunk[4..8].try_into().unwrap());
        chunk.resize(usize::try_from(length).unwrap(), 0);
        if from.read_exact(&mut chunk[8..]).await.is_err() {
            return;
        }
        if to.write_all(&change(chunk)).await.is_err() {
            return;
        }
    }
}
