//! Compresses bodies for callers that accept it. Pages of a roll arrive here compressed already.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header};
use tower::{Layer, ServiceExt};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};

use super::once::once;
use crate::api::accept::{SMALL_BODY, wants_gzip};

/// Compresses an answer if the caller wants that. A caller that accepts neither gzip nor identity gets
/// identity, as RFC 9110, 12.5.3, allows: a 406 from this layer would be outside the envelope.
pub(super) async fn compress<F: Future<Output = Response> + Send>(
    mut request: Request,
    answer: impl FnOnce(Request) -> F + Send,
) -> Response {
    if !wants_gzip(request.headers()) {
        return answer(request).await;
    }
    request.headers_mut().insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
    let worth_it = SizeAbove::new(SMALL_BODY).and(NotForContentType::IMAGES);
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it);
    layer.layer(once(answer)).oneshot(request).await.into_response()
}
