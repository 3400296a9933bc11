//! The whole table: every pair of outcomes, both orders, with and without partial answers.

use std::time::Duration;

use super::*;

const LEFT: SourceName = SourceName::new("left");
const RIGHT: SourceName = SourceName::new("right");

/// The seven classes in the table's order, each with every way to be in it.
fn classes() -> [(&'static str, Vec<State>); 7] {
    use FailureKind::*;
    let failed = |kinds: &[FailureKind]| kinds.iter().map(|kind| State::Failed(Failure::new(*kind))).collect::<Vec<_>>();
    [
        ("OK", vec![State::Ok]),
        ("NF", failed(&[NotFound])),
        ("BAD", failed(&[BadRequest])),
        ("AUTH", failed(&[Unauthorized, Forbidden])),
        ("RL", failed(&[RateLimited, Overloaded])),
        ("TMO", failed(&[Timeout])),
        ("DOWN", failed(&[Unavailable, InvalidResponse])),
    ]
}

/// The table as documented for callers: `S` success, `P` partial, otherwise the class that decides.
const TABLE: [[&str; 7]; 7] = [
    ["S", "S", "P", "P", "P", "P", "P"],
    ["S", "NF", "BAD", "AUTH", "RL", "TMO", "DOWN"],
    ["P", "BAD", "BAD", "AUTH", "RL", "TMO", "DOWN"],
    ["P", "AUTH", "AUTH", "AUTH", "AUTH", "AUTH", "AUTH"],
    ["P", "RL", "RL", "AUTH", "RL", "RL", "RL"],
    ["P", "TMO", "TMO", "AUTH", "RL", "TMO", "TMO"],
    ["P", "DOWN", "DOWN", "AUTH", "RL", "TMO", "DOWN"],
];

fn class_of(kind: FailureKind) -> &'static str {
    classes().into_iter().find(|(_, states)| states.contains(&State::Failed(Failure::new(kind)))).unwrap().0
}

fn told(decision: &Result<Decision, Refusal>) -> &'static str {
    match decision {
        Ok(given) if given.complete => "S",
        Ok(_) => "P",
        Err(refusal) => class_of(refusal.failure.kind),
    }
}

#[test]
fn every_pair_gives_what_the_table_says() {
    for (row, (left, lefts)) in classes().into_iter().enumerate() {
        for (column, (right, rights)) in classes().into_iter().enumerate() {
            for one in &lefts {
                for other in &rights {
                    let states = [(LEFT, *one), (RIGHT, *other)];
                    let expected = TABLE[row][column];
                    assert_eq!(told(&decide(&states, Partial::Allow, true)), expected, "{left} beside {right}");
                    let failing = if left == "OK" { right } else { left };
                    let denied = if expected == "P" { failing } else { expected };
                    assert_eq!(told(&decide(&states, Partial::Deny, true)), denied, "{left} beside {right}, denied");
                }
            }
        }
    }
}

#[test]
fn the_table_is_symmetric() {
    for (row, cells) in TABLE.iter().enumerate() {
        for (column, cell) in cells.iter().enumerate() {
            assert_eq!(*cell, TABLE[column][row]);
        }
    }
}

#[test]
fn inside_a_class_one_goes_before_the_other_whoever_said_it() {
    use FailureKind::*;
    for (strong, weak) in [(Unauthorized, Forbidden), (Unavailable, InvalidResponse), (RateLimited, Overloaded)] {
        for kinds in [[strong, weak], [weak, strong]] {
            let states = [(LEFT, State::Failed(Failure::new(kinds[0]))), (RIGHT, State::Failed(Failure::new(kinds[1])))];
            let refusal = decide(&states, Partial::Allow, true).unwrap_err();
            assert_eq!(refusal.failure.kind, strong);
            assert_eq!(refusal.source, Some(if kinds[0] == strong { LEFT } else { RIGHT }));
        }
    }
}

#[test]
fn counts_that_never_agreed_are_partial_or_a_wrong_answer() {
    for other in [State::Ok, State::Incomplete, State::NotLinked, State::Failed(Failure::new(FailureKind::NotFound))] {
        for states in [[(LEFT, State::Incomplete), (RIGHT, other)], [(LEFT, other), (RIGHT, State::Incomplete)]] {
            let given = decide(&states, Partial::Allow, true);
            assert_eq!(told(&given), "P");
            assert_eq!(given.unwrap().lacking.unwrap().failure.kind, FailureKind::InvalidResponse);
            assert_eq!(decide(&states, Partial::Deny, true).unwrap_err().failure.kind, FailureKind::InvalidResponse);
        }
    }
}

#[test]
fn beside_counts_that_never_agreed_the_stronger_failure_decides() {
    use FailureKind::*;
    for (other, decides) in [
        (Unauthorized, Unauthorized),
        (Forbidden, Forbidden),
        (RateLimited, RateLimited),
        (Overloaded, Overloaded),
        (Timeout, Timeout),
        (Unavailable, Unavailable),
        (InvalidResponse, InvalidResponse),
        (BadRequest, InvalidResponse),
    ] {
        let failed = State::Failed(Failure::new(other));
        for states in [[(LEFT, State::Incomplete), (RIGHT, failed)], [(LEFT, failed), (RIGHT, State::Incomplete)]] {
            let given = decide(&states, Partial::Allow, true).unwrap();
            assert_eq!((given.complete, given.lacking.unwrap().failure.kind), (false, decides));
            assert_eq!(decide(&states, Partial::Deny, true).unwrap_err().failure.kind, decides);
        }
    }
}

#[test]
fn a_source_that_is_not_linked_counts_for_nothing() {
    for (_, states) in classes() {
        for state in states {
            let alone = decide(&[(LEFT, state)], Partial::Allow, true);
            let beside = decide(&[(LEFT, state), (RIGHT, State::NotLinked)], Partial::Allow, true);
            assert_eq!(alone, beside);
        }
    }
    let nowhere = decide(&[(LEFT, State::NotLinked), (RIGHT, State::NotLinked)], Partial::Allow, true);
    assert_eq!(told(&nowhere), "NF");
}

#[test]
fn an_unknown_id_beside_a_roll_is_told_where_nothing_but_the_id_links() {
    let states = [(LEFT, State::Ok), (RIGHT, State::Failed(Failure::new(FailureKind::NotFound)))];
    let warned = decide(&states, Partial::Deny, false).unwrap();
    assert!(warned.complete);
    assert_eq!(warned.warnings, [Warning { code: WarningCode::UnverifiedLink, source: Some(RIGHT), count: None }]);
    assert!(decide(&states, Partial::Deny, true).unwrap().warnings.is_empty());
}

#[test]
fn two_equal_refusals_ask_for_the_longer_wait() {
    let wait = |seconds| {
        let retry_after = Some(Duration::from_secs(seconds));
        State::Failed(Failure { retry_after, ..Failure::new(FailureKind::RateLimited) })
    };
    let refusal = decide(&[(LEFT, wait(3)), (RIGHT, wait(9))], Partial::Allow, true).unwrap_err();
    assert_eq!(refusal.failure.retry_after, Some(Duration::from_secs(9)));
}
