//! Requests, and the bytes that answer them.

use std::{
    fmt::Write,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::rows::{Shape, person, user};

/// What a request asks for.
pub(crate) enum Asked {
    /// An unknown path.
    Nothing,
    /// A token of Advanced Automation.
    Token,
    /// A page of Advanced Automation's persons, counted from 1.
    Persons {
        /// The customer's id.
        customer: String,
        /// The page's number.
        page: usize,
        /// Rows per page.
        size: usize,
    },
    /// All users of `MyReports`.
    Users {
        /// The customer's id.
        customer: String,
    },
}

/// The last answer, kept because the next one differs only in the customer's id.
#[derive(Default)]
pub(crate) struct Answers {
    last: Option<Asked>,
    bytes: Vec<u8>,
    /// Where the customer's id occurs in it.
    places: Vec<usize>,
}

// === impl Asked ===

impl Asked {
    /// Reads the first line of a request.
    pub(crate) fn of(line: &str) -> Self {
        Self::read(line).unwrap_or(Self::Nothing)
    }

    fn read(line: &str) -> Option<Self> {
        let target = line.split(' ').nth(1)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let number = |name: &str, otherwise: usize| value(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise).max(1);
        match path {
            "/api/2/idp/token" => Some(Self::Token),
            "/api/advanced-automation/v1/Person" => {
                Some(Self::Persons { customer: value("Customer")?.to_owned(), page: number("Page", 1), size: number("PageSize", 50) })
            }
            _ => {
                let customer = path.strip_prefix("/api/v1.0/customers/")?.strip_suffix("/users")?;
                Some(Self::Users { customer: customer.to_owned() })
            }
        }
    }

    fn customer(&self) -> &str {
        match self {
            Self::Nothing | Self::Token => "",
            Self::Persons { customer, .. } | Self::Users { customer } => customer,
        }
    }

    /// Whether its answer differs from the other's only in the customer's id.
    fn is_like(&self, other: &Self) -> bool {
        let (ours, theirs) = (self.customer(), other.customer());
        let alike = ours.len() == theirs.len() && Shape::of(ours) == Shape::of(theirs);
        let same_page = match (self, other) {
            (Self::Persons { page, size, .. }, Self::Persons { page: their_page, size: their_size, .. }) => {
                (page, size) == (their_page, their_size)
            }
            (Self::Users { .. }, Self::Users { .. }) => true,
            _ => false,
        };
        alike && same_page
    }
}

// === impl Answers ===

impl Answers {
    /// Returns the whole answer, head and body.
    pub(crate) fn to(&mut self, asked: Asked) -> &[u8] {
        match &self.last {
            Some(last) if asked.is_like(last) => self.put_in(asked.customer()),
            _ => self.make(&asked),
        }
        self.last = Some(asked);
        &self.bytes
    }

    fn put_in(&mut self, customer: &str) {
        for place in &self.places {
            if let Some(there) = self.bytes.get_mut(*place..place + customer.len()) {
                there.copy_from_slice(customer.as_bytes());
            }
        }
    }

    fn make(&mut self, asked: &Asked) {
        let body = body(asked);
        let status = if body.is_some() { "200 OK" } else { "404 Not Found" };
        let body = body.unwrap_or_else(|| r#"{"error":404,"message":"Not Found","status":"error"}"#.to_owned());
        let answer = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let customer = asked.customer();
        self.places = if customer.is_empty() { Vec::new() } else { answer.match_indices(customer).map(|(place, _)| place).collect() };
        self.bytes = answer.into_bytes();
    }
}

fn body(asked: &Asked) -> Option<String> {
    match asked {
        Asked::Nothing => None,
        Asked::Token => Some(token()),
        Asked::Persons { customer, page, size } => Some(persons(&Shape::of(customer)?, customer, *page, *size)),
        Asked::Users { customer } => Some(users(&Shape::of(customer)?, customer)),
    }
}

/// Returns a token that is valid for two hours, as documented.
fn token() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!(r#"{{"access_token":"a-token","expires_on":{},"id_token":"a-token","token_type":"bearer"}}"#, now + 7200)
}

fn persons(shape: &Shape, customer: &str, page: usize, size: usize) -> String {
    let mut text = r#"{"Clients":["#.to_owned();
    let begin = (page - 1).saturating_mul(size).min(shape.persons);
    for number in begin..begin.saturating_add(size).min(shape.persons) {
        text.push_str(if number == begin { "" } else { "," });
        person(&mut text, customer, number);
    }
    let pages = shape.persons.div_ceil(size);
    _ = write!(text, r#"],"Paging":{{"AmountRecordsFound":{},"AmountOfPages":{pages}}}}}"#, shape.persons);
    text
}

/// Returns the users; the last of the persons are the first of the users.
fn users(shape: &Shape, customer: &str) -> String {
    let mut text = format!(r#"{{"page_size":{},"data":["#, shape.users);
    let begin = shape.persons - shape.both;
    for number in begin..begin + shape.users {
        text.push_str(if number == begin { "" } else { "," });
        user(&mut text, customer, number);
    }
    text.push_str(r#"],"status":"success","timestamp":"2026-11-21T10:00:00.2890319Z"}"#);
    text
}
