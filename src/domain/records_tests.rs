//! What is packed is unpacked unchanged, and one record of each id stays.

use proptest::prelude::*;

use super::*;
use crate::domain::EmailKey;

/// The parts of a record, owned.
type Made = (Vec<Option<String>>, Vec<Option<bool>>, Vec<String>, bool);

fn made() -> impl Strategy<Value = Made> {
    let text = || prop_oneof![9 => "[a-zA-Z@.\u{fc}]{0,12}", 1 => "[a-b]{252,257}"];
    (
        prop::collection::vec(prop::option::of(text()), 8),
        prop::collection::vec(prop::option::of(any::<bool>()), 4),
        prop::collection::vec(text(), 0..4),
        any::<bool>(),
    )
}

fn record<'a>(id: &'a str, (texts, flags, roles, deleted): &'a Made) -> Record<'a> {
    let text = |place: usize| texts[place].as_deref();
    Record {
        id,
        owner: text(0),
        display_name: text(1),
        first_name: text(2),
        last_name: text(3),
        email: text(4),
        username: text(5),
        phone: text(6),
        enabled: flags[0],
        can_sign_in: flags[1],
        primary_contact: flags[2],
        inherited: flags[3],
        roles: roles.iter().map(String::as_str).collect(),
        deleted: *deleted,
    }
}

/// Records with different lifetimes have different types, so they are compared as debug text.
fn are(packed: &Records, expected: &[Record<'_>]) -> bool {
    packed.iter().map(|record| format!("{record:?}")).eq(expected.iter().map(|record| format!("{record:?}")))
}

proptest! {
    #[test]
    fn what_is_put_in_comes_out(rows in prop::collection::vec(("[a-z]{1,3}", made()), 0..12)) {
        let all: Vec<Record<'_>> = rows.iter().map(|(id, made)| record(id, made)).collect();
        let packed: Records = all.iter().cloned().collect();
        prop_assert!(are(&packed, &all));
        for (place, record) in all.iter().enumerate() {
            prop_assert_eq!(packed.id(place), Some(record.id));
            prop_assert_eq!((packed.display_name(place), packed.email(place)), (record.display_name, record.email));
            let key = record.email.and_then(EmailKey::new);
            prop_assert_eq!(packed.key(place), key.as_ref().map(EmailKey::as_str));
        }
        let owners: Vec<_> = all.iter().filter_map(|record| Some((record.owner?, record.inherited))).collect();
        prop_assert_eq!(packed.owners().collect::<Vec<_>>(), owners);
        prop_assert!(packed.get(all.len()).is_none() && packed.id(all.len()).is_none() && packed.key(all.len()).is_none());
    }

    /// Compared with the same operations on plain lists.
    #[test]
    fn one_record_is_left_of_each_id(rows in prop::collection::vec(("[a-c]{1,2}", made()), 0..12), cut in 0_usize..12) {
        let all: Vec<Record<'_>> = rows.iter().map(|(id, made)| record(id, made)).collect();
        let (left, right) = all.split_at(cut.min(all.len()));
        let pages = [left.iter().cloned().collect::<Records>(), right.iter().cloned().collect()];
        let distinct = Records::distinct(pages.to_vec());
        prop_assert_eq!(&Records::distinct(vec![all.iter().cloned().collect()]), &distinct);
        let mut expected = all.clone();
        expected.sort_by(|a, b| b.cmp(a));
        expected.dedup_by(|a, b| a.id == b.id);
        expected.reverse();
        prop_assert!(are(&distinct, &expected));
        let [one, other] = pages;
        prop_assert_eq!(Records::distinct(vec![other, one]), distinct.clone());
        for (place, record) in expected.iter().enumerate() {
            prop_assert_eq!(distinct.find(record.id), Some(place));
        }
        prop_assert_eq!(distinct.find("d"), None);
        let kept = distinct.filtered(|record| !record.deleted);
        prop_assert!(are(&kept, &expected.into_iter().filter(|record| !record.deleted).collect::<Vec<_>>()));
    }
}

#[test]
fn a_text_may_have_any_length_and_a_record_any_number_of_roles() {
    let texts: Vec<String> = [0, 1, 63, 64, 253, 254, 255, 256, 4095, 4096, 65_535, 65_536, 70_000].map(|length| "a".repeat(length)).into();
    let mut all = Vec::new();
    for text in &texts {
        let made = (vec![Some(text.clone()); 8], vec![None; 4], texts.clone(), false);
        let apart = (vec![Some(text.to_uppercase()); 8], vec![None; 4], vec![text.clone(); 300 / (text.len() + 1)], true);
        all.extend([made, apart]);
    }
    let all: Vec<Record<'_>> = all.iter().map(|made| record("id", made)).collect();
    let packed: Records = all.iter().cloned().collect();
    assert!(are(&packed, &all));
    for (place, record) in all.iter().enumerate() {
        let key = record.email.and_then(EmailKey::new);
        assert_eq!(packed.key(place), key.as_ref().map(EmailKey::as_str));
        assert_eq!((packed.id(place), packed.display_name(place)), (Some(record.id), record.display_name));
    }
}
