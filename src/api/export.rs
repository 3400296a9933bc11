//! All users of a roll without an envelope, sent piece by piece as they are written.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderName, header};

use super::{
    Gateway,
    caching::{put, states, tag_of, tagged},
    envelope::{RollStatus, SourceReport},
    shape::{content_type, media_type},
};
use crate::{
    offload::offload,
    roll::{Export, ExportFormat, Given, Told, View},
};

/// Whether users may be missing, where no envelope says so.
const ROLLCALL_STATUS: HeaderName = HeaderName::from_static("rollcall-status");

/// Users above which writing them for their tag leaves the threads that serve everybody.
const MANY_USERS: usize = 500;

/// All users that a view leaves, or 304.
pub(super) async fn all(gateway: &Gateway, format: ExportFormat, view: &View, given: &Given, told: &[Told], asked: &HeaderMap) -> Response {
    let export = Export::new(Arc::clone(&given.roll), view.clone(), format, gateway.source_names.clone());
    let status = RollStatus::from(given).as_str();
    let sources: Vec<SourceReport> = told.iter().map(SourceReport::from).collect();
    let (warnings, written) = (given.warnings.clone(), export.clone());
    let tag = move || tag_of(&(media_type(format), status, states(&sources), warnings), written);
    let etag = offload(given.roll.len() > MANY_USERS, tag).await;
    let mut response = tagged(asked, etag, || {
        let body = Body::from_stream(stream::iter(export.map(Ok::<_, Infallible>)));
        ([(header::CONTENT_TYPE, content_type(format))], body).into_response()
    });
    put(response.headers_mut(), ROLLCALL_STATUS, status.to_owned());
    response
}
