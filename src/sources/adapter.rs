//! What a backend must describe: how it is asked and how its answer is read. No I/O.

use http::Method;
use url::Url;

use crate::domain::{ListedCustomer, Records, RemoteId, SourceName};

/// One backend: how to ask it for a customer's users and how to read its answer.
///
/// Everything that can go wrong on a network is none of its business: `answer.rs` judges the
/// status, `attempt.rs` tries again, `outbound/` bounds the body.
pub trait Adapter: Send + Sync + 'static {
    /// The backend's name, the same everywhere.
    fn name(&self) -> SourceName;

    /// How the backend hands out its users.
    fn paging(&self) -> Paging;

    /// The request for one page of a customer's users. Without credentials.
    fn request(&self, customer: &RemoteId, at: Position) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page, Unreadable>;

    /// Whether its rows say who is inherited from above the customer. Then a row that does not say it
    /// may be an inherited one, and that it names another customer accuses nobody.
    fn says_inherited(&self) -> bool {
        false
    }

    /// How its customers are listed; `None` where it lists none.
    fn customers(&self) -> Option<&dyn CustomerList> {
        None
    }
}

/// How a backend lists its customers.
pub trait CustomerList: Send + Sync {
    /// How the list is handed out.
    fn paging(&self) -> Paging;

    /// The request for one page of the list. Without credentials.
    fn request(&self, at: Position) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable>;
}

/// How a backend hands out its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// In pages of so many rows; the count that it tells is of distinct records. Where it counts, a first
    /// page of fewer rows shows the size of the pages that the server gives. Where it does not, the first page
    /// that is not full is the last one: a server that gives fewer rows than it is asked for has to count, or the
    /// roll would be short and nobody could tell.
    Pages {
        /// How many rows a page is asked for.
        size: u64,
    },
    /// All in one answer; the count that it tells is of rows.
    Whole,
}

/// Where a page lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number, counted from 1.
    pub page: u64,
    /// How many rows lie before it, for backends that are asked by that.
    pub offset: u64,
}

impl Position {
    /// The first page.
    pub const FIRST: Self = Self { page: 1, offset: 0 };
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
