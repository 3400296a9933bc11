//! "Customers, Get All": the list of customers, reduced to the fields that may be read.
//!
//! Source of the facts: MyReports' API reference (en-us), "Customers", "Get All", for resellers and
//! for enterprises: `pageIndex` from 0, `pageSize` up to 1,000, and no total.

use serde::Deserialize;

use super::{
    super::{
        adapter::{Page, Unreadable},
        scalar::{FieldReader, Scalar},
    },
    envelope,
};
use crate::domain::ListedCustomer;

#[derive(Deserialize)]
struct Customer<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    name: Scalar<'a>,
    #[serde(borrow, default)]
    reference: Scalar<'a>,
}

/// Reads one page. Its `page_size` is the number of items on it: a different number means that some
/// are missing.
pub(super) fn read(body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
    let (rows, told) = envelope::rows::<Vec<Customer<'_>>>(body)?;
    if told.is_some_and(|told| told != rows.len() as u64) {
        return Err(Unreadable::Shape);
    }
    let mut fields = FieldReader::default();
    let records = rows.iter().map(|row| row.listed(&mut fields)).collect::<Option<_>>().ok_or(Unreadable::Shape)?;
    Ok(Page { records, odd_fields: fields.0, ..Page::default() })
}

impl Customer<'_> {
    /// Returns the customer; `None` if the id is missing. A numeric reference is read as text.
    fn listed(&self, fields: &mut FieldReader) -> Option<ListedCustomer> {
        let (name, reference) = (fields.text(&self.name), fields.id(&self.reference));
        let (name, reference) = (name.map(Into::into), reference.map(Into::into));
        Some(ListedCustomer { id: fields.id(&self.id)?.into(), name, reference, ..ListedCustomer::default() })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sources::wire::properties;

    fn page(json: &str) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
        read(json.as_bytes())
    }

    #[test]
    fn the_documented_customers_are_read() {
        let page = read(include_bytes!("fixtures/customers.json")).unwrap();
        assert_eq!((page.records.len(), page.count, page.pages, page.odd_fields), (4, None, None, 0));
        let expected = ListedCustomer {
            id: "{CUSTOMER_TENANT_ID_1}".into(),
            name: Some("Customer 1".into()),
            reference: Some("customer reference 1".into()),
            ..ListedCustomer::default()
        };
        assert_eq!(page.records.first(), Some(&expected));
    }

    #[test]
    fn a_page_that_does_not_have_what_it_says_is_none() {
        for (written, fits) in [("1", true), ("\"1\"", true), ("null", true), ("2", false), ("0", false), ("\"many\"", false)] {
            assert_eq!(page(&format!(r#"{{"page_size":{written},"data":[{{"id":"1"}}]}}"#)).is_ok(), fits, "{written}");
        }
    }

    #[test]
    fn an_answer_without_data_is_no_empty_list() {
        for body in ["{}", r#"{"data":null}"#, r#"{"data":[{"name":"x"}]}"#, "[]", ""] {
            assert_eq!(page(body), Err(Unreadable::Shape), "{body}");
        }
        assert_eq!(page(r#"{"status":"error","error":403}"#), Err(Unreadable::Said(Some(403))));
    }

    const NAMES: &[&str] = &["id", "name", "reference", "enabled", "description"];

    proptest! {
        #[test]
        fn whatever_the_rows_each_is_a_customer_or_the_page_is_none(rows in prop::collection::vec(properties::row(NAMES), 0..6)) {
            properties::one_odd_row_hides_nobody(read, "data", "id", &rows)?;
        }

        #[test]
        fn whatever_the_bytes_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), text in properties::NEARLY_JSON) {
            prop_assert!(read(&bytes).is_err());
            let _ = page(&text);
        }
    }
}
