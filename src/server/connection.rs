//! One connection: how much it may send, and how long it may take.

use std::{pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::OwnedSemaphorePermit,
};
use tokio_util::sync::CancellationToken;

use super::{
    refusal::refuse,
    timeouts::{ConnectionActivity, TimedStream},
    tls::Tls,
};
use crate::api::{LARGEST_HEAD, MOST_HEADERS, Peer, SwappableRouter};

/// How long a connection stays fully usable once the listener closes, so that whatever its peer has sent by
/// then is read. After that, each answer ends its connection.
const GRACE: Duration = Duration::from_millis(250);

/// How long it may take to learn of what has arrived by then.
const LAST_LOOK: Duration = Duration::from_millis(10);

/// How long a peer may leave sent data unread.
const UNREAD: Duration = Duration::from_secs(30);

/// What every connection of a listener shares.
#[derive(Clone)]
pub(super) struct Answering {
    pub(super) router: Arc<SwappableRouter>,
    pub(super) tls: Option<Arc<Tls>>,
    /// Cancelled once the listener is closed.
    pub(super) closed: CancellationToken,
}

pub(super) async fn answer(stream: TcpStream, _place: OwnedSemaphorePermit, with: Answering) {
    if stream.set_nodelay(true).and_then(|()| end_unread(&stream)).is_err() {
        return; // the peer has already gone
    }
    let Answering { router, tls, closed } = with;
    let Ok(peer) = stream.peer_addr().map(|address| Peer::new(address, tls.is_some())) else { return };
    let Some(tls) = tls else { return converse(stream, peer, router, closed).await };
    let encrypted = tokio::select! {
        biased; // data that has arrived is read before the deadline counts, however late this task is scheduled
        encrypted = Box::pin(tls.shake_hands(stream)) => encrypted,
        () = grace_is_over(&closed) => None,
    };
    if let Some(stream) = encrypted {
        // Boxed: an encrypted stream is large, and plain connections should not reserve room for it.
        Box::pin(converse(stream, peer, router, closed)).await;
    }
}

async fn converse<S: AsyncRead + AsyncWrite + Unpin>(stream: S, peer: Peer, router: Arc<SwappableRouter>, closed: CancellationToken) {
    let activity = Arc::new(ConnectionActivity::default());
    let mut stream = TimedStream::new(stream, Arc::clone(&activity));
    talk(&mut stream, &activity, peer, &router, &closed).await;
    if let Some((status, stream)) = stream.refused() {
        // Boxed: such a refusal is very rare.
        Box::pin(refuse(stream, status, peer, &router)).await;
    }
}

/// Lets hyper read requests and write answers until either side ends.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut TimedStream<S>,
    activity: &Arc<ConnectionActivity>,
    peer: Peer,
    router: &SwappableRouter,
    closed: &CancellationToken,
) {
    let service = service_fn(|request| {
        let busy = activity.head_is_there();
        async move {
            let response = router.answer(request, peer).await;
            response.map(|response| response.map(|body| busy.until_gone(body)))
        }
    });
    let mut connection = pin!(protocol().serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        biased; // as above
        ended = connection.as_mut() => ended,
        () = activity.runs_out() => return,
        () = grace_is_over(closed) => {
            if activity.is_running() {
                return; // no request has arrived, so no answer is owed
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// HTTP/1.1 as hyper speaks it here.
fn protocol() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.header_read_timeout(None) // timeouts.rs does it
        // A little more than our own layer lets through, so that this layer refuses and knows which client it
        // was.
        .max_buf_size(2 * LARGEST_HEAD)
        .max_headers(4 * MOST_HEADERS);
    http
}

async fn grace_is_over(closed: &CancellationToken) {
    closed.cancelled().await;
    tokio::time::sleep(GRACE).await;
    // A thread that was not scheduled for that long sees that the time is up before it learns what has
    // arrived. After this pause it has learned it.
    tokio::time::sleep(LAST_LOOK).await;
}

/// Makes the kernel end a connection whose peer leaves sent data unread.
#[cfg(any(target_os = "android", target_os = "fuchsia", target_os = "linux"))]
fn end_unread(stream: &TcpStream) -> std::io::Result<()> {
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNREAD))
}

/// Other kernels keep their own, longer timeout.
#[cfg(not(any(target_os = "android", target_os = "fuchsia", target_os = "linux")))]
fn end_unread(_: &TcpStream) -> std::io::Result<()> {
    Ok(())
}
