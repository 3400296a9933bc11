//! What a failed page means inside a walk: its end, another reading, or a failure of the source. Pure.

use super::{
    adapter::Page,
    reading::{Reading, Rows},
};
use crate::domain::{Failure, FailureKind};

/// Handles the result of a page; `end` is the last page that there is, as stated by the backend.
pub(super) fn take<R: Rows>(number: u64, end: u64, page: Result<Page<R>, Failure>, reading: &mut Reading<R>) -> Result<(), Failure> {
    match page {
        Ok(page) => reading.take(number, page),
        Err(failure) if is_end(number, end, &failure) || (reading.is_proof(number) && is_refused(&failure)) => {
            reading.take(number, Page::default());
        }
        Err(failure) => return Err(failure),
    }
    Ok(())
}

/// Handles the failure of a page after the first one, once all requested pages have arrived. If [another
/// reading](another_reading_may_fix) may fix it, it ends this one, which then agrees with nothing.
pub(super) fn settle<R: Rows>(failure: Failure, reading: &mut Reading<R>) -> Result<(), Failure> {
    if !another_reading_may_fix(&failure) {
        return Err(failure);
    }
    reading.refuse(failure);
    Ok(())
}

/// Whether a failure marks a page after the last one that the backend states. What follows it is not
/// documented: an empty page or, by assumption, a 404 or 400. If the backend states no end, such an
/// answer does not mark one: the roll would be short, and no one could notice. The backend's other
/// counts still have to agree.
fn is_end(number: u64, end: u64, failure: &Failure) -> bool {
    end > 0 && number > end && is_refused(failure)
}

/// Whether a page is refused in a way that may be over when everything is read again from the beginning: what it lay
/// behind has become shorter, or its cursor has expired, which some backends answer with 410.
pub(super) fn another_reading_may_fix(failure: &Failure) -> bool {
    let is_gone = failure.http_status == Some(410) && !failure.is_of_token;
    is_refused(failure) || is_gone
}

/// Whether the backend does not know what was requested, or rejects the request.
fn is_refused(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::NotFound | FailureKind::BadRequest)
}

/// If a page of a customer has already arrived, the customer cannot be unknown or its id invalid: that answer is wrong.
pub(super) fn of_a_known_customer(failure: Failure) -> Failure {
    if is_refused(&failure) { Failure { kind: FailureKind::InvalidResponse, ..failure } } else { failure }
}

#[cfg(test)]
mod tests {
    use FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, RateLimited, Timeout, Unavailable};

    use super::*;
    use crate::{
        domain::{Record, Records},
        sources::adapter::Paging,
    };

    fn reading() -> Reading {
        let mut reading = Reading::new(Paging::Pages { size: 10 });
        reading.take(1, Page { records: Records::default(), count: Some(20), pages: Some(2), ..Page::default() });
        reading
    }

    #[test]
    fn a_refusal_behind_the_last_page_is_the_end_and_any_other_failure_is_one() {
        for (number, end, kind, is_taken) in [
            (3, 2, NotFound, true),
            (3, 2, BadRequest, true),
            (3, 2, Unavailable, false),
            (3, 2, Forbidden, false),
            (2, 2, NotFound, false),
            (2, 0, NotFound, false), // no page count was stated
            (1, 0, NotFound, false),
        ] {
            let taken = take(number, end, Err(Failure::new(kind)), &mut reading());
            assert_eq!(taken, if is_taken { Ok(()) } else { Err(Failure::new(kind)) }, "{number} of {end}: {kind:?}");
        }
    }

    #[test]
    fn a_page_that_is_only_a_proof_may_be_refused_and_nothing_else() {
        let row = |id| Page { records: [Record { id, ..Record::default() }].into_iter().collect(), ..Page::default() };
        for (failure, is_end) in [
            (Failure::answered(NotFound, 404), true),
            (Failure::answered(BadRequest, 400), true),
            (Failure::answered(Unavailable, 500), false),
            (Failure::answered(Unavailable, 503), false),
            (Failure::answered(InvalidResponse, 200), false),
            (Failure::new(Unavailable), false),
            (Failure::new(Timeout), false),
            (Failure::answered(RateLimited, 429), false),
            (Failure::answered(Forbidden, 403), false),
        ] {
            let mut list: Reading = Reading::to_the_end(Paging::Pages { size: 10 });
            list.take(1, row("1"));
            assert_eq!(take(2, 0, Err(failure), &mut list).is_ok(), is_end, "{failure:?}");
            list.take(2, row("2"));
            assert_eq!(take(3, 0, Err(failure), &mut list).is_ok(), is_end, "{failure:?}");
        }
    }

    #[test]
    fn a_refusal_inside_a_walk_ends_a_reading_that_agrees_with_nothing() {
        for (failure, is_end) in [
            (Failure::answered(NotFound, 404), true),
            (Failure::answered(BadRequest, 400), true),
            (Failure::answered(InvalidResponse, 410), true), // a cursor that has expired
            (Failure { is_of_token: true, ..Failure::answered(InvalidResponse, 410) }, false),
            (Failure::answered(Unavailable, 503), false),
            (Failure::answered(Forbidden, 403), false),
            (Failure::answered(InvalidResponse, 200), false),
        ] {
            let mut reading = reading();
            assert_eq!(settle(failure, &mut reading), if is_end { Ok(()) } else { Err(failure) }, "{failure:?}");
            assert_eq!(reading.wanted().is_empty(), is_end, "{failure:?}");
            let read = reading.finish();
            assert_eq!((read.agrees, read.refused), (false, is_end.then_some(failure)), "{failure:?}");
        }
    }

    #[test]
    fn a_customer_who_was_just_there_is_neither_unknown_nor_refused() {
        let kinds = [NotFound, BadRequest, Unavailable, Forbidden].map(|kind| of_a_known_customer(Failure::answered(kind, 400)).kind);
        assert_eq!(kinds, [InvalidResponse, InvalidResponse, Unavailable, Forbidden]);
    }
}
