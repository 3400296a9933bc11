//! One source's user, limited to what may be shown.

use std::borrow::Cow;

use smallvec::SmallVec;

use super::address::{lower_ascii, lower_nfc, lower_nfc_onto};

/// One source's record of one person, as a view of texts stored elsewhere: in the body that is being read, or
/// in [`Records`](super::Records).
///
/// An allow-list: what must never be emitted, logged, cached or held (passwords, security questions, second
/// factors, pay, hours) has no field here. A field that the source does not have, or left out, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record<'a> {
    /// The source's id of the record; never empty.
    pub id: &'a str,
    /// The customer that the source says the record belongs to; for an `inherited` one, the account that it
    /// comes from.
    pub owner: Option<&'a str>,
    /// The whole name, as the source shows it.
    pub display_name: Option<&'a str>,
    /// The given name.
    pub first_name: Option<&'a str>,
    /// The family name.
    pub last_name: Option<&'a str>,
    /// The address as written, trimmed.
    pub email: Option<&'a str>,
    /// The name that the person signs in with.
    pub username: Option<&'a str>,
    /// A telephone number, as written.
    pub phone: Option<&'a str>,
    /// Whether the account is enabled.
    pub enabled: Option<bool>,
    /// Whether the person can sign in.
    pub can_sign_in: Option<bool>,
    /// The roles, as the source names them.
    pub roles: SmallVec<[&'a str; 2]>,
    /// Whether this is the customer's main contact.
    pub primary_contact: Option<bool>,
    /// Whether the person is configured above the customer, for example at its reseller.
    pub inherited: Option<bool>,
    /// Whether the source has marked the person deleted.
    pub deleted: bool,
}

/// Trims surrounding blanks; a blank text is an absent one.
pub fn text(written: &str) -> Option<&str> {
    match written.as_bytes() {
        [first, .., last] if first.is_ascii_graphic() && last.is_ascii_graphic() => Some(written), // nearly always
        _ => Some(written.trim()).filter(|text| !text.is_empty()),
    }
}

/// Lower-cases and composes (Unicode NFC): the form in which names are ordered and searched.
pub fn folded(text: &str) -> Cow<'_, str> {
    if text.is_ascii() { lower_ascii(text) } else { lower_nfc(text).into() }
}

/// Appends a text, folded as by [`folded`].
pub fn fold_onto(text: &str, to: &mut String) {
    if !text.is_ascii() {
        return lower_nfc_onto(text, to);
    }
    let begin = to.len();
    to.push_str(text);
    if let Some(added) = to.get_mut(begin..) {
        added.make_ascii_lowercase();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_normalization::UnicodeNormalization;

    use super::*;

    #[test]
    fn a_blank_text_is_an_absent_one() {
        assert_eq!(text(" \u{a0}\t"), None);
        assert_eq!(text(" Ann "), Some("Ann"));
    }

    #[test]
    fn names_are_folded_for_order_and_search() {
        assert_eq!(folded("Ann LEE"), "ann lee");
        assert_eq!(folded("A\u{30a}SA"), "\u{e5}sa");
    }

    /// The result without any shortcut.
    fn slowly_folded(name: &str) -> String {
        name.nfc().collect::<String>().to_lowercase().nfc().collect()
    }

    #[test]
    fn every_letter_is_folded_as_it_is_without_a_shortcut() {
        for letter in '\0'..'\u{400}' {
            for name in [format!("{letter}"), format!("\u{c5}{letter}"), format!("{letter}\u{e9}"), format!("{letter}\u{301}x")] {
                let mut all = "before ".to_owned();
                fold_onto(&name, &mut all);
                assert_eq!(all, format!("before {}", slowly_folded(&name)), "{name:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_name_is_folded_alike_wherever_it_goes(names in prop::collection::vec("[a-zA-Z\u{c5}\u{130}\u{30a}\u{1e9b}\u{323} ]{0,9}", 0..4)) {
            let mut all = String::new();
            for name in &names {
                fold_onto(name, &mut all);
            }
            prop_assert_eq!(all, names.iter().map(|name| folded(name)).collect::<String>());
            for name in &names {
                prop_assert_eq!(folded(name), slowly_folded(name));
            }
        }
    }
}
