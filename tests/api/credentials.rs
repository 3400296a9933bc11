//! Where credentials come from, and when they are renewed: token answers, token files, secret files.

use std::{
    fs,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Fake, Folder, Reply, Setup, World, persons_page, until, until_so};

const TOKENS: &str = "/idp/token";

/// The whole lifetime of a token here, in seconds: the shortest that is accepted. It is renewed after four fifths.
const LIFE: u64 = 5;

/// The credentials of the last call to a backend.
fn sent(backend: &Fake) -> String {
    backend.calls().last().and_then(|call| call.header("authorization").map(str::to_owned)).unwrap_or_default()
}

/// A gateway that reads MyReports' token from a file with this text.
fn with_token_file(world: &World, folder: &Folder, text: &str) -> Setup {
    let file = folder.write("my-reports.token", text);
    let keys = [("sources.my_reports.token_file", file.to_str().unwrap()), ("sources.advanced_automation.client_secret", "secret")];
    keys.into_iter().fold(without_secrets(world), |setup, (key, value)| setup.set(key, value))
}

fn without_secrets(world: &World) -> Setup {
    Setup::new(&[
        ("sources.advanced_automation.base_url", &world.advanced_automation.url()),
        ("sources.advanced_automation.client_id", "client"),
        ("sources.my_reports.base_url", &world.my_reports.url()),
    ])
}

#[tokio::test]
async fn a_token_near_its_end_is_renewed_behind_the_answer_however_its_end_is_told() {
    let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let cases = [
        (json!({"expires_in": LIFE}), true),
        (json!({"expires_in": LIFE.to_string()}), true),
        (json!({"expires_on": unix + LIFE}), true),
        (json!({}), false), // two hours, as documented
    ];
    join_all(cases.map(|(told, renewed)| lives(told, renewed))).await;
}

async fn lives(told: Value, renewed: bool) {
    let world = World::new().await;
    let given = Mutex::new(0);
    world.advanced_automation.answer(move |call| {
        if !call.path.ends_with(TOKENS) {
            return persons_page(&[], call);
        }
        let mut given = given.lock().unwrap();
        *given += 1;
        let first = *given == 1;
        let mut token = if first { told.clone() } else { json!({"expires_in": 7200}) };
        token["access_token"] = json!(format!("token-{given}"));
        Reply::json(200, &token).after(Duration::from_millis(if first { 0 } else { 300 }))
    });
    let gateway = world.start().await;
    gateway.get("/customers/before/users").await;
    tokio::time::sleep(Duration::from_millis(LIFE * 800 + 150)).await;
    assert_eq!(gateway.get("/customers/near/users").await.status, 200);
    let calls = world.advanced_automation.calls();
    let near = calls.iter().find(|call| call.parameter("Customer") == Some("near")).unwrap();
    assert_eq!(near.header("authorization"), Some("Bearer token-1"), "the answer did not wait for the new one");
    if !renewed {
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(world.advanced_automation.count(TOKENS), 1);
        return;
    }
    until("the renewal", || world.advanced_automation.count(TOKENS) == 2).await;
    let mut customer = 0;
    until_so("the new token to be used", async || {
        customer += 1;
        gateway.get(&format!("/customers/{customer}/users")).await;
        sent(&world.advanced_automation) == "Bearer token-2"
    })
    .await;
    assert_eq!(world.advanced_automation.count(TOKENS), 2, "one renewal");
}

#[tokio::test]
async fn customers_who_meet_a_revoked_token_at_once_share_one_renewal() {
    let world = World::new().await;
    let gateway = world.start().await;
    gateway.get("/customers/before/users").await;
    let given = Mutex::new(1);
    world.advanced_automation.answer(move |call| {
        if call.path.ends_with(TOKENS) {
            *given.lock().unwrap() += 1;
            let token = format!("token-{}", given.lock().unwrap());
            return Reply::json(200, &json!({"access_token": token, "expires_in": 7200})).after(Duration::from_millis(100));
        }
        let revoked = call.header("authorization") != Some("Bearer token-2");
        if revoked { Reply::status(401) } else { persons_page(&[], call) }
    });
    let answers = join_all((0..30).map(async |customer| gateway.get(&format!("/customers/c{customer}/users?partial=deny")).await)).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(world.advanced_automation.count(TOKENS), 2);
}

