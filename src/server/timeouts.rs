//! Ends connections whose next head arrives too slowly, or not at all. hyper has a single timeout for both,
//! although one must be short and the other long, and restarts it with each request. Instead, this checks a
//! connection periodically.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// How long a connection may be idle: longer than a load balancer keeps one, which would otherwise send
/// requests to a closing socket.
const IDLE: Duration = Duration::from_secs(75);

/// How long a head may take from its first byte to its last.
const HEAD: Duration = Duration::from_secs(10);

/// What a connection is doing, and since when.
#[derive(Debug)]
pub(super) struct ConnectionActivity {
    begun: Instant,
    /// Milliseconds since `begun`, and in the two lowest bits the present activity.
    state: AtomicU64,
    /// Whether a response is owed, so that written bytes can belong to one.
    owes: AtomicBool,
}

/// What a connection may be doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It waits for a request; the end of an answer may still be on its way.
    Idle(Instant),
    /// A head has begun and is not complete.
    Head(Instant),
    /// A request is being answered: bytes that arrive meanwhile do not start a head's timeout.
    Answer,
}

/// Marks that a request is being answered, until this is dropped.
pub(super) struct Busy(Arc<ConnectionActivity>);

/// The body of an answer. Until it has been sent, its request counts as being answered, whatever arrives
/// meanwhile.
pub(super) struct TimedBody<B> {
    body: B,
    busy: Busy,
}

/// A stream whose activity is noted; for an encrypted one, the decrypted side.
///
/// If hyper writes while no response is owed, it refuses a head that it could not read, without a body. Those
/// bytes are held back, and only their status is kept.
pub(super) struct TimedStream<S> {
    stream: S,
    activity: Arc<ConnectionActivity>,
    refused: Option<StatusCode>,
}

// === impl ConnectionActivity ===

impl Default for ConnectionActivity {
    fn default() -> Self {
        Self { begun: Instant::now(), state: AtomicU64::new(0), owes: AtomicBool::new(false) }
    }
}

impl ConnectionActivity {
    /// Returns whether a head has begun and is not complete.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.phase(), Phase::Head(_))
    }

    /// Notes that the head has arrived; until the guard is dropped its request counts as being answered. If
    /// the peer does not read the answer, the kernel ends the connection.
    pub(super) fn head_is_there(self: &Arc<Self>) -> Busy {
        self.set(Phase::Answer);
        self.owes.store(true, Ordering::Relaxed);
        Busy(Arc::clone(self))
    }

    /// Ends when a head takes too long, or none arrives for too long.
    pub(super) async fn runs_out(&self) {
        loop {
            let now = Instant::now();
            let end = match self.phase() {
                Phase::Idle(since) => since + IDLE,
                Phase::Head(since) => since + HEAD,
                Phase::Answer => now + HEAD,
            };
            if end <= now {
                return;
            }
            // A head that begins meanwhile cannot have run out before the next check.
            tokio::time::sleep_until(end.min(now + HEAD)).await;
        }
    }

    fn bytes_came(&self) {
        if matches!(self.phase(), Phase::Idle(_)) {
            self.set(Phase::Head(Instant::now()));
        }
    }

    /// Notes that the peer reads what it was sent.
    fn bytes_went(&self) {
        if matches!(self.phase(), Phase::Idle(_)) {
            self.set(Phase::Idle(Instant::now()));
        }
    }

    /// Notes that everything has been written.
    fn all_went(&self) {
        if self.phase() != Phase::Answer {
            self.owes.store(false, Ordering::Relaxed);
        }
    }

    fn phase(&self) -> Phase {
        let state = self.state.load(Ordering::Relaxed);
        let since = self.begun + Duration::from_millis(state >> 2);
        match state & 3 {
            0 => Phase::Idle(since),
            1 => Phase::Head(since),
            _ => Phase::Answer,
        }
    }

    fn set(&self, phase: Phase) {
        let since = |since: Instant| u64::try_from((since - self.begun).as_millis()).unwrap_or(u64::MAX >> 2) << 2;
        let state = match phase {
            Phase::Idle(at) => since(at),
            Phase::Head(at) => since(at) | 1,
            Phase::Answer => 2,
        };
        self.state.store(state, Ordering::Relaxed);
    }
}

