//! Writes a person as JSON, exactly as serde would, in less than half of the instructions: field names are
//! copied as they are, and so are texts with nothing to escape.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{MatchedBy, SourceRecord, User},
    json,
};

/// Writes a field with a text or null. A macro, so that the name and what follows are copied as one constant.
macro_rules! text_or_null {
    ($to:ident, $name:literal, $value:expr) => {
        match $value {
            Some(value) => {
                $to.extend_from_slice(concat!(",\"", $name, "\":\"").as_bytes());
                rest_of_text(value, $to);
            }
            None => $to.extend_from_slice(concat!(",\"", $name, "\":null").as_bytes()),
        }
    };
}

/// Writes a field with a flag or null, for the same reason a macro.
macro_rules! flag_or_null {
    ($to:ident, $name:literal, $value:expr) => {
        match $value {
            Some(true) => $to.extend_from_slice(concat!(",\"", $name, "\":true").as_bytes()),
            Some(false) => $to.extend_from_slice(concat!(",\"", $name, "\":false").as_bytes()),
            None => $to.extend_from_slice(concat!(",\"", $name, "\":null").as_bytes()),
        }
    };
}

/// Writes a person without `conflicts`. Destructures, so that a new field cannot be forgotten.
pub(super) fn write(user: &User<'_>, to: &mut Vec<u8>) {
    let User {
        id,
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
        placeholder,
        deleted,
        matched_by,
        sources,
        conflicts: _,
    } = user;
    to.extend_from_slice(b"{\"id\":\"");
    to.extend_from_slice(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
    to.push(b'"');
    text_or_null!(to, "display_name", *display_name);
    text_or_null!(to, "first_name", *first_name);
    text_or_null!(to, "last_name", *last_name);
    text_or_null!(to, "email", *email);
    text_or_null!(to, "username", *username);
    text_or_null!(to, "phone", *phone);
    flag_or_null!(to, "enabled", *enabled);
    flag_or_null!(to, "can_sign_in", *can_sign_in);
    list(b",\"roles\":[", roles, to, |role, to| text(role, to));
    flag_or_null!(to, "primary_contact", *primary_contact);
    flag_or_null!(to, "inherited", *inherited);
    flag_or_null!(to, "placeholder", Some(*placeholder));
    flag_or_null!(to, "deleted", Some(*deleted));
    text_or_null!(to, "matched_by", matched_by.map(MatchedBy::as_str));
    list(b",\"sources\":[", sources, to, record);
    to.push(b'}');
}

fn record(SourceRecord { source, id }: &SourceRecord<'_>, to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"source\":\"");
    debug_assert!(json::is_plain(source.as_str())); // it is in snake_case
    to.extend_from_slice(source.as_str().as_bytes());
    to.extend_from_slice(b"\",\"id\":\"");
    rest_of_text(id, to);
    to.push(b'}');
}

fn list<T>(name: &[u8], items: &[T], to: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    to.extend_from_slice(name);
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            to.push(b',');
        }
        write(item, to);
    }
    to.push(b']');
}

fn text(value: &str, to: &mut Vec<u8>) {
    to.push(b'"');
    rest_of_text(value, to);
}

/// Writes a text whose first quote is there already.
fn rest_of_text(value: &str, to: &mut Vec<u8>) {
    if json::is_plain(value) {
        to.extend_from_slice(value.as_bytes());
        to.push(b'"');
    } else {
        to.pop();
        // Writing a text to memory does not fail.
        let written = value.serialize(&mut serde_json::Serializer::new(to));
        debug_assert!(written.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use smallvec::SmallVec;

    use super::*;
    use crate::domain::SourceName;

    fn text() -> impl Strategy<Value = Option<String>> {
        prop::option::of("[a-z\"\\\\\u{0}-\u{1f}\u{7f}\u{e9}\u{2028}/]{0,24}")
    }

    proptest! {
        #[test]
        fn a_person_is_written_as_serde_writes_him(
            id in any::<u128>(),
            texts in prop::collection::vec(text(), 6),
            flags in prop::collection::vec(prop::option::of(any::<bool>()), 6),
            roles in prop::collection::vec(text(), 0..4),
            joined in any::<bool>(),
            records in prop::collection::vec(text(), 0..4),
        ) {
            let value = |place: usize| texts[place].as_deref();
            let source = |id: &'static str| SourceName::new(id);
            let user = User {
                id: Uuid::from_u128(id),
                display_name: value(0),
                first_name: value(1),
                last_name: value(2),
                email: value(3),
                username: value(4),
                phone: value(5),
                enabled: flags[0],
                can_sign_in: flags[1],
                roles: roles.iter().flatten().map(String::as_str).collect(),
                primary_contact: flags[2],
                inherited: flags[3],
                placeholder: flags[4].unwrap_or_default(),
                deleted: flags[5].unwrap_or_default(),
                matched_by: joined.then_some(MatchedBy::Email),
                sources: records.iter().flatten().map(|id| SourceRecord { source: source("left"), id }).collect::<SmallVec<_>>(),
                conflicts: None,
            };
            let mut written = Vec::new();
            write(&user, &mut written);
            prop_assert_eq!(String::from_utf8(written).unwrap(), serde_json::to_string(&user).unwrap());
        }
    }
}
