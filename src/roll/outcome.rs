//! What each combination of the sources' outcomes gives: a roll, a partial roll, or an error.
//! One pure function.

use crate::domain::{Failure, FailureKind, SourceName, Warning, WarningCode};

/// What one source came to, for the decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its users are there, fresh or stale.
    Ok,
    /// Its users are there, but its counts never agreed.
    Incomplete,
    /// It gave no users, and why; "not found" is an answer and is believed.
    Failed(Failure),
    /// The customer is not linked to it.
    NotLinked,
}

/// Whether a roll may lack a source that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partial {
    /// It may, and says so.
    #[default]
    Allow,
    /// The source's failure is the answer.
    Deny,
}

/// Why there is no roll: the failure that decides, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What decides.
    pub failure: Failure,
    /// Whose it is; `None` where the customer is linked to no source.
    pub source: Option<SourceName>,
}

/// A roll can be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given {
    /// Whether it is all there is: each source's users, as far as the sources know the customer.
    pub(super) complete: bool,
    /// What decides where nothing may be missing; `None` where it is complete.
    pub(super) lacking: Option<Refusal>,
    pub(super) warnings: Vec<Warning>,
}

/// Decides. `verified` says that something other than the bare id links the customer to the
/// sources; where nothing does, a source that does not know the id may know the customer by
/// another one.
pub(super) fn decide(states: &[(SourceName, State)], partial: Partial, verified: bool) -> Result<Given, Refusal> {
    let any_users = states.iter().any(|(_, state)| matches!(state, State::Ok | State::Incomplete));
    let missing: Vec<Refusal> = states.iter().filter_map(|(source, state)| refusal(*source, *state)).collect();
    let strongest = missing.iter().copied().reduce(stronger);
    let complete = missing.iter().all(|refusal| refusal.failure.kind == FailureKind::NotFound);

    match strongest {
        _ if any_users && (complete || partial == Partial::Allow) => {
            let lacking = strongest.filter(|_| !complete);
            Ok(Given { complete, lacking, warnings: if verified { Vec::new() } else { unverified(states) } })
        }
        Some(refusal) => Err(refusal),
        None => Err(Refusal { failure: Failure::new(FailureKind::NotFound), source: None }),
    }
}

/// What a source is missing, if anything. Counts that never agreed are a wrong answer.
fn refusal(source: SourceName, state: State) -> Option<Refusal> {
    let failure = match state {
        State::Ok | State::NotLinked => return None,
        State::Incomplete => Failure::answered(FailureKind::InvalidResponse, 200),
        State::Failed(failure) => failure,
    };
    Some(Refusal { failure, source: Some(source) })
}

/// The refusal that decides; of two equal ones the first source's.
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
