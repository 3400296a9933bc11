//! What a backend must describe: how it is asked and how its answer is read. No I/O.

use http::{HeaderName, Method};
use url::Url;

use crate::domain::{ListedCustomer, Records, RemoteId, SourceName};

/// One backend: how to ask it for a customer's users and how to read its answer.
///
/// Everything that can go wrong on a network is none of its business: `attempt.rs` judges the
/// status and retries, `outbound/` bounds the body.
pub trait Adapter: Send + Sync + 'static {
    /// The backend's name, the same everywhere.
    fn name(&self) -> SourceName;

    /// The header in which a caller brings his own credentials for the backend, where they are
    /// wanted: `X-Advanced-Automation-Authorization` of `advanced_automation`.
    fn authorization_header(&self) -> HeaderName {
        let name = format!("x-{}-authorization", self.name().as_str().replace('_', "-"));
        HeaderName::try_from(name).unwrap_or(http::header::AUTHORIZATION) // of a name in snake_case it is one
    }

    /// How the backend hands out its users.
    fn paging(&self) -> Paging;

    /// The request for one page, counted from 1, of a customer's users. Without credentials.
    fn request(&self, customer: &RemoteId, page: u64) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page, Unreadable>;

    /// How its customers are listed; `None` where it lists none.
    fn customers(&self) -> Option<&dyn CustomerList> {
        None
    }
}

/// How a backend lists its customers.
pub trait CustomerList: Send + Sync {
    /// How the list is handed out.
    fn paging(&self) -> Paging;

    /// The request for one page of the list, counted from 1. Without credentials.
    fn request(&self, page: u64) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable>;
}

/// How a backend hands out its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// In numbered pages of so many rows; the count that it tells is of distinct records.
    Numbered {
        /// How many rows a page is asked for.
        size: u64,
    },
    /// All in one answer; the count that it tells is of rows.
    Whole,
}

/// A request to a backend, before its credentials are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// GET, or POST where a backend reads by POST; the body is always empty.
    pub method: Method,
    /// The whole URL. Never holds a secret.
    pub url: Url,
}

/// What one answer holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<R = Records> {
    /// The rows, as they came.
    pub records: R,
    /// How many there are in all, by the backend's own account.
    pub count: Option<u64>,
    /// How many pages there are, by the backend's own account.
    pub pages: Option<u64>,
    /// How many fields had the wrong type and were taken as absent.
    pub odd_fields: u64,
}

/// Why the body of a 200 is no page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not JSON, or not of the shape that the backend documents.
    Shape,
    /// It says that it is an error, and perhaps the HTTP status that it stands for.
    Said(Option<u16>),
}
