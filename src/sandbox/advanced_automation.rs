//! Advanced Automation simulated: the list of a customer's persons, in pages.
//!
//! Acronis PSA guide, "Fetching customer clients": a POST whose parameters are in the query, with an empty body.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
    routing::post,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    Backend,
    answer::{self, Call},
    customers::Customer,
    roster::Roster,
    rows::{Person, Row},
    simulation::{Counters, Simulation},
    socket::Fuse,
    tokens,
};

const TOKEN: &str = "/api/2/idp/token";
const PERSON: &str = "/api/advanced-automation/v1/Person";

/// The query. That parameters are required, and others ignored, is an assumption.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters {
    page: usize,
    page_size: usize,
    customer: String,
}

/// A page of persons.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Page<'a> {
    clients: &'a [Row<Person>],
    paging: Paging,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Paging {
    amount_records_found: usize,
    amount_of_pages: usize,
}

/// The routes of the simulated backend.
pub(super) fn router(simulation: Arc<Simulation>) -> Router {
    Router::new().route(TOKEN, post(tokens::endpoint)).route(PERSON, post(persons)).with_state(simulation)
}

/// An error in one of the forms that the platform has: that of its Go services (go-appkit, `restapi/error.go`).
/// The guide shows none for this API, so the form and the codes are an assumption.
pub(super) fn refusal(status: StatusCode) -> Response {
    let code = match status {
        StatusCode::NOT_FOUND => "notFound",
        StatusCode::TOO_MANY_REQUESTS => "tooManyRequests",
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::FORBIDDEN => "forbidden",
        _ => "badRequest",
    };
    let message = status.canonical_reason().unwrap_or_default();
    let error = json!({"domain": "PSA", "code": code, "message": message});
    answer::json(status, &json!({"error": error}))
}

/// `POST /Person?Page=1&PageSize=50&Customer=...`
async fn persons(
    State(simulation): State<Arc<Simulation>>,
    ConnectInfo(fuse): ConnectInfo<Fuse>,
    target: Uri,
    headers: HeaderMap,
    query: Result<Query<Parameters>, QueryRejection>,
    body: Bytes,
) -> Response {
    let number = Counters::count(&simulation.counters.persons);
    let parameters = query.ok().map(|Query(parameters)| parameters);
    let call = Call {
        backend: Backend::AdvancedAutomation,
        customer: String::new(), // no refusal repeats it
        target: target.to_string(),
        fuse,
        closing: simulation.closing.clone(),
    };
    if let Some(answer) = simulation.disturb(&call).await {
        return answer;
    }
    if !simulation.tokens.accept(&headers) {
        return refusal(StatusCode::UNAUTHORIZED);
    }
    match parameters.filter(|parameters| body.is_empty() && parameters.are_valid()) {
        Some(parameters) => page(&simulation, &call, &parameters, number).await,
        None => refusal(StatusCode::BAD_REQUEST),
    }
}

async fn page(simulation: &Simulation, call: &Call, asked: &Parameters, number: u64) -> Response {
    let Some(customer) = Customer::find(&asked.customer) else {
        return refusal(StatusCode::NOT_FOUND); // an assumption: the guide does not say
    };
    if let Some(kind) = customer.fault(call.backend)
        && let Some(answer) = call.fail(kind).await
    {
        return answer;
    }
    let roster = simulation.roster(&customer);
    let drift = simulation.drift(call.backend, number);
    let page = Page { clients: slice(&roster.persons, asked.page, asked.page_size), paging: Paging::of(&roster, drift, asked.page_size) };
    answer::json(StatusCode::OK, &page)
}

/// The rows of a page that is counted from 1; none past the end, which is an assumption.
fn slice<T>(rows: &[T], page: usize, size: usize) -> &[T] {
    let begin = page.saturating_sub(1).saturating_mul(size);
    let end = begin.saturating_add(size).min(rows.len());
    rows.get(begin..end).unwrap_or_default()
}

// === impl Parameters ===

impl Parameters {
    /// That another id than a GUID gives 400 is an assumption, as is that page 0 does.
    fn are_valid(&self) -> bool {
        self.page > 0 && self.page_size > 0 && answer::is_guid(&self.customer)
    }
}

// === impl Paging ===

impl Paging {
    fn of(roster: &Roster, drift: usize, page_size: usize) -> Self {
        let rows = roster.found.max(roster.persons.len()) + drift;
        Self { amount_records_found: roster.found + drift, amount_of_pages: if roster.counts_pages { rows.div_ceil(page_size) } else { 0 } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted_from_one_and_empty_past_the_end() {
        let rows = [1, 2, 3, 4, 5];
        assert_eq!(slice(&rows, 1, 2), [1, 2]);
        assert_eq!(slice(&rows, 3, 2), [5]);
        assert_eq!(slice(&rows, 1, 5), rows);
        assert_eq!(slice(&rows, 1, usize::MAX), rows);
        for (page, size) in [(4, 2), (2, 5), (usize::MAX, 2), (usize::MAX, usize::MAX)] {
            assert_eq!(slice(&rows, page, size), [0; 0], "{page} {size}");
        }
    }

    #[test]
    fn pages_are_rounded_up() {
        let paging = |found, size| {
            let roster = Roster { found, ..Roster::of(Vec::new(), Vec::new()) };
            Paging::of(&roster, 0, size).amount_of_pages
        };
        let pages = [paging(0, 50), paging(1, 50), paging(50, 50), paging(51, 50)];
        assert_eq!(pages, [0, 1, 1, 2]);
    }
}
