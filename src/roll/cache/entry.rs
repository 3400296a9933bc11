//! A copy as replicas share it: what the source reported, when, and who walked. Pure.
//!
//! Raise `COPIES` in `shared_cache/name.rs` whenever this format or its meaning changes.

use std::{borrow::Cow, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{
    domain::{Failure, FailureKind, Moment, Record, SourceName, Warning, WarningCode},
    roll::cached_answer::SourceAnswer,
    sources::Walk,
};

/// What replicas are told about a walk.
#[derive(Debug)]
pub(super) struct Entry {
    /// Who walked: the owner of the lock.
    pub(super) owner: String,
    /// When the walk ended.
    pub(super) at: Moment,
    /// The entry's lifetime when it was written.
    pub(super) life: Duration,
    /// The walk's result.
    pub(super) said: Said,
}

/// A walk's result.
#[derive(Debug)]
pub(super) enum Said {
    /// The source gave this answer.
    Known(SourceAnswer),
    /// It failed; what was known before stays valid.
    Failed(Failure),
    /// The source rejects the question: what was known before is no longer valid.
    Ended,
}

/// The wire format.
#[derive(Serialize, Deserialize)]
struct Wire<'a> {
    owner: Cow<'a, str>,
    at: i64,
    life: u64,
    #[serde(borrow)]
    said: WireSaid<'a>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WireSaid<'a> {
    #[serde(borrow)]
    Users(WireWalk<'a>),
    NotFound(WireFailure),
    Failed(WireFailure),
    Ended,
}

#[derive(Serialize, Deserialize)]
struct WireWalk<'a> {
    #[serde(borrow)]
    records: Vec<WireRecord<'a>>,
    complete: bool,
    warnings: Vec<WireWarning>,
    other_customer: Option<Cow<'a, str>>,
}

/// Absent fields are left out. The join key is computed again from the address.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct WireRecord<'a> {
    id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    can_sign_in: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    primary_contact: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    inherited: Option<bool>,
    deleted: bool,
}

#[derive(Serialize, Deserialize)]
struct WireWarning {
    code: WarningCode,
    /// Whether it concerns this source; otherwise it concerns none.
    is_of_source: bool,
    count: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct WireFailure {
    kind: FailureKind,
    http_status: Option<u16>,
    /// In milliseconds.
    retry_after: Option<u64>,
}

/// What an entry is written from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Saying<'a> {
    Known(&'a SourceAnswer),
    Failed(Failure),
    Ended,
}

/// Writes an entry.
pub(super) fn write(owner: &str, at: Moment, life: Duration, saying: Saying<'_>) -> Vec<u8> {
    let said = match saying {
        Saying::Known(SourceAnswer::Users(walk)) => WireSaid::Users(walk.into()),
        Saying::Known(SourceAnswer::NotFound(failure)) => WireSaid::NotFound(failure.into()),
        Saying::Failed(failure) => WireSaid::Failed((&failure).into()),
        Saying::Ended => WireSaid::Ended,
    };
    let wire = Wire { owner: owner.into(), at: at.as_millis(), life: millis(life), said };
    serde_json::to_vec(&wire).unwrap_or_default() // it holds nothing that JSON cannot express
}

/// Reads an entry of a source; `None` if it is not one.
pub(super) fn read(source: SourceName, text: &[u8]) -> Option<Entry> {
    let Wire { owner, at, life, said } = serde_json::from_slice(text).ok()?;
    let said = match said {
        WireSaid::Users(walk) => Said::Known(SourceAnswer::Users(walk.read(source)?)),
        WireSaid::NotFound(failure) => Said::Known(SourceAnswer::NotFound(failure.into())),
        WireSaid::Failed(failure) => Said::Failed(failure.into()),
        WireSaid::Ended => Said::Ended,
    };
    Some(Entry { owner: owner.into_owned(), at: Moment::from_millis(at)?, life: Duration::from_millis(life), said })
}

/// Returns how old an answer is: by the clocks, one of which may be wrong, or by how much of its lifetime has
/// passed in the store, whichever is more. A time in the future counts as now.
pub(super) fn age(at: Moment, now: Moment, life: Duration, left: Option<Duration>) -> Duration {
    let by_clock = u64::try_from(now.as_millis().saturating_sub(at.as_millis())).unwrap_or(0);
    let by_life = left.map_or(Duration::ZERO, |left| life.saturating_sub(left));
    Duration::from_millis(by_clock).max(by_life)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<'a> From<&'a Walk> for WireWalk<'a> {
    fn from(Walk { records, complete, warnings, other_customer }: &'a Walk) -> Self {
        let warning =
            |Warning { code, source, count }: &Warning| WireWarning { code: *code, is_of_source: source.is_some(), count: *count };
        Self {
            records: records.iter().map(Into::into).collect(),
            complete: *complete,
            warnings: warnings.iter().map(warning).collect(),
            other_customer: borrowed(other_customer.as_deref()),
        }
    }
}

impl WireWalk<'_> {
    fn read(self, source: SourceName) -> Option<Walk> {
        let Self { records, complete, warnings, other_customer } = self;
        let warning = |WireWarning { code, is_of_source, count }| Warning { code, source: is_of_source.then_some(source), count };
        if records.iter().any(|record| record.id.is_empty()) {
            return None;
        }
        Some(Walk {
            records: records.iter().map(WireRecord::record).collect(),
            complete,
            warnings: warnings.into_iter().map(warning).collect(),
            other_customer: other_customer.map(Into::into),
        })
    }
}

