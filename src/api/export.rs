//! All users of a roll without an envelope, sent piece by piece while they are being written.

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, header};

use super::{
    Gateway,
    caching::{put, states, tag_of, tagged},
    envelope::{RollStatus, SourceReport},
    headers::{ROLLCALL_STATUS, ROLLCALL_WARNINGS},
    representation::{content_type, media_type},
};
use crate::{
    domain::Warning,
    offload::offload_if,
    roll::{Export, ExportFormat, RollAnswer, SourceOutcome, View},
};

/// Sends all users that the view matches, or 304.
pub(super) async fn all(
    gateway: &Gateway,
    format: ExportFormat,
    view: &View,
    given: &RollAnswer,
    outcomes: &[SourceOutcome],
    asked: &HeaderMap,
) -> Response {
    let status = RollStatus::from(given).as_str();
    let sources: Vec<SourceReport> = outcomes.iter().map(SourceReport::from).collect();
    let (roll, view, columns, warnings) = (Arc::clone(&given.roll), view.clone(), gateway.source_names.clone(), given.warnings.clone());
    let begin = move || {
        let facts = ("all", media_type(format), status, states(&sources), warnings, columns.clone(), view.with_conflicts);
        let export = Export::new(roll, view, format, columns);
        (tag_of(&facts, export.substance()), export)
    };
    let (etag, export) = offload_if(given.roll.is_large(), begin).await;
    let mut response = tagged(asked, &etag, || {
        let body = Body::from_stream(stream::iter(export.map(Ok::<_, Infallible>)));
        ([(header::CONTENT_TYPE, content_type(format))], body).into_response()
    });
    put(response.headers_mut(), ROLLCALL_STATUS, status.to_owned());
    if !given.warnings.is_empty() {
        put(response.headers_mut(), ROLLCALL_WARNINGS, listed(&given.warnings));
    }
    response
}

/// Formats warnings as a list in a header (RFC 9651): their codes, each with its source and its count.
fn listed(warnings: &[Warning]) -> String {
    let one = |Warning { code, source, count }: &Warning| {
        let source = source.map(|source| format!(";source={source}"));
        let count = count.map(|count| format!(";count={count}"));
        [code.as_str(), &source.unwrap_or_default(), &count.unwrap_or_default()].concat()
    };
    warnings.iter().map(one).collect::<Vec<_>>().join(", ")
}
