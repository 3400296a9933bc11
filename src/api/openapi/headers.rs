//! The headers of answers, for the OpenAPI document: name and description.

/// The header of every answer that can be cached.
pub(super) const TAG: (&str, &str) =
    ("ETag", "A weak tag. Equal exactly when format, page, data, warnings and source states are equal; times are ignored.");

/// The header of every paged list.
pub(super) const NEXT: (&str, &str) = ("Link", "`rel=\"next\"`: the next page, as a relative URL.");

/// How long a roll may be cached, and how old its data is.
pub(super) const ROLL_CACHED: (&str, &str) =
    ("Cache-Control", "`private, max-age=…` for a fresh success, `private, max-age=0` when stale, `no-store` for a partial roll.");
pub(super) const AGE: (&str, &str) = ("Age", "Seconds since the oldest data used was read from its source.");

/// The headers that say where an answer comes from, whether a roll or an error.
pub(super) const ORIGIN: [(&str, &str); 2] = [
    (
        "Cache-Status",
        "RFC 9211: `rollcall; hit; ttl=37`, `rollcall; fwd=uri-miss; stored`, …; absent if the customer is linked to no source.",
    ),
    ("Server-Timing", "How long each source took; absent if none was asked."),
];

/// The headers of answers that are made from the sources.
pub(super) const ROLL_HEADERS: &[(&str, &str)] = &[ROLL_CACHED, AGE, ORIGIN[0], ORIGIN[1]];

/// The header of every error.
pub(super) const NOT_KEPT: (&str, &str) = ("Cache-Control", "`no-store`.");

/// The headers of a roll that has no envelope.
pub(super) const STATUS: (&str, &str) =
    ("Rollcall-Status", "`success` or `partial`, for the formats without an envelope: CSV and JSON lines.");
pub(super) const WARNINGS: (&str, &str) = (
    "Rollcall-Warnings",
    "The warnings, if any, for the formats without an envelope, CSV and JSON lines: `unverified_link;source=my_reports, ambiguous_email;source=my_reports;count=2`.",
);

/// The header that says how long customers may be cached.
pub(super) const CUSTOMERS_CACHED: (&str, &str) = ("Cache-Control", "`private, max-age=0`: revalidate a cached answer before each use.");

/// The headers of every answer.
pub(super) const HEADERS: &[(&str, &str)] = &[
    ("X-Request-Id", "The request's id, by which it can be found in the log."),
    ("traceparent", "The request's place in its trace (W3C Trace Context)."),
];
