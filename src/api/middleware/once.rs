//! A function that answers a single request, as a service, for layers from other crates.

use std::{convert::Infallible, future::pending};

use axum::{extract::Request, response::Response};
use tower::{Service, service_fn};

/// Makes a service from a function. A second call would wait forever; the layers here make only one.
pub(super) fn once<A, F>(answer: A) -> impl Service<Request, Response = Response, Error = Infallible, Future: Send> + Send
where
    A: FnOnce(Request) -> F + Send,
    F: Future<Output = Response> + Send,
{
    let mut answer = Some(answer);
    service_fn(move |request| {
        let answer = answer.take();
        async move {
            match answer {
                Some(answer) => Ok(answer(request).await),
                None => pending().await,
            }
        }
    })
}
