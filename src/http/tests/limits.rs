//! More than there is room for is refused or waits, and is counted.
use super::{Server, quiet};
use crate::http::serve::{BODY_LEN_MAX, CONNECTIONS_MAX};
use crate::http::tap::WATCHERS_MAX;
use crate::http::{CommandFault, CommandPort};
use crate::model::{Command, Text};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Asks on a connection that stays open; the code of the answer.
fn asked(server: &Server, stream: &mut TcpStream) -> std::io::Result<u16> {
    let request = format!("GET /live HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
    stream.write_all(request.as_bytes())?;
    answered(stream)
}

fn answered(stream: &mut TcpStream) -> std::io::Result<u16> {
    let mut text = vec![0; 4096];
    let len = stream.read(&mut text)?;
    let text = String::from_utf8_lossy(&text[..len]).into_owned();
    Ok(text.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default())
}

#[test]
fn one_connection_more_than_there_may_be_is_answered_when_another_is_closed() {
    let server = quiet();
    let connect = || TcpStream::connect(server.address).unwrap();
    let mut open: Vec<TcpStream> = (0..CONNECTIONS_MAX).map(|_| connect()).collect();
    for stream in &mut open {
        assert_eq!(asked(&server, stream).unwrap(), 200);
    }
    let count = || server.metrics.http_requests.with_label_values(&["/live", "200"]).get();
    assert_eq!(count(), CONNECTIONS_MAX as u64);
    let mut more = connect();
    more.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let waits = asked(&server, &mut more).unwrap_err().kind();
    assert!(matches!(waits, ErrorKind::WouldBlock | ErrorKind::TimedOut), "{waits}");
    assert_eq!(asked(&server, &mut open[0]).unwrap(), 200, "nobody else is the worse for it");
    assert_eq!(count(), CONNECTIONS_MAX as u64 + 1);
    drop(open.pop());
    more.set_read_timeout(None).unwrap();
    assert_eq!(answered(&mut more).unwrap(), 200);
}

#[test]
fn a_body_without_an_end_is_refused_when_it_is_too_long() {
    let server = quiet();
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = format!(
        "POST /api/v1/commands HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address
    );
    stream.write_all(head.as_bytes()).unwrap();
    let chunk = [b"10000\r\n".as_slice(), &vec![b' '; 1 << 16], b"\r\n"].concat();
    let mut sent = 0;
    // The server may have ended the connection when it had enough.
    while sent < 64 * BODY_LEN_MAX && stream.write_all(&chunk).is_ok() {
        sent += 1 << 16;
    }
    assert!(sent < 64 * BODY_LEN_MAX, "it takes what has no end");
    let refused = server.metrics.http_requests.with_label_values(&["/api/v1/commands", "413"]);
    assert_eq!(refused.get(), 1);
    assert_eq!(server.get("/live").code, 200);
}

#[test]
fn one_watcher_more_than_there_may_be_is_told_so_and_has_room_when_another_goes() {
    let server = quiet();
    let watch = || {
        let mut stream = TcpStream::connect(server.address).unwrap();
        let request = format!("GET /api/v1/tap HTTP/1.1\r\nHost: {}\r\n\r\n", server.address);
        stream.write_all(request.as_bytes()).unwrap();
        let code = answered(&mut stream).unwrap();
        (stream, code)
    };
    let mut watching: Vec<_> = (0..WATCHERS_MAX).map(|_| watch()).collect();
    assert!(watching.iter().all(|(_, code)| *code == 200));
    for _ in 0..3 {
        assert_eq!(watch().1, 503);
    }
    assert_eq!(server.tap.receiver_count(), WATCHERS_MAX);
    drop(watching.pop());
    while watch().1 != 200 {}
}

#[tokio::test(start_paused = true)]
async fn commands_that_find_no_room_are_told_to_come_again_and_none_is_lost() {
    let room = 4;
    let (queue, mut waiting) = tokio::sync::mpsc::channel(room);
    let port = CommandPort::new(queue);
    let note = || {
        let text = |text| Text::parse(text).unwrap();
        Command::Note { item: None, text: text("look"), badge: text("17") }
    };
    let asked = futures::future::join_all((0..50).map(|_| port.send(note()))).await;
    let busy = asked.iter().filter(|told| **told == Err(CommandFault::Busy)).count();
    let late = asked.iter().filter(|told| **told == Err(CommandFault::Late)).count();
    assert_eq!((busy, late), (50 - room, room));
    assert_eq!(waiting.len(), room, "those that were taken are there");
    while waiting.try_recv().is_ok() {}
    assert_eq!(port.send(note()).await, Err(CommandFault::Late), "and there is room again");
}
