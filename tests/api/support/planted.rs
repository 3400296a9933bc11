//! Backends that fill everything they send with markers, each of which tells where it was.
//!
//! Every field that a backend documents holds one as a text, as a number and inside an object; so
//! do error bodies, headers and token answers.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Call, Folder, Reply, World};

/// The 33 fields of a person, as documented ("Fetch customer clients").
const PERSON: [&str; 33] = [
    "Id",
    "Customer",
    "Name",
    "FirstName",
    "LastName",
    "Email",
    "Username",
    "Phonenumber",
    "Enabled",
    "Selected",
    "Role",
    "IsLogin",
    "Password",
    "Question",
    "Answer",
    "DaysOffPerYear",
    "UseDefaultDaysOff",
    "UserWorkingHours",
    "IsTier4",
    "PrimaryContact",
    "NotifyPrimaryContact",
    "Countable",
    "Deleted",
    "Activated",
    "Deactivated",
    "IsDefault",
    "IsContinuum",
    "IsTheLastOne",
    "HideBilling",
    "MFASecret",
    "HourlyCost",
    "RemainingTimeBalance",
    "IsContact",
];

/// The fields of a MyReports user, as documented ("Users").
const USER: [&str; 6] = ["id", "displayName", "email", "primaryTenant", "isParent", "roles"];

/// The fields whose text may reach a caller.
const SHOWN: [&str; 11] = ["Id", "Name", "FirstName", "LastName", "Email", "Username", "Phonenumber", "Role", "id", "displayName", "email"];

/// Our credentials: these must never appear anywhere.
pub(crate) const CLIENT_SECRET: &str = "secret-of-the-client";
pub(crate) const MY_REPORTS_TOKEN: &str = "secret-my-reports-token";
pub(crate) const ACCESS_TOKEN: &str = "secret-access-token";
pub(crate) const BASIC: &str = "Y2xpZW50OnNlY3JldC1vZi10aGUtY2xpZW50"; // client:secret-of-the-client

/// The content of a field in each kind of row. All rows agree on their customer; otherwise they would fail.
type Fill = fn(usize, &str) -> Value;
const FILLS: [Fill; 3] = [
    |_, field| json!(text(field)),
    |index, field| match field {
        "Customer" | "primaryTenant" => json!(text(field)),
        _ => json!(number(index, field)),
    },
    |_, field| match field {
        "Id" | "id" => json!("nested"),
        "Customer" | "primaryTenant" => json!(text(field)),
        "isParent" => json!(false),
        _ => json!({"Monday": deep(field), "list": [deep(field)]}),
    },
];

pub(crate) fn text(field: &str) -> String {
    let backend = if USER.contains(&field) { "users" } else { "persons" }; // otherwise two markers would differ in case only
    format!("text-in-{backend}-{field}-q7")
}

/// With enough digits that no random hexadecimal id contains it by chance.
fn number(index: usize, field: &str) -> u64 {
    if PERSON.contains(&field) { 7_701_007_701_000 + index as u64 } else { 7_702_007_702_000 + index as u64 }
}

fn deep(field: &str) -> String {
    format!("deep-in-{field}-q7")
}

fn rows(fields: &[&str]) -> Vec<Value> {
    let row =
        |fill: &Fill| fields.iter().enumerate().map(|(index, field)| ((*field).to_owned(), fill(index, field))).collect::<Map<_, _>>();
    FILLS.iter().map(|fill| row(fill).into()).collect()
}

/// Every marker that exists.
pub(crate) fn markers() -> Vec<String> {
    let of = |(index, field): (usize, &&str)| [text(field), deep(field), number(index, field).to_string()];
    let fields = PERSON.iter().enumerate().flat_map(of).chain(USER.iter().enumerate().flat_map(of));
    fields.chain(["body", "header", "token", "raw"].map(text)).collect()
}

/// The markers that a caller may be shown: texts of the fields in [`SHOWN`], and numeric ids.
pub(crate) fn allowed() -> Vec<String> {
    let ids = [number(0, "Id"), number(0, "id")].map(|id| id.to_string());
    SHOWN.map(text).into_iter().chain(ids).collect()
}

pub(crate) fn found(markers: &[String], place: &str) -> Vec<String> {
    markers.iter().filter(|marker| place.contains(*marker)).cloned().collect()
}

/// Puts a marker into every header that an upstream might send.
pub(crate) fn headed(reply: Reply) -> Reply {
    let names =
        ["server", "set-cookie", "www-authenticate", "etag", "x-request-id", "traceparent", "link", "vary", "age", "via", "warning"];
    names.iter().fold(reply, |reply, name| reply.header(name, &text("header")))
}

/// A backend's answer for a customer whose id begins with a status; all other customers have rows.
fn answer(customer: &str, roll: &Value) -> Reply {
    let body = json!({"error": {"code": text("body")}, "message": text("body"), "data": text("body")});
    let (kind, form) = customer.split_once('-').unwrap_or(("200", "roll"));
    headed(match (kind.parse().unwrap(), form) {
        (200, "roll") => Reply::json(200, roll),
        (200, "said") => Reply::json(200, &json!({"status": "error", "error": 403, "message": text("body")})),
        (status, "html") => Reply::new(status, format!("<html>{}</html>", text("body"))).header("content-type", "text/html"),
        (302, _) => Reply::json(302, &body).header("location", &format!("http://{}.example/", text("header"))),
        (status, _) => Reply::json(status, &body),
    })
}

fn token(call: &Call, refusal: &Reply) -> Option<Reply> {
    call.path.ends_with("/token").then(|| refusal.clone())
}

pub(crate) fn plant(world: &World, token_answer: Reply) {
    let (persons, users) = (rows(&PERSON), rows(&USER));
    let persons = json!({"Clients": persons, "Paging": {"AmountRecordsFound": 3, "AmountOfPages": 1}, "Note": text("body")});
    let users = json!({"page_size": 3, "data": users, "status": "success", "message": text("body")});
    world
        .advanced_automation
        .answer(move |call| token(call, &token_answer).unwrap_or_else(|| answer(call.parameter("Customer").unwrap(), &persons)));
    world.my_reports.answer(move |call| answer(call.path.split('/').nth(4).unwrap(), &users));
}

/// A configuration without retries, in which no breaker opens.
pub(crate) fn configuration(world: &World, folder: &Folder, format: &str) -> PathBuf {
    let each = |source: &str| format!("sources.{source}.retries = 0\nsources.{source}.breaker.min_calls = 1000\n");
    let secrets = format!(
        "sources.advanced_automation.client_secret = \"{CLIENT_SECRET}\"\nsources.my_reports.token = \"{MY_REPORTS_TOKEN}\"\n\
         telemetry.format = \"{format}\"\n"
    );
    folder.write("rollcall.toml", &world.toml(&(each("advanced_automation") + &each("my_reports") + &secrets)))
}
