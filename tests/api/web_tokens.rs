//! Who may call, with callers identified by an issuer's tokens: which tokens are accepted, and what they permit.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Fake, Setup, World,
    issuer::{AUDIENCE, ISSUER, SigningKey, claims, claims_but, encoded, in_seconds, signed_with_secret, unsigned},
    trusting::{ROLL, Trusting},
};

#[tokio::test]
async fn a_token_by_each_algorithm_is_taken() {
    let keys = [SigningKey::rsa("r"), SigningKey::ec("c"), SigningKey::ed("d")];
    let trusting = Trusting::new(&keys.iter().collect::<Vec<_>>()).await;
    for key in &keys {
        let answer = trusting.get(&key.token(&claims(&["*"]))).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", key.algorithm());
    }
    let without_id = keys[1].token_with(&json!({"alg": "ES256"}), &claims(&["*"]));
    assert_eq!(trusting.get(&without_id).await.status, 200, "there is only one key for the algorithm");
    assert_eq!(trusting.asked(), 1, "the key set is fetched once");
    assert_eq!(trusting.issuer.calls()[0].header("authorization"), None);
}

#[tokio::test]
async fn a_token_without_an_id_is_tried_with_each_key_of_its_algorithm() {
    let (one, other, stranger) = (SigningKey::ed("one"), SigningKey::ed("other"), SigningKey::ed("stranger"));
    let trusting = Trusting::new(&[&SigningKey::ec("ec"), &one, &other]).await;
    let without_id = |key: &SigningKey, claims| key.token_with(&json!({"alg": "EdDSA"}), &claims);
    for key in [&one, &other] {
        assert_eq!(trusting.get(&without_id(key, claims(&["*"]))).await.status, 200, "{}", key.id);
        let expired = trusting.get(&without_id(key, claims_but("exp", in_seconds(-90)))).await;
        assert!(expired.text.contains("The token has expired."), "{}: {expired:?}", key.id);
    }
    tokio::time::sleep(Duration::from_millis(2100)).await; // until the set may be asked for again
    for _ in 0..20 {
        let refused = trusting.get(&without_id(&stranger, claims(&["*"]))).await;
        assert!(refused.text.contains("The token's signature is invalid."), "{refused:?}");
    }
    assert_eq!(trusting.asked(), 1, "no key is looked for that may be there already");
}

