//! Which users the query matches and in which order: q, email, source, enabled, include, exclude, sort.

use serde_json::{Value, json};

use crate::support::{World, person, user};

async fn world() -> World {
    let world = World::new().await;
    let row = |id: &str, name: &str, email: &str, more: Value| {
        let mut row = person(id, name, email);
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        row
    };
    world.persons(vec![
        row("1", "Ann Lee", "ann@acme.example", json!({"Username": "A.Lee"})),
        row("2", "bo Ek", "Bo@Acme.example", json!({"Enabled": false})),
        row("3", "\u{c5}sa Berg", "asa@b\u{fc}cher.example", json!({"Enabled": null})),
        row("4", "Gone", "gone@acme.example", json!({"Deleted": true})),
        row("5", "", "manager@dummy.com", json!({})),
    ]);
    world.users(vec![user("8", "Lee, A.", "ANN@acme.example"), user("9", "Cy 100%", "cy@acme.example")]);
    world
}

#[tokio::test]
async fn filters_leave_whom_they_say_and_total_counts_them() {
    let world = world().await;
    let gateway = world.start().await;
    for (query, expected) in [
        ("", &["Ann Lee", "bo Ek", "Cy 100%", "Åsa Berg", ""][..]),
        ("q=LEE", &["Ann Lee"]),
        ("q=ann+lee", &["Ann Lee"]),
        ("q=a.lee", &["Ann Lee"]),
        ("q=ACME", &["Ann Lee", "bo Ek", "Cy 100%"]),
        ("q=%C3%A5SA", &["Åsa Berg"]),
        ("q=a%CC%8Asa", &["Åsa Berg"]),
        ("q=100%25", &["Cy 100%"]),
        ("q=gone", &[]),
        ("q=gone&include=deleted", &["Gone"]),
        ("q=.*", &[]),
        ("email=Ann@ACME.example", &["Ann Lee"]),
        ("email=%20bo@acme.example%20", &["bo Ek"]),
        ("email=asa@xn--bcher-kva.example", &["Åsa Berg"]),
        ("email=ASA@B%C3%9CCHER.example", &["Åsa Berg"]),
        ("email=acme.example", &[]),
        ("source=my_reports", &["Ann Lee", "Cy 100%"]),
        ("source=advanced_automation", &["Ann Lee", "bo Ek", "Åsa Berg", ""]),
        ("enabled=true", &["Ann Lee", ""]),
        ("enabled=false", &["bo Ek"]),
        ("exclude=placeholder", &["Ann Lee", "bo Ek", "Cy 100%", "Åsa Berg"]),
        ("include=deleted", &["Ann Lee", "bo Ek", "Cy 100%", "Gone", "Åsa Berg", ""]),
        ("include=conflicts%2Cdeleted&exclude=placeholder&enabled=true", &["Ann Lee", "Gone"]),
        ("source=my_reports&enabled=true&q=lee&email=ann@acme.example&exclude=placeholder&partial=deny", &["Ann Lee"]),
    ] {
        let answer = gateway.get(&format!("/customers/acme/users?{query}")).await;
        assert_eq!(
            (answer.names(), &answer.json()["total"]),
            (expected.iter().map(ToString::to_string).collect(), &json!(expected.len())),
            "{query}"
        );
        assert_eq!(answer.json()["status"], "success");
        assert_eq!(answer.source("advanced_automation")["users"], 5, "{query}: counted before any filter");
    }
    assert_eq!((world.my_reports.calls().len(), world.advanced_automation.count("/Person")), (1, 1));
}

#[tokio::test]
async fn both_sources_are_asked_whichever_is_filtered_for() {
    let world = world().await;
    world.my_reports.always(crate::support::Reply::status(503));
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let answer = gateway.get("/customers/acme/users?source=advanced_automation").await;
    assert_eq!((&answer.json()["status"], &answer.json()["total"], answer.names().len()), (&json!("partial"), &Value::Null, 4));
    assert_eq!(gateway.get("/customers/acme/users?source=advanced_automation&partial=deny").await.code(), "upstream_unavailable");
}

#[tokio::test]
async fn the_order_is_the_one_that_was_asked_for_and_who_has_no_value_is_last() {
    let world = world().await;
    let gateway = world.start().await;
    for (sort, expected) in [
        ("display_name", ["Ann Lee", "bo Ek", "Cy 100%", "Åsa Berg", ""]),
        ("-display_name", ["Åsa Berg", "Cy 100%", "bo Ek", "Ann Lee", ""]),
        ("email", ["Ann Lee", "Åsa Berg", "bo Ek", "Cy 100%", ""]),
        ("-email", ["", "Cy 100%", "bo Ek", "Åsa Berg", "Ann Lee"]),
    ] {
        assert_eq!(gateway.get(&format!("/customers/acme/users?sort={sort}")).await.names(), expected, "{sort}");
    }
    let mut ids = Vec::new();
    for sort in ["id", "-id"] {
        let data = gateway.get(&format!("/customers/acme/users?sort={sort}")).await.json()["data"].clone();
        ids.push(data.as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
    }
    assert!(ids[0].is_sorted() && ids[1].iter().rev().eq(&ids[0]), "{ids:?}");
}

#[tokio::test]
async fn those_of_one_name_are_in_the_order_of_their_ids_either_way() {
    let world = World::new().await;
    let names = ["Jos\u{e9}", "jose\u{301}", "JOS\u{c9}"];
    world.persons((1..).zip(names).map(|(id, name)| person(&id.to_string(), name, "")).collect());
    let gateway = world.start().await;
    for sort in ["display_name", "-display_name"] {
        let data = gateway.get(&format!("/customers/acme/users?sort={sort}")).await.json()["data"].clone();
        let ids: Vec<&str> = data.as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap()).collect();
        assert!(ids.len() == 3 && ids.is_sorted(), "{sort}: {ids:?}");
    }
}
