//! Rollcall: one roll of a customer's users, whichever backend holds them.
//!
//! Rollcall is a REST gateway. For one customer it asks every source (Advanced Automation and MyReports) for
//! its users, joins the records that share an e-mail address into one roll, and says how complete and how old
//! the answer is.
//!
//! # The steps of a request
//!
//! 1. **HTTP in**: [`server`], then the middleware of [`api`]. Bytes on a socket become a request with an id
//!    and a trace.
//! 2. **Who**: [`access`]. A key or a token becomes a caller, with the customers that they may see, or the
//!    answer is 401 or 429.
//! 3. **What**: [`api`] and [`customers`]. Path and query become a customer, a view and a page; the links
//!    give the customer's id at each source.
//! 4. **Fan-out**: [`roll`] ([`Rolls::roll`](roll::Rolls::roll)). All sources are asked at once under one
//!    deadline; the failure of one never cuts another short.
//! 5. **Cache**: `roll/cache/`, with [`shared_cache`] between replicas. A source and a customer become a
//!    fresh or stale copy ([`roll::CachedAnswer`]), or one walk ([`flight`]) that all waiting callers share.
//! 6. **Walk**: [`sources::Source::walk`], with `sources/pages.rs`, `reading.rs` and `ownership.rs`. It decides
//!    which pages to read and when to stop, and checks whether the counts agree and whose rows they are.
//! 7. **Ask**: [`sources`] (`page.rs`, `retry.rs`, `attempt.rs`, `credentials.rs`), [`sources::oauth`], [`breaker`] and
//!    [`outbound`]. A request becomes a body of bounded size, or a failure with a name
//!    ([`domain::FailureKind`]).
//! 8. **Read**: each source's `wire.rs`, and [`json`]. Bytes become records ([`domain::Records`]).
//! 9. **Decide**: `roll/outcome.rs`. The sources' outcomes become a roll, a partial roll or an error. Pure.
//! 10. **Join**: `roll/join.rs`, `roll/merge.rs` and `roll/encode.rs`. Records become users
//!     ([`domain::User`]), each encoded once, in every order that callers may ask for ([`roll::Roll`]).
//! 11. **Page**: [`roll::PageOf`], [`roll::Export`], and [`search_text`] for searches. A roll and a view
//!     ([`roll::View`]) become a page, or all users piece by piece.
//! 12. **HTTP out**: [`api`]. The page or the error becomes JSON, CSV or JSON lines, with a status and
//!     headers; [`telemetry`] gets one log line and the metrics.
//!
//! [`commands`] is the command line, [`config`] reads the configuration, and [`app`] builds a gateway from it.
//!
//! # Which module may import which
//!
//! Imports go one way:
//!
//! - `server` imports `api`; `api` imports `access`, `roll`, `customers` and `sources`.
//! - `roll` imports `customers` and `sources`; `customers` imports `sources`.
//! - All of these import the modules below them: `shared_cache` imports `telemetry`, `telemetry` imports
//!   `outbound`, `outbound` imports `config`, and `domain` imports nothing of ours.
//! - `flight`, `json`, `kept`, `offload`, `search_text` and `sandbox` import nothing of ours, `breaker` only `domain`.
//! - `app` and `commands` may import everything.
//!
//! `tests/api/architecture.rs` has the exact list for each module, and enforces it.
//!
//! # Glossary
//!
//! - **source**: a backend in use, such as `advanced_automation` ([`sources::Source`]).
//! - **record**: one source's entry for one person ([`domain::Record`]).
//! - **user**: one person as callers see them, made of one record or of several joined by e-mail address
//!   ([`domain::User`]); `roll` calls it a person until it is encoded.
//! - **roll**: all users of one customer, joined from particular copies ([`roll::Roll`]).
//! - **view**: which users of a roll a caller wants to see, and in which order ([`roll::View`]).
//! - **walk**: one complete read of a customer's users at one source, page by page ([`sources::Walk`]).
//! - **reading**: one pass over the pages; a walk makes a second one if the counts of the first disagree.
//! - **copy**: a source's answer as it is cached: its users, or that it does not know the customer.
//! - **fresh**, **stale**: a copy is fresh for `cache.fresh`. After that it is stale: still usable for a
//!   time while the source is asked again, or if the source fails ([`roll::FreshnessPolicy`]).
//! - **caller**: a person or program that calls the gateway, identified by a key or a token ([`access`]).
//! - **scope**: whose credentials a copy was fetched with, the gateway's own or one caller's
//!   ([`sources::Scope`]). A copy is never shared between scopes.
//! - **link**: a customer's id at one source, and what that is based on ([`customers::Link`]).
//! - **strategy**: a way to find links: `same_id`, `file` or `discover`. The first one that knows a customer
//!   decides for all sources ([`customers`]).
//! - **subject**: what replicas identify a shared copy by: the source, the gateway's identity there, and the
//!   customer's id there ([`shared_cache::Subject`]).
//! - **place**: in `shared_cache`, a key in Redis for one purpose; in `roll` and `domain`, a position in a
//!   list.
//! - **epoch**: a period in which a replica has missed no change that the others reported
//!   ([`shared_cache::Epoch`]).
//! - **turn**: in `roll/cache/`, the right of one replica to ask a source while the others wait; in the
//!   metrics, the period in which one gateway's gauges are shown.

// How the process starts.
pub mod app;
pub mod commands;
pub mod config;
mod server;

// The path of a request.
pub mod access;
pub mod api;
pub mod customers;
pub mod roll;
pub mod sources;

// Shared by all of them.
mod breaker;
pub mod domain;
mod flight;
pub mod json;
mod kept;
mod offload;
mod outbound;
mod search_text;
pub mod shared_cache;
pub mod telemetry;

// The other side of the wire, for `demo` and for tests.
pub mod sandbox;
