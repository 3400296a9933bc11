//! `POST /Customer`: the list of customers, reduced to the fields that may be read.
//!
//! Source of the facts: the PSA guide's page "Fetch customers". Its example has the paging numbers
//! at top level and says `AmountOfPages: 0` beside two rows, the first of them the partner's own.

use serde::Deserialize;

use super::super::{
    adapter::{Page, Unreadable},
    scalar::{FieldReader, Scalar},
};
use super::envelope::{self, Answer};
use crate::domain::{LinkedBy, ListedCustomer};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Customer<'a> {
    #[serde(borrow, default)]
    id: Scalar<'a>,
    #[serde(borrow, default)]
    tenant: Scalar<'a>,
    #[serde(borrow, default)]
    name: Scalar<'a>,
    #[serde(rename = "ExternalTenantUUID", borrow, default)]
    external_tenant_uuid: Scalar<'a>,
    #[serde(borrow, default)]
    external_tenant_id: Scalar<'a>,
}

/// Reads one page.
pub(super) fn read(body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
    let Answer { rows, count, pages } = envelope::customers::<Vec<Customer<'_>>>(body)?;
    let mut fields = FieldReader::default();
    let records = rows.iter().map(|row| row.listed(&mut fields)).collect::<Option<_>>().ok_or(Unreadable::Shape)?;
    Ok(Page { records, count, pages, odd_fields: fields.0, ..Page::default() })
}

impl Customer<'_> {
    /// Returns the customer; `None` if the id is missing.
    fn listed(&self, fields: &mut FieldReader) -> Option<ListedCustomer> {
        let (id, tenant) = (fields.id(&self.id)?, fields.id(&self.tenant));
        let uuid = fields.id_unless_zero(&self.external_tenant_uuid);
        let number = fields.id_unless_zero(&self.external_tenant_id);
        let uuid = uuid.map(|uuid| (LinkedBy::ReferenceIsTenantUuid, uuid.into()));
        let number = number.map(|number| (LinkedBy::ReferenceIsTenantId, number.into()));
        Some(ListedCustomer {
            // The first row of the example is the partner itself: its `Tenant` equals its `Id`.
            is_provider: tenant.is_some_and(|tenant| tenant.eq_ignore_ascii_case(&id)),
            id: id.into(),
            name: fields.text(&self.name).map(Into::into),
            other_names: uuid.into_iter().chain(number).collect(),
            reference: None,
        })
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
        assert_eq!((page.count, page.pages, page.odd_fields), (Some(2), Some(0), 0));
        let [partner, customer] = page.records.as_slice() else { panic!("{page:?}") };
        assert!(partner.is_provider);
        let expected = ListedCustomer {
            id: "ce570f06-f444-426b-b9b0-3aa8ef9b951e".into(),
            name: Some("cstmr_001".into()),
            other_names: vec![
                (LinkedBy::ReferenceIsTenantUuid, "eb104c83-d944-4744-8287-7ba19821deb0".into()),
                (LinkedBy::ReferenceIsTenantId, "111".into()),
            ],
            reference: None,
            is_provider: false,
        };
        assert_eq!(*customer, expected);
    }

    #[test]
    fn a_uuid_of_zeros_is_none_and_a_numeric_id_is_its_text() {
        let page = page(r#"{"Customers":[{"Id":1,"ExternalTenantUUID":"00000000-0000-0000-0000-000000000000","ExternalTenantId":110}]}"#);
        let [customer] = page.as_ref().unwrap().records.as_slice() else { panic!("{page:?}") };
        assert_eq!((customer.id.as_ref(), customer.is_provider), ("1", false));
        assert_eq!(customer.other_names, [(LinkedBy::ReferenceIsTenantId, "110".into())]);
    }

    #[test]
    fn a_tenant_id_of_zero_is_none() {
        for (written, other_names) in [("0", 0), ("\"0\"", 0), ("\" 0 \"", 0), ("10", 1), ("\"00\"", 0), ("null", 0)] {
            let page = page(&format!(r#"{{"Customers":[{{"Id":"a","ExternalTenantId":{written}}}]}}"#)).unwrap();
            assert_eq!(page.records[0].other_names.len(), other_names, "{written}");
        }
    }

    #[test]
    fn an_answer_without_customers_is_no_empty_list() {
        for body in ["{}", r#"{"Customers":null}"#, r#"{"Clients":[]}"#, r#"{"Customers":[{"Name":"x"}]}"#, "[]", ""] {
            assert_eq!(page(body), Err(Unreadable::Shape), "{body}");
        }
        assert_eq!(page(r#"{"Customers":[],"AmountRecordsFound":"many"}"#), Err(Unreadable::Shape));
        assert_eq!(page(r#"{"Customers":[],"error":403}"#), Err(Unreadable::Said(Some(403))));
        assert_eq!(page(r#"{"Customers":[],"Status":"error","Error":403}"#), Err(Unreadable::Said(Some(403))));
        assert_eq!(page(r#"{"Customers":[],"Error":"Access denied"}"#), Err(Unreadable::Said(None)));
        assert_eq!(page(r#"{"Status":"error","Error":404,"Customers":{}}"#), Err(Unreadable::Said(Some(404))));
    }

    const NAMES: &[&str] = &["Id", "Tenant", "Name", "ExternalTenantUUID", "ExternalTenantId", "Status"];

    proptest! {
        #[test]
        fn whatever_the_rows_each_is_a_customer_or_the_page_is_none(rows in prop::collection::vec(properties::row(NAMES), 0..6)) {
            properties::one_odd_row_hides_nobody(read, "Customers", "Id", &rows)?;
        }

        #[test]
        fn whatever_the_bytes_reading_ends(bytes in prop::collection::vec(any::<u8>(), 0..200), text in properties::NEARLY_JSON) {
            prop_assert!(read(&bytes).is_err());
            let _ = page(&text);
        }
    }
}
