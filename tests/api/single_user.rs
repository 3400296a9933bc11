//! One user of a roll, by the gateway's id or by that of a record.

use serde_json::json;

use crate::support::{Answer, Reply, World, crowd, person, user};

const USERS: &str = "/customers/acme/users";

async fn world() -> World {
    let world = World::new().await;
    let mut gone = person("gone", "Gone", "gone@acme.example");
    gone["Deleted"] = json!(true);
    world.persons(vec![person("a/1 ü:?", "Ann Lee", "ann@acme.example"), gone]);
    world.users(vec![user("m-1", "A. Lee", "ANN@acme.example"), user("m-2", "Bo", "bo@acme.example")]);
    world
}

#[tokio::test]
async fn a_user_is_found_by_each_of_its_ids() {
    let world = world().await;
    let gateway = world.start().await;
    let ann = gateway.get(USERS).await.json()["data"][0].clone();
    let id = ann["id"].as_str().unwrap();
    for path in [
        id.to_owned(),
        id.to_uppercase(),
        "advanced_automation:a%2F1%20%C3%BC%3A%3F".to_owned(),
        "advanced_automation%3Aa%2F1%20%C3%BC:%3F".to_owned(),
        "my_reports:m-1".to_owned(),
    ] {
        let answer = gateway.get(&format!("{USERS}/{path}")).await;
        assert_eq!((answer.status, &answer.json()["data"]), (200, &ann), "{path}: {}", answer.text);
        assert_eq!((&answer.json()["status"], answer.json()["sources"].as_array().unwrap().len()), (&json!("success"), 2));
        for name in ["etag", "age", "cache-control", "cache-status"] {
            assert!(answer.header(name).is_some(), "{name}");
        }
        let held = gateway.get_with(&format!("{USERS}/{path}"), &[("if-none-match", answer.header("etag").unwrap())]).await;
        assert_eq!((held.status, held.text.as_str()), (304, ""));
    }
    assert_eq!(gateway.get(&format!("{USERS}/advanced_automation:gone")).await.json()["data"]["deleted"], true, "deleted users, too");
    let head = gateway.send("HEAD", &format!("{USERS}/{id}"), &[]).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    assert_eq!(gateway.send("PUT", &format!("{USERS}/{id}"), &[]).await.code(), "method_not_allowed");
    assert_eq!(world.asked(), (1, 1), "one walk for all of them");
}

#[tokio::test]
async fn a_user_of_a_large_roll_is_found_the_first_time_and_again() {
    let world = World::new().await;
    world.persons(crowd(700));
    let gateway = world.gateway().set("sources.advanced_automation.page_size", "1000").start().await;
    let page = gateway.get(&format!("{USERS}?page_size=1000")).await.json();
    let everybody = page["data"].as_array().unwrap();
    for user in everybody.iter().step_by(233).chain(everybody.last()) {
        let record = format!("advanced_automation:{}", user["sources"][0]["id"].as_str().unwrap());
        for id in [user["id"].as_str().unwrap(), &record] {
            assert_eq!(&gateway.get(&format!("{USERS}/{id}")).await.json()["data"], user, "{id}");
        }
    }
    assert_eq!(gateway.get(&format!("{USERS}/00000000-0000-4000-8000-000000000001")).await.code(), "user_not_found");
}

#[tokio::test]
async fn conflicts_are_shown_where_they_are_asked_for() {
    let world = world().await;
    let gateway = world.start().await;
    let answer = gateway.get(&format!("{USERS}/my_reports:m-1?include=conflicts")).await.json();
    let values = json!({"advanced_automation": "Ann Lee", "my_reports": "A. Lee"});
    assert_eq!(answer["data"]["conflicts"], json!([{"field": "display_name", "chosen": "advanced_automation", "values": values}]));
    assert!(gateway.get(&format!("{USERS}/my_reports:m-1")).await.json()["data"].get("conflicts").is_none());
}

#[tokio::test]
async fn who_is_not_there_is_told_so_and_a_wrong_id_asks_no_source() {
    let world = world().await;
    let gateway = world.start().await;
    for id in ["nonsense", "my_reports:", "phone_book:1", "00000000000040008000000000000001", "my_reports"] {
        let answer = gateway.get(&format!("{USERS}/{id}")).await;
        assert!(answer.code() == "invalid_parameter" && answer.text.contains("'user_id'"), "{id}: {}", answer.text);
    }
    let bad = gateway.send_raw(&format!("GET {USERS}/my_reports:%FF HTTP/1.1"), &[]).await;
    assert_eq!(bad.status, 400, "{bad:?}");
    for id in ["%FF", "%C3%28"] {
        let bad = gateway.send_raw(&format!("GET {USERS}/{id} HTTP/1.1"), &[]).await;
        assert!(bad.code() == "invalid_parameter" && bad.text.contains("'user_id'"), "{id}: {}", bad.text);
    }
    for query in ["page_size=1", "q=ann", "include=deleted", "partial=maybe", "partial=allow&partial=allow"] {
        assert_eq!(gateway.get(&format!("{USERS}/my_reports:m-1?{query}")).await.code(), "invalid_parameter", "{query}");
    }
    assert_eq!(world.asked(), (0, 0));
    for id in ["00000000-0000-4000-8000-000000000001", "my_reports:m-9", "my_reports:gone", "my_reports:M-1"] {
        assert_eq!(gateway.get(&format!("{USERS}/{id}")).await.code(), "user_not_found", "{id}");
    }
}

