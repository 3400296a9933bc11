//! What the wire types of several backends share.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};

use super::{
    adapter::Unreadable,
    scalar::{FieldReader, Scalar},
};
use crate::{domain::Records, json};

/// A row of a body, from which a record is made.
pub(super) trait Row {
    /// Adds the record to the others; `None` if it has no id.
    fn keep(&self, records: &mut Records, fields: &mut FieldReader) -> Option<()>;
}

/// A list of rows, each of which is kept as soon as it is read: nothing else of the list is retained.
#[derive(Debug)]
pub(super) struct Kept<T> {
    records: Records,
    fields: FieldReader,
    lacks_an_id: bool,
    rows: PhantomData<T>,
}

/// The list in a body.
pub(super) trait List {
    /// Whether the list is empty.
    fn is_empty(&self) -> bool;
}

impl<T> List for Vec<T> {
    fn is_empty(&self) -> bool {
        self.is_empty()
    }
}

impl<T> List for Kept<T> {
    fn is_empty(&self) -> bool {
        self.records.is_empty() && !self.lacks_an_id
    }
}

impl<T> Kept<T> {
    /// Returns the records, and how many fields had the wrong type. A single row without an id makes the list unreadable.
    pub(super) fn records(self) -> Result<(Records, u64), Unreadable> {
        if self.lacks_an_id { Err(Unreadable::Shape) } else { Ok((self.records, self.fields.0)) }
    }
}

impl<'de, T: Deserialize<'de> + Row> Deserialize<'de> for Kept<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(EachRow(PhantomData))
    }
}

struct EachRow<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Row> Visitor<'de> for EachRow<T> {
    type Value = Kept<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Kept { records: Records::default(), fields: FieldReader::default(), lacks_an_id: false, rows: PhantomData };
        while let Some(row) = list.next_element::<T>()? {
            kept.lacks_an_id |= row.keep(&mut kept.records, &mut kept.fields).is_none();
        }
        Ok(kept)
    }
}

/// What a body says about how the request ended, and nothing else: an error may be accompanied by anything. In either
/// spelling: by assumption, a backend whose other fields are in `PascalCase` may write these like that, too.
#[derive(Deserialize)]
struct Ending<'a> {
    #[serde(borrow, default)]
    status: Scalar<'a>,
    #[serde(borrow, default)]
    error: Scalar<'a>,
    #[serde(rename = "Status", borrow, default)]
    status_too: Scalar<'a>,
    #[serde(rename = "Error", borrow, default)]
    error_too: Scalar<'a>,
}

/// Why a body that does not have the shape of a page is not one: it states that it is an error, or it
/// cannot be read.
pub(super) fn unreadable(body: &[u8]) -> Unreadable {
    match json::from_slice::<Ending<'_>>(body) {
        Ok(ending) => {
            let (status, error) = (ending.status.or(ending.status_too), ending.error.or(ending.error_too));
            said_error(&status, &error).err().unwrap_or(Unreadable::Shape)
        }
        Err(_) => Unreadable::Shape,
    }
}

/// The list of a body that [is no error](said_error). It is not documented what a backend writes beside a list when
/// something is wrong, so its `error` is taken to be one, unless there are rows and a count that they can be
/// checked against.
pub(super) fn listed<L: List>(list: Option<L>, error: &Scalar<'_>, count: Option<u64>) -> Result<L, Unreadable> {
    let list = list.ok_or(Unreadable::Shape)?;
    let is_believed = is_no_error(error) || (count.is_some() && !list.is_empty());
    if is_believed { Ok(list) } else { Err(Unreadable::Said(None)) }
}

/// Whether an `error` says that there is none: it is absent, blank, 0, or the status of a success.
fn is_no_error(error: &Scalar<'_>) -> bool {
    match error {
        Scalar::Absent | Scalar::Flag(false) => true,
        Scalar::Text(text) if text.trim().is_empty() => true,
        other => other.count().is_ok_and(|number| number.is_some_and(|number| number < 400)),
    }
}

