//! Several replicas of the real program, behind what stands before them where they are used.
//!
//! What they need is not on every machine: `cargo test --test replicas -- --ignored` runs them.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing fails")]

mod balancer;

#[path = "../api/support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests of one replica use all of it")]
mod support;
