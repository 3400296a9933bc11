//! The router behind a listener; another one can be put in its place while requests come in.

use std::convert::Infallible;

use arc_swap::ArcSwap;
use axum::{Router, response::Response};
use http::{Request, StatusCode, header};
use hyper::body::Incoming;
use tower::ServiceExt;

use super::Peer;

/// Where requests go in.
pub struct SwappableRouter(ArcSwap<Router>);

impl SwappableRouter {
    /// Begins with a router.
    pub fn new(router: Router) -> Self {
        Self(ArcSwap::from_pointee(router))
    }

    /// From now on requests go to another router; those that are in flight end where they are.
    pub fn swap(&self, router: Router) {
        self.0.store(router.into());
    }

    /// Answers one request of a peer, whatever it is.
    pub async fn answer(&self, mut request: Request<Incoming>, peer: Peer) -> Result<Response, Infallible> {
        request.extensions_mut().insert(peer);
        let router = Router::clone(&self.0.load());
        let mut response = router.oneshot(request.map(axum::body::Body::new)).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            // To HEAD the router says 0, which is not the length of what is held (RFC 9110, 8.6).
            response.headers_mut().remove(header::CONTENT_LENGTH);
        }
        Ok(response)
    }
}
