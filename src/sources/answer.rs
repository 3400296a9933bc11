//! Judges an answer: which HTTP status, with which body, is a page and which is a failure. Pure.
//! The status decides; a body counts only inside a 200 and a 404, so a body that was cut short
//! matters only there.

use serde::de::IgnoredAny;

use super::{
    adapter::{Page, Unreadable},
    body::{unmarked, with_whole_pairs},
};
use crate::domain::{
    Failure,
    FailureKind::{BadRequest, Forbidden, InvalidResponse, NotFound, RateLimited, Unauthorized, Unavailable},
};

/// Turns an answer into a page or a failure; `read` parses the body of a 200.
pub(super) fn judge<R>(
    read: impl Fn(&[u8]) -> Result<Page<R>, Unreadable>,
    status: u16,
    body: Result<&[u8], Failure>,
) -> Result<Page<R>, Failure> {
    let body = body.map(unmarked);
    match status {
        200 => read_as_it_comes(read, body?).map_err(|unreadable| match unreadable {
            Unreadable::Said(Some(said)) => said_in_body(said),
            Unreadable::Said(None) | Unreadable::Shape => Failure::answered(InvalidResponse, 200),
        }),
        404 if !is_empty_or_json(body?) => Err(Failure::answered(InvalidResponse, 404)),
        _ => Err(by_status(status)),
    }
}

/// Reads a body. If it is unreadable and contains halves of characters, reads it without them; each counts as an odd field.
fn read_as_it_comes<R>(read: impl Fn(&[u8]) -> Result<Page<R>, Unreadable>, body: &[u8]) -> Result<Page<R>, Unreadable> {
    let unreadable = match read(body) {
        Err(unreadable @ Unreadable::Shape) => unreadable,
        read => return read,
    };
    let (mended, lost) = with_whole_pairs(body).ok_or(unreadable)?;
    read(&mended).map(|page| Page { odd_fields: page.odd_fields + lost, ..page })
}

/// The failure that a status stands for; a 404 is taken to mean not found.
pub(super) fn by_status(status: u16) -> Failure {
    let kind = match status {
        400 | 422 => BadRequest,
        401 => Unauthorized,
        403 => Forbidden,
        404 => NotFound,
        429 => RateLimited,
        500..=599 => Unavailable,
        _ => InvalidResponse,
    };
    Failure::answered(kind, status)
}

/// The failure that a token endpoint's status stands for: 400, 401 and 403 refuse our credentials.
pub(super) fn by_token_status(status: u16) -> Failure {
    match status {
        400 => Failure::answered(Unauthorized, 400),
        404 | 422 => Failure::answered(InvalidResponse, status),
        _ => by_status(status),
    }
}

/// A 200 whose body states an error counts as the status that it names. A number that is not the
/// status of a failure tells nothing.
fn said_in_body(said: u16) -> Failure {
    match said {
        400..=599 => by_status(said),
        _ => Failure::answered(InvalidResponse, 200),
    }
}

/// A 404 from the API has no body or a JSON one; an HTML page comes from something else on the way.
fn is_empty_or_json(body: &[u8]) -> bool {
    body.trim_ascii().is_empty() || serde_json::from_slice::<IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::domain::Records;

    type Reads = Result<Page, Unreadable>;

    fn judged(read: Reads, status: u16, body: &[u8]) -> Result<Page, Failure> {
        let read = Cell::new(Some(read)); // once
        judge(|_| read.take().unwrap(), status, Ok(body))
    }

    #[test]
    fn a_body_that_did_not_come_whole_matters_only_where_it_is_believed() {
        let failed = Failure::new(InvalidResponse);
        for (status, expected) in [
            (200, failed),
            (404, failed),
            (302, Failure::answered(InvalidResponse, 302)),
            (400, Failure::answered(BadRequest, 400)),
            (401, Failure::answered(Unauthorized, 401)),
            (403, Failure::answered(Forbidden, 403)),
            (429, Failure::answered(RateLimited, 429)),
            (500, Failure::answered(Unavailable, 500)),
            (503, Failure::answered(Unavailable, 503)),
        ] {
            assert_eq!(judge::<Records>(|_| Ok(Page::default()), status, Err(failed)), Err(expected), "{status}");
        }
    }

    #[test]
    fn the_status_decides() {
        for (status, body, kind) in [
            (204, "", InvalidResponse),
            (302, "", InvalidResponse),
            (400, "", BadRequest),
            (422, "{}", BadRequest),
            (401, "", Unauthorized),
            (403, "", Forbidden),
            (404, "", NotFound),
            (404, " \n", NotFound),
            (404, "{\"error\":404}", NotFound),
            (404, "<html>gone</html>", InvalidResponse),
            (405, "", InvalidResponse),
            (429, "", RateLimited),
            (500, "{}", Unavailable),
            (503, "<html/>", Unavailable),
        ] {
            assert_eq!(judged(Ok(Page::default()), status, body.as_bytes()), Err(Failure::answered(kind, status)), "{status} {body}");
        }
        assert_eq!(judged(Ok(Page::default()), 200, b""), Ok(Page::default()));
    }

    #[test]
    fn a_200_that_says_error_counts_as_what_it_says() {
        for (said, expected) in [
            (Some(404), Failure::answered(NotFound, 404)),
            (Some(401), Failure::answered(Unauthorized, 401)),
            (Some(503), Failure::answered(Unavailable, 503)),
            (Some(200), Failure::answered(InvalidResponse, 200)),
            (None, Failure::answered(InvalidResponse, 200)),
        ] {
            assert_eq!(judged(Err(Unreadable::Said(said)), 200, b""), Err(expected));
        }
        assert_eq!(judged(Err(Unreadable::Shape), 200, b""), Err(Failure::answered(InvalidResponse, 200)));
    }

    #[test]
    fn the_token_endpoint_refuses_with_400_401_and_403() {
        let kinds = [400, 401, 403, 404, 429, 503].map(|status| by_token_status(status).kind);
        assert_eq!(kinds, [Unauthorized, Unauthorized, Forbidden, InvalidResponse, RateLimited, Unavailable]);
    }
}
