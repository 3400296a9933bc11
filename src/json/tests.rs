//! Compared with what `serde_json` makes of the same bytes.

use proptest::prelude::*;
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

use super::{Malformed, from_slice};

/// Takes some of the fields that rows have, in a different order.
#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    #[serde(borrow, default)]
    name: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    id: Value,
    #[serde(default)]
    is_on: Option<bool>,
    #[serde(default)]
    inner: Vec<Inner>,
}

#[derive(Debug, Default, Deserialize, PartialEq)]
struct Inner {
    #[serde(default)]
    id: Option<i64>,
}

type Rows<'a> = Vec<Row<'a>>;

/// A nested list, or anything else in its place.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(untagged)]
enum Nested {
    List(Vec<Inner>),
    Other(Value),
}

/// Reads the same bytes with both, and returns the result.
fn read(body: &[u8]) -> Option<Rows<'_>> {
    let (ours, theirs) = (from_slice::<Rows<'_>>(body).ok(), serde_json::from_slice::<Rows<'_>>(body).ok());
    assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(body));
    ours
}

fn is_json(body: &[u8]) -> bool {
    let (ours, theirs) = (from_slice::<IgnoredAny>(body).is_ok(), serde_json::from_slice::<IgnoredAny>(body).is_ok());
    assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(body));
    ours
}

/// The names of a row's members: wanted, unwanted, and one written with an escape.
const NAMES: &[&str] = &["id", "name", "isOn", "inner", "note", "n", "hours", "na\\u006de", "long name of something"];

/// A value as it may be written, usually one that other rows have as well.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => prop::sample::select(vec![
            "null", "true", "false", "0", "7", "-1", "0.00", "1e3", "\"\"", "\"a\"", "\"a longer text than a block is\"", "{}", "[]",
            "[{\"id\":1},{\"id\":2}]", "{\"a\":8,\"b\":[1,{}]}", "\"\\n\\u00e9\"", "\"\u{e9}\"", "18446744073709551616",
        ])
        .prop_map(str::to_owned),
        1 => "\"[a-z ]{0,40}\"",
        1 => any::<i64>().prop_map(|number| number.to_string()),
    ]
}

/// What may stand between two JSON tokens.
fn blank() -> impl Strategy<Value = String> {
    prop_oneof![9 => Just(String::new()), 1 => "[ \n\r\t]{1,3}"]
}

fn row() -> impl Strategy<Value = String> {
    let member = (prop::sample::select(NAMES), value(), blank(), blank());
    let written =
        |(name, value, before, behind): &(&str, String, String, String)| format!("{before}\"{name}\"{behind}:{before}{value}{behind}");
    prop::collection::vec(member, 0..8).prop_map(move |members| {
        let members: Vec<String> = members.iter().map(written).collect();
        format!("{{{}}}", members.join(","))
    })
}

/// Rows, most of which resemble others.
fn rows() -> impl Strategy<Value = String> {
    (prop::collection::vec(row(), 1..5), prop::collection::vec(any::<prop::sample::Index>(), 0..16)).prop_map(|(rows, picked)| {
        let picked: Vec<&str> = picked.iter().map(|index| index.get(&rows).as_str()).collect();
        format!("[{}]", picked.join(","))
    })
}

