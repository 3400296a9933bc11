//! Whatever the bytes, they are read as `serde_json` reads them, or by neither.
#![no_main]

use std::borrow::Cow;

use libfuzzer_sys::fuzz_target;
use rollcall::json;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// Some of what the vendor's examples have.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    #[serde(borrow)]
    clients: Vec<Row<'a>>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Row<'a> {
    #[serde(borrow, default)]
    id: Option<Cow<'a, str>>,
    #[serde(default)]
    days_off_per_year: Option<i64>,
    #[serde(default)]
    enabled: Option<bool>,
}

fuzz_target!(|body: &[u8]| {
    let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    assert_eq!(json::from_slice::<IgnoredAny>(body).is_ok(), is_json);
    let ours = json::from_slice::<Body<'_>>(body).ok();
    let theirs = serde_json::from_slice::<Body<'_>>(body).ok();
    assert!(ours == theirs || (ours.is_none() && has_a_list_for_an_object(body)));
});

/// Whether a list stands where an object should: what serde derives takes that, field by field.
fn has_a_list_for_an_object(body: &[u8]) -> bool {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body.is_array() || body["Clients"].as_array().is_some_and(|rows| rows.iter().any(Value::is_array))
}
