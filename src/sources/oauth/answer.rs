//! The answers of a token endpoint. Pure.
//!
//! An answer states when the token ends as `expires_in` (seconds; RFC 6749, 5.1) or `expires_on` (Unix
//! seconds; Acronis guide, "Authentication"). If it states neither, Acronis' two hours apply.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::{
    config::Secret,
    json,
    sources::{authorization::Authorization, body::unmarked, scalar::Scalar},
};

/// The lifetime of a token whose answer states none (Acronis guide, "Authentication": two hours).
const DOCUMENTED_LIFE: Duration = Duration::from_hours(2);

/// What was granted.
#[derive(Debug)]
pub(super) struct Granted {
    /// The value sent with every call.
    pub(super) authorization: Authorization,
    /// The lifetime of the access token.
    pub(super) life: Duration,
    /// The refresh token for the next access token, if a new one was issued.
    pub(super) refresh_token: Option<Secret>,
}

/// The errors of RFC 6749, 4.1.2.1 and 5.2. A closed list: nothing else from an identity server's
/// error is passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OAuthError {
    /// The request is malformed.
    InvalidRequest,
    /// The client is unknown, or its secret is wrong.
    InvalidClient,
    /// The code or the refresh token is invalid or no longer valid.
    InvalidGrant,
    /// This client is not allowed to do this.
    UnauthorizedClient,
    /// The identity server does not support the grant.
    UnsupportedGrantType,
    /// The scope is unknown, or exceeds what was granted.
    InvalidScope,
    /// The person declined.
    AccessDenied,
    /// The identity server does not issue codes.
    UnsupportedResponseType,
    /// The identity server failed.
    ServerError,
    /// The identity server is overloaded.
    TemporarilyUnavailable,
    /// Anything else.
    #[serde(other)]
    Other,
}

/// The answer (RFC 6749, 5.1), as far as needed.
#[derive(Deserialize)]
struct Wire<'a> {
    #[serde(borrow, default)]
    access_token: Scalar<'a>,
    #[serde(borrow, default)]
    refresh_token: Scalar<'a>,
    #[serde(borrow, default)]
    token_type: Scalar<'a>,
    #[serde(borrow, default)]
    expires_on: Scalar<'a>,
    #[serde(borrow, default)]
    expires_in: Scalar<'a>,
}

/// An error (RFC 6749, 5.2), as far as needed.
#[derive(Deserialize)]
struct Refusal {
    error: OAuthError,
}

impl OAuthError {
    /// The name in the RFC.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::Other => "an error that OAuth does not define",
        }
    }

    /// Parses the name in a redirect or a body.
    pub(super) fn named(name: &str) -> Self {
        serde_json::from_value(name.into()).unwrap_or(Self::Other)
    }
}

/// Parses the body of a 200. Even without a usable access token it may hold a refresh token, which must be
/// kept because the previous one is spent.
pub(super) fn read_granted(body: &[u8], now: SystemTime) -> Result<Granted, Option<Secret>> {
    let wire: Wire<'_> = json::from_slice(unmarked(body)).map_err(|_| None)?;
    let refresh_token = refresh_token(&wire.refresh_token);
    match authorization(&wire) {
        Some(authorization) => Ok(Granted { authorization, life: lifetime(&wire.expires_on, &wire.expires_in, now), refresh_token }),
        None => Err(refresh_token),
    }
}

fn authorization(Wire { access_token, token_type, .. }: &Wire<'_>) -> Option<Authorization> {
    if matches!(token_type, Scalar::Text(kind) if !kind.eq_ignore_ascii_case("bearer")) {
        return None;
    }
    let Scalar::Text(token) = access_token else { return None };
    Authorization::bearer(&Secret::new(Some(token.trim()).filter(|token| !token.is_empty())?))
}

/// Parses the body of a refusal, if it follows the RFC.
pub(super) fn read_refusal(body: &[u8]) -> Option<OAuthError> {
    json::from_slice(unmarked(body)).ok().map(|Refusal { error }| error)
}