#[tokio::test]
async fn nobody_is_said_not_to_be_there_while_a_source_is_missing() {
    let world = world().await;
    world.my_reports.always(Reply::status(503));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let found = gateway.get(&format!("{USERS}/advanced_automation:gone")).await;
    assert_eq!((found.status, &found.json()["status"], found.header("cache-control")), (200, &json!("partial"), Some("no-store")));
    assert_eq!(gateway.get(&format!("{USERS}/advanced_automation:gone?partial=deny")).await.code(), "upstream_unavailable");
    for id in ["my_reports:m-1", "advanced_automation:nobody", "00000000-0000-4000-8000-000000000001"] {
        assert_eq!(gateway.get(&format!("{USERS}/{id}")).await.code(), "upstream_unavailable", "{id}");
    }
    world.my_reports.always(Reply::status(429).header("retry-after", "7"));
    let limited = gateway.get(&format!("{USERS}/my_reports:m-1")).await;
    assert_eq!((limited.code().as_str(), limited.header("retry-after")), ("upstream_rate_limited", Some("7")));
    world.my_reports.always(Reply::status(404));
    assert_eq!(gateway.get(&format!("{USERS}/my_reports:m-1")).await.code(), "user_not_found", "a 404 is an answer");
}

#[tokio::test]
async fn nobody_is_said_not_to_be_there_while_a_source_is_incomplete() {
    let world = world().await;
    world.my_reports.always(Reply::json(200, &json!({"page_size": 3, "data": [user("m-1", "A. Lee", "ANN@acme.example")]})));
    let gateway = world.start().await;
    let found = gateway.get(&format!("{USERS}/my_reports:m-1")).await;
    assert_eq!((found.status, &found.json()["status"]), (200, &json!("partial")), "{found:?}");
    assert_eq!(found.source("my_reports")["status"], "incomplete", "{found:?}");
    for id in ["my_reports:m-2", "advanced_automation:nobody", "00000000-0000-4000-8000-000000000001"] {
        assert_eq!(gateway.get(&format!("{USERS}/{id}")).await.code(), "upstream_invalid_response", "{id}");
    }
}

#[tokio::test]
async fn a_user_is_told_as_json_only_and_is_asked_for_again_on_demand() {
    let world = world().await;
    let gateway = world.start().await;
    let path = format!("{USERS}/my_reports:m-1");
    for accept in ["text/csv", "application/x-ndjson"] {
        assert_eq!(gateway.get_with(&path, &[("accept", accept)]).await.code(), "not_acceptable", "{accept}");
    }
    assert_eq!(world.asked(), (0, 0));
    let name = async |headers| gateway.get_with(&path, headers).await.json()["data"]["display_name"].clone();
    assert_eq!(name(&[]).await, "Ann Lee");
    world.persons(vec![person("a/1 ü:?", "Anna Lee", "ann@acme.example")]);
    assert_eq!((name(&[]).await, world.asked()), (json!("Ann Lee"), (1, 1)));
    assert_eq!((name(&[("cache-control", "no-cache")]).await, world.asked()), (json!("Anna Lee"), (2, 2)));
}

#[tokio::test]
async fn that_somebody_is_not_there_is_said_with_how_old_that_is() {
    let world = world().await;
    let setup = world.gateway().set("cache.fresh", "1s").set("cache.stale_while_revalidate", "0s");
    let gateway = setup.set("sources.my_reports.retries", "0").start().await;
    let nobody = format!("{USERS}/my_reports:nobody");
    let answer = gateway.get(&nobody).await;
    let expected = ["advanced_automation", "my_reports"].map(|source| json!({"source": source, "status": "ok", "http_status": 200}));
    assert_eq!((answer.code().as_str(), &answer.json()["sources"]), ("user_not_found", &json!(expected)));
    assert_eq!(answer.header("cache-status"), Some("rollcall; fwd=uri-miss; stored"));
    let age = |answer: &Answer| answer.header("age").unwrap().parse::<u64>().unwrap();
    assert!(age(&answer) < 30, "{answer:?}");
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    world.my_reports.always(Reply::status(503));
    let stale = gateway.get(&nobody).await;
    let expected = json!({"source": "my_reports", "status": "ok", "http_status": 200, "stale": true, "error": "unavailable"});
    assert_eq!((stale.code().as_str(), stale.source("my_reports")), ("user_not_found", expected));
    assert!((1..30).contains(&age(&stale)), "{stale:?}");
}
