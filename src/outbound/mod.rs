//! All network I/O that the gateway begins: one exchange, its body bounded, its errors classified.
//! Knows no backend; who asks says whom, and how he is reached.

mod client;
mod deadline;
mod headers;
mod retry_after;
mod transport;

pub use client::{Answer, Bounds, Client};
pub use deadline::Deadline;
pub use headers::{REQUEST_ID, TRACEPARENT};
pub use transport::{Proxy, Transport};
