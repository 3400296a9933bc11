//! The customer whose rows have wrong types, and values where the documentation shows null.

use serde_json::{Value, json};

use super::{
    people::{Crowd, Human},
    roster::Roster,
    rows::{Person, Row, User},
};

/// Values of the customer ending in `010` that must never leave the gateway, as they would be printed.
///
/// They stand in `Password`, `Question`, `Answer`, `MFASecret` and `HourlyCost` of every person.
pub const SECRETS: [&str; 5] = ["sandbox-password", "sandbox-question", "sandbox-answer", "SANDBOXMFASECRET", "98765.43"];

/// 8 persons and 6 users, 4 of them the same people.
///
/// All of this is an assumption: the documentation shows each field with a single type, and the secrets as
/// null.
pub(super) fn roster(crowd: &mut Crowd, customer: &str) -> Roster {
    let humans = crowd.take(10);
    let persons = humans.iter().zip(odd_persons());
    let users = humans.iter().skip(4).zip(odd_users());
    Roster::of(
        persons.map(|(human, odd)| person(human, odd, customer)).collect(),
        users.map(|(human, odd)| user(human, odd, customer)).collect(),
    )
}

/// Returns what is odd about each person; the first has only the secrets.
fn odd_persons() -> [Option<(&'static str, Value)>; 8] {
    [
        None,
        Some(("Enabled", json!("yes"))),
        Some(("Email", json!(42))),
        Some(("Role", Value::Null)),
        Some(("Name", json!({}))),
        Some(("Id", json!(1001))),
        Some(("Deleted", Value::Null)),
        Some(("UserWorkingHours", json!({"Monday": 7.5, "Tuesday": null}))),
    ]
}

/// Returns what is odd about each user.
fn odd_users() -> [Option<(&'static str, Value)>; 6] {
    [
        Some(("displayName", json!([]))),
        Some(("id", json!(7))),
        Some(("isParent", json!("false"))),
        None,
        Some(("email", json!({}))),
        Some(("displayName", Value::Null)),
    ]
}

fn person(human: &Human, odd: Option<(&'static str, Value)>, customer: &str) -> Row<Person> {
    let [password, question, answer, mfa_secret, _] = SECRETS;
    let secrets = [
        ("Password", json!(password)),
        ("Question", json!(question)),
        ("Answer", json!(answer)),
        ("MFASecret", json!(mfa_secret)),
        ("HourlyCost", json!(98_765.43)),
    ];
    let person = Person::of(human, customer);
    Row::tampered(&person, secrets.into_iter().chain(odd))
}

fn user(human: &Human, odd: Option<(&'static str, Value)>, customer: &str) -> Row<User> {
    Row::tampered(&User::of(human, customer), odd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_is_in_every_person() {
        let id = "00000000-0000-4000-8000-000000000010";
        let roster = roster(&mut Crowd::new(1, 10), id);
        assert_eq!((roster.persons.len(), roster.users.len()), (8, 6));
        for person in &roster.persons {
            let printed = serde_json::to_string(person).unwrap();
            assert!(SECRETS.iter().all(|secret| printed.contains(secret)), "{printed}");
        }
    }
}
