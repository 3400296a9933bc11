//! Writes a person as JSON, exactly as serde would, in less than half of the instructions: field names are
//! copied as they are, and so are texts with nothing to escape.

use serde::Serialize;
use uuid::Uuid;

use crate::{
    domain::{MatchedBy, SourceRecord, User},
    json,
};

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
    text_or_null(b",\"display_name\":", *display_name, to);
    text_or_null(b",\"first_name\":", *first_name, to);
    text_or_null(b",\"last_name\":", *last_name, to);
    text_or_null(b",\"email\":", *email, to);
    text_or_null(b",\"username\":", *username, to);
    text_or_null(b",\"phone\":", *phone, to);
    flag(b",\"enabled\":", *enabled, to);
    flag(b",\"can_sign_in\":", *can_sign_in, to);
    list(b",\"roles\":[", roles, to, |role, to| text(role, to));
    flag(b",\"primary_contact\":", *primary_contact, to);
    flag(b",\"inherited\":", *inherited, to);
    flag(b",\"placeholder\":", Some(*placeholder), to);
    flag(b",\"deleted\":", Some(*deleted), to);
    text_or_null(b",\"matched_by\":", matched_by.map(MatchedBy::as_str), to);
    list(b",\"sources\":[", sources, to, record);
    to.push(b'}');
}

fn record(SourceRecord { source, id }: &SourceRecord<'_>, to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"source\":");
    text(source.as_str(), to);
    to.extend_from_slice(b",\"id\":");
    text(id, to);
    to.push(b'}');
}

fn flag(name: &[u8], flag: Option<bool>, to: &mut Vec<u8>) {
    to.extend_from_slice(name);
    to.extend_from_slice(match flag {
        Some(true) => b"true",
        Some(false) => b"false",
        None => b"null",
    });
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

fn text_or_null(name: &[u8], value: Option<&str>, to: &mut Vec<u8>) {
    to.extend_from_slice(name);
    match value {
        Some(value) => text(value, to),
        None => to.extend_from_slice(b"null"),
    }
}

fn text(value: &str, to: &mut Vec<u8>) {
    if json::is_plain(value) {
        to.push(b'"');
        to.extend_from_slice(value.as_bytes());
        to.push(b'"');
    } else {
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
