//! The rows of each customer that shows something.

use serde_json::json;

use super::{
    customers::{Customer, Show},
    documented, joins, odd_fields,
    people::{Crowd, Human},
    roster::Roster,
    rows::{Person, Row, User},
};

/// A foreign id, for rows that a working filter would not let through.
const ANOTHER_CUSTOMER: &str = "00000000-0000-4000-8000-000000000999";

/// How much higher a customer's number is in `MyReports` than in Advanced Automation, where its ids differ.
const FIRST_USERS: u16 = 200;

/// How many rows the documented page has (Acronis PSA guide, "Fetching customer clients").
const DOCUMENTED_PAGE: usize = 50;

/// How many people are in each backend, and how many of them are in both.
struct Mix {
    persons: usize,
    users: usize,
    both: usize,
}

/// Returns the rows of a customer, always the same for the same seed.
pub(super) fn roster(seed: u64, customer: &Customer) -> Roster {
    // A link joins the two halves of one group of people: 220 has the users that match the persons of 020.
    let number = if customer.show == Show::Users { customer.number - FIRST_USERS } else { customer.number };
    let mut crowd = Crowd::new(seed, number);
    let mut mixed = |persons, users, both| {
        let mix = Mix { persons, users, both };
        mix.roster(&mut crowd, &customer.id)
    };
    match customer.show {
        Show::Documented => documented::roster(&customer.id),
        Show::Acme => mixed(50, 40, 30),
        Show::Joins => joins::roster(&mut crowd, &customer.id),
        Show::Nobody => Roster::of(Vec::new(), Vec::new()),
        Show::Large => mixed(5000, 4000, 3000),
        Show::LooseCounts => mixed(70, 20, 15).counted_loosely(),
        Show::MovedRow => mixed(60, 20, 15).with_a_moved_row(),
        Show::WrongCount => mixed(10, 8, 6).with_two_too_many_counted(),
        Show::IgnoredFilter => mixed(20, 10, 8).with_foreign_persons(),
        Show::OddFields => odd_fields::roster(&mut crowd, &customer.id),
        Show::Persons | Show::Users => mixed(12, 10, 8),
        Show::Table { .. } => mixed(3, 3, 2),
    }
}

// === impl Roster ===

impl Roster {
    /// `AmountOfPages` 0 beside rows is documented for other lists (Acronis PSA guide, "Fetching customers"), and
    /// `page_size` as a string for the common template (`MyReports` reference); that both occur here is an assumption.
    fn counted_loosely(self) -> Self {
        Self { counts_pages: false, size_as_text: true, ..self }
    }

    /// Repeats the first row where the second page begins, as when a row is added between two calls.
    fn with_a_moved_row(mut self) -> Self {
        let first = self.persons.first().cloned();
        let (before, after) = self.persons.split_at(self.persons.len().min(DOCUMENTED_PAGE));
        self.persons = before.iter().chain(&first).chain(after).cloned().collect();
        self
    }

    fn with_two_too_many_counted(self) -> Self {
        let found = self.persons.len() + 2;
        Self { found, ..self }
    }

    fn with_foreign_persons(mut self) -> Self {
        for row in self.persons.iter_mut().step_by(2) {
            *row = Row::tampered(row, [("Customer", json!(ANOTHER_CUSTOMER))]);
        }
        self
    }
}

// === impl Mix ===

impl Mix {
    fn roster(&self, crowd: &mut Crowd, customer: &str) -> Roster {
        let humans = crowd.take(self.persons + self.users - self.both);
        let persons = humans.iter().take(self.persons);
        let mut persons: Vec<_> = persons.map(|human| Row::Documented(Person::of(human, customer))).collect();
        let users = humans.iter().skip(self.persons - self.both).enumerate();
        let mut users: Vec<_> = users.map(|(position, human)| Row::Documented(self.user(position, human, customer))).collect();
        crowd.shuffle(&mut persons);
        crowd.shuffle(&mut users);
        Roster::of(persons, users)
    }

    /// Returns a user, whose name or address is written differently from the person's for some of those in
    /// both.
    fn user(&self, position: usize, human: &Human, customer: &str) -> User {
        let mut user = User::of(human, customer);
        if position < self.both && position.is_multiple_of(5) {
            user.email = Some(human.shouted_email());
        }
        if position < self.both && position % 7 == 1 {
            user.display_name = human.short_name();
        }
        user
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;

    /// Returns persons and users as JSON.
    fn rows(seed: u64, digits: &str) -> (Roster, Vec<Value>, Vec<Value>) {
        let id = format!("00000000-0000-4000-8000-000000000{digits}");
        let roster = super::roster(seed, &Customer::find(&id).unwrap());
        let persons = serde_json::to_value(&roster.persons).unwrap();
        let users = serde_json::to_value(&roster.users).unwrap();
        let list = |value: Value| value.as_array().unwrap().clone();
        (roster, list(persons), list(users))
    }

    fn texts<'a>(rows: &'a [Value], key: &str) -> HashSet<&'a str> {
        rows.iter().filter_map(|row| row.get(key)?.as_str()).collect()
    }

    fn lowercase(rows: &[Value], key: &str) -> HashSet<String> {
        let texts = texts(rows, key).into_iter();
        texts.map(str::to_lowercase).collect()
    }

    #[test]
    fn the_overlap_is_as_large_as_it_is_said_to_be() {
        for (digits, persons_expected, users_expected, both_expected) in [("002", 50, 40, 30), ("005", 5000, 4000, 3000), ("100", 3, 3, 2)]
        {
            let (_, persons, users) = rows(1, digits);
            assert_eq!((persons.len(), users.len()), (persons_expected, users_expected));
            let (emails, others) = (lowercase(&persons, "Email"), lowercase(&users, "email"));
            assert_eq!(emails.len(), persons_expected);
            assert_eq!(others.len(), users_expected);
            assert_eq!(emails.intersection(&others).count(), both_expected);
        }
    }

    #[test]
    fn some_of_acme_are_written_differently_in_the_two_backends() {
        let (_, persons, users) = rows(1, "002");
        let same_case = texts(&persons, "Email").intersection(&texts(&users, "email")).count();
        let same_name = texts(&persons, "Name").intersection(&texts(&users, "displayName")).count();
        assert_eq!(same_case, 24);
        assert!(same_name < 30, "{same_name}");
    }

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        for digits in ["002", "003", "006", "010", "108"] {
            let (_, persons, users) = rows(1, digits);
            let (_, again, users_again) = rows(1, digits);
            assert_eq!((&persons, &users), (&again, &users_again));
            assert_ne!(persons, rows(2, digits).1);
        }
    }

    #[test]
    fn a_moved_row_comes_on_both_pages() {
        let (roster, persons, _) = rows(1, "007");
        assert_eq!((persons.len(), roster.found), (61, 60));
        assert_eq!(texts(&persons, "Id").len(), 60);
        assert_eq!(persons.first(), persons.get(50));
    }

    #[test]
    fn half_of_the_rows_are_foreign_where_the_filter_is_ignored() {
        let (_, persons, _) = rows(1, "009");
        let foreign = persons.iter().filter(|row| row.get("Customer") == Some(&json!(ANOTHER_CUSTOMER)));
        assert_eq!((foreign.count(), persons.len()), (10, 20));
    }
}
