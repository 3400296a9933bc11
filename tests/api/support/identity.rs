//! An identity server for MyReports: the sandbox's, in front of the real program, or a test's own, whose
//! refresh tokens are valid only once and are named by their number.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use rollcall::sandbox::{MY_REPORTS_CLIENT_ID, MY_REPORTS_CLIENT_SECRET, Options, Sandbox, SimulatedBackend};
use serde_json::json;
use url::form_urlencoded;

use super::{Answer, Call, Folder, Gateway, Program, Reply, Setup, World, free_address, sources::roll};

/// A customer of the sandbox with users at both backends.
pub(crate) const ROLL: &str = "/customers/00000000-0000-4000-8000-000000000002/users?partial=deny";

/// The URL for the person to open follows this text.
const INVITATION: &str = "to the API:\n\n";

/// The sandbox, and a configuration that logs in to it.
pub(crate) struct Home {
    pub(crate) sandbox: Sandbox,
    pub(crate) folder: Folder,
    pub(crate) file: PathBuf,
    /// Where the browser is redirected to.
    pub(crate) redirect: String,
}

/// What a test's own identity server has done: it issues `refresh-1`, then `refresh-2`, and accepts
/// each once.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The refresh tokens that were sent, in order.
    pub(crate) sent: Vec<String>,
    /// How many were issued.
    pub(crate) given: usize,
}

pub(crate) type Shared = Arc<Mutex<Given>>;

impl Home {
    /// Starts the sandbox with these options, and adds these keys to the configuration.
    pub(crate) async fn new(options: Options, more: &str) -> Self {
        let (sandbox, folder) = (Sandbox::start(options).await.unwrap(), Folder::new());
        let redirect = format!("http://{}", free_address());
        let (persons, users) = (sandbox.base_url(SimulatedBackend::AdvancedAutomation), sandbox.base_url(SimulatedBackend::MyReports));
        let text = format!(
            "server.listen = \"127.0.0.1:0\"\nserver.drain = \"0s\"\ntelemetry.access_log = \"off\"\n\
             sources.advanced_automation.base_url = \"{persons}\"\nsources.advanced_automation.client_id = \"{}\"\n\
             sources.advanced_automation.client_secret = \"{}\"\nsources.my_reports.base_url = \"{users}\"\n\
             [sources.my_reports.oauth]\nclient_id = \"{MY_REPORTS_CLIENT_ID}\"\n\
             authorize_url = \"{users}/connect/authorize\"\ntoken_url = \"{users}/connect/token\"\nredirect_uri = \"{redirect}\"\n{}\n",
            rollcall::sandbox::CLIENT_ID,
            rollcall::sandbox::CLIENT_SECRET,
            if more.contains("client_secret") {
                more.to_owned()
            } else {
                format!("client_secret = \"{MY_REPORTS_CLIENT_SECRET}\"\n{more}")
            },
        );
        let file = folder.write("rollcall.toml", &text);
        Self { sandbox, folder, file, redirect }
    }

    /// The file that stores the refresh token.
    pub(crate) fn store(&self) -> PathBuf {
        self.folder.path("my-reports.token")
    }

    /// The URL of MyReports and its identity server.
    pub(crate) fn users(&self) -> String {
        self.sandbox.base_url(SimulatedBackend::MyReports)
    }

    /// Starts a login, and waits for the URL for the person to open.
    pub(crate) async fn begin_login(&self) -> (Program, String) {
        let program = Program::start(&["login", "my-reports", "--config", self.file.to_str().unwrap()], &[("ROLLCALL_LOG", "trace")]);
        let url = program.word_after(&[INVITATION]).await;
        (program, url)
    }

    /// Logs in as a person would.
    pub(crate) async fn log_in(&self) {
        let (program, url) = self.begin_login().await;
        let page = open(&url).await;
        assert_eq!(page.status, 200, "{page:?}");
        let ended = program.ended().await;
        assert_eq!(ended.code, Some(0), "{ended:?}");
    }

    pub(crate) async fn serve(&self) -> (Program, Gateway) {
        Program::serve(&self.file, &[("ROLLCALL_LOG", "trace")]).await
    }
}