/// Whether a body states that it is an error: with `status: "error"`, or with an `error` that is the
/// status of a failure. A success may carry 0, or its own status (MyReports, "Common reply
/// template": `error` repeats the HTTP status).
pub(super) fn said_error(status: &Scalar<'_>, error: &Scalar<'_>) -> Result<(), Unreadable> {
    let number = error.count().ok().flatten().and_then(|number| u16::try_from(number).ok());
    let failed = matches!(status, Scalar::Text(text) if text.trim().eq_ignore_ascii_case("error"));
    match number.filter(|number| failed || (400..=599).contains(number)) {
        Some(number) => Err(Unreadable::Said(Some(number))),
        None if failed => Err(Unreadable::Said(None)),
        None => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod properties {
    //! Properties of every backend's reader, for any input.

    use proptest::{prelude::*, test_runner::TestCaseError};
    use serde_json::{Value, json};

    use super::super::{
        adapter::{Page, Unreadable},
        reading::Rows,
    };

    /// Texts that look like JSON.
    pub(in crate::sources) const NEARLY_JSON: &str = "[\\[\\]{}\",:0-9a-z ]{0,80}";

    /// A row with some of these fields, each with a value of any type.
    pub(in crate::sources) fn row(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
        let value = prop_oneof![
            Just(json!(null)),
            any::<bool>().prop_map(|flag| json!(flag)),
            any::<i64>().prop_map(|number| json!(number)),
            any::<f64>().prop_map(|number| json!(number)),
            "\\PC{0,8}".prop_map(|text| json!(text)),
            Just(json!([["nested"], {}])),
        ];
        prop::collection::btree_map(prop::sample::select(names), value, 0..8).prop_map(|fields| json!(fields))
    }

    /// Each row is a record, or one of them has no id and there is no page.
    pub(in crate::sources) fn one_odd_row_hides_nobody<R: Rows + std::fmt::Debug>(
        read: fn(&[u8]) -> Result<Page<R>, Unreadable>,
        list: &str,
        id: &str,
        rows: &[Value],
    ) -> Result<(), TestCaseError> {
        let body = json!({ list: rows }).to_string();
        let has_id = |row: &Value| {
            let id = &row[id];
            id.is_i64() || id.is_u64() || id.as_str().is_some_and(|id| !id.trim().is_empty())
        };
        match read(body.as_bytes()) {
            Ok(page) => {
                prop_assert_eq!(page.records.count(), rows.len());
                prop_assert!(page.records.ids().all(|id| !id.trim().is_empty()));
            }
            Err(error) => {
                prop_assert_eq!(error, Unreadable::Shape);
                prop_assert!(!rows.iter().all(has_id), "one odd row hides another: {}", body);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed_beside(json: &str, list: &[u8], is_counted: bool) -> Result<Vec<u8>, Unreadable> {
        let ending: Ending<'_> = serde_json::from_str(json).unwrap();
        said_error(&ending.status, &ending.error)?;
        listed(Some(list.to_vec()), &ending.error, is_counted.then_some(1))
    }

    #[test]
    fn a_list_beside_a_word_of_trouble_is_none_unless_it_is_counted() {
        for good in [
            "{}",
            r#"{"error":0}"#,
            r#"{"error":null,"status":""}"#,
            r#"{"error":"0","status":"Success"}"#,
            r#"{"error":200,"status":"ok"}"#,
            r#"{"error":false,"status":200}"#,
            r#"{"error":" ","status":"succ\u00e8s"}"#,
        ] {
            assert_eq!(listed_beside(good, b"", false), Ok(vec![]), "{good}");
        }
        for bad in [
            r#"{"error":"access_denied"}"#,
            r#"{"error":{"code":1002}}"#,
            r#"{"error":1002}"#,
            r#"{"error":"1002"}"#,
            r#"{"error":-1}"#,
            r#"{"error":true}"#,
        ] {
            for (list, is_counted) in [(&b""[..], false), (b"", true), (b"row", false)] {
                assert_eq!(listed_beside(bad, list, is_counted), Err(Unreadable::Said(None)), "{bad}");
            }
            assert_eq!(listed_beside(bad, b"row", true), Ok(b"row".to_vec()), "a count exposes missing rows: {bad}");
        }
        assert_eq!(listed_beside(r#"{"error":503}"#, b"row", true), Err(Unreadable::Said(Some(503))));
        assert_eq!(listed_beside(r#"{"status":"error"}"#, b"row", true), Err(Unreadable::Said(None)));
        assert_eq!(listed::<Vec<u8>>(None, &Scalar::Absent, Some(1)), Err(Unreadable::Shape));
    }

    #[test]
    fn an_error_is_told_by_word_or_by_number() {
        let (absent, zero, word) = (Scalar::Absent, Scalar::Number(0), Scalar::Text("error".into()));
        let success = Scalar::Text("success".into());
        assert_eq!(said_error(&absent, &absent), Ok(()));
        assert_eq!(said_error(&success, &zero), Ok(()));
        assert_eq!(said_error(&success, &Scalar::Number(200)), Ok(()));
        assert_eq!(said_error(&word, &Scalar::Text("404".into())), Err(Unreadable::Said(Some(404))));
        assert_eq!(said_error(&success, &Scalar::Number(404)), Err(Unreadable::Said(Some(404))));
        assert_eq!(said_error(&word, &absent), Err(Unreadable::Said(None)));
        assert_eq!(said_error(&word, &Scalar::Number(1 << 40)), Err(Unreadable::Said(None)));
    }
}
