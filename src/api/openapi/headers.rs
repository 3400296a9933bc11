//! The headers of answers, for the document: a name, and what it says.

/// The header of every answer that can be held.
pub(super) const TAG: (&str, &str) =
    ("ETag", "Weak; equal exactly when format, page, data, warnings and the sources' states are, whatever the times.");

/// The header of every list with pages.
pub(super) const NEXT: (&str, &str) = ("Link", "`rel=\"next\"`: the next page, relative.");

/// How long a roll may be kept, and how old what it was read from is.
pub(super) const ROLL_CACHED: (&str, &str) =
    ("Cache-Control", "`private, max-age=…` for a fresh success, `max-age=0` when stale, `no-store` for a partial roll.");
pub(super) const AGE: (&str, &str) = ("Age", "Seconds since the oldest source used was read.");

/// The headers that say where an answer comes from, be it a roll or an error.
pub(super) const ORIGIN: [(&str, &str); 2] = [
    ("Cache-Status", "RFC 9211: `rollcall; hit; ttl=37`, `rollcall; fwd=uri-miss; stored`, …; absent where no source is linked."),
    ("Server-Timing", "How long each source took, where one was asked."),
];

/// The headers of what sources were asked for.
pub(super) const ROLL_HEADERS: &[(&str, &str)] = &[ROLL_CACHED, AGE, ORIGIN[0], ORIGIN[1]];

/// The header of every error.
pub(super) const NOT_KEPT: (&str, &str) = ("Cache-Control", "`no-store`.");

/// The headers of a roll that has no envelope.
pub(super) const STATUS: (&str, &str) = ("Rollcall-Status", "`success` or `partial`, where no envelope says so: of CSV and of JSON lines.");
pub(super) const WARNINGS: (&str, &str) = (
    "Rollcall-Warnings",
    "Of CSV and of JSON lines, where there are any: `unverified_link;source=my_reports, ambiguous_email;source=my_reports;count=2`.",
);

/// The header that says how long customers may be kept.
pub(super) const CUSTOMERS_CACHED: (&str, &str) =
    ("Cache-Control", "`private, max-age=0`: ask each time whether what is held still holds.");

/// The headers of every answer.
pub(super) const HEADERS: &[(&str, &str)] = &[
    ("X-Request-Id", "The request's id, which finds it in the log."),
    ("traceparent", "The request's place in its trace (W3C Trace Context)."),
];