impl<'a> From<Record<'a>> for WireRecord<'a> {
    fn from(record: Record<'a>) -> Self {
        let Record {
            id,
            owner,
            display_name,
            first_name,
            last_name,
            email,
            username,
            phone,
            enabled,
            can_sign_in,
            roles,
            primary_contact,
            inherited,
            deleted,
        } = record;
        Self {
            id: id.into(),
            owner: borrowed(owner),
            display_name: borrowed(display_name),
            first_name: borrowed(first_name),
            last_name: borrowed(last_name),
            email: borrowed(email),
            username: borrowed(username),
            phone: borrowed(phone),
            enabled,
            can_sign_in,
            roles: roles.into_iter().map(Cow::Borrowed).collect(),
            primary_contact,
            inherited,
            deleted,
        }
    }
}

impl WireRecord<'_> {
    fn record(&self) -> Record<'_> {
        Record {
            id: &self.id,
            owner: self.owner.as_deref(),
            display_name: self.display_name.as_deref(),
            first_name: self.first_name.as_deref(),
            last_name: self.last_name.as_deref(),
            email: self.email.as_deref(),
            username: self.username.as_deref(),
            phone: self.phone.as_deref(),
            enabled: self.enabled,
            can_sign_in: self.can_sign_in,
            roles: self.roles.iter().map(AsRef::as_ref).collect(),
            primary_contact: self.primary_contact,
            inherited: self.inherited,
            deleted: self.deleted,
        }
    }
}

impl From<&Failure> for WireFailure {
    /// A failure of a token is not told to others, so that need not be written.
    fn from(Failure { kind, http_status, retry_after, is_of_token: _ }: &Failure) -> Self {
        Self { kind: *kind, http_status: *http_status, retry_after: retry_after.map(millis) }
    }
}

impl From<WireFailure> for Failure {
    fn from(WireFailure { kind, http_status, retry_after }: WireFailure) -> Self {
        Self { kind, http_status, retry_after: retry_after.map(Duration::from_millis), is_of_token: false }
    }
}

fn borrowed(text: Option<&str>) -> Option<Cow<'_, str>> {
    text.map(Cow::Borrowed)
}

#[cfg(test)]
#[path = "entry_tests.rs"]
mod tests;
