//! A body made of pieces that are already in memory, sent with its length and without concatenating them.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};

/// The pieces still to be sent, in reverse order.
struct Rest(Vec<Bytes>);

/// Makes a body from its pieces.
pub(super) fn in_pieces(pieces: &[Bytes]) -> Body {
    match pieces {
        [only] => only.clone().into(),
        pieces => Body::new(Rest(pieces.iter().rev().cloned().collect())),
    }
}

impl hyper::body::Body for Rest {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.iter().map(|piece| piece.len() as u64).sum())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn pieces_are_sent_in_their_order_with_their_length() {
        for pieces in [&[][..], &["one"], &["one", "two", "three"]] {
            let bytes: Vec<Bytes> = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
            let body = in_pieces(&bytes);
            assert_eq!(hyper::body::Body::size_hint(&body).exact(), Some(pieces.concat().len() as u64));
            assert_eq!(body.collect().await.unwrap().to_bytes(), pieces.concat());
        }
    }
}
