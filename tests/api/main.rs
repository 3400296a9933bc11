//! Tests through the front door: a gateway on a real socket, before backends on real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing fails")]

mod access_log;
mod answers;
mod architecture;
mod breaker;
mod caching;
mod commands;
mod conditional;
mod counts;
mod credentials;
mod deadlines;
mod demo;
mod documents;
mod envelope;
mod filters;
mod freshness;
mod headers;
mod joining;
mod killed;
mod lifecycle;
mod limits;
mod load;
mod login;
mod outcomes;
mod pages;
mod paging;
mod records;
mod refresh;
mod reloading;
mod resilience;
mod retries;
mod secrets;
mod slow_clients;
mod stopping;
mod support;
mod telemetry;
mod third_source;
mod token_store;
mod tokens;
mod users;
mod walking;
mod wire_faults;
mod wire_oddities;
