//! The two shapes of a body: a roll, and an error. Their field names are the contract.

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
    roll::{Given, Page, Pieces, SourceAnswer, SourceOutcome},
};

/// A page of a customer's roll.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UsersPage)]
pub(super) struct UsersBody<'a> {
    /// Whether the roll is all that the sources know.
    pub status: RollStatus,
    /// The newest `fetched_at` of the sources: between two refreshes the body is the same to the byte.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// How many users are on this page.
    #[schema(example = 1)]
    pub page_size: usize,
    /// How many users the filters leave; null in a partial answer.
    #[schema(example = 1)]
    pub total: Option<usize>,
    /// The cursor of the next page; null on the last.
    pub next_cursor: Option<&'a str>,
    /// The users of this page, in the order that was asked for.
    #[schema(value_type = Vec<User>)]
    pub data: Users,
    /// What each source came to, in a fixed order.
    pub sources: &'a [SourceReport],
    /// What a caller should know about the roll.
    pub warnings: &'a [Warning],
}

/// Where a page's users belong: they are written already, and are put in as they are.
#[derive(Debug, Default, Serialize)]
pub(super) struct Users([(); 0]);

/// One person of a customer's roll.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UserAlone)]
pub(super) struct UserBody<'a> {
    /// Whether the roll that the person is in is all that the sources know.
    pub status: RollStatus,
    /// The newest `fetched_at` of the sources.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// The person.
    #[schema(value_type = User)]
    pub data: Shown<'a>,
    /// What each source came to, in a fixed order.
    pub sources: &'a [SourceReport],
    /// What a caller should know about the roll.
    pub warnings: &'a [Warning],
}

/// Whether a roll is all that the sources know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum RollStatus {
    /// Each source's users are one complete walk, as of its `fetched_at`, and the counts agree.
    Success,
    /// Users may be missing: a source failed, or could not be read to a consistent end. Absence
    /// from such a roll is not deletion.
    Partial,
}

/// What one source came to, in a roll.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(super) struct SourceReport {
    /// The source.
    #[schema(value_type = String, example = "advanced_automation")]
    pub source: SourceName,
    /// What it came to.
    pub status: SourceStatus,
    /// How many records of it were kept, before any filter; null where nothing was read.
    #[schema(example = 3)]
    pub users: Option<usize>,
    /// When its users were read; null where nothing was.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-21T10:00:00.101Z")]
    pub fetched_at: Option<Moment>,
    /// Whether the copy is older than the gateway would like.
    pub stale: bool,
    /// Why a refresh of the copy has failed; absent where none has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub error: Option<FailureKind>,
}

/// Every error, of every route and every layer.
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
    /// Who can mend it.
    pub owner: Owner,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The request's id, which finds it in the log.
    #[schema(example = "019a8f3e-7c1d-7000-8000-000000000000")]
    pub request_id: &'a str,
    /// When it went wrong.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T10:00:00.123Z")]
    pub timestamp: Moment,
    /// What each source came to, where one was asked.
    pub sources: &'a [SourceFailure],
}

/// The same facts in the form of RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem<'a> {
    /// The kind of problem: `urn:rollcall:error:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:rollcall:error:customer_not_found")]
    pub kind: String,
    /// What it is called.
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
    /// Who can mend it.
    pub owner: Owner,
    /// Whether the same request may succeed later.
    pub retryable: bool,
    /// The request's id, which finds it in the log.
    pub request_id: &'a str,
    /// When it went wrong.
    #[schema(value_type = String, format = DateTime)]
    pub timestamp: Moment,
    /// What each source came to, where one was asked.
    pub sources: &'a [SourceFailure],
}

/// A person as he was encoded when the roll was joined, perhaps with his conflicts.
#[derive(Debug)]
pub(super) struct Shown<'a>(pub(super) Cow<'a, str>);

// === impl UsersBody ===

impl<'a> UsersBody<'a> {
    /// Puts a page's body together.
    pub(super) fn new(given: &'a Given, page: &'a Page<'a>, sources: &'a [SourceReport]) -> Self {
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

    /// The whole body in pieces, with the users in their place.
    pub(super) fn around(&self, users: &[Bytes]) -> Vec<Bytes> {
        const USERS: &str = "\"data\":[";
        // The body has nothing that JSON cannot hold, and what stands before the users is ours: no text there
        // could look like their place.
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

impl From<&Given> for RollStatus {
    fn from(given: &Given) -> Self {
        if given.complete { Self::Success } else { Self::Partial }
    }
}

/// The newest `fetched_at` of the sources.
fn newest(sources: &[SourceReport]) -> Moment {
    sources.iter().filter_map(|report| report.fetched_at).max().unwrap_or_else(Moment::now)
}

impl<'a> UserBody<'a> {
    /// Puts the body of one person together.
    pub(super) fn new(given: &'a Given, data: Shown<'a>, sources: &'a [SourceReport]) -> Self {
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

impl Serialize for Shown<'_> {
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
    /// The envelope of an error.
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

    /// The same facts in the form of RFC 9457.
    pub(super) fn into_problem(self) -> Problem<'a> {
        let Self { status: _, error, code, message, owner, retryable, request_id, timestamp, sources } = self;
        let kind = format!("urn:rollcall:error:{}", code.as_str());
        Problem { kind, title: code.title(), status: error, detail: message, code, owner, retryable, request_id, timestamp, sources }
    }
}

/// A user, as the documents name the type.
pub(super) type DocumentedUser = User<'static>;
