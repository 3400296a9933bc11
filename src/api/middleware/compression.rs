//! Bodies are sent compressed to who takes them so. Pages of a roll come here compressed already.

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

/// Compresses what answers a request, where that is wanted. Who wants neither gzip nor plain gets it
/// plain (RFC 9110, 12.5.3, allows that): the layer, which would say 406 here, stands outside the envelope.
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
