//! The JSON of `POST /Person`, reduced to the fields that may be read.
//!
//! An allow-list: of a person's 33 documented fields, this type has room for thirteen. Passwords,
//! security questions, second factors, pay and hours have no field here.

use serde::Deserialize;

use super::super::{
    adapter::{Page, Unreadable},
    scalar::{FieldReader, Scalar},
    wire::{Kept, Row},
};
use super::envelope::{self, Answer};
use crate::domain::{Record, Records};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Person<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    customer: Scalar<'a>,
    #[serde(borrow, default)]
    name: Scalar<'a>,
    #[serde(borrow, default)]
    first_name: Scalar<'a>,
    #[serde(borrow, default)]
    last_name: Scalar<'a>,
    #[serde(borrow, default)]
    email: Scalar<'a>,
    #[serde(borrow, default)]
    username: Scalar<'a>,
    #[serde(borrow, default)]
    phonenumber: Scalar<'a>,
    #[serde(borrow, default)]
    enabled: Scalar<'a>,
    #[serde(borrow, default)]
    role: Scalar<'a>,
    #[serde(borrow, default)]
    is_login: Scalar<'a>,
    #[serde(borrow, default)]
    primary_contact: Scalar<'a>,
    #[serde(borrow, default)]
    deleted: Scalar<'a>,
}

/// Reads one page.
pub(super) fn read(body: &[u8]) -> Result<Page, Unreadable> {
    let Answer { rows, count, pages } = envelope::persons::<Kept<Person<'_>>>(body)?;
    let (records, odd_fields) = rows.records()?;
    Ok(Page { records, count, pages, odd_fields, ..Page::default() })
}

