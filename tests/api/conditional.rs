//! The headers that say how old an answer is, and what a caller that already holds one receives.

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Reply, World, crowd, person, user};

const USERS: &str = "/customers/acme/users";
const NOW: [(&str, &str); 1] = [("cache-control", "no-cache")];

#[track_caller]
fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.header(name).unwrap_or_else(|| panic!("no {name}: {answer:?}"))
}

async fn tag(gateway: &Gateway, query: &str) -> String {
    header(&gateway.get(&format!("{USERS}{query}")).await, "etag").to_owned()
}

#[tokio::test]
async fn a_tag_is_weak_and_stays_while_only_times_change() {
    let world = World::new().await;
    world.persons(crowd(2));
    let gateway = world.start().await;
    let first = gateway.get(USERS).await;
    assert!(header(&first, "etag").starts_with("W/\"") && header(&first, "etag").ends_with('"'));
    tokio::time::sleep(Duration::from_millis(5)).await;
    let second = gateway.get_with(USERS, &NOW).await;
    assert_ne!(first.json()["timestamp"], second.json()["timestamp"], "it was asked again");
    assert_eq!(header(&first, "etag"), header(&second, "etag"));
}

#[tokio::test]
async fn a_tag_changes_with_the_users_the_warnings_and_the_sources_states() {
    let world = World::new().await;
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let rows = |name: &str| vec![person("1", name, "ann@acme.example")];
    let twice = vec![person("1", "Ann", "ann@acme.example"), person("2", "Bo", "ann@acme.example")];
    let mut tags = Vec::new();
    for persons in [vec![], rows("Ann"), rows("Anna"), twice] {
        let is_there = !persons.is_empty();
        world.persons(persons);
        tags.extend(tags_now(&gateway, is_there).await);
    }
    for status in [404, 503] {
        world.my_reports.always(Reply::status(status));
        tags.extend(tags_now(&gateway, true).await);
    }
    let distinct: std::collections::BTreeSet<_> = tags.iter().collect();
    assert_eq!((distinct.len(), tags.len()), (4 * 6 - 1, 4 * 6 - 1), "{tags:?}");
}

/// The tags of the roll in each format and, if the first user is there, of that user.
async fn tags_now(gateway: &Gateway, is_there: bool) -> Vec<String> {
    let asks = [
        (format!("{USERS}?partial=allow"), "application/json"),
        (format!("{USERS}?partial=allow"), "text/csv"),
        (format!("{USERS}?partial=allow"), "application/x-ndjson"),
        (format!("{USERS}/advanced_automation:1"), "application/json"),
    ];
    let mut tags = Vec::new();
    for (path, accept) in &asks[..if is_there { 4 } else { 3 }] {
        let now = gateway.get_with(path, &[NOW[0], ("accept", accept)]).await;
        let held = header(&now, "etag").to_owned();
        let again = gateway.get_with(path, &[("accept", accept), ("if-none-match", &held)]).await;
        let is_stored = header(&now, "cache-status").ends_with("; stored");
        assert!(!is_stored || again.status == 304, "{path} {accept}: {now:?} {again:?}");
        tags.push(held);
    }
    tags
}

#[tokio::test]
async fn each_page_and_view_has_a_tag_of_its_own() {
    let world = World::new().await;
    world.persons(crowd(3));
    let gateway = world.start().await;
    let (whole, page, other) = (tag(&gateway, "").await, tag(&gateway, "?page_size=2").await, tag(&gateway, "?sort=-display_name").await);
    assert!(whole != page && whole != other && page != other);
    assert_eq!(tag(&gateway, "?page_size=100&sort=display_name").await, whole, "the same page under another URL has the same tag");
}

#[tokio::test]
async fn who_holds_the_answer_is_not_sent_it_again() {
    let world = World::new().await;
    world.persons(crowd(2));
    let gateway = world.start().await;
    let first = gateway.get(USERS).await;
    let held = header(&first, "etag");
    let strong = held.trim_start_matches("W/");
    for (value, status) in [
        (held.to_owned(), 304),
        (strong.to_owned(), 304),
        ("*".to_owned(), 304),
        (format!("\"other\", {held}"), 304),
        (format!("W/\"a,b\" , {held},\"c\""), 304),
        ("\"other\", W/\"another\"".to_owned(), 200),
        (held.trim_end_matches('"').to_owned() + "0\"", 200),
    ] {
        let answer = gateway.get_with(USERS, &[("if-none-match", &value)]).await;
        assert_eq!(answer.status, status, "{value}");
        assert_eq!(answer.text.is_empty(), status == 304, "{value}");
        for name in ["etag", "cache-control", "vary", "age", "cache-status", "x-request-id", "traceparent"] {
            assert!(answer.header(name).is_some(), "{value}: {name} is missing");
        }
        assert_eq!((header(&answer, "etag"), answer.header("content-type").is_some()), (held, status == 200), "{value}");
    }
    assert_eq!(world.asked(), (1, 1));
    let paged = format!("{USERS}?page_size=1");
    let page = gateway.get(&paged).await;
    let again = gateway.get_with(&paged, &[("if-none-match", header(&page, "etag"))]).await;
    assert_eq!((page.header("link").is_some(), again.status, again.header("link")), (true, 304, None));
}