#[tokio::test]
async fn a_token_file_that_changes_is_read_again() {
    let (world, folder) = (World::new().await, Folder::new());
    let gateway = with_token_file(&world, &folder, "  first\n").start().await;
    gateway.get("/customers/a/users").await;
    assert_eq!(sent(&world.my_reports), "Bearer first", "without surrounding whitespace");
    folder.write("my-reports.token", "second\n");
    gateway.get("/customers/b/users").await;
    assert_eq!(sent(&world.my_reports), "Bearer second");
    for unusable in ["", "no\nheader"] {
        folder.write("my-reports.token", unusable);
        assert_eq!(gateway.get(&format!("/customers/c{}/users?partial=deny", unusable.len())).await.status, 200);
        assert_eq!(sent(&world.my_reports), "Bearer second", "the last valid one stays in use");
    }
    fs::remove_file(folder.path("my-reports.token")).unwrap();
    assert_eq!(gateway.get("/customers/d/users?partial=deny").await.status, 200);
}

#[tokio::test]
async fn a_token_that_is_refused_is_looked_for_in_its_file_once() {
    let (world, folder) = (World::new().await, Folder::new());
    let gateway = with_token_file(&world, &folder, "refused").start().await;
    let file = folder.path("my-reports.token");
    world.my_reports.answer(move |call| {
        if call.header("authorization") == Some("Bearer renewed") {
            return Reply::json(200, &json!({"data": [], "status": "success"}));
        }
        fs::write(&file, "renewed").unwrap();
        Reply::status(401)
    });
    let answer = gateway.get("/customers/a/users?partial=deny").await;
    assert_eq!((answer.status, world.my_reports.calls().len()), (200, 2));
    world.my_reports.always(Reply::status(401));
    let refused = gateway.get("/customers/b/users?partial=deny").await;
    assert_eq!((refused.code(), world.my_reports.calls().len()), ("upstream_unauthorized".to_owned(), 3), "the same one is not sent twice");
}

#[tokio::test]
async fn a_client_secret_file_is_read_for_each_token() {
    let (world, folder) = (World::new().await, Folder::new());
    let file = folder.write("secret", "one\n");
    let keys = [("sources.advanced_automation.client_secret_file", file.to_str().unwrap()), ("sources.my_reports.token", "token")];
    let gateway = keys.into_iter().fold(without_secrets(&world), |setup, (key, value)| setup.set(key, value)).start().await;
    world.answer_persons(|call| {
        let revoked = call.parameter("Customer") == Some("b") && call.header("authorization") == Some("Bearer token-1");
        if revoked { Reply::status(401) } else { persons_page(&[], call) }
    });
    gateway.get("/customers/a/users").await;
    folder.write("secret", "two");
    assert_eq!(gateway.get("/customers/b/users?partial=deny").await.status, 200);
    let calls = world.advanced_automation.calls();
    let basic: Vec<&str> =
        calls.iter().filter(|call| call.path.ends_with(TOKENS)).map(|call| call.header("authorization").unwrap()).collect();
    assert_eq!(basic, ["Basic Y2xpZW50Om9uZQ==", "Basic Y2xpZW50OnR3bw=="]);
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_a_fault_that_names_its_key_and_its_file() {
    let (world, folder) = (World::new().await, Folder::new());
    let (empty, missing) = (folder.write("empty", " \n"), folder.path("missing"));
    for key in ["sources.advanced_automation.client_secret", "sources.my_reports.token"] {
        let file_key = format!("{key}_file");
        for (file, what) in [(&empty, "is empty"), (&missing, "cannot be read")] {
            let file = file.to_str().unwrap();
            let faults = without_secrets(&world).set(&file_key, file).config().err().unwrap().to_string();
            let fault = faults.lines().find(|line| line.starts_with(&file_key)).unwrap_or_else(|| panic!("no fault: {faults}"));
            assert!(fault.contains(file) && fault.contains(what), "{fault}");
        }
        let neither = without_secrets(&world).config().err().unwrap().to_string();
        assert!(neither.lines().any(|line| line.starts_with(&format!("{key}: is required")) && line.contains(&file_key)), "{neither}");
        let (before, later) = (without_secrets(&world).set(key, "written"), missing.to_str().unwrap());
        let both = before.set(&file_key, later).config().err().unwrap().to_string();
        assert!(both.lines().any(|line| line.starts_with(&file_key) && line.contains(later)), "the later layer wins: {both}");
    }
    let odd = folder.write("odd", "t\u{f6}ken\n");
    for (key, value) in [("sources.my_reports.token", "t\u{f6}ken"), ("sources.my_reports.token_file", odd.to_str().unwrap())] {
        let faults = without_secrets(&world).set(key, value).config().err().unwrap().to_string();
        let told = |line: &str| line.starts_with(&format!("{key}: ")) || line.starts_with(&format!("{key} ("));
        assert!(faults.lines().any(|line| told(line) && line.contains("non-ASCII")), "{faults}");
    }
}
