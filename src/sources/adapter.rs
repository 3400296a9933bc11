//! What a backend must describe: how to ask it and how to read its answers. No I/O.

use std::sync::Arc;

use http::{HeaderName, Method, header};
use url::Url;

use crate::domain::{ListedCustomer, Records, RemoteId};

/// One backend: how to ask it for a customer's users and how to read its answer.
///
/// Network failures are not its concern: `answer.rs` judges the status, `page.rs` tries again,
/// `outbound/` limits the body.
pub trait Adapter: Send + Sync + 'static {
    /// How the backend pages its users.
    fn paging(&self) -> Paging;

    /// Makes the request for one page of a customer's users, without credentials.
    fn request(&self, customer: &RemoteId, at: &Position) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page, Unreadable>;

    /// The header in which it expects credentials: ours, or those that a caller sent for it. They are sent in no other.
    fn credentials_header(&self) -> HeaderName {
        header::AUTHORIZATION
    }

    /// Whether its rows say if they are inherited from above the customer. If so, a row that does not say it
    /// may be inherited, and the fact that it names another customer proves nothing.
    fn says_inherited(&self) -> bool {
        false
    }

    /// How to list its customers; `None` if it cannot list them.
    fn customers(&self) -> Option<&dyn CustomerList> {
        None
    }
}

/// How a backend lists its customers.
pub trait CustomerList: Send + Sync {
    /// How the list is paged.
    fn paging(&self) -> Paging;

    /// Makes the request for one page of the list, without credentials.
    fn request(&self, at: &Position) -> UpstreamRequest;

    /// Reads the body of a 200.
    fn read(&self, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable>;
}

/// How a backend pages its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// In pages of a fixed number of rows; the count that it states is of distinct records. If it states one, a
    /// first page with fewer rows shows the size of the server's pages. If it does not, the first page that is
    /// not full is the last one: a server that returns fewer rows than it is asked for has to state a count, or
    /// the roll would be short and no one could notice.
    Pages {
        /// How many rows a page is asked for.
        size: u64,
    },
    /// All in one answer; the count that it states is of rows.
    Whole {
        /// With exactly this many rows, an answer may have been cut; callers are warned.
        suspicious: u64,
    },
    /// In pages of any number of rows that follow one after another: each names the next one ([`Page::next`]), and only
    /// one that names none is the last. The count that it states is of distinct records; it neither adds a page nor
    /// ends the reading. A page that the backend refuses, because a cursor has expired, is never the end either:
    /// everything is read once more from the beginning.
    Cursor {
        /// How many rows a page is asked for; bounds the rows of a walk.
        size: u64,
    },
}

/// The position of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Its number, counted from 1.
    pub page: u64,
    /// How many rows precede it, for backends that page by offset.
    pub offset: u64,
    /// What the page before it named as [`Page::next`], for backends that page by cursor; `None` for the first page.
    pub cursor: Option<Arc<str>>,
}

impl Paging {
    /// How many rows a page is asked for; `None` if everything comes in one answer.
    pub(super) const fn asked(self) -> Option<u64> {
        match self {
            Self::Pages { size } | Self::Cursor { size } => Some(size),
            Self::Whole { .. } => None,
        }
    }

    /// Whether a stated count is of rows, and not of distinct records.
    pub(super) const fn counts_rows(self) -> bool {
        match self {
            Self::Whole { .. } => true,
            Self::Pages { .. } | Self::Cursor { .. } => false,
        }
    }

    /// Whether the counts tell which pages there are. If not, only a page itself tells whether another one follows.
    pub(super) const fn counts_tell_pages(self) -> bool {
        match self {
            Self::Pages { .. } | Self::Whole { .. } => true,
            Self::Cursor { .. } => false,
        }
    }

    /// The number of rows that makes an answer suspicious, if there is one.
    pub(super) const fn suspicious(self) -> Option<u64> {
        match self {
            Self::Whole { suspicious } => Some(suspicious),
            Self::Pages { .. } | Self::Cursor { .. } => None,
        }
    }
}

impl Position {
    /// The first page.
    pub const FIRST: Self = Self { page: 1, offset: 0, cursor: None };
}

/// A request to a backend, before its credentials are added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// GET, or POST where a backend reads by POST; the body is always empty.
    pub method: Method,
    /// The whole URL. Never holds a secret.
    pub url: Url,
}

/// The content of one answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page<R = Records> {
    /// The rows, as received.
    pub records: R,
    /// How many rows there are in all, as stated by the backend.
    pub count: Option<u64>,
    /// How many pages there are, as stated by the backend.
    pub pages: Option<u64>,
    /// The cursor of the page that follows, if the backend pages by cursor. `None` makes this the last page; so does, by
    /// assumption, an empty text. A cursor that cannot be read is [`Unreadable::Shape`], never `None`. It is read whole:
    /// `FieldReader::text` trims, and drops long texts. Of a whole URL keep what its query adds: the request for the next
    /// page must go where that for the first one went.
    pub next: Option<Arc<str>>,
    /// How many fields had the wrong type and were taken as absent.
    pub odd_fields: u64,
}

impl<R> Page<R> {
    /// The cursor of the page that follows, if one follows.
    pub(super) fn followed_by(&self) -> Option<&Arc<str>> {
        self.next.as_ref().filter(|next| !next.is_empty())
    }
}

/// Why the body of a 200 is not a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// It is not JSON, or not of the shape that the backend documents.
    Shape,
    /// It states that it is an error, possibly with the HTTP status that the error stands for.
    Said(Option<u16>),
}
