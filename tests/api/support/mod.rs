//! A test's world: a fake of each backend that every gateway has, and a gateway in front of them.

mod address;
pub(crate) mod caller;
pub(crate) mod certificates;
pub(crate) mod collector;
pub(crate) mod envelope;
mod fake;
pub(crate) mod figure;
pub(crate) mod forwarding;
mod gateway;
pub(crate) mod identity;
pub(crate) mod issuer;
pub(crate) mod lists;
pub(crate) mod memory;
mod pages;
pub(crate) mod planted;
mod program;
mod raw;
pub(crate) mod raw_source;
pub(crate) mod sources;
pub(crate) mod trusting;

pub(crate) use address::free_address;
pub(crate) use fake::{Call, Fake, Reply};
pub(crate) use gateway::{Answer, Gateway, Setup};
pub(crate) use pages::{SIZE, page, slice};
pub(crate) use program::{Ended, Folder, Program, SECRETS};

use std::{fmt::Display, time::Duration};

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

/// The pause between two looks at a condition.
const PAUSE: Duration = Duration::from_millis(5);

/// The first token of the fake Advanced Automation; each further one ends in its number.
pub(crate) const TOKEN: &str = "token-1";

/// A fake of each backend that every gateway has; each knows every customer and has no users.
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

    /// Sets what Advanced Automation has, for every customer, on numbered pages.
    pub(crate) fn persons(&self, rows: Vec<Value>) {
        self.advanced_automation.answer(with_tokens(move |call| persons_page(&rows, call)));
    }

    /// Sets how Advanced Automation answers for persons; it issues tokens as usual.
    pub(crate) fn answer_persons(&self, reply: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        self.advanced_automation.answer(with_tokens(reply));
    }

    /// Sets what MyReports has, for every customer.
    pub(crate) fn users(&self, rows: Vec<Value>) {
        self.my_reports.answer(move |_| Reply::json(200, &json!({"page_size": rows.len(), "data": rows, "status": "success"})));
    }

    /// A gateway in front of these backends, yet to be configured.
    pub(crate) fn gateway(&self) -> Setup {
        Setup::new(&[
            ("sources.advanced_automation.base_url", &self.advanced_automation.url()),
            ("sources.advanced_automation.client_id", "client"),
            ("sources.advanced_automation.client_secret", "secret"),
            ("sources.my_reports.base_url", &self.my_reports.url()),
            ("sources.my_reports.token", "my-reports-token"),
        ])
    }

    /// A gateway in front of these backends, with the default configuration.
    pub(crate) async fn start(&self) -> Gateway {
        self.gateway().start().await
    }
}

/// A person as Advanced Automation sends it, with the fields that a test needs.
pub(crate) fn person(id: &str, name: &str, email: &str) -> Value {
    json!({"Id": id, "Name": name, "Email": email, "Enabled": true, "IsLogin": true, "Role": "Client", "Deleted": false})
}

/// A user as MyReports sends it.
pub(crate) fn user(id: &str, name: &str, email: &str) -> Value {
    json!({"id": id, "displayName": name, "email": email, "isParent": false})
}

/// Issues a new token at the token endpoint each time; everything else is answered by `reply`.
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

/// The requested page, with the counts of Advanced Automation.
pub(crate) fn persons_page(rows: &[Value], call: &Call) -> Reply {
    let (page, size) = (call.number("Page"), call.number("PageSize"));
    let clients: Vec<&Value> = rows.iter().skip((page - 1) * size).take(size).collect();
    let paging = json!({"AmountRecordsFound": rows.len(), "AmountOfPages": rows.len().div_ceil(size)});
    Reply::json(200, &json!({"Clients": clients, "Paging": paging}))
}

/// Waits until a condition holds, for as long as anything may take.
#[track_caller]
pub(crate) fn until(what: impl Display, mut holds: impl FnMut() -> bool) -> impl Future<Output = ()> {
    until_so(what, async move || holds())
}

/// The same for a condition that has to be requested.
#[track_caller]
pub(crate) fn until_so(what: impl Display, holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    until_so_within(program::PATIENCE, what, holds)
}

/// The same with a limit of its own. Only a failure formats `what`, so it may show what has happened by then.
#[track_caller]
pub(crate) fn until_so_within(limit: Duration, what: impl Display, mut holds: impl AsyncFnMut() -> bool) -> impl Future<Output = ()> {
    let asked = std::panic::Location::caller();
    async move {
        let end = Instant::now() + limit;
        while !holds().await {
            assert!(Instant::now() < end, "{asked} waited longer than {limit:?} for {what}");
            sleep(PAUSE).await;
        }
    }
}

impl World {
    /// How many pages of persons and how many lists of users were requested.
    pub(crate) fn asked(&self) -> (usize, usize) {
        (self.advanced_automation.count("/Person"), self.my_reports.count("/users"))
    }
}

/// `size` persons, from `P000` on, each with an address.
pub(crate) fn crowd(size: usize) -> Vec<Value> {
    (0..size).map(|number| person(&format!("{number}"), &format!("P{number:03}"), &format!("p{number}@acme.example"))).collect()
}
