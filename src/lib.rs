//! Rollcall: one roll of a customer's users, whichever backend holds them.
//!
//! This is the map: the modules in the order in which a request meets them. Imports go one way:
//!
//! - `server` to `api`; `api` to `access`, `roll`, `customers` and `sources`
//! - `roll` to `customers` and `sources`; `customers` to `sources`
//! - all of these to what stands below them: `shared_cache` to `telemetry`, `telemetry` to `outbound`,
//!   `outbound` to `config`, and `domain`, which imports nothing of ours and which the others may know
//! - `flight`, `json`, `offload`, `texts` and `sandbox` import nothing of ours, `breaker` only `domain`
//! - `app` and `commands` see all
//!
//! `tests/api/architecture.rs` says it for each module, and holds it.

// How the process comes up.
pub mod app;
pub mod commands;
pub mod config;
pub mod server;

// How a request travels.
pub mod access;
pub mod api;
pub mod customers;
pub mod roll;
pub mod sources;

// What all of them speak and use.
pub mod breaker;
pub mod domain;
pub mod flight;
pub mod json;
pub mod offload;
pub mod outbound;
pub mod shared_cache;
pub mod telemetry;
pub mod texts;

// The other side of the wire, for `demo` and for tests.
pub mod sandbox;