#[test]
fn a_nested_list_that_is_none_hides_nobody() {
    let body = br#"[{"inner":[{"id":1}]},{"inner":"none"},{"inner":[{"id":"x"}]},{"inner":null}]"#;
    let read: Vec<std::collections::BTreeMap<&str, Nested>> = from_slice(body).unwrap();
    let is_list: Vec<bool> = read.iter().map(|row| matches!(row["inner"], Nested::List(_))).collect();
    assert_eq!(is_list, [true, false, false, false]);
    assert_eq!(read, serde_json::from_slice::<Vec<_>>(body).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn rows_are_read_as_serde_json_reads_them(body in rows()) {
        read(body.as_bytes());
        prop_assert!(is_json(body.as_bytes()));
    }

    #[test]
    fn one_wrong_byte_is_told_as_serde_json_tells_it(body in rows(), at in any::<prop::sample::Index>(), byte in prop_oneof![any::<u8>(), prop::sample::select(b"{}[],:\"\\ 0-e".to_vec())], kind in 0..3) {
        let mut body = body.into_bytes();
        let at = at.index(body.len());
        match kind {
            0 => body[at] = byte,
            1 => body.insert(at, byte),
            _ => drop(body.remove(at)),
        }
        read(&body);
        is_json(&body);
    }

    #[test]
    fn what_looks_like_json_is_told_as_serde_json_tells_it(body in "[\\[\\]{}\",:0-9a-z\\\\.+ -]{0,60}") {
        is_json(body.as_bytes());
        prop_assert_eq!(from_slice::<Value>(body.as_bytes()).ok(), serde_json::from_slice(body.as_bytes()).ok());
    }
}

#[test]
fn what_nobody_wants_may_differ_from_row_to_row() {
    let row = |number: usize| format!(r#"{{"id":{number},"a":1,"b":{{"c":[2]}},"d":"{}","e":null,"name":"x","f":0}}"#, number / 3);
    let rows: Vec<String> = (0..40).map(row).collect();
    let body = format!("[{}]", rows.join(","));
    assert_eq!(read(body.as_bytes()).unwrap().len(), 40);
}

#[test]
fn members_may_be_written_with_more_or_fewer_blanks() {
    let rows = [r#"{ "x": 1, "id": 2}"#, r#"{ "x":1, "id":2 }"#, r#"{ "x": 1 , "id" : 2}"#, r#"{"x":1,"id":2}"#];
    let body = format!("[{}]", rows.iter().cycle().take(20).copied().collect::<Vec<_>>().join(","));
    assert_eq!(read(body.as_bytes()).unwrap().iter().filter(|row| row.id == 2).count(), 20);
}

#[test]
fn members_may_be_missing_or_in_another_order() {
    let rows = [r#"{"id":1,"x":2,"name":"a"}"#, r#"{"name":"b","x":2,"id":3}"#, r#"{"id":4}"#, "{}", r#"{"x":2}"#];
    let body = format!("[{}]", rows.iter().cycle().take(50).copied().collect::<Vec<_>>().join(","));
    assert_eq!(read(body.as_bytes()).unwrap().len(), 50);
}

#[test]
fn more_kinds_of_members_than_are_noted_are_read() {
    let rows: Vec<String> = (0..300).map(|number| format!(r#"{{"x{number}":1,"id":{number}}}"#)).collect();
    let body = format!("[{}]", rows.join(","));
    assert_eq!(read(body.as_bytes()).unwrap().iter().filter(|row| row.id.is_u64()).count(), 300);
}

#[test]
fn what_begins_an_object_or_goes_on_in_it_must_not_stand_for_the_other() {
    for wrong in [
        r#"[{"id":1,"x":2},{"id":1{"id":1}]"#,
        r#"[{"id":1,"x":2},{"id":1,"x":2{"id":1}]"#,
        r#"[{"x":2,"id":1},{"id":1{"x":2}]"#,
        r#"[{"id":1,"x":2},{,"x":2}]"#,
        r#"[{"id":1},{"id":1,}]"#,
        r#"[{"id":1,"x":2,"name":"a"},{"id":1,"x":2,"name":"a"},{"id":1,"x":2"name":"a"}]"#,
        r#"[{"id":1}{"id":1}]"#,
        r#"[{"id":1},{"id":1]"#,
    ] {
        assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
    }
}

#[test]
fn a_body_that_is_cut_off_is_malformed_wherever_it_is_cut() {
    let row = |number: usize| {
        format!(r#"{{"a":1,"id":"{number}","b":{{"c":[2]}},"name":"\u00e9{number}","d":null,"isOn":true,"inner":[{{"id":1}}]}}"#)
    };
    let body = format!("[{}]", (0..8).map(row).collect::<Vec<_>>().join(","));
    assert_eq!(read(body.as_bytes()).unwrap().len(), 8);
    for end in 0..body.len() {
        assert_eq!(read(&body.as_bytes()[..end]), None);
    }
}

#[test]
fn an_object_in_one_of_its_own_type_is_read() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Nest {
        id: u8,
        #[serde(default)]
        inside: Vec<Nest>,
    }
    let inner = r#"{"x":1,"id":2,"inside":[]}"#;
    let body = format!(r#"[{{"x":1,"id":1,"inside":[{inner},{inner}],"y":0}},{{"x":1,"id":3,"inside":[{inner}],"y":0}},{inner}]"#);
    assert_eq!(from_slice::<Vec<Nest>>(body.as_bytes()).ok(), serde_json::from_str(&body).ok());
    assert!(from_slice::<Vec<Nest>>(body.as_bytes()).is_ok());
}

#[test]
fn rows_made_to_be_guessed_wrongly_are_read() {
    // Ever longer runs of unwanted members, then rows that differ from all of them only at the end.
    let run = |times: usize| r#","a":1,"b":1"#.repeat(times);
    let learned = (1..200).flat_map(|times| [times; 2]).map(|times| format!(r#"{{"id":1{},"z":0}}"#, run(times)));
    let wrong = (0..400).map(|value| format!(r#"{{"id":1{},"a":1,"x":{value}}}"#, run(198)));
    let body = format!("[{}]", learned.chain(wrong).collect::<Vec<_>>().join(","));
    assert_eq!(read(body.as_bytes()).unwrap().len(), 798);
}

#[test]
fn a_field_twice_is_malformed() {
    assert_eq!(read(br#"[{"id":1,"id":1}]"#), None);
    assert_eq!(read(br#"[{"id":1,"x":0},{"id":1,"id":1}]"#), None);
}

#[test]
fn an_object_is_read_from_an_object_only() {
    assert_eq!(from_slice::<Inner>(b"[1]"), Err(Malformed));
    assert_eq!(from_slice::<Inner>(b"null"), Err(Malformed));
    assert_eq!(from_slice::<Inner>(b" {\"id\" : 1 } "), Ok(Inner { id: Some(1) }));
    assert_eq!(from_slice::<Inner>(b"{\"id\":1} 2"), Err(Malformed));
    assert_eq!(from_slice::<Inner>(b""), Err(Malformed));
}

#[test]
fn bytes_that_are_no_text_spoil_only_what_they_are_in() {
    assert_eq!(read(b"[{\"name\":\"a\",\"x\":\"\xe9\"}]").unwrap()[0].name.as_deref(), Some("a"));
    assert_eq!(read(b"[{\"name\":\"\xe9\"}]"), None);
    assert_eq!(read(b"[{\"\xe9\":1}]"), None);
    let row = b"{\"x\":\"\xe9\",\"y\":1,\"name\":\"a\",\"z\":\"\xe9\"}".as_slice();
    assert_eq!(read(&[b"[", row, b",", row, b",", row, b"]"].concat()).unwrap().len(), 3);
}

#[test]
fn nesting_may_be_deep_in_what_nobody_wants() {
    let deep = |depth: usize| format!("[{{\"x\":{}1{}}}]", "[".repeat(depth), "]".repeat(depth));
    assert!(from_slice::<Rows<'_>>(deep(1_000_000).as_bytes()).is_ok());
    assert!(from_slice::<Rows<'_>>(&deep(1_000_000).as_bytes()[..1_000_000]).is_err());
}

#[test]
fn an_enum_is_a_word() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        OneThing,
        #[serde(other)]
        Other,
    }
    assert_eq!(from_slice::<Vec<Word>>(br#"["one_thing", "what?"]"#), Ok(vec![Word::OneThing, Word::Other]));
    assert!(from_slice::<Word>(b"1").is_err());
}