/// A refresh token must be one line, because that is how its file stores it.
fn refresh_token(value: &Scalar<'_>) -> Option<Secret> {
    let Scalar::Text(text) = value else { return None };
    let token = text.trim();
    (!token.is_empty() && !token.contains(char::is_control)).then(|| Secret::new(token))
}

/// The lifetime of a token. One that has already ended, according to a differing clock, is used for a moment.
fn lifetime(end: &Scalar<'_>, life: &Scalar<'_>, now: SystemTime) -> Duration {
    let count = |value: &Scalar<'_>| value.count().ok().flatten().map(Duration::from_secs);
    let unix = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let told = count(life).or_else(|| count(end).map(|end| end.saturating_sub(unix)));
    told.unwrap_or(DOCUMENTED_LIFE).clamp(Duration::from_secs(5), Duration::from_hours(24))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_is_ignored() {
        let granted = read_granted("\u{feff}{\"access_token\":\"a\",\"refresh_token\":\"r\"}".as_bytes(), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(granted.refresh_token.unwrap().reveal(), "r");
        assert_eq!(read_refusal("\u{feff}{\"error\":\"invalid_grant\"}".as_bytes()), Some(OAuthError::InvalidGrant));
    }

    #[test]
    fn a_life_is_told_in_either_way_or_is_the_documented_one() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let number = Scalar::Number;
        for (on, within, seconds) in [
            (number(1600), Scalar::Absent, 600),
            (Scalar::Absent, number(300), 300),
            (Scalar::Absent, Scalar::Text("300".into()), 300),
            (Scalar::Absent, Scalar::Absent, 7200),
            (number(1), Scalar::Absent, 5),
            (Scalar::Flag(true), Scalar::Other, 7200),
        ] {
            assert_eq!(lifetime(&on, &within, now), Duration::from_secs(seconds), "{on:?} {within:?}");
        }
    }

    #[test]
    fn the_documented_answer_is_a_token() {
        let documented = br#"{"access_token":"eyJ0eXAi","expires_on":1562910964,"id_token":"eyJ0eXAi","token_type":"bearer"}"#;
        let granted = read_granted(documented, SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(granted.authorization.header(), "Bearer eyJ0eXAi");
        assert_eq!(granted.refresh_token, None);
        for bad in [&b"{}"[..], b"<html>", br#"{"access_token":""}"#, br#"{"access_token":"a","token_type":"mac"}"#] {
            assert!(matches!(read_granted(bad, SystemTime::UNIX_EPOCH), Err(None)));
        }
    }

    #[test]
    fn a_refresh_token_is_one_line_and_nothing_of_an_answer_prints() {
        for (given, expected) in
            [("\" r-1 \"", Some("r-1")), ("\"\"", None), ("\"a\\nb\"", None), ("null", None), ("7", None), ("{\"a\":1}", None)]
        {
            let body = format!("{{\"access_token\":\"a-1\",\"refresh_token\":{given}}}");
            let granted = read_granted(body.as_bytes(), SystemTime::UNIX_EPOCH).unwrap();
            assert_eq!(granted.refresh_token.as_ref().map(Secret::reveal), expected, "{given}");
            assert!(!format!("{granted:?}").contains("-1"), "{granted:?}");
        }
    }

    #[test]
    fn an_error_has_the_name_that_the_rfc_gives_it_or_none() {
        for (body, expected) in [
            (r#"{"error":"invalid_grant","error_description":"used"}"#, Some(OAuthError::InvalidGrant)),
            (r#"{"error":"<script>"}"#, Some(OAuthError::Other)),
            (r#"{"error":400}"#, None),
            (r#"["invalid_grant"]"#, None),
            ("<html>", None),
            ("", None),
        ] {
            assert_eq!(read_refusal(body.as_bytes()), expected, "{body}");
        }
        for error in [OAuthError::InvalidGrant, OAuthError::AccessDenied, OAuthError::ServerError] {
            assert_eq!(OAuthError::named(error.as_str()), error);
        }
    }
}
