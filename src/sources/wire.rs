//! What the wire types of several backends share.

use super::{adapter::Unreadable, scalar::Scalar};

/// Whether a body says that it is an error: by `status: "error"`, or by an `error` that is a
/// number other than 0, which is what a success may carry (MyReports, "Common reply template").
pub(super) fn said_error(status: &Scalar<'_>, error: &Scalar<'_>) -> Result<(), Unreadable> {
    let number = error.count().ok().flatten().filter(|number| *number != 0);
    let failed = matches!(status, Scalar::Text(text) if text.trim().eq_ignore_ascii_case("error"));
    match number {
        Some(number) => Err(Unreadable::Said(u16::try_from(number).ok())),
        None if failed => Err(Unreadable::Said(None)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_by_word_or_by_number() {
        let (absent, zero, word) = (Scalar::Absent, Scalar::Number(0), Scalar::Text("error".into()));
        let success = Scalar::Text("success".into());
        assert_eq!(said_error(&absent, &absent), Ok(()));
        assert_eq!(said_error(&success, &zero), Ok(()));
        assert_eq!(said_error(&word, &Scalar::Text("404".into())), Err(Unreadable::Said(Some(404))));
        assert_eq!(said_error(&success, &Scalar::Number(404)), Err(Unreadable::Said(Some(404))));
        assert_eq!(said_error(&word, &absent), Err(Unreadable::Said(None)));
        assert_eq!(said_error(&word, &Scalar::Number(1 << 40)), Err(Unreadable::Said(None)));
    }
}
