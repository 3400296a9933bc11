//! Page cursors: they record where a page ended and are opaque to callers.
//!
//! A cursor names the last person of a page by sort value and id, so that a refresh of the roll between two
//! pages neither repeats nor skips anyone who stayed the same. It is bound to the customer and the view.

use uuid::Uuid;

use super::query::View;
use crate::domain::{CustomerId, InvalidCursor, open_cursor, seal_cursor};

/// Bytes of an id.
const ID: usize = 16;

/// A position after the person with this sort value and id.
pub(super) type Position = (Option<String>, Uuid);

/// Writes a position as a cursor.
pub(super) fn write(customer: &CustomerId, view: &View, (value, id): (Option<&str>, Uuid)) -> String {
    let mut place = id.as_bytes().to_vec();
    if let Some(value) = value {
        place.push(b'=');
        place.extend_from_slice(value.as_bytes());
    }
    seal_place(customer, view, &place)
}

/// Writes any bytes as a cursor, whether or not they are a position. Whoever reads it has to expect that, because the
/// digest is no secret.
pub fn seal_place(customer: &CustomerId, view: &View, place: &[u8]) -> String {
    seal_cursor(&[b"rollcall cursor 1", customer.as_str().as_bytes(), view.canonical().as_bytes()], place)
}

/// Reads the position from a cursor.
pub(super) fn read(customer: &CustomerId, view: &View, cursor: &str) -> Result<Position, InvalidCursor> {
    let place = open_cursor(&[b"rollcall cursor 1", customer.as_str().as_bytes(), view.canonical().as_bytes()], cursor)?;
    let (id, value) = place.split_first_chunk::<ID>().ok_or(InvalidCursor)?;
    let value = match value.split_first() {
        None => None,
        Some((_, value)) => Some(String::from_utf8(value.to_vec()).map_err(|_| InvalidCursor)?),
    };
    Ok((value, Uuid::from_bytes(*id)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn acme() -> CustomerId {
        "acme".parse().unwrap()
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(value in prop::option::of("\\PC{0,20}"), id in any::<u128>()) {
            let position = (value.as_deref(), Uuid::from_u128(id));
            let cursor = write(&acme(), &View::default(), position);
            prop_assert_eq!(read(&acme(), &View::default(), &cursor), Ok((value.clone(), position.1)));
        }

        #[test]
        fn any_damage_is_noticed(at in 0_usize..40, to in "[A-Za-z0-9_-]", cut in 0_usize..40) {
            let cursor = write(&acme(), &View::default(), (Some("ann lee"), Uuid::from_u128(7)));
            let mut damaged = cursor.clone();
            damaged.replace_range(at..=at, &to);
            if damaged != cursor {
                prop_assert_eq!(read(&acme(), &View::default(), &damaged), Err(InvalidCursor));
            }
            prop_assert_eq!(read(&acme(), &View::default(), &cursor[..cut]), Err(InvalidCursor));
        }

        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,80}") {
            prop_assert_eq!(read(&acme(), &View::default(), &text), Err(InvalidCursor));
        }
    }

    #[test]
    fn a_cursor_belongs_to_its_customer_and_view() {
        let cursor = write(&acme(), &View::default(), (None, Uuid::from_u128(7)));
        let views = [
            View { q: Some("a".into()), ..View::default() },
            View { with_deleted: true, ..View::default() },
            View { with_conflicts: true, ..View::default() },
            View { enabled: Some(true), ..View::default() },
            View { sort: "-display_name".parse().unwrap(), ..View::default() },
        ];
        for view in views {
            assert_eq!(read(&acme(), &view, &cursor), Err(InvalidCursor), "{view:?}");
        }
        assert_eq!(read(&"acne".parse().unwrap(), &View::default(), &cursor), Err(InvalidCursor));
    }
}
