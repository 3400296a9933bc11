//! Both backends' lists of customers, with every case of linking one to the other.
//!
//! Acronis PSA guide, "Fetch customers"; `MyReports` reference, "Customers, Get All". The customers that show
//! a roll have the same id in both lists, and a reference that says so. Those that show a link have different
//! ids: Advanced Automation's end in 020 and up, `MyReports`' in 220 and up.

use serde::Serialize;

use super::customers::PREFIX;

/// The partner, who appears in Advanced Automation's list of its own customers.
const PARTNER: &str = "8dcdc278-e900-458a-b245-eaca02c05939";
const NO_UUID: &str = "00000000-0000-0000-0000-000000000000";
const CREATED: &str = "2024-10-08T07:17:50.613";

/// The customers that show a roll, by the number that their id ends in.
const ROLLS: std::ops::RangeInclusive<u16> = 1..=10;

/// Customers of Advanced Automation: their number, their name, whether the tenant has a UUID, and the
/// tenant's number.
const LINKED: [(u16, &str, bool, u16); 8] = [
    (20, "Alder & Sons", true, 1020),
    (21, "Birch Ltd", true, 1021),
    (22, "Cedar GmbH", true, 1022),
    (23, "Dogwood Inc", true, 1023),
    (24, "Elm SA", false, 1024), // has no tenant UUID
    (25, "Fir AG", true, 1025),
    (26, "Ginkgo North", true, 1026), // two with one tenant number
    (27, "Ginkgo South", true, 1026),
];

/// Customers of `MyReports`: their number, their name and their reference.
const TENANTS: [(u16, &str, Reference); 10] = [
    (220, "Alder and Sons", Reference::Id(20)),
    (221, "Birch", Reference::Uuid(21)),
    (222, "Cedar", Reference::Text("1022")),
    (223, "Cedar Outlet", Reference::Text("10220")), // contains the number of another
    (224, "Dogwood Inc", Reference::None),           // the same name, which says nothing
    (225, "Elm", Reference::Text(NO_UUID)),
    (226, "Fir Berlin", Reference::Id(25)), // two with one reference
    (227, "Fir Wien", Reference::Id(25)),
    (228, "Ginkgo", Reference::Text("1026")), // fits two
    (229, "Reseller's own", Reference::Text("110")),
];

/// What a reference contains.
#[derive(Clone, Copy)]
enum Reference {
    None,
    Id(u16),
    Uuid(u16),
    Text(&'static str),
}

/// A customer of Advanced Automation: all keys in the guide's order.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the vendor's, each a key of its own")]
pub(super) struct ListedCustomer {
    id: String,
    tenant: &'static str,
    name: String,
    branch: (),
    alias: String,
    status: u8,
    is_tier4: bool,
    deployment_status: u8,
    deployment_status_value: &'static str,
    deployment_id: &'static str,
    deployment_error_message: (),
    status_translation: &'static str,
    deployment_date: (),
    paid_account: bool,
    trial_account: bool,
    trial_expiration_date: (),
    creation_date: &'static str,
    on_tier2: bool,
    external_tenant_id: String,
    #[serde(rename = "ExternalTenantUUID")]
    external_tenant_uuid: String,
    acronis_tenant_id: (),
}

/// A customer of `MyReports`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedTenant {
    id: String,
    name: String,
    description: String,
    enabled: bool,
    parent_tenant_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    date_created: &'static str,
}

/// Returns Advanced Automation's list, the partner first as in the guide.
pub(super) fn customers() -> Vec<ListedCustomer> {
    let partner = customer(PARTNER.to_owned(), "cyber_prtnr_0810_1009am", "a890cc01-544d-4185-b5a8-38eb5e22c067".to_owned(), 110);
    let rolls = ROLLS.map(|number| customer(id(number), &format!("Customer {number}"), uuid(number), 1000 + number));
    let linked = LINKED.into_iter().map(|(number, name, has_uuid, tenant)| {
        customer(id(number), name, if has_uuid { uuid(number) } else { NO_UUID.to_owned() }, tenant)
    });
    std::iter::once(partner).chain(rolls).chain(linked).collect()
}

/// Returns `MyReports`' list.
pub(super) fn tenants() -> Vec<ListedTenant> {
    let rolls = ROLLS.map(|number| tenant(number, &format!("Customer {number}"), Reference::Id(number)));
    rolls.chain(TENANTS.into_iter().map(|(number, name, reference)| tenant(number, name, reference))).collect()
}

fn id(number: u16) -> String {
    format!("{PREFIX}{number:03}")
}

fn uuid(number: u16) -> String {
    format!("eb104c83-d944-4744-8287-000000000{number:03}")
}

fn customer(id: String, name: &str, uuid: String, tenant: u16) -> ListedCustomer {
    ListedCustomer {
        is_tier4: id != PARTNER,
        id,
        tenant: PARTNER,
        name: name.to_owned(),
        branch: (),
        alias: name.to_owned(),
        status: 2,
        deployment_status: 1,
        deployment_status_value: "Completed",
        deployment_id: NO_UUID,
        deployment_error_message: (),
        status_translation: "Customer",
        deployment_date: (),
        paid_account: false,
        trial_account: false,
        trial_expiration_date: (),
        creation_date: CREATED,
        on_tier2: false,
        external_tenant_id: tenant.to_string(),
        external_tenant_uuid: uuid,
        acronis_tenant_id: (),
    }
}

fn tenant(number: u16, name: &str, reference: Reference) -> ListedTenant {
    ListedTenant {
        id: id(number),
        name: name.to_owned(),
        description: format!("This is {name}"),
        enabled: true,
        parent_tenant_id: "reseller",
        reference: match reference {
            Reference::None => None,
            Reference::Id(number) => Some(id(number)),
            Reference::Uuid(number) => Some(uuid(number)),
            Reference::Text(text) => Some(text.to_owned()),
        },
        date_created: CREATED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partner_is_printed_as_in_the_guide() {
        let printed = serde_json::to_string(&customers()[0]).unwrap();
        let documented = concat!(
            r#"{"Id":"8dcdc278-e900-458a-b245-eaca02c05939","Tenant":"8dcdc278-e900-458a-b245-eaca02c05939","Name":"cyber_prtnr_0810_1009am","#,
            r#""Branch":null,"Alias":"cyber_prtnr_0810_1009am","Status":2,"IsTier4":false,"DeploymentStatus":1,"DeploymentStatusValue":"Completed","#,
            r#""DeploymentId":"00000000-0000-0000-0000-000000000000","DeploymentErrorMessage":null,"StatusTranslation":"Customer","#,
            r#""DeploymentDate":null,"PaidAccount":false,"TrialAccount":false,"TrialExpirationDate":null,"#,
        );
        assert!(printed.starts_with(documented), "{printed}");
        assert!(printed.ends_with(r#""OnTier2":false,"ExternalTenantId":"110","ExternalTenantUUID":"a890cc01-544d-4185-b5a8-38eb5e22c067","AcronisTenantId":null}"#));
    }
}
