//! A function that answers one request, as a service, for the layers of others.

use std::{convert::Infallible, future::pending};

use axum::{extract::Request, response::Response};
use tower::{Service, service_fn};

/// Makes a service of a function. Whoever asks it twice waits for ever; the layers here ask once.
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
