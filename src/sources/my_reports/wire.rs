//! The JSON of "Users, Get All", reduced to the fields that may be read: an allow-list.

use serde::Deserialize;

use super::{
    super::{
        adapter::{Page, Unreadable},
        scalar::{FieldReader, Scalar},
        wire::{Kept, Row},
    },
    envelope,
};
use crate::domain::{Record, Records};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    display_name: Scalar<'a>,
    #[serde(borrow, default)]
    email: Scalar<'a>,
    #[serde(borrow, default)]
    primary_tenant: Scalar<'a>,
    #[serde(borrow, default)]
    is_parent: Scalar<'a>,
}

/// Reads the whole answer.
pub(super) fn read(body: &[u8]) -> Result<Page, Unreadable> {
    let (users, count) = envelope::rows::<Kept<User<'_>>>(body)?;
    let (records, odd_fields) = users.records()?;
    Ok(Page { records, count, odd_fields, ..Page::default() })
}

impl Row for User<'_> {
    fn keep(&self, records: &mut Records, fields: &mut FieldReader) -> Option<()> {
        let (tenant, inherited) = (fields.id_unless_zero(&self.primary_tenant), fields.flag(&self.is_parent));
        records.push(&Record {
            id: &fields.id(&self.id)?,
            owner: tenant.as_deref(),
            display_name: fields.text(&self.display_name),
            email: fields.text(&self.email),
            inherited,
            ..Record::default()
        });
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::wire::properties;

    fn page(json: &str) -> Result<Page, Unreadable> {
        read(json.as_bytes())
    }

    #[test]
    fn the_documented_users_are_read() {
        let page = read(include_bytes!("fixtures/users.json")).unwrap();
        assert_eq!((page.records.len(), page.count, page.odd_fields), (2, Some(2), 0));
        let expected = Record {
            id: "{USER_ID_1}",
            owner: Some("{CUSTOMER_TENANT_ID}"),
            display_name: Some("User 1"),
            email: Some("user1@example.com"),
            inherited: Some(false),
            ..Record::default()
        };
        assert_eq!(page.records.get(0), Some(expected));
    }

    #[test]
    fn the_number_of_items_is_a_number_or_a_text() {
        for (written, count) in [("2", Some(2)), ("\"2\"", Some(2)), ("null", None)] {
            assert_eq!(page(&format!(r#"{{"page_size":{written},"data":[]}}"#)).map(|page| page.count), Ok(count));
        }
        assert_eq!(page(r#"{"page_size":"many","data":[]}"#), Err(Unreadable::Shape));
    }

    #[test]
    fn the_tenant_is_read_and_whether_the_user_is_inherited_from_it() {
        let page = page(r#"{"data":[{"id":"1","primaryTenant":"r","isParent":true},{"id":"2","primaryTenant":"c"}]}"#).unwrap();
        let told: Vec<_> = page.records.iter().map(|record| (record.owner, record.inherited)).collect();
        assert_eq!(told, [(Some("r"), Some(true)), (Some("c"), None)]);
    }

    #[test]
    fn a_body_that_says_error_is_one_whatever_its_data() {
        assert_eq!(page(r#"{"status":"error","error":404,"data":{}}"#), Err(Unreadable::Said(Some(404))));
        assert_eq!(page(r#"{"status":"error"}"#), Err(Unreadable::Said(None)));
        assert_eq!(page(r#"{"data":[],"error":404}"#), Err(Unreadable::Said(Some(404))));
        assert_eq!(page(r#"{"data":[],"error":0,"status":"success"}"#), Ok(Page::default()));
    }

    #[test]
    fn an_answer_without_data_is_no_empty_roll() {
        for body in ["{}", r#"{"data":null}"#, r#"{"data":{}}"#, "[]", "", "<html>", r#"{"data":[{"email":"x"}]}"#] {
            assert_eq!(page(body), Err(Unreadable::Shape), "{body}");
        }
    }

    const NAMES: &[&str] = &["id", "displayName", "email", "primaryTenant", "isParent", "roles"];

    proptest! {
        #[test]
        fn whatever_the_rows_each_is_a_record_or_the_page_is_none(rows in prop::collection::vec(properties::row(NAMES), 0..6)) {
            properties::one_odd_row_hides_nobody(read, "data", "id", &rows)?;
        }

        #[test]
        fn whatever_the_bytes_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), text in properties::NEARLY_JSON) {
            prop_assert!(read(&bytes).is_err());
            let _ = page(&text);
        }
    }
}
