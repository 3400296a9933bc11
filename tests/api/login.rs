//! `rollcall login my-reports`: a person's one-time login, with the tests acting as the browser.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

use rollcall::sandbox::Options;
use serde_json::json;

use crate::support::{
    Ended, Fake, Folder, Gateway, Program, Reply, Setup, World,
    identity::{Home, ROLL, open},
    until,
};

/// Where the identity server would redirect the browser for this login, with other parameters.
fn redirect(home: &Home, url: &str, parameters: &str) -> String {
    let state = url.split("&state=").nth(1).unwrap().split('&').next().unwrap();
    format!("{}/?{}", home.redirect, parameters.replace("STATE", state))
}

/// A configuration with MyReports' URL but without credentials for it.
fn without_credentials(world: &World) -> Setup {
    Setup::new(&[
        ("sources.advanced_automation.base_url", &world.advanced_automation.url()),
        ("sources.advanced_automation.client_id", "client"),
        ("sources.advanced_automation.client_secret", "secret"),
        ("sources.my_reports.base_url", &world.my_reports.url()),
    ])
}

#[track_caller]
fn assert_failed(ended: &Ended, code: i32, words: &[&str]) {
    assert_eq!(ended.code, Some(code), "{ended:?}");
    let fault = ended.err.lines().find_map(|line| line.strip_prefix("rollcall: ")).unwrap_or_else(|| panic!("no sentence: {ended:?}"));
    assert!(words.iter().all(|word| fault.contains(word)) && fault.ends_with('.'), "{words:?}: {fault}");
}

async fn login(file: &std::path::Path) -> Ended {
    Program::run(&["login", "my-reports", "--config", file.to_str().unwrap()], &[]).await
}

