//! Gateways that forward callers' credentials to the sources, and sources that echo what they were sent.

use serde_json::json;

use super::{Answer, Call, Gateway, Reply, Setup, World, person, persons_page, sources::SOURCES, user};

/// The requested roll.
pub(crate) const ROLL: &str = "/customers/acme/users";

/// The header for a caller's credentials for a source.
pub(crate) fn header(source: &str) -> &'static str {
    if source == SOURCES[0] { "X-Advanced-Automation-Authorization" } else { "X-MyReports-Authorization" }
}

impl Setup {
    /// Forwards callers' credentials to a source, without retries.
    pub(crate) fn forwarding(self, source: &str) -> Self {
        self.tune(source, &[("credentials", "forward"), ("retries", "0")])
    }
}

impl Gateway {
    /// Sends the same credentials for both sources.
    pub(crate) async fn get_with_both(&self, path: &str, credentials: &str) -> Answer {
        self.get_with(path, &[(header(SOURCES[0]), credentials), (header(SOURCES[1]), credentials)]).await
    }
}

/// A gateway that forwards callers' credentials to both sources.
pub(crate) async fn forwarding_both(world: &World, keys: &[(&str, &str)]) -> Gateway {
    let setup = SOURCES.iter().fold(world.gateway(), |setup, source| setup.forwarding(source));
    keys.iter().fold(setup, |setup, (key, value)| setup.set(key, value)).start().await
}

/// A world in which each source has one user, named after what was sent as `Authorization`.
pub(crate) async fn echoing() -> World {
    let world = World::new().await;
    for source in SOURCES {
        world.fake(source).answer(echo);
    }
    world
}

/// One user, named after what was sent.
pub(crate) fn echo(call: &Call) -> Reply {
    let sent = call.header("authorization").unwrap_or("nothing").to_owned();
    if call.path.ends_with("/Person") {
        return persons_page(&[person("1", &sent, &format!("{}@a.example", sent.replace(' ', "-")))], call);
    }
    let users = [user("2", &sent, &format!("{}@b.example", sent.replace(' ', "-")))];
    Reply::json(200, &json!({"status": "success", "page_size": 1, "data": users}))
}
