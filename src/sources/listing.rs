//! Reads a backend's list of its customers, to a consistent end or not at all.

use super::{
    adapter::{Adapter, Page, Position, Unreadable},
    pages::{Task, Wanted},
    scope::Identity,
    source::Source,
    spans,
};
use crate::{
    domain::{Failure, FailureKind, ListedCustomer},
    outbound::Deadline,
    telemetry::Origin,
};

/// How often one list is read before giving up: a list that changes meanwhile is read once more.
const READINGS: usize = 2;

/// How many times the deadline of a walk a list may take: it has a row for every customer where a walk has
/// those of a single customer, and no request waits for it.
const DEADLINES: u32 = 10;

impl Source {
    /// Whether the backend can list its customers at all.
    pub fn lists_customers(&self) -> bool {
        self.adapter.customers().is_some()
    }

    /// Identifies the list by where and with which identity it is read. The size of its pages does not matter.
    pub fn list_key(&self) -> Option<String> {
        let mut place = self.adapter.customers()?.request(&Position::FIRST).url;
        place.set_query(None);
        Some(format!("{place} {}", self.who))
    }

    /// Reads the whole list, within ten times `walk_deadline`, each id once, ordered by id. A list whose
    /// counts do not agree is a failure: using it would separate customers that belong together.
    pub async fn list_customers(&self, origin: &Origin) -> Result<Vec<ListedCustomer>, Failure> {
        let (mut span, origin) = spans::begin_walk(origin, "list", self.name());
        let read = self.read_list(&origin).await;
        spans::note_outcome(&mut span, read.as_ref().err());
        let failed = read.as_ref().err().map(|failure| failure.kind);
        self.metrics.links.listed(self.name(), failed);
        self.metrics.odd_fields(self.name(), read.as_ref().map_or(0, |(_, odd_fields)| *odd_fields));
        read.map(|(customers, _)| customers)
    }

    async fn read_list(&self, origin: &Origin) -> Result<(Vec<ListedCustomer>, u64), Failure> {
        let inconsistent = Failure::answered(FailureKind::InvalidResponse, 200);
        let list = self.adapter.customers().ok_or(inconsistent)?;
        let request = |at: &Position| list.request(at);
        let wanted = Wanted { paging: list.paging(), proves_end: true, request: &request, read: read_customers };
        let (deadline, identity) = (Deadline::after(self.limits.walk_deadline.saturating_mul(DEADLINES)), &Identity::own());
        for _ in 0..READINGS {
            let read =
                self.read_once(Task { wanted: &wanted, identity, origin, deadline, patience: deadline, was_unusable: false }).await?;
            if read.agrees {
                return Ok((read.records, read.odd_fields));
            }
        }
        Err(inconsistent)
    }
}

fn read_customers(adapter: &dyn Adapter, body: &[u8]) -> Result<Page<Vec<ListedCustomer>>, Unreadable> {
    adapter.customers().ok_or(Unreadable::Shape)?.read(body)
}
