//! What the simulated identity server approves, issues and refuses.

use axum::http::{HeaderValue, header::AUTHORIZATION};
use serde_json::Value;

use super::*;

/// The verifier and the challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const ASKED: &str = "client_id=rollcall-in-the-sandbox&response_type=code&redirect_uri=http://127.0.0.1:8000&state=s\
    &scope=openid+offline_access&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256";

fn parameters(text: &str) -> Parameters {
    Parameters::read(text.as_bytes())
}

/// An identity server that has approved a login, and the form that exchanges its code.
fn approved(token_life: Duration) -> (Identity, String) {
    let identity = Identity::new(token_life);
    let code = identity.approve(&parameters(ASKED)).unwrap();
    (identity, format!("grant_type=authorization_code&code={code}&redirect_uri=http://127.0.0.1:8000&code_verifier={VERIFIER}"))
}

fn give(identity: &Identity, scope: &str) -> Value {
    identity.give(scope.to_owned())
}

#[test]
fn a_login_is_approved_that_asks_as_documented_and_with_a_challenge() {
    assert!(approve(&parameters(ASKED)).is_ok());
    for (from, to, error) in [
        ("response_type=code", "response_type=token", "unsupported_response_type"),
        ("scope=openid+offline_access", "scope=offline_access", "invalid_scope"),
        ("scope=openid", "scope=open+id", "invalid_scope"),
        ("S256", "plain", "invalid_request"),
        ("E9Mel", "", "invalid_request"),
        ("&state=s", "&state=s&code_challenge=x", "invalid_request"),
    ] {
        assert_eq!(approve(&parameters(&ASKED.replace(from, to))).err(), Some(error), "{to}");
    }
}

#[test]
fn a_code_is_good_once_and_for_whoever_asked_for_it() {
    let (identity, form) = approved(Duration::from_secs(9));
    assert_eq!(identity.scope_of(&parameters(&form)), Ok("openid offline_access".to_owned()));
    assert_eq!(identity.scope_of(&parameters(&form)), Err("invalid_grant"));
    for (from, to) in [(VERIFIER, "another"), ("8000", "8001"), ("code=", "code=x"), ("&code_verifier", "&x")] {
        let (identity, form) = approved(Duration::from_secs(9));
        assert_eq!(identity.scope_of(&parameters(&form.replace(from, to))), Err("invalid_grant"), "{to}");
    }
    assert_eq!(identity.scope_of(&parameters("grant_type=password")), Err("unsupported_grant_type"));
}

#[test]
fn a_refresh_token_is_good_once_and_what_came_after_it_stays_good() {
    let identity = Identity::new(Duration::from_secs(9));
    let form =
        |granted: &Value| parameters(&format!("grant_type=refresh_token&refresh_token={}", granted["refresh_token"].as_str().unwrap()));
    let first = give(&identity, "openid offline_access");
    let scope = identity.scope_of(&form(&first)).unwrap();
    let second = give(&identity, &scope);
    assert_eq!(identity.scope_of(&form(&first)), Err("invalid_grant"));
    assert!(identity.scope_of(&form(&second)).is_ok());
    assert_eq!(give(&identity, "openid")["refresh_token"], Value::Null);
}

#[test]
fn an_access_token_is_good_for_as_long_as_is_said() {
    for (life, expected) in [(Duration::from_secs(9), true), (Duration::ZERO, false)] {
        let identity = Identity::new(life);
        let given = give(&identity, "openid");
        let value = format!("Bearer {}", given["access_token"].as_str().unwrap());
        let headers = HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(value).unwrap())]);
        assert_eq!((identity.accept(&headers), given["expires_in"].as_u64()), (expected, Some(life.as_secs())));
        assert!(!identity.accept(&HeaderMap::new()));
    }
}
