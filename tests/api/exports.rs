//! A roll as CSV and as JSON lines: all users, and honest about a failed source.

use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Reply, World, crowd, person, user};

const USERS: &str = "/customers/acme/users";
const CSV: &str = "text/csv";
const LINES: &str = "application/x-ndjson";

async fn get(gateway: &Gateway, query: &str, accept: &str) -> Answer {
    gateway.get_with(&format!("{USERS}{query}"), &[("accept", accept)]).await
}

fn rows(answer: &Answer) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(answer.text.as_bytes()).deserialize().map(Result::unwrap).collect()
}

fn lines(answer: &Answer) -> Vec<Value> {
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn both_have_all_users_that_the_filters_leave() {
    let world = World::new().await;
    world.persons([crowd(2500), vec![person("x", "=HYPERLINK(1)", "x@acme.example")]].concat());
    world.users(vec![user("m-1", "Zoe, \"Z\"", "p0@acme.example")]);
    let gateway = world.gateway().set("sources.advanced_automation.page_size", "1000").start().await;
    for (query, expected) in [("", 2501), ("?q=P00", 10), ("?source=my_reports", 1), ("?q=nobody", 0)] {
        let (csv, json_lines) = (get(&gateway, query, CSV).await, get(&gateway, query, LINES).await);
        assert_eq!((csv.status, csv.header("content-type")), (200, Some("text/csv; charset=utf-8; header=present")));
        assert_eq!((json_lines.status, json_lines.header("content-type")), (200, Some(LINES)));
        assert_eq!((rows(&csv).len(), lines(&json_lines).len()), (expected, expected), "{query}");
        for answer in [&csv, &json_lines] {
            assert_eq!(answer.header("rollcall-status"), Some("success"));
            assert_eq!(answer.header("link"), None);
            answer.has_the_usual_headers();
        }
    }
    let page = gateway.get(&format!("{USERS}?sort=-id&page_size=1000")).await.json();
    assert_eq!(
        lines(&get(&gateway, "?sort=-id", LINES).await)[..1000],
        page["data"].as_array().unwrap()[..],
        "the same users in the same order"
    );
    let row = rows(&get(&gateway, "?q=hyper", CSV).await).remove(0);
    assert_eq!(
        (row["display_name"].as_str(), row["advanced_automation_id"].as_str(), row["my_reports_id"].as_str()),
        ("'=HYPERLINK(1)", "x", "")
    );
    let row = rows(&get(&gateway, "?source=my_reports", CSV).await).remove(0);
    assert_eq!((row["my_reports_id"].as_str(), row["matched_by"].as_str()), ("m-1", "email"));
    assert_eq!(world.my_reports.calls().len(), 1, "neither format nor filter causes another call");
}

#[tokio::test]
async fn pages_are_refused_and_a_partial_roll_is_one_only_where_that_is_said() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "ann@acme.example")]);
    world.my_reports.always(Reply::status(503));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    for accept in [CSV, LINES] {
        for (query, name) in [("?page_size=5", "page_size"), ("?cursor=x", "cursor")] {
            let answer = get(&gateway, query, accept).await;
            assert!(answer.code() == "invalid_parameter" && answer.text.contains(&format!("'{name}'")), "{}", answer.text);
        }
    }
    assert_eq!(world.asked(), (0, 0));
    for accept in [CSV, LINES] {
        for query in ["", "?partial=deny"] {
            assert_eq!(get(&gateway, query, accept).await.code(), "upstream_unavailable", "{accept} {query}");
        }
        let partial = get(&gateway, "?partial=allow", accept).await;
        assert_eq!(
            (partial.status, partial.header("rollcall-status"), partial.header("cache-control")),
            (200, Some("partial"), Some("no-store"))
        );
        assert!(partial.text.contains("Ann"));
    }
    let problem = get(&gateway, "", "text/csv, application/problem+json").await;
    assert_eq!(problem.problem_code(), "upstream_unavailable");
}

