//! The keys of a token issuer: when they are fetched, that they change, and that no request waits for them for long.

use std::{fs, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Folder, Reply, World,
    issuer::{AUDIENCE, ISSUER, SigningKey, claims, key_set},
    trusting::{ROLL, Trusting},
    until_so_within,
};

#[tokio::test]
async fn a_changed_key_set_is_in_use_at_once_for_a_new_key() {
    let (old, new) = (SigningKey::ed("old"), SigningKey::ed("new"));
    let trusting = Trusting::new(&[&old]).await;
    let (by_old, by_new) = (old.token(&claims(&["*"])), new.token(&claims(&["*"])));
    assert_eq!(trusting.get(&by_old).await.status, 200);
    assert_eq!(trusting.get(&by_new).await.status, 401);
    trusting.issuer.lists(&[&new]);
    tokio::time::sleep(Duration::from_millis(2100)).await; // because the set has just been fetched
    assert_eq!(trusting.get(&by_new).await.status, 200, "a key that is missing from the set is fetched");
}

#[tokio::test]
async fn a_key_that_is_withdrawn_is_refused_within_ten_seconds() {
    let (old, new) = (SigningKey::ed("old"), SigningKey::ed("new"));
    let by_old = old.token(&claims(&["*"]));
    let trusting = Trusting::new(&[&old]).await;
    assert_eq!(trusting.get(&by_old).await.status, 200);
    trusting.issuer.lists(&[&new]);
    tokio::time::sleep(Duration::from_millis(8100)).await;
    assert_eq!(trusting.get(&by_old).await.status, 401, "a removed key is refused, even for the first request");
}

#[tokio::test]
async fn an_issuer_that_is_down_stops_nobody_whose_key_is_known() {
    let (key, unknown) = (SigningKey::ed("key"), SigningKey::ed("unknown"));
    let trusting = Trusting::new(&[&key]).await;
    let token = key.token(&claims(&["*"]));
    trusting.issuer.always(Reply::status(503));
    let answer = trusting.get(&token).await;
    assert_eq!((answer.status, answer.code().as_str()), (503, "keys_unavailable"), "no caller can be identified");
    assert!(answer.header("retry-after").is_some() && answer.header("www-authenticate").is_none());
    assert_eq!(trusting.gateway.get("/health/ready").await.status, 200);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    trusting.issuer.lists(&[&key]);
    assert_eq!(trusting.get(&token).await.status, 200, "the issuer is back");
    for broken in [Reply::status(503), Reply::html(200), Reply::json(200, &json!({})), Reply::json(302, &json!({"keys": []}))] {
        trusting.issuer.always(broken);
        tokio::time::sleep(Duration::from_millis(2100)).await;
        let asked = trusting.asked();
        assert_eq!(trusting.get(&unknown.token(&claims(&["*"]))).await.code(), "unauthorized");
        assert_eq!(trusting.asked(), asked + 1, "the set was fetched");
        assert_eq!(trusting.get(&token).await.status, 200, "the previous set stays in use");
    }
}

#[tokio::test]
async fn an_issuer_that_hangs_holds_nobody_up_beyond_the_requests_own_time() {
    let key = SigningKey::ed("key");
    let token = key.token(&claims(&["*"]));
    let trusting = Trusting::with(&[&key], |setup| setup.set("server.deadline", "500ms")).await;
    trusting.issuer.always(Reply::status(200).after(Duration::from_mins(1)));
    let begun = tokio::time::Instant::now();
    assert_eq!(trusting.get(&token).await.code(), "keys_unavailable");
    // The call that fetches the keys has 2 s.
    assert!(begun.elapsed() < Duration::from_millis(1900), "waited {:?}", begun.elapsed());
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
    // If they got their 1.75 s after the keys' 1.2 s, it would be 2.95 s.
    assert!(begun.elapsed() < Duration::from_millis(2900), "waited {:?}", begun.elapsed());
}

#[tokio::test]
async fn an_issuer_that_lists_no_key_any_more_has_withdrawn_them() {
    let key = SigningKey::ed("key");
    let foreign = json!({"kty": "oct", "k": "c2VjcmV0", "kid": "key"});
    let withdrawn = async |(what, keys)| {
        let trusting = Trusting::new(&[&key]).await;
        let token = key.token(&claims(&["*"]));
        assert_eq!(trusting.get(&token).await.status, 200);
        trusting.issuer.always(Reply::json(200, &json!({"keys": keys})));
        let (promised, changed) = (Duration::from_secs(10), format!("{what}: the changed set to be in use"));
        until_so_within(promised, changed, async || trusting.get(&token).await.status == 401).await;
        trusting.issuer.lists(&[&key]);
        tokio::time::sleep(Duration::from_millis(2100)).await;
        assert_eq!(trusting.get(&token).await.status, 200, "{what}: it is listed again");
    };
    join_all([("none", json!([])), ("none that is usable", json!([foreign]))].map(withdrawn)).await;
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
