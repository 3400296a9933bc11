//! Ends connections whose next head comes too slowly. hyper has one timeout for idleness, which
//! must be long, and for the head, which must be short: this watches the head apart.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::Notify,
    time::Instant,
};

/// Since when a head is being read, if one is.
#[derive(Debug, Default)]
pub(super) struct HeadClock {
    since: Mutex<Option<Instant>>,
    in_flight: AtomicUsize,
    begun: Notify,
}

/// A request is being answered: what is read meanwhile is no head that anybody waits for.
pub(super) struct Busy(Arc<HeadClock>);

/// A stream whose reading the clock watches; of an encrypted one, what has been decrypted.
pub(super) struct Watched<S> {
    stream: S,
    clock: Arc<HeadClock>,
}

impl HeadClock {
    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn since(&self) -> Option<Instant> {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bytes_came(&self) {
        if self.in_flight.load(Ordering::Relaxed) == 0 && self.since().is_none() {
            self.set(Some(Instant::now()));
            self.begun.notify_one();
        }
    }

    /// Whether a head has begun and is not there yet.
    pub(super) fn is_running(&self) -> bool {
        self.since().is_some()
    }

    /// The head has come; until the guard is dropped its request is being answered.
    pub(super) fn head_is_there(self: &Arc<Self>) -> Busy {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.set(None);
        Busy(Arc::clone(self))
    }

    /// Ends when a head takes longer than it may.
    pub(super) async fn is_slow(&self, limit: Duration) {
        loop {
            let Some(since) = self.since() else {
                self.begun.notified().await;
                continue;
            };
            tokio::time::sleep_until(since + limit).await;
            if self.since() == Some(since) {
                return;
            }
        }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S> Watched<S> {
    pub(super) fn new(stream: S, clock: Arc<HeadClock>) -> Self {
        Self { stream, clock }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.clock.bytes_came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// When the clock loses its patience, in seconds from now; `None` where it does not within a minute.
    async fn impatient_after(clock: &HeadClock) -> Option<u64> {
        let start = Instant::now();
        let minute = Duration::from_mins(1);
        tokio::time::timeout(minute, clock.is_slow(LIMIT)).await.is_ok().then(|| start.elapsed().as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn only_a_head_that_has_begun_is_waited_for() {
        let clock = Arc::new(HeadClock::default());
        assert_eq!(impatient_after(&clock).await, None, "idle");
        clock.bytes_came();
        assert_eq!(impatient_after(&clock).await, Some(10), "half a head");
        let busy = clock.head_is_there();
        clock.bytes_came();
        assert_eq!(impatient_after(&clock).await, None, "being answered");
        drop(busy);
        clock.bytes_came();
        tokio::time::advance(Duration::from_secs(4)).await;
        clock.bytes_came();
        assert_eq!(impatient_after(&clock).await, Some(6), "a drip does not start the clock anew");
    }
}