impl Row for Person<'_> {
    fn keep(&self, records: &mut Records, fields: &mut FieldReader) -> Option<()> {
        records.push(&Record {
            id: &fields.id(&self.id)?,
            owner: fields.id_unless_zero(&self.customer).as_deref(),
            display_name: fields.text(&self.name),
            first_name: fields.text(&self.first_name),
            last_name: fields.text(&self.last_name),
            email: fields.text(&self.email),
            username: fields.text(&self.username),
            phone: fields.text(&self.phonenumber),
            enabled: fields.flag(&self.enabled),
            can_sign_in: fields.flag(&self.is_login),
            roles: fields.text(&self.role).into_iter().collect(), // an empty role counts as none
            primary_contact: fields.flag(&self.primary_contact),
            inherited: None,
            deleted: fields.flag(&self.deleted).unwrap_or(false),
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
    fn the_documented_person_is_read() {
        let page = read(include_bytes!("fixtures/persons.json")).unwrap();
        assert_eq!((page.records.len(), page.count, page.pages, page.odd_fields), (3, Some(3), Some(1), 0));
        let expected = Record {
            id: "65f61819-465d-4fb1-b124-13282aa1fb09",
            owner: Some("ce570f06-f444-426b-b9b0-3aa8ef9b951e"),
            display_name: Some("cstmr_001 admin"),
            first_name: Some("cstmr_001"),
            last_name: Some("admin"),
            email: Some("cstmr_usr_0810_1014am@mailinator.com"),
            username: Some("cstmr_usr_0810_1014am"),
            phone: None,
            enabled: Some(true),
            can_sign_in: Some(true),
            roles: ["ClientManager"].into_iter().collect(),
            primary_contact: Some(false),
            inherited: None,
            deleted: false,
        };
        assert_eq!(page.records.get(0), Some(expected));
        assert_eq!(page.records.key(0), Some("cstmr_usr_0810_1014am@mailinator.com"));
        assert!(page.records.iter().skip(1).all(|record| record.roles.is_empty() && record.username.is_none()));
    }

    #[test]
    fn one_odd_row_hides_nobody() {
        let page = page(r#"{"Clients":[{"Id":7,"Enabled":"yes","Email":{"a":1},"New":[1]},{"Id":"b","Name":" "}]}"#).unwrap();
        assert_eq!((page.records.len(), page.odd_fields), (2, 2));
        assert_eq!(page.records.id(0), Some("7"));
    }

    #[test]
    fn a_record_without_an_id_fails_the_page() {
        for row in [r#"{"Name":"x"}"#, r#"{"Id":null}"#, r#"{"Id":" "}"#, r#"{"Id":true}"#, "null", "[]"] {
            let body = format!(r#"{{"Clients":[{{"Id":"a"}},{row}]}}"#);
            assert_eq!(page(&body), Err(Unreadable::Shape), "{row}");
        }
    }

    #[test]
    fn an_answer_without_clients_is_no_empty_roll() {
        for body in ["{}", r#"{"Clients":null}"#, r#"{"Clients":{}}"#, "[]", "<html>", "", r#"{"Clients":[]"#] {
            assert_eq!(page(body), Err(Unreadable::Shape), "{body}");
        }
        assert_eq!(page(r#"{"Clients":[]}"#), Ok(Page::default()));
    }

    #[test]
    fn counts_may_be_texts_but_must_be_counts() {
        let read = page(r#"{"Clients":[],"Paging":{"AmountRecordsFound":"3","AmountOfPages":null}}"#).unwrap();
        assert_eq!((read.count, read.pages), (Some(3), None));
        assert_eq!(page(r#"{"Clients":[],"Paging":{"AmountRecordsFound":"many"}}"#), Err(Unreadable::Shape));
        assert_eq!(page(r#"{"Clients":[],"AmountOfPages":"many"}"#), Err(Unreadable::Shape));
    }

    #[test]
    fn counts_may_stand_in_either_place_and_the_larger_is_believed() {
        for (counts, expected) in [
            (r#""AmountRecordsFound":25,"AmountOfPages":0"#, (Some(25), Some(0))),
            (r#""Paging":{"AmountRecordsFound":7},"AmountRecordsFound":25,"AmountOfPages":3"#, (Some(25), Some(3))),
            (r#""Paging":{"AmountRecordsFound":25,"AmountOfPages":3},"AmountRecordsFound":7"#, (Some(25), Some(3))),
            (r#""Paging":null"#, (None, None)),
        ] {
            let read = page(&format!(r#"{{"Clients":[],{counts}}}"#)).unwrap();
            assert_eq!((read.count, read.pages), expected, "{counts}");
        }
    }

    #[test]
    fn a_body_that_says_error_is_one() {
        assert_eq!(page(r#"{"status":"error","error":404}"#), Err(Unreadable::Said(Some(404))));
        assert_eq!(page(r#"{"status":"error","error":404,"Clients":{}}"#), Err(Unreadable::Said(Some(404))));
        assert_eq!(page(r#"{"error":{"code":1005}}"#), Err(Unreadable::Shape));
    }

    #[test]
    fn a_body_that_says_error_in_the_spelling_of_its_other_fields_is_one() {
        for (said, expected) in [
            (r#""Error":"Access denied""#, None),
            (r#""Status":"error","Error":403"#, Some(403)),
            (r#""Status":"Error","error":403"#, Some(403)),
            (r#""status":"error","Error":"403""#, Some(403)),
            (r#""error":null,"Error":503"#, Some(503)),
            (r#""Status":"error""#, None),
        ] {
            assert_eq!(page(&format!(r#"{{"Clients":[],{said}}}"#)), Err(Unreadable::Said(expected)), "{said}");
        }
        assert_eq!(page(r#"{"Status":"error","Error":404,"Clients":{}}"#), Err(Unreadable::Said(Some(404))));
        assert_eq!(page(r#"{"Clients":[],"Status":"Success","Error":null}"#), Ok(Page::default()));
    }

    const NAMES: &[&str] = &[
        "Id",
        "Customer",
        "Name",
        "FirstName",
        "LastName",
        "Email",
        "Username",
        "Phonenumber",
        "Enabled",
        "Role",
        "IsLogin",
        "PrimaryContact",
        "Deleted",
        "Password",
    ];

    proptest! {
        #[test]
        fn whatever_the_rows_each_is_a_record_or_the_page_is_none(rows in prop::collection::vec(properties::row(NAMES), 0..6)) {
            properties::one_odd_row_hides_nobody(read, "Clients", "Id", &rows)?;
        }

        #[test]
        fn whatever_the_bytes_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), text in properties::NEARLY_JSON) {
            prop_assert!(read(&bytes).is_err());
            let _ = page(&text);
        }
    }
}
