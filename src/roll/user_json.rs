//! A person as JSON, written as serde would write it, in less than half of the
//! instructions: names of fields are copied as they are, and so is a text in which there is nothing to escape.

use serde::Serialize;
use uuid::Uuid;

use crate::domain::{MatchedBy, SourceRecord, User};

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
    for (name, value) in [
        ("display_name", display_name),
        ("first_name", first_name),
        ("last_name", last_name),
        ("email", email),
        ("username", username),
        ("phone", phone),
    ] {
        field(name, to);
        text_or_null(*value, to);
    }
    flag("enabled", *enabled, to);
    flag("can_sign_in", *can_sign_in, to);
    field("roles", to);
    list(roles, to, |role, to| text(role, to));
    flag("primary_contact", *primary_contact, to);
    flag("inherited", *inherited, to);
    flag("placeholder", Some(*placeholder), to);
    flag("deleted", Some(*deleted), to);
    field("matched_by", to);
    text_or_null(matched_by.map(MatchedBy::as_str), to);
    field("sources", to);
    list(sources, to, record);
    to.push(b'}');
}

fn record(SourceRecord { source, id }: &SourceRecord<'_>, to: &mut Vec<u8>) {
    to.extend_from_slice(b"{\"source\":");
    text(source.as_str(), to);
    field("id", to);
    text(id, to);
    to.push(b'}');
}

/// Begins a field that is not the first one.
fn field(name: &str, to: &mut Vec<u8>) {
    to.extend_from_slice(b",\"");
    to.extend_from_slice(name.as_bytes());
    to.extend_from_slice(b"\":");
}

fn flag(name: &str, flag: Option<bool>, to: &mut Vec<u8>) {
    field(name, to);
    to.extend_from_slice(match flag {
        Some(true) => b"true",
        Some(false) => b"false",
        None => b"null",
    });
}

fn list<T>(items: &[T], to: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    to.push(b'[');
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            to.push(b',');
        }
        write(item, to);
    }
    to.push(b']');
}

fn text_or_null(value: Option<&str>, to: &mut Vec<u8>) {
    match value {
        Some(value) => text(value, to),
        None => to.extend_from_slice(b"null"),
    }
}

fn text(value: &str, to: &mut Vec<u8>) {
    if is_plain(value) {
        to.push(b'"');
        to.extend_from_slice(value.as_bytes());
        to.push(b'"');
    } else {
        // Writing a text to memory does not fail.
        let written = value.serialize(&mut serde_json::Serializer::new(to));
        debug_assert!(written.is_ok());
    }
}

/// Whether nothing in a text has to be escaped (RFC 8259, 7). Looks at all of it, for many bytes at
/// once are looked at faster than one after the other.
fn is_plain(value: &str) -> bool {
    let special = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    value.bytes().fold(0, |found, byte| found | special(byte)) == 0
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