// === impl Busy ===

impl Busy {
    /// Keeps the guard alive for as long as the answer's body.
    pub(super) fn until_gone<B>(self, body: B) -> TimedBody<B> {
        TimedBody { body, busy: self }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set(Phase::Idle(Instant::now()));
    }
}

// === impl TimedBody ===

impl<B: Body + Unpin> Body for TimedBody<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        debug_assert_eq!(self.busy.0.phase(), Phase::Answer);
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

// === impl TimedStream ===

impl<S> TimedStream<S> {
    pub(super) fn new(stream: S, activity: Arc<ConnectionActivity>) -> Self {
        Self { stream, activity, refused: None }
    }

    /// Returns the status of the refusal that was held back, and the stream on which one is still due.
    pub(super) fn refused(self) -> Option<(StatusCode, S)> {
        self.refused.map(|status| (status, self.stream))
    }

    /// Returns whether bytes to be written belong to no response and are held back.
    fn holds_back(&mut self, bytes: &[u8]) -> bool {
        if self.activity.owes.load(Ordering::Relaxed) {
            return false;
        }
        self.refused = self.refused.or_else(|| status(bytes));
        self.refused.is_some()
    }

    fn noted(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.activity.bytes_went();
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for TimedStream<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buffer);
        if buffer.filled().len() > before {
            self.activity.bytes_came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for TimedStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if self.holds_back(bytes) {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.noted(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.activity.all_went();
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused.is_some() {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffers: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.holds_back(buffers.first().map_or(&[], |first| first)) {
            return Poll::Ready(Ok(buffers.iter().map(|buffer| buffer.len()).sum()));
        }
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, buffers);
        self.noted(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Returns the status in the first line of an answer.
fn status(bytes: &[u8]) -> Option<StatusCode> {
    let code = bytes.strip_prefix(b"HTTP/1.1 ").or_else(|| bytes.strip_prefix(b"HTTP/1.0 "))?;
    StatusCode::from_bytes(code.get(..3)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns after how many seconds from now the connection runs out of time; `None` if it does not within two minutes.
    async fn impatient_after(activity: &ConnectionActivity) -> Option<u64> {
        let start = Instant::now();
        let long = Duration::from_mins(2);
        tokio::time::timeout(long, activity.runs_out()).await.is_ok().then(|| start.elapsed().as_secs())
    }

    async fn wait(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_has_little_time_and_its_absence_much() {
        let activity = Arc::new(ConnectionActivity::default());
        assert_eq!(impatient_after(&activity).await, Some(75), "idle");
        activity.bytes_came();
        assert!(activity.is_running());
        assert_eq!(impatient_after(&activity).await, Some(10), "half a head");
        let busy = activity.head_is_there();
        activity.bytes_came();
        assert!(!activity.is_running());
        assert_eq!(impatient_after(&activity).await, None, "being answered");
        let body = busy.until_gone(http_body_util::Full::new(hyper::body::Bytes::from_static(b"roll")));
        activity.bytes_came();
        activity.bytes_went();
        assert!(!activity.is_running());
        assert_eq!(impatient_after(&activity).await, None, "the answer is on its way, and the next request after it");
        drop(body);
        assert_eq!(impatient_after(&activity).await, Some(75), "idle again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_drip_does_not_start_the_clock_anew_and_reading_does() {
        let activity = Arc::new(ConnectionActivity::default());
        wait(70).await;
        activity.bytes_went();
        assert_eq!(impatient_after(&activity).await, Some(75), "the peer still reads");
        activity.bytes_came();
        wait(4).await;
        activity.bytes_came();
        activity.bytes_went();
        assert_eq!(impatient_after(&activity).await, Some(6), "a drip");
    }

    #[tokio::test(start_paused = true)]
    async fn a_head_that_begins_between_two_looks_is_in_time_noticed() {
        let activity = Arc::new(ConnectionActivity::default());
        let late = Arc::clone(&activity);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(23)).await;
            late.bytes_came();
        });
        assert_eq!(impatient_after(&activity).await, Some(33));
    }
}
