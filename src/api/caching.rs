//! The headers that say how old an answer is and how it came about. Pure.

use std::{borrow::Cow, fmt::Write};

use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;

use super::{
    envelope::{SourceReport, UsersBody},
    headers::{CACHE_STATUS, SERVER_TIMING},
};
use crate::roll::{CacheStatus, ForwardReason, SourceOutcome, WalkShare};

/// Roughly how many headers an answer has.
const HEADERS: usize = 14;

/// How many hexadecimal digits of the digest a tag holds.
const TAG: usize = 24;

/// What an answer says about its age.
pub(super) struct Ages {
    /// The age of the oldest source used, in seconds.
    age: u64,
    /// The shortest remaining `fresh` time of the sources, in seconds; negative once it is over.
    ttl: i64,
    stale: bool,
}

impl Ages {
    pub(super) fn of(outcomes: &[SourceOutcome]) -> Self {
        let ages = || outcomes.iter().filter_map(|outcome| outcome.age);
        Self {
            age: ages().map(|age| age.seconds).max().unwrap_or(0),
            ttl: ages().map(|age| age.fresh_for).min().unwrap_or(0),
            stale: ages().any(|age| age.is_stale),
        }
    }

    /// Returns the shortest remaining `fresh` time of the sources, in seconds; negative once it is over.
    pub(super) fn ttl(&self) -> i64 {
        self.ttl
    }

    /// How long a cache of the caller's may keep the answer. The cache subtracts `Age` again (RFC 9111, 4.2).
    fn cache_control(&self, complete: bool) -> String {
        match (complete, self.stale) {
            (false, _) => "no-store".to_owned(),
            (true, true) => "private, max-age=0".to_owned(),
            (true, false) => format!("private, max-age={}", self.age.saturating_add_signed(self.ttl)),
        }
    }

    /// Sets the headers that say how old the data behind an answer is, whether a roll or an error.
    pub(super) fn write_age(&self, outcomes: &[SourceOutcome], headers: &mut HeaderMap) {
        headers.insert(header::AGE, self.age.into());
        write_origin(outcomes, headers, self.ttl);
    }

    /// Sets the caching headers of a roll.
    pub(super) fn write(&self, complete: bool, outcomes: &[SourceOutcome], headers: &mut HeaderMap) {
        put(headers, header::CACHE_CONTROL, self.cache_control(complete));
        self.write_age(outcomes, headers);
    }
}

/// Sets the headers that say where an answer comes from, whether a roll or an error.
pub(super) fn write_origin(outcomes: &[SourceOutcome], headers: &mut HeaderMap, ttl: i64) {
    if outcomes.iter().any(|outcome| outcome.copy.is_some()) {
        put(headers, CACHE_STATUS, cache_status(outcomes, ttl));
    }
    if outcomes.iter().any(|outcome| outcome.cache != CacheStatus::Hit) {
        put(headers, SERVER_TIMING, server_timing(outcomes));
    }
}

/// RFC 9211: a hit only where every source was a hit.
fn cache_status(outcomes: &[SourceOutcome], ttl: i64) -> String {
    let forwarded = |outcome: &SourceOutcome| match outcome.cache {
        CacheStatus::Forwarded { reason, walk } if outcome.copy.is_some() => Some((reason, walk)),
        CacheStatus::Forwarded { .. } | CacheStatus::Hit => None,
    };
    let (reasons, walks): (Vec<ForwardReason>, Vec<WalkShare>) = outcomes.iter().filter_map(forwarded).unzip();
    let Some(reason) = reasons.iter().min() else {
        return format!("rollcall; hit; ttl={ttl}");
    };
    let all = |share| walks.iter().all(|walk| *walk == share);
    let ending = if all(WalkShare::Stored) {
        "; stored"
    } else if all(WalkShare::Collapsed) {
        "; collapsed"
    } else {
        ""
    };
    format!("rollcall; fwd={}{ending}", reason.as_str())
}

fn server_timing(outcomes: &[SourceOutcome]) -> String {
    let mut timing = String::new();
    for outcome in outcomes {
        let separator = if timing.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let written = write!(timing, "{separator}{};dur={:.1}", outcome.source, outcome.took.as_secs_f64() * 1000.0);
        debug_assert!(written.is_ok());
    }
    timing
}

/// A weak tag: the same as long as page, users, warnings and source states are the same, whatever the times.
pub(super) fn etag(body: &UsersBody<'_>, users: &[Bytes]) -> String {
    let UsersBody { status, timestamp: _, page_size, total, next_cursor, data: _, sources, warnings } = body;
    let states = states(sources);
    tag_of(&("json", status, page_size, total, next_cursor, states, warnings), users.iter().map(|users| users.as_ref().into()))
}

/// The states of the sources, without their times.
pub(super) fn states(sources: &[SourceReport]) -> Vec<impl Serialize> {
    let state = |report: &SourceReport| {
        let SourceReport { source, status, users, fetched_at: _, stale, error } = report;
        (*source, *status, *users, *stale, *error)
    };
    sources.iter().map(state).collect()
}

