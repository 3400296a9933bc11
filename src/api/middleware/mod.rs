//! The inbound layers. From outside to inside, each with its reason:
//!
//! 1. [`observe`]: the request's id and trace come first, for all below and for the log line; what
//!    every answer carries is put on last, so that no answer goes without.
//! 2. [`cors`], for callers and where origins are named: a browser shows a page the errors, too,
//!    and sends no key with a preflight, which is therefore answered before anybody is asked for one.
//! 3. compression: sees the final body, an error's too.
//! 4. [`envelope`]: whatever answers below, a handler, a layer or the router itself, an error
//!    leaves in the one shape.
//! 5. panic: a bug below becomes an answer, which the envelope then writes.
//! 6. [`limits`]: what is too large is refused before anything looks at it.
//!
//! [`mod@admit`] stands before the routes that are for callers only, and behind it [`crowd`] before
//! those that ask sources: who is not let in takes no place, and probes answer however full it is.

mod admit;
mod cors;
mod crowd;
mod envelope;
mod limits;
mod observe;

use std::sync::Arc;

use axum::{Router, middleware::from_fn, middleware::from_fn_with_state};
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::{
        CompressionLayer, CompressionLevel,
        predicate::{NotForContentType, Predicate, SizeAbove},
    },
};

use super::Gateway;

pub(super) use admit::admit;
pub use cors::Cors;
pub(super) use crowd::refuse_when_crowded;
pub(crate) use limits::{LARGEST_HEAD, MOST_HEADERS};

/// Bytes below which a body is not worth compressing.
const SMALL_BODY: u64 = 1024;

/// Puts the layers around a router; they also see what it has no route for.
pub(super) fn around(router: Router, gateway: &Arc<Gateway>, cors: Option<&Cors>) -> Router {
    let panics = Arc::clone(gateway);
    let worth_it = SizeAbove::new(SMALL_BODY).and(NotForContentType::IMAGES);
    let router = router
        .layer(from_fn(limits::refuse_too_large))
        .layer(CatchPanicLayer::custom(move |_| {
            panics.metrics.panicked();
            http::Response::builder().status(500).body(axum::body::Body::empty()).unwrap_or_default()
        }))
        .layer(from_fn(envelope::write_errors))
        .layer(CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth_it));
    let router = match cors.cloned().map(Arc::new) {
        Some(cors) => router.layer(from_fn(move |request, next| Arc::clone(&cors).share(request, next))),
        None => router,
    };
    router.layer(from_fn_with_state(Arc::clone(gateway), observe::observe))
}
