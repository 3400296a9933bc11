//! All network I/O that the gateway initiates: one exchange, its body bounded, its errors classified. Knows
//! no backend: the caller says whom to ask and how to reach it.

mod client;
mod deadline;
mod headers;
mod retry_after;
mod transport;

pub(crate) use client::{Answer, Bounds, Client};
pub(crate) use deadline::Deadline;
pub(crate) use headers::{REQUEST_ID, TRACEPARENT};
pub(crate) use transport::{Proxy, Transport};
