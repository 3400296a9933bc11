//! An HTTP client for one peer: one exchange, its body bounded, its errors classified.

use std::{
    sync::Once,
    time::{Duration, SystemTime},
};

use bytes::{Bytes, BytesMut};
use http::header;
use reqwest::{Request, Response};

use super::{deadline::Deadline, retry_after::retry_after, transport::Transport};
use crate::domain::{Failure, FailureKind};

/// Bytes that are reserved for a body before its length is known.
const FIRST_RESERVE: u64 = 64 << 10;

/// How much of an error's body is read, and for how long, so that its connection can be used again. The
/// meaning of an error is in its status.
const ERROR_BYTES: u64 = 64 << 10;
const ERROR_PATIENCE: Duration = Duration::from_millis(500);

/// The client of one peer.
#[derive(Debug)]
pub(crate) struct Client {
    http: reqwest::Client,
    /// The peer's name, for the log.
    peer: &'static str,
    bounds: Bounds,
}

/// What bounds the calls to one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long one exchange may take if its caller sets no bound.
    pub timeout: Duration,
    /// Idle connections that are kept open.
    pub max_idle: usize,
    /// Bytes of one answer, after decoding.
    pub max_response_bytes: u64,
}

/// An answer, of which at least the head has arrived.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, decoded, or why it did not arrive whole. Often the status decides all the same.
    pub body: Result<Bytes, Failure>,
    /// How long the peer asks to be left alone.
    pub retry_after: Option<Duration>,
}

/// The part of a body that has arrived. A body in a single chunk is not copied.
#[derive(Default)]
struct Came {
    first: Bytes,
    all: BytesMut,
}

impl Client {
    /// Builds the client. Redirects are never followed because one could carry credentials elsewhere. An idle
    /// connection is dropped before a peer would usually close it.
    pub(crate) fn new(peer: &'static str, transport: &Transport, bounds: Bounds) -> reqwest::Result<Self> {
        install_crypto();
        let builder = reqwest::Client::builder()
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never()) // retries, and counting them, are up to the caller
            .connect_timeout(bounds.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(bounds.max_idle)
            .tcp_nodelay(true);
        Ok(Self { http: transport.lay_on(builder)?.build()?, peer, bounds })
    }

    /// Builds a client for services on this machine, which accepts any certificate.
    pub(crate) fn of_this_machine(peer: &'static str, bounds: Bounds) -> reqwest::Result<Self> {
        install_crypto();
        let builder =
            reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).tls_danger_accept_invalid_certs(true);
        Ok(Self { http: builder.tls_certs_only([]).build()?, peer, bounds })
    }

    /// Does the same as [`Self::exchange`], for a call that has no bound of its own.
    pub(crate) async fn exchange_in_time(&self, request: Request) -> Result<Answer, Failure> {
        let deadline = Deadline::after(self.bounds.timeout);
        deadline.bound(self.exchange(request, deadline)).await.flatten()
    }

    /// Sends one request and reads its answer. The caller bounds the call and passes the deadline.
    pub(crate) async fn exchange(&self, request: Request, deadline: Deadline) -> Result<Answer, Failure> {
        let mut response = self.http.execute(request).await.map_err(|error| self.failed(error, false))?;
        let (status, retry_after) = (response.status().as_u16(), header_retry_after(&response));
        let body = match status {
            // A 404 is the API's own only with the right body.
            200..=299 | 404 => self.body(&mut response, self.bounds.max_response_bytes).await,
            _ => Box::pin(self.error_body(&mut response, deadline)).await, // rare
        };
        Ok(Answer { status, body, retry_after })
    }

    /// Reads the body of an error if it is short and arrives soon: well before the caller gives up, or its
    /// status would be lost as well.
    async fn error_body(&self, response: &mut Response, deadline: Deadline) -> Result<Bytes, Failure> {
        let patience = ERROR_PATIENCE.min(deadline.left() / 2);
        let most = ERROR_BYTES.min(self.bounds.max_response_bytes);
        Deadline::after(patience).bound(self.body(response, most)).await.flatten()
    }

    /// Reads a body of at most `most` bytes. Its size after decoding counts: a small body that expands
    /// without end is too large as well.
    async fn body(&self, response: &mut Response, most: u64) -> Result<Bytes, Failure> {
        let too_large = Failure::answered(FailureKind::InvalidResponse, response.status().as_u16());
        let told = response.content_length();
        if told.is_some_and(|length| length > most) {
            return Err(too_large);
        }
        let mut body = Came::default();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error, true))? {
            if (body.len() + chunk.len()) as u64 > most {
                return Err(too_large);
            }
            body.push(chunk, told);
        }
        Ok(body.whole())
    }

    /// Classifies a network error and logs its cause, which callers never see.
    fn failed(&self, error: reqwest::Error, answered: bool) -> Failure {
        let kind = if error.is_connect() {
            FailureKind::Unavailable // checked first because a connect timeout is a timeout as well
        } else if error.is_timeout() {
            FailureKind::Timeout
        } else if answered || is_no_http(&error) || error.is_builder() {
            FailureKind::InvalidResponse // also a URL that became too long with what an answer told to add
        } else {
            FailureKind::Unavailable
        };
        let cause = causes(&error.without_url());
        tracing::warn!(source = self.peer, outcome = kind.as_str(), cause, "a call to a source failed");
        Failure::new(kind)
    }
}

impl Came {
    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    /// Adds a chunk; `told` is the announced length of the body.
    fn push(&mut self, chunk: Bytes, told: Option<u64>) {
        if self.len() == 0 {
            self.first = chunk;
            return;
        }
        if self.all.is_empty() {
            let reserve = told.unwrap_or(FIRST_RESERVE).min(FIRST_RESERVE);
            self.all.reserve(usize::try_from(reserve).unwrap_or_default());
            self.all.extend_from_slice(&std::mem::take(&mut self.first));
        }
        self.all.extend_from_slice(&chunk);
    }

    fn whole(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

fn header_retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, SystemTime::now())
}

/// Returns whether the answer was not HTTP.
fn is_no_http(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Returns an error with all its causes, in one line.
fn causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// Tells rustls once which cryptographic implementation to use.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that one has been chosen already, which is just as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