#[tokio::test]
async fn a_login_leaves_a_refresh_token_that_the_gateway_lives_on() {
    let home = Home::new(Options::default(), "").await;
    let (program, url) = home.begin_login().await;
    for (name, value) in [("response_type", "code"), ("code_challenge_method", "S256"), ("scope", "openid+offline_access+onboarding")] {
        assert!(url.contains(&format!("{name}={value}")), "{url}");
    }
    let page = open(&url).await;
    assert_eq!((page.status, page.header("cache-control"), page.header("referrer-policy")), (200, Some("no-store"), Some("no-referrer")));
    assert!(page.text.contains("is logged in"), "{page:?}");
    let ended = program.ended().await;
    assert!(ended.code == Some(0) && ended.out.contains(home.store().to_str().unwrap()), "{ended:?}");
    let kept = fs::read_to_string(home.store()).unwrap();
    assert!(kept.ends_with('\n') && kept.lines().count() == 1 && !kept.trim().is_empty());
    assert_eq!(fs::metadata(home.store()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!format!("{ended:?}").contains(kept.trim()), "the token itself is not shown");
    let (_program, gateway) = home.serve().await;
    let answer = gateway.get(ROLL).await;
    assert_eq!((answer.status, answer.source("my_reports")["status"].as_str()), (200, Some("ok")), "{answer:?}");
    assert_eq!((home.sandbox.calls().approvals, home.sandbox.calls().grants), (1, 2));
}

#[tokio::test]
async fn whoever_has_not_logged_in_yet_is_told_how_and_a_login_needs_no_restart() {
    let home = Home::new(Options::default(), "").await;
    let file = home.file.to_str().unwrap();
    let checked = Program::run(&["check", "--config", file], &[]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(
        checked.out.contains("my_reports: no one has logged in yet") && checked.out.contains("`rollcall login my-reports --config FILE`")
    );
    let online = Program::run(&["check", "--online", "--config", file], &[]).await;
    assert!(online.code == Some(1) && online.err.contains("rollcall: my_reports: ") && online.err.contains("unauthorized"), "{online:?}");
    let (program, gateway) = home.serve().await;
    for customer in [2, 3, 4] {
        let answer = gateway.get(&ROLL.replace("002", &format!("00{customer}"))).await;
        assert_eq!((answer.code().as_str(), answer.json()["owner"].as_str()), ("upstream_unauthorized", Some("gateway")), "{answer:?}");
    }
    let told = program.lines_with(&["rollcall login my-reports --config FILE"]).await.len();
    assert_eq!((told, home.sandbox.calls().grants), (1, 0), "logged once, and no token was requested: {}", program.said());
    home.log_in().await;
    assert_eq!(gateway.get(ROLL).await.status, 200, "{}", program.said());
    let checked = Program::run(&["check", "--online", "--config", file], &[]).await;
    assert!(checked.code == Some(0) && !checked.out.contains("no one"), "{checked:?}");
    let (_second, restarted) = home.serve().await;
    assert_eq!(restarted.get(ROLL).await.status, 200, "the check has stored the token that it received");
}

#[tokio::test]
async fn a_second_login_takes_the_place_of_the_first_while_the_gateway_serves() {
    let home = Home::new(Options { token_life: std::time::Duration::from_secs(5), ..Options::default() }, "").await;
    home.log_in().await;
    let (program, gateway) = home.serve().await;
    assert_eq!(gateway.get(ROLL).await.status, 200);
    // Something else has used the token, so this one is no longer valid.
    fs::write(home.store(), "lost\n").unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(5100)).await;
    let refused = gateway.get(&ROLL.replace("002", "003")).await;
    assert_eq!(refused.code(), "upstream_unauthorized", "{refused:?}");
    program.lines_with(&["invalid_grant"]).await;
    let in_an_hour = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
    fs::File::options().write(true).open(home.store()).unwrap().set_modified(in_an_hour).unwrap(); // as set by a wrong clock
    home.log_in().await;
    assert!(fs::metadata(home.store()).unwrap().modified().unwrap() > in_an_hour, "a login's token is the newest");
    assert_eq!(gateway.get(&ROLL.replace("002", "003")).await.status, 200, "{}", program.said());
}

#[tokio::test]
async fn a_redirect_of_another_login_is_refused_and_the_right_one_still_waited_for() {
    let home = Home::new(Options::default(), "").await;
    let (program, url) = home.begin_login().await;
    for parameters in [
        "",
        "code=c",
        "code=c&state=",
        "code=c&state=x",
        "code=c&state=STATEx",
        "code=c&state=STATE&state=STATE",
        "state=STATE",
        "error=access_denied",
    ] {
        let page = open(&redirect(&home, &url, parameters)).await;
        assert!(page.status == 400 && page.text.contains("does not belong to the login"), "{parameters}: {page:?}");
    }
    let browser = Gateway::at(home.redirect.clone());
    assert_eq!(browser.get("/favicon.ico").await.status, 404);
    assert_eq!(browser.send("POST", "/", &[]).await.status, 405);
    assert_eq!((open(&url).await.status, program.ended().await.code), (200, Some(0)));
}

#[tokio::test]
async fn what_went_wrong_in_the_browser_is_told_in_the_terminal() {
    for (parameters, words) in [
        ("error=access_denied&error_description=%3Cscript%3E&state=STATE", &["access was denied", "run the command again"][..]),
        ("error=server_error&state=STATE", &["issued no code", "server_error"]),
        ("error=%3Cscript%3E&state=STATE", &["issued no code", "does not define"]),
        ("code=guessed&state=STATE", &["did not accept the code", "run the command again"]),
    ] {
        let home = Home::new(Options::default(), "").await;
        let (program, url) = home.begin_login().await;
        let page = open(&redirect(&home, &url, parameters)).await;
        assert!(page.status == 200 && page.text.contains("is not logged in") && !page.text.contains("script"), "{page:?}");
        let ended = program.ended().await;
        assert_failed(&ended, 1, words);
        assert!(!format!("{ended:?}").contains("<script>") && !home.store().exists(), "{ended:?}");
    }
}

#[tokio::test]
async fn a_login_that_could_not_last_says_what_mends_it_and_leaves_the_old_token() {
    for (more, words) in [
        ("scope = \"openid onboarding\"", &["sources.my_reports.oauth.scope:", "offline_access"][..]),
        ("client_secret = \"wrong\"", &["sources.my_reports.oauth:", "client_id and client_secret"]),
        ("scope = \"openid everything\"", &["issued no code", "invalid_scope"]),
    ] {
        let home = Home::new(Options::default(), more).await;
        fs::write(home.store(), "old\n").unwrap();
        let (program, url) = home.begin_login().await;
        open(&url).await;
        assert_failed(&program.ended().await, 1, words);
        assert_eq!(fs::read_to_string(home.store()).unwrap(), "old\n");
        assert!(!home.folder.path("my-reports.token.new").exists());
    }
}

#[tokio::test]
async fn a_login_that_cannot_begin_says_so_before_a_person_does_anything() {
    let home = Home::new(Options::default(), "").await;
    let taken = TcpListener::bind(home.redirect.trim_start_matches("http://")).unwrap();
    assert_failed(&login(&home.file).await, 1, &["sources.my_reports.oauth.redirect_uri:", "cannot listen on"]);
    drop(taken);
    let nowhere = Home::new(Options::default(), "token_store = \"nowhere/token\"").await;
    assert_failed(&login(&nowhere.file).await, 1, &["nowhere/token.lock: cannot be written"]);
    let (world, folder) = (World::new().await, Folder::new());
    let ready =
        folder.write("ready.toml", &world.toml("sources.advanced_automation.client_secret = \"s\"\nsources.my_reports.token = \"t\""));
    assert_failed(&login(&ready).await, 2, &["sources.my_reports.oauth:", "is missing"]);
    let unknown = Program::run(&["login", "advanced", "--config", home.file.to_str().unwrap()], &[]).await;
    assert_failed(&unknown, 2, &["SOURCE", "my-reports"]);
    assert_eq!(home.sandbox.calls().approvals, 0);
}

#[tokio::test]
async fn a_person_who_changes_his_mind_ends_it() {
    for signal in ["INT", "TERM", "HUP"] {
        let home = Home::new(Options::default(), "").await;
        let (program, _) = home.begin_login().await;
        let _idle = tokio::net::TcpStream::connect(home.redirect.trim_start_matches("http://")).await.unwrap();
        program.signal(signal);
        assert_failed(&program.ended().await, 1, &["no one logged in"]);
    }
}

#[tokio::test]
async fn a_browser_that_keeps_connections_open_does_not_keep_the_person() {
    let home = Home::new(Options::default(), "").await;
    let (program, url) = home.begin_login().await;
    let mut idle = Vec::new();
    for _ in 0..8 {
        idle.push(tokio::net::TcpStream::connect(home.redirect.trim_start_matches("http://")).await.unwrap());
    }
    assert_eq!(open(&url).await.status, 200);
    let begun = tokio::time::Instant::now();
    assert_eq!(program.ended().await.code, Some(0));
    assert!(begun.elapsed() < std::time::Duration::from_millis(1900), "the last page has 2 s: {:?}", begun.elapsed());
    until("the port to be free", || TcpListener::bind(home.redirect.trim_start_matches("http://")).is_ok()).await;
}

#[tokio::test]
async fn a_refresh_token_beside_an_access_token_that_cannot_be_used_is_what_a_login_is_for() {
    let (home, server) = (Home::new(Options::default(), "").await, Fake::start().await);
    server.always(Reply::json(200, &json!({"access_token": "a", "token_type": "DPoP", "refresh_token": "kept"})));
    ask_another(&home, &server);
    let (program, url) = home.begin_login().await;
    open(&redirect(&home, &url, "code=code&state=STATE")).await;
    let ended = program.ended().await;
    assert_eq!((ended.code, fs::read_to_string(home.store()).unwrap().as_str()), (Some(0), "kept\n"), "{ended:?}");
}

/// Obtains tokens from a server other than MyReports'.
fn ask_another(home: &Home, server: &Fake) {
    let (theirs, others) = (format!("token_url = \"{}", home.users()), format!("token_url = \"{}", server.url()));
    let text = fs::read_to_string(&home.file).unwrap().replace(&theirs, &others);
    fs::write(&home.file, text).unwrap();
}

#[tokio::test]
async fn a_login_says_nothing_of_what_it_has_or_was_told() {
    for reply in [
        Reply::json(400, &json!({"error": "invalid_request", "error_description": "text-of-theirs"})),
        Reply::json(200, &json!({"access_token": "text-of-theirs", "id_token": "text-of-theirs", "refresh_token": "refresh-of-theirs"})),
        Reply::new(200, "text-of-theirs"),
    ] {
        let home = Home::new(Options::default(), "client_secret = \"secret-of-ours\"").await;
        let server = Fake::start().await;
        server.always(reply);
        ask_another(&home, &server);
        let (program, url) = home.begin_login().await;
        open(&redirect(&home, &url, "code=code-of-theirs&state=STATE")).await;
        let said = format!("{:?}", program.ended().await);
        let sent = server.calls().pop().unwrap();
        let (form, basic) = (String::from_utf8(sent.body.to_vec()).unwrap(), sent.header("authorization").unwrap());
        let verifier = form.split("code_verifier=").nth(1).unwrap();
        assert!(form.contains("code=code-of-theirs") && verifier.len() == 43, "{form}");
        for secret in
            ["text-of-theirs", "refresh-of-theirs", "code-of-theirs", "secret-of-ours", verifier, basic.trim_start_matches("Basic ")]
        {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
}

#[tokio::test]
async fn each_fault_of_the_table_is_named_with_its_key() {
    let world = World::new().await;
    let table = "sources.my_reports.oauth";
    for (keys, faults) in [
        (&[("client_id", "i")][..], &[("oauth.client_secret", "is required")][..]),
        (&[("client_secret", "s")], &[("oauth.client_id", "is required")]),
        (&[("client_id", "i"), ("client_secret", "s"), ("token_url", "http://id.example/")], &[("oauth.token_url", "allow_http")]),
        (&[("client_id", "i"), ("client_secret", "s"), ("authorize_url", "http://id.example/")], &[("oauth.authorize_url", "https://")]),
        (
            &[("client_id", "i"), ("client_secret", "s"), ("redirect_uri", "https://me.example/back")],
            &[("oauth.redirect_uri", "http://127.0.0.1:8000")],
        ),
        (&[("client_id", "i"), ("client_secret", "s"), ("redirect_uri", "http://127.0.0.1")], &[("oauth.redirect_uri", "with a port")]),
        // The API is encrypted, the token endpoint on this machine is not, and a proxy is in between.
        (
            &[
                ("client_id", "i"),
                ("client_secret", "s"),
                ("authorize_url", "https://id.example/"),
                ("token_url", "http://127.0.0.1:9/"),
                ("../base_url", "https://api.example"),
                ("../proxy", "http://proxy.example:3128"),
            ],
            &[("proxy", "oauth.token_url")],
        ),
        (
            &[("client_id", "i"), ("client_secret", "s"), ("token_stor", "x")],
            &[("oauth.token_stor", "Did you mean sources.my_reports.oauth.token_store?")],
        ),
        (&[("client_id", "i"), ("client_secret", "s")], &[]),
    ] {
        let base = without_credentials(&world);
        let whole = |key: &str| key.strip_prefix("../").map_or(format!("{table}.{key}"), |key| format!("sources.my_reports.{key}"));
        let setup = keys.iter().fold(base, |setup, (key, value)| setup.set(&whole(key), value));
        let told = setup.config().err().map(|faults| faults.to_string()).unwrap_or_default();
        assert_eq!(told.lines().count(), faults.len(), "{told}");
        for (key, what) in faults {
            assert!(told.starts_with(&format!("sources.my_reports.{key}")) && told.contains(what), "{key}: {told}");
        }
    }
    for key in ["token", "token_file"] {
        let both = world.gateway().set(&format!("sources.my_reports.{key}"), file!()).set(&format!("{table}.client_id"), "i");
        let told = both.config().err().unwrap().to_string();
        assert!(told.contains("sources.my_reports.token") && told.contains("remove one of the two"), "{told}");
    }
    let neither = without_credentials(&world).config().err().unwrap().to_string();
    assert!(neither.starts_with("sources.my_reports.token: is required") && neither.contains(table), "{neither}");
}
