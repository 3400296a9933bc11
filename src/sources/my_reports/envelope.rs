//! The envelope of every list of MyReports ("Reply template").

use serde::Deserialize;

use super::super::{
    adapter::Unreadable,
    scalar::Scalar,
    wire::{List, listed, said_error, unreadable},
};
use crate::json;

#[derive(Deserialize)]
struct Envelope<'a, R> {
    #[serde(bound(deserialize = "R: Deserialize<'de>"))]
    data: Option<R>,
    #[serde(borrow, default)]
    page_size: Scalar<'a>,
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    error: Scalar<'a>,
}

/// Returns the rows of an answer, and their stated number, which may be a number or a text. A value that
/// is not a number is an error: ignoring it would let a short list pass as complete.
pub(super) fn rows<'a, R: Deserialize<'a> + List>(body: &'a [u8]) -> Result<(R, Option<u64>), Unreadable> {
    let envelope: Envelope<'_, R> = json::from_slice(body).map_err(|_| unreadable(body))?;
    said_error(&envelope.status, &envelope.error)?;
    let count = envelope.page_size.count().map_err(|()| Unreadable::Shape)?;
    Ok((listed(envelope.data, &envelope.error, count)?, count))
}
