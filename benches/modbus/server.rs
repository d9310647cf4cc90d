//! The server of the benchmark: every register is another at each read, so that each request is a change.
use std::future::{Ready, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use tokio::net::TcpListener;
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::{Server, accept_tcp_connection};
use tokio_modbus::{ExceptionCode, Request, Response};

/// Counts requests, and answers with the count in every register.
#[derive(Clone, Default)]
struct Counting(Arc<AtomicU16>);

impl Service for Counting {
    type Request = Request<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Ready<Result<Response, ExceptionCode>>;

    fn call(&self, request: Request<'static>) -> Self::Future {
        let Request::ReadHoldingRegisters(_, count) = request else {
            return ready(Err(ExceptionCode::IllegalFunction));
        };
        let asked = self.0.fetch_add(1, Ordering::Relaxed);
        ready(Ok(Response::ReadHoldingRegisters(vec![asked; usize::from(count)])))
    }
}

/// Serves until it is killed; its first line is its port.
#[tokio::main]
pub(crate) async fn serve() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    println!("{}", listener.local_addr().expect("an address").port());
    let counting = Counting::default();
    let connected = |stream, address| {
        let service = counting.clone();
        async move { accept_tcp_connection(stream, address, |_| Ok(Some(service.clone()))) }
    };
    let served = Server::new(listener).serve(&connected, |why| eprintln!("{why}")).await;
    served.expect("the listener stands");
}
