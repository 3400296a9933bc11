//! A world for a test: one fake backend for each registered source, and a gateway before them.

mod fake;
mod gateway;

pub(crate) use fake::{Call, Fake, Reply};
pub(crate) use gateway::{Answer, Gateway, Setup};

use serde_json::{Value, json};

/// The token that the fake Advanced Automation gives first; each further one ends in its number.
pub(crate) const TOKEN: &str = "token-1";

/// One fake backend for each registered source, each knowing every customer, with no users.
pub(crate) struct World {
    pub(crate) advanced_automation: Fake,
    pub(crate) my_reports: Fake,
}

impl World {
    pub(crate) async fn new() -> Self {
        let world = Self { advanced_automation: Fake::start().await, my_reports: Fake::start().await };
        world.persons(vec![]);
        world.users(vec![]);
        world
    }

    /// What Advanced Automation has, for every customer, on numbered pages.
    pub(crate) fn persons(&self, rows: Vec<Value>) {
        self.advanced_automation.answer(with_tokens(move |call| persons_page(&rows, call)));
    }

    /// How Advanced Automation answers for persons; it gives tokens as usual.
    pub(crate) fn answer_persons(&self, reply: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        self.advanced_automation.answer(with_tokens(reply));
    }

    /// What MyReports has, for every customer.
    pub(crate) fn users(&self, rows: Vec<Value>) {
        self.my_reports.answer(move |_| Reply::json(200, &json!({"page_size": rows.len(), "data": rows, "status": "success"})));
    }

    /// A gateway before these backends, still to be configured.
    pub(crate) fn gateway(&self) -> Setup {
        Setup::new(&[
            ("sources.advanced_automation.base_url", &self.advanced_automation.url()),
            ("sources.advanced_automation.client_id", "client"),
            ("sources.advanced_automation.client_secret", "secret"),
            ("sources.my_reports.base_url", &self.my_reports.url()),
            ("sources.my_reports.token", "my-reports-token"),
        ])
    }

    /// A gateway before these backends, as it comes.
    pub(crate) async fn start(&self) -> Gateway {
        self.gateway().start().await
    }
}

/// A person as Advanced Automation sends it, as far as a test needs.
pub(crate) fn person(id: &str, name: &str, email: &str) -> Value {
    json!({"Id": id, "Name": name, "Email": email, "Enabled": true, "IsLogin": true, "Role": "Client", "Deleted": false})
}

/// A user as MyReports sends it.
pub(crate) fn user(id: &str, name: &str, email: &str) -> Value {
    json!({"id": id, "displayName": name, "email": email, "isParent": false})
}

/// Gives a token at the token endpoint, each time another one; everything else is `reply`.
pub(crate) fn with_tokens(reply: impl Fn(&Call) -> Reply + Send + Sync + 'static) -> impl Fn(&Call) -> Reply + Send + Sync + 'static {
    let given = std::sync::atomic::AtomicUsize::new(0);
    move |call| {
        if call.path != "/api/2/idp/token" {
            return reply(call);
        }
        let number = given.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        Reply::json(200, &json!({"access_token": format!("token-{number}"), "expires_in": 7200, "token_type": "bearer"}))
    }
}

/// The page that a call asks for, as Advanced Automation counts.
pub(crate) fn persons_page(rows: &[Value], call: &Call) -> Reply {
    let (page, size) = (call.number("Page"), call.number("PageSize"));
    let clients: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    let paging = json!({"AmountRecordsFound": rows.len(), "AmountOfPages": rows.len().div_ceil(size)});
    Reply::json(200, &json!({"Clients": clients, "Paging": paging}))
}
