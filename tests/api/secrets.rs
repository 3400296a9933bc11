//! The data that upstreams and operators entrust to the gateway: which of it appears, and where.
//!
//! Backends fill every field, body and header with markers, the real program runs with its most
//! verbose log, and all of its output is searched.

use std::fmt::Write;

use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::support::{
    Ended, Folder, Gateway, Program, Reply, World,
    planted::{self, ACCESS_TOKEN, BASIC, CLIENT_SECRET, MY_REPORTS_TOKEN, allowed, configuration, found, headed, markers, plant},
};

/// Requests everything: the bodies of rolls, and whatever else callers and operators see.
async fn ask_for_everything(gateway: &Gateway, world: &World) -> (String, String) {
    let (mut rolls, mut rest) = (String::new(), String::new());
    let mut paths = Vec::new();
    let refusal = json!({"error": planted::text("token"), "error_description": planted::text("token")});
    for status in [200, 400, 401, 403, 404, 429, 500] {
        plant(world, headed(Reply::json(status, &refusal)));
        let refused = gateway.get(&format!("/customers/200-token-{status}/users?partial=deny")).await;
        assert!(refused.status >= 400, "{refused:?}");
        write!(rest, "{refused:?}").unwrap();
    }
    let more =
        json!({"access_token": ACCESS_TOKEN, "expires_in": 7200, "id_token": planted::text("token"), "scope": planted::text("token")});
    plant(world, headed(Reply::json(200, &more)));
    for query in ["", "?include=deleted,conflicts", "?page_size=1", "?sort=-email", "?q=text", "?partial=deny"] {
        paths.push(format!("/customers/acme/users{query}"));
    }
    for failing in ["200-html", "200-said", "302-x", "400-x", "401-x", "403-x", "404-x", "404-html", "422-x", "429-x", "500-html", "503-x"]
    {
        paths.push(format!("/customers/{failing}/users"));
    }
    paths.extend(["/metrics", "/health/sources", "/", "/nowhere"].map(str::to_owned));
    for path in paths {
        let answer = gateway.get(&path).await;
        writeln!(rest, "{path} {:?}", answer.headers).unwrap();
        let place = if answer.status == 200 && path.starts_with("/customers/") { &mut rolls } else { &mut rest };
        place.push_str(&answer.text);
    }
    (rolls, rest)
}

#[track_caller]
fn assert_no_credentials(place: &str) {
    for secret in [CLIENT_SECRET, MY_REPORTS_TOKEN, ACCESS_TOKEN, BASIC] {
        assert!(!place.contains(secret), "{secret} appears: {place}");
    }
}

#[tokio::test]
async fn a_caller_sees_what_he_may_and_nothing_else_says_anything_at_all() {
    for format in ["text", "json"] {
        let (world, folder) = (World::new().await, Folder::new());
        let (program, gateway) = Program::serve(&configuration(&world, &folder, format), &[("ROLLCALL_LOG", "trace")]).await;
        let (rolls, rest) = ask_for_everything(&gateway, &world).await;
        program.signal("INT");
        let Ended { out, err, .. } = program.ended().await;
        assert!(err.matches("/customers/{customer_id}/users").count() >= 25, "the log is on: {err}");
        let markers = markers();
        assert_eq!(found(&markers, &rolls), found(&markers, &allowed().concat()), "{format}: in rolls: {rolls}");
        for (name, place) in [("stdout", &out), ("the log", &err), ("headers, errors, metrics, health", &rest)] {
            assert_eq!(found(&markers, place), [""; 0], "{format}: in {name}: {place}");
        }
        for place in [&rolls, &rest, &out, &err] {
            assert_no_credentials(place);
        }
        let sent = world.my_reports.calls().iter().any(|call| call.header("authorization").unwrap().ends_with(MY_REPORTS_TOKEN));
        assert!(sent && world.advanced_automation.calls().iter().any(|call| call.header("authorization").unwrap().ends_with(BASIC)));
    }
}

