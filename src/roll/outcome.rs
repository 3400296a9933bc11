//! Decides what each combination of the sources' outcomes gives: a roll, a partial roll, or an error. One
//! pure function.

use crate::domain::{Failure, FailureKind, SourceName, Warning, WarningCode};

/// One source's outcome, as the decision needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its users are known, fresh or stale.
    Ok,
    /// Its users are known, but its counts never agreed.
    Incomplete,
    /// It gave no users, for this reason; "not found" is an answer and is believed.
    Failed(Failure),
    /// The customer is not linked to it.
    NotLinked,
}

/// Whether a source that failed may be missing from a roll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partial {
    /// It may, and the answer says so.
    #[default]
    Allow,
    /// That source's failure is the answer.
    Deny,
}

/// Why there is no roll: the failure that decides, and which source it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The failure that decides.
    pub failure: Failure,
    /// Its source; `None` where the customer is linked to no source.
    pub source: Option<SourceName>,
}

/// A roll can be returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decision {
    /// Whether nothing is missing: it has each source's users, as far as the sources know the customer.
    pub(super) complete: bool,
    /// What would decide if nothing were allowed to be missing; `None` where it is complete.
    pub(super) lacking: Option<Refusal>,
    pub(super) warnings: Vec<Warning>,
}

/// Decides. `verified` means that something other than the bare id links the customer to the sources.
/// Otherwise a source that does not know the id may know the customer by another one.
pub(super) fn decide(states: &[(SourceName, State)], partial: Partial, verified: bool) -> Result<Decision, Refusal> {
    let any_users = states.iter().any(|(_, state)| matches!(state, State::Ok | State::Incomplete));
    let missing: Vec<Refusal> = states.iter().filter_map(|(source, state)| refusal(*source, *state)).collect();
    let strongest = missing.iter().copied().reduce(stronger);
    let complete = missing.iter().all(|refusal| refusal.failure.kind == FailureKind::NotFound);

    match strongest {
        _ if any_users && (complete || partial == Partial::Allow) => {
            let lacking = strongest.filter(|_| !complete);
            Ok(Decision { complete, lacking, warnings: if verified { Vec::new() } else { unverified(states) } })
        }
        Some(refusal) => Err(refusal),
        None => Err(Refusal { failure: Failure::new(FailureKind::NotFound), source: None }),
    }
}

/// Returns why a source's users are missing, if they are. Counts that never agreed are an invalid answer.
fn refusal(source: SourceName, state: State) -> Option<Refusal> {
    let failure = match state {
        State::Ok | State::NotLinked => return None,
        State::Incomplete => Failure::answered(FailureKind::InvalidResponse, 200),
        State::Failed(failure) => failure,
    };
    Some(Refusal { failure, source: Some(source) })
}

/// Returns the refusal that decides; of two equal ones the first source's.
fn stronger(one: Refusal, other: Refusal) -> Refusal {
    let source = if other.failure.kind < one.failure.kind { other.source } else { one.source };
    Refusal { failure: one.failure.or_stronger(other.failure), source }
}

fn unverified(states: &[(SourceName, State)]) -> Vec<Warning> {
    let unknown = |state: &State| matches!(state, State::Failed(failure) if failure.kind == FailureKind::NotFound);
    let warn = |source| Warning { code: WarningCode::UnverifiedLink, source: Some(source), count: None };
    states.iter().filter(|(_, state)| unknown(state)).map(|(source, _)| warn(*source)).collect()
}

#[cfg(test)]
#[path = "outcome_tests.rs"]
mod tests;
