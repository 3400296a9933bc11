//! Using a refresh token that is valid only once: when it is sent, what is stored before it is used,
//! and what happens when no valid one is left.

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use futures_util::future::join_all;
use serde_json::json;

use crate::support::{
    Folder, Program, Reply, World,
    identity::{Given, ask, numbered, sent, world},
    until,
};

/// The whole lifetime of an access token here, in seconds: the shortest that is accepted.
const SHORT: u64 = 5;
const LONG: u64 = 3600;

fn store(folder: &Folder) -> String {
    fs::read_to_string(folder.path("my-reports.token")).unwrap_or_default()
}

#[tokio::test]
async fn every_refresh_token_is_sent_once_over_renewals_and_a_restart() {
    let (world, folder, given) = world(SHORT).await;
    let path = folder.path("my-reports.token");
    for round in 1..=2 {
        let gateway = world.with_store(&path).start().await;
        for time in 0..2 {
            assert_eq!(ask(&gateway, &format!("c{round}{time}")).await.status, 200);
            if time == 0 {
                tokio::time::sleep(Duration::from_millis(SHORT * 1000 + 100)).await;
            }
        }
        assert_eq!(sent(&given), numbered(2 * round));
        gateway.stop().await;
    }
    assert_eq!(store(&folder), "refresh-4\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn a_hundred_callers_at_the_end_of_a_token_cause_one_renewal() {
    let (world, folder, given) = world(SHORT).await;
    let gateway = world.with_store(&folder.path("my-reports.token")).patient().start().await;
    assert_eq!(ask(&gateway, "first").await.status, 200);
    tokio::time::sleep(Duration::from_millis(SHORT * 1000 + 100)).await;
    let answers = join_all((0..100).map(async |customer| ask(&gateway, &format!("c{customer}")).await)).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    assert_eq!(sent(&given), numbered(2));
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_behind_the_answer() {
    let (world, folder, _) = world(SHORT).await;
    let given = world.identity(SHORT, |call, reply| reply.after(Duration::from_millis(if call == 1 { 0 } else { 900 })));
    let gateway = world.with_store(&folder.path("my-reports.token")).start().await;
    ask(&gateway, "first").await;
    tokio::time::sleep(Duration::from_millis(SHORT * 800 + 150)).await;
    assert_eq!(ask(&gateway, "near").await.status, 200);
    let calls = world.my_reports.calls();
    let near = calls.iter().find(|call| call.path.ends_with("/near/users")).unwrap();
    assert_eq!(near.header("authorization"), Some("Bearer access-1"), "the answer did not wait for the new one");
    until("the new token to be kept", || store(&folder) == "refresh-2\n").await;
    assert_eq!(sent(&given), numbered(2));
}

#[tokio::test]
async fn the_new_refresh_token_is_in_its_file_before_the_new_access_token_is_used() {
    let (world, folder, _) = world(LONG).await;
    let path = folder.path("my-reports.token");
    let known = std::sync::Mutex::new(Given::default());
    world.my_reports.answer(move |call| {
        if call.path == "/connect/token" {
            return known.lock().unwrap().renew(call, LONG);
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "refresh-1\n");
        known.lock().unwrap().users(call)
    });
    let gateway = world.with_store(&folder.path("my-reports.token")).start().await;
    assert_eq!(ask(&gateway, "acme").await.status, 200);
}

#[tokio::test]
async fn a_token_that_is_not_replaced_goes_on() {
    let (world, folder) = (World::of_two().await, Folder::new());
    for (kept, more) in
        [("  by-hand", json!({})), ("by-hand\n", json!({"refresh_token": null})), ("by-hand\n", json!({"refresh_token": "by-hand"}))]
    {
        let path = folder.write("my-reports.token", kept);
        world.my_reports.answer(move |call| {
            if call.path != "/connect/token" {
                return crate::support::sources::roll(call);
            }
            assert_eq!(&call.body[..], b"grant_type=refresh_token&refresh_token=by-hand");
            let mut answer = json!({"access_token": "access", "expires_in": LONG});
            answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Reply::json(200, &answer)
        });
        let gateway = world.with_store(&path).start().await;
        assert_eq!(ask(&gateway, "acme").await.status, 200);
        assert_eq!(store(&folder), kept, "and stays as written");
        assert!(!folder.path("my-reports.token.new").exists());
    }
}

#[tokio::test]
async fn a_refused_token_is_not_sent_again_until_there_is_another_one() {
    let (world, folder, given) = world(LONG).await;
    folder.write("my-reports.token", "stolen\n");
    let file = world.toml_with_store(&folder, "");
    let (program, gateway) = Program::serve(&file, &[]).await;
    for customer in ["a", "b", "c"] {
        let answer = ask(&gateway, customer).await;
        assert_eq!((answer.code().as_str(), sent(&given)), ("upstream_unauthorized", vec!["stolen".to_owned()]), "{answer:?}");
    }
    let told = program.lines_with(&["ERROR"]).await;
    assert_eq!(told.len(), 1, "{told:?}");
    for word in ["my_reports", "invalid_grant", "rollcall login my-reports --config FILE", "my-reports.token"] {
        assert!(told[0].contains(word), "{word}: {told:?}");
    }
    folder.write("my-reports.token", "refresh-0\n");
    assert_eq!(ask(&gateway, "a").await.status, 200, "{}", program.said());
}

#[tokio::test]
async fn what_else_an_identity_server_says_does_not_end_the_token() {
    let (world, folder, _) = world(LONG).await;
    let gateway = world.with_store(&folder.path("my-reports.token")).start().await;
    for (reply, code) in [
        (Reply::json(400, &json!({"error": "invalid_request"})), "upstream_unauthorized"),
        (Reply::json(401, &json!({"error": "invalid_client"})), "upstream_unauthorized"),
        (Reply::json(401, &json!({"error": "invalid_grant"})), "upstream_unauthorized"),
        (Reply::html(400), "upstream_unauthorized"),
        (Reply::status(403), "upstream_forbidden"),
        (Reply::status(429), "upstream_rate_limited"),
        (Reply::status(503), "upstream_unavailable"),
        (Reply::html(200), "upstream_invalid_response"),
        (Reply::status(302).header("location", "http://elsewhere.example/"), "upstream_invalid_response"),
    ] {
        world.my_reports.always(reply);
        assert_eq!(ask(&gateway, code).await.code(), code);
        assert_eq!((store(&folder).as_str(), folder.path("my-reports.token.new").exists()), ("refresh-0\n", false));
    }
    let given = world.identity(LONG, |_, reply| reply);
    assert_eq!((ask(&gateway, "well").await.status, sent(&given)), (200, numbered(1)));
}

#[tokio::test]
async fn a_refresh_token_beside_an_access_token_that_cannot_be_used_is_kept() {
    for (access, kind) in [(json!("access-1"), json!("DPoP")), (json!("a\nb"), json!("Bearer")), (json!(null), json!(null))] {
        let (world, folder, _) = world(LONG).await;
        let given = world.identity(LONG, move |call, reply| {
            let (access, kind) = (access.clone(), kind.clone());
            let odd = json!({"access_token": access, "token_type": kind, "refresh_token": "refresh-1", "expires_in": LONG});
            if call == 1 { Reply::json(200, &odd) } else { reply }
        });
        let gateway = world.with_store(&folder.path("my-reports.token")).start().await;
        assert_eq!(ask(&gateway, "a").await.code(), "upstream_invalid_response");
        assert_eq!(store(&folder), "refresh-1\n", "the previous one is spent");
        assert_eq!((ask(&gateway, "b").await.status, sent(&given)), (200, numbered(2)));
    }
}

#[tokio::test]
async fn an_answer_that_comes_too_late_for_its_caller_is_kept_all_the_same() {
    let (world, folder, _) = world(LONG).await;
    let given = world.identity(LONG, |_, reply| reply.after(Duration::from_millis(900)));
    let gateway = world.with_store(&folder.path("my-reports.token")).set("sources.my_reports.timeout", "300ms").start().await;
    assert_eq!(ask(&gateway, "early").await.code(), "upstream_timeout");
    until("the new token to be kept", || store(&folder) == "refresh-1\n").await;
    assert_eq!((ask(&gateway, "late").await.status, sent(&given)), (200, numbered(1)));
}

#[tokio::test]
async fn a_gateway_that_is_told_to_stop_keeps_the_token_that_it_waits_for() {
    for signal in ["TERM", "INT"] {
        let (world, folder, _) = world(LONG).await;
        let given = world.identity(LONG, |_, reply| reply.after(Duration::from_millis(700)));
        let (program, gateway) = Program::serve(&world.toml_with_store(&folder, "sources.my_reports.timeout = \"100ms\""), &[]).await;
        assert_eq!(ask(&gateway, "acme").await.code(), "upstream_timeout");
        program.signal(signal);
        let ended = program.ended().await;
        assert_eq!((ended.code, store(&folder).as_str(), sent(&given)), (Some(0), "refresh-1\n", numbered(1)), "{ended:?}");
    }
}

#[tokio::test]
async fn a_check_waits_for_the_token_that_it_has_asked_for() {
    let (world, folder, _) = world(LONG).await;
    let given = world.identity(LONG, |_, reply| reply.after(Duration::from_millis(700)));
    let file = world.toml_with_store(&folder, "sources.my_reports.timeout = \"100ms\"");
    let ended = Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[]).await;
    assert!(ended.code == Some(0) && ended.out.contains("my_reports: credentials are available"), "{ended:?}");
    assert_eq!((store(&folder).as_str(), sent(&given)), ("refresh-1\n", numbered(1)));
}

#[tokio::test]
async fn a_check_that_is_told_to_stop_keeps_the_token_that_it_waits_for() {
    for signal in ["TERM", "INT", "HUP"] {
        let (world, folder, _) = world(LONG).await;
        let given = world.identity(LONG, |_, reply| reply.after(Duration::from_millis(700)));
        let file = world.toml_with_store(&folder, "");
        let program = Program::start(&["check", "--online", "--config", file.to_str().unwrap()], &[]);
        until("the renewal", || sent(&given).len() == 1).await;
        program.signal(signal);
        let ended = program.ended().await;
        assert!(ended.code == Some(1) && ended.err.contains("stopped by a signal"), "{signal}: {ended:?}");
        assert_eq!((store(&folder).as_str(), sent(&given)), ("refresh-1\n", numbered(1)), "{signal}");
    }
}

#[tokio::test]
async fn a_configuration_that_changes_while_a_token_is_renewed_does_not_send_it_again() {
    let (world, folder, _) = world(LONG).await;
    let given = world.identity(LONG, |_, reply| reply.after(Duration::from_millis(700)));
    let (program, gateway) = Program::serve(&world.toml_with_store(&folder, ""), &[]).await;
    let changing = async {
        until("the renewal", || sent(&given).len() == 1).await;
        program.signal("HUP");
        program.word_after(&["was reloaded"]).await;
        ask(&gateway, "after").await
    };
    let (before, after) = tokio::join!(ask(&gateway, "before"), changing);
    assert_eq!((before.status, after.status, sent(&given)), (200, 200, numbered(1)), "{}", program.said());
    assert_eq!(store(&folder), "refresh-1\n");
}

#[tokio::test]
async fn a_reload_goes_on_with_the_tokens_that_there_are() {
    let (world, folder, given) = world(LONG).await;
    let path = folder.path("my-reports.token");
    let gateway = world.with_store(&path).start().await;
    let tokens = || world.advanced_automation.count("/token");
    assert_eq!((ask(&gateway, "first").await.status, sent(&given), tokens()), (200, numbered(1), 1));
    gateway.reload(world.with_store(&path).set("cache.fresh", "59s").config().unwrap());
    assert_eq!((ask(&gateway, "second").await.status, sent(&given), tokens()), (200, numbered(1), 1));
    let renewed = || world.with_store(&path).set("sources.advanced_automation.client_secret", "renewed");
    gateway.reload(renewed().config().unwrap());
    assert_eq!((ask(&gateway, "third").await.status, sent(&given), tokens()), (200, numbered(1), 2), "another secret is tried");
    folder.write("my-reports.token", "refresh-1\n");
    gateway.reload(renewed().config().unwrap());
    assert_eq!((ask(&gateway, "fourth").await.status, sent(&given), tokens()), (200, numbered(2), 2), "someone has logged in");
    gateway.reload(renewed().set("sources.my_reports.oauth.client_secret", "renewed").config().unwrap());
    assert_eq!((ask(&gateway, "fifth").await.status, sent(&given), tokens()), (200, numbered(3), 2), "another secret is tried");
}

#[tokio::test]
async fn processes_that_share_a_store_take_turns() {
    let (world, folder, given) = world(LONG).await;
    let file = world.toml_with_store(&folder, "");
    let (_program, gateway) = Program::serve(&file, &[]).await;
    let check = async || Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[]).await;
    let (checks, answer) = tokio::join!(join_all((0..4).map(|_| check())), ask(&gateway, "acme"));
    assert!(checks.iter().all(|ended| ended.code == Some(0)), "{checks:?}");
    assert_eq!((sent(&given), store(&folder).as_str()), (numbered(5), "refresh-5\n"), "{answer:?}");
}