/// A weak tag of some facts and of pieces of text. Each piece must mark its own end.
///
/// The pieces come first, because a large text that begins where the hash begins is hashed several blocks at a time. The
/// facts' length follows the facts, so that where they begin is certain.
pub(super) fn tag_of<'a>(facts: &impl Serialize, pieces: impl IntoIterator<Item = Cow<'a, [u8]>>) -> String {
    let mut hash = blake3::Hasher::new();
    for piece in pieces {
        hash.update(&piece);
    }
    // The facts hold nothing that JSON cannot represent.
    let facts = serde_json::to_vec(facts).unwrap_or_default();
    hash.update(&facts).update(&(facts.len() as u64).to_le_bytes());
    format!("W/\"{:.TAG$}\"", hash.finalize().to_hex().as_str())
}

/// Answers with a tag; 304 if the caller already holds the answer.
pub(super) fn tagged(asked: &HeaderMap, etag: &str, body: impl FnOnce() -> Response) -> Response {
    let mut response = if is_held(asked, etag) { StatusCode::NOT_MODIFIED.into_response() } else { body() };
    response.headers_mut().reserve(HEADERS);
    put(response.headers_mut(), header::ETAG, etag.to_owned());
    response
}

/// Whether the caller already holds this answer (RFC 9110, 13.1.2, weak comparison).
pub(super) fn is_held(headers: &HeaderMap, etag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let opaque = |tag| str::trim_start_matches(str::trim(tag), "W/");
    let held = opaque(etag);
    values.flat_map(|value| value.split(',')).any(|tag| tag.trim() == "*" || opaque(tag) == held)
}

/// Sets a header; leaves it out if its value is not a valid header value.
pub(super) fn put(headers: &mut HeaderMap, name: HeaderName, value: String) {
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::{Failure, FailureKind, SourceName};

    fn outcome(cache: CacheStatus) -> SourceOutcome {
        let copy = Some(Err(Failure::new(FailureKind::Timeout)));
        SourceOutcome {
            source: SourceName::new("left"),
            copy,
            error: None,
            cache,
            took: Duration::from_micros(12_340),
            scope: None,
            age: None,
        }
    }

    #[test]
    fn a_hit_is_one_only_where_every_source_was() {
        use WalkShare::{Collapsed, NotStored, Stored};
        let hit = CacheStatus::Hit;
        let miss = |walk| CacheStatus::Forwarded { reason: ForwardReason::UriMiss, walk };
        let stale = |walk| CacheStatus::Forwarded { reason: ForwardReason::Stale, walk };
        let request = |walk| CacheStatus::Forwarded { reason: ForwardReason::Request, walk };
        for (statuses, expected) in [
            ([hit, hit], "rollcall; hit; ttl=37"),
            ([hit, miss(Stored)], "rollcall; fwd=uri-miss; stored"),
            ([miss(Stored), miss(Stored)], "rollcall; fwd=uri-miss; stored"),
            ([miss(Collapsed), miss(Collapsed)], "rollcall; fwd=uri-miss; collapsed"),
            ([miss(Stored), miss(NotStored)], "rollcall; fwd=uri-miss"),
            ([stale(Stored), hit], "rollcall; fwd=stale; stored"),
            ([stale(Stored), miss(Stored)], "rollcall; fwd=uri-miss; stored"),
            ([request(Stored), request(Collapsed)], "rollcall; fwd=request"),
        ] {
            assert_eq!(cache_status(&statuses.map(outcome), 37), expected);
        }
    }

    #[test]
    fn max_age_counts_from_when_the_oldest_copy_was_fetched() {
        let ages = |age, ttl, stale| Ages { age, ttl, stale };
        assert_eq!(ages(20, 40, false).cache_control(true), "private, max-age=60");
        assert_eq!(ages(180, -120, true).cache_control(true), "private, max-age=0");
        assert_eq!(ages(0, 60, false).cache_control(false), "no-store");
    }

    #[test]
    fn a_piece_is_never_taken_for_a_part_of_the_facts() {
        let tag = |facts: u64, pieces: &[&'static str]| tag_of(&facts, pieces.iter().map(|piece| piece.as_bytes().into()));
        assert_eq!(tag(1, &["2,", "3,"]), tag(1, &["2,3,"]));
        assert_ne!(tag(1, &["2"]), tag(21, &[]));
        assert_ne!(tag(1, &[]), tag(2, &[]));
        assert_ne!(tag(1, &["2"]), tag(1, &["3"]));
    }

    #[test]
    fn a_tag_is_held_whatever_its_strength() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, "\"x\", W/\"abc\"".parse().unwrap());
        assert!(is_held(&headers, "W/\"abc\""));
        assert!(!is_held(&headers, "W/\"abd\""));
        headers.insert(header::IF_NONE_MATCH, "*".parse().unwrap());
        assert!(is_held(&headers, "W/\"abd\""));
    }

    #[test]
    fn timing_names_each_source() {
        assert_eq!(server_timing(&[CacheStatus::Hit, CacheStatus::Hit].map(outcome)), "left;dur=12.3, left;dur=12.3");
    }
}
