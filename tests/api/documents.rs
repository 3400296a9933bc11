//! The OpenAPI document: the versions in the repository, printed and served are the same, and what is
//! served is what it describes.

use std::collections::BTreeSet;

use rollcall::{
    access::Mode,
    api::{Code, DocumentScope, document},
    sources::{Backend, REGISTRY},
};
use serde_json::{Value, json};

use crate::support::{Answer, Gateway, Program, Reply, World, crowd, person, user};

/// Every route, except the pages that describe the API to people.
const ROUTES: [&str; 8] = [
    "/customers",
    "/customers/{customer_id}",
    "/customers/{customer_id}/users",
    "/customers/{customer_id}/users/{user_id}",
    "/health/live",
    "/health/ready",
    "/health/sources",
    "/metrics",
];

fn served() -> Value {
    serde_json::from_str(&document("", Mode::None, DocumentScope::All, REGISTRY).to_pretty_json().unwrap()).unwrap()
}

/// Every example of an error: the status that it is listed under, its schema, its name, and the example.
fn error_examples(document: &Value) -> Vec<(String, Value, String, Value)> {
    let mut all = Vec::new();
    for path in document["paths"].as_object().unwrap().values() {
        for (status, response) in path["get"]["responses"].as_object().unwrap() {
            for content in response["content"].as_object().into_iter().flat_map(serde_json::Map::values) {
                for (name, example) in content["examples"].as_object().into_iter().flatten() {
                    all.push((status.clone(), content["schema"].clone(), name.clone(), example["value"].clone()));
                }
            }
        }
    }
    all
}

/// Why a value does not match a schema, as far as our schemas go; a field that is not described is a
/// mismatch, too.
fn misfit(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        let referred = document.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("{name} leads nowhere"));
        return misfit(document, referred, value);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let fits = choices.iter().any(|choice| misfit(document, choice, value).is_none());
        return (!fits).then(|| format!("{value} matches none of {choices:?}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let types = if schema["type"].is_array() { schema["type"].as_array().unwrap().clone() } else { vec![schema["type"].clone()] };
    let listed = schema["enum"].as_array().is_none_or(|values| values.contains(value));
    if !types.contains(&kind.into()) || !listed {
        return Some(format!("{value} is not {schema}"));
    }
    let required = schema["required"].as_array().into_iter().flatten().find(|name| value.get(name.as_str().unwrap()).is_none());
    let fields = value.as_object().into_iter().flatten().filter(|_| schema["properties"].is_object());
    let wrong = fields.filter_map(|(name, value)| match &schema["properties"][name] {
        Value::Null => Some(format!("{name} is not described")),
        schema => misfit(document, schema, value),
    });
    let items = value.as_array().into_iter().flatten().filter_map(|item| misfit(document, &schema["items"], item));
    required.map(|name| format!("{name} is missing in {value}")).into_iter().chain(wrong).chain(items).next()
}

#[tokio::test]
async fn the_document_in_the_repository_is_the_one_that_is_printed_and_served() {
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/rollcall.json")).unwrap_or_default();
    let printed = Program::run(&["openapi"], &[]).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    assert!(kept == printed.out, "openapi/rollcall.json is outdated; regenerate it: cargo run -- openapi > openapi/rollcall.json");
    let gateway = World::new().await.start().await;
    let json = gateway.get("/openapi.json").await;
    assert_eq!(json.header("content-type"), Some("application/json"));
    // The printed document covers all sources that the program knows; a gateway may have fewer.
    let has = |backend: &&Backend| ["advanced_automation", "my_reports"].contains(&backend.name.as_str());
    let configured: Vec<Backend> = REGISTRY.iter().filter(has).copied().collect();
    assert_eq!(json.text, document("", Mode::None, DocumentScope::All, &configured).to_pretty_json().unwrap());
    let yaml = gateway.get("/openapi.yaml").await;
    let printed_yaml = Program::run(&["openapi", "--yaml"], &[]).await;
    assert_eq!(yaml.header("content-type"), Some("application/yaml"));
    for (text, sources) in [(&yaml.text, &configured[..]), (&printed_yaml.out, REGISTRY)] {
        let expected = document("", Mode::None, DocumentScope::All, sources).to_yaml().unwrap();
        assert_eq!(text.trim_end(), expected.trim_end(), "the same document as the JSON one");
    }
}

#[tokio::test]
async fn what_only_operators_can_ask_is_not_described_to_callers() {
    let gateway = World::new().await.gateway().set("server.admin_listen", "127.0.0.1:0").start().await;
    let document = gateway.get("/openapi.json").await.json();
    let described: Vec<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(described, ROUTES.into_iter().filter(|route| !["/health/sources", "/metrics"].contains(route)).collect::<Vec<_>>());
    assert!(!gateway.get("/openapi.yaml").await.text.contains("/metrics:"));
}

#[test]
fn every_route_is_described_with_what_it_may_answer() {
    let document = served();
    let described: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(described.into_iter().collect::<BTreeSet<_>>(), ROUTES.map(str::to_owned).iter().collect());
    for (path, operations) in document["paths"].as_object().unwrap() {
        let operation = &operations["get"];
        for name in ["operationId", "summary", "tags"] {
            assert!(!operation[name].is_null(), "{path} has no {name}");
        }
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{path}: {parameter}");
            let has_example = !parameter["schema"]["examples"].as_array().is_none_or(Vec::is_empty);
            assert!(parameter["in"] != "query" || has_example, "{path}: {parameter}");
        }
        assert!(operation["responses"]["200"]["content"].is_object(), "{path}");
        let takes = |name: &str| operation["parameters"].as_array().unwrap().iter().any(|parameter| parameter["name"] == name);
        assert!(takes("X-Request-Id") && takes("traceparent"), "{path}");
    }
}

