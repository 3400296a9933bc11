//! Several gateways that act as one, before real programs: they want `redis-server` from Debian and
//! are run with `cargo test --test replicas -- --ignored`.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing fails")]
#![expect(dead_code, unused_imports, reason = "what all tests share has more than these need")]

mod changes;
mod load;
mod outages;
mod redis_server;
mod sharing;
#[path = "../api/support/mod.rs"]
mod support;
mod taking_over;
mod tokens;
