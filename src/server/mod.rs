//! The listeners, and the loop that answers connections until the process is told to stop.

mod connection;
mod refusal;
mod timeouts;
mod tls;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::connection::Answering;
use crate::api::SwappableRouter;

pub(crate) use tls::{Tls, TlsError};

/// Connections that may wait in the kernel to be accepted.
const BACKLOG: i32 = 4096;

/// How long connections are still accepted from the backlog, at most, when the listener closes.
const BACKLOG_TIME: Duration = Duration::from_millis(200);

/// If no connection arrives for this long, the backlog is empty.
const LULL: Duration = Duration::from_millis(20);

/// How long requests in flight may still take once the listener is closed.
const FINISH: Duration = Duration::from_secs(30);

/// Binds a listener; the error names the key and the address.
pub(crate) fn listen(key: &str, address: SocketAddr) -> Result<TcpListener, ListenError> {
    bind(address).map_err(|cause| ListenError { key: key.to_owned(), address, cause })
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

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
    socket.set_reuse_address(true)?; // a restart need not wait for the previous process's connections
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn reason(cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => "another program is already listening there. Stop it, or choose another port.".to_owned(),
        io::ErrorKind::PermissionDenied => "this user is not allowed to. Choose a port above 1023.".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine has no such address.".to_owned(),
        _ => cause.to_string(),
    }
}

/// Answers connections until `stop`, encrypted if `tls` is given, then closes the listener and finishes what
/// is in flight. Beyond `most` connections at a time, further ones wait in the kernel.
pub(crate) async fn serve(listener: TcpListener, router: Arc<SwappableRouter>, tls: Option<Tls>, most: usize, stop: CancellationToken) {
    let (connections, places, closed) = (TaskTracker::new(), Arc::new(Semaphore::new(most)), CancellationToken::new());
    let with = Answering { router, tls: tls.map(Arc::new), closed: closed.clone() };
    let answer = |stream, place| drop(connections.spawn(connection::answer(stream, place, with.clone())));
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = accept(&listener, &places) => accepted,
        };
        match accepted {
            Ok((stream, place)) => answer(stream, place),
            Err(error) => rest_after(&error).await,
        }
    }
    answer_backlog(listener, &places, answer).await;
    closed.cancel();
    connections.close();
    if tokio::time::timeout(FINISH, connections.wait()).await.is_err() {
        tracing::warn!(open = connections.len(), "closing connections that did not finish in time");
    }
}

/// Answers the connections in the backlog: as far as their peers know, they are connected. Then closes the listener.
async fn answer_backlog(listener: TcpListener, places: &Arc<Semaphore>, answer: impl Fn(TcpStream, OwnedSemaphorePermit)) {
    let backlog = tokio::time::Instant::now() + BACKLOG_TIME;
    while let Ok(Ok((stream, place))) = tokio::time::timeout(LULL, accept(&listener, places)).await {
        answer(stream, place);
        if tokio::time::Instant::now() > backlog {
            break; // they keep coming
        }
    }
    answer_rest(listener, places, answer);
}

/// Closes the listener and answers the connections that are there already.
fn answer_rest(listener: TcpListener, places: &Arc<Semaphore>, answer: impl Fn(TcpStream, OwnedSemaphorePermit)) {
    // Closing resets any connection made at that very moment. With a backlog of zero there is at most one of
    // them, however long this thread waits to be scheduled. The other clients' kernels try again and are
    // refused. If the kernel does not accept zero, there may be more.
    drop(socket2::SockRef::from(&listener).listen(0));
    // The kernel is asked directly: the runtime might not have learned yet what has arrived, and pauses a task after
    // a number of accepts, which would look like the end.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(place) = Arc::clone(places).try_acquire_owned()
        && let Ok(stream) = accepted(&listener)
    {
        answer(stream, place);
    }
}

/// Accepts a connection that is already there.
fn accepted(listener: &std::net::TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    TcpStream::from_std(stream)
}

/// Acquires a place first, then accepts a connection.
async fn accept(listener: &TcpListener, places: &Arc<Semaphore>) -> io::Result<(TcpStream, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

/// Pauses, because after running out of files, for instance, an immediate retry would only spin.
async fn rest_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "a connection could not be accepted");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn everyone_in_the_backlog_is_answered_however_many_there_are() {
        let listener = bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = listener.local_addr().unwrap();
        let waiting: Vec<_> = (0..200).map(|_| std::net::TcpStream::connect(address).unwrap()).collect();
        let answered = AtomicUsize::new(0);
        answer_rest(listener, &Arc::new(Semaphore::new(1000)), |_, _| {
            answered.fetch_add(1, Ordering::Relaxed);
        });
        assert_eq!(answered.into_inner(), waiting.len());
        assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
    }
}