#[tokio::test]
async fn what_is_no_http_is_not_quoted() {
    let (world, folder, listener) = (World::new().await, Folder::new(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let own = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0, "what was written before may be lost in a reset");
            stream.write_all(format!("{0} {0}\r\n{0}\r\n\r\n", planted::text("raw")).as_bytes()).await.unwrap();
        }
    });
    let variables = [("ROLLCALL_LOG", "trace"), ("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", &own)];
    let (program, gateway) = Program::serve(&configuration(&world, &folder, "text"), &variables).await;
    let answer = gateway.get("/customers/acme/users").await;
    assert_eq!(answer.source("my_reports")["status"], "invalid_response", "{answer:?}");
    program.signal("INT");
    let said = program.ended().await;
    assert_eq!(found(&markers(), &format!("{answer:?} {said:?}")), [""; 0]);
}

#[tokio::test]
async fn a_check_says_nothing_of_what_it_has_or_was_told() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = configuration(&world, &folder, "text");
    for reply in [Reply::json(200, &json!({"access_token": ACCESS_TOKEN})), Reply::json(401, &json!({"error": planted::text("token")}))] {
        plant(&world, headed(reply));
        let said = Program::run(&["check", "--online", "--config", file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]).await;
        let said = format!("{said:?}");
        assert!(said.contains("advanced_automation"), "{said}");
        assert_eq!(found(&markers(), &said), [""; 0], "{said}");
        assert_no_credentials(&said);
    }
}

#[tokio::test]
async fn a_fault_never_quotes_what_may_be_a_secret() {
    let (world, folder) = (World::new().await, Folder::new());
    let secret = "hunter2-q7";
    let file = configuration(&world, &folder, "text");
    let valid = std::fs::read_to_string(&file).unwrap();
    for (more, variable, flags) in [
        (format!("sources.my_reports.tokn = \"{secret}\""), None, vec![]),
        (format!("sources.my_reports.token_file = \"{secret}\"\nsources.my_reports.account_id = [\"{secret}\"]"), None, vec![]),
        (format!("client_secret = \"{secret}"), None, vec![]),
        (format!("sources.my_reports.timeout = \"{secret}\""), None, vec![]),
        (String::new(), Some(("ROLLCALL__SOURCES__MY_REPORTS__TOKN", secret)), vec![]),
        (String::new(), Some(("ROLLCALL__SOURCES__MY_REPORTS__BASE_URL", "https://user:hunter2-q7@host")), vec![]),
        (String::new(), Some(("ROLLCALL__CACHE__FRESH", secret)), vec![]),
        (String::new(), None, vec!["--set", secret]),
        (String::new(), None, vec!["--set", "sources.my_reports.tokn=hunter2-q7"]),
        (String::new(), None, vec!["--listen", secret]),
    ] {
        std::fs::write(&file, format!("{valid}{more}\n")).unwrap();
        let arguments = [vec!["check", "--config", file.to_str().unwrap()], flags].concat();
        let said = Program::run(&arguments, &variable.map_or_else(Vec::new, |variable| vec![variable])).await;
        assert_eq!(said.code, Some(2), "{said:?}");
        let named_file = more.contains("token_file"); // a file is named, whatever it is called
        assert!(!said.err.is_empty() && (named_file || !format!("{said:?}").contains(secret)), "{said:?}");
        assert_no_credentials(&format!("{said:?}"));
    }
}

#[tokio::test]
async fn what_tells_configurations_apart_tells_nothing_of_their_secrets() {
    let (world, folder) = (World::new().await, Folder::new());
    let key = folder.write("cache.key", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=");
    let digest = |key_of_secret: &str, value: &str| {
        let setup = world.gateway().set("shared_cache.url", "redis://:one@127.0.0.1/0").set("shared_cache.key_file", key.to_str().unwrap());
        setup.set(key_of_secret, value).config().unwrap().facts.digest
    };
    for (secret, one, other) in [
        ("sources.advanced_automation.client_secret", "one", "other"),
        ("sources.my_reports.token", "one", "other"),
        ("shared_cache.url", "redis://:one@127.0.0.1/0", "redis://:other@127.0.0.1/0"),
    ] {
        assert_eq!(digest(secret, one), digest(secret, other), "{secret}");
    }
    assert_ne!(digest("cache.fresh", "1m"), digest("cache.fresh", "2m"));
}
