//! MyReports (Xarios Dimensions): `GET /customers/{id}/users`, one answer; `GET /customers`,
//! numbered pages; a bearer token.
//!
//! Source of the facts: MyReports' API reference (en-us), "Users", "Get All", for resellers and
//! for enterprises. It documents no paging of users: one answer holds everything.

mod customers;
mod envelope;
mod wire;

use http::Method;
use url::Url;

use super::{
    Adapter, Backend, CredentialSettings, CustomerList, Page, Paging, Policy, Position, SourceReader, SourceSettings, Unreadable,
    UpstreamRequest,
    oauth::{OAuthDefaults, OAuthSettings},
};
use crate::{
    config::BaseUrl,
    domain::{ListedCustomer, RemoteId, SourceName, is_path_segment},
};

/// The backend's name.
pub const NAME: SourceName = SourceName::new("my_reports");

/// The backend, for the registry.
pub const BACKEND: Backend = Backend { name: NAME, authorization_header: "X-MyReports-Authorization", configure };

/// The identity server, and what is requested from it ("Authentication"; its sample URL has "open id" where
/// its text has `openid`, which is the one that exists).
const OAUTH: OAuthDefaults = OAuthDefaults {
    authorize_url: "https://login.xarios.cloud/connect/authorize",
    token_url: "https://login.xarios.cloud/connect/token",
    redirect_uri: "http://127.0.0.1:8000",
    scope: "openid offline_access onboarding",
    token_store: "my-reports.token",
};

/// The reference says nothing about a 500: it may be a bug that the same call hits again.
const RETRY: Policy = Policy { retry_500: false, server_error_pause: None };

/// The customers per page of their list: the documented maximum.
const CUSTOMERS_ON_A_PAGE: u64 = 1000;

struct MyReports {
    /// The URL of customers, in the form for resellers or for enterprises.
    customers: Url,
}

impl Adapter for MyReports {
    fn paging(&self) -> Paging {
        Paging::Whole { suspicious: CUSTOMERS_ON_A_PAGE } // no paging is documented, but the API may cut here as well
    }

    fn request(&self, customer: &RemoteId, _: &Position) -> UpstreamRequest {
        let mut url = self.customers.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.push(customer.as_str()).push("users");
        }
        UpstreamRequest { method: Method::GET, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page, Unreadable> {
        wire::read(body)
    }

    fn says_inherited(&self) -> bool {
        true
    }

    fn customers(&self) -> Option<&dyn CustomerList> {
        Some(self)
    }
}

impl CustomerList for MyReports {
    fn paging(&self) -> Paging {
        Paging::Pages { size: CUSTOMERS_ON_A_PAGE }
    }

    /// Pages are counted from 0 here.
    fn request(&self, at: &Position) -> UpstreamRequest {
        let mut url = self.customers.clone();
        url.query_pairs_mut()
            .append_pair("pageIndex", &at.page.saturating_sub(1).to_string())
            .append_pair("pageSize", &CUSTOMERS_ON_A_PAGE.to_string());
        UpstreamRequest { method: Method::GET, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
        customers::read(body)
    }
}

impl MyReports {
    /// `account_id` is the reseller account that the customers belong to; only enterprises set it.
    fn new(base: &BaseUrl, account_id: Option<&str>) -> Self {
        let account = account_id.map(|id| ["accounts", id]);
        let path = ["api", "v1.0"].into_iter().chain(account.into_iter().flatten());
        Self { customers: base.join(path.chain(["customers"])) }
    }
}

fn configure(reader: &mut SourceReader<'_>) -> Option<SourceSettings> {
    let base = reader.base_url();
    let (credentials, account) = (reader.credentials(credentials), reader.key("account_id"));
    let account_id = reader.reader().get::<String>(&account);
    if account_id.as_deref().map(str::trim).is_some_and(|id| id.is_empty() || !is_path_segment(id)) {
        reader.reader().fault(&account, "must be the id of an account, or be omitted.");
    }
    reader.settings(base, credentials, RETRY, |base| MyReports::new(&base, account_id.as_deref()))
}

/// Reads a ready token, or the login that provides tokens; exactly one of the two.
fn credentials(reader: &mut SourceReader<'_>) -> Option<CredentialSettings> {
    let (token, file, oauth) = (reader.key("token"), reader.key("token_file"), reader.key("oauth"));
    let holds_token = reader.reader().holds(&token) || reader.reader().holds(&file);
    match (holds_token, reader.reader().holds(&oauth)) {
        (true, false) => reader.bearer("token"),
        (false, true) => OAuthSettings::read(reader, OAUTH).map(Box::new).map(CredentialSettings::RefreshToken),
        (true, true) => {
            let what = format!("is set together with the table [{oauth}]: remove one of the two.");
            reader.reader().fault(&token, what);
            reader.reader().secret(&token);
            OAuthSettings::read(reader, OAUTH);
            None
        }
        (false, false) => {
            // Read anyway, so that the correct name can be suggested for a misspelled one.
            drop([&token, &file].map(|key| reader.reader().get::<String>(key)));
            let what = format!("is required: a ready token, or {file} with the file that holds it, or the table [{oauth}] for a login.");
            reader.reader().fault(&token, what);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Layers, Reader, Setting};

    #[test]
    fn certificates_are_checked_where_the_source_or_its_identity_server_has_one() {
        let oauth: &[(&str, &str)] = &[("oauth.client_id", "id"), ("oauth.client_secret", "secret")];
        for (base_url, credentials, expected) in [
            ("http://127.0.0.1:1", &[("token", "token")][..], false),
            ("https://api.na.myreports.cloud", &[("token", "token")], true),
            ("http://127.0.0.1:1", oauth, true),
        ] {
            let keys = [("base_url", base_url)].into_iter().chain(credentials.iter().copied());
            let set = |layers: Layers, (key, value): (&str, &str)| layers.with_flag(&format!("sources.my_reports.{key}"), value, "test");
            let settings = BACKEND.read(&mut Reader::new(keys.fold(Layers::default(), set))).unwrap();
            assert_eq!(settings.is_encrypted(), expected, "{base_url} {credentials:?}");
        }
    }

    #[test]
    fn both_forms_are_asked_for_as_documented() {
        for (account, expected) in [
            (None, "https://api.na.myreports.cloud/api/v1.0/customers/c-1/users"),
            (Some("a/1"), "https://api.na.myreports.cloud/api/v1.0/accounts/a%2F1/customers/c-1/users"),
        ] {
            let base = BaseUrl::read(&"https://api.na.myreports.cloud".into()).unwrap();
            let adapter = MyReports::new(&base, account);
            let request = Adapter::request(&adapter, &RemoteId::new("c-1"), &Position::FIRST);
            assert_eq!((request.method, request.url.as_str()), (Method::GET, expected));
        }
    }
    #[test]
    fn the_list_of_customers_is_asked_for_as_documented() {
        for (account, expected) in [
            (None, "https://api.na.myreports.cloud/api/v1.0/customers?pageIndex=0&pageSize=1000"),
            (Some("a/1"), "https://api.na.myreports.cloud/api/v1.0/accounts/a%2F1/customers?pageIndex=0&pageSize=1000"),
        ] {
            let base = BaseUrl::read(&"https://api.na.myreports.cloud".into()).unwrap();
            let adapter = MyReports::new(&base, account);
            let request = CustomerList::request(&adapter, &Position::FIRST);
            assert_eq!((request.method, request.url.as_str()), (Method::GET, expected));
        }
    }
}