#[test]
fn every_code_is_described_with_an_example_in_both_forms() {
    let document = served();
    let examples = error_examples(&document);
    for code in Code::ALL {
        let forms = examples.iter().filter(|(status, _, name, _)| (status, name.as_str()) == (&code.status().to_string(), code.as_str()));
        let schemas: BTreeSet<&str> = forms.map(|(_, schema, ..)| schema["$ref"].as_str().unwrap()).collect();
        let both = ["#/components/schemas/ErrorEnvelope", "#/components/schemas/Problem"];
        assert_eq!(schemas, BTreeSet::from(both), "{}", code.as_str());
    }
}

#[test]
fn every_example_of_an_error_is_what_its_schema_describes() {
    let document = served();
    let examples = error_examples(&document);
    assert!(examples.len() > 50, "{}", examples.len());
    for (status, schema, name, value) in examples {
        assert_eq!(misfit(&document, &schema, &value), None, "{name}");
        let (said, code) = (value.get("error").unwrap_or(&value["status"]), &value["code"]);
        assert_eq!((said.to_string(), code.as_str()), (status, Some(name.as_str())));
        let text = value.get("message").unwrap_or(&value["detail"]).as_str().unwrap();
        assert!(text.ends_with('.') && !text.contains(&name), "a sentence: {text}");
    }
}

#[test]
fn a_field_that_may_be_null_is_always_there() {
    let document = served();
    let mut nullable = 0;
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        for (field, described) in schema["properties"].as_object().into_iter().flatten() {
            if described.to_string().contains("\"null\"") {
                assert!(schema["required"].as_array().unwrap().contains(&json!(field)), "{name}.{field}");
                nullable += 1;
            }
        }
    }
    assert!(nullable > 15, "{nullable}");
}

