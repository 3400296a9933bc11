//! Which records are one user: the join of the contract, section 5, and the warnings about what it could not
//! join.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::{Answer, Reply, World, person, user};

const USERS: &str = "/customers/acme/users";

fn with(mut row: Value, fields: &Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        row[name] = value.clone();
    }
    row
}

/// Each user as the ids of their records, joined with `+`, in the answer's order.
#[track_caller]
fn people(answer: &Answer) -> Vec<String> {
    let users = answer.json()["data"].as_array().cloned().unwrap_or_else(|| panic!("{answer:?}"));
    let ids = |user: &Value| {
        user["sources"].as_array().unwrap().iter().map(|record| record["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    users.iter().map(|user| ids(user).join("+")).collect()
}

/// The id that the contract defines: by key, or by source and record.
fn id(parts: &[&str]) -> String {
    let name = [&["acme"], parts].concat().join("\u{1f}");
    Uuid::new_v5(&Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"rollcall"), name.as_bytes()).to_string()
}

fn ids(answer: &Answer) -> Vec<String> {
    answer.json()["data"].as_array().unwrap().iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect()
}

fn warning(code: &str, source: &str, count: u64) -> Value {
    json!({"code": code, "source": source, "count": count})
}

#[tokio::test]
async fn a_user_is_what_both_sources_say_and_nothing_that_neither_says() {
    let world = World::new().await;
    let told = json!({"FirstName": " Ann", "LastName": "Lee ", "Username": "alee", "Phonenumber": "+1 2", "Role": "ClientManager", "PrimaryContact": true});
    world.persons(vec![
        with(person("1", " Ann Lee ", " Ann@Acme.example "), &told),
        with(person("2", "Bo", ""), &json!({"Role": " ", "Username": ""})),
    ]);
    world.users(vec![
        user("9", "A. Lee", "ann@acme.example"),
        json!({"id": "8", "displayName": "Cy Fox", "email": "cy@acme.example", "isParent": true}),
    ]);
    let data = world.start().await.get(USERS).await.json()["data"].clone();
    let ann = json!({
        "id": id(&["k", "ann@acme.example"]), "display_name": "Ann Lee", "first_name": "Ann", "last_name": "Lee",
        "email": "Ann@Acme.example", "username": "alee", "phone": "+1 2", "enabled": true, "can_sign_in": true,
        "roles": ["ClientManager"], "primary_contact": true, "inherited": false, "placeholder": false, "deleted": false,
        "matched_by": "email", "sources": [{"source": "advanced_automation", "id": "1"}, {"source": "my_reports", "id": "9"}],
    });
    let bo = json!({
        "id": id(&["r", "advanced_automation", "2"]), "display_name": "Bo", "first_name": null, "last_name": null,
        "email": null, "username": null, "phone": null, "enabled": true, "can_sign_in": true,
        "roles": [], "primary_contact": null, "inherited": null, "placeholder": false, "deleted": false,
        "matched_by": null, "sources": [{"source": "advanced_automation", "id": "2"}],
    });
    let cy = json!({
        "id": id(&["k", "cy@acme.example"]), "display_name": "Cy Fox", "first_name": null, "last_name": null,
        "email": "cy@acme.example", "username": null, "phone": null, "enabled": null, "can_sign_in": null,
        "roles": [], "primary_contact": null, "inherited": true, "placeholder": false, "deleted": false,
        "matched_by": null, "sources": [{"source": "my_reports", "id": "8"}],
    });
    assert_eq!(data, json!([ann, bo, cy]));
}

#[tokio::test]
async fn addresses_are_one_whatever_their_case_form_and_the_script_of_their_domain() {
    for (one, other, joined) in [
        ("ANN@acme.example", " ann@ACME.example\t", true),
        ("jose\u{301}@acme.example", "JOS\u{c9}@acme.example", true),
        ("ann@b\u{fc}cher.example", "ann@xn--bcher-kva.example", true),
        ("ann@bu\u{308}cher.example", "Ann@XN--BCHER-KVA.example", true),
        ("ann@b\u{fc}cher.example", "ann@bucher.example", false),
        ("ann@acme.example", "ann+1@acme.example", false),
        ("ann@acme.example", "ann@acme.example.org", false),
        ("", "", false),
        (" ", " ", false),
    ] {
        let world = World::new().await;
        world.persons(vec![person("1", "A", one)]);
        world.users(vec![user("9", "B", other)]);
        let expected: &[&str] = if joined { &["1+9"] } else { &["1", "9"] };
        assert_eq!(people(&world.start().await.get(USERS).await), expected, "{one} {other}");
    }
}

#[tokio::test]
async fn what_stands_where_there_is_no_address_joins_nobody() {
    for filler in ["n/a", "-", "none", "@", "ann@", "@acme.example", "<no email>"] {
        let world = World::new().await;
        world.persons(vec![person("1", "Ann", filler), person("2", "Bo", filler)]);
        world.users(vec![user("9", "Cy", filler)]);
        let answer = world.start().await.get(USERS).await;
        assert_eq!((people(&answer), &answer.json()["warnings"]), (["1", "2", "9"].map(str::to_owned).to_vec(), &json!([])), "{filler}");
        assert_eq!(ids(&answer)[0], id(&["r", "advanced_automation", "1"]), "{filler}");
        let ann = &answer.json()["data"][0];
        assert_eq!((&ann["email"], &ann["placeholder"], &ann["matched_by"]), (&json!(filler), &json!(false), &Value::Null));
    }
}

#[tokio::test]
async fn an_address_that_a_source_has_twice_joins_nothing_and_is_told_without_the_address() {
    let world = World::new().await;
    world.persons(vec![person("1", "A", "ann@acme.example"), person("2", "B", "Ann@acme.example"), person("3", "C", "bo@acme.example")]);
    let thrice = |id| user(id, "X", "bo@acme.example");
    world.users(vec![user("9", "D", "ann@acme.example"), thrice("8"), thrice("7"), thrice("6")]);
    let answer = world.start().await.get(USERS).await;
    let mut alone = people(&answer);
    alone.sort_unstable();
    assert_eq!(alone, ["1", "2", "3", "6", "7", "8", "9"]);
    let expected = json!([warning("ambiguous_email", "advanced_automation", 2), warning("ambiguous_email", "my_reports", 3)]);
    assert_eq!((&answer.json()["status"], &answer.json()["warnings"]), (&json!("success"), &expected));
    let mut by_contract = ["1", "2"].map(|record| id(&["r", "advanced_automation", record])).to_vec();
    by_contract.extend(["6", "7", "8"].map(|record| id(&["r", "my_reports", record])));
    by_contract.extend(["ann@acme.example", "bo@acme.example"].map(|key| id(&["k", key])));
    let mut given = ids(&answer);
    given.sort_unstable();
    by_contract.sort_unstable();
    assert_eq!(given, by_contract, "a source that has the key once keeps the id of the key");
}

#[tokio::test]
async fn who_stands_for_nobody_is_flagged_never_joined_and_makes_nothing_ambiguous() {
    let persons = ["Unknown_1@unknown.com", "UNKNOWN_1@Unknown.com", "boss@dummy.com", "ann@nobody.example", "unknown@unknown.com"];
    let users = ["unknown_1@unknown.com", "boss@DUMMY.com", "ann@nobody.example", "unknown@unknown.com"];
    let (with_default, with_own) = (&["1", "2", "3", "4+m3", "5+m4", "m1", "m2"][..], &["1", "2", "3+m2", "4", "5+m4", "m1", "m3"][..]);
    for (patterns, expected, flagged, warned) in [
        ("unknown_*@unknown.com,*@dummy.com", with_default, 5, json!([])),
        ("*@NOBODY.example", with_own, 2, json!([warning("ambiguous_email", "advanced_automation", 2)])),
    ] {
        let world = World::new().await;
        world.persons((1..).zip(persons).map(|(id, email)| person(&id.to_string(), &id.to_string(), email)).collect());
        world.users((1..).zip(users).map(|(id, email)| user(&format!("m{id}"), &format!("m{id}"), email)).collect());
        let gateway = world.gateway().set("join.placeholders", patterns).start().await;
        let answer = gateway.get(USERS).await;
        assert_eq!(
            (people(&answer).as_slice(), &answer.json()["warnings"]),
            (expected.iter().map(ToString::to_string).collect::<Vec<_>>().as_slice(), &warned)
        );
        let without = gateway.get(&format!("{USERS}?exclude=placeholder")).await;
        assert_eq!(without.json()["total"], expected.len() - flagged, "{patterns}");
        let is_flagged =
            |answer: &Answer| answer.json()["data"].as_array().unwrap().iter().filter(|user| user["placeholder"] == true).count();
        assert_eq!((is_flagged(&answer), is_flagged(&without)), (flagged, 0), "{patterns}");
    }
}

#[tokio::test]
async fn people_marked_deleted_are_hidden_never_joined_and_make_nothing_ambiguous() {
    let world = World::new().await;
    let deleted = json!({"Deleted": true});
    let gone = |id, email| with(person(id, id, email), &deleted);
    world.persons(vec![person("1", "1", "ann@acme.example"), gone("2", "ann@acme.example"), gone("3", "bo@acme.example"), gone("4", "")]);
    world.users(vec![user("8", "8", "bo@acme.example"), user("9", "9", "ann@acme.example")]);
    let gateway = world.start().await;
    let (answer, all) = (gateway.get(USERS).await, gateway.get(&format!("{USERS}?include=deleted")).await);
    assert_eq!((people(&answer), &answer.json()["total"]), (vec!["1+9".to_owned(), "8".to_owned()], &json!(2)));
    assert_eq!((people(&all), &all.json()["warnings"]), (["1+9", "2", "3", "4", "8"].map(str::to_owned).to_vec(), &json!([])));
    let flags: Vec<Value> = all.json()["data"].as_array().unwrap().iter().map(|user| user["deleted"].clone()).collect();
    assert_eq!(flags, [false, true, true, true, false]);
    assert_eq!(all.json()["data"][1]["id"], id(&["r", "advanced_automation", "2"]));
    assert_eq!(answer.source("advanced_automation")["users"], 4, "records are counted before any filter");
}

#[tokio::test]
async fn conflicts_are_told_to_who_asks() {
    let world = World::new().await;
    let nameless = json!({"Name": null});
    world.persons(vec![
        person("1", "Ann Lee", "ANN@acme.example"),
        person("2", "Bo", "bo@acme.example"),
        with(person("3", "", "cy@acme.example"), &nameless),
    ]);
    world.users(vec![user("9", "A. Lee", "ann@acme.example"), user("8", " Bo ", "bo@acme.example"), user("7", "Cy", "cy@acme.example")]);
    let gateway = world.start().await;
    assert!(!gateway.get(USERS).await.text.contains("conflicts"));
    let data = gateway.get(&format!("{USERS}?include=conflicts")).await.json()["data"].clone();
    let values = json!({"advanced_automation": "Ann Lee", "my_reports": "A. Lee"});
    assert_eq!(data[0]["conflicts"], json!([{"field": "display_name", "chosen": "advanced_automation", "values": values}]));
    assert_eq!((&data[1]["conflicts"], &data[2]["conflicts"], &data[2]["display_name"]), (&json!([]), &json!([]), &json!("Cy")));
}

#[tokio::test]
async fn an_id_stays_when_the_other_source_fails() {
    let world = World::new().await;
    let persons = vec![
        person("1", "A", "ann@acme.example"),
        person("2", "B", ""),
        person("3", "C", "twice@acme.example"),
        person("4", "D", "twice@acme.example"),
    ];
    let users = vec![user("9", "A", "ann@acme.example"), user("8", "X", "twice@acme.example"), user("7", "Y", "")];
    world.persons(persons.clone());
    world.users(users.clone());
    let whole = ids(&world.start().await.get(USERS).await);
    assert_eq!(whole.len(), 6);
    world.my_reports.always(Reply::status(500));
    let only_persons = ids(&world.start().await.get(USERS).await);
    world.users(users);
    world.answer_persons(|_| Reply::status(403));
    let only_users = ids(&world.start().await.get(USERS).await);
    assert_eq!((only_persons.len(), only_users.len()), (4, 3));
    assert!(only_persons.iter().chain(&only_users).all(|id| whole.contains(id)), "{whole:?} {only_persons:?} {only_users:?}");
}