#[tokio::test]
async fn a_new_answer_is_sent_to_who_holds_the_old_one_and_an_error_to_everyone() {
    let world = World::new().await;
    world.persons(crowd(2));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let held = tag(&gateway, "").await;
    world.persons(crowd(3));
    let newer = gateway.get_with(USERS, &[NOW[0], ("if-none-match", &held)]).await;
    assert_eq!((newer.status, newer.names().len()), (200, 3));
    world.answer_persons(|_| Reply::status(404));
    world.my_reports.always(Reply::status(404));
    let error = gateway.get_with(USERS, &[NOW[0], ("if-none-match", "*")]).await;
    assert_eq!((error.status, error.header("etag")), (404, None));
}

#[tokio::test]
async fn an_answer_says_how_old_it_is_and_how_it_came_about() {
    let world = World::new().await;
    world.persons(crowd(1));
    let gateway = world.gateway().set("cache.fresh", "3s").start().await;
    let miss = gateway.get(USERS).await;
    let said = ["cache-status", "cache-control"].map(|name| header(&miss, name));
    assert_eq!(said, ["rollcall; fwd=uri-miss; stored", "private, max-age=3"]);
    assert!((0..30).contains(&header(&miss, "age").parse().unwrap()), "{miss:?}");
    let timing = header(&miss, "server-timing");
    assert!(timing.starts_with("advanced_automation;dur=") && timing.contains(", my_reports;dur="), "{timing}");
    tokio::time::sleep(Duration::from_millis(1050)).await;
    let hit = gateway.get(USERS).await;
    let (age, ttl) = age_and_ttl(&hit);
    assert!(age >= 1 && age + ttl == 3, "{hit:?}");
    assert_eq!((header(&hit, "cache-control"), hit.header("server-timing")), ("private, max-age=3", None));
    assert_eq!(hit.text, miss.text, "identical, byte for byte");
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stale = gateway.get(USERS).await;
    let (age, ttl) = age_and_ttl(&stale);
    assert!(ttl < 0 && age + ttl == 3, "{stale:?}");
    assert_eq!((header(&stale, "cache-control"), stale.header("server-timing")), ("private, max-age=0", None));
}

/// The age of an answer that is a hit, and the remaining freshness of its copies.
#[track_caller]
fn age_and_ttl(answer: &Answer) -> (i64, i64) {
    let ttl = header(answer, "cache-status").strip_prefix("rollcall; hit; ttl=").unwrap();
    (header(answer, "age").parse().unwrap(), ttl.parse().unwrap())
}

#[tokio::test]
async fn every_roll_varies_by_what_it_depends_on() {
    let world = World::new().await;
    let gateway = world.start().await;
    for path in [USERS, "/customers/acme/users?page_size=0", "/nowhere"] {
        let answer = gateway.get(path).await;
        assert_eq!(header(&answer, "vary"), "Accept, Accept-Encoding, Authorization, X-Api-Key", "{path}");
    }
}

#[tokio::test]
async fn nobody_may_store_a_partial_roll_or_an_error() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world.users(vec![user("2", "Bo", "bo@acme.example")]);
    world.my_reports.always(Reply::status(403));
    let gateway = world.start().await;
    for (query, status, what) in [
        ("", 200, json!("partial")),
        ("?partial=deny", 502, json!("error")),
        ("?page_size=0", 400, json!("error")),
        ("?sort=-id", 200, json!("partial")),
    ] {
        let answer = gateway.get(&format!("{USERS}{query}")).await;
        let body: Value = answer.json();
        assert_eq!((answer.status, &body["status"], header(&answer, "cache-control")), (status, &what, "no-store"), "{query}");
    }
    assert_eq!(world.asked(), (1, 3), "what failed is asked again, what did not is not");
}
