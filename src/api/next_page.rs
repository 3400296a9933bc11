//! The way from one page of a list to the next.

use http::{HeaderMap, header};
use url::form_urlencoded;

use super::{caching::put, error::ApiError, extract::read_each};

const CURSOR: &str = "cursor";

/// Reads the parameters of a list; gives them as they were sent, without the cursor: what the link to the
/// next page repeats.
pub(super) fn read_again(query: &str, mut take: impl FnMut(&str, &str) -> Result<(), ApiError>) -> Result<String, ApiError> {
    let mut again = form_urlencoded::Serializer::new(String::new());
    read_each(query, |name, value| {
        take(name, value)?;
        if name != CURSOR {
            again.append_pair(name, value);
        }
        Ok(())
    })?;
    Ok(again.finish())
}

/// Puts the link to the next page on a page, relative to this host; `path` is the list's.
pub(super) fn link(headers: &mut HeaderMap, path: &str, again: &str, cursor: &str) {
    let and = if again.is_empty() { "" } else { "&" };
    put(headers, header::LINK, format!("<{path}?{again}{and}{CURSOR}={cursor}>; rel=\"next\""));
}
