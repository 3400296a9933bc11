//! Who may ask, where callers are told by tokens of an issuer.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Answer, Fake, Folder, Gateway, Reply, Setup, World,
    issuer::{AUDIENCE, ISSUER, SigningKey, claims, claims_but, encoded, in_seconds, key_set, signed_with_secret, unsigned},
};

const ROLL: &str = "/customers/acme/users";

/// A gateway that trusts the keys of an issuer, and that issuer.
struct Trusting {
    world: World,
    issuer: Fake,
    gateway: Gateway,
}

impl Trusting {
    async fn new(keys: &[&SigningKey]) -> Self {
        Self::with(keys, |setup| setup).await
    }

    async fn with(keys: &[&SigningKey], more: impl FnOnce(Setup) -> Setup) -> Self {
        let (world, issuer) = (World::of_two().await, Fake::start().await);
        issuer.lists(keys);
        let gateway = more(world.gateway().with_tokens(&issuer)).start().await;
        Self { world, issuer, gateway }
    }

    async fn get(&self, token: &str) -> Answer {
        self.gateway.get_with(ROLL, &[("authorization", &format!("Bearer {token}"))]).await
    }

    fn asked(&self) -> usize {
        self.issuer.calls().len()
    }
}

#[tokio::test]
async fn a_token_by_each_algorithm_is_taken() {
    let keys = [SigningKey::rsa("r"), SigningKey::ec("c"), SigningKey::ed("d")];
    let trusting = Trusting::new(&keys.iter().collect::<Vec<_>>()).await;
    for key in &keys {
        let answer = trusting.get(&key.token(&claims(&["*"]))).await;
        assert_eq!(answer.status, 200, "{}: {answer:?}", key.algorithm());
    }
    let without_id = keys[1].token_with(&json!({"alg": "ES256"}), &claims(&["*"]));
    assert_eq!(trusting.get(&without_id).await.status, 200, "there is one key for the algorithm");
    assert_eq!(trusting.asked(), 1, "the key set is asked for once");
    assert_eq!(trusting.issuer.calls()[0].header("authorization"), None);
}

