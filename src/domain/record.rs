//! One source's user, as far as anybody may know of him.

use std::sync::Arc;

use super::address::{EmailKey, lower_nfc};

/// One source's record of one person.
///
/// An allow-list: what must never be emitted, logged, cached or held (passwords, security
/// questions, second factors, pay, hours) has no field to sit in. A field that the source does
/// not have, or said nothing of, is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Record {
    /// The source's id of the record; never empty.
    pub id: Box<str>,
    /// The customer that the source says the record belongs to; `None` for a record that is
    /// inherited from above the customer, or of which that is not certain.
    pub owner: Option<Box<str>>,
    /// The whole name, as the source shows it.
    pub display_name: Option<Box<str>>,
    /// The given name.
    pub first_name: Option<Box<str>>,
    /// The family name.
    pub last_name: Option<Box<str>>,
    /// The address as written, trimmed.
    pub email: Option<Arc<str>>,
    /// The address normalised; what records are joined by.
    pub key: Option<EmailKey>,
    /// The name that the person signs in with.
    pub username: Option<Box<str>>,
    /// A telephone number, as written.
    pub phone: Option<Box<str>>,
    /// Whether the account is enabled.
    pub enabled: Option<bool>,
    /// Whether the person can sign in.
    pub can_sign_in: Option<bool>,
    /// The roles, as the source names them.
    pub roles: Vec<Box<str>>,
    /// Whether this is the customer's main contact.
    pub primary_contact: Option<bool>,
    /// Whether the person is configured above the customer, for example at its reseller.
    pub inherited: Option<bool>,
    /// Whether the source has marked the person deleted.
    pub deleted: bool,
}

impl Record {
    /// About how many bytes the record holds, for the cache's bound.
    pub fn weight(&self) -> usize {
        let text = |field: &Option<Box<str>>| field.as_deref().map_or(0, str::len);
        let texts = [&self.owner, &self.display_name, &self.first_name, &self.last_name, &self.username, &self.phone];
        size_of::<Self>()
            + self.id.len()
            + texts.into_iter().map(text).sum::<usize>()
            + self.email.as_deref().map_or(0, |email| 2 * (email.len() + 16))
            + self.roles.iter().map(|role| role.len() + size_of::<Box<str>>()).sum::<usize>()
    }
}

/// A text without the blanks around it; a blank text is an absent one.
pub fn text(written: &str) -> Option<&str> {
    Some(written.trim()).filter(|text| !text.is_empty())
}

/// Lower-cased and composed (Unicode NFC): how names are ordered and searched.
pub fn folded(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { lower_nfc(text) }
}

#[cfg(test)]
mod tests {
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
}
