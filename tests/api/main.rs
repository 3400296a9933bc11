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
mod customers;
mod deadlines;
mod demo;
mod discover;
mod documents;
mod envelope;
mod exports;
mod filters;
mod freshness;
mod headers;
mod joining;
mod lifecycle;
mod limits;
mod link_file;
mod load;
mod outcomes;
mod pages;
mod paging;
mod records;
mod reloading;
mod resilience;
mod retries;
mod secrets;
mod single_user;
mod slow_clients;
mod stopping;
mod support;
mod telemetry;
mod third_source;
mod tokens;
mod users;
mod walking;
mod wire_faults;
mod wire_oddities;
