//! Any text as a cursor: reading it terminates, and a cursor that the gateway did not write is refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rollcall::roll::{PageOf, View};

fuzz_target!(|cursor: &str| {
    let customer = "acme".parse().expect("a plain id");
    assert!(PageOf::new(&customer, &View::default(), Some(cursor), 10).is_err());
});
