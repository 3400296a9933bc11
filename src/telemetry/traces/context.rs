//! A position in a trace (W3C Trace Context, `traceparent`), and which traces are sampled.

/// The flag of `traceparent` that marks the trace as recorded.
const SAMPLED: u8 = 1;

/// The length of a `traceparent` header.
const LENGTH: usize = 55;

/// A position in a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    pub(super) trace_id: u128,
    pub(super) span_id: u64,
    pub(super) flags: u8,
}

impl TraceContext {
    /// Begins a trace; `share` of all traces are sampled.
    pub(super) fn begin(share: f64) -> Self {
        let trace_id = fastrand::u128(1..);
        Self { trace_id, span_id: fastrand::u64(1..), flags: if is_chosen(trace_id, share) { SAMPLED } else { 0 } }
    }

    /// Returns the position in a `traceparent` header; `None` if it is not valid.
    pub fn read(header: &str) -> Option<Self> {
        let mut parts = header.split('-');
        let version = hex::<2>(parts.next()?)?;
        let (trace_id, span_id) = (hex::<32>(parts.next()?)?, u64::try_from(hex::<16>(parts.next()?)?).ok()?);
        let flags = u8::try_from(hex::<2>(parts.next()?)?).ok()?;
        let whole = version != 0xff && (version != 0 || parts.next().is_none());
        (whole && trace_id != 0 && span_id != 0).then_some(Self { trace_id, span_id, flags })
    }

    /// Returns the position as in a `traceparent` header: the version, the trace, the span and the flags.
    pub(super) fn written(self) -> [u8; LENGTH] {
        let mut header = [b'-'; LENGTH];
        for (place, number) in [(0..2, 0), (3..35, self.trace_id), (36..52, self.span_id.into()), (53..55, self.flags.into())] {
            write_hex(number, header.get_mut(place).unwrap_or_default());
        }
        header
    }

    /// Returns a new position in the same trace. Unknown flags are not passed on (W3C Trace Context,
    /// 3.2.2.5.2).
    pub(super) fn child(self) -> Self {
        Self { span_id: fastrand::u64(1..), flags: self.flags & SAMPLED, ..self }
    }

    /// Returns whether the trace is recorded.
    pub(super) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// Returns whether a trace belongs to a share, 0 to 1, of all traces. Its id decides, by the bits that
/// `OpenTelemetry`'s own `TraceIdRatioBased` uses, so that other services with the same share agree.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss, reason = "a share has no more digits")]
fn is_chosen(trace_id: u128, share: f64) -> bool {
    const ALL: u64 = 1 << 63;
    share >= 1.0 || (trace_id as u64) >> 1 < (share * ALL as f64) as u64
}

/// Parses exactly `DIGITS` lower-case hex digits.
fn hex<const DIGITS: usize>(text: &str) -> Option<u128> {
    let plain = text.len() == DIGITS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Writes a number with as many lower-case hex digits as there is room for.
fn write_hex(mut number: u128, to: &mut [u8]) {
    for digit in to.iter_mut().rev() {
        *digit = b"0123456789abcdef".get((number & 15) as usize).copied().unwrap_or_default();
        number >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(context: TraceContext) -> String {
        String::from_utf8(context.written().to_vec()).unwrap()
    }

    #[test]
    fn a_valid_trace_is_followed_with_a_span_of_our_own() {
        let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let trace = TraceContext::read(header).unwrap();
        assert_eq!((written(trace).as_str(), trace.is_sampled()), (header, true));
        let ours = written(trace.child());
        assert!(ours.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-") && ours.ends_with("-01"), "{ours}");
        assert!(!ours.contains("00f067aa0ba902b7"), "{ours}");
        for (flags, sampled) in [("00", false), ("02", false), ("03", true), ("ff", true)] {
            let header = format!("{}{flags}", &header[..53]);
            assert_eq!(TraceContext::read(&header).map(TraceContext::is_sampled), Some(sampled), "{header}");
            let handed_on = written(TraceContext::read(&header).unwrap().child());
            assert!(handed_on.ends_with(if sampled { "-01" } else { "-00" }), "{handed_on}");
        }
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
            assert_eq!(TraceContext::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_share_is_what_was_asked_for() {
        for (share, least, most) in [(0.0, 0, 0), (0.01, 120, 290), (0.5, 9_600, 10_400), (1.0, 20_000, 20_000)] {
            let chosen = (0..20_000).filter(|_| TraceContext::begin(share).is_sampled()).count();
            assert!((least..=most).contains(&chosen), "{share}: {chosen}");
        }
        assert!(is_chosen(0, 0.01) && !is_chosen(u128::MAX, 0.99), "as the id says");
        assert!(!is_chosen(0, 0.0) && is_chosen(u128::MAX, 1.0), "none and all");
    }
}
