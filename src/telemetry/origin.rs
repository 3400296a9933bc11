//! Where a call comes from: the caller's request id and trace, handed on to the sources.

use std::{fmt, sync::Arc};

/// What ties a request, its log line and its upstream calls together.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The caller's own id of the request, or one that was made for it.
    pub request_id: Arc<str>,
    /// The trace that the request is part of.
    pub trace: TraceContext,
}

/// A position in a trace (W3C Trace Context, `traceparent`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: u128,
    span_id: u64,
    flags: u8,
}

impl TraceContext {
    /// Begins a trace of its own.
    pub fn begin() -> Self {
        Self { trace_id: fastrand::u128(1..), span_id: fastrand::u64(1..), flags: 0 }
    }

    /// A new span of the trace that a `traceparent` header carries; `None` where it is not valid.
    pub fn follow(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex::<2>(parts.next()?)?;
        let (trace_id, parent) = (hex::<32>(parts.next()?)?, hex::<16>(parts.next()?)?);
        let flags = u8::try_from(hex::<2>(parts.next()?)?).ok()?;
        let whole = version != 0xff && (version != 0 || parts.next().is_none());
        (whole && trace_id != 0 && parent != 0).then(|| Self { trace_id, ..Self { flags, ..Self::begin() } })
    }

    /// The trace's id, 32 hex digits.
    pub fn trace_id(&self) -> String {
        format!("{:032x}", self.trace_id)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// Exactly `DIGITS` lower-case hex digits.
fn hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let plain = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_valid_trace_is_followed_with_a_span_of_our_own() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::follow(header).unwrap();
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(trace.to_string().ends_with("-01"));
        assert!(!trace.to_string().contains("00f067aa0ba902b7"));
    }

    #[test]
    fn a_trace_that_is_not_valid_is_not_followed() {
        for bad in [
            "",
            "00",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        ] {
            assert_eq!(TraceContext::follow(bad), None, "{bad}");
        }
    }
}
