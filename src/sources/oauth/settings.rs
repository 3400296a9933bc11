//! The table `[sources.<name>.oauth]`.

use std::path::Path;

use url::Url;

use super::{
    endpoint::{Basic, Endpoint},
    login_command,
    refresh::Refresh,
    renewals::Renewals,
    store::Store,
};
use crate::{
    config::{BaseUrl, RedirectUri, SecretSource, Setting, Text},
    domain::SourceName,
    shared_cache::SharedCache,
    sources::SourceReader,
};

/// A login by authorization code, as configured.
#[derive(Clone, Debug)]
pub struct OAuthSettings {
    pub(super) endpoint: Endpoint,
    /// Where the person approves.
    pub(super) authorize_url: Url,
    /// Where the browser is redirected to.
    pub(super) redirect_uri: RedirectUri,
    /// The requested scope.
    pub(super) scope: String,
    pub(super) store: Store,
}

/// The defaults of a backend's own identity server.
#[derive(Clone, Copy, Debug)]
pub struct OAuthDefaults {
    /// Where the person approves.
    pub authorize_url: &'static str,
    /// Where tokens are issued.
    pub token_url: &'static str,
    /// Where the browser is redirected to.
    pub redirect_uri: &'static str,
    /// The requested scope.
    pub scope: &'static str,
    /// The file that stores the refresh token.
    pub token_store: &'static str,
}

impl OAuthSettings {
    /// Reads the table; `None` if a required key is missing or wrong.
    pub fn read(reader: &mut SourceReader<'_>, defaults: OAuthDefaults) -> Option<Self> {
        let key = |reader: &SourceReader<'_>, key: &str| reader.key(&format!("oauth.{key}"));
        let (id, secret, uri) = (key(reader, "client_id"), key(reader, "client_secret"), key(reader, "redirect_uri"));
        let (scope, store) = (key(reader, "scope"), key(reader, "token_store"));
        let client_id = reader.reader().required(&id);
        let client_secret: Option<SecretSource> = reader.reader().secret(&secret);
        let authorize_url = reader.url("oauth.authorize_url", defaults.authorize_url);
        let token_url = reader.url("oauth.token_url", defaults.token_url);
        let redirect_uri = match reader.reader().get::<RedirectUri>(&uri) {
            None => RedirectUri::read(&defaults.redirect_uri.into()).ok(),
            written => written,
        };
        let Text(scope) = reader.reader().or(&scope, Text(defaults.scope.to_owned()));
        let store = Store::new(reader.reader().path_or(&store, defaults.token_store));
        let Text(client_id) = client_id?;
        let url = |url: BaseUrl| url.url().clone();
        Some(Self {
            endpoint: Endpoint::new(reader.name(), url(token_url?), client_id, client_secret?, Basic::Encoded),
            authorize_url: url(authorize_url?),
            redirect_uri: redirect_uri?,
            scope,
            store,
        })
    }

    /// Whether certificates will have to be verified.
    pub fn is_encrypted(&self) -> bool {
        self.endpoint.url.scheme() == "https"
    }

    /// What a person has to do before the first token is available; `None` once that is done.
    pub fn to_do(&self) -> Option<String> {
        let (file, command) = (self.store_path().display(), login_command(self.name()));
        (!self.store.is_there()).then(|| format!("no one has logged in yet ({file} does not exist): run `{command}`."))
    }

    pub(super) fn name(&self) -> SourceName {
        self.endpoint.name
    }

    /// Our client id there.
    pub(in crate::sources) fn client_id(&self) -> &str {
        &self.endpoint.client_id
    }

    pub(in crate::sources) fn store_path(&self) -> &Path {
        self.store.path()
    }

    /// Makes the grant.
    pub(in crate::sources) fn into_refresh(self, renewals: Renewals, shared: Option<&SharedCache>) -> Refresh {
        Refresh::new(self.endpoint, self.store, renewals, shared)
    }
}
