//! Any bytes: our reader and `serde_json` read the same, or both refuse.
#![no_main]

use std::{borrow::Cow, fmt, marker::PhantomData};

use libfuzzer_sys::fuzz_target;
use rollcall::json;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor, value::MapAccessDeserializer},
};

/// Some fields of the vendor's examples.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase", bound(deserialize = "R: Deserialize<'de>"))]
struct Body<R> {
    clients: Vec<R>,
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

/// A value that is read from an object only: serde's derived code would also accept a list.
#[derive(Debug, PartialEq)]
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<PhantomData<T>> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

fuzz_target!(|body: &[u8]| {
    let is_json = serde_json::from_slice::<IgnoredAny>(body).is_ok();
    assert_eq!(json::from_slice::<IgnoredAny>(body).is_ok(), is_json);
    let ours = json::from_slice::<Body<Row<'_>>>(body).ok();
    let theirs = serde_json::from_slice::<Object<Body<Object<Row<'_>>>>>(body).ok();
    assert_eq!(ours.map(|body| body.clients), theirs.map(|Object(body)| body.clients.into_iter().map(|Object(row)| row).collect()));
});
