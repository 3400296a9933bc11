//! Which of a source's rows are kept: those of the customer, each once, however odd and in whatever order.

use serde_json::{Value, json};

use crate::support::{Answer, World, person, persons_page, user};

fn of(mut row: Value, field: &str, value: impl Into<Value>) -> Value {
    row[field] = value.into();
    row
}

#[track_caller]
fn assert_told(answer: &Answer, names: &[&str], warnings: &Value) {
    assert_eq!((answer.names(), &answer.json()["warnings"]), (names.iter().map(ToString::to_string).collect(), warnings), "{answer:?}");
    assert_eq!(answer.json()["status"], "success");
}

#[tokio::test]
async fn rows_of_other_customers_are_dropped_where_the_filter_was_ignored() {
    let world = World::new().await;
    let persons = [("A", json!("ACME")), ("B", json!("other")), ("C", json!("Other")), ("D", json!("third")), ("E", json!(null))];
    world.persons(persons.iter().map(|(name, customer)| of(person(name, name, ""), "Customer", customer.clone())).collect());
    world.users(vec![
        of(user("1", "V", ""), "primaryTenant", "acme"),
        of(user("2", "W", ""), "primaryTenant", "other"),
        of(of(user("3", "X", ""), "primaryTenant", "reseller"), "isParent", true),
    ]);
    let answer = world.start().await.get("/customers/acme/users").await;
    let dropped = |source: &str, count: u64| json!({"code": "foreign_rows_dropped", "source": source, "count": count});
    // An inherited row may come from above any of the customers, so it is dropped, too.
    assert_told(&answer, &["A", "V"], &json!([dropped("advanced_automation", 4), dropped("my_reports", 2)]));
    assert_eq!((&answer.source("advanced_automation")["users"], &answer.source("my_reports")["users"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_row_that_does_not_say_whether_it_is_inherited_stays_where_it_names_the_customer() {
    let world = World::new().await;
    let unsaid = |id: &str, name: &str, tenant: &str| of(of(user(id, name, ""), "primaryTenant", tenant), "isParent", json!(null));
    let own = of(user("1", "V", ""), "primaryTenant", "acme");
    let named = vec![own.clone(), unsaid("2", "W", "ACME"), unsaid("3", "X", "reseller")];
    world.users(named.clone());
    let gateway = world.start().await;
    assert_told(&gateway.get("/customers/acme/users").await, &["V", "W", "X"], &json!([]));
    world.users(named.into_iter().chain([of(user("4", "Y", ""), "primaryTenant", "other")]).collect());
    let answer = gateway.get_with("/customers/acme/users", &[("cache-control", "no-cache")]).await;
    assert_told(&answer, &["V", "W"], &json!([{"code": "foreign_rows_dropped", "source": "my_reports", "count": 2}]));
}

#[tokio::test]
async fn the_customers_of_a_walk_are_judged_over_all_its_pages() {
    let world = World::new().await;
    let row =
        |number: usize| of(person(&number.to_string(), &format!("P{number}"), ""), "Customer", if number < 2 { "acme" } else { "other" });
    let rows: Vec<Value> = (0..4).map(row).collect();
    world.persons(rows);
    let gateway = world.gateway().set("sources.advanced_automation.page_size", "2").start().await;
    let dropped = json!([{"code": "foreign_rows_dropped", "source": "advanced_automation", "count": 2}]);
    assert_told(&gateway.get("/customers/acme/users").await, &["P0", "P1"], &dropped);
}

#[tokio::test]
async fn an_ignored_filter_without_a_row_of_the_customer_is_an_invalid_response() {
    let world = World::new().await;
    world.persons(vec![of(person("1", "A", ""), "Customer", "other"), of(person("2", "B", ""), "Customer", "third")]);
    let users = vec![
        of(user("1", "A", ""), "primaryTenant", "other"),
        of(user("2", "B", ""), "primaryTenant", "third"),
        of(user("3", "C", ""), "isParent", true),
    ];
    world.users(users);
    let answer = world.start().await.get("/customers/acme/users").await;
    assert_eq!(answer.code(), "upstream_invalid_response");
    assert!(["advanced_automation", "my_reports"].iter().all(|source| answer.source(source)["status"] == "invalid_response"), "{answer:?}");
}

#[tokio::test]
async fn rows_that_agree_on_another_id_are_kept_and_told() {
    let world = World::new().await;
    world.persons(vec![of(person("1", "A", ""), "Customer", "ce57"), of(person("2", "B", ""), "Customer", "CE57"), person("3", "C", "")]);
    world.users(vec![
        of(user("4", "D", ""), "primaryTenant", "tenant"),
        of(of(user("5", "E", ""), "primaryTenant", "reseller"), "isParent", true),
    ]);
    let answer = world.start().await.get("/customers/acme/users").await;
    let differs = |source: &str, count: u64| json!({"code": "customer_id_differs", "source": source, "count": count});
    assert_told(&answer, &["A", "B", "C", "D", "E"], &json!([differs("advanced_automation", 2), differs("my_reports", 1)]));
}

#[tokio::test]
async fn odd_fields_hide_nobody() {
    let world = World::new().await;
    let odd = json!({
        "Id": 7, "Name": {"First": "Ann"}, "FirstName": 5, "LastName": ["Lee"], "Email": false, "Username": 1.5, "Phonenumber": 4912,
        "Enabled": "yes", "IsLogin": 7, "Role": {"a": [1]}, "PrimaryContact": "no", "Deleted": "no", "Unheard": [[[{}]]],
    });
    world.persons(vec![odd, person("8", "Bo", "bo@acme.example")]);
    world.users(vec![
        json!({"id": -3, "displayName": 9, "email": ["cy@acme.example"], "isParent": "perhaps", "primaryTenant": {}}),
        user("9", "Cy", ""),
    ]);
    let answer = world.start().await.get("/customers/acme/users").await;
    let mut names = answer.names();
    names.sort_unstable();
    assert_eq!((names, &answer.json()["status"]), (["", "", "Bo", "Cy"].map(str::to_owned).to_vec(), &json!("success")), "{answer:?}");
    let data = answer.json()["data"].clone();
    let (fields, ids) = (
        ["display_name", "first_name", "email", "username", "phone", "enabled", "can_sign_in", "primary_contact", "inherited"],
        ["7", "-3"],
    );
    for id in ids {
        let user = data.as_array().unwrap().iter().find(|user| user["sources"][0]["id"] == id).unwrap();
        assert!(fields.iter().all(|field| user[field].is_null()) && user["deleted"] == false, "{user}");
    }
}

#[tokio::test]
async fn who_is_marked_deleted_in_whatever_way_stays_deleted() {
    for deleted in [json!(true), json!(1), json!("True"), json!(" true "), json!("1")] {
        let world = World::new().await;
        let mut gone = person("1", "Ann", "ann@acme.example");
        gone["Deleted"] = deleted.clone();
        world.persons(vec![gone]);
        world.users(vec![user("9", "Ann Fox", "ann@acme.example")]);
        let answer = world.start().await.get("/customers/acme/users").await;
        assert_eq!((answer.names(), &answer.json()["data"][0]["matched_by"]), (vec!["Ann Fox".to_owned()], &json!(null)), "{deleted}");
    }
}

#[tokio::test]
async fn a_record_without_an_id_fails_its_source() {
    for id in [json!(null), json!(""), json!("  "), json!(true), json!({"a": 1}), json!(1.5), json!([])] {
        for source in ["advanced_automation", "my_reports"] {
            let world = World::new().await;
            let (mut persons, mut users) = (vec![person("1", "Ann", "")], vec![user("2", "Bo", "")]);
            match source {
                "my_reports" => users.push(of(user("", "Cy", ""), "id", id.clone())),
                _ => persons.push(of(person("", "Cy", ""), "Id", id.clone())),
            }
            world.persons(persons);
            world.users(users);
            let answer = world.start().await.get("/customers/acme/users").await;
            let left = if source == "my_reports" { "Ann" } else { "Bo" };
            assert_eq!((&answer.json()["status"], answer.names()), (&json!("partial"), vec![left.to_owned()]), "{source} {id}");
            assert_eq!(answer.source(source)["status"], "invalid_response", "{source} {id}");
        }
    }
}

/// A body without its timestamps.
fn without_times(text: &str) -> String {
    let mut rest = text.to_owned();
    for field in ["\"timestamp\":\"", "\"fetched_at\":\""] {
        let length = "2026-11-21T10:00:00.123Z".len();
        rest = rest.split(field).enumerate().map(|(index, part)| if index == 0 { part } else { &part[length..] }).collect();
    }
    rest
}

#[tokio::test]
async fn the_order_in_which_rows_come_changes_not_a_byte() {
    let mut persons: Vec<Value> =
        (0..23).map(|id| person(&id.to_string(), ["Ann", "ann", "Bo"][id % 3], &format!("p{}@acme.example", id % 20))).collect();
    let users: Vec<Value> =
        (0..17).map(|id| user(&id.to_string(), ["ANN", "Bo", "Cy"][id % 3], &format!("P{}@acme.example", id % 15))).collect();
    persons.push(person("5", "Ann, who was renamed meanwhile", "p5@acme.example")); // a row on two pages
    let mut seen = Vec::new();
    for seed in 0..6 {
        let (mut persons, mut users, mut random) = (persons.clone(), users.clone(), fastrand::Rng::with_seed(seed));
        random.shuffle(&mut persons);
        random.shuffle(&mut users);
        let world = World::new().await;
        world.answer_persons(move |call| {
            let late = std::time::Duration::from_millis(5 * (call.number("Page") as u64 * (seed + 1) % 4));
            let mut page = persons_page(&persons, call);
            page = page.after(late);
            page
        });
        world.users(users);
        let gateway = world.gateway().set("sources.advanced_automation.page_size", "5").start().await;
        for query in ["?include=conflicts,deleted&page_size=1000", "?sort=-email&page_size=7"] {
            let answer = gateway.get(&format!("/customers/acme/users{query}")).await;
            seen.push((query, without_times(&answer.text), answer.header("etag").unwrap().to_owned()));
        }
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 2, "{seen:#?}");
}

#[tokio::test]
async fn as_many_users_as_the_largest_page_of_my_reports_may_not_be_all() {
    for (users, warnings) in [(999, json!([])), (1000, json!([{"code": "possibly_truncated", "source": "my_reports", "count": 1000}]))] {
        let world = World::new().await;
        world.users((0..users).map(|number| user(&number.to_string(), "Ann", "")).collect());
        let answer = world.start().await.get("/customers/acme/users?page_size=1").await.json();
        assert_eq!((answer["status"].as_str(), &answer["total"], &answer["warnings"]), (Some("success"), &json!(users), &warnings));
    }
}
