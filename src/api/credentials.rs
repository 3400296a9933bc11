//! The credentials of a request: those that identify its caller, and those that it carries for the sources.

use http::{HeaderMap, HeaderName, header};

use super::{error::ApiError, headers::API_KEY};
use crate::{access::PresentedCredentials, config::Secret, domain::SourceName, sources::CallerCredentials};

const BEARER: &str = "bearer";

/// The credentials that identify the caller. A value that is not text is presented as an empty
/// one, which matches no caller.
pub(super) fn presented(headers: &HeaderMap) -> PresentedCredentials<'_> {
    let texts = |name: HeaderName| headers.get_all(name).into_iter().map(|value| value.to_str().unwrap_or_default());
    PresentedCredentials {
        bearers: texts(header::AUTHORIZATION).filter_map(bearer).collect(),
        keys: texts(API_KEY).map(str::trim).collect(),
    }
}

/// What follows the scheme if that is `Bearer`, in any case (RFC 9110, 11.1).
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case(BEARER).then_some(token.trim())
}

/// The credentials that the request carries for each source that wants them.
pub(super) fn brought(headers: &HeaderMap, wanted: &[(SourceName, HeaderName)]) -> Result<CallerCredentials, ApiError> {
    let mut brought = CallerCredentials::default();
    for (source, name) in wanted {
        let mut values = headers.get_all(name).into_iter();
        let Some(first) = values.next() else { continue };
        if values.next().is_some() {
            return Err(ApiError::parameter(name.as_str(), "is a header that must not be repeated."));
        }
        if let Some(text) = first.to_str().ok().map(str::trim).filter(|text| !text.is_empty()) {
            brought.add(*source, Secret::new(text));
        }
    }
    Ok(brought)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn keys_and_bearer_tokens_are_presented_whatever_the_case_of_the_scheme() {
        let all = headers(&[("authorization", "Bearer a"), ("x-api-key", " c ")]);
        let presented = presented(&all);
        assert_eq!((presented.bearers, presented.keys), (vec!["a"], vec!["c"]));
        for (value, bearers) in
            [("bearer a", vec!["a"]), ("BEARER  a ", vec!["a"]), ("Basic a", vec![]), ("Bearer", vec![]), ("Bearer ", vec![""])]
        {
            assert_eq!(super::presented(&headers(&[("authorization", value)])).bearers, bearers, "{value}");
        }
    }

    #[test]
    fn what_is_brought_twice_is_refused_and_what_nobody_wants_is_left() {
        let (source, name) = (SourceName::new("here"), HeaderName::from_static("x-here-authorization"));
        let mut twice = headers(&[("x-here-authorization", "Bearer a")]);
        assert!(brought(&twice, &[(source, name.clone())]).is_ok());
        twice.append(name.clone(), "Bearer a".parse().unwrap());
        let refused = brought(&twice, &[(source, name)]).unwrap_err();
        assert!(refused.message.contains("x-here-authorization") && !refused.message.contains("Bearer"), "{}", refused.message);
        assert!(brought(&twice, &[]).is_ok());
    }
}
