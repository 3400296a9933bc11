//! The link from one page of a list to the next.

use http::{HeaderMap, header};

use super::{caching::put, query::CURSOR};

/// Adds the link to the next page, relative to this host; `path` is the list's.
pub(super) fn link(headers: &mut HeaderMap, path: &str, again: &str, cursor: &str) {
    let and = if again.is_empty() { "" } else { "&" };
    put(headers, header::LINK, format!("<{path}?{again}{and}{CURSOR}={cursor}>; rel=\"next\""));
}