#[tokio::test]
async fn what_is_served_is_what_the_document_describes() {
    let world = World::new().await;
    world.persons([crowd(2), vec![person("x", "Other Name", "p0@acme.example"), person("y", "Y", "y@acme.example")]].concat());
    world.users(vec![user("1", "Why", "Y@acme.example"), user("2", "Zoe", "zoe@dummy.com")]);
    let gateway = world.gateway().set("sources.my_reports.retries", "0").start().await;
    let document = served();
    for path in
        ["/customers/acme/users", "/customers/acme/users?include=conflicts&page_size=1", "/customers/acme/users?sort=-id&include=conflicts"]
    {
        assert_fits(&document, &gateway, path, "/customers/{customer_id}/users", 200).await;
    }
    let user = format!("/customers/acme/users/{}", gateway.get("/customers/acme/users").await.json()["data"][0]["id"].as_str().unwrap());
    assert_fits(&document, &gateway, &format!("{user}?include=conflicts"), "/customers/{customer_id}/users/{user_id}", 200).await;
    assert_fits(&document, &gateway, "/customers/acme/users/my_reports:x", "/customers/{customer_id}/users/{user_id}", 404).await;
    assert_fits(&document, &gateway, "/customers", "/customers", 200).await;
    let cursor =
        document["paths"]["/customers"]["get"]["parameters"].as_array().unwrap().iter().find(|parameter| parameter["name"] == "cursor");
    let cursor = cursor.unwrap()["schema"]["examples"][0].as_str().unwrap();
    assert_fits(&document, &gateway, &format!("/customers?cursor={cursor}"), "/customers", 200).await;
    assert_fits(&document, &gateway, "/customers/acme", "/customers/{customer_id}", 200).await;
    world.my_reports.always(Reply::status(503));
    assert_fits(&document, &gateway, "/customers/half/users", "/customers/{customer_id}/users", 200).await;
    assert_fits(&document, &gateway, "/customers/half/users?partial=deny", "/customers/{customer_id}/users", 502).await;
    assert_fits(&document, &gateway, "/customers/half/users?sort=age", "/customers/{customer_id}/users", 400).await;
    world.my_reports.always(Reply::status(404));
    world.advanced_automation.always(Reply::status(404));
    assert_fits(&document, &gateway, "/customers/unknown/users", "/customers/{customer_id}/users", 404).await;
    for path in ["/health/live", "/health/ready", "/health/sources"] {
        assert_fits(&document, &gateway, path, path, 200).await;
    }
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_described_on_every_route() {
    let gateway = World::new().await.start().await;
    for route in ROUTES {
        let path = route.replace("{customer_id}", "acme").replace("{user_id}", "my_reports:x");
        let answer = gateway.send_raw_with_body(&format!("GET {path} HTTP/1.1"), &["Transfer-Encoding: chunked"], "zz\r\n").await;
        let response = &served()["paths"][route]["get"]["responses"]["400"];
        assert_eq!((answer.status, answer.code().as_str()), (400, "invalid_parameter"), "{route}");
        assert!(response["content"]["application/json"]["examples"]["invalid_parameter"].is_object(), "{route}");
    }
}

async fn assert_fits(document: &Value, gateway: &Gateway, path: &str, route: &str, status: u16) {
    let answer = gateway.get(path).await;
    assert_eq!(answer.status, status, "{path}: {}", answer.text);
    let response = &document["paths"][route]["get"]["responses"][status.to_string()];
    assert_eq!(misfit(document, &response["content"]["application/json"]["schema"], &answer.json()), None, "{path}");
    assert_headers_fit(response, &answer, path, &answer.json());
}

/// Headers that every answer has because of HTTP itself.
const USUAL: [&str; 5] = ["content-type", "content-length", "date", "vary", "x-content-type-options"];

/// Checks that each header present is described, and the other way round.
fn assert_headers_fit(response: &Value, answer: &Answer, path: &str, body: &Value) {
    let described = response["headers"].as_object().unwrap();
    for name in described.keys() {
        let only_sometimes = match name.as_str() {
            "Link" => body["next_cursor"].is_null(),
            "Cache-Status" => body["sources"] == json!([]), // an error that asks no source
            name => matches!(name, "Server-Timing" | "Rollcall-Status" | "Rollcall-Warnings"),
        };
        assert!(only_sometimes || answer.header(name).is_some(), "{path}: {name} is described but missing");
    }
    for name in answer.headers.keys().filter(|name| !USUAL.contains(&name.as_str())) {
        assert!(described.keys().any(|other| other.eq_ignore_ascii_case(name.as_str())), "{path}: {name} is present but not described");
    }
}

#[tokio::test]
async fn the_headers_of_an_answer_that_still_holds_are_described() {
    let world = World::of_two().await;
    let gateway = world.start().await;
    for (path, route) in [
        ("/customers/acme/users", "/customers/{customer_id}/users"),
        ("/customers", "/customers"),
        ("/customers/acme", "/customers/{customer_id}"),
    ] {
        let tag = gateway.get(path).await.header("etag").unwrap().to_owned();
        let held = gateway.get_with(path, &[("if-none-match", &tag)]).await;
        assert_eq!(held.status, 304, "{path}");
        assert_headers_fit(&served()["paths"][route]["get"]["responses"]["304"], &held, path, &json!({}));
    }
}
