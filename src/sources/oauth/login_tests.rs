//! The URL that a login opens, and the redirects that it accepts.

use super::*;
use crate::{
    config::{Layers, Reader},
    sources::{REGISTRY, my_reports},
};

fn login() -> Login {
    let keys = [
        ("base_url", "http://127.0.0.1:1"),
        ("oauth.client_id", "our id"),
        ("oauth.client_secret", "hunter2"),
        ("oauth.authorize_url", "http://127.0.0.1:1/connect/authorize"),
        ("oauth.token_url", "http://127.0.0.1:1/connect/token"),
        ("oauth.redirect_uri", "http://127.0.0.1:8000/back"),
    ];
    let set = |layers: Layers, (key, value): (&str, &str)| layers.with_flag(&format!("sources.my_reports.{key}"), value, "test");
    let mut reader = Reader::new(keys.into_iter().fold(Layers::default(), set));
    let backend = REGISTRY.iter().find(|backend| backend.name == my_reports::NAME).unwrap();
    let source = backend.read(&mut reader).unwrap();
    let client = source.client().unwrap();
    let CredentialSettings::RefreshToken(settings) = source.credentials else { panic!("no login") };
    Login { client, settings: *settings, state: Secret::new("s-1"), verifier: Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") }
}

#[test]
fn what_is_opened_is_as_documented_with_the_challenge_of_the_rfc() {
    assert_eq!(
        login().url().as_str(),
        "http://127.0.0.1:1/connect/authorize?client_id=our+id&response_type=code&redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fback\
         &scope=openid+offline_access+onboarding&state=s-1&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
    );
}

#[test]
fn only_the_redirect_with_our_state_is_taken() {
    let login = login();
    let code = || Callback::Code(Secret::new("c 1"));
    for (path, query, expected) in [
        ("/back", "code=c%201&state=s-1", code()),
        ("/back", "state=s-1&code=c+1&scope=x&iss=y", code()),
        ("/", "code=c&state=s-1", Callback::Elsewhere),
        ("/back/", "code=c&state=s-1", Callback::Elsewhere),
        ("/favicon.ico", "", Callback::Elsewhere),
        ("/back", "", Callback::Stranger),
        ("/back", "code=c", Callback::Stranger),
        ("/back", "code=c&state=", Callback::Stranger),
        ("/back", "code=c&state=s-2", Callback::Stranger),
        ("/back", "code=c&state=s-11", Callback::Stranger),
        ("/back", "code=c&state=s-1&state=s-1", Callback::Stranger),
        ("/back", "code=c&code=d&state=s-1", Callback::Stranger),
        ("/back", "code=c&error=access_denied&state=s-1", Callback::Stranger),
        ("/back", "state=s-1", Callback::Stranger),
        ("/back", "error=access_denied", Callback::Stranger),
        ("/back", "error=access_denied&error_description=no&state=s-1", Callback::Refused(OAuthError::AccessDenied)),
        ("/back", "error=%3Cscript%3E&state=s-1", Callback::Refused(OAuthError::Other)),
    ] {
        assert_eq!(login.judge(path, query), expected, "{path}?{query}");
    }
}

#[test]
fn each_login_has_secrets_of_its_own_that_do_not_print() {
    let (first, second) = (random().unwrap(), random().unwrap());
    assert!(first != second && first.reveal().len() == 43 && second.reveal().len() == 43);
    let printed = format!("{:?}", login());
    assert!(!printed.contains("s-1") && !printed.contains("dBjft") && !printed.contains("hunter2"), "{printed}");
}
