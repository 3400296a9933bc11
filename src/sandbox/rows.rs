//! The rows that the backends answer with, field by field as documented.

use serde::{Serialize, Serializer, ser::Error as _};
use serde_json::{Value, value::RawValue};

use super::people::Human;

/// A row as documented, or one that has been altered.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Row<T> {
    Documented(T),
    Odd(Value),
}

/// A person of Advanced Automation: all 33 keys in the order of the Acronis PSA guide, "Fetching customer clients".
///
/// A field of type `()` is one that the guide only ever shows as null.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "they are the vendor's, each a key of its own")]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) customer: String,
    pub(super) name: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) email: Option<String>,
    pub(super) username: Option<String>,
    /// Documented only as null; that it can hold a number in this form is an assumption.
    pub(super) phonenumber: Option<String>,
    pub(super) enabled: bool,
    pub(super) selected: bool,
    pub(super) role: &'static str,
    pub(super) is_login: bool,
    pub(super) password: (),
    pub(super) question: (),
    pub(super) answer: (),
    pub(super) days_off_per_year: u8,
    pub(super) use_default_days_off: bool,
    pub(super) user_working_hours: Week,
    pub(super) is_tier4: bool,
    pub(super) primary_contact: bool,
    pub(super) notify_primary_contact: bool,
    pub(super) countable: bool,
    pub(super) deleted: bool,
    pub(super) activated: (),
    pub(super) deactivated: (),
    pub(super) is_default: bool,
    pub(super) is_continuum: bool,
    pub(super) is_the_last_one: bool,
    pub(super) hide_billing: bool,
    #[serde(rename = "MFASecret")]
    pub(super) mfa_secret: (),
    pub(super) hourly_cost: NoCost,
    pub(super) remaining_time_balance: (),
    pub(super) is_contact: bool,
}

/// A user of `MyReports`, as in the reference's "Users, Get All".
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct User {
    pub(super) id: String,
    pub(super) display_name: String,
    pub(super) email: Option<String>,
    pub(super) primary_tenant: String,
    pub(super) is_parent: bool,
}

/// Hours on each weekday.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Week {
    monday: u8,
    tuesday: u8,
    wednesday: u8,
    thursday: u8,
    friday: u8,
    saturday: u8,
    sunday: u8,
}

/// `HourlyCost` as the guide prints it, with two decimals.
#[derive(Debug, Clone, Default)]
pub(super) struct NoCost;

// === impl Row ===

impl<T> Row<T> {
    /// Returns the row with other values for some keys.
    pub(super) fn tampered(row: &impl Serialize, changes: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let mut odd = serde_json::to_value(row).unwrap_or_default();
        if let Some(fields) = odd.as_object_mut() {
            fields.extend(changes.into_iter().map(|(key, value)| (key.to_owned(), value)));
        }
        Self::Odd(odd)
    }
}

// === impl Person ===

impl Person {
    /// Returns what Advanced Automation has of a person.
    pub(super) fn of(human: &Human, customer: &str) -> Self {
        let person = Self {
            id: human.person_id.clone(),
            customer: customer.to_owned(),
            name: human.name(),
            first_name: human.first.to_owned(),
            last_name: human.last.to_owned(),
            email: Some(human.email.clone()),
            phonenumber: human.phone.clone(),
            enabled: human.enabled,
            role: if human.is_manager { "ClientManager" } else { "" },
            ..Self::default()
        };
        let username = human.email.split('@').next().unwrap_or_default();
        if human.signs_in { person.signing_in_as(username) } else { person }
    }

    /// Adds a login, and the days and hours that the documented person with a login has.
    pub(super) fn signing_in_as(self, username: &str) -> Self {
        Self { username: Some(username.to_owned()), is_login: true, days_off_per_year: 15, user_working_hours: Week::working(8), ..self }
    }
}

// === impl User ===

impl User {
    /// Returns what `MyReports` has of a person.
    pub(super) fn of(human: &Human, customer: &str) -> Self {
        Self {
            id: human.user_id.clone(),
            display_name: human.name(),
            email: Some(human.email.clone()),
            primary_tenant: customer.to_owned(),
            is_parent: false,
        }
    }
}

// === impl Week ===

impl Week {
    fn working(hours: u8) -> Self {
        Self { monday: hours, tuesday: hours, wednesday: hours, thursday: hours, friday: hours, ..Self::default() }
    }
}

// === impl NoCost ===

impl Serialize for NoCost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let cost = RawValue::from_string("0.00".to_owned()).map_err(S::Error::custom)?;
        cost.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tampering_changes_the_named_keys_only() {
        let row: Row<Person> = Row::tampered(&Person::default(), [("Enabled", json!("yes"))]);
        let Row::Odd(odd) = row else { panic!("{row:?}") };
        assert_eq!(odd.as_object().map(serde_json::Map::len), Some(33));
        assert_eq!(odd.get("Enabled"), Some(&json!("yes")));
        assert_eq!(odd.get("Deleted"), Some(&json!(false)));
    }
}