impl World {
    /// Makes MyReports an identity server as well, whose access tokens are valid for `life` seconds; `extra`
    /// may change its answers. Refresh tokens before the first one are `refresh-0`.
    pub(crate) fn identity(&self, life: u64, extra: impl Fn(usize, Reply) -> Reply + Send + Sync + 'static) -> Shared {
        let shared = Shared::default();
        let known = Arc::clone(&shared);
        self.my_reports.answer(move |call| match call.path.as_str() {
            "/connect/token" => {
                let mut known = known.lock().unwrap();
                let reply = known.renew(call, life);
                extra(known.sent.len(), reply)
            }
            _ => known.lock().unwrap().users(call),
        });
        shared
    }

    /// A gateway that obtains MyReports' tokens with the refresh token in this store.
    pub(crate) fn with_store(&self, store: &Path) -> Setup {
        let keys = [
            ("sources.advanced_automation.base_url", self.advanced_automation.url()),
            ("sources.advanced_automation.client_id", "client".to_owned()),
            ("sources.advanced_automation.client_secret", "secret".to_owned()),
            ("sources.my_reports.base_url", self.my_reports.url()),
            ("sources.my_reports.retries", "0".to_owned()),
            ("sources.my_reports.oauth.client_id", "us".to_owned()),
            ("sources.my_reports.oauth.client_secret", "secret".to_owned()),
            ("sources.my_reports.oauth.token_url", format!("{}/connect/token", self.my_reports.url())),
            ("sources.my_reports.oauth.token_store", store.to_str().unwrap().to_owned()),
        ];
        keys.iter().fold(Setup::new(&[]), |setup, (key, value)| setup.set(key, value))
    }

    /// The same for the real program.
    pub(crate) fn toml_with_store(&self, folder: &Folder, more: &str) -> PathBuf {
        let oauth = format!(
            "sources.advanced_automation.client_secret = \"secret\"\nsources.my_reports.retries = 0\n{more}\n\
             [sources.my_reports.oauth]\nclient_id = \"us\"\nclient_secret = \"secret-of-the-login\"\ntoken_url = \"{0}/connect/token\"\n",
            self.my_reports.url()
        );
        folder.write("rollcall.toml", &self.toml(&oauth))
    }
}

impl Given {
    pub(crate) fn renew(&mut self, call: &Call, life: u64) -> Reply {
        let form: Vec<(String, String)> = form_urlencoded::parse(&call.body).into_owned().collect();
        let field = |name: &str| form.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone()).unwrap_or_default();
        assert_eq!((field("grant_type").as_str(), call.header("authorization").is_some()), ("refresh_token", true), "{form:?}");
        self.sent.push(field("refresh_token"));
        if field("refresh_token") != format!("refresh-{}", self.given) {
            return Reply::json(400, &json!({"error": "invalid_grant", "error_description": "used"}));
        }
        self.given += 1;
        Reply::json(
            200,
            &json!({
                "access_token": format!("access-{}", self.given), "refresh_token": format!("refresh-{}", self.given),
                "expires_in": life, "token_type": "Bearer", "scope": "openid",
            }),
        )
    }

    pub(crate) fn users(&self, call: &Call) -> Reply {
        let is_given = |number| call.header("authorization") == Some(&format!("Bearer access-{number}"));
        if (1..=self.given).any(is_given) { roll(call) } else { Reply::status(401) }
    }
}

/// A world whose identity server accepts the refresh token in a store, and issues access tokens that
/// are valid for `life` seconds.
pub(crate) async fn world(life: u64) -> (World, Folder, Shared) {
    let (world, folder) = (World::of_two().await, Folder::new());
    let given = world.identity(life, |_, reply| reply);
    folder.write("my-reports.token", "refresh-0\n");
    (world, folder, given)
}

/// Requests a complete roll, with `partial=deny`.
pub(crate) async fn ask(gateway: &Gateway, customer: &str) -> Answer {
    gateway.get(&format!("/customers/{customer}/users?partial=deny")).await
}

/// The refresh tokens sent so far.
pub(crate) fn sent(given: &Shared) -> Vec<String> {
    given.lock().unwrap().sent.clone()
}

/// The first `count` refresh tokens.
pub(crate) fn numbered(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("refresh-{number}")).collect()
}

/// Opens a URL like a browser, following redirects.
pub(crate) async fn open(url: &str) -> Answer {
    let place = url.find("/connect/").unwrap_or_else(|| url[8..].find(['/', '?']).map_or(url.len(), |at| at + 8));
    Gateway::at(url[..place].to_owned()).get(&url[place..]).await
}
