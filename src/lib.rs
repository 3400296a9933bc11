//! Rollcall: one roll of a customer's users, whichever backend holds them.
//!
//! This is the map: the modules in the order in which a request meets them. Imports go one way,
//! `api` to `access`, `customers` and `roll`, these to `sources`, these to `config` and `domain`; `app` and
//! `commands` see all. A test holds the arrows.

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
