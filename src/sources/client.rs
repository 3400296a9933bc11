//! All network I/O with the backends: one exchange, its body bounded, its errors classified.

use std::{
    sync::{Arc, Once},
    time::{Duration, SystemTime},
};

use http::header;
use reqwest::{Request, Response};

use super::{answer::retry_after, deadline::Deadline, settings::Limits};
use crate::{
    config::BaseUrl,
    domain::{Failure, FailureKind, SourceName},
    telemetry::Metrics,
};

/// Bytes that are reserved for a body before it is known how long it is.
const FIRST_RESERVE: u64 = 64 << 10;

/// The client of one backend.
#[derive(Debug)]
pub(super) struct Client {
    http: reqwest::Client,
    source: SourceName,
    timeout: Duration,
    max_response_bytes: u64,
    metrics: Arc<Metrics>,
}

/// An answer that came whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    pub(super) retry_after: Option<Duration>,
}

impl Client {
    /// Builds the client. Redirects are never followed, for one could carry the token elsewhere;
    /// proxies of the environment are not used; an idle connection is dropped before a backend
    /// would usually close it.
    pub(super) fn new(source: SourceName, base: &BaseUrl, limits: &Limits, metrics: Arc<Metrics>) -> reqwest::Result<Self> {
        install_crypto();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .no_proxy()
            .connect_timeout(limits.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(usize::try_from(limits.max_in_flight).unwrap_or(usize::MAX))
            .tcp_nodelay(true);
        if !base.is_encrypted() {
            builder = builder.tls_certs_only([]); // no root certificates are needed, nor have to exist
        }
        let (timeout, max_response_bytes) = (limits.timeout, limits.max_response_bytes);
        Ok(Self { http: builder.build()?, source, timeout, max_response_bytes, metrics })
    }

    /// Where what happens at this backend is counted.
    pub(super) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The same as [`Self::exchange`], for a call that nobody bounds: it takes as long as one
    /// attempt may.
    pub(super) async fn exchange_in_time(&self, request: Request) -> Result<Answer, Failure> {
        Deadline::after(self.timeout).bound(self.exchange(request)).await.flatten()
    }

    /// Sends one request and reads its whole answer.
    pub(super) async fn exchange(&self, request: Request) -> Result<Answer, Failure> {
        let mut response = self.http.execute(request).await.map_err(|error| self.failed(error, false))?;
        let retry_after = header_retry_after(&response);
        let body = self.body(&mut response).await?;
        Ok(Answer { status: response.status().as_u16(), body, retry_after })
    }

    /// Reads a body. What counts is its size after decoding: a small body that unfolds without
    /// end is too large as well.
    async fn body(&self, response: &mut Response) -> Result<Vec<u8>, Failure> {
        let too_large = Failure::answered(FailureKind::InvalidResponse, response.status().as_u16());
        let told = response.content_length();
        if told.is_some_and(|length| length > self.max_response_bytes) {
            return Err(too_large);
        }
        let reserve = told.unwrap_or(FIRST_RESERVE).min(FIRST_RESERVE);
        let mut body = Vec::with_capacity(usize::try_from(reserve).unwrap_or_default());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error, true))? {
            if (body.len() + chunk.len()) as u64 > self.max_response_bytes {
                return Err(too_large);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Classifies an error of the network and logs its cause, which no caller is told.
    fn failed(&self, error: reqwest::Error, answered: bool) -> Failure {
        let kind = if error.is_connect() {
            FailureKind::Unavailable // asked first: a connect timeout is a timeout as well
        } else if error.is_timeout() {
            FailureKind::Timeout
        } else if answered || is_no_http(&error) {
            FailureKind::InvalidResponse
        } else {
            FailureKind::Unavailable
        };
        let cause = causes(&error.without_url());
        tracing::warn!(source = %self.source, outcome = kind.as_str(), cause, "a call to a source failed");
        Failure::new(kind)
    }
}

fn header_retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    retry_after(value, SystemTime::now())
}

/// Whether what came was no HTTP.
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

/// An error with all its causes, in one line.
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

/// rustls wants to be told once which implementation of its primitives to use.
fn install_crypto() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // An error means that somebody has chosen already, which is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
    });
}
