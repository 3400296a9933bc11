//! A function that answers one request, as a service, for the layers of others.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response};
use futures_util::FutureExt;
use futures_util::future::{Either, Map, Pending, pending};
use tower::Service;

/// The service of a function; it answers once.
pub(super) struct Once<A>(Option<A>);

/// Makes a service of a function.
pub(super) fn once<A>(answer: A) -> Once<A> {
    Once(Some(answer))
}

impl<A: FnOnce(Request) -> F, F: Future<Output = Response>> Service<Request> for Once<A> {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Map<F, fn(Response) -> Result<Response, Infallible>>, Pending<Result<Response, Infallible>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Whoever asks twice waits for ever; the layers here ask once.
        if self.0.is_some() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.0.take() {
            Some(answer) => Either::Left(answer(request).map(Ok)),
            None => Either::Right(pending()),
        }
    }
}
