//! The router of a listener, which can be replaced while requests come in.

use std::convert::Infallible;

use arc_swap::ArcSwap;
use axum::{Router, response::Response};
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::Peer;

/// The entry point of requests.
pub struct SwappableRouter(ArcSwap<Router>);

impl SwappableRouter {
    /// Starts with a router.
    pub fn new(router: Router) -> Self {
        Self(ArcSwap::from_pointee(router))
    }

    /// Sends new requests to another router; those in progress finish on the old one.
    pub fn swap(&self, router: Router) {
        self.0.store(router.into());
    }

    /// Answers any request of a peer.
    pub async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Result<Response, Infallible> {
        request.extensions_mut().insert(peer);
        let router = Router::clone(&self.0.load());
        let mut response = router.oneshot(request.map(axum::body::Body::new)).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            // For HEAD the router sets 0, which is not the length that GET would have (RFC 9110, 8.6).
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Ok(response)
    }
}
