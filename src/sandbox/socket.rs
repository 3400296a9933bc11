//! Connections that can be made to break in the middle of an answer, or before its first byte.
//!
//! A response body cannot do that: the server knows its length and announces no other. So the break happens
//! one layer below, where the bytes are written.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
};

const INTACT: usize = usize::MAX;
const RESET: usize = usize::MAX - 1;

/// A handler's control of its connection: how many more bytes may be written to it.
#[derive(Debug, Clone)]
pub(super) struct Fuse(Arc<AtomicUsize>);

/// Accepts connections that have a [`Fuse`].
pub(super) struct FusedListener(pub(super) TcpListener);

/// A connection that fails once its fuse has burnt down.
pub(super) struct FusedStream {
    stream: TcpStream,
    fuse: Fuse,
}

// === impl Fuse ===

impl Fuse {
    /// Lets `bytes` more bytes through, then ends the connection.
    pub(super) fn end_after(&self, bytes: usize) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Resets the connection (RST, not FIN) where the answer would begin.
    pub(super) fn reset(&self) {
        self.end_after(RESET);
    }

    fn left(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn burn(&self, bytes: usize) {
        // Only the connection's own task writes, and it also sets the fuse: there is no race.
        match self.left() {
            INTACT | RESET => {}
            left => self.end_after(left.saturating_sub(bytes)),
        }
    }
}

impl Connected<IncomingStream<'_, FusedListener>> for Fuse {
    fn connect_info(stream: IncomingStream<'_, FusedListener>) -> Self {
        stream.io().fuse.clone()
    }
}

// === impl FusedListener ===

impl Listener for FusedListener {
    type Io = FusedStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (FusedStream, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.0).await;
        // Answers are small. If they were held back for more data, each would wait for an acknowledgement.
        _ = stream.set_nodelay(true);
        let fuse = Fuse(Arc::new(AtomicUsize::new(INTACT)));
        (FusedStream { stream, fuse }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

// === impl FusedStream ===

impl AsyncRead for FusedStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for FusedStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let left = self.fuse.left();
        if left == RESET {
            _ = self.stream.set_zero_linger();
        }
        if left == RESET || left == 0 {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let bytes = bytes.get(..left).unwrap_or(bytes);
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        if let Poll::Ready(Ok(count)) = written {
            self.fuse.burn(count);
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
