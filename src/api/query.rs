//! The parameters of a query, one by one.

use url::form_urlencoded;

use super::error::ApiError;

/// The parameter that says where a page begins.
pub(super) const CURSOR: &str = "cursor";

/// Reads the parameters of a query, each of which may appear once.
pub(super) fn read_each(query: &str, mut take: impl FnMut(&str, &str) -> Result<(), ApiError>) -> Result<(), ApiError> {
    let mut seen: Vec<String> = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if seen.iter().any(|other| *other == name) {
            return Err(ApiError::parameter(&shown(&name), "is given more than once."));
        }
        take(&name, &value)?;
        seen.push(name.into_owned());
    }
    Ok(())
}

/// Reads the parameters of a list. Returns them as they were sent, without the cursor, to be repeated in the
/// link to the next page.
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

/// Reports a parameter that the route does not have.
pub(super) fn unknown(name: &str) -> ApiError {
    ApiError::parameter(&shown(name), "is not a parameter of this route; the OpenAPI document lists them.")
}

/// Shortens a parameter name of the caller's so that it fits into a sentence.
fn shown(name: &str) -> String {
    name.chars().filter(|letter| !letter.is_control()).take(64).collect()
}
