//! A head that hyper itself refuses gets the same form of answer as any other error.

use std::time::Duration;

use http::{Request, StatusCode};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::api::{Peer, Refused, SwappableRouter};

/// The request that stands in for the unreadable one: with no method, and for no route.
const STAND_IN: &[u8] = b"- * HTTP/1.1\r\n\r\n";

/// How long a refusal may take, including reading what the peer is still sending.
const REFUSING: Duration = Duration::from_secs(5);

/// How much of what the peer is still sending is read, so that it gets to read its answer.
const MOST_REST: u64 = 1 << 20;

/// Answers in place of a refusal that was held back, and ends the connection.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, status: StatusCode, peer: Peer, router: &SwappableRouter) {
    let service = service_fn(|mut request: Request<Incoming>| {
        request.extensions_mut().insert(Refused(status));
        router.answer(request, peer)
    });
    let refusing = async {
        let io = TokioIo::new(tokio::io::join(STAND_IN, &mut stream));
        let answered = http1::Builder::new().keep_alive(false).half_close(true).serve_connection(io, service).await;
        if answered.is_ok() {
            // Closing a socket with unread data discards what was sent.
            drop(tokio::io::copy(&mut stream.take(MOST_REST), &mut tokio::io::sink()).await);
        }
    };
    drop(tokio::time::timeout(REFUSING, refusing).await);
}
