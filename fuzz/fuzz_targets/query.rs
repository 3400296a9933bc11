//! Any text as a query or an id: checking it terminates.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::{api::is_query, domain::CustomerId};

fuzz_target!(|text: &str| {
    let customer = "acme".parse().expect("a plain id");
    let _ = is_query(text, &customer);
    if let Ok(id) = text.parse::<CustomerId>() {
        assert_eq!(id.as_str(), text);
    }
});
