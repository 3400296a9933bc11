//! The two shapes of a body: a roll and an error. Their field names are part of the contract.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    code::{Code, Owner},
    error::{ApiError, SourceFailure},
    source_status::SourceStatus,
};
use crate::{
    domain::{FailureKind, Moment, SourceName, User, Warning},
    roll::{Page, Pieces, RollAnswer, SourceAnswer, SourceOutcome},
};

/// A page of a customer's roll.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsersPage)]
pub(super) struct UsersBody<'a> {
    /// Whether the roll holds all users that the sources know.
    pub status: RollStatus,
    /// The newest `fetched_at` of the sources. Between two refreshes the body is identical, byte for byte.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// The number of users on this page.
    #[schema(example = 1)]
    pub page_size: usize,
    /// The number of users that match the filters; null in a partial answer.
    #[schema(example = 1)]
    pub total: Option<usize>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<&'a str>,
    /// The users of this page, in the requested order.
    #[schema(value_type = Vec<User>)]
    pub data: Users,
    /// The result of each source, in a fixed order.
    pub sources: &'a [SourceReport],
    /// What a caller should know about the roll.
    pub warnings: &'a [Warning],
}

/// The place of a page's users: they are already serialized and are inserted as they are.
#[derive(Debug, Default, Serialize)]
pub(super) struct Users([(); 0]);

/// One user of a customer's roll.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserAlone)]
pub(super) struct UserBody<'a> {
    /// Whether the roll that the user is in holds all users that the sources know.
    pub status: RollStatus,
    /// The newest `fetched_at` of the sources.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// The user.
    #[schema(value_type = User)]
    pub data: EncodedUser<'a>,
    /// The result of each source, in a fixed order.
    pub sources: &'a [SourceReport],
    /// What a caller should know about the roll.
    pub warnings: &'a [Warning],
}

/// Whether a roll holds all users that the sources know.
///
/// - `success`: it does. Each source's users are one complete walk, as of its `fetched_at`, and the counts agree.
/// - `partial`: users may be missing, because a source failed or could not be read to a consistent end. Absence from such a
///   roll does not mean that a user was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RollStatus {
    Success,
    Partial,
}

/// The result of one source, in a roll.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SourceReport {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// The outcome.
    pub status: SourceStatus,
    /// The number of the source's records that were kept, before any filter; null if nothing was read.
    #[schema(example = 3)]
    pub users: Option<usize>,
    /// When the source's users were read; null if nothing was read.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-21T10:00:00.101Z")]
    pub fetched_at: Option<Moment>,
    /// Whether the copy that was used is older than the configured freshness (`cache.fresh`).
    pub stale: bool,
    /// Why refreshing the copy failed; absent if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<FailureKind>,
}

/// The one shape of every error, from every route and every layer.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorEnvelope<'a> {
    /// Always `error`.
    #[schema(value_type = String, example = "error")]
    pub status: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub error: u16,
    /// What went wrong, for a program.
    pub code: Code,
    /// What went wrong, for a person.
    #[schema(example = "No source knows customer 'acme'.")]
    pub message: &'a str,
    /// Who can fix the error.
    pub owner: Owner,
    /// Whether the same request may succeed later without any change.
    pub retryable: bool,
    /// The request's id, by which it can be found in the log.
    #[schema(example = "019a8f3e-7c1d-7000-8000-000000000000")]
    pub request_id: &'a str,
    /// When the error occurred.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// The result of each source, if any was asked.
    pub sources: &'a [SourceFailure],
}

/// The same facts as an error, in the form of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// The problem type: `urn:rollcall:error:` followed by the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:rollcall:error:customer_not_found")]
    pub kind: String,
    /// The error's title.
    #[schema(example = "Customer not found")]
    pub title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What went wrong, for a person.
    #[schema(example = "No source knows customer 'acme'.")]
    pub detail: &'a str,
    /// What went wrong, for a program.
    pub code: Code,
    /// Who can fix the error.
    pub owner: Owner,
    /// Whether the same request may succeed later without any change.
    pub retryable: bool,
    /// The request's id, by which it can be found in the log.
    pub request_id: &'a str,
    /// When the error occurred.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Moment,
    /// The result of each source, if any was asked.
    pub sources: &'a [SourceFailure],
}