/// Every way to forge a token that is known to have worked somewhere, and some more.
fn forged(key: &SigningKey, rsa: &SigningKey) -> Vec<(&'static str, String)> {
    let (good, stranger) = (claims(&["*"]), SigningKey::ec(&key.id));
    let (header, listed) = (json!({"alg": key.algorithm(), "kid": key.id}), rsa.listed());
    let modulus = listed["n"].as_str().unwrap();
    let token = key.token(&good);
    let parts: Vec<&str> = token.split('.').collect();
    let more = encoded(claims(&["*", "more"]).to_string().as_bytes());
    let hs256 = |kid: &str| json!({"alg": "HS256", "kid": kid});
    vec![
        ("none", unsigned(&json!({"alg": "none"}), &good)),
        ("None", unsigned(&json!({"alg": "None", "kid": key.id}), &good)),
        ("none with a signature", format!("{}{}", unsigned(&json!({"alg": "none", "kid": key.id}), &good), parts[2])),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("HS256 with the modulus", signed_with_secret(modulus.as_bytes(), &hs256(&rsa.id), &good)),
        ("HS256 with the listed key", signed_with_secret(listed.to_string().as_bytes(), &hs256(&rsa.id), &good)),
        ("HS256 with nothing", signed_with_secret(b"", &hs256(&rsa.id), &good)),
        ("RS256 that is HS256", signed_with_secret(modulus.as_bytes(), &json!({"alg": "RS256", "kid": rsa.id}), &good)),
        ("another key under its id", stranger.token(&good)),
        ("a key that brings itself", stranger.token_with(&json!({"alg": "ES256", "kid": key.id, "jwk": stranger.listed()}), &good)),
        ("a key that says where it is", stranger.token_with(&json!({"alg": "ES256", "kid": "x", "jku": "http://127.0.0.1:1/"}), &good)),
        ("the algorithm of another key", key.token_with(&json!({"alg": "RS256", "kid": key.id}), &good)),
        ("the id of another key", key.token_with(&json!({"alg": key.algorithm(), "kid": rsa.id}), &good)),
        ("an algorithm that is not taken", rsa.token_with(&json!({"alg": "RS512", "kid": rsa.id}), &good)),
        ("an unknown id", key.token_with(&json!({"alg": key.algorithm(), "kid": "unknown"}), &good)),
        ("an extension", key.token_with(&json!({"alg": key.algorithm(), "kid": key.id, "crit": ["x"], "x": 1}), &good)),
        ("other claims", format!("{}.{more}.{}", parts[0], parts[2])),
        ("half", token[..token.len() / 2].to_owned()),
        ("two", format!("{token}.{token}")),
        ("expired", key.token(&claims_but("exp", in_seconds(-90)))),
        ("without an end", key.token(&claims_but("exp", Value::Null))),
        ("with an end that is none", key.token(&claims_but("exp", "never"))),
        ("not yet valid", key.token(&claims_but("nbf", in_seconds(90)))),
        ("of another issuer", key.token(&claims_but("iss", "https://id.example.com"))),
        ("of no issuer", key.token(&claims_but("iss", Value::Null))),
        ("for another audience", key.token(&claims_but("aud", "rollcall2"))),
        ("for other audiences", key.token(&claims_but("aud", json!(["a", "b"])))),
        ("for no audience", key.token(&claims_but("aud", Value::Null))),
        ("claims that are no object", key.token_with(&header, &json!([good]))),
        ("nothing", String::new()),
        ("no token", "token".to_owned()),
        ("dots", "..".to_owned()),
    ]
}

#[tokio::test]
async fn a_token_that_is_wrong_in_any_way_is_refused_and_why_is_said() {
    let (key, rsa) = (SigningKey::ec("key"), SigningKey::rsa("rsa"));
    let trusting = Trusting::new(&[&key, &rsa]).await;
    for (how, token) in forged(&key, &rsa) {
        let answer = trusting.get(&token).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{how}");
        assert!(token.len() < 10 || !format!("{answer:?}").contains(&token), "{how}: it is quoted");
    }
    assert_eq!(trusting.world.asked(), (0, 0));
    for (how, claims, word) in [
        ("expired", claims_but("exp", in_seconds(-90)), "expired"),
        ("not yet valid", claims_but("nbf", in_seconds(90)), "not valid yet"),
        ("issuer", claims_but("iss", "x"), "issuer"),
        ("issuers", claims_but("iss", json!(["x", ISSUER])), "issuer"),
        ("audience", claims_but("aud", "x"), "audience"),
    ] {
        let message = trusting.get(&key.token(&claims)).await.json()["message"].to_string();
        assert!(message.contains(word), "{how}: {message}");
    }
    let token = key.token(&claims(&["*"]));
    let as_key = trusting.gateway.get_with(ROLL, &[("x-api-key", &token)]).await;
    assert_eq!(as_key.code(), "unauthorized", "a token is not a key");
    let message = as_key.json()["message"].to_string();
    assert!(message.contains("token") && message.contains("'Authorization: Bearer ...'"), "what works here: {message}");
    assert!(!message.contains("X-Api-Key") && !message.contains("key"), "only what works here: {message}");
    assert_eq!(trusting.get(&token).await.status, 200, "a valid one still works after all that");
}

