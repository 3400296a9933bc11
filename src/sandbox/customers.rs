//! Which customer shows what: an id ends in the number of its show.

use super::{FaultKind, SimulatedBackend};

/// The prefix of all ids in the sandbox; three digits follow.
pub(super) const PREFIX: &str = "00000000-0000-4000-8000-000000000";

/// What a backend does for a customer of the outcome table, by its digit; `None` is a normal answer.
const OUTCOMES: [Option<FaultKind>; 9] = [
    None,
    Some(FaultKind::NotFound),
    Some(FaultKind::BadRequest),
    Some(FaultKind::Unauthorized),
    Some(FaultKind::RateLimited),
    Some(FaultKind::Timeout),
    Some(FaultKind::Unavailable),
    Some(FaultKind::Forbidden),
    Some(FaultKind::InvalidResponse),
];

/// A customer to try and what it shows: a line of the demo's help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The customer's id; in the last example `X` and `Y` stand for digits.
    pub id: String,
    /// What it shows, in one sentence.
    pub shows: String,
}

/// A customer that the sandbox knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Customer {
    pub(super) id: String,
    /// The last three digits of the id.
    pub(super) number: u16,
    pub(super) show: Show,
}

/// What a customer shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Show {
    Documented,
    Acme,
    Joins,
    Nobody,
    Large,
    LooseCounts,
    MovedRow,
    WrongCount,
    IgnoredFilter,
    OddFields,
    /// Only in Advanced Automation, judging by its id.
    Persons,
    /// Only in `MyReports`, judging by its id.
    Users,
    Table {
        persons: Option<FaultKind>,
        users: Option<FaultKind>,
    },
}

// === impl Customer ===

impl Customer {
    /// Returns the customer of this id, if there is one.
    pub(super) fn find(id: &str) -> Option<Self> {
        let digits = id.strip_prefix(PREFIX)?;
        let is_number = digits.len() == 3 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_number)?;
        let id = id.to_owned();
        let show = Show::of(number)?;
        Some(Self { id, number, show })
    }

    /// Returns whether a backend knows the customer by this id.
    pub(super) fn is_at(&self, backend: SimulatedBackend) -> bool {
        match backend {
            SimulatedBackend::AdvancedAutomation => self.show != Show::Users,
            SimulatedBackend::MyReports => self.show != Show::Persons,
        }
    }

    /// Returns what goes wrong at a backend for this customer.
    pub(super) fn fault(&self, backend: SimulatedBackend) -> Option<FaultKind> {
        let Show::Table { persons, users } = self.show else {
            return None;
        };
        match backend {
            SimulatedBackend::AdvancedAutomation => persons,
            SimulatedBackend::MyReports => users,
        }
    }
}

// === impl Show ===

impl Show {
    fn of(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Documented,
            2 => Self::Acme,
            3 => Self::Joins,
            4 => Self::Nobody,
            5 => Self::Large,
            6 => Self::LooseCounts,
            7 => Self::MovedRow,
            8 => Self::WrongCount,
            9 => Self::IgnoredFilter,
            10 => Self::OddFields,
            20..=27 => Self::Persons,
            220..=229 => Self::Users,
            100..=188 => {
                Self::Table { persons: *OUTCOMES.get(usize::from(number / 10 % 10))?, users: *OUTCOMES.get(usize::from(number % 10))? }
            }
            _ => return None,
        })
    }
}

/// Returns the customers to try, each with what it shows.
pub fn examples() -> Vec<Example> {
    let table = [
        ("001", "the vendors' documented examples: three persons, two users, none in both"),
        ("002", "Acme: 50 persons and 40 users, 30 of them the same people"),
        ("003", "every case of the join in a small roll: placeholders, duplicate addresses, deleted people, IDN, emoji"),
        ("004", "known to both backends, with no users in either"),
        ("005", "large: 5,000 persons on 100 pages and 4,000 users, 3,000 of them the same people"),
        ("006", "loose counts: AmountOfPages 0 beside 70 rows, page_size as a string"),
        ("007", "a row that moves: one of page 1 appears again on page 2"),
        ("008", "a count that never agrees: Advanced Automation reports 12 and has 10"),
        ("009", "an ignored filter: half of Advanced Automation's rows belong to another customer"),
        ("010", "odd fields: wrong types, numeric ids, passwords and pay that must not come out"),
        ("020", "in Advanced Automation only; with discover in customers.links it is one customer with 220 in MyReports"),
        ("021", "the same with 221, by the tenant's UUID"),
        ("022", "the same with 222, by the tenant's number; the reference of 223 only contains it"),
        ("023", "in Advanced Automation only; 224 in MyReports has the same name and no reference"),
        ("025", "two in MyReports, 226 and 227, refer to it: with discover all three stay apart"),
        ("026", "one of two whose tenant number is the reference of 228"),
        ("229", "in MyReports only"),
        (
            "1XY",
            "every pair of outcomes: X at Advanced Automation, Y at MyReports, each 0 answer, 1 not found, \
             2 bad request, 3 unauthorized, 4 rate limited, 5 timeout, 6 unavailable, 7 forbidden, 8 invalid response",
        ),
    ];
    table.map(Example::from).into()
}

impl From<(&str, &str)> for Example {
    fn from((digits, shows): (&str, &str)) -> Self {
        let id = format!("{PREFIX}{digits}");
        let shows = shows.to_owned();
        Self { id, shows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(digits: &str) -> Option<Customer> {
        Customer::find(&format!("{PREFIX}{digits}"))
    }

    #[test]
    fn every_example_is_a_customer() {
        for example in examples() {
            let id = example.id.replace("XY", "08");
            assert!(Customer::find(&id).is_some(), "{id}");
        }
    }

    #[test]
    fn a_customer_of_the_table_fails_by_its_digits() {
        let customer = find("146").unwrap();
        let persons = customer.fault(SimulatedBackend::AdvancedAutomation);
        let users = customer.fault(SimulatedBackend::MyReports);
        assert_eq!(persons, Some(FaultKind::RateLimited));
        assert_eq!(users, Some(FaultKind::Unavailable));
        assert_eq!(find("100").unwrap().fault(SimulatedBackend::MyReports), None);
    }

    #[test]
    fn other_numbers_are_nobody() {
        for digits in ["000", "011", "019", "028", "099", "219", "230", "109", "189", "190", "200", "1", "+12", "0001", ""] {
            assert_eq!(find(digits), None, "{digits}");
        }
    }
}
