//! The two sources by name, for tests in which each plays each part.

use super::{Call, Fake, Reply, Setup, World, person, persons_page, user};

/// The sources, the first one first.
pub(crate) const SOURCES: [&str; 2] = ["advanced_automation", "my_reports"];

/// The other of the two.
pub(crate) fn other_than(source: &str) -> &'static str {
    if source == SOURCES[0] { SOURCES[1] } else { SOURCES[0] }
}

/// The user that a source has in these tests.
pub(crate) fn name_at(source: &str) -> &'static str {
    if source == SOURCES[0] { "Ann" } else { "Bo" }
}

/// The answer of a working source: its one user.
pub(crate) fn roll(call: &Call) -> Reply {
    if call.path.ends_with("/Person") {
        return persons_page(&[person("1", "Ann", "ann@acme.example")], call);
    }
    Reply::json(200, &serde_json::json!({"status": "success", "page_size": 1, "data": [user("2", "Bo", "bo@acme.example")]}))
}

/// The customer that a call asks for.
pub(crate) fn customer(call: &Call) -> &str {
    call.parameter("Customer").unwrap_or_else(|| call.path.split('/').nth(4).unwrap())
}

impl World {
    /// A world in which each source has one user, for every customer.
    pub(crate) async fn of_two() -> Self {
        let world = Self::new().await;
        for source in SOURCES {
            world.answer_at(source, roll);
        }
        world
    }

    /// Sets how a source answers when it is asked for users; tokens are issued as usual.
    pub(crate) fn answer_at(&self, source: &str, reply: impl Fn(&Call) -> Reply + Send + Sync + 'static) {
        if source == SOURCES[0] { self.answer_persons(reply) } else { self.my_reports.answer(reply) }
    }

    /// How often a source was asked for users.
    pub(crate) fn asked_at(&self, source: &str) -> usize {
        let (persons, users) = self.asked();
        if source == SOURCES[0] { persons } else { users }
    }

    /// The fake of a source.
    pub(crate) fn fake(&self, source: &str) -> &Fake {
        if source == SOURCES[0] { &self.advanced_automation } else { &self.my_reports }
    }
}

impl Setup {
    /// Gives the sources all the time that they want, for tests that are not about time.
    pub(crate) fn patient(self) -> Self {
        let keys = [("timeout", "30s"), ("connect_timeout", "30s")];
        SOURCES.into_iter().fold(self.set("server.deadline", "1m"), |setup, source| setup.tune(source, &keys))
    }

    /// Sets keys of one source.
    pub(crate) fn tune(self, source: &str, keys: &[(&str, &str)]) -> Self {
        keys.iter().fold(self, |setup, (key, value)| setup.set(&format!("sources.{source}.{key}"), value))
    }
}
