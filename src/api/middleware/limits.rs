//! What is too large is refused before anything looks at it.

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, StatusCode, header};

use crate::api::error::ApiError;

/// Longest target, in bytes: the longest cursor fits, with every parameter beside it.
const LONGEST_TARGET: usize = 16 << 10;

/// Bytes of a whole head. The server itself reads a little more, so that it is this layer that
/// refuses, in the envelope.
pub(crate) const LARGEST_HEAD: usize = 64 << 10;

/// Most headers of a request.
pub(crate) const MOST_HEADERS: usize = 128;

/// Bytes of a body. No route wants one; a small one does no harm.
const LARGEST_BODY: u64 = 64 << 10;

/// What a header line holds beside its name and value: `: ` and the line's end.
const LINE: usize = 4;

pub(super) async fn refuse_too_large(request: Request, next: Next) -> Response {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let (headers, head) = (request.headers(), target + head_size(request.headers()));
    let refused = if target > LONGEST_TARGET {
        StatusCode::URI_TOO_LONG
    } else if head > LARGEST_HEAD || headers.len() > MOST_HEADERS {
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    } else if body_size(headers).is_some_and(|size| size > LARGEST_BODY) {
        StatusCode::PAYLOAD_TOO_LARGE
    } else {
        return next.run(request).await;
    };
    ApiError::of_status(refused).into_response()
}

fn head_size(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + LINE).sum()
}

fn body_size(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
