//! A backend whose pages are chained by a cursor, and that expects a key in `X-Api-Key`: its chain is followed to the
//! page that names no next one and to no other end, and its key is sent there and nowhere else.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderName, Method};
use rollcall::{
    app::App,
    config::BaseUrl,
    domain::{Failure, FailureKind, Record, RemoteId, SourceName},
    sources::{
        Adapter, Backend, CredentialCheck, Page, Paging, Policy, Position, SourceReader, SourceSettings, Unreadable, UpstreamRequest,
    },
};
use serde_json::{Value, json};
use url::Url;

use crate::support::{Answer, Call, Fake, Folder, Reply, Setup, World, person};

const USERS: &str = "/customers/acme/users";
const BACKEND: Backend = Backend { name: SourceName::new("desk"), authorization_header: "X-Desk-Key", configure };
const KEY: &str = "key-of-the-desk";

struct Desk(BaseUrl);

impl Adapter for Desk {
    fn paging(&self) -> Paging {
        Paging::Cursor { size: 2 }
    }

    fn request(&self, customer: &RemoteId, at: &Position) -> UpstreamRequest {
        let mut url = self.0.join(["desks", customer.as_str()]);
        if let Some(elsewhere) = at.cursor.as_deref().and_then(|cursor| Url::parse(cursor).ok()) {
            url = elsewhere; // what an adapter must not do
        } else if let Some(cursor) = &at.cursor {
            url.query_pairs_mut().append_pair("cursor", cursor);
        }
        UpstreamRequest { method: Method::GET, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page, Unreadable> {
        let body: Value = serde_json::from_slice(body).map_err(|_| Unreadable::Shape)?;
        let members = body["members"].as_array().ok_or(Unreadable::Shape)?;
        let records = members.iter().filter_map(Value::as_str).map(|id| Record { id, display_name: Some(id), ..Record::default() });
        Ok(Page { records: records.collect(), count: body["total"].as_u64(), next: next(&body["next"])?, ..Page::default() })
    }

    fn credentials_header(&self) -> HeaderName {
        HeaderName::from_static("x-api-key")
    }
}

/// The cursor of the next page. One that cannot be read is none: taken for the end, it would make the roll short.
fn next(value: &Value) -> Result<Option<Arc<str>>, Unreadable> {
    match value {
        Value::Null => Ok(None),
        Value::String(next) => Ok(Some(next.as_str().into())),
        _ => Err(Unreadable::Shape),
    }
}

fn configure(reader: &mut SourceReader<'_>) -> Option<SourceSettings> {
    if !reader.is_there() {
        return None;
    }
    let (base, credentials) = (reader.base_url(), reader.credentials(|reader| reader.api_key("api_key")));
    reader.settings(base, credentials, Policy { retry_500: true, server_error_pause: None }, Desk)
}

/// A page with these members, which names the next one.
fn members<const N: usize>(ids: [&str; N], next: impl Into<Value>) -> Reply {
    Reply::json(200, &json!({"members": ids.as_slice(), "next": next.into()}))
}

/// The page that a cursor stands for: three pages, of which the second one has fewer rows than were asked for.
fn chained(cursor: Option<&str>) -> Reply {
    match cursor {
        None => members(["Di", "Al"], "c/+1"),
        Some("c/+1") => members(["Cy"], "c=&2"),
        Some("c=&2") => members(["Bo", "Ed"], ()),
        other => panic!("no page named {other:?}"),
    }
}

/// Answers depending on the cursor and on the number of the reading that sends it, from 1.
fn answer(desk: &Fake, script: impl Fn(Option<&str>, usize) -> Reply + Send + Sync + 'static) {
    let readings = AtomicUsize::new(0);
    desk.answer(move |call| {
        let begins = usize::from(call.parameter("cursor").is_none());
        script(call.parameter("cursor"), readings.fetch_add(begins, Ordering::SeqCst) + begins)
    });
}

/// A world with one user elsewhere, so that the desk's failure is a partial answer.
async fn world() -> (World, Fake, Setup) {
    let (world, desk) = (World::new().await, Fake::start().await);
    world.persons(vec![person("a1", "Zoe", "zoe@acme.example")]);
    world.users(Vec::new());
    desk.answer(|call| chained(call.parameter("cursor")));
    let setup = world.gateway().with_backend(BACKEND).set("sources.desk.base_url", &desk.url());
    (world, desk, setup)
}

/// Asks once, with a key and without retries.
async fn asked(script: impl Fn(Option<&str>, usize) -> Reply + Send + Sync + 'static, keys: &[(&str, &str)]) -> (Answer, Fake) {
    let (_world, desk, setup) = world().await;
    answer(&desk, script);
    let setup = setup.set("sources.desk.api_key", KEY).set("sources.desk.retries", "0");
    let setup = keys.iter().fold(setup, |setup, (key, value)| setup.set(key, value));
    (setup.start().await.get(USERS).await, desk)
}

/// The cursors sent, in order.
fn cursors(desk: &Fake) -> Vec<Option<String>> {
    desk.calls().iter().map(|call| call.parameter("cursor").map(str::to_owned)).collect()
}

/// The cursors of one whole reading.
fn all() -> Vec<Option<String>> {
    vec![None, Some("c/+1".to_owned()), Some("c=&2".to_owned())]
}

#[track_caller]
fn assert_whole(answer: &Answer, what: &str) {
    let (body, source) = (answer.json(), answer.source("desk"));
    assert_eq!((&body["status"], &source["status"], &source["users"]), (&json!("success"), &json!("ok"), &json!(5)), "{what}: {answer:?}");
    assert_eq!((answer.names().join(" "), &body["warnings"]), ("Al Bo Cy Di Ed Zoe".to_owned(), &json!([])), "{what}");
}

/// Checks that the source has failed and that nobody of it is shown.
#[track_caller]
fn assert_failed(answer: &Answer, what: &str) {
    let source = answer.source("desk");
    assert_eq!((&answer.json()["status"], answer.names()), (&json!("partial"), vec!["Zoe".to_owned()]), "{what}: {answer:?}");
    assert_eq!((&source["status"], &source["users"]), (&json!("invalid_response"), &Value::Null), "{what}: {answer:?}");
}

#[tokio::test]
async fn its_pages_are_asked_for_one_after_another_whatever_it_counts() {
    for total in [json!(null), json!(5)] {
        let body = total.clone();
        let script = move |cursor: Option<&str>, _| {
            let (ids, next) = match cursor {
                None => (json!(["Di", "Al"]), json!("c/+1")),
                Some("c/+1") => (json!(["Cy"]), json!("c=&2")),
                _ => (json!(["Bo", "Ed"]), json!("")),
            };
            Reply::json(200, &json!({"members": ids, "next": next, "total": body})).after(Duration::from_millis(20))
        };
        let (answer, desk) = asked(script, &[]).await;
        assert_whole(&answer, &total.to_string());
        assert_eq!((cursors(&desk), desk.most_at_once()), (all(), 1), "{total}");
        for call in desk.calls() {
            assert_eq!((call.header("x-api-key"), call.header("authorization")), (Some(KEY), None));
        }
    }
}

#[tokio::test]
async fn a_page_without_rows_is_followed_if_it_names_another() {
    let script = |cursor: Option<&str>, _| match cursor {
        None => members([], "first"),
        Some("first") => members(["Di", "Al", "Cy", "Bo", "Ed"], "last"),
        _ => members([], ()),
    };
    let (answer, desk) = asked(script, &[]).await;
    assert_whole(&answer, "empty pages");
    assert_eq!(desk.calls().len(), 3);
}

#[tokio::test]
async fn everything_is_read_once_more_after_a_cursor_has_expired() {
    for status in [400, 404, 410, 422] {
        let expired = |cursor: Option<&str>| cursor == Some("c=&2");
        let script = move |cursor: Option<&str>, reading| {
            if reading == 1 && expired(cursor) { Reply::json(status, &json!({"code": "expired"})) } else { chained(cursor) }
        };
        let (answer, desk) = asked(script, &[]).await;
        assert_whole(&answer, &status.to_string());
        assert_eq!(cursors(&desk), [all(), all()].concat(), "{status}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_never_accepted_fails_the_source_whatever_it_counts() {
    for (status, total) in [(400, json!(null)), (404, json!(null)), (410, json!(null)), (404, json!(2)), (400, json!(0))] {
        let count = total.clone();
        let script = move |cursor: Option<&str>, _| match cursor {
            None => Reply::json(200, &json!({"members": ["Di", "Al"], "next": "c/+1", "total": count})),
            Some(_) => Reply::status(status),
        };
        let (answer, desk) = asked(script, &[]).await;
        assert_failed(&answer, &format!("{status} {total}"));
        let one_reading = &all()[..2];
        assert_eq!(cursors(&desk), [one_reading, one_reading].concat(), "{status} {total}");
    }
}

#[tokio::test]
async fn cursors_that_expire_do_not_block_the_source() {
    let (_world, desk, setup) = world().await;
    desk.answer(|call| if call.parameter("cursor").is_none() { chained(None) } else { Reply::status(410) });
    let gateway = setup.set("sources.desk.api_key", KEY).set("sources.desk.retries", "0").start().await;
    for number in 0..15 {
        assert_failed(&gateway.get(&format!("/customers/c{number}/users")).await, &format!("customer {number}, half of all calls failed"));
    }
    assert_eq!(desk.calls().len(), 15 * 4, "for each of two readings a page and an expired cursor");
}

#[tokio::test]
async fn cursors_that_lead_around_in_a_circle_are_no_roll() {
    for (what, circle, calls) in [
        ("a page that names itself", &["one", "one"][..], 2),
        ("the page before", &["one", "two", "one"], 3),
        ("one of those before", &["one", "two", "three", "one"], 4),
    ] {
        let next = move |cursor: Option<&str>| {
            let at = cursor.map_or(0, |cursor| circle.iter().position(|other| *other == cursor).unwrap() + 1);
            members([["Al", "Bo", "Cy", "Di"][at]], circle[at])
        };
        let (answer, desk) = asked(move |cursor, _| next(cursor), &[]).await;
        assert_failed(&answer, what);
        assert_eq!(desk.calls().len(), 2 * calls, "{what}: two readings, each until the circle closes");
        let (answer, _) = asked(move |cursor, reading| if reading == 1 { next(cursor) } else { chained(cursor) }, &[]).await;
        assert_whole(&answer, what);
    }
}

#[tokio::test]
async fn a_chain_without_end_is_as_long_as_a_walk_may_be() {
    let endless = AtomicUsize::new(0);
    let script = move |_: Option<&str>, _| members([], endless.fetch_add(1, Ordering::SeqCst).to_string());
    let (answer, desk) = asked(script, &[("sources.desk.max_pages", "7")]).await;
    assert_failed(&answer, "endless");
    assert_eq!(desk.calls().len(), 7);
}

#[tokio::test]
async fn a_next_page_that_cannot_be_asked_for_fails_the_source() {
    let elsewhere = Fake::start().await;
    for (what, next) in
        [("no text", json!(17)), ("too long for a URL", json!("c".repeat(70_000))), ("another host's", json!(elsewhere.url()))]
    {
        let (answer, desk) = asked(move |_, _| members(["Al"], next.clone()), &[("sources.desk.retries", "2")]).await;
        assert_failed(&answer, what);
        assert_eq!((desk.calls().len(), elsewhere.calls().len()), (1, 0), "{what}");
    }
}

#[tokio::test]
async fn a_chain_that_ends_before_all_were_counted_is_incomplete() {
    let script = |cursor: Option<&str>, _| match cursor {
        None => Reply::json(200, &json!({"members": ["Di", "Al"], "next": "c", "total": 4})),
        _ => members(["Cy"], ()),
    };
    let (answer, desk) = asked(script, &[]).await;
    assert_eq!((answer.names().join(" "), desk.calls().len()), ("Al Cy Di Zoe".to_owned(), 4));
    assert_eq!((&answer.source("desk")["status"], &answer.json()["status"]), (&json!("incomplete"), &json!("partial")), "{answer:?}");
    assert_eq!(answer.json()["warnings"][0]["code"], "changed_while_reading");
}

/// The keys sent, in order.
fn keys(desk: &Fake) -> Vec<String> {
    desk.calls().iter().filter_map(|call| call.header("x-api-key").map(str::to_owned)).collect()
}

#[tokio::test]
async fn a_key_file_that_changes_is_read_again_and_so_is_that_of_a_refused_key() {
    let ((_world, desk, setup), folder) = (world().await, Folder::new());
    let file = folder.write("desk.key", " first\n");
    desk.always(members(["Al"], ()));
    let gateway = setup.set("sources.desk.api_key_file", file.to_str().unwrap()).start().await;
    gateway.get("/customers/a/users").await;
    folder.write("desk.key", "second\n");
    gateway.get("/customers/b/users").await;
    desk.answer(move |call: &Call| {
        if call.header("x-api-key") == Some("third") {
            return members(["Al"], ());
        }
        std::fs::write(&file, "third").unwrap();
        Reply::status(401)
    });
    assert_eq!(gateway.get("/customers/c/users").await.source("desk")["status"], "ok");
    assert_eq!(keys(&desk), ["first", "second", "second", "third"], "without a scheme or surrounding whitespace");
    desk.always(Reply::status(401));
    assert_eq!(gateway.get("/customers/d/users").await.source("desk")["status"], "unauthorized");
    assert_eq!(keys(&desk).len(), 5, "the same one is not sent twice");
}

#[tokio::test]
async fn a_callers_own_key_is_sent_in_its_header_as_it_is() {
    let (world, desk, setup) = world().await;
    let gateway = setup.set("sources.desk.credentials", "forward").start().await;
    let brought = [("x-desk-key", "their-key"), ("x-api-key", "for-the-gateway"), ("authorization", "Bearer for-the-gateway")];
    assert_whole(&gateway.get_with(USERS, &brought).await, "forwarded");
    for call in desk.calls() {
        assert_eq!((call.header("x-api-key"), call.header("authorization"), call.header("x-desk-key")), (Some("their-key"), None, None));
    }
    let elsewhere = [world.advanced_automation.calls(), world.my_reports.calls()].concat();
    assert!(!format!("{elsewhere:?}").contains("their-key") && elsewhere.iter().all(|call| call.header("x-api-key").is_none()));
    assert_eq!(gateway.get(USERS).await.source("desk")["status"], "unauthorized");
    assert_eq!(desk.calls().len(), 3, "no call is made without a key");
}

#[tokio::test]
async fn a_key_that_is_missing_or_odd_is_called_a_key() {
    let folder = Folder::new();
    let odd = folder.write("odd.key", "k\u{e9}y\n");
    for (key, value, told, what) in [
        ("retries", "1", "api_key: is required", "api_key_file"),
        ("api_key", "k\u{e9}y", "api_key (test): ", "a non-ASCII character, which no key has."),
        ("api_key_file", odd.to_str().unwrap(), "api_key_file (test): ", "a non-ASCII character, which no key has."),
    ] {
        let (_world, _desk, setup) = world().await;
        let faults = setup.set(&format!("sources.desk.{key}"), value).config().err().unwrap().to_string();
        let told = format!("sources.desk.{told}");
        assert!(faults.lines().any(|line| line.starts_with(&told) && line.contains(what)), "{key}: {faults}");
    }
    let ((_world, _desk, setup), file) = (world().await, folder.write("later.key", KEY));
    let app = App::new(setup.set("sources.desk.api_key_file", file.to_str().unwrap()).config().unwrap()).unwrap();
    std::fs::write(&file, "two\nlines").unwrap();
    let checks = app.check_credentials().await;
    let (_, check) = checks.iter().find(|(source, _)| *source == BACKEND.name).unwrap();
    assert_eq!(*check, CredentialCheck::Refused { what: "key", failure: Failure::new(FailureKind::Unauthorized) });
}

/// Everything that is logged on this thread, of every level.
#[derive(Clone, Default)]
struct Logged(Arc<Mutex<Vec<u8>>>);

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn the_key_appears_nowhere_but_in_its_header() {
    let logged = Logged::default();
    // Two of them: about a place that logs for the first time, an only one is asked just by its own thread.
    let [logging, _other] = [logged.clone(), Logged::default()].map(|to| {
        let lines = tracing_subscriber::fmt().with_max_level(tracing::Level::TRACE).with_writer(move || to.clone());
        tracing::Dispatch::new(lines.finish())
    });
    let _logging = tracing::dispatcher::set_default(&logging);
    let ((_world, desk, setup), folder) = (world().await, Folder::new());
    let file = folder.write("desk.key", KEY);
    let gateway = setup.set("sources.desk.api_key_file", file.to_str().unwrap()).set("telemetry.access_log", "all").start().await;
    let mut told = Vec::new();
    for (number, reply) in [Reply::status(200), Reply::status(401), Reply::status(400), Reply::html(200)].into_iter().enumerate() {
        desk.answer(move |call| if call.path.ends_with("c0") { chained(call.parameter("cursor")) } else { reply.clone() });
        told.push(gateway.get(&format!("/customers/c{number}/users?include=conflicts")).await);
    }
    std::fs::write(&file, format!("{KEY}\nand another line")).unwrap();
    told.push(gateway.get("/customers/c4/users").await);
    for path in ["/metrics", "/health/sources", "/openapi.json"] {
        told.push(gateway.get(path).await);
    }
    let log = String::from_utf8(logged.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a source returned no roll") && log.contains("the key cannot be used"), "the log is on: {log}");
    assert!(keys(&desk).iter().all(|key| key == KEY) && keys(&desk).len() > 6, "{:?}", keys(&desk));
    assert!(!format!("{told:?}").contains(KEY), "{told:?}");
    assert!(!log.contains(KEY), "{log}");
}
