//! The roll: the users of the sources, joined.

use serde_json::json;

use crate::support::{TOKEN, World, person, user};

#[tokio::test]
async fn both_sources_are_one_roll() {
    let world = World::new().await;
    world.persons(vec![person("1", "Ann Lee", "Ann@acme.example"), person("2", "Bo Ek", "bo@acme.example")]);
    world.users(vec![user("9", "A. Lee", "ann@ACME.example"), user("8", "Cy Fox", "cy@acme.example")]);
    let answer = world.start().await.get("/customers/acme/users").await;
    assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("success")));
    assert_eq!(answer.names(), ["Ann Lee", "Bo Ek", "Cy Fox"]);
    let ann = &answer.json()["data"][0];
    let records = json!([{"source": "advanced_automation", "id": "1"}, {"source": "my_reports", "id": "9"}]);
    assert_eq!((&ann["matched_by"], &ann["sources"]), (&json!("email"), &records));
}

#[tokio::test]
async fn the_sources_are_asked_as_their_vendors_document() {
    let world = World::new().await;
    world.start().await.get("/customers/acme/users").await;
    let calls = world.advanced_automation.calls();
    let (token, page) = (&calls[0], &calls[1]);
    assert_eq!(
        (token.method.as_str(), token.path.as_str(), token.body.as_ref()),
        ("POST", "/api/2/idp/token", &b"grant_type=client_credentials"[..])
    );
    assert_eq!(token.header("authorization"), Some("Basic Y2xpZW50OnNlY3JldA=="));
    assert_eq!((page.method.as_str(), page.path.as_str(), page.body.len()), ("POST", "/api/advanced-automation/v1/Person", 0));
    let parameters = [("Page", "1"), ("PageSize", "50"), ("Customer", "acme")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!((page.query.as_slice(), page.header("content-length")), (&parameters[..], Some("0")));
    assert_eq!(page.header("authorization"), Some(format!("Bearer {TOKEN}").as_str()));
    let users = &world.my_reports.calls()[0];
    assert_eq!((users.method.as_str(), users.path.as_str()), ("GET", "/api/v1.0/customers/acme/users"));
    assert_eq!(users.header("authorization"), Some("Bearer my-reports-token"));
}

#[tokio::test]
async fn the_vendors_own_examples_are_five_users() {
    let world = World::new().await;
    let persons = include_str!("../../src/sources/advanced_automation/fixtures/persons.json");
    let users = include_str!("../../src/sources/my_reports/fixtures/users.json");
    world.answer_persons(move |_| crate::support::Reply::new(200, persons));
    world.my_reports.always(crate::support::Reply::new(200, users));
    let answer = world.start().await.get("/customers/ad3c629b-0969-4062-bb8b-6600a84565ab/users").await;
    assert_eq!(answer.names(), ["cstmr_001 admin", "cstmr_001 Default User", "cstmr_001 Manager", "User 1", "User 2"]);
    let placeholders: Vec<bool> = answer.json()["data"].as_array().unwrap().iter().map(|user| user["placeholder"] == true).collect();
    assert_eq!(placeholders, [false, true, true, false, false]);
    let codes: Vec<String> = answer.json()["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].to_string()).collect();
    assert_eq!(codes, ["\"customer_id_differs\"", "\"customer_id_differs\""]);
}
