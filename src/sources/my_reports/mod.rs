//! MyReports (Xarios Dimensions): `GET /customers/{id}/users`, one answer, a bearer token.
//!
//! Source of the facts: MyReports' API reference (en-us), "Users", "Get All", for resellers and
//! for enterprises. It documents no paging: one answer holds everything.

mod wire;

use http::Method;

use super::{
    Adapter, Backend, CredentialSettings, Page, Paging, Policy, SourceReader, SourceSettings, Unreadable, UpstreamRequest,
    oauth::{OAuthDefaults, OAuthSettings},
};
use crate::{
    config::BaseUrl,
    domain::{RemoteId, SourceName},
};

/// The backend's name.
pub const NAME: SourceName = SourceName::new("my_reports");

/// The backend, for the registry.
pub const BACKEND: Backend = Backend { name: NAME, configure };

/// The identity server, and what it is asked ("Authentication"; its sample URL has "open id" where
/// its text has `openid`, which is what there is).
const OAUTH: OAuthDefaults = OAuthDefaults {
    authorize_url: "https://login.xarios.cloud/connect/authorize",
    token_url: "https://login.xarios.cloud/connect/token",
    redirect_uri: "http://127.0.0.1:8000",
    scope: "openid offline_access onboarding",
    token_store: "my-reports.token",
};

struct MyReports {
    base: BaseUrl,
    /// The reseller account that customers are under; only enterprises say it.
    account_id: Option<String>,
}

impl Adapter for MyReports {
    fn name(&self) -> SourceName {
        NAME
    }

    fn paging(&self) -> Paging {
        Paging::Whole
    }

    fn request(&self, customer: &RemoteId, _page: u64) -> UpstreamRequest {
        let account = self.account_id.as_deref().map(|id| ["accounts", id]);
        let path = ["api", "v1.0"].into_iter().chain(account.into_iter().flatten());
        let url = self.base.join(path.chain(["customers", customer.as_str(), "users"]));
        UpstreamRequest { method: Method::GET, url }
    }

    fn read(&self, body: &[u8]) -> Result<Page, Unreadable> {
        wire::read(body)
    }
}

fn configure(reader: &mut SourceReader<'_>) -> Option<SourceSettings> {
    let base_url = reader.base_url();
    let credentials = credentials(reader);
    let account = reader.key("account_id");
    let account_id = reader.reader().get::<String>(&account);
    if matches!(account_id.as_deref().map(str::trim), Some("" | "." | "..")) {
        reader.reader().fault(&account, "must be the id of an account, or be left out.");
    }
    let limits = reader.limits();
    let base = base_url?;
    Some(SourceSettings {
        credentials: credentials?,
        adapter: Box::new(MyReports { base: base.clone(), account_id }),
        base_url: base,
        retry: Policy { retries: limits.retries, retry_500: false, server_error_pause: None },
        limits,
    })
}

/// A ready token, or the login that gives them; one of the two.
fn credentials(reader: &mut SourceReader<'_>) -> Option<CredentialSettings> {
    let (token, file, oauth) = (reader.key("token"), reader.key("token_file"), reader.key("oauth"));
    let holds_token = reader.reader().holds(&token) || reader.reader().holds(&file);
    match (holds_token, reader.reader().holds(&oauth)) {
        (true, false) => reader.reader().secret(&token).map(CredentialSettings::Bearer),
        (false, true) => OAuthSettings::read(reader, OAUTH).map(Box::new).map(CredentialSettings::RefreshToken),
        (true, true) => {
            let what = format!("stands beside the table [{oauth}]: leave one of the two out.");
            reader.reader().fault(&token, what);
            reader.reader().secret(&token);
            OAuthSettings::read(reader, OAUTH);
            None
        }
        (false, false) => {
            // Asked for all the same, so that a key that is almost one of them is told which.
            drop([&token, &file].map(|key| reader.reader().get::<String>(key)));
            let what = format!("is required: a ready token, or {file} with the file that holds it, or the table [{oauth}] of a login.");
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
            let adapter = MyReports { base, account_id: account.map(str::to_owned) };
            let request = adapter.request(&RemoteId::new("c-1"), 1);
            assert_eq!((request.method, request.url.as_str()), (Method::GET, expected));
        }
    }
}