/// A user as encoded when the roll was joined, with conflicts if they are wanted.
#[derive(Debug)]
pub(super) struct EncodedUser<'a>(pub(super) Cow<'a, str>);

// === impl UsersBody ===

impl<'a> UsersBody<'a> {
    /// Assembles the body of a page.
    pub(super) fn new(given: &'a RollAnswer, page: &'a Page<'a>, sources: &'a [SourceReport]) -> Self {
        Self {
            status: given.into(),
            timestamp: newest(sources),
            page_size: page.users.len(),
            total: given.complete.then_some(page.total),
            next_cursor: page.next_cursor.as_deref(),
            data: Users::default(),
            sources,
            warnings: &given.warnings,
        }
    }

    /// Returns the whole body in pieces, with the users inserted in their place.
    pub(super) fn around(&self, users: &[Bytes]) -> Vec<Bytes> {
        const USERS: &str = "\"data\":[";
        // The body holds nothing that JSON cannot represent. All text before the users is our own, so
        // none of it can look like their place.
        let body = serde_json::to_string(self).unwrap_or_default();
        let at = body.find(USERS).map_or(body.len(), |at| at + USERS.len());
        let (head, tail) = body.split_at(at);
        let mut pieces = Pieces::default();
        pieces.push(head.as_bytes());
        for users in users {
            pieces.share(users);
        }
        pieces.push(tail.as_bytes());
        pieces.finish()
    }
}

impl From<&RollAnswer> for RollStatus {
    fn from(given: &RollAnswer) -> Self {
        if given.complete { Self::Success } else { Self::Partial }
    }
}

/// The newest `fetched_at` of the sources.
fn newest(sources: &[SourceReport]) -> Moment {
    sources.iter().filter_map(|report| report.fetched_at).max().unwrap_or_else(Moment::now)
}

impl<'a> UserBody<'a> {
    /// Assembles the body of one user.
    pub(super) fn new(given: &'a RollAnswer, data: EncodedUser<'a>, sources: &'a [SourceReport]) -> Self {
        Self { status: given.into(), timestamp: newest(sources), data, sources, warnings: &given.warnings }
    }
}

impl RollStatus {
    /// The word in JSON and headers.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
        }
    }
}

impl Serialize for EncodedUser<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serde_json::from_str::<&RawValue>(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

// === impl SourceReport ===

impl From<&SourceOutcome> for SourceReport {
    fn from(outcome: &SourceOutcome) -> Self {
        let copy = outcome.copy.as_ref().and_then(|copy| copy.as_ref().ok());
        let walk = copy.and_then(|copy| match &copy.answer {
            SourceAnswer::Users(walk) => Some((copy, walk)),
            SourceAnswer::NotFound(_) => None,
        });
        Self {
            source: outcome.source,
            status: outcome.into(),
            users: walk.map(|(_, walk)| walk.records.len()),
            fetched_at: walk.map(|(copy, _)| copy.fetched_at),
            stale: walk.is_some() && outcome.is_stale(),
            error: outcome.error,
        }
    }
}

// === impl ErrorEnvelope ===

impl<'a> ErrorEnvelope<'a> {
    /// Makes the envelope of an error.
    pub(super) fn new(error: &'a ApiError, request_id: &'a str, timestamp: Moment) -> Self {
        Self {
            status: "error",
            error: error.code.status(),
            code: error.code,
            message: &error.message,
            owner: error.code.owner(),
            retryable: error.code.is_retryable(),
            request_id,
            timestamp,
            sources: &error.sources,
        }
    }

    /// Converts the error to the form of RFC 9457.
    pub(super) fn into_problem(self) -> Problem<'a> {
        let Self { status: _, error, code, message, owner, retryable, request_id, timestamp, sources } = self;
        let kind = format!("urn:rollcall:error:{}", code.as_str());
        Problem { kind, title: code.title(), status: error, detail: message, code, owner, retryable, request_id, timestamp, sources }
    }
}

/// The user type under the name that the OpenAPI document gives it.
pub(super) type DocumentedUser = User<'static>;
