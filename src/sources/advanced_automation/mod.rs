//! Advanced Automation (Acronis PSA): `POST /Person` and `POST /Customer`, numbered pages, OAuth
//! client credentials.
//!
//! Source of the facts: Acronis' developer portal, the PSA guide's page "Fetch customer clients"
//! and the guide's pages on authentication and status codes.

mod customers;
mod envelope;
mod wire;

use std::time::Duration;

use http::Method;
use url::Url;

use super::{
    Adapter, Backend, CredentialSettings, CustomerList, Page, Paging, Policy, Position, SourceReader, SourceSettings, Unreadable,
    UpstreamRequest,
};
use crate::{
    config::{BaseUrl, Text},
    domain::{ListedCustomer, RemoteId, SourceName},
};

/// The backend's name.
pub const NAME: SourceName = SourceName::new("advanced_automation");

/// The backend, for the registry.
pub const BACKEND: Backend = Backend { name: NAME, authorization_header: "X-Advanced-Automation-Authorization", configure };

/// The rows asked for per page, as in the vendor's example. No maximum is documented.
const PAGE_SIZE: u64 = 50;

/// A 5xx is to be retried twice, one to two seconds apart (Acronis guide, "Status codes").
const RETRY: Policy = Policy { retry_500: true, server_error_pause: Some((Duration::from_secs(1), Duration::from_secs(2))) };

struct AdvancedAutomation {
    /// The URLs of persons and of customers.
    persons: Url,
    customers: Url,
    page_size: u64,
}

impl AdvancedAutomation {
    fn new(base: &BaseUrl, page_size: u64) -> Self {
        let below = |what| base.join(["api", "advanced-automation", "v1", what]);
        Self { persons: below("Person"), customers: below("Customer"), page_size }
    }
}

impl Adapter for AdvancedAutomation {
    fn paging(&self) -> Paging {
        Paging::Pages { size: self.page_size }
    }

    /// A read-only POST: parameters in the query, in `PascalCase`, and no body.
    fn request(&self, customer: &RemoteId, at: &Position) -> UpstreamRequest {
        let mut url = self.persons.clone();
        url.query_pairs_mut()
            .append_pair("Page", &at.page.to_string())
            .append_pair("PageSize", &self.page_size.to_string())
            .append_pair("Customer", customer.as_str());
        UpstreamRequest { method: Method::POST, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page, Unreadable> {
        wire::read(body)
    }

    fn customers(&self) -> Option<&dyn CustomerList> {
        Some(self)
    }
}

impl CustomerList for AdvancedAutomation {
    fn paging(&self) -> Paging {
        Paging::Pages { size: self.page_size }
    }

    /// A read-only POST, like the one for persons.
    fn request(&self, at: &Position) -> UpstreamRequest {
        let mut url = self.customers.clone();
        url.query_pairs_mut()
            .append_pair("Page", &at.page.to_string())
            .append_pair("PageSize", &self.page_size.to_string())
            .append_pair("Active", "true");
        UpstreamRequest { method: Method::POST, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
        customers::read(body)
    }
}

fn configure(reader: &mut SourceReader<'_>) -> Option<SourceSettings> {
    let base = reader.base_url();
    let credentials = reader.credentials(|reader| client_credentials(reader, base.as_ref()));
    let page_size = reader.count("page_size", PAGE_SIZE, 1, 10_000);
    reader.settings(base, credentials, RETRY, |base| AdvancedAutomation::new(&base, page_size))
}

fn client_credentials(reader: &mut SourceReader<'_>, base: Option<&BaseUrl>) -> Option<CredentialSettings> {
    let (id, secret) = (reader.key("client_id"), reader.key("client_secret"));
    let client_id = reader.reader().required(&id);
    let client_secret = reader.reader().secret(&secret);
    let token_url = base?.join(["api", "2", "idp", "token"]);
    let Text(client_id) = client_id?;
    Some(CredentialSettings::ClientCredentials { token_url, client_id, client_secret: client_secret? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Setting;

    #[test]
    fn a_page_is_asked_for_as_documented() {
        let base = BaseUrl::read(&"https://eu2-cloud.acronis.com".into()).unwrap();
        let adapter = AdvancedAutomation::new(&base, 50);
        let request = Adapter::request(&adapter, &RemoteId::new("ad3c629b-0969-4062-bb8b-6600a84565ab"), &Position::FIRST);
        assert_eq!(request.method, Method::POST);
        assert_eq!(
            request.url.as_str(),
            "https://eu2-cloud.acronis.com/api/advanced-automation/v1/Person?Page=1&PageSize=50&Customer=ad3c629b-0969-4062-bb8b-6600a84565ab"
        );
    }

    #[test]
    fn the_list_of_customers_is_asked_for_as_documented() {
        let base = BaseUrl::read(&"https://eu2-cloud.acronis.com".into()).unwrap();
        let adapter = AdvancedAutomation::new(&base, 50);
        let request = CustomerList::request(&adapter, &Position { page: 2, offset: 50, cursor: None });
        assert_eq!(request.method, Method::POST);
        assert_eq!(
            request.url.as_str(),
            "https://eu2-cloud.acronis.com/api/advanced-automation/v1/Customer?Page=2&PageSize=50&Active=true"
        );
    }
}
