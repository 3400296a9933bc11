//! The people, row by row, with all fields that the vendors document, although most of them are unused.

use std::fmt::Write;

const FIRST: [&str; 8] = ["Ann", "Bo", "C\u{e9}line", "Dimitri", "\u{c5}sa", "Frank", "Gudrun", "Hiro"];
const LAST: [&str; 9] = ["Lee", "Ek", "Dupont", "Papadopoulos", "Berg", "Miller", "Schmidt", "Tanaka", "Okafor"];

/// How many people a customer has. The id encodes it: `50_40_30_...` has 50 persons and 40 users, 30 of them in both.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    /// At Advanced Automation.
    pub(crate) persons: usize,
    /// At `MyReports`.
    pub(crate) users: usize,
    /// At both.
    pub(crate) both: usize,
}

impl Shape {
    /// Reads the customer's id; `None` if no such customer exists.
    pub(crate) fn of(customer: &str) -> Option<Self> {
        let mut numbers = customer.split('_').map(|text| text.parse().ok());
        let (persons, users, both) = (numbers.next()??, numbers.next()??, numbers.next()??);
        (both <= persons && both <= users).then_some(Self { persons, users, both })
    }
}

fn name(number: usize) -> (&'static str, &'static str) {
    let pick = |from: &[&'static str]| from.get(number % from.len()).copied().unwrap_or_default();
    (pick(&FIRST), pick(&LAST))
}

/// Writes a row of `POST /Person`.
pub(crate) fn person(text: &mut String, customer: &str, number: usize) {
    let (first, last) = name(number);
    _ = write!(
        text,
        r#"{{"Id":"65f61819-465d-4fb1-b124-{number:012}","Customer":"{customer}","Name":"{first} {last} {number}","FirstName":"{first}","LastName":"{last} {number}","Email":"person.{number}@acme.example","Username":"person.{number}","Phonenumber":null,"Enabled":{enabled},"Selected":false,"Role":"{role}","IsLogin":true,"Password":"secret-{number}","Question":null,"Answer":null,"DaysOffPerYear":15,"UseDefaultDaysOff":false,"UserWorkingHours":{{"Monday":8,"Tuesday":8,"Wednesday":8,"Thursday":8,"Friday":8,"Saturday":0,"Sunday":0}},"IsTier4":false,"PrimaryContact":{primary},"NotifyPrimaryContact":false,"Countable":false,"Deleted":false,"Activated":null,"Deactivated":null,"IsDefault":false,"IsContinuum":false,"IsTheLastOne":false,"HideBilling":false,"MFASecret":null,"HourlyCost":0.00,"RemainingTimeBalance":null,"IsContact":false}}"#,
        enabled = !number.is_multiple_of(7),
        role = if number.is_multiple_of(5) { "ClientManager" } else { "" },
        primary = number == 0,
    );
}

/// Writes a row of `GET /customers/{id}/users`; every third address is written in another case.
pub(crate) fn user(text: &mut String, customer: &str, number: usize) {
    let (first, last) = name(number);
    let address = if number.is_multiple_of(3) { "Person.{}@Acme.example" } else { "person.{}@acme.example" };
    _ = write!(
        text,
        r#"{{"id":"9d1d801f-6772-41a8-96b9-{number:012}","displayName":"{first} {last} {number}","email":"{}","primaryTenant":"{customer}","isParent":false}}"#,
        address.replace("{}", &number.to_string()),
    );
}
