//! Bodies are sent compressed to who takes them so. Pages of a roll come here compressed already.

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
};
use http::header;
use tower::{Layer, ServiceExt};
use tower_http::{
    CompressionLevel,
    compression::{
        CompressionLayer,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};

use super::once::once;

/// Bytes up to which a body is not worth compressing.
pub(in crate::api) const SMALL_BODY: u64 = 1024;

/// Compresses what answers a request, where that says what it takes.
pub(super) async fn compress<F: Future<Output = Response>>(request: Request, answer: impl FnOnce(Request) -> F) -> Response {
    if !request.headers().contains_key(header::ACCEPT_ENCODING) {
        return answer(request).await;
    }
    let worth_it = SizeAbove::new(SMALL_BODY).and(NotForContentType::IMAGES);
    let layer = CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it);
    layer.layer(once(answer)).oneshot(request).await.into_response()
}