#[tokio::test]
async fn what_a_caller_should_know_stands_in_a_header() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann", "a@x.example"), person("2", "Bo", "a@x.example")]);
    world.my_reports.always(Reply::status(404));
    let gateway = world.start().await;
    for accept in [CSV, LINES] {
        let answer = get(&gateway, "", accept).await;
        let warnings = "ambiguous_email;source=advanced_automation;count=2, unverified_link;source=my_reports";
        assert_eq!((answer.status, answer.header("rollcall-warnings")), (200, Some(warnings)), "{answer:?}");
        let held = [("accept", accept), ("if-none-match", answer.header("etag").unwrap())];
        let held = gateway.get_with("/customers/acme/users", &held).await;
        assert_eq!((held.status, held.header("rollcall-warnings")), (304, Some(warnings)));
    }
    world.users(vec![]);
    world.persons(vec![]);
    assert_eq!(gateway.get_with("/customers/birch/users", &[("accept", CSV)]).await.header("rollcall-warnings"), None);
}

#[tokio::test]
async fn the_shape_that_is_wanted_most_is_given() {
    let world = World::new().await;
    let gateway = world.start().await;
    for (accept, content_type) in [
        ("*/*", "application/json"),
        ("text/csv;q=0.5, application/json;q=0.4", "text/csv; charset=utf-8; header=present"),
        ("text/csv;q=0.4, application/json;q=0.5", "application/json"),
        ("text/*", "text/csv; charset=utf-8; header=present"),
        ("application/x-ndjson, */*;q=0.1", LINES),
        ("application/json;q=0, application/*", LINES),
    ] {
        assert_eq!(get(&gateway, "", accept).await.header("content-type"), Some(content_type), "{accept}");
    }
    for accept in ["text/html", "text/csv;q=0", "image/*"] {
        assert_eq!(get(&gateway, "", accept).await.code(), "not_acceptable", "{accept}");
    }
}

#[tokio::test]
async fn each_shape_has_a_tag_of_its_own_and_no_body_where_none_is_wanted() {
    let world = World::new().await;
    world.persons(crowd(3));
    let gateway = world.start().await;
    let mut tags = std::collections::BTreeSet::new();
    for accept in ["application/json", CSV, LINES] {
        let first = get(&gateway, "", accept).await;
        let tag = first.header("etag").unwrap().to_owned();
        let held = gateway.get_with(USERS, &[("accept", accept), ("if-none-match", &tag)]).await;
        assert_eq!((held.status, held.text.as_str()), (304, ""), "{accept}");
        let bare = gateway.send("HEAD", USERS, &[("accept", accept)]).await;
        assert_eq!((bare.status, bare.text.as_str(), bare.header("etag")), (200, "", Some(tag.as_str())), "{accept}");
        assert_eq!(bare.header("content-type"), first.header("content-type"));
        assert_ne!(get(&gateway, "?q=P001", accept).await.header("etag"), Some(tag.as_str()), "{accept}");
        tags.insert(tag);
    }
    assert_eq!(tags.len(), 3);
    world.persons(crowd(4));
    let newer = gateway.get_with(USERS, &[("accept", LINES), ("cache-control", "no-cache"), ("if-none-match", tags.last().unwrap())]).await;
    assert_eq!((newer.status, lines(&newer).len(), &lines(&newer)[0]["display_name"]), (200, 4, &json!("P000")));
}

#[tokio::test]
async fn a_tag_tells_conflicts_where_they_are_asked_for_and_only_there() {
    let world = World::new().await;
    let gateway = world.start().await;
    let rows = |left: &str, right: &str| (vec![person("1", left, "ann@acme.example")], vec![user("m-1", right, "ANN@acme.example")]);
    for accept in [CSV, LINES] {
        let mut tags = Vec::new();
        for (left, right) in [rows("Ann", "Ann"), rows("Ann", "A."), rows("Ann", "B."), rows("Anna", "B.")] {
            world.persons(left);
            world.users(right);
            gateway.get_with(USERS, &[("cache-control", "no-cache")]).await;
            let mut now = Vec::new();
            for query in ["", "?include=conflicts"] {
                now.push(get(&gateway, query, accept).await.header("etag").unwrap().to_owned());
            }
            tags.push(now);
        }
        let plain: Vec<&String> = tags.iter().map(|now| &now[0]).collect();
        assert!(plain[0] == plain[1] && plain[1] == plain[2] && plain[2] != plain[3], "{accept}: only the users matter: {plain:?}");
        let all: std::collections::BTreeSet<&String> = tags.iter().flatten().collect();
        assert_eq!(all.len(), 2 + tags.len(), "{accept}: {tags:?}");
    }
}
