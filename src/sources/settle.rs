//! What a page that fails means inside a walk: its end, one more reading, or a failure of the source. Pure.

use super::{
    adapter::Page,
    reading::{Reading, Rows},
};
use crate::domain::{Failure, FailureKind};

/// Takes what a page came to; `stated` is how many pages the backend says there are.
pub(super) fn take<R: Rows>(number: u64, stated: u64, page: Result<Page<R>, Failure>, reading: &mut Reading<R>) -> Result<(), Failure> {
    match page {
        Ok(page) => reading.take(number, page),
        Err(failure) if is_end(number, stated, &failure) => reading.take(number, Page::default()),
        Err(failure) => return Err(failure),
    }
    Ok(())
}

/// What a failure means once all that was asked for has come. A page that there is no more, of a roll that
/// has become shorter meanwhile, ends a reading whose counts do not agree.
pub(super) fn settle<R: Rows>(number: u64, failure: Failure, reading: &mut Reading<R>) -> Result<(), Failure> {
    if number > 1 && is_refused(&failure) && reading.has_changed() {
        reading.take(number, Page::default());
        return Ok(());
    }
    Err(if number > 1 { of_a_known_customer(failure) } else { failure })
}

/// Whether a failure is a page behind the last one that the backend says there is. Nothing
/// documents what comes there: an empty page, or, by assumption, a 404 or 400. Where the backend
/// says nothing, such an answer is no end: the roll would be short, and nobody could tell.
fn is_end(number: u64, stated: u64, failure: &Failure) -> bool {
    stated > 0 && number > stated && is_refused(failure)
}

/// Whether the backend does not know what was asked for, or does not take the question.
fn is_refused(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::BadRequest)
}

/// A customer of whom a page has just come cannot be unknown, nor his id be refused: that answer is wrong.
pub(super) fn of_a_known_customer(failure: Failure) -> Failure {
    if is_refused(&failure) { Failure { kind: FailureKind::InvalidResponse, ..failure } } else { failure }
}

#[cfg(test)]
mod tests {
    use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, Unavailable};

    use super::*;
    use crate::{domain::Records, sources::adapter::Paging};

    /// A reading whose first page says that there are so many pages, and whose second says another number.
    fn reading(first: u64, second: u64) -> Reading {
        let page = |pages| Page { records: Records::default(), count: Some(pages * 10), pages: Some(pages), odd_fields: 0 };
        let mut reading = Reading::new(Paging::Numbered { size: 10 });
        reading.take(1, page(first));
        reading.take(2, page(second));
        reading
    }

    #[test]
    fn a_refusal_behind_the_last_page_is_the_end_and_any_other_failure_is_one() {
        for (number, stated, kind, is_taken) in [
            (3, 2, NotFound, true),
            (3, 2, BadRequest, true),
            (3, 2, Unavailable, false),
            (3, 2, Forbidden, false),
            (2, 2, NotFound, false),
            (2, 0, NotFound, false), // nobody has said how many there are
            (1, 0, NotFound, false),
        ] {
            let taken = take(number, stated, Err(Failure::new(kind)), &mut reading(2, 2));
            assert_eq!(taken, if is_taken { Ok(()) } else { Err(Failure::new(kind)) }, "{number} of {stated}: {kind:?}");
        }
    }

    #[test]
    fn a_refusal_inside_a_walk_is_a_wrong_answer_unless_the_roll_has_become_shorter() {
        for (number, second, kind, expected) in [
            (3, 2, NotFound, Ok(())),
            (3, 2, BadRequest, Ok(())),
            (3, 2, Unavailable, Err(Unavailable)),
            (3, 3, NotFound, Err(InvalidResponse)),
            (3, 3, BadRequest, Err(InvalidResponse)),
            (3, 3, Forbidden, Err(Forbidden)),
            (1, 2, NotFound, Err(NotFound)),
            (1, 2, BadRequest, Err(BadRequest)),
        ] {
            let settled = settle(number, Failure::answered(kind, 400), &mut reading(3, second));
            assert_eq!(settled, expected.map_err(|kind| Failure::answered(kind, 400)), "{number} {second}: {kind:?}");
        }
    }
}
