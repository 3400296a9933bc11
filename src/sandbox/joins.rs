//! The customer that shows every case of the join in a small roll.
//!
//! The names are fixed, so that the roll can be read; the ids come from the seed. Of 12 persons and 12 users
//! four pairs are the same people: Ann, the Dora who is not deleted, Greta and Zoë.

use super::{
    people::Crowd,
    roster::Roster,
    rows::{Person, Row, User},
};

/// First name, last name and address of each person.
///
/// That some are deleted, have no address or share one is an assumption: the vendors' examples show no such
/// case.
const PERSONS: [(&str, &str, Option<&str>); 12] = [
    // Placeholders as the vendor makes them for a new customer (Acronis PSA guide, "Fetching customer clients").
    ("Joins Ltd", "Default User", Some("Unknown_joins@unknown.com")),
    ("Joins Ltd", "Manager", Some("joinsManager@dummy.com")),
    ("Ann", "Lee", Some("ann.lee@joins.example")),
    // The same address twice here, once at MyReports.
    ("Bob", "Stone", Some("bob.stone@joins.example")),
    ("Robert", "Stone", Some("Bob.Stone@joins.example")),
    ("Carla", "Diaz", Some("carla.diaz@joins.example")),
    // The first is marked deleted; the second is not and has the same address.
    ("Dora", DELETED, Some("dora.wolf@joins.example")),
    ("Dora", "Wolf", Some("dora.wolf@joins.example")),
    ("Emil", "Roth", None),
    ("Fatima", "Ito", Some("   ")),
    ("Greta", "Bücher", Some("greta@bücher.example")),
    ("Zoë \"Zed\"", "O'Neil 🚀", Some("zoe.oneil@joins.example")),
];

/// The last name of the person who is marked deleted.
const DELETED: &str = "Wolf (left)";

/// Display name and address of each user.
const USERS: [(&str, Option<&str>); 12] = [
    // That MyReports has placeholders too is an assumption.
    ("Joins Ltd", Some("Unknown_joins@unknown.com")),
    ("Joins Ltd Manager", Some("joinsManager@dummy.com")),
    ("Ann Lee", Some("ann.lee@joins.example")),
    ("Bob Stone", Some("bob.stone@joins.example")),
    // The same address twice here, once at Advanced Automation.
    ("Carla Diaz", Some("carla.diaz@joins.example")),
    ("C. Diaz", Some("CARLA.DIAZ@joins.example")),
    ("Dora Wolf", Some("dora.wolf@joins.example")),
    // Users are imported from the telephone system; that these have no address is an assumption.
    ("Extension 204", None),
    ("Extension 205", Some(" ")),
    ("Greta Bücher", Some("greta@xn--bcher-kva.example")),
    ("Zoë \"Zed\" O'Neil 🚀", Some("zoe.oneil@joins.example")),
    (RESELLER, Some("support@reseller.example")),
];

/// The user who is "configured at a higher level, e.g. reseller level" (`MyReports` reference, "Users").
const RESELLER: &str = "Reseller Support";

/// The tenant that the reseller's user belongs to.
const RESELLER_TENANT: &str = "00000000-0000-4000-8000-000000000900";

/// 12 persons and 12 users.
pub(super) fn roster(crowd: &mut Crowd, customer: &str) -> Roster {
    let persons = PERSONS.map(|(first, last, email)| Person {
        id: crowd.id(),
        customer: customer.to_owned(),
        name: format!("{first} {last}"),
        first_name: first.to_owned(),
        last_name: last.to_owned(),
        email: email.map(str::to_owned),
        enabled: true,
        primary_contact: last == "Default User",
        deleted: last == DELETED,
        ..Person::default()
    });
    let users = USERS.map(|(name, email)| User {
        id: crowd.id(),
        display_name: name.to_owned(),
        email: email.map(str::to_owned),
        primary_tenant: tenant(name, customer).to_owned(),
        is_parent: name == RESELLER,
    });
    Roster::of(persons.map(Row::Documented).into(), users.map(Row::Documented).into())
}

fn tenant<'a>(name: &str, customer: &'a str) -> &'a str {
    if name == RESELLER { RESELLER_TENANT } else { customer }
}