/// Every way to forge a token that is known for having worked somewhere, and then some.
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
    assert_eq!(as_key.code(), "unauthorized", "a token is no key");
    let message = as_key.json()["message"].to_string();
    assert!(message.contains("token") && message.contains("'Authorization: Bearer ...'"), "what works here: {message}");
    assert!(!message.contains("X-Api-Key") && !message.contains("key"), "and nothing else: {message}");
    assert_eq!(trusting.get(&token).await.status, 200, "and a good one goes through after all that");
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
async fn a_changed_key_set_is_in_use_at_once_for_a_new_key() {
    let (old, new) = (SigningKey::ed("old"), SigningKey::ed("new"));
    let trusting = Trusting::new(&[&old]).await;
    let (by_old, by_new) = (old.token(&claims(&["*"])), new.token(&claims(&["*"])));
    assert_eq!(trusting.get(&by_old).await.status, 200);
    assert_eq!(trusting.get(&by_new).await.status, 401);
    trusting.issuer.lists(&[&new]);
    tokio::time::sleep(Duration::from_millis(2100)).await; // for the set was just asked for
    assert_eq!(trusting.get(&by_new).await.status, 200, "a key that is not in the set is asked for");
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_within_ten_seconds() {
    let (old, new) = (SigningKey::ed("old"), SigningKey::ed("new"));
    let by_old = old.token(&claims(&["*"]));
    let trusting = Trusting::new(&[&old]).await;
    assert_eq!(trusting.get(&by_old).await.status, 200);
    trusting.issuer.lists(&[&new]);
    tokio::time::sleep(Duration::from_millis(8100)).await;
    assert_eq!(trusting.get(&by_old).await.status, 401, "and one that is gone is gone, for the first who asks");
}

#[tokio::test]
async fn an_issuer_that_is_down_stops_nobody_whose_key_is_known() {
    let (key, unknown) = (SigningKey::ed("key"), SigningKey::ed("unknown"));
    let trusting = Trusting::new(&[&key]).await;
    let token = key.token(&claims(&["*"]));
    trusting.issuer.always(Reply::status(503));
    let answer = trusting.get(&token).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"), "nothing is known, of nobody");
    assert!(answer.header("retry-after").is_some() && answer.header("www-authenticate").is_none());
    assert_eq!(trusting.gateway.get("/health/ready").await.status, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    trusting.issuer.lists(&[&key]);
    assert_eq!(trusting.get(&token).await.status, 200, "it is back");
    for broken in [Reply::status(503), Reply::html(200), Reply::json(200, &json!({})), Reply::json(302, &json!({"keys": []}))] {
        trusting.issuer.always(broken);
        tokio::time::sleep(Duration::from_millis(2100)).await;
        let asked = trusting.asked();
        assert_eq!(trusting.get(&unknown.token(&claims(&["*"]))).await.code(), "unauthorized");
        assert_eq!(trusting.asked(), asked + 1, "it was asked for");
        assert_eq!(trusting.get(&token).await.status, 200, "the set that was had goes on");
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_nobody_up_beyond_the_requests_own_time() {
    let key = SigningKey::ed("key");
    let token = key.token(&claims(&["*"]));
    let trusting = Trusting::with(&[&key], |setup| setup.set("server.deadline", "1s")).await;
    trusting.issuer.always(Reply::status(200).after(Duration::from_mins(1)));
    let begun = tokio::time::Instant::now();
    assert_eq!(trusting.get(&token).await.code(), "keys_unavailable");
    assert!(begun.elapsed() < Duration::from_secs(2), "waited {:?}", begun.elapsed());
}

#[tokio::test]
async fn what_the_keys_have_taken_the_sources_do_not_get() {
    let key = SigningKey::ed("key");
    let (token, keys) = (key.token(&claims(&["*"])), key_set(&[&key]));
    let trusting = Trusting::with(&[&key], |setup| setup.set("server.deadline", "2s")).await;
    trusting.issuer.answer(move |_| Reply::json(200, &keys).after(Duration::from_millis(1200)));
    trusting.world.my_reports.always(Reply::status(200).after(Duration::from_mins(1)));
    let begun = tokio::time::Instant::now();
    assert_eq!(trusting.get(&token).await.source("my_reports")["status"], "timeout");
    assert!(begun.elapsed() < Duration::from_millis(2700), "waited {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_issuer_that_lists_no_key_any_more_has_withdrawn_them() {
    let key = SigningKey::ed("key");
    let foreign = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "key"});
    for (what, keys) in [("none", json!([])), ("none that can be used", json!([foreign]))] {
        let trusting = Trusting::new(&[&key]).await;
        let token = key.token(&claims(&["*"]));
        assert_eq!(trusting.get(&token).await.status, 200);
        trusting.issuer.always(Reply::json(200, &json!({"keys": keys})));
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        while trusting.get(&token).await.status != 401 {
            assert!(tokio::time::Instant::now() < end, "{what}: a changed set is in use within ten seconds");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        trusting.issuer.lists(&[&key]);
        tokio::time::sleep(Duration::from_millis(2100)).await;
        assert_eq!(trusting.get(&token).await.status, 200, "{what}: it is listed again");
    }
}

#[tokio::test]
async fn a_hundred_callers_and_a_hundred_unknown_keys_cause_one_question() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    let keys = key_set(&[&key]);
    trusting.issuer.answer(move |_| Reply::json(200, &keys).after(Duration::from_millis(100)));
    let token = key.token(&claims(&["*"]));
    let answers = join_all((0..100).map(|_| trusting.get(&token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(trusting.asked(), 1);
    let strangers: Vec<String> =
        (0..100).map(|number| key.token_with(&json!({"alg": "EdDSA", "kid": format!("k{number}")}), &claims(&["*"]))).collect();
    let answers = join_all(strangers.iter().map(|token| trusting.get(token))).await;
    assert!(answers.iter().all(|answer| answer.status == 401));
    assert!(trusting.asked() <= 2, "{} times", trusting.asked());
}

#[tokio::test]
async fn keys_may_be_in_a_file_that_changes() {
    let (world, folder, old, new) = (World::of_two().await, Folder::new(), SigningKey::ed("old"), SigningKey::ec("new"));
    let file = folder.write("keys.json", &key_set(&[&old]).to_string());
    let jwt = |file: &str| {
        let keys = [("auth.mode", "jwt"), ("auth.jwt.issuer", ISSUER), ("auth.jwt.audience", AUDIENCE), ("auth.jwt.jwks_file", file)];
        keys.iter().fold(world.gateway(), |setup, (key, value)| setup.set(key, value))
    };
    let gateway = jwt(file.to_str().unwrap()).start().await;
    let status = async |key: &SigningKey| {
        let token = format!("Bearer {}", key.token(&claims(&["*"])));
        gateway.get_with(ROLL, &[("authorization", &token)]).await.status
    };
    assert_eq!((status(&old).await, status(&new).await), (200, 401));
    fs::write(&file, key_set(&[&new]).to_string()).unwrap();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(status(&new).await, 200);
    for (name, text) in [("missing.json", None), ("html.json", Some("<html>")), ("empty.json", Some("{\"keys\":[]}"))] {
        let path = text.map_or_else(|| folder.path(name), |text| folder.write(name, text));
        let faults = jwt(path.to_str().unwrap()).config().err().unwrap().to_string();
        assert!(faults.starts_with("auth.jwt.jwks_file") && faults.contains(name), "{faults}");
    }
}

#[tokio::test]
async fn each_subject_has_a_limit_of_his_own_and_a_name_in_the_metrics() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::with(&[&key], |setup| setup.set("auth.jwt.rate", "1/h")).await;
    let of = |subject: &str| key.token(&claims_but("sub", subject));
    for subject in ["ann", "bo", "ä", "ö"] {
        assert_eq!(trusting.get(&of(subject)).await.status, 200);
        assert_eq!(trusting.get(&of(subject)).await.code(), "rate_limited");
    }
    let bearer = format!("Bearer {}", of("cy"));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    assert!(metrics.contains("caller_requests_total{caller=\"ann\",status=\"429\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_name_that_an_issuer_has_chosen_does_not_break_the_metrics() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for subject in ["x\",status=\"500", "CORP\\nina"] {
        assert_eq!(trusting.get(&key.token(&claims_but("sub", subject))).await.status, 200);
    }
    let bearer = format!("Bearer {}", key.token(&claims_but("sub", "cy")));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    for label in [r#"{caller="x\",status=\"500",status="200"} 1"#, r#"{caller="CORP\\nina",status="200"} 1"#] {
        assert!(metrics.contains(&format!("rollcall_caller_requests_total{label}")), "{label}: {metrics}");
    }
}

#[tokio::test]
async fn subjects_without_end_make_no_metrics_without_end() {
    let key = SigningKey::ed("key");
    let trusting = Trusting::new(&[&key]).await;
    for number in 0..230 {
        assert_eq!(trusting.get(&key.token(&claims_but("sub", format!("s{number}")))).await.status, 200);
    }
    let bearer = format!("Bearer {}", key.token(&claims_but("sub", "s1")));
    let metrics = trusting.gateway.get_with("/metrics", &[("authorization", &bearer)]).await.text;
    let named = metrics.lines().filter(|line| line.starts_with("rollcall_caller_requests_total{")).count();
    assert!(named <= 201 && metrics.contains("caller=\"other\""), "{named}");
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
        (valid().set("auth.jwt.jwks_file", "keys.json"), &["auth.jwt.jwks_url", "leave either out"]),
        (valid().set("auth.jwt.audience", " "), &["auth.jwt.audience", "blank"]),
        (valid().set("auth.mode", "keys"), &["auth.jwt", "auth.mode"]),
    ];
    for (setup, words) in cases {
        let faults = setup.config().err().unwrap_or_else(|| panic!("no fault: {words:?}")).to_string();
        assert!(faults.lines().any(|line| line.starts_with(words[0]) && line.contains(words[1])), "{words:?}: {faults}");
    }
    assert!(valid().set("auth.jwt.jwks_url", "https://id.example.com/keys?p=b2c").config().is_ok());
}
