//! Builds one person from their records, and decides which source wins where they differ. Pure.

use std::collections::BTreeMap;

use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

use crate::domain::{Conflict, MatchedBy, Record, SourceName, SourceRecord, User};

/// Merges records into a person. `records` are in order of precedence; an absent value never replaces a known
/// one.
#[inline]
pub(super) fn merge<'a>(id: Uuid, placeholder: bool, records: impl IntoIterator<Item = (SourceName, Record<'a>)>) -> User<'a> {
    let mut user = User {
        id,
        display_name: None,
        first_name: None,
        last_name: None,
        email: None,
        username: None,
        phone: None,
        enabled: None,
        can_sign_in: None,
        roles: SmallVec::new(),
        primary_contact: None,
        inherited: None,
        placeholder,
        deleted: false,
        matched_by: None,
        sources: SmallVec::new(),
        conflicts: None,
    };
    records.into_iter().for_each(|(source, record)| add(&mut user, source, record));
    user.matched_by = (user.sources.len() > 1).then_some(MatchedBy::Email);
    user
}

/// Adds one record to a person, with lower precedence than those before it. Destructures, so that a new field
/// cannot be forgotten.
#[inline]
fn add<'a>(user: &mut User<'a>, source: SourceName, record: Record<'a>) {
    let Record {
        id,
        owner: _,
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
        deleted,
    } = record;
    user.display_name = user.display_name.or(display_name);
    user.first_name = user.first_name.or(first_name);
    user.last_name = user.last_name.or(last_name);
    user.email = user.email.or(email);
    user.username = user.username.or(username);
    user.phone = user.phone.or(phone);
    user.enabled = user.enabled.or(enabled);
    user.can_sign_in = user.can_sign_in.or(can_sign_in);
    user.primary_contact = user.primary_contact.or(primary_contact);
    user.inherited = user.inherited.or(inherited);
    user.deleted |= deleted;
    if user.roles.is_empty() {
        user.roles = roles;
    }
    user.sources.push(SourceRecord { source, id });
}

/// Returns the fields on which a person's records differ; today that can only be the display name. A
/// difference in Unicode composition (NFC) does not count.
pub(super) fn conflicts<'a>(records: &[(SourceName, Record<'a>)]) -> Vec<Conflict<'a>> {
    let values: BTreeMap<SourceName, &str> = records.iter().filter_map(|(source, record)| Some((*source, record.display_name?))).collect();
    let chosen = records.iter().find_map(|(source, record)| record.display_name.map(|name| (*source, name)));
    match chosen {
        Some((chosen, name)) if values.values().any(|other| other.nfc().ne(name.nfc())) => {
            vec![Conflict { field: "display_name", chosen, values }]
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: SourceName = SourceName::new("first");
    const SECOND: SourceName = SourceName::new("second");

    fn named(name: Option<&str>) -> Record<'_> {
        Record { id: "1", display_name: name, ..Record::default() }
    }

    fn both<'a>(first: &Record<'a>, second: &Record<'a>) -> [(SourceName, Record<'a>); 2] {
        [(FIRST, first.clone()), (SECOND, second.clone())]
    }

    #[test]
    fn the_first_source_wins_except_where_it_says_nothing() {
        let first = Record { enabled: Some(false), phone: None, inherited: None, ..named(Some("Ann Lee")) };
        let second = Record { enabled: Some(true), phone: Some("1"), inherited: Some(true), ..named(Some("A. Lee")) };
        let records = both(&first, &second);
        let user = merge(Uuid::nil(), false, records.clone());
        assert_eq!((user.display_name, user.enabled, user.phone, user.inherited), (Some("Ann Lee"), Some(false), Some("1"), Some(true)));
        assert_eq!((user.matched_by, user.sources.len()), (Some(MatchedBy::Email), 2));
        let turned = [(SECOND, second), (FIRST, first)];
        assert_eq!(merge(Uuid::nil(), false, turned).display_name, Some("A. Lee"));
        assert_eq!(merge(Uuid::nil(), false, records[..1].to_vec()).matched_by, None);
    }

    #[test]
    fn names_that_differ_are_a_conflict() {
        for (first, second, expected) in [
            (Some("Ann Lee"), Some("A. Lee"), Some(FIRST)),
            (Some("Ann Lee"), Some("ann lee"), Some(FIRST)),
            (Some("Ann Lee"), Some("Ann Lee"), None),
            (Some("Jos\u{e9}"), Some("Jose\u{301}"), None),
            (None, Some("A. Lee"), None),
            (None, None, None),
        ] {
            let (first, second) = (named(first), named(second));
            let records = both(&first, &second);
            assert_eq!(conflicts(&records).first().map(|conflict| conflict.chosen), expected);
        }
    }
}
