//! What every answer carries, and the shape of every error (contract, sections 6 and 7).

use serde_json::Value;

use super::Answer;

/// Each code with its HTTP status and owner, as promised to callers.
const CODES: [(&str, u16, &str); 28] = [
    ("invalid_customer_id", 400, "caller"),
    ("invalid_parameter", 400, "caller"),
    ("invalid_cursor", 400, "caller"),
    ("upstream_bad_request", 400, "caller"),
    ("unauthorized", 401, "caller"),
    ("upstream_unauthorized", 401, "gateway"),
    ("upstream_credentials_refused", 401, "caller"),
    ("forbidden", 403, "caller"),
    ("customer_not_found", 404, "caller"),
    ("user_not_found", 404, "caller"),
    ("route_not_found", 404, "caller"),
    ("method_not_allowed", 405, "caller"),
    ("not_acceptable", 406, "caller"),
    ("request_timeout", 408, "caller"),
    ("payload_too_large", 413, "caller"),
    ("uri_too_long", 414, "caller"),
    ("header_too_large", 431, "caller"),
    ("rate_limited", 429, "caller"),
    ("internal", 500, "gateway"),
    ("upstream_forbidden", 502, "gateway"),
    ("upstream_unavailable", 502, "upstream"),
    ("upstream_invalid_response", 502, "upstream"),
    ("upstream_rate_limited", 503, "upstream"),
    ("overloaded", 503, "gateway"),
    ("keys_unavailable", 503, "gateway"),
    ("links_unavailable", 503, "gateway"),
    ("shutting_down", 503, "gateway"),
    ("upstream_timeout", 504, "upstream"),
];

/// The headers that every answer depends on, and those that are added where callers' credentials are forwarded.
pub(crate) const VARY: &str = "Accept, Accept-Encoding, Authorization, X-Api-Key";
pub(crate) const VARY_OF_CREDENTIALS: &str = ", x-advanced-automation-authorization, x-myreports-authorization";

impl Answer {
    /// Returns the code of an error, after checking that the error has the one shape.
    #[track_caller]
    pub(crate) fn code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/json"), "{self:?}");
        let body = self.json();
        assert_eq!((&body["status"], &body["error"]), (&"error".into(), &self.status.into()), "{self:?}");
        assert!(body["message"].as_str().is_some_and(|message| message.ends_with('.')), "not a sentence: {self:?}");
        self.has_the_facts_of_an_error()
    }

    /// Returns the code of an error in the form of RFC 9457, after checking that form.
    #[track_caller]
    pub(crate) fn problem_code(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let body = self.json();
        let uri = body["type"].as_str().is_some_and(|kind| kind == "about:blank" || url::Url::parse(kind).is_ok());
        assert!(uri && body["title"].is_string() && body["detail"].is_string(), "{self:?}");
        assert_eq!(body["status"], self.status, "{self:?}");
        self.has_the_facts_of_an_error()
    }

    /// Checks that an answer carries what every answer carries.
    #[track_caller]
    pub(crate) fn has_the_usual_headers(&self) {
        let id = self.header("x-request-id").unwrap_or_default();
        assert!((1..=128).contains(&id.len()), "no request id: {self:?}");
        let trace: Vec<usize> = self.header("traceparent").unwrap_or_default().split('-').map(str::len).collect();
        assert_eq!(trace, [2, 32, 16, 2], "no trace: {self:?}");
        let vary = self.header("vary").unwrap_or_default();
        assert!(vary == VARY || vary == format!("{VARY}{VARY_OF_CREDENTIALS}"), "{self:?}");
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{self:?}");
        assert_eq!(self.header("server"), None, "{self:?}");
    }

    #[track_caller]
    fn has_the_facts_of_an_error(&self) -> String {
        self.has_the_usual_headers();
        assert_eq!(self.header("cache-control"), Some("no-store"), "{self:?}");
        let body = self.json();
        let code = body["code"].as_str().unwrap_or_default();
        let promised = CODES.iter().find(|(name, ..)| *name == code).unwrap_or_else(|| panic!("no such code: {self:?}"));
        assert_eq!((self.status, &body["owner"]), (promised.1, &promised.2.into()), "{self:?}");
        assert!(body["retryable"].is_boolean(), "{self:?}");
        assert_eq!(body["request_id"].as_str(), self.header("x-request-id"), "{self:?}");
        assert!(is_moment(&body["timestamp"]) && body["sources"].is_array(), "{self:?}");
        code.to_owned()
    }
}

/// Whether a value is a timestamp in the contract's format: `2026-11-21T10:00:00.123Z`.
fn is_moment(value: &Value) -> bool {
    let form = value.as_str().unwrap_or_default().chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter });
    form.eq("0000-00-00T00:00:00.000Z".chars())
}