#[tokio::test]
async fn clocks_may_differ_by_a_minute_and_an_audience_may_be_one_of_several() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for claims in [
        claims_but("exp", in_seconds(-50)),
        claims_but("nbf", in_seconds(50)),
        claims_but("aud", json!(["other", AUDIENCE])),
        claims_but("iat", in_seconds(9999)),
        claims_but("sub", Value::Null),
    ] {
        assert_eq!(trusting.get(&key.token(&claims)).await.status, 200, "{claims}");
    }
}

#[tokio::test]
async fn a_token_opens_the_customers_that_it_lists_and_no_other() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for (listed, status) in [
        (json!(["acme"]), 200),
        (json!(["other", "ac*"]), 200),
        (json!(["*"]), 200),
        (json!(["a b", 7, null, "acme"]), 200),
        (json!(["Acme"]), 403),
        (json!(["acme-*", "*cme", "a*e", "**"]), 403),
        (json!([]), 403),
        (json!("acme"), 403),
        (json!("*"), 403),
        (json!({"acme": true}), 403),
        (Value::Null, 403),
    ] {
        let answer = trusting.get(&key.token(&claims_but("customers", listed.clone()))).await;
        assert_eq!(answer.status, status, "{listed}: {answer:?}");
    }
    let renamed = Trusting::with(&[&key], |setup| setup.set("auth.jwt.customers_claim", "https://x.example/tenants")).await;
    assert_eq!(renamed.get(&key.token(&claims(&["*"]))).await.code(), "forbidden");
    assert_eq!(renamed.get(&key.token(&claims_but("https://x.example/tenants", json!(["acme"])))).await.status, 200);
}

#[tokio::test]
async fn every_fault_of_the_table_is_named() {
    let (world, issuer) = (World::of_two().await, Fake::start().await);
    let valid = || world.gateway().with_tokens(&issuer);
    let cases: [(Setup, &[&str]); 7] = [
        (world.gateway().set("auth.mode", "jwt"), &["auth.jwt.issuer", "is required"]),
        (world.gateway().set("auth.mode", "jwt"), &["auth.jwt.audience", "is required"]),
        (world.gateway().set("auth.mode", "jwt"), &["auth.jwt.jwks_url", "auth.jwt.jwks_file"]),
        (valid().set("auth.jwt.jwks_url", "http://id.example.com/keys"), &["auth.jwt.jwks_url", "https://"]),
        (valid().set("auth.jwt.jwks_file", "keys.json"), &["auth.jwt.jwks_url", "remove one of them"]),
        (valid().set("auth.jwt.audience", " "), &["auth.jwt.audience", "blank"]),
        (valid().set("auth.mode", "keys"), &["auth.jwt", "auth.mode"]),
    ];
    for (setup, words) in cases {
        let faults = setup.config().err().unwrap_or_else(|| panic!("no fault: {words:?}")).to_string();
        assert!(faults.lines().any(|line| line.starts_with(words[0]) && line.contains(words[1])), "{words:?}: {faults}");
    }
    assert!(valid().set("auth.jwt.jwks_url", "https://id.example.com/keys?p=b2c").config().is_ok());
}

#[tokio::test]
async fn a_reload_gives_no_subject_their_burst_again_unless_the_rate_is_another() {
    let key = SigningKey::ed("key");
    let limited = |setup: Setup, rate: &str| setup.set("auth.jwt.rate", rate);
    let trusting = Trusting::with(&[&key], |setup| limited(setup, "2/h")).await;
    let token = key.token(&claims(&["*"]));
    let statuses = async || [trusting.get(&token).await.status, trusting.get(&token).await.status];
    assert_eq!(statuses().await, [200, 200]);
    for (rate, expected) in [("2/h", [429, 429]), ("1/h", [200, 429]), ("1/h", [429, 429])] {
        let setup = trusting.world.gateway().with_tokens(&trusting.issuer);
        trusting.gateway.reload(limited(setup, rate).config().unwrap());
        assert_eq!(statuses().await, expected, "{rate}");
    }
}
