//! Several replicas that act as one, with real programs: a Redis between them, load balancers in front of
//! them.
//!
//! They need programs that not every machine has: `cargo test --test replicas -- --ignored` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot continue fails")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing fails")]
#![expect(dead_code, unused_imports, reason = "what all tests share has more than these need")]

mod balancer;
mod changes;
mod load;
mod older;
mod outages;
mod own_trouble;
mod redis_server;
mod sharing;
#[path = "../api/support/mod.rs"]
mod support;
mod taking_over;
mod tokens;
