//! A third backend, defined here and added only by its registry entry: it joins, fails and is reported
//! like the others.

use http::Method;
use rollcall::{
    config::BaseUrl,
    domain::{Record, RemoteId, SourceName},
    sources::{Adapter, Backend, Page, Paging, Policy, Position, SourceReader, SourceSettings, Unreadable, UpstreamRequest},
};
use serde_json::{Value, json};

use crate::support::{Call, Fake, Gateway, Reply, Setup, World, person, user};

const USERS: &str = "/customers/acme/users";
const BACKEND: Backend = Backend { name: SourceName::new("phone_book"), authorization_header: "X-Phone-Book-Authorization", configure };

/// The rows per page of the phone book: as requested, and the server's own maximum.
const ASKED: u64 = 100;
const PAGE: usize = 2;

/// A body that its reader has a bug for.
const PANICS: &str = "canary of a body";

struct PhoneBook(BaseUrl);

impl Adapter for PhoneBook {
    fn paging(&self) -> Paging {
        Paging::Pages { size: ASKED }
    }

    fn request(&self, customer: &RemoteId, at: &Position) -> UpstreamRequest {
        let mut url = self.0.join(["book", customer.as_str()]);
        url.query_pairs_mut().append_pair("offset", &at.offset.to_string());
        UpstreamRequest { method: Method::GET, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page, Unreadable> {
        assert_ne!(body, PANICS.as_bytes());
        let body: Value = serde_json::from_slice(body).map_err(|_| Unreadable::Shape)?;
        let entries = body["entries"].as_array().ok_or(Unreadable::Shape)?;
        let records = entries.iter().map(record).collect::<Option<_>>().ok_or(Unreadable::Shape)?;
        Ok(Page { records, count: body["count"].as_u64(), ..Page::default() })
    }
}

fn record(entry: &Value) -> Option<Record<'_>> {
    let text = |name: &str| entry[name].as_str();
    Some(Record { id: text("uid")?, display_name: text("name"), email: text("mail"), phone: text("phone"), ..Record::default() })
}

fn configure(reader: &mut SourceReader<'_>) -> Option<SourceSettings> {
    if !reader.is_there() {
        return None;
    }
    let (base, credentials) = (reader.base_url(), reader.credentials(|reader| reader.bearer("key")));
    reader.settings(base, credentials, Policy { retry_500: true, server_error_pause: None }, PhoneBook)
}

/// The requested page.
fn entries(rows: &[Value], call: &Call) -> Reply {
    let page: Vec<&Value> = rows.iter().skip(call.number("offset")).take(PAGE).collect();
    Reply::json(200, &json!({"entries": page, "count": rows.len()}))
}

/// A world with Ann in all three sources, Bo in two of them, and Cy, Di and Ed in one each.
async fn world() -> (World, Fake, Setup) {
    let (world, book) = (World::new().await, Fake::start().await);
    world.persons(vec![person("a1", "Ann Lee", "ann@acme.example"), person("a2", "Cy", "cy@acme.example")]);
    world.users(vec![user("m1", "A. Lee", "ANN@acme.example"), user("m2", "Bo", "bo@acme.example"), user("m3", "Di", "")]);
    let entry = |uid: &str, name: &str, mail: &str, phone: Value| json!({"uid": uid, "name": name, "mail": mail, "phone": phone});
    let rows = vec![
        entry("p1", "Lee, Ann", "ann@ACME.example", json!("+1 555")),
        entry("p2", "Bo Ek", "bo@acme.example", json!("+1 556")),
        entry("p3", "Ed", "ed@acme.example", Value::Null),
    ];
    book.answer(move |call| entries(&rows, call));
    let setup =
        world.gateway().with_backend(BACKEND).set("sources.phone_book.base_url", &book.url()).set("sources.phone_book.key", "book-key");
    (world, book, setup)
}

fn records(user: &Value) -> Vec<String> {
    let of = |record: &Value| format!("{} {}", record["source"].as_str().unwrap(), record["id"].as_str().unwrap());
    user["sources"].as_array().unwrap().iter().map(of).collect()
}

#[tokio::test]
async fn without_its_table_it_is_left_out() {
    let world = World::new().await;
    let answer = world.gateway().with_backend(BACKEND).start().await.get(USERS).await;
    let sources = answer.json()["sources"].as_array().unwrap().len();
    assert_eq!((answer.status, sources), (200, 2), "{}", answer.text);
}

#[tokio::test]
async fn the_document_names_it_where_it_can_be_asked_and_nowhere_else() {
    let (_world, _book, setup) = world().await;
    let without = World::new().await;
    for (gateway, is_there) in [(setup.start().await, true), (without.gateway().with_backend(BACKEND).start().await, false)] {
        let document = gateway.get("/openapi.json").await;
        let list = "/paths/~1customers~1{customer_id}~1users/get/parameters";
        let parameters = document.json().pointer(list).unwrap().as_array().unwrap().clone();
        let source = parameters.iter().find(|parameter| parameter["name"] == "source").unwrap();
        let names: Vec<&str> = source["schema"]["enum"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(names.contains(&"phone_book"), is_there);
        for name in names {
            assert_eq!(gateway.get(&format!("{USERS}?source={name}")).await.status, 200, "{name}");
        }
        assert_eq!(document.text.contains("X-Phone-Book-Authorization"), is_there);
        assert_eq!(document.text.contains("|phone_book)"), is_there);
    }
}

#[tokio::test]
async fn a_web_page_may_send_credentials_for_it_where_it_can_be_asked_and_nowhere_else() {
    let (_world, _book, setup) = world().await;
    let without = World::new().await;
    for (setup, is_there) in [(setup, true), (without.gateway().with_backend(BACKEND), false)] {
        let gateway = setup.set("server.cors_origins", "https://app.example.com").start().await;
        let asking = [("origin", "https://app.example.com"), ("access-control-request-method", "GET")];
        let preflight = gateway.send("OPTIONS", USERS, &asking).await;
        let allowed = preflight.header("access-control-allow-headers").unwrap().to_lowercase();
        let names: Vec<&str> = allowed.split(',').collect();
        assert!(names.contains(&"x-myreports-authorization"), "{allowed}");
        assert_eq!(names.contains(&"x-phone-book-authorization"), is_there, "{allowed}");
    }
}

#[tokio::test]
async fn it_joins_like_the_others() {
    let (_world, book, setup) = world().await;
    let gateway = setup.start().await;
    let answer = gateway.get(&format!("{USERS}?include=conflicts")).await;
    assert_eq!(
        (answer.json()["status"].as_str(), answer.names()),
        (Some("success"), ["Ann Lee", "Bo", "Cy", "Di", "Ed"].map(str::to_owned).to_vec())
    );
    let (ann, bo, ed) = (&answer.json()["data"][0], &answer.json()["data"][1], &answer.json()["data"][4]);
    assert_eq!(records(ann), ["advanced_automation a1", "my_reports m1", "phone_book p1"]);
    assert_eq!(
        (records(bo), &bo["phone"], &bo["matched_by"]),
        (vec!["my_reports m2".into(), "phone_book p2".into()], &json!("+1 556"), &json!("email"))
    );
    assert_eq!((records(ed), &ed["matched_by"]), (vec!["phone_book p3".into()], &Value::Null));
    let values = json!({"advanced_automation": "Ann Lee", "my_reports": "A. Lee", "phone_book": "Lee, Ann"});
    assert_eq!(ann["conflicts"], json!([{"field": "display_name", "chosen": "advanced_automation", "values": values}]));
    assert_eq!((&answer.source("phone_book")["status"], &answer.source("phone_book")["users"]), (&json!("ok"), &json!(3)));
    assert_eq!(gateway.get(&format!("{USERS}?source=phone_book")).await.names(), ["Ann Lee", "Bo", "Ed"]);
    let offsets: Vec<usize> = book.calls().iter().map(|call| call.number("offset")).collect();
    assert_eq!(offsets, [0, 2], "walked to its end, once, in pages of the server's size");
    assert!(book.calls().iter().all(|call| call.header("authorization") == Some("Bearer book-key")));
}

#[tokio::test]
async fn callers_may_bring_credentials_for_it_in_its_own_header() {
    let (_world, book, setup) = world().await;
    let gateway = setup.set("sources.phone_book.credentials", "forward").start().await;
    let answer = gateway.get_with(USERS, &[("x-phone-book-authorization", "Bearer a-callers")]).await;
    assert_eq!((answer.status, &answer.source("phone_book")["status"]), (200, &json!("ok")), "{answer:?}");
    assert!(book.calls().iter().all(|call| call.header("authorization") == Some("Bearer a-callers")));
    assert_eq!(gateway.get(USERS).await.source("phone_book")["status"], "unauthorized");
}

#[tokio::test]
async fn whom_nobody_lists_there_is_linked_by_something_else_than_discover() {
    for links in ["discover,same_id", "file,discover"] {
        let (_world, _book, setup) = world().await;
        let faults = setup.set("customers.links", links).config().err().unwrap().to_string();
        assert!(faults.contains("customers.links") && faults.contains("sources.phone_book lists no customers"), "{links}: {faults}");
    }
}

#[tokio::test]
async fn it_fails_like_the_others() {
    for (reply, status, code) in [
        (Reply::status(401), "unauthorized", Some("upstream_unauthorized")),
        (Reply::status(403), "forbidden", Some("upstream_forbidden")),
        (Reply::status(429).header("retry-after", "7"), "rate_limited", Some("upstream_rate_limited")),
        (Reply::status(503), "unavailable", Some("upstream_unavailable")),
        (Reply::html(200), "invalid_response", Some("upstream_invalid_response")),
        (Reply::status(400), "bad_request", Some("upstream_bad_request")),
        (Reply::status(404), "not_found", None),
    ] {
        let (world, book, setup) = world().await;
        book.always(reply);
        let gateway = setup.set("sources.phone_book.retries", "0").start().await;
        let answer = gateway.get(USERS).await;
        let expected = if code.is_some() { "partial" } else { "success" };
        assert_eq!((answer.json()["status"].as_str(), answer.names().len()), (Some(expected), 4), "{status}");
        assert_eq!(answer.source("phone_book")["status"], status);
        let denied = gateway.get(&format!("{USERS}?partial=deny")).await;
        match code {
            Some(code) => assert_eq!((denied.code().as_str(), &denied.source("phone_book")["status"]), (code, &json!(status))),
            None => assert_eq!(denied.status, 200),
        }
        assert_eq!(denied.header("www-authenticate").is_some(), status == "unauthorized", "{denied:?}");
        assert_eq!(world.asked(), (1, 1), "{status}: the others keep their copies");
    }
}

#[tokio::test]
async fn a_bug_in_its_reader_takes_down_nothing_else() {
    let (_world, book, setup) = world().await;
    book.always(Reply::new(200, PANICS));
    let gateway = setup.start().await;
    let answer = gateway.get(USERS).await;
    assert_eq!((answer.status, &answer.json()["status"], answer.names().len()), (200, &json!("partial"), 4), "{answer:?}");
    assert_eq!(answer.source("phone_book")["status"], "invalid_response", "{answer:?}");
    let denied = gateway.get(&format!("{USERS}?partial=deny")).await;
    assert_eq!(denied.code(), "upstream_invalid_response");
    assert!(![answer, denied].iter().any(|answer| answer.text.contains("canary")));
    let metrics = gateway.get("/metrics").await.text;
    assert!(metrics.contains("\nrollcall_panics_total 2\n"), "one for each of its two answers: {metrics}");
    book.answer(|call| entries(&[json!({"uid": "p3", "name": "Ed"})], call));
    let next = gateway.get(USERS).await;
    assert_eq!((&next.json()["status"], &next.source("phone_book")["status"]), (&json!("success"), &json!("ok")), "{next:?}");
}

#[tokio::test]
async fn it_is_reported_like_the_others() {
    let (_world, _book, setup) = world().await;
    let gateway = setup.start().await;
    let answer = gateway.get(USERS).await;
    assert!(answer.header("server-timing").unwrap().contains("phone_book;dur="), "{answer:?}");
    assert!(gateway.get("/health/sources").await.source("phone_book")["last_success"].is_string());
    let metrics = gateway.get("/metrics").await.text;
    for sample in [
        "rollcall_upstream_calls_total{source=\"phone_book\",outcome=\"ok\"} 2",
        "rollcall_cache_lookups_total{source=\"phone_book\",result=\"miss\"} 1",
        "rollcall_source_up{source=\"phone_book\"} 1",
    ] {
        assert!(metrics.contains(sample), "{sample}: {metrics}");
    }
    assert!(gateway.get("/").await.text.contains("phone_book"));
    let unknown = gateway.get(&format!("{USERS}?source=fax")).await;
    assert!(unknown.json()["message"].as_str().unwrap().contains("phone_book"), "{unknown:?}");
}

#[tokio::test]
async fn its_configuration_is_checked_like_the_others() {
    let (world, ..) = world().await;
    let setup = || world.gateway().with_backend(BACKEND);
    let faults = |setup: Setup| setup.config().err().unwrap().to_string();
    let missing = faults(setup().set("sources.phone_book.retries", "99"));
    for fault in ["base_url: is required", "key: is required", "retries (test): must be"] {
        assert!(missing.contains(&format!("sources.phone_book.{fault}")), "{missing}");
    }
    let valid = || setup().set("sources.phone_book.key", "k").set("sources.phone_book.base_url", "https://book.example");
    assert!(valid().config().is_ok());
    let wrong = faults(valid().set("sources.phone_book.timout", "1s").set("sources.phone_book.base_url", "http://book.example"));
    assert!(wrong.contains("Did you mean sources.phone_book.timeout?") && wrong.contains("sources.phone_book.allow_http"), "{wrong}");
}

#[tokio::test]
async fn a_customer_that_only_it_knows_has_a_roll() {
    let (world, _book, setup) = world().await;
    world.answer_persons(|_| Reply::status(404));
    world.my_reports.always(Reply::status(404));
    let gateway: Gateway = setup.start().await;
    let answer = gateway.get(USERS).await;
    assert_eq!(
        (answer.json()["status"].as_str(), answer.names()),
        (Some("success"), ["Bo Ek", "Ed", "Lee, Ann"].map(str::to_owned).to_vec())
    );
    let warned: Vec<(String, String)> = answer.json()["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|warning| (warning["code"].to_string(), warning["source"].to_string()))
        .collect();
    let unverified = |source: &str| ("\"unverified_link\"".to_owned(), format!("\"{source}\""));
    assert_eq!(warned, [unverified("advanced_automation"), unverified("my_reports")]);
}
