//! Tests through the front door: a gateway on a real socket, before backends on real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::indexing_slicing, reason = "a test that finds nothing fails")]

mod support;
mod users;
