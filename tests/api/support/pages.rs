//! Advanced Automation's pages, scripted one by one by a test.

use std::{
    ops::Range,
    sync::atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::{Gateway, Reply, World, person, user};

/// How many rows per page are requested here.
pub(crate) const SIZE: usize = 10;

impl World {
    /// Answers depending on the number of a page and of the reading that requests it, both from 1.
    pub(crate) fn answer_pages(&self, script: impl Fn(usize, usize) -> Reply + Send + Sync + 'static) {
        let readings = AtomicUsize::new(0);
        self.answer_persons(move |call| {
            let page = call.number("Page");
            let begins = usize::from(page == 1);
            script(page, readings.fetch_add(begins, Ordering::SeqCst) + begins)
        });
    }

    /// A gateway that asks for pages of ten and makes no retries, with one user at MyReports.
    pub(crate) async fn start_paging(&self, keys: &[(&str, &str)]) -> Gateway {
        self.users(vec![user("m", "Zoe", "zoe@acme.example")]);
        let own = [("page_size", "10"), ("retries", "0")];
        let set = own.iter().chain(keys).fold(self.gateway(), |setup, (key, value)| {
            let key = format!("sources.advanced_automation.{key}");
            setup.set(&key, value)
        });
        set.start().await
    }

    /// The requested pages, in order.
    pub(crate) fn pages_asked(&self) -> Vec<usize> {
        let calls = self.advanced_automation.calls();
        let mut pages: Vec<usize> = calls.iter().filter_map(|call| call.parameter("Page")?.parse().ok()).collect();
        pages.sort_unstable();
        pages
    }
}

/// A page of persons with these ids, and the counts that it states.
pub(crate) fn page(ids: impl IntoIterator<Item = usize>, count: impl Into<Value>, pages: impl Into<Value>) -> Reply {
    let clients: Vec<Value> = ids.into_iter().map(|id| person(&id.to_string(), &format!("P{id:03}"), "")).collect();
    Reply::json(200, &json!({"Clients": clients, "Paging": {"AmountRecordsFound": count.into(), "AmountOfPages": pages.into()}}))
}

/// The ids on one page of a server that holds `total` and returns `size` per page.
pub(crate) fn slice(total: usize, size: usize, number: usize) -> Range<usize> {
    ((number - 1) * size).min(total)..(number * size).min(total)
}
