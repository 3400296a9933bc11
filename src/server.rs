//! Listeners, and the loop that answers connections until the process is told to stop.

use std::{io, net::SocketAddr, pin::pin, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::api::{LARGEST_HEAD, MOST_HEADERS};

/// How long a connection may be idle, or take to send a head: longer than a load balancer keeps
/// one, or it would send requests to a closing socket.
const IDLE: Duration = Duration::from_secs(75);

/// How long what is in flight may still take once the listener is closed.
const FINISH: Duration = Duration::from_secs(30);

/// Binds a listener; the error names the key and the address.
pub async fn listen(key: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address).await.map_err(|cause| ListenError { key: key.to_owned(), address, cause })
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("{key}: cannot listen on {address}: {}", reason(.cause))]
pub struct ListenError {
    key: String,
    address: SocketAddr,
    #[source]
    cause: io::Error,
}

fn reason(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "another program listens there already. Stop it, or choose another port.".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not. Choose a port above 1023.".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address.".to_owned(),
        _ => cause.to_string(),
    }
}

/// Answers connections until `stop`, then closes the listener and finishes what is in flight.
pub async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => drop(connections.spawn(answer(stream, router.clone(), stop.clone()))),
            Err(error) => rest_after(&error).await,
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(FINISH, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "connections were still open and are cut");
    }
}

/// Out of files, for instance: trying again at once would only spin.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn answer(stream: TcpStream, router: Router, stop: CancellationToken) {
    if stream.set_nodelay(true).is_err() {
        return; // the peer has gone already
    }
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new()) // without one no timeout holds
        .header_read_timeout(IDLE)
        // A little more than is let through, so that it is a layer of ours that refuses, in the envelope.
        .max_buf_size(2 * LARGEST_HEAD)
        .max_headers(4 * MOST_HEADERS);
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
