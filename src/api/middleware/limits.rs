//! Refuses what is too large or arrives too slowly, before anything looks at it.

use std::time::Duration;

use axum::{body::Body, extract::Request};
use http::{HeaderMap, StatusCode, Version, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as _;

/// The longest target, in bytes. It has room for the longest cursor with every other parameter.
const LONGEST_TARGET: usize = 16 << 10;

/// The largest head of a request, in bytes. The server itself reads a little more, so that this layer
/// is the one that refuses, in the envelope.
pub(crate) const LARGEST_HEAD: usize = 64 << 10;

/// The maximum number of headers of a request.
pub(crate) const MOST_HEADERS: usize = 128;

/// The largest body, in bytes. No route expects one; a small one does no harm.
const LARGEST_BODY: usize = 64 << 10;

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(5);

/// The bytes of a header line besides its name and value: `: ` and the line end.
const LINE: usize = 4;

/// Marks a request that stands for one that could not be read: the status to refuse it with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused(pub(crate) StatusCode);

/// A request that is refused before anything looks at it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    /// Whether part of its body may still arrive, so that the connection cannot be used for another request (RFC 9112, 9.6).
    pub(super) closes: bool,
}

/// Returns the request with its body read and discarded, or why it is refused.
pub(super) async fn within_limits(request: Request) -> Result<Request, Refusal> {
    let has_body = !request.body().is_end_stream();
    let request = head_within_limits(request).map_err(|status| Refusal { status, closes: has_body })?;
    if !has_body {
        return Ok(request);
    }
    Box::pin(without_body(request)).await.map_err(|status| Refusal { status, closes: true })
}

fn head_within_limits(request: Request) -> Result<Request, StatusCode> {
    if let Some(Refused(status)) = request.extensions().get() {
        return Err(*status);
    }
    if !names_one_host(&request) {
        return Err(StatusCode::BAD_REQUEST);
    }
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let head = target + head_size(request.headers());
    if target > LONGEST_TARGET {
        return Err(StatusCode::URI_TOO_LONG);
    }
    if head > LARGEST_HEAD || request.headers().len() > MOST_HEADERS {
        return Err(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    Ok(request)
}

/// An HTTP/1.1 request has exactly one `Host` (RFC 9112, 3.2).
fn names_one_host(request: &Request) -> bool {
    request.version() != Version::HTTP_11 || request.headers().get_all(header::HOST).iter().count() == 1
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE).sum()
}

/// Reads a body to its end and discards it: no route needs it, but the next request on the
/// connection comes after it.
async fn without_body(request: Request) -> Result<Request, StatusCode> {
    let (parts, body) = request.into_parts();
    if body.size_hint().lower() > LARGEST_BODY as u64 {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    match tokio::time::timeout(BODY_TIME, Limited::new(body, LARGEST_BODY).collect()).await {
        Ok(Ok(_)) => Ok(Request::from_parts(parts, Body::empty())),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(StatusCode::PAYLOAD_TOO_LARGE),
        Ok(Err(_)) => Err(StatusCode::BAD_REQUEST), // malformed, or cut short
        Err(_) => Err(StatusCode::REQUEST_TIMEOUT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_the_promised_time() {
        assert_eq!(BODY_TIME, Duration::from_secs(5));
    }
}
