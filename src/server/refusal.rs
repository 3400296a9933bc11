//! Whom hyper refuses before there is a request gets the answer that everybody gets.

use std::time::Duration;

use http::{Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::api::{Peer, Refused, SwappableRouter};

/// The request that stands for the one that could not be read: of no method and for no route.
const STAND_IN: &[u8] = b"- * HTTP/1.1\r\n\r\n";

/// How long a refusal may take, with what the peer is still sending.
const REFUSING: Duration = Duration::from_secs(5);

/// Bytes of what the peer is still sending that are read, so that he gets to read his answer.
const MOST_REST: u64 = 1 << 20;

/// Answers in the place of a refusal that was held back, and ends the connection.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, status: StatusCode, peer: Peer, router: &SwappableRouter) {
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Refused(status));
        router.answer(request, peer)
    });
    let refusing = async {
        let io = TokioIo::new(tokio::io::join(STAND_IN, &mut stream));
        let answered = http1::Builder::new().keep_alive(false).half_close(true).serve_connection(io, service).await;
        if answered.is_ok() {
            // A socket that is closed with something unread takes back what was sent.
            drop(tokio::io::copy(&mut stream.take(MOST_REST), &mut tokio::io::sink()).await);
        }
    };
    drop(tokio::time::timeout(REFUSING, refusing).await);
}
